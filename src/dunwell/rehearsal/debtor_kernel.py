"""A day in the life of every debtor: what falls due, what befalls them, who pays how much."""

import math
from typing import Any

import numpy as np
from numba import njit

from dunwell.rehearsal.accounting import STATEMENT_DAYS
from dunwell.rehearsal.chance_kernel import chance, normal
from dunwell.rehearsal.debtors import ACTIVE, CHARGED_OFF, CLOSED, SOLD

NEVER = 2**30
MONTH_DAYS = 30.0
STRUGGLES = NEVER + 1
"""In ``planned_on``: one who struggles and whose intensity has begun."""
CARD_LATE_DAYS = 60
"""A card more than so many days late has no further statements: a house figure."""

_HARDSHIP, _HARDSHIP_DAYS, _INBOUND = 20, 21, 22
_FATE, _DELAY, _RISKY = 30, 31, 32
_PAYS, _WHICH, _SHARE, _ODD = 40, 41, 42, 43
_PAST, _PAST_LUCK = 44, 46


@njit(cache=True, nogil=True)
def live_persons(day: int, persons: Any, debts: Any, effects: Any, calls_in: Any) -> None:
    """Fatigue fades, hardship strikes, and some who are late call in (``calls_in`` is set)."""
    strikes = 1.0 - math.exp(-effects.hardship_rate / MONTH_DAYS)
    calls = 1.0 - math.exp(-effects.inbound_rate / MONTH_DAYS)
    for p in range(len(persons.keys)):
        key = persons.keys[p]
        persons.fatigue[p] *= 1.0 - effects.fatigue_fade
        if persons.hardship_until[p] <= day and chance(key, day, _HARDSHIP) < strikes:
            months = -math.log(1.0 - chance(key, day, _HARDSHIP_DAYS)) * effects.hardship_months
            persons.hardship_until[p] = day + 1 + int(months * MONTH_DAYS)
            persons.has_told_hardship[p] = False
        calls_in[p] = False
        if chance(key, day, _INBOUND) < calls:
            for i in range(persons.first_debts[p], persons.first_debts[p + 1]):
                if debts.statuses[i] == ACTIVE and debts.late_since[i] > 0:
                    calls_in[p] = True


@njit(cache=True, nogil=True)
def state_cards(day: int, debts: Any, schedule: Any, is_new: Any) -> None:
    """Cards' statements that come out today (``is_new`` is set). A card that is late for long is closed to further use."""
    for i in range(len(debts.keys)):
        is_new[i] = False
        row = debts.known_rows[i]
        if (
            not debts.revolves[i]
            or row >= debts.first_rows[i + 1]
            or schedule.due_on[row] - STATEMENT_DAYS > day
        ):
            continue
        is_blocked = debts.late_since[i] > 0 and day - debts.late_since[i] > CARD_LATE_DAYS
        if is_blocked or debts.statuses[i] != ACTIVE:
            debts.revolves[i] = False
            continue
        debts.known_rows[i] += 1
        is_new[i] = True


@njit(cache=True, nogil=True)
def fall_due(day: int, debts: Any, schedule: Any, effects: Any, fees_minor: Any) -> None:
    """What is due by the day, and what lateness costs: who becomes late, penalty, late fees (``fees_minor`` a debt)."""
    for i in range(len(debts.keys)):
        fees_minor[i] = 0
        if debts.statuses[i] == CLOSED or debts.statuses[i] == SOLD:
            continue
        first, last = debts.first_rows[i], debts.known_rows[i]
        due = debts.due_rows[i]
        while due < last and schedule.due_on[due] <= day:
            due += 1
        debts.due_rows[i] = due
        oldest = debts.oldest_rows[i]
        while oldest < last and schedule.sums_minor[oldest] <= debts.paid_minor[i]:
            oldest += 1
        debts.oldest_rows[i] = oldest
        if oldest >= due or schedule.due_on[oldest] >= day:
            continue
        if debts.late_since[i] == 0:
            debts.late_since[i] = schedule.due_on[oldest]
            debts.intensity[i] = 0.0
        overdue = due if schedule.due_on[due - 1] < day else due - 1
        before = schedule.sums_minor[oldest - 1] if oldest > first else 0
        basis_before = schedule.basis_sums_minor[oldest - 1] if oldest > first else 0
        unpaid = (schedule.sums_minor[oldest] - debts.paid_minor[i]) / max(
            schedule.sums_minor[oldest] - before, 1
        )
        basis = schedule.basis_sums_minor[overdue - 1] - schedule.basis_sums_minor[oldest]
        basis += (schedule.basis_sums_minor[oldest] - basis_before) * min(unpaid, 1.0)
        debts.extra_minor[i] += debts.penalty_a_day[i] * basis
        if debts.late_fee_minor[i] > 0 and debts.statuses[i] == ACTIVE:
            for row in range(oldest, overdue):
                if day - schedule.due_on[row] == debts.late_fee_days[i] + 1:
                    fees_minor[i] += debts.late_fee_minor[i]
            debts.extra_minor[i] += fees_minor[i]


