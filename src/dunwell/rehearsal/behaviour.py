"""How people pay: each account's state month by month, drawn from the published transitions; money follows from it.

Months past due are counted by the calendar: an account whose oldest unpaid instalment fell due j months before a month's end
is j months past due at that end (about 30 j days, up to 30 more). An instalment that falls due on an account up to date is
paid early, on time, up to 27 days late, or *rolls*, unpaid for more than a month. From then on the month's outcome is drawn
from a row of ``facts.ROLL_RATES``: cured, part of the way back, held, or one month worse.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunwell.rehearsal.draws import Flags, Floats, Ints, days_between, happens, pick, pick_by_row
from dunwell.rehearsal.facts import LATE_SHARE, ROLL_OUT_OF_CURRENT, ROLL_RATES, WEEK_LATE_SHARE
from dunwell.rehearsal.lending import NEVER, Days, Loans

EARLY_DAYS = np.arange(0, -26, -1)
EARLY_SHARES = np.concatenate([[0.186, 0.103, 0.083], 0.075 * 0.845 ** np.arange(23)])
SHORT_DAYS = np.arange(1, 7)
SHORT_SHARES = np.array([0.030, 0.022, 0.016, 0.013, 0.011, 0.010])
MIDDLE_DAYS = np.arange(7, 28)
MIDDLE_SHARES = np.power(0.9, np.arange(len(MIDDLE_DAYS), dtype=np.float64))

ROLL_SHARE = ROLL_OUT_OF_CURRENT / (1 - 0.95 * ROLL_OUT_OF_CURRENT)
"""Of instalments falling due on an account that is up to date. Those due in a month of cure find it not up to date, so the
share is a little above the monthly rate."""

SELECTION = 1.03
"""The risky are seldom up to date when an instalment falls due, so the average risk then is this much below 1."""

PREPAY_SHARE, PREPAY_ALL_SHARE = 0.004, 0.15
"""Of payers on time, those who pay further instalments ahead; and of them, those who pay all that is left."""

PART_SHARES = np.array([0.0, 0.15, 0.02, 0.02, 0.02, 0.02])
"""By months past due: how many of those who make no progress in a month still pay a part of an instalment."""


@dataclass(frozen=True, slots=True)
class Settlements:
    """Money that settles an account's instalments from column ``first`` up to but not including ``after``, on a day.

    Rows in order of account and day. ``paid_before_minor`` came earlier, in parts; ``is_cure`` when nothing due stays unpaid.
    """

    accounts: Ints
    on: Days
    first: Ints
    after: Ints
    paid_before_minor: Ints
    is_cure: Flags


@dataclass(frozen=True, slots=True)
class Parts:
    """Money that settles nothing yet."""

    accounts: Ints
    on: Days
    amounts_minor: Ints


@dataclass(frozen=True, slots=True)
class Episodes:
    """Spells of lateness: from a due day missed to the day when the account is up to date again (NEVER: still open).

    ``first`` is the column of the instalment missed. In order of account and day.
    """

    accounts: Ints
    first: Ints
    since: Days
    until: Days


@dataclass(frozen=True, slots=True)
class Behaviour:
    """All that the accounts of a batch do; it may run past the tape's day, which cuts it."""

    settlements: Settlements
    parts: Parts
    episodes: Episodes


def behave(loans: Loans, generator: np.random.Generator, last_month: int, stress: float = 1.0) -> Behaviour:
    """Simulate every account from its opening to ``last_month`` (months since 1970-01), all accounts a month at a time.

    ``stress`` multiplies the odds of getting a month worse, for those already a month or more past due.
    """
    life = _Life(loans, generator, stress)
    for age in range(1, int(last_month - loans.opened_in.min()) + 1):
        is_open = (life.oldest < loans.instalment_counts) & (loans.opened_in + age <= last_month)
        rows = np.flatnonzero(is_open)
        behind = age - 2 - life.oldest[rows]
        life.roll_on(rows[behind >= 1], age)
        life.pay_a_part(rows[behind == 0], age, PART_SHARES[1])
        is_up_to_date = (life.oldest[rows] == age - 1) & (age <= loans.instalment_counts[rows])
        life.fall_due(rows[is_up_to_date], age)
    return life.told()


