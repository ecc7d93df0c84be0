"""What goes with an outcome: found when it is there, seldom when it is not, and told so that people can check it."""

from datetime import date, timedelta
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.insight_inputs import taiwan
from dunwell.insight import ForbiddenInput, TrainingUnusable
from dunwell.insight.drivers import (
    UNRECOVERED,
    Search,
    Subgroups,
    adjusted_p,
    case_events,
    chance_findings,
    compare_cohorts,
    driver_rows,
    paths,
    subgroups,
    telling,
)
from dunwell.insight.drivers.conditions import conditions_of
from dunwell.insight.drivers.search import beam_search
from dunwell.insight.drivers.tree import tree_leaves
from tests.insight.books import LAST_DAY, partition, terms
from tests.insight.lives import TODAY, Life, tables


def accounts(count: int = 4000, seed: int = 1) -> tuple[pl.DataFrame, pl.Series]:
    """Among noise, young cards from the north stay late twice as often as the rest."""
    draw = np.random.default_rng(seed)
    frame = pl.DataFrame(
        {
            "product": draw.choice(["card", "loan", "shop"], count),
            "months": draw.integers(0, 48, count).astype(float),
            "branch": draw.choice(["north", "south", "east", "west"], count),
            "amount": draw.lognormal(7, 1, count).round(2),
            "calls": draw.poisson(1.0, count),
        }
    ).with_columns(amount=pl.when(pl.Series(draw.random(count) < 0.1)).then(None).otherwise("amount"))
    is_driven = (frame["product"] == "card") & (frame["months"] <= 18)
    chance = np.where(is_driven.to_numpy(), 0.5, 0.25)
    return frame, pl.Series(draw.random(count) < chance)


@cache
def found() -> Subgroups:
    frame, late = accounts()
    return subgroups(frame, late, frame.columns, period=pl.Series(np.arange(frame.height) % 5))


def test_the_subgroup_that_drives_is_found_first_and_said_in_words() -> None:
    first = found().found.row(0, named=True)
    assert len(first["conditions"]) == 2
    assert "product: card" in first["conditions"]
    assert "months: at most 1" in first["subgroup"]
    assert first["low"] < 0.25 < first["high"]
    assert first["inside"] == pytest.approx(0.5, abs=0.08)
    assert first["same_sign_share"] == 1.0
    assert first["period_count"] == 5


def test_the_figures_are_of_rows_the_search_did_not_see() -> None:
    told = found()
    assert told.explored_count + told.held_out_count == 4000
    row = told.frame.row(0, named=True)
    assert row["row_count"] < told.held_out_count
    assert row["difference"] == pytest.approx(row["inside"] - row["outside"])


def test_noise_columns_are_not_found() -> None:
    told = found().found
    assert not [row for row in told["subgroup"] if "product" not in row and "months" not in row]


def test_the_search_keeps_what_trying_all_pairs_would() -> None:
    frame, late = accounts(800)
    target = late.cast(pl.Float64).to_numpy()
    conditions = conditions_of(frame, frame.columns, cuts=3)
    holds = np.column_stack([one.holds(frame) for one in conditions])
    scale = target.std()

    def errors(inside: np.ndarray) -> float:
        count = inside.sum()
        distance = abs(target[inside].sum() - count * target.mean())
        return float(distance / (scale * np.sqrt(count * (1 - count / len(target)))))

    wide = beam_search(
        conditions, holds.astype(np.float32), target, depth=2, beam=len(conditions), most=1, rows_min=40
    )
    pairs = [
        (errors(both), pair)
        for pair in [*combinations(range(len(conditions)), 2), *((k, k) for k in range(len(conditions)))]
        if 40 <= (both := holds[:, pair[0]] & holds[:, pair[1]]).sum() <= 760
    ]
    inside = np.logical_and.reduce([holds[:, place] for place in wide[0]])
    assert errors(inside) == pytest.approx(max(pairs)[0], rel=1e-4)


