"""Losses to expect: defaults dated by the ledger, chances that hold at a later year, money that adds up."""

from datetime import date, timedelta
from functools import cache

import numpy as np
import polars as pl
import pytest

from dunwell.insight.losses import (
    DEFAULT,
    Defaults,
    Scenario,
    book_defaults,
    by_stage,
    default_chances,
    expected_losses,
    exposures,
    lost_shares,
)
from dunwell.insight.problems import CannotScore, TrainingUnusable
from dunwell.insight.rolls import BOOK_STATES, RollRates, book_panel, with_history
from dunwell.insight.rolls.book import DEFAULTED
from dunwell.ledger import positions
from tests.insight.books import LAST_DAY, partition, terms
from tests.insight.test_roll_rates import STATES, panel

SHARES = {"EUR": 0.6}


@cache
def rates() -> RollRates:
    return default_chances(with_history(panel(), STATES), STATES, frozenset({"60"}))


def accounts(**changes: object) -> pl.DataFrame:
    """One account of each state: 1,000.00 owed now, 800.00 at a default within the year, 100.00 in the year after."""
    rows = pl.DataFrame({"account_id": ["good", "late", "lost"], "state": ["ok", "30", "60"]}).with_columns(
        currency=pl.lit("EUR"),
        months_on_book=pl.lit(20),
        annual_rate=pl.lit(0.0),
        exposure_minor=pl.lit(100_000),
        exposure_in_1y=pl.lit(80_000),
        exposure_in_2y=pl.lit(10_000),
        **{f"exposure_in_{year}y": pl.lit(0) for year in range(3, 11)},
    )
    return rows.with_columns(pl.lit(value).alias(name) for name, value in changes.items())


def test_a_default_at_any_time_of_the_year_counts_though_it_is_over_by_its_end() -> None:
    states = ["ok", "60", *["ok"] * 14]
    one = pl.DataFrame({"account_id": ["A"] * 16, "month": range(16), "state": states})
    both = pl.concat([one, one.with_columns(account_id=pl.lit("B"), state=pl.lit("ok"))])
    told = default_chances(with_history(both, STATES), STATES, frozenset({"60"})).matrix()
    counted = told.filter(pl.col("next_state") == DEFAULT, pl.col("state") == "ok")["row_count"][0]
    assert counted == 1  # A in month 0; its months 2 and 3 are followed for a year without another


def test_chances_of_default_hold_for_a_year_not_learned_from() -> None:
    known = with_history(panel(3000, 40, 5), STATES)
    learned = default_chances(known.filter(pl.col("month") <= 27), STATES, frozenset({"60"}))
    now = known.filter(pl.col("month") == 27, pl.col("state") != "60")
    foretold = learned.chances(now)[:, learned.states.names.index(DEFAULT)]
    later = known.filter(pl.col("month").is_between(28, 39), pl.col("state") == "60")["account_id"]
    came = now["account_id"].is_in(later.implode()).to_numpy()
    assert foretold.sum() == pytest.approx(came.sum(), rel=0.06)
    early = now["state"].to_numpy() == "30"
    assert foretold[early].mean() == pytest.approx(came[early].mean(), abs=0.08)


def test_the_money_is_chance_times_what_is_owed_times_what_is_lost() -> None:
    told = expected_losses(accounts(), rates(), STATES, SHARES)
    good, late, lost = told.iter_rows(named=True)
    assert [row["stage"] for row in (good, late, lost)] == [1, 2, 3]
    assert good["loss_12m_minor"] == pytest.approx(good["chance_12m"] * 80_000 * 0.6)
    assert late["loss_12m_minor"] == pytest.approx(
        late["chance_12m"] * 100_000 * 0.6
    )  # has stopped paying already
    second = good["chance_life"] - good["chance_12m"]
    assert second > 0
    assert good["loss_life_minor"] == pytest.approx(good["loss_12m_minor"] + second * 10_000 * 0.6)
    assert lost["loss_12m_minor"] == lost["loss_life_minor"] == pytest.approx(60_000)
    assert [row["allowance_minor"] for row in (good, late, lost)] == [
        good["loss_12m_minor"],
        late["loss_life_minor"],
        lost["loss_life_minor"],
    ]
    sums = by_stage(told)
    assert sums["allowance_minor"].sum() == pytest.approx(told["allowance_minor"].sum())
    assert sums["accounts"].to_list() == [1, 1, 1]


def test_later_money_weighs_less_and_scenarios_weigh_as_they_are_told() -> None:
    plain = expected_losses(accounts(), rates(), STATES, SHARES)["loss_life_minor"].to_numpy()
    dear = expected_losses(accounts(annual_rate=0.2), rates(), STATES, SHARES)["loss_life_minor"].to_numpy()
    assert (dear[:2] < plain[:2]).all() and dear[2] == plain[2]
    worse, both = (
        expected_losses(accounts(), rates(), STATES, SHARES, views)["loss_12m_minor"].to_numpy()
        for views in ([Scenario("bad", 1, 2)], [Scenario("as now", 3, 1), Scenario("bad", 1, 2)])
    )
    plain = expected_losses(accounts(), rates(), STATES, SHARES)["loss_12m_minor"].to_numpy()
    assert (worse[:2] > plain[:2]).all() and worse[2] == plain[2]
    assert both == pytest.approx(0.75 * plain + 0.25 * worse)
    chance = plain[0] / (80_000 * 0.6)
    assert worse[0] / (80_000 * 0.6) == pytest.approx(2 * chance / (1 + chance))


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(CannotScore, match="EUR"):
        expected_losses(accounts(), rates(), STATES, {"USD": 0.5})
    with pytest.raises(CannotScore, match="weight"):
        expected_losses(accounts(), rates(), STATES, SHARES, [Scenario("none", 0)])
    with pytest.raises(TrainingUnusable, match="too few"):
        default_chances(with_history(panel(50, 9), STATES), STATES, frozenset({"60"}))


