"""What a book will hold by state, what is newly late, and what accounts yet to be opened add: held against what came."""

from functools import cache

import numpy as np
import polars as pl
import pytest

from benchmarks.insight_forecasts import LATE, fared, made_panel
from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.rolls import (
    BOOK_REFINES,
    BOOK_STATES,
    INFLOW,
    NEW,
    States,
    backtest,
    forecast_late,
    forecast_states,
)
from dunwell.insight.rolls.panel import with_months_on_book
from dunwell.insight.rolls.vintages import vintage_trend

STATES = States(("ok", "30", "60"), frozenset({"30", "60"}))
HORIZON = 6


@cache
def growing(seed: int, drift: float = 0.0, months: int = 40, opened: int = 60) -> pl.DataFrame:
    """A book that opens ``opened`` accounts a month; each falls late at a rate that rises by ``drift`` with each month's vintage,
    and half of the late recover each month.
    """
    draw = np.random.default_rng(seed)
    vintage = np.repeat(np.arange(months), opened)
    risk = 0.03 * np.exp(drift * (vintage - months / 2))
    severity = np.zeros(len(vintage), np.int64)
    ids = [f"A{k:05d}" for k in range(len(vintage))]
    parts = []
    for month in range(months):
        there = vintage <= month
        falls, heals = draw.random(len(vintage)) < risk, draw.random(len(vintage)) < 0.5
        severity = np.where(severity == 0, falls & (vintage < month), np.where(heals, 0, 2))
        parts.append(
            pl.DataFrame(
                {
                    "account_id": [ids[k] for k in np.flatnonzero(there)],
                    "month": np.full(there.sum(), month),
                    "state": [STATES.names[k] for k in severity[there]],
                }
            )
        )
    return pl.concat(parts).sort("account_id", "month")


def came(panel: pl.DataFrame, origin: int) -> dict[str, int]:
    """What came of a forecast of HORIZON months made at a month."""
    known = with_months_on_book(panel, STATES)
    then = known.filter(pl.col("month") == origin + HORIZON)
    now = known.filter(pl.col("month") == origin).select("account_id", was=STATES.is_late)
    old = then.join(now, on="account_id")
    return {
        **{name: old.filter(pl.col("state") == name).height for name in STATES.names},
        INFLOW: old.filter(~pl.col("was"), STATES.is_late).height,
        NEW: then.filter(pl.col("months_on_book") < HORIZON, STATES.is_late).height,
    }


def test_every_state_the_inflow_and_the_new_come_within_their_intervals() -> None:
    held: dict[str, list[bool]] = {}
    for seed in range(12):
        panel = growing(seed)
        for origin in (26, 33):
            before = panel.filter(pl.col("month") <= origin)
            actual = came(panel, origin)
            for _, state, _, low, high in forecast_states(before, STATES, horizons=[HORIZON]).iter_rows():
                held.setdefault(state, []).append(low <= actual[state] <= high)
    assert set(held) == {*STATES.names, INFLOW, NEW}
    for state, each in held.items():
        assert sum(each) >= 20, state  # of 24; a true 95 % interval fails this once in a hundred times


def test_the_states_of_the_accounts_in_the_book_add_up() -> None:
    panel = growing(1)
    told = forecast_states(panel, STATES, horizons=[1])
    in_book = panel.filter(pl.col("month") == 39).height
    assert told.filter(pl.col("state").is_in(STATES.names))["expected"].sum() == pytest.approx(
        in_book, rel=0.01
    )
    late = forecast_late(panel, STATES, horizons=[1])["expected"][0]
    by_state = told.filter(pl.col("state").is_in(sorted(STATES.late)))["expected"].sum()
    assert by_state == pytest.approx(late)


def test_a_forecast_that_follows_the_vintages_comes_nearer_where_they_get_riskier() -> None:
    plain, followed = (
        np.mean(
            [
                backtest(
                    growing(seed, 0.03, opened=150), STATES, months=HORIZON, origins=[30, 33], trend=trend
                )["error"].mean()
                for seed in range(5)
            ]
        )
        for trend in (False, True)
    )
    assert plain < -0.10
    assert abs(followed) < 0.6 * abs(plain)


def test_where_vintages_do_not_differ_next_to_nothing_is_followed() -> None:
    drifts = [vintage_trend(with_months_on_book(growing(seed), STATES), STATES) for seed in range(12)]
    assert all(one is not None for one in drifts)
    assert np.mean([abs(one.slope) for one in drifts if one is not None]) < 0.006
    [riskier] = [vintage_trend(with_months_on_book(growing(3, 0.03, opened=150), STATES), STATES)]
    assert riskier is not None and riskier.slope == pytest.approx(0.03, abs=0.012)


def test_a_book_too_young_for_a_horizon_is_not_foretold_so_far() -> None:
    young = growing(1, months=16)
    assert forecast_late(young, STATES, horizons=(3, 12))["months"].to_list() == [3]
    with pytest.raises(TrainingUnusable):
        forecast_states(young, STATES, horizons=(12,))
    with pytest.raises(TrainingUnusable, match="too few"):
        backtest(young, STATES, months=6, origins=[7])


@pytest.mark.slow
def test_made_books_come_within_what_was_foretold_though_their_vintages_get_riskier() -> None:
    rows = [
        row
        for seed in (11, 12)
        for row in fared(made_panel(seed, 15_000), BOOK_STATES, (3, 6), 9, BOOK_REFINES, True)
    ]
    late = [
        (expected - actual, actual, low <= actual <= high)
        for _, what, expected, low, high, actual in rows
        if what == LATE
    ]
    assert len(late) == 36
    assert np.mean([abs(off) / actual for off, actual, _ in late]) < 0.11
    assert sum(held for _, _, held in late) >= 30
    for state in ("settled", "current"):
        assert (
            np.mean([low <= actual <= high for _, what, _, low, high, actual in rows if what == state]) > 0.8
        )
