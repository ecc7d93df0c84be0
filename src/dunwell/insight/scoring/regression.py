"""A small logistic regression whose weights cannot fall below 0."""

import numpy as np

from dunwell.insight.problems import extra
from dunwell.insight.scoring.inputs import Floats


def logistic(columns: Floats, target: Floats, penalty: float | Floats) -> tuple[float, Floats]:
    """The intercept and the weights of a logistic regression with an L2 ``penalty`` on the weights (one for
    all, or one each), none of them below 0: no input counts against the direction it was given.
    """
    optimize = extra("scipy.optimize")
    design = np.column_stack([np.ones(len(columns)), columns])
    ridge = np.zeros(design.shape[1])
    ridge[1:] = penalty

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = design @ weights
        value = np.logaddexp(0, margin).sum() - target @ margin + 0.5 * (ridge * weights**2).sum()
        slope = design.T @ (1 / (1 + np.exp(-margin)) - target) + ridge * weights
        return float(value) / len(target), slope / len(target)

    rate = float(target.mean())
    start = np.concatenate([[np.log(rate / (1 - rate))], np.full(columns.shape[1], 0.3)])
    bounds = [(None, None)] + [(0.0, None)] * columns.shape[1]
    found = optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500, "ftol": 1e-10}
    )
    return float(found.x[0]), np.asarray(found.x[1:], np.float64)
