"""The kinds of rule: what a pack may say of each, and how it becomes the row of numbers that the gate's pass reads.

A kind is implemented once, in the pass; a pack chooses a kind and its figures. So a country is a text file.
What every rule may say stands in ``COMMON``; what a kind adds stands in ``KINDS``; a kind in ``DUTIES`` is read
by people and other rooms (retention, charges, what a text must hold) and never refuses a contact by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from typing import Any

from dunwell.law import codes

# Columns of a rule's row. What a kind adds starts at FIRST_OF_KIND.
(
    KIND,
    FROM_DAY,
    UNTIL_DAY,
    ACTOR_MASK,
    CHANNEL_MASK,
    PARTY_MASK,
    PURPOSE_MASK,
    ANSWER_LIFTS,
    AGREEMENT_SOURCES,
) = range(9)
FIRST_OF_KIND = 9
COLUMN_COUNT = 20

HOURS, PREFERENCES, FREQUENCY, STATE, PARTY, NOT_THEIRS, ADDRESS, NOTICE, VISITORS, OWES = range(10)

OPENS, CLOSES, WEEKDAY_MASK, CALENDAR, DAYS_MODE, PAST_DUE_ABOVE = range(9, 15)
ANY_DAY, WORKDAYS, NO_HOLIDAYS = range(3)

PREFERENCE_MASK = 9

AT_MOST, WINDOW_DAYS, COUNTED_CHANNELS, COUNTED_DIRECTIONS, COUNTED_OUTCOMES, PER_DEBT = range(9, 15)
SAME_POINT, PLACE_MASK, CONSENT_DAYS, CONSENT_ENDS, SKIPS_NOT_THEIRS = range(15, 20)

STATE_MASK, STATE_PER_DEBT = 9, 10

LOCATE, LOCATE_STATES, REFUSAL_ENDS = 9, 10, 11
NEVER_LOCATE, ALWAYS_LOCATE, LOCATE_IN_STATE = range(3)

ADDRESS_PLACES, INBOUND_LIFTS = 9, 10

NOTICE_MASK, OWED_DAYS = 9, 10
AT_LEAST = 9

FOREVER = 2**30
"""A window, a consent's length or a last day without an end, in days."""

Parser = Callable[[Any], int]

_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Key:
    """A key that a rule may hold: the row's column, how its value becomes a number, and what holds when it is missing.

    ``default`` None: the key is required. ``wanted`` says to people what a value looks like.
    """

    column: int
    parse: Parser
    default: int | None
    wanted: str


def clock(value: Any) -> int:
    """A wall clock time like "08:00" as microseconds after midnight; "24:00" is the day's end."""
    if value == "24:00":
        return _DAY_US
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a time of day")
    at = time.fromisoformat(value)
    return ((at.hour * 60 + at.minute) * 60 + at.second) * 1_000_000


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def _flag(value: Any) -> int:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r} is neither true nor false")
    return int(value)


def _set(words: Sequence[str]) -> Parser:
    def parse(value: Any) -> int:
        if not isinstance(value, list):
            raise ValueError(f"{value!r} is not a list")
        return codes.mask(words, value)

    return parse


def _one(words: Sequence[str]) -> Parser:
    return lambda value: codes.code(words, value)


def _words(words: Sequence[str]) -> str:
    return f"a list of: {', '.join(words)}"


def _mask_key(column: int, words: Sequence[str], default: int | None) -> Key:
    return Key(column, _set(words), default, _words(words))


def _count_key(column: int, default: int | None) -> Key:
    return Key(column, _count, default, "a whole number, 0 or more")


def _flag_key(column: int, *, default: bool = False) -> Key:
    return Key(column, _flag, int(default), "true or false")


COMMON: Mapping[str, Key] = {
    "actors": _mask_key(ACTOR_MASK, codes.ACTORS, codes.ALL),
    "channels": _mask_key(CHANNEL_MASK, codes.CHANNELS, codes.ALL),
    "parties": _mask_key(PARTY_MASK, codes.PARTIES, codes.ALL),
    "purposes": _mask_key(PURPOSE_MASK, codes.PURPOSES, codes.ALL),
    "answer_once": _flag_key(ANSWER_LIFTS),
    "agreement_with": _mask_key(AGREEMENT_SOURCES, codes.SOURCES, 0),
}
"""Whom a rule binds, and what lifts it: one answer to the person's own contact, an agreement given to one of these."""

_CLOCK = 'a time of day like "08:00"'
_DAYS_MODES = ("any", "workdays", "no_holidays")

_REACHED = ("conversation", "delivered", "opened", "replied")
"""The outcomes with which a contact out has told the person something."""


