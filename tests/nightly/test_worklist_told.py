"""What the report and the summary tell of the day's work list."""

from io import StringIO

import polars as pl
import pytest
from rich.console import Console

from dunwell.nightly.figures import merge_figures
from dunwell.nightly.report import render_report
from dunwell.nightly.summary import RULES_SHOWN, summary_dict, summary_text
from dunwell.nightly.worklist import WorkFigures
from tests.nightly.made import CLEAN, FACTS
from tests.nightly.page_reader import PageReader

TOLD = WorkFigures(
    pl.DataFrame({"stage": ["negotiation"], "channel": ["call"], "contacts": [1234]}),
    pl.DataFrame(
        {
            "rule": ["us-reg-f.call-attempts", *(f"gb.rule-{number:02}" for number in range(RULES_SHOWN))],
            "citation": ["12 CFR 1006.14(b)(2)(i)(A)", *["CONC 7"] * RULES_SHOWN],
            "contacts": [56, *[1] * RULES_SHOWN],
        }
    ),
    60,
)


@pytest.mark.parametrize(
    ("language", "headings", "row"),
    [
        ("en", ["Stage", "Channel", "Contacts"], ["negotiation", "call", "1,234"]),
        ("zh", ["阶段", "渠道", "联系次数"], ["协商", "电话", "1,234"]),
    ],
)
def test_the_report_tells_what_is_planned_and_what_is_held_back(
    language: str, headings: list[str], row: list[str]
) -> None:
    read = PageReader(render_report(merge_figures([]), CLEAN, FACTS, (), language, TOLD))
    assert [headings, row] in read.tables
    clauses = [cells for table in read.tables for cells in table]
    assert ["us-reg-f.call-attempts12 CFR 1006.14(b)(2)(i)(A)", "56"] in clauses
    assert "1,234" in read.text and "60" in read.text


def test_the_summary_tells_it_to_a_person_and_to_a_machine() -> None:
    console = Console(file=StringIO(), width=80, color_system=None)
    console.print(summary_text(merge_figures([]), CLEAN, FACTS, (), TOLD))
    assert isinstance(console.file, StringIO)
    lines = [" ".join(line.split()) for line in console.file.getvalue().splitlines()]
    assert "1,234 contacts planned, 60 held back" in lines
    assert "negotiation call 1,234" in lines
    assert "us-reg-f.call-attempts 56 12 CFR 1006.14(b)(2)(i)(A)" in lines
    assert "and 1 more rule; the report has them" in lines
    told = summary_dict(merge_figures([]), CLEAN, FACTS, (), TOLD)["contacts"]
    assert (told["planned"], told["held_back"]) == (1234, 60)
    assert told["planned_by"] == [{"stage": "negotiation", "channel": "call", "contacts": 1234}]
    assert told["held_back_by"][0]["citation"] == "12 CFR 1006.14(b)(2)(i)(A)"
    assert len(told["held_back_by"]) == RULES_SHOWN + 1
