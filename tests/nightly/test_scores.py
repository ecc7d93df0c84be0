"""The day's scores: bands, reasons and forecast against actual, where a model is in use; and never a failed run."""

import json
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import polars as pl
import pytest

from dunwell.insight import CATALOGUE
from dunwell.insight.rolls import BOOK_STATES, book_panel
from dunwell.insight.scoring import Scorecard
from dunwell.insight.scoring.promotion import promote
from dunwell.insight.training import OUTCOMES, outcome_rows
from dunwell.nightly.late_stock import HISTORY_MONTHS, LateStock
from dunwell.nightly.report import LANGUAGES, render_report
from dunwell.nightly.scores import DayScorer, ScoreFigures, band_name, told_before
from tests.insight.books import LAST_DAY, partition, terms
from tests.nightly.made import BUCKETS, CLEAN, FACTS
from tests.nightly.page_reader import PageReader
from tests.nightly.test_report import DAY

HORIZON = 30


@cache
def models() -> Path:
    """A folder with a model in use, made of the book's own past."""
    folder = Path(mkdtemp())
    tables = partition(1500).tables
    origins = [LAST_DAY - timedelta(days=60 + 30 * k) for k in range(14)]
    rows = outcome_rows(tables, terms(), origins, HORIZON, OUTCOMES["stays-late"])
    inputs = [name for name in CATALOGUE if rows[name].drop_nulls().n_unique() > 1]
    model = Scorecard(psi_max=9.0).fit(rows.select(inputs), rows["has_come"])
    use = {"made_for": "book", "inputs": inputs, "outcome": "stays-late", "horizon_days": HORIZON}
    model.save(
        folder / "late", {"card.json": json.dumps({"promotion_blocks": []}), "use.json": json.dumps(use)}
    )
    promote(folder, folder / "late")
    return folder


def scored(folder: Path, out: Path, language: str = "en") -> ScoreFigures | None:
    scorer = DayScorer(folder, terms(), LAST_DAY, None, language)
    scorer.add(partition(1500).tables)
    return scorer.finish(out)


def test_accounts_are_scored_into_bands_beside_how_the_last_scores_fared(tmp_path: Path) -> None:
    figures = scored(models(), tmp_path)
    assert figures is not None
    assert figures.problem == ""
    scores = pl.read_parquet(tmp_path / "scores.parquet")
    assert scores.columns == ["account_id", "customer_id", "probability", "points", "reasons", "as_of"]
    assert figures.account_count == scores.height > 50
    before = outcome_rows(
        partition(1500).tables, terms(), [LAST_DAY - timedelta(days=HORIZON)], HORIZON, OUTCOMES["stays-late"]
    )
    assert figures.bands["accounts_then"].sum() == before.height
    came = figures.bands.select((pl.col("accounts_then") * pl.col("came_then")).sum()).item()
    assert came == pytest.approx(before["has_come"].sum())
    foretold = figures.bands["foretold"].drop_nulls().to_list()
    assert foretold == sorted(foretold)
    assert figures.reasons["accounts"].sum() <= scores.height


def test_without_a_model_in_use_nothing_is_scored(tmp_path: Path) -> None:
    figures = scored(tmp_path, tmp_path)
    assert figures is not None
    assert figures.account_count == 0 and not figures.model and not figures.problem
    assert not (tmp_path / "scores.parquet").exists()
    scorer = DayScorer(tmp_path, terms(), LAST_DAY, None, "en")
    assert scorer.finish(tmp_path) is None


def test_how_many_will_be_late_is_foretold_and_held_against_what_came() -> None:
    stock = LateStock(terms(), LAST_DAY, None)
    stock.add(partition(1500).tables)
    told = stock.finish()
    panel = book_panel(partition(1500).tables, terms(), LAST_DAY, HISTORY_MONTHS)
    last = panel["month"].max()
    was_there = panel.filter(pl.col("month") == pl.lit(last) - 3).select("account_id")
    late_now = panel.filter(pl.col("month") == last, pl.col("state").is_in(sorted(BOOK_STATES.late)))
    three = told.row(by_predicate=pl.col("months") == 3, named=True)
    assert three["actual_then"] == late_now.join(was_there, on="account_id").height > 10
    assert three["low"] < three["expected"] < three["high"]
    assert three["expected_then"] == pytest.approx(three["actual_then"], rel=0.6)


def test_a_part_of_a_large_book_tells_of_the_whole_and_how_sure_that_is() -> None:
    whole, part = LateStock(terms(), LAST_DAY, None), LateStock(terms(), LAST_DAY, None, accounts_max=600)
    for stock in (whole, part):
        stock.add(partition(1500).tables)
    for full, thin in zip(
        whole.finish().iter_rows(named=True), part.finish().iter_rows(named=True), strict=True
    ):
        assert thin["low"] <= full["expected"] <= thin["high"]
        assert thin["high"] - thin["low"] > full["high"] - full["low"]


def test_a_model_that_refuses_is_told_and_fails_no_run(tmp_path: Path) -> None:
    (tmp_path / "champion.json").write_text(
        json.dumps({"model": "gone", "sha256": "0", "unmeasured_because": ""}), encoding="utf-8"
    )
    figures = scored(tmp_path, tmp_path)
    assert figures is not None
    assert "not the model that was promoted" in figures.problem
    page = render_report(DAY, CLEAN, FACTS, BUCKETS, scores=figures)
    assert "did not score" in PageReader(page).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_shows_bands_reasons_and_forecast_against_actual(tmp_path: Path, language: str) -> None:
    figures = scored(models(), tmp_path, language)
    assert figures is not None
    read = PageReader(render_report(DAY, CLEAN, FACTS, BUCKETS, language, scores=figures))
    cells = [cell for table in read.tables for row in table for cell in row]
    row = figures.bands.sort("accounts").row(-1, named=True)
    assert band_name(row["band"]) in cells
    assert f"{row['accounts']:,}" in cells
    assert figures.reasons["reason"][0] in cells
    (month,) = figures.late_stock.filter(pl.col("months") == 6)["month_end"].to_list()
    assert month.isoformat() in cells
    assert "None" not in read.text
    kept = json.loads(json.dumps(figures.as_dict(), allow_nan=False))
    assert told_before(kept).as_dict() == figures.as_dict()