class _Life:
    """The accounts' state while months go by. ``oldest`` is the column of the oldest instalment not yet settled."""

    def __init__(self, loans: Loans, generator: np.random.Generator, stress: float) -> None:
        self.loans, self.generator, self.stress = loans, generator, stress
        self.oldest = np.zeros(loans.count, dtype=np.int64)
        self.last_paid_on = loans.opened_on.copy()
        self.part_minor = np.zeros(loans.count, dtype=np.int64)
        self.missed = np.full(loans.count, -1, dtype=np.int64)
        self.settled: list[tuple[Ints, Days, Ints, Ints, Ints, Flags]] = []
        self.parts: list[tuple[Ints, Days, Ints]] = []
        self.spells: list[tuple[Ints, Ints, Days]] = []

    def fall_due(self, rows: Ints, age: int) -> None:
        """An instalment falls due on accounts that are up to date: early, on time, late, or not for a long time."""
        if not len(rows):
            return
        generator, column = self.generator, age - 1
        risks = self.loans.risks[rows] * SELECTION
        late_shares = np.array([ROLL_SHARE, WEEK_LATE_SHARE - ROLL_SHARE, LATE_SHARE - WEEK_LATE_SHARE])
        fates = (generator.random(len(rows))[:, None] >= np.cumsum(late_shares) * risks[:, None]).sum(axis=1)
        days_late = EARLY_DAYS[pick(generator, EARLY_SHARES, len(rows))]
        days_late = np.where(fates == 2, SHORT_DAYS[pick(generator, SHORT_SHARES, len(rows))], days_late)
        days_late = np.where(fates == 1, MIDDLE_DAYS[pick(generator, MIDDLE_SHARES, len(rows))], days_late)

        rolls, pays = rows[fates == 0], rows[fates > 0]
        self.missed[rolls] = column
        due_on = self.loans.due_on[pays, column]
        on = np.maximum(due_on + days_late[fates > 0].astype(np.int32), self.last_paid_on[pays])
        is_late = on > due_on
        self.missed[pays[is_late]] = column
        self._settle(pays, on, self._ahead(pays, column, ~is_late), np.ones(len(pays), dtype=np.bool_))

    def roll_on(self, rows: Ints, age: int) -> None:
        """A month goes by for accounts one or more months past due."""
        if not len(rows):
            return
        counts, oldest = self.loans.instalment_counts[rows], self.oldest[rows]
        now = np.minimum(age - 2 - oldest, 5)
        reached = age - 1 - np.arange(6)[None, :]
        is_possible = (reached > oldest[:, None]) & (reached < counts[:, None])
        is_possible[:, 0] = True
        is_possible[np.arange(len(rows)), np.minimum(now + 1, 5)] = True
        weights = ROLL_RATES[now] * is_possible
        weights[np.arange(len(rows)), np.minimum(now + 1, 5)] *= self.stress
        then = pick_by_row(self.generator, weights)

        month = (self.loans.opened_in[rows] + age).astype("datetime64[M]")
        first_day = month.astype("datetime64[D]").astype(np.int32)
        last_day = (month + 1).astype("datetime64[D]").astype(np.int32) - np.int32(1)
        on = days_between(
            self.generator, np.maximum(first_day, self.last_paid_on[rows] + np.int32(1)), last_day
        )

        is_cured, is_held = then == 0, then == np.minimum(now + 1, 5)
        due_this_month = self.loans.due_on[rows, np.minimum(age - 1, self.loans.due_on.shape[1] - 1)]
        up_to_date = np.minimum(np.where(on < due_this_month, age - 1, age), counts)
        after = np.where(is_cured, up_to_date, age - 1 - then)
        moves = ~is_held
        self._settle(rows[moves], on[moves], after[moves], is_cured[moves])
        self.pay_a_part(rows[is_held], age, PART_SHARES[now[is_held]])

    def pay_a_part(self, rows: Ints, age: int, shares: float | Floats) -> None:
        """Some of those who settle nothing this month pay 10 to 60 % of what is left of their oldest instalment."""
        rows = rows[happens(self.generator, shares, len(rows))]
        left = self._instalments_minor(rows) - self.part_minor[rows]
        amounts = (left * self.generator.integers(10, 61, len(rows))) // 100
        rows, amounts = rows[amounts > 0], amounts[amounts > 0]
        first_day = (
            (self.loans.opened_in[rows] + age)
            .astype("datetime64[M]")
            .astype("datetime64[D]")
            .astype(np.int32)
        )
        on = np.maximum(
            days_between(self.generator, first_day, first_day + np.int32(27)), self.last_paid_on[rows]
        )
        self.part_minor[rows] += amounts
        self.last_paid_on[rows] = on
        self.parts.append((rows, on, amounts))

    def told(self) -> Behaviour:
        """What happened, in order of account and day; spells still open included."""
        still_late = np.flatnonzero(self.missed >= 0)
        self.spells.append(
            (still_late, self.missed[still_late], np.full(len(still_late), NEVER, dtype=np.int32))
        )
        settled = [np.concatenate(column) for column in zip(*self.settled, strict=True)]
        order = np.lexsort((settled[2], settled[0]))
        accounts, first, until = (np.concatenate(column) for column in zip(*self.spells, strict=True))
        by_day = np.lexsort((first, accounts))
        parts = [np.concatenate(column) for column in zip(*self.parts, strict=True)]
        return Behaviour(
            settlements=Settlements(*(column[order] for column in settled)),
            parts=Parts(*parts),
            episodes=Episodes(
                accounts[by_day],
                first[by_day],
                self.loans.due_on[accounts, first][by_day],
                until[by_day].astype(np.int32),
            ),
        )

    def _instalments_minor(self, rows: Ints) -> Ints:
        sums, oldest = self.loans.due_sums_minor, self.oldest[rows]
        return sums[rows, oldest + 1] - sums[rows, oldest]

    def _ahead(self, rows: Ints, column: int, may_prepay: NDArray[np.bool_]) -> Ints:
        """Up to which column money goes that settles the instalment of ``column``: some pay further ones ahead."""
        counts = self.loans.instalment_counts[rows]
        prepays = may_prepay & happens(self.generator, PREPAY_SHARE, len(rows)) & self.loans.can_prepay[rows]
        further = np.where(
            happens(self.generator, PREPAY_ALL_SHARE, len(rows)),
            counts,
            self.generator.integers(1, 4, len(rows)),
        )
        return np.asarray(np.minimum(column + 1 + np.where(prepays, further, 0), counts), dtype=np.int64)

    def _settle(self, rows: Ints, on: Days, after: Ints, is_cure: Flags) -> None:
        self.settled.append((rows, on, self.oldest[rows], after, self.part_minor[rows], is_cure))
        self.oldest[rows], self.last_paid_on[rows], self.part_minor[rows] = after, on, 0
        ends = is_cure & (self.missed[rows] >= 0)
        self.spells.append((rows[ends], self.missed[rows[ends]], on[ends]))
        self.missed[rows[ends]] = -1
