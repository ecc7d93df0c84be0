"""How a model treats groups beside each other: who is foretold worse than comes, who is treated as risky without
cause; and when that keeps a model from being promoted.

Calibration within groups and equal false positive rates cannot both hold exactly where the groups' rates differ
(Chouldechova, Fair prediction with disparate impact, Big Data 5(2), 2017). So neither must be nothing; both must
stay within a limit that is written down (``fairness.toml``).
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.scoring.inputs import Floats
from dunwell.insight.scoring.measures import Figure

GROUP_ROWS_MIN = 30
"""Fewer rows than this tell nothing of a group."""

NOT_MEASURED = "fairness was not measured: no two groups of at least 30 rows were told apart"


@dataclass(frozen=True, slots=True)
class FairnessLimits:
    """The largest gaps a promoted model may have, and on whose word."""

    error_gap_max: float
    treatment_gap_max: float
    citation: str


@dataclass(frozen=True, slots=True)
class GroupGap:
    """One group beside everybody else. ``error``: predicted minus actual rate, less that of the others;
    ``treatment``: among those for whom it did not come, the share above the whole's median risk, less that of the
    others.
    """

    group: str
    error: Figure
    treatment: Figure


@cache
def fairness_limits() -> FairnessLimits:
    """The limits as written in ``fairness.toml``."""
    text = tomllib.loads(Path(__file__).with_name("fairness.toml").read_text(encoding="utf-8"))
    return FairnessLimits(text["error_gap_max"], text["treatment_gap_max"], text["citation"])


def group_frame(groups: pl.Series | pl.DataFrame, row_count: int) -> pl.DataFrame:
    """Groups as names, a column a way of grouping, a row a row. Raises TrainingUnusable when the rows are not as
    many.
    """
    frame = groups.to_frame() if isinstance(groups, pl.Series) else groups
    if frame.height != row_count:
        raise TrainingUnusable(f"groups has {frame.height} values for {row_count} rows. Give one a row")
    return frame.with_columns(pl.all().cast(pl.String).fill_null("not known"))


def group_gaps(target: Floats, probability: Floats, groups: pl.DataFrame) -> tuple[GroupGap, ...]:
    """The gaps of every group that has enough rows and enough others beside it. The intervals hold 95 % for all
    gaps together (Bonferroni), so that many groups do not make a false alarm likely.
    """
    error = probability - target
    is_above = (probability > np.median(probability)).astype(np.float64)
    has_not_come = target == 0
    masks: dict[str, NDArray[np.bool_]] = {}
    for name in groups.columns:
        values = groups[name].to_numpy()
        for one in sorted(set(values.tolist())):
            mine = values == one
            if min(mine.sum(), (~mine).sum()) >= GROUP_ROWS_MIN:
                masks[one if groups.width == 1 else f"{name}: {one}"] = mine
    deviations = NormalDist().inv_cdf(1 - 0.05 / (4 * max(1, len(masks))))
    return tuple(
        GroupGap(
            label,
            _difference(error[mine], error[~mine], deviations),
            _share_difference(is_above[mine & has_not_come], is_above[~mine & has_not_come], deviations),
        )
        for label, mine in masks.items()
    )


def promotion_blocks(gaps: tuple[GroupGap, ...], limits: FairnessLimits | None = None) -> tuple[str, ...]:
    """Why a model may not be promoted, in words; empty when it may. What was not measured blocks too."""
    held = limits or fairness_limits()
    if not gaps:
        return (NOT_MEASURED,)
    blocks = []
    for gap in gaps:
        if _is_beyond(gap.error, held.error_gap_max):
            blocks.append(
                f"{gap.group}: predicted minus actual rate differs from everybody else's by {gap.error}, "
                f"and the limit is {held.error_gap_max}"
            )
        if _is_beyond(gap.treatment, held.treatment_gap_max):
            blocks.append(
                f"{gap.group}: among those for whom it did not come, the share treated as risky differs from everybody "
                f"else's by {gap.treatment}, and the limit is {held.treatment_gap_max}"
            )
    return tuple(blocks)


def _is_beyond(gap: Figure, limit: float) -> bool:
    return abs(gap.value) > limit and not gap.low <= 0 <= gap.high


def _difference(one: Floats, other: Floats, deviations: float) -> Figure:
    """The difference of two means with Welch's large-sample interval."""
    value = float(one.mean() - other.mean())
    spread = deviations * float(np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other)))
    return Figure(value, value - spread, value + spread)


def _share_difference(one: Floats, other: Floats, deviations: float) -> Figure:
    """The difference of two shares with the interval of Agresti and Caffo (The American Statistician 54, 2000), which
    holds for small groups and shares near 0 and 1; cannot be told below ``GROUP_ROWS_MIN`` of either.
    """
    if min(len(one), len(other)) < GROUP_ROWS_MIN:
        return Figure(float("nan"), float("nan"), float("nan"))
    shares = [(float(part.sum()) + 1) / (len(part) + 2) for part in (one, other)]
    variance = sum(p * (1 - p) / (len(part) + 2) for p, part in zip(shares, (one, other), strict=True))
    middle, spread = shares[0] - shares[1], deviations * float(np.sqrt(variance))
    return Figure(float(one.mean() - other.mean()), middle - spread, middle + spread)
