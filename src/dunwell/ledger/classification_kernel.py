"""The compiled walk over arrears: which class an account has reached, and whether it is in default, from its
whole history.

An account's timeline is a row a change at the end of a day; between rows days past due grow by one a day.
Nothing is remembered outside the events: the same walk over the same rows gives the same class.
"""

from typing import Any

import numpy as np
from numba import njit

NOT_CLASSED = -1
BY_DAYS, BY_MEMORY, UNDER_OBSERVATION = 0, 1, 2
"""Why a class holds: the days past due of the day; the worst reached while arrears are not cleared; cleared
and observed.
"""

_NEVER = 2**30

jit = njit(cache=True, nogil=True, error_model="numpy")


@jit
def months_later(day: int, months: int) -> int:
    """The same day of the month so many months later, the month's last where it has no such day (civil days
    since 1970-01-01).
    """
    # Days to civil and back, after H. Hinnant, "chrono-compatible low-level date algorithms".
    z = day + 719468
    era = z // 146097
    doe = z - era * 146097
    yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    mp = (5 * doy + 2) // 153
    day_of_month = doy - (153 * mp + 2) // 5 + 1
    month = mp + 3 if mp < 10 else mp - 9
    year = yoe + era * 400 + (1 if month <= 2 else 0)
    index = year * 12 + month - 1 + months
    year, month = index // 12, index % 12 + 1
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    length = 31
    if month in (4, 6, 9, 11):
        length = 30
    elif month == 2:
        length = 29 if is_leap else 28
    day_of_month = min(day_of_month, length)
    y = year - (1 if month <= 2 else 0)
    era = y // 400
    yoe = y - era * 400
    doy = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day_of_month - 1
    doe = yoe * 365 + yoe // 4 - yoe // 100 + doy
    return era * 146097 + doe - 719468


@jit
def level_of(days: int, levels: Any, scheme: int, level_count: int) -> int:
    """The last level whose first day has come."""
    reached = 0
    for rank in range(level_count):
        if days >= levels[scheme, rank]:
            reached = rank
    return reached


@jit
def _observed_until(
    cleared_on: int, first_due: int, last_due: int, due_days: Any, months: int, periods: int
) -> int:
    """The end of the observation that begins when arrears are cleared: the longer of so many months and
    payment periods.
    """
    until = months_later(cleared_on, months)
    seen = 0
    for k in range(first_due, last_due):
        if due_days[k] > cleared_on:
            seen += 1
            if seen == periods:
                return int(max(until, due_days[k]))
    return until


@jit
def classify_accounts(
    first: int,
    last: int,
    as_of: int,
    row_account: Any,
    row_on: Any,
    row_oldest: Any,
    scheme_of: Any,
    levels: Any,
    level_counts: Any,
    sticky_ranks: Any,
    observation_months: Any,
    observation_periods: Any,
    due_offsets: Any,
    due_days: Any,
    ranks: Any,
    sinces: Any,
    reasons: Any,
) -> None:
    """The class rank of accounts [first, last) as of a day, since when it holds and why; NOT_CLASSED where no
    scheme holds.

    ``row_*``: their arrears, sorted by account and day. ``levels[scheme, rank]``: the days past due from
    which a rank is reached. ``sticky_ranks``: from this rank on the worst class stays until all arrears are
    cleared and observed (a rank beyond the last: never).
    """
    row, row_end = 0, len(row_account)
    for a in range(first, last):
        while row < row_end and row_account[row] < a:
            row += 1
        scheme = scheme_of[a]
        if scheme < 0:
            ranks[a - first], sinces[a - first], reasons[a - first] = NOT_CLASSED, -1, BY_DAYS
            while row < row_end and row_account[row] == a:
                row += 1
            continue
        count, sticky = level_counts[scheme], sticky_ranks[scheme]
        worst, observed_until = 0, _NEVER
        now, since, by_days = 0, -1, 0
        while row < row_end and row_account[row] == a:
            begins, oldest = row_on[row], row_oldest[row]
            ends = as_of
            if row + 1 < row_end and row_account[row + 1] == a:
                ends = min(ends, row_on[row + 1] - 1)
            row += 1
            if begins > as_of:
                continue
            is_late = oldest >= 0 and ends > oldest
            late_from = max(begins, oldest + 1) if is_late else begins + 1
            if observed_until < late_from:
                if now > 0:
                    now, since = 0, observed_until
                worst, observed_until = 0, _NEVER
            by_days = 0
            if not is_late or begins <= oldest:  # nothing past due at the end of the row's first day
                if oldest < 0 and worst >= sticky and observed_until == _NEVER:
                    observed_until = _observed_until(
                        begins,
                        due_offsets[a],
                        due_offsets[a + 1],
                        due_days,
                        observation_months[scheme],
                        observation_periods[scheme],
                    )
                if now != worst:
                    now, since = worst, begins
            if is_late:
                observed_until = _NEVER
                at_first = max(level_of(late_from - oldest, levels, scheme, count), worst)
                if now != at_first:
                    now, since = at_first, late_from
                by_days = level_of(ends - oldest, levels, scheme, count)
                if by_days > now:
                    now, since = by_days, oldest + levels[scheme, by_days]
                if by_days >= sticky:
                    worst = max(worst, by_days)
        if observed_until <= as_of:
            now, since = 0, observed_until
        reason = BY_DAYS
        if now > by_days:
            reason = BY_MEMORY if observed_until == _NEVER else UNDER_OBSERVATION
        ranks[a - first], sinces[a - first], reasons[a - first] = now, since, reason


