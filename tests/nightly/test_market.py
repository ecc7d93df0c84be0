"""A day settled for everybody: lots first, then the most under the capacities; what is logged is how the lots were drawn."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dunwell.nightly.market import LEFT_FOR_CAPACITY, LEFT_HELD_OUT, Settled, settle
from dunwell.nightly.offers import VALUE
from dunwell.strategy import deciding
from dunwell.strategy.candidates import uses_frame
from dunwell.strategy.experiments import in_hold_out
from dunwell.strategy.learned import CONTEXT
from dunwell.strategy.text import Strategy, read_strategy

DAY = date(2026, 11, 23)

TEXT = """
key = "strategy"
title = "Three ways"
from = 2026-01-01
citation = "house policy"
source_quality = "text"
currency = "EUR"

[[segment]]
name = "late"
when = ["past_due_days >= 1"]

[[treatment]]
name = "text"
channel = "sms"
cost = "0.10"
segments = ["late"]
prior = { value = "3", sd = "5" }

[[treatment]]
name = "call"
channel = "call"
minutes = "6"
skill = "any"
cost = "0.30"
segments = ["late"]
prior = { value = "12", sd = "5" }

[[treatment]]
name = "default notice"
channel = "letter"
purpose = "notice"
cost = "1.00"
segments = ["late"]
prior = { value = "2", sd = "5" }

[[capacity]]
name = "agents"
kind = "agent_minutes"
skill = "any"
per_day = "60"

[[capacity]]
name = "texts"
kind = "sms"
per_day = "25"

[hold_out]
share = "0.2"
salt = "h"

[exploring]
rate = "0.3"

