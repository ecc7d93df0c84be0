"""One tree of readable conditions: every row in just one leaf, and no leaf against the direction a column is given.

Breiman, Friedman, Olshen and Stone, Classification and Regression Trees (1984), with the bounds of monotone trees:
where a column may only raise the outcome, what lies beyond its cut stays at or above the middle of both sides, all the
way down. Grown on the explored half only; its leaves are tested on the other, as every subgroup is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dunwell.insight.drivers.conditions import Condition, Flags

Floats = NDArray[np.float64]
_SPLIT_SPREADS = 3.0
"""A split must part the means by so many standard errors: it is the best of many."""


@dataclass(frozen=True, slots=True)
class _Node:
    members: tuple[Condition, ...]
    inside: Flags
    low: float
    high: float


def tree_leaves(
    conditions: Sequence[Condition],
    holds: NDArray[np.float32],
    target: Floats,
    *,
    depth: int,
    rows_min: int,
    risk: Mapping[str, int],
) -> list[tuple[Condition, ...]]:
    """The leaves as the conditions on the way to each; none when no split is worth it.

    ``holds``: a row a row, a column a condition. ``risk``: by column, +1 when the outcome may not fall as it rises, -1
    when it may not rise. A missing value goes with whichever side a condition is denied on.
    """
    leaves: list[tuple[Condition, ...]] = []
    nodes = [_Node((), np.ones(len(target), np.bool_), -np.inf, np.inf)]
    while nodes:
        node = nodes.pop()
        parts = _split(node, conditions, holds, target, rows_min, risk) if len(node.members) < depth else None
        if parts is not None:
            nodes += reversed(parts)
        elif node.members:
            leaves.append(node.members)
    return leaves


def _split(
    node: _Node,
    conditions: Sequence[Condition],
    holds: NDArray[np.float32],
    target: Floats,
    rows_min: int,
    risk: Mapping[str, int],
) -> tuple[_Node, _Node] | None:
    """The two sides of the condition that parts the node's rows best; None when none may."""
    rows, values = holds[node.inside], target[node.inside]
    count, whole = len(values), float(values.sum())
    scale = float(values.std())
    if count < 2 * rows_min or not scale:
        return None
    with_it = rows.sum(axis=0, dtype=np.float64)
    without = count - with_it
    sums = values.astype(np.float32) @ rows
    first, second = sums / np.maximum(with_it, 1), (whole - sums) / np.maximum(without, 1)
    sureness = np.abs(first - second) / (
        scale * np.sqrt(1 / np.maximum(with_it, 1) + 1 / np.maximum(without, 1))
    )
    may = np.minimum(with_it, without) >= rows_min
    may &= (np.minimum(first, second) >= node.low) & (np.maximum(first, second) <= node.high)
    ways = np.array([_way(one, risk) for one in conditions])
    may &= ways * (first - second) >= 0
    sureness[~may] = 0.0
    best = int(np.argmax(sureness))
    if sureness[best] < _SPLIT_SPREADS:
        return None
    chosen, middle = conditions[best], float(first[best] + second[best]) / 2
    does = holds[:, best] > 0
    above, below = (max(node.low, middle), node.high), (node.low, min(node.high, middle))
    free = (node.low, node.high)
    bounds = {1: (above, below), -1: (below, above), 0: (free, free)}[int(ways[best])]
    return (
        _Node((*node.members, chosen), node.inside & does, *bounds[0]),
        _Node((*node.members, replace(chosen, is_denied=True)), node.inside & ~does, *bounds[1]),
    )


def _way(condition: Condition, risk: Mapping[str, int]) -> int:
    """+1 where the rows that meet a condition may not be below the others, -1 where not above, 0 where either."""
    return {">": 1, "<=": -1}.get(condition.sign, 0) * risk.get(condition.column, 0)
