"""What will be late in the coming months, how sure that is, and how such forecasts would have fared before."""

from collections.abc import Sequence

import polars as pl

from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.rolls.panel import States, next_states, with_history
from dunwell.insight.rolls.rates import RollRates


def forecast_late(
    panel: pl.DataFrame,
    states: States,
    *,
    horizons: Sequence[int] = (1, 3, 6, 12),
    refine: Sequence[str] = ("months_on_book",),
    window: int | None = 12,
    odds: Sequence[float] = (),
) -> pl.DataFrame:
    """How many of the accounts in the book at the panel's last month will be late so many months later:
    months, month, expected, low, high (95 %). New accounts are not foreseen. Horizons that the panel is too
    short for are left out; raises TrainingUnusable when that is all of them. ``odds``: scenarios, each a factor on the
    odds of being late; ``expected_if`` then lists how many there would be in each.
    """
    known = with_history(panel, states)
    last = int(known["month"].to_numpy().max())
    now = known.filter(pl.col("month") == last)
    first = int(known["month"].to_numpy().min())
    told = []
    for months in horizons:
        if first + months > last:
            continue
        rates = RollRates(states, months=months, refine=refine, window=window).fit(known)
        expected, low, high = rates.stock(now)
        row: dict[str, object] = {"months": months, "month": last + months}
        row |= {"expected": expected, "low": low, "high": high}
        if odds:
            row["expected_if"] = [rates.stock(now, odds=one)[0] for one in odds]
        told.append(row)
    if not told:
        raise TrainingUnusable(
            f"the panel covers {last - first + 1} months, too few for a forecast of {min(horizons)}. Give a longer one"
        )
    return pl.DataFrame(told)


def backtest(
    panel: pl.DataFrame,
    states: States,
    *,
    months: int,
    origins: Sequence[int],
    refine: Sequence[str] = ("months_on_book",),
    window: int | None = 12,
) -> pl.DataFrame:
    """The forecast made at each origin from nothing later, beside what came: origin, expected, low, high,
    actual, error (a share of the actual).
    """
    known = with_history(panel, states)
    later = next_states(known, months).with_columns(is_late=pl.col("next_state").is_in(sorted(states.late)))
    told = []
    for origin in origins:
        rates = RollRates(states, months=months, refine=refine, window=window).fit(
            known.filter(pl.col("month") <= origin)
        )
        expected, low, high = rates.stock(known.filter(pl.col("month") == origin))
        actual = int(later.filter(pl.col("month") == origin)["is_late"].sum())
        told.append(
            {
                "origin": origin,
                "expected": expected,
                "low": low,
                "high": high,
                "actual": actual,
                "error": (expected - actual) / max(1, actual),
            }
        )
    return pl.DataFrame(told)