[[experiment]]
name = "a text or peace"
salt = "t"
starts_on = 2026-11-01
enrol_days = 60
arm = [{ treatment = "none", share = "0.5" }, { treatment = "text", share = "0.5" }]
guard_rail = [{ event = "complaint" }]
"""


@pytest.fixture(scope="module")
def strategy(tmp_path_factory: pytest.TempPathFactory) -> Strategy:
    return written(TEXT, tmp_path_factory.mktemp("text"))


def written(text: str, folder: Path) -> Strategy:
    file = folder / "strategy.toml"
    file.write_text(text, encoding="utf-8")
    return read_strategy(file)


def without(strategy: Strategy, **changed: object) -> Strategy:
    """The strategy without lots, but for what is changed."""
    quiet: dict[str, object] = {
        "explore_rate": 0.0,
        "experiments": (),
        "hold_out": replace(strategy.hold_out, share=0.0),
    }
    return replace(strategy, **(quiet | changed))  # type: ignore[arg-type]


def market(count: int, seed: int = 1, shut: float = 0.2) -> pl.DataFrame:
    """Customers of whom each treatment is worth something of its own, and shut for a share."""
    draw = np.random.default_rng(seed)
    columns: dict[str, object] = {
        "customer_id": [f"C{number:04}" for number in range(count)],
        "first": ["text"] * count,
        "currency": ["EUR"] * count,
        **{name: draw.integers(1, 90, count).astype(float) for name in CONTEXT},
    }
    for name, mean in (("text", 3.0), ("call", 12.0), ("default notice", 0.5)):
        values = np.round(draw.normal(mean, 3.0, count), 4)
        is_shut = draw.random(count) < shut
        columns[VALUE + name] = pl.Series(
            [None if no else value for value, no in zip(values, is_shut, strict=True)]
        )
    return pl.DataFrame(columns)


def used(strategy: Strategy, settled: Settled) -> Mapping[str, int]:
    """What the decisions take of each capacity, added up one by one."""
    takes = uses_frame(strategy).select("treatment", "capacity", "amount")
    total = settled.decided.join(takes, on="treatment").group_by("capacity").agg(pl.col("amount").sum())
    return dict(total.iter_rows())


def given_of(settled: Settled) -> dict[str, str]:
    return dict(settled.decided.select("customer_id", "treatment").iter_rows())


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(1, 120),
    minutes=st.integers(0, 200),
    texts=st.integers(0, 40),
    is_cold=st.booleans(),
    held=st.sampled_from(["none", "text"]),
    spend=st.sampled_from([None, 0.0, 0.2]),
)
def test_no_capacity_is_exceeded_and_nothing_is_done_that_is_not_open(
    strategy: Strategy,
    seed: int,
    count: int,
    minutes: int,
    texts: int,
    is_cold: bool,
    held: str,
    spend: float | None,
) -> None:
    agents, pieces = (
        replace(one, per_day=type(one.per_day)(most))
        for one, most in zip(strategy.capacities, (minutes, texts), strict=True)
    )
    tight = replace(
        strategy,
        explore_spend=spend,
        capacities=(agents, pieces),
        hold_out=replace(strategy.hold_out, treatment=held),
    )
    rows = market(count, seed)
    found = settle(tight, rows, DAY, is_cold=is_cold)
    takes = used(tight, found)
    assert takes.get("agents", 0) <= 60 * minutes
    assert takes.get("texts", 0) <= texts
    assert takes == {
        name: use for name, use in found.capacities.select("capacity", "used").iter_rows() if use
    }
    assert found.decided["customer_id"].to_list() == rows["customer_id"].to_list()
    for row, treatment in zip(rows.iter_rows(named=True), found.decided["treatment"], strict=True):
        assert treatment == "none" or row[VALUE + treatment] is not None
    chances = np.array(found.decided["chances"].to_list())
    assert np.allclose(chances.sum(axis=1), 1)
    assert (chances >= 0).all()
    assert (found.decided["probability"] > 0).all()


@pytest.mark.parametrize("spend", [None, 0.1])
def test_the_logged_chance_is_how_often_it_comes(spend: float | None, strategy: Strategy) -> None:
    """Over many days and salts each customer gets each treatment as often as the days' chances add up to, capacities binding:
    where lots are even, and where they fall among those who are nearly equal.
    """
    rows, count, days = market(40, seed=3), 40, 180
    strategy = replace(strategy, explore_spend=spend, explore_rate=0.3 if spend is None else 0.9)
    names = list(strategy.treatment_names)
    came, foretold, spread = (np.zeros((count, len(names))) for _ in range(3))
    for number in range(days):
        salted = replace(
            strategy,
            hold_out=replace(strategy.hold_out, salt=f"h{number}"),
            experiments=(
                replace(
                    strategy.experiments[0], salt=f"t{number}", starts_on=date(2026, 1, 1), enrol_days=900
                ),
            )
            if number % 2
            else (),
        )
        found = settle(salted, rows, DAY + timedelta(days=number), is_cold=False).decided
        chances = np.array(found["chances"].to_list())
        place = [names.index(treatment) for treatment in found["treatment"]]
        came[np.arange(count), place] += 1
        foretold += chances
        spread += chances * (1 - chances)
    off = np.abs(came - foretold) / np.sqrt(np.maximum(spread, 1.0))
    assert (came > 0).all(axis=1).sum() > (12 if spend is None else 3)
    assert off.max() < 5
    assert (off > 2).mean() < 0.08


def test_nobody_of_the_hold_out_gets_anything_but_a_notice(strategy: Strategy) -> None:
    found = settle(strategy, market(400), DAY, is_cold=False).decided
    held = found.filter(pl.col("arm") == "hold-out")
    assert 40 < held.height < 120
    assert set(held["treatment"]) == {"none", "default notice"}
    left = held.filter(pl.col("treatment") == "none")
    assert (left["left_because"] == LEFT_HELD_OUT).all()
    assert (held["probability"] >= 0.2 - 1e-9).all()
    assert "call" in set(found.filter(pl.col("arm").is_null())["treatment"])


def test_the_order_of_the_customers_does_not_matter(strategy: Strategy) -> None:
    rows = market(300)
    first = settle(strategy, rows, DAY, is_cold=False)
    second = settle(strategy, rows.sample(fraction=1.0, shuffle=True, seed=9), DAY, is_cold=False)
    assert first.decided.equals(second.decided)
    assert first.capacities.equals(second.capacities)


def test_yesterdays_prices_change_nothing_beyond_the_certified_gap(strategy: Strategy) -> None:
    plain, rows = without(strategy), market(2_000)
    fresh = settle(plain, rows, DAY, is_cold=False)
    wild = pl.DataFrame({"capacity": ["agents", "texts", "gone"], "price": [9.0, 0.0, 1.0]})
    values = {
        (customer, name): value
        for name in plain.treatment_names[1:]
        for customer, value in rows.select("customer_id", VALUE + name).iter_rows()
    }
    for earlier in (fresh.capacities.select("capacity", "price"), wild):
        warm = settle(plain, rows, DAY, is_cold=False, earlier=earlier)
        worth = [
            sum(values[one] for one in given_of(each).items() if one[1] != "none") for each in (fresh, warm)
        ]
        bound = worth[0] / (1 - fresh.gap)
        assert abs(worth[1] - worth[0]) <= max(fresh.gap, warm.gap) * bound + 1e-6
        assert max(fresh.gap, warm.gap) < 0.01


def test_what_is_scarce_has_a_price_and_goes_to_those_where_it_brings_most(strategy: Strategy) -> None:
    plain, rows = without(strategy), market(300)
    found = settle(plain, rows, DAY, is_cold=False)
    prices = dict(found.capacities.select("capacity", "price").iter_rows())
    assert prices["agents"] > 0
    called = {customer for customer, treatment in given_of(found).items() if treatment == "call"}
    assert len(called) == 10
    worth = dict(rows.select("customer_id", VALUE + "call").drop_nulls().iter_rows())
    assert min(worth[customer] for customer in called) > sorted(worth.values())[-40]
    assert found.treatment_prices["call"] == pytest.approx(prices["agents"] * 360)
    waiting = found.decided.filter(pl.col("left_because") == LEFT_FOR_CAPACITY)
    assert waiting.height > 50


def test_equals_are_told_apart_by_a_lot_of_the_day(strategy: Strategy) -> None:
    """Ten calls for a hundred customers who are all alike: other days, other customers."""
    plain = without(strategy)
    alike = market(100, shut=0.0).with_columns(
        pl.lit(20.0).alias(VALUE + "call"), pl.lit(-1.0).alias(VALUE + "text")
    )
    days = [settle(plain, alike, DAY + timedelta(days=number), is_cold=False) for number in range(3)]
    called = [frozenset(c for c, t in given_of(day).items() if t == "call") for day in days]
    assert [len(each) for each in called] == [10, 10, 10]
    assert len(set(called)) == 3


def test_while_nothing_is_known_the_first_of_the_text_is_chosen_and_the_latest_come_first(
    strategy: Strategy,
) -> None:
    plain, rows = without(strategy), market(60, shut=0.0)
    found = settle(plain, rows, DAY, is_cold=True)
    assert set(found.decided["treatment"]) == {"text", "none"}
    assert (found.decided["treatment"] == "text").sum() == 25
    days = rows.select("past_due_days", done=found.decided["treatment"] == "text")
    assert days.filter("done")["past_due_days"].min() >= days.filter(~pl.col("done"))["past_due_days"].max()  # type: ignore[operator]
    assert set(found.capacities["price"]) == {0.0}
    assert set(found.decided["probability"]) == {1.0}


def test_lots_leave_most_of_a_scarce_capacity_and_say_so(strategy: Strategy) -> None:
    """Two texts a day, where exploring would ask for hundreds: a chance stays for everybody, and it is the one that is logged."""
    agents, pieces = strategy.capacities
    scarce = without(
        strategy, explore_rate=0.5, capacities=(agents, replace(pieces, per_day=type(pieces.per_day)(2)))
    )
    rows = market(2_000, shut=0.0)
    chances = []
    for number in range(5):
        found = settle(scarce, rows, DAY + timedelta(days=number), is_cold=False)
        assert used(scarce, found)["texts"] <= 2
        chances.append(np.array(found.decided["chances"].to_list())[:, 1])
    assert 0 < np.median(chances) < 0.01


def test_lots_among_near_equals_cost_less_than_even_ones_and_hang_on_no_other_lot(strategy: Strategy) -> None:
    """Of a day's worth no more is forgone than the text spends, where even lots take what is scarce for anybody."""
    rows = market(1_500, shut=0.0)
    worth = rows.with_columns((pl.col(VALUE + name) ** 2).alias(VALUE + name) for name in ("text", "call"))
    values = np.column_stack(
        [np.zeros(1_500), *(worth[VALUE + name] for name in strategy.treatment_names[1:])]
    )
    places = {name: place for place, name in enumerate(strategy.treatment_names)}

    def day(number: int, rate: float, spend: float | None) -> tuple[float, Settled]:
        lots = without(strategy, explore_rate=rate, explore_spend=spend)
        found = settle(lots, worth, DAY + timedelta(days=number), is_cold=False)
        done = found.decided["treatment"].replace_strict(places, return_dtype=pl.Int64).to_numpy()
        return float(values[np.arange(1_500), done].sum()), found

    none = day(0, 0.0, None)[0]
    near, even = (
        np.mean([1 - day(number, *lots)[0] / none for number in range(5)])
        for lots in ((0.9, 0.05), (0.2, None))
    )
    assert near < 0.07
    assert even > 2 * near
    chances = np.array(day(0, 0.9, 0.05)[1].decided["chances"].to_list())
    assert (chances > 0).all(), "what is taught of nobody is never learned"
    assert ((chances > 0.1) & (chances < 0.9)).any(axis=1).sum() > 40


