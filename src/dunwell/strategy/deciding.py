"""From the best choice to what is done: the hold-out, the running experiments, exploring; and the probability that is
logged.

The law has spoken before: ``allowed`` holds what it left. Nothing here gives what is not allowed.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.strategy.experiments import Experiment, explore, in_hold_out, propensities, randomise
from dunwell.strategy.problems import StrategyError
from dunwell.strategy.text import Strategy

DECIDED: Mapping[str, type[pl.DataType]] = {
    "customer_id": pl.String,
    "treatment": pl.String,
    "arm": pl.String,
    "probability": pl.Float64,
}
"""The columns of ``decide``, named as a decision has them. ``arm``: hold-out, or experiment and arm; null for neither."""

HOLD_OUT_ARM = "hold-out"


def decide(
    strategy: Strategy,
    customer_ids: pl.Series,
    allowed: NDArray[np.bool_],
    best: NDArray[np.int64],
    day: date,
) -> pl.DataFrame:
    """What is done for each customer on a day, and the chance with which it was chosen, in the customers' order.

    ``allowed``: a column for each of ``strategy.treatment_names``, what text and law leave; to do nothing always is.
    ``best``: the column that the assignment chose. A customer is in the first running experiment of which two arms and
    the control are open to them. The probability counts every lot: the hold-out's, the experiment's, exploring's.
    """
    names, hold_out = strategy.treatment_names, strategy.hold_out
    if not allowed[:, 0].all():
        row = int(np.flatnonzero(~allowed[:, 0])[0])
        raise StrategyError(f"row {row + 1}: to do nothing is ruled out. It is open to everybody")
    rows = np.arange(len(best))
    given, _ = explore(customer_ids, best, allowed, strategy.explore_rate, f"explore\0{day}")
    chances = strategy.explore_rate * allowed / allowed.sum(axis=1, keepdims=True)
    chances[rows, best] += 1 - strategy.explore_rate
    arms = pl.Series([None] * len(best), dtype=pl.String)
    for experiment in strategy.experiments:
        if not _is_running(experiment, day):
            continue
        columns = np.array([names.index(name) for name in experiment.treatments])
        drawn = randomise(experiment, _blocked(experiment, columns, customer_ids, allowed))
        enters = (drawn["arm"].is_not_null() & arms.is_null()).to_numpy()
        place = drawn["arm"].replace_strict(
            dict(zip(experiment.treatments, columns.tolist(), strict=True)), return_dtype=pl.Int64
        )
        given = np.where(enters, place.fill_null(0).to_numpy(), given)
        shares = np.zeros((len(best), len(names)))
        shares[:, columns] = propensities(
            np.array([arm.share for arm in experiment.arms]), allowed[:, columns]
        )
        chances[enters] = shares[enters]
        arms = arms.zip_with(~pl.Series(enters), experiment.name + ": " + drawn["arm"])
    held = names.index(hold_out.treatment)
    theirs = np.where(allowed[:, held], held, 0)
    is_held = in_hold_out(customer_ids, hold_out)
    chances *= 1 - hold_out.share
    chances[rows, theirs] += hold_out.share
    done = np.where(is_held.to_numpy(), theirs, given)
    decided = pl.DataFrame(
        {
            "customer_id": customer_ids,
            "treatment": pl.Series(names, dtype=pl.String).gather(done),
            "arm": arms.zip_with(~is_held, pl.Series([HOLD_OUT_ARM], dtype=pl.String)),
            "probability": chances[rows, done],
        }
    )
    return decided.select(pl.col(name).cast(kind) for name, kind in DECIDED.items())


def _is_running(experiment: Experiment, day: date) -> bool:
    return experiment.starts_on <= day < experiment.starts_on + timedelta(days=experiment.enrol_days)


def _blocked(
    experiment: Experiment, columns: NDArray[np.int64], customer_ids: pl.Series, allowed: NDArray[np.bool_]
) -> pl.DataFrame:
    """The customers with the experiment's arms that are not open to them."""
    own = pl.DataFrame(allowed[:, columns], schema=list(experiment.treatments))
    shut = [pl.when(~pl.col(name)).then(pl.lit(name)) for name in experiment.treatments]
    return own.select(customer_ids.alias("customer_id"), blocked=pl.concat_list(shut).list.drop_nulls())