@pytest.mark.parametrize("adjust", ["bh", "by"])
def test_shuffled_labels_bring_findings_no_oftener_than_the_level(adjust: str) -> None:
    frame, late = accounts(1000)
    search = Search(adjust="by" if adjust == "by" else "bh", depth=2, beam=10)
    chance = chance_findings(frame, late, frame.columns, rounds=30, search=search)
    assert chance.low <= 0.05
    assert chance.value <= 0.14


def test_a_person_with_many_accounts_counts_once() -> None:
    """Every account thirty times: without groups the same noise is surely 'found', with groups it is not."""
    draw = np.random.default_rng(3)
    person = np.repeat(np.arange(60), 30)
    frame = pl.DataFrame({name: draw.normal(size=60)[person] for name in "abcdefgh"})
    late = pl.Series((draw.random(60) < 0.4)[person])
    assert subgroups(frame, late, frame.columns).found.height > 0
    assert subgroups(frame, late, frame.columns, groups=pl.Series(person)).found.height == 0
    assert chance_findings(frame, late, frame.columns, rounds=6, groups=pl.Series(person)).low <= 0.05


def test_adjustment_agrees_with_the_step_up_rule() -> None:
    p = [0.001, 0.012, 0.03, 0.04, 0.5]
    by_hand = [min(p[j] * 5 / (j + 1) for j in range(k, 5)) for k in range(5)]
    assert adjusted_p(p, "bh") == pytest.approx(by_hand)
    harmonic = sum(1 / k for k in range(1, 6))
    assert adjusted_p(p, "by") == pytest.approx([min(1.0, one * harmonic) for one in by_hand])
    assert adjusted_p([], "bh") == []


def test_what_nobody_may_be_told_apart_by_is_refused() -> None:
    frame, late = accounts()
    with pytest.raises(ForbiddenInput, match="'religion' is religion"):
        subgroups(frame.with_columns(religion=pl.lit("a")), late, [*frame.columns, "religion"])
    with pytest.raises(ForbiddenInput, match="'sex' is sex"):
        compare_cohorts(frame.with_columns(sex=1, outcome=0), frame.with_columns(sex=1, outcome=0), ["sex"])


@pytest.mark.parametrize(
    ("rows", "target", "said"),
    [
        (100, None, "100 rows are too few"),
        (1000, 0.0, "the same in every row"),
        (1000, "x", "a number in every row"),
    ],
)
def test_what_cannot_be_compared_is_refused(rows: int, target: float | str | None, said: str) -> None:
    frame, late = accounts(rows)
    values = late if target is None else pl.Series([target] * rows)
    with pytest.raises(TrainingUnusable, match=said):
        subgroups(frame, values, frame.columns)


def test_chinese_words() -> None:
    frame, late = accounts()
    told = subgroups(frame, late, frame.columns, language="zh", meanings={"product": "产品"})
    assert "产品为card" in told.found["subgroup"][0]


# Rows of a book.


def test_money_lost_is_what_did_not_come_in() -> None:
    pays_half = Life("half", paid=[(date(2026, 10, 20), "50.00")]).pays(until=date(2026, 9, 1))
    pays_all = Life("all", paid=[(date(2026, 10, 20), "200.00")]).pays(until=date(2026, 9, 1))
    pays_none = Life("none").pays(until=date(2026, 9, 1))
    rows = driver_rows(
        tables([pays_half, pays_all, pays_none]), terms(), [date(2026, 10, 16)], 30, UNRECOVERED
    )
    lost = dict(zip(rows.frame["customer_id"], rows.frame["outcome"], strict=True))
    assert lost == pytest.approx({"half": 0.75, "all": 0.0, "none": 1.0})


