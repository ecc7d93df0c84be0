"""What will be late in the coming months, how sure that is, and how such forecasts would have fared before."""

from collections.abc import Sequence

import polars as pl

from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.rolls.panel import States, next_states, with_history, with_months_on_book
from dunwell.insight.rolls.rates import RollRates
from dunwell.insight.rolls.vintages import drift_of


def forecast_late(
    panel: pl.DataFrame,
    states: States,
    *,
    horizons: Sequence[int] = (1, 3, 6, 12),
    refine: Sequence[str] = ("months_on_book",),
    window: int | None = 12,
    odds: Sequence[float] = (),
    trend: bool = False,
) -> pl.DataFrame:
    """How many of the accounts in the book at the panel's last month will be late so many months later: months, month,
    expected, low, high (95 %). New accounts are not foreseen (``forecast_states`` has them). Horizons that the panel is too
    short or too young for (``RollRates.has_seen_enough``) are left out; raises TrainingUnusable when that is all of them.
    ``odds``: scenarios, each a factor on the odds of being late; ``expected_if`` then lists how many there would be in each.
    ``trend``: follow the vintages where each month's new accounts are surely later than the month's before (``vintages``).
    """
    return forecast_known(
        with_refining(panel, states, refine),
        states,
        horizons=horizons,
        refine=refine,
        window=window,
        odds=odds,
        trend=trend,
    )


def with_refining(panel: pl.DataFrame, states: States, refine: Sequence[str]) -> pl.DataFrame:
    """The panel with the columns that ``refine`` names, and no more of the history than that needs."""
    if all(name == "months_on_book" or name in panel.columns for name in refine):
        return with_months_on_book(panel, states)
    return with_history(panel, states)


def forecast_known(
    known: pl.DataFrame,
    states: States,
    *,
    horizons: Sequence[int],
    refine: Sequence[str],
    window: int | None = 12,
    odds: Sequence[float] = (),
    trend: bool = False,
) -> pl.DataFrame:
    """``forecast_late`` of a panel that has what refines it already (``with_refining``)."""
    last, first = (
        int(edge) for edge in known.select(last=pl.col("month").max(), first=pl.col("month").min()).row(0)
    )
    now = known.filter(pl.col("month") == last)
    told = []
    for months in horizons:
        rates = rates_for(known, states, months=months, refine=refine, window=window)
        if rates is None:
            continue
        drift = drift_of(known, states, rates) if trend else None
        expected, low, high = rates.stock(now, drift=drift)
        row: dict[str, object] = {"months": months, "month": last + months}
        row |= {"expected": expected, "low": low, "high": high}
        if odds:
            row["expected_if"] = [rates.stock(now, odds=one, drift=drift)[0] for one in odds]
        told.append(row)
    if not told:
        raise TrainingUnusable(
            f"the panel covers {last - first + 1} months, too few for a forecast of {min(horizons)}. Give a longer one"
        )
    return pl.DataFrame(told)


def rates_for(
    known: pl.DataFrame, states: States, *, months: int, refine: Sequence[str], window: int | None = 12
) -> RollRates | None:
    """The rates of so many months for the accounts at the panel's last month; None where it is too short, or too young."""
    last, first = (
        int(edge) for edge in known.select(last=pl.col("month").max(), first=pl.col("month").min()).row(0)
    )
    if first + months > last:
        return None
    rates = RollRates(states, months=months, refine=refine, window=window).fit(known)
    return rates if rates.has_seen_enough else None


def backtest(
    panel: pl.DataFrame,
    states: States,
    *,
    months: int,
    origins: Sequence[int],
    refine: Sequence[str] = ("months_on_book",),
    window: int | None = 12,
    trend: bool = False,
) -> pl.DataFrame:
    """The forecast made at each origin from nothing later, beside what came: origin, expected, low, high,
    actual, error (a share of the actual).
    """
    known = with_refining(panel, states, refine)
    return backtest_known(
        known, states, months=months, origins=origins, refine=refine, window=window, trend=trend
    )


def backtest_known(
    known: pl.DataFrame,
    states: States,
    *,
    months: int,
    origins: Sequence[int],
    refine: Sequence[str],
    window: int | None = 12,
    trend: bool = False,
) -> pl.DataFrame:
    """``backtest`` of a panel that has what refines it already (``with_refining``)."""
    later = next_states(known, months)
    told = []
    for origin in origins:
        rates = RollRates(states, months=months, refine=refine, window=window)
        rows = later.filter(pl.col("month") + months <= origin)
        rates = (
            rates.fit(known.filter(pl.col("month") <= origin)) if rows.is_empty() else rates.fit_rows(rows)
        )
        now = later.filter(pl.col("month") == origin)
        if not rates.has_seen_enough:
            continue
        drift = drift_of(known.filter(pl.col("month") <= origin), states, rates) if trend else None
        expected, low, high = rates.stock(now, drift=drift)
        actual = now.filter(pl.col("next_state").is_in(sorted(states.late))).height
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
    if not told:
        raise TrainingUnusable(
            f"before these months the panel has followed accounts for {months} months from too few of them. Give a longer panel"
        )
    return pl.DataFrame(told)
