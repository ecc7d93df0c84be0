"""The compiled passes over customers: what each treatment is worth net of the prices, and which one is best.

A pass goes treatment by treatment over a block of customers that fits the processor's cache, so it runs over whole columns. A
treatment's uses are *features*: the treatment itself (1 for whoever gets it) or one of the customers' own columns. A pass only
sums features; what they mean for each capacity is a small matrix that the caller multiplies afterwards, in whole numbers.

A value that is NaN or minus infinity is never chosen. ``NOTHING`` is the choice of doing nothing: net value 0.

Numba keeps compiled code by the file of the function that was called: everything compiled for a pass lies in this file.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

NOTHING = -1
BLOCK = 512
"""Customers at a time: the net values of some eight treatments stay in the first-level cache."""

PRUNED_AT = 14.0
"""Options this many temperatures below the best weigh less than a millionth and are left out of the smoothed pass."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def jit(function: _Function) -> _Function:
    """A function compiled when it is first called, kept on disk, run without the interpreter's lock; sums may be reordered."""
    compiled: Any = njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})(
        function
    )
    return cast(_Function, compiled)


@jit
def _net_values(
    values: Any, columns: Any, fixed_cost: Any, column_cost: Any, start: int, count: int, net: Any
) -> None:
    """Each treatment's value less what its uses cost, for ``count`` customers from ``start``."""
    for j in range(values.shape[0]):
        cost = fixed_cost[j]
        value, result = values[j, start : start + count], net[j]
        for b in range(count):
            result[b] = value[b] - cost
        for m in range(columns.shape[0]):
            price = column_cost[j, m]
            if price != 0.0:
                column = columns[m, start : start + count]
                for b in range(count):
                    result[b] -= price * column[b]


@jit
def _best(net: Any, count: int, best: Any, chosen: Any) -> None:
    """The best net value of each customer and its treatment; the first of equals, and nothing unless one is above 0."""
    for b in range(count):
        best[b] = 0.0
        chosen[b] = NOTHING
    for j in range(net.shape[0]):
        result = net[j]
        for b in range(count):
            is_better = result[b] > best[b]
            best[b] = result[b] if is_better else best[b]
            chosen[b] = j if is_better else chosen[b]


@jit
def _sum_chosen(
    values: Any, columns: Any, features: Any, chosen: Any, start: int, count: int, sums: Any
) -> float:
    """Adds the features of what was chosen to ``sums``; returns its value."""
    value = 0.0
    for f in range(features.shape[0]):
        j, m = features[f, 0], features[f, 1]
        total = 0
        if m < 0:
            for b in range(count):
                total += 1 if chosen[b] == j else 0
            if total > 0:
                worth = values[j, start : start + count]
                for b in range(count):
                    value += worth[b] if chosen[b] == j else 0.0
        else:
            column = columns[m, start : start + count]
            for b in range(count):
                total += column[b] if chosen[b] == j else 0
        sums[f] += total
    return value


@jit
def add_up(values: Any, columns: Any, features: Any, start: int, stop: int, choice: Any, sums: Any) -> float:
    """Adds the features of a choice to ``sums``; returns its value."""
    chosen = np.empty(BLOCK, np.int64)
    value = 0.0
    for low in range(start, stop, BLOCK):
        count = min(BLOCK, stop - low)
        for b in range(count):
            chosen[b] = choice[low + b]
        value += _sum_chosen(values, columns, features, chosen, low, count, sums)
    return value


@jit
def choose(
    values: Any,
    columns: Any,
    features: Any,
    fixed_cost: Any,
    column_cost: Any,
    start: int,
    stop: int,
    choice: Any,
    sums: Any,
) -> float:
    """Give every customer from ``start`` to ``stop`` the treatment of best net value.

    Writes ``choice``, adds to the features' ``sums``, and returns the value of what was chosen.
    """
    net = np.empty((values.shape[0], BLOCK))
    best, chosen = np.empty(BLOCK), np.empty(BLOCK, np.int64)
    value = 0.0
    for low in range(start, stop, BLOCK):
        count = min(BLOCK, stop - low)
        _net_values(values, columns, fixed_cost, column_cost, low, count, net)
        _best(net, count, best, chosen)
        value += _sum_chosen(values, columns, features, chosen, low, count, sums)
        for b in range(count):
            choice[low + b] = chosen[b]
    return value


@jit
def tell(
    values: Any,
    columns: Any,
    features: Any,
    first_feature: Any,
    feature_costs: Any,
    start: int,
    stop: int,
    choice: Any,
    value: Any,
    cost: Any,
) -> None:
    """Writes each customer's ``value`` and ``cost`` of what was chosen; zeros for nothing."""
    for i in range(start, stop):
        j = choice[i]
        value[i], cost[i] = 0.0, 0.0
        if j >= 0:
            value[i] = values[j, i]
            for f in range(first_feature[j], first_feature[j + 1]):
                m = features[f, 1]
                cost[i] += feature_costs[f] if m < 0 else feature_costs[f] * columns[m, i]


