"""From the best choices at the prices to an assignment: no limit exceeded, and little left over.

The best choices at the right prices keep the limits almost; what is exceeded is taken back where it costs least, what is left is
filled where it brings most, and pairs of customers change places where that is worth more. Each step looks at the smallest losses
first. Doing less is always possible, so capacities are kept whatever happens; a floor that cannot be reached stays short.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy import assignment_kernel as passes_kernel
from dunwell.strategy import assignment_repair_kernel as kernel
from dunwell.strategy.assignment_prices import Dual
from dunwell.strategy.assignment_problem import Array, Floats, Ints, Passes, Problem

MOVES_MOST = 2_000_000
EXCHANGED_MOST = 500
"""Moves looked at in pairs."""

NEAR_LEAST, NEAR_SHARE = 6144, 0.001
"""How many customers are looked at, those nearest to choosing otherwise: so many, and this share of all."""

FORCED_MOST = 24
"""Moves that are tried against the limits, when the gap is not good enough."""

GOOD_ENOUGH = 0.5
"""In usual customers' values: with less than this to the bound, no move is forced."""

_ROUNDS_MOST = 30
_WIDEN = 8.0


@dataclass(frozen=True, slots=True)
class Repaired:
    """The treatment of each customer (-1: nothing), what it is worth, and what is used of each limit."""

    choice: NDArray[np.int8]
    value: float
    use: Ints


def repair(problem: Problem, dual: Dual, passes: Passes) -> Repaired:
    """An assignment that keeps the limits, near the best choices at the prices."""
    choice = dual.choice.copy()
    _, use = passes.add_up(problem, choice)
    over = use - problem.limits.astype(np.int64)
    wanted = NEAR_LEAST + int(NEAR_SHARE * problem.count)
    while True:
        rows = passes.nearest(problem, dual.prices, wanted)
        moves = _Moves(problem, dual, rows, choice[rows], over)
        moves.relieve(is_last=rows.size == problem.count)
        choice[rows] = moves.choice
        if not (over > 0).any() or rows.size == problem.count:
            break
        wanted *= 4
    moves.improve(dual.bound - passes.add_up(problem, choice)[0], GOOD_ENOUGH * dual.scale)
    choice[rows] = moves.choice
    value, use = passes.add_up(problem, choice)
    assert (use - problem.limits.astype(np.int64) == over).all(), "the use was added up differently twice"
    return Repaired(choice, value, use)