def test_while_nothing_is_known_of_values_no_more_is_drawn_than_may_be_spent(strategy: Strategy) -> None:
    cold = without(strategy, explore_rate=0.9, explore_spend=0.05)
    found = settle(cold, market(2_000, shut=0.0), DAY, is_cold=True)
    assert 20 < found.explored_count < 150


RATIONED = TEXT[: TEXT.index("[hold_out]")].replace('per_day = "60"', 'per_day = "14"').replace("25", "2")
HALF = '[hold_out]\nshare = "0.5"\nsalt = "h"\n'
"""Two calls and two text messages a day; half of the customers are held out, and nothing else is drawn."""


@pytest.mark.parametrize("given", ["none", "text", "default notice"])
@pytest.mark.parametrize("is_cold", [False, True])
def test_the_logged_chance_is_the_same_whether_the_lot_fell_on_somebody_or_not(
    given: str, is_cold: bool, tmp_path: Path
) -> None:
    """The chance is given everybody else's lots, so a customer's own lot may not change it, whatever capacities bind."""
    strategy = written(f'{RATIONED}{HALF}treatment = "{given}"\n', tmp_path)
    people = market(6, seed=5, shut=0.1)
    chances: dict[frozenset[str], dict[str, list[float]]] = {}
    for number in range(900):
        hold_out = replace(strategy.hold_out, salt=f"h{number}")
        held = frozenset(people.filter(in_hold_out(people["customer_id"], hold_out))["customer_id"])
        if held not in chances:
            decided = settle(replace(strategy, hold_out=hold_out), people, DAY, is_cold=is_cold).decided
            assert (decided["probability"] > 0).all()
            chances[held] = dict(decided.select("customer_id", "chances").iter_rows())
    assert len(chances) == 2**6
    for held, logged in chances.items():
        for customer in held:
            assert logged[customer] == chances[held - {customer}][customer], (sorted(held), customer)
    if given != "none":
        assert any(len(set(map(tuple, logged.values()))) > 2 for logged in chances.values())


