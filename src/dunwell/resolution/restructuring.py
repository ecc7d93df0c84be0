"""What a changed contract does to the class of a debt: observation in China, cure and probation in the European Union.

Both are walks over events: when the contract was changed, which of the new due days were missed. The figures are text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from dunwell.calendars import add_months
from dunwell.resolution.figures import Figures, figures

PERFORMING_FORBORNE, NON_PERFORMING_FORBORNE, NOT_FORBORNE = (
    "performing_forborne",
    "non_performing_forborne",
    "not_forborne",
)


_OVER_30, _OVER_90 = 31, 91


@dataclass(frozen=True, slots=True)
class Change:
    """A contract changed for a customer in difficulty, and the due days that it set."""

    granted_on: date
    due_days: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class Observation:
    """``class_at_least``: the best class the debt may have (None: the observation is over, or there is none).
    ``ends_on``: the earliest end as things stand, None while too little was paid to tell.
    """

    class_at_least: str | None
    ends_on: date | None
    why: str
    source: str


def observed_class(
    class_before: str, changes: Sequence[Change], missed_days: Sequence[date], as_of: date
) -> Observation:
    """China's observation of a restructured asset, as of a day.

    It begins with the first payment after the change and lasts until two due days in a row were kept and a year has passed. What
    was normal or special mention before is at least special mention meanwhile; what was worse keeps its class (the safe
    reading); what is changed again within the observation is at least substandard, and it begins anew.
    ``missed_days``: due days under the new terms on which what was due was not paid. Raises PolicyError, and ValueError for a
    class that is none.
    """
    held = figures("restructuring-cn", as_of)
    classes = list(held.text.values["classes"])
    if class_before not in classes:
        raise ValueError(f"{class_before!r} is no class. One of: {', '.join(classes)}")
    floor, ends_on, why = None, None, "the contract was not changed"
    for change in sorted((c for c in changes if c.granted_on <= as_of), key=lambda c: c.granted_on):
        is_again = floor is not None and (ends_on is None or change.granted_on <= ends_on)
        starting = floor if is_again else class_before
        least = held.word("class_when_restructured_again" if is_again else "class_while_observed")
        floor = max(starting or class_before, least, key=classes.index)
        ends_on = _observed_until(change, missed_days, as_of, held)
        why = f"{'restructured again' if is_again else 'restructured'} on {change.granted_on}, in observation"
    if floor is None:
        return Observation(None, None, why, held.source)
    if ends_on is not None and ends_on < as_of:
        return Observation(None, ends_on, f"the observation ended on {ends_on}", held.source)
    until = "" if ends_on is None else f" until {ends_on}"
    return Observation(floor, ends_on, f"{why}{until}", held.source)


def _observed_until(change: Change, missed_days: Sequence[date], as_of: date, held: Figures) -> date | None:
    """The day on which the year has passed and enough due days in a row were kept; None while nothing was paid yet.

    Due days to come are taken to be kept, so the day is the earliest that it can be.
    """
    missed = set(missed_days)
    kept = [day for day in sorted(change.due_days) if day not in missed]
    if not kept or kept[0] > as_of:
        return None
    year_ends_on = add_months(kept[0], held.whole("observation_months"))
    run, wanted = 0, held.whole("observation_periods")
    for day in sorted(change.due_days):
        run = 0 if day in missed else run + 1
        if run >= wanted and _is_run_to_date(change, missed, day, as_of):
            return max(year_ends_on, day)
    return None if missed & set(change.due_days) else year_ends_on


def _is_run_to_date(change: Change, missed: set[date], day: date, as_of: date) -> bool:
    """Whether no due day after this one was missed by now: a later miss begins the count anew."""
    return not any(day < later <= as_of and later in missed for later in change.due_days)


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
    """The European Union's forbearance: a year of cure in non-performing, then two of probation in performing, as of a day.

    In probation after non-performing, a new measure or more than 30 days past due makes it non-performing again. More than 90
    days does so always. A new measure in probation begins the two years anew (the safe reading). Neither period ends while
    anything is past due. Raises PolicyError.
    """
    held = figures("forbearance-eu", as_of)
    cure, probation = held.whole("cure_months"), held.whole("probation_months")
    grants = sorted(day for day in exposure.granted_on if day <= as_of)
    if not grants:
        return Forbearance(NOT_FORBORNE, None, None, "no forbearance was granted", held.source)
    since, is_bad, was_bad = grants[0], exposure.is_non_performing, exposure.is_non_performing
    why = "granted while non-performing" if is_bad else "granted while performing"
    for day, event, late_days in _events(exposure, grants, as_of):
        # Whoever is late by so many days was already past due when a cure would have ended within them.
        since, is_bad = _moved(since, is_bad, day - timedelta(days=late_days), cure)
        is_over = not is_bad and day >= add_months(since, probation)
        if is_over and late_days:
            continue
        if not is_over and (late_days > _OVER_30 or (was_bad and not is_bad)):
            since, is_bad, was_bad, why = day, True, True, event
        elif not late_days:
            since, was_bad, why = day, was_bad and not is_over, event
    if exposure.arrears_since is None:
        since, is_bad = _moved(since, is_bad, as_of, cure)
    until = add_months(since, cure if is_bad else probation)
    if not is_bad and until <= as_of and exposure.arrears_since is None:
        return Forbearance(NOT_FORBORNE, until, None, f"probation ended on {until}", held.source)
    if until <= as_of:
        why = f"{why}; past due since {exposure.arrears_since}, which must be paid first"
    state = NON_PERFORMING_FORBORNE if is_bad else PERFORMING_FORBORNE
    return Forbearance(state, since, until, why, held.source)


def _events(exposure: Exposure, grants: Sequence[date], as_of: date) -> list[tuple[date, str, int]]:
    """What came after the first grant, by day: what it was, and how many days past due it tells of."""
    events = [(day, "a new measure", 0) for day in grants[1:]]
    events += [(day, "more than 30 days past due", _OVER_30) for day in exposure.over_30_on]
    events += [(day, "more than 90 days past due", _OVER_90) for day in exposure.over_90_on]
    return sorted(event for event in events if grants[0] < event[0] <= as_of)


def _moved(since: date, is_bad: bool, day: date, cure: int) -> tuple[date, bool]:
    """From non-performing into probation, where the cure had passed by a day."""
    cured_on = add_months(since, cure)
    return (cured_on, False) if is_bad and cured_on <= day else (since, is_bad)
