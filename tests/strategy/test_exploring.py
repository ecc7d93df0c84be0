"""Lots fall where they cost little, and together forgo no more than they may."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dunwell.strategy.exploring import NEW_DAYS, chances_by_gap, even_chances, more_after_turn
from dunwell.strategy.text import read_strategy
from dunwell.strategy.turning import Turned

TEXT = Path("src/dunwell/cli/new_workspace/policy/strategy.toml")
RATE = 0.6


def net(count: int = 3_000, seed: int = 1) -> NDArray[np.float64]:
    """What two treatments are worth at the day's prices: seldom more than nothing, and much for a few; some are ruled out."""
    draw = np.random.default_rng(seed)
    worth = draw.lognormal(2.0, 1.0, (count, 3)) - 20.0
    worth[:, 0] = 0.0
    worth[:, 1:][draw.random((count, 2)) < 0.2] = np.nan
    return worth


def forgone(worth: NDArray[np.float64], chances: NDArray[np.float64]) -> float:
    """What lots with these chances are expected to forgo."""
    return float(np.nansum((np.nanmax(worth, axis=1, keepdims=True) - worth) * chances))


@pytest.mark.parametrize("most", [1e-3, 1.0, 50.0, 2_000.0])
def test_all_lots_together_forgo_what_they_may_and_nobody_is_left_without_a_chance(most: float) -> None:
    worth = net()
    allowed = ~np.isnan(worth)
    chances = chances_by_gap(worth, RATE, most)
    assert forgone(worth, chances) == pytest.approx(most, rel=0.02)
    assert (chances[allowed] > 0).all()
    assert (chances[~allowed] == 0).all()
    assert (chances.sum(axis=1) <= RATE + 1e-12).all()
    assert (chances <= even_chances(allowed, RATE) + 1e-12).all()


def test_where_nothing_more_would_be_forgone_lots_are_even() -> None:
    worth = net()
    even = even_chances(~np.isnan(worth), RATE)
    assert np.array_equal(chances_by_gap(worth, RATE, forgone(worth, even)), even)
    ties = np.zeros((4, 3))
    assert np.array_equal(chances_by_gap(ties, RATE, 0.0), np.full((4, 3), RATE / 3))


def test_for_what_they_forgo_they_teach_several_times_more_than_even_lots() -> None:
    """How much a log teaches of a treatment goes with its chance times that of the rest."""
    worth = net()
    near = chances_by_gap(worth, 1.0, 300.0)
    cost = forgone(worth, near)
    even = even_chances(~np.isnan(worth), 300.0 / forgone(worth, even_chances(~np.isnan(worth), 1.0)))
    assert forgone(worth, even) == pytest.approx(cost, rel=0.02)
    taught_near, taught_even = ((own * (1 - own))[:, 1:].sum() for own in (near, even))
    assert taught_near > 2 * taught_even


def test_a_turn_that_is_new_lets_more_be_spent_and_only_where_the_text_spends() -> None:
    shipped = read_strategy(TEXT)
    spending = replace(shipped, explore_rate=0.5, explore_spend=0.05)
    turned_on = date(2026, 11, 1)
    turned = (Turned("a call", turned_on, 300.0, 0.05, 0.01),)
    for days, times in ((0, 2.0), (NEW_DAYS, 2.0), (NEW_DAYS + 1, 1.0), (-1, 1.0)):
        found = more_after_turn(spending, turned, turned_on + timedelta(days=days))
        assert found.explore_spend == pytest.approx(0.05 * times), days
    assert more_after_turn(shipped, turned, turned_on) is shipped
    assert more_after_turn(spending, (), turned_on) is spending
