"""Chances of rows by models that did not see them: the nuisance models of estimators that are doubly robust.

V. Chernozhukov and others, Double/debiased machine learning for treatment and structural parameters (Econometrics Journal 21,
2018). All rows of a person lie in one fold, so that nobody is foretold from their own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.scoring.base import Model, read_target
from dunwell.insight.scoring.inputs import Floats

FOLDS = 5
_OWN_MIN = 100


def cross_fitted(
    make: Callable[[], Model],
    frame: pl.DataFrame,
    target: pl.Series | Sequence[int],
    *,
    persons: pl.Series | None = None,
    folds: int = FOLDS,
    seed: int = 0,
) -> Floats:
    """The chance of 1 for each row, by a model of the other folds; ``make`` makes one that has not learned yet. Of whether a
    treatment was given it is the propensity, of what came the outcome. Where nothing tells the rows apart, as with a treatment
    given by lot, or the others are too few to learn from, it is their rate.

    Raises TrainingUnusable where all rows together are too few, and ForbiddenInput.
    """
    values = read_target(target, frame.height)
    made = np.empty(frame.height)
    for learned, held in _parts(frame.height, persons, folds, seed):
        made[held] = _chances(make, frame, values, learned, held)
    return made


def cross_fitted_by_treatment(
    make: Callable[[], Model],
    frame: pl.DataFrame,
    target: pl.Series | Sequence[int],
    given: NDArray[np.int64],
    treatment_count: int,
    *,
    persons: pl.Series | None = None,
    folds: int = FOLDS,
    seed: int = 0,
) -> Floats:
    """The chance of 1 for each row (row) under each treatment (column), by models of the other folds: of those who were given the
    treatment, or the rate of everybody where those are too few. The estimators of ``dunwell.strategy.evaluation`` take it.
    """
    values = read_target(target, frame.height)
    made = np.empty((frame.height, treatment_count))
    for learned, held in _parts(frame.height, persons, folds, seed):
        for treatment in range(treatment_count):
            own = learned[given[learned] == treatment]
            rate = float(values[learned if len(own) < _OWN_MIN else own].mean())
            made[held, treatment] = _chances(make, frame, values, own, held, rate)
    return made


def _chances(
    make: Callable[[], Model],
    frame: pl.DataFrame,
    values: Floats,
    learned: NDArray[Any],
    held: NDArray[Any],
    rate: float | None = None,
) -> Floats:
    """What a model of some rows tells of others; the rate where it cannot learn."""
    try:
        model = make().fit(frame[learned], pl.Series(values[learned]))
    except TrainingUnusable:
        return np.full(len(held), float(values[learned].mean()) if rate is None else rate)
    return model.probability_of(frame[held])


def _parts(
    count: int, persons: pl.Series | None, folds: int, seed: int
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Rows learned from and rows held out, a pair a fold."""
    place = np.arange(count) if persons is None else persons.rank("dense").to_numpy().astype(np.int64) - 1
    if len(place) != count:
        raise TrainingUnusable(f"persons has {len(place)} values for {count} rows. Give one a row")
    if folds < 2:
        raise TrainingUnusable("at least 2 folds are needed: each is foretold by the others")
    fold = (np.random.default_rng(seed).permutation(place.max(initial=0) + 1) % folds)[place]
    return [(np.flatnonzero(fold != one), np.flatnonzero(fold == one)) for one in range(folds)]
