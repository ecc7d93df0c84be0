"""Sentences known to say nothing unlawful, so that a message of well-known sentences is judged in a fraction of the time.

A finding is always a match of some wording within one sentence of the plain text that no frame makes innocent. Whether the
sentence itself makes a match innocent is found out once; what stands around it (a quotation, the line of a transcript's
customer) can only make it innocent as well. So a text, in each of whose sentences every match is innocent by the sentence
alone, has no finding. Any other text is reviewed as a whole. Messages are approved sentences around a person's own few words:
most sentences were judged before.
"""

from datetime import date
from functools import lru_cache

from dunwell.law.language.frames import Frames
from dunwell.law.language.lexicon import Lexicon, grounds, lexicon

_KEPT_MAX = 50_000
_DISCLOSURE = "third_party_disclosure"


def says_nothing_unlawful(plain_text: str, words: Lexicon, on: date) -> bool:
    """Whether it is certain that no wording stands in a plain text but innocently. False does not say that one does."""
    return all(_is_innocent(one, words.language, on) for one in Frames.cut(plain_text, words.language))


@lru_cache(maxsize=_KEPT_MAX)
def _is_innocent(sentence: str, language: str, on: date) -> bool:
    """Whether no wording matches in this sentence, or every match is innocent by what the sentence itself says."""
    words = lexicon(language)
    frames: Frames | None = None
    for wording, pattern in words.wordings.likely(sentence):
        if not wording.holds_on(on) or not pattern.search(sentence):
            continue
        frames = frames or Frames(sentence, words)
        is_alike = len(frames.sentences) == 1 and frames.sentences[0].text == sentence
        if not is_alike or frames.looks_around:
            return False  # by itself it reads otherwise than within its text
        is_disclosure = any(grounds()[ground].category == _DISCLOSURE for ground in wording.grounds)
        for match in pattern.finditer(sentence):
            start, end = match.span()
            if not frames.is_innocent(frames.sentences[0], start, end, wording.is_deniable, is_disclosure):
                return False
    return True
