"""18,183 real loans: how late they were paid, by dunwell's own ledger and by the raw file counted with nothing of ours.

The loans may not be redistributed. These tests run where the file lies beside the project, and say so where it does not.
"""

import csv
import gzip
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from dunwell.book import Tape
from dunwell.ledger import positions as settle
from dunwell.ledger import read_terms
from tests.examples.running import PROJECT, convert, positions

LAST_DAY = date(2018, 12, 31)


class Loan(NamedTuple):
    """A loan as the raw file has it."""

    due_on: date
    paid_on: date

    @property
    def late_days(self) -> int:
        return (self.paid_on - self.due_on).days


@pytest.fixture(scope="module")
def file(real_data: Path) -> Path:
    return real_data / "superlender_prevloans.csv.gz"


@pytest.fixture(scope="module")
def loans(file: Path) -> dict[str, Loan]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        return {
            row["systemloanid"]: Loan(
                date.fromisoformat(row["firstduedate"][:10]), date.fromisoformat(row["firstrepaiddate"][:10])
            )
            for row in csv.DictReader(lines)
        }


@pytest.fixture(scope="module")
def tape(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert("superlender", file, tmp_path_factory.mktemp("superlender") / "tape")


@pytest.fixture(scope="module")
def days_late(tape: Path) -> Mapping[str, int]:
    """Of each loan that was ever past due: days from its due date to the day on which the ledger saw it cleared."""
    terms = read_terms(PROJECT / "examples" / "superlender" / "terms")
    currencies = {product: product_terms.currency for product, product_terms in terms.items()}
    late: dict[str, int] = {}
    with Tape(tape, products=currencies, imported_at=datetime(2026, 1, 1, tzinfo=UTC)) as loans_tape:
        for partition in loans_tape.partitions():
            account_ids = partition.tables["accounts"]["account_id"]
            arrears = settle(partition.tables, terms, LAST_DAY, keeps_timeline=True).timeline_frame()
            for row, days in _cleared(arrears).iter_rows():
                late[account_ids[row]] = days
    return late


def _cleared(arrears: pl.DataFrame) -> pl.DataFrame:
    """Accounts whose arrears ended, and how long after the due date: one instalment has one beginning and one end."""
    assert arrears.height == 2 * arrears["account"].n_unique()
    return arrears.group_by("account").agg(
        (pl.col("on").last() - pl.col("oldest_due_on").first()).dt.total_days().alias("late_days")
    )


def test_every_loan_was_paid_as_late_as_the_raw_file_says(
    loans: dict[str, Loan], days_late: Mapping[str, int]
) -> None:
    assert days_late == {loan_id: loan.late_days for loan_id, loan in loans.items() if loan.late_days > 0}


def test_17_percent_were_paid_late_and_7_percent_a_week_or_more_late(
    loans: dict[str, Loan], days_late: Mapping[str, int]
) -> None:
    assert len(loans) == 18_183
    late_count = sum(days >= 1 for days in days_late.values())
    week_late_count = sum(days >= 7 for days in days_late.values())
    assert (late_count, week_late_count) == (3_161, 1_302)
    assert round(100 * late_count / len(loans), 1) == 17.4
    assert round(100 * week_late_count / len(loans), 1) == 7.2


@pytest.mark.parametrize("as_of", [date(2016, 11, 30), date(2017, 6, 30)])
def test_on_a_day_as_many_loans_are_past_due_as_were_due_and_unpaid(
    tape: Path, loans: dict[str, Loan], as_of: date
) -> None:
    is_unpaid = {loan_id: loan for loan_id, loan in loans.items() if loan.due_on < as_of < loan.paid_on}
    frame = positions(tape, "superlender", as_of)
    past_due = frame.filter(pl.col("past_due_days") > 0)
    assert dict(past_due.select("account_id", "past_due_days").iter_rows()) == {
        loan_id: (as_of - loan.due_on).days for loan_id, loan in is_unpaid.items()
    }
    assert past_due.filter(bucket="7-30 days").height == sum(
        7 <= (as_of - loan.due_on).days <= 30 for loan in is_unpaid.values()
    )


def test_at_the_end_everything_is_paid(tape: Path) -> None:
    frame = positions(tape, "superlender", LAST_DAY)
    assert frame.height == 18_183
    assert frame.select(
        pl.col("payoff_total", "unallocated_credit", "past_due_days").cast(pl.Float64).abs().max()
    ).row(0) == (0, 0, 0)
