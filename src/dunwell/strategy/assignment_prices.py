"""Prices on the capacities: the dual of the assignment, solved to a certified bound.

For any prices p >= 0, ``p @ limits + sum over customers of the best value net of prices`` is at least what any choice within the
limits is worth (weak duality). The lowest such bound is sought by Newton steps on the smoothed dual, its temperature lowered step
by step. What makes it fast:

- *samples*: prices from some thousands of customers are nearly right, and the sample says how nearly (its covariance);
- *a box*: most customers choose alike at all prices within that error, so they are summed once and set aside; few are left.

The bound is exact for the final prices, since nobody set aside can choose otherwise inside the box. Should the prices run to the
edge of the box, it is widened, and everybody is sorted out anew.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy import assignment_kernel as kernel
from dunwell.strategy.assignment_kernel import NOTHING
from dunwell.strategy.assignment_problem import Floats, Ints, Passes, Problem, Smoothed

SAMPLE, SAMPLE_GROWTH = 1024, 8
"""Customers in the first sample; each further one has this many times as many, as long as all are four times as many."""

DEVIATIONS = 3.0
"""How many standard errors of a sample's prices the box reaches."""

_HOT, _WARM, _COOLING = 0.2, 0.05, 1 / 5
"""Temperatures as shares of a usual value: at the start, at the end of the first sample; and by how much one falls at a time."""

_HIDDEN_MOST = 3e-7
_LEVELS_MOST, _STEPS_MOST = 40, 40


@dataclass(frozen=True, slots=True)
class Dual:
    """Prices and what follows: the bound, everybody's best choice at the prices.

    ``scale`` is a usual value, ``units`` a usual value for a unit of each limit.
    """

    prices: Floats
    bound: float
    choice: NDArray[np.int8]
    scale: float
    units: Floats


class _Box(NamedTuple):
    low: Floats
    high: Floats

    def narrowed(self, prices: Floats, width: Floats) -> "_Box":
        """What of it lies within ``width`` of some prices."""
        return _Box(np.maximum(self.low, prices - width), np.minimum(self.high, prices + width))

    def middle(self) -> tuple[Floats, Floats]:
        """Its middle, and how far it reaches from there."""
        return (self.low + self.high) / 2, (self.high - self.low) / 2

    def is_left(self, prices: Floats, gradient: Floats, whole: "_Box") -> bool:
        """Whether the best prices seem to lie outside, where the whole has more room."""
        at_low = (prices <= self.low) & (self.low > whole.low) & (gradient > 0)
        at_high = (prices >= self.high) & (self.high < whole.high) & (gradient < 0)
        return bool(np.any(at_low | at_high))


def solve_dual(problem: Problem, passes: Passes, prices: Floats | None = None) -> Dual:
    """The lowest bound found, from the ``prices`` of a similar problem when there are any, else from samples."""
    scale, units = _scales(problem)
    if prices is None:
        start = _from_samples(problem, passes, scale, units)
    else:
        start = _Start(prices, 0.02 * prices + 0.001 * units, 0.002 * scale)
    cooled = _cool(problem, passes, start, scale, units)
    found, rest = cooled.prices, cooled.rest
    cooled.choice[cooled.rows], value, sums = passes.choose(rest, found)
    bound = cooled.value + value + float(found @ (rest.limits - problem.amounts @ sums))
    return Dual(found, bound, cooled.choice, scale, units)


def _scales(problem: Problem) -> tuple[float, Floats]:
    """What is a usual value, and for each limit a usual value for a unit of it: where the search starts."""
    rows = sample_rows(problem.count, SAMPLE)
    values = problem.values[:, rows].astype(np.float64)
    best = np.fmax.reduce(np.abs(np.where(np.isfinite(values), values, np.nan)), axis=0, initial=0.0)
    scale = float(np.mean(best)) if best.size and best.any() else 1.0
    columns = np.abs(problem.columns[:, rows].astype(np.float64)).mean(axis=1) if rows.size else np.zeros(0)
    means = np.where(problem.features[:, 1] < 0, 1.0, np.append(columns, 1.0)[problem.features[:, 1]])
    use = np.abs(problem.amounts) * means
    usual = use.sum(axis=1) / np.maximum((use > 0).sum(axis=1), 1)
    return scale, scale / np.where(usual > 0, usual, 1.0)


def sample_rows(count: int, size: int) -> Ints:
    """One row out of each of ``size`` equal stretches: the same rows every time."""
    if size >= count:
        return np.arange(count)
    inside = np.random.default_rng(size).random(size)
    return ((np.arange(size) + inside) * (count / size)).astype(np.int64)


class _Start(NamedTuple):
    """Where to begin: prices, how far off they may be, and the temperature they are for."""

    prices: Floats
    width: Floats
    temperature: float


