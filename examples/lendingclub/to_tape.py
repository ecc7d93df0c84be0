"""LendingClub's 36-month loans of 2015 as a tape: what was paid in all is a fact, on which days it was paid is assumed.

    python examples/lendingclub/to_tape.py --data lendingclub_outcomes_2015.csv.gz --out /tmp/lendingclub

The file gives totals (principal, interest, late fees, recoveries) and the outcome, but no payment dates. Schedule and payments
are derived from them here so that every total is met to the cent; the README beside this script says what is assumed.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

PRODUCT = "lendingclub-36"
MONTHS = 36
ALMOST_WHOLE = 0.95  # of an instalment: from there on it counts as a whole one
CHARGE_OFF_DAYS = 150
RECOVERY_MONTHS = 12  # after charge-off, where no settlement dates it

Cents = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Totals:
    """What the file says of each loan, in cents; rates in hundredths of a percent a year."""

    principal: Cents
    instalment: Cents
    rate_bp: Cents
    received_principal: Cents
    received_interest: Cents
    late_fees: Cents
    recoveries: Cents
    is_charged_off: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Instalments of each loan, a loan a row and a month a column; ``count`` says how many of them there are."""

    principal: Cents
    interest: Cents
    count: Cents

    def months(self) -> NDArray[np.bool_]:
        """Which months hold an instalment."""
        return np.arange(MONTHS) < self.count[:, None]


def read_totals(loans: pl.DataFrame) -> Totals:
    """The file's figures as whole cents. The amount lent is not in the file: it is what was repaid when a loan was repaid in
    full, else the present value of 36 instalments to the nearest 25 dollars (in which it was lent).
    """

    def cents(name: str) -> Cents:
        return (loans[name].cast(pl.Decimal(18, 2)) * 100).cast(pl.Int64).to_numpy()

    rate_bp, instalment, repaid = cents("int_rate"), cents("installment"), cents("total_rec_prncp")
    is_charged_off = (loans["loan_status"] == "Charged Off").to_numpy()
    monthly = rate_bp / 120_000
    present_value = instalment * (1 - (1 + monthly) ** -MONTHS) / monthly
    lent = np.rint(present_value / 2500).astype(np.int64) * 2500
    principal = np.where(is_charged_off, np.maximum(lent, repaid), repaid)
    level = np.rint(principal * monthly / (1 - (1 + monthly) ** -MONTHS)).astype(np.int64)
    is_consistent = np.abs(present_value - principal) <= 100
    return Totals(
        principal,
        np.where(is_consistent, instalment, level),
        rate_bp,
        repaid,
        cents("total_rec_int"),
        cents("total_rec_late_fee"),
        cents("recoveries"),
        is_charged_off,
    )


def annuity(totals: Totals) -> Schedule:
    """The contract's schedule: level instalments, interest by the month on what is left, the last one takes the rest."""
    left = totals.principal.copy()
    principal = np.zeros((len(left), MONTHS), np.int64)
    interest = np.zeros_like(principal)
    for month in range(MONTHS):
        interest[:, month] = np.rint(left * totals.rate_bp / 120_000).astype(np.int64)
        is_last = month == MONTHS - 1
        principal[:, month] = left if is_last else np.minimum(totals.instalment - interest[:, month], left)
        left -= principal[:, month]
    return Schedule(principal, interest, np.full(len(left), MONTHS))


def schedule(totals: Totals, contract: Schedule) -> Schedule:
    """The schedule as it ended: a loan repaid early gets a last instalment of what was outstanding, in the month in which the
    interest received had been earned; a charged-off loan keeps its contract's.
    """
    earned = contract.interest.cumsum(axis=1)
    months_to_earn = (earned < totals.received_interest[:, None]).sum(axis=1) + 1
    count = np.where(totals.is_charged_off, MONTHS, np.minimum(months_to_earn, MONTHS))
    row, last = np.arange(len(count)), count - 1
    principal, interest = contract.principal.copy(), contract.interest.copy()
    is_kept = np.arange(MONTHS) < last[:, None]
    repaid_before = (principal * is_kept).sum(axis=1)
    interest_before = (interest * is_kept).sum(axis=1)
    is_repaid = ~totals.is_charged_off
    principal[row[is_repaid], last[is_repaid]] = (totals.principal - repaid_before)[is_repaid]
    interest[row[is_repaid], last[is_repaid]] = (totals.received_interest - interest_before)[is_repaid]
    interest[:, 0] -= _short_of_whole(totals)
    return Schedule(principal, interest, count)


def payments(totals: Totals, ended: Schedule) -> Cents:
    """What is paid on each due date: the instalments of the schedule as far as the money received reaches."""
    due = ((ended.principal + ended.interest) * ended.months()).cumsum(axis=1)
    received = totals.received_principal + totals.received_interest
    paid = np.minimum(due, received[:, None])
    paid[:, -1] = received  # what exceeds a contract's sum comes with its last instalment
    on_each_date: Cents = np.diff(paid, axis=1, prepend=0)
    return on_each_date


def _short_of_whole(totals: Totals) -> Cents:
    """By how much the money received on a charged-off loan misses a whole number of instalments, when it is nearly one.

    Most loans' first period is some days short of a month, and its interest lower by so much.
    """
    received = totals.received_principal + totals.received_interest
    part = received % totals.instalment
    is_almost_whole = totals.is_charged_off & (part >= ALMOST_WHOLE * totals.instalment)
    return np.where(is_almost_whole, totals.instalment - part, 0)


