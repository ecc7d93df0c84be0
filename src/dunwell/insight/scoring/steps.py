"""Trees of one or two inputs as step functions: the same sum, told cell by cell."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from dunwell.insight.scoring.inputs import Floats, Inputs
from dunwell.insight.scoring.points import Axis, axis_of, readable
from dunwell.insight.scoring.trees import Tree, TreeColumns, trees_of

Terms = list[tuple[tuple[Axis, ...], Floats]]
_Group = tuple[int, ...]


class _Stepped:
    """One column's cells as trees see them: a value inside each interval, and NaN. ``axis_cells`` says which
    of them stands in each cell of the input's axis.
    """

    def __init__(self, thresholds: Sequence[float], known: Floats) -> None:
        """``thresholds``: the trees' own, ascending; those that part no known values are left out."""
        raw = [np.nextafter(t, np.inf) for t in thresholds]
        places = np.searchsorted(known, raw, side="left")
        kept = [k for k in range(len(raw)) if k == 0 or places[k] != places[k - 1]]
        self.thresholds = [readable(float(raw[k]), known) for k in kept]
        inside = [float(thresholds[k]) for k in kept]
        above = inside[-1] + max(1.0, abs(inside[-1])) if inside else 0.0
        self.values = np.array([*inside, above, np.nan])


def step_terms(
    boosters: Sequence[Any], columns: TreeColumns, inputs: Inputs, matrix: Floats, weight: float
) -> tuple[float, Terms]:
    """The intercept and the terms whose sum is ``weight`` times the boosters' sum on every row of ``matrix``;
    each term's mean over those rows is 0. A missing value that training never met adds nothing.
    """
    grouped: dict[_Group, list[tuple[int, int, Tree]]] = defaultdict(list)
    constant = 0.0
    for b, booster in enumerate(boosters):
        for t, tree in enumerate(trees_of(booster)):
            if tree.thresholds:
                grouped[tuple(sorted(tree.thresholds))].append((b, t, tree))
            else:
                constant += float(tree.leaves[0])
    seen = columns.matrix(matrix)
    by_input: dict[_Group, tuple[tuple[Axis, ...], Floats]] = {}
    marks: dict[int, list[tuple[float, Floats]]] = defaultdict(list)
    for group in sorted(grouped):
        stepped = [
            _Stepped(
                sorted({t for _, _, tree in grouped[group] for t in tree.thresholds[column]}),
                np.unique(seen[:, column][~np.isnan(seen[:, column])]),
            )
            for column in group
        ]
        sums = _sums(boosters, grouped[group], group, stepped, len(columns.inputs)) * weight
        if group[0] >= columns.input_count:
            marks[columns.inputs[group[0]]].append((columns.special[group[0]], sums))
            continue
        axes = tuple(
            axis_of(inputs.inputs[column], cells.thresholds)
            for column, cells in zip(group, stepped, strict=True)
        )
        by_input[group] = (axes, _on_axes(sums, axes))
    _add_marks(by_input, marks, inputs)
    return _centred(by_input, inputs, matrix, constant * weight)


def _sums(
    boosters: Sequence[Any],
    trees: Sequence[tuple[int, int, Tree]],
    group: _Group,
    stepped: Sequence[_Stepped],
    width: int,
) -> Floats:
    """The trees' sum in each cell of the group's columns."""
    grid = np.meshgrid(*(cells.values for cells in stepped), indexing="ij")
    rows = np.zeros((grid[0].size, width))
    for column, values in zip(group, grid, strict=True):
        rows[:, column] = values.ravel()
    total = np.zeros(len(rows))
    for b, booster in enumerate(boosters):
        mine = [(t, tree) for of, t, tree in trees if of == b]
        if mine:
            leaves = booster.predict(rows, pred_leaf=True).reshape(len(rows), -1)
            for t, tree in mine:
                total += tree.leaves[leaves[:, t].astype(np.int64)]
    return total.reshape(grid[0].shape)


def _on_axes(sums: Floats, axes: Sequence[Axis]) -> Floats:
    """From intervals and missing to intervals, special values (as missing) and missing."""
    for dimension, axis in enumerate(axes):
        interval_count = len(axis.thresholds) + 1
        cells = [*range(interval_count), *[interval_count] * (len(axis.special_values) + 1)]
        sums = np.take(sums, cells, axis=dimension)
    return sums


def _add_marks(
    by_input: dict[_Group, tuple[tuple[Axis, ...], Floats]],
    marks: dict[int, list[tuple[float, Floats]]],
    inputs: Inputs,
) -> None:
    """What the trees of a special value's mark say, added to that value's cell and to the others."""
    for k, told in marks.items():
        axis = axis_of(inputs.inputs[k], ())
        axes, values = by_input.get((k,), ((axis,), np.zeros(axis.cell_count)))
        for special, sums in told:
            cell = len(axes[0].thresholds) + 1 + axes[0].special_values.index(special)
            absent, present = float(sums[0]), float(sums[-2])
            values = values + absent
            values[cell] += present - absent
        by_input[(k,)] = (axes, values)


def _centred(
    by_input: dict[_Group, tuple[tuple[Axis, ...], Floats]], inputs: Inputs, matrix: Floats, intercept: float
) -> tuple[float, Terms]:
    place = {name: k for k, name in enumerate(inputs.names)}
    terms: Terms = []
    for axes, values in by_input.values():
        codes = tuple(axis.codes(matrix[:, place[axis.input]]) for axis in axes)
        middle = float(values[codes].mean())
        intercept += middle
        values = values - middle
        for dimension, axis in enumerate(axes):
            if not (codes[dimension] == axis.cell_count - 1).any():
                index: list[Any] = [slice(None)] * len(axes)
                index[dimension] = axis.cell_count - 1
                values[tuple(index)] = 0.0
        terms.append((axes, values))
    return intercept, terms
