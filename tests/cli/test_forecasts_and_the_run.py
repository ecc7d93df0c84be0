"""The command foretells of the run's day what the run foretold: the same accounts, the same knowledge, the same figures."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dunwell.cli.workspace import copy_template
from dunwell.nightly.run import run_day
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.settings import read_settings
from tests.cli.test_insight_commands import said_here
from tests.insight.books import LAST_DAY

pytestmark = pytest.mark.slow


def ran(folder: Path, known_at: datetime | None) -> dict[str, Any]:
    """A workspace whose run has been; some of its payments were recorded after the day."""
    copy_template(folder)
    shutil.rmtree(folder / "policy" / "terms")
    shutil.copytree(TERMS_FOLDER, folder / "policy" / "terms")
    shutil.rmtree(folder / "tape")
    write_portfolio(folder / "tape", 1500, 7, LAST_DAY, messy=False, stress=4.0)
    result = run_day(
        read_settings(folder),
        folder / "tape",
        LAST_DAY,
        known_at=known_at,
        now=datetime(2026, 12, 1, tzinfo=UTC),
    )
    return result.summary()


@pytest.mark.parametrize("known_at", [None, datetime(2026, 11, 1, tzinfo=UTC)])
def test_the_command_and_the_run_say_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    known_at: datetime | None,
) -> None:
    shop = tmp_path / "shop"
    run = ran(shop, known_at)

    def said(words: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(said_here(words, shop, monkeypatch, capsys))
        return told

    losses = said("forecast --losses --out told.parquet --json")
    assert run["losses"]["stages"]
    assert pl.read_parquet("told.parquet").equals(pl.read_parquet("book/losses.parquet"))
    assert [{k: v for k, v in row.items() if k != "coverage"} for row in losses["stages"]] == run["losses"][
        "stages"
    ]
    assert losses["lost_shares"] == run["losses"]["lost_shares"]
    stock = said("forecast --json")["forecast"]
    for mine, its in zip(stock, run["scores"]["late_stock"], strict=True):
        figures = ("months", "expected", "low", "high")
        assert {name: mine[name] for name in figures} == {name: its[name] for name in figures}
