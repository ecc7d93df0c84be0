"""No gain in money is paid with complaints, contacts or cures: the objective's floors bind in the day's assignment."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from dunwell.nightly.capacities import FLOOR, capacities_told
from dunwell.nightly.market import Settled, settle
from dunwell.strategy.floors import floor_costs, untold_floors
from dunwell.strategy.linting import cautions
from dunwell.strategy.text import Strategy
from tests.nightly.test_market import DAY, TEXT, market, without, written

EXPECTS = """
expects = { complaints_per_thousand = "4", cures_per_thousand = "50" }
"""
COUNT = 400


def held_to(folder: Path, floors: str, anyway: str = "0", text: str = TEXT) -> Strategy:
    """The text with floors; a call brings four complaints and fifty cures in a thousand. No capacity binds, and no lots."""
    head = (
        f'[objective]\nwindow_days = 10\ncured_anyway = "{anyway}"\n[objective.floors]\n{floors}\n[[segment]]'
    )
    text = text.replace("[[segment]]", head, 1).replace(
        'skill = "any"\ncost', f'skill = "any"{EXPECTS}cost', 1
    )
    text = text.replace('per_day = "60"', 'per_day = "60000"').replace('per_day = "25"', 'per_day = "25000"')
    return without(written(text, folder))


def calls(settled: Settled) -> int:
    return int((settled.decided["treatment"] == "call").sum())


def expected(settled: Settled, name: str) -> tuple[float, float, float]:
    """Expected events, the day's share of them, and the price of one."""
    used, most, least, price = (
        settled.capacities.filter(pl.col("capacity") == name)
        .select("used", "available", "at_least", "price")
        .row(0)
    )
    return used / 1e6, (most if least is None else least) / 1e6, price * 1e6


def test_complaints_bind_have_a_price_and_go_to_the_calls_that_bring_most(tmp_path: Path) -> None:
    strategy = held_to(tmp_path, 'complaints_per_thousand_max = "10"')
    people = market(COUNT)
    free = settle(
        without(strategy, objective=replace(strategy.objective, floors={})), people, DAY, is_cold=False
    )
    bound = settle(strategy, people, DAY, is_cold=False)
    used, most, price = expected(bound, "complaints_per_thousand_max")
    assert most == pytest.approx(10 / 1000 * COUNT / 10)
    assert calls(free) * 0.004 > most >= used > most - 0.004
    assert price > 0
    assert bound.gap < 0.01
    values = people["value of call"]
    given = bound.decided["treatment"] == "call"
    cost = 0.004 * price
    assert floor_costs(strategy, {"complaints_per_thousand_max": price})["call"] == pytest.approx(cost)
    assert bound.treatment_prices["call"] == pytest.approx(cost)
    assert (values.filter(given) > cost - 1e-3).all()
    (told,) = capacities_told(strategy, bound).filter(pl.col("kind") == FLOOR).iter_rows(named=True)
    assert (
        f"one more would be worth about {price:,.2f} EUR today; 0.40 complaints expected of the day's 0.40"
        in told["told_en"]
    )
    more = replace(strategy.objective, floors={"complaints_per_thousand_max": Decimal("10.1")})
    wider = settle(without(strategy, objective=more), people, DAY, is_cold=False)
    worth = [_worth(people, one) for one in (bound, wider)]
    assert worth[1] - worth[0] == pytest.approx(0.004 * price, rel=0.5)


def _worth(people: pl.DataFrame, settled: Settled) -> float:
    rows = people.join(settled.decided, on="customer_id")
    each = [
        pl.when(pl.col("treatment") == name).then(pl.col(f"value of {name}"))
        for name in ("text", "call", "default notice")
    ]
    return float(rows.select(pl.coalesce(*each, 0.0).sum()).item())


def test_where_floors_do_not_bind_the_day_is_as_without_them(tmp_path: Path) -> None:
    floors = 'complaints_per_thousand_max = "900"\nopt_outs_per_thousand_max = "0"\ncure_share_min = "0.2"'
    strategy = held_to(tmp_path, floors, anyway="0.5")
    free = without(strategy, objective=replace(strategy.objective, floors={}))
    for is_cold in (True, False):
        bound, without_any = (settle(one, market(COUNT), DAY, is_cold=is_cold) for one in (strategy, free))
        assert bound.decided.equals(without_any.decided)
        assert expected(bound, "complaints_per_thousand_max")[2] == 0
    assert untold_floors(strategy) == ["opt_outs_per_thousand_max"]
    assert any(
        "opt_outs_per_thousand_max: no treatment says what it brings" in one for one in cautions(strategy)
    )


def test_cures_are_reached_although_money_would_have_it_otherwise(tmp_path: Path) -> None:
    strategy = held_to(tmp_path, 'cure_share_min = "0.6"', anyway="0.3")
    people = market(COUNT).with_columns(pl.col("value of call") - 9.0)
    free = settle(
        without(strategy, objective=replace(strategy.objective, floors={})), people, DAY, is_cold=False
    )
    bound = settle(strategy, people, DAY, is_cold=False)
    used, least, price = expected(bound, "cure_share_min")
    assert least == pytest.approx(0.3 * COUNT / 10)
    assert calls(free) * 0.05 < least <= used < least + 0.1
    assert price > 0 > bound.treatment_prices["call"]
    assert (bound.decided["probability"] == 1).all()


def test_a_floor_that_cannot_be_reached_says_so_and_is_come_as_near_as_can_be(tmp_path: Path) -> None:
    strategy = held_to(tmp_path, 'cure_share_min = "1"\ncomplaints_per_thousand_max = "20"', anyway="0")
    people = market(COUNT).with_columns(pl.col("value of call") - 9.0)
    bound = settle(strategy, people, DAY, is_cold=False)
    complaints, most, _ = expected(bound, "complaints_per_thousand_max")
    used, least, _ = expected(bound, "cure_share_min")
    assert complaints <= most
    assert least == pytest.approx(COUNT / 10) and used == pytest.approx(0.05 * int(most / 0.004), rel=0.01)
    told = capacities_told(strategy, bound).filter(pl.col("name") == "cure_share_min")["told_en"].item()
    assert told.startswith("cure_share_min: it cannot be reached today: ")
    assert told.endswith("Add capacity, or lower it.")


def test_a_share_of_less_than_a_contact_comes_on_so_many_days_as_make_it_up(tmp_path: Path) -> None:
    strategy = held_to(tmp_path, 'complaints_per_thousand_max = "2"')
    days = [settle(strategy, market(5), DAY + timedelta(days=n), is_cold=False) for n in range(40)]
    made = [calls(one) for one in days]
    assert set(made) == {0, 1}
    assert sum(made) == pytest.approx(40 * 0.002 * 5 / 10 / 0.004, abs=1)


def test_lots_keep_the_floors_too(tmp_path: Path) -> None:
    text = TEXT.replace('rate = "0.3"', 'rate = "0.9"')
    strategy = held_to(tmp_path, 'complaints_per_thousand_max = "5"', text=text)
    strategy = replace(strategy, explore_rate=0.9)
    for n in range(5):
        settled = settle(strategy, market(COUNT), date(2026, 1, 5) + timedelta(days=n), is_cold=False)
        used, most, _ = expected(settled, "complaints_per_thousand_max")
        assert used <= most
        assert settled.explored_count > 0
        assert (settled.decided["probability"] > 0).all()
