"""The value of a contact today when there is a tomorrow: learned from logs of a small decision process whose answer is known."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from dunwell.strategy.drawing import chances_within, drawn_within
from dunwell.strategy.problems import CannotEvaluate, StrategyError
from dunwell.strategy.repeated import Beliefs, Repeated, Steps, learn_repeated

Floats = NDArray[np.float64]

STATES, DISCOUNT, PRICE = 4, 0.9, 0.2
VAGUE = Beliefs(np.zeros(2 * STATES), np.full(2 * STATES, 100.0))


class Process(NamedTuple):
    """Chances of the next state and mean rewards, by act (0 waits) and state."""

    moves: Floats
    rewards: Floats


def a_process() -> Process:
    """From a tired state (3) to a fresh one (0): acting pays where people are fresh, and tires them."""
    moves = np.zeros((2, STATES, STATES))
    for state in range(STATES):
        moves[0, state, max(state - 1, 0)] = 0.7
        moves[0, state, state] += 0.3
        moves[1, state, min(state + 1, STATES - 1)] = 0.8
        moves[1, state, state] += 0.2
    waiting = np.array([0.3, 0.25, 0.2, 0.15])
    return Process(moves, np.array([waiting, waiting + np.array([0.9, 1.2, 0.4, 0.1])]))


def solved(process: Process) -> tuple[Floats, Floats]:
    """What waiting is worth and what acting adds, by value iteration on the true process."""
    worth = np.zeros(STATES)
    for _ in range(2_000):
        waits, acts = process.rewards + DISCOUNT * process.moves @ worth
        worth = np.maximum(waits, acts - PRICE)
    return waits, acts - waits


def logged(process: Process, count: int, seed: int, *, noise: float = 0.5) -> Steps:
    """Steps with lots that differ by state, rewards that are noisy."""
    generator = np.random.default_rng(seed)
    state = generator.integers(0, STATES, count)
    chance = np.array([0.7, 0.5, 0.3, 0.2])[state]
    acted = generator.random(count) < chance
    steps = process.moves[acted.astype(int), state].cumsum(axis=1)
    after = (steps < generator.random(count)[:, None]).sum(axis=1).clip(0, STATES - 1)
    rewards = process.rewards[acted.astype(int), state] + generator.normal(0, noise, count)
    columns = np.eye(STATES)
    return Steps(
        persons=np.arange(count) // 3,
        state=columns[state],
        effect=columns[state],
        acted=acted,
        probability=chance,
        reward=rewards,
        carried=np.full(count, DISCOUNT),
        next_state=columns[after],
        next_effect=columns[after],
        next_price=np.full(count, PRICE),
        weight=np.ones(count),
    )


def test_the_values_are_those_of_value_iteration() -> None:
    waits, gains = solved(a_process())
    assert (gains > PRICE).tolist() == [True, True, False, False]
    learned = learn_repeated(logged(a_process(), 80_000, 1), VAGUE)
    assert learned.waiting(np.eye(STATES)) == pytest.approx(waits, abs=0.05)
    assert learned.gain(np.eye(STATES))[0] == pytest.approx(gains, abs=0.03)


def test_what_acting_brings_today_alone_would_choose_wrongly() -> None:
    """In the third state acting brings 0.4 today at a price of 0.2; that it tires is worth more than the difference."""
    process = a_process()
    today = process.rewards[1] - process.rewards[0]
    learned = learn_repeated(logged(process, 100_000, 2), VAGUE).gain(np.eye(STATES))[0]
    assert today[2] > PRICE > learned[2]


def test_the_effect_does_not_hang_on_the_state_being_described_well() -> None:
    """With one column for all states the values are wrong, but with nothing ahead the average effect is right still."""
    steps = logged(a_process(), 80_000, 3)
    ones = np.ones((len(steps.reward), 1))
    blind = Steps(
        **{name: getattr(steps, name) for name in ("persons", "acted", "probability", "reward", "weight")},
        state=ones,
        effect=ones,
        carried=0 * steps.carried,
        next_state=ones,
        next_effect=ones,
        next_price=steps.next_price,
    )
    gain, spread = learn_repeated(blind, Beliefs(np.zeros(2), np.full(2, 100.0))).gain(np.ones((1, 1)))
    # By state the effects count as the lots' variances.
    variances = np.array([0.7, 0.5, 0.3, 0.2]) * (1 - np.array([0.7, 0.5, 0.3, 0.2]))
    true = np.average(np.array([0.9, 1.2, 0.4, 0.1]), weights=variances)
    assert gain[0] == pytest.approx(true, abs=0.03)
    acted, others = steps.reward[steps.acted].mean(), steps.reward[~steps.acted].mean()
    assert abs(acted - others - true) > 0.05, "comparing the means would have misled"
    assert spread[0] < 0.02


def test_what_is_unsure_is_told() -> None:
    """Over a hundred and fifty logs the 95 % interval of the first state's gain covers as often as it says."""
    true = solved(a_process())[1][0]
    first = np.eye(STATES)[:1]
    covered = 0
    for seed in range(150):
        gain, spread = learn_repeated(logged(a_process(), 3_000, seed), VAGUE).gain(first)
        covered += abs(gain[0] - true) <= 1.96 * spread[0]
    assert 0.89 * 150 <= covered <= 0.99 * 150


