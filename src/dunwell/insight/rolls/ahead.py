"""What a book will hold by state, how many will newly be late, and what accounts yet to be opened will add."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.rolls.forecast import rates_for, with_refining
from dunwell.insight.rolls.panel import States
from dunwell.insight.rolls.vintages import Drift, drift_of, vintage_trend

INFLOW = "inflow"
"""Among the states of ``forecast_states``: accounts that are not late now and will be."""

NEW = "new"
"""And: the late of accounts that are opened from now on, at the pace of the last ``window`` months."""

_Z_95 = 1.96


def forecast_states(
    panel: pl.DataFrame,
    states: States,
    *,
    horizons: Sequence[int] = (1, 3, 6, 12),
    refine: Sequence[str] = ("months_on_book",),
    window: int = 12,
    trend: bool = False,
) -> pl.DataFrame:
    """A row a horizon and state: months, state (of ``states``, INFLOW or NEW), expected, low, high (95 %). States are of the
    accounts in the book at the panel's last month; horizons and ``trend`` as ``forecast_late`` has them. NEW is
    left out where no account was opened in the window.
    """
    known = with_refining(panel, states, refine)
    last = int(known["month"].to_numpy().max())
    now = known.filter(pl.col("month") == last)
    told = []
    for months in horizons:
        rates = rates_for(known, states, months=months, refine=refine, window=window)
        if rates is None:
            continue
        drift = drift_of(known, states, rates) if trend else Drift()
        rows = {name: rates.stock(now, frozenset({name}), drift=drift) for name in states.names}
        rows[INFLOW] = rates.stock(now.filter(~states.is_late), drift=drift)
        new = late_of_new(known, states, months, window)
        if new is not None:
            rows[NEW] = new
        told += [
            {"months": months, "state": name, "expected": expected, "low": low, "high": high}
            for name, (expected, low, high) in rows.items()
        ]
    if not told:
        raise TrainingUnusable(
            "the panel is too short for a forecast of any of these months. Give a longer one"
        )
    return pl.DataFrame(told)


def late_of_new(
    known: pl.DataFrame, states: States, months: int, window: int = 12
) -> tuple[float, float, float] | None:
    """How many accounts opened within the coming months will be late at their end, with its 95 % interval: as many a month as in
    the window, each late as accounts of its age were. None where none was opened. ``known``: with months_on_book.
    """
    last, first = (
        int(edge) for edge in known.select(last=pl.col("month").max(), first=pl.col("month").min()).row(0)
    )
    reach = min(window, last - first)  # in the panel's first month old accounts may pass for new
    recent = known.filter(pl.col("month") > last - reach)
    opened = (
        pl.DataFrame({"month": range(last - reach + 1, last + 1)}, schema={"month": known.schema["month"]})
        .join(recent.filter(pl.col("months_on_book") == 0).group_by("month").len(), on="month", how="left")[
            "len"
        ]
        .fill_null(0)
        .cast(pl.Float64)
        .to_numpy()
    )
    if reach < 1 or not opened.sum():
        return None
    trend = vintage_trend(known, states, months=months, window=window)
    if trend is None or len(trend.shares) < months:
        return None
    # How much later than those learned from the accounts of each age are opened.
    ahead = last + months - np.arange(months) - trend.middle
    seen, share = trend.seen, trend.shares * np.exp(trend.slope * ahead)
    pace, spread = float(opened.mean()), float(opened.var(ddof=1)) if reach > 1 else float(opened.mean())
    expected = pace * float(share.sum())
    of_chance = float((pace * share * (1 - share)).sum()) + spread * float((share**2).sum())
    of_rates = float((pace**2 * share * (1 - share) / (seen + 1)).sum())
    of_pace = spread / reach * float(share.sum()) ** 2
    of_trend = (pace * trend.spread * float((share * ahead).sum())) ** 2
    half = _Z_95 * float(np.sqrt(trend.excess * (of_chance + of_rates) + of_pace + of_trend))
    return expected, max(0.0, expected - half), expected + half
