"""The card of a forecast of the late: made at earlier months from nothing later, beside what came."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.rolls.forecast import backtest
from dunwell.insight.rolls.panel import States, next_states, with_history
from dunwell.insight.rolls.rates import RollRates
from dunwell.insight.rolls.vintages import Drift, drift_of
from dunwell.insight.scoring.card import LIMITS, ModelCard, card_of_chances
from dunwell.insight.scoring.measures import Figure, mean_interval, share_interval

ORIGINS_MAX = 12
"""So many months are gone back to at most."""

_MONTHS_ENOUGH = 3

_OWN_LIMITS = (
    "It counts the accounts in the book at the time; who comes after is not foreseen.",
    "It holds while accounts roll as in the year before: it runs after new accounts that get riskier, and after a shock.",
    "Forecasts made a month apart share most of their months, so the mean error is less sure than its interval says.",
)


def rolls_card(
    panel: pl.DataFrame,
    states: States,
    *,
    months: int = 12,
    refine: Sequence[str] = ("months_on_book",),
    trend: bool = False,
    groups: pl.DataFrame | None = None,
    window: tuple[date, date] | None = None,
    seed: int = 0,
) -> ModelCard:
    """Measure ``forecast_late`` on a panel. Each account's own chance of being late ``months`` later is measured at the last
    month from which that is known; the number of the late at up to ORIGINS_MAX months up to it.

    ``groups``: account_id and a column a way of grouping. Raises TrainingUnusable where the panel is too short.
    """
    last, first = (
        int(edge) for edge in panel.select(last=pl.col("month").max(), first=pl.col("month").min()).row(0)
    )
    origin = last - months
    if origin - months - _MONTHS_ENOUGH < first:
        raise TrainingUnusable(
            f"the panel covers {last - first + 1} months, too few to hold forecasts of {months} months against what came: "
            f"{2 * months + _MONTHS_ENOUGH + 1} are needed. Give a longer panel, or look less far"
        )
    known = with_history(panel, states)
    rates = RollRates(states, months=months, refine=refine).fit(known.filter(pl.col("month") <= origin))
    late = [place for place, name in enumerate(states.all) if name in states.late]
    rows = next_states(known, months).filter(pl.col("month") == origin)
    drift = drift_of(known.filter(pl.col("month") <= origin), states, rates) if trend else Drift()
    chance = rates.drifted(rows, rates.chances(rows), drift.log_odds)[:, late].sum(axis=1)
    came = rows.select(pl.col("next_state").is_in(sorted(states.late)).cast(pl.Float64)).to_series()
    first_origin = max(first + months + _MONTHS_ENOUGH, origin - ORIGINS_MAX + 1)
    told = backtest(
        panel, states, months=months, origins=range(first_origin, origin + 1), refine=refine, trend=trend
    )
    held = int(told.select(pl.col("actual").is_between("low", "high").sum()).item())
    error = told["error"].to_numpy()
    more: dict[str, Figure] = {
        f"error_of_the_late_{months}_months_on": mean_interval(np.abs(error), seed),
        f"bias_of_the_late_{months}_months_on": mean_interval(error, seed),
        f"share_of_{told.height}_forecasts_within_their_interval": share_interval(held, told.height),
    }
    return card_of_chances(
        came.to_numpy(),
        chance,
        kind="roll rates",
        inputs=("state", *refine),
        trained_row_count=int(rates.levels_[0].counts.sum()),
        purpose=f"Foretells how many accounts will be late {months} months on.",
        target_meaning=f"late ({', '.join(name for name in states.names if name in states.late)}) {months} months later",
        window=window,
        measured_on=f"the accounts of month {origin}, {months} months later; counts from {told.height} months up to it",
        groups=None if groups is None else groups_of(rows, groups),
        seed=seed,
        more=more,
        limits=(*_OWN_LIMITS, *LIMITS),
    )


def groups_of(rows: pl.DataFrame, groups: pl.DataFrame) -> pl.DataFrame:
    """The groups of accounts, a row a row."""
    return (
        rows.select("account_id")
        .join(groups, on="account_id", how="left", maintain_order="left")
        .drop("account_id")
    )
