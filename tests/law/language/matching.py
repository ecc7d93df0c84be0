"""Texts made up from a regular expression, most of which it matches: what is only looked at is left out."""

import re
from collections.abc import Callable
from random import Random

_ESCAPES = {"w": "a", "W": " ", "s": " ", "S": "a", "d": "1", "D": "a"}
_REPEAT = re.compile(r"([*+?]|\{\d*(?:,\d*)?\})[?+]?")
_CLASS = re.compile(r"\[(\^?)((?:[^\]\\]|\\.)+)\]")
_CODE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))")
_GROUP = re.compile(r"\((?:\?(?:(:)|(=|!|<=|<!)|P<\w+>))?")
_OUTSIDE = "q7的 "
_NUMBER = re.compile(r"\d+")
Make = Callable[[], str]


class Maker:
    """Makes texts from one expression; whether each really matches is for the caller to see."""

    def __init__(self, expression: str, chance: Random) -> None:
        self._expression, self._chance = expression, chance
        self._groups: list[str] = []
        self._make, end = self._choice(0)
        assert end == len(expression), expression[end:]

    def text(self) -> str:
        """One text."""
        self._groups = []
        return self._make()

    def _choice(self, at: int) -> tuple[Make, int]:
        rows: list[Make] = []

        def make() -> str:
            return self._chance.choice(rows)()

        while True:
            row, at = self._row(at)
            rows.append(row)
            if self._expression[at : at + 1] != "|":
                return make, at
            at += 1

    def _row(self, at: int) -> tuple[Make, int]:
        pieces: list[Make] = []
        while at < len(self._expression) and self._expression[at] not in "|)":
            piece, at = self._piece(at)
            if repeat := _REPEAT.match(self._expression, at):
                at = repeat.end()
                piece = self._repeated(piece, repeat.group(1))
            pieces.append(piece)
        return (lambda: "".join(piece() for piece in pieces)), at

    def _repeated(self, piece: Make, repeat: str) -> Make:
        if repeat in "*+?":
            least, most = {"*": (0, 2), "+": (1, 2), "?": (0, 1)}[repeat]
        else:
            low, comma, high = repeat[1:-1].partition(",")
            least = int(low or 0)
            most = max(least, int(high or least)) if comma else least
        return lambda: "".join(piece() for _ in range(self._chance.randint(least, most)))

    def _piece(self, at: int) -> tuple[Make, int]:
        letter = self._expression[at]
        if group := _GROUP.match(self._expression, at):
            inner, end = self._choice(group.end())
            if group.group(2):
                return _same(""), end + 1
            return (inner if group.group(1) else self._kept(inner)), end + 1
        if some := _CLASS.match(self._expression, at):
            return self._one_of(some), some.end()
        if code := _CODE.match(self._expression, at):
            return _same(chr(int(code.group(1) or code.group(2), 16))), code.end()
        if letter == "\\":
            if number := _NUMBER.match(self._expression, at + 1):
                return (lambda: self._groups[int(number.group()) - 1]), number.end()
            escaped = self._expression[at + 1]
            return _same(_ESCAPES.get(escaped, "" if escaped in "bBAZ" else escaped)), at + 2
        return _same({".": "x", "^": "", "$": ""}.get(letter, letter)), at + 1

    def _kept(self, inner: Make) -> Make:
        def make() -> str:
            self._groups.append(inner())
            return self._groups[-1]

        return make

    def _one_of(self, some: re.Match[str]) -> Make:
        matching = sorted(one for one in {*_OUTSIDE, *some.group(2)} if re.fullmatch(some.group(), one))
        return (lambda: self._chance.choice(matching)) if matching else _same("")


def _same(text: str) -> Make:
    return lambda: text
