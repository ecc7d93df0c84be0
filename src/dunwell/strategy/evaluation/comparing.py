"""Strategies side by side on one log, ranked only where the log can carry it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.evaluation.estimators import Estimate, doubly_robust
from dunwell.strategy.evaluation.logs import Log
from dunwell.strategy.evaluation.outcome_models import ridge_outcomes
from dunwell.strategy.evaluation.overlap import Overlap, overlap
from dunwell.strategy.experiments.sequential import Interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Strategies and what they would have brought. ``order``: best first, of those that the log carries; ``refused``:
    why the others are not ranked; ``leads``: for each but the best, how far the best is ahead, on the same rows.
    ``is_settled``: whether every lead of the best excludes 0, all together with a chance of 1 - alpha (Bonferroni).
    """

    estimates: Mapping[str, Estimate]
    overlaps: Mapping[str, Overlap]
    order: tuple[str, ...]
    refused: Mapping[str, tuple[str, ...]]
    leads: Mapping[str, Interval]

    @property
    def is_settled(self) -> bool:
        """Whether the first is better than every other, and not only ahead by chance."""
        return bool(self.order) and all(lead.low > 0 for lead in self.leads.values())


def compare(
    log: Log,
    strategies: Mapping[str, Floats],
    *,
    level: float = 0.95,
    estimator: Callable[[Log, Floats, Floats], Estimate] = doubly_robust,
    seed: int = 0,
) -> Ranking:
    """Estimate every strategy that the log carries and rank those; say of the others why not.

    ``strategies``: chances a row a decision and a column a treatment, lawful ones. ``estimator``: doubly_robust or switch.
    """
    overlaps = {name: overlap(log, target) for name, target in strategies.items()}
    refused = {name: found.problems for name, found in overlaps.items() if found.problems}
    carried = {name: target for name, target in strategies.items() if name not in refused}
    foretold = ridge_outcomes(log, seed=seed) if carried else np.empty((0, 0))
    estimates = {name: estimator(log, target, foretold) for name, target in carried.items()}
    order = tuple(sorted(estimates, key=lambda name: -estimates[name].value))
    pairs = max(len(order) - 1, 1)
    leads = {
        name: estimates[order[0]].minus(estimates[name]).interval(1 - (1 - level) / pairs)
        for name in order[1:]
    }
    return Ranking(estimates, overlaps, order, refused, leads)
