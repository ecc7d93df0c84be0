"""What the desk and the answers tell is in the next nightly run: the same truth at night as at the moment of a contact."""

import shutil
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest

from dunwell.book import Book
from dunwell.cli.told import telling
from dunwell.journal.recording import NewEvent
from dunwell.nightly.replay import replay
from dunwell.nightly.run import run_day
from dunwell.office import workplace
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case, Received
from dunwell.office.desk import working
from dunwell.office.workplace import Workplace
from dunwell.settings import read_settings
from tests.office.conftest import Office
from tests.office.test_case_page import bodies
from tests.office.test_plans import owing


@pytest.fixture
def shop(ran: Path, tmp_path: Path, office: Office) -> Iterator[Workplace]:
    shutil.copytree(ran, tmp_path / "shop")
    place = Workplace(read_settings(tmp_path / "shop"), office.clock)
    workplace.use(place)
    yield place


def run_again(place: Workplace, day: date) -> None:
    now = place.clock()
    settings = place.settings
    run_day(
        settings, settings.tape_folder, day, known_at=None, now=now, told_since=telling(place.journal, now)
    )


def case_of(place: Workplace) -> tuple[str, str]:
    """Somebody with one loan, late, of whom a contact is planned; and the account."""
    case = (
        Case.objects.filter(account_count=1, is_held_back=False, past_due_days__gt=5)
        .exclude(channel="")
        .order_by("pk")
        .first()
    )
    assert case is not None
    return case.pk, CaseFile(place, case.pk).account_ids[0]


def row(place: Workplace, name: str, customer: str) -> dict[str, Any]:
    return (
        pl.read_parquet(place.settings.book_folder / f"{name}.parquet")
        .filter(customer_id=customer)
        .row(0, named=True)
    )


def test_a_stop_that_the_desk_heard_holds_back_the_next_night_s_contact(
    office: Office, shop: Workplace
) -> None:
    customer, _ = case_of(shop)
    assert not row(shop, "worklist", customer)["is_held_back"]
    shop.journal.record([NewEvent("hold.placed", office.clock(), customer, body={"hold": "cease"})])
    run_again(shop, office.clock().date())
    planned = row(shop, "worklist", customer)
    assert planned["is_held_back"]
    assert "house-floor.stopped" in {reason["rule"] for reason in planned["reasons"]}


def test_calls_made_at_the_desk_are_in_the_book_once_however_often_the_run_is_made(
    office: Office, shop: Workplace
) -> None:
    customer, _ = case_of(shop)
    body = {"channel": "call", "outcome": "no_answer", "direction": "out"}
    shop.journal.record([NewEvent("contact.made", office.clock(), customer, body=body)])
    for _ in range(2):
        run_again(shop, office.clock().date())
        found = Book(shop.settings.book_folder).partition(0).tables["contacts"].filter(customer_id=customer)
        assert found.filter(pl.col("at") == office.clock()).height == 1
    file = CaseFile(shop, customer)
    assert sum(contact.at == office.clock() for contact in file.person.contacts) == 1


def test_a_promise_made_at_the_desk_is_judged_at_night_and_a_withdrawn_one_is_cancelled(
    office: Office, shop: Workplace
) -> None:
    customer, account = case_of(shop)
    file = CaseFile(shop, customer)
    currency = file.tables["accounts"]["currency"][0]
    due = office.clock().date() + timedelta(days=2)
    promised = working.Promised((account,), currency, (working.PromisePart(500, due),))
    staff = Staff.objects.get(username="collector")
    shop.journal.record(working.promise_events(file, staff, "m1", promised, office.clock()))
    Received.objects.bulk_create(working.promise_rows(file, staff, "m1", promised, office.clock()))
    run_again(shop, office.clock().date())
    name = working.promise_id_of("m1")
    judged = pl.read_parquet(shop.settings.book_folder / "promises.parquet").filter(promise_id=name)
    assert judged["state"].to_list() == ["open"]
    office.clock.move(days=5)
    run_again(shop, office.clock().date())
    judged = pl.read_parquet(shop.settings.book_folder / "promises.parquet").filter(promise_id=name)
    assert judged["state"].to_list() == ["broken"]
    assert [
        one["state"] for one in CaseFile(shop, customer).promises.to_dicts() if one["promise_id"] == name
    ] == ["broken"]