@njit(cache=True, nogil=True)
def pay(
    day: int,
    persons: Any,
    debts: Any,
    schedule: Any,
    effects: Any,
    habits: Any,
    paid_minor: Any,
    changed: Any,
) -> None:
    """Who pays how much today (``paid_minor``), and whose status changes (``changed``: the new one, else -1)."""
    for i in range(len(debts.keys)):
        paid_minor[i] = 0
        changed[i] = -1
        status = debts.statuses[i]
        if status == CLOSED or status == SOLD:
            continue
        in_hardship = persons.hardship_until[debts.owners[i]] > day
        factor = effects.hardship_factor if in_hardship else 1.0
        oldest, due = debts.oldest_rows[i], debts.due_rows[i]
        is_late = oldest < due and schedule.due_on[oldest] < day
        if status == CHARGED_OFF:
            amount = _after_charge_off(i, day, debts, schedule, effects, factor)
        elif is_late:
            amount = _when_late(i, day, debts, schedule, effects, habits, factor)
        else:
            amount = _when_up_to_date(i, day, debts, schedule, effects, habits, in_hardship)
        if amount > 0:
            _receive(i, amount, debts, schedule)
            paid_minor[i] = amount
        debts.intensity[i] *= math.exp(-effects.return_rate / MONTH_DAYS)
        oldest, last = debts.oldest_rows[i], debts.known_rows[i]
        is_late = oldest < due and schedule.due_on[oldest] < day
        if not is_late and debts.late_since[i] > 0:
            debts.late_since[i] = 0
            debts.planned_on[i] = 0
            debts.intensity[i] = 0.0
            debts.promise_on[i] = 0
            debts.parts_left[i] = 0
        if oldest == last and debts.extra_minor[i] < 0.5 and not debts.revolves[i]:
            debts.statuses[i] = CLOSED
            changed[i] = CLOSED
        elif (
            status == ACTIVE
            and is_late
            and debts.charge_off_days[i] > 0
            and day - schedule.due_on[oldest] > debts.charge_off_days[i]
        ):
            debts.statuses[i] = CHARGED_OFF
            changed[i] = CHARGED_OFF
            debts.intensity[i] = 0.0
            debts.promise_on[i] = 0


@njit(cache=True, nogil=True)
def _receive(i: int, amount: int, debts: Any, schedule: Any) -> None:
    """Money goes toward what has fallen due or is oldest, then to penalty and fees; the rest is paid ahead."""
    oldest, last = debts.oldest_rows[i], debts.known_rows[i]
    row = min(max(debts.due_rows[i] - 1, oldest), last - 1)
    toward = min(amount, max(schedule.sums_minor[row] - debts.paid_minor[i], 0))
    beside = min(amount - toward, math.ceil(debts.extra_minor[i]))
    debts.extra_minor[i] = max(debts.extra_minor[i] - beside, 0.0)
    debts.paid_minor[i] += amount - beside
    while oldest < last and schedule.sums_minor[oldest] <= debts.paid_minor[i]:
        oldest += 1
    debts.oldest_rows[i] = oldest