@pytest.mark.parametrize(
    "shape", ["no agents", "nothing of anything", "all below zero", "ties", "one giant", "nobody"]
)
def test_hard_shapes_keep_every_capacity_and_are_settled_alike_from_any_prices(
    shape: str, strategy: Strategy, tmp_path: Path
) -> None:
    people, text = market(300), TEXT
    worth = [name for name in people.columns if name.startswith(VALUE)]
    if shape == "no agents":
        text = text.replace('per_day = "60"', 'per_day = "0"')
    elif shape == "nothing of anything":
        text = text.replace('per_day = "60"', 'per_day = "0"').replace('per_day = "25"', 'per_day = "0"')
    elif shape == "all below zero":
        people = people.with_columns(-pl.col(name).abs() - 0.5 for name in worth)
    elif shape == "ties":
        people = people.with_columns(pl.col(name) * 0 + 7 for name in worth)
    elif shape == "one giant":
        is_giant = pl.col("customer_id") == "C0007"
        people = people.with_columns(
            pl.when(is_giant).then(1e9).otherwise(pl.col(name)).alias(name) for name in worth
        )
    else:
        people = people.head(0)
    plain = without(written(text, tmp_path))
    first = settle(plain, people, DAY, is_cold=False)
    assert (first.capacities["used"] <= first.capacities["available"]).all()
    again = settle(plain, people, DAY, is_cold=False, earlier=first.capacities.select("capacity", "price"))
    assert (again.capacities["used"] <= again.capacities["available"]).all()
    totals = [_total(people, one) for one in (first, again)]
    assert totals[0] == pytest.approx(totals[1], rel=1e-3)
    done = first.decided["treatment"]
    prices = dict(first.capacities.select("capacity", "price").iter_rows())
    assert np.isfinite(list(prices.values())).all()
    if shape in ("no agents", "nothing of anything"):
        assert "call" not in set(done)
        assert prices["agents"] > 0, "what a first hour would be worth"
    elif shape == "all below zero":
        assert set(done) == {"none"}
        assert set(prices.values()) == {0.0}
    elif shape == "ties":
        assert (done == "call").sum() == 10
        assert (done == "text").sum() == 25
    elif shape == "one giant":
        giant = first.decided.filter(pl.col("customer_id") == "C0007")["treatment"].item()
        assert giant != "none"
        assert prices["agents"] < 1e3
    lotted = settle(strategy, people, DAY, is_cold=False)
    assert (lotted.decided["probability"] > 0).all()