def test_a_lenders_own_columns_are_looked_in_but_not_the_forbidden() -> None:
    book = dict(partition().tables)
    count = book["accounts"].height
    draw = np.random.default_rng(0)
    book["accounts"] = book["accounts"].with_columns(
        shop_size=pl.Series(draw.integers(0, 9, count)),
        geschlecht=pl.Series(draw.choice(["M", "F"], count)),
        gps_home=pl.lit("51.5,0.1"),
        reference=pl.Series([f"R{k}" for k in range(count)]),
    )
    rows = driver_rows(book, terms(), [LAST_DAY - timedelta(days=30)], 30, "stays-late")
    assert rows.left_out == {"geschlecht": "sex", "gps_home": "location trails"}
    assert "shop_size" in rows.columns
    assert "reference" not in rows.columns
    assert "product" in telling(rows.frame, rows.columns)


# Paths of cases.


def three_cases() -> pl.DataFrame:
    lives = [
        Life("texted", paid=[(date(2026, 9, 20), "100.00")])
        .pays(until=date(2026, 9, 1))
        .pays(since=date(2026, 10, 1))
        .tried("delivered", date(2026, 9, 18), channel="sms"),
        Life("called")
        .pays(until=date(2026, 9, 1))
        .tried("no_answer", date(2026, 9, 20), date(2026, 9, 25), date(2026, 10, 9)),
        Life("on-time").pays(),
    ]
    return case_events(tables(lives), terms(), TODAY)


def test_a_case_is_its_events_in_order() -> None:
    events = three_cases()
    first = events.filter(pl.col("case_id") == "A-texted 2026-09-16")
    assert first["activity"].to_list() == ["falls past due", "sms: delivered", "payment", "cured"]
    assert first["on"].to_list() == [date(2026, 9, day) for day in (16, 18, 20, 20)]
    open_case = events.filter(pl.col("case_id") == "A-called 2026-09-16")
    assert open_case["activity"].to_list() == ["falls past due", *["call: no answer"] * 3, "still open"]
    assert events["case_id"].n_unique() == 2


def test_what_follows_what_where_cases_stall_and_which_cure() -> None:
    told = paths(three_cases(), TODAY, cases_min=1)
    follows = {(a, b): (n, days) for a, b, n, _, days in told.follows.iter_rows()}
    assert follows["call: no answer", "call: no answer"] == (2, 9.5)
    assert follows["sms: delivered", "payment"] == (1, 2.0)
    assert told.stalls.row(0, named=True)["activity"] == "call: no answer"
    assert told.stalls.row(0, named=True)["longest_days"] == 42
    cured = dict(zip(told.variants["path"], told.variants["cured_share"], strict=True))
    assert cured == {"sms: delivered": 1.0, "call: no answer": 0.0}
    assert (told.case_count, told.cured_count) == (2, 1)


def test_what_repeats_without_effect_is_told() -> None:
    lives = [
        Life(f"b{k}", paid=[(date(2026, 9, 19), "100.00")] if k % 2 else [])
        .pays(until=date(2026, 9, 1))
        .tried("no_answer", date(2026, 9, 17), date(2026, 9, 29), date(2026, 10, 9))
        for k in range(60)
    ]
    repeats = paths(case_events(tables(lives), terms(), TODAY), TODAY).repeats
    moved = {nth: (count, hits) for nth, count, hits in repeats.select("nth", "count", "moved").iter_rows()}
    assert moved[1] == (60, 30)
    assert moved[2] == (30, 0)
    assert dict(zip(repeats["nth"], repeats["has_no_effect"], strict=True)) == {1: False, 2: True, 3: True}


# Months compared.


def test_a_change_is_told_apart_into_mix_and_rate() -> None:
    before = pl.DataFrame(
        {"branch": ["a"] * 800 + ["b"] * 200, "outcome": [0.0] * 720 + [1.0] * 80 + [0.0] * 100 + [1.0] * 100}
    )
    now = pl.DataFrame(
        {"branch": ["a"] * 500 + ["b"] * 500, "outcome": [0.0] * 450 + [1.0] * 50 + [0.0] * 250 + [1.0] * 250}
    )
    told = compare_cohorts(before, now, ["branch"])
    assert told["rate_effect"].to_list() == pytest.approx([0.0, 0.0])
    assert told["mix_effect"].sum() == pytest.approx(0.30 - 0.18)
    assert not told["has_changed"].any()
    worse = now.with_columns(
        outcome=pl.when((pl.col("branch") == "a") & (pl.int_range(pl.len()) % 3 == 0))
        .then(1.0)
        .otherwise("outcome")
    )
    assert compare_cohorts(before, worse, ["branch"]).filter("has_changed")["cell"].to_list() == ["a"]


