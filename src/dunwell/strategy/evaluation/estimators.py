"""The value of a strategy from another's log, by five estimators, each with every row's influence on it.

ips: D. Horvitz, D. Thompson, JASA 1952. snips: A. Swaminathan, T. Joachims, The self-normalized estimator for
counterfactual learning, NeurIPS 2015. doubly_robust: M. Dudik, J. Langford, L. Li, ICML 2011, with forecasts from other
folds (V. Chernozhukov and others, Econometrics Journal 2018). switch: Y.-X. Wang, A. Agarwal, M. Dudik, Optimal and
adaptive off-policy evaluation in contextual bandits, ICML 2017.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.evaluation.logs import Log
from dunwell.strategy.evaluation.outcome_models import ridge_outcomes, ridge_slopes, with_constant
from dunwell.strategy.experiments.sequential import Interval

Floats = NDArray[np.float64]

_SKEWNESS_MIN = 1e-6
_NORMAL = NormalDist()
_DIRECT_RIDGE = 1.0
_THRESHOLDS = 20
MISFIT_MAX = 0.25
"""By how much the forecasts may be wrong on average where nothing mends them, as a share of the spread of their errors."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean reward a decision. ``influence``: how far each row moves it, with a mean of 0; ``bias_max``: what may be
    wrong besides.
    """

    method: str
    value: float
    influence: Floats
    bias_max: float = 0.0

    @property
    def standard_error(self) -> float:
        """The spread that chance alone gives it."""
        return math.sqrt(
            float(self.influence @ self.influence) / (len(self.influence) - 1) / len(self.influence)
        )

    def interval(self, level: float = 0.95, *, other_error: float = 0.0) -> Interval:
        """The interval that covers the true value with this chance, ``bias_max`` included. Where the chance is skewed, as with a
        few rare rewards of great weight, it reaches farther to the side on which the truth is missed more often.

        ``other_error``: the standard error of what it is held against, when that too was only measured, elsewhere.
        """
        own = self.standard_error
        error = math.hypot(own, other_error)
        reach = _reach(self.bias_max, error, 1 - level)
        if not error:
            return Interval(self.value - reach, self.value + reach)
        skewness = self.skewness * (own / error) ** 3
        below, above = (_unskewed(side * reach / error, skewness) for side in (1, -1))
        return Interval(self.value - error * below, self.value - error * above)

    @property
    def skewness(self) -> float:
        """How skewed the chance in it is: 0 for a normal error."""
        variance = float(self.influence @ self.influence)
        return float((self.influence**3).sum()) / variance**1.5 if variance else 0.0

    def by_person(self, persons: NDArray[np.int64]) -> "Estimate":
        """The same value with the rows of a person (numbered) taken as one: decisions about the same person share their
        chance.
        """
        _, place = np.unique(persons, return_inverse=True)
        sums = np.bincount(place, weights=self.influence)
        return Estimate(self.method, self.value, sums * len(sums) / len(persons), self.bias_max)

    def minus(self, other: "Estimate") -> "Estimate":
        """The difference of two strategies on the same log, of which the shared chance is taken out."""
        return Estimate(
            self.method,
            self.value - other.value,
            self.influence - other.influence,
            self.bias_max + other.bias_max,
        )


def ips(log: Log, target: Floats) -> Estimate:
    """Inverse propensity scoring: each reward as often as the target would have earned it. Unbiased, and wide."""
    scores = log.weights(target) * log.rewards
    return _estimate("ips", scores)


def what_ran(log: Log, _: Floats) -> Estimate:
    """The strategy that made the log: what it brought, plainly averaged; the target is not looked at."""
    return _estimate("average", log.rewards)


def snips(log: Log, target: Floats) -> Estimate:
    """The same divided by the sum of the weights: does not depend on where the rewards have their zero, and narrower."""
    weights = log.weights(target)
    value = float(weights @ log.rewards / weights.sum())
    return Estimate("snips", value, weights * (log.rewards - value) / weights.mean())


def direct(log: Log, target: Floats) -> Estimate:
    """The direct method: what linear models of the rewards foretell for the target. Narrow, and biased where they are
    wrong.

    The interval knows how sure the slopes are, not whether the rewards are linear: do not rank by it alone.
    """
    log.weights(target)  # refuses what is no strategy
    columns = with_constant(log.context)
    slopes = ridge_slopes(columns, log.rewards, log.given, len(log.treatments), _DIRECT_RIDGE)
    foretold = (target * (columns @ slopes.T)).sum(axis=1)
    influence = foretold - foretold.mean()
    for treatment in range(len(log.treatments)):
        rows = log.given == treatment
        own = columns[rows]
        pull = (target[:, treatment, None] * columns).sum(axis=0)
        across = np.linalg.solve(own.T @ own + _DIRECT_RIDGE * np.eye(own.shape[1]), pull)
        influence[rows] += (own @ across) * (log.rewards[rows] - own @ slopes[treatment])
    return Estimate("direct", float(foretold.mean()), influence)


def doubly_robust(log: Log, target: Floats, foretold: Floats | None = None) -> Estimate:
    """The direct method mended by the weighted errors of its forecasts: right when the probabilities are, narrow when
    the forecasts are.

    ``foretold``: a reward for each decision and treatment, by a model that did not see the decision; ridge regressions
    when None.
    """
    weights = log.weights(target)
    foretold = ridge_outcomes(log) if foretold is None else foretold
    errors = log.rewards - foretold[np.arange(len(log)), log.given]
    return _estimate("doubly robust", (target * foretold).sum(axis=1) + weights * errors)


def switch(log: Log, target: Floats, foretold: Floats | None = None) -> Estimate:
    """Doubly robust where the weights are moderate, the forecasts alone where they are not.

    The threshold is the one with the least sum of variance and squared worst bias. What the forecasts may be wrong by
    where they stand alone widens the interval (``bias_max``): the strategy's share there times MISFIT_MAX of the spread
    of the errors.
    """
    weights = log.weights(target)
    foretold = ridge_outcomes(log) if foretold is None else foretold
    errors = log.rewards - foretold[np.arange(len(log)), log.given]
    plain = (target * foretold).sum(axis=1)
    spread = float(np.sqrt(np.mean(errors**2)))
    candidates = np.unique(np.quantile(weights[weights > 0], np.linspace(0.5, 1, _THRESHOLDS)))
    best = None
    for threshold in candidates:
        is_kept = weights <= threshold
        bias_max = MISFIT_MAX * spread * float((weights * ~is_kept).mean())
        estimate = _estimate("switch", plain + weights * is_kept * errors, bias_max)
        loss = estimate.standard_error**2 + bias_max**2
        if best is None or loss <= best[0]:
            best = (loss, estimate)
    assert best is not None
    return best[1]


ESTIMATORS: Mapping[str, Callable[[Log, Floats], Estimate]] = {
    "ips": ips,
    "snips": snips,
    "direct": direct,
    "doubly robust": doubly_robust,
    "switch": switch,
}
"""The estimators by name."""


def _estimate(method: str, scores: Floats, bias_max: float = 0.0) -> Estimate:
    value = float(scores.mean())
    return Estimate(method, value, scores - value, bias_max)


def _unskewed(deviations: float, skewness: float) -> float:
    """The studentised mean that answers to so many standard deviations of a normal one (P. Hall, On the removal of skewness by
    transformation, Journal of the Royal Statistical Society B 54, 1992: the inverse of his cubic).
    """
    if abs(skewness) < _SKEWNESS_MIN:
        return deviations
    inner = 1 + skewness * (deviations - skewness / 6)
    return 3 / skewness * (math.copysign(abs(inner) ** (1 / 3), inner) - 1)


def _reach(bias_max: float, error: float, alpha: float) -> float:
    """How far an interval must reach when the estimate is normal around a value that is off by at most ``bias_max``: the
    quantile of a folded normal (T. Armstrong, M. Kolesar, Econometrica 2018).
    """
    usual = _NORMAL.inv_cdf(1 - alpha / 2) * error
    if not bias_max or not error:
        return usual + bias_max
    low, high = usual, usual + bias_max
    for _ in range(60):
        middle = (low + high) / 2
        inside = _NORMAL.cdf((middle - bias_max) / error) - _NORMAL.cdf((-middle - bias_max) / error)
        low, high = (middle, high) if inside < 1 - alpha else (low, middle)
    return high
