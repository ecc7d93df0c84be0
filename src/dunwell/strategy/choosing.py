"""The best choice of a day while a strategy's text alone speaks: what its priors or its order say, under its capacities.

Where some prior names a value, each open treatment is worth its prior less its cost, and whoever would lose by all of them is
left in peace. Where none does, nothing is known of values and the text's order speaks: the first open treatment, and where a
capacity does not suffice the next. Among customers for whom a treatment is worth the same, those who owe more come first.
"""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.strategy.assignment import assign
from dunwell.strategy.candidates import candidates, capacities_frame, uses_frame
from dunwell.strategy.text import Strategy
from dunwell.strategy.value import Values, costs_of, priors_of

_OWED_WEIGHT = 1e-3
"""What owing the most adds to a treatment's worth, as a share of it: enough to break a tie."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The column of ``strategy.treatment_names`` chosen for each customer; ``prices``: capacity, price (no rows without any)."""

    columns: NDArray[np.int64]
    prices: pl.DataFrame


def has_priors(strategy: Strategy) -> bool:
    """Whether the text says of any treatment what it is thought to be worth."""
    return any(one.prior_value for one in strategy.treatments)


def values_of_text(strategy: Strategy, owed: NDArray[np.float64]) -> Values:
    """What each treatment is worth by the text alone, a row a customer. ``owed``: what each has past due, in any one unit."""
    count, names = len(owed), strategy.treatment_names
    if has_priors(strategy):
        priors, costs = priors_of(strategy), costs_of(strategy)
        worth = np.array([0.0, *(priors[name].value - costs[name] for name in names[1:])])
        spread = np.array([0.0, *(priors[name].sd for name in names[1:])])
    else:
        worth = np.array([0.0, *range(len(names) - 1, 0, -1)], dtype=np.float64)
        spread = np.zeros(len(names))
    ranks = np.argsort(np.argsort(owed, kind="stable"), kind="stable") / max(count, 1)
    mean = worth * (1 + _OWED_WEIGHT * ranks[:, None] * np.sign(worth))
    return Values(names, mean, np.broadcast_to(spread, mean.shape))


def choose(
    strategy: Strategy,
    customer_ids: pl.Series,
    allowed: NDArray[np.bool_],
    values: Values,
    *,
    capacity_share: float = 1.0,
    earlier: pl.DataFrame | None = None,
) -> Choices:
    """The assignment's choice for each customer, among what text and law leave (``allowed``: a column a treatment, nothing
    first).

    ``capacity_share``: the part of each capacity that there is, where these customers are a part of all. ``earlier``: an
    earlier day's prices, to start from.
    """
    uses, capacities = uses_frame(strategy), capacities_frame(strategy)
    if not len(customer_ids) or not uses.height:
        return Choices(values.best(allowed), capacities.select("capacity", price=pl.lit(0.0)))
    there_is = capacities.with_columns(
        pl.col("available").map_elements(
            lambda units: math.floor(units * capacity_share), return_dtype=pl.Int64
        )
    )
    best = values.best(allowed)
    if _fits(strategy, best, uses, there_is):
        return Choices(best, there_is.select("capacity", price=pl.lit(0.0)))
    today = assign(candidates(values, customer_ids, allowed), uses, there_is, earlier)
    places = {name: column for column, name in enumerate(strategy.treatment_names)}
    columns = (
        today.assigned["treatment"].cast(pl.String).replace_strict(places, default=0, return_dtype=pl.Int64)
    )
    return Choices(columns.to_numpy(), today.capacities.select("capacity", "price"))


def _fits(
    strategy: Strategy, columns: NDArray[np.int64], uses: pl.DataFrame, capacities: pl.DataFrame
) -> bool:
    """Whether there is enough of everything for these choices."""
    given = pl.DataFrame({"treatment": pl.Series(strategy.treatment_names).gather(columns)})
    taken = given.group_by("treatment").len().join(uses, on="treatment")
    used = taken.group_by("capacity").agg((pl.col("amount") * pl.col("len")).sum().alias("used"))
    return not capacities.join(used, on="capacity").filter(pl.col("used") > pl.col("available")).height
