"""Made decisions whose truth is known: who they were about, what each treatment would bring, and a log of some strategy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.evaluation import Log

Floats = NDArray[np.float64]
TREATMENTS = ("none", "sms", "call")


@dataclass(frozen=True)
class World:
    """People and what each treatment truly brings of each: not linear in what is known of them."""

    context: Floats
    worth: Floats
    allowed: NDArray[np.bool_]

    def value(self, target: Floats) -> float:
        """What a strategy truly brings."""
        return float((target * self.worth).sum(axis=1).mean())


def world(count: int, seed: int, forbidden: float = 0.0) -> World:
    """``forbidden``: the share of people who may not be called, more of them among those whom a call helps most."""
    draw = np.random.default_rng(seed)
    context = draw.normal(size=(count, 3))
    worth = np.column_stack(
        [
            5 + context[:, 0],
            5.5 + context[:, 0] + 0.5 * np.tanh(2 * context[:, 1]),
            6 + context[:, 0] + 1.5 * (context[:, 2] > 0.5) - 1.0,
        ]
    )
    allowed = np.ones((count, 3), dtype=bool)
    allowed[:, 2] = draw.random(count) >= forbidden * (1 + (context[:, 2] > 0.5)) / 1.31
    return World(context, worth, allowed)


def chances_of(made: World, steepness: float, least: float, seed: int) -> Floats:
    """A strategy's chances within what is allowed, none of an allowed treatment below about ``least``."""
    draw = np.random.default_rng(seed)
    pull = steepness * made.context @ draw.normal(size=(3, 3))
    raised = np.exp(pull) * made.allowed
    raised /= raised.sum(axis=1, keepdims=True)
    even = made.allowed / made.allowed.sum(axis=1, keepdims=True)
    found: Floats = (1 - 3 * least) * raised + 3 * least * even
    return found


def drawn(chances: Floats, draw: np.random.Generator) -> NDArray[np.int64]:
    """A treatment a row by its chances."""
    given: NDArray[np.int64] = (draw.random((len(chances), 1)) > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return given


def log_of(made: World, logging: Floats, seed: int) -> Log:
    """What the logging strategy did and earned; every reward off by a spread of 2."""
    draw = np.random.default_rng(seed)
    given, rows = drawn(logging, draw), np.arange(len(logging))
    return Log(
        treatments=TREATMENTS,
        given=given,
        probability=logging[rows, given],
        rewards=made.worth[rows, given] + 2 * draw.normal(size=len(rows)),
        context=made.context,
        allowed=made.allowed,
        chances=logging,
    )
