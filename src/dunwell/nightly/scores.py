"""What the run foretells. The day's scores, where a model is in use: who stands in which band, why, and how a horizon ago's
scores fared; and how many accounts will be late in the months to come.

A run never fails for a score: what a model refuses (drifted inputs, a changed file, a package that is missing) is
told in the report.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.insight import InsightError, features
from dunwell.insight.problems import extra
from dunwell.insight.scoring import Model, load_model
from dunwell.insight.scoring.promotion import champion
from dunwell.insight.scoring.saving import load_folder
from dunwell.insight.training import OUTCOMES, are_dated, known_at_end_of, outcome_rows
from dunwell.ledger import Terms
from dunwell.nightly.late_stock import COLUMNS, LateStock

BAND_EDGES = (0.05, 0.10, 0.20, 0.40, 0.60, 0.80)
"""Where the bands of probability end."""

_REASONS = 3
_REASONS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class ScoreFigures:
    """``bands``: band (0 the least likely), accounts, foretold (mean), then, for those of a horizon ago, accounts_then,
    foretold_then and came_then. ``reasons``: reason and accounts, by what weighs most against each. ``problem``:
    why nothing was scored; empty when it was. ``late_stock``: how many will be late (``late_stock.COLUMNS``), with a
    model in use or without; ``model`` is empty without.
    """

    model: str
    sha256: str
    meaning: str
    horizon_days: int
    bands: pl.DataFrame
    reasons: pl.DataFrame
    problem: str = ""
    late_stock: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COLUMNS))

    @property
    def account_count(self) -> int:
        """Accounts scored."""
        return int(self.bands["accounts"].sum())

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "model": self.model,
            "sha256": self.sha256,
            "meaning": self.meaning,
            "horizon_days": self.horizon_days,
            "accounts": self.account_count,
            "bands": self.bands.to_dicts(),
            "reasons": self.reasons.to_dicts(),
            "problem": self.problem,
            "late_stock": self.late_stock.with_columns(pl.col("month_end").dt.to_string()).to_dicts(),
        }


def told_before(record: Mapping[str, Any]) -> ScoreFigures:
    """The figures that ``as_dict`` told: what a run's ``run.json`` keeps of them."""
    bands = {"foretold": pl.Float64, "foretold_then": pl.Float64, "came_then": pl.Float64}
    stock = {**COLUMNS, "month_end": pl.String}
    return ScoreFigures(
        record["model"],
        record["sha256"],
        record["meaning"],
        record["horizon_days"],
        pl.DataFrame(record["bands"], schema_overrides=bands),
        pl.DataFrame(record["reasons"], schema={"reason": pl.String, "accounts": pl.Int64}),
        record["problem"],
        pl.DataFrame(record.get("late_stock", []), schema=stock).with_columns(
            pl.col("month_end").str.to_date()
        ),
    )