def _total(people: pl.DataFrame, settled: Settled) -> float:
    rows = people.join(settled.decided, on="customer_id")
    names = [name.removeprefix(VALUE) for name in people.columns if name.startswith(VALUE)]
    each = [pl.when(pl.col("treatment") == name).then(pl.col(VALUE + name)) for name in names]
    return float(rows.select(pl.coalesce(*each, 0.0).sum()).item())


@pytest.mark.slow
def test_who_would_push_others_from_place_to_place_is_told_the_chance_they_would_have_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who takes a call may send its holder to a text message, and that one's holder home: the whole chain is weighed."""
    text = TEXT[: TEXT.index("[exploring]")].replace('per_day = "60"', 'per_day = "18"')
    strategy = written(text.replace('per_day = "25"', 'per_day = "6"'), tmp_path)
    people, held = market(40), set[str]()
    monkeypatch.setattr(deciding, "in_hold_out", lambda ids, _: pl.Series([one in held for one in ids]))

    def logged(these: set[str]) -> dict[str, list[float]]:
        held.clear()
        held.update(these)
        settled = settle(strategy, people, DAY, is_cold=False)
        return dict(settled.decided.select("customer_id", "chances").iter_rows())

    lots, names = np.random.default_rng(1), people["customer_id"].to_list()
    dear = people.sort("value of call", descending=True, nulls_last=True)["customer_id"].to_list()
    for _ in range(40):
        these = {name for name in names if lots.random() < 0.2}
        chances = logged(these)
        for name in [one for one in dear if one in these][:3]:
            assert chances[name] == logged(these - {name})[name], (sorted(these), name)
