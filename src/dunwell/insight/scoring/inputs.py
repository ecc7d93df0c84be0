"""What a model takes in: the columns it was made for, how they looked when it learned, and what it refuses.

Numbers stay numbers; categories become ranks by the risk they showed in training; nulls, NaN and categories
never seen are missing (NaN). Special values (a bureau's 96 and 98, a "never") are told apart from both.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.problems import CannotScore, TrainingUnusable

Floats = NDArray[np.float64]

PSI_MAX = 0.25
"""A population stability index above this is a different population by the field's rule of thumb."""

PSI_UNLIMITED = 1e9
"""As the limit: drift is not looked at."""

DRIFT_ROWS_MIN = 500
"""Fewer rows than this tell nothing of drift."""

_RARE = 0.005
_CELLS = 10


@dataclass(frozen=True, slots=True)
class Input:
    """One input. ``categories``: in the order of risk, empty for a number; ``edges`` and ``shares``: the
    training rows by interval, special value and missing, in that order.
    """

    name: str
    categories: tuple[str, ...]
    special_values: tuple[float, ...]
    edges: tuple[float, ...]
    shares: tuple[float, ...]

    @property
    def is_category(self) -> bool:
        """Whether its values are names."""
        return bool(self.categories)

    def shares_of(self, values: Floats) -> Floats:
        """Other rows by the same cells as ``shares``."""
        return _shares(self, values)


@dataclass(frozen=True, slots=True)
class Inputs:
    """All inputs of a model, in its order. ``row_count``: how many rows it learned from."""

    inputs: tuple[Input, ...]
    row_count: int

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(one.name for one in self.inputs)

    @classmethod
    def learn(
        cls, frame: pl.DataFrame, target: Floats, special_values: Mapping[str, Sequence[float]]
    ) -> "Inputs":
        """The contract of a training frame. Raises TrainingUnusable for a column of another kind than numbers
        and names, and for special values of no column.
        """
        unknown = sorted(set(special_values) - set(frame.columns))
        if unknown:
            raise TrainingUnusable(
                f"special values are given for {unknown[0]!r}, which is no column. There are: {', '.join(frame.columns)}"
            )
        learned = []
        for column in frame.get_columns():
            specials = tuple(float(v) for v in special_values.get(column.name, ()))
            categories = _ranked(column, target) if _is_names(column.dtype) else ()
            if not categories and not _is_numbers(column.dtype):
                raise TrainingUnusable(
                    f"column {column.name!r} is {column.dtype}; a score takes numbers, truth values and names. "
                    "Turn it into one of these, or leave it out"
                )
            values = _values(column, categories)
            body = values[~np.isnan(values) & ~np.isin(values, specials)]
            edges = np.unique(np.quantile(body, np.arange(1, _CELLS) / _CELLS)) if len(body) else body
            one = Input(column.name, categories, specials, tuple(edges.tolist()), ())
            shares = tuple(_shares(one, values).tolist())
            learned.append(Input(column.name, categories, specials, one.edges, shares))
        return cls(tuple(learned), frame.height)

    def matrix(self, frame: pl.DataFrame) -> Floats:
        """A row a row, a column an input; NaN is missing. Raises CannotScore when columns are missing or of
        another type.
        """
        self._refuse_missing(frame)
        made = np.empty((frame.height, len(self.inputs)), np.float64, order="F")
        for k, one in enumerate(self.inputs):
            column = frame[one.name]
            if column.dtype != pl.Null and not (
                _is_names(column.dtype) if one.is_category else _is_numbers(column.dtype)
            ):
                wanted = "names" if one.is_category else "numbers"
                raise CannotScore(
                    f"column {one.name!r} is {column.dtype}, and the model learned {wanted} there. "
                    "Cast it, or score with a model made for this table"
                )
            made[:, k] = _values(column, one.categories)
        return made

    def to_list(self) -> list[dict[str, Any]]:
        """The inputs as plain values."""
        return [
            {
                "name": one.name,
                "categories": list(one.categories),
                "special_values": list(one.special_values),
                "edges": list(one.edges),
                "shares": list(one.shares),
            }
            for one in self.inputs
        ]

    @classmethod
    def from_list(cls, told: Sequence[Mapping[str, Any]], row_count: int) -> "Inputs":
        """What ``to_list`` told."""
        fields = ("categories", "special_values", "edges", "shares")
        return cls(tuple(Input(one["name"], *(tuple(one[f]) for f in fields)) for one in told), row_count)

    def _refuse_missing(self, frame: pl.DataFrame) -> None:
        absent = [name for name in self.names if name not in frame.columns]
        if absent:
            raise CannotScore(
                f"{len(absent)} of the model's {len(self.names)} columns are missing: {', '.join(absent[:5])}. "
                "Add them (null where a value is unknown), or score with a model made for this table"
            )

    def drift(self, matrix: Floats) -> dict[str, float]:
        """The population stability index of each input against training."""
        return {
            one.name: population_stability(np.array(one.shares), one.shares_of(matrix[:, k]))
            for k, one in enumerate(self.inputs)
        }

    def refuse_drift(self, matrix: Floats, psi_max: float) -> None:
        """Raise CannotScore when an input has drifted beyond the limit. Too few rows are not judged."""
        if len(matrix) < DRIFT_ROWS_MIN or psi_max >= PSI_UNLIMITED:
            return
        drifted = sorted(
            ((psi, name) for name, psi in self.drift(matrix).items() if psi > psi_max), reverse=True
        )
        if drifted:
            told = ", ".join(f"{name} (PSI {psi:.2f})" for psi, name in drifted[:5])
            raise CannotScore(
                f"{len(drifted)} inputs are not distributed as when the model learned: {told}; the limit is {psi_max}. "
                "Look for a change in the source first; else train anew, or raise psi_max knowingly"
            )


