"""What is foretold of each treatment for each decision, by a model that did not see the decision.

A ridge regression for each treatment, drawn towards the one over all of them: a treatment that was seldom given borrows
what the others taught. It needs nothing installed. Any other model's forecasts can be given to the estimators in its stead.
"""

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.evaluation.logs import Log

Floats = NDArray[np.float64]

FOLDS = 5
RIDGE = 10.0


def ridge_outcomes(
    log: Log,
    *,
    folds: int = FOLDS,
    ridge: float = RIDGE,
    seed: int = 0,
    persons: NDArray[np.int64] | None = None,
) -> Floats:
    """The reward foretold for each decision (row) and treatment (column), each row by models of the other folds.

    ``persons``: a number a row; all decisions about a person lie in one fold, so that nobody is foretold from their own.
    """
    columns = with_constant(log.context)
    _, place = np.unique(np.arange(len(log)) if persons is None else persons, return_inverse=True)
    fold = (np.random.default_rng(seed).permutation(place.max() + 1) % folds)[place]
    foretold = np.empty(log.allowed.shape)
    for one in range(folds):
        learned, held = fold != one, fold == one
        slopes = ridge_slopes(
            columns[learned], log.rewards[learned], log.given[learned], len(log.treatments), ridge
        )
        foretold[held] = columns[held] @ slopes.T
    return foretold


def ridge_slopes(
    columns: Floats, rewards: Floats, given: NDArray[np.int64], treatment_count: int, ridge: float
) -> Floats:
    """A row of slopes for each treatment, the constant first."""
    penalty = ridge * np.eye(columns.shape[1])
    lone = penalty.copy()
    lone[0, 0] = 1e-9  # the common level is nobody's guess
    pooled = np.linalg.solve(columns.T @ columns + lone, columns.T @ rewards)
    slopes = np.empty((treatment_count, columns.shape[1]))
    for treatment in range(treatment_count):
        own = columns[given == treatment]
        right = own.T @ rewards[given == treatment] + penalty @ pooled
        slopes[treatment] = np.linalg.solve(own.T @ own + penalty, right)
    return slopes


def with_constant(context: Floats) -> Floats:
    """The columns with a first one of ones."""
    return np.column_stack([np.ones(len(context)), context])
