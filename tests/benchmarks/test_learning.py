"""The benchmarks of learning, at a size that shows that they run and not what they find."""

import numpy as np
import pytest

from benchmarks.learning_curve import COLD, TRUTH, curve
from benchmarks.learning_lender import Lender, by_text, strategy_of
from benchmarks.learning_truth import look_at, worth
from benchmarks.learning_turn import BLIND, KNEW, OURS, STUBBORN, Life, life, told, turned
from dunwell.rehearsal.comparing import hard_pressed

ACCOUNTS = 2_500


@pytest.mark.slow
def test_the_curve_tells_every_round_beside_the_priors_the_truth_and_the_best_rule() -> None:
    lines = curve(strategy_of(ACCOUNTS, "wrong"), ACCOUNTS, seeds=(0, 1), rounds=2, days=10, copies=2)
    text = "\n".join(lines)
    for name in (COLD, TRUTH, "after round 1", "after round 2", "the best rule in hindsight"):
        assert sum(line.startswith(name) or name in line.split("  ")[0] for line in lines) >= 1, text
    assert "the whole season, complaints" in text


@pytest.mark.slow
def test_a_turn_is_told_day_by_day_with_the_recovery() -> None:
    trial, strategy = hard_pressed(ACCOUNTS, 1, 1), strategy_of(ACCOUNTS, "fair")
    lives = [life(trial, strategy, seed, 10, 10, 10, 2) for seed in (0, 1)]
    assert lives[0].days == [0, 10]
    first = lives[0].worth[0]
    assert first[OURS] == first[STUBBORN], "on the day of the turn ours is as it was"
    assert set(first) == {OURS, BLIND, STUBBORN, KNEW}
    assert any("recovers on" in line for line in told(lives))


def test_who_falls_behind_and_comes_back_is_told_with_the_day() -> None:
    def world(luck: float) -> Life:
        behind = {0: 2.0, 10: 2.0, 20: 0.4, 30: 0.1, 40: 0.0}
        worth = [
            {KNEW: 5.0 + luck, OURS: 5.0 - less, BLIND: 3.0, STUBBORN: 3.0 - luck} for less in behind.values()
        ]
        return Life(days=list(behind), worth=worth)

    lines = told([world(0.0), world(0.01)])
    assert any(
        line.startswith("ours recovers on day 30; from then on it is behind by +0.055") for line in lines
    )
    assert "ours with no eye for turns recovers on no day looked at" in lines


@pytest.mark.slow
def test_decisions_are_worth_what_the_world_says_and_nothing_where_nobody_is_contacted() -> None:
    trial, strategy = hard_pressed(ACCOUNTS, 1, 1), strategy_of(ACCOUNTS, "fair")
    lender = Lender.of(trial.census, turned(trial.effects), 3, strategy, trial.as_of)
    look = look_at(lender, copies=2)
    nobody = worth(look, strategy, lambda late: np.full((late.height, 4), -1.0))
    everybody = worth(look, strategy, by_text(strategy))
    assert everybody.contacts > nobody.contacts
    assert 0 < everybody.complaints < 5
    assert look.money[:, 0] == pytest.approx(0)
