"""CUPED: what was known of a customer before, taken out of the outcome, so that fewer customers show the same effect.

A. Deng, Y. Xu, R. Kohavi, T. Walker, Improving the sensitivity of online controlled experiments by utilizing
pre-experiment data, WSDM 2013. The adjusted outcome has the same mean and 1 - correlation^2 of the variance.
"""

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.problems import StrategyError

Floats = NDArray[np.float64]


def adjusted(outcome: Floats, before: Floats, weights: Floats, group: NDArray[np.int64]) -> Floats:
    """The outcomes without what the columns of ``before`` foretold (a row a customer; known before the arm was drawn).

    The slopes come from the differences within each arm (``group``), so that an effect cannot leak into them. A missing
    value of ``before`` counts as the mean. Raises StrategyError for an infinite one.
    """
    matrix = np.atleast_2d(before.T).T.astype(np.float64)
    if np.isinf(matrix).any():
        raise StrategyError("a value known before is infinite. Mend it or leave the column out")
    means = _weighted_mean(np.nan_to_num(matrix), weights * 1.0, ~np.isnan(matrix))
    centred = np.where(np.isnan(matrix), 0.0, matrix - means)
    within_x, within_y = centred.copy(), outcome.astype(np.float64).copy()
    for one in np.unique(group):
        rows = group == one
        share = weights[rows] / weights[rows].sum()
        within_x[rows] -= share @ centred[rows]
        within_y[rows] -= share @ outcome[rows]
    slopes, *_ = np.linalg.lstsq(
        np.sqrt(weights)[:, None] * within_x, np.sqrt(weights) * within_y, rcond=None
    )
    fitted: Floats = outcome - centred @ slopes
    return fitted


def _weighted_mean(values: Floats, weights: Floats, is_known: NDArray[np.bool_]) -> Floats:
    kept = weights[:, None] * is_known
    total = kept.sum(axis=0)
    mean: Floats = (kept * values).sum(axis=0) / np.where(total > 0, total, 1.0)
    return mean
