"""Everything that can be done at the desk can be done by a program, to the same effect."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.access.models import Staff, Team
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Approval, Case
from dunwell.outreach.models import Work
from tests.office.conftest import Office
from tests.office.test_api import Program, pl_own
from tests.office.test_plans import owing
from tests.office.test_texts import posting, writable

__all__ = ["posting"]


@pytest.fixture
def program(office: Office) -> Program:
    return Program(office)


@pytest.fixture
def case(office: Office) -> Case:
    found = (
        Case.objects.filter(past_due_days__gt=5, account_count=1, jurisdiction="gb").order_by("pk").first()
    )
    assert found is not None
    return found


def phone(office: Office, customer: str) -> str:
    points = CaseFile(office.place, customer).tables["contact_points"].filter(pl_own())
    return str(points["contact_point_id"][0])


def test_the_next_case_is_the_first_and_passing_it_over_gives_another(program: Program) -> None:
    first = program.get("/next").json()["customer_id"]
    assert first == program.get("/cases", limit=1).json()["cases"][0]["customer_id"]
    assert program.get("/next", passed=[first]).json()["customer_id"] not in (first, None)


def test_a_search_by_name_needs_its_scope_and_is_recorded(
    office: Office, program: Program, case: Case
) -> None:
    name = CaseFile(office.place, case.pk).customer["name"]
    narrow = Program(office, scopes=["case.read"])
    assert narrow.post("/search", {"text": name}).json() == {"found": [], "next_cursor": None}
    assert not Event.objects.filter(kind="data.read").exists()
    assert case.pk in [one["customer_id"] for one in program.post("/search", {"text": name}).json()["found"]]
    assert Event.objects.filter(kind="data.read").count() == 1
    (by_id,) = narrow.post("/search", {"text": case.pk}).json()["found"]
    assert name not in str(by_id)


def test_personal_data_are_opened_for_a_reason_that_is_recorded(
    office: Office, program: Program, case: Case
) -> None:
    note = {"note": "prefers mornings", "acknowledged": True}
    assert program.post(f"/cases/{case.pk}/notes", note).json() == {"recorded": True}
    assert (
        Program(office, scopes=["case.read"])
        .post(f"/cases/{case.pk}/reveal", {"reason": "planning"})
        .status_code
        == 403
    )
    assert program.post(f"/cases/{case.pk}/reveal", {"reason": "curious"}).status_code == 422
    told = program.post(f"/cases/{case.pk}/reveal", {"reason": "planning"}).json()
    assert told["name"] == CaseFile(office.place, case.pk).customer["name"]
    assert list(told["texts"].values()) == ["prefers mornings"]
    assert {"planning"} == {
        one.body["why"] for one in CaseFile(office.place, case.pk).events if one.kind == "data.read"
    }


def test_what_the_law_allows_now_is_what_the_gate_says(office: Office, program: Program, case: Case) -> None:
    told = program.get(f"/cases/{case.pk}/law").json()
    file = CaseFile(office.place, case.pk)
    assert told["packs"] and told["ways"]
    for way in told["ways"]:
        verdict = file.ask(way["channel"], way["contact_point_id"])
        assert (way["allowed"], [one["rule"] for one in way["reasons"]]) == (
            verdict.allowed,
            [one.rule for one in verdict.reasons],
        )


def test_the_timeline_is_told_page_by_page_each_entry_once(
    office: Office, program: Program, case: Case
) -> None:
    whole = program.get(f"/cases/{case.pk}/timeline", limit=200).json()["entries"]
    seen: list[Any] = []
    cursor: str | None = None
    while True:
        query = {"limit": 3} | ({} if cursor is None else {"cursor": cursor})
        page = program.get(f"/cases/{case.pk}/timeline", **query).json()
        seen += page["entries"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        if len(seen) == 3:
            program.post(f"/cases/{case.pk}/notes", {"note": "written meanwhile"})
    assert seen == whole


def test_a_note_with_a_finding_is_kept_only_when_acknowledged(
    office: Office, program: Program, case: Case
) -> None:
    bad = {"note": "Told them we will tell their boss if they do not pay."}
    assert not program.post(f"/cases/{case.pk}/check", {"text": bad["note"]}).json()["allowed"]
    refused = program.post(f"/cases/{case.pk}/notes", bad)
    assert refused.status_code == 422
    assert refused.json()["findings"]
    assert not Event.objects.filter(kind="case.note").exists()
    assert program.post(f"/cases/{case.pk}/notes", bad | {"acknowledged": True}, key="n1").status_code == 200
    program.post(f"/cases/{case.pk}/notes", bad | {"acknowledged": True}, key="n1")
    assert Event.objects.filter(kind="case.note").count() == 1


def test_identity_is_compared_and_never_told(office: Office, program: Program, case: Case) -> None:
    begun = program.post(
        "/contacts", {"customer_id": case.pk, "contact_point_id": phone(office, case.pk)}
    ).json()
    assert begun["allowed"], begun["reasons"]
    where = f"/cases/{case.pk}/contacts/{begun['contact_id']}"
    wrong = program.post(f"{where}/identity", {"facts": {"born": "1901-01-01"}}).json()
    assert wrong == {"passed": False, "facts": [], "tries_left": 2}
    file = CaseFile(office.place, case.pk)
    right = {
        "account": file.account_ids[0][-4:],
        "opened": file.tables["accounts"]["opened_on"][0].isoformat()[:7],
    }
    assert program.post(f"{where}/identity", {"facts": right}).json()["passed"]
    assert program.post(f"{where}/identity", {"facts": right}).status_code == 409
    assert program.post(f"{where}/not-made", {}).status_code == 409, "somebody was spoken to"
    assert program.post(f"{where}/end", {"outcome": "conversation"}).json() == {"recorded": True}


def test_a_call_that_was_not_made_counts_for_nothing(office: Office, program: Program, case: Case) -> None:
    begun = program.post(
        "/contacts", {"customer_id": case.pk, "contact_point_id": phone(office, case.pk)}
    ).json()
    where = f"/cases/{case.pk}/contacts/{begun['contact_id']}/not-made"
    assert [program.post(where, {}).json()["recorded"] for _ in range(2)] == [True, False]
    assert not [one for one in CaseFile(office.place, case.pk).person.contacts if one.at == office.clock()]


def test_after_a_check_that_failed_nobody_has_promised_whoever_is_said_to_have_verified_them(
    office: Office, program: Program, case: Case
) -> None:
    begun = program.post(
        "/contacts", {"customer_id": case.pk, "contact_point_id": phone(office, case.pk)}
    ).json()
    where = f"/cases/{case.pk}/contacts/{begun['contact_id']}"
    assert not program.post(f"{where}/identity", {"facts": {"account": "0000"}}).json()["passed"]
    day = (office.clock().date() + timedelta(days=3)).isoformat()
    promise = {
        "account_id": CaseFile(office.place, case.pk).account_ids[0],
        "parts": [{"amount": "1.00", "due_on": day}],
        "identity_verified_by": "the telephone system, by PIN",
    }
    answer = program.post(f"{where}/end", {"outcome": "conversation", "promise": promise})
    assert answer.status_code == 422
    assert "did not pass" in answer.json()["detail"]


def test_a_promise_of_a_call_that_came_in_is_kept_and_withdrawn_for_a_reason(
    office: Office, program: Program, case: Case
) -> None:
    account = CaseFile(office.place, case.pk).account_ids[0]
    day = (office.clock().date() + timedelta(days=3)).isoformat()
    promise = {
        "account_id": account,
        "parts": [{"amount": "1.00", "due_on": day}],
        "identity_verified_by": "the telephone system, by PIN",
    }
    told = {"outcome": "conversation", "promise": promise}
    assert program.post(f"/cases/{case.pk}/incoming", told).json() == {"recorded": True}
    (made,) = [one for one in program.get(f"/cases/{case.pk}").json()["promises"] if one["state"] == "open"]
    where = f"/cases/{case.pk}/promises/{made['promise_id']}/withdraw"
    assert program.post(where, {"reason": "because"}).status_code == 422
    answers = [program.post(where, {"reason": "customer_withdrew"}).json()["recorded"] for _ in range(2)]
    assert answers == [True, False]


def test_plans_follow_from_the_budget_and_one_above_authority_waits_for_a_second_person(
    office: Office,
) -> None:
    customer = owing(office, "us", 3001, 8000)
    collector, lead = Program(office, "collector"), Program(office, "team_lead")
    budget = {"left": "900"}
    found = collector.post(f"/cases/{customer}/plans", budget).json()
    first = found["plans"][0]
    assert first["may_be_agreed"] and first["needs_second"]
    assert sum(Decimal(part["amount"]) for part in first["parts"]) == Decimal(first["total"])
    choice = {"budget": budget, "number": 1}
    assert collector.post(f"/cases/{customer}/plans/offer", choice).status_code == 422
    assert collector.post(f"/cases/{customer}/plans/agree", choice, key="p").json() == {"waits": True}
    collector.post(f"/cases/{customer}/plans/agree", choice, key="p")
    (waiting,) = lead.get("/approvals").json()["approvals"]
    assert (waiting["customer_id"], waiting["why_not"]) == (customer, None)
    assert collector.get("/approvals").status_code == 403
    decision = {"decision": "approved", "reason": "they can afford it"}
    Staff.objects.filter(username="team_lead").update(jurisdictions=["cn"])
    assert lead.get("/approvals").json()["approvals"] == [], "it is out of their scope"
    assert lead.post(f"/approvals/{waiting['id']}/decide", decision).status_code == 404
    Staff.objects.filter(username="team_lead").update(jurisdictions=[])
    assert lead.post(f"/approvals/{waiting['id']}/decide", decision).json() == {"recorded": True}
    assert lead.post(f"/approvals/{waiting['id']}/decide", decision).status_code == 409
    promises = CaseFile(office.place, customer).promises.filter(pl.col("made_by") == "collector")
    assert promises["amount"].sum() == Decimal(first["total"])


def test_a_budget_is_told_in_the_form_of_the_place(office: Office, program: Program) -> None:
    customer = owing(office, "gb", 50, 5000)
    form = program.get(f"/cases/{customer}/budget-form").json()
    assert form["categories"]["salary"] == "income"
    entries = {"salary": "900", "rent": "500"}
    poor = program.post(f"/cases/{customer}/plans", {"entries": entries, "dependents": 2}).json()
    assert float(poor["left"]) == 0
    wrong = program.post(f"/cases/{customer}/plans", {"entries": {"gold": "1"}})
    assert wrong.status_code == 422 and "gold" in wrong.json()["detail"]


def test_a_case_is_given_to_somebody_of_the_team(office: Office, program: Program, case: Case) -> None:
    team = Team.objects.create(name="one")
    Staff.objects.filter(username__in=["team_lead", "collector"]).update(team=team)
    program = Program(office)
    assert program.post(f"/cases/{case.pk}/assign", {"to": "stranger"}).status_code == 422
    assert program.post(f"/cases/{case.pk}/assign", {"to": "collector"}).json() == {"recorded": True}
    assert Case.objects.get(pk=case.pk).assigned_to.username == "collector"  # type: ignore[union-attr]


def test_a_complaint_is_answered_and_a_person_s_data_corrected_and_asked_to_be_erased(
    office: Office, case: Case
) -> None:
    journal = office.place.journal
    journal.record([NewEvent("hold.placed", office.clock(), case.pk, body={"hold": "complaint"})])
    officer = Program(office, "compliance")
    (complaint,) = officer.get("/complaints").json()["complaints"]
    where = f"/complaints/{complaint['event_id']}/answer"
    told = {"note": "we were wrong", "lift": True}
    assert [officer.post(where, told).json()["recorded"] for _ in range(2)] == [True, False]
    assert officer.get("/complaints").json() == {"complaints": [], "next_cursor": None}
    correction = {"what": "name", "new": "Right Name", "why": "their passport"}
    assert officer.post(f"/cases/{case.pk}/corrections", correction).json() == {"recorded": True}
    assert officer.post(f"/cases/{case.pk}/corrections", correction).status_code == 422
    assert CaseFile(office.place, case.pk).customer["name"] == "Right Name"
    assert officer.get(f"/cases/{case.pk}/data").json()["must_stay"], "the debt is owed still"
    assert officer.post(f"/cases/{case.pk}/erasure", {"why": "asked"}).status_code == 422
    asked = officer.post(f"/cases/{case.pk}/erasure", {"why": "asked", "despite": "Art. 17(1)(d)"}).json()
    assert Approval.objects.get().pk == asked["approval_id"]
    assert (
        officer.post(
            f"/approvals/{asked['approval_id']}/decide", {"decision": "approved", "reason": "x"}
        ).status_code
        == 409
    )


def test_a_text_is_read_as_the_customer_would_and_queued(posting: Office) -> None:
    customer, way = writable(posting)
    program = Program(posting)
    assert way in [one["way"] for one in program.get(f"/cases/{customer}/texts").json()["texts"]]
    shown = program.post(f"/cases/{customer}/texts/preview", {"way": way}).json()
    assert shown["allowed"] and "Example Lender" in shown["text"]
    assert Event.objects.filter(kind="data.read", body__contains="planning").count() == 1
    queued = program.post(f"/cases/{customer}/texts", {"way": way}, key="t").json()
    assert program.post(f"/cases/{customer}/texts", {"way": way}, key="t").json() == queued
    assert Work.objects.get().message_id == queued["message_id"]


def test_without_a_channel_there_is_no_text_to_send(program: Program, case: Case) -> None:
    assert program.get(f"/cases/{case.pk}/texts").json()["texts"] == []
    assert program.post(f"/cases/{case.pk}/texts", {"way": "email:reminder:p"}).status_code == 422
    assert not Work.objects.exists()


def test_the_guide_leads_the_conversation(program: Program, case: Case) -> None:
    guide = program.get(f"/cases/{case.pk}/guide").json()
    assert guide["goal"] and guide["opening"] and guide["branches"]
