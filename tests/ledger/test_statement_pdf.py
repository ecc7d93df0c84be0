"""The statement on paper: a PDF with the account's figures in it, the same bytes every time, also with Chinese clauses."""

import shutil
import subprocess
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from dunwell.ledger.statement import AccountEvents, Instalment, Payment, statement
from dunwell.ledger.statement_pdf import statement_pdf
from dunwell.ledger.terms import parse_terms

TERMS = parse_terms(
    {
        "product": "loan",
        "currency": "CNY",
        "waterfall": ["costs", "fees", "penalty", "interest", "principal"],
        "allocation": "instalment_first",
        "penalty": {"basis": ["principal"], "multiple": "1.5"},
        "clauses": {"penalty": "借款合同第7.2条"},
    },
    "loan.toml",
)
EVENTS = AccountEvents(
    "A-1",
    "CNY",
    100_000,
    Fraction(18, 100),
    date(2025, 12, 10),
    (Instalment(1, date(2026, 1, 10), 100_000, 0, 0),),
    (Payment("P-1", date(2026, 1, 25), 50_000, "payment", None),),
)


def test_the_same_statement_is_the_same_bytes() -> None:
    told = statement(EVENTS, TERMS, date(2026, 2, 9))
    assert statement_pdf(told) == statement_pdf(told)
    assert statement_pdf(told).startswith(b"%PDF-")


def test_the_worked_example_stands_on_the_page(tmp_path: Path) -> None:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not here (Debian's poppler-utils)")
    file = tmp_path / "statement.pdf"
    file.write_bytes(statement_pdf(statement(EVENTS, TERMS, date(2026, 2, 9)), lender="Example Lender"))
    text = subprocess.run(
        ["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True
    ).stdout
    for figure in ("A-1", "Example Lender", "511.25", "5.75", "517.00", "2026-02-09"):
        assert figure in text
