"""What kept days teach of a treatment today against waiting, from days whose truth is known."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dunwell.cli.workspace import copy_template
from dunwell.nightly.learning_days import STEPS_MIN, learn_over_waiting
from dunwell.nightly.offers import VALUE
from dunwell.settings import Settings, read_settings
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.over_waiting import OverWaiting, history_of
from dunwell.strategy.text import Strategy, read_strategy

FIRST = date(2026, 9, 1)
CALL, OWED, BY_ITSELF, BY_CALL = "negotiation by call", 1_000.0, 0.02, 0.06
"""What comes in each day, as a share of what is owed: of those left alone, and what a call adds."""


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Settings, Strategy]:
    copy_template(tmp_path / "shop")
    settings = read_settings(tmp_path / "shop")
    return settings, read_strategy(settings.root / "policy" / "strategy.toml")


def days_kept(
    settings: Settings, strategy: Strategy, count: int, customers: int, effect: float = BY_CALL
) -> tuple[list[tuple[str, date, tuple[str, ...]]], pl.DataFrame]:
    """Days on which three in ten were called by lot, as runs keep them; and what was paid on the day after."""
    lots = np.random.default_rng(5)
    names = strategy.treatment_names
    place = names.index(CALL)
    ids = pl.Series("customer_id", [f"C{number:04}" for number in range(customers)])
    days, paid = [], []
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
            }
        ).write_parquet(folder / "decisions" / f"{run_id}.parquet")
        about: Mapping[str, object] = {
            "run_id": run_id,
            "as_of": day.isoformat(),
            "strategy": {"currency": "CNY", "treatments": list(names), "prices": {}},
        }
        (folder / "decisions" / f"{run_id}.json").write_text(json.dumps(about), encoding="utf-8")
        pays = lots.random(customers) < (BY_ITSELF + effect * called) / 0.5
        paid.append(
            pl.DataFrame({"customer_id": ids.filter(pl.Series(pays))}).with_columns(
                pl.lit(day + timedelta(days=1)).alias("on"), pl.lit(0.5 * OWED).alias("amount")
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
        object.__setattr__(one, "prior_sd", type(one.prior_sd)("500"))


def test_a_call_today_is_worth_what_it_adds_over_waiting(shop: tuple[Settings, Strategy]) -> None:
    settings, strategy = shop
    vague(strategy)
    learned = learn_over_waiting(settings, strategy, *days_kept(settings, strategy, 25, 400))
    assert learned is not None
    assert set(learned.treatments) == {CALL}
    assert learned.given[CALL] == pytest.approx(0.3 * 400 * 24, rel=0.05)
    mean, spread = worth(learned)
    # Most of what it brings today would have come later anyway: less what it takes off the worth of what is owed tomorrow.
    cost = float(next(one.cost for one in strategy.treatments if one.name == CALL)) / OWED
    keeps, both = 1 - 1 / strategy.objective.window_days, BY_ITSELF + BY_CALL
    ahead = 0.0
    for _ in range(5_000):
        ahead = max(BY_ITSELF + keeps * (1 - BY_ITSELF) * ahead, both - cost + keeps * (1 - both) * ahead)
    true = BY_CALL * (1 - keeps * ahead) * OWED
    assert 0 < true < 0.3 * BY_CALL * OWED
    assert abs(mean - true) < 3 * spread
    assert spread < 0.5 * true


def test_a_call_that_adds_nothing_is_worth_nothing(shop: tuple[Settings, Strategy]) -> None:
    settings, strategy = shop
    vague(strategy)
    learned = learn_over_waiting(settings, strategy, *days_kept(settings, strategy, 25, 400, effect=0.0))
    assert learned is not None
    mean, spread = worth(learned)
    assert abs(mean) < 3 * spread
    assert abs(mean) < 10


def test_the_same_days_teach_the_same_and_survive_the_shelf(shop: tuple[Settings, Strategy]) -> None:
    settings, strategy = shop
    days, paid = days_kept(settings, strategy, 6, 300)
    first, again = (learn_over_waiting(settings, strategy, days, paid) for _ in range(2))
    assert first is not None
    assert again is not None
    assert first.as_dict() == again.as_dict()
    kept = OverWaiting.from_dict(json.loads(json.dumps(first.as_dict())))
    assert worth(kept) == worth(first)


def test_few_days_and_days_far_apart_teach_nothing(shop: tuple[Settings, Strategy]) -> None:
    settings, strategy = shop
    days, paid = days_kept(settings, strategy, 25, 400)
    assert learn_over_waiting(settings, strategy, days[:2], paid) is None
    assert STEPS_MIN > 400
    assert learn_over_waiting(settings, strategy, days[::10], paid) is None


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
