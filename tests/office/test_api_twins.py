"""What stands on a page of the office, and what can be done there, a program is told and does as well, to the same effect."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.access.models import Staff, Team
from dunwell.office.api.models import Answer
from dunwell.office.api.service import api
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from dunwell.office.compliance import counting, reviewing
from dunwell.office.strategies.models import DONE, Proposal
from dunwell.office.strategies.proposing import text_in_force
from tests.office.conftest import Office
from tests.office.test_api import Program

TWINS = {
    # the desk
    "queue": "GET /cases",
    "next_case": "GET /next",
    "search": "POST /search",
    "case": "GET /cases/{customer_id}",
    "reveal": "POST /cases/{customer_id}/reveal",
    "statement": "GET /accounts/{account_id}/statement",
    "start": "POST /contacts",
    "answer": "POST /cases/{customer_id}/incoming",
    "identity": "POST /cases/{customer_id}/contacts/{contact_id}/identity",
    "log": "POST /cases/{customer_id}/contacts/{contact_id}/end",
    "drop": "POST /cases/{customer_id}/contacts/{contact_id}/not-made",
    "withdraw": "POST /cases/{customer_id}/promises/{promise_id}/withdraw",
    "note": "POST /cases/{customer_id}/notes",
    "check": "POST /cases/{customer_id}/check",
    "guide": "GET /cases/{customer_id}/guide",
    "plans": "POST /cases/{customer_id}/plans",
    "text": "POST /cases/{customer_id}/texts",
    "recordings": "POST /cases/{customer_id}/contacts/{contact_id}/recording",
    "recording": "GET /cases/{customer_id}/recordings/{event_id}",
    # supervision
    "board": "GET /board",
    "load": "GET /load",
    "share": "POST /load/share",
    "cover": "POST /load/cover",
    "leave": "POST /load/leave",
    "coaching": "GET /coaching",
    "approvals": "GET /approvals",
    "decide": "POST /approvals/{approval_id}/decide",
    "give": "POST /cases/{customer_id}/assign",
    # compliance
    "decisions": "GET /decisions",
    "again": "POST /decisions/{decision_id}/again",
    "reviews": "GET /reviews",
    "review_one": "POST /reviews/{event_id}",
    "review_sound": "GET /reviews/{event_id}/sound",
    "complaints": "GET /complaints",
    "answer_complaint": "POST /complaints/{event_id}/answer",
    "reports": "GET /reports/contacts",
    "count_report": "POST /reports/contacts",
    "packs": "GET /law",
    "pack": "GET /law/{key}",
    "evidence": "POST /cases/{customer_id}/evidence",
    "person_data": "GET /cases/{customer_id}/data",
    "correct": "POST /cases/{customer_id}/corrections",
    "ask_erasure": "POST /cases/{customer_id}/erasure",
    "audit": "GET /audit",
    # figures and strategies
    "analytics": "GET /analytics",
    "analytics_section": "GET /analytics/{name}",
    "analytics_sheet": "GET /analytics/{name}",
    "analytics_foretold": "GET /analytics/foretold",
    "strategies": "GET /strategies",
    "propose": "POST /strategies",
    "strategy": "GET /strategies/{proposal_id}",
    "comparison": "GET /strategies/{proposal_id}",
    "compare_again": "POST /strategies/{proposal_id}/compare",
    "ask_for_strategy": "POST /strategies/{proposal_id}/ask",
    "decide_strategy": "POST /strategies/{proposal_id}/decide",
    # people
    "people": "GET /people",
    "new_person": "POST /people",
    "person": "POST /people/{staff_id}",
    "team": "POST /teams",
}
"""Every page and form, by its name, and the operation that tells or does the same."""

PAGES_ONLY = {
    "home": "leads to the first page",
    "set_language": "the reader's language of the pages",
    "still_here": "a page keeps somebody signed in; a token needs nothing of the kind",
    "second_factor": "a person's own way in",
    "take_away_factor": "a way in: no token takes one away",
    "new_password": "a way in: no token makes one",
    "tokens": "a token makes and ends no tokens",
    "new_token": "a token makes and ends no tokens",
    "revoke": "a token makes and ends no tokens",
    "analytics_picture": "a picture of the section's table",
    "strategy_picture": "a picture of the comparison's tables",
    "health": "for whatever watches",
    "ready": "for whatever watches",
    "metrics": "for whatever watches",
}
"""Pages that no program needs, and why."""

PANELS = {
    "case_who.html": "GET /cases/{customer_id}/records",
    "case_debts.html": "GET /cases/{customer_id}",
    "case_promises.html": "GET /cases/{customer_id}",
    "case_law.html": "GET /cases/{customer_id}/law",
    "case_options.html": "GET /cases/{customer_id}/options",
    "case_wishes.html": "GET /cases/{customer_id}/records",
    "case_timeline.html": "GET /cases/{customer_id}/timeline",
    "case_contact.html": "POST /contacts",
    "case_note.html": "POST /cases/{customer_id}/notes",
}
"""What the customer's screen is made of, and the operation that tells each part."""