@jit
def find_defaults(
    first: int,
    last: int,
    as_of: int,
    row_account: Any,
    row_on: Any,
    row_oldest: Any,
    row_overdue: Any,
    row_exposure: Any,
    absolute_minor: Any,
    relative_num: int,
    relative_den: int,
    consecutive_days: int,
    probation_months: int,
    in_default: Any,
    sinces: Any,
) -> None:
    """Whether accounts [first, last) are in default: more than so many consecutive days materially past due,
    until so many months without material arrears have gone by. ``sinces``: the day default began, or ended,
    -1 for never.

    Material: overdue above the absolute threshold of the currency and above relative_num / relative_den of
    the exposure.
    """
    row, row_end = 0, len(row_account)
    for a in range(first, last):
        while row < row_end and row_account[row] < a:
            row += 1
        run_from, run_to = -1, -2
        default_since, ended_on, free_from = -1, -1, -1
        while row < row_end and row_account[row] == a:
            ends = as_of
            if row + 1 < row_end and row_account[row + 1] == a:
                ends = min(ends, row_on[row + 1] - 1)
            oldest = row_oldest[row]
            whole, part = row_exposure[row] // relative_den, row_exposure[row] % relative_den
            relative = (
                whole * relative_num + part * relative_num // relative_den
            )  # rounded down, within 64 bits
            is_material = oldest >= 0 and row_overdue[row] > absolute_minor[a] and row_overdue[row] > relative
            begins = max(row_on[row], oldest + 1)
            if is_material and ends >= begins:
                if begins != run_to + 1:
                    run_from = begins
                if default_since >= 0 and free_from >= 0:
                    if months_later(free_from, probation_months) <= begins:
                        ended_on, default_since = months_later(free_from, probation_months), -1
                    free_from = -1
                run_to = ends
                if default_since < 0 and run_to - run_from + 1 > consecutive_days:
                    default_since = run_from + consecutive_days
                if default_since >= 0 and ends < as_of:
                    free_from = ends + 1
            row += 1
        if default_since >= 0 and free_from >= 0 and months_later(free_from, probation_months) <= as_of:
            ended_on, default_since = months_later(free_from, probation_months), -1
        in_default[a - first] = default_since >= 0
        sinces[a - first] = default_since if default_since >= 0 else ended_on


@jit
def limitation_ends(
    begins_on: Any,
    scheme_of: Any,
    years: Any,
    years_at_most: Any,
    event_offsets: Any,
    event_on: Any,
    event_until: Any,
    event_kind: Any,
    interrupts: Any,
    revives: Any,
    runs_from_its_end: Any,
    as_of: int,
    ends_on: Any,
    last_event: Any,
) -> None:
    """The day on which each claim becomes time-barred, and the event that set the clock anew last (-1: none).

    ``begins_on``: the day from which the period runs (-1: none). Events of an account lie between its offsets
    by day; ``event_until`` is the last day of one that lasts (a suit), its own day for the others. An event
    counts from the beginning on; one that comes after the period's end counts only where the text says that
    it revives. Where the period runs anew from an event's end and the event still goes on, the day is counted
    from its first day, and from ``as_of`` once that would be over: a claim in court is not time-barred.
    """
    for a in range(len(begins_on)):
        scheme = scheme_of[a]
        if scheme < 0 or begins_on[a] < 0:
            ends_on[a], last_event[a] = -1, -1
            continue
        months = 12 * years[scheme]
        end = months_later(begins_on[a], months)
        limit = (
            months_later(begins_on[a], 12 * years_at_most[scheme]) if years_at_most[scheme] > 0 else _NEVER
        )
        event = -1
        for k in range(event_offsets[a], event_offsets[a + 1]):
            if event_on[k] > as_of:
                break
            kind, runs_from = event_kind[k], event_on[k]
            is_pending = False
            if runs_from_its_end[scheme, kind]:
                is_pending = event_until[k] > as_of
                if not is_pending:
                    runs_from = max(runs_from, event_until[k])
            if not interrupts[scheme, kind] or (runs_from < begins_on[a] and not is_pending):
                continue
            if event_on[k] > end and not revives[scheme, kind]:
                continue
            later = months_later(max(runs_from, begins_on[a]), months)
            if is_pending and later <= as_of:
                later = months_later(as_of, months)
            if later > end:
                end, event = later, k
        ends_on[a], last_event[a] = min(end, limit), event


def empty_days(count: int) -> Any:
    """A column of days, -1 for none."""
    return np.full(count, -1, np.int32)