def test_a_withdrawn_promise_is_cancelled_at_night(office: Office, shop: Workplace) -> None:
    customer, account = case_of(shop)
    file = CaseFile(shop, customer)
    due = office.clock().date() + timedelta(days=2)
    currency = file.tables["accounts"]["currency"][0]
    promised = working.Promised((account,), currency, (working.PromisePart(500, due),))
    staff = Staff.objects.get(username="collector")
    shop.journal.record(working.promise_events(file, staff, "m1", promised, office.clock()))
    office.clock.move(hours=1)
    working.withdraw(CaseFile(shop, customer), staff, working.promise_id_of("m1"), account, "hardship")
    office.clock.move(days=5)
    run_again(shop, office.clock().date())
    judged = pl.read_parquet(shop.settings.book_folder / "promises.parquet")
    assert judged.filter(promise_id=working.promise_id_of("m1"))["state"].to_list() == ["cancelled"]


def test_a_decision_made_with_what_the_journal_told_is_the_same_again(
    office: Office, shop: Workplace
) -> None:
    customer, _ = case_of(shop)
    shop.journal.record([NewEvent("hold.placed", office.clock(), customer, body={"hold": "dispute"})])
    run_again(shop, office.clock().date())
    decision = row(shop, "decisions", customer)["decision_id"]
    assert replay(shop.settings, decision).is_same


def test_a_number_that_is_not_theirs_and_a_death_are_in_the_book(office: Office, shop: Workplace) -> None:
    customer, _ = case_of(shop)
    point = CaseFile(shop, customer).point_ids[0]
    shop.journal.record(
        [
            NewEvent("point.not_theirs", office.clock(), customer, contact_point=point),
            NewEvent("hold.placed", office.clock(), customer, body={"hold": "deceased"}),
        ]
    )
    run_again(shop, office.clock().date())
    tables = Book(shop.settings.book_folder).partition(0).tables
    assert tables["contact_points"].filter(contact_point_id=point)["not_theirs_from"][0] == office.clock()
    assert tables["customers"].filter(customer_id=customer)["deceased_on"][0] == office.clock().date()
    assert row(shop, "worklist", customer)["is_held_back"]


def classes_of(place: Workplace, customer: str) -> dict[str, Any]:
    return row(place, "positions", customer)


def test_a_plan_that_changes_the_contract_is_in_the_next_night_s_class(
    office: Office, shop: Workplace
) -> None:
    customer = owing(office, "us", 200, 2500)
    before = classes_of(shop, customer)
    client = office.client("collector")
    answer = client.post(f"/case/{customer}/plans", {"left": "150", "once": str(uuid4()), "choose": "1"})
    assert answer.status_code == 302
    (agreed,) = bodies("plan.agreed")
    assert agreed["changes_contract"] is True
    gives_up = agreed["grant"]["kind"] in ("settlement", "interest_reduction")
    # Granted in default it is forborne there; more than 1 % given up is default by itself.
    stage = max(3 if gives_up or before["in_default"] else 2, before["ifrs_stage"])
    file = CaseFile(shop, customer)
    (account,) = file.observed
    assert file.positions["ifrs_stage"][0] == stage, "at once on the desk"
    page = client.get(f"/case/{customer}").content.decode()
    assert "contract changed, observed until" in page

    run_again(shop, office.clock().date())
    after = classes_of(shop, customer)
    assert (after["ifrs_stage"], after["in_default"]) == (stage, stage == 3)
    held = CaseFile(shop, customer)
    assert held.tables["modifications"].height == 1, "told by book and journal, it counts once"
    why = held.observed[account]["forbearance"]
    assert why["value"].endswith("performing_forborne")
    assert ("restructuring of " if gives_up else "forbearance of ") in why["why"]
    run_again(shop, office.clock().date())
    assert CaseFile(shop, customer).tables["modifications"].height == 1

    for promise in file.promises["promise_id"]:
        working.withdraw(
            file, Staff.objects.get(username="collector"), promise, [account], "recorded_wrongly"
        )
    assert not CaseFile(shop, customer).observed, "a plan that was recorded wrongly never was one"
    run_again(shop, office.clock().date())
    assert classes_of(shop, customer)["ifrs_stage"] == before["ifrs_stage"]


def test_a_change_that_the_lender_s_tape_tells_as_well_counts_once(office: Office, shop: Workplace) -> None:
    customer = owing(office, "us", 200, 2500)
    told = {"left": "150", "once": str(uuid4()), "choose": "1"}
    assert office.client("collector").post(f"/case/{customer}/plans", told).status_code == 302
    (account,) = CaseFile(shop, customer).observed
    day = office.clock().date()
    tape = shop.settings.tape_folder / "modifications.csv"
    tape.write_text(
        f"modification_id,account_id,kind,agreed_on\nM1,{account},restructuring,{day}\n", encoding="utf-8"
    )
    run_again(shop, day)
    assert CaseFile(shop, customer).tables["modifications"]["modification_id"].to_list() == ["M1"]