def pages(patterns: list[Any], above: str = "") -> Iterator[str]:
    """The names of the office's own pages."""
    for one in patterns:
        if isinstance(one, URLResolver):
            yield from pages(one.url_patterns, above + str(one.pattern))
        elif isinstance(one, URLPattern) and one.name:
            of = getattr(one.callback, "__module__", "")
            if of.startswith("dunwell.office") and "api/v1" not in above:
                yield one.name


def test_what_stands_on_a_page_is_told_to_a_program() -> None:
    names = set(pages(get_resolver().url_patterns))
    assert {"board", "coaching", "queue", "strategies", "people"} <= names
    assert names - TWINS.keys() - PAGES_ONLY.keys() == set(), "write its operation, or say why there is none"
    assert (TWINS.keys() | PAGES_ONLY.keys()) - names == set(), "these pages are gone"
    described = api.get_openapi_schema()["paths"]
    there = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, ways in described.items()
        for method in ways
    }
    assert (set(TWINS.values()) | set(PANELS.values())) - there == set()


def test_each_part_of_the_customer_s_screen_is_told_to_a_program() -> None:
    from importlib.resources import files

    text = (files("dunwell.office") / "templates" / "office" / "case.html").read_text(encoding="utf-8")
    parts = {name for name in text.split('"office/')[1:] if name.startswith("case_")}
    assert {name.partition('"')[0] for name in parts} == PANELS.keys()


@pytest.fixture
def case(office: Office) -> Case:
    found = (
        Case.objects.filter(past_due_days__gt=5, account_count=1, jurisdiction="gb").order_by("pk").first()
    )
    assert found is not None
    return found


def record(office: Office, kind: str, customer: str, body: dict[str, Any], **more: Any) -> None:
    office.place.journal.record([NewEvent(kind, office.clock(), customer, body=body, **more)])


def test_the_board_and_the_load_are_those_of_the_page(office: Office, case: Case) -> None:
    record(office, "payment.seen", case.pk, {"payment": "p", "amount": "12.50", "currency": "GBP"})
    record(
        office,
        "contact.permitted",
        case.pk,
        {"channel": "call", "worker": "desk:collector", "message_id": "m"},
    )
    record(office, "contact.refused", case.pk, {"channel": "call", "reasons": [{"rule": "gb.hours"}]})
    program, page = Program(office), office.client("team_lead").get("/board").context
    told = program.get("/board").json()
    assert told["cash"] == {"GBP": "12.5"}
    assert (told["contacts"], told["refused"]) == ({"call": 1}, {"gb.hours": 1})
    for name in ("kept", "due", "waiting", "urgent", "held_back", "approvals", "messages_due"):
        assert told[name] == page[name], name
    assert told["people"] == [
        {"name": "collector", "contacts": 1, "conversations": 0, "promises": 0, "notes": 0, "findings": 0}
    ]
    load = program.get("/load", limit=200).json()
    assert load["free"] == office.client("team_lead").get("/load").context["free_count"]
    assert {one["username"]: one["cases"] for one in load["people"]}["collector"] == 0
    assert Program(office, "collector").get("/board").status_code == 403


