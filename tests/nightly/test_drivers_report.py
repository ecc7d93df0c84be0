"""The drivers' page: sound HTML in each language that fetches nothing and holds what was found."""

import re
import tomllib
from datetime import date
from functools import cache
from importlib.resources import files

import numpy as np
import polars as pl
import pytest

from dunwell.insight.drivers import Search, case_events, compare_cohorts, paths, subgroups
from dunwell.insight.scoring.measures import share_interval
from dunwell.nightly.report.drivers import Findings, render_drivers
from dunwell.nightly.report.language import LANGUAGES
from tests.insight.books import LAST_DAY, partition, terms
from tests.insight.test_drivers import accounts
from tests.nightly.page_reader import PageReader

PARTS = files("dunwell.nightly.report")


@cache
def findings() -> Findings:
    frame, late = accounts(1000)
    rows = frame.with_columns(outcome=late.cast(pl.Float64))
    month = pl.Series(np.arange(rows.height) % 2)
    return Findings(
        date(2026, 11, 20),
        "stays-late",
        30,
        rows.height,
        subgroups(rows, late, frame.columns, period=month),
        paths(case_events(partition(1500).tables, terms(), LAST_DAY), LAST_DAY),
        compare_cohorts(rows.filter(month == 0), rows.filter(month == 1), frame.columns),
        ("2026-09-21", "2026-10-21", 0.012),
        share_interval(2, 40),
        40,
        {"sex": "sex"},
        "Example <Lender>",
        subgroups(rows, late, frame.columns, period=month, search=Search(way="tree")),
    )


@pytest.fixture(scope="module", params=LANGUAGES)
def page(request: pytest.FixtureRequest) -> str:
    return render_drivers(findings(), request.param)


def test_the_page_is_sound_and_fetches_nothing(page: str) -> None:
    read = PageReader(page)
    identifiers = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert all(link["href"][1:] in identifiers for link in read.all("a"))
    assert all(len(row) == len(table[0]) for table in read.tables for row in table)
    assert "://" not in page and "<script" not in page
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in read.all("svg"))
    assert "{" not in read.text and "None" not in read.text
    assert "Example <Lender>" in read.text


def test_what_was_found_is_on_it(page: str) -> None:
    read = PageReader(page)
    told = findings()
    first = told.subgroups.found.row(0, named=True)
    cells = [cell for table in read.tables for row in table for cell in row]
    assert first["subgroup"] in cells
    assert "call: no answer" in cells
    assert told.leaves is not None
    assert set(told.leaves.frame["subgroup"]) <= set(cells)
    assert len(read.all("svg")) >= 4


def test_nothing_found_is_said() -> None:
    told = findings()
    empty = Findings(
        told.as_of,
        "bad",
        0,
        told.row_count,
        subgroups(
            pl.DataFrame({"noise": np.random.default_rng(1).normal(size=400)}),
            pl.Series([0, 1] * 200),
            ["noise"],
        ),
    )
    assert "Nothing was found that holds" in PageReader(render_drivers(empty)).text


def test_all_languages_have_the_same_words_and_each_is_said() -> None:
    texts = {
        code: tomllib.loads(PARTS.joinpath(f"drivers.{code}.toml").read_text(encoding="utf-8"))
        for code in LANGUAGES
    }
    keys = {
        code: {f"{s}.{k}" for s, entries in text.items() for k in entries} for code, text in texts.items()
    }
    assert keys["en"] == keys["zh"]
    code = PARTS.joinpath("drivers.py").read_text(encoding="utf-8")
    built = {
        "drivers.more",
        "drivers.less",
        "drivers.more_table",
        "drivers.less_table",
        "drivers.stays-late",
        "drivers.falls-30",
    }
    unsaid = [
        key
        for key in keys["en"] - built
        if key not in code and not (key.startswith("column.") and re.search(rf'["+]{key[7:]}"', code))
    ]
    assert unsaid == []
