"""Looking after every customer does no harm: on arms that do not differ about one in twenty is flagged, and not more."""

from statistics import NormalDist

import numpy as np
import pytest

from benchmarks.peeking import OUTCOMES, flagged_share
from dunwell.strategy.experiments import always_valid, harm_evidence, size_for_means, size_for_shares
from dunwell.strategy.experiments.sequential import critical_value
from dunwell.strategy.problems import StrategyError


@pytest.mark.parametrize("name", OUTCOMES)
def test_arms_that_do_not_differ_are_flagged_one_time_in_twenty_and_not_more(name: str) -> None:
    ours, usual = flagged_share(OUTCOMES[name])
    assert 0.005 <= ours <= 0.05
    assert usual > 0.25  # what comes of looking every day at an interval made for one look


def test_uneven_shares_do_not_break_it() -> None:
    assert flagged_share(OUTCOMES["a third pay"], share=0.1)[0] <= 0.06


def test_arms_that_differ_are_found() -> None:
    assert flagged_share(OUTCOMES["a third pay"], effect=0.05, trials=200)[0] > 0.9


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_the_boundary_is_crossed_by_a_brownian_motion_as_often_as_robbins_says(alpha: float) -> None:
    normal = NormalDist()
    a = critical_value(1, alpha)
    assert 2 * (normal.cdf(-a) + a * normal.pdf(a)) == pytest.approx(alpha)
    # Looked at so often that few crossings are missed, from the first look to a million times as many customers.
    draw = np.random.default_rng(1)
    growth = 2.0 ** np.arange(0, 20, 0.02)
    steps = np.sqrt(np.diff(growth, prepend=0.0)) * draw.normal(size=(4000, len(growth)))
    walk = np.cumsum(steps, axis=1)
    limit = np.sqrt(growth) * np.array([critical_value(one, alpha) for one in growth])
    crossed = (np.abs(walk) >= limit).any(axis=1).mean()
    assert 0.6 * alpha < crossed < alpha + 3 * (alpha / 4000) ** 0.5


def test_nothing_is_said_before_the_first_look() -> None:
    assert not always_valid(5.0, 0.1, count=499, first_look=500).excludes_zero
    assert always_valid(5.0, 0.1, count=500, first_look=500).excludes_zero


def harm_stops(rate: float, control_rate: float, trials: int = 2000) -> float:
    """The share of trials stopped when the counts are looked at after every event."""
    draw = np.random.default_rng(5)
    stopped = 0
    for _ in range(trials):
        arm = np.cumsum(draw.random(200) < rate / (rate + control_rate))
        for events in range(1, 201):
            if harm_evidence(int(arm[events - 1]), 1000, events - int(arm[events - 1]), 1000) >= 20:
                stopped += 1
                break
    return stopped / trials


def test_an_arm_that_does_no_harm_is_seldom_stopped_and_one_that_does_is_soon() -> None:
    assert harm_stops(0.01, 0.01, trials=200) <= 0.06
    assert harm_stops(0.02, 0.01, trials=50) > 0.95


def test_harm_that_is_allowed_for_is_none() -> None:
    told = {"arm_events": 60, "arm_count": 1000, "control_events": 40, "control_count": 1000}
    assert harm_evidence(**told, ratio_max=1.5) < 1 < harm_evidence(**told)


def test_evidence_is_right_for_arms_of_different_size() -> None:
    assert harm_evidence(90, 9000, 10, 1000) < 1
    assert harm_evidence(10**6, 10**7, 10, 10**7) > 1e100


def test_the_size_of_a_reminders_experiment_is_the_known_one() -> None:
    assert size_for_shares(0.62, 0.024).control_count == pytest.approx(6340, abs=10)
    assert size_for_shares(0.62, 0.024, correlation=0.5).control_count == pytest.approx(0.75 * 6335, abs=2)
    assert 1.5 < size_for_shares(0.62, 0.024, always_valid=True).control_count / 6335 < 2.5
    uneven = size_for_means(100, 5, arm_per_control=4)
    assert uneven.arm_count == pytest.approx(4 * uneven.control_count, abs=4)
    assert size_for_shares(0.62, 0.024).days(500, outcome_days=30) == 26 + 30


def test_the_planned_size_finds_the_planned_effect() -> None:
    size = size_for_shares(0.3, 0.05, always_valid=True)
    found, _ = flagged_share(OUTCOMES["a third pay"], 0.05, trials=200, customers=size.total())
    assert found > 0.7


def test_a_size_that_cannot_be_worked_out_says_why() -> None:
    with pytest.raises(StrategyError, match="not both between 0 and 1"):
        size_for_shares(0.9, 0.2)
    with pytest.raises(StrategyError, match="cannot be worked out"):
        size_for_means(100, 0)
    with pytest.raises(StrategyError, match="too small"):
        size_for_means(100, 1e-9)
