"""What was realised: counted again from the money on the tape, independently of the states that were drawn."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dunwell.rehearsal.cash import CHARGEBACK, PAYMENT, REVERSAL, Payments
from dunwell.rehearsal.draws import Ints
from dunwell.rehearsal.lending import NEVER, Days, Loans

SEASONED_DAYS = 60
"""Due-date behaviour is counted on instalments due at least so long ago, so that late payers have been seen to pay."""

DAYS_EARLY_MAX = 60


@dataclass(slots=True)
class Measures:
    """Counts that add up over batches; ``realised`` turns them into figures."""

    customers: int = 0
    accounts: int = 0
    settled: int = 0
    late: int = 0
    week_late: int = 0
    days_late: Ints = field(default_factory=lambda: np.zeros(2 * DAYS_EARLY_MAX + 1, dtype=np.int64))
    rolls: Ints = field(default_factory=lambda: np.zeros((6, 6), dtype=np.int64))
    late_months: int = 0
    late_months_paid: int = 0
    kinds: Ints = field(default_factory=lambda: np.zeros(3, dtype=np.int64))
    pieces: int = 0
    vintages: dict[int, Ints] = field(default_factory=dict)

    def add(self, customers: int, loans: Loans, payments: Payments, as_of: int) -> Days:
        """Count a batch; returns the day each instalment was settled (NEVER: not yet), by the money alone."""
        settled_on = settled_by_money(loans, payments)
        self.customers += customers
        self.accounts += loans.count
        self.kinds += np.bincount(payments.kinds, minlength=3)
        self.pieces += int(payments.is_piece.sum()) // 2
        self._count_due_dates(loans, settled_on, as_of)
        self._count_months(loans, settled_on, payments, as_of)
        return settled_on

    def realised(self) -> dict[str, tuple[float, int]]:
        """Figure and number of cases by the names of ``facts.TARGETS``; NaN where there is no case."""
        return {
            **repayment_figures(self.settled, self.late, self.week_late, self.days_late, self.rolls),
            "paid something when 2+ months late": share_of(self.late_months_paid, self.late_months),
            "accounts a customer": share_of(self.accounts, self.customers),
            "payments in two pieces": share_of(self.pieces, self.kinds[PAYMENT] - self.pieces),
        }

    def vintage_curves(self) -> dict[str, dict[str, float | int]]:
        """By month of opening: accounts, and the share ever 30+ days past due within 6 and 12 months of it (NaN: too young)."""
        curves: dict[str, dict[str, float | int]] = {}
        for month, (accounts, of_six, six, of_twelve, twelve) in sorted(self.vintages.items()):
            name = str(np.datetime64(month, "M"))
            curves[name] = {"accounts": int(accounts)}
            if of_six:
                curves[name]["ever_30_within_6_months"] = round(int(six) / int(of_six), 4)
            if of_twelve:
                curves[name]["ever_30_within_12_months"] = round(int(twelve) / int(of_twelve), 4)
        return curves

    def _count_due_dates(self, loans: Loans, settled_on: Days, as_of: int) -> None:
        """Instalments that fell due on an account with nothing older unpaid."""
        before = np.concatenate([loans.opened_on[:, None], settled_on[:, :-1]], axis=1)
        is_counted = (before <= loans.due_on) & (loans.due_on <= as_of - SEASONED_DAYS)
        days_late = (np.minimum(settled_on, as_of) - loans.due_on)[is_counted]
        self.settled += len(days_late)
        self.late += int((days_late > 0).sum())
        self.week_late += int((days_late >= 7).sum())
        bounded = days_late.clip(-DAYS_EARLY_MAX, DAYS_EARLY_MAX) + DAYS_EARLY_MAX
        self.days_late += np.bincount(bounded, minlength=len(self.days_late))

    def _count_months(self, loans: Loans, settled_on: Days, payments: Payments, as_of: int) -> None:
        """Months past due at each month's end while instalments still fall due, and what became of them a month later."""
        counts, ages = loans.instalment_counts, np.arange(1, loans.due_on.shape[1] + 1)
        ever_late_by = np.full(loans.count, NEVER, dtype=np.int64)
        was, was_counted = np.zeros(loans.count, dtype=np.int64), np.zeros(loans.count, dtype=np.bool_)
        month_sums = _money_by_month(loans, payments)
        for age in ages.tolist():
            ends_on = (loans.opened_in + age + 1).astype("datetime64[M]").astype("datetime64[D]").astype(
                np.int32
            ) - 1
            oldest = (settled_on <= ends_on[:, None]).sum(axis=1)
            months = np.where(oldest < np.minimum(age, counts), np.minimum(age - 1 - oldest, 5), 0)
            is_seen = (ends_on <= as_of) & (age <= counts)
            both = was_counted & is_seen
            self.rolls += np.bincount(was[both] * 6 + months[both], minlength=36).reshape(6, 6)
            was_very_late = both & (was >= 2)
            self.late_months += int(was_very_late.sum())
            self.late_months_paid += int((month_sums[was_very_late, age] > 0).sum())
            ever_late_by = np.where(is_seen & (months >= 1), np.minimum(ever_late_by, age), ever_late_by)
            was, was_counted = months, is_seen
        self._count_vintages(loans, ever_late_by, as_of)

    def _count_vintages(self, loans: Loans, ever_late_by: Ints, as_of: int) -> None:
        this_month = int(np.datetime64(as_of, "D").astype("datetime64[M]").astype(np.int64))
        for month in np.unique(loans.opened_in).tolist():
            late_by = ever_late_by[loans.opened_in == month]
            is_six, is_twelve = this_month - month > 6, this_month - month > 12
            row = np.array(
                [
                    len(late_by),
                    len(late_by) * is_six,
                    int((late_by <= 6).sum()) * is_six,
                    len(late_by) * is_twelve,
                    int((late_by <= 12).sum()) * is_twelve,
                ]
            )
            self.vintages[month] = self.vintages.get(month, 0) + row


