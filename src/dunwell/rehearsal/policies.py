"""Whom to call first, when there are fewer calls than people who are late: the rules that lenders use, and better ones.

A policy is made for a world and then gives each late person a priority, day by day; the highest are called, those at 0 or
below never. It sees a ``View``, what a lender sees. Only ``clairvoyant`` looks at the debtors' nature: no lender can.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np

from dunwell.calendars import day_number
from dunwell.rehearsal.collecting import CHANNELS, CONVERSATION, OUTCOME_SHARES
from dunwell.rehearsal.contact_kernel import REFUSED
from dunwell.rehearsal.debtor_kernel import MONTH_DAYS, NEVER, STRUGGLES
from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.debtors import ACTIVE
from dunwell.rehearsal.draws import Flags, Floats, Ints

LONG_AGO = 999


class View(NamedTuple):
    """Late people who may be called tomorrow, a row each: what a lender knows of them.

    ``persons`` are rows of the world's people. ``days_since_call`` and ``days_since_talk`` are LONG_AGO where there was none;
    ``calls`` counts those of the last thirty days; ``seen`` is the risk by the credit score, in standard deviations.
    """

    persons: Ints
    past_due_days: Ints
    owed_minor: Ints
    calls: Ints
    days_since_call: Ints
    days_since_talk: Ints
    has_promise: Flags
    seen: Floats


Priority = Callable[[View], Floats]
Policy = Callable[[DebtorWorld], Priority]
"""Makes the priorities for a world: where a strategy enters."""

REST_DAYS = 3
"""The rules leave a person alone for so long after a call, and while a promise is open: a house figure."""


def _rested(view: View) -> Flags:
    return (view.days_since_call >= REST_DAYS) & ~view.has_promise


def constant_effort(world: DebtorWorld) -> Priority:
    """Everybody alike: whoever has waited longest for a call."""
    return lambda view: np.asarray(view.days_since_call + view.persons % 97 / 100, dtype=np.float64)


def by_bucket(world: DebtorWorld) -> Priority:
    """By days late, two and three months before one month before the rest; within a bucket the largest sums first."""

    def priority(view: View) -> Floats:
        bucket = np.select(
            [view.past_due_days > 90, view.past_due_days > 60, view.past_due_days > 30], [2.0, 4.0, 3.0], 1.0
        )
        within = view.owed_minor / (1.0 + view.owed_minor.max(initial=1))
        return np.asarray((bucket + within) * _rested(view), dtype=np.float64)

    return priority


def highest_balance(world: DebtorWorld) -> Priority:
    """The largest sums past due first."""
    return lambda view: np.asarray(view.owed_minor * _rested(view), dtype=np.float64)


def highest_score(world: DebtorWorld) -> Priority:
    """The worst risks first: by the credit score and the days late."""
    return lambda view: np.exp(0.6 * view.seen + view.past_due_days / 60.0) * _rested(view)


@dataclass(frozen=True, slots=True)
class CallLog:
    """People-days of a pilot in which calls were drawn by lot: their cells, who was called, and what came in of what was owed
    in the two weeks after, as a share.
    """

    cells: Ints
    is_called: Flags
    paid_shares: Floats


_CELLS = 40
_SHRINKAGE = 150.0


def cells_of(view: View) -> Ints:
    """Days late in five classes, calls of late in four, spoken to within two weeks or not: forty kinds of people."""
    late = np.searchsorted(np.array([8, 31, 61, 91]), view.past_due_days, side="right")
    calls = np.minimum(view.calls, 3)
    return np.asarray(late * 8 + calls * 2 + (view.days_since_talk <= 14), dtype=np.int64)


def marginal_value(logs: Sequence[CallLog]) -> Policy:
    """The marginal value of a call (van de Geer, Wang and Bhulai 2018), learned from a pilot: for each kind of people what a
    call adds to what comes in, shrunk to the average where few were seen, times what is owed.

    They learn both sides from logged calls by boosted trees; here calls were drawn by lot and a table is enough. People rest
    between calls as under the rules: a pilot of some weeks does not see what wears off or does harm later.
    """
    cells = np.concatenate([log.cells for log in logs])
    is_called = np.concatenate([log.is_called for log in logs])
    paid = np.concatenate([log.paid_shares for log in logs])

    def means(of: Flags) -> tuple[Floats, Floats]:
        counts = np.bincount(cells[of], minlength=_CELLS).astype(np.float64)
        return counts, np.bincount(cells[of], weights=paid[of], minlength=_CELLS) / np.maximum(counts, 1)

    (called_counts, called), (other_counts, others) = means(is_called), means(~is_called)
    overall = paid[is_called].mean() - paid[~is_called].mean()
    weight = 1 / (1 / np.maximum(called_counts, 1e-9) + 1 / np.maximum(other_counts, 1e-9))
    gains = (weight * (called - others) + _SHRINKAGE * overall) / (weight + _SHRINKAGE)

    def policy(world: DebtorWorld) -> Priority:
        return lambda view: np.asarray(
            gains[cells_of(view)] * view.owed_minor * _rested(view), dtype=np.float64
        )

    return policy


def clairvoyant(until: date) -> Policy:
    """Knows each debtor's nature and plans, and calls where a call adds most to what comes in by a day.

    An upper mark for what anybody could know, not a proven bound: it looks one call ahead.
    """
    return lambda world: lambda view: _true_gain(world, view, day_number(until))


def _true_gain(world: DebtorWorld, view: View, until: int) -> Floats:
    """What a call tomorrow adds to the money that comes in by a day, in minor units, for each person of the view."""
    persons, debts, effects = world.persons, world.debts, world.effects
    shares, p, day = OUTCOME_SHARES[CHANNELS.index("call")], view.persons, day_number(world.today) + 1
    talk = np.minimum((shares[CONVERSATION] + shares[REFUSED]) * persons.reach[p], 0.9) * (
        1 - effects.refuse_share
    )
    in_hardship = persons.hardship_until[p] > day
    hard = np.where(in_hardship, effects.hardship_factor, 1.0)
    tired = persons.fatigue[p]
    gain = effects.talk_gain * persons.response[p] * np.exp(-effects.fatigue_effect * tired) * hard
    gain = gain * np.where(in_hardship, effects.hardship_deafness, 1.0)
    value = np.zeros(len(p))
    first, count = persons.first_debts[p], np.diff(persons.first_debts)[p]
    for place in range(int(count.max(initial=0))):
        rows = np.flatnonzero(count > place)
        i = first[rows] + place
        is_open = (debts.statuses[i] == ACTIVE) & (debts.late_since[i] > 0) & (debts.planned_on[i] >= NEVER)
        begins = np.where(debts.planned_on[i] == STRUGGLES, day, debts.late_since[i] + effects.wait_days)
        left = np.maximum(until - np.maximum(begins, day), 0) / MONTH_DAYS
        # Who has just paid does not pay again before the next payday; until then what a call does fades unused.
        rest = np.maximum(np.minimum(debts.rests_until[i], until) - day, 0) / MONTH_DAYS
        months = max(until - day, 0) / MONTH_DAYS
        faded = (
            np.exp(-effects.return_rate * rest) - np.exp(-effects.return_rate * months)
        ) / effects.return_rate
        ahead = debts.intensity[i] * faded + effects.resting_intensity * debts.ease[i] * np.maximum(
            left - rest, 0
        )
        entering = effects.entry_intensity * debts.ease[i] * (1 - np.exp(-effects.return_rate * left))
        ahead = ahead + np.where(debts.planned_on[i] == NEVER, entering / effects.return_rate, 0.0)
        unmoved = np.exp(-gain[rows] * faded)
        added = 1 - unmoved * (1 - effects.promise_share * effects.promise_kept * hard[rows])
        moved = np.where(
            is_open & (debts.promise_on[i] == 0), _owed(world, i) * np.exp(-hard[rows] * ahead) * added, 0.0
        )
        value[rows] += moved
    return np.asarray(np.where(tired > effects.fatigue_limit, 0.0, value * talk), dtype=np.float64)


def _owed(world: DebtorWorld, debts: Ints) -> Floats:
    """What is past due of these debts."""
    due = np.maximum(world.debts.due_rows[debts] - 1, 0)
    unpaid = np.maximum(world.schedule.sums_minor[due] - world.debts.paid_minor[debts], 0)
    return np.asarray(unpaid + world.debts.extra_minor[debts], dtype=np.float64)


RULES: dict[str, Policy] = {
    "constant effort": constant_effort,
    "bucket rules": by_bucket,
    "highest balance first": highest_balance,
    "highest score first": highest_score,
}
"""What lenders do without learning."""
