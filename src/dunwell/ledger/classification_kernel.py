"""The compiled walk over arrears: which class an account has reached, and whether it is in default, from its
whole history.

An account's timeline is a row a change at the end of a day; between rows days past due grow by one a day.
Nothing is remembered outside the events: the same walk over the same rows gives the same class.
"""

from typing import Any, NamedTuple

import numpy as np

from dunwell.ledger.kernel import NOTHING_DUE
from dunwell.ledger.queue import jit

NOT_CLASSED = -1
BY_DAYS, BY_MEMORY, UNDER_OBSERVATION, BY_CHANGE = 0, 1, 2, 3
"""Why a class holds: the days past due of the day; the worst reached while arrears are not cleared; cleared
and observed; the contract was changed.
"""

NO_DAY = -1
"""In columns of days: none. (The last day of 1969 cannot be told from it; no debt of today fell due then.)"""

NEVER = 2**30
"""A day that does not come."""


class Changes(NamedTuple):
    """Changes of contracts, sorted by account and day. ``due``: the day of the first payment after it; ``rank``: of the class
    that it keeps at least (-1: it does not count for the account's scheme).
    """

    offsets: Any
    on: Any
    due: Any
    rank: Any


class Schemes(NamedTuple):
    """Schemes by number. ``levels[scheme, rank]``: the days past due from which a rank is reached. ``sticky``: from this rank
    on the worst class stays until all arrears are cleared and observed (a rank beyond the last: never), for ``months`` and
    ``periods``.

    ``watched``: the rank that a changed contract keeps at least while it is observed, for ``watched_months`` and
    ``watched_periods``; ``again``: that of one changed again meanwhile. Where it is 0, changes are floors: their rank holds
    from their day on.
    """

    levels: Any
    counts: Any
    sticky: Any
    months: Any
    periods: Any
    watched: Any
    again: Any
    watched_months: Any
    watched_periods: Any


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
def _last_missed(oldest: int, ends: int, first_due: int, last_due: int, due_days: Any) -> int:
    """The last day on which something fell due that was not paid, of a state that is past due until ``ends``."""
    missed = oldest
    for k in range(first_due, last_due):
        if due_days[k] > ends:
            break
        missed = max(missed, due_days[k])
    return int(missed)