def test_few_steps_leave_the_belief_and_many_do_not() -> None:
    beliefs = Beliefs(np.full(2 * STATES, 5.0), np.repeat([100.0, 0.1], STATES))
    first = np.eye(STATES)[:1]
    few = learn_repeated(logged(a_process(), 10, 4), beliefs).gain(first)[0]
    many = learn_repeated(logged(a_process(), 100_000, 4), beliefs).gain(first)[0]
    assert few[0] == pytest.approx(5.0, abs=0.3)
    assert many[0] == pytest.approx(solved(a_process())[1][0], abs=0.15)


def test_an_act_without_a_chance_is_refused() -> None:
    steps = logged(a_process(), 10, 8)
    with pytest.raises(CannotEvaluate, match="Log the chance"):
        Steps(
            **{
                **{name: getattr(steps, name) for name in Steps.__slots__},
                "acted": np.ones(10, dtype=np.bool_),
                "probability": np.zeros(10),
            }
        )
    with pytest.raises(CannotEvaluate, match="8 slopes"):
        learn_repeated(steps, Beliefs(np.zeros(3), np.ones(3)))


def test_before_any_step_the_beliefs_speak() -> None:
    learned = Repeated.of_beliefs(Beliefs(np.array([2.0, 3.0]), np.array([1.0, 0.5])), 1)
    gain, spread = learned.gain(np.ones((1, 1)))
    assert (learned.waiting(np.ones((1, 1)))[0], gain[0], spread[0]) == (2.0, 3.0, 0.5)


def test_lots_fall_as_often_as_their_chance_says_and_never_break_the_capacity() -> None:
    generator = np.random.default_rng(1)
    draws = generator.normal([3.0, 1.0, 0.9, 0.8, -2.0, 5.0], 1.0, size=(400, 6))
    is_open = np.array([True, True, True, True, True, False])
    chances = chances_within(draws, is_open, 2, even_share=0.1)
    assert chances[5] == 0
    assert 0.04 <= chances[4] < 0.1 < chances[1] < chances[0] <= 1
    assert chances.sum() == pytest.approx(2.0, abs=0.1)
    drawn = np.array([drawn_within(chances, generator) for _ in range(6_000)])
    assert drawn.sum(axis=1).max() <= 2
    assert drawn.mean(axis=0) == pytest.approx(chances, abs=0.03)


def test_nobody_is_drawn_where_nothing_is_open() -> None:
    nobody = np.zeros(3, dtype=np.bool_)
    assert not chances_within(np.ones((5, 3)), nobody, 2, 0.5).any()
    assert not drawn_within(np.zeros(3), np.random.default_rng(1)).any()
    with pytest.raises(StrategyError, match="even share"):
        chances_within(np.ones((5, 3)), ~nobody, 2, 1.5)
