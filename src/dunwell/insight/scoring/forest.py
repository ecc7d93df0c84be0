"""Boosted trees walked for many rows at once, and for rows of which a few columns take many values in turn.

Each leaf of a tree is a bit, from left to right; a split that sends a row to the right strikes out the leaves to its
left, whatever the order in which splits are looked at; the leaf is the first one left. So the splits on columns that
stay are walked once a row, and each value of the columns that move only strikes out what its own splits say.
Lucchese et al., QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees (SIGIR 2015).

The sums are LightGBM's own to the last bit: the same splits, the same order.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dunwell.insight.problems import ModelDamaged, TrainingUnusable
from dunwell.insight.scoring.inputs import Floats

LEAVES_MAX = 64
"""A leaf is a bit of a 64-bit number."""

_SPAN = 2048
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_CATEGORY, _DEFAULT_LEFT = 1, 2
_MISSING_AS_ZERO, _MISSING_APART = 0, 2


@dataclass(frozen=True, slots=True)
class _Split:
    """A split: value <= ``threshold`` goes left; ``struck``: the leaves that a row going right loses."""

    tree: int
    column: int
    threshold: float
    struck: int
    missing_goes_right: bool


class Forest:
    """The trees of several boosters of one kind, ready to be walked.

    Splits lie by column, each column's by rising threshold: ``first[c]`` to ``first[c + 1]`` are those of column c.
    """

    def __init__(self, texts: Sequence[str], column_count: int) -> None:
        splits: list[_Split] = []
        leaves: list[Floats] = []
        ends = []
        for text in texts:
            for told in _trees_in(text):
                splits += _splits_of(told, len(leaves))
                leaves.append(_leaves_of(told))
            ends.append(len(leaves))
        self.column_count = column_count
        self._splits = splits
        self._ends = np.array(ends, np.int64)
        self._leaf_first = np.concatenate([[0], np.cumsum([len(own) for own in leaves])]).astype(np.int64)
        self._leaf_values = np.concatenate(leaves) if leaves else np.zeros(0)
        whole = [s for s in splits if s.column < column_count]
        if len(whole) != len(splits):
            raise ModelDamaged("the trees split on columns that the model does not have. Train it anew")
        self._below = _laid_out(sorted(splits, key=lambda s: (s.column, s.threshold)), column_count)
        right = [s for s in splits if s.missing_goes_right]
        self._missing = _laid_out(sorted(right, key=lambda s: s.column), column_count)

    def margins(self, matrix: Floats, moves: Floats | None = None, moved: Sequence[int] = ()) -> Floats:
        """The raw scores: booster, row, move. ``moves``: a row a move, with the values that the columns ``moved`` take
        in it, for every row of ``matrix``; without moves there is one, and it is the matrix's own.
        """
        grid = np.zeros((1, 0)) if moves is None else moves
        struck, kind_of, kinds = self._struck(grid, moved)
        stays = np.ones(self.column_count, np.bool_)
        stays[list(moved)] = False
        made = np.zeros((len(self._ends), len(matrix), len(grid)))

        def walk(first: int) -> None:
            rows = np.ascontiguousarray(matrix[first : first + _SPAN])
            _walk(
                rows,
                stays,
                *self._below,
                *self._missing,
                struck,
                kind_of,
                kinds,
                self._ends,
                self._leaf_first,
                self._leaf_values,
                made[:, first : first + _SPAN],
            )

        spans = range(0, len(matrix), _SPAN)
        if len(spans) < 2:  # a screen's few rows: threads would cost more than the work
            for first in spans:
                walk(first)
        else:
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                list(pool.map(walk, spans))
        return made

    def _struck(self, grid: Floats, moved: Sequence[int]) -> tuple[Any, Any, Any]:
        """What the moves strike out: by tree the different strikes, which of them each move is, how many there are."""
        tree_count = len(self._leaf_first) - 1
        left = np.full((tree_count, len(grid)), _ALL, np.uint64)
        for split in self._splits:
            if split.column in moved:
                values = grid[:, list(moved).index(split.column)]
                goes_right = np.where(np.isnan(values), split.missing_goes_right, values > split.threshold)
                left[split.tree, goes_right] &= np.uint64(int(_ALL) ^ split.struck)
        struck = np.full((tree_count, len(grid)), _ALL, np.uint64)
        kind_of = np.zeros((tree_count, len(grid)), np.int64)
        kinds = np.ones(tree_count, np.int64)
        for tree in range(tree_count):
            different, place = np.unique(left[tree], return_inverse=True)
            struck[tree, : len(different)], kind_of[tree], kinds[tree] = different, place, len(different)
        return struck, kind_of, kinds


def refuse_many_leaves(leaves: int) -> None:
    """Raise TrainingUnusable for trees with more leaves than can be walked."""
    if not 2 <= leaves <= LEAVES_MAX:
        raise TrainingUnusable(f"leaves is {leaves}; a tree has 2 to {LEAVES_MAX} of them here. Give as many")


def _trees_in(text: str) -> list[dict[str, str]]:
    """The trees of LightGBM's model text, in order: its lines by name."""
    found: list[dict[str, str]] = []
    for line in text.splitlines():
        name, sign, value = line.partition("=")
        if line == "end of trees":
            break
        if name == "Tree" and sign:
            found.append({})
        elif found and sign:
            found[-1][name] = value
    return found


