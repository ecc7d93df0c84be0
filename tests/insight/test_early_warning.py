"""Segments that turn before they are late: seen when they do, and seldom when they cannot."""

from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from dunwell.insight import CannotScore, ForbiddenInput, TrainingUnusable
from dunwell.insight.rolls import States, false_alarms, turning_segments
from dunwell.insight.rolls.warning import monthly_steps

STATES = States(("ok", "1-29", "30+"), frozenset({"30+"}))
EARLY = frozenset({"1-29"})
BRANCHES = tuple("abcdefgh")


@cache
def panel(seed: int = 1, accounts: int = 4000, turned: float = 1.0, months: int = 20) -> pl.DataFrame:
    """Accounts of eight branches, each with its own rate of falling late; every month has its own luck. In the last
    three months branch c falls late ``turned`` times as often.
    """
    draw = np.random.default_rng(seed)
    branch = draw.integers(0, len(BRANCHES), accounts)
    own = np.array([0.02, 0.03, 0.04, 0.03, 0.02, 0.06, 0.03, 0.02])[branch]
    luck = draw.lognormal(0, 0.15, months)
    state = np.zeros(accounts, int)
    told = []
    for month in range(months):
        chance = own * luck[month] * np.where((branch == 2) & (month >= months - 3), turned, 1.0)
        falls, cures, rolls = (draw.random(accounts) for _ in range(3))
        state = np.where(
            state == 0,
            (falls < chance).astype(int),
            np.where(cures < 0.6, 0, np.where(rolls < 0.5, 2, state)),
        )
        told.append(
            pl.DataFrame(
                {
                    "account_id": np.arange(accounts),
                    "month": month,
                    "state": np.array(STATES.names)[state],
                    "branch": np.array(BRANCHES)[branch],
                }
            )
        )
    return pl.concat(told)


def test_the_segment_that_turns_is_named_before_it_is_late() -> None:
    told = turning_segments(panel(turned=2.0), STATES, ["branch"], EARLY)
    first = told.row(0, named=True)
    assert first["branch"] == "c"
    assert first["is_turning"]
    assert first["low"] < 2.0 < first["high"]
    assert told["is_turning"].sum() == 1


def test_a_segment_that_was_always_worse_and_a_bad_month_for_all_are_no_alarm() -> None:
    quiet = panel(turned=1.0)
    assert not turning_segments(quiet, STATES, ["branch"], EARLY)["is_turning"].any()
    draw = np.random.default_rng(5)
    last = quiet["month"].max()
    worse_for_all = quiet.with_columns(
        state=pl.when(
            (pl.col("month") == last)
            & (pl.col("state") == "ok")
            & pl.Series(draw.random(quiet.height) < 0.05)
        )
        .then(pl.lit("1-29"))
        .otherwise("state")
    )
    assert not turning_segments(worse_for_all, STATES, ["branch"], EARLY)["is_turning"].any()


def test_segments_that_cannot_differ_raise_an_alarm_about_as_often_as_the_level() -> None:
    alarms = false_alarms(panel(accounts=1500), STATES, ["branch"], EARLY, rounds=40)
    assert alarms.low <= 0.05
    assert alarms.value <= 0.15


def test_the_steps_are_counted_as_by_hand() -> None:
    small = panel(accounts=60)
    counts = monthly_steps(small, STATES, ["branch"], EARLY)
    by_account = small.sort("account_id", "month").rows_by_key(["account_id"], named=True)
    at_risk = steps = 0
    for months in by_account.values():
        for before, now in pairwise(months):
            if before["state"] == "ok" and now["branch"] == "c" and now["month"] == 7:
                at_risk += 1
                steps += now["state"] != "ok"
    row = counts.filter(branch="c", month=7).row(0, named=True)
    assert (row["at_risk"], row["steps"]) == (at_risk, steps)


def test_several_columns_make_a_segment() -> None:
    rows = panel().with_columns(
        product=pl.when(pl.col("account_id") % 2 == 0).then(pl.lit("card")).otherwise(pl.lit("loan"))
    )
    assert turning_segments(rows, STATES, ["branch", "product"], EARLY).height == 16


@pytest.mark.parametrize(
    ("rows", "segment", "error", "said"),
    [
        (lambda: panel().filter(pl.col("month") < 12), ["branch"], TrainingUnusable, "covers 12 months"),
        (panel, ["region"], CannotScore, "no column 'region'"),
        (lambda: panel().with_columns(religion=pl.lit("a")), ["religion"], ForbiddenInput, "is religion"),
        (
            lambda: panel().filter(pl.col("branch") == "a"),
            ["branch"],
            TrainingUnusable,
            "fewer than two segments",
        ),
    ],
)
def test_what_cannot_be_watched_is_refused(
    rows: Callable[[], pl.DataFrame], segment: list[str], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        turning_segments(rows(), STATES, segment, EARLY)


def test_what_could_be_seen_is_told_and_seen_about_as_often() -> None:
    """Each branch says from which move on it would be called turning eight times in ten; moved by so much, it is."""
    told = turning_segments(panel(), STATES, ["branch"], EARLY)
    branch_c = told.filter(pl.col("branch") == "c")["detectable"][0]
    assert 1.2 < branch_c < 3.0
    assert told.sort("steps")["detectable"][0] > told.sort("steps")["detectable"][-1]
    seen = 0
    for seed in range(30, 50):
        moved = turning_segments(panel(seed, turned=branch_c), STATES, ["branch"], EARLY)
        seen += bool(moved.filter(pl.col("branch") == "c")["is_turning"][0])
    assert 10 <= seen <= 20  # of 20; sixteen would be right
