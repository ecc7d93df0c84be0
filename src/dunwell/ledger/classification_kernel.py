"""The compiled walk over arrears: which class an account has reached, and whether it is in default, from its
whole history.

An account's timeline is a row a change at the end of a day; between rows days past due grow by one a day.
Nothing is remembered outside the events: the same walk over the same rows gives the same class.
"""

from typing import Any

import numpy as np

from dunwell.ledger.kernel import NOTHING_DUE
from dunwell.ledger.queue import jit

NOT_CLASSED = -1
BY_DAYS, BY_MEMORY, UNDER_OBSERVATION = 0, 1, 2
"""Why a class holds: the days past due of the day; the worst reached while arrears are not cleared; cleared
and observed.
"""

NEVER_IN_DEFAULT, IN_DEFAULT, ON_PROBATION, NO_LONGER = 0, 1, 2, 3
"""Where an account stands: never in default; in it and materially past due; in it and observed; out of it."""

NO_DAY = -1
"""In columns of days: none. (The last day of 1969 cannot be told from it; no debt of today fell due then.)"""

_NEVER = 2**30


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
def _last_day(row: int, row_account: Any, row_on: Any, as_of: int) -> int:
    """The last day on which a row's state holds: the one before the account's next row, as_of at most."""
    if row + 1 < len(row_account) and row_account[row + 1] == row_account[row]:
        return int(min(as_of, row_on[row + 1] - 1))
    return as_of


@jit
def _observed_until(
    cleared_on: int, first_due: int, last_due: int, due_days: Any, months: int, periods: int
) -> int:
    """The end of the observation that begins when arrears are cleared: the longer of so many months and
    payment periods (days on which something falls due).
    """
    until = months_later(cleared_on, months)
    seen, last_seen = 0, cleared_on
    for k in range(first_due, last_due):
        if seen == periods:
            break
        if due_days[k] > last_seen:
            seen, last_seen = seen + 1, due_days[k]
    return int(max(until, last_seen)) if seen == periods else until


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
    tells_since: bool,
    ranks: Any,
    sinces: Any,
    reasons: Any,
) -> None:
    """The class rank of accounts [first, last) as of a day, since when it holds and why; NOT_CLASSED where no
    scheme holds.

    ``row_*``: their arrears, sorted by account and day. ``levels[scheme, rank]``: the days past due from
    which a rank is reached. ``sticky_ranks``: from this rank on the worst class stays until all arrears are
    cleared and observed (a rank beyond the last: never). Without ``tells_since`` a scheme that never is sticky
    is read off the last state alone, and ``sinces`` is NO_DAY.
    """
    row, row_end = 0, len(row_account)
    for a in range(first, last):
        while row < row_end and row_account[row] < a:
            row += 1
        scheme = scheme_of[a]
        if scheme < 0:
            ranks[a - first], sinces[a - first], reasons[a - first] = NOT_CLASSED, NO_DAY, BY_DAYS
            continue
        count, sticky = level_counts[scheme], sticky_ranks[scheme]
        rank, since = 0, NO_DAY  # the class as it stands, the memory included
        level = 0  # by the days past due alone
        worst, observed_until = 0, _NEVER  # the memory: the worst sticky class reached (0: none)
        needs_all = tells_since or sticky < count
        if not needs_all:  # the last state alone
            while row + 1 < row_end and row_account[row + 1] == a and row_on[row + 1] <= as_of:
                row += 1
        while row < row_end and row_account[row] == a and row_on[row] <= as_of:
            begins, oldest = row_on[row], row_oldest[row]
            ends = _last_day(row, row_account, row_on, as_of)
            row += 1
            if oldest == NOTHING_DUE or begins <= oldest:  # nothing is past due as the state begins
                level = 0
                if worst > 0 and observed_until == _NEVER:
                    months, periods = observation_months[scheme], observation_periods[scheme]
                    observed_until = _observed_until(
                        begins, due_offsets[a], due_offsets[a + 1], due_days, months, periods
                    )
                quiet_from = begins
                if worst > 0 and oldest == NOTHING_DUE and observed_until <= ends:
                    quiet_from = max(begins, observed_until)
                    worst, observed_until = 0, _NEVER
                if worst == 0 and rank > 0:
                    rank, since = 0, quiet_from
            if oldest != NOTHING_DUE and ends > oldest:  # and from here on something is
                observed_until = _NEVER
                late_from = max(begins, oldest + 1)
                for k in range(count):
                    if oldest + levels[scheme, k] > ends:
                        break
                    if k + 1 < count and oldest + levels[scheme, k + 1] <= late_from:
                        continue
                    level = k
                    if k >= sticky and k > worst:
                        worst = k
                    if max(level, worst) != rank:
                        rank, since = max(level, worst), max(late_from, oldest + levels[scheme, k])
        reason = BY_DAYS
        if rank > level:
            reason = BY_MEMORY if observed_until == _NEVER else UNDER_OBSERVATION
        ranks[a - first], reasons[a - first] = rank, reason
        sinces[a - first] = since if needs_all else NO_DAY


