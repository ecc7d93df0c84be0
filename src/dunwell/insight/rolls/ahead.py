"""What a book will hold by state, how many will newly be late, and what accounts yet to be opened will add."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.rolls.forecast import rates_for, with_refining
from dunwell.insight.rolls.panel import States

INFLOW = "inflow"
"""Among the states of ``forecast_states``: accounts that are not late now and will be."""

NEW = "new"
"""And: the late of accounts that are opened from now on, at the pace of the last ``window`` months."""

_Z_95 = 1.96
_VINTAGES_MIN = 12
_STEPS = 20


def forecast_states(
    panel: pl.DataFrame,
    states: States,
    *,
    horizons: Sequence[int] = (1, 3, 6, 12),
    refine: Sequence[str] = ("months_on_book",),
    window: int = 12,
) -> pl.DataFrame:
    """A row a horizon and state: months, state (of ``states``, INFLOW or NEW), expected, low, high (95 %). States are of the
    accounts in the book at the panel's last month; the horizons as ``forecast_late`` has them. NEW is left out where no account
    was opened in the window.
    """
    known = with_refining(panel, states, refine)
    last = int(known["month"].to_numpy().max())
    now = known.filter(pl.col("month") == last)
    told = []
    for months in horizons:
        rates = rates_for(known, states, months=months, refine=refine, window=window)
        if rates is None:
            continue
        rows = {name: rates.stock(now, frozenset({name})) for name in states.names}
        rows[INFLOW] = rates.stock(now.filter(~states.is_late))
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
    young = known.filter(pl.col("months_on_book") < months, pl.col("month") > last - 2 * window).with_columns(
        _opened=pl.col("month") - pl.col("months_on_book"), _late=states.is_late.cast(pl.Float64)
    )
    ages = (
        young.group_by("months_on_book").agg(late=pl.col("_late").sum(), seen=pl.len()).sort("months_on_book")
    )
    if ages.height < months:
        return None
    seen = ages["seen"].cast(pl.Float64).to_numpy()
    share = (ages["late"].to_numpy() + 0.5) / (seen + 1)
    slope, unsure, middle, excess = _vintage_trend(
        young, pl.DataFrame({"months_on_book": ages["months_on_book"], "_share": share})
    )
    ahead = (
        last + months - np.arange(months) - middle
    )  # how much later than those learned from each age's accounts are opened
    share = share * np.exp(slope * ahead)
    pace, spread = float(opened.mean()), float(opened.var(ddof=1)) if reach > 1 else float(opened.mean())
    expected = pace * float(share.sum())
    of_chance = float((pace * share * (1 - share)).sum()) + spread * float((share**2).sum())
    of_rates = float((pace**2 * share * (1 - share) / (seen + 1)).sum())
    of_pace = spread / reach * float(share.sum()) ** 2
    of_trend = (pace * unsure * float((share * ahead).sum())) ** 2
    half = _Z_95 * float(np.sqrt(excess * (of_chance + of_rates) + of_pace + of_trend))
    return expected, max(0.0, expected - half), expected + half


def _vintage_trend(young: pl.DataFrame, shares: pl.DataFrame) -> tuple[float, float, float, float]:
    """By how much (in logs) each month's new accounts are later than the month's before at the same age, drawn to nothing by how
    unsure it is; its standard error; the month about which it turns; and how much more the vintages vary than chance.
    """
    by_vintage = (
        young.join(shares, on="months_on_book")
        .group_by("_opened")
        .agg(came=pl.col("_late").sum(), foretold=pl.col("_share").sum())
        .filter(pl.col("foretold") > 0)
        .sort("_opened")
    )
    opened, came, foretold = (
        by_vintage[name].cast(pl.Float64).to_numpy() for name in ("_opened", "came", "foretold")
    )
    middle = float(np.average(opened, weights=foretold))
    if len(opened) < _VINTAGES_MIN:
        return 0.0, 0.0, middle, 1.0
    x = opened - middle
    slope = 0.0
    for _ in range(_STEPS):  # Poisson regression with one slope, its level kept at that of the ages
        mean = foretold * np.exp(slope * x)
        mean *= came.sum() / mean.sum()
        slope += float((x * (came - mean)).sum() / max(1e-9, (x**2 * mean).sum()))
    mean = foretold * np.exp(slope * x)
    mean *= came.sum() / mean.sum()
    excess = max(1.0, float(((came - mean) ** 2 / np.maximum(mean, 0.5)).sum()) / (len(opened) - 2))
    variance = excess / max(1e-9, float((x**2 * mean).sum()))
    kept = max(0.0, 1 - variance / slope**2) if slope else 0.0
    return slope * kept, float(np.sqrt(variance)), middle, excess