@jit
def decide(
    values: Any,
    columns: Any,
    features: Any,
    fixed_cost: Any,
    column_cost: Any,
    fixed_margin: Any,
    column_margin: Any,
    start: int,
    stop: int,
    choice: Any,
    sums: Any,
    undecided: Any,
) -> tuple[float, int]:
    """Like ``choose``, for the customers whose best treatment is the same at all prices of a box.

    A treatment's margin is how far its net value can move inside the box. Whoever might choose otherwise is listed in
    ``undecided`` (from ``start`` on) and adds nothing to the sums. Returns the value of what was decided, and how many are not.
    """
    treatments = values.shape[0]
    net, margin = np.empty((treatments, BLOCK)), np.empty((treatments, BLOCK))
    best, chosen = np.empty(BLOCK), np.empty(BLOCK, np.int64)
    least, others = np.empty(BLOCK), np.empty(BLOCK)
    value, found = 0.0, 0
    for low in range(start, stop, BLOCK):
        count = min(BLOCK, stop - low)
        _net_values(values, columns, fixed_cost, column_cost, low, count, net)
        _best(net, count, best, chosen)
        for j in range(treatments):
            wide, result = fixed_margin[j], margin[j]
            for b in range(count):
                result[b] = wide
            for m in range(columns.shape[0]):
                wide = column_margin[j, m]
                if wide != 0.0:
                    column = columns[m, low : low + count]
                    for b in range(count):
                        result[b] += wide * column[b]
        for b in range(count):
            least[b] = best[b]
            others[b] = 0.0 if chosen[b] != NOTHING else -np.inf
        for j in range(treatments):
            result, room = net[j], margin[j]
            for b in range(count):
                most = result[b] + room[b]
                is_rival = (chosen[b] != j) & (most > others[b])
                others[b] = most if is_rival else others[b]
                least[b] = best[b] - room[b] if chosen[b] == j else least[b]
        for b in range(count):
            if not least[b] > others[b]:
                chosen[b] = NOTHING - 1
                undecided[start + found] = low + b
                found += 1
        value += _sum_chosen(values, columns, features, chosen, low, count, sums)
        for b in range(count):
            choice[low + b] = chosen[b]
    return value, found


@jit
def smooth(
    values: Any,
    columns: Any,
    features: Any,
    first_feature: Any,
    fixed_cost: Any,
    column_cost: Any,
    temperature: float,
    start: int,
    stop: int,
    sums: Any,
    mean: Any,
    spread: Any,
) -> tuple[float, float]:
    """The smoothed best net value (temperature times the log of the sum of exponentials), with its derivatives by feature.

    Whoever has one option far above the others counts as having chosen it: the features go to ``sums``. The others' expected
    features are added to ``mean``, their covariance to ``spread`` (below its diagonal). Returns the smoothed sum, and the sum of
    the best.
    """
    treatments = values.shape[0]
    net = np.empty((treatments, BLOCK))
    best, chosen, rivals = np.empty(BLOCK), np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    weight, active = np.empty(treatments), np.empty(treatments, np.int64)
    amount, expected = np.empty(features.shape[0]), np.empty(features.shape[0])
    smoothed, plain = 0.0, 0.0
    reach = PRUNED_AT * temperature
    for low in range(start, stop, BLOCK):
        count = min(BLOCK, stop - low)
        _net_values(values, columns, fixed_cost, column_cost, low, count, net)
        _best(net, count, best, chosen)
        for b in range(count):
            rivals[b] = 1 if best[b] < reach else 0
            plain += best[b]
        for j in range(treatments):
            result = net[j]
            for b in range(count):
                rivals[b] += 1 if result[b] > best[b] - reach else 0
        for b in range(count):
            if rivals[b] == 1:
                continue
            chosen[b] = NOTHING
            top = best[b]
            total, number = np.exp(-top / temperature) if top < reach else 0.0, 0
            for j in range(treatments):
                if net[j, b] > top - reach:
                    active[number] = j
                    weight[number] = np.exp((net[j, b] - top) / temperature)
                    total += weight[number]
                    number += 1
            smoothed += temperature * np.log(total)
            for n in range(number):
                j = active[n]
                share = weight[n] / total
                for f in range(first_feature[j], first_feature[j + 1]):
                    m = features[f, 1]
                    amount[f] = 1.0 if m < 0 else columns[m, low + b]
                    expected[f] = share * amount[f]
                    mean[f] += expected[f]
                    for g in range(first_feature[j], f + 1):
                        spread[f, g] += expected[f] * amount[g]
                    for o in range(n + 1):
                        for g in range(first_feature[active[o]], min(f + 1, first_feature[active[o] + 1])):
                            spread[f, g] -= expected[f] * expected[g]
        _sum_chosen(values, columns, features, chosen, low, count, sums)
    return smoothed + plain, plain


@jit
def sum_squares(columns: Any, features: Any, choice: Any, start: int, stop: int, squares: Any) -> None:
    """Adds to ``squares`` (below its diagonal) the products of the features of what was chosen."""
    for f in range(features.shape[0]):
        for g in range(f + 1):
            if features[f, 0] == features[g, 0]:
                j, m, n = features[f, 0], features[f, 1], features[g, 1]
                total = 0.0
                for i in range(start, stop):
                    if choice[i] == j:
                        first = 1.0 if m < 0 else float(columns[m, i])
                        total += first if n < 0 else first * columns[n, i]
                squares[f, g] += total


@jit
def least_in_box(gradient: Any, curvature: Any, low: Any, high: Any, step: Any) -> None:
    """The step inside a box that makes ``gradient @ step + step @ curvature @ step / 2`` least, a coordinate at a time."""
    size = gradient.shape[0]
    step[:] = 0.0
    slope = gradient.copy()
    for _ in range(400):
        moved = 0.0
        for k in range(size):
            aim = min(max(step[k] - slope[k] / curvature[k, k], low[k]), high[k])
            change = aim - step[k]
            if change != 0.0:
                step[k] = aim
                moved = max(moved, change * change * curvature[k, k])
                for other in range(size):
                    slope[other] += change * curvature[other, k]
        if moved == 0.0 or moved < 1e-9 * abs(gradient @ step):
            break
