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

SAMPLE, EARLIER_SAMPLE, SAMPLE_GROWTH = 1024, 1 << 16, 8
"""Customers in the first sample, without and with earlier prices; each further one has so many times as many, up to a quarter."""

DEVIATIONS = 2.0
"""How many standard errors of a sample's prices the box reaches."""

_HOT, _WARM, _COOLING = 0.2, 0.05, 1 / 5
"""Temperatures as shares of a usual value: at the start, at the end of the first sample; and by how much one falls at a time."""

_HIDDEN_MOST = 3e-7
_NEAR, _NEARER = 1e-2, 1e-3
_FEW = 0.5
_WIDENING, _STEPS_AHEAD, _REACH = 4.0, 3.0, 8.0
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
    if not problem.count or not problem.limits.size:
        choice, bound, _ = passes.choose(problem, np.zeros(problem.limits.size))
        return Dual(np.zeros(problem.limits.size), bound, choice, scale, units)
    cooled = None
    if prices is None:
        start = _Start(np.zeros(len(units)), np.full(len(units), np.inf), _HOT * scale)
        start = _from_samples(problem, passes, scale, units, start, SAMPLE)
    else:
        start = _Start(prices, 0.02 * prices + 0.001 * units, _coldest(scale, problem.count // 8))
        cooled = _cool(problem, passes, start, scale, units, is_trial=True)
        if cooled is None:
            start = _Start(prices, 0.3 * prices + 0.05 * units, start.temperature)
            if problem.count >= 4 * EARLIER_SAMPLE:
                start = _from_samples(problem, passes, scale, units, start, EARLIER_SAMPLE)
    cooled = cooled or _cool(problem, passes, start, scale, units)
    assert cooled is not None, "no trial"
    found, still = cooled
    still.choice[still.rows], value, sums = passes.choose(still.rest, found)
    bound = still.value + value + float(found @ (still.rest.limits - problem.amounts @ sums))
    return Dual(found, bound, still.choice, scale, units)


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


def _coldest(scale: float, size: int) -> float:
    """The temperature to which a sample is cooled: some hundred of its customers are between two choices there."""
    return _WARM * scale * float((SAMPLE / max(size, SAMPLE)) ** 0.6)


def _from_samples(
    problem: Problem, passes: Passes, scale: float, units: Floats, start: _Start, size: int
) -> _Start:
    """Prices from samples, each larger and colder than the last."""
    while True:
        rows = sample_rows(problem.count, size)
        sample = problem.part(rows, problem.limits * (rows.size / problem.count))
        coldest = _coldest(scale, size)
        cooled = _cool(sample, passes, start, scale, units, coldest)
        assert cooled is not None, "no trial"
        prices = cooled[0]
        start = _Start(prices, _errors(sample, passes, prices, units, coldest), coldest)
        size *= SAMPLE_GROWTH
        if 4 * size > problem.count:
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


class _Open(NamedTuple):
    """The customers whose choice is open inside a box, as a problem of their own; the choices of all others and their value."""

    choice: NDArray[np.int8]
    value: float
    rows: Ints
    rest: Problem
    box: _Box


def _cool(
    problem: Problem,
    passes: Passes,
    start: _Start,
    scale: float,
    units: Floats,
    coldest: float = 0.0,
    is_trial: bool = False,
) -> tuple[Floats, _Open] | None:
    """Newton at falling temperatures, until ``coldest`` or until next to nothing is hidden by smoothing.

    The box shrinks with the temperature, and with it the customers whose choice is open. Where the prices run to its edge,
    everybody is looked at again in a wider one; a trial is given up there (None).
    """
    prices, width, temperature = start
    whole = _Box(np.zeros(len(prices)), problem.price_most)
    everybody = _Open(np.full(problem.count, NOTHING, np.int8), 0.0, np.arange(problem.count), problem, whole)
    levels = [everybody]
    for _ in range(_LEVELS_MOST):
        levels.append(_set_aside(levels[-1], passes, prices, width))
        here = levels[-1]
        before = prices
        prices, smoothed, last_step = _newton(
            here, passes, prices, whole, units, temperature, temperature / scale
        )
        if here.box.is_left(prices, smoothed.gradient, whole):
            while len(levels) > 1 and levels[-1].box.is_left(prices, smoothed.gradient, whole):
                levels.pop()
            if is_trial and len(levels) == 1:
                return None
            width = _WIDENING * width + 1e-3 * prices
            continue
        if smoothed.hidden <= _HIDDEN_MOST * abs(here.value + smoothed.plain) or temperature <= coldest:
            break
        temperature = max(temperature * _COOLING, coldest)
        moved = np.abs(prices - before) + _STEPS_AHEAD * last_step
        width = np.minimum(width, moved + temperature / scale * units)
    return prices, levels[-1]


def _set_aside(above: _Open, passes: Passes, prices: Floats, width: Floats) -> _Open:
    """Those who choose alike at all prices within ``width`` are settled, unless they are too few to be worth it."""
    if not np.isfinite(width).all():
        return above
    box = above.box.narrowed(prices, width)
    decided, value, sums, is_open = passes.decide(above.rest, *box.middle())
    if is_open.size > _FEW * above.rows.size:
        return above
    above.choice[above.rows] = decided
    rest = above.rest.part(is_open, above.rest.limits - above.rest.amounts @ sums)
    return _Open(above.choice, above.value + value, above.rows[is_open], rest, box)


def _newton(
    here: _Open, passes: Passes, prices: Floats, whole: _Box, units: Floats, temperature: float, warmth: float
) -> tuple[Floats, Smoothed, Floats]:
    """The lowest smoothed dual inside the box at one temperature, by Newton steps in a trust region.

    The region is a box of some temperatures' width (``warmth``: the temperature as a share of a usual value). Stops where the
    other box keeps the prices from going further. Returns also the last step looked at.
    """
    box = here.box
    prices = np.clip(prices, box.low, box.high)
    now = passes.smooth(here.rest, prices, temperature)
    steps = np.zeros(len(prices))
    reach, times_left = _REACH, 0
    for _ in range(_STEPS_MOST):
        promised = kernel.newton_step(
            *(now.gradient, now.hessian, units, prices, box.low, box.high, reach * warmth, now.hidden, steps)
        )
        near = _NEAR if now.hidden > _HIDDEN_MOST * abs(here.value + now.plain) else _NEARER
        if promised <= near * now.hidden or times_left > 1:
            break
        there = np.clip(prices + steps * units, box.low, box.high)
        new = passes.smooth(here.rest, there, temperature)
        kept = (now.value - new.value) / promised
        longest = float(np.abs(steps).max()) / warmth
        if kept < 0.25:
            reach = 0.3 * longest
        elif kept > 0.6 and longest > 0.9 * reach:
            reach *= 4
        if kept > 0:
            prices, now = there, new
            times_left = times_left + 1 if box.is_left(prices, now.gradient, whole) else 0
    return prices, now, np.abs(steps * units)
