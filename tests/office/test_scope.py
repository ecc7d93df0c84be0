"""Nobody sees or changes what is out of their scope: every address and operation, every list, figure and file."""

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.access.entering import REFUSED
from dunwell.office.access.guard import rule_of
from dunwell.office.access.models import Staff, Team
from dunwell.office.access.roles import permissions, roles
from dunwell.office.api.hooks import make_hook
from dunwell.office.api.models import Delivery, Webhook
from dunwell.office.api.service import api
from dunwell.office.api.telling import plan_deliveries
from dunwell.office.api.tokens import make_token, scopes_of
from dunwell.office.cases.models import Approval, Case, Received
from dunwell.office.compliance import reviewing
from dunwell.office.tallies.models import ComplaintClock
from tests.office.conftest import PASSWORD, Office
from tests.office.test_guard import every_view


@dataclass
class Bounds:
    """Two agencies' people, and a customer of each."""

    office: Office
    ours: str
    theirs: str
    team: Team

    def person(self, role: str) -> Staff:
        """Somebody of our agency."""
        return Staff.objects.get(username=f"our-{role}")

    def client(self, role: str) -> Client:
        client = Client()
        client.force_login(self.person(role))
        return client

    def record(self, kind: str, customer: str, **more: Any) -> str:
        (made,) = self.office.place.journal.record([NewEvent(kind, self.office.clock(), customer, **more)])
        return made.event_id

    def program(self, role: str) -> Client:
        who = self.person(role)
        _, secret = make_token("t", who, scopes_of(who), self.office.clock())
        return Client(headers={"authorization": f"Bearer {secret}"})


@pytest.fixture(params=["agency", "jurisdiction"])
def bounds(office: Office, request: pytest.FixtureRequest) -> Bounds:
    if request.param == "agency":
        team = Team.objects.create(name="Harbour", agency="Harbour & Co")
        ours, theirs = Case.objects.filter(jurisdiction="us").order_by("rank")[:2]
    else:
        team = Team.objects.create(name="London", jurisdictions=["gb"])
        ours = Case.objects.filter(jurisdiction="gb").order_by("rank")[0]
        theirs = Case.objects.filter(jurisdiction="us").order_by("rank")[0]
    Case.objects.filter(pk=ours.pk).update(team=team)
    for role in roles():
        Staff.objects.create_user(f"our-{role}", password=PASSWORD, role=role, is_sample=True, team=team)
    return Bounds(office, ours.pk, theirs.pk, team)


def filled(address: str, customer: str) -> str:
    text = re.sub(r"<id:customer_id>|{customer_id}", customer, address)
    text = re.sub(r"<int:\w+>|{\w*approval_id}", "1", text)
    return re.sub(r"<[^>]+>|{[^}]+}", "00000000-0000-0000-0000-000000000000", text)


def happened() -> int:
    """Events, but for those that tell that somebody was refused something."""
    return Event.objects.exclude(kind=REFUSED).count()


def test_no_address_of_somebody_else_s_customer_opens(bounds: Bounds) -> None:
    before = happened()
    for address, pattern in every_view():
        if "customer_id" not in address or address.startswith("/api/"):
            continue
        rule = str(rule_of(pattern.callback))
        assert rule in permissions()
        role = next(name for name, role in roles().items() if rule in role.permissions)
        client = bounds.client(role)
        for answer in (
            client.get(filled(address, bounds.theirs)),
            client.post(filled(address, bounds.theirs), {"why": "x", "reason": "planning", "to": ""}),
        ):
            assert answer.status_code in (404, 405) or answer.headers.get("Location") == "/queue", address
    assert happened() == before


