"""The words of the law room as small numbers: what packs, records and kernels call channels, parties, outcomes and states.

The words are those of the tape (``dunwell.book.tables``); a word's number is its place in its tuple, a set of
words is a bit mask of these numbers.
"""

from collections.abc import Iterable, Sequence

from dunwell.book import TABLES


def _choices(table: str, column: str) -> tuple[str, ...]:
    return TABLES[table].by_name[column].choices


CHANNELS = _choices("contacts", "channel")
DIRECTIONS = _choices("contacts", "direction")
PARTIES = _choices("contacts", "party")
OUTCOMES = _choices("contacts", "outcome")
POINT_KINDS = _choices("contact_points", "kind")
STATES = (*_choices("holds", "kind"), "deceased")
NOTICES = _choices("notices", "kind")
PREFERENCES = _choices("preferences", "kind")
PURPOSES = ("remind", "demand", "notice", "service", "locate")
ACTORS = ("first_party", "agency", "debt_buyer")
SOURCES = ("collector", "creditor", "prior_collector")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PLACES = ("unknown", "home", "work", "other", "mobile")
"""Where a contact point is. A mobile goes where its owner goes, whatever place stands beside it."""

EFFECTS = ("prohibited", "presumed_violation", "missing")

ALL = -1
"""The mask of every word."""


def code(words: Sequence[str], word: str) -> int:
    """A word's number. Raises ValueError naming the words there are."""
    if word not in words:
        raise ValueError(f"{word!r} is not known. One of: {', '.join(words)}")
    return words.index(word)


def mask(words: Sequence[str], chosen: Iterable[str]) -> int:
    """A set of words as a bit mask. Raises ValueError naming the words there are."""
    bits = 0
    for word in chosen:
        bits |= 1 << code(words, word)
    return bits
