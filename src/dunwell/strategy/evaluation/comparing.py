"""Strategies side by side on one log, ranked only where the log can carry it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.evaluation.delay import partitioned
from dunwell.strategy.evaluation.estimators import Estimate, doubly_robust, switch, what_ran
from dunwell.strategy.evaluation.logs import Log
from dunwell.strategy.evaluation.outcome_models import ridge_outcomes
from dunwell.strategy.evaluation.overlap import Overlap, overlap
from dunwell.strategy.experiments.sequential import Interval

Floats = NDArray[np.float64]

WHAT_RAN = "what ran"


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
    estimator: Callable[[Log, Floats], Estimate] = doubly_robust,
    persons: NDArray[np.int64] | None = None,
    late: tuple[Floats, NDArray[np.int64]] | None = None,
) -> Ranking:
    """Estimate every strategy that the log carries and rank those, with the one that ran (WHAT_RAN); say of the others
    why not.

    ``strategies``: chances a row a decision and a column a treatment, lawful ones. ``persons``: a number a row, where
    the log has several decisions about the same person. ``late``: the pieces and how many were seen, where windows are
    still open (``partitioned``).
    """
    if late is None and estimator in (doubly_robust, switch):
        estimator = partial(estimator, foretold=ridge_outcomes(log, persons=persons))
    overlaps = {name: overlap(log, target) for name, target in strategies.items()}
    refused = {name: found.problems for name, found in overlaps.items() if found.problems}

    def estimate(how: Callable[[Log, Floats], Estimate], target: Floats) -> Estimate:
        found = how(log, target) if late is None else partitioned(log, target, *late, how)
        return found if persons is None else found.by_person(persons)

    estimates = {
        name: estimate(estimator, target) for name, target in strategies.items() if name not in refused
    }
    estimates[WHAT_RAN] = estimate(what_ran, np.zeros(log.allowed.shape))
    order = tuple(sorted(estimates, key=lambda name: -estimates[name].value))
    error = (1 - level) / max(len(order) - 1, 1)
    leads = {name: estimates[order[0]].minus(estimates[name]).interval(1 - error) for name in order[1:]}
    return Ranking(estimates, overlaps, order, refused, leads)
