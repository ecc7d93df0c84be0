"""What a changed contract does to the class of a debt: observation in China, cure and probation in the European Union.

The questions of one debt, told by its facts. The rules are the ledger's own, those of the nightly classes: their texts are in
``ledger/classes``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from dunwell.calendars import day_of
from dunwell.ledger.facts import Late, classes_of_facts
from dunwell.policy import PolicyError

NOT_FORBORNE, PERFORMING_FORBORNE, NON_PERFORMING_FORBORNE = (
    "not_forborne",
    "performing_forborne",
    "non_performing_forborne",
)
_STATES = (NOT_FORBORNE, PERFORMING_FORBORNE, NON_PERFORMING_FORBORNE)
_OVER_30, _OVER_90 = 31, 91


@dataclass(frozen=True, slots=True)
class Change:
    """A contract changed for a customer in difficulty, and the due days that it set."""

    granted_on: date
    due_days: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """``class_at_least``: the best class the debt may have (None: the observation is over, or there is none).
    ``ends_on``: the first day after it, as things stand; None while something is past due.
    """

    class_at_least: str | None
    ends_on: date | None
    why: str
    source: str


def observed_class(
    class_before: str, changes: Sequence[Change], missed_days: Sequence[date], as_of: date
) -> Observation:
    """China's observation of a restructured asset, as of a day (``cn-five-classes.toml``).

    ``missed_days``: due days under the new terms on which what was due was not paid; it is taken to be repaid on the next due day
    that is none of them, and still to be past due where none has come. Raises PolicyError, and ValueError for a class that is
    none.
    """
    missed, granted = set(missed_days), sorted(changes, key=lambda change: change.granted_on)
    due_days = _due_days(granted)
    late = [
        Late(day, next((due for due in due_days if due > day and due not in missed), None))
        for day in sorted(missed)
    ]
    rows: list[dict[str, Any]] = [
        {
            "agreed_on": change.granted_on,
            "first_due_on": min(change.due_days, default=None),
            "class_before": None if number else class_before,
        }
        for number, change in enumerate(granted)
    ]
    classifier, columns = classes_of_facts(late, due_days, rows, "cn", as_of)
    scheme = next((s for s in classifier.ladders["asset_class"].schemes if s.watch is not None), None)
    if scheme is None or scheme.watch is None:
        raise PolicyError("cn-five-classes.toml", "from", f"is not in force on {as_of}", "Ask of a later day")
    classes = [level.name for level in scheme.levels]
    if class_before not in classes:
        raise ValueError(f"{class_before!r} is no class. One of: {', '.join(classes)}")
    source = scheme.watch.entry.source
    if not any(change.granted_on <= as_of for change in granted):
        return Observation(None, None, "the contract was not changed", source)
    told = classifier.reasons(columns, 0, 0, 0)["asset_class"]
    if "until" not in told:
        return Observation(None, None, "the observation ended", source)
    until = told["until"]
    ends_on = None if until is None else date.fromisoformat(until)
    last = max(change.granted_on for change in granted if change.granted_on <= as_of)
    again = "restructured again" if columns.walked["asset_class"].again[0] else "restructured"
    return Observation(told["value"], ends_on, f"{again} on {last}, in observation{_until(ends_on)}", source)


def _due_days(changes: Sequence[Change]) -> list[date]:
    """What falls due: under each change until the next."""
    due_days: set[date] = set()
    for change in changes:
        due_days = {day for day in due_days if day <= change.granted_on} | set(change.due_days)
    return sorted(due_days)


def _until(day: date | None) -> str:
    return "" if day is None else f" until {day}"


@dataclass(frozen=True, slots=True)
class Exposure:
    """Forbearance as it was granted, and what came after: the days on which it became more than 30, more than 90 days past due.

    ``is_non_performing``: it was so when forbearance was first granted. ``arrears_since``: past due now, since then.
    """

    granted_on: tuple[date, ...]
    is_non_performing: bool
    over_30_on: tuple[date, ...] = ()
    over_90_on: tuple[date, ...] = ()
    arrears_since: date | None = None


@dataclass(frozen=True, slots=True)
class Forbearance:
    """``state``: performing_forborne, non_performing_forborne or not_forborne; until when at the least, and why."""

    state: str
    since: date | None
    until: date | None
    why: str
    source: str


def forborne_state(exposure: Exposure, as_of: date) -> Forbearance:
    """The European Union's forbearance, as of a day (``eba-forbearance.toml``): a year of cure in non-performing, then two of
    probation in performing. What was so late on a day is taken to be repaid on the next, unless it is past due now. Raises
    PolicyError.
    """
    grants = sorted(exposure.granted_on)
    late = [
        Late(day - timedelta(days=days), day + timedelta(days=1))
        for days, told in ((_OVER_30, exposure.over_30_on), (_OVER_90, exposure.over_90_on))
        for day in told
        if grants and grants[0] < day <= as_of
    ]
    if exposure.arrears_since is not None:
        late.append(Late(exposure.arrears_since - timedelta(days=1), None))
    rows: list[dict[str, Any]] = [
        {
            "agreed_on": day,
            "first_due_on": day,
            "class_before": "non_performing" if exposure.is_non_performing and not number else None,
        }
        for number, day in enumerate(grants)
    ]
    classifier, columns = classes_of_facts(late, grants, rows, "eu", as_of)
    rule = classifier.forbearance
    if rule is None:
        raise PolicyError("eba-default.toml", "from", f"is not in force on {as_of}", "Ask of a later day")
    if columns.changed is None:
        return Forbearance(NOT_FORBORNE, None, None, "no forbearance was granted", rule.text.source)
    told = columns.changed.forborne
    state, since = _STATES[int(told.state[0])], day_of(int(told.since[0]))
    if state == NOT_FORBORNE:
        return Forbearance(state, since, None, f"probation ended on {since}", rule.text.source)
    until = day_of(int(told.until[0]))
    why = f"the last measure was granted on {max(day for day in grants if day <= as_of)}"
    if until <= as_of:
        why = f"{why}; past due since {exposure.arrears_since}, which must be paid first"
    return Forbearance(state, since, until, why, rule.text.source)
