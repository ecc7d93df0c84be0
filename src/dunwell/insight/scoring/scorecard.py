"""The points scorecard: monotone bins found by OptBinning, a logistic regression over their weights of
evidence, points to double the odds.

Siddiqi, Credit Risk Scorecards (2006); Navas-Palencia, Optimal binning (arXiv 2001.08025).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from dunwell.insight.problems import TrainingUnusable, extra
from dunwell.insight.scoring.base import Model
from dunwell.insight.scoring.inputs import Floats, Input
from dunwell.insight.scoring.points import Axis, PointsTable, Scale, axis_of, readable
from dunwell.insight.scoring.regression import logistic
from dunwell.insight.scoring.sql import to_sql
from dunwell.insight.scoring.words import Meaning, reasons_of_points

_SMOOTHING = 0.5
_TRENDS = {1: "ascending", -1: "descending", 0: "auto_asc_desc"}


class PointsModel(Model):
    """A model that is a table of points: ``table_`` is all there is to it."""

    scale: Scale
    table_: PointsTable

    def to_sql(self, relation: str, keys: tuple[str, ...] = ()) -> str:
        """One SQL SELECT over ``relation`` that gives the same points."""
        self._refuse_unfitted()
        return to_sql(self.table_, relation, keys)

    def summary(self) -> pl.DataFrame:
        """The scorecard to print: input, cell in words, points; a row a cell of the terms of one input."""
        from dunwell.insight.scoring.words import cell_words

        self._refuse_unfitted()
        rows = [
            {
                "input": term.name,
                "cell": cell_words(term.axes[0], cell, "en"),
                "points": int(term.points[cell]),
            }
            for term in self.table_.terms
            if len(term.axes) == 1
            for cell in range(term.axes[0].cell_count)
        ]
        return pl.DataFrame(rows, schema={"input": pl.String, "cell": pl.String, "points": pl.Int64})

    def _probability(self, matrix: Floats) -> Floats:
        points = self.table_.scores(matrix, self.inputs_.names)
        return self.table_.scale.probability(points.astype(np.float64))

    def _told(self, matrix: Floats) -> pl.DataFrame:
        points = self.table_.scores(matrix, self.inputs_.names)
        probability = self.table_.scale.probability(points.astype(np.float64))
        return pl.DataFrame({"probability": probability, "points": points})

    def _reasons(self, matrix: Floats, words: Mapping[str, Meaning], language: str, most: int) -> pl.Series:
        return reasons_of_points(self.table_, self.inputs_, matrix, words, language, most)

    def _state(self) -> tuple[dict[str, Any], dict[str, str]]:
        return self.table_.to_dict(), {}

    def _restore(self, model: Mapping[str, Any], trees: Mapping[str, str]) -> None:
        self.table_ = PointsTable.from_dict(model)
        self.scale = self.table_.scale


class Scorecard(PointsModel):
    """A classic scorecard. Inputs whose information value is below ``information_min`` add no points, nor do
    those that the regression gives a weight against their own trend.

    ``information_``: the information value of each input. ``table_``: the points.
    """

    kind = "scorecard"

    def __init__(
        self,
        *,
        scale: Scale | None = None,
        bins_max: int = 12,
        bin_share_min: float = 0.02,
        information_min: float = 0.01,
        penalty: float = 1.0,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.scale = scale or Scale()
        self.bins_max, self.bin_share_min = bins_max, bin_share_min
        self.information_min, self.penalty = information_min, penalty

    def _fit(self, matrix: Floats, target: Floats) -> None:
        binning = extra("optbinning")
        axes, weights, codes = [], [], []
        self.information_: dict[str, float] = {}
        for k, one in enumerate(self.inputs_.inputs):
            axis = self._axis(binning, one, matrix[:, k], target)
            cells = axis.codes(matrix[:, k])
            weight, information = _weights(cells, axis.cell_count, target)
            self.information_[one.name] = information
            if information >= self.information_min:
                axes.append(axis)
                weights.append(weight)
                codes.append(cells)
        if not axes:
            raise TrainingUnusable(
                f"no input tells the outcomes apart (information value below {self.information_min} each). Add others"
            )
        columns = np.column_stack([w[c] for w, c in zip(weights, codes, strict=True)])
        intercept, slopes = logistic(columns, target, self.penalty)
        terms: list[tuple[tuple[Axis, ...], Floats]] = []
        for axis, weight, slope, column in zip(axes, weights, slopes, columns.T, strict=True):
            middle = slope * float(column.mean())
            terms.append(((axis,), slope * weight - middle))
            intercept += middle
        self.table_ = PointsTable.rounded(intercept, terms, self.scale)

    def _axis(self, binning: Any, one: Input, values: Floats, target: Floats) -> Axis:
        body = ~np.isnan(values) & ~np.isin(values, one.special_values)
        x, y = values[body], target[body]
        distinct = np.unique(x)
        if len(distinct) < 2 or not 0 < y.sum() < len(y):
            return axis_of(one, ())
        if (
            len(distinct) == 2
        ):  # a truth value: nothing to search, and OptBinning would merge a pure side away
            return axis_of(one, [readable(float(distinct.mean()), distinct)])
        found = binning.OptimalBinning(
            name=one.name,
            dtype="numerical",
            solver="cp",
            monotonic_trend="ascending" if one.is_category else _TRENDS[self.risk.get(one.name, 0)],
            max_n_prebins=20,
            max_n_bins=self.bins_max,
            min_prebin_size=self.bin_share_min,
        ).fit(x, y)
        return axis_of(one, [readable(float(t), distinct) for t in found.splits])


def _weights(cells: Any, cell_count: int, target: Floats) -> tuple[Floats, float]:
    """The weight of evidence of each cell (log of its odds of bad over the whole's) and the information value.
    An empty cell weighs nothing.
    """
    rows = np.bincount(cells, minlength=cell_count).astype(np.float64)
    bad = np.bincount(cells, weights=target, minlength=cell_count)
    good = rows - bad
    share_bad = (bad + _SMOOTHING) / (bad.sum() + 1)
    share_good = (good + _SMOOTHING) / (good.sum() + 1)
    weight = np.where(rows > 0, np.log(share_bad / share_good), 0.0)
    information = float(np.where(rows > 0, (share_bad - share_good) * weight, 0.0).sum())
    return weight, information