def test_no_operation_about_somebody_else_s_customer_is_carried_out(bounds: Bounds) -> None:
    before = happened()
    customer = bounds.theirs
    bodies: dict[str, dict[str, Any]] = {
        "/contacts/ask": {"customer_id": customer, "channel": "call"},
        "/contacts": {"customer_id": customer, "channel": "call", "contact_point_id": "x"},
    }
    programs = {role: bounds.program(role) for role in roles()}
    checked = 0
    for path, ways in api.get_openapi_schema()["paths"].items():
        for method in ways:
            name = path.removeprefix("/api/v1")
            if "{customer_id}" not in path and name not in bodies:
                continue
            statuses: set[int] = set()
            for program in programs.values():
                sent = json.dumps(bodies.get(name, SENT.get(name.rpartition("/")[2], {})))
                call = getattr(program, method)
                more: dict[str, Any] = (
                    {} if method == "get" else {"data": sent, "content_type": "application/json"}
                )
                if name.endswith("/recording"):
                    more = {"data": {"recording": _sound()}}
                statuses.add(call(filled(path, customer), **more).status_code)
            assert statuses <= {403, 404}, (method, path, statuses)
            assert 404 in statuses, (method, path)
            checked += 1
    assert checked > 20
    assert happened() == before


def _sound() -> Any:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("a.wav", b"RIFF\0\0\0\0WAVE")


BUDGET = {"left": "10"}
SENT: dict[str, dict[str, Any]] = {
    "reveal": {"reason": "planning"},
    "check": {"text": "x"},
    "notes": {"note": "x"},
    "incoming": {"outcome": "conversation"},
    "end": {"outcome": "no_answer"},
    "identity": {"facts": {"born": "1990-01-01"}},
    "withdraw": {"reason": "customer_withdrew"},
    "plans": BUDGET,
    "agree": {"budget": BUDGET, "number": 1},
    "offer": {"budget": BUDGET, "number": 1},
    "texts": {"way": "x"},
    "preview": {"way": "x"},
    "assign": {"to": None},
    "corrections": {"what": "name", "new": "x", "why": "x"},
    "erasure": {"why": "x"},
    "evidence": {"why": "x"},
}


def test_complaints_of_others_are_neither_shown_nor_answered(bounds: Bounds) -> None:
    event = bounds.record("hold.placed", bounds.theirs, body={"hold": "complaint"})
    own = bounds.record("hold.placed", bounds.ours, body={"hold": "complaint"})
    client, program = bounds.client("compliance"), bounds.program("compliance")
    page = client.get("/complaints").content.decode()
    assert (bounds.theirs in page, bounds.ours in page) == (False, True)
    assert [one["event_id"] for one in program.get("/api/v1/complaints").json()["complaints"]] == [own]
    told = json.dumps({"note": "answered", "lift": True})
    answer = program.post(f"/api/v1/complaints/{event}/answer", told, content_type="application/json")
    assert answer.status_code == 404
    assert client.post(f"/complaints/{event}/answer", {"note": "answered"}).status_code == 404
    assert ComplaintClock.objects.get(pk=event).answered_at is None
    ComplaintClock.objects.update(answered_at=bounds.office.clock())
    page = client.get("/complaints").content.decode()
    assert (bounds.theirs in page, bounds.ours in page) == (False, True)


def test_notes_of_others_are_not_reviewed(bounds: Bounds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviewing, "SHARE", 1.0)
    events = {
        customer: bounds.record("case.note", customer, body={"by": "collector"}, personal={"note": "of them"})
        for customer in (bounds.ours, bounds.theirs)
    }
    bounds.office.clock.move(minutes=5)
    client = bounds.client("compliance")
    page = client.get("/reviews").content.decode()
    assert (events[bounds.theirs] in page, events[bounds.ours] in page) == (False, True)
    assert client.get(f"/reviews/{events[bounds.ours]}").status_code == 200
    assert client.get(f"/reviews/{events[bounds.theirs]}").status_code == 404


def test_decisions_about_others_are_not_found(bounds: Bounds) -> None:
    client = bounds.client("compliance")
    for customer, is_there in ((bounds.ours, True), (bounds.theirs, False)):
        decision = Case.objects.get(pk=customer).decision_id
        assert decision
        for wanted in (customer, decision):
            shown = client.get("/decisions", {"q": wanted}).content.decode().count(f"/case/{customer}")
            assert bool(shown) == is_there, wanted
    other = Case.objects.get(pk=bounds.theirs).decision_id
    assert client.post(f"/decisions/{other}/again").status_code == 404


