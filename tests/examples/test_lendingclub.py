"""Real loans of 2015 to the cent: what was received is allocated, what was repaid owes nothing, what stopped ages.

The file holds totals and no payment dates; the example's README says what is assumed. The tests run where it lies beside the
project (it is large), and say so where it does not: one loan in twenty, all of them in the slow suite.
"""

import csv
import gzip
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from tests.examples.running import convert, positions

AFTER_ALL = date(2021, 12, 31)
CENT = Decimal("0.01")


class Case(NamedTuple):
    """A sample of the loans: the file's own rows and the tape made of them."""

    loans: dict[str, dict[str, str]]
    tape: Path


@pytest.fixture(
    scope="module", params=[20, pytest.param(1, marks=pytest.mark.slow)], ids=["one in twenty", "all of them"]
)
def case(request: pytest.FixtureRequest, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    file = real_data / "lendingclub_outcomes_2015.csv.gz"
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))[:: request.param]
    folder = tmp_path_factory.mktemp("lendingclub") / "tape"
    return Case(
        {row["id"]: row for row in rows}, convert("lendingclub", file, folder, "--every", str(request.param))
    )


@pytest.fixture(scope="module")
def at_the_end(case: Case) -> pl.DataFrame:
    return positions(case.tape, "lendingclub", AFTER_ALL)


def test_every_loan_has_its_position(case: Case, at_the_end: pl.DataFrame) -> None:
    assert sorted(at_the_end["account_id"]) == sorted(case.loans)


def test_the_payments_of_a_loan_add_up_to_what_was_received(case: Case) -> None:
    paid = pl.read_parquet(case.tape / "payments.parquet").group_by("account_id").agg(pl.col("amount").sum())
    received = dict(paid.iter_rows())
    off = [
        loan_id
        for loan_id, row in case.loans.items()
        if abs(received.get(loan_id, Decimal(0)) - Decimal(row["total_pymnt"])) > CENT
    ]
    assert off == []  # the file's own totals were rounded to the cent, hence one cent


def test_a_loan_repaid_in_full_owes_nothing(case: Case, at_the_end: pl.DataFrame) -> None:
    repaid = at_the_end.filter(
        pl.col("account_id").is_in([i for i, row in case.loans.items() if row["loan_status"] == "Fully Paid"])
    )
    assert repaid.height > 0
    for column in ("payoff_total", "outstanding_principal", "past_due_total", "unallocated_credit"):
        assert repaid[column].unique().to_list() == [Decimal(0)], column


def test_every_cent_received_is_allocated_or_waits_as_credit(case: Case, at_the_end: pl.DataFrame) -> None:
    """What fell due of interest and fees, less what of it is still due, is what was paid of it; so for principal."""
    instalments = (
        pl.read_parquet(case.tape / "instalments.parquet")
        .group_by("account_id")
        .agg(pl.col("interest").sum())
    )
    fees = (
        pl.read_parquet(case.tape / "charges.parquet").group_by("account_id").agg(fee=pl.col("amount").sum())
    )
    lent = pl.read_parquet(case.tape / "accounts.parquet").select("account_id", "principal")
    paid = pl.read_parquet(case.tape / "payments.parquet").group_by("account_id").agg(pl.col("amount").sum())
    money = at_the_end
    for rows in (instalments, fees, lent, paid):
        money = money.join(rows, on="account_id", how="left")
    money = money.with_columns(pl.col("interest", "fee", "principal", "amount").fill_null(0))
    allocated = (
        pl.col("principal")
        - pl.col("outstanding_principal")
        + pl.col("interest")
        - pl.col("due_interest")
        + pl.col("fee")
        - pl.col("due_fees")
    )
    difference = money.select(pl.col("amount") - allocated - pl.col("unallocated_credit")).to_series()
    assert difference.unique().to_list() == [Decimal(0)]


def test_a_charged_off_loan_ages_from_the_first_instalment_not_fully_paid(case: Case) -> None:
    """Counted from the file alone: so many whole instalments were received, so the next one is the oldest unpaid."""
    as_of = date(2016, 6, 15)
    # The money of a settlement pays older instalments off; those loans are left out on both sides.
    settled = {
        loan_id
        for loan_id, row in case.loans.items()
        if row["settlement_date"] and date.fromisoformat(row["settlement_date"]) <= as_of
    }
    expected = {}
    for loan_id, row in case.loans.items():
        if row["loan_status"] != "Charged Off" or loan_id in settled:
            continue
        received = Decimal(row["total_rec_prncp"]) + Decimal(row["total_rec_int"])
        # Within 5 % of a whole instalment counts as whole, as the README says.
        whole = int(received / Decimal(row["installment"]) + Decimal("0.05"))
        issued = date.fromisoformat(row["issue_d"])
        month = issued.month + whole  # months from the year's start, one instalment beyond the paid ones
        missed_on = date(issued.year + month // 12, month % 12 + 1, 1)
        if missed_on < as_of:
            expected[loan_id] = (as_of - missed_on).days
    frame = positions(case.tape, "lendingclub", as_of).filter(
        pl.col("past_due_days") > 0, status="charged_off"
    )
    got = {
        loan_id: days
        for loan_id, days in frame.select("account_id", "past_due_days").iter_rows()
        if loan_id not in settled
    }
    assert len(expected) > 100
    assert got == expected
