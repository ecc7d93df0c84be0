"""The search for subgroups: from one condition to several, keeping the best at each length.

Wrobel, An algorithm for multi-relational discovery of subgroups (PKDD 1997); Lavrac et al., Subgroup discovery
with CN2-SD (JMLR 5, 2004). A subgroup is kept only when each of its conditions earns its place, and when it
is not nearly the same rows as a better one.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dunwell.insight.drivers.conditions import Condition, Flags

Floats = NDArray[np.float64]
_SAME_ROWS = 0.8
_EARNS_SPREADS = 2.0
_CUTS_MIN = 0.95


def beam_search(
    conditions: Sequence[Condition],
    holds: NDArray[np.float32],
    target: Floats,
    *,
    depth: int,
    beam: int,
    most: int,
    rows_min: int,
) -> list[tuple[int, ...]]:
    """The best subgroups as places in ``conditions``, best first.

    ``holds``: a row a row, a column a condition. Quality is the distance of the subgroup's mean from the
    whole's, in standard errors.
    """
    centred = (target - target.mean()).astype(np.float32)
    scale = float(target.std()) or 1.0
    rows = len(target)
    columns = [one.column for one in conditions]

    @cache
    def whole_of(members: tuple[int, ...]) -> tuple[float, float]:
        inside = _inside(holds, members)
        count = float(inside.sum())
        return count, float(inside @ centred) / max(1.0, count)

    found: dict[tuple[int, ...], tuple[float, float]] = {}
    level: list[tuple[int, ...]] = [()]
    for length in range(1, depth + 1):
        inside = np.stack([_inside(holds, members) for members in level])
        counts = inside @ holds
        sums = (inside * centred) @ holds
        quality = _standard_errors(counts, sums, rows, scale)
        grown: dict[tuple[int, ...], tuple[float, float]] = {}
        for which, members in enumerate(level):
            for place in np.argsort(-np.abs(quality[which]))[: 4 * beam].tolist():
                count = float(counts[which, place])
                taken = {columns[k] for k in members}
                if place in members or not rows_min <= count <= rows - rows_min:
                    continue
                if columns[place] in taken and not _narrows(conditions, members, place):
                    continue
                key = tuple(sorted((*members, place)))
                mean = float(sums[which, place]) / count
                if key not in grown and _earns(
                    mean, count, [whole_of(parent) for parent in _parents(key)], scale
                ):
                    grown[key] = (float(quality[which, place]), mean)
        found |= grown
        level = sorted(grown, key=lambda key: (-abs(grown[key][0]), key))[:beam]
        if not level or length == depth:
            break
    ranked = sorted(found, key=lambda key: (-abs(found[key][0]), key))
    return _different(_best_cuts(ranked, conditions), holds, most)


def _inside(holds: NDArray[np.float32], members: tuple[int, ...]) -> NDArray[np.float32]:
    inside = np.ones(len(holds), np.float32)
    for place in members:
        inside *= holds[:, place]
    return inside


def _standard_errors(
    counts: NDArray[np.float32], sums: NDArray[np.float32], rows: int, scale: float
) -> Floats:
    """The subgroup's mean distance over its standard error under no difference, drawn without replacement."""
    counted = np.maximum(counts.astype(np.float64), 1.0)
    left = np.maximum(1 - counted / rows, 1e-9)
    quality: Floats = sums / (scale * np.sqrt(counted * left))
    return quality


def _narrows(conditions: Sequence[Condition], members: tuple[int, ...], place: int) -> bool:
    """Whether a second condition on a column closes an interval: the other side of another cut."""
    new = conditions[place]
    signs = {conditions[k].sign for k in members if conditions[k].column == new.column}
    return signs in ({"<="}, {">"}) and new.sign in ("<=", ">") and new.sign not in signs


def _parents(key: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The subgroups with one condition fewer; none for a single condition."""
    return [(*key[:k], *key[k + 1 :]) for k in range(len(key))] if len(key) > 1 else []


def _earns(mean: float, count: float, parents: Sequence[tuple[float, float]], scale: float) -> bool:
    """Whether each condition earns its place: it leaves some rows of its parent (count, mean) out, and the mean is
    farther out than the parent's by more than chance would have it.
    """
    spread = _EARNS_SPREADS * scale / np.sqrt(count)
    return all(
        count <= _CUTS_MIN * rows and np.sign(mean) == np.sign(whole) and abs(mean) > abs(whole) + spread
        for rows, whole in parents
    )


def _best_cuts(ranked: Sequence[tuple[int, ...]], conditions: Sequence[Condition]) -> list[tuple[int, ...]]:
    """The first of the ranked of each kind: the same columns compared the same way, only cut elsewhere."""
    kinds: dict[tuple[tuple[str, str, object], ...], tuple[int, ...]] = {}
    for key in ranked:
        told = [conditions[k] for k in key]
        kind = tuple((one.column, one.sign, one.value if one.sign == "=" else None) for one in told)
        kinds.setdefault(tuple(sorted(kind, key=str)), key)
    return list(kinds.values())


def _different(
    ranked: Sequence[tuple[int, ...]], holds: NDArray[np.float32], most: int
) -> list[tuple[int, ...]]:
    """The first of the ranked, without those that are nearly the rows, or nearly the rest, of one before."""
    kept: list[tuple[int, ...]] = []
    masks: list[Flags] = []
    for key in ranked:
        mask = _inside(holds, key) > 0
        if all(max(_overlap(mask, other), _overlap(mask, ~other)) < _SAME_ROWS for other in masks):
            kept.append(key)
            masks.append(mask)
        if len(kept) == most:
            break
    return kept


def _overlap(one: Flags, other: Flags) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))