def test_figures_count_one_s_own_customers_alone(bounds: Bounds) -> None:
    for customer in (bounds.ours, bounds.theirs, bounds.theirs):
        body = {"payment": f"p-{customer}", "amount": "100", "currency": "XAU"}
        bounds.record("payment.seen", customer, body=body)
        bounds.record(
            "contact.permitted",
            customer,
            body={"channel": "visit", "message_id": f"m-{Event.objects.count()}"},
        )
        bounds.record(
            "contact.refused", customer, body={"channel": "call", "reasons": [{"rule": f"r.{customer}"}]}
        )
    Approval.objects.create(
        kind="plan", subject=bounds.theirs, payload={}, why="", asked_by=bounds.person("collector"),
        asked_at=bounds.office.clock(), key="one",
    )  # fmt: skip
    client = bounds.client("team_lead")
    page = client.get("/board")
    day = page.context["day"]
    assert (day.contacts["visit"], day.cash["XAU"], day.refused) == (1, 100, {f"r.{bounds.ours}": 1})
    assert page.context["approvals"] == 0
    assert "messages are due" not in page.content.decode()
    csv = bounds.client("compliance").get("/reports", {"as": "csv"}).content.decode()
    assert f"r.{bounds.theirs}" not in csv
    assert f"r.{bounds.ours}" in csv
    assert ",visit,,1" in csv


def test_the_kept_share_is_that_of_one_s_own(bounds: Bounds) -> None:
    everybody = bounds.office.client("team_lead").get("/board").context
    own = bounds.client("team_lead").get("/board").context
    assert 0 <= own["due"] < everybody["due"]


def test_coaching_and_audit_tell_of_one_s_own(bounds: Bounds) -> None:
    for customer in (bounds.ours, bounds.theirs):
        body = {"by": "our-collector", "findings": ["threat"]}
        bounds.record("case.note", customer, body=body, personal={"note": "x"})
        bounds.record("data.read", customer, body={"by": "collector", "why": "planning"})
    for address, role in (("/coaching", "team_lead"), ("/audit", "auditor"), ("/audit", "compliance")):
        page = bounds.client(role).get(address).content.decode()
        assert (bounds.theirs in page, bounds.ours in page) == (False, True), address
    page = bounds.client("auditor").get("/audit", {"customer": bounds.theirs}).content.decode()
    assert "Nothing fits." in page


def test_analytics_tell_of_one_s_own(bounds: Bounds) -> None:
    everybody, client = bounds.office.client("team_lead"), bounds.client("team_lead")
    assert "<option>us" in everybody.get("/analytics/capacity").content.decode()
    page = client.get("/analytics/capacity").content.decode()
    assert "<option>us" not in page
    csv = client.get("/analytics/capacity.csv", {"jurisdiction": "us"}).content.decode()
    assert len(csv.splitlines()) == 1
    rows = client.get("/analytics/capacity.csv").content.decode().splitlines()
    assert (len(rows) > 1) == (not bounds.team.agency)
    assert client.get("/analytics/foretold").context["tables"] == []


def test_a_search_does_not_tell_that_somebody_exists(bounds: Bounds) -> None:
    client, program = bounds.client("auditor"), bounds.program("auditor")
    assert client.post("/search", {"q": bounds.ours})["Location"] == f"/case/{bounds.ours}"
    for nobody in (bounds.theirs, "never-was"):
        assert client.post("/search", {"q": nobody})["Location"] == "/queue"
        sought = program.post("/api/v1/search", json.dumps({"text": nobody}), content_type="application/json")
        assert (sought.status_code, sought.json()) == (200, {"found": [], "next_cursor": None})


