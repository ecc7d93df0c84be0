"""The review: every outgoing text and every line said, held against what the law forbids to say.

What is judged whatever the pack (threats, abuse, false authority and so on) is the house's floor; the packs decide
which clause a finding cites, what a whole message must disclose, and whether a voicemail must be limited.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from dunwell.law.language.disclosures import missing_disclosures
from dunwell.law.language.frames import Frames, Sentence
from dunwell.law.language.known_sentences import says_nothing_unlawful
from dunwell.law.language.lexicon import Ground, Lexicon, Wording, grounds, language_of, lexicon
from dunwell.law.language.limited_content import is_limited_content
from dunwell.law.language.second_opinion import Cue, Doubt, opinion
from dunwell.law.language.spelling import has_han, is_disguised, plain, plain_text

CHANNELS = ("call", "sms", "email", "letter", "app", "visit", "voicemail")
LIMITED_CONTENT = "limited-content"
MENACE = "unlawful-act"
"""The ground of making something unlawful depend on payment."""
SECOND_OPINION = "house.second-opinion"
_LOOK = {"en": "have a person look at it before it is used", "zh": "使用前请人工复核"}
_MENACING = {"third_party_disclosure", "shame", "harassment"}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a text may not say, or must say and does not: the span is of the original text, in characters.

    ``rule`` is PACK.GROUND, or house.GROUND when no named pack has a clause; ``entry`` the lexicon's entry.
    """

    category: str
    start: int
    end: int
    quoted: str
    rule: str
    entry: str
    citation: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class Review:
    """The verdict on a text. ``is_limited_content`` is None for anything but a voicemail.

    ``doubts`` is what the model suspects and no rule found; None when no second opinion was asked for. ``set_aside`` is what
    a rule found and the second opinion holds to be said innocently: it refuses nothing.
    """

    allowed: bool
    categories: tuple[str, ...]
    findings: tuple[Finding, ...]
    is_limited_content: bool | None
    doubts: tuple[Doubt, ...] | None = None
    set_aside: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a text is reviewed for."""

    text: str
    language: str
    channel: str
    packs: tuple[str, ...]
    actor: str
    on: date

    def finding(self, ground: Ground, entry: str, start: int, end: int) -> Finding:
        rule, citation = ground.basis(self.packs, self.actor, self.on)
        return Finding(
            ground.category,
            start,
            end,
            self.text[start:end],
            rule,
            entry,
            citation,
            ground.suggestions[self.language],
        )

    def doubted(self, doubt: Doubt, model: str) -> Finding:
        """What the model suspects: over a whole piece of the text, without a clause, for a person to look at."""
        quoted = self.text[doubt.start : doubt.end]
        start = doubt.start + len(quoted) - len(quoted.lstrip())
        end = start + len(quoted.strip())
        entry = f"second-opinion.{doubt.category}"
        citation = f"the house's second opinion, model {model[:12]}, probability {doubt.probability:.2f}"
        suggestion = _LOOK[self.language]
        return Finding(
            doubt.category, start, end, self.text[start:end], SECOND_OPINION, entry, citation, suggestion
        )


def review(
    text: str,
    *,
    language: str,
    channel: str,
    packs: Sequence[str],
    actor: str = "agency",
    on: date,
    second_opinion: bool = True,
) -> Review:
    """Review one text as it would be read or heard (rendered, without slots) under some packs on a day.

    ``language`` is a BCP 47 tag (English or Chinese), ``channel`` one of call (one line), sms, email, letter, app,
    visit, voicemail, ``actor`` one of first_party, agency, debt_buyer. Raises LanguageUnknown for any other language
    and ValueError for another channel: a text that cannot be judged is not let out. With ``second_opinion`` a small
    model reads the text too: what it suspects refuses the text as well (rule house.second-opinion, over a sentence or
    several), and a rule's finding in a piece that it holds to be innocent is set aside, unless the wording is a strong one
    or disguised.

    >>> verdict = review(
    ...     "If you do not pay, we will tell your boss.", language="en", channel="call", packs=["us-reg-f"], on=date(2026, 3, 2)
    ... )
    >>> verdict.allowed, verdict.categories
    (False, ('third_party_disclosure', 'threat'))
    >>> verdict.findings[0].quoted, verdict.findings[0].rule
    ('we will tell your boss', 'us-reg-f.third-party')
    """
    known = language_of(language)
    if channel not in CHANNELS:
        raise ValueError(f"channel {channel!r} is not known. One of: {', '.join(CHANNELS)}")
    asked = _Asked(text, known, channel, tuple(packs), actor, on)
    said = list(_said(asked))
    held = None
    aside: list[Finding] = []
    if second_opinion:
        held = opinion(text, known, [Cue(one.category, one.start, one.end) for one, _ in said])
        aside = [one for one, is_strong in said if not is_strong and not held.upholds(one.start, one.end)]
    found = [one for one, _ in said if one not in aside]
    found += (
        asked.finding(ground, ground.id, 0, len(text))
        for ground in missing_disclosures(text, known, channel, asked.packs, actor, on)
    )
    is_limited = None
    if channel == "voicemail":
        is_limited = is_limited_content(text, known)
        ground = grounds()[LIMITED_CONTENT]
        if not is_limited and ground.basis(asked.packs, actor, on)[0] != f"house.{LIMITED_CONTENT}":
            found.append(asked.finding(ground, ground.id, 0, len(text)))
    suspected = None
    if held is not None:
        suspected = held.doubts(tuple(sorted({one.category for one in found})))
        found += (asked.doubted(doubt, held.model) for doubt in suspected)
    findings = tuple(sorted(found, key=lambda one: (one.start, one.end, one.category, one.rule)))
    categories = tuple(sorted({one.category for one in findings}))
    return Review(not findings, categories, findings, is_limited, suspected, tuple(aside))


def _said(asked: _Asked) -> Iterator[tuple[Finding, bool]]:
    """What is said that may not be, in the text's language and, where its letters stand in the text, the other; and whether
    that stands whatever the second opinion: a strong wording, or one in words that were disguised.
    """
    languages = ["zh", "en"] if has_han(asked.text) else ["en"]
    if asked.language not in languages:
        languages.append(asked.language)
    seen: dict[str, list[tuple[int, int]]] = {}
    for language in languages:
        for wording, ground, start, end in _hits(asked.text, lexicon(language), asked.on):
            spans = seen.setdefault(ground.category, [])
            if any(start < last and first < end for first, last in spans):
                continue
            spans.append((start, end))
            is_strong = wording.is_strong or is_disguised(asked.text[start:end], language)
            yield asked.finding(ground, wording.id, start, end), is_strong


def _hits(text: str, words: Lexicon, on: date) -> Iterator[tuple[Wording, Ground, int, int]]:
    """Wordings found that no frame makes innocent, a hit for each of their grounds, at spans of the original."""
    if says_nothing_unlawful(plain_text(text, words.language), words, on):
        return
    folded = plain(text, words.language)
    frames: Frames | None = None
    for wording, pattern in words.wordings.likely(folded.text):
        if not wording.holds_on(on) or not pattern.search(folded.text):
            continue
        frames = frames or Frames(folded.text, words)
        of_wording = [grounds()[ground] for ground in wording.grounds]
        is_disclosure = any(ground.category == "third_party_disclosure" for ground in of_wording)
        for sentence in frames.sentences:
            for match in pattern.finditer(sentence.text):
                start, end = match.span()
                if frames.is_innocent(sentence, start, end, wording.is_deniable, is_disclosure):
                    continue
                first, last = folded.span(sentence.start + start, sentence.start + end)
                for ground in (*of_wording, *_menace(of_wording, frames, sentence)):
                    yield wording, ground, first, last


def _menace(of_wording: Sequence[Ground], frames: Frames, sentence: Sentence) -> Iterator[Ground]:
    """Something unlawful made to depend on payment is a threat as well."""
    if any(ground.category in _MENACING for ground in of_wording) and frames.is_conditional(sentence):
        yield grounds()[MENACE]
