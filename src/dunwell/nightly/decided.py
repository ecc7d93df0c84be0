"""What a strategy's day came to, counted: treatments by segment, lots, capacities and their prices."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from dunwell.nightly.market import Settled
from dunwell.strategy.deciding import HOLD_OUT_ARM
from dunwell.strategy.experiments.stopping import Stopped
from dunwell.strategy.turning import Turned


@dataclass(frozen=True, slots=True)
class DecidedFigures:
    """``treatments``: segment, treatment, customers. ``arms``: arm (hold-out, or experiment and arm), customers.
    ``capacities``: as the book has them (``capacities``). ``gap``: how far from the best the day is at most, as a share.
    ``basis``: ``text-order`` (nothing is known of values), ``priors`` or ``learned``; ``problem``: why learned values on the
    shelf were not used. ``stopped``: the arms of running experiments that are drawn no more. ``turned``: the treatments
    that bring something else than before, as the learned values have noticed.
    """

    treatments: pl.DataFrame
    arms: pl.DataFrame
    explored_count: int
    capacities: pl.DataFrame
    currency: str
    gap: float
    basis: str
    problem: str = ""
    stopped: tuple[Stopped, ...] = ()
    turned: tuple[Turned, ...] = ()

    @property
    def held_out_count(self) -> int:
        """Customers of the hold-out."""
        return int(self.arms.filter(pl.col("arm") == HOLD_OUT_ARM)["customers"].sum())

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        capacities = self.capacities.with_columns(pl.col("per_day", "used", "price").cast(pl.String))
        return {
            "treatments": self.treatments.to_dicts(),
            "arms": self.arms.to_dicts(),
            "held_out": self.held_out_count,
            "explored": self.explored_count,
            "capacities": capacities.to_dicts(),
            "currency": self.currency,
            "gap": self.gap,
            "basis": self.basis,
            "problem": self.problem,
            "stopped": [one.as_dict() for one in self.stopped],
            "turned": [one.as_dict() for one in self.turned],
        }


def treatment_counts(decided: pl.DataFrame) -> pl.DataFrame:
    """segment, treatment, customers of a partition's decisions."""
    return decided.group_by("segment", "treatment").agg(_COUNT)


def decided_figures(
    counted: Sequence[pl.DataFrame],
    settled: Settled,
    capacities: pl.DataFrame,
    currency: str,
    basis: str,
    problem: str,
    stopped: tuple[Stopped, ...] = (),
    turned: tuple[Turned, ...] = (),
) -> DecidedFigures:
    """The counts of all partitions together, with the day's."""
    total = pl.concat(counted).group_by("segment", "treatment").agg(pl.col("customers").sum())
    arms = settled.decided.filter(pl.col("arm").is_not_null()).group_by("arm").agg(_COUNT).sort("arm")
    return DecidedFigures(
        total.sort("segment", "customers", "treatment", descending=[False, True, False]),
        arms,
        settled.explored_count,
        capacities,
        currency,
        settled.gap,
        basis,
        problem,
        stopped,
        turned,
    )


_COUNT = pl.len().cast(pl.Int64).alias("customers")
