"""The converters on a few invented rows of the real files' shape: they work in every clone, with or without the data."""

import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from tests.examples.running import PROJECT, convert, positions

SUPERLENDER = """\
customerid,systemloanid,loannumber,approveddate,creationdate,loanamount,totaldue,termdays,closeddate,referredby,firstduedate,firstrepaiddate
c1,101,1,2017-01-02 10:00:00.000000,2017-01-02 09:00:00.000000,10000.0,13000.0,30,2017-01-30 08:00:00.000000,,2017-02-01 00:00:00.000000,2017-01-30 08:00:00.000000
c1,102,2,2017-02-02 10:00:00.000000,2017-02-02 09:00:00.000000,10000.0,11500.0,15,2017-03-01 08:00:00.000000,,2017-02-17 00:00:00.000000,2017-03-01 08:00:00.000000
c2,103,1,2017-02-10 23:30:00.000000,2017-02-10 22:30:00.000000,20000.0,24500.0,30,2017-03-13 00:00:00.000000,c1,2017-03-13 00:00:00.000000,2017-03-13 00:00:00.000000
"""

LENDINGCLUB = """\
id,loan_status,issue_d,zip_code_prefix,grade,sub_grade,installment,int_rate,collection_recovery_fee,recoveries,debt_settlement_flag,settlement_amount,settlement_date,settlement_percentage,settlement_status,settlement_term,total_pymnt,total_pymnt_inv,total_rec_int,total_rec_late_fee,total_rec_prncp
1,Fully Paid,2015-04-01,1,B,B1,33.21,12.0,0.0,0.0,N,,,,,,1019.77,1019.77,19.77,0.0,1000.0
2,Charged Off,2015-04-01,1,B,B1,33.21,12.0,18.0,100.0,N,,,,,,281.05,281.05,47.66,15.0,118.39
"""


def test_superlender_loans_are_late_by_the_days_between_due_and_paid(tmp_path: Path) -> None:
    data = tmp_path / "loans.csv"
    data.write_text(SUPERLENDER)
    tape = convert("superlender", data, tmp_path / "tape")
    frame = positions(tape, "superlender", date(2017, 2, 28))
    assert frame.select("account_id", "past_due_days", "bucket", "past_due_total").rows() == [
        ("101", 0, "on time", Decimal(0)),
        ("102", 11, "7-30 days", Decimal(11500)),
        ("103", 0, "on time", Decimal(0)),
    ]


def test_a_lendingclub_loan_repaid_early_ends_where_its_interest_was_earned(tmp_path: Path) -> None:
    """12 % on 1,000.00: interest of 10.00 and then 9.77, so 19.77 was earned in two months, and the second repaid the rest."""
    instalments = pl.read_parquet(_lendingclub_tape(tmp_path) / "instalments.parquet").filter(account_id="1")
    assert instalments.select("number", "due_on", "principal", "interest").rows() == [
        (1, date(2015, 5, 1), Decimal("23.21"), Decimal("10.00")),
        (2, date(2015, 6, 1), Decimal("976.79"), Decimal("9.77")),
    ]


def test_a_lendingclub_loan_charged_off_stops_after_the_money_received(tmp_path: Path) -> None:
    """166.05 is five instalments of 33.21, so the sixth, due on 2015-10-01, is missed."""
    tape = _lendingclub_tape(tmp_path)
    payments = pl.read_parquet(tape / "payments.parquet").filter(account_id="2")
    assert payments["payment_id"].to_list() == ["P2-1", "P2-2", "P2-3", "P2-4", "P2-5", "L2", "R2"]
    assert payments["amount"].to_list() == [*[Decimal("33.21")] * 5, Decimal(15), Decimal(100)]
    position = positions(tape, "lendingclub", date(2015, 10, 31)).filter(account_id="2").row(0, named=True)
    assert (
        position["past_due_days"],
        position["due_fees"],
        position["due_interest"],
        position["due_principal"],
    ) == (
        30,
        Decimal(0),
        Decimal("8.82"),
        Decimal("24.39"),
    )


def test_another_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    data = tmp_path / "other.csv"
    data.write_text("a,b\n1,2\n")
    for example in ("superlender", "lendingclub"):
        script = PROJECT / "examples" / example / "to_tape.py"
        command = [sys.executable, str(script), "--data", str(data), "--out", str(tmp_path / "tape")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1
        assert "has no column" in done.stderr
        assert not (tmp_path / "tape").exists()


def _lendingclub_tape(folder: Path) -> Path:
    data = folder / "loans.csv"
    data.write_text(LENDINGCLUB)
    return convert("lendingclub", data, folder / "tape")
