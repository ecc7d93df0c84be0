"""What a contact today is worth when there is a tomorrow: its value over waiting today and choosing again tomorrow.

To act once and then never again is not the choice that a lender has: who is left alone today can be contacted tomorrow, may
pay meanwhile, and is less tired. So the value of a state is that of going on with the best choice from there, where acting
has to be worth its price (what it costs, and what the same call would earn elsewhere: the assignment's dual price).

For a state that is described whole, as that of a single debtor whose intensity and balance are known; where people differ by
what no column says, who was acted on and still owes is taken for worse for it, and ``strategy.blips`` is what to learn by.

Learned from logged steps by least squares, as policy iteration (M. Lagoudakis and R. Parr, Least-squares policy iteration,
JMLR 4, 2003): what waiting is worth is linear in the columns of a state, what acting adds is linear in the columns of an
effect, and one linear system makes the value of a state agree with what follows it under the best choice so far; then the
choice is made again. The effect's columns count with acting less the probability with which it was drawn, as in the
G-estimation of J. Robins (2004) and S. Murphy's advantage learning (2003): where the logged probabilities are right, the
effect does not hang on the columns of the state being right. Steps of one person count together in what is unsure.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.problems import CannotEvaluate

Floats = NDArray[np.float64]

ROUNDS = 12
"""Times the choice is made again, at most; three to six are enough where few choices change."""
_NOISE_MIN = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Logged steps from one choice to the next, a row a step.

    ``persons``: whose, as whole numbers. ``state``, ``effect``: the columns before the choice. ``acted``; ``probability`` of
    acting, 0 where it was not open. ``reward``: what came in until the next choice, the price of acting not taken off.
    ``carried``: what a unit of worth at the next choice is worth here: the discount, times what is left there of what was
    owed here; 0 where nothing follows. ``next_price``: what acting has to bring there to be worth it, infinite where it is
    not open. ``weight``: how much the step counts, as when old ones are to be forgotten.
    """

    persons: NDArray[np.int64]
    state: Floats
    effect: Floats
    acted: NDArray[np.bool_]
    probability: Floats
    reward: Floats
    carried: Floats
    next_state: Floats
    next_effect: Floats
    next_price: Floats
    weight: Floats

    def __post_init__(self) -> None:
        """Refuse steps that cannot be learned from."""
        count = len(self.reward)
        for name in self.__slots__:
            if len(getattr(self, name)) != count:
                raise CannotEvaluate(f"the steps have {count} rewards and {len(getattr(self, name))} {name}")
        wrong = np.flatnonzero(~(self.probability >= 0) | (self.probability > 1))
        if len(wrong):
            raise CannotEvaluate(f"step {wrong[0] + 1}: probability {self.probability[wrong[0]]} of acting")
        untold = np.flatnonzero(self.acted & (self.probability == 0))
        if len(untold):
            raise CannotEvaluate(
                f"step {untold[0] + 1} acted with probability 0. Log the chance with which it was drawn"
            )


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is thought before any step: mean and spread of each slope, those of the state first, then the effect's."""

    means: Floats
    spreads: Floats


@dataclass(frozen=True, slots=True)
class Repeated:
    """Slopes for the state's and the effect's columns, their covariance, and how many of them are the state's."""

    slopes: Floats
    covariance: Floats
    states: int

    @classmethod
    def of_beliefs(cls, beliefs: Beliefs, states: int) -> "Repeated":
        """What is known when nothing was learned."""
        return cls(beliefs.means, np.diag(beliefs.spreads**2), states)

    def waiting(self, state: Floats) -> Floats:
        """What is expected where nothing is done today and the best afterwards."""
        return np.asarray(state @ self.slopes[: self.states], dtype=np.float64)

    def gain(self, effect: Floats) -> tuple[Floats, Floats]:
        """What acting today adds to waiting, before its price, and the spread of that."""
        own = self.covariance[self.states :, self.states :]
        variance = ((effect @ own) * effect).sum(axis=1)
        return effect @ self.slopes[self.states :], np.sqrt(np.maximum(variance, 0.0))


