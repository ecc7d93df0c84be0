"""Plans at the desk are those that resolution makes, and hold at once, or wait for a second person above authority."""

import json
import shutil
from datetime import date
from typing import Any
from uuid import uuid4

import polars as pl
import pytest

from dunwell.insight.scoring.promotion import promote
from dunwell.insight.settlement import breakage_model, plan_inputs
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Approval, Case, Received
from dunwell.office.desk.planning import affordability_of
from dunwell.resolution import propose_plans, read_plan_policy
from dunwell.resolution.budget import Affordability, forms_on
from dunwell.resolution.debts import debts_of
from tests.insight.test_settlement_models import plans as plans_that_ended
from tests.office.conftest import Office
from tests.office.test_api import Program
from tests.office.test_case_page import bodies


def owing(office: Office, jurisdiction: str, least: int, most: int) -> str:
    """A customer of a place who owes an amount between two, in one currency."""
    for customer in Case.objects.filter(jurisdiction=jurisdiction, past_due_days__gt=5).values_list(
        "pk", flat=True
    ):
        file = CaseFile(office.place, customer)
        owed = file.positions["payoff_total"].sum()
        if file.positions["currency"].n_unique() == 1 and least < owed < most:
            return str(customer)
    raise AssertionError("nobody owes that")


def test_the_desk_shows_the_plans_that_resolution_makes(office: Office) -> None:
    customer = owing(office, "us", 200, 2500)
    client = office.client("collector")
    page = client.post(f"/case/{customer}/plans", {"left": "150", "once": str(uuid4())}).content.decode()
    file = CaseFile(office.place, customer)
    debts = debts_of(file.tables, office.place.terms, customer, file.day)
    plans = propose_plans(
        debts, Affordability("USD", 15000, 0, 0, 0, 15000), read_plan_policy(file.day), file.day
    )
    assert plans
    for plan in plans:
        assert f"US${plan.total_minor / 100:,.2f}" in page
        for part in plan.parts[:2]:
            assert f"US${part.amount_minor / 100:,.2f}" in page


def test_the_lenders_own_model_of_plans_tells_their_chance_where_one_is_in_use(office: Office) -> None:
    frame, is_broken = plans_that_ended()
    models = office.place.settings.root / "models"
    use = {"made_for": "plans", "months_max": int(frame["term_months"].to_numpy().max())}
    model = breakage_model(rounds=20, folds=2).fit(plan_inputs(frame).drop("agreed_on"), is_broken)
    model.save(models / "kept", {"use.json": json.dumps(use), "card.json": '{"promotion_blocks": []}'})
    customer = owing(office, "us", 200, 2500)
    client, told = office.client("collector"), {"left": "150", "once": str(uuid4())}

    def page() -> str:
        return client.post(f"/case/{customer}/plans", told).content.decode()

    assert "foretold by kept" not in page()
    promote(models, models / "kept")
    assert "foretold by kept" in page()
    (models / "kept" / "manifest.json").write_text("{}", encoding="utf-8")
    by_table = page()
    assert "foretold by kept" not in by_table
    shutil.rmtree(models)


def test_a_plan_within_authority_holds_at_once_and_a_second_sending_changes_nothing(office: Office) -> None:
    customer = owing(office, "us", 200, 2500)
    client = office.client("collector")
    told = {"left": "150", "once": str(uuid4()), "choose": "1"}
    for _ in range(2):
        assert client.post(f"/case/{customer}/plans", told).status_code == 302
    (agreed,) = bodies("plan.agreed")
    assert not Approval.objects.exists()
    promises = CaseFile(office.place, customer).promises.filter(pl.col("made_by") == "collector")
    assert promises.filter(pl.col("state") == "open").height == promises.height > 0
    total = sum(part["amount_minor"] for part in agreed["parts"])
    assert promises["amount"].sum() * 100 == total
    assert Received.objects.count() == sum(map(len, promises["parts"].to_list()))


def test_above_authority_a_second_person_is_asked_and_nothing_holds_before(office: Office) -> None:
    customer = owing(office, "us", 3001, 8000)
    client = office.client("collector")
    told = {"left": "900", "once": str(uuid4()), "choose": "1"}
    for _ in range(2):
        assert client.post(f"/case/{customer}/plans", told).status_code == 302
    approval = Approval.objects.get()
    assert approval.subject == customer
    assert approval.asked_by.username == "collector"
    assert "team_lead" in approval.seconds
    assert approval.decision == ""
    assert approval.payload["parts"]
    assert not Received.objects.exists()
    page = client.get(f"/case/{customer}").content.decode()
    assert "Waits for a second person" in page


