"""A log that can be learned from: what was given to whom, with which probability, out of what was allowed, and what came
of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.strategy.experiments.randomising import propensities
from dunwell.strategy.inputs import Columns
from dunwell.strategy.problems import CannotEvaluate

Floats = NDArray[np.float64]

_SUM_OFF_MAX = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """Decisions and their rewards, a row a decision; a column a treatment in ``allowed``.

    ``given``: the treatment's place in ``treatments``. ``probability``: with which it was chosen. ``rewards``: what came
    of it (money, or 0 and 1). ``context``: what was known before, as numbers. ``allowed``: which treatments the law and
    the contact points left; what they forbade is forbidden to every strategy, so it is no gap in the log. ``chances``:
    the probability of every treatment, where it was kept.
    """

    treatments: tuple[str, ...]
    given: NDArray[np.int64]
    probability: Floats
    rewards: Floats
    context: Floats
    allowed: NDArray[np.bool_]
    chances: Floats | None = None

    def __post_init__(self) -> None:
        rows = np.arange(len(self.given))
        shapes = {self.probability.shape, self.rewards.shape, (len(self.context),), (len(self.allowed),)}
        if shapes != {self.given.shape} or self.allowed.shape[1] != len(self.treatments):
            raise CannotEvaluate("the parts of the log differ in length. Give a row a decision in each")
        for is_wrong, sentence in (
            (
                ~((self.probability > 0) & (self.probability <= 1)),
                "has a probability that is not above 0 and up to 1",
            ),
            (~np.isfinite(self.rewards), "has no reward. Leave out decisions whose outcome is not known yet"),
            (~self.allowed[rows, self.given], "was given what its own record says was ruled out"),
        ):
            if is_wrong.any():
                raise CannotEvaluate(f"row {int(np.flatnonzero(is_wrong)[0]) + 1} of the log {sentence}")

    def __len__(self) -> int:
        return len(self.given)

    def rows(self, chosen: NDArray[np.bool_]) -> "Log":
        """The log of some of its rows."""
        return Log(
            treatments=self.treatments,
            given=self.given[chosen],
            probability=self.probability[chosen],
            rewards=self.rewards[chosen],
            context=self.context[chosen],
            allowed=self.allowed[chosen],
            chances=None if self.chances is None else self.chances[chosen],
        )

    def with_rewards(self, rewards: Floats) -> "Log":
        """The same decisions with other rewards."""
        return Log(
            treatments=self.treatments,
            given=self.given,
            probability=self.probability,
            rewards=rewards,
            context=self.context,
            allowed=self.allowed,
            chances=self.chances,
        )

    def weights(self, target: Floats) -> Floats:
        """How much more often the target would have given what was given. Raises CannotEvaluate for a target that is no
        strategy.
        """
        if target.shape != self.allowed.shape:
            raise CannotEvaluate(
                f"the strategy has {target.shape} chances for {self.allowed.shape} decisions and treatments"
            )
        if (target < 0).any() or (np.abs(target.sum(axis=1) - 1) > _SUM_OFF_MAX).any():
            raise CannotEvaluate("the strategy's chances are not from 0 to 1 with a sum of 1 in every row")
        if (target[~self.allowed] > 0).any():
            row = int(np.flatnonzero(((target > 0) & ~self.allowed).any(axis=1))[0])
            raise CannotEvaluate(
                f"row {row + 1}: the strategy would do what the law forbade. Take its chances through `lawful` first"
            )
        weights: Floats = target[np.arange(len(self)), self.given] / self.probability
        return weights


def lawful(target: Floats, allowed: NDArray[np.bool_]) -> Floats:
    """A strategy's chances as the law would have let it act: what was forbidden at 0, the rest renormalised.

    The chances are a row a decision, or one for all. Where nothing that the strategy wants is left, all of its chance
    goes to the first treatment that is allowed: by custom the first is to do nothing.
    """
    chances = propensities(np.broadcast_to(target, allowed.shape), allowed)
    is_empty = chances.sum(axis=1) == 0
    chances[is_empty, allowed[is_empty].argmax(axis=1)] = 1.0
    return chances


def read_log(decisions: pl.DataFrame, treatments: Sequence[str], inputs: Sequence[str]) -> Log:
    """A log from decisions as a run keeps them: treatment, probability, ``blocked`` (formats.md section 4, or a list of
    names), a column ``reward``, and the columns named in ``inputs``. Raises CannotEvaluate, StrategyError.
    """
    for name in ("treatment", "probability", "reward"):
        if name not in decisions.columns:
            raise CannotEvaluate(f"the decisions have no column {name!r}")
    strangers = sorted(set(decisions["treatment"].drop_nulls()) - set(treatments))
    if strangers or decisions["treatment"].null_count():
        raise CannotEvaluate(
            f"treatment {strangers[0] if strangers else 'null'!r} is none of: {', '.join(treatments)}"
        )
    place = {name: number for number, name in enumerate(treatments)}
    return Log(
        treatments=tuple(treatments),
        given=decisions["treatment"].replace_strict(place, return_dtype=pl.Int64).to_numpy(),
        probability=decisions["probability"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        rewards=decisions["reward"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        context=Columns.of(decisions, inputs).matrix(decisions),
        allowed=_allowed(decisions, treatments),
    )


def _allowed(decisions: pl.DataFrame, treatments: Sequence[str]) -> NDArray[np.bool_]:
    if "blocked" not in decisions.columns:
        return np.ones((decisions.height, len(treatments)), dtype=bool)
    blocked = pl.col("blocked")
    if isinstance(decisions.schema["blocked"], pl.List) and decisions.schema["blocked"].inner != pl.String:
        blocked = blocked.list.eval(pl.element().struct.field("treatment"))
    names = blocked.cast(pl.List(pl.String)).fill_null([])
    allowed: NDArray[np.bool_] = decisions.select(
        ~names.list.contains(pl.lit(name)).alias(name) for name in treatments
    ).to_numpy()
    return allowed
