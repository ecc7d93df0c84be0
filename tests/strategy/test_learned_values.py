"""Learned values of one day are all over the same thing, since one assignment holds them against each other."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from dunwell.strategy.assignment import assign
from dunwell.strategy.effects import Basis, Posterior
from dunwell.strategy.inputs import Columns
from dunwell.strategy.learned import CONTEXT, LearnedValues, save, values_of
from dunwell.strategy.over_waiting import OverWaiting
from dunwell.strategy.text import Strategy, read_strategy
from dunwell.strategy.treatment_rates import rate_of_events

TEXT = Path("src/dunwell/cli/new_workspace/policy/strategy.toml")


@dataclass(frozen=True)
class Taught:
    """What days taught, as ``OverWaiting`` tells it: the same for everybody."""

    worth: dict[str, float]

    @property
    def treatments(self) -> dict[str, int]:
        """By their place."""
        return {name: place for place, name in enumerate(self.worth)}

    def of(self, treatment: str, context: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """The worth and its spread."""
        return np.full(context.height, self.worth[treatment]), np.full(context.height, 0.1)


@pytest.fixture
def text(project: Path) -> Strategy:
    """Two treatments of no cost, each thought to bring 1 today."""
    shipped = read_strategy(project / TEXT)
    two = [
        replace(one, cost=one.cost * 0, prior_value=one.prior_value * 0 + 1, prior_of_owed=False)
        for one in shipped.treatments[:2]
    ]
    return replace(shipped, treatments=tuple(two))


@pytest.fixture
def learned(text: Strategy) -> Callable[[dict[str, float]], LearnedValues]:
    """Windows showed 10 over doing nothing for each treatment; days taught what is given, over waiting."""
    flat = Posterior(
        Basis((), None, np.zeros(0), np.zeros(0)), np.array([10.0]), np.eye(1) * 0.01, (10.0, 0.1), 500
    )
    posteriors = {one.name: flat for one in text.treatments}

    def with_days(worth: dict[str, float]) -> LearnedValues:
        days = cast(OverWaiting, Taught(worth)) if worth else None
        return LearnedValues(Columns((), (), (), ()), posteriors, "CNY", {}, over_waiting=days)

    return with_days


def context(count: int) -> pl.DataFrame:
    """Customers who owe alike."""
    return pl.DataFrame({name: [100.0] * count for name in CONTEXT})


def test_a_treatment_that_days_did_not_teach_wins_nothing_by_being_valued_over_nothing(
    text: Strategy, learned: Callable[[dict[str, float]], LearnedValues]
) -> None:
    """Who is contacted within the window pays 10 more, today or tomorrow alike: over waiting a day that is worth 2. A text
    message was taught so; an e-mail, just as good, only over nothing. Held against each other as they stand the e-mails
    would win it all, at 10 against 2.
    """
    sms, email = (one.name for one in text.treatments)
    taught = learned({sms: 2.0})
    values = values_of(text, taught, context(4))
    assert values.mean[:, 1] == pytest.approx(2.0)
    assert values.mean[:, 2] == pytest.approx(1.0), "not 10: that is over doing nothing for the whole window"
    uses = pl.DataFrame(
        {"treatment": [sms, email], "capacity": ["contacts"] * 2, "amount": [1, 1], "column": [None, None]},
        schema={"treatment": pl.String, "capacity": pl.String, "amount": pl.Int64, "column": pl.String},
    )
    capacity: dict[str, Any] = {
        "capacity": ["contacts"],
        "unit": ["one"],
        "available": [2],
        "at_least": [None],
    }
    limits = pl.DataFrame(
        capacity,
        schema={"capacity": pl.String, "unit": pl.String, "available": pl.Int64, "at_least": pl.Int64},
    )
    candidates = pl.DataFrame({"customer_id": list("ABCD"), sms: values.mean[:, 1], email: values.mean[:, 2]})
    done = assign(candidates, uses, limits)
    assert done.assigned["treatment"].drop_nulls().cast(pl.String).to_list() == [sms, sms]
    assert taught.baseline == "waiting"


def test_without_days_everything_is_over_doing_nothing(
    text: Strategy, learned: Callable[[dict[str, float]], LearnedValues]
) -> None:
    taught = learned({})
    assert values_of(text, taught, context(3)).mean[:, 1:] == pytest.approx(10.0)
    assert taught.baseline == "nothing"


def test_what_else_contacts_bring_survives_the_shelf(tmp_path: Path) -> None:
    rate = rate_of_events("call", "complaints_per_thousand", told=1.0, contacts=9_000, events=20)
    learned = LearnedValues(Columns((), (), (), ()), {}, "CNY", {}, rates=(rate,))
    kept = save(learned, tmp_path / "values")
    assert kept.rates == (rate,)
    other = save(replace(learned, rates=()), tmp_path / "others")
    assert other.sha256 != kept.sha256, "a decision names the model, its rates included"


def test_a_prior_that_is_a_share_is_worth_what_is_owed_and_nothing_where_no_rate_tells_that(
    text: Strategy,
) -> None:
    sms, email = text.treatments
    shares = replace(
        text,
        treatments=(
            replace(sms, prior_of_owed=True, prior_value=Decimal("0.03"), prior_sd=Decimal("0.01")),
            email,
        ),
    )
    owed = context(3).with_columns(past_due_total=pl.Series([100.0, 4000.0, None]))
    values = values_of(shares, None, owed)
    assert values.mean[:, 1].tolist() == [3.0, 120.0, 0.0]
    assert values.sd[:, 1].tolist() == [1.0, 40.0, 0.0]
    assert values.mean[:, 2].tolist() == [1.0, 1.0, 1.0]