def _from_samples(problem: Problem, passes: Passes, scale: float, units: Floats) -> _Start:
    """Prices from samples, each larger and colder than the last."""
    start = _Start(np.zeros(len(units)), np.full(len(units), np.inf), _HOT * scale)
    size = min(SAMPLE, problem.count)
    while size <= SAMPLE or 4 * size <= problem.count:
        sample = problem.part(sample_rows(problem.count, size), problem.limits * (size / problem.count))
        coldest = _WARM * scale * (SAMPLE / size) ** 0.6
        prices = _cool(sample, passes, start, scale, units, coldest).prices
        start = _Start(prices, _errors(sample, passes, prices, units, coldest), coldest)
        size *= SAMPLE_GROWTH
    return start


def _errors(sample: Problem, passes: Passes, prices: Floats, units: Floats, temperature: float) -> Floats:
    """How far a sample's prices may be from the whole's: its use varies, and prices with it (the sandwich covariance)."""
    scaled = passes.smooth(sample, prices, temperature).hessian * np.outer(units, units)
    variation = passes.variation(sample, passes.choose(sample, prices)[0])
    stiff = np.linalg.pinv(
        scaled + 1e-6 * np.diag(np.diag(scaled)) + 1e-12 * np.eye(len(units)), hermitian=True
    )
    covariance = stiff @ (variation * np.outer(units, units)) @ stiff
    errors = DEVIATIONS * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    width: Floats = units * np.minimum(errors + 1e-3, 0.3 + prices / units) + 0.003 * prices
    return width


class _Cooled(NamedTuple):
    """Prices at the last temperature; who chooses alike anywhere near them, the value of that, and the rest as a problem."""

    prices: Floats
    choice: NDArray[np.int8]
    value: float
    rows: Ints
    rest: Problem


def _cool(
    problem: Problem, passes: Passes, start: _Start, scale: float, units: Floats, coldest: float = 0.0
) -> _Cooled:
    """Newton at falling temperatures, until ``coldest`` or until next to nothing is hidden by smoothing.

    The box shrinks with the temperature, and with it the customers whose choice is open. Where the prices run to its edge,
    everybody is looked at again in a wider one.
    """
    prices, width, temperature = start
    everybody = _Cooled(
        prices, np.full(problem.count, NOTHING, np.int8), 0.0, np.arange(problem.count), problem
    )
    whole = _Box(np.zeros(len(prices)), problem.price_most)
    here, box = everybody, whole
    for _ in range(_LEVELS_MOST):
        box = box.narrowed(prices, width)
        if np.isfinite(width).all():
            here = _set_aside(here, passes, box)
        before = prices
        prices, smoothed, last_step = _newton(here.rest, passes, prices, box, units, temperature)
        if box.is_left(prices, smoothed.gradient, whole):
            here, box, width = everybody, whole, 4 * width + 1e-3 * prices
            continue
        if smoothed.hidden <= _HIDDEN_MOST * abs(here.value + smoothed.plain) or temperature <= coldest:
            break
        temperature = max(temperature * _COOLING, coldest)
        width = np.minimum(width, np.abs(prices - before) + 3 * last_step + temperature / scale * units)
    return here._replace(prices=prices)


def _set_aside(here: _Cooled, passes: Passes, box: _Box) -> _Cooled:
    """Those who choose alike everywhere in the box are settled."""
    decided, value, sums, is_open = passes.decide(here.rest, *box.middle())
    choice = here.choice.copy() if here.choice.size == here.rows.size else here.choice
    choice[here.rows] = decided
    rest = here.rest.part(is_open, here.rest.limits - here.rest.amounts @ sums)
    return here._replace(choice=choice, value=here.value + value, rows=here.rows[is_open], rest=rest)


def _newton(
    problem: Problem, passes: Passes, prices: Floats, box: _Box, units: Floats, temperature: float
) -> tuple[Floats, Smoothed, Floats]:
    """The lowest smoothed dual inside the box at one temperature, by Newton steps of at most a price's own size.

    Returns also the last step looked at.
    """
    prices = np.clip(prices, box.low, box.high)
    here = passes.smooth(problem, prices, temperature)
    damping, reach = 1e-4, 1.0
    step = np.zeros(len(prices))
    for _ in range(_STEPS_MOST):
        curvature = here.hessian * np.outer(units, units)
        diagonal = np.diag(curvature)
        ridge = damping * diagonal + 1e-9 * (diagonal.max() + here.hidden) + 1e-300
        cap = reach * np.maximum(prices, units)
        low, high = np.maximum(box.low - prices, -cap) / units, np.minimum(box.high - prices, cap) / units
        kernel.least_in_box(here.gradient * units, curvature + np.diag(ridge), low, high, step)
        there = np.clip(prices + step * units, box.low, box.high)
        if -float(here.gradient @ (there - prices)) <= 1e-3 * here.hidden:
            break
        new = passes.smooth(problem, there, temperature)
        if new.value < here.value:
            prices, here, damping, reach = there, new, damping / 4, min(2 * reach, 4.0)
        elif damping > 1e6:
            break
        else:
            damping, reach = max(damping, 1e-4) * 10, reach / 2
    return prices, here, np.abs(step * units)
