"""Whether a model still holds: alerts that fire when it does not and stay quiet when it does."""

from functools import cache

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from dunwell.insight import TrainingUnusable
from dunwell.insight.monitoring import calibration_now, compare_models, input_drift, score_drift, watch
from dunwell.insight.monitoring.challenger import delong_difference
from dunwell.insight.monitoring.drift import two_sample_p
from dunwell.insight.scoring import Model, Scorecard
from dunwell.insight.scoring.measures import auc
from tests.insight.people import people


@cache
def model() -> Model:
    return Scorecard().fit(*people(6000))


def quiet_and_loud(rounds: int, shift: float) -> int:
    """In how many of so many looks anything fired."""
    fired = 0
    for k in range(rounds):
        rows, target = people(1500, seed=100 + k, shift=shift)
        fired += not watch(model(), rows, target).is_quiet
    return fired


def test_nothing_fires_when_nothing_changed_and_drift_is_seen() -> None:
    assert quiet_and_loud(20, 0.0) <= 1
    assert quiet_and_loud(5, 12.0) == 5


def test_the_drifted_input_is_named_first_and_the_others_are_not() -> None:
    rows, _ = people(1500, seed=11, shift=12.0)
    drift = input_drift(model(), rows)
    assert drift["input"][0] == "worst_days"
    told = watch(model(), rows)
    assert told.alerts["what"].to_list() == ["worst_days"]
    assert "population stability index" in told.alerts["words"][0]


def test_more_missing_values_are_a_drift() -> None:
    rows, _ = people(1500, seed=12)
    emptier = rows.with_columns(
        paid_share=pl.when(pl.int_range(pl.len()) % 2 == 0).then(None).otherwise("paid_share")
    )
    told = watch(model(), emptier)
    assert told.alerts["what"].to_list() == ["paid_share"]
    row = told.drift.row(0, named=True)
    assert row["missing_now"] == pytest.approx(0.6, abs=0.03)
    assert row["missing_before"] == pytest.approx(0.2, abs=0.02)


def test_a_large_index_of_few_rows_is_chance_and_does_not_fire() -> None:
    rows, _ = people(40, seed=13)
    assert input_drift(model(), rows)["psi"].to_numpy().max() > 0.1
    assert watch(model(), rows).is_quiet


def test_the_test_of_two_samples_holds_its_level() -> None:
    draw = np.random.default_rng(7)
    shares = np.array([0.4, 0.3, 0.2, 0.09, 0.01])
    p = [
        two_sample_p(draw.multinomial(2000, shares) / 2000, 2000, draw.multinomial(500, shares) / 500, 500)
        for _ in range(400)
    ]
    assert 0.02 <= np.mean(np.array(p) <= 0.05) <= 0.09


def test_scores_that_moved() -> None:
    draw = np.random.default_rng(8)
    same = score_drift(draw.beta(2, 5, 5000), draw.beta(2, 5, 5000))
    moved = score_drift(draw.beta(2, 5, 5000), draw.beta(2.6, 5, 5000))
    assert same["psi"] < 0.01 < moved["psi"]
    assert moved["p"] < 1e-6 < same["p"]


# Calibration.


def drawn(count: int, seed: int, *, add: float = 0.0, times: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """What came, and what was foretold by a model whose log-odds should have been ``times`` as large and ``add`` more."""
    draw = np.random.default_rng(seed)
    log_odds = draw.normal(-1.5, 1.0, count)
    truth = 1 / (1 + np.exp(-(add + times * log_odds)))
    return (draw.random(count) < truth).astype(float), 1 / (1 + np.exp(-log_odds))


def test_recalibration_agrees_with_scikit_learns_regression() -> None:
    target, probability = drawn(4000, 1, add=0.4, times=0.7)
    now = calibration_now(target, probability)
    log_odds = np.log(probability / (1 - probability))
    fitted = LogisticRegression(C=1e9, tol=1e-8).fit(log_odds[:, None], target)
    assert now.slope.value == pytest.approx(fitted.coef_[0, 0], abs=1e-3)
    assert now.slope.low < 0.7 < now.slope.high
    assert now.ratio.value == pytest.approx(target.mean() / probability.mean())
    assert now.p < 1e-6


def test_true_probabilities_are_told_to_hold_as_often_as_the_level_says() -> None:
    p = [calibration_now(*drawn(1500, seed)).p for seed in range(200)]
    assert 0.01 <= np.mean(np.array(p) <= 0.05) <= 0.10


def test_more_came_than_was_foretold() -> None:
    rows, target = people(3000, seed=21)
    draw = np.random.default_rng(2)
    worse = pl.Series(np.where(draw.random(3000) < 0.25, True, target.to_numpy()))
    alerts = watch(model(), rows, worse).alerts
    assert "ratio" in alerts["what"].to_list()
    assert "Recalibrate" in alerts["words"][0]


# Champion and challenger.


def test_delongs_difference_covers_the_truth_and_is_narrower_than_apart() -> None:
    draw = np.random.default_rng(3)
    covered, truth = 0, 0.0
    for _ in range(200):
        target = np.repeat([0.0, 1.0], [200, 100])
        shared = draw.normal(size=300)
        one, other = (target + shared + 0.5 * draw.normal(size=300) for _ in range(2))
        gain, _ = delong_difference(target, one, other)
        covered += gain.low <= truth <= gain.high
    assert 0.91 <= covered / 200 <= 0.985
    assert gain.value == pytest.approx(auc(target, other) - auc(target, one))


def test_a_better_challenger_wins_and_an_equal_one_does_not() -> None:
    rows, target = people(4000, seed=31)
    values = target.cast(pl.Float64).to_numpy()
    strong = model().probability_of(rows)
    poor = Scorecard().fit(people(6000)[0].select("worst_days", "noise"), people(6000)[1])
    weak = poor.probability_of(rows)
    assert compare_models(values, weak, strong, rounds=100).verdict == "challenger"
    assert compare_models(values, strong, weak, rounds=100).verdict == "champion"
    nearly = np.clip(strong + np.random.default_rng(1).normal(0, 1e-3, len(strong)), 0, 1)
    assert compare_models(values, strong, nearly, rounds=100).verdict == "no difference"
    told = watch(poor, rows, target, challenger=model())
    assert "challenger" in told.alerts["kind"].to_list()


def test_a_challenger_that_ranks_better_but_foretells_worse_does_not_win() -> None:
    rows, target = people(4000, seed=31)
    values = target.cast(pl.Float64).to_numpy()
    strong = model().probability_of(rows)
    poor = Scorecard().fit(people(6000)[0].select("worst_days", "noise"), people(6000)[1])
    assert compare_models(values, poor.probability_of(rows), strong**6, rounds=100).verdict == "champion"


def test_rows_of_one_person_are_drawn_together() -> None:
    rows, target = people(400, seed=41)
    values = np.repeat(target.cast(pl.Float64).to_numpy(), 10)
    one = np.repeat(model().probability_of(rows), 10)
    other = np.repeat(rows["worst_days"].to_numpy() / 1000, 10)
    alone = compare_models(values, one, other, rounds=100)
    together = compare_models(values, one, other, rounds=100, groups=pl.Series(np.repeat(np.arange(400), 10)))
    assert together.auc_gain.high - together.auc_gain.low > 2 * (alone.auc_gain.high - alone.auc_gain.low)


def test_too_few_outcomes_are_refused() -> None:
    with pytest.raises(TrainingUnusable, match="too few to measure on"):
        calibration_now(np.array([0.0, 1.0] * 5), np.full(10, 0.5))