class DayScorer:
    """Gathers the partitions' features, then scores them all at once: drift is a matter of the whole book."""

    def __init__(
        self, models: Path, terms: Mapping[str, Terms], as_of: date, known_at: datetime | None, language: str
    ) -> None:
        """Open the model in use, where there is one."""
        self._terms, self._as_of, self._known_at, self._language = terms, as_of, known_at, language
        self._now: list[pl.DataFrame] = []
        self._before: list[pl.DataFrame] = []
        self._late_stock: LateStock | None = LateStock(terms, as_of, known_at)
        self._model: Model | None = None
        self._problem, self._name, self._sha256 = "", "", ""
        try:
            chosen = champion(models)
            if chosen is None:
                return
            self._name, self._sha256 = chosen.folder.name, chosen.sha256
            self._use = json.loads(load_folder(chosen.folder)[2].get("use.json", "{}"))
            if self._use.get("made_for") != "book":
                self._problem = f"{chosen.folder.name} was not made for a book"
                return
            if self._use.get("outcome") not in OUTCOMES:
                self._problem = f"{chosen.folder.name} foretells what the run does not know"
                return
            self._model = load_model(chosen.folder)
        except InsightError as error:
            self._problem = str(error)

    def add(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Take in a partition."""
        self._look_ahead(tables)
        if self._model is None:
            return
        outcome, horizon = OUTCOMES[self._use["outcome"]], self._use["horizon_days"]
        known_at = self._known_at or (known_at_end_of(self._as_of) if are_dated(tables) else None)
        asked = features(tables, self._terms, self._as_of, known_at).filter(outcome.is_asked_of)
        self._now.append(asked.select("account_id", "customer_id", *self._model.inputs_.names))
        origin = self._as_of - timedelta(days=horizon)
        before = outcome_rows(tables, self._terms, [origin], horizon, outcome)
        self._before.append(before.select("has_come", *self._model.inputs_.names))

    def finish(self, folder: Path) -> ScoreFigures | None:
        """Write ``scores.parquet`` to the folder and give the figures; None where no model is in use and the book is too
        young to foretell from.
        """
        stock = pl.DataFrame(schema=COLUMNS) if self._late_stock is None else self._late_stock.finish()
        figures = self._scored(folder)
        if figures is None and stock.height:
            figures = self._unscored("")
        return None if figures is None else replace(figures, late_stock=stock)

    @property
    def panel(self) -> pl.DataFrame:
        """The book's month ends that the forecast looks at; without rows where there is none."""
        return pl.DataFrame() if self._late_stock is None else self._late_stock.panel

    def _look_ahead(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Roll rates need the extra ``insight``; without it the run goes on without them."""
        if self._late_stock is not None:
            try:
                extra("scipy")
                self._late_stock.add(tables)
            except InsightError:
                self._late_stock = None

    def _scored(self, folder: Path) -> ScoreFigures | None:
        if self._model is None:
            return self._unscored(self._problem) if self._problem else None
        now, before = pl.concat(self._now), pl.concat(self._before)
        if now.is_empty() or before.is_empty():
            return self._unscored("no account on the book is of the kind that it foretells")
        try:
            told = self._model.explain(
                now, language=self._language, most=_REASONS, keys=["account_id", "customer_id"]
            )
        except InsightError as error:
            return self._unscored(str(error))
        told.with_columns(as_of=pl.lit(self._as_of)).write_parquet(folder / "scores.parquet")
        then = before.select(
            foretold=pl.Series(self._model.probability_of(before), dtype=pl.Float64),
            came=pl.col("has_come").cast(pl.Float64),
        )
        outcome = OUTCOMES[self._use["outcome"]]
        return ScoreFigures(
            self._name,
            self._sha256,
            outcome.meaning.format(days=self._use["horizon_days"]),
            self._use["horizon_days"],
            _bands(told["probability"], then),
            _first_reasons(told["reasons"]),
        )

    def _unscored(self, problem: str) -> ScoreFigures:
        nothing = _bands(
            pl.Series([], dtype=pl.Float64), pl.DataFrame(schema={"foretold": pl.Float64, "came": pl.Float64})
        )
        empty = pl.Series([], dtype=pl.List(pl.String))
        return ScoreFigures(self._name, self._sha256, "", 0, nothing, _first_reasons(empty), problem)


def band_name(band: int) -> str:
    """A band in words: the probabilities it holds."""
    edges = (0.0, *BAND_EDGES, 1.0)
    return f"{100 * edges[band]:.0f}–{100 * edges[band + 1]:.0f}%"


def _bands(probability: pl.Series, then: pl.DataFrame) -> pl.DataFrame:
    place = pl.sum_horizontal((pl.col("foretold") >= edge).cast(pl.Int64) for edge in BAND_EDGES)
    now = (
        pl.DataFrame({"foretold": probability.cast(pl.Float64)})
        .group_by(band=place)
        .agg(accounts=pl.len().cast(pl.Int64), foretold=pl.col("foretold").mean())
    )
    before = then.group_by(band=place).agg(
        accounts_then=pl.len().cast(pl.Int64),
        foretold_then=pl.col("foretold").mean(),
        came_then=pl.col("came").mean(),
    )
    return (
        pl.DataFrame({"band": range(len(BAND_EDGES) + 1)}, schema={"band": pl.Int64})
        .join(now, on="band", how="left")
        .join(before, on="band", how="left")
        .with_columns(pl.col("accounts", "accounts_then").fill_null(0))
        .sort("band")
    )


def _first_reasons(reasons: pl.Series) -> pl.DataFrame:
    """The input that weighs most against each account, by how many it does: the words before its value."""
    first = reasons.list.first().drop_nulls()
    return (
        pl.DataFrame({"reason": first})
        .with_columns(pl.col("reason").str.replace(r"(:|为).*$", ""))
        .group_by("reason")
        .agg(accounts=pl.len().cast(pl.Int64))
        .sort("accounts", "reason", descending=[True, False])
        .head(_REASONS_SHOWN)
    )