def _counting(at_most: int | None) -> Mapping[str, Key]:
    return {
        "at_most": _count_key(AT_MOST, at_most),
        "within_days": _count_key(WINDOW_DAYS, FOREVER),
        "counted_channels": _mask_key(COUNTED_CHANNELS, codes.CHANNELS, codes.ALL),
        "counted_directions": _mask_key(COUNTED_DIRECTIONS, codes.DIRECTIONS, 1),
        "counted_outcomes": _mask_key(COUNTED_OUTCOMES, codes.OUTCOMES, codes.ALL),
        "per_debt": _flag_key(PER_DEBT),
        "per_contact_point": _flag_key(SAME_POINT),
        "places": _mask_key(PLACE_MASK, codes.PLACES, codes.ALL),
        "agreement_days": _count_key(CONSENT_DAYS, FOREVER),
        "agreement_ends_at_conversation": _flag_key(CONSENT_ENDS),
        "leaves_out_wrong_numbers": _flag_key(SKIPS_NOT_THEIRS),
    }


KINDS: Mapping[str, tuple[int, Mapping[str, Key]]] = {
    "hours": (
        HOURS,
        {
            "opens": Key(OPENS, clock, None, _CLOCK),
            "closes": Key(CLOSES, clock, None, _CLOCK),
            "weekdays": _mask_key(WEEKDAY_MASK, codes.WEEKDAYS, codes.ALL),
            "days": Key(DAYS_MODE, _one(_DAYS_MODES), 0, f"one of: {', '.join(_DAYS_MODES)}"),
            "past_due_days_above": _count_key(PAST_DUE_ABOVE, -1),
        },
    ),
    "preferences": (PREFERENCES, {"preferences": _mask_key(PREFERENCE_MASK, codes.PREFERENCES, None)}),
    "frequency": (FREQUENCY, _counting(None)),  # the contact that would be one more than at_most is refused
    "cooling_off": (FREQUENCY, _counting(1)),  # one such contact closes the window
    "state": (
        STATE,
        {
            "states": _mask_key(STATE_MASK, codes.STATES, None),
            "per_debt": _flag_key(STATE_PER_DEBT, default=True),
        },
    ),
    "parties": (
        PARTY,
        {
            "locate": Key(
                LOCATE,
                _one(("never", "always", "in_states")),
                NEVER_LOCATE,
                "one of: never, always, in_states",
            ),
            "locate_in_states": _mask_key(LOCATE_STATES, codes.STATES, 0),
            "refusal_ends": _flag_key(REFUSAL_ENDS),
        },
    ),
    "wrong_number": (NOT_THEIRS, {}),
    "address": (
        ADDRESS,
        {
            "places": _mask_key(ADDRESS_PLACES, codes.PLACES, None),
            "own_use_lifts": _flag_key(INBOUND_LIFTS),
        },
    ),
    "notice": (NOTICE, {"notices": _mask_key(NOTICE_MASK, codes.NOTICES, None)}),
    "visitors": (VISITORS, {"at_least": _count_key(AT_LEAST, None)}),
    "owes": (
        OWES,
        {
            "notices": _mask_key(NOTICE_MASK, codes.NOTICES, None),
            "due_days": _count_key(OWED_DAYS, None),
            "counted_outcomes": _mask_key(
                COUNTED_OUTCOMES, codes.OUTCOMES, codes.mask(codes.OUTCOMES, _REACHED)
            ),
        },
    ),
}
"""Each kind's number and the keys it adds."""

DUTIES: Mapping[str, tuple[str, ...]] = {
    "text": ("channels", "must_hold", "must_not_hold", "examples"),
    "retention": ("what", "keep_years", "keep_from", "at_most"),
    "charges": ("at_most", "figures"),
    "duty": ("channels", "due", "applies_to"),
    "confirmation": ("channels", "within_minutes", "must_hold", "must_not_hold"),
}
"""Kinds that state a duty and refuse no contact by themselves, and the keys each may hold."""


def row_of(kind: str, values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[int]:
    """A rule's row from its values as read. Raises ValueError("KEY: what is wrong. The mend").

    ``defaults``: what the pack says for all of its rules.
    """
    number, keys = KINDS[kind]
    row = [0] * COLUMN_COUNT
    row[KIND] = number
    for name, key in {**COMMON, **keys}.items():
        value = values.get(name, defaults.get(name))
        if value is None:
            if key.default is None:
                raise ValueError(f"{name}: is missing. Write {key.wanted}")
            row[key.column] = key.default
            continue
        try:
            row[key.column] = key.parse(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}. Write {key.wanted}") from error
    return row
