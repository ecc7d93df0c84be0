"""The words without which a pattern cannot match, read off the pattern: most patterns need not be tried on most texts.

A cue is whole words and beginnings of words, one of which must stand in the text. It is taken from the pattern's most
telling word, the one whose choices hold no everyday word. A pattern without such a word has no cue and is always tried.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

_LITERAL = re.compile(r"[a-z0-9]+")
_EVERYDAY = re.compile(
    "a|all|am|an|and|are|as|at|be|by|can|do|for|from|get|go|have|he|her|him|his|i|in|is|it|me|my|no|not|of|on|or|our|out|pay|"
    "she|so|that|the|their|them|then|they|this|to|up|us|was|we|were|what|when|who|will|with|would|you|your"
)
_WORDS = re.compile(r"[a-z0-9]+")
T = TypeVar("T")
_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Cue:
    """Whole words, and beginnings of words."""

    words: frozenset[str]
    beginnings: frozenset[str]


class Cued(Generic[T]):
    """Things with cues (None: no cue), looked up by the words of a text."""

    def __init__(self, things: Iterable[tuple[T, Cue | None]]) -> None:
        self._things: list[T] = []
        self._always: set[int] = set()
        self._by_word: dict[str, set[int]] = {}
        self._by_beginning: dict[str, set[int]] = {}
        for number, (thing, cue) in enumerate(things):
            self._things.append(thing)
            if cue is None:
                self._always.add(number)
                continue
            for word in cue.words:
                self._by_word.setdefault(word, set()).add(number)
            for beginning in cue.beginnings:
                self._by_beginning.setdefault(beginning, set()).add(number)

    def likely(self, text: str) -> list[T]:
        """Those whose cue stands in a plain text or that have none, in their order."""
        found = set(self._always)
        for word in set(_WORDS.findall(text)):
            found |= self._by_word.get(word, _NONE)
            for end in range(1, len(word) + 1):
                found |= self._by_beginning.get(word[:end], _NONE)
        return [self._things[number] for number in sorted(found)]


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
