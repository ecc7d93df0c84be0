"""Time to repayment: chances that hold for people never seen, that no horizon contradicts, and the money that comes."""

from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dunwell.insight.hazards import (
    CHARGE_OFF,
    CURE,
    PARTIAL,
    Periods,
    RepaymentHazards,
    load_hazards,
    person_periods,
    repayment_rows,
)
from dunwell.insight.hazards.curves import STANDINGS, chained
from dunwell.insight.problems import CannotScore, ForbiddenInput, ModelDamaged, TrainingUnusable
from dunwell.ledger import positions
from tests.insight.books import LAST_DAY, partition, terms

CAUSES = (CURE, PARTIAL, CHARGE_OFF)
ORIGINS = [date(2026, 1, 1) + timedelta(days=30 * k) for k in range(3)]
LAST = 90


def debts(count: int, seed: int, origins: list[date] = ORIGINS) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Overdue accounts and what came of them day by day: the good pay soon, part payments make a cure likelier,
    the old are written off. A cure pays all that is overdue, a part payment a third.
    """
    draw = np.random.default_rng(seed)
    episodes, events = [], []
    for origin in origins:
        late, kept = draw.gamma(2, 30, count).round(), draw.beta(3, 2, count)
        owed = draw.integers(20_000, 90_000, count)
        ids = [f"A{k}" for k in range(count)]
        cure = np.exp(-4.5 + 2 * (kept - 0.6) - late / 120)
        there, paid = np.ones(count, bool), np.zeros(count, bool)
        for day in range(1, LAST + 1):
            chances = np.stack([cure * np.where(paid, 2, 1), np.full(count, 0.006), 0.002 * (late > 90)])
            roll = draw.random(count)
            edges = chances.cumsum(axis=0)
            for place, cause in enumerate(CAUSES):
                comes = there & (roll < edges[place]) & (roll >= (edges[place - 1] if place else 0))
                part = {"cure": 1, "partial": 3, "charge_off": 0}[cause.name]
                for k in np.flatnonzero(comes):
                    events.append((ids[k], origin, day, cause.name, int(owed[k] // part) if part else 0))
                if cause.ends:
                    there &= ~comes
                else:
                    paid |= comes
        episodes.append(
            pl.DataFrame(
                {"account_id": ids, "overdue_minor": owed, "days_late": late, "kept_share": kept}
            ).with_columns(origin=pl.lit(origin), followed_days=pl.lit(LAST))
        )
    told = pl.DataFrame(events, schema=["account_id", "origin", "day", "cause", "amount_minor"], orient="row")
    return pl.concat(episodes), told


def rows(count: int, seed: int, origins: list[date] = ORIGINS) -> pl.DataFrame:
    return person_periods(*debts(count, seed, origins), Periods(), CAUSES)


@cache
def fitted() -> RepaymentHazards:
    return RepaymentHazards(causes=CAUSES, rounds=60, folds=2).fit(rows(700, seed=1))


@cache
def never_seen() -> tuple[pl.DataFrame, pl.DataFrame]:
    return debts(1500, seed=2, origins=ORIGINS[:1])


def test_a_debt_becomes_a_row_for_each_stretch_until_it_ends() -> None:
    day = date(2026, 1, 1)
    episodes = pl.DataFrame(
        {
            "account_id": ["a", "b"],
            "origin": day,
            "followed_days": [30, 10],
            "overdue_minor": 100,
            "x": [1.0, 2.0],
        }
    )
    events = pl.DataFrame(
        {
            "account_id": ["a", "a", "a", "a", "b"],
            "origin": day,
            "day": [2, 9, 12, 20, 5],
            "cause": ["partial", "partial", "cure", "partial", "partial"],
            "amount_minor": [10, 20, 70, 99, 30],
        }
    )
    made = person_periods(episodes, events, Periods((0, 7, 14, 30)))
    assert made.select("account_id", "period", "payments_before", "event", "amount_minor").rows() == [
        ("a", 0, 0, "partial", 10),
        (
            "a",
            1,
            1,
            "cure",
            90,
        ),  # the ending event counts, and all the stretch's money; what follows is no more
        ("b", 0, 0, "partial", 30),  # followed for 10 days: the second stretch was not seen whole
    ]


def test_its_chances_hold_for_debts_it_never_saw() -> None:
    episodes, events = never_seen()
    told = fitted().predict_frame(episodes, ["account_id"])
    for day in (7, 30, 90):
        by_then = events.filter(pl.col("day") <= day)
        paid = by_then.filter(pl.col("cause") != "charge_off")["account_id"].n_unique() / episodes.height
        cured = by_then.filter(pl.col("cause") == "cure")["account_id"].n_unique() / episodes.height
        assert abs(float(told[f"pays_within_{day}"].to_numpy().mean()) - paid) < 0.03
        assert abs(float(told[f"cure_within_{day}"].to_numpy().mean()) - cured) < 0.03
    best, worst = (
        told.filter(pl.Series(episodes["kept_share"].to_numpy() > 0.8)),
        told.filter(pl.Series(episodes["kept_share"].to_numpy() < 0.4)),
    )
    assert best["cure_within_30"].to_numpy().mean() > 1.3 * worst["cure_within_30"].to_numpy().mean()


@given(
    arrays(np.float64, (4, STANDINGS, 5, 3), elements=st.floats(0, 1)),
    arrays(np.float64, (3, STANDINGS, 2), elements=st.floats(0, 2)),
)
def test_no_horizon_contradicts_another(raw: np.ndarray, money: np.ndarray) -> None:
    hazards = raw / np.maximum(1, raw.sum(axis=-1, keepdims=True))
    shares = {c.name: money[k] for k, c in enumerate(CAUSES) if c.pays}
    made = chained(lambda k, s: hazards[k, s], CAUSES, shares, Periods((0, 7, 30, 60, 90)), 5)
    ended = made.came["cure"] + made.came["charge_off"]
    for values in (*made.came.values(), made.paid, made.share, ended):
        by_day = np.column_stack([made.by_day(values, day) for day in range(91)])
        assert (np.diff(by_day, axis=1) >= -1e-9).all()
        assert (by_day[:, 0] == 0).all()
    for values in (made.paid, ended):
        assert (values <= 1 + 1e-9).all()
    assert (made.paid <= made.came["cure"] + made.came["partial"] + 1e-9).all()


def test_the_chain_says_what_a_simulation_of_it_says() -> None:
    hazards = np.array([[[0.2, 0.3, 0.1]], [[0.4, 0.1, 0.1]], [[0.5, 0.0, 0.2]]])  # by standing
    shares = {"cure": np.array([[1.0, 1.2]] * 3), "partial": np.array([[0.3, 0.1], [0.2, 0.05], [0.1, 0.02]])}
    made = chained(lambda k, s: hazards[s], CAUSES, shares, Periods((0, 1, 2, 3)), 1)
    draw, count = np.random.default_rng(0), 200_000
    standing, there = np.zeros(count, int), np.ones(count, bool)
    paid, cured, total, square_of_rest = (
        np.zeros(count, bool),
        np.zeros(count, bool),
        np.zeros(count),
        np.zeros(count),
    )
    for _ in range(3):
        roll = draw.random(count)
        edges = hazards[standing, 0].cumsum(axis=1)
        cures, parts = there & (roll < edges[:, 0]), there & (roll >= edges[:, 0]) & (roll < edges[:, 1])
        ends = there & (roll >= edges[:, 1]) & (roll < edges[:, 2])
        for comes, name in ((cures, "cure"), (parts, "partial")):
            mean, mean_square = shares[name][standing].T
            total += comes * mean
            square_of_rest += comes * (mean_square - mean**2)
        paid |= cures | parts
        cured |= cures
        standing = np.minimum(standing + parts, STANDINGS - 1)
        there &= ~cures & ~ends
    assert made.paid[0, -1] == pytest.approx(paid.mean(), abs=0.004)
    assert made.came["cure"][0, -1] == pytest.approx(cured.mean(), abs=0.004)
    assert made.share[0, -1] == pytest.approx(total.mean(), abs=0.005)
    assert made.share_square[0, -1] == pytest.approx((total**2 + square_of_rest).mean(), abs=0.01)


def test_the_money_comes_within_its_interval() -> None:
    held = 0
    for seed in range(20):
        episodes, events = debts(80, 100 + seed, ORIGINS[:1])
        told = fitted().expected_cash(episodes)
        assert (np.diff(told["by_then_minor"].to_numpy()) >= 0).all()
        at_60 = told.row(59, named=True)
        came = events.filter(pl.col("day") <= 60)["amount_minor"].sum()
        held += at_60["low_minor"] <= came <= at_60["high_minor"]
        assert at_60["high_minor"] < 1.6 * at_60["by_then_minor"]
    assert held >= 17


def test_saving_keeps_it_and_damage_is_refused(tmp_path: Path) -> None:
    frame = never_seen()[0].head(50)
    told = fitted().predict_frame(frame, ["account_id"])
    fitted().save(tmp_path / "model")
    again = load_hazards(tmp_path / "model")
    assert again.predict_frame(frame, ["account_id"]).equals(told)
    assert again.expected_cash(frame).equals(fitted().expected_cash(frame))
    file = tmp_path / "model" / "cure-trees-0.txt"
    file.write_text(file.read_text().replace("0", "1", 1))
    with pytest.raises(ModelDamaged, match=r"cure-trees-0\.txt"):
        load_hazards(tmp_path / "model")


def test_it_says_why_and_writes_its_cards() -> None:
    frame = never_seen()[0].head(3)
    [first, *_] = fitted().explain(frame, "cure", keys=["account_id"])["reasons"]
    assert all("multiplies the odds by" in reason for reason in first)
    cards = fitted().cards(rows(300, seed=5, origins=ORIGINS[:1]), "When money comes.")
    assert set(cards) == {cause.name for cause in CAUSES}
    assert cards["cure"].figures["calibration_error"].value < 0.02


def test_what_it_was_not_made_for_is_refused() -> None:
    episodes, events = never_seen()
    with pytest.raises(CannotScore, match="days_late"):
        fitted().curves(episodes.drop("days_late"))
    with pytest.raises(CannotScore, match="not distributed as when the model learned: days_late"):
        fitted().curves(episodes.with_columns(days_late=pl.col("days_late") + 200))
    with pytest.raises(CannotScore, match="day 91 is not foretold"):
        fitted().predict_frame(episodes.head(5), days=[91])
    with pytest.raises(CannotScore, match="has not learned"):
        RepaymentHazards().curves(episodes)
    with pytest.raises(ForbiddenInput, match="gender"):
        RepaymentHazards(causes=CAUSES).fit(rows(50, seed=3).with_columns(gender=pl.lit(1)))
    with pytest.raises(TrainingUnusable, match="'charge_off', which is none of cure, partial"):
        person_periods(episodes, events, Periods())
    with pytest.raises(TrainingUnusable, match="must begin with 0"):
        Periods((1, 7))


def test_a_book_tells_when_its_accounts_were_cured() -> None:
    tables = partition().tables
    origin = date(2026, 6, 30)
    made = repayment_rows(tables, terms(), [origin], LAST_DAY, Periods((0, 7, 30, 90)))
    late = _late_on(origin)
    assert set(made["account_id"]) <= late
    for days, period in ((7, 0), (30, 1)):
        still = _late_on(origin + timedelta(days=days))
        cured = set(made.filter(pl.col("event") == "cure", pl.col("period") <= period)["account_id"])
        # Who is clear then was cured; who was cured may be late again with the next instalment.
        assert late - still <= cured
    paid = tables["payments"].filter(
        pl.col("paid_on").is_between(origin, origin + timedelta(days=90), closed="right")
    )
    assert 0 < made["amount_minor"].sum() <= paid["amount_minor"].sum()


def _late_on(day: date) -> set[str]:
    frame = positions(partition().tables, terms(), day).frame
    return set(frame.filter(pl.col("past_due_days") > 0)["account_id"])
