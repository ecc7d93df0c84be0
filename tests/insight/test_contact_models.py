"""Reaching people with fewer tries: what is known before a try, the best channel and hour, and n tries in a row."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dunwell.insight.contacts import INPUTS, ContactModel, asks_of, attempts, load_contact_model
from dunwell.insight.contacts.attempts import _history, inputs_at
from dunwell.insight.problems import CannotScore, ModelDamaged
from dunwell.insight.scoring.measures import auc, calibration_error
from tests.insight.books import partition

Tables = Mapping[str, pl.DataFrame]
FIRST, LAST = date(2026, 1, 5), date(2026, 9, 30)
ZONE = "Asia/Shanghai"
CHANCE = {"morning": {"call": 0.45, "sms": 0.05}, "evening": {"call": 0.12, "sms": 0.30}}


@cache
def tables(people: int = 500, seed: int = 1) -> dict[str, pl.DataFrame]:
    """People of two kinds: early birds pick up before noon, others answer texts; the kind is nowhere written."""
    draw = np.random.default_rng(seed)
    rows, schema = [], partition().tables["contacts"].schema
    for person in range(people):
        is_early = person % 2 == 0
        days = np.sort(draw.choice((LAST - FIRST).days, 14, replace=False))
        for day in days.tolist():
            channel = "call" if draw.random() < 0.6 else "sms"
            hour = int(draw.choice([9, 10, 11, 14, 16, 18]))
            chance = CHANCE["morning" if is_early else "evening"][channel]
            chance *= (1.0 if (hour < 12) == is_early else 0.3) if channel == "call" else 1.0
            is_reached = draw.random() < chance
            at = datetime.combine(FIRST + timedelta(days=day), datetime.min.time(), ZoneInfo(ZONE))
            outcome = {"call": ("conversation", "no_answer"), "sms": ("replied", "delivered")}[channel]
            rows.append(
                (f"P{person}", at.replace(hour=hour).astimezone(UTC), channel, outcome[not is_reached])
            )
    told = pl.DataFrame(rows, schema=["customer_id", "at", "channel", "outcome"], orient="row")
    contacts = told.select(
        "customer_id",
        "at",
        "channel",
        "outcome",
        contact_id=pl.format("C{}", pl.int_range(pl.len())),
        direction=pl.lit("out"),
        party=pl.lit("self"),
        account_ids=pl.lit(None),
        contact_point_id=pl.lit(None),
        in_reply_to=pl.lit(None),
        recorded_at="at",
    )
    customers = partition().tables["customers"].head(1)
    customers = pl.concat(
        [customers.with_columns(customer_id=pl.lit(f"P{k}"), timezone=pl.lit(ZONE)) for k in range(people)]
    )
    return {
        **partition().tables,
        "contacts": contacts.select(pl.col(name).cast(kind) for name, kind in schema.items()),
        "customers": customers,
    }


@cache
def tries() -> pl.DataFrame:
    return attempts(tables(), LAST)


@cache
def fitted() -> ContactModel:
    return ContactModel(psi_max=10.0, rounds=120, folds=3).fit(
        tries().filter(pl.col("at") < datetime(2026, 7, 1, tzinfo=UTC))
    )


def later() -> pl.DataFrame:
    return tries().filter(pl.col("at") >= datetime(2026, 7, 1, tzinfo=UTC))


def test_what_is_known_before_a_try_is_what_a_person_would_count() -> None:
    frame = tables()["contacts"].filter(pl.col("customer_id") == "P3").sort("at")
    mine = tries().filter(pl.col("customer_id") == "P3").sort("at")
    rows = list(
        zip(frame["at"], frame["channel"].cast(pl.String), frame["outcome"].cast(pl.String), strict=True)
    )
    for k, told in enumerate(mine.iter_rows(named=True)):
        at, channel, _ = rows[k]
        before = rows[:k]
        reached = [then for then, _, outcome in before if outcome in ("conversation", "replied")]
        assert told["hour"] == at.astimezone(ZoneInfo(ZONE)).hour
        assert told["tries_30d"] == sum(at - then < timedelta(days=30) for then, _, _ in before)
        assert told["tries_on_channel"] == sum(one == channel for _, one, _ in before)
        assert told["tries_since_reached"] == sum(
            then > max(reached, default=then - timedelta(1)) for then, _, _ in before
        )
        days = told["days_since_reached"]
        assert (
            (days is None)
            if not reached
            else days == pytest.approx((at - reached[-1]) / timedelta(days=1), abs=1e-3)
        )


def test_a_grid_of_asks_is_what_each_ask_by_itself_is() -> None:
    """Counted once a person, channel and hour, or once a cell: the same."""
    at = datetime(2026, 6, 30, 12, tzinfo=UTC)
    people = [*tables()["customers"]["customer_id"].sort().head(60).to_list(), "nobody"]
    grid = asks_of(tables(), people, at, ("call", "sms"), range(8, 21))
    assert grid.height == 61 * 2 * 13 and grid["tries_at_hours"].n_unique() > 3
    history = _history(tables(), at.date(), None).filter(pl.col("_at") < at)
    one_by_one = inputs_at(history, grid.select("customer_id", "at", "channel", "hour", "weekday"))
    assert_frame_equal(grid, one_by_one.select(grid.columns))


def test_a_try_knows_nothing_of_what_comes_after() -> None:
    day = date(2026, 5, 31)
    until = pl.col("at") <= datetime(2026, 5, 31, 23, 59, tzinfo=UTC)
    past = {**tables(), "contacts": tables()["contacts"].filter(until)}
    assert_frame_equal(attempts(tables(), day), attempts(past, day))
    assert_frame_equal(tries().filter(until), attempts(past, day))


def test_it_tells_good_tries_from_poor_ones() -> None:
    target = later()["is_reached"].cast(pl.Float64).to_numpy()
    chance = fitted().predict_proba(later())[:, 1]
    assert auc(target, chance) > 0.66
    assert calibration_error(target, chance) < 0.04


def test_the_best_hour_is_the_one_at_which_the_person_answers() -> None:
    people = [f"P{k}" for k in range(100)]
    asks = asks_of(
        tables(), people, datetime(2026, 9, 30, tzinfo=UTC), ["call", "sms", "letter"], [10, 16, 23]
    )
    best = fitted().best(asks, most=1)
    never_tried = pl.col("hour").eq(23) | pl.col("channel").eq("letter")
    assert best.filter(never_tried).is_empty()
    early = best.filter(pl.col("customer_id").str.slice(1).cast(pl.Int32) % 2 == 0)
    others = best.filter(pl.col("customer_id").str.slice(1).cast(pl.Int32) % 2 == 1)
    assert ((early["channel"] == "call") & (early["hour"] == 10)).sum() > 0.7 * early.height
    assert (others["channel"] == "sms").sum() > 0.6 * others.height
    assert early["chance"].to_numpy().mean() > 0.24


def test_more_tries_reach_more_people_and_as_many_as_they_say() -> None:
    people = [f"P{k}" for k in range(500)]
    asks = asks_of(tables(), people, datetime(2026, 7, 1, tzinfo=UTC), ["call"], [10])
    told = fitted().within(asks, 4, days_apart=2.0)
    assert (np.diff(told, axis=1) >= 0).all() and (told <= 1).all()
    chances = [CHANCE["morning"]["call"], CHANCE["evening"]["call"] * 0.3]
    for n in range(4):
        truth = np.mean([1 - (1 - chance) ** (n + 1) for chance in chances])
        assert told[:, n].mean() == pytest.approx(truth, abs=0.09)
    with pytest.raises(CannotScore, match="at least one try"):
        fitted().within(asks, 0)


def test_saving_keeps_it_and_it_says_why(tmp_path: Path) -> None:
    asks = later().head(30)
    fitted().save(tmp_path / "model")
    again = load_contact_model(tmp_path / "model")
    assert again.explain(asks).equals(fitted().explain(asks))
    assert again.best(asks).equals(fitted().best(asks))
    assert any("multiplies the odds by" in reason for reason in fitted().explain(asks)["reasons"].explode())
    assert "reaches the person" in fitted().card(later()).markdown()
    again.psi_max = 0.25
    strange = pl.concat([asks] * 20).with_columns(tries_7d=pl.lit(40, pl.UInt32))
    with pytest.raises(CannotScore, match=r"not distributed as when the model learned: .*tries_7d"):
        again.best(strange)
    (tmp_path / "model" / "contacts.json").write_text("{}")
    with pytest.raises(ModelDamaged, match=r"contacts\.json"):
        load_contact_model(tmp_path / "model")
    with pytest.raises(CannotScore, match="tries_7d"):
        fitted().predict_proba(asks.drop("tries_7d"))


def test_a_person_never_contacted_is_asked_for_with_nothing_known() -> None:
    asks = asks_of(tables(), ["stranger"], datetime(2026, 9, 30, tzinfo=UTC), ["call"], [10])
    assert asks.columns == ["customer_id", "at", *INPUTS]
    assert asks["tries_on_channel"].item() == 0 and asks["days_since_reached"].item() is None
