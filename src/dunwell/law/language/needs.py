"""The characters without which a regular expression cannot match, read off the expression's text.

A match of ``(?:坐牢|蹲监狱)`` holds one of the two; a text that holds neither need not be tried. Only what every match must hold
is taken: what may be missing, what is looked at without being matched and most classes of characters say nothing. So a pattern
whose needs are not met surely does not match; one whose needs are met may or may not. Whatever this reader does not know (names
of characters, flags within a group) says nothing either.
"""

import re
from collections.abc import Iterator

_COUNT_MAX = 400
Needs = frozenset[str]

_REPEAT = re.compile(r"[*+?]|\{(\d*)(?:,\d*)?\}")
_PLAIN_GROUP = re.compile(r"\?:|\?P<\w+>")
_SMALL_CLASS = re.compile(r"\[((?:[^\[\]\\^-]|\\\W)+)\]")
_ANY_CLASS = re.compile(r"\[\^?\]?(?:[^\]\\]|\\.)*\]", re.DOTALL)
_ESCAPED = re.compile(r"\\(\W)", re.DOTALL)
_SILENT = re.compile(r"\\(?:[AbBdDsSwWZ]|[1-9]\d?)")
_CODE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4}))")


class _Unread(ValueError):
    """Something in an expression is nothing that this reader knows."""


def needs_of(pattern: re.Pattern[str]) -> Needs | None:
    r"""Texts one of which every match holds; None when the pattern does not tell.

    >>> sorted(needs_of(re.compile(r"\b(?:your )?(?:boss|employer)s? (?:will|may) know")))
    [' know']
    >>> needs_of(re.compile("[a-z]+"))
    """
    if pattern.flags & (re.IGNORECASE | re.VERBOSE):
        return None
    try:
        needs, end = _choice(pattern.pattern, 0)
    except _Unread:
        return None
    return needs if end == len(pattern.pattern) else None


def _choice(text: str, at: int) -> tuple[Needs | None, int]:
    """The needs of choices from ``at`` on, and where they end: at a closing bracket or the text's end."""
    found: list[Needs | None] = []
    while True:
        needs, at = _row(text, at)
        found.append(needs)
        if text[at : at + 1] != "|":
            break
        at += 1
    whole = [needs for needs in found if needs is not None]
    return (Needs().union(*whole) if len(whole) == len(found) else None), at


def _row(text: str, at: int) -> tuple[Needs | None, int]:
    """The needs of pieces that follow each other, those of the most telling, and where the row ends."""
    found: list[Needs] = []
    run = ""
    while at < len(text) and text[at] not in "|)":
        needs, letter, at = _piece(text, at)
        repeat = _REPEAT.match(text, at)
        if repeat is not None:
            at = repeat.end()
            at += text[at : at + 1] in ("?", "+")  # as few as can be, or all that there are
        if letter and repeat is None:
            run += letter
            continue
        if run:
            found.append(Needs((run,)))
            run = ""
        if needs and (repeat is None or _must_be(repeat)):
            found.append(needs)
    if run:
        found.append(Needs((run,)))
    return max((needs for needs in found if len(needs) <= _COUNT_MAX), key=_telling, default=None), at


def _piece(text: str, at: int) -> tuple[Needs | None, str, int]:
    """One piece: its needs, the letter when it is a single one, and where it ends."""
    letter = text[at]
    if letter == "(":
        return _group(text, at)
    if letter == "[":
        if small := _SMALL_CLASS.match(text, at):
            return Needs(_ESCAPED.sub(r"\1", small.group(1))), "", small.end()
        whole = _ANY_CLASS.match(text, at)
        if whole is None:
            raise _Unread(text[at:])
        return None, "", whole.end()
    if letter == "\\":
        if escaped := _ESCAPED.match(text, at):
            return Needs(escaped.group(1)), escaped.group(1), escaped.end()
        if code := _CODE.match(text, at):
            said = chr(int(code.group(1) or code.group(2), 16))
            return Needs(said), said, code.end()
        if silent := _SILENT.match(text, at):
            return None, "", silent.end()
        raise _Unread(text[at:])
    if letter in ".^$":
        return None, "", at + 1
    return Needs(letter), letter, at + 1


def _group(text: str, at: int) -> tuple[Needs | None, str, int]:
    """A group, which is matched, or is only looked at and then says nothing."""
    is_looked_at = text.startswith(("(?=", "(?!", "(?<=", "(?<!"), at)
    plain = _PLAIN_GROUP.match(text, at + 1)
    if text.startswith("(?", at) and plain is None and not is_looked_at:
        return None, "", _closing(text, at)
    needs, end = _choice(text, at + (1 if plain is None else plain.end() - at) + 2 * is_looked_at)
    if text[end : end + 1] != ")":
        raise _Unread(text[at:])
    return (None if is_looked_at else needs), "", end + 1


def _closing(text: str, at: int) -> int:
    """Where a group ends that is not read."""
    depth = 0
    for place, letter in _outside_classes(text, at):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return place + 1
    raise _Unread(text[at:])


def _outside_classes(text: str, at: int) -> Iterator[tuple[int, str]]:
    """The characters that are neither escaped nor in a class, with their places."""
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == "[" and (whole := _ANY_CLASS.match(text, at)):
            at = whole.end()
        else:
            yield at, text[at]
            at += 1


def _must_be(repeat: re.Match[str]) -> bool:
    """Whether what is repeated is there once at least."""
    least = repeat.group(1)
    return repeat.group() == "+" or (least is not None and least != "" and int(least) > 0)


def _telling(needs: Needs) -> tuple[int, int]:
    """Longer texts are rarer; of equals, fewer."""
    return min(4, *map(len, needs)), -len(needs)
