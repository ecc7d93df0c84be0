"""What kept days teach of a treatment today against waiting, from days whose truth is known."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dunwell.cli.workspace import copy_template
from dunwell.nightly.learning_days import CHOICES_MIN, learn_over_waiting
from dunwell.nightly.offers import VALUE
from dunwell.settings import Settings, read_settings
from dunwell.strategy.blips import WINDOW_DAYS
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.over_waiting import OverWaiting, history_of
from dunwell.strategy.text import Strategy, read_strategy

FIRST = date(2026, 9, 1)
LAST = FIRST + timedelta(days=25)
CALL, OWED, BY_ITSELF, BY_CALL = "negotiation by call", 1_000.0, 0.002, 0.03
"""What comes in, as a share of what is owed: each day of those left alone, and what a call adds evenly over four weeks."""


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Settings, Strategy]:
    copy_template(tmp_path / "shop")
    settings = read_settings(tmp_path / "shop")
    return settings, read_strategy(settings.root / "policy" / "strategy.toml")


def days_kept(
    settings: Settings,
    strategy: Strategy,
    count: int,
    customers: int,
    effect: float = BY_CALL,
    since: tuple[int, float] | None = None,
) -> tuple[list[tuple[str, date, tuple[str, ...]]], pl.DataFrame]:
    """Days on which three in ten were called by lot, as runs keep them; and what was paid. ``since``: from a day on a call adds
    something else.
    """
    lots = np.random.default_rng(5)
    names = strategy.treatment_names
    place = names.index(CALL)
    ids = pl.Series("customer_id", [f"C{number:04}" for number in range(customers)])
    days, paid = [], []
    adds = np.zeros((customers, count + WINDOW_DAYS))
    for number in range(count):
        run_id, day = f"run-{number:03}", FIRST + timedelta(days=number)
        called = lots.random(customers) < 0.3
        chances = np.zeros((customers, len(names)))
        chances[:, 0], chances[:, place] = 0.7, 0.3
        market: dict[str, object] = {
            "customer_id": ids,
            "currency": ["CNY"] * customers,
            "past_due_days": [40.0] * customers,
            "delinquent_days": [40.0] * customers,
            "past_due_accounts": [1.0] * customers,
            "past_due_total": [OWED] * customers,
            "outstanding_principal": [9_000.0] * customers,
            "days_since_contact": [None] * customers,
            "contacts_30_days": [0.0] * customers,
            **{VALUE + name: [1.0 if name == CALL else None] * customers for name in names[1:]},
            "chances": chances.tolist(),
        }
        folder = settings.evidence_folder
        for name in ("markets", "decisions"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        pl.DataFrame(market, strict=False).write_parquet(folder / "markets" / f"{run_id}.parquet")
        pl.DataFrame(
            {
                "customer_id": ids,
                "treatment": np.where(called, CALL, NOTHING),
                "probability": np.where(called, 0.3, 0.7),
                "arm": pl.Series([None] * customers, dtype=pl.String),
            }
        ).write_parquet(folder / "decisions" / f"{run_id}.parquet")
        about: Mapping[str, object] = {
            "run_id": run_id,
            "as_of": day.isoformat(),
            "strategy": {"currency": "CNY", "treatments": list(names), "prices": {}},
        }
        (folder / "decisions" / f"{run_id}.json").write_text(json.dumps(about), encoding="utf-8")
        now = effect if since is None or number < since[0] else since[1]
        adds[:, number : number + WINDOW_DAYS] += now / WINDOW_DAYS * called[:, None]
        pays = lots.random(customers) < (BY_ITSELF + adds[:, number]) / 0.1
        paid.append(
            pl.DataFrame({"customer_id": ids.filter(pl.Series(pays))}).with_columns(
                pl.lit(day + timedelta(days=1)).alias("on"), pl.lit(0.1 * OWED).alias("amount")
            )
        )
        days.append((run_id, day, names))
    return days, pl.concat(paid)


def worth(learned: OverWaiting) -> tuple[float, float]:
    asked = pl.DataFrame({"past_due_days": [40.0], "past_due_total": [OWED]})
    mean, spread = learned.of(CALL, asked)
    return float(mean[0]), float(spread[0])


def vague(strategy: Strategy) -> None:
    for one in strategy.treatments:
        object.__setattr__(one, "prior_sd", type(one.prior_sd)("0.5"))


def test_a_call_today_is_worth_what_it_adds_whatever_calls_follow(shop: tuple[Settings, Strategy]) -> None:
    settings, strategy = shop
    vague(strategy)
    days, paid = days_kept(settings, strategy, 25, 800)
    learned = learn_over_waiting(settings, strategy, days, paid, LAST)
    assert learned is not None
    assert set(learned.treatments) == {CALL}
    assert learned.given[CALL] == pytest.approx(0.3 * 800 * 18, rel=0.08)
    mean, spread = worth(learned)
    assert abs(mean - BY_CALL * OWED) < 3 * spread
    assert spread < 0.4 * BY_CALL * OWED
    assert learned.turned == ()


def test_a_call_that_adds_nothing_is_worth_nothing(shop: tuple[Settings, Strategy]) -> None:
    settings, strategy = shop
    vague(strategy)
    learned = learn_over_waiting(
        settings, strategy, *days_kept(settings, strategy, 25, 400, effect=0.0), LAST
    )
    assert learned is not None
    mean, spread = worth(learned)
    assert abs(mean) < 3 * spread
    assert abs(mean) < 25


def test_who_is_held_out_or_in_an_experiment_every_day_is_no_lot_of_the_day(
    shop: tuple[Settings, Strategy],
) -> None:
    """Nothing changes for what is learned when others, of whom a lot decided once and for all, are added to the days."""
    settings, strategy = shop
    days, paid = days_kept(settings, strategy, 25, 300)
    alone = learn_over_waiting(settings, strategy, days, paid, LAST)
    for run_id, _, _ in days:
        for name in ("markets", "decisions"):
            file = settings.evidence_folder / name / f"{run_id}.parquet"
            rows = pl.read_parquet(file)
            others = rows.with_columns(pl.col("customer_id").str.replace("C", "H"))
            if name == "decisions":
                others = others.with_columns(
                    pl.lit("hold-out").alias("arm"), pl.lit(NOTHING).alias("treatment")
                )
            pl.concat([rows, others], how="vertical_relaxed").write_parquet(file)
    both = learn_over_waiting(settings, strategy, days, paid, LAST)
    assert alone is not None
    assert both is not None
    assert both.as_dict() == alone.as_dict()


@pytest.mark.slow
def test_a_call_that_stops_working_is_noticed_and_what_it_did_before_left_aside(
    shop: tuple[Settings, Strategy],
) -> None:
    settings, strategy = shop
    vague(strategy)
    days, paid = days_kept(settings, strategy, 70, 1_000, effect=0.06, since=(42, 0.0))
    until = FIRST + timedelta(days=70)
    learned = learn_over_waiting(settings, strategy, days, paid, until)
    assert learned is not None
    (turned,) = learned.turned
    assert turned.treatment == CALL
    assert abs((turned.since - (FIRST + timedelta(days=42))).days) <= 7
    mean, spread = worth(learned)
    assert abs(mean) < 3 * spread + 20
    kept = OverWaiting.from_dict(json.loads(json.dumps(learned.as_dict())))
    assert kept.turned == learned.turned
    object.__setattr__(strategy, "learning", replace(strategy.learning, alarm=0.0))
    blind = learn_over_waiting(settings, strategy, days, paid, until)
    assert blind is not None
    assert blind.turned == ()
    assert worth(blind)[0] > mean + 20


def test_the_same_days_teach_the_same_and_survive_the_shelf(shop: tuple[Settings, Strategy]) -> None:
    settings, strategy = shop
    days, paid = days_kept(settings, strategy, 6, 300)
    first, again = (learn_over_waiting(settings, strategy, days, paid, LAST) for _ in range(2))
    assert first is not None
    assert again is not None
    assert first.as_dict() == again.as_dict()
    kept = OverWaiting.from_dict(json.loads(json.dumps(first.as_dict())))
    assert worth(kept) == worth(first)


def test_few_days_teach_nothing_and_days_that_are_missing_do_no_harm(shop: tuple[Settings, Strategy]) -> None:
    settings, strategy = shop
    vague(strategy)
    days, paid = days_kept(settings, strategy, 25, 400)
    assert CHOICES_MIN > 400
    assert learn_over_waiting(settings, strategy, days[:1], paid, LAST) is None
    assert learn_over_waiting(settings, strategy, days, paid, days[6][1]) is None
    assert learn_over_waiting(settings, strategy, [*days[:8], *days[9:]], paid, LAST) is not None


def test_how_lately_somebody_was_contacted_is_counted_from_the_tape() -> None:
    contacts = pl.DataFrame(
        [
            ("C1", date(2026, 11, 20), "out"),
            ("C1", date(2026, 11, 1), "out"),
            ("C1", date(2026, 9, 1), "out"),
            ("C1", date(2026, 11, 22), "in"),
            ("C2", date(2026, 11, 25), "out"),
        ],
        schema={"customer_id": pl.String, "at": pl.Date, "direction": pl.String},
        orient="row",
    ).with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))
    told = history_of(contacts, pl.Series(["C2", "C1"]), date(2026, 11, 23))
    assert told.rows() == [(None, 0.0), (3.0, 2.0)]
    for none in (None, contacts.clear()):
        told = history_of(none, pl.Series(["C2", "C1"]), date(2026, 11, 23))
        assert told.rows() == [(None, 0.0), (None, 0.0)]