def learn_repeated(steps: Steps, beliefs: Beliefs, start: Repeated | None = None) -> Repeated:
    """The slopes that the steps and the beliefs say together, under the best choice by those same slopes.

    ``start``: an earlier answer, whose choices are the first; they alter the time it takes. Raises CannotEvaluate where the
    beliefs do not fit the columns.
    """
    width = steps.state.shape[1] + steps.effect.shape[1]
    if len(beliefs.means) != width or not (beliefs.spreads > 0).all():
        raise CannotEvaluate(f"{width} slopes need as many beliefs, each with a spread above 0")
    system = _System.of(steps)
    learned = start or Repeated.of_beliefs(beliefs, steps.state.shape[1])
    noise = max(float(np.average(steps.reward**2, weights=steps.weight)), _NOISE_MIN)
    chosen = np.zeros(len(steps.reward), dtype=np.bool_)
    slopes = beliefs.means
    for number in range(ROUNDS):
        again = steps.next_effect @ learned.slopes[learned.states :] > steps.next_price
        if number > 1 and (again == chosen).all():
            break
        chosen = again
        slopes, noise = system.solved(steps, beliefs, chosen, noise)
        learned = Repeated(slopes, learned.covariance, learned.states)
    return Repeated(slopes, system.covariance(steps, beliefs, chosen, slopes, noise), learned.states)


@dataclass(frozen=True, slots=True)
class _System:
    """What the slopes have to solve: weighted instruments against columns, before anybody acts again at the next choice."""

    instruments: Floats
    columns: Floats
    products: Floats
    received: Floats

    @classmethod
    def of(cls, steps: Steps) -> "_System":
        """The parts that stay the same whatever is chosen next."""
        instruments = np.hstack([steps.state, (steps.acted - steps.probability)[:, None] * steps.effect])
        instruments *= steps.weight[:, None]
        columns = np.hstack(
            [steps.state - steps.carried[:, None] * steps.next_state, steps.acted[:, None] * steps.effect]
        )
        return cls(instruments, columns, instruments.T @ columns, instruments.T @ steps.reward)

    def solved(
        self, steps: Steps, beliefs: Beliefs, chosen: NDArray[np.bool_], noise: float
    ) -> tuple[Floats, float]:
        """The slopes when at the next choice these act and the others wait, and the variance of a step about them."""
        certainty = noise / beliefs.spreads**2
        system, received = self._under(steps, chosen)
        slopes: Floats = np.asarray(
            np.linalg.solve(system + np.diag(certainty), received + certainty * beliefs.means),
            dtype=np.float64,
        )
        errors = self._errors(steps, chosen, slopes)
        return slopes, max(float(np.average(errors**2, weights=steps.weight)), _NOISE_MIN)

    def covariance(
        self, steps: Steps, beliefs: Beliefs, chosen: NDArray[np.bool_], slopes: Floats, noise: float
    ) -> Floats:
        """What is left unsure, the errors of a person's steps together in the middle of the sandwich."""
        certainty = noise / beliefs.spreads**2
        inverse = np.linalg.inv(self._under(steps, chosen)[0] + np.diag(certainty))
        order = np.argsort(steps.persons, kind="stable")
        firsts = np.flatnonzero(np.diff(steps.persons[order], prepend=-1))
        scores = self.instruments * self._errors(steps, chosen, slopes)[:, None]
        sums = np.add.reduceat(scores[order], firsts, axis=0)
        return np.asarray(
            inverse @ (sums.T @ sums + np.diag(certainty * noise)) @ inverse.T, dtype=np.float64
        )

    def _under(self, steps: Steps, chosen: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """The products when at the next choice these act."""
        carried, instruments = steps.carried[chosen], self.instruments[chosen]
        system = self.products.copy()
        system[:, steps.state.shape[1] :] -= instruments.T @ (carried[:, None] * steps.next_effect[chosen])
        return system, self.received - instruments.T @ (carried * steps.next_price[chosen])

    def _errors(self, steps: Steps, chosen: NDArray[np.bool_], slopes: Floats) -> Floats:
        errors = steps.reward - self.columns @ slopes
        gains = steps.next_effect[chosen] @ slopes[steps.state.shape[1] :] - steps.next_price[chosen]
        errors[chosen] += steps.carried[chosen] * gains
        return np.asarray(errors, dtype=np.float64)
