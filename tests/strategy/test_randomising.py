"""Lots: the same for everybody who draws them, in the shares that were said, and within what the law allows."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.strategy.experiments import (
    Arm,
    Experiment,
    HoldOut,
    explore,
    in_hold_out,
    propensities,
    randomise,
)
from dunwell.strategy.problems import StrategyError

ARMS = (Arm("none", 0.2), Arm("sms", 0.5), Arm("call", 0.3))
COUNT = 30_000


def trial(salt: str = "a") -> Experiment:
    return Experiment("a call or a text", salt, ARMS, date(2026, 12, 1), enrol_days=30)


def customers(count: int = COUNT) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": [f"C{number:07}" for number in range(count)]})


def test_lots_are_those_of_yesterday_and_of_every_other_machine() -> None:
    first = randomise(trial(), customers(8))["arm"].to_list()
    assert first == ["none", "sms", "call", "none", "call", "sms", "none", "call"]
    shuffled = randomise(trial(), customers(8).reverse())["arm"].to_list()
    assert shuffled == first[::-1]


def test_arms_come_in_their_shares() -> None:
    drawn = randomise(trial(), customers())
    for arm in ARMS:
        spread = (arm.share * (1 - arm.share) / COUNT) ** 0.5
        assert abs(float((drawn["arm"] == arm.treatment).sum()) / COUNT - arm.share) < 4 * spread
        assert drawn.filter(pl.col("arm") == arm.treatment)["probability"].unique().to_list() == [arm.share]


def test_two_salts_have_nothing_to_do_with_each_other() -> None:
    both = pl.DataFrame(
        {salt: randomise(trial(salt), customers())["arm"] for salt in ("a", "b")}
    ).with_row_index("row")
    counts = both.group_by("a", "b").len()
    shares = {arm.treatment: arm.share for arm in ARMS}
    expected = COUNT * counts["a"].replace_strict(shares) * counts["b"].replace_strict(shares)
    chi_square = float(((counts["len"] - expected) ** 2 / expected).sum())
    assert counts.height == 9
    assert chi_square < 26.1  # eight degrees of freedom, one in a thousand


def test_what_the_law_rules_out_has_no_chance_and_moves_nobody_else() -> None:
    free = randomise(trial(), customers())
    bound = randomise(trial(), customers().with_columns(blocked=pl.lit(["call"], pl.List(pl.String))))
    assert set(bound["arm"]) == {"none", "sms"}
    assert bound.filter(pl.col("arm") == "sms")["probability"][0] == pytest.approx(0.5 / 0.7)
    assert (bound["arm"] == "sms").mean() == pytest.approx(0.5 / 0.7, abs=0.012)
    stayed = (free["arm"] != "call").to_numpy()
    assert (free["arm"].to_numpy()[stayed] == bound["arm"].to_numpy()[stayed]).all()


def test_nothing_is_learned_where_the_arm_was_certain() -> None:
    blocked = pl.Series([["sms", "call"], ["none"], None], dtype=pl.List(pl.String))
    drawn = randomise(trial(), customers(3).with_columns(blocked=blocked))
    assert drawn["arm"].is_null().to_list() == [True, True, False]
    assert drawn["probability"].is_null().to_list() == [True, True, False]


@given(
    shares=st.lists(st.floats(0.01, 1), min_size=2, max_size=6),
    data=st.data(),
)
def test_chances_add_up_to_one_within_what_is_allowed(shares: list[float], data: st.DataObject) -> None:
    row = data.draw(st.lists(st.booleans(), min_size=len(shares), max_size=len(shares)))
    chances = propensities(np.array(shares), np.array([row]))[0]
    assert chances.sum() == pytest.approx(1 if any(row) else 0)
    assert all((chance > 0) == may for chance, may in zip(chances, row, strict=True))


def test_exploring_gives_every_lawful_treatment_a_chance_and_logs_it() -> None:
    ids = customers()["customer_id"]
    allowed = np.ones((COUNT, 4), dtype=bool)
    allowed[:, 3] = False
    best = np.full(COUNT, 1)
    drawn, chance = explore(ids, best, allowed, 0.15, "2026-11-30")
    assert set(np.unique(drawn)) == {0, 1, 2}
    assert np.allclose(chance[drawn == 1], 0.90)
    assert np.allclose(chance[drawn != 1], 0.05)
    assert (drawn == 1).mean() == pytest.approx(0.90, abs=0.007)
    assert (explore(ids, best, allowed, 0.15, "2026-12-01")[0] != drawn).mean() > 0.1
    with pytest.raises(StrategyError, match="ruled out"):
        explore(ids, np.full(COUNT, 3), allowed, 0.15, "2026-11-30")


def test_the_hold_out_is_a_share_and_stands() -> None:
    ids = customers()["customer_id"]
    small, large = (in_hold_out(ids, HoldOut("h", share)) for share in (0.02, 0.05))
    assert small.mean() == pytest.approx(0.02, abs=0.0035)
    assert (small & ~large).sum() == 0  # who is in a small hold-out stays in a larger one
    arms = randomise(trial(), customers())["arm"].to_numpy()
    assert (arms[large.to_numpy()] == "sms").mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("arms", "problem"),
    [
        ((Arm("none", 0.5), Arm("sms", 0.4)), "add up to 0.9"),
        ((Arm("none", 1.0),), "two or more"),
        ((Arm("none", 1.0), Arm("sms", 0.0)), "teaches nothing"),
        ((Arm("sms", 0.5), Arm("sms", 0.5)), "different arms"),
    ],
)
def test_a_design_that_cannot_teach_is_refused(arms: tuple[Arm, ...], problem: str) -> None:
    with pytest.raises(StrategyError, match=problem):
        Experiment("bad", "a", arms, date(2026, 12, 1), 30)


def test_a_row_without_a_customer_is_refused() -> None:
    with pytest.raises(StrategyError, match="customer_id: a value is missing"):
        randomise(trial(), pl.DataFrame({"customer_id": ["C1", None]}))
