"""What the world gives, measured: the published figures it was calibrated to, counted while debtors live in it.

Months past due at a month's end are counted as in the portfolio's manifest, and so is who pays by the due date. The effects
of contacts are measured as the published experiments did: by lot, one group contacted and one not.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.rehearsal.debtor_world import DebtorWorld, Events
from dunwell.rehearsal.debtors import ACTIVE, CHARGED_OFF
from dunwell.rehearsal.draws import Flags, Ints
from dunwell.rehearsal.effect_measures import effect_figures
from dunwell.rehearsal.effects import Effects
from dunwell.rehearsal.measures import DAYS_EARLY_MAX, repayment_figures, share_of
from dunwell.rehearsal.moving_in import Census
from dunwell.rehearsal.usual_contacts import usual_contacts

Policy = Callable[[DebtorWorld], pl.DataFrame]
"""What to do tomorrow: a world's lender sees its standing and answers with contacts."""


@dataclass(slots=True)
class Watch:
    """Counts kept while a world is lived in under a policy; ``figures`` turns them into shares with their number of cases."""

    world: DebtorWorld
    rolls: Ints = field(default_factory=lambda: np.zeros((6, 6), dtype=np.int64))
    paid_when_very_late: int = 0
    very_late: int = 0
    settled: int = 0
    late: int = 0
    week_late: int = 0
    days_late: Ints = field(default_factory=lambda: np.zeros(2 * DAYS_EARLY_MAX + 1, dtype=np.int64))
    _states: Ints | None = None
    _settled_on: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _has_paid: Flags = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))

    def live(
        self, days: int, policy: Policy = usual_contacts, told: Callable[[Events], None] = lambda events: None
    ) -> None:
        """Let so many days pass under a policy, counting."""
        if not len(self._has_paid):
            self._has_paid = np.zeros(len(self.world.debts.keys), dtype=np.bool_)
            self._settled_on = np.zeros(len(self.world.debts.keys), dtype=np.int64)
        for _ in range(days):
            contacts = policy(self.world)
            before = self.world.debts.oldest_rows.copy()
            events = self.world.step(contacts)
            told(events)
            self._count_settled(before)
            payers = self.world.accounts["account_id"].is_in(
                events.tables["payments"]["account_id"].implode()
            )
            self._has_paid |= payers.to_numpy()
            if (events.day + timedelta(days=1)).day == 1:
                self._end_month(events.day)

    def _count_settled(self, before: Ints) -> None:
        """Instalments settled today by accounts that had nothing older unpaid, by days late."""
        debts, today = self.world.debts, day_number(self.world.today)
        rows = np.flatnonzero((debts.oldest_rows > before) & (debts.statuses != CHARGED_OFF))
        oldest = before[rows]
        due_on = self.world.schedule.due_on[oldest]
        days = (today - due_on)[self._settled_on[rows] <= due_on]
        self._settled_on[rows] = today
        self.settled += len(days)
        self.late += int((days > 0).sum())
        self.week_late += int((days >= 7).sum())
        self.days_late += np.bincount(
            days.clip(-DAYS_EARLY_MAX, DAYS_EARLY_MAX) + DAYS_EARLY_MAX, minlength=2 * DAYS_EARLY_MAX + 1
        )

    def _end_month(self, day: date) -> None:
        states = months_past_due(self.world, day)
        if self._states is not None:
            both = (self._states >= 0) & (states >= 0)
            self.rolls += np.bincount(self._states[both] * 6 + states[both], minlength=36).reshape(6, 6)
            was_very_late = both & (self._states >= 2)
            self.very_late += int(was_very_late.sum())
            self.paid_when_very_late += int((was_very_late & self._has_paid).sum())
        self._states = states
        self._has_paid[:] = False

    def figures(self) -> dict[str, tuple[float, int]]:
        """Figure and number of cases by the names of ``facts.TARGETS``; NaN where there is no case."""
        return {
            **repayment_figures(self.settled, self.late, self.week_late, self.days_late, self.rolls),
            "paid something when 2+ months late": share_of(self.paid_when_very_late, self.very_late),
        }


def months_past_due(world: DebtorWorld, day: date) -> Ints:
    """By debt: calendar months since the month in which the oldest unpaid instalment fell due (5: five or more).

    -1 where the debt has ended, was charged off, or has no instalment still to fall due.
    """
    debts, schedule = world.debts, world.schedule
    last = debts.known_rows - 1
    oldest = np.minimum(debts.oldest_rows, last)
    months = np.datetime64(day, "M") - schedule.due_on[oldest].astype("datetime64[D]").astype("datetime64[M]")
    is_late = debts.oldest_rows < debts.due_rows
    states = np.where(is_late, months.astype(np.int64).clip(0, 5), 0)
    is_seen = (debts.statuses == ACTIVE) & ((debts.due_rows < debts.known_rows) | debts.revolves | is_late)
    return np.where(is_seen, states, -1)


def measure_world(
    census: Census, effects: Effects, seed: int, as_of: date, *, days: int = 150, cohort: int = 20_000
) -> dict[str, tuple[float, int]]:
    """Every figure of ``facts.TARGETS`` that the world can meet, and all of ``facts.EFFECT_TARGETS``, with their cases.

    The census lives for ``days`` days under the usual contacts; the effects are measured on ``cohort`` made debtors.
    """
    watch = Watch(DebtorWorld(census, effects, seed, as_of))
    watch.live(days)
    return watch.figures() | effect_figures(effects, cohort, seed)
