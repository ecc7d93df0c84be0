"""What each of several treatments adds today to waiting today and choosing again tomorrow: ``repeated`` for more than one.

The same least-squares policy iteration, with an effect for every treatment. All treatments share the effect's columns and
each has slopes of its own; a treatment's columns count with its being given less the chance that it had, so what it adds does
not hang on the worth of waiting being described well. At the next choice the treatment counts that adds most over its price,
and waiting where none does. A treatment that no lot ever gave keeps its beliefs.

>>> lots = np.random.default_rng(1)
>>> called = (lots.random(20_000) < 0.3).astype(np.int64)
>>> came = (lots.random(20_000) < np.where(called, 0.4, 0.1)).astype(np.float64)
>>> ones = np.ones((20_000, 1))
>>> learned = learn_choices(
...     ChoiceSteps(
...         persons=np.arange(20_000), state=ones, effect=ones, given=called, chances=0.3 * ones, reward=came,
...         carried=np.zeros(20_000), next_state=ones, next_effect=ones, next_prices=ones),
...     ChoiceBeliefs(means=np.zeros((1, 1)), spreads=np.ones((1, 1)), state_spread=1.0))
>>> bool(abs(learned.gain(0, np.ones((1, 1)))[0][0] - 0.3) < 0.02)
True
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.problems import CannotEvaluate

Floats = NDArray[np.float64]

_ROUNDS = 12
_NOISE_MIN = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceSteps:
    """Logged steps from one choice to the next, a row a step.

    ``persons``: whose, as whole numbers. ``state``, ``effect``: the columns before the choice. ``given``: the treatment, 0
    for waiting, then 1, 2, ... ``chances``: of each treatment, a column each, waiting left out. ``reward``: what came in until
    the next choice. ``carried``: what a unit of worth at the next choice is worth here; 0 where nothing follows.
    ``next_prices``: what each treatment has to bring there to be worth it, infinite where it is not open.
    """

    persons: NDArray[np.int64]
    state: Floats
    effect: Floats
    given: NDArray[np.int64]
    chances: Floats
    reward: Floats
    carried: Floats
    next_state: Floats
    next_effect: Floats
    next_prices: Floats

    def __post_init__(self) -> None:
        """Refuse steps that do not fit together."""
        for name in self.__slots__:
            if len(getattr(self, name)) != len(self.reward):
                raise CannotEvaluate(
                    f"the steps have {len(self.reward)} rewards and {len(getattr(self, name))} {name}"
                )
        if self.chances.shape != self.next_prices.shape:
            raise CannotEvaluate(
                f"the steps have chances of {self.chances.shape[1]} treatments and prices of {self.next_prices.shape[1]}"
            )


@dataclass(frozen=True, slots=True)
class ChoiceBeliefs:
    """What is thought before data: a mean and a spread for each treatment's slopes (a row a treatment); of the state's slopes
    only that they lie about 0, as far as ``state_spread``.
    """

    means: Floats
    spreads: Floats
    state_spread: float


@dataclass(frozen=True, slots=True)
class Choices:
    """What was learned: slopes of the state, then of each treatment in turn, with their covariance."""

    slopes: Floats
    covariance: Floats
    states: int
    effects: int

    def waiting(self, state: Floats) -> Floats:
        """What is expected where nothing is done today and the best afterwards."""
        return np.asarray(state @ self.slopes[: self.states], dtype=np.float64)

    def gain(self, treatment: int, effect: Floats) -> tuple[Floats, Floats]:
        """What the treatment (0 is the first after waiting) adds today to waiting, before its price, and the spread of that."""
        own = slice(self.states + treatment * self.effects, self.states + (treatment + 1) * self.effects)
        variance = ((effect @ self.covariance[own, own]) * effect).sum(axis=1)
        return np.asarray(effect @ self.slopes[own], dtype=np.float64), np.sqrt(np.maximum(variance, 0.0))


def learn_choices(steps: ChoiceSteps, beliefs: ChoiceBeliefs) -> Choices:
    """The slopes that the steps and the beliefs say together, under the best choice by those same slopes. Raises
    CannotEvaluate where the beliefs do not fit the steps.
    """
    treatments, effects, states = steps.chances.shape[1], steps.effect.shape[1], steps.state.shape[1]
    if beliefs.means.shape != (treatments, effects) or not (beliefs.spreads > 0).all():
        raise CannotEvaluate(
            f"{treatments} treatments with {effects} slopes need as many beliefs, each with a spread above 0"
        )
    means = np.concatenate([np.zeros(states), beliefs.means.ravel()])
    spreads = np.concatenate([np.full(states, beliefs.state_spread), beliefs.spreads.ravel()])
    is_given = steps.given[:, None] == np.arange(1, treatments + 1)
    instruments = np.hstack([steps.state, _blocks(is_given - steps.chances, steps.effect)])
    own = np.hstack([steps.state, _blocks(is_given.astype(np.float64), steps.effect)])
    slopes = means
    noise = max(float((steps.reward**2).mean()), _NOISE_MIN)
    before: NDArray[np.int64] | None = None
    for _ in range(_ROUNDS):
        chosen, price = _best(steps, slopes[states:].reshape(treatments, effects))
        if before is not None and (chosen == before).all():
            break
        before = chosen
        acts = chosen[:, None] == np.arange(1, treatments + 1)
        following = np.hstack([steps.next_state, _blocks(acts.astype(np.float64), steps.next_effect)])
        columns = own - steps.carried[:, None] * following
        received = steps.reward - steps.carried * price
        certainty = noise / spreads**2
        system = instruments.T @ columns + np.diag(certainty)
        slopes = np.linalg.solve(system, instruments.T @ received + certainty * means)
        errors = received - columns @ slopes
        noise = max(float((errors**2).mean()), _NOISE_MIN)
    certainty = noise / spreads**2
    inverse = np.linalg.inv(instruments.T @ columns + np.diag(certainty))
    order = np.argsort(steps.persons, kind="stable")
    firsts = np.flatnonzero(np.diff(steps.persons[order], prepend=-1))
    sums = np.add.reduceat((instruments * errors[:, None])[order], firsts, axis=0)
    covariance = inverse @ (sums.T @ sums + np.diag(certainty * noise)) @ inverse.T
    return Choices(np.asarray(slopes, dtype=np.float64), np.asarray(covariance), states, effects)


def _blocks(weights: Floats, effect: Floats) -> Floats:
    """A block of the effect's columns for each treatment, weighted."""
    blocks = weights[:, :, None] * effect[:, None, :]
    return np.asarray(blocks.reshape(len(effect), weights.shape[1] * effect.shape[1]), dtype=np.float64)


def _best(steps: ChoiceSteps, slopes: Floats) -> tuple[NDArray[np.int64], Floats]:
    """At the next choice: the treatment that adds most over its price (0 where none adds anything), and that price."""
    net = np.hstack([np.zeros((len(steps.reward), 1)), steps.next_effect @ slopes.T - steps.next_prices])
    chosen = net.argmax(axis=1)
    prices = np.hstack([np.zeros((len(chosen), 1)), steps.next_prices])
    return chosen, np.asarray(prices[np.arange(len(chosen)), chosen], dtype=np.float64)
