"""The manifest tells the truth: counts as on the tape, figures counted again by another road, targets met."""

import json
from collections.abc import Callable

import polars as pl
import pytest

from dunwell.rehearsal.facts import ROLL_RATES, TARGETS, Target
from tests.rehearsal.portfolios import Portfolio


def test_rows_and_kinds_are_those_of_the_tape(portfolio: Portfolio) -> None:
    said = portfolio.manifest
    assert said == json.loads((portfolio.folder / "manifest.json").read_text(encoding="utf-8"))
    assert said["rows"] == {name: len(portfolio.table(name)) for name in said["rows"]}
    kinds = portfolio.table("payments").group_by("kind").len()
    assert said["payments_by_kind"] == dict(kinds.rows())


@pytest.fixture(scope="module")
def larger(make_portfolio: Callable[..., Portfolio]) -> Portfolio:
    """Enough accounts that the rare states have some hundred cases."""
    return make_portfolio(60_000)


@pytest.mark.parametrize("target", TARGETS, ids=[target.name for target in TARGETS])
def test_the_calibration_is_met(larger: Portfolio, target: Target) -> None:
    """Within the stated tolerance and four standard errors of chance."""
    realised, cases = larger.figure(target.name)["realised"], larger.figure(target.name)["cases"]
    is_share = 0 < target.value < 1
    chance = 4 * (target.value * (1 - target.value) / cases) ** 0.5 if is_share else 0.0
    assert cases > 90
    assert abs(realised - target.value) <= target.tolerance + chance


def test_every_row_of_the_published_transitions_adds_up() -> None:
    assert ROLL_RATES.sum(axis=1) == pytest.approx(1.0)


def test_late_payers_counted_again_from_the_money_alone(make_portfolio: Callable[..., Portfolio]) -> None:
    """Where there is no penalty, an instalment is late when by its due day less was paid than had fallen due."""
    made = make_portfolio(6_000, jurisdictions=["us", "gb"])
    payments = made.table("payments")
    reversed_ids = payments["reverses"].drop_nulls().implode()
    money = payments.filter((pl.col("kind") == "payment") & ~pl.col("payment_id").is_in(reversed_ids))
    paid = money.select("account_id", on="paid_on", paid="amount")
    instalment = (pl.col("principal") + pl.col("interest") + pl.col("fees")).alias("instalment")
    owed = pl.concat(
        [
            made.table("instalments").select("account_id", "due_on", instalment, owed=instalment),
            made.table("charges").select("account_id", due_on="charged_on", instalment=None, owed="amount"),
            payments.filter(pl.col("kind") == "chargeback").select(
                "account_id", due_on="paid_on", instalment=None, owed="amount"
            ),
        ],
        how="vertical_relaxed",
    ).sort("account_id", "due_on")
    by_day = pl.col("owed").cum_sum().over("account_id")
    running = paid.sort("account_id", "on").with_columns(paid=pl.col("paid").cum_sum().over("account_id"))
    at_due_day = (
        owed.with_columns(owed=by_day)
        .filter(pl.col("instalment").is_not_null() & (pl.col("due_on") <= pl.date(2026, 5, 1)))
        .sort("due_on")
        .join_asof(
            running.sort("on"), left_on="due_on", right_on="on", by="account_id", check_sortedness=False
        )
        .with_columns(pl.col("paid").fill_null(0))
    )
    was_up_to_date = at_due_day.filter(pl.col("paid") >= pl.col("owed") - pl.col("instalment"))
    late_share = was_up_to_date.select((pl.col("paid") < pl.col("owed")).mean()).item()
    assert late_share == pytest.approx(made.figure("paid after the due date")["realised"], abs=0.001)
    assert made.figure("paid after the due date")["cases"] == pytest.approx(len(was_up_to_date), rel=0.002)


def test_vintages_are_the_accounts_by_month_of_opening(portfolio: Portfolio) -> None:
    opened = portfolio.table("accounts").group_by(pl.col("opened_on").dt.strftime("%Y-%m")).len()
    said = portfolio.manifest["vintages"]
    assert {month: curve["accounts"] for month, curve in said.items()} == dict(opened.rows())
    assert len(said) == 30
    oldest = said[min(said)]
    assert oldest["ever_30_within_12_months"] > oldest["ever_30_within_6_months"] > 0


def test_newer_vintages_are_riskier(portfolio: Portfolio) -> None:
    shares = [
        curve["ever_30_within_6_months"]
        for _, curve in sorted(portfolio.manifest["vintages"].items())
        if "ever_30_within_6_months" in curve
    ]
    assert sum(shares[-8:]) > sum(shares[:8])


def test_stress_makes_more_of_the_late_later(
    make_portfolio: Callable[..., Portfolio], portfolio: Portfolio
) -> None:
    stressed = make_portfolio(5_000, stress=8.0)
    figure = "monthly roll 1 -> 2"
    assert stressed.figure(figure)["realised"] > 3 * portfolio.figure(figure)["realised"]
    assert {"charged_off", "sold"} <= set(stressed.table("accounts")["status"])


def test_figures_without_a_case_are_null(make_portfolio: Callable[..., Portfolio]) -> None:
    made = make_portfolio(3, vintage_months=1)
    assert made.figure("monthly roll 4 -> 5") | {"source": ""} == {
        "figure": "monthly roll 4 -> 5",
        "target": 0.665,
        "realised": None,
        "off": None,
        "cases": 0,
        "source": "",
        "source_quality": "data",
    }
