"""What each treatment is worth for each customer over leaving them in peace, and how sure that is.

Learned from a log with probabilities, by a doubly robust learner (E. Kennedy, Towards optimal doubly robust estimation
of heterogeneous causal effects, arXiv 2004.14497): forecasts of the reward under each treatment, made on other folds,
are mended by the weighted errors of what was given, which leaves for each decision an unbiased, noisy reading of the
effect. On those readings stands a Bayesian linear model: its constant begins at the treatment's prior, its slopes at no
difference between customers, and data move both. So with few decisions the prior speaks, with many the log does; and
what is not known stays in the interval. To do nothing is worth exactly 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.problems import extra
from dunwell.strategy.evaluation.logs import Log
from dunwell.strategy.evaluation.outcome_models import ridge_outcomes
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.problems import CannotEvaluate

Floats = NDArray[np.float64]


class _Regressor(Protocol):
    def fit(self, inputs: Floats, target: Floats, **how: Any) -> object: ...
    def predict(self, inputs: Floats) -> Floats: ...


FOLDS = 5
SLOPE_SHARES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""How far customers may differ in an effect, as shares of the reward's spread: the one that makes the readings likeliest
is taken.
"""
TREES_ROWS_MIN = 2000
"""Fewer decisions, and trees tell more noise than shape."""
ARM_ROWS_MIN = 2


@dataclass(frozen=True, slots=True)
class Prior:
    """What a treatment is thought to bring over doing nothing before any data, and how sure that is: both in money."""

    value: float
    sd: float


