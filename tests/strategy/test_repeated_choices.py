"""Several treatments, each today against waiting: learned from logs of a small decision process whose answer is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dunwell.strategy.problems import CannotEvaluate
from dunwell.strategy.repeated_choices import ChoiceBeliefs, ChoiceSteps, learn_choices

Floats = NDArray[np.float64]

STATES, DISCOUNT = 3, 0.9
PRICES = np.array([0.1, 0.3])
MOVES = np.array(
    [
        [[0.9, 0.1, 0.0], [0.6, 0.3, 0.1], [0.1, 0.6, 0.3]],
        [[0.5, 0.5, 0.0], [0.2, 0.5, 0.3], [0.0, 0.4, 0.6]],
        [[0.2, 0.5, 0.3], [0.0, 0.4, 0.6], [0.0, 0.1, 0.9]],
    ]
)
"""From a fresh state (0) to a tired one (2), by treatment: waiting rests, a message tires a little, a call more."""
REWARDS = np.array([[0.2, 0.2, 0.1], [0.5, 0.4, 0.1], [1.1, 0.8, 0.2]])


def solved() -> Floats:
    """What message and call add to waiting, by state, from value iteration on the true process."""
    worth = np.zeros(STATES)
    for _ in range(2_000):
        values = REWARDS + DISCOUNT * MOVES @ worth
        worth = np.maximum(values[0], (values[1:] - PRICES[:, None]).max(axis=0))
    return np.asarray(values[1:] - values[0])


def logged(count: int, seed: int, *, never_called: bool = False) -> ChoiceSteps:
    generator = np.random.default_rng(seed)
    state = generator.integers(0, STATES, count)
    chances = np.array([[0.3, 0.4], [0.4, 0.2], [0.2, 0.2]])[state]
    if never_called:
        chances[:, 1] = 0.0
    luck = generator.random(count)
    given = np.where(luck < chances[:, 0], 1, np.where(luck < chances.sum(axis=1), 2, 0))
    after = (MOVES[given, state].cumsum(axis=1) < generator.random(count)[:, None]).sum(axis=1).clip(0, 2)
    columns = np.eye(STATES)
    return ChoiceSteps(
        persons=np.arange(count) // 3,
        state=columns[state],
        effect=columns[state],
        given=given,
        chances=chances,
        reward=REWARDS[given, state] + generator.normal(0, 0.5, count),
        carried=np.full(count, DISCOUNT),
        next_state=columns[after],
        next_effect=columns[after],
        next_prices=np.tile(PRICES, (count, 1)),
    )


def beliefs(mean: float = 0.0, spread: float = 100.0) -> ChoiceBeliefs:
    return ChoiceBeliefs(np.full((2, STATES), mean), np.full((2, STATES), spread), state_spread=100.0)


def test_each_treatment_is_worth_what_value_iteration_says() -> None:
    learned = learn_choices(logged(150_000, 1), beliefs())
    for treatment, true in enumerate(solved()):
        assert learned.gain(treatment, np.eye(STATES))[0] == pytest.approx(true, abs=0.05)


def test_a_call_that_brings_most_today_is_not_the_best_where_it_tires() -> None:
    today = REWARDS[1:] - REWARDS[0] - PRICES[:, None]
    true = solved() - PRICES[:, None]
    assert today[1, 1] > today[0, 1]
    learned = learn_choices(logged(150_000, 2), beliefs())
    net = [learned.gain(one, np.eye(STATES))[0] - PRICES[one] for one in range(2)]
    assert (net[1] > net[0]).tolist() == (true[1] > true[0]).tolist()
    assert net[1][1] < today[1, 1] - 0.2


def test_a_treatment_that_no_lot_gave_keeps_its_belief() -> None:
    learned = learn_choices(logged(20_000, 3, never_called=True), beliefs(0.7, 0.2))
    gain, spread = learned.gain(1, np.eye(STATES))
    assert gain == pytest.approx(np.full(STATES, 0.7))
    assert spread == pytest.approx(np.full(STATES, 0.2), rel=1e-6)


def test_intervals_cover_as_often_as_they_say() -> None:
    true = solved()[1][0]
    covered = 0
    for seed in range(120):
        gain, spread = learn_choices(logged(3_000, 100 + seed), beliefs()).gain(1, np.eye(STATES)[:1])
        covered += abs(gain[0] - true) <= 1.96 * spread[0]
    assert 0.89 * 120 <= covered <= 0.995 * 120


def test_beliefs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CannotEvaluate, match="2 treatments with 3 slopes"):
        learn_choices(logged(10, 4), ChoiceBeliefs(np.zeros((1, STATES)), np.ones((1, STATES)), 1.0))