def test_a_plan_offered_in_writing_is_on_record_for_the_text_that_tells_it(office: Office) -> None:
    customer = owing(office, "us", 200, 2500)
    client = office.client("collector")
    told = {"left": "150", "once": str(uuid4()), "offer": "1"}
    assert client.post(f"/case/{customer}/plans", told)["Location"] == f"/case/{customer}/text"
    (offered,) = bodies("plan.offered")
    assert offered["parts"]
    assert not Received.objects.exists()
    assert "Plan offered" in client.get(f"/case/{customer}").content.decode()


def test_a_budget_protects_what_a_household_lives_on(office: Office) -> None:
    customer = owing(office, "gb", 50, 5000)
    client = office.client("collector")
    told: dict[str, Any] = {"b_salary": "900", "b_rent": "500", "adults": "1", "dependents": "2"}
    page = client.post(f"/case/{customer}/plans", told | {"once": str(uuid4())}).content.decode()
    assert "nothing is left" in page
    assert "Patience: no payment for now" in page
    assert "choose" not in page.split("Plans side by side")[1]


REGIONAL = """key = "own"
title = "A form of the lender's own"
currency = "GBP"
jurisdictions = ["gb"]
from = 2020-01-01
citation = "the lender"
source_quality = "text"
[[category]]
kind = "income"
keys = ["salary"]
[[category]]
kind = "fixed"
keys = ["rent"]
[[protected]]
regions = ["*"]
per_adult = "100.00"
[[protected]]
regions = ["REGION"]
per_adult = "890.00"
"""


def test_what_is_protected_in_the_customer_s_region_is_protected_at_the_desk_and_over_the_api(
    own: Office,
) -> None:
    customer = owing(own, "gb", 50, 5000)
    region = CaseFile(own.place, customer).customer["region"]
    assert region
    folder = own.place.policy / "budgets"
    folder.mkdir(exist_ok=True)
    for here, left in ((region, "10.00"), ("GB-XYZ", "800.00")):
        (folder / "own.toml").write_text(REGIONAL.replace("REGION", here), encoding="utf-8")
        told = {"b_salary": "900", "once": str(uuid4())}
        assert (
            f"£{left} is left each month"
            in own.client("collector").post(f"/case/{customer}/plans", told).content.decode()
        )
        answer = Program(own).post(f"/cases/{customer}/plans", {"entries": {"salary": "900"}})
        assert answer.json()["left"] == left


def test_a_program_cannot_pass_by_the_form_that_protects_a_minimum(office: Office) -> None:
    customer, program = owing(office, "gb", 50, 5000), Program(office)
    assert program.post(f"/cases/{customer}/plans", {"left": "5000"}).status_code == 422
    choice = {"budget": {"left": "5000"}, "number": 1}
    for way in ("agree", "offer"):
        assert program.post(f"/cases/{customer}/plans/{way}", choice).status_code == 422
    assert (
        program.post(f"/cases/{customer}/plans", {"entries": {"salary": "900"}, "adults": 0}).status_code
        == 422
    )


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"b_salary": "900", "adults": "0"}, "adults is below 1"),
        ({"b_salary": "lots"}, "salary"),
        ({"b_salary": "900", "adults": "x"}, "whole number"),
    ],
)
def test_a_form_that_cannot_be_read_says_what_to_mend(
    office: Office, typed: dict[str, str], wrong: str
) -> None:
    customer = owing(office, "gb", 50, 5000)
    answer = office.client("collector").post(f"/case/{customer}/plans", typed | {"once": str(uuid4())})
    assert answer.status_code == 422
    assert wrong in answer.content.decode()


def test_elsewhere_the_general_form_asks_for_the_month_in_the_currency_of_the_debt(office: Office) -> None:
    customer = owing(office, "us", 200, 2500)
    client = office.client("collector")
    page = client.get(f"/case/{customer}/plans").content.decode()
    assert "No protected minimum is held for this place" in page
    told = {"b_salary": "900", "b_rent": "500", "b_food_and_housekeeping": "250", "once": str(uuid4())}
    assert "US$150.00 is left each month" in client.post(f"/case/{customer}/plans", told).content.decode()


def test_the_desk_works_out_what_a_later_income_leaves() -> None:
    """A wage of 5,200 from February: what the household lives on is kept from it as from any other."""
    form = forms_on(date(2026, 11, 23))["cn-simple"]
    typed = {"b_rent": "1500", "adults": "2", "dependents": "1", "improves_on": "2027-02-01"}
    assert affordability_of(form, typed | {"income_then": "5,200"}, "CNY", None).left_then_minor == 108000
    assert affordability_of(form, typed, "CNY", None).left_then_minor is None
