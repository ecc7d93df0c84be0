"""Every rule held against a message, sentence by sentence, and the words that are the whole of it."""

import re
from collections.abc import Iterator

from dunwell.law.language.folding import Folded
from dunwell.outreach.answers.lexicon import Lexicon, Rule
from dunwell.outreach.answers.meaning import Finding

_SENTENCE_END = re.compile(r"[.!?;。\n]+(?=\s|$)|[!?;。\n]+")
_WORDS = re.compile(r"\w+", re.ASCII)
_CHARACTERS = re.compile(r"[^\W_]+")
_SENTENCE_KEYWORD_LETTERS_MIN = 2
SENTENCES_MAX = 200


def findings(text: str, view: Folded, lexicon: Lexicon) -> Iterator[tuple[Finding, Rule]]:
    """What the rules of one language find in a message; ``text`` is the message as it came, for the evidence."""
    pieces = sentences(view.text)
    # The whole message first: a keyword is one whatever marks stand around it.
    for start, end in [(0, len(view.text)), *(pieces if len(pieces) > 1 else ())]:
        is_message = end - start == len(view.text)
        word = bare(view.text[start:end], lexicon)
        for rule in lexicon.rules:
            if word in rule.whole and (is_message or _stands_in_a_sentence(rule, word)):
                yield _finding(text, view, rule, start, end), rule
    for start, end in pieces:
        sentence = view.text[start:end]
        for rule in lexicon.rules:
            found = rule.match(sentence, lexicon.language)
            if found is not None:
                yield _finding(text, view, rule, start + found.start(), start + found.end()), rule


def sentences(text: str) -> list[tuple[int, int]]:
    """The spans of a text's sentences, their end marks included; a text of more than SENTENCES_MAX ends as one."""
    found: list[tuple[int, int]] = []
    at = 0
    for mark in _SENTENCE_END.finditer(text):
        if len(found) >= SENTENCES_MAX - 1:
            break
        if text[at : mark.start()].strip():
            found.append((at, mark.end()))
        at = mark.end()
    if text[at:].strip():
        found.append((at, len(text)))
    return found


def _stands_in_a_sentence(rule: Rule, word: str) -> bool:
    return rule.intent in ("stop", "wants_person") and len(word) >= _SENTENCE_KEYWORD_LETTERS_MIN


def bare(sentence: str, lexicon: Lexicon) -> str:
    """A sentence's words without marks, emoji and, around them, courtesies; its first word when it is all courtesy."""
    if lexicon.language == "zh":
        return _bare_chinese(sentence, lexicon)
    words = _WORDS.findall(sentence.replace("'", ""))
    first, last = 0, len(words)
    while first < last and words[first] in lexicon.courtesies:
        first += 1
    while last > first and words[last - 1] in lexicon.courtesies:
        last -= 1
    return " ".join(words[first:last] or words[:1])


def _bare_chinese(sentence: str, lexicon: Lexicon) -> str:
    whole = "".join(_CHARACTERS.findall(sentence))
    word = whole
    is_shorter = True
    while is_shorter:
        is_shorter = False
        for courtesy in lexicon.courtesies:
            for shorter in (word.removeprefix(courtesy), word.removesuffix(courtesy)):
                if shorter and len(shorter) < len(word):
                    word, is_shorter = shorter, True
    return word or whole


def _finding(text: str, view: Folded, rule: Rule, start: int, end: int) -> Finding:
    first, last = view.span(start, end) if end > start else (0, len(text))
    return Finding(rule.intent, rule.confidence, first, last, text[first:last], rule.why, rule.id)
