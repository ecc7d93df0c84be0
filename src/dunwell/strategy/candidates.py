"""A strategy's text and the learned values as the frames that the assignment takes: who may get what, what it is worth,
what it takes.

Minutes become whole seconds; pieces of a channel stay pieces.
"""

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.strategy.text import Capacity, Strategy
from dunwell.strategy.value import Values

_SECONDS_A_MINUTE = 60


def candidates(values: Values, customer_ids: pl.Series, allowed: NDArray[np.bool_]) -> pl.DataFrame:
    """customer_id and a column of each treatment's expected value, null where it is not ``allowed`` (a column each,
    nothing first).
    """
    worth = np.where(allowed, values.mean, np.nan)
    columns = [pl.Series(name, worth[:, place]) for place, name in enumerate(values.treatments) if place]
    return pl.DataFrame([customer_ids.alias("customer_id"), *columns]).with_columns(
        pl.col(one.name).fill_nan(None) for one in columns
    )


def uses_frame(strategy: Strategy) -> pl.DataFrame:
    """treatment, capacity, amount, column: what each treatment takes, in whole units, the last always null."""
    rows = [
        {
            "treatment": treatment.name,
            "capacity": capacity.name,
            "amount": math.ceil(taken * _scale(capacity)),
        }
        for treatment in strategy.treatments
        for capacity in strategy.capacities
        if (taken := capacity.use(treatment))
    ]
    schema = {"treatment": pl.String, "capacity": pl.String, "amount": pl.Int64}
    return pl.DataFrame(rows, schema=schema).with_columns(column=pl.lit(None, pl.String))


def capacities_frame(strategy: Strategy) -> pl.DataFrame:
    """capacity, unit, available, at_least: what there is in a day, in whole units, the last always null."""
    rows = [
        {
            "capacity": capacity.name,
            "unit": "seconds" if capacity.kind == "agent_minutes" else "pieces",
            "available": math.floor(capacity.per_day * _scale(capacity)),
        }
        for capacity in strategy.capacities
    ]
    schema = {"capacity": pl.String, "unit": pl.String, "available": pl.Int64}
    return pl.DataFrame(rows, schema=schema).with_columns(at_least=pl.lit(None, pl.Int64))


def _scale(capacity: Capacity) -> int:
    return _SECONDS_A_MINUTE if capacity.kind == "agent_minutes" else 1
