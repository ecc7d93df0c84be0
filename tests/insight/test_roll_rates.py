"""Roll rates count what happened, know how sure they are, and foretell without seeing ahead."""

from functools import cache

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.rolls import (
    RollRates,
    States,
    backtest,
    forecast_late,
    next_states,
    with_history,
)
from dunwell.insight.rolls.rates import tilted

STATES = States(("ok", "30", "60"), frozenset({"30", "60"}))
CHANCES = {"ok": [0.94, 0.06, 0.0], "30": [0.5, 0.2, 0.3], "60": [0.1, 0.0, 0.9]}


@cache
def panel(accounts: int = 1500, months: int = 40, seed: int = 0) -> pl.DataFrame:
    """Accounts that move by CHANCES; one in five stays where it is, always ok; they join over the first year."""
    draw = np.random.default_rng(seed)
    steps = np.cumsum([CHANCES[name] for name in STATES.names], axis=1)
    begins, moves = draw.integers(0, 12, accounts), np.arange(accounts) % 5 > 0
    states = np.zeros((accounts, months), np.int64)
    for month in range(1, months):
        before = states[:, month - 1]
        moved = (draw.random(accounts)[:, None] >= steps[before]).sum(axis=1)
        states[:, month] = np.where(moves & (month > begins), moved, before)
    accounts_of, months_of = np.nonzero(np.arange(months)[None, :] >= begins[:, None])
    return pl.DataFrame(
        {
            "account_id": [f"A{k:05d}" for k in accounts_of.tolist()],
            "month": months_of,
            "state": [STATES.names[k] for k in states[accounts_of, months_of].tolist()],
        }
    )


def test_the_matrix_is_what_was_counted() -> None:
    matrix = RollRates(STATES, refine=(), window=None).fit(with_history(panel(), STATES)).matrix()
    counted = next_states(panel(), 1).group_by("state", "next_state").agg(pl.len())
    both = matrix.join(counted, on=["state", "next_state"], how="left").with_columns(
        pl.col("len").fill_null(0)
    )
    assert both["row_count"].equals(both["len"].cast(pl.Int64))
    late = matrix.filter(pl.col("state") != "ok", pl.col("next_state") != "gone")
    for row in late.iter_rows(named=True):
        truth = CHANCES[row["state"]][STATES.names.index(row["next_state"])]
        assert row["low"] - 0.02 <= truth <= row["high"] + 0.02
        assert row["low"] <= row["chance"] <= row["high"]
    assert matrix.group_by("state").agg(pl.col("chance").sum())["chance"].to_numpy() == pytest.approx(1)


def test_history_tells_movers_from_stayers() -> None:
    known = with_history(panel(), STATES)
    rows = next_states(known, 1)
    place = rows["next_state"].replace_strict({n: k for k, n in enumerate(STATES.all)}).to_numpy()

    def loss(*refine: str) -> float:
        chances = RollRates(STATES, refine=refine, window=None).fit(known).chances(rows)
        assert np.allclose(chances.sum(axis=1), 1)
        return -float(np.log(chances[np.arange(len(place)), place]).mean())

    assert loss("duration") < loss() - 0.0003
    assert loss("late_months", "duration") < loss() - 0.0005


def test_a_cell_seen_little_is_drawn_to_the_coarser_one() -> None:
    known = with_history(panel(), STATES).with_columns(branch=pl.lit("big"))
    odd = known.filter(pl.col("account_id") == known["account_id"][0]).with_columns(branch=pl.lit("tiny"))
    both = pl.concat([known.filter(pl.col("account_id") != known["account_id"][0]), odd])
    rates = RollRates(STATES, refine=("branch",), window=None).fit(both)
    tiny, big = (rates.chances(odd.head(1).with_columns(branch=pl.lit(b)))[0] for b in ("tiny", "big"))
    unseen = rates.chances(odd.head(1).with_columns(branch=pl.lit("new")))[0]
    assert np.abs(tiny - big).max() < 0.03
    assert np.abs(unseen - big).max() < 0.01


def test_those_who_leave_are_gone() -> None:
    left = panel().filter(~((pl.col("account_id") < "A00200") & (pl.col("month") > 30)))
    rows = next_states(left, 12).filter(pl.col("month") == 25)
    assert set(rows.filter(pl.col("account_id") < "A00200")["next_state"]) == {"gone"}
    assert "gone" not in set(rows.filter(pl.col("account_id") >= "A00200")["next_state"])


