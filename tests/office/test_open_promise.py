"""Who promised to pay by a day that has not passed is not reminded, by whatever way and whoever does it; about another matter
they may be called.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from dunwell.journal.recording import NewEvent
from dunwell.office.cases.intake import take_in
from dunwell.office.cases.models import Received
from tests.office.conftest import Office
from tests.office.test_api import Program
from tests.office.test_calls import Desk
from tests.office.test_case_page import bodies

HELD = "house-floor.open-promise"


@pytest.fixture
def desk(office: Office) -> Iterator[Desk]:
    """A customer promises in a call to pay five days from now; the law itself would let them be called again."""
    found = Desk(office)
    found.client.post(f"/case/{found.customer}/called", {"once": ""})
    found.identify()
    assert found.promise().status_code == 302
    found.office.clock.move(days=2)
    assert not found.file.gate.check(
        found.file._attempt("call", found.point, "remind", None), found.file.person
    ).reasons
    yield found


def begun(desk: Desk, purpose: str, channel: str = "call") -> Any:
    told = {
        "customer_id": desk.customer,
        "contact_point_id": desk.point,
        "channel": channel,
        "purpose": purpose,
    }
    return Program(desk.office).post("/contacts", told).json()


def asked(desk: Desk, channel: str, purpose: str, days: float = 0) -> set[str]:
    """The rules by which a contact so many days from now would be refused."""
    told = {
        "customer_id": desk.customer,
        "contact_point_id": desk.point,
        "channel": channel,
        "purpose": purpose,
        "at": (desk.office.clock() + timedelta(days=days)).isoformat(),
    }
    answer = Program(desk.office).post("/contacts/ask", told).json()
    assert answer["allowed"] == (not answer["reasons"])
    return {one["rule"] for one in answer["reasons"]}


def test_a_collector_is_refused_a_call_to_remind_and_sees_why(desk: Desk) -> None:
    answer = desk.start()
    assert answer.status_code == 409
    assert HELD in answer.content.decode()
    (refused,) = bodies("contact.refused")
    assert [one["rule"] for one in refused["reasons"]] == [HELD]


def test_a_call_about_another_matter_is_made_and_recorded_as_one(desk: Desk) -> None:
    assert (
        "Call about another matter than paying" in desk.client.get(f"/case/{desk.customer}").content.decode()
    )
    told = {"point": desk.point, "once": "", "about": "other"}
    assert desk.client.post(f"/case/{desk.customer}/call", told).status_code == 302
    (permitted,) = bodies("contact.permitted")
    assert permitted["purpose"] == "service"


def test_another_matter_opens_no_way_round_the_law(desk: Desk) -> None:
    held = NewEvent("hold.placed", desk.office.clock(), desk.customer, body={"hold": "hardship"})
    desk.office.place.journal.record([held])
    page = desk.client.get(f"/case/{desk.customer}").content.decode()
    assert "Call about another matter than paying" not in page
    told = {"point": desk.point, "once": "", "about": "other"}
    assert desk.client.post(f"/case/{desk.customer}/call", told).status_code == 409
    (refused,) = bodies("contact.refused")
    assert refused["purpose"] == "remind"
    assert {one["rule"] for one in refused["reasons"]} == {"house-floor.hardship", HELD}


def test_without_a_promise_another_matter_is_an_ordinary_call(office: Office) -> None:
    plain = Desk(office)
    told = {"point": plain.point, "once": "", "about": "other"}
    plain.client.post(f"/case/{plain.customer}/call", told)
    (permitted,) = bodies("contact.permitted")
    assert permitted["purpose"] == "remind"


@pytest.mark.parametrize("channel", ["call", "sms", "email", "letter", "app", "visit"])
@pytest.mark.parametrize("purpose", ["remind", "demand"])
def test_a_program_is_told_so_for_every_channel(desk: Desk, channel: str, purpose: str) -> None:
    assert HELD in asked(desk, channel, purpose)
    assert HELD not in asked(desk, channel, "service")
    assert HELD not in asked(desk, channel, purpose, days=4), "the day of the promise has passed by then"


def test_a_contact_that_a_program_begins_is_refused_and_recorded(desk: Desk) -> None:
    for channel in ("call", "app", "visit"):
        answer = begun(desk, "remind", channel)
        assert not answer["allowed"]
        assert HELD in {one["rule"] for one in answer["reasons"]}
    assert len(bodies("contact.refused")) == 3
    assert not bodies("contact.permitted")
    assert begun(desk, "service")["allowed"]


def test_a_promise_that_is_withdrawn_holds_nothing_back(desk: Desk) -> None:
    promise = desk.file.promises.filter(pl.col("made_by") == "collector")["promise_id"][0]
    desk.client.post(f"/case/{desk.customer}/promise/{promise}/withdraw", {"reason": "circumstances_changed"})
    assert asked(desk, "call", "remind") == set()
    assert desk.start().status_code == 302


def test_a_call_they_asked_for_is_not_said_to_be_against_the_law(office: Office) -> None:
    desk = Desk(office)
    desk.start()
    desk.identify()
    due = (office.clock() + timedelta(days=9)).date().isoformat()
    back = (office.clock() + timedelta(days=8)).strftime("%Y-%m-%dT12:00")
    told = {
        "outcome": "conversation",
        "came": ["promise", "later"],
        "amount_1": "20",
        "due_1": due,
        "back_at": back,
    }
    page = desk.client.post(f"/case/{desk.customer}/log", told, follow=True).content.decode()
    assert "Recorded." in page
    assert "a call is not allowed" not in page


def test_a_promise_that_only_the_records_know_counts_as_much_and_no_longer_once_it_is_kept(
    office: Office,
) -> None:
    desk = Desk(office)
    account = desk.file.overdue_ids[0]
    made, due = office.clock() - timedelta(days=1), (office.clock() + timedelta(days=3)).date()
    told = {"promise_id": "P", "account_id": account, "made_at": made.isoformat(), "due_on": due.isoformat()}
    Received.objects.create(
        table="promises",
        key="P",
        customer_id=desk.customer,
        row=told | {"amount": "20.00"},
        received_at=made,
        source="the records",
    )
    assert asked(desk, "call", "remind") == {HELD}
    assert HELD in asked(desk, "letter", "demand")
    assert HELD not in asked(desk, "call", "remind", days=5)
    paid = {"payment_id": "M", "account_id": account, "paid_on": str(office.clock().date()), "amount": "20"}
    assert not take_in(office.place, "payments", [paid], "test").refused
    assert asked(desk, "call", "remind") == set()


def test_a_promise_of_a_call_that_is_kept_early_holds_nothing_back_until_the_money_is_taken_back(
    desk: Desk,
) -> None:
    made = desk.file.promises.filter(pl.col("made_by") == "collector").row(0, named=True)
    assert asked(desk, "call", "remind") == {HELD}
    today = str(desk.office.clock().date())
    paid = {"account_id": made["account_id"], "paid_on": today, "amount": str(made["amount"])}
    assert not take_in(desk.office.place, "payments", [paid | {"payment_id": "M"}], "test").refused
    assert desk.file.promises.filter(pl.col("promise_id") == made["promise_id"])["state"].item() == "kept"
    assert asked(desk, "call", "remind") == set()
    back = paid | {"payment_id": "R", "kind": "reversal", "reverses": "M"}
    assert not take_in(desk.office.place, "payments", [back], "test").refused
    assert asked(desk, "call", "remind") == {HELD}
    assert HELD not in asked(desk, "call", "remind", days=4), "its day has passed by then"