@jit
def is_material(overdue: int, exposure: int, absolute: int, relative_num: int, relative_den: int) -> bool:
    """Whether an overdue sum exceeds the absolute threshold and relative_num / relative_den (below 1) of the
    exposure, whatever their size.
    """
    if overdue <= absolute:  # most are, and a division costs more than all the rest of the walk
        return False
    whole, rest = exposure // relative_den, exposure % relative_den
    return overdue > whole * relative_num + rest * relative_num // relative_den


@jit
def _longest_late(row: int, account: int, as_of: int, row_account: Any, row_on: Any, row_oldest: Any) -> int:
    """The most consecutive days on which something of the account whose rows begin at ``row`` was past due, be it
    material or not.
    """
    longest, run_from, run_to = 0, 0, -_NEVER
    while row < len(row_account) and row_account[row] == account and row_on[row] <= as_of:
        begins, ends = max(row_on[row], row_oldest[row] + 1), _last_day(row, row_account, row_on, as_of)
        if row_oldest[row] != NOTHING_DUE and ends >= begins:
            if begins != run_to + 1:
                run_from = begins
            run_to = ends
            longest = max(longest, run_to - run_from + 1)
        row += 1
    return longest


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
    reasons: Any,
) -> None:
    """Whether accounts [first, last) are in default: more than so many consecutive days materially past due,
    until so many months without material arrears have gone by. ``sinces``: the day default began, or ended,
    NO_DAY for never. ``reasons``: NEVER_IN_DEFAULT and so on.
    """
    row, row_end = 0, len(row_account)
    for a in range(first, last):
        while row < row_end and row_account[row] < a:
            row += 1
        if _longest_late(row, a, as_of, row_account, row_on, row_oldest) <= consecutive_days:  # most accounts
            in_default[a - first], sinces[a - first], reasons[a - first] = False, NO_DAY, NEVER_IN_DEFAULT
            continue
        run_from, run_to = 0, -_NEVER  # the latest unbroken run of material days
        default_since, ended_on = NO_DAY, NO_DAY
        free_from = _NEVER  # since when an account in default is without material arrears
        while row < row_end and row_account[row] == a and row_on[row] <= as_of:
            begins, oldest = max(row_on[row], row_oldest[row] + 1), row_oldest[row]
            overdue, exposure = row_overdue[row], row_exposure[row]
            ends = _last_day(row, row_account, row_on, as_of)
            row += 1
            if oldest == NOTHING_DUE or ends < begins:
                continue
            if not is_material(overdue, exposure, absolute_minor[a], relative_num, relative_den):
                continue
            if begins != run_to + 1:
                run_from = begins
            run_to = ends
            if free_from != _NEVER:
                if months_later(free_from, probation_months) <= begins:
                    default_since, ended_on = NO_DAY, months_later(free_from, probation_months)
                free_from = _NEVER
            if default_since == NO_DAY and run_to - run_from + 1 > consecutive_days:
                default_since = run_from + consecutive_days
            if default_since != NO_DAY and ends < as_of:
                free_from = ends + 1
        if free_from != _NEVER and months_later(free_from, probation_months) <= as_of:
            default_since, ended_on = NO_DAY, months_later(free_from, probation_months)
            free_from = _NEVER
        in_default[a - first] = default_since != NO_DAY
        sinces[a - first] = default_since if default_since != NO_DAY else ended_on
        reason = NEVER_IN_DEFAULT if ended_on == NO_DAY else NO_LONGER
        if default_since != NO_DAY:
            reason = IN_DEFAULT if free_from == _NEVER else ON_PROBATION
        reasons[a - first] = reason


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

    ``begins_on``: the day from which the period runs (NO_DAY: none). Events of an account lie between its offsets
    by day; ``event_until`` is the last day of one that lasts (a suit), its own day for the others. An event
    counts from the beginning on; one that comes after the period's end counts only where the text says that
    it revives. Where the period runs anew from an event's end and the event still goes on, the day is counted
    from its first day, and from ``as_of`` once that would be over: a claim in court is not time-barred.
    """
    for a in range(len(begins_on)):
        scheme = scheme_of[a]
        if scheme < 0 or begins_on[a] == NO_DAY:
            ends_on[a], last_event[a] = NO_DAY, -1
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
            if k + 1 < event_offsets[a + 1] and runs_from + 1 < event_on[k + 1] <= min(as_of, end):
                following = event_kind[k + 1]
                if interrupts[scheme, following] and not (
                    runs_from_its_end[scheme, following] or runs_from_its_end[scheme, kind]
                ):
                    continue  # the next one counts too, and ends later
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
    return np.full(count, NO_DAY, np.int32)
