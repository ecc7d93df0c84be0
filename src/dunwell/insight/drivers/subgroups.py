"""What goes with an outcome: subgroups found on one half of the rows and tested on the other.

Searching and testing on the same rows finds something in pure noise. Here the search sees one half only; the few
subgroups it brings are tested once each on the other half, with the false discovery rate controlled over them
(Benjamini and Hochberg 1995, or Benjamini and Yekutieli 2001, which holds whatever the tests' dependence).
``chance_findings`` shows what that is worth: how often labels that were shuffled bring any finding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.drivers.conditions import Condition, Flags, conditions_of
from dunwell.insight.drivers.search import Floats, beam_search
from dunwell.insight.drivers.tree import tree_leaves
from dunwell.insight.problems import TrainingUnusable, extra
from dunwell.insight.scoring.measures import Figure, cluster_numbers, share_interval

Ints = NDArray[np.int64]
Adjust = Literal["bh", "by"]
_ROWS_MIN = 200
_PERIOD_ROWS_MIN = 20
_EXPLORED_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Search:
    """How to look: at most ``depth`` conditions together, ``beam`` subgroups carried on at each length, the best
    ``most`` tested; each with at least ``share_min`` of the rows. ``level``: the false discovery rate. ``way``:
    ``beam`` for subgroups that may overlap, ``tree`` for the leaves of one tree, monotone where ``risk`` says so.
    """

    depth: int = 3
    beam: int = 20
    most: int = 20
    cuts: int = 5
    share_min: float = 0.02
    level: float = 0.05
    adjust: Adjust = "bh"
    seed: int = 0
    way: Literal["beam", "tree"] = "beam"
    risk: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Subgroups:
    """What was found. ``frame`` has a row a tested subgroup, the surest first: subgroup (in words), conditions,
    row_count, row_share, inside and outside (the outcome's mean), difference with low and high (95 %), ratio,
    outcome_share (of all the outcome, how much lies in it), p, adjusted_p, is_found, period_count,
    same_sign_share and period_differences (oldest first). All figures but the search are of the held-out half.
    """

    frame: pl.DataFrame
    explored_count: int
    held_out_count: int
    condition_count: int
    mean: float
    search: Search

    @property
    def found(self) -> pl.DataFrame:
        """The subgroups that pass."""
        return self.frame.filter("is_found")


def subgroups(
    frame: pl.DataFrame,
    target: pl.Series,
    columns: Sequence[str],
    *,
    search: Search | None = None,
    groups: pl.Series | None = None,
    period: pl.Series | None = None,
    meanings: Mapping[str, str] | None = None,
    language: str = "en",
) -> Subgroups:
    """Subgroups of ``columns`` in which the target's mean differs.

    ``target``: 0 and 1, or any number (a share lost, say). ``groups``: who a row belongs to; a group is never in
    both halves and counts once in the tests, however many rows it has. ``period``: when, for the stability.
    With the way ``tree``, every row is in just one of them.
    Raises ForbiddenInput, and TrainingUnusable for a target that cannot be compared.
    """
    how = search or Search()
    values, clusters = _checked(frame, target, groups)
    explored, held = _halves(clusters, how.seed)
    conditions, chosen = _explore(frame[explored], values[explored], columns, how)
    rows = frame[held]
    tested = [_tested(_all_hold(rows, chosen_one), values[held], clusters[held]) for chosen_one in chosen]
    adjusted = adjusted_p([one["p"] for one in tested], how.adjust)
    told: list[dict[str, Any]] = [
        {
            "subgroup": _and(members, meanings or {}, language),
            "conditions": [one.words(meanings or {}, language) for one in members],
            **figures,
            "adjusted_p": p,
            "is_found": p <= how.level,
            **_over_time(_all_hold(rows, members), values[held], None if period is None else period[held]),
        }
        for members, figures, p in zip(chosen, tested, adjusted, strict=True)
    ]
    told.sort(key=lambda row: (row["adjusted_p"], row["p"], -abs(row["difference"])))
    return Subgroups(
        pl.DataFrame(told, schema=_SCHEMA),
        len(explored),
        len(held),
        len(conditions),
        float(values[held].mean()),
        how,
    )


def chance_findings(
    frame: pl.DataFrame,
    target: pl.Series,
    columns: Sequence[str],
    *,
    rounds: int,
    search: Search | None = None,
    groups: pl.Series | None = None,
) -> Figure:
    """How often shuffled labels bring any finding, with Wilson's interval: where nothing is to be found, that is
    the false discovery rate, and it should be at most about the level. With ``groups``, the labels of a group stay
    together: they are dealt out anew group by group, to rows in the order of their groups.
    """
    how = search or Search()
    values, clusters = _checked(frame, target, groups)
    draw = np.random.default_rng(how.seed)
    order = np.argsort(clusters, kind="stable")
    runs = np.split(values[order], np.cumsum(np.unique(clusters, return_counts=True)[1])[:-1])
    hits = 0
    for k in range(rounds):
        shuffled = np.empty_like(values)
        shuffled[order] = np.concatenate([runs[place] for place in draw.permutation(len(runs))])
        found = subgroups(
            frame,
            pl.Series(shuffled),
            columns,
            search=replace(how, seed=how.seed + 1 + k),
            groups=None if groups is None else pl.Series(clusters),
        )
        hits += bool(found.found.height)
    return share_interval(hits, rounds)


def adjusted_p(p: Sequence[float], adjust: Adjust) -> list[float]:
    """P-values adjusted for how many there are: reject those at most the level to hold the false discovery rate."""
    if not len(p):
        return []
    return [float(one) for one in extra("scipy.stats").false_discovery_control(np.array(p), method=adjust)]


_SCHEMA: dict[str, Any] = {
    "subgroup": pl.String,
    "conditions": pl.List(pl.String),
    "row_count": pl.Int64,
    "row_share": pl.Float64,
    "inside": pl.Float64,
    "outside": pl.Float64,
    "difference": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "ratio": pl.Float64,
    "outcome_share": pl.Float64,
    "p": pl.Float64,
    "adjusted_p": pl.Float64,
    "is_found": pl.Boolean,
    "period_count": pl.Int64,
    "same_sign_share": pl.Float64,
    "period_differences": pl.List(pl.Float64),
}


def _checked(frame: pl.DataFrame, target: pl.Series, groups: pl.Series | None) -> tuple[Floats, Ints]:
    """The target as numbers and, for each row, the number of its group (its own where there are none)."""
    if frame.height < _ROWS_MIN:
        raise TrainingUnusable(
            f"{frame.height} rows are too few to look for subgroups: at least {_ROWS_MIN} are needed. Take a longer window"
        )
    if len(target) != frame.height or (groups is not None and len(groups) != frame.height):
        raise TrainingUnusable(f"target and groups must have a value for each of the {frame.height} rows")
    if target.null_count() or not (target.dtype.is_numeric() or target.dtype == pl.Boolean):
        raise TrainingUnusable("the target must be a number in every row. Drop rows without an outcome")
    values = target.cast(pl.Float64).to_numpy()
    if not np.isfinite(values).all() or values.min() == values.max():
        raise TrainingUnusable("the target is the same in every row, or not finite. Take a longer window")
    return values, cluster_numbers(groups, frame.height)


def _halves(clusters: Ints, seed: int) -> tuple[Ints, Ints]:
    """The rows to explore and those held out; whole groups, half of them each."""
    draw = np.random.default_rng(seed)
    names = np.unique(clusters)
    chosen = np.isin(clusters, draw.permutation(names)[: len(names) // 2])
    explored = np.flatnonzero(chosen)
    if len(explored) > _EXPLORED_MAX:
        explored = np.sort(draw.choice(explored, _EXPLORED_MAX, replace=False))
    return explored, np.flatnonzero(~chosen)


def _explore(
    rows: pl.DataFrame, target: Floats, columns: Sequence[str], how: Search
) -> tuple[list[Condition], list[tuple[Condition, ...]]]:
    conditions = conditions_of(rows, columns, cuts=how.cuts, share_min=how.share_min)
    holds = np.column_stack([one.holds(rows) for one in conditions]).astype(np.float32)
    rows_min = max(1, int(how.share_min * rows.height))
    if how.way == "tree":
        return conditions, tree_leaves(
            conditions, holds, target, depth=how.depth, rows_min=rows_min, risk=how.risk
        )
    found = beam_search(
        conditions,
        holds,
        target,
        depth=how.depth,
        beam=how.beam,
        most=how.most,
        rows_min=rows_min,
    )
    return conditions, [tuple(conditions[place] for place in members) for members in found]


def _all_hold(rows: pl.DataFrame, members: Sequence[Condition]) -> Flags:
    holds: Flags = np.logical_and.reduce([one.holds(rows) for one in members])
    return holds


def _and(members: Sequence[Condition], meanings: Mapping[str, str], language: str) -> str:
    return ("，且" if language == "zh" else " and ").join(one.words(meanings, language) for one in members)


def _tested(inside: Flags, target: Floats, clusters: Ints) -> dict[str, float | int]:
    """Size, effect with its interval, and the p-value of no difference."""
    count, rows = int(inside.sum()), len(inside)
    if not 0 < count < rows:
        unknown = ("inside", "outside", "low", "high", "ratio", "outcome_share")
        return {
            "row_count": count,
            "row_share": count / rows,
            "difference": 0.0,
            "p": 1.0,
            **dict.fromkeys(unknown, float("nan")),
        }
    mean_in, mean_out = float(target[inside].mean()), float(target[~inside].mean())
    difference = mean_in - mean_out
    error = np.where(inside, (target - mean_in) / count, -(target - mean_out) / (rows - count))
    spread = 1.96 * float(np.sqrt(_sum_of_squares(error, clusters)))
    total = float(target.sum())
    return {
        "row_count": count,
        "row_share": count / rows,
        "inside": mean_in,
        "outside": mean_out,
        "difference": difference,
        "low": difference - spread,
        "high": difference + spread,
        "ratio": mean_in / mean_out if mean_out else float("inf"),
        "outcome_share": float(target[inside].sum()) / total if total else float("nan"),
        "p": _p_value(inside, target, clusters),
    }


def _p_value(inside: Flags, target: Floats, clusters: Ints) -> float:
    """Of no difference, two-sided: Fisher's exact test for 0 and 1 with a row a group; else the score test whose
    variance is summed by group.
    """
    stats = extra("scipy.stats")
    cluster_count = len(np.unique(clusters))
    if cluster_count == len(target) and np.isin(target, (0.0, 1.0)).all():
        law = stats.hypergeom(len(target), int(target.sum()), int(inside.sum()))
        events = int(target[inside].sum())
        return float(min(1.0, 2 * min(law.cdf(events), law.sf(events - 1))))
    product = (target - target.mean()) * (inside - inside.mean())
    spread = float(np.sqrt(_sum_of_squares(product, clusters)))
    return float(2 * stats.t.sf(abs(product.sum()) / spread, cluster_count - 1)) if spread else 1.0


def _sum_of_squares(values: Floats, clusters: Ints) -> float:
    """Of the sums by group."""
    sums = np.bincount(clusters, weights=values)
    return float((sums**2).sum())


def _over_time(inside: Flags, target: Floats, period: pl.Series | None) -> dict[str, object]:
    """How the difference fared period by period, those with too few rows of either side left out."""
    if period is None:
        return {"period_count": 0, "same_sign_share": None, "period_differences": []}
    by_period = (
        pl.DataFrame({"period": period, "inside": inside, "target": target})
        .group_by("period")
        .agg(
            count_in=pl.col("inside").sum(),
            count_out=(~pl.col("inside")).sum(),
            difference=pl.col("target").filter("inside").mean()
            - pl.col("target").filter(~pl.col("inside")).mean(),
        )
        .filter(pl.col("count_in") >= _PERIOD_ROWS_MIN, pl.col("count_out") >= _PERIOD_ROWS_MIN)
        .sort("period")
    )
    differences = by_period["difference"].to_numpy()
    whole = (
        np.sign(target[inside].mean() - target[~inside].mean()) if inside.any() and not inside.all() else 0
    )
    return {
        "period_count": by_period.height,
        "same_sign_share": float((np.sign(differences) == whole).mean()) if by_period.height else None,
        "period_differences": differences.tolist(),
    }