def test_forecasts_hold_what_they_promise() -> None:
    errors, within = [], []
    for seed in range(8):
        told = backtest(panel(500, 34, seed), STATES, months=6, origins=[22, 27])
        errors += told["error"].to_list()
        within += (
            told.select((pl.col("actual") >= pl.col("low")) & (pl.col("actual") <= pl.col("high")))
            .to_series()
            .to_list()
        )
    assert np.mean(np.abs(errors)) < 0.12
    assert sum(within) >= 13  # of 16; a true 95 % interval fails this less than once in two hundred times


def shifting_book(accounts: int = 4000, months: int = 30) -> pl.DataFrame:
    """More and more cards, late three months in ten, and fewer loans, late three in a hundred."""
    draw = np.random.default_rng(4)
    opened = draw.integers(0, months - 6, accounts)
    is_card = draw.random(accounts) < opened / months
    who, month = np.nonzero(np.arange(months)[None, :] >= opened[:, None])
    late = draw.random(len(who)) < np.where(is_card[who], 0.3, 0.03)
    return pl.DataFrame(
        {
            "account_id": [f"A{k:05d}" for k in who.tolist()],
            "month": month,
            "state": np.where(late, "30", "ok"),
            "product": np.where(is_card[who], "card", "loan"),
        }
    )


def test_a_forecast_that_knows_products_follows_their_mix() -> None:
    blind, knowing = (
        backtest(shifting_book(), STATES, months=6, origins=[21, 22, 23], refine=refine)
        for refine in (("months_on_book",), ("product", "months_on_book"))
    )
    assert blind["error"].max() < -0.08  # type: ignore[operator]
    assert np.abs(knowing["error"].to_numpy()).mean() < 0.05


def test_a_scenario_multiplies_the_odds_and_nothing_else() -> None:
    told = forecast_late(panel(), STATES, horizons=(6,), odds=[1.0, 2.0, 0.5])
    same, worse, better = told["expected_if"][0].to_list()
    assert same == pytest.approx(told["expected"][0])
    assert better < same < worse < 2 * same
    rates = RollRates(STATES).fit(with_history(panel(), STATES))
    chances = rates.chances(with_history(panel(), STATES).tail(50))
    moved = tilted(chances, [1, 2], 3.0)
    assert np.allclose(moved.sum(axis=1), 1)
    late, then = chances[:, 1:3].sum(axis=1), moved[:, 1:3].sum(axis=1)
    assert np.allclose(then / (1 - then), 3 * late / (1 - late))


def test_a_forecast_sees_nothing_after_its_origin() -> None:
    cut = panel().filter(pl.col("month") <= 25)
    changed = pl.concat([cut, panel().filter(pl.col("month") > 25).with_columns(state=pl.lit("60"))])
    before = backtest(panel(), STATES, months=6, origins=[25]).drop("actual", "error")
    assert_frame_equal(before, backtest(changed, STATES, months=6, origins=[25]).drop("actual", "error"))
    ahead = forecast_late(cut, STATES, horizons=(6,))
    assert ahead["expected"][0] == pytest.approx(before["expected"][0])


def test_history_sees_the_past_alone() -> None:
    whole = with_history(panel(), STATES).filter(pl.col("month") <= 20)
    assert_frame_equal(whole, with_history(panel().filter(pl.col("month") <= 20), STATES))


def test_history_counts_by_hand() -> None:
    states = ["ok", "30", "60", "ok", "ok", "30"]
    told = with_history(
        pl.DataFrame({"account_id": ["A"] * 6, "month": range(6), "state": states, "who": ["P"] * 6}),
        STATES,
        person="who",
    )
    assert told["duration"].to_list() == [1, 1, 1, 1, 2, 1]
    assert told["late_months"].to_list() == [0, 1, 2, 2, 2, 3]
    assert told["late_spells"].to_list() == [0, 1, 1, 1, 1, 2]
    assert told["cures"].to_list() == [0, 0, 0, 1, 1, 1]
    assert told["months_since_late"].to_list() == [None, 0, 0, 1, 2, 0]
    assert told["other_accounts"].to_list() == [0] * 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p.drop("state"), "no column 'state'"),
        (
            lambda p: p.with_columns(state=pl.lit("late")),
            "state 'late' of account 'A00000' is none of ok, 30, 60",
        ),
        (lambda p: p.filter(pl.col("month") != 20), "month 21 does not follow"),
        (lambda p: p.with_columns(pl.col("month").cast(pl.String)), "whole numbers"),
    ],
)
def test_a_panel_that_cannot_be_read_is_refused(change: object, said: str) -> None:
    with pytest.raises(TrainingUnusable, match=said):
        with_history(change(panel(50)), STATES)  # type: ignore[operator]


def test_a_panel_too_short_is_refused() -> None:
    with pytest.raises(TrainingUnusable, match="too few"):
        forecast_late(panel().filter(pl.col("month") >= 38), STATES, horizons=(6, 12))
