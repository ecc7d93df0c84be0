"""Nuisance models for estimators of effects: nobody is foretold from their own."""

import numpy as np
import polars as pl
import pytest

from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.scoring import Scorecard, cross_fitted, cross_fitted_by_treatment
from dunwell.insight.scoring.measures import auc
from tests.insight.people import people


def test_a_persons_own_outcome_changes_nothing_of_what_is_foretold_of_them() -> None:
    frame, target = people()
    persons = pl.Series(np.arange(frame.height) // 2)
    told = cross_fitted(Scorecard, frame, target, persons=persons)
    mine = persons.to_numpy() == 7
    other = pl.Series(np.where(mine, 1 - target.cast(pl.Int64).to_numpy(), target.cast(pl.Int64).to_numpy()))
    again = cross_fitted(Scorecard, frame, other, persons=persons)
    assert (told[mine] == again[mine]).all()
    assert (told != again).any()


def test_it_is_as_honest_as_rows_held_back() -> None:
    """Pure noise is told apart by a model that saw it, and not by the others."""
    draw = np.random.default_rng(3)
    noise = pl.DataFrame({f"x{k}": draw.normal(size=600) for k in range(20)})
    target = pl.Series(draw.random(600) < 0.5)
    values = target.cast(pl.Float64).to_numpy()
    assert auc(values, Scorecard().fit(noise, target).probability_of(noise)) > 0.65
    assert 0.40 < auc(values, cross_fitted(Scorecard, noise, target)) < 0.58


def test_each_treatment_has_its_own_chances_and_one_seldom_given_those_of_all() -> None:
    frame, _ = people()
    draw = np.random.default_rng(5)
    given = draw.choice(3, frame.height, p=[0.495, 0.495, 0.01])
    came = pl.Series(draw.random(frame.height) < np.array([0.2, 0.6, 0.4])[given])
    told = cross_fitted_by_treatment(Scorecard, frame, came, given, 3)
    assert told.shape == (frame.height, 3)
    assert told.mean(axis=0) == pytest.approx([0.2, 0.6, 0.4], abs=0.03)
    # The doubly robust mean of what would come of giving everybody a treatment.
    for treatment, truth in ((0, 0.2), (1, 0.6)):
        chance = cross_fitted(Scorecard, frame, pl.Series(given == treatment))
        off = (came.cast(pl.Float64).to_numpy() - told[:, treatment]) * (given == treatment) / chance
        assert (told[:, treatment] + off).mean() == pytest.approx(truth, abs=0.03)


def test_too_few_folds_or_persons_are_refused() -> None:
    frame, target = people()
    with pytest.raises(TrainingUnusable, match="2 folds"):
        cross_fitted(Scorecard, frame, target, folds=1)
    with pytest.raises(TrainingUnusable, match="one a row"):
        cross_fitted(Scorecard, frame, target, persons=pl.Series([1, 2]))
