"""Whom to call first, when there are fewer calls than people who are late: the rules that lenders use, and better ones.

A policy is made for a world and then gives each late person a priority, day by day; the highest are called, those at 0 or
below never. It sees a ``View``, what a lender sees. Only ``clairvoyant`` looks at the debtors' nature: no lender can.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from dunwell.calendars import day_number
from dunwell.rehearsal.collecting import CHANNELS, CONVERSATION, OUTCOME_SHARES
from dunwell.rehearsal.contact_kernel import REFUSED, plan_break
from dunwell.rehearsal.debtor_kernel import MONTH_DAYS, NEVER, STRUGGLES
from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.debtors import ACTIVE
from dunwell.rehearsal.draws import Flags, Floats, Ints
from dunwell.rehearsal.effects import Effects

LONG_AGO = 999


class View(NamedTuple):
    """Late people tomorrow, a row each: what a lender knows of them.

    ``persons`` are rows of the world's people. ``days_since_call``, ``days_since_talk`` and ``days_since_payment`` are LONG_AGO
    where there was none; ``calls`` counts those of the last thirty days, ``attempts`` and ``talks`` those of all the time;
    ``seen`` is the risk by the credit score, in standard deviations; ``broke_promise``: one is past its day and nothing came
    since it was given. Who does not stand in ``may_call`` has a hold or a wish to be left alone: nobody calls them.
    ``spell_days``: since when they were never up to date, which a part payment does not shorten as it does ``past_due_days``.
    """

    persons: Ints
    past_due_days: Ints
    owed_minor: Ints
    calls: Ints
    days_since_call: Ints
    days_since_talk: Ints
    has_promise: Flags
    seen: Floats
    may_call: Flags
    days_since_payment: Ints
    attempts: Ints
    talks: Ints
    broke_promise: Flags
    spell_days: Ints


Priority = Callable[[View], Floats]


@runtime_checkable
class Caller(Protocol):
    """One who chooses whom to call day by day and hears what comes of it."""

    def choose(self, view: View, calls: int) -> Ints:
        """Rows of the view to be called, at most so many."""

    def hear(self, came_minor: Floats) -> None:
        """What came in on that day of what was past due, by person of the world."""


Policy = Callable[[DebtorWorld], Priority | Caller]
"""Made for a world: where a strategy enters."""
Ranking = Callable[[DebtorWorld], Priority]
"""A policy that ranks and learns nothing while it runs."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Calls those of the highest priority above 0, ties by row, and learns nothing."""

    priority: Priority

    def choose(self, view: View, calls: int) -> Ints:
        """The highest."""
        return highest(self.priority(view) * view.may_call, calls)

    def hear(self, came_minor: Floats) -> None:
        """Nothing changes."""


def highest(priorities: Floats, count: int) -> Ints:
    """Rows of the highest priorities above 0, at most so many; ties by row."""
    order = np.argsort(-priorities, kind="stable")[:count]
    return np.asarray(order[priorities[order] > 0], dtype=np.int64)


REST_DAYS = 3
"""The rules leave a person alone for so long after a call, and while a promise is open: a house figure."""


def rested(view: View, rest_days: int = REST_DAYS) -> Flags:
    """Who is not left alone after a call or a promise."""
    return (view.days_since_call >= rest_days) & ~view.has_promise


def constant_effort(rest_days: int = 0) -> Ranking:
    """Everybody alike, at most a call every so many days: whoever has waited longest."""

    def priority(view: View) -> Floats:
        waited = view.days_since_call + view.persons % 97 / 100
        return np.asarray(waited * (view.days_since_call >= rest_days), dtype=np.float64)

    return lambda world: priority


def by_bucket(
    places: tuple[float, float, float, float] = (1.0, 3.0, 4.0, 2.0), rest_days: int = REST_DAYS
) -> Ranking:
    """By days late; within a bucket the largest sums first. ``places``: the rank of those up to 30, 60, 90 and more days late,
    the highest called first. As it stands, two and three months before one month before the rest.
    """

    def priority(view: View) -> Floats:
        bucket = np.array(places)[np.searchsorted([31, 61, 91], view.past_due_days, side="right")]
        within = view.owed_minor / (1.0 + view.owed_minor.max(initial=1))
        return np.asarray((bucket + within) * rested(view, rest_days), dtype=np.float64)

    return lambda world: priority


