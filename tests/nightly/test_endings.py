"""Cases and promises as a run tells them: in the report in both languages, and in the summary."""

from io import StringIO

import polars as pl
import pytest
from rich.console import Console

from dunwell.nightly.cases import case_counts, merge_cases
from dunwell.nightly.figures import merge_figures
from dunwell.nightly.promises import PromiseFigures, merge_promises, promise_figures
from dunwell.nightly.report import render_report
from dunwell.nightly.summary import summary_dict, summary_text
from tests.nightly.made import AS_OF, CLEAN, FACTS
from tests.nightly.page_reader import PageReader

PROMISES = promise_figures(
    pl.DataFrame({"state": ["open", "kept", "kept", "broken", "partly_kept", "cancelled"]})
)
CASES = case_counts(
    pl.DataFrame(
        {"stage": ["legal", "negotiation", "negotiation", "closed"], "closed_on": [None, None, None, AS_OF]},
        schema_overrides={"closed_on": pl.Date},
    )
)


def test_partitions_add_up() -> None:
    both = merge_promises([PROMISES, PROMISES])
    assert both.counts == {state: 2 * count for state, count in PROMISES.counts.items()}
    assert (PROMISES.ended_count, PROMISES.kept_share, both.kept_share) == (4, 0.5, 0.5)
    assert merge_cases([CASES, CASES]).rows() == [("negotiation", 4), ("legal", 2)]


def test_no_promise_has_no_share() -> None:
    none = promise_figures(pl.DataFrame({"state": []}, schema={"state": pl.String}))
    assert none.as_dict()["kept_share"] is None
    assert none.ended_count == 0


@pytest.mark.parametrize(
    ("language", "rows", "lead"),
    [
        ("en", [["negotiation", "2"], ["legal", "1"], ["partly kept", "1"]], "50.0% are kept"),
        ("zh", [["协商", "2"], ["诉讼", "1"], ["部分兑现", "1"]], "50.0% 已兑现"),
    ],
)
def test_the_report_tells_cases_by_stage_and_promises_by_state(
    language: str, rows: list[list[str]], lead: str
) -> None:
    page = render_report(merge_figures([]), CLEAN, FACTS, (), language, None, PROMISES, CASES)
    read = PageReader(page)
    found = [cells for table in read.tables for cells in table]
    assert all(row in found for row in rows)
    assert lead in read.text


def test_the_summary_tells_them_to_a_person_and_to_a_machine() -> None:
    console = Console(file=StringIO(), width=160, color_system=None)
    console.print(summary_text(merge_figures([]), CLEAN, FACTS, (), None, PROMISES, CASES))
    assert isinstance(console.file, StringIO)
    said = " ".join(console.file.getvalue().split())
    assert "3 open cases: 2 negotiation, 1 legal" in said
    assert (
        "6 promises: 1 open, 2 kept, 1 partly kept, 1 broken, 1 cancelled; 50.0% of those whose day has come are kept"
        in said
    )
    told = summary_dict(merge_figures([]), CLEAN, FACTS, (), None, PROMISES, CASES)
    assert told["cases"] == {"negotiation": 2, "legal": 1}
    assert told["promises"]["kept_share"] == 0.5


def test_without_any_nothing_is_said() -> None:
    console = Console(file=StringIO(), width=160, color_system=None)
    none = PromiseFigures(dict.fromkeys(PROMISES.counts, 0))
    console.print(summary_text(merge_figures([]), CLEAN, FACTS, (), None, none, CASES.head(0)))
    assert isinstance(console.file, StringIO)
    assert "promise" not in console.file.getvalue() and "case" not in console.file.getvalue()
