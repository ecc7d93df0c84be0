"""This month against last: how much of the change is another mix of accounts, and how much another rate in the
same accounts.

Kitagawa, Components of a difference between two rates (JASA 50, 1955). The parts of one column add up to the
whole change.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.drivers.subgroups import Adjust, adjusted_p
from dunwell.insight.features import CATALOGUE
from dunwell.insight.forbidden import refuse_forbidden
from dunwell.insight.problems import TrainingUnusable, extra

_CELLS = 4
_NAMES_MAX = 12


def compare_cohorts(
    before: pl.DataFrame,
    now: pl.DataFrame,
    columns: Sequence[str],
    *,
    outcome: str = "outcome",
    level: float = 0.05,
    adjust: Adjust = "bh",
    meanings: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """A row a column and cell: column, cell, count_before, count_now, rate_before, rate_now, mix_effect,
    rate_effect, p (that the cell's rate is as before), adjusted_p and has_changed. Numbers are cut where the
    earlier rows' quartiles lie.

    ``outcome``: 0 and 1, or any number. Raises ForbiddenInput, and TrainingUnusable for an empty side.
    """
    refuse_forbidden(before, columns)
    if before.is_empty() or now.is_empty():
        raise TrainingUnusable("one of the two months has no rows. Compare months that the book covers")
    told = []
    for name in columns:
        cells_before, cells_now = _cells(before[name], now[name])
        told.append(_compared(name, cells_before, before[outcome], cells_now, now[outcome], meanings or {}))
    rows = pl.concat(told)
    adjusted = adjusted_p(rows["p"].to_list(), adjust)
    return rows.with_columns(adjusted_p=pl.Series(adjusted, dtype=pl.Float64)).with_columns(
        has_changed=pl.col("adjusted_p") <= level
    )


def _cells(before: pl.Series, now: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The cells' names of both sides."""
    if before.dtype.is_numeric() or before.dtype == pl.Boolean:
        body = before.cast(pl.Float64).fill_nan(None).drop_nulls().to_numpy()
        edges = (
            np.unique(np.quantile(body, np.arange(1, _CELLS) / _CELLS, method="inverted_cdf"))
            if len(body)
            else body
        )
        return _cut(before, edges), _cut(now, edges)
    common = before.cast(pl.String).value_counts(sort=True)[before.name].head(_NAMES_MAX)
    return tuple(  # type: ignore[return-value]  # two of them
        one.cast(pl.String)
        .to_frame("cell")
        .select(pl.when(pl.col("cell").is_in(common.implode())).then("cell").otherwise(pl.lit("other")))
        .to_series()
        for one in (before, now)
    )


def _cut(values: pl.Series, edges: NDArray[np.float64]) -> pl.Series:
    names = [f"at most {edges[0]:.6g}"] if len(edges) else ["any"]
    names += [f"above {low:.6g} to {high:.6g}" for low, high in pairwise(edges)]
    names += [f"above {edges[-1]:.6g}"] if len(edges) else []
    numbers = values.cast(pl.Float64).fill_nan(None)
    place = np.searchsorted(edges, numbers.fill_null(0).to_numpy(), side="left")
    return (
        pl.DataFrame({"cell": np.array(names)[place], "is_missing": numbers.is_null()})
        .select(pl.when("is_missing").then(pl.lit("missing")).otherwise("cell").alias("cell"))
        .to_series()
    )


def _compared(
    name: str,
    cells_before: pl.Series,
    outcome_before: pl.Series,
    cells_now: pl.Series,
    outcome_now: pl.Series,
    meanings: Mapping[str, str],
) -> pl.DataFrame:
    sides = {"before": (cells_before, outcome_before), "now": (cells_now, outcome_now)}
    parts = [
        pl.DataFrame({"cell": cells, "outcome": outcome.cast(pl.Float64)})
        .group_by("cell")
        .agg(
            pl.len().cast(pl.Int64).alias(f"count_{side}"),
            pl.col("outcome").mean().alias(f"rate_{side}"),
            (pl.col("outcome").var().fill_null(0) / pl.len()).alias(f"variance_{side}"),
        )
        for side, (cells, outcome) in sides.items()
    ]
    both = (
        parts[0]
        .join(parts[1], on="cell", how="full", coalesce=True)
        .with_columns(pl.col("count_before", "count_now").fill_null(0))
    )
    share_before = pl.col("count_before") / pl.col("count_before").sum()
    share_now = pl.col("count_now") / pl.col("count_now").sum()
    rate_before = pl.coalesce("rate_before", "rate_now")
    rate_now = pl.coalesce("rate_now", "rate_before")
    whole = float(outcome_before.cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]  # a number
    feature = CATALOGUE.get(name)
    return (
        both.with_columns(
            mix_effect=(share_now - share_before) * ((rate_before + rate_now) / 2 - whole),
            rate_effect=(share_before + share_now) / 2 * (rate_now - rate_before),
            p=pl.Series(_p_values(both)),
            column=pl.lit(meanings.get(name, feature.meaning if feature else name)),
        )
        .sort("cell")
        .select(
            "column",
            "cell",
            "count_before",
            "count_now",
            "rate_before",
            "rate_now",
            "mix_effect",
            "rate_effect",
            "p",
        )
    )


def _p_values(cells: pl.DataFrame) -> NDArray[np.float64]:
    """That a cell's mean is as before, by the normal law; 1 where a side has none or nothing varies."""
    z = cells.select(
        (pl.col("rate_now") - pl.col("rate_before"))
        / (pl.col("variance_before") + pl.col("variance_now")).sqrt().replace(0, None)
    ).to_series()
    p: NDArray[np.float64] = 2 * extra("scipy.stats").norm.sf(z.abs().fill_null(0).to_numpy())
    return p
