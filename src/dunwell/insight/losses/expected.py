"""Expected credit losses: chance of default, times what is owed then, times what does not come back.

Within twelve months the chance of a default at any time is counted from the panel itself, by state and months on book, not
chained from one month's rates. Later years are chained from years: where accounts stand after one, and what a year does to
them. IFRS 9 5.5.3 to 5.5.5, 5.5.17 (scenarios by their weight; time value of money) and B5.5.37.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.losses.book import EXPOSURE_YEARS
from dunwell.insight.problems import CannotScore
from dunwell.insight.rolls import RollRates, States, next_states
from dunwell.insight.rolls.rates import tilted

Floats = NDArray[np.float64]

DEFAULT = "default"
"""The state of an account that has defaulted; none leaves it."""

_YEAR = 12

LOSS_COLUMNS = {
    "account_id": pl.String,
    "currency": pl.String,
    "stage": pl.Int64,
    "exposure_minor": pl.Int64,
    "chance_12m": pl.Float64,
    "chance_life": pl.Float64,
    "loss_12m_minor": pl.Float64,
    "loss_life_minor": pl.Float64,
    "allowance_minor": pl.Float64,
}
"""Of ``expected_losses``. ``allowance_minor``: of twelve months in stage 1, of the whole life in stages 2 and 3."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A view of the times to come: its weight among the scenarios, and what it multiplies the odds of default by."""

    name: str
    weight: float = 1.0
    odds: float = 1.0


def default_chances(panel: pl.DataFrame, states: States, defaulted: frozenset[str]) -> RollRates:
    """Where accounts are after a year, those of ``defaulted`` merged into DEFAULT, which counts whoever was there at any time
    of it. ``panel``: with history. Raises TrainingUnusable when it does not reach over a year.
    """
    kinds = States((*(name for name in states.names if name not in defaulted), DEFAULT), frozenset({DEFAULT}))
    is_default = pl.col("state").is_in(sorted(defaulted))
    marked = panel.with_columns(
        _default_in=pl.when(is_default).then("month").backward_fill().over("account_id"),
        state=pl.when(is_default).then(pl.lit(DEFAULT)).otherwise(pl.col("state").cast(pl.String)),
    )
    rates = RollRates(kinds, months=_YEAR)
    rows = next_states(marked, _YEAR)
    if rows.is_empty():
        return rates.fit(marked)  # says why there are none
    came = pl.col("_default_in") <= pl.col("month") + _YEAR
    return rates.fit_rows(
        rows.with_columns(next_state=pl.when(came).then(pl.lit(DEFAULT)).otherwise("next_state"))
    )