def _leaves_of(told: dict[str, str]) -> Floats:
    """The leaves' values from left to right."""
    values = [float(value) for value in told["leaf_value"].split()]
    order, _ = _spread(told)
    return np.array([values[leaf] for leaf in order])


def _spread(told: dict[str, str]) -> tuple[list[int], dict[int, tuple[int, int]]]:
    """A tree's leaves from left to right; and of each split, from which to which of them its left side reaches."""
    if int(told["num_leaves"]) < 2:
        return [0], {}
    if int(told["num_leaves"]) > LEAVES_MAX:
        raise ModelDamaged(
            f"a tree has {told['num_leaves']} leaves, and {LEAVES_MAX} can be walked. Train it anew"
        )
    left, right = ([int(k) for k in told[f"{side}_child"].split()] for side in ("left", "right"))
    order: list[int] = []
    reach: dict[int, tuple[int, int]] = {}
    todo: list[tuple[int, int]] = [(0, -1)]  # a node, and where its left side began once that is through
    while todo:
        node, began = todo.pop()
        if node < 0:
            order.append(~node)
        elif began < 0:
            todo += [(node, len(order)), (left[node], -1)]
        else:
            reach[node] = (began, len(order))
            todo.append((right[node], -1))
    return order, reach


def _splits_of(told: dict[str, str], tree: int) -> list[_Split]:
    _, reach = _spread(told)
    if not reach:
        return []
    columns = [int(column) for column in told["split_feature"].split()]
    thresholds = [float(threshold) for threshold in told["threshold"].split()]
    kinds = [int(kind) for kind in told["decision_type"].split()]
    splits = []
    for node, (first, last) in reach.items():
        kind, missing = kinds[node], (kinds[node] >> 2) & 3
        if kind & _CATEGORY or missing not in (_MISSING_AS_ZERO, _MISSING_APART):
            raise ModelDamaged("the trees split in a way that no model here learns. Train it anew")
        by_default = not kind & _DEFAULT_LEFT
        goes_right = by_default if missing == _MISSING_APART else thresholds[node] < 0.0
        struck = ((1 << (last - first)) - 1) << first
        splits.append(_Split(tree, columns[node], thresholds[node], struck, goes_right))
    return splits


def _laid_out(
    splits: Sequence[_Split], column_count: int
) -> tuple[NDArray[np.int64], Floats, NDArray[np.int32], NDArray[np.uint64]]:
    """Where each column's splits begin, then their thresholds, trees, and the leaves that they keep."""
    columns = np.array([s.column for s in splits], np.int64)
    return (
        np.searchsorted(columns, np.arange(column_count + 1)).astype(np.int64),
        np.array([s.threshold for s in splits], np.float64),
        np.array([s.tree for s in splits], np.int32),
        np.array([int(_ALL) ^ s.struck for s in splits], np.uint64),
    )


_BIT_HASH = np.uint64(0x03F79D71B4CB0A89)
_BIT_PLACE = np.zeros(LEAVES_MAX, np.int64)
for _place in range(LEAVES_MAX):
    _BIT_PLACE[((int(_BIT_HASH) << _place) & int(_ALL)) >> 58] = _place


@njit(cache=True, nogil=True)
def _walk(
    rows: Any,
    stays: Any,
    first: Any,
    thresholds: Any,
    trees: Any,
    kept: Any,
    missing_first: Any,
    missing_thresholds: Any,
    missing_trees: Any,
    missing_kept: Any,
    struck: Any,
    kind_of: Any,
    kinds: Any,
    ends: Any,
    leaf_first: Any,
    leaf_values: Any,
    made: Any,
) -> None:
    left = np.empty(len(kinds), np.uint64)
    values = np.empty(made.shape[2])
    for row in range(len(rows)):
        left[:] = np.uint64(0xFFFFFFFFFFFFFFFF)
        for column in range(len(stays)):
            if not stays[column]:
                continue
            value = rows[row, column]
            if np.isnan(value):
                for k in range(missing_first[column], missing_first[column + 1]):
                    left[missing_trees[k]] &= missing_kept[k]
            else:
                for k in range(first[column], first[column + 1]):
                    if not value > thresholds[k]:
                        break
                    left[trees[k]] &= kept[k]
        tree = 0
        for booster in range(len(ends)):
            sums = made[booster, row]
            while tree < ends[booster]:
                for kind in range(kinds[tree]):
                    bits = left[tree] & struck[tree, kind]
                    lowest = bits & (~bits + np.uint64(1))
                    place = _BIT_PLACE[(lowest * _BIT_HASH) >> np.uint64(58)]
                    values[kind] = leaf_values[leaf_first[tree] + place]
                if kinds[tree] == 1:
                    for move in range(len(sums)):
                        sums[move] += values[0]
                else:
                    for move in range(len(sums)):
                        sums[move] += values[kind_of[tree, move]]
                tree += 1