def test_a_lead_bound_to_a_place_is_told_of_it_alone(office: Office, case: Case) -> None:
    record(
        office,
        "contact.permitted",
        case.pk,
        {"channel": "call", "worker": "desk:collector", "message_id": "m"},
    )
    Staff.objects.filter(username="team_lead").update(jurisdictions=["us"])
    told = Program(office).get("/board").json()
    assert (told["contacts"], told["messages_due"], told["capacities"]) == ({}, None, None)


def test_work_is_shared_out_and_goes_on_when_somebody_is_on_leave(office: Office) -> None:
    team = Team.objects.create(name="one")
    Staff.objects.filter(username__in=["team_lead", "collector"]).update(team=team)
    lead, admin = Program(office), Program(office, "administrator")
    shared = lead.post("/load/share", {"count": 4, "jurisdiction": "gb"}).json()
    assert shared == {"given": 4, "left": 0}
    theirs = Case.objects.filter(assigned_to__username="collector")
    assert theirs.count() == 2
    person = Staff.objects.get(username="collector").pk
    leave = (office.clock().date() + timedelta(days=7)).isoformat()
    changed = admin.post(f"/people/{person}", {"on_leave_until": leave})
    assert changed.json()["on_leave_until"] == leave
    assert Event.objects.filter(kind="office.changed").count() == 1
    assert [one["is_away"] for one in lead.get("/load").json()["people"]] == [True, False]
    assert lead.post("/load/cover", {"username": "collector"}).json() == {"given": 2, "left": 0}
    assert not theirs.exists()
    assert lead.post("/load/cover", {"username": "compliance"}).status_code == 422, "of another team"


def test_coaching_tells_occasions_with_their_evidence(office: Office, case: Case) -> None:
    body = {"by": "collector", "findings": ["threat"]}
    record(office, "case.note", case.pk, body, personal={"note": "Pay or else"})
    (found,) = Program(office).get("/coaching").json()["occasions"]
    assert (found["username"], found["kind"]) == ("collector", "findings")
    assert found["evidence"][0]["what"] == ["threat"]
    assert found["evidence"][0]["customer_id"] == case.pk
    assert "Pay or else" not in str(found)


def test_people_are_added_and_changed_as_on_the_page(office: Office) -> None:
    admin = Program(office, "administrator")
    assert admin.post("/teams", {"name": "Harbour", "jurisdictions": ["us"]}).json() == {"recorded": True}
    assert admin.post("/teams", {"name": "Harbour"}).status_code == 422
    made = admin.post("/people", {"username": "ann", "role": "collector", "team": "Harbour"}).json()
    assert (made["team"], made["is_active"]) == ("Harbour", True)
    assert not Staff.objects.get(username="ann").has_usable_password()
    wrong = admin.post(f"/people/{made['id']}", {"jurisdictions": ["gb"]})
    assert wrong.status_code == 422
    assert wrong.json()["faults"][0]["place"] == "jurisdictions"
    assert admin.post("/people", {"username": "bob", "role": "king"}).status_code == 422
    changed = admin.post(f"/people/{made['id']}", {"languages": ["zh", "en"], "team": ""}).json()
    assert (changed["languages"], changed["team"], changed["role"]) == (["en", "zh"], None, "collector")
    own = Staff.objects.get(username="administrator").pk
    assert admin.post(f"/people/{own}", {"is_active": False}).status_code == 409
    assert "ann" in [one["username"] for one in admin.get("/people", limit=200).json()["people"]]
    assert [one["name"] for one in admin.get("/teams").json()["teams"]] == ["Harbour"]
    assert Program(office).get("/people").status_code == 403


def test_a_decision_is_found_with_its_receipt_and_made_again(office: Office) -> None:
    kept = pl.read_parquet(office.place.settings.book_folder / "decisions.parquet").row(0, named=True)
    officer = Program(office, "compliance")
    found = officer.get("/decisions", q=kept["customer_id"]).json()["decisions"]
    assert kept["decision_id"] in [one["decision_id"] for one in found]
    assert found[0]["policy_hash"] == kept["policy_hash"]
    again = officer.post(f"/decisions/{kept['decision_id']}/again", {}).json()
    assert (again["is_same"], again["why_not"]) == (True, None)
    assert officer.post("/decisions/D0/again", {}).status_code == 404
    assert officer.get("/decisions", q="nobody").json() == {"decisions": [], "next_cursor": None}


