"""The assignment as arrays: values and uses by column, and passes over all customers on both cores.

Everything in whole numbers is exact: what is used of a capacity is a sum of integers, whatever the order.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy import assignment_kernel as kernel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Array = NDArray[Any]

CHUNK = 1 << 16
"""Customers handed to a core at a time. Sums are added chunk by chunk, so they do not depend on how many cores there are."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Problem:
    """Customers, treatments and limits. ``values[j, i]``: what treatment j is worth for customer i, NaN where it is ruled out.

    ``features[f]`` = (treatment, column of ``columns``, or -1 for the treatment itself), sorted by treatment;
    ``amounts[k, f]``: how much of limit k one unit of the feature uses (below 0 where it counts towards a floor).
    A choice keeps the limits when ``amounts @ sums of features <= limits``. A price above ``price_most`` changes nothing.
    """

    values: Array
    columns: Array
    features: Ints
    first_feature: Ints
    amounts: Ints
    limits: Floats
    price_most: Floats

    @property
    def count(self) -> int:
        """How many customers."""
        return int(self.values.shape[1])

    def part(self, rows: Ints, limits: Floats) -> "Problem":
        """The same for some customers, under other limits."""
        return replace(
            self,
            values=np.ascontiguousarray(self.values[:, rows]),
            columns=np.ascontiguousarray(self.columns[:, rows]),
            limits=limits,
        )

    def costs(self, prices: Floats, absolute: bool = False) -> tuple[Floats, Floats]:
        """What each treatment costs at some prices: a fixed part, and a part for each unit of a customer's column."""
        amounts = np.abs(self.amounts) if absolute else self.amounts
        fixed, by_column = np.empty(len(self.values)), np.empty((len(self.values), len(self.columns)))
        kernel.cost(prices, amounts, self.features, fixed, by_column)
        return fixed, by_column


@dataclass(frozen=True, slots=True)
class Smoothed:
    """The smoothed dual at some prices, its derivatives, and the plain dual there (a bound)."""

    value: float
    gradient: Floats
    hessian: Floats
    plain: float

    @property
    def hidden(self) -> float:
        """How much of the value is smoothing."""
        return max(self.value - self.plain, 0.0)


