"""Whether a log has tried enough of what a strategy would do to say anything about it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.evaluation.logs import Log

Floats = NDArray[np.float64]

ROWS_MIN = 100
"""Fewer effective decisions, and a normal interval is no interval."""
SHARE_MAX = 0.05
"""No one decision may carry more of the weight."""
UNTRIED_MAX = 0.01
"""The share of the strategy's choices that the log may never have tried."""
_ERRORS_MAX = 4.0


@dataclass(frozen=True, slots=True)
class Overlap:
    """How far the log carries. ``effective_count``: how many even-weighted decisions the weighted ones are worth (Kish).
    ``mean_weight``: 1 but for chance when the probabilities are right and everything was tried. ``problems``: why it
    does not carry; empty when it does.
    """

    effective_count: float
    mean_weight: float
    largest_share: float
    problems: tuple[str, ...]


def overlap(log: Log, target: Floats) -> Overlap:
    """How far a log carries for a strategy. What was forbidden counts as no gap: no strategy could have done it."""
    weights = log.weights(target)
    total = float(weights.sum())
    mean = total / len(log)
    effective = total**2 / float(weights @ weights) if total else 0.0
    largest = float(weights.max()) / total if total else 1.0
    problems = _untried(log, target)
    error = math.sqrt(float(weights.var(ddof=1)) / len(log)) if len(log) > 1 else math.inf
    if not problems and abs(mean - 1) > _ERRORS_MAX * error + UNTRIED_MAX:
        problems.append(
            f"the weights average {mean:.2f} where 1 is due: the log never tried some of what the strategy would do, "
            "or its probabilities are not those the lots were drawn with"
        )
    if effective < ROWS_MIN:
        problems.append(
            f"{len(log):,} decisions are worth {effective:,.0f} for this strategy; at least {ROWS_MIN} are needed"
        )
    elif largest > SHARE_MAX:
        problems.append(f"one decision carries {largest:.0%} of the weight; at most {SHARE_MAX:.0%} is borne")
    return Overlap(effective, mean, largest, tuple(problems))


def _untried(log: Log, target: Floats) -> list[str]:
    """Treatments that the strategy would give where the log never does, though nothing forbade them."""
    found = []
    for place, name in enumerate(log.treatments):
        wanted = target[:, place]
        if log.chances is not None:
            share = float((wanted * (log.chances[:, place] <= 0)).mean())
        else:
            share = 0.0 if (log.given == place).any() else float(wanted.mean())
        if share > UNTRIED_MAX:
            found.append(
                f"the log never gave {name!r} where the strategy would, in {share:.0%} of its choices: explore it first"
            )
    return found
