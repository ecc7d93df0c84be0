"""What else contacts bring: the text's figure until the log has seen enough, then the log's, on the careful side."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from dunwell.strategy.floors import floor_uses
from dunwell.strategy.text import Strategy, read_strategy
from dunwell.strategy.treatment_rates import (
    PRIOR_CONTACTS,
    rate_of_effect,
    rate_of_events,
    with_rates,
)

COMPLAINTS, CURES = "complaints_per_thousand", "cures_per_thousand"


@pytest.fixture
def strategy(project: Path) -> Strategy:
    """The shipped text, its first two treatments saying that a thousand contacts bring one complaint."""
    shipped = read_strategy(project / "src/dunwell/cli/new_workspace/policy/strategy.toml")
    first, second, *others = shipped.treatments
    told = {COMPLAINTS: Decimal(1)}
    return replace(shipped, treatments=(replace(first, expects=told), replace(second, expects=told), *others))


def test_few_contacts_leave_the_texts_figure() -> None:
    rate = rate_of_events("call", COMPLAINTS, told=1.0, contacts=PRIOR_CONTACTS - 1, events=20)
    assert rate.counted == 1.0
    assert not rate.is_learned


def test_complaints_are_counted_on_the_high_side_and_cures_on_the_low() -> None:
    complaints = rate_of_events("call", COMPLAINTS, told=1.0, contacts=5_000, events=20)
    assert 1.0 < complaints.mean < 4.0 < complaints.counted  # drawn to the text, then to the careful side
    cures = rate_of_effect("call", CURES, told=40.0, contacts=5_000, mean=0.03, spread=0.01)
    assert 0 < cures.counted < cures.mean == 30.0
    harmful = rate_of_effect("call", CURES, told=40.0, contacts=5_000, mean=-0.03, spread=0.01)
    assert harmful.counted == 0.0


@pytest.mark.parametrize(("truly", "contacts"), [(2.0, 2_000), (6.0, 1_000), (6.0, 20_000)])
def test_the_true_rate_is_seldom_above_what_is_counted(truly: float, contacts: int) -> None:
    """Where the text is right, nine times in ten at least; and it is not counted many times too high."""
    events = np.random.default_rng(4).binomial(contacts, truly / 1000, 2_000)
    counted = np.array(
        [rate_of_events("call", COMPLAINTS, truly, contacts, int(one)).counted for one in events]
    )
    assert (counted >= truly).mean() > 0.88
    assert np.median(counted) < 2.2 * truly


def test_a_text_that_is_too_hopeful_gives_way_to_the_log() -> None:
    seen = rate_of_events("call", COMPLAINTS, told=1.0, contacts=50_000, events=500)
    assert seen.counted > 10.0


def test_floors_count_with_what_was_learned_where_the_text_says_anything(strategy: Strategy) -> None:
    first, second, third = (one.name for one in strategy.treatments[:3])
    learned = [
        rate_of_events(first, COMPLAINTS, told=1.0, contacts=10_000, events=50),
        rate_of_events(second, COMPLAINTS, told=1.0, contacts=10, events=5),  # too few
        rate_of_events(third, COMPLAINTS, told=0.0, contacts=10_000, events=50),  # the text says nothing
    ]
    uses = floor_uses(with_rates(strategy, learned))
    amounts = {
        name: amount
        for name, capacity, amount in uses.select("treatment", "capacity", "amount").iter_rows()
        if capacity == "complaints_per_thousand_max"
    }
    assert amounts[first] == pytest.approx(1000 * learned[0].counted, rel=0.001)
    assert amounts[second] == 1000
    assert third not in amounts
    assert with_rates(strategy, learned).hash == strategy.hash
