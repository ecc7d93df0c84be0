"""Whether probabilities still mean what they say: expected beside actual, and Cox's recalibration line.

Cox, Two further applications of a model for binary regression (Biometrika 45, 1958): log-odds of what came against
log-odds of what was foretold; intercept 0 and slope 1 when the probabilities hold.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunwell.insight.problems import extra
from dunwell.insight.scoring.base import read_target
from dunwell.insight.scoring.measures import Figure

Floats = NDArray[np.float64]
_STEPS_MAX = 50


@dataclass(frozen=True, slots=True)
class Calibration:
    """``ratio``: actual over expected events; ``intercept`` with the slope held at 1 and ``slope``, with 95 %
    intervals; ``p``: that intercept is 0 and slope 1 (likelihood ratio, two degrees of freedom).
    """

    row_count: int
    actual: float
    expected: float
    ratio: Figure
    intercept: Figure
    slope: Figure
    p: float


def calibration_now(target: Floats, probability: Floats) -> Calibration:
    """How the probabilities fared. Raises TrainingUnusable for a target other than 0 and 1, or too few of either."""
    values = read_target(target.tolist(), len(probability), "measure on")
    p = np.clip(probability, 1e-9, 1 - 1e-9)
    log_odds = np.log(p / (1 - p))
    expected, actual = float(p.mean()), float(values.mean())
    # The events' sum varies as their own chances say.
    spread = 1.96 * float(np.sqrt((p * (1 - p)).sum())) / max(1e-12, float(p.sum()))
    ratio = actual / expected
    ones = np.ones((len(p), 1))
    intercept, of_intercept = _logistic(ones, values, log_odds)
    both, of_both = _logistic(np.column_stack([ones, log_odds]), values, np.zeros(len(p)))
    likelihood = [_log_likelihood(values, one) for one in (log_odds, both[0] + both[1] * log_odds)]
    statistic = max(0.0, 2 * (likelihood[1] - likelihood[0]))
    return Calibration(
        len(p),
        actual,
        expected,
        Figure(ratio, max(0.0, ratio - spread), ratio + spread),
        _figure(intercept[0], of_intercept[0, 0]),
        _figure(both[1], of_both[1, 1]),
        float(extra("scipy.stats").chi2.sf(statistic, 2)),
    )


def _figure(value: float, variance: float) -> Figure:
    spread = 1.96 * float(np.sqrt(variance))
    return Figure(float(value), float(value) - spread, float(value) + spread)


def _log_likelihood(target: Floats, log_odds: Floats) -> float:
    return float((target * log_odds - np.logaddexp(0, log_odds)).sum())


def _logistic(columns: Floats, target: Floats, offset: Floats) -> tuple[Floats, Floats]:
    """Maximum likelihood of a logistic regression with an offset, and its covariance, by Newton's steps."""
    weights: Floats = np.zeros(columns.shape[1])
    covariance: Floats = np.eye(columns.shape[1])
    for _ in range(_STEPS_MAX):
        p = 1 / (1 + np.exp(-(offset + columns @ weights)))
        information = columns.T @ (columns * np.maximum(p * (1 - p), 1e-12)[:, None])
        covariance = np.linalg.pinv(information).astype(np.float64)
        step = covariance @ (columns.T @ (target - p))
        weights = weights + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    return weights, covariance