def test_the_parts_of_every_column_add_up_to_the_whole_change() -> None:
    (first, late), (second, later) = accounts(1500, 1), accounts(1500, 2)
    told = compare_cohorts(
        first.with_columns(outcome=late.cast(pl.Float64)),
        second.with_columns(outcome=later.cast(pl.Float64)),
        first.columns,
    )
    parts = told.group_by("column").agg(whole=(pl.col("mix_effect") + pl.col("rate_effect")).sum())
    change = float(later.cast(pl.Float64).mean()) - float(late.cast(pl.Float64).mean())  # type: ignore[arg-type]
    assert parts["whole"].to_list() == pytest.approx([change] * first.width)


@pytest.mark.slow
def test_shuffled_card_clients_bring_few_findings_and_the_real_ones_many(real_data: Path) -> None:
    task = taiwan(real_data)
    columns = [
        "LIMIT_BAL",
        "EDUCATION",
        "AGE",
        "PAY_0",
        "PAY_2",
        "late_months",
        "used_mean",
        "paid_of_limit",
        "paid_months",
    ]
    rows = task.frame.select(columns)
    assert subgroups(rows, task.target, columns).found.height >= 15
    chance = chance_findings(rows, task.target, columns, rounds=100)
    assert chance.low <= 0.05


def test_a_tree_puts_every_row_in_one_leaf_and_the_driven_ones_together() -> None:
    frame, late = accounts()
    told = subgroups(frame, late, frame.columns, search=Search(way="tree", depth=2))
    assert told.frame["row_count"].sum() == told.held_out_count
    worst = told.found.sort("inside", descending=True).row(0, named=True)
    assert worst["conditions"][0] == "product: card" and "months: at most 1" in worst["conditions"][1]
    assert worst["low"] < 0.25 < worst["high"]
    assert any("product: not card" in row for row in told.frame["subgroup"])


def test_a_monotone_tree_has_no_leaf_against_the_direction_given() -> None:
    """The outcome dips in the middle of the days; held to rise, the tree says nothing lower beyond a cut."""
    draw = np.random.default_rng(8)
    days = draw.integers(0, 100, 6000).astype(float)
    frame = pl.DataFrame({"days": days, "branch": draw.choice(["north", "south"], 6000)})
    chance = 0.15 + 0.3 * (days > 30) - 0.25 * ((days > 50) & (days <= 70)) + 0.2 * (days > 70)
    late = pl.Series(draw.random(6000) < chance)
    explored = frame[:3000]
    conditions = conditions_of(explored, ["days", "branch"], cuts=10)
    holds = np.column_stack([one.holds(explored) for one in conditions]).astype(np.float32)
    grid = pl.DataFrame({"days": np.arange(0.0, 100), "branch": ["north"] * 100})

    def rises(risk: dict[str, int]) -> bool:
        target = late[:3000].cast(pl.Float64).to_numpy()
        leaves = tree_leaves(conditions, holds, target, depth=4, rows_min=60, risk=risk)
        assert len(leaves) > 2
        mean = np.full(100, np.nan)
        for members in leaves:
            inside, here = (
                np.logical_and.reduce([one.holds(f) for one in members]) for f in (explored, grid)
            )
            mean[here] = target[inside].mean()
        return bool((np.diff(mean) >= 0).all())

    assert rises({"days": 1}) and not rises({})


def test_shuffled_labels_grow_no_tree_that_holds() -> None:
    frame, late = accounts(1000)
    chance = chance_findings(frame, late, frame.columns, rounds=30, search=Search(way="tree"))
    assert chance.low <= 0.05