def tape(loans: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables of the tape, by name, from the file's rows."""
    totals = read_totals(loans)
    ended = schedule(totals, annuity(totals))
    paid = payments(totals, ended)
    # The loan's last payment, or its first due date when none was made: late fees are charged and paid then.
    last_paid = np.where(paid > 0, np.arange(MONTHS), -1).max(axis=1)
    frame = loans.select(
        account_id=pl.col("id").cast(pl.String),
        annual_rate=(pl.col("int_rate").cast(pl.Decimal(15, 6)) / 100).cast(pl.Decimal(9, 6)),
        opened_on=pl.col("issue_d").str.to_date(),
        status=pl.when(loan_status="Charged Off").then(pl.lit("charged_off")).otherwise(pl.lit("closed")),
        settled_on=pl.col("settlement_date").str.to_date(),
        principal=pl.Series(totals.principal),
        late_fee=pl.Series(totals.late_fees),
        recovery=pl.Series(totals.recoveries),
        fee_month=pl.Series(np.maximum(last_paid, 0) + 1),
        missed_month=pl.Series(np.minimum(last_paid + 2, MONTHS)),
        grade="sub_grade",
    )
    months = _months(frame, ended, paid)
    return {
        "customers": frame.select(
            customer_id="account_id",
            language=pl.lit("en-US"),
            jurisdiction=pl.lit("us"),
            timezone=pl.lit(None, pl.String),
        ),
        "accounts": frame.select(
            "account_id",
            pl.col("account_id").alias("customer_id"),
            pl.lit(PRODUCT).alias("product"),
            pl.lit("USD").alias("currency"),
            _money("principal"),
            "annual_rate",
            "opened_on",
            "status",
            "grade",
        ),
        "instalments": months.filter("is_instalment").select(
            "account_id", "number", "due_on", _money("principal"), _money("interest")
        ),
        "payments": _payments(frame, months),
        "charges": frame.filter(pl.col("late_fee") > 0).select(
            pl.concat_str(pl.lit("F"), "account_id").alias("charge_id"),
            "account_id",
            charged_on=_months_later("fee_month"),
            kind=pl.lit("late_fee"),
            amount=_money("late_fee"),
        ),
    }


def _months(frame: pl.DataFrame, ended: Schedule, paid: Cents) -> pl.DataFrame:
    """One row a loan and month: its instalment, if there is one, and what was paid on its due date."""
    each = pl.DataFrame(
        {
            "number": np.tile(np.arange(1, MONTHS + 1), frame.height),
            "principal": ended.principal.ravel(),
            "interest": ended.interest.ravel(),
            "is_instalment": ended.months().ravel(),
            "paid": paid.ravel(),
        }
    )
    loan = frame.select("account_id", "opened_on").select(pl.all().repeat_by(MONTHS).explode())
    return pl.concat([loan, each], how="horizontal").with_columns(due_on=_months_later("number"))


def _payments(frame: pl.DataFrame, months: pl.DataFrame) -> pl.DataFrame:
    """Instalments paid on their due dates, late fees with the last of them, and recoveries after charge-off."""
    written_off_on = _months_later("missed_month").dt.offset_by(f"{CHARGE_OFF_DAYS}d")
    fee_on = _months_later("fee_month")
    kinds = [
        months.filter(pl.col("paid") > 0).select(
            pl.format("P{}-{}", "account_id", "number").alias("payment_id"),
            "account_id",
            paid_on="due_on",
            amount=_money("paid"),
        ),
        frame.filter(pl.col("late_fee") > 0).select(
            pl.format("L{}", "account_id").alias("payment_id"),
            "account_id",
            paid_on=fee_on,
            amount=_money("late_fee"),
        ),
        frame.filter(pl.col("recovery") > 0).select(
            pl.format("R{}", "account_id").alias("payment_id"),
            "account_id",
            paid_on=pl.max_horizontal(
                pl.col("settled_on").fill_null(written_off_on.dt.offset_by(f"{RECOVERY_MONTHS}mo")), fee_on
            ),
            amount=_money("recovery"),
        ),
    ]
    return pl.concat(kinds)


def _months_later(column: str) -> pl.Expr:
    """The due date so many months after the month of issue."""
    return pl.col("opened_on").dt.offset_by(pl.format("{}mo", column))


def _money(column: str) -> pl.Expr:
    """Cents as an exact decimal of dollars, under the same name."""
    return (pl.col(column).cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(18, 2)).alias(column)


def main() -> None:
    """Read the file named on the command line and write the tape's folder."""
    parser = argparse.ArgumentParser(description="LendingClub's loans of 2015 as a tape for dunwell.")
    parser.add_argument("--data", type=Path, required=True, help="lendingclub_outcomes_2015.csv.gz")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the tape to")
    parser.add_argument("--every", type=int, default=1, help="take every n-th loan only")
    arguments = parser.parse_args()
    loans = pl.read_csv(arguments.data, infer_schema=False).gather_every(arguments.every)
    if "total_rec_prncp" not in loans.columns:
        raise SystemExit(
            f"{arguments.data} is not the LendingClub outcomes file: it has no column total_rec_prncp"
        )
    arguments.out.mkdir(parents=True, exist_ok=True)
    tables = tape(loans)
    for name, table in tables.items():
        table.write_parquet(arguments.out / f"{name}.parquet")
    print(
        f"{tables['accounts'].height} loans and {tables['payments'].height} payments written to {arguments.out}"
    )


if __name__ == "__main__":
    main()
