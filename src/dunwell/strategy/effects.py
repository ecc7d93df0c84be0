"""One treatment's effect, as its prior and a log's readings say together: a Bayesian linear model on lines, steps and
trees.

The readings are noisy and unbiased (``value.effect_readings``). How far customers may differ is not known beforehand, so
several answers are tried along lines and along steps, and each counts by how likely it makes the readings.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPREAD_SHARES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""How far customers may differ in an effect, as shares of the reward's spread, along lines and along steps:
each pair counts by how likely it makes the readings.
"""
STEPS_A_COLUMN = 15
_WEIGHT_MIN = 1e-3


class Regressor(Protocol):
    """What is asked of a learner of means."""

    def fit(self, inputs: Floats, target: Floats, **how: Any) -> object:
        """Learn from rows."""

    def predict(self, inputs: Floats) -> Floats:
        """The mean for rows."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What a treatment is thought to bring over doing nothing before any data, and how sure that is: both in money."""

    value: float
    sd: float


@dataclass(frozen=True, slots=True)
class Shape:
    """What trees say of an effect: a set for each fold, and what each decision was told by those that did not see it."""

    models: tuple[Regressor, ...]
    held_out: Floats

    def of(self, context: Floats) -> tuple[Floats, Floats]:
        """What the trees tell, and the variance of that (the jackknife over the folds)."""
        told = np.array([model.predict(context) for model in self.models])
        return told.mean(axis=0), told.var(axis=0) * (len(told) - 1)


@dataclass(frozen=True, slots=True)
class Basis:
    """What an effect may lean on: a constant, each column of the context as a line and, where it has more than two
    values, as steps at its quantiles, and the trees' shape. All but the constant are centred, so that the constant is
    the average effect.
    """

    knots: tuple[tuple[int, float], ...]
    shape: Shape | None
    centre: Floats
    scale: Floats

    @classmethod
    def of(cls, context: Floats, shape: Shape | None) -> "Basis":
        """The basis that a log's decisions call for."""
        knots = []
        for column in range(context.shape[1]):
            values = context[:, column]
            cuts = np.unique(np.quantile(values, np.linspace(0, 1, STEPS_A_COLUMN + 2)[1:-1]))
            if len(np.unique(values)) > 2:
                knots += [(column, float(cut)) for cut in cuts if values.min() <= cut < values.max()]
        width = context.shape[1] + len(knots)
        scale = np.ones(width)
        if shape is not None:
            scale = np.append(scale, 1 / max(float(shape.held_out.std()), 1e-12))
        raw = cls(tuple(knots), shape, np.zeros(len(scale)), scale)
        return cls(raw.knots, shape, raw.columns(context, held_out=True)[:, 1:].mean(axis=0), scale)

    @property
    def is_step(self) -> NDArray[np.bool_]:
        """Which of the columns are steps."""
        has_shape = self.shape is not None
        lines = 1 + len(self.centre) - len(self.knots) - has_shape
        return np.array([False] * lines + [True] * len(self.knots) + [False] * has_shape)

    def columns(self, context: Floats, *, held_out: bool = False) -> Floats:
        """The basis for some customers. ``held_out``: for the rows it was made of, with the shape that trees of other
        folds told.
        """
        parts = [*context.T, *((context[:, column] > cut).astype(np.float64) for column, cut in self.knots)]
        if self.shape is not None:
            parts.append(self.shape.held_out if held_out else self.shape.of(context)[0])
        told = np.column_stack(parts) if parts else np.empty((len(context), 0))
        return np.column_stack([np.ones(len(context)), told * self.scale - self.centre])


