"""Whether each month's new accounts are later than the month's before at the same age, and what that does to a forecast.

Rates counted over a year are those of accounts opened half a year and the horizon earlier. Where vintages get riskier month by
month, a forecast from such rates runs after them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.rolls.panel import States

if TYPE_CHECKING:
    from dunwell.insight.rolls.rates import RollRates

Floats = NDArray[np.float64]

AGES = 12
"""Vintages are told apart by their first so many months."""

_VINTAGES_MIN = 12
_STEPS = 20
_DAMPING = 0.95


@dataclass(frozen=True, slots=True)
class VintageTrend:
    """``slope``: by how much (in logs) a month's new accounts are later than the month's before at the same age, drawn to
    nothing by how unsure it is; ``spread``: its standard error; ``middle``: the month of opening about which it turns;
    ``excess``: how much more the vintages vary than chance. ``shares``: the late by age, of ``seen`` accounts each.
    """

    slope: float
    spread: float
    middle: float
    excess: float
    shares: Floats
    seen: Floats


@dataclass(frozen=True, slots=True)
class Drift:
    """What the log odds of lateness of accounts that are not late are moved by, and the standard error of it."""

    log_odds: float = 0.0
    spread: float = 0.0


def drift_of(known: pl.DataFrame, states: States, rates: "RollRates") -> Drift:
    """How much likelier to be late the accounts at a panel's last month are than those of their kind that the rates were counted
    from, by the trend of the vintages. The further from what was seen, the less of it is believed (damped by _DAMPING a month).
    """
    trend = vintage_trend(known, states)
    if trend is None:
        return Drift()
    apart = int(known["month"].to_numpy().max()) - rates.mean_month
    believed = (1 - _DAMPING**apart) / (1 - _DAMPING)
    return Drift(trend.slope * believed, trend.spread * believed)


def vintage_trend(
    known: pl.DataFrame, states: States, *, months: int = AGES, window: int = 12
) -> VintageTrend | None:
    """The trend over the vintages' first ``months`` months, looked at in the last two windows; ``known``: with months_on_book.
    None where no account is so young, or an age was not seen.
    """
    last = int(known["month"].to_numpy().max())
    young = known.filter(pl.col("months_on_book") < months, pl.col("month") > last - 2 * window).with_columns(
        _opened=pl.col("month") - pl.col("months_on_book"), _late=states.is_late.cast(pl.Float64)
    )
    ages = (
        young.group_by("months_on_book").agg(late=pl.col("_late").sum(), seen=pl.len()).sort("months_on_book")
    )
    if ages.is_empty() or ages["months_on_book"].to_list() != list(range(ages.height)):
        return None
    seen = ages["seen"].cast(pl.Float64).to_numpy()
    shares = (ages["late"].to_numpy() + 0.5) / (seen + 1)
    cells = young.group_by("_opened", "months_on_book").agg(late=pl.col("_late").sum(), seen=pl.len())
    cells = cells.sort("_opened", "months_on_book")
    # Added up row after row: sums that threads share differ in their last bit from run to run.
    opened, vintage = np.unique(cells["_opened"].cast(pl.Float64).to_numpy(), return_inverse=True)
    came = np.bincount(vintage, weights=cells["late"].to_numpy()).astype(np.float64)
    foretold = np.bincount(
        vintage, weights=cells["seen"].to_numpy() * shares[cells["months_on_book"].to_numpy()]
    ).astype(np.float64)
    middle = float(np.average(opened, weights=foretold))
    slope, spread, excess = _slope(opened - middle, came, foretold)
    return VintageTrend(slope, spread, middle, excess, shares, seen)


def _slope(x: Floats, came: Floats, foretold: Floats) -> tuple[float, float, float]:
    """A Poisson regression with one slope, its level kept: the slope drawn to nothing, its standard error, and the excess."""
    if len(x) < _VINTAGES_MIN or not came.sum():
        return 0.0, 0.0, 1.0
    slope, mean = 0.0, foretold
    for _ in range(_STEPS):
        mean = foretold * np.exp(slope * x)
        mean = mean * came.sum() / mean.sum()
        slope += float((x * (came - mean)).sum() / max(1e-9, float((x**2 * mean).sum())))
    excess = max(1.0, float(((came - mean) ** 2 / np.maximum(mean, 0.5)).sum()) / (len(x) - 2))
    variance = excess / max(1e-9, float((x**2 * mean).sum()))
    kept = max(0.0, 1 - variance / slope**2) if slope else 0.0
    return slope * kept, float(np.sqrt(variance)), excess
