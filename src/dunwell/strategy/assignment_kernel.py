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
def stand_apart(
    values: Any, columns: Any, fixed_cost: Any, column_cost: Any, start: int, stop: int, apart: Any
) -> None:
    """Writes how far each customer's best net value lies above the next best option's."""
    treatments = values.shape[0]
    net, best, second = np.empty((treatments, BLOCK)), np.empty(BLOCK), np.empty(BLOCK)
    for low in range(start, stop, BLOCK):
        count = min(BLOCK, stop - low)
        _net_values(values, columns, fixed_cost, column_cost, low, count, net)
        for b in range(count):
            best[b], second[b] = 0.0, -np.inf
        for j in range(treatments):
            result = net[j]
            for b in range(count):
                worse = result[b] if result[b] < best[b] else best[b]
                best[b] = result[b] if result[b] > best[b] else best[b]
                second[b] = worse if (worse > second[b]) & (result[b] == result[b]) else second[b]
        for b in range(count):
            apart[low + b] = best[b] - second[b]


@jit
def _exponentials(exponents: Any, count: int) -> None:
    """The exponentials of ``count`` numbers up to 0, in place, to a part in ten million; 0 below ``-PRUNED_AT``, and for NaN.

    A short series for a 256th of the exponent, squared eight times: the processor does several at once.
    """
    for n in range(count):
        x = exponents[n]
        y = x / 256.0
        y = 1.0 + y * (1.0 + y * (1 / 2 + y * (1 / 6 + y * (1 / 24 + y / 120))))
        y *= y
        y *= y
        y *= y
        y *= y
        y *= y
        y *= y
        y *= y
        y *= y
        exponents[n] = y if x > -PRUNED_AT else 0.0


@jit
def _shares(net: Any, top: Any, temperature: float, count: int, shares: Any, weight: Any) -> float:
    """Each option's share in the smoothed choice of ``count`` customers; returns the smoothed sum over their ``top`` values.

    ``net`` comes as what each option is worth, ``weight`` is room for a number a customer.
    """
    total = np.empty(count)
    for n in range(count):
        weight[n] = -top[n] / temperature
    _exponentials(weight, count)
    for n in range(count):
        total[n] = weight[n]
    for j in range(net.shape[0]):
        share = shares[j]
        for n in range(count):
            share[n] = (net[j, n] - top[n]) / temperature
        _exponentials(share, count)
        for n in range(count):
            total[n] += share[n]
    logs, product = 0.0, 1.0
    for n in range(count):
        product *= total[n]
        if product > 1e200:  # one logarithm for many customers
            logs += np.log(product)
            product = 1.0
        total[n] = 1.0 / total[n]
    for j in range(net.shape[0]):
        share = shares[j]
        for n in range(count):
            share[n] *= total[n]
    return temperature * float(logs + np.log(product))


@jit
def smooth(
    values: Any,
    columns: Any,
    features: Any,
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
    treatments, size = values.shape[0], features.shape[0]
    net, shares = np.empty((treatments, BLOCK)), np.empty((treatments, BLOCK))
    best, chosen, rivals = np.empty(BLOCK), np.empty(BLOCK, np.int64), np.empty(BLOCK, np.int64)
    between, top, weight = np.empty(BLOCK, np.int64), np.empty(BLOCK), np.empty(BLOCK)
    amount, expected = np.empty((size, BLOCK)), np.empty((size, BLOCK))
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
        open_count = 0
        for b in range(count):
            if rivals[b] != 1:
                chosen[b] = NOTHING
                between[open_count], top[open_count] = b, best[b]
                open_count += 1
        for j in range(treatments):
            for n in range(open_count):  # in place: n is never beyond between[n]
                net[j, n] = net[j, between[n]]
        smoothed += _shares(net, top, temperature, open_count, shares, weight)
        for f in range(size):
            j, m = features[f, 0], features[f, 1]
            share, units, product, total = shares[j], amount[f], expected[f], 0.0
            for n in range(open_count):
                units[n] = 1.0 if m < 0 else columns[m, low + between[n]]
            for n in range(open_count):
                product[n] = share[n] * units[n]
                total += product[n]
            mean[f] += total
            if total == 0.0:
                continue
            for g in range(f + 1):
                other, total = expected[g], 0.0
                for n in range(open_count):
                    total -= product[n] * other[n]
                if features[g, 0] == j:
                    units = amount[g]
                    for n in range(open_count):
                        total += product[n] * units[n]
                spread[f, g] += total
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
def cost(prices: Any, amounts: Any, features: Any, fixed: Any, by_column: Any) -> None:
    """Writes what each treatment costs at some prices: a fixed part, and a part for each unit of a customer's column."""
    fixed[:] = 0.0
    by_column[:] = 0.0
    for f in range(features.shape[0]):
        j, m = features[f, 0], features[f, 1]
        total = 0.0
        for k in range(amounts.shape[0]):
            total += prices[k] * amounts[k, f]
        if m < 0:
            fixed[j] = total
        else:
            by_column[j, m] = total


@jit
def derive(
    amounts: Any, mean: Any, spread: Any, limits: Any, temperature: float, gradient: Any, hessian: Any
) -> None:
    """Writes the smoothed dual's derivatives by price, from the features' ``mean`` and ``spread`` (below its diagonal)."""
    size, many = amounts.shape
    row = np.empty(many)
    for k in range(size):
        gradient[k] = limits[k]
        for f in range(many):
            gradient[k] -= amounts[k, f] * mean[f]
        row[:] = 0.0
        for f in range(many):
            if amounts[k, f] != 0:
                for g in range(many):
                    row[g] += amounts[k, f] * (spread[f, g] if g <= f else spread[g, f])
        for o in range(k + 1):
            total = 0.0
            for f in range(many):
                total += row[f] * amounts[o, f]
            hessian[k, o] = hessian[o, k] = total / temperature


@jit
def newton_step(
    gradient: Any,
    hessian: Any,
    units: Any,
    prices: Any,
    low: Any,
    high: Any,
    most: float,
    hidden: float,
    step: Any,
) -> float:
    """Writes the step, in ``units``, to the lowest point of the quadratic form in a box of prices and within ``most``.

    Returns how much lower that is.
    """
    size = gradient.shape[0]
    slope, lowest, highest = np.empty(size), np.empty(size), np.empty(size)
    curvature = np.empty((size, size))
    top = 0.0
    for k in range(size):
        slope[k] = gradient[k] * units[k]
        lowest[k] = max((low[k] - prices[k]) / units[k], -most)
        highest[k] = min((high[k] - prices[k]) / units[k], most)
        for o in range(size):
            curvature[k, o] = hessian[k, o] * units[k] * units[o]
        top = max(top, curvature[k, k])
    for k in range(size):
        curvature[k, k] += 1e-6 * curvature[k, k] + 1e-9 * (top + hidden) + 1e-300
    least_in_box(slope, curvature, lowest, highest, step)
    lower = 0.0
    for k in range(size):
        lower -= slope[k] * step[k]
        for o in range(size):
            lower -= step[k] * curvature[k, o] * step[o] / 2
    return lower


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
