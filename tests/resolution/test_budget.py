"""What a household can afford: never with what it lives on."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.policy import PolicyError
from dunwell.resolution.budget import (
    Affordability,
    Budget,
    BudgetError,
    assess,
    form_of_place,
    forms_on,
    general_form,
    read_form,
)
from dunwell.resolution.plan_policy import read_plan_policy
from dunwell.resolution.plans import Debt, propose_plans

DAY = date(2026, 11, 23)
CN, GB = forms_on(DAY)["cn-simple"], forms_on(DAY)["gb-sfs"]


def test_what_is_left_is_income_less_spending_less_savings() -> None:
    found = assess(Budget({"wage": 800000}, {"rent": 250000, "food": 200000}), CN)
    assert (found.income_minor, found.spending_minor) == (800000, 450000)
    assert (found.savings_minor, found.left_minor) == (20000, 330000)
    assert found.why[-1] == "3300.00 CNY is left for all creditors"


def test_the_protected_minimum_is_a_floor_under_what_is_stated() -> None:
    """Somebody who states next to nothing does not live on nothing: two adults and a child keep 4,000."""
    found = assess(Budget({"wage": 500000}, {"food": 50000}, adults=2, dependents=1), CN)
    assert (found.protected_minor, found.left_minor) == (400000, 90000)
    assert any("is protected" in line for line in found.why)


def test_priority_arrears_come_before_us_even_at_the_minimum() -> None:
    found = assess(Budget({"wage": 200000}, {"food": 10000, "tax_arrears": 30000}), CN)
    assert found.left_minor == 200000 - 150000 - 30000 - 2000


def test_a_deficit_leaves_nothing() -> None:
    found = assess(Budget({"benefits": 90000}, {"rent": 70000, "food_and_housekeeping": 40000}), GB)
    assert (found.left_minor, found.why[-1]) == (0, "nothing is left")


def test_the_savings_of_the_british_form() -> None:
    assert assess(Budget({"salary": 100000}, {"rent": 90000}), GB).savings_minor == 1000
    assert assess(Budget({"salary": 200000}, {"rent": 90000}), GB).savings_minor == 2000


def test_other_creditors_share_by_size() -> None:
    found = assess(Budget({"wage": 800000}, {"rent": 450000}, other_debts_minor=3_000_000), CN)
    assert found.share_for(1_000_000) == found.left_minor // 4
    assert Affordability("CNY", 0, 0, 0, 0, 100).share_for(0) == 0


@given(
    income=st.integers(0, 10**8),
    fixed=st.integers(0, 10**8),
    arrears=st.integers(0, 10**7),
    adults=st.integers(1, 4),
    dependents=st.integers(0, 6),
)
def test_the_minimum_and_the_stated_spending_are_always_left_alone(
    income: int, fixed: int, arrears: int, adults: int, dependents: int
) -> None:
    spending = {"rent": fixed, "court_ordered": arrears}
    found = assess(Budget({"wage": income}, spending, adults=adults, dependents=dependents), CN)
    assert found.left_minor >= 0
    if found.left_minor:
        kept = income - found.left_minor
        assert kept >= fixed + arrears
        assert kept >= found.protected_minor + arrears


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        (Budget({"gift": 1}, {}), "income.gift is not in the form cn-simple"),
        (Budget({"rent": 1}, {}), "income.rent"),
        (Budget({}, {"wage": 1}), "spending.wage"),
        (Budget({"wage": -1}, {}), "income.wage is negative"),
        (Budget({}, {}, adults=0), "adults is below 1"),
        (Budget({}, {}, other_debts_minor=-1), "other_debts is negative"),
    ],
)
def test_a_budget_that_cannot_be_meant_is_refused(budget: Budget, says: str) -> None:
    with pytest.raises(BudgetError, match=says):
        assess(budget, CN)


FORM = """key = "mine"
title = "T"
from = 2026-01-01
citation = "house"
source_quality = "text"
currency = "CNY"
[[category]]
kind = "income"
keys = ["wage"]
[[protected]]
regions = ["*"]
per_adult = "1500.00"
[[protected]]
regions = ["CN-SH"]
per_adult = "1600.00"
"""


def test_a_lender_writes_the_local_standard(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(FORM, encoding="utf-8")
    form = read_form(file, DAY)
    assert form.protected_minor("CN-SH", 1, 0)[0] == 160000
    assert form.protected_minor("CN-BJ", 2, 0)[0] == form.protected_minor(None, 2, 0)[0] == 300000
    file.write_text(FORM.replace('"*"', '"CN-BJ"'), encoding="utf-8")
    with pytest.raises(PolicyError, match="none holds everywhere"):
        read_form(file, DAY)
    file.write_text(FORM.replace('"income"', '"gift"'), encoding="utf-8")
    with pytest.raises(PolicyError, match="category"):
        read_form(file, DAY)


def test_a_place_without_a_form_of_its_own_has_the_general_one_in_the_currency_of_the_debt() -> None:
    for place, currency in (("us", "USD"), ("hk", "JPY"), ("gb", "EUR"), ("kw", "KWD")):
        form = form_of_place(place, currency, DAY)
        assert form == general_form(currency, DAY)
        assert form is not None and (form.is_general, form.currency) == (True, currency)
    assert form_of_place("gb", "GBP", DAY) == GB
    assert form_of_place("cn", "CNY", DAY) == CN


def test_the_general_form_protects_what_is_stated_and_says_that_no_minimum_is_held() -> None:
    form = general_form("USD", DAY)
    assert form is not None
    found = assess(Budget({"salary": 300_000}, {"rent": 120_000, "food_and_housekeeping": 60_000}), form)
    assert (found.left_minor, found.protected_minor) == (120_000, 0)
    assert form.protected_minor(None, 2, 1)[1].startswith("no protected minimum is held")


# --- an income that will be another


def test_what_is_left_later_is_worked_out_and_not_believed() -> None:
    """Out of work, with a family: from a later wage of 5,200 the protected 4,000 stays as it does from an income today."""
    household = Budget({"subsidy": 200000}, {"rent": 150000}, adults=2, dependents=1)
    later = replace(household, improves_on=date(2027, 2, 1), income_then_minor=520000)
    found, then = assess(later, CN), assess(replace(household, income={"wage": 520000}), CN)
    assert found.left_minor == 0
    assert found.left_then_minor == then.left_minor == 108000
    assert found.why[-1] == "1080.00 CNY is left from 2027-02-01 of an income of 5200.00 CNY a month"


def test_who_names_no_later_income_has_none() -> None:
    found = assess(Budget({"wage": 800000}, {"rent": 250000}, improves_on=date(2027, 2, 1)), CN)
    assert found.left_then_minor is None
    assert found.share_then_for(1000) == found.share_for(1000)


def test_an_income_that_falls_leaves_less_then() -> None:
    found = assess(
        Budget({"wage": 800000}, {"rent": 250000}, improves_on=date(2027, 2, 1), income_then_minor=250000), CN
    )
    assert found.left_then_minor == 0 < found.left_minor


@given(
    spending=st.integers(0, 10**6),
    arrears=st.integers(0, 10**5),
    income_then=st.integers(0, 10**7),
    others=st.integers(0, 10**7),
    owed=st.integers(1, 10**7),
)
def test_no_part_of_a_deferral_takes_what_the_household_keeps_then(
    spending: int, arrears: int, income_then: int, others: int, owed: int
) -> None:
    told = Budget(
        {},
        {"food": spending, "tax_arrears": arrears},
        other_debts_minor=others,
        improves_on=DAY + timedelta(days=40),
        income_then_minor=income_then,
    )
    found = assess(told, CN)
    plans = propose_plans([Debt("A", "CNY", owed, owed)], found, read_plan_policy(DAY), DAY)
    kept = max(spending, found.protected_minor) + arrears
    for plan in plans:
        assert plan.kind in ("deferral", "forbearance")
        assert all(income_then - part.amount_minor >= kept for part in plan.parts)
