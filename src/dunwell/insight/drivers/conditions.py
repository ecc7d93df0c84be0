"""What a subgroup is made of: conditions on columns that a person can read, as rows of truth values.

Numbers are cut at quantiles of the rows one looks in, so that each cut leaves enough on both sides; names are
taken as they are; a missing value is a condition of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.features import CATALOGUE
from dunwell.insight.forbidden import refuse_forbidden
from dunwell.insight.problems import TrainingUnusable

Flags = NDArray[np.bool_]
_NAMES_MAX = 20


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: the column, how it compares, and with what (None for missing); ``is_denied``: all other rows."""

    column: str
    sign: Literal["<=", ">", "=", "missing"]
    value: float | str | None
    is_denied: bool = False

    def holds(self, frame: pl.DataFrame) -> Flags:
        """Whether it holds, a row a row. A missing value meets no condition but ``missing``, and those denied."""
        met = self._is_met(frame)
        return ~met if self.is_denied else met

    def _is_met(self, frame: pl.DataFrame) -> Flags:
        values = frame[self.column]
        if self.sign == "missing":
            return (
                _numbers(values).is_null().to_numpy() if _is_number(values) else values.is_null().to_numpy()
            )
        if self.sign == "=":
            return (values.cast(pl.String) == str(self.value)).fill_null(False).to_numpy()
        limit = float(self.value)  # type: ignore[arg-type]  # a number by construction
        numbers = _numbers(values)
        compared = numbers <= limit if self.sign == "<=" else numbers > limit
        return compared.fill_null(False).to_numpy()

    def words(self, meanings: Mapping[str, str], language: str = "en") -> str:
        """The condition as a person would say it."""
        feature = CATALOGUE.get(self.column)
        known = (feature.meaning_zh if language == "zh" else feature.meaning) if feature else self.column
        name = meanings.get(self.column, known)
        zh, denied = language == "zh", self.is_denied
        if self.sign == "missing":
            said = ("已知", "known") if denied else ("缺失", "missing")
            return f"{name}{said[0]}" if zh else f"{name}: {said[1]}"
        if self.sign == "=":
            said = ("不为", "not ") if denied else ("为", "")
            return f"{name}{said[0]}{self.value}" if zh else f"{name}: {said[1]}{self.value}"
        limit = _shown(float(self.value))  # type: ignore[arg-type]  # a number by construction
        is_low = (self.sign == "<=") != denied
        if zh:
            return f"{name}{'不超过' if is_low else '高于'} {limit}{'或缺失' if denied else ''}"
        return f"{name}: {'at most' if is_low else 'above'} {limit}{' or missing' if denied else ''}"


def conditions_of(
    frame: pl.DataFrame, columns: Sequence[str], *, cuts: int = 5, share_min: float = 0.02
) -> list[Condition]:
    """Every condition on the columns that holds for at least ``share_min`` of the rows and not for all but as
    many. Raises ForbiddenInput for what nobody may be told apart by, TrainingUnusable when nothing is left.
    """
    refuse_forbidden(frame, columns)
    fewest = max(1, int(share_min * frame.height))
    found = []
    for name in columns:
        values = frame[name]
        if _is_number(values):
            body = _numbers(values).drop_nulls().to_numpy()
            edges = (
                np.unique(np.quantile(body, np.arange(1, cuts) / cuts, method="inverted_cdf"))
                if len(body)
                else body
            )
            for edge in edges.tolist():
                found += [Condition(name, "<=", edge), Condition(name, ">", edge)]
        elif values.dtype == pl.String or isinstance(values.dtype, pl.Enum | pl.Categorical):
            counted = values.cast(pl.String).drop_nulls().value_counts(sort=True)
            found += [Condition(name, "=", one) for one in counted[name].head(_NAMES_MAX)]
        else:
            raise TrainingUnusable(
                f"column {name!r} is {values.dtype}; subgroups are told by numbers, truth values and names. Leave it out"
            )
        found.append(Condition(name, "missing", None))
    kept = [one for one in found if fewest <= int(one.holds(frame).sum()) <= frame.height - fewest]
    if not kept:
        raise TrainingUnusable("no column tells rows apart. Give columns with more than one value")
    return kept


def _is_number(values: pl.Series) -> bool:
    return values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.Null)


def _numbers(values: pl.Series) -> pl.Series:
    return values.cast(pl.Float64).fill_nan(None)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
