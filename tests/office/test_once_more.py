"""A form that a browser kept and sends again: the same is done once, another thing is another; no look goes unrecorded."""

from datetime import timedelta
from uuid import uuid4

import pytest

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from dunwell.office.compliance import reviewing
from tests.office.conftest import Office
from tests.office.test_calls import Desk
from tests.office.test_case_page import bodies
from tests.office.test_plans import owing


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


def test_one_form_s_token_opens_no_second_customer_unrecorded(office: Office) -> None:
    first, second = Case.objects.order_by("rank").values_list("pk", flat=True)[:2]
    client, told = office.client("collector"), {"reason": "planning", "once": str(uuid4())}

    def opened(customer: str) -> int:
        subject = office.place.journal.vault.references([customer])[customer]
        return Event.objects.filter(
            kind="data.read", subject_id=subject, body__contains='"why":"planning"'
        ).count()

    for customer in (first, second):
        client.post(f"/case/{customer}/open", told)
        assert opened(customer) == 1
    client.post(f"/case/{first}/open", told)
    assert opened(first) == 1, "a double click is one look"
    office.clock.move(minutes=16)
    client.post(f"/case/{first}/open", told)
    assert opened(first) == 2, "the form kept from before is another look"


def test_somebody_else_with_the_same_token_is_recorded(office: Office) -> None:
    customer = Case.objects.order_by("rank").values_list("pk", flat=True)[0]
    told = {"reason": "planning", "once": str(uuid4())}
    for role in ("collector", "team_lead"):
        office.client(role).post(f"/case/{customer}/open", told)
    looked = Event.objects.filter(kind="data.read", body__contains='"why":"planning"')
    assert {one["by"] for one in bodies("data.read") if one["why"] == "planning"} == {
        "collector",
        "team_lead",
    }
    assert looked.count() == 2


def test_a_call_begun_from_a_page_that_the_browser_kept_is_recorded(desk: Desk) -> None:
    once = str(uuid4())
    for count in (1, 2):
        desk.start(once)
        assert len(bodies("contact.permitted")) == count
        desk.log("no_answer")
        assert len(bodies("contact.made")) == count
        desk.office.clock.move(minutes=5)


def test_a_call_refused_and_then_allowed_is_recorded_as_allowed(desk: Desk) -> None:
    once = str(uuid4())
    hold = NewEvent("hold.placed", desk.office.clock(), desk.customer, body={"hold": "complaint"})
    desk.office.place.journal.record([hold])
    assert desk.start(once).status_code == 409
    desk.office.clock.move(minutes=1)
    lifted = NewEvent("hold.lifted", desk.office.clock(), desk.customer, body={"hold": "complaint"})
    desk.office.place.journal.record([lifted])
    desk.office.clock.move(minutes=1)
    assert desk.start(once).status_code == 302
    assert len(bodies("contact.permitted")) == 1


def test_the_same_number_clicked_twice_is_one_call(desk: Desk) -> None:
    once = str(uuid4())
    desk.start(once)
    other = desk.office.client("collector")  # the second click came before the first was answered
    other.post(f"/case/{desk.customer}/call", {"point": desk.point, "once": once})
    assert len(bodies("contact.permitted")) == 1
    assert other.session["contact"]["message_id"] == once
    desk.log("no_answer")
    other.post(f"/case/{desk.customer}/log", {"outcome": "no_answer"})
    assert len(bodies("contact.made")) == 1


def test_a_second_call_of_theirs_from_a_kept_page_is_recorded(desk: Desk) -> None:
    once = str(uuid4())
    for count in (1, 2):
        desk.client.post(f"/case/{desk.customer}/called", {"once": once})
        desk.log("conversation")
        assert len(bodies("contact.made")) == count


def test_another_note_in_the_same_form_is_kept(desk: Desk) -> None:
    once = str(uuid4())
    for text in ("Rings back.", "Rings back.", "Rings back on Monday."):
        desk.client.post(f"/case/{desk.customer}/note", {"note": text, "once": once})
    assert len(bodies("case.note")) == 2


def test_another_correction_in_the_same_form_is_made(office: Office) -> None:
    customer = Case.objects.order_by("rank").values_list("pk", flat=True)[0]
    client, once = office.client("compliance"), str(uuid4())
    for name in ("Ann Example", "Ann Example", "Anne Example"):
        told = {"what": "name", "new": name, "why": "they said so", "once": once}
        client.post(f"/case/{customer}/data/correct", told)
        office.clock.move(seconds=1)
    assert CaseFile(office.place, customer).customer["name"] == "Anne Example"
    assert len(bodies("data.corrected")) == 2


def test_another_plan_in_the_same_form_is_not_taken_for_the_first(office: Office) -> None:
    customer = owing(office, "us", 200, 2500)
    client, once = office.client("team_lead"), str(uuid4())
    told = {"left": "200", "once": once}
    offers = client.post(f"/case/{customer}/plans", told).context["offers"]
    plans = [one for one in offers if one.can_be_chosen]
    first, second = plans[:2]
    assert client.post(f"/case/{customer}/plans", {**told, "choose": first.number}).status_code == 302
    assert client.post(f"/case/{customer}/plans", {**told, "choose": first.number}).status_code in (302, 409)
    answer = client.post(f"/case/{customer}/plans", {**told, "choose": second.number})
    assert answer.status_code == 409
    (agreed,) = bodies("plan.agreed")
    assert agreed["plan"] == first.plan.kind


def test_what_was_read_for_review_is_recorded_each_time(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "SHARE", 1.0)
    customer = Case.objects.order_by("rank").values_list("pk", flat=True)[0]
    note = NewEvent("case.note", office.clock(), customer, body={"by": "x"}, personal={"note": "they"})
    (made,) = office.place.journal.record([note])
    client = office.client("compliance")
    for count in (1, 2):
        client.get(f"/reviews/{made.event_id}")
        client.get(f"/reviews/{made.event_id}")
        assert len([one for one in bodies("data.read") if one["why"] == "review"]) == count
        office.clock.now += timedelta(days=1)