@jit
def classify_accounts(
    first: int,
    last: int,
    as_of: int,
    row_account: Any,
    row_on: Any,
    row_oldest: Any,
    scheme_of: Any,
    schemes: Any,
    due_offsets: Any,
    due_days: Any,
    changes: Any,
    tells_since: bool,
    ranks: Any,
    sinces: Any,
    reasons: Any,
    untils: Any,
    watched_by: Any,
    again: Any,
) -> None:
    """The class rank of accounts [first, last) as of a day, since when it holds and why; NOT_CLASSED where no
    scheme holds.

    ``row_*``: their arrears, sorted by account and day. ``changes``: of the contracts (empty: none was changed); an account
    with changes must have a row before the first. Without ``tells_since`` a scheme that never is sticky
    is read off the last state alone, and ``sinces`` is NO_DAY. ``watched_by``: the change that is observed (-1: none),
    ``again`` whether another was before, and ``untils`` until when at the earliest (NO_DAY: not to be told while something is
    past due).
    """
    row, row_end = 0, len(row_account)
    has_changes = len(changes.on) > 0
    for a in range(first, last):
        while row < row_end and row_account[row] < a:
            row += 1
        scheme = scheme_of[a]
        untils[a - first], watched_by[a - first], again[a - first] = NO_DAY, -1, False
        if scheme < 0:
            ranks[a - first], sinces[a - first], reasons[a - first] = NOT_CLASSED, NO_DAY, BY_DAYS
            continue
        count, sticky = schemes.counts[scheme], schemes.sticky[scheme]
        change, change_end = 0, 0
        if has_changes:
            change, change_end = changes.offsets[a], changes.offsets[a + 1]
        rank, since = 0, NO_DAY  # the class as it stands, the memory included
        level = 0  # by the days past due alone
        worst, observed_until = 0, NEVER  # the memory: the worst sticky class reached (0: none)
        watched, watched_until, watching = 0, NEVER, -1  # the least class of a changed contract (0: none)
        starts_on, missed = -NEVER, -NEVER  # its first payment, and the last one missed
        needs_all = tells_since or sticky < count or change < change_end
        if not needs_all:  # the last state alone
            while row + 1 < row_end and row_account[row + 1] == a and row_on[row + 1] <= as_of:
                row += 1
        while row < row_end and row_account[row] == a and row_on[row] <= as_of:
            begins, oldest = row_on[row], row_oldest[row]
            last_day = _last_day(row, row_account, row_on, as_of)
            row += 1
            while begins <= last_day:  # the state, cut where the contract was changed
                while change < change_end and changes.on[change] <= begins:
                    least = changes.rank[change]
                    if least >= 0 and schemes.watched[scheme] == 0:
                        watched = least
                    elif least >= 0:
                        if (
                            watching < 0 or changes.on[watching] < changes.on[change]
                        ):  # those of one day are one
                            again[a - first] = watched > 0
                        is_again = again[a - first]
                        least = max(least, schemes.again[scheme] if is_again else schemes.watched[scheme])
                        watched = max(least, watched, rank if rank >= sticky else 0)
                        watching, watched_until, observed_until = change, NEVER, NEVER
                        starts_on = changes.due[change]
                    change += 1
                ends = last_day
                if change < change_end:
                    ends = min(ends, changes.on[change] - 1)
                if oldest == NOTHING_DUE or begins <= oldest:  # nothing is past due as the state begins
                    level = 0
                    if worst > 0 and observed_until == NEVER:
                        months, periods = schemes.months[scheme], schemes.periods[scheme]
                        observed_until = _observed_until(
                            max(begins, starts_on),
                            due_offsets[a],
                            due_offsets[a + 1],
                            due_days,
                            months,
                            periods,
                        )
                    if watched > 0 and watched_until == NEVER and schemes.watched[scheme] > 0:
                        months, periods = schemes.watched_months[scheme], schemes.watched_periods[scheme]
                        watched_until = _observed_until(
                            max(starts_on, missed),
                            due_offsets[a],
                            due_offsets[a + 1],
                            due_days,
                            months,
                            periods,
                        )
                    if rank != max(worst, watched):
                        rank, since = max(worst, watched), begins
                    ends_on = min(observed_until, watched_until)
                    while oldest == NOTHING_DUE and ends_on <= ends:  # all is paid, and the time has come
                        if observed_until <= ends_on:
                            worst, observed_until = 0, NEVER
                        if watched_until <= ends_on:
                            watched, watched_until, watching = 0, NEVER, -1
                            again[a - first] = False
                        if rank != max(worst, watched):
                            rank, since = max(worst, watched), max(begins, ends_on)
                        ends_on = min(observed_until, watched_until)
                if watched > 0 and oldest != NOTHING_DUE and ends >= oldest:  # not paid by the end of its day
                    watched_until = NEVER
                    missed = _last_missed(oldest, ends, due_offsets[a], due_offsets[a + 1], due_days)
                if oldest != NOTHING_DUE and ends > oldest:  # and from here on something is
                    observed_until = NEVER
                    late_from = max(begins, oldest + 1)
                    for k in range(count):
                        if oldest + schemes.levels[scheme, k] > ends:
                            break
                        if k + 1 < count and oldest + schemes.levels[scheme, k + 1] <= late_from:
                            continue
                        level = k
                        if k >= sticky and k > worst:
                            worst = k
                        if max(level, worst, watched) != rank:
                            rank = max(level, worst, watched)
                            since = max(late_from, oldest + schemes.levels[scheme, k])
                begins = ends + 1
        reason = BY_DAYS
        if rank > level:
            reason = BY_MEMORY if observed_until == NEVER else UNDER_OBSERVATION
            if watched == rank:
                reason = BY_CHANGE
        ranks[a - first], reasons[a - first] = rank, reason
        sinces[a - first] = since if needs_all else NO_DAY
        watched_by[a - first] = watching
        if watched_until != NEVER:
            untils[a - first] = watched_until


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
        limit = months_later(begins_on[a], 12 * years_at_most[scheme]) if years_at_most[scheme] > 0 else NEVER
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
