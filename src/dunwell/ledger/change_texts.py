"""What a changed contract does to a class, as text: the ``[[modification]]`` entries of the files in ``classes/``.

A scheme of its own observation says ``observed_as`` and for how long; one that follows forbearance says which class its states
come to; the text of forbearance itself (column ``forbearance``) has the periods of cure and probation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from dunwell.book import TABLES
from dunwell.policy import Entry, PolicyError, PolicyText, in_force

KINDS = TABLES["modifications"].by_name["kind"].choices
"""What was done to a contract."""
CLASSES = TABLES["modifications"].by_name["class_before"].choices
"""The words that a lender's books may have for the class before."""
PERFORMING, NON_PERFORMING = "performing_forborne", "non_performing_forborne"
FORBEARANCE = "forbearance"
_PPB = 10**9


@dataclass(frozen=True, slots=True)
class Watch:
    """An observation: changes of these kinds keep at least the class of rank ``least`` (``again``: those made while it runs),
    for the longer of ``months`` and ``periods`` from the first payment. ``before``: the rank of what the lender's books said
    before.
    """

    entry: Entry
    kinds: frozenset[str]
    least: int
    again: int
    months: int
    periods: int
    before: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Follow:
    """The ranks that an account keeps at least while it is forborne, performing and not."""

    entry: Entry
    performing: int
    non_performing: int


@dataclass(frozen=True, slots=True)
class ForbearanceRule:
    """Cure and probation of forborne accounts. ``before``: words of the lender's books for non-performing; ``value_lost_ppb``:
    more of the debt's value lost (parts per billion) is default.
    """

    text: PolicyText
    kinds: frozenset[str]
    before: frozenset[str]
    cure_months: int
    probation_months: int
    relapse_days: int
    value_lost_ppb: int


def watch_of(text: PolicyText, names: Sequence[str], day: date) -> Watch | None:
    """The observation that a scheme's text asks for on a day, None where it asks for none. Raises PolicyError."""
    entry = _entry(text, day)
    if entry is None or "observed_as" not in entry.values:
        return None
    before = entry.values.get("before", {})
    if not isinstance(before, Mapping) or not set(before) <= set(CLASSES):
        raise PolicyError(
            text.file,
            f"{entry.key}.before",
            "names a class that no tape tells",
            f"Of: {', '.join(CLASSES)}",
        )
    return Watch(
        entry,
        _kinds(text, entry),
        _rank(text, entry, "observed_as", names),
        _rank(text, entry, "again_as", names),
        whole(text, entry, "observation_months"),
        whole(text, entry, "observation_periods"),
        {word: _named(text, entry, "before", name, names) for word, name in before.items()},
    )


def follow_of(text: PolicyText, names: Sequence[str], day: date) -> Follow | None:
    """The classes that forborne accounts keep at least, None where the text does not say. Raises PolicyError."""
    entry = _entry(text, day)
    if entry is None or PERFORMING not in entry.values:
        return None
    return Follow(entry, _rank(text, entry, PERFORMING, names), _rank(text, entry, NON_PERFORMING, names))


def forbearance_rule_on(texts: Sequence[PolicyText], day: date) -> ForbearanceRule | None:
    """The rule of forbearance in force on a day, None where none is held. Raises PolicyError."""
    held = [text for text in in_force(texts, day) if text.values.get("column") == FORBEARANCE]
    if not held:
        return None
    text, *others = held
    entry = _entry(text, day)
    if others or entry is None:
        raise PolicyError(
            held[-1].file, "modification", "is not there once in one text", "Write one [[modification]]"
        )
    before = entry.values.get("before", [])
    if not set(before) <= set(CLASSES):
        raise PolicyError(
            text.file, f"{entry.key}.before", "names a class no tape tells", f"Of: {', '.join(CLASSES)}"
        )
    return ForbearanceRule(
        text,
        _kinds(text, entry),
        frozenset(before),
        whole(text, entry, "cure_months"),
        whole(text, entry, "probation_months"),
        whole(text, entry, "relapse_days"),
        int(decimal(text, entry, "value_lost_above") * _PPB),
    )


def whole(text: PolicyText, entry: Entry, key: str) -> int:
    """A whole number of an entry. Raises PolicyError."""
    value: Any = entry.values.get(key)
    if type(value) is not int or value < 0:
        raise PolicyError(
            text.file, f"{entry.key}.{key}", f"{value!r} is not a whole number", f"Write {key} = 90"
        )
    return value


def decimal(text: PolicyText, entry: Entry, key: str) -> Decimal:
    """An amount or a share of an entry, written as text. Raises PolicyError."""
    try:
        return Decimal(str(entry.values.get(key)))
    except InvalidOperation:
        raise PolicyError(
            text.file,
            f"{entry.key}.{key}",
            f"{entry.values.get(key)!r} is not an amount",
            f'Write it as text, {key} = "0.01"',
        ) from None


def _entry(text: PolicyText, day: date) -> Entry | None:
    """The last entry in force."""
    found = text.entries("modification", day)
    return found[-1] if found else None


def _kinds(text: PolicyText, entry: Entry) -> frozenset[str]:
    kinds = entry.values.get("kinds")
    if not isinstance(kinds, list) or not kinds or not set(kinds) <= set(KINDS):
        raise PolicyError(
            text.file, f"{entry.key}.kinds", f"{kinds!r} are not kinds", f"Of: {', '.join(KINDS)}"
        )
    return frozenset(kinds)


def _rank(text: PolicyText, entry: Entry, key: str, names: Sequence[str]) -> int:
    return _named(text, entry, key, entry.values.get(key), names)


def _named(text: PolicyText, entry: Entry, key: str, name: Any, names: Sequence[str]) -> int:
    if name not in names:
        raise PolicyError(
            text.file, f"{entry.key}.{key}", f"{name!r} is no level", f"One of: {', '.join(names)}"
        )
    return names.index(name)