def test_a_drawn_note_is_read_recorded_and_reviewed_once(
    office: Office, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "SHARE", 1.0)
    for words in ("Pay or we tell your boss.", "prefers mornings"):
        record(office, "case.note", case.pk, {"by": "collector"}, personal={"note": words})
    office.clock.move(minutes=5)
    officer = Program(office, "compliance")
    page = officer.get("/reviews", limit=1).json()
    rest = officer.get("/reviews", cursor=page["next_cursor"]).json()["drawn"]
    drawn = [one["event_id"] for one in page["drawn"] + rest]
    assert len(set(drawn)) == 2
    read = officer.post(f"/reviews/{drawn[0]}/read", {}, key="r").json()
    assert read["text"] in ("Pay or we tell your boss.", "prefers mornings")
    assert Event.objects.filter(kind="data.read").count() == 1
    assert not Answer.objects.exists(), "what shows personal data is not kept"
    told = {"score": 20, "findings": ["threat"], "note": "talk to them"}
    answers = [officer.post(f"/reviews/{drawn[0]}", told).json()["recorded"] for _ in range(2)]
    assert answers == [True, False]
    rates = officer.get("/reviews/rates").json()
    assert (rates["waiting"], rates["reviewed"], rates["mean_score"]) == (1, 1, 20)
    assert {one["of"] for one in rates["rates"]} == {"any", "threat"}
    assert Program(office, "auditor").post(f"/reviews/{drawn[1]}", told).status_code == 403


