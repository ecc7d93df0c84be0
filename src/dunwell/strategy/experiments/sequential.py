"""Intervals that hold however often one looks: nobody need wait for the end, and looking every day does no harm.

The boundary is Robbins': for a Brownian motion W, P(|W(t)| >= sqrt(t (a^2 + log(t / m))) for some t >= m) = 2 (1 -
Phi(a) + a phi(a)) (H. Robbins, Statistical methods related to the law of the iterated logarithm, Ann. Math. Statist. 41,
1970). That means of customers behave so once there are enough of them is the time-uniform central limit theorem: I.
Waudby-Smith, D. Arbour, R. Sinha, E. Kennedy, A. Ramdas, Time-uniform central limit theory and asymptotic confidence
sequences, arXiv 2103.06476; A. Bibaut, N. Kallus, M. Lindon, Near-optimal non-parametric sequential tests and confidence
sequences with possibly dependent observations, arXiv 2212.14411. The first look at m customers is what "enough" means
here, and no interval is given before it.
"""

import math
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to ``high``, infinite where nothing can be said yet."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether there is a difference, whichever way."""
        return self.low > 0 or self.high < 0

    def covers(self, value: float) -> bool:
        """Whether a value lies in it."""
        return self.low <= value <= self.high


def always_valid(
    estimate: float, standard_error: float, count: int, first_look: int, alpha: float = 0.05
) -> Interval:
    """The interval of a confidence sequence for a mean or a difference of means: over all looks from the first on, to
    the end of time, it fails to cover the truth once or more with a chance of ``alpha``.

    ``count``: observations so far. ``first_look``: how many there had to be before the first look; the more, the wider
    it starts out waiting and the narrower it is later. Before that it is infinite.

    >>> always_valid(1.0, 0.25, count=2000, first_look=500)
    Interval(low=0.24..., high=1.75...)
    """
    if count < first_look or not math.isfinite(standard_error):
        return Interval(-math.inf, math.inf)
    reach = critical_value(count / first_look, alpha) * standard_error
    return Interval(estimate - reach, estimate + reach)


def critical_value(growth: float, alpha: float) -> float:
    """How many standard errors the interval reaches when there are ``growth`` times as many observations as at the first
    look.
    """
    return math.sqrt(_start(alpha) ** 2 + math.log(growth))


@cache
def _start(alpha: float) -> float:
    """Robbins' a: the root of 2 (1 - Phi(a) + a phi(a)) = alpha, by bisection (the left side falls for a > 0)."""
    low, high = 0.0, 40.0
    for _ in range(200):
        middle = (low + high) / 2
        crossing = 2 * (_NORMAL.cdf(-middle) + middle * _NORMAL.pdf(middle))
        low, high = (middle, high) if crossing > alpha else (low, middle)
    return high
