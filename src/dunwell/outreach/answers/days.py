"""Days as people say them: what was said, which days it may mean, and what is in doubt.

Every reader of days works from the day on which the message came, in the customer's own zone. Where two days may be
meant both are given, and nothing is chosen: a year is left out by nearly everybody, so a day without one is the next
such day, unless it was less than half a year ago, when it is given as the past day that was named, in doubt.
"""

import calendar
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from dunwell.calendars import DAY_MAX, DAY_MIN, add_months
from dunwell.outreach.answers.meaning import Bound

PAST_MONTHS = 6
IN_THE_PAST = "the day that was named is past"
NO_DAY = "no day was named, only a time that passes"
PAYDAY_UNKNOWN = "the day of the next wages is not known"
EITHER_DAY = "may be one day or another"
ROUGH_DAY = "the day is only roughly said"
DISAGREE = "the weekday and the date do not agree"
MANY_DAYS = "a day is named that belongs to no payment"
FAR_DAYS_MAX = 366 * 3
PAYDAY_KNOWN_DAYS = 62
"""A last payday longer ago says nothing of the next."""

DAYS_MAX = 100
"""Days that are looked at in one message."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a day is told from: the day the message came, which of two readings of 02/03 comes first, the last payday."""

    today: date
    is_month_first: bool = True
    last_payday: date | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day as said, at a span of the message: the days it may mean (none when no day can be told), and the doubts."""

    start: int
    end: int
    readings: tuple[date, ...] = ()
    bound: Bound = "on"
    doubts: tuple[str, ...] = ()
    is_payday: bool = False


Reading = tuple[Sequence[date], tuple[str, ...]]
"""The days that may be meant, and the doubts."""


def one(day: date | None, *doubts: str) -> Reading:
    """A single day; none when it lies outside the calendar or years away."""
    return ((day,), doubts) if day is not None else ((), (*doubts, NO_DAY))


def shifted(day: date, days: int) -> date | None:
    """So many days later; None beyond what anybody promises."""
    if abs(days) > FAR_DAYS_MAX:
        return None
    moved = day + timedelta(days=days)
    return moved if DAY_MIN <= moved <= DAY_MAX else None


def month_shifted(day: date, months: int) -> date | None:
    """The same day so many months later; None beyond what anybody promises."""
    return add_months(day, months) if abs(months) * 30 <= FAR_DAYS_MAX else None


def end_of_month(day: date, months: int = 0) -> date:
    """The last day of the month, so many months on."""
    first = add_months(day.replace(day=1), months)
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def weekday(reference: Reference, number: int) -> Reading:
    """The next such weekday (Monday is 0); today and a week later when it is that weekday now."""
    ahead = (number - reference.today.weekday()) % 7
    if ahead == 0:
        return (reference.today, reference.today + timedelta(days=7)), (EITHER_DAY,)
    return one(shifted(reference.today, ahead))


def weekday_of_week(reference: Reference, number: int, weeks: int) -> Reading:
    """That weekday of this week (which begins on Monday) or of one so many weeks on."""
    day = reference.today + timedelta(days=number - reference.today.weekday() + 7 * weeks)
    return one(day, *((IN_THE_PAST,) if day < reference.today else ()))


def day_of_month(reference: Reference, number: int, months: int | None = None) -> Reading:
    """The day with that number: of the month so many on, or the next one; today's number may be today or next month."""
    today = reference.today
    if months is None and number == today.day:
        later = _dated(*_month_after(today, 1), number)
        return (today, *((later,) if later else ())), (EITHER_DAY,)
    ahead = (1 if number < today.day else 0) if months is None else months
    day = _dated(*_month_after(today, ahead), number)
    if day is None:
        return (), (NO_DAY,)
    return one(day, *((IN_THE_PAST,) if day < today else ()))


def day_and_month(reference: Reference, month: int, number: int, year: int | None = None) -> Reading:
    """A day with its month: in the year named, or the next one unless it was less than half a year ago."""
    today = reference.today
    if year is not None:
        day = _dated(year if year > 99 else 2000 + year, month, number)
    else:
        day = _dated(today.year, month, number)
        if day is not None and day < today and add_months(day, PAST_MONTHS) < today:
            day = _dated(today.year + 1, month, number)
    if day is None:
        return (), (NO_DAY,)
    return one(day, *((IN_THE_PAST,) if day < today else ()))


def slashed(reference: Reference, first: int, second: int, year: int | None = None) -> Reading:
    """02/03: both readings where both are days, in the order of the customer's locale."""
    orders = (
        ((first, second), (second, first)) if reference.is_month_first else ((second, first), (first, second))
    )
    found = [day_and_month(reference, month, number, year) for month, number in orders]
    days = tuple(dict.fromkeys(day for readings, _ in found for day in readings))
    if len(days) == 1:
        return one(days[0], *((IN_THE_PAST,) if days[0] < reference.today else ()))
    return (days, (EITHER_DAY,)) if days else ((), (NO_DAY,))


def payday(reference: Reference) -> Reading:
    """The next payday from the last one, a fortnight or a month on: said as a question, for nobody told us which."""
    last, today = reference.last_payday, reference.today
    if last is None or not 0 <= (today - last).days <= PAYDAY_KNOWN_DAYS:
        return (), (PAYDAY_UNKNOWN,)
    fortnight = last + timedelta(days=14 * ((today - last).days // 14 + 1))
    month = next(day for count in range(1, 4) if (day := add_months(last, count)) > today)
    days = {fortnight, month}
    return tuple(sorted(days)), (PAYDAY_UNKNOWN,)


def settled(found: Iterable[Day], joins: Callable[[int, int], bool]) -> list[Day]:
    """Days in the order said, overlaps gone (the longer stays), and what names one day twice made one.

    ``joins(end, start)`` says whether nothing but small words lies between two spans ("Friday" and "the 13th").
    """
    kept: list[Day] = []
    for day in sorted(found, key=lambda one: (one.start, one.start - one.end))[:DAYS_MAX]:
        if kept and day.start < kept[-1].end:
            continue
        if kept and joins(kept[-1].end, day.start):
            kept[-1] = _joined(kept[-1], day)
            continue
        kept.append(day)
    if any(not day.is_payday for day in kept):  # "after my payday on the 30th": the day is named
        kept = [day for day in kept if not day.is_payday]
    return kept


def _joined(first: Day, second: Day) -> Day:
    both = replace(
        first, end=second.end, is_payday=False, bound=first.bound if first.bound != "on" else second.bound
    )
    if not first.readings or not second.readings:
        known = first if first.readings else second
        return replace(both, readings=known.readings, doubts=known.doubts)
    shared = tuple(day for day in first.readings if day in second.readings)
    if shared:
        return replace(both, readings=shared, doubts=(EITHER_DAY,) if len(shared) > 1 else ())
    days = tuple(sorted({*first.readings, *second.readings}))
    return replace(both, readings=days, doubts=(DISAGREE,))


def _month_after(day: date, months: int) -> tuple[int, int]:
    moved = add_months(day.replace(day=1), months)
    return moved.year, moved.month


def _dated(year: int, month: int, number: int) -> date | None:
    try:
        day = date(year, month, number)
    except ValueError:
        return None
    return day if DAY_MIN <= day <= DAY_MAX else None