def test_the_regulator_s_report_is_told_counted_and_handed_out(
    office: Office, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        record(office, "contact.permitted", case.pk, {"channel": "email", "message_id": f"m{n}"})
    officer, span = Program(office, "compliance"), {"first": "2026-11-24", "last": "2026-11-24"}
    told = officer.get("/reports/contacts", **span).json()
    volume = {"section": "volume", "jurisdiction": "gb", "what": "email", "of": "", "count": 3}
    assert told["state"] == "done" and volume in told["rows"]
    text = officer.get("/reports/contacts.csv", **span).content.decode()
    assert ["volume", "gb", "email", "", "3"] in list(csv.reader(io.StringIO(text)))
    assert officer.get("/reports/contacts.pdf", **span).content.startswith(b"%PDF-")
    assert officer.get("/reports/contacts", first="2026-11-24", last="2020-01-01").status_code == 422
    monkeypatch.setattr(counting, "AT_ONCE_MAX", 2)
    assert officer.get("/reports/contacts", **span).json()["state"] == "asked_for_first"
    assert officer.get("/reports/contacts.csv", **span).status_code == 409
    assert officer.post("/reports/contacts", span).json() == {"recorded": True}
    assert officer.get("/reports/contacts", **span).json()["state"] == "waiting"


def test_the_law_and_what_changed_in_it_is_told(office: Office) -> None:
    officer = Program(office, "compliance")
    assert "us-reg-f" in [one["key"] for one in officer.get("/law", limit=200).json()["packs"]]
    told = officer.get("/law/us-reg-f", on="2021-12-01", since="2021-11-29").json()
    assert "us-reg-f.call-attempts" in [one["rule"] for one in told["rules"]]
    assert "began" in {one["what"] for one in told["changes"]}
    assert officer.get("/law/nowhere").status_code == 404


def test_evidence_is_handed_out_for_a_reason_each_time_anew(office: Office, case: Case) -> None:
    record(office, "hold.placed", case.pk, {"hold": "dispute"})
    officer, where = Program(office, "compliance"), f"/cases/{case.pk}/evidence"
    for _ in range(2):
        pack = officer.post(where, {"why": "a claim in court"}, key="e")
        assert pack["Content-Type"] == "application/zip" and pack.content.startswith(b"PK")
    assert not Answer.objects.exists(), "what shows personal data is not kept"
    assert Event.objects.filter(kind="data.read").count() == 2
    assert officer.post(where, {"why": " "}).status_code == 422
    assert Program(office, "auditor").post(where, {"why": "x"}).status_code == 403


def test_who_looked_and_who_changed_what_is_told_page_by_page(office: Office, case: Case) -> None:
    for n in range(3):
        record(office, "data.read", case.pk, {"by": "collector", "why": "planning", "what": f"{n}"})
    auditor = Program(office, "auditor")
    first = auditor.get("/audit", limit=2, customer_id=case.pk).json()
    rest = auditor.get("/audit", customer_id=case.pk, cursor=first["next_cursor"]).json()
    assert [one["about"]["what"] for one in first["rows"] + rest["rows"]] == ["2", "1", "0"]
    assert auditor.get("/audit", by="nobody").json()["rows"] == []
    Staff.objects.filter(username="auditor").update(jurisdictions=["us"])
    assert auditor.get("/audit", customer_id=case.pk).json()["rows"] == []


def test_a_section_of_analytics_is_told_with_its_definition_and_filters(office: Office) -> None:
    analyst, page = Program(office, "analyst"), office.client("analyst")
    told = analyst.get("/analytics").json()
    assert {"gb", "us", "cn"} <= set(told["filters"]["jurisdiction"])
    for one in told["sections"]:
        section = analyst.get(f"/analytics/{one['name']}", jurisdiction="gb").json()
        assert section["meaning"] == one["meaning"]
        sheet = page.get(f"/analytics/{one['name']}.csv", {"jurisdiction": "gb"}).content.decode()
        assert len(section["rows"]) == len(sheet.splitlines()) - 1, one["name"]
        assert all(len(row) == len(section["columns"]) for row in section["rows"])
    assert analyst.get("/analytics/nothing").status_code == 404
    assert analyst.get("/analytics/foretold").json()["title"]


def test_a_strategy_is_proposed_compared_asked_for_and_decided_by_another(office: Office) -> None:
    analyst, officer = Program(office, "analyst"), Program(office, "compliance")
    wrong = analyst.post("/strategies", {"text": "nonsense = 1", "why": "x"})
    assert wrong.status_code == 422 and wrong.json()["faults"][0]["mend"]
    text = text_in_force(office.place) + "\n# a thought\n"
    made = analyst.post("/strategies", {"text": text, "why": "clearer"}, key="s").json()
    assert analyst.post("/strategies", {"text": text, "why": "clearer"}, key="s").json()["id"] == made["id"]
    where = f"/strategies/{made['id']}"
    assert analyst.post(f"{where}/ask", {}).status_code == 409, "it is not compared yet"
    assert analyst.post(f"{where}/compare", {}).json() == {"recorded": True}
    Proposal.objects.update(comparing=DONE)
    assert analyst.post(f"{where}/ask", {}).json() == {"recorded": True}
    assert "You proposed it" in analyst.get(where).json()["why_not"]
    decision = {"decision": "refused", "reason": "not clearer"}
    assert analyst.post(f"{where}/decide", decision).status_code == 403
    assert officer.post(f"{where}/decide", decision).json() == {"recorded": True}
    assert officer.post(f"{where}/decide", decision).status_code == 409
    (kept,) = officer.get("/strategies").json()["proposals"]
    assert (kept["decision"], kept["decided_by"]) == ("refused", "compliance")
    assert officer.get("/strategies/99999").status_code == 404


def test_records_are_masked_and_those_of_the_screen(office: Office, case: Case) -> None:
    record(office, "hold.placed", case.pk, {"hold": "hardship"})
    program, file = Program(office), CaseFile(office.place, case.pk)
    told, text = program.get(f"/cases/{case.pk}/records").json(), json.dumps
    assert file.customer["name"] not in text(told)
    values = file.tables["contact_points"]["value"].drop_nulls().to_list()
    assert values and not any(value in text(told) for value in values)
    assert "hardship" in [one["kind"] for one in told["holds"]]
    assert len(told["points"]) == len(values)


def test_why_this_treatment_is_told_as_on_the_screen(office: Office, case: Case) -> None:
    shown = office.client("team_lead").get(f"/case/{case.pk}").context["options"]
    told = Program(office).get(f"/cases/{case.pk}/options").json()
    if shown is None:
        assert told["chosen"] is None
    else:
        assert told["chosen"]["treatment"] == shown.chosen.treatment
        assert [one["why"] for one in told["others"]] == [one.why for one in shown.others]
