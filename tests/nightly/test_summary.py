"""What a run says at its end: the same numbers to a person and to a machine."""

import json
from dataclasses import replace
from decimal import Decimal
from io import StringIO

import pytest
from rich.console import Console

from dunwell.nightly.about import BrokenRule, Quarantine, RunFacts
from dunwell.nightly.figures import Figures, merge_figures, partition_figures
from dunwell.nightly.numbers import share_text, short_amount
from dunwell.nightly.summary import RULES_SHOWN, summary_dict, summary_text
from tests.nightly.made import (
    ARREARS,
    AS_OF,
    BUCKETS,
    CLEAN,
    DIRTY,
    FACTS,
    TODAY,
    YESTERDAY,
    Account,
    account_rows,
    customer_rows,
    positions,
    timeline,
)

DAY = partition_figures(
    positions(TODAY),
    positions(YESTERDAY),
    account_rows(TODAY),
    customer_rows(TODAY),
    timeline(ARREARS),
    AS_OF,
)


def printed(figures: Figures, quarantine: Quarantine, facts: RunFacts = FACTS, width: int = 80) -> str:
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(summary_text(figures, quarantine, facts, BUCKETS))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_the_lines_a_person_reads() -> None:
    lines = [" ".join(line.split()) for line in printed(DAY, DIRTY).splitlines()]
    assert lines[0] == "As of 2026-06-30, compared with 2026-06-29"
    assert "5 accounts of 4 customers on the book (1 more closed, charged off or sold)" in lines
    assert "2 accounts past due (40.0%), of 1 customer" in lines
    assert "1 fell past due and 1 cured since 2026-06-29" in lines
    assert "3 of 46 rows in quarantine" in lines
    assert "payments 2 amount must be above 0 (payments.csv:17)" in lines
    assert "Send received money as positive." in lines
    assert "contacts.parquet was not used: the file ends too early. Send it again whole." in lines
    assert "report book/report.html" in lines


def test_overdue_by_bucket_and_currency() -> None:
    cells = [line.split() for line in printed(DAY, CLEAN).splitlines()]
    assert ["M1", "90", "-"] in cells
    assert ["C", "-", "3"] in cells
    assert ["overdue", "210.50", "3.20"] in cells


def test_many_currencies_fit_an_ordinary_terminal() -> None:
    many = [
        Account(f"A{n}", f"P{n}", currency, days, "999999.99", "5000000.00")
        for n, (currency, days) in enumerate(
            (c, d) for c in ("CNY", "USD", "GBP", "JPY", "KWD") for d in (5, 40, 70)
        )
    ]
    figures = partition_figures(positions(many), None, account_rows(many), customer_rows(many), None, AS_OF)
    told = printed(figures, CLEAN, replace(FACTS, previous_as_of=None))
    assert ["KWD", "3", "3.00m", "1.00m", "1.00m", "1.00m"] in [line.split() for line in told.splitlines()]
    assert max(map(len, told.splitlines())) <= 80


def test_a_clean_first_run_says_so() -> None:
    told = printed(DAY, CLEAN, replace(FACTS, previous_as_of=None))
    assert "All 46 rows of the tape were used." in told
    assert "cured" not in told


def test_nothing_at_all() -> None:
    told = printed(merge_figures([]), Quarantine())
    assert "0 accounts of 0 customers on the book" in told
    assert "The tape holds no rows." in told


def test_a_thousand_broken_rules_do_not_flood_the_terminal() -> None:
    rules = tuple(
        BrokenRule("payments", f"exact repeat of row {n}", 1, "p.csv", n, "Send it once.")
        for n in range(1000)
    )
    told = printed(DAY, replace(DIRTY, rules=rules))
    assert told.count("exact repeat of row") == RULES_SHOWN
    assert f"and {1000 - RULES_SHOWN} more rules; the report and the quarantine files have them" in told


def test_what_a_lender_wrote_is_not_markup() -> None:
    rule = BrokenRule("payments", "kind is [red]", 3, "[bold].csv", 1, "Write [link].")
    told = printed(DAY, replace(DIRTY, rules=(rule,)))
    assert "kind is [red] ([bold].csv:1)" in told and "Write [link]." in told


def test_the_machines_summary() -> None:
    told = json.loads(json.dumps(summary_dict(DAY, DIRTY, FACTS, BUCKETS)))
    assert (told["as_of"], told["previous_as_of"], told["known_at"]) == ("2026-06-30", "2026-06-29", None)
    assert (told["all_accounts"], told["accounts"], told["past_due_accounts"]) == (6, 5, 2)
    assert told["currencies"][0]["past_due_total"] == "210.50"
    assert [(b["currency"], b["bucket"]) for b in told["buckets"]] == [
        ("CNY", "C"),
        ("CNY", "M1"),
        ("CNY", "M2"),
        ("USD", "C"),
    ]
    assert told["movements"][1]["cured"] == 1
    assert told["quarantine"]["rows"] == 3
    assert told["quarantine"]["rules"][0] == {
        "table": "payments",
        "rule": "exact repeat of row 3",
        "rows": 1,
        "file": "payments.csv",
        "row": 9,
        "mend": "Send each row once.",
    }


def test_without_a_run_before_movements_are_null() -> None:
    assert summary_dict(DAY, CLEAN, replace(FACTS, previous_as_of=None), BUCKETS)["movements"] is None


@pytest.mark.parametrize(
    ("amount", "english", "chinese"),
    [
        ("0", "0", "0"),
        ("0.4", "0.40", "0.40"),
        ("999.5", "1.00k", "1,000"),
        ("1234", "1.23k", "1,234"),
        ("9996", "10.0k", "1.00万"),
        ("45600", "45.6k", "4.56万"),
        ("-1250000", "-1.25m", "-125万"),
        ("350000000", "350m", "3.50亿"),
        ("2000000000000", "2.00tn", "2.00万亿"),
    ],
)
def test_short_amounts(amount: str, english: str, chinese: str) -> None:
    assert (short_amount(Decimal(amount)), short_amount(Decimal(amount), "zh")) == (english, chinese)


def test_shares() -> None:
    assert share_text(1, 3) == "33.3%"
    assert share_text(1, 10**6) == "<0.1%"
    assert share_text(0, 5) == "0.0%"
    assert share_text(0, 0) == "–"