class Passes:
    """Passes over a problem's customers, chunk by chunk, on as many threads as there are cores."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def _map(self, count: int, work: Callable[[int, int], _Result]) -> list[_Result]:
        if count <= CHUNK:
            return [work(0, count)] if count else []
        starts = range(0, count, CHUNK)
        stops = [min(start + CHUNK, count) for start in starts]
        return list(self._pool.map(work, starts, stops))

    def choose(self, problem: Problem, prices: Floats) -> tuple[NDArray[np.int8], float, Ints]:
        """Everybody's best treatment at the prices, its value, and the sums of its features."""
        fixed, by_column = problem.costs(prices)
        choice = np.empty(problem.count, np.int8)

        def work(start: int, stop: int) -> tuple[float, Ints]:
            sums = np.zeros(len(problem.features), np.int64)
            value = kernel.choose(
                problem.values, problem.columns, problem.features, fixed, by_column, start, stop, choice, sums
            )
            return value, sums

        parts = self._map(problem.count, work)
        return choice, sum(value for value, _ in parts), _total([sums for _, sums in parts], problem)

    def add_up(self, problem: Problem, choice: NDArray[np.int8]) -> tuple[float, Ints]:
        """What a choice is worth, and what it uses of each limit."""

        def work(start: int, stop: int) -> tuple[float, Ints]:
            sums = np.zeros(len(problem.features), np.int64)
            return kernel.add_up(
                problem.values, problem.columns, problem.features, start, stop, choice, sums
            ), sums

        parts = self._map(problem.count, work)
        return sum(value for value, _ in parts), problem.amounts @ _total(
            [sums for _, sums in parts], problem
        )

    def decide(
        self, problem: Problem, prices: Floats, width: Floats
    ) -> tuple[NDArray[np.int8], float, Ints, Ints]:
        """The same for those who choose alike at all prices within ``width``; and the rows of the others."""
        costs, margins = problem.costs(prices), problem.costs(width, absolute=True)
        choice, undecided = np.empty(problem.count, np.int8), np.empty(problem.count, np.int32)

        def work(start: int, stop: int) -> tuple[float, Ints, Array]:
            sums = np.zeros(len(problem.features), np.int64)
            value, found = kernel.decide(
                problem.values,
                problem.columns,
                problem.features,
                *costs,
                *margins,
                start,
                stop,
                choice,
                sums,
                undecided,
            )
            return value, sums, undecided[start : start + found]

        parts = self._map(problem.count, work)
        rows = np.concatenate([rows for _, _, rows in parts] or [undecided[:0]]).astype(np.int64)
        return choice, sum(value for value, _, _ in parts), _total([s for _, s, _ in parts], problem), rows

    def tell(self, problem: Problem, prices: Floats, choice: NDArray[np.int8]) -> tuple[Floats, Floats]:
        """Each customer's value of what was chosen, and what it costs at the prices."""
        value, cost = np.empty(problem.count), np.empty(problem.count)
        feature_costs = prices @ problem.amounts

        def work(start: int, stop: int) -> None:
            kernel.tell(
                problem.values,
                problem.columns,
                problem.features,
                problem.first_feature,
                feature_costs,
                start,
                stop,
                choice,
                value,
                cost,
            )

        self._map(problem.count, work)
        return value, cost

    def nearest(self, problem: Problem, prices: Floats, wanted: int) -> Ints:
        """The rows whose best two options lie closest together: so many, and whoever ties with the last."""
        if wanted >= problem.count:
            return np.arange(problem.count)
        apart, costs = np.empty(problem.count, np.float32), problem.costs(prices)

        def work(start: int, stop: int) -> None:
            kernel.stand_apart(problem.values, problem.columns, *costs, start, stop, apart)

        self._map(problem.count, work)
        return np.flatnonzero(apart <= np.partition(apart, wanted - 1)[wanted - 1])

    def smooth(self, problem: Problem, prices: Floats, temperature: float) -> Smoothed:
        """The smoothed dual at the prices."""
        fixed, by_column = problem.costs(prices)
        size = len(problem.features)

        def work(start: int, stop: int) -> tuple[float, float, Ints, Floats, Floats]:
            sums, mean, spread = np.zeros(size, np.int64), np.zeros(size), np.zeros((size, size))
            smoothed, plain = kernel.smooth(
                problem.values,
                problem.columns,
                problem.features,
                fixed,
                by_column,
                temperature,
                start,
                stop,
                sums,
                mean,
                spread,
            )
            return smoothed, plain, sums, mean, spread

        parts = self._map(problem.count, work)
        fixed_part = float(prices @ problem.limits)
        mean = sum((part[3] + part[2] for part in parts), np.zeros(size))
        spread = sum((part[4] for part in parts), np.zeros((size, size)))
        gradient, hessian = np.empty(len(prices)), np.empty((len(prices), len(prices)))
        kernel.derive(problem.amounts, mean, spread, problem.limits, temperature, gradient, hessian)
        return Smoothed(
            value=fixed_part + sum(part[0] for part in parts),
            gradient=gradient,
            hessian=hessian,
            plain=fixed_part + sum(part[1] for part in parts),
        )

    def variation(self, problem: Problem, choice: NDArray[np.int8]) -> Floats:
        """How much the use of the limits would vary, choices alike, with other customers of the same kind (its covariance)."""
        squares = np.zeros((len(problem.features), len(problem.features)))
        kernel.sum_squares(problem.columns, problem.features, choice, 0, problem.count, squares)
        amounts = problem.amounts.astype(np.float64)
        return amounts @ _symmetric(squares) @ amounts.T


def with_passes(work: Callable[[Passes], _Result]) -> _Result:
    """Run something that needs passes, on this machine's cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return work(Passes(pool))


def _total(sums: list[Ints], problem: Problem) -> Ints:
    return np.sum(sums, axis=0) if sums else np.zeros(len(problem.features), np.int64)


def _symmetric(lower: Floats) -> Floats:
    return lower + np.tril(lower, -1).T