def highest_balance(from_day: int = 1, rest_days: int = REST_DAYS) -> Ranking:
    """The largest sums past due first, of those so many days late or more."""

    def priority(view: View) -> Floats:
        is_meant = rested(view, rest_days) & (view.past_due_days >= from_day)
        return np.asarray(view.owed_minor * is_meant, dtype=np.float64)

    return lambda world: priority


def highest_score(days_scale: float = 60.0, rest_days: int = REST_DAYS) -> Ranking:
    """The worst risks first: by the credit score and the days late, so many of which count as much as 1.7 deviations of it."""
    return lambda world: (
        lambda view: np.exp(0.6 * view.seen + view.past_due_days / days_scale) * rested(view, rest_days)
    )


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


def marginal_value(
    logs: Sequence[CallLog], shrinkage: float = _SHRINKAGE, rest_days: int = REST_DAYS
) -> Ranking:
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
    gains = (weight * (called - others) + shrinkage * overall) / (weight + shrinkage)

    def policy(world: DebtorWorld) -> Priority:
        return lambda view: np.asarray(
            gains[cells_of(view)] * view.owed_minor * rested(view, rest_days), dtype=np.float64
        )

    return policy


def clairvoyant(until: date) -> Ranking:
    """Knows each debtor's nature and plans, and calls where a call adds most to what comes in by a day.

    An upper mark for what anybody could know, not a proven bound: it looks one call ahead, and at what is owed today.
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
        unpaid = np.exp(-hard[rows] * ahead)
        moved = unpaid * np.exp(-gain[rows] * faded)
        level = debts.intensity[i] + effects.resting_intensity * debts.ease[i] * (
            debts.planned_on[i] == STRUGGLES
        )
        is_behind = debts.due_rows[i] - debts.oldest_rows[i] >= 2
        promised = _promised_share(effects, level * hard[rows], moved, is_behind, hard[rows], until - day)
        added = (1 - effects.promise_share) * (unpaid - moved) + effects.promise_share * (
            promised - (1 - unpaid)
        )
        moved = np.where(is_open & (debts.promise_on[i] == 0), _owed(world, i) * added, 0.0)
        value[rows] += moved
    return np.asarray(np.where(tired > effects.fatigue_limit, 0.0, value * talk), dtype=np.float64)


_PROMISE_DAYS, _PLAN_PARTS = 8.5, np.arange(2, 13)
"""How far off a promise lies on average, and the parts that a plan may have, in the world."""


def _promised_share(
    effects: Effects, level: Floats, moved: Floats, is_behind: Flags, hard: Floats, days: int
) -> Floats:
    """What comes in of what is owed within so many days from who promises: all, half, or part by part where it is a plan.

    Until its day a promise holds back what would have come by chance. The parts of a plan, which people two or more instalments
    behind may agree to, come beside that and hold nothing back.
    """
    if days < _PROMISE_DAYS:
        return np.zeros(len(moved))
    keeps = 1 - (1 - effects.promise_kept * hard) * np.exp(-level * _PROMISE_DAYS / MONTH_DAYS)
    half = 0.5 + 0.5 * (1 - moved)
    single = keeps * (1 - effects.part_promise_share * (1 - half)) + (1 - keeps) * (1 - moved)
    due = np.minimum(1 + int((days - _PROMISE_DAYS) // MONTH_DAYS), _PLAN_PARTS)
    breaks = np.array([plan_break(parts, effects) for parts in _PLAN_PARTS.tolist()])
    plan = float(((1 - breaks / 2) * due / _PLAN_PARTS).mean())
    share = np.where(is_behind, effects.plan_share, 0.0)
    return np.asarray((1 - share) * single + share * (1 - moved * (1 - plan)), dtype=np.float64)


def _owed(world: DebtorWorld, debts: Ints) -> Floats:
    """What is past due of these debts."""
    due = np.maximum(world.debts.due_rows[debts] - 1, 0)
    unpaid = np.maximum(world.schedule.sums_minor[due] - world.debts.paid_minor[debts], 0)
    return np.asarray(unpaid + world.debts.extra_minor[debts], dtype=np.float64)


RULES: dict[str, Ranking] = {
    "constant effort": constant_effort(),
    "bucket rules": by_bucket(),
    "highest balance first": highest_balance(),
    "highest score first": highest_score(),
}
"""What lenders do without learning, as they are usually set; ``tuning`` sets them for a world."""