class _Moves:
    """Moves between treatments of some customers. ``choice`` and ``over`` (use beyond each limit) change as they are made."""

    def __init__(
        self, problem: Problem, dual: Dual, rows: Ints, choice: NDArray[np.int8], over: Ints
    ) -> None:
        self._part = problem if rows.size == problem.count else problem.part(rows, problem.limits)
        self.choice, self.over = choice, over
        fixed, by_column = problem.costs(dual.prices)
        net = self._part.values.T - fixed - self._part.columns.T @ by_column.T
        self._net = np.ascontiguousarray(np.where(np.isnan(net), -np.inf, net))
        self._weights = np.maximum(dual.prices, 1e-6 * dual.units)
        self._is_floor = (problem.amounts < 0).any(axis=1)
        self._smallest = 1e-4 * dual.scale
        self._is_pinned = np.zeros(rows.size, np.bool_)

    def relieve(self, is_last: bool) -> None:
        """Take back what exceeds a limit, at growing losses.

        At last by trading one limit against another; and should the floors be out of reach, the capacities alone, which always
        can be kept, and then the floors as far as that allows.
        """
        self._relieve(self._weights, False)
        if is_last and (self.over > 0).any():
            self._relieve(self._weights, True)
        if is_last and (self.over[~self._is_floor] > 0).any():
            self._relieve(np.where(self._is_floor, 0.0, self._weights), False)
            self._relieve(self._weights, False)

    def _relieve(self, weights: Floats, is_allowed_more: bool) -> None:
        loss_most = self._smallest
        while ((self.over > 0) & (weights > 0)).any():
            rows, targets = self._listed(kernel.RELIEVING, loss_most, weights)
            if kernel.relieve(*self._uses(), weights, self.choice, self.over, is_allowed_more, rows, targets):
                continue
            if loss_most == np.inf:
                break
            loss_most = loss_most * _WIDEN if loss_most < 1e9 * self._smallest else np.inf

    def improve(self, gap: float, good_enough: float) -> None:
        """Fill what is left, let pairs change places, and as long as the ``gap`` to the bound is not good enough force moves.

        No move that loses more than the gap can be part of anything better.
        """
        before = self._value()
        self._fill(gap)
        gap -= self._value() - before
        before = self._value()
        self._exchange(gap)
        gap -= self._value() - before
        for _ in range(_ROUNDS_MOST):
            if gap <= good_enough or not (won := self._force(gap)):
                break
            gap -= won

    def _fill(self, gap: float) -> None:
        loss_most = self._smallest
        while True:
            rows, targets = self._listed(kernel.FILLING, min(loss_most, gap))
            if not kernel.fill(self._part.values, *self._uses(), self.choice, self.over, rows, targets):
                if loss_most >= gap:
                    break
                loss_most *= _WIDEN

    def _exchange(self, gap: float) -> None:
        for _ in range(_ROUNDS_MOST):
            rows, targets = self._smallest_moves(kernel.ALL, gap, EXCHANGED_MOST)
            changes, gains = np.empty((rows.size, self.over.size), np.int64), np.empty(rows.size)
            kernel.weigh(self._part.values, *self._uses(), self.choice, rows, targets, changes, gains)
            order = np.argsort(-gains, kind="stable")
            moves = rows[order], targets[order], changes[order], gains[order]
            if not kernel.exchange(self.choice, self.over, *moves, np.zeros(rows.size, np.bool_)):
                break

    def _force(self, gap: float) -> float:
        """Make a move whatever it exceeds, then repair and fill anew around it; returns what the first that helps wins.

        This is for what comes in large pieces: a customer who needs half of a capacity, the last of three lawsuits.
        """
        before = self._value()
        for row, target in zip(*self._smallest_moves(kernel.FORCED, gap, FORCED_MOST), strict=True):
            kept = self.choice.copy(), self.over.copy()
            kernel.move(*self._uses(), row, target, self.choice, self.over)
            self._is_pinned[row] = True
            self.relieve(is_last=True)
            self._fill(gap)
            self._is_pinned[row] = False
            won = self._value() - before
            if won > 0 and not (self.over > np.maximum(kept[1], 0)).any():
                self._exchange(gap)
                return self._value() - before
            self.choice[:], self.over[:] = kept
        return 0.0

    def _smallest_moves(self, which: int, gap: float, most: int) -> tuple[Ints, Ints]:
        """The moves that lose least, at most so many, none that loses more than the gap."""
        loss_most = self._smallest
        rows, targets = self._listed(which, min(loss_most, gap))
        while rows.size < most and loss_most < gap:
            loss_most *= _WIDEN
            rows, targets = self._listed(which, min(loss_most, gap))
        return rows[:most], targets[:most]

    def _uses(self) -> tuple[Array, Ints, Ints, Ints]:
        part = self._part
        return part.columns, part.features, part.first_feature, part.amounts

    def _value(self) -> float:
        sums = np.zeros(len(self._part.features), np.int64)
        part = self._part
        return passes_kernel.add_up(
            part.values, part.columns, part.features, 0, part.count, self.choice, sums
        )

    def _listed(self, which: int, loss_most: float, weights: Floats | None = None) -> tuple[Ints, Ints]:
        """Moves as (row, new choice), the best rate first."""
        size = min(MOVES_MOST, self._part.count * (self._part.values.shape[0] + 1))
        rows, targets, rates = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size)
        found = kernel.list_moves(
            self._net,
            *self._uses(),
            self._weights if weights is None else weights,
            self.choice,
            self.over,
            self._is_pinned,
            which,
            loss_most,
            rows,
            targets,
            rates,
        )
        order = np.argsort(rates[:found], kind="stable")
        return rows[order], targets[order]