@njit(cache=True, nogil=True)
def _when_up_to_date(
    i: int, day: int, debts: Any, schedule: Any, effects: Any, habits: Any, in_hardship: bool
) -> Any:
    """The next instalment on the day planned for it; what is owed beside goes with it."""
    row, last = debts.oldest_rows[i], debts.known_rows[i]
    if row >= last:
        # Only a fee or penalty is left.
        return math.ceil(debts.extra_minor[i]) if chance(debts.keys[i], day, _ODD) < 0.05 else 0
    if debts.planned_on[i] == 0:
        if schedule.due_on[row] + habits.early_days[-1] > day:
            return 0
        debts.planned_on[i] = _plan(i, row, 0, debts, schedule, effects, habits, in_hardship)
    if debts.planned_on[i] > day:
        return 0
    debts.planned_on[i] = 0
    return schedule.sums_minor[row] - debts.paid_minor[i] + math.ceil(debts.extra_minor[i])


@njit(cache=True, nogil=True)
def _plan(
    i: int, row: int, attempt: int, debts: Any, schedule: Any, effects: Any, habits: Any, in_hardship: bool
) -> Any:
    """When the payer of an instalment means to pay it: NEVER is a payer who struggles. Attempts are other lots."""
    key, number = debts.keys[i], row - debts.first_rows[i] + 100_000 * attempt
    risk = debts.risk[i]
    struggles = min(effects.struggle_share * risk * (effects.hardship_risk if in_hardship else 1.0), 0.9)
    middle = max(habits.week_late_share - effects.struggle_share, 0.0) * risk
    short = (habits.late_share - habits.week_late_share) * risk
    fate, delay = chance(key, number, _FATE), chance(key, number, _DELAY)
    if fate < struggles:
        return NEVER
    if fate < struggles + middle:
        days = habits.middle_days[np.searchsorted(habits.middle_sums, delay)]
    elif fate < struggles + middle + short:
        days = habits.short_days[np.searchsorted(habits.short_sums, delay)]
    else:
        days = habits.early_days[np.searchsorted(habits.early_sums, delay)]
    return schedule.due_on[row] + days


@njit(cache=True, nogil=True)
def _when_late(i: int, day: int, debts: Any, schedule: Any, effects: Any, habits: Any, factor: float) -> Any:
    """A promise or plan kept, a late payment that was coming anyway, or a repayment by the process."""
    key, oldest, due = debts.keys[i], debts.oldest_rows[i], debts.due_rows[i]
    owed = schedule.sums_minor[due - 1] - debts.paid_minor[i] + math.ceil(debts.extra_minor[i])
    if debts.promise_on[i] > 0:
        # A promise asks for its money within a fortnight; a plan lasts, and its parts are the least that comes, not the most.
        is_plan = debts.parts_left[i] > 1
        promised = _as_promised(i, day, owed, debts, schedule, effects)
        if promised > 0 or not is_plan:
            return promised
    if debts.planned_on[i] == 0:
        debts.planned_on[i] = _plan(i, oldest, 0, debts, schedule, effects, habits, factor < 1.0)
    if debts.planned_on[i] < NEVER:
        return owed if debts.planned_on[i] <= day else 0
    # Until the first month is nearly over only what contacts have done moves a payer who struggles.
    waited = day - debts.late_since[i] - int(effects.wait_days)
    if waited >= 0 and debts.planned_on[i] == NEVER:
        debts.planned_on[i] = STRUGGLES
        debts.intensity[i] += effects.entry_intensity * debts.ease[i]
    level = debts.intensity[i] * factor
    if waited >= 0:
        level += effects.resting_intensity * debts.ease[i] * factor
    if day < debts.rests_until[i]:
        return 0
    if chance(key, day, _PAYS) >= 1.0 - math.exp(-level / MONTH_DAYS):
        return 0
    which = chance(key, day, _WHICH)
    if which < effects.all_share:
        amount = owed
    elif which < effects.all_share + effects.one_share:
        amount = schedule.sums_minor[oldest] - debts.paid_minor[i]
    else:
        share = effects.least_share + (1.0 - effects.least_share) * chance(key, day, _SHARE)
        amount = max(int(share * owed), 1)
    debts.intensity[i] += effects.jump + effects.jump_per_share * amount / owed
    debts.rests_until[i] = day + int(effects.payday_days)
    return amount


