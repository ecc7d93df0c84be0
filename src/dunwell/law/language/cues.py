"""The words without which a pattern cannot match, read off the pattern: most patterns need not be tried on most texts.

A cue is whole words and beginnings of words, one of which must stand in the text. It is taken from the pattern's most
telling word, the one whose choices hold no everyday word. A pattern without such a word has no cue and is tried unless its
``needs`` tell that it cannot match.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from dunwell.law.language.needs import needs_of

_LITERAL = re.compile(r"[a-z0-9]+")
_EVERYDAY = re.compile(
    "a|all|am|an|and|are|as|at|be|by|can|do|for|from|get|go|have|he|her|him|his|i|in|is|it|me|my|no|not|of|on|or|our|out|pay|"
    "she|so|that|the|their|them|then|they|this|to|up|us|was|we|were|what|when|who|will|with|would|you|your"
)
_WORDS = re.compile(r"[a-z0-9]+")
_TEXTS_FEW = 1000
"""For so few texts, reading the needs off the patterns takes longer than trying them."""
_NEED_LENGTH = 3
T = TypeVar("T")
_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Cue:
    """Whole words, and beginnings of words."""

    words: frozenset[str]
    beginnings: frozenset[str]


@dataclass(frozen=True, slots=True)
class Form:
    """A pattern and its cue (None: no cue). ``choices``: expressions one of which matches wherever the pattern does."""

    pattern: re.Pattern[str]
    cue: Cue | None = None
    choices: tuple[str, ...] = ()


class Cued(Generic[T]):
    """Things with a form each, looked up by the words of a text."""

    def __init__(self, things: Iterable[tuple[T, Form]]) -> None:
        self._things: list[T] = []
        self._forms: list[Form] = []
        self._always: set[int] = set()
        self._by_word: dict[str, set[int]] = {}
        self._by_beginning: dict[str, set[int]] = {}
        self._needed: _Needed | None = None
        self._text_count = 0
        for number, (thing, form) in enumerate(things):
            self._things.append(thing)
            self._forms.append(form)
            if form.cue is None:
                self._always.add(number)
                continue
            for word in form.cue.words:
                self._by_word.setdefault(word, set()).add(number)
            for beginning in form.cue.beginnings:
                self._by_beginning.setdefault(beginning, set()).add(number)

    def likely(self, text: str) -> list[T]:
        """Those whose pattern may match a plain text, in their order; none that does is missing."""
        found = set(self._always)
        for word in set(_WORDS.findall(text)):
            found |= self._by_word.get(word, _NONE)
            for end in range(1, len(word) + 1):
                found |= self._by_beginning.get(word[:end], _NONE)
        self._text_count += 1
        if self._text_count > _TEXTS_FEW:
            self._needed = self._needed or _Needed(self._forms)
            found = self._needed.of(found, text)
        return [self._things[number] for number in sorted(found)]


class _Needed:
    """Forms by the first characters of what their matches must hold."""

    def __init__(self, forms: Sequence[Form]) -> None:
        self._is_choice = [bool(form.choices) for form in forms]
        self._parts: list[tuple[int, re.Pattern[str]]] = []
        self._by_need: dict[str, set[int]] = {}
        for number, form in enumerate(forms):
            for expression in map(re.compile, form.choices) if form.choices else (form.pattern,):
                for need in needs_of(expression) or ("",):  # "": it does not tell
                    self._by_need.setdefault(need[:_NEED_LENGTH], set()).add(len(self._parts))
                self._parts.append((number, expression))

    def of(self, numbers: set[int], text: str) -> set[int]:
        """Those of some forms that may match a text."""
        pieces = {text[at : at + length] for length in range(1, _NEED_LENGTH + 1) for at in range(len(text))}
        pieces.add("")
        found: set[int] = set()
        for part in set().union(*(self._by_need[piece] for piece in self._by_need.keys() & pieces)):
            number, expression = self._parts[part]
            if number not in numbers or number in found:
                continue
            if not self._is_choice[number] or expression.search(text):
                found.add(number)
        return found


def cue_of(expressions: Sequence[str]) -> Cue | None:
    """The cue of a row of expressions all of which must match; None when none of them is telling."""
    best: tuple[int, Cue] | None = None
    for expression in expressions:
        firsts = _firsts(expression)
        if firsts is None or any(_EVERYDAY.fullmatch(word) or len(word) < 2 for word, _ in firsts):
            continue
        cue = Cue(
            frozenset(word for word, is_whole in firsts if is_whole),
            frozenset(word for word, is_whole in firsts if not is_whole),
        )
        cost = len(cue.words) + 20 * len(cue.beginnings)
        if best is None or cost < best[0]:
            best = cost, cue
    return best[1] if best else None


def _firsts(expression: str) -> set[tuple[str, bool]] | None:
    """What an expression's matches may begin with, and whether that is a whole word; None when anything may."""
    found: set[tuple[str, bool]] = set()
    for choice in _choices(expression):
        firsts = _firsts_of_choice(choice)
        if firsts is None:
            return None
        found |= firsts
    return found


def _firsts_of_choice(choice: str) -> set[tuple[str, bool]] | None:
    if literal := _LITERAL.match(choice):
        word, rest = literal.group(), choice[literal.end() :]
        if rest[:1] in ("?", "*", "{"):
            return {(word[:-1], False)} if len(word) > 1 else None
        return {(word, not rest or rest.startswith(r"\W+"))}
    if not choice.startswith("(?"):
        return None
    end = _closing(choice)
    group, rest = choice[:end], choice[end:]
    if group.startswith(("(?!", "(?<", "(?=")):
        return _firsts(rest)
    inner = _firsts(group.removeprefix("(?:")[:-1])
    if inner is None:
        return None
    if rest[:1] in ("?", "*", "{"):
        after = _firsts_of_choice(re.sub(r"^(?:[?*]|\{[^}]*\})", "", rest))
        return None if after is None else inner | after
    is_end = not rest or rest.startswith(r"\W+")
    return {(word, is_whole and is_end) for word, is_whole in inner}


def _choices(expression: str) -> Iterator[str]:
    """The choices of an expression, parted by bars that stand in no group and no class."""
    depth, begin = 0, 0
    for at, letter in enumerate(expression):
        if at and expression[at - 1] == "\\":
            continue
        depth += (letter in "([") - (letter in ")]")
        if letter == "|" and depth == 0:
            yield expression[begin:at]
            begin = at + 1
    yield expression[begin:]


def _closing(expression: str) -> int:
    """Where the group that an expression begins with ends."""
    depth = 0
    for at, letter in enumerate(expression):
        if at and expression[at - 1] == "\\":
            continue
        depth += (letter in "([") - (letter in ")]")
        if depth == 0:
            return at + 1
    return len(expression)