def population_stability(expected: Floats, actual: Floats) -> float:
    """The population stability index of two distributions over the same cells; empty cells count as a ten
    thousandth.
    """
    e, a = np.clip(expected, 1e-4, None), np.clip(actual, 1e-4, None)
    return float(((a - e) * np.log(a / e)).sum())


def _shares(one: Input, values: Floats) -> Floats:
    cells = len(one.edges) + 1
    codes = np.searchsorted(np.array(one.edges), values, side="right")
    for k, special in enumerate(one.special_values):
        codes[values == special] = cells + k
    cells += len(one.special_values)
    codes[np.isnan(values)] = cells
    counts = np.bincount(codes, minlength=cells + 1).astype(np.float64)
    return counts / max(1, len(values))


def _is_names(dtype: pl.DataType) -> bool:
    return dtype == pl.String or isinstance(dtype, pl.Enum | pl.Categorical)


def _is_numbers(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype == pl.Boolean or dtype == pl.Null


def _values(column: pl.Series, categories: Sequence[str]) -> Floats:
    if categories:
        ranks = {name: float(rank) for rank, name in enumerate(categories)}
        column = column.cast(pl.String).replace_strict(ranks, default=None, return_dtype=pl.Float64)
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _ranked(column: pl.Series, target: Floats) -> tuple[str, ...]:
    """The categories by the event rate they showed, drawn towards the whole's by twenty rows. Rare ones have
    no rank and count as missing.
    """
    rate = float(target.mean())
    told = (
        pl.DataFrame({"name": column.cast(pl.String), "target": target})
        .drop_nulls("name")
        .group_by("name")
        .agg(pl.len(), pl.col("target").sum())
        .with_columns(rate=(pl.col("target") + 20 * rate) / (pl.col("len") + 20))
        .filter(pl.col("len") >= _RARE * len(column))
        .sort("rate", "name")
    )
    if told.is_empty():
        raise TrainingUnusable(
            f"column {column.name!r} holds names, none of them in one row of two hundred: an id, it seems. Leave it out"
        )
    return tuple(told["name"])