def test_a_program_takes_nothing_in_about_others(bounds: Bounds) -> None:
    program, file = bounds.program("collector"), bounds.office.place.shelf.file(bounds.theirs)
    assert file is not None
    account = file.tables["accounts"]["account_id"][0]
    rows = [{"payment_id": "p1", "account_id": account, "paid_on": "2026-11-23", "amount": "5.00"}]
    answer = program.post("/api/v1/payments", json.dumps(rows), content_type="application/json").json()
    assert (answer["new"], len(answer["refused"])) == (0, 1)
    assert "not in the book" in answer["refused"][0]["why"]
    holds = [{"hold_id": "h1", "customer_id": bounds.theirs, "kind": "cease", "from_on": "2026-11-23"}]
    answer = program.post("/api/v1/holds", json.dumps(holds), content_type="application/json").json()
    assert (answer["new"], len(answer["refused"])) == (0, 1)
    assert not Received.objects.exists()


def test_a_webhook_is_told_of_one_s_own(bounds: Bounds) -> None:
    hook, _ = make_hook(bounds.office.place, "https://a.example/x", [], bounds.person("collector"))
    other, _ = make_hook(
        bounds.office.place, "https://b.example/x", [], Staff.objects.get(username="collector")
    )
    own = bounds.record("hold.placed", bounds.ours, body={"hold": "dispute"})
    bounds.record("hold.placed", bounds.theirs, body={"hold": "dispute"})
    plan_deliveries(bounds.office.place)
    assert [one.event_id for one in Delivery.objects.filter(webhook=hook)] == [own]
    assert Delivery.objects.filter(webhook=other).count() == 2
    program = bounds.program("collector")
    assert [one["id"] for one in program.get("/api/v1/webhooks").json()["webhooks"]] == [hook.pk]
    assert program.delete(f"/api/v1/webhooks/{other.pk}").status_code == 404
    assert Webhook.objects.count() == 2


def test_a_case_is_given_to_nobody_who_may_not_see_it(office: Office) -> None:
    case = Case.objects.filter(jurisdiction="us").order_by("rank")[0]
    Staff.objects.create_user("london", role="collector", jurisdictions=["gb"])
    office.client("team_lead").post(f"/case/{case.pk}/give", {"to": "london"})
    case.refresh_from_db()
    assert case.assigned_to is None


def test_who_is_bound_to_nothing_in_common_with_their_team_sees_nobody(office: Office) -> None:
    team = Team.objects.create(name="London", jurisdictions=["gb"])
    lost = Staff.objects.create_user(
        "lost", role="collector", jurisdictions=["us"], team=team, is_sample=True
    )
    assert not Case.objects.visible_to(lost).exists()
    client = Client()
    client.force_login(lost)
    case = Case.objects.order_by("rank")[0]
    assert client.get(f"/case/{case.pk}").status_code == 404
    told = {
        "username": "lost",
        "role": "collector",
        "team": team.pk,
        "jurisdictions": "us",
        "is_active": "on",
    }
    answer = office.client("administrator").post(f"/people/{lost.pk}", told)
    assert answer.status_code == 422
    assert "The team works in gb" in answer.content.decode()


def test_an_erasure_of_who_owes_nothing_past_due_is_decided_by_who_may_see_them(office: Office) -> None:
    team = Team.objects.create(name="London", jurisdictions=["gb"])
    officer = Staff.objects.create_user("officer", role="compliance", team=team, is_sample=True)
    without_case = next(
        customer
        for frame in office.place.shelf.whole("customers")
        for customer, where in frame.select("customer_id", "jurisdiction").iter_rows()
        if where == "gb" and not Case.objects.filter(pk=customer).exists()
    )
    Approval.objects.create(
        kind="erasure", subject=without_case, payload={}, why="asked", key="e",
        asked_by=Staff.objects.get(username="compliance"), asked_at=office.clock() - timedelta(hours=1),
    )  # fmt: skip
    client = Client()
    client.force_login(officer)
    assert without_case in client.get("/approvals").content.decode()