@dataclass(frozen=True, slots=True)
class Posterior:
    """Slopes on a basis, with their covariance; ``average`` over the log's customers, and its spread; ``count``
    decisions.
    """

    basis: Basis
    slopes: Floats
    covariance: Floats
    average: tuple[float, float]
    count: int

    @classmethod
    def of_prior(cls, prior: Prior, context: Floats) -> "Posterior":
        """What is known when nothing was learned."""
        width = context.shape[1] + 1
        slopes, covariance = np.zeros(width), np.zeros((width, width))
        slopes[0], covariance[0, 0] = prior.value, prior.sd**2
        basis = Basis((), None, np.zeros(width - 1), np.ones(width - 1))
        return cls(basis, slopes, covariance, (prior.value, prior.sd), 0)

    def of(self, context: Floats) -> tuple[Floats, Floats]:
        """Mean and spread of the effect for each customer."""
        columns = self.basis.columns(context)
        variance = ((columns @ self.covariance) * columns).sum(axis=1)
        if self.basis.shape is not None:
            variance += (self.slopes[-1] * self.basis.scale[-1]) ** 2 * self.basis.shape.of(context)[1]
        return columns @ self.slopes, np.sqrt(variance)


def learned_effect(
    context: Floats, readings: Floats, prior: Prior, spread: float, shape: Shape | None
) -> Posterior:
    """The posterior of one treatment: the prior's constant and the likeliest freedom of the slopes, moved by the
    readings.
    """
    basis = Basis.of(context, shape)
    columns = basis.columns(context, held_out=True)
    noise = max(float(readings.var()), 1e-12)
    start = np.zeros(columns.shape[1])
    start[0] = prior.value
    gram, pull = columns.T @ columns / noise, columns.T @ (readings - columns @ start) / noise
    tried = []
    for line in SPREAD_SHARES:
        for step in SPREAD_SHARES:
            sd = np.where(basis.is_step, step * spread / np.sqrt(STEPS_A_COLUMN), line * spread)
            sd[0] = prior.sd
            tried.append((_likelihood(gram, pull, sd), sd))
    top = max(likelihood for likelihood, _ in tried)
    weighted = [(float(np.exp(likelihood - top)), sd) for likelihood, sd in tried]
    weighted = [(weight, sd) for weight, sd in weighted if weight > _WEIGHT_MIN]
    total = sum(weight for weight, _ in weighted)
    each = [(weight / total, start + _moves(gram, pull, sd), sd) for weight, sd in weighted]
    slopes = np.sum([weight * one for weight, one, _ in each], axis=0)
    # The readings' noise differs from row to row with the probabilities, so it is taken as it is seen.
    errors = (readings - columns @ slopes) / noise
    seen = (columns * errors[:, None] ** 2).T @ columns
    covariance = np.zeros_like(gram)
    for weight, one, sd in each:
        covariance += weight * (_covariance(gram, seen, sd) + np.outer(one - slopes, one - slopes))
    mean = columns.mean(axis=0)
    average = (float(mean @ slopes), float(np.sqrt(mean @ covariance @ mean)))
    return Posterior(basis, slopes, covariance, average, len(readings))


def _moves(gram: Floats, pull: Floats, sd: Floats) -> Floats:
    """How far the readings move the slopes when the prior gives them these spreads."""
    free = sd > 0
    moved = np.zeros(len(sd))
    moved[free] = np.linalg.solve(gram[np.ix_(free, free)] + np.diag(1 / sd[free] ** 2), pull[free])
    return moved


def _covariance(gram: Floats, seen: Floats, sd: Floats) -> Floats:
    """What is left unsure of the slopes: the readings' own noise in the middle of the sandwich."""
    free = sd > 0
    certainty = np.diag(1 / sd[free] ** 2)
    inverse = np.linalg.inv(gram[np.ix_(free, free)] + certainty)
    left = np.zeros_like(gram)
    left[np.ix_(free, free)] = inverse @ (seen[np.ix_(free, free)] + certainty) @ inverse
    return left


def _likelihood(gram: Floats, pull: Floats, sd: Floats) -> float:
    """How likely the readings are, up to a constant, when the slopes have these spreads."""
    free = sd > 0
    precision = gram[np.ix_(free, free)] + np.diag(1 / sd[free] ** 2)
    _, size = np.linalg.slogdet(precision)
    fit = float(pull[free] @ np.linalg.solve(precision, pull[free]))
    return 0.5 * (fit - float(size)) - float(np.log(sd[free]).sum())
