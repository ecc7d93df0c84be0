"""The statement on a terminal, as JSON and on paper."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import pytest

from dunwell.ledger.statement import AccountEvents, Hold, Instalment, Payment, Statement, statement
from dunwell.ledger.statement_pdf import statement_pdf
from dunwell.ledger.statement_text import MONEY_COLUMNS, statement_json, statement_text
from dunwell.ledger.statement_words import decimal_text, exact_text, money_text
from dunwell.ledger.terms import Terms, parse_terms

AS_OF = date(2026, 2, 9)


def terms(currency: str = "CNY", clauses: Mapping[str, str] | None = None) -> Terms:
    text: dict[str, Any] = {
        "product": "loan",
        "currency": currency,
        "allocation": "instalment_first",
        "waterfall": ["penalty", "interest", "principal"],
        "penalty": {"basis": ["principal"], "multiple": "1.5"},
        "clauses": clauses or {},
    }
    return parse_terms(text, "loan.toml")


def worked(account_id: str = "A-1", **clauses: str) -> Statement:
    """The formats page's worked example."""
    events = AccountEvents(
        account_id,
        "CNY",
        100_000,
        Fraction(18, 100),
        date(2025, 12, 10),
        (Instalment(1, date(2026, 1, 10), 100_000),),
        (Payment("P1", date(2026, 1, 25), 50_000),),
    )
    return statement(events, terms(clauses=clauses), AS_OF)


def columns(text: str) -> int:
    """How many columns a terminal needs for it."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


# A terminal --------------------------------------------------------------------------------------------------------

LINES = """\
on          event                                              change   balance  late by
----------------------------------------------------------------------------------------
2025-12-10  loan opened                                                1,000.00
              principal outstanding                         +1,000.00
              [record: accounts, principal]
2026-01-10  instalment 1 falls due                                     1,000.00
              principal due                                 +1,000.00
              [record: instalments, number 1]
2026-01-25  penalty interest                                           1,011.25     15 d
              penalty interest                                 +11.25
              instalment 1: 1,000.00 x 27 % x 15/360 = 11.25 (15 days from 2026-01-11
                to 2026-01-25)
              [clause 7.2]
"""


def test_the_text_of_the_worked_example() -> None:
    text = statement_text(worked(penalty="clause 7.2"))
    assert text.startswith("Account A-1 (loan), CNY\nStatement from 2025-12-10 to 2026-02-09\n\n" + LINES)
    assert re.search(r"^  to settle it all +517\.00$", text, re.MULTILINE)
    assert re.search(r"^  oldest due on +2026-01-10$", text, re.MULTILINE)


@pytest.mark.parametrize("width", [60, 88, 120])
def test_no_row_is_wider_than_asked_also_in_chinese(width: int) -> None:
    text = statement_text(worked("借款" * 10, penalty="逾期利息按合同利率的一点五倍计算" * 8), width)
    assert max(columns(row) for row in text.splitlines()) <= width


def test_balances_stand_below_each_other() -> None:
    rows = [row for row in statement_text(worked()).splitlines() if re.match(r"\d{4}-", row)]
    assert len({re.search(r"[\d,]+\.\d\d", row[12:]).end() for row in rows}) == 1  # type: ignore[union-attr]  # each has one


def test_an_id_brings_no_control_characters_to_the_terminal() -> None:
    assert "\x1b" not in statement_text(worked("A\x1b[31m1"))


# JSON --------------------------------------------------------------------------------------------------------------


def test_the_json_holds_money_as_decimal_text_by_the_names_of_positions() -> None:
    told = json.loads(json.dumps(statement_json(worked())))
    assert (told["account_id"], told["as_of"], told["currency"]) == ("A-1", "2026-02-09", "CNY")
    assert tuple(told["closing"]) == MONEY_COLUMNS
    assert (told["closing"]["penalty"], told["closing"]["payoff_total"]) == ("5.75", "517.00")
    assert (told["past_due_days"], told["oldest_due_on"]) == (30, "2026-01-10")
    paid = told["lines"][3]
    assert (paid["on"], paid["event"], paid["balance"]) == ("2026-01-25", "payment P1", "511.25")
    assert {name: change for name, change in paid["changes"].items() if change != "0.00"} == {
        "outstanding_principal": "-488.75",
        "due_principal": "-488.75",
        "penalty": "-11.25",
    }
    (stretch,) = told["lines"][4]["penalty"]
    assert (stretch["basis"], stretch["annual_rate"], stretch["year_fraction"], stretch["accrued"]) == (
        "511.25",
        "0.27",
        "15/360",
        "5.7515625",
    )


def test_days_there_are_none_of_are_null() -> None:
    events = AccountEvents("A-1", "CNY", 100, Fraction(18, 100), AS_OF)
    told = statement_json(statement(events, terms(), AS_OF))
    assert (told["oldest_due_on"], told["last_paid_on"]) == (None, None)


@pytest.mark.parametrize(("currency", "penalty"), [("JPY", "23"), ("KWD", "0.023")])
def test_each_currency_has_its_own_decimals(currency: str, penalty: str) -> None:
    events = AccountEvents(
        "A-1",
        currency,
        1_000,
        Fraction(18, 100),
        date(2025, 12, 10),
        (Instalment(1, date(2026, 1, 9), 1_000),),
    )
    assert statement_json(statement(events, terms(currency), AS_OF))["closing"]["penalty"] == penalty


# Amounts -----------------------------------------------------------------------------------------------------------


def test_amounts_are_grouped_for_people_and_exact_where_a_sum_is_shown() -> None:
    assert [money_text(-123_456_789, currency) for currency in ("USD", "JPY", "KWD")] == [
        "-1,234,567.89",
        "-123,456,789",
        "-123,456.789",
    ]
    assert exact_text(Fraction("57515.625"), "CNY") == "575.15625"
    assert exact_text(Fraction(5), "JPY") == "5"
    assert exact_text(Fraction(-1, 3), "JPY") == "-0.333333"
    assert exact_text(Fraction(100_000), "CNY", is_grouped=True) == "1,000.00"
    assert [decimal_text(rate) for rate in (Fraction(27, 100), Fraction(2), Fraction(1, 3))] == [
        "0.27",
        "2",
        "1/3",
    ]


# Paper -------------------------------------------------------------------------------------------------------------


def test_the_paper_s_bytes_depend_on_the_statement_alone() -> None:
    told = worked("借款-1", penalty="合同第7.2条")
    paper = statement_pdf(told)
    assert paper.startswith(b"%PDF-")
    assert paper == statement_pdf(told)
    assert b"CreationDate" not in paper
    assert paper != statement_pdf(replace(told, account_id="借款-2"))


def test_without_the_chinese_font_the_paper_is_made_all_the_same(tmp_path: Path) -> None:
    assert statement_pdf(worked("借款-1"), font_folders=[tmp_path, tmp_path / "none"]).startswith(b"%PDF-")


def test_text_of_the_record_is_never_taken_for_markup() -> None:
    assert statement_pdf(worked('#panic("no") $x$ *bold* \\ "')).startswith(b"%PDF-")


def test_a_line_with_very_many_sums_runs_over_pages() -> None:
    first = date(2025, 1, 1)
    events = AccountEvents(
        "A-1",
        "CNY",
        100_000,
        Fraction(18, 100),
        first,
        tuple(Instalment(number, first, 1_000) for number in range(1, 101)),
        holds=(Hold("pause", first + timedelta(days=30)),),
    )
    assert statement_pdf(statement(events, terms(), AS_OF)).startswith(b"%PDF-")