@njit(cache=True, nogil=True)
def _as_promised(i: int, day: int, owed: int, debts: Any, schedule: Any, effects: Any) -> Any:
    """What a promise or a part of a plan brings on its day; who keeps a plan also pays what falls due meanwhile."""
    in_time = 0
    row = debts.due_rows[i] - 1
    if debts.parts_left[i] > 1 and debts.parts_kept[i] > 0 and schedule.due_on[row] == day:
        in_time = schedule.sums_minor[row] - (
            schedule.sums_minor[row - 1] if row > debts.first_rows[i] else 0
        )
    if day < debts.promise_on[i]:
        return min(in_time, owed)
    debts.parts_left[i] -= 1
    if debts.parts_kept[i] <= 0:
        debts.promise_on[i] = 0
        debts.parts_left[i] = 0
        debts.planned_on[i] = max(debts.planned_on[i], NEVER)
        debts.intensity[i] *= effects.broken_factor
        return min(in_time, owed)
    debts.parts_kept[i] -= 1
    is_last = debts.parts_left[i] <= 0
    debts.promise_on[i] = 0 if is_last else debts.promise_on[i] + 30
    if is_last:
        debts.planned_on[i] = max(debts.planned_on[i], NEVER)
    amount = min(debts.promise_minor[i] + in_time, owed)
    debts.intensity[i] += effects.jump + effects.jump_per_share * amount / owed
    return amount


@njit(cache=True, nogil=True)
def _after_charge_off(i: int, day: int, debts: Any, schedule: Any, effects: Any, factor: float) -> Any:
    """Seldom, and little: a share of all that is owed, due or not."""
    key = debts.keys[i]
    owed = schedule.sums_minor[debts.known_rows[i] - 1] - debts.paid_minor[i]
    owed += math.ceil(debts.extra_minor[i])
    level = (effects.charged_off_intensity * debts.ease[i] + debts.intensity[i]) * factor
    if owed <= 0 or chance(key, day, _PAYS) >= 1.0 - math.exp(-level / MONTH_DAYS):
        return 0
    return min(max(int(effects.charged_off_share_most * chance(key, day, _SHARE) * owed), 1), owed)


@njit(cache=True, nogil=True)
def remember(today: int, persons: Any, debts: Any, schedule: Any, effects: Any, habits: Any) -> None:
    """Let those who move in have a past: plans that lie ahead, and natures as slow as people have who are late so long.

    By rejection: a plan is drawn until it does not contradict that nothing was paid by today; a payer who struggles is kept
    with the likelihood of having paid nothing so far. Where sixty-four lots all contradict it, the slowest nature stays.
    """
    for i in range(len(debts.keys)):
        first, last = debts.first_rows[i], debts.known_rows[i]
        oldest = first
        while oldest < last and schedule.sums_minor[oldest] <= debts.paid_minor[i]:
            oldest += 1
        debts.oldest_rows[i] = oldest
        if (
            debts.statuses[i] != ACTIVE
            or oldest >= last
            or schedule.due_on[oldest] + habits.early_days[-1] > today
        ):
            continue
        late_days = today - schedule.due_on[oldest]
        if late_days > 0:
            debts.late_since[i] = schedule.due_on[oldest]
        usual, slowest = debts.ease[i], np.inf
        months = max(late_days - effects.wait_days, 0.0) / MONTH_DAYS
        faded = math.exp(-effects.return_rate * months)
        passed = (
            effects.resting_intensity * months + effects.entry_intensity * (1.0 - faded) / effects.return_rate
        )
        debts.planned_on[i] = NEVER
        for attempt in range(1, 65):
            planned = _plan(i, oldest, attempt, debts, schedule, effects, habits, False)
            if planned == NEVER:
                ease = usual * math.exp(effects.ease_spread * normal(debts.keys[i], attempt, _PAST))
                slowest = min(slowest, ease)
                # Repayments of one instalment leave an account late: they count for little against it.
                if chance(debts.keys[i], attempt, _PAST_LUCK) < math.exp(
                    -ease * passed * (1.0 - 0.6 * effects.one_share)
                ):
                    debts.ease[i] = ease
                    slowest = np.inf
                    break
            elif planned > today:
                debts.planned_on[i] = planned
                slowest = np.inf
                break
        if slowest < np.inf:
            debts.ease[i] = slowest
        if late_days > effects.wait_days and debts.planned_on[i] == NEVER:
            debts.planned_on[i] = STRUGGLES
            debts.intensity[i] = effects.entry_intensity * debts.ease[i] * faded
