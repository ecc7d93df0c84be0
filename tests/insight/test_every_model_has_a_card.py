"""Whatever learns here writes a card of itself: what it is for, figures with intervals, groups or why there are none, limits."""

import html
import importlib
import inspect
import math
import pkgutil
from collections.abc import Callable
from functools import cache

import numpy as np
import polars as pl
import pytest

import dunwell.insight
from dunwell.insight.contacts import CallLoad, ContactModel, load_card
from dunwell.insight.hazards import RepaymentHazards
from dunwell.insight.losses import losses_card
from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.rolls import RollRates, rolls_card
from dunwell.insight.scoring import AdditiveScorecard, BoostedModel, Scorecard
from dunwell.insight.scoring.card import ModelCard, model_card
from dunwell.insight.settlement import LossModel, affordability_card
from tests.insight.people import groups, people
from tests.insight.test_call_load import calls
from tests.insight.test_contact_models import fitted as contact_model
from tests.insight.test_contact_models import later as tries_later
from tests.insight.test_repayment_hazards import fitted as pays_model
from tests.insight.test_repayment_hazards import rows as pays_rows
from tests.insight.test_roll_rates import STATES, panel


def of_score(kind: type[Scorecard] | type[AdditiveScorecard] | type[BoostedModel]) -> ModelCard:
    frame, target = people(seed=6)
    model = kind().fit(*people())
    return model_card(model, frame, target, purpose="-", target_meaning="late", groups=groups())


def dealt(ids: pl.Series) -> pl.DataFrame:
    """Two groups that differ in nothing."""
    draw = np.random.default_rng(0)
    return (
        ids.unique(maintain_order=True)
        .to_frame()
        .with_columns(age=pl.Series(draw.choice(["a", "b"], ids.n_unique())))
    )


def of_rolls() -> ModelCard:
    late = panel(1500, 40, 3)
    return rolls_card(late, STATES, months=6, groups=dealt(late["account_id"]))


def of_losses() -> ModelCard:
    late = panel(1500, 40, 3)
    return losses_card(late, STATES, frozenset({"60"}), groups=dealt(late["account_id"]))


def of_loss_model() -> ModelCard:
    frame, _ = people()
    draw = np.random.default_rng(2)
    share = pl.Series(np.where(draw.random(frame.height) < 0.4, draw.random(frame.height), 0.0))
    return LossModel(rounds=20).fit(frame, share).card(frame, share, groups=groups())


def of_hazards() -> ModelCard:
    rows = pays_rows(300, 9)
    two = pl.Series(np.random.default_rng(0).choice(["a", "b"], rows.height))
    return pays_model().cards(rows, "Foretells payments.", groups=two)["cure"]


def of_contacts() -> ModelCard:
    rows = tries_later()
    two = pl.Series(np.random.default_rng(0).choice(["a", "b"], rows.height))
    return contact_model().card(rows, groups=two)


def paid(count: int = 400) -> pl.DataFrame:
    """People who pay about the same every month, each their own."""
    draw = np.random.default_rng(4)
    usual = draw.integers(50_00, 500_00, count)
    months = (usual[:, None] * np.clip(draw.normal(1, 0.3, (count, 9)), 0, None)).astype(np.int64)
    return pl.DataFrame(
        {"customer_id": [f"C{k}" for k in range(count)], "paid_by_month_minor": months.tolist()}
    )


def of_affordability() -> ModelCard:
    return affordability_card(paid(), groups=dealt(paid()["customer_id"]))


CARDS: dict[object, Callable[[], ModelCard]] = {
    Scorecard: lambda: of_score(Scorecard),
    AdditiveScorecard: lambda: of_score(AdditiveScorecard),
    BoostedModel: lambda: of_score(BoostedModel),
    RollRates: of_rolls,
    RepaymentHazards: of_hazards,
    ContactModel: of_contacts,
    CallLoad: lambda: load_card(calls()),
    LossModel: of_loss_model,
}
"""A card for each class that learns; what has no class of its own comes in MORE."""

MORE = {"expected_losses": of_losses, "affordability": of_affordability}


def models() -> set[object]:
    """Every class of the room that has ``fit`` and can be made."""
    found: set[object] = set()
    for module in pkgutil.walk_packages(dunwell.insight.__path__, "dunwell.insight."):
        for _, thing in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            if (
                thing.__module__.startswith("dunwell.insight")
                and hasattr(thing, "fit")
                and not inspect.isabstract(thing)
            ):
                found.add(thing)
    return found


def test_no_model_is_without_a_card() -> None:
    assert models() == set(CARDS)


@cache
def card_of(name: str) -> ModelCard:
    made = {getattr(kind, "__name__", ""): make for kind, make in CARDS.items()} | MORE
    return made[name]()


NAMES = [*(getattr(kind, "__name__", "") for kind in CARDS), *MORE]


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_it_is_measured_on_and_how_sure_that_is(name: str) -> None:
    card = card_of(name)
    assert card.purpose and card.target and card.measured_on and card.inputs and card.row_count > 0
    assert card.figures
    for key, figure in card.figures.items():
        assert math.isfinite(figure.value), key
        assert figure.low <= figure.value + 1e-9 and figure.value <= figure.high + 1e-9, key
    assert any(figure.low < figure.high for figure in card.figures.values())
    assert len(card.limits) >= 3
    for page in (card.markdown(), card.html()):
        assert card.purpose in html.unescape(page) and "Limits" in page


@pytest.mark.parametrize("name", [name for name in NAMES if name != "CallLoad"])
def test_a_card_tells_groups_apart(name: str) -> None:
    card = card_of(name)
    told = {group.group for group in card.groups} | {key[-1] for key in card.figures if "age_" in key}
    assert {"a", "b"} <= told
    assert not card.promotion_blocks


def test_a_card_of_calls_says_that_no_person_is_in_it() -> None:
    assert "no person" in card_of("CallLoad").markdown()


def test_the_card_of_a_forecast_sees_that_it_is_off() -> None:
    """Accounts that roll more and more: the counts foretold from the year before come out too low, and the card says so."""
    steady = of_rolls().figures["bias_of_the_late_6_months_on"]
    late = panel(1500, 40, 3)
    draw = np.random.default_rng(1)
    worse = late.with_columns(
        state=pl.when(pl.Series(draw.random(late.height)) < (pl.col("month") - 20).clip(0) / 60)
        .then(pl.lit("30"))
        .otherwise("state")
    )
    off = rolls_card(worse, STATES, months=6).figures["bias_of_the_late_6_months_on"]
    assert off.high < -0.05 < steady.low


def test_the_card_of_an_estimate_sees_a_group_that_pays_less_than_its_low_end() -> None:
    rows = paid()
    named = rows.select("customer_id").with_columns(age=pl.Series(["a", "b"] * (rows.height // 2)))
    unlucky = rows.with_columns(
        paid_by_month_minor=pl.when(named["age"] == "b")
        .then(
            pl.concat_list(pl.col("paid_by_month_minor").list.head(6), pl.lit([0, 0, 0], pl.List(pl.Int64)))
        )
        .otherwise("paid_by_month_minor")
    )
    card = affordability_card(unlucky, groups=named)
    assert any("age b" in caution for caution in card.cautions)


def test_a_past_too_short_to_measure_on_is_refused_in_words() -> None:
    with pytest.raises(TrainingUnusable, match="are needed"):
        rolls_card(panel(200, 20), STATES)
    with pytest.raises(TrainingUnusable, match="are needed"):
        losses_card(panel(200, 20), STATES, frozenset({"60"}))
    with pytest.raises(TrainingUnusable, match="at least"):
        affordability_card(paid(5))