@dataclass(frozen=True, slots=True)
class Values:
    """Expected net value over doing nothing and its spread: a row a customer, a column a treatment, the first of them
    nothing.
    """

    treatments: tuple[str, ...]
    mean: Floats
    sd: Floats

    def frame(self, customer_ids: pl.Series) -> pl.DataFrame:
        """customer_id, treatment, value, value_sd: a row a customer and treatment."""
        count = len(self.treatments)
        return pl.DataFrame(
            {
                "customer_id": customer_ids.gather(np.repeat(np.arange(len(customer_ids)), count)),
                "treatment": list(self.treatments) * len(customer_ids),
                "value": self.mean.ravel(),
                "value_sd": self.sd.ravel(),
            }
        )

    def best(self, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The column of most expected value among those allowed; nothing where no treatment is worth more."""
        worth = np.where(allowed, self.mean, -np.inf)
        worth[:, 0] = 0.0
        best: NDArray[np.int64] = worth.argmax(axis=1)
        return best


class ActionValues:
    """Fit on a log, then ask for any customers. ``posteriors_``: for each treatment what the log and its prior say
    together.
    """

    def __init__(
        self,
        priors: Mapping[str, Prior],
        costs: Mapping[str, float] | None = None,
        *,
        trees: bool = True,
        folds: int = FOLDS,
        seed: int = 0,
    ) -> None:
        """``priors``: one for each treatment but nothing, of what it recovers. ``costs``: what each takes, subtracted
        from its value. ``trees``: let LightGBM (extra ``insight``) look for shapes that lines cannot have.
        """
        for name, prior in priors.items():
            if not prior.sd > 0:
                raise CannotEvaluate(
                    f"the prior of {name!r} has a spread of {prior.sd}. Write how unsure it is, above 0"
                )
        self.priors, self.costs, self.trees, self.folds, self.seed = priors, costs or {}, trees, folds, seed

    def fit(self, log: Log) -> "ActionValues":
        """Learn every treatment's effect. The log's first treatment must be to do nothing, and its rewards what was
        recovered, gross.

        A treatment that was not given, or never could have been, keeps its prior. Raises CannotEvaluate for one without
        a prior.
        """
        if log.treatments[0] != NOTHING:
            raise CannotEvaluate(
                f"the first treatment of the log is {log.treatments[0]!r}. Put {NOTHING!r} first"
            )
        missing = [name for name in log.treatments[1:] if name not in self.priors]
        if missing:
            raise CannotEvaluate(
                f"treatment {missing[0]!r} has no prior. Write what it is thought to be worth"
            )
        self.treatments_ = log.treatments
        has_trees = self.trees and len(log) >= TREES_ROWS_MIN
        foretold = ridge_outcomes(log, folds=self.folds, seed=self.seed)
        if has_trees:
            foretold = (foretold + self._tree_outcomes(log)) / 2
        self.posteriors_: dict[str, _Posterior] = {}
        for column, name in enumerate(log.treatments[1:], start=1):
            both = log.allowed[:, 0] & log.allowed[:, column]
            given = [int((both & (log.given == one)).sum()) for one in (0, column)]
            if min(given) < ARM_ROWS_MIN:
                self.posteriors_[name] = _Posterior.of_prior(self.priors[name], log.context.shape[1])
                continue
            rows = log.rows(both)
            readings = effect_readings(rows, foretold[both], column)
            shape = (
                self._shape(rows.context, readings)
                if has_trees and min(given) >= TREES_ROWS_MIN // 4
                else None
            )
            spread = float(log.rewards.std())
            self.posteriors_[name] = _learned(rows.context, readings, self.priors[name], spread, shape)
        return self

    def predict(self, context: Floats) -> Values:
        """The values for customers whose context has the log's columns."""
        mean, sd = (
            np.zeros((len(context), len(self.treatments_))),
            np.zeros((len(context), len(self.treatments_))),
        )
        for column, name in enumerate(self.treatments_[1:], start=1):
            effect, spread = self.posteriors_[name].of(context)
            mean[:, column], sd[:, column] = effect - self.costs.get(name, 0.0), spread
        return Values(self.treatments_, mean, sd)

    def average(self) -> pl.DataFrame:
        """treatment, value, value_sd: the mean net value over the log's customers, for people to read."""
        told = [
            {
                "treatment": name,
                "value": posterior.average[0] - self.costs.get(name, 0.0),
                "value_sd": posterior.average[1],
                "decisions": posterior.count,
            }
            for name, posterior in self.posteriors_.items()
        ]
        return pl.DataFrame(told)

    def _tree_outcomes(self, log: Log) -> Floats:
        """Forecasts of the reward for every treatment, by trees that see the treatment beside the context, from other
        folds.
        """
        foretold = np.empty(log.allowed.shape)
        fold = np.random.default_rng(self.seed).permutation(len(log)) % self.folds
        seen = np.column_stack([log.given, log.context])
        for one in range(self.folds):
            model = _trees(self.seed)
            model.fit(seen[fold != one], log.rewards[fold != one], categorical_feature=[0])
            held = log.context[fold == one]
            for treatment in range(len(log.treatments)):
                asked = np.column_stack([np.full(len(held), treatment), held])
                foretold[fold == one, treatment] = model.predict(asked)
        return foretold

    def _shape(self, context: Floats, readings: Floats) -> "_Shape":
        """Trees of the readings, a set a fold, and what each row is told by those that did not see it."""
        fold = np.random.default_rng(self.seed + 1).permutation(len(readings)) % self.folds
        held_out, models = np.empty(len(readings)), []
        for one in range(self.folds):
            model = _trees(self.seed, leaf_rows=max(100, len(readings) // 50), rounds=60)
            model.fit(context[fold != one], readings[fold != one])
            held_out[fold == one] = model.predict(context[fold == one])
            models.append(model)
        return _Shape(tuple(models), held_out)


def effect_readings(log: Log, foretold: Floats, column: int) -> Floats:
    """A noisy, unbiased reading of the effect of a treatment over nothing for each decision (the doubly robust scores)."""
    rows = np.arange(len(log))
    errors = (log.rewards - foretold[rows, log.given]) / log.probability
    sign = (log.given == column).astype(np.float64) - (log.given == 0)
    readings: Floats = foretold[:, column] - foretold[:, 0] + sign * errors
    return readings


@dataclass(frozen=True, slots=True)
class _Shape:
    models: tuple[_Regressor, ...]
    held_out: Floats

    def of(self, context: Floats) -> Floats:
        told: Floats = np.mean([model.predict(context) for model in self.models], axis=0)
        return told


@dataclass(frozen=True, slots=True)
class _Posterior:
    """Slopes on a constant, the centred context and the trees' shape, with their covariance."""

    slopes: Floats
    covariance: Floats
    centre: Floats
    shape: _Shape | None
    average: tuple[float, float]
    count: int

    @classmethod
    def of_prior(cls, prior: Prior, width: int) -> "_Posterior":
        slopes, covariance = np.zeros(width + 1), np.zeros((width + 1, width + 1))
        slopes[0], covariance[0, 0] = prior.value, prior.sd**2
        return cls(slopes, covariance, np.zeros(width), None, (prior.value, prior.sd), 0)

    def of(self, context: Floats) -> tuple[Floats, Floats]:
        told = context if self.shape is None else np.column_stack([context, self.shape.of(context)])
        basis = np.column_stack([np.ones(len(context)), told - self.centre])
        variance = np.einsum("ij,jk,ik->i", basis, self.covariance, basis)
        return basis @ self.slopes, np.sqrt(variance)


def _learned(
    context: Floats, readings: Floats, prior: Prior, spread: float, shape: _Shape | None
) -> _Posterior:
    """The posterior of one treatment: the prior's constant and the likeliest freedom of the slopes, moved by the
    readings.
    """
    told = context if shape is None else np.column_stack([context, shape.held_out])
    centre = told.mean(axis=0)
    basis = np.column_stack([np.ones(len(told)), told - centre])
    scale = np.ones(basis.shape[1])
    if shape is not None:
        scale[-1] = 1 / max(float(shape.held_out.std()), 1e-12)
    basis = basis * scale
    noise = max(float(readings.var()), 1e-12)
    start = np.zeros(basis.shape[1])
    start[0] = prior.value
    off = readings - basis @ start
    gram, pull = basis.T @ basis / noise, basis.T @ off / noise
    best = max(
        (_likelihood(gram, pull, prior.sd, share * spread) for share in SLOPE_SHARES), key=lambda one: one[0]
    )
    certainty = best[1]
    free = np.isfinite(certainty)
    inverse = np.zeros_like(gram)
    inverse[np.ix_(free, free)] = np.linalg.inv(gram[np.ix_(free, free)] + np.diag(certainty[free]))
    slopes = start + inverse @ pull
    # The readings' noise differs from row to row with the probabilities, so the middle of the sandwich is taken as it is seen.
    errors = (readings - basis @ slopes) / noise
    seen = (basis * errors[:, None] ** 2).T @ basis
    middle = seen + np.diag(np.where(free, certainty, 0.0))
    covariance = inverse @ middle @ inverse
    average = (float(slopes[0]), float(np.sqrt(covariance[0, 0])))
    outer = np.outer(scale, scale)
    return _Posterior(slopes * scale, covariance * outer, centre, shape, average, len(readings))


def _likelihood(gram: Floats, pull: Floats, constant_sd: float, slope_sd: float) -> tuple[float, Floats]:
    """How likely the readings are (up to a constant) when slopes have this spread, and the prior's certainty of each
    slope.
    """
    certainty = np.full(len(pull), 1 / slope_sd**2 if slope_sd else np.inf)
    certainty[0] = 1 / constant_sd**2
    free = np.isfinite(certainty)
    precision = gram[np.ix_(free, free)] + np.diag(certainty[free])
    _, size = np.linalg.slogdet(precision)
    fit = float(pull[free] @ np.linalg.solve(precision, pull[free]))
    return 0.5 * (float(np.log(certainty[free]).sum()) - float(size) + fit), certainty


def _trees(seed: int, *, leaf_rows: int = 50, rounds: int = 120) -> _Regressor:
    """LightGBM for means, the same trees from the same seed."""
    model: _Regressor = extra("lightgbm").LGBMRegressor(
        n_estimators=rounds,
        learning_rate=0.05,
        num_leaves=8,
        min_child_samples=leaf_rows,
        subsample=0.8,
        subsample_freq=1,
        reg_lambda=5.0,
        random_state=seed,
        deterministic=True,
        n_jobs=1,
        verbose=-1,
    )
    return model
