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

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.problems import extra
from dunwell.strategy.effects import Posterior, Prior, Regressor, Shape, learned_effect
from dunwell.strategy.evaluation.logs import Log
from dunwell.strategy.evaluation.outcome_models import ridge_outcomes
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.problems import CannotEvaluate
from dunwell.strategy.text import Strategy

Floats = NDArray[np.float64]


FOLDS = 5
TREES_ROWS_MIN = 2000
"""Fewer decisions, and trees tell more noise than shape."""
ARM_ROWS_MIN = 2


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
        self.posteriors_: dict[str, Posterior] = {}
        for column, name in enumerate(log.treatments[1:], start=1):
            both = log.allowed[:, 0] & log.allowed[:, column]
            given = [int((both & (log.given == one)).sum()) for one in (0, column)]
            if min(given) < ARM_ROWS_MIN:
                self.posteriors_[name] = Posterior.of_prior(self.priors[name], log.context)
                continue
            rows = log.rows(both)
            readings = effect_readings(rows, foretold[both], column)
            shape = (
                self._shape(rows.context, readings)
                if has_trees and min(given) >= TREES_ROWS_MIN // 4
                else None
            )
            spread = float(log.rewards.std())
            self.posteriors_[name] = learned_effect(rows.context, readings, self.priors[name], spread, shape)
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

    def _shape(self, context: Floats, readings: Floats) -> Shape:
        """Trees of the readings, a set a fold, and what each row is told by those that did not see it."""
        fold = np.random.default_rng(self.seed + 1).permutation(len(readings)) % self.folds
        held_out, models = np.empty(len(readings)), []
        for one in range(self.folds):
            model = _trees(self.seed, leaf_rows=max(100, len(readings) // 50), rounds=60)
            model.fit(context[fold != one], readings[fold != one])
            held_out[fold == one] = model.predict(context[fold == one])
            models.append(model)
        return Shape(tuple(models), held_out)


def priors_of(strategy: Strategy, owed: float) -> dict[str, Prior]:
    """Each treatment's prior as the strategy's text has it, in money, for customers with so much past due."""
    return {
        one.name: Prior(float(one.prior_value) * scale, float(one.prior_sd) * scale)
        for one in strategy.treatments
        for scale in (owed if one.prior_of_owed else 1.0,)
    }


def costs_of(strategy: Strategy) -> dict[str, float]:
    """What each treatment costs by the strategy's text; what it takes of a capacity is priced by the assignment."""
    return {one.name: float(one.cost) for one in strategy.treatments}


def effect_readings(log: Log, foretold: Floats, column: int) -> Floats:
    """A noisy, unbiased reading of the effect of a treatment over nothing for each decision (the doubly robust scores)."""
    rows = np.arange(len(log))
    errors = (log.rewards - foretold[rows, log.given]) / log.probability
    sign = (log.given == column).astype(np.float64) - (log.given == 0)
    readings: Floats = foretold[:, column] - foretold[:, 0] + sign * errors
    return readings


def _trees(seed: int, *, leaf_rows: int = 50, rounds: int = 120) -> Regressor:
    """LightGBM for means, the same trees from the same seed."""
    model: Regressor = extra("lightgbm").LGBMRegressor(
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