def expected_losses(
    accounts: pl.DataFrame,
    rates: RollRates,
    states: States,
    loss_shares: Mapping[str, float],
    scenarios: Sequence[Scenario] = (Scenario("as now"),),
) -> pl.DataFrame:
    """The losses to expect of each account (LOSS_COLUMNS).

    ``accounts``: account_id, currency, state (of ``states``), months_on_book, annual_rate, exposure_minor and
    ``exposure_in_1y`` and so on (``exposures``). ``loss_shares``: by currency, what part of an exposure at default is lost.
    Stage 3 is in default, stage 2 late, stage 1 all else. Raises CannotScore for a currency without a loss share and for
    scenarios without weight.
    """
    _refuse_unusable(accounts, loss_shares, scenarios)
    kept = set(rates.states.names)
    known = pl.col("state").cast(pl.String)
    now = accounts.with_columns(
        state=pl.when(known.is_in(sorted(kept))).then(known).otherwise(pl.lit(DEFAULT))
    )
    by_year = _chances_by_year(now, rates, scenarios)
    lost = accounts["currency"].replace_strict(dict(loss_shares), return_dtype=pl.Float64).to_numpy()
    rate = accounts["annual_rate"].cast(pl.Float64).fill_null(0).to_numpy()
    owed = np.column_stack(
        [accounts[f"exposure_in_{y}y"].cast(pl.Float64).to_numpy() for y in range(1, EXPOSURE_YEARS + 1)]
    )
    exposure = accounts["exposure_minor"].cast(pl.Float64).to_numpy()
    is_late = accounts.select(states.is_late).to_series().to_numpy()
    owed[is_late, 0] = exposure[is_late]  # who is late has stopped paying already
    discount = (1 + rate[:, None]) ** -(np.arange(EXPOSURE_YEARS) + 0.5)[None, :]
    losses = by_year * owed * discount * lost[:, None]
    in_default = (now["state"] == DEFAULT).to_numpy()
    stage = np.where(in_default, 3, np.where(is_late, 2, 1))
    within = np.where(in_default, exposure * lost, losses[:, 0])
    life = np.where(in_default, exposure * lost, losses.sum(axis=1))
    return accounts.select("account_id", pl.col("currency").cast(pl.String)).with_columns(
        stage=pl.Series(stage.astype(np.int64)),
        exposure_minor=accounts["exposure_minor"].cast(pl.Int64),
        chance_12m=pl.Series(np.where(in_default, 1.0, by_year[:, 0])),
        chance_life=pl.Series(np.where(in_default, 1.0, (by_year * (owed > 0)).sum(axis=1))),
        loss_12m_minor=pl.Series(within),
        loss_life_minor=pl.Series(life),
        allowance_minor=pl.Series(np.where(stage == 1, within, life)),
    )


def by_stage(losses: pl.DataFrame) -> pl.DataFrame:
    """The sums by currency and stage: accounts, exposure_minor, loss_12m_minor, loss_life_minor, allowance_minor, coverage (the
    allowance as a share of the exposure).
    """
    sums = ("exposure_minor", "loss_12m_minor", "loss_life_minor", "allowance_minor")
    return (
        losses.filter(pl.col("exposure_minor") > 0)
        .group_by("currency", "stage")
        .agg(accounts=pl.len().cast(pl.Int64), **{name: pl.col(name).sum() for name in sums})
        .with_columns(coverage=pl.col("allowance_minor") / pl.col("exposure_minor"))
        .sort("currency", "stage")
    )


def _chances_by_year(now: pl.DataFrame, rates: RollRates, scenarios: Sequence[Scenario]) -> Floats:
    """The chance that an account's default comes in each year, over the scenarios."""
    names = rates.states.all
    place = names.index(DEFAULT)
    after_one, year = rates.chances(now), _of_a_year(rates)
    whole = sum(one.weight for one in scenarios)
    made = np.zeros((now.height, EXPOSURE_YEARS))
    for one in scenarios:
        stands = tilted(after_one, [place], one.odds)
        step = tilted(year, [place], one.odds)
        step[place], step[-1] = np.eye(len(names))[place], np.eye(len(names))[-1]
        before = np.zeros(now.height)
        for k in range(EXPOSURE_YEARS):
            made[:, k] += one.weight / whole * (stands[:, place] - before)
            before = stands[:, place].copy()
            stands = stands @ step
    return made


def _of_a_year(rates: RollRates) -> Floats:
    """What a year does to an account of each state, whatever its months on book."""
    names = rates.states.all
    level = rates.levels_[1]
    made = np.repeat(rates.levels_[0].chances, len(names), axis=0)
    for row, state in enumerate(level.cells["state"].to_list()):
        made[names.index(state)] = level.chances[row]
    return made


def _refuse_unusable(
    accounts: pl.DataFrame, loss_shares: Mapping[str, float], scenarios: Sequence[Scenario]
) -> None:
    without = sorted(set(accounts["currency"].cast(pl.String)) - set(loss_shares))
    if without:
        raise CannotScore(
            f"no share lost at default is known for {without[0]}: nothing was seen for long enough after one. Give it"
        )
    for one in scenarios:
        if not (one.weight > 0 and one.odds > 0):
            raise CannotScore(f"scenario {one.name!r} needs a weight and odds above 0")
    if not scenarios:
        raise CannotScore("there is no scenario. Give at least one")
