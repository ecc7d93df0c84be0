"""Which words are a promise: those that commit to a payment, without a "not", an "if", a "maybe" or a question mark.

What is promised comes as parts, each with its sum and its day as far as they were said. Nothing is filled in by guess:
a sum or a day that is missing or in doubt stays so, and is asked for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dunwell.law.language.folding import Folded
from dunwell.outreach.answers.amounts import Amount
from dunwell.outreach.answers.days import Day
from dunwell.outreach.answers.lexicon import Language

_CLAUSE = {
    "en": re.compile(r"[.!?;\n]+(?=\s|$)|\n|\s+(?:but|however|though|although)\s+|,\s*(?:but|however)\s+"),
    "zh": re.compile(r"[。!?;\n]+|[,、~](?!\d)| {1,}(?=\D)"),
}
_EARLIER = ("denied", "hedged", "past", "reported", "recurring")


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a message that says one thing, in plain text, with its span there."""

    text: str
    start: int
    end: int
    is_question: bool


def clauses(view: Folded, language: Language) -> list[Clause]:
    """A plain text cut where one statement ends and another begins."""
    found, at = [], 0
    text = view.text
    for mark in _CLAUSE[language].finditer(text):
        if text[at : mark.start()].strip():
            found.append(Clause(text[at : mark.start()], at, mark.start(), "?" in mark.group()))
        at = mark.end()
    if text[at:].strip():
        found.append(Clause(text[at:], at, len(text), text.rstrip().endswith("?")))
    return found


@dataclass(frozen=True, slots=True)
class Promised:
    """The clauses that promise, and those that only tell a day or a sum the promise leans on."""

    clauses: tuple[Clause, ...]
    told: tuple[Clause, ...]
    is_backward: bool


def promised(
    pieces: Sequence[Clause],
    expressions: Mapping[str, re.Pattern[str]],
    language: Language,
    amounts: Sequence[Amount],
    days: Sequence[Day],
    is_paid: Sequence[bool],
) -> Promised | None:
    """What is promised in a message's clauses; None when nothing is. Spans of sums and days are the plain text's.

    ``is_paid`` says of each clause that it tells of a payment made.
    """
    kept, told = [], []
    is_any_asked = any(_is_asked(pieces, number, expressions, language) for number in range(len(pieces)))
    for number, piece in enumerate(pieces):
        sums = [one for one in amounts if piece.start <= one.start < piece.end]
        when = [one for one in days if piece.start <= one.start < piece.end]
        is_blocked = is_paid[number] or _is_blocked(pieces, number, expressions, language)
        has_commitment = _commits(piece, bool(sums or when), is_any_asked, expressions)
        if not is_blocked and (has_commitment or _is_elliptic(piece, sums, when, expressions)):
            kept.append(piece)
        elif not is_blocked and (sums or when):
            told.append(piece)
    if not kept:
        return None
    is_backward = any(expressions["backward"].search(piece.text) for piece in kept)
    return Promised(tuple(kept), tuple(told), is_backward)


def _commits(
    piece: Clause, has_detail: bool, is_any_asked: bool, expressions: Mapping[str, re.Pattern[str]]
) -> bool:
    """Words that commit by themselves, or words about paying with a sum or a day beside them.

    Without either, and where the message asks something, words about paying are part of the question.
    """
    if has_detail and expressions["commits_with"].search(piece.text):
        return True
    return not (is_any_asked and not has_detail) and expressions["commits"].search(piece.text) is not None


def _is_blocked(
    pieces: Sequence[Clause], number: int, expressions: Mapping[str, re.Pattern[str]], language: Language
) -> bool:
    piece = pieces[number]
    if any(expressions[name].search(piece.text) for name in _EARLIER):
        return True
    if _is_asked(pieces, number, expressions, language):
        return True
    # In Chinese the condition stands in the clause before ("要是老板发工资，我周五就还").
    before = pieces[max(0, number - 1) : number + 1] if language == "zh" else [piece]
    return any(expressions["conditional"].search(one.text) for one in before)


def _is_asked(
    pieces: Sequence[Clause], number: int, expressions: Mapping[str, re.Pattern[str]], language: Language
) -> bool:
    piece = pieces[number]
    if piece.is_question or expressions["asked"].search(piece.text.strip()):
        return True
    following = pieces[number + 1 : number + 2]
    return language == "zh" and any(expressions["asked_after"].search(one.text.strip()) for one in following)


def _is_elliptic(
    piece: Clause, amounts: Sequence[Amount], days: Sequence[Day], expressions: Mapping[str, re.Pattern[str]]
) -> bool:
    """Whether a clause is a sum and a day, or a day alone, and next to nothing else ("100 this Friday")."""
    if not days:
        return False
    said = [(one.start, one.end) for one in amounts] + [(one.start, one.end) for one in days]
    spans = sorted((start - piece.start, end - piece.start) for start, end in said)
    rest, at = "", 0
    for start, end in spans:
        rest += piece.text[at:start] + " "
        at = max(at, end)
    rest += piece.text[at:]
    left = re.findall(r"\w", expressions["filler"].sub(" ", rest))
    return not left
