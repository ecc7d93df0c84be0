"""From debts and what came of them to person-periods: a row an account, day it is looked at from (origin) and
stretch of days after it, while the account can still do something.

What is known ahead moves with the row: how long ago the origin was, and how many part payments came since.
All else stays as it was known at the origin, so a model of these rows needs no guess of anybody's future.
van Houwelingen, Dynamic prediction by landmarking in event history analysis (Scand. J. Statistics 34, 2007).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from dunwell.insight.problems import TrainingUnusable

CLOCK = ("period", "payments_before")
"""The inputs that move after the origin: the stretch's number, and part payments before it (at most two told)."""

PAYMENTS_TOLD_MAX = 2
NOTHING = "nothing"
"""The event of a stretch in which nothing came."""

_KEY = ["account_id", "origin"]


@dataclass(frozen=True, slots=True)
class Cause:
    """What can come of an overdue debt. ``pays``: money comes with it; ``ends``: nothing is foretold after it."""

    name: str
    pays: bool
    ends: bool


CURE = Cause("cure", pays=True, ends=True)
PARTIAL = Cause("partial", pays=True, ends=False)
SETTLE = Cause("settle", pays=True, ends=True)
CHARGE_OFF = Cause("charge_off", pays=False, ends=True)
SALE = Cause("sale", pays=False, ends=True)


@dataclass(frozen=True, slots=True)
class Periods:
    """Stretches of days after the origin: stretch k has the days ``edges[k] + 1`` to ``edges[k + 1]``."""

    edges: tuple[int, ...] = (0, 3, 7, 14, 21, 30, 45, 60, 90)

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or self.edges[0] != 0 or list(self.edges) != sorted(set(self.edges)):
            raise TrainingUnusable(
                f"periods {self.edges} must begin with 0 and count up, like 0, 7, 30, 90: days after the origin"
            )

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def last_day(self) -> int:
        """How many days ahead the last stretch reaches."""
        return self.edges[-1]


def person_periods(
    episodes: pl.DataFrame,
    events: pl.DataFrame,
    periods: Periods,
    causes: Sequence[Cause] = (CURE, PARTIAL),
) -> pl.DataFrame:
    """A row an episode and stretch that it lived to see whole.

    ``episodes``: account_id, origin, followed_days, overdue_minor, and the inputs as known at the origin.
    ``events``: account_id, origin, day (1 is the day after the origin), cause, amount_minor. What comes after
    an ending cause is left out; of several events in a stretch the ending one counts, and all their money.
    Returns the episode's columns but followed_days, with ``period``, ``payments_before``, ``event`` (a
    cause's name or ``nothing``) and ``amount_minor``. Raises TrainingUnusable for causes that are not named.
    """
    by_name = {cause.name: cause for cause in causes}
    told = _by_period(events, periods, by_name)
    stretches = pl.DataFrame(
        {"period": np.arange(len(periods)), "_until": np.array(periods.edges[1:])},
        schema={"period": pl.Int32, "_until": pl.Int32},
    )
    ended = told.filter("_ends").group_by(_KEY).agg(_ended=pl.col("period").min())
    return (
        episodes.join(stretches, how="cross")
        .filter(pl.col("_until") <= pl.col("followed_days"))
        .join(ended, on=_KEY, how="left", maintain_order="left")
        .filter(pl.col("_ended").is_null() | (pl.col("period") <= pl.col("_ended")))
        .join(told.drop("_ends"), on=[*_KEY, "period"], how="left", maintain_order="left")
        .sort(*_KEY, "period")
        .with_columns(pl.col("event").fill_null(NOTHING), pl.col("amount_minor").fill_null(0))
        .with_columns(payments_before=_payments_before(by_name))
        .drop("followed_days", "_until", "_ended")
    )


def _by_period(events: pl.DataFrame, periods: Periods, causes: Mapping[str, Cause]) -> pl.DataFrame:
    """account_id, origin, period, event, amount_minor and whether the event ends the episode."""
    unknown = sorted(set(events["cause"].cast(pl.String).drop_nulls()) - set(causes))
    if unknown:
        raise TrainingUnusable(
            f"events have the cause {unknown[0]!r}, which is none of {', '.join(causes)}. Name it among the causes"
        )
    ending = [name for name, cause in causes.items() if cause.ends]
    place = np.searchsorted(np.array(periods.edges[1:]), events["day"].to_numpy(), side="left")
    within = (
        events.with_columns(
            pl.col("cause").cast(pl.String),
            period=pl.Series(place.astype(np.int32)),
            _ends=pl.col("cause").cast(pl.String).is_in(ending),
        )
        .filter(pl.col("day") >= 1, pl.col("day") <= periods.last_day)
        .with_columns(_ended_on=pl.when("_ends").then("day").min().over(_KEY))
        .filter(pl.col("_ended_on").is_null() | (pl.col("day") <= pl.col("_ended_on")))
    )
    return (
        within.sort(
            *_KEY, "period", pl.col("_ends").cast(pl.Int8), "day", descending=[False] * 3 + [True, False]
        )
        .group_by([*_KEY, "period"], maintain_order=True)
        .agg(
            event=pl.col("cause").first(),
            amount_minor=pl.col("amount_minor").sum(),
            _ends=pl.col("_ends").any(),
        )
    )


def _payments_before(causes: Mapping[str, Cause]) -> pl.Expr:
    going_on = [name for name, cause in causes.items() if cause.pays and not cause.ends]
    paid = pl.col("event").is_in(going_on).cast(pl.Int32)
    return (paid.cum_sum() - paid).clip(0, PAYMENTS_TOLD_MAX).over(_KEY)
