"""The characters without which a regular expression cannot match, read off the expression as ``re`` itself parses it.

A match of ``(?:坐牢|蹲监狱)`` holds one of the two; a text that holds neither need not be tried. Only what every match must hold
is taken: what may be missing, what is looked at without being matched and classes of characters say nothing. So a pattern whose
needs are not met surely does not match; one whose needs are met may or may not.
"""

import re
from collections.abc import Iterable
from re import _constants as codes
from re import _parser as parser
from typing import Any

_COUNT_MAX = 400
Needs = frozenset[str]


def needs_of(pattern: re.Pattern[str]) -> Needs | None:
    r"""Texts one of which every match holds; None when the pattern does not tell.

    >>> sorted(needs_of(re.compile(r"\b(?:your )?(?:boss|employer)s? (?:will|may) know")))
    [' know']
    >>> needs_of(re.compile("[a-z]+"))
    """
    if pattern.flags & re.IGNORECASE:
        return None
    return _needs(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))


def _needs(pieces: Iterable[tuple[Any, Any]]) -> Needs | None:
    """The needs of pieces that follow each other: those of the most telling."""
    found: list[Needs] = []
    run = ""
    for code, told in pieces:
        if code is codes.LITERAL:
            run += chr(told)
            continue
        if run:
            found.append(frozenset((run,)))
            run = ""
        needs = _needs_of_piece(code, told)
        if needs:
            found.append(needs)
    if run:
        found.append(frozenset((run,)))
    return max((needs for needs in found if len(needs) <= _COUNT_MAX), key=_telling, default=None)


def _needs_of_piece(code: Any, told: Any) -> Needs | None:
    if code is codes.IN and all(kind is codes.LITERAL for kind, _ in told):
        return frozenset(chr(letter) for _, letter in told)
    if code is codes.SUBPATTERN:
        _, added_flags, removed_flags, inner = told
        return None if added_flags or removed_flags else _needs(inner)
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        least, _, inner = told
        return _needs(inner) if least else None
    if code is codes.BRANCH:
        choices = [_needs(choice) for choice in told[1]]
        whole = [needs for needs in choices if needs is not None]
        return frozenset().union(*whole) if len(whole) == len(choices) else None
    return None


def _telling(needs: Needs) -> tuple[int, int]:
    """Longer texts are rarer; of equals, fewer."""
    return min(4, *map(len, needs)), -len(needs)
