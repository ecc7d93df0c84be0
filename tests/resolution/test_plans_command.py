"""``dunwell plans``: from the book and a budget to plans that can be granted."""

import json
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests import commands
from tests.resolution.test_promises_command import DAY, dunwell

BUDGET = """form = "cn-simple"
adults = 1
[income]
wage = "6000.00"
[spending]
rent = "1500.00"
food = 1200
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new workspace after a run."""
    folder = tmp_path_factory.mktemp("workspace")
    dunwell("init", "shop", at=folder)
    tape = folder / "shop" / "tape"
    with (tape / "accounts.csv").open("a", encoding="utf-8") as stream:
        stream.write("A008G,C008,personal-loan,GBP,100.00,0.10,2026-01-10,active\n")
    with (tape / "instalments.csv").open("a", encoding="utf-8") as stream:
        stream.write("A008G,1,2026-06-10,100.00,5.00\n")
    dunwell("run", "--tape", "tape/", "--as-of", DAY, at=folder / "shop")
    (folder / "shop" / "budget.toml").write_text(BUDGET, encoding="utf-8")
    yield folder / "shop"


def told(shop: Path, *asked: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dunwell("plans", "A008", *asked, "--json", at=shop))
    return found


def test_plans_for_what_the_ledger_says_is_owed(shop: Path) -> None:
    found = told(shop, "--budget", "budget.toml")
    assert found["affordability"]["left"] == "3100.00"
    statement = json.loads(dunwell("statement", "A008", "--as-of", DAY, "--json", at=shop))["closing"]
    owed = Decimal(statement["payoff_total"])
    assert Decimal(found["debts"][0]["owed"]) == owed
    assert Decimal(found["debts"][0]["past_due"]) == Decimal(statement["past_due_total"])
    for plan in found["plans"]:
        assert Decimal(plan["most"]) <= Decimal("3100.00")
        assert sum(Decimal(part["amount"]) for part in plan["parts"]) == Decimal(plan["total"])
        assert plan["grant"]["role"] == "collector"
    whole = [plan for plan in found["plans"] if plan["kind"] == "instalments"]
    assert {Decimal(plan["total"]) for plan in whole} == {owed}
    assert "arrears" in {plan["kind"] for plan in found["plans"]}


@pytest.mark.slow
def test_debts_in_another_currency_have_plans_of_their_own(shop: Path) -> None:
    assert told(shop, "--left", "900")["left_out"] == ["A008G"]
    assert "in other currencies: A008G" in dunwell("plans", "A008", "--left", "900", at=shop)
    other = json.loads(dunwell("plans", "A008G", "--left", "30", "--json", at=shop))
    assert other["plans"][0]["currency"] == "GBP"
    assert [debt["account_id"] for debt in other["debts"]] == ["A008G"]


def test_who_may_grant_it_is_the_workspaces_text(shop: Path) -> None:
    plan = told(shop, "--left", "900", "--role", "trainee")["plans"][0]
    assert not plan["grant"]["allowed"]
    assert "lets nobody in the role trainee" in plan["grant"]["why"]


def test_nothing_left_is_said_plainly_with_a_day_to_look_again(shop: Path) -> None:
    said = dunwell("plans", "A008", "--left", "0", at=shop)
    assert "forbearance: nothing is left after what is protected" in said
    assert "to be looked at again on 2027-02-23" in said
    assert "nobody presses for payment" in said


def test_it_speaks_to_people(shop: Path) -> None:
    said = dunwell("plans", "A008", "--budget", "budget.toml", at=shop)
    assert "C008 owes" in said
    assert "agreements of this length that held" in said
    assert "How often agreements held: LendingClub" in said
    assert said.count("a missed part is talked about") == 1


@pytest.mark.parametrize(
    ("budget", "says"),
    [
        ('[income]\ngift = "1"\n', "income.gift is not in the form cn-simple"),
        ('[income]\nwage = "much"\n', "is no amount of CNY"),
        ('[income]\nwage = "-1"\n', "is no amount of CNY"),
        ('form = "none"\n', "form 'none' is not known"),
        ("adults = 1.5\n", "adults is 1.5"),
        ('improves_on = "soon"\n', "improves_on is no day"),
        ("salary = 1\n", "salary is not known"),
        ("[income\n", "cannot be read"),
    ],
)
def test_a_budget_with_a_mistake_is_answered_with_the_mend(
    shop: Path, tmp_path: Path, budget: str, says: str
) -> None:
    file = tmp_path / "budget.toml"
    file.write_text(budget, encoding="utf-8")
    assert says in dunwell("plans", "A008", "--budget", file, at=shop, code=1)


@pytest.mark.slow
def test_what_else_can_go_wrong_says_what_to_do(shop: Path) -> None:
    assert "either --budget FILE or --left AMOUNT" in dunwell("plans", "A008", at=shop, code=1)
    assert "has no account 'A999'" in dunwell("plans", "A999", "--left", "1", at=shop, code=1)
    assert "No such file" in dunwell("plans", "A008", "--budget", "none.toml", at=shop, code=1)


def test_a_lenders_own_form_stands_before_dunwells(shop: Path, tmp_path: Path) -> None:
    own = shop / "policy" / "budgets" / "cn-simple.toml"
    own.parent.mkdir()
    own.write_text(
        'key = "cn-simple"\ntitle = "T"\nfrom = 2026-01-01\ncitation = "house"\nsource_quality = "text"\ncurrency = "CNY"\n'
        '[[category]]\nkind = "income"\nkeys = ["wage"]\n[[category]]\nkind = "fixed"\nkeys = ["rent", "food"]\n'
        '[[protected]]\nregions = ["*"]\nper_adult = "5000.00"\n',
        encoding="utf-8",
    )
    try:
        assert told(shop, "--budget", "budget.toml")["affordability"]["left"] == "1000.00"
    finally:
        own.unlink()
        own.parent.rmdir()


def test_the_doctor_reads_what_may_be_promised_and_granted(shop: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(shop, tmp_path / "shop")
    whats = [finding["what"] for finding in json.loads(dunwell("doctor", "--json", at=mine))["findings"]]
    assert "plans and waivers are granted by collector, manager, team_lead" in whats
    file = mine / "policy" / "authority.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"waiver"', '"gift"'), encoding="utf-8")
    ran = commands.dunwell("doctor", at=mine, code=1)
    assert "authority.toml: grant[2].kinds" in ran.stdout
    file.unlink()
    assert "nobody may grant a plan" in dunwell("doctor", at=mine)