def test_a_books_defaults_are_those_of_its_positions() -> None:
    tables = partition(1500).tables
    debts = book_defaults(tables, terms(), LAST_DAY).debts
    assert debts.height > 20
    for day in (LAST_DAY, LAST_DAY - timedelta(days=100)):
        now = positions(tables, terms(), day).frame.filter(pl.col("past_due_days") >= 90)
        by_then = debts.filter(pl.col("charged_off_on") <= day)["account_id"]
        assert set(now["account_id"]) <= set(by_then)
    first = debts.sort("charged_off_on").row(0, named=True)
    on_day, before = (
        positions(tables, terms(), first["charged_off_on"] - timedelta(days=back))
        .frame.filter(pl.col("account_id") == first["account_id"])
        .row(0, named=True)["past_due_days"]
        for back in (0, 1)
    )
    assert (on_day, before) == (90, 89)


def test_a_default_sees_nothing_later() -> None:
    tables, then = partition(1500).tables, LAST_DAY - timedelta(days=150)
    whole = book_defaults(tables, terms(), LAST_DAY).debts
    early = book_defaults(tables, terms(), then)
    assert set(early.debts["account_id"]) <= set(whole["account_id"])
    assert early.debts["charged_off_on"].max() <= then  # type: ignore[operator]
    assert early.payments["paid_on"].max() <= then  # type: ignore[operator]


def test_what_is_owed_at_a_default_to_come_never_grows_by_the_year() -> None:
    told = exposures(partition(400).tables, terms(), LAST_DAY)
    owed = told.select("exposure_minor", *(f"exposure_in_{year}y" for year in range(1, 11))).to_numpy()
    assert (np.diff(owed.astype(np.float64), axis=1) <= 1).all()
    assert (owed[:, 0] > owed[:, 2]).any()


def test_an_accounts_state_is_that_of_the_day_and_of_a_month_end_the_panels() -> None:
    tables, day = partition(400).tables, date(2026, 10, 31)
    panel_then = book_panel(tables, terms(), day, 1)
    told = exposures(tables, terms(), day)
    both = panel_then.join(told, on="account_id")
    gone = set(
        tables["accounts"].filter(pl.col("status").cast(pl.String).is_in(["closed", "sold"]))["account_id"]
    )
    assert both.height == told.height and set(panel_then["account_id"]) - set(told["account_id"]) <= gone
    assert both["state"].equals(both["state_right"])
    assert (both["month"] - both["opened_month"] == both["months_on_book"]).all()
    late = positions(tables, terms(), LAST_DAY).frame.filter(pl.col("past_due_days") >= 90)["account_id"]
    now = exposures(tables, terms(), LAST_DAY).filter(pl.col("state").is_in(sorted(DEFAULTED)))
    assert set(now["account_id"]) == set(late) - gone
    sold = {
        **tables,
        "accounts": tables["accounts"].with_columns(
            status=pl.lit("sold").cast(tables["accounts"]["status"].dtype)
        ),
    }
    assert exposures(sold, terms(), LAST_DAY).is_empty()


def test_a_currency_with_few_defaults_of_its_own_takes_the_share_of_all() -> None:
    draw = np.random.default_rng(3)
    count, since = 200, date(2025, 1, 1)
    debts = pl.DataFrame(
        {
            "account_id": [f"A{k}" for k in range(count)],
            "currency": ["EUR"] * 195 + ["JPY"] * 5,
            "charged_off_on": [since] * count,
            "exposure_minor": draw.integers(50_000, 150_000, count),
        }
    )
    paid = debts.filter(pl.Series(draw.random(count) < 0.5)).select(
        "account_id", paid_on=pl.lit(since + timedelta(days=100)), amount_minor=pl.col("exposure_minor") // 2
    )
    told = lost_shares(Defaults(debts, paid), date(2026, 3, 1))
    eur, jpy = told.iter_rows(named=True)
    assert (eur["rests_on"], jpy["rests_on"]) == ("EUR", "all")
    assert eur["lost_share"] == pytest.approx(0.75, abs=0.04)
    assert eur["low"] < eur["lost_share"] < eur["high"]
    assert lost_shares(Defaults(debts.head(10), paid), date(2026, 3, 1)).is_empty()


def test_the_losses_of_a_book_add_up() -> None:
    tables = partition(1500).tables
    known = with_history(book_panel(tables, terms(), LAST_DAY, 26), BOOK_STATES)
    asked = exposures(tables, terms(), LAST_DAY)
    chances = default_chances(known, BOOK_STATES, DEFAULTED)
    told = expected_losses(asked, chances, BOOK_STATES, dict.fromkeys(asked["currency"].unique(), 0.6))
    assert told.height == asked.height
    assert (told["loss_12m_minor"] <= 0.6 * told["exposure_minor"] + 1).all()
    assert (told["loss_life_minor"] >= told["loss_12m_minor"] - 1e-6).all()
    worth = told.group_by("stage").agg(
        (pl.col("allowance_minor").sum() / pl.col("exposure_minor").sum()).alias("share")
    )
    one, two, three = worth.sort("stage")["share"].to_list()
    assert one < two < three == pytest.approx(0.6)