def repayment_figures(
    settled: int, late: int, week_late: int, days_late: Ints, rolls: Ints
) -> dict[str, tuple[float, int]]:
    """Due-date behaviour and monthly rolls by the names of ``facts.TARGETS``, with their numbers of cases (NaN: none).

    Of ``settled`` instalments ``late`` were paid after the due date and ``week_late`` a week or more; ``days_late`` counts them
    by days late from -DAYS_EARLY_MAX to DAYS_EARLY_MAX; ``rolls`` (6 x 6) counts accounts by months past due at one month's end
    and at the next one's.
    """
    rolled = rolls.sum(axis=1)
    middle = int(np.searchsorted(np.cumsum(days_late), settled / 2)) - DAYS_EARLY_MAX
    return {
        "paid after the due date": share_of(late, settled),
        "paid a week or more late": share_of(week_late, settled),
        "median days late": (float(middle), settled),
        "monthly roll 0 -> 30+": share_of(rolls[0, 1:].sum(), rolled[0]),
        "monthly roll 1 -> 0 (cured)": share_of(rolls[1, 0], rolled[1]),
        "monthly roll 1 -> 2": share_of(rolls[1, 2], rolled[1]),
        "monthly roll 2 -> 3": share_of(rolls[2, 3], rolled[2]),
        "monthly roll 3 -> 4": share_of(rolls[3, 4], rolled[3]),
        "monthly roll 4 -> 5": share_of(rolls[4, 5], rolled[4]),
        "monthly roll 5 stays 5": share_of(rolls[5, 5], rolled[5]),
    }


def share_of(part: float, whole: float) -> tuple[float, int]:
    """A share with its number of cases; NaN where there is no case."""
    return (float(part / whole) if whole else float("nan"), int(whole))


def settled_by_money(loans: Loans, payments: Payments) -> Days:
    """The day on which the money paid toward instalments first reached each one's end; NEVER where it has not."""
    far = np.int64(10**13)
    is_toward = payments.toward_minor > 0
    accounts = payments.accounts[is_toward]
    toward = payments.toward_minor[is_toward]
    starts = np.concatenate([[0], np.cumsum(np.bincount(accounts, minlength=loans.count))])
    running = np.concatenate([[0], np.cumsum(toward)])
    paid = running[1:] - running[starts[accounts]]
    keys = accounts * far + paid
    wanted = np.arange(loans.count)[:, None] * far + loans.due_sums_minor[:, 1:]
    rows = np.searchsorted(keys, wanted.ravel(), side="left").reshape(wanted.shape)
    days: NDArray[np.int32] = np.append(payments.on[is_toward], NEVER)
    is_reached = (rows < starts[1:][:, None]) & (loans.due_on < NEVER)
    return np.where(is_reached, days[np.minimum(rows, len(days) - 1)], NEVER).astype(np.int32)


def _money_by_month(loans: Loans, payments: Payments) -> Ints:
    """What came in, reversed money left out, by account and months since its opening."""
    is_money = (payments.kinds == PAYMENT) & (payments.toward_minor > 0)
    accounts = payments.accounts[is_money]
    months = payments.on[is_money].astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    age = months - loans.opened_in[accounts]
    width = int(age.max(initial=0)) + loans.due_on.shape[1] + 1
    sums = np.bincount(
        accounts * width + age, weights=payments.toward_minor[is_money], minlength=loans.count * width
    )
    return sums.reshape(loans.count, width).astype(np.int64)


__all__ = ["CHARGEBACK", "REVERSAL", "Measures", "settled_by_money"]
