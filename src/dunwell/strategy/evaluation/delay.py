"""Rewards that come late: decisions whose window is still open tell of their first days, and only of those.

To count an open window as if it were closed is to call every late payer a non-payer. Two honest ways: leave open windows
out (``Log.rows``), or cut the window into pieces of days and let each piece be told by the decisions that have lived
through it (the partitioned estimator of H. Bang and A. Tsiatis, Biometrika 2000, where the day of a decision is not
chosen by what would come of it).
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.evaluation.estimators import Estimate
from dunwell.strategy.evaluation.logs import Log
from dunwell.strategy.problems import CannotEvaluate

Floats = NDArray[np.float64]

SEEN_MIN = 200


def partitioned(
    log: Log,
    target: Floats,
    pieces: Floats,
    seen: NDArray[np.int64],
    estimator: Callable[[Log, Floats], Estimate],
) -> Estimate:
    """The value over the whole window, from decisions of every age.

    ``pieces``: what each decision (row) earned in each piece of the window (column), in time's order; ``seen``: how many
    of them have passed. The log's own rewards are not used. Right when decisions of different days are alike; where
    seasons or the portfolio change, leave open windows out instead. Raises CannotEvaluate when too few decisions have
    lived through a piece.
    """
    value, bias_max, influence = 0.0, 0.0, np.zeros(len(log))
    for piece in range(pieces.shape[1]):
        is_seen = seen > piece
        if is_seen.sum() < SEEN_MIN:
            raise CannotEvaluate(
                f"only {int(is_seen.sum())} decisions have lived through piece {piece + 1} of the window, and {SEEN_MIN} "
                "are needed. Wait, or shorten the window"
            )
        known = log.rows(is_seen).with_rewards(pieces[is_seen, piece])
        part = estimator(known, target[is_seen])
        value += part.value
        bias_max += part.bias_max
        influence[is_seen] += part.influence / is_seen.mean()
    return Estimate(part.method, value, influence, bias_max)
