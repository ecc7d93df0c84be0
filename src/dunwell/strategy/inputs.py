"""Columns that were known when a decision was made, as a matrix of numbers that any learner here takes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.strategy.problems import StrategyError

Floats = NDArray[np.float64]

_LEVELS_MAX = 12
_SHARE_MIN = 0.01


@dataclass(frozen=True, slots=True)
class Columns:
    """How a frame's columns become numbers, learned from one frame and used on any other.

    A number is centred and scaled, and a missing one is its mean beside a column that says so; a text becomes a column
    for each frequent level. Nothing is dropped but what is the same in every row.
    """

    names: tuple[str, ...]
    numbers: tuple[tuple[str, float, float], ...]
    missing: tuple[str, ...]
    levels: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, frame: pl.DataFrame, names: Sequence[str]) -> "Columns":
        """Learn from a frame. Raises StrategyError for a column that is absent or of a kind that is neither number nor
        text.
        """
        numbers, missing, levels = [], [], []
        for name in names:
            if name not in frame.columns:
                raise StrategyError(f"the column {name!r} is absent. There are: {', '.join(frame.columns)}")
            column = frame[name]
            if column.dtype in (pl.String, pl.Categorical, pl.Enum):
                levels += [(name, level) for level in _frequent(column.cast(pl.String))]
            elif column.dtype.is_numeric() or column.dtype == pl.Boolean:
                values = _values(column)
                known = values[~np.isnan(values)]
                if len(known) and known.std() > 0:
                    numbers.append((name, float(known.mean()), float(known.std())))
                if 0 < len(known) < len(values):
                    missing.append(name)
            else:
                raise StrategyError(
                    f"the column {name!r} is of type {column.dtype}. Give numbers, truth or text"
                )
        return cls(tuple(names), tuple(numbers), tuple(missing), tuple(levels))

    def matrix(self, frame: pl.DataFrame) -> Floats:
        """The rows of a frame as numbers, in columns that are the same for every frame."""
        parts = [np.nan_to_num((_values(frame[name]) - mean) / spread) for name, mean, spread in self.numbers]
        parts += [np.isnan(_values(frame[name])).astype(np.float64) for name in self.missing]
        parts += [
            (frame[name].cast(pl.String) == level).fill_null(False).to_numpy().astype(np.float64)
            for name, level in self.levels
        ]
        return np.column_stack(parts) if parts else np.empty((frame.height, 0))


def _values(column: pl.Series) -> Floats:
    values: Floats = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
    if np.isinf(values).any():
        raise StrategyError(f"the column {column.name!r} has an infinite value. Mend it or leave it out")
    return values


def _frequent(column: pl.Series) -> list[str]:
    """The levels that are worth a column, the most frequent left to the constant."""
    counts = column.drop_nulls().value_counts(sort=True).filter(pl.col("count") >= _SHARE_MIN * len(column))
    return sorted(counts[column.name].to_list()[1 : _LEVELS_MAX + 1])
