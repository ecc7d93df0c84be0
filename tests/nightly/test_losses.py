"""The losses to expect, told by the run where the book's past suffices: the day's positions by stage, summed to the last unit."""

from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import polars as pl
import pytest

from dunwell.ledger import positions
from dunwell.money import minor_exponent
from dunwell.nightly.late_stock import LateStock
from dunwell.nightly.losses import DayLosses, LossFigures
from dunwell.nightly.numbers import amount_text
from dunwell.nightly.report import LANGUAGES, render_report
from dunwell.nightly.report.language import read_language
from tests.insight.books import LAST_DAY, partition, terms
from tests.nightly.made import BUCKETS, CLEAN, FACTS
from tests.nightly.page_reader import PageReader
from tests.nightly.test_report import DAY


def told(out: Path, as_of: date = LAST_DAY) -> LossFigures:
    tables = partition(1500).tables
    stock = LateStock(terms(), as_of, None)
    stock.add(tables)
    losses = DayLosses(terms(), as_of, None, out / ".losses")
    losses.add(tables)
    return losses.finish(out, stock.panel)


@cache
def folder_and_figures() -> tuple[Path, LossFigures]:
    folder = Path(mkdtemp())
    return folder, told(folder)


def test_the_stages_are_the_days_late_and_add_up_from_the_accounts() -> None:
    folder, figures = folder_and_figures()
    assert not figures.problem and not (folder / ".losses").exists()
    losses = pl.read_parquet(folder / "losses.parquet")
    today = positions(partition(1500).tables, terms(), LAST_DAY).frame
    late = dict(today.select("account_id", "past_due_days").iter_rows())
    shares = dict(figures.shares.select("currency", "lost_share").iter_rows())
    sums: dict[tuple[str, int], list[int]] = {}
    for row in losses.iter_rows(named=True):
        days = late[row["account_id"]]
        assert row["stage"] == (3 if days >= 90 else 2 if days >= 30 else 1)
        assert 0 <= row["chance_12m"] <= row["chance_life"] <= 1
        if row["stage"] == 3:
            assert row["allowance_minor"] == pytest.approx(
                row["exposure_minor"] * shares[row["currency"]], abs=1
            )
        elif row["stage"] == 2:
            assert row["allowance_minor"] == row["loss_life_minor"] >= row["loss_12m_minor"]
        else:
            assert row["allowance_minor"] == row["loss_12m_minor"] <= row["loss_life_minor"]
        if row["exposure_minor"]:
            sum_of = sums.setdefault((row["currency"], row["stage"]), [0, 0, 0])
            sum_of[0] += 1
            sum_of[1] += row["exposure_minor"]
            sum_of[2] += row["allowance_minor"]
    counted = figures.stages.select("currency", "stage", "accounts", "exposure_minor", "allowance_minor")
    assert {(row[0], row[1]): list(row[2:]) for row in counted.iter_rows()} == sums
    assert {stage for _, stage in sums} == {1, 2, 3}


def test_the_same_day_gives_the_same_bytes(tmp_path: Path) -> None:
    folder, figures = folder_and_figures()
    again = told(tmp_path)
    assert (tmp_path / "losses.parquet").read_bytes() == (folder / "losses.parquet").read_bytes()
    assert again.as_dict() == figures.as_dict()
    assert again.analytics.equals(figures.analytics)


@pytest.mark.parametrize(("days_old", "problem"), [(250, "young"), (420, "few")])
def test_where_the_past_does_not_suffice_it_is_said_and_nothing_written(
    tmp_path: Path, days_old: int, problem: str
) -> None:
    began_on = partition(1500).tables["accounts"]["opened_on"].min()
    assert isinstance(began_on, date)
    figures = told(tmp_path, as_of=began_on + timedelta(days=days_old))
    assert figures.problem == problem
    assert figures.stages.is_empty() and figures.analytics.is_empty()
    assert list(tmp_path.iterdir()) == []
    page = render_report(DAY, CLEAN, FACTS, BUCKETS, losses=figures)
    assert read_language("en").say(f"losses.{problem}") in PageReader(page).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_shows_the_sums_their_definition_and_what_is_lost(language: str) -> None:
    _, figures = folder_and_figures()
    read = PageReader(render_report(DAY, CLEAN, FACTS, BUCKETS, language, losses=figures))
    cells = [cell for table in read.tables for row in table for cell in row]
    for row in figures.stages.iter_rows(named=True):
        allowance = Decimal(row["allowance_minor"]).scaleb(-minor_exponent(row["currency"]))
        assert amount_text(allowance, row["currency"]) in cells
    assert f"{100 * figures.shares['lost_share'][0]:.1f}%" in cells
    assert read_language(language).say("losses.definition") in read.text
