"""The API as programs use it: tokens with scopes, requests that come twice, problems with their mend, webhooks that arrive."""

import base64
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from ninja.operation import PathView
from schemathesis.core.result import Ok

from dunwell.office.access.models import Staff
from dunwell.office.access.roles import roles
from dunwell.office.api.hooks import make_hook
from dunwell.office.api.models import Answer, Delivery
from dunwell.office.api.reaching import post
from dunwell.office.api.service import api
from dunwell.office.api.telling import deliver, plan_deliveries
from dunwell.office.api.tokens import Scoped, make_token, scopes_of
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from tests.office.conftest import Office

API = "/api/v1"


class Program:
    """A program with a token."""

    def __init__(self, office: Office, role: str = "team_lead", scopes: list[str] | None = None) -> None:
        staff = Staff.objects.get(username=role)
        self.token, secret = make_token("test", staff, scopes or scopes_of(staff), office.clock())
        self.secret = secret
        self.client = Client(headers={"authorization": f"Bearer {secret}"})

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(API + path, query)

    def post(self, path: str, body: Any, key: str | None = None) -> Any:
        headers = {} if key is None else {"idempotency-key": key}
        return self.client.post(API + path, body, content_type="application/json", headers=headers)


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


def every_operation() -> list[Any]:
    found = []
    for _, router in api._routers:
        views: list[PathView] = list(router.path_operations.values())
        found += [operation for view in views for operation in view.operations]
    return found


def test_every_operation_asks_for_a_token() -> None:
    operations = every_operation()
    assert len(operations) > 10
    for operation in operations:
        assert all(isinstance(one, Scoped) for one in operation.auth_callbacks), operation.path
        assert operation.auth_callbacks, operation.path


def test_without_a_token_nothing_is_told(office: Office, client: Client) -> None:
    answer = client.get(f"{API}/cases")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert "Bearer" in answer.json()["detail"]


def test_a_token_does_no_more_than_its_scopes(office: Office) -> None:
    narrow = Program(office, scopes=["case.read"])
    assert narrow.get("/cases").status_code == 200
    assert narrow.post("/payments", []).status_code == 403
    with pytest.raises(ValueError, match="cannot give"):
        make_token("too much", Staff.objects.get(username="analyst"), ["case.read"], office.clock())


def test_a_token_that_ended_or_whose_person_left_is_refused(office: Office, program: Program) -> None:
    program.token.expires_at = office.clock() + timedelta(minutes=1)
    program.token.save()
    assert program.get("/me").json()["acts_as"] == "team_lead"
    office.clock.move(minutes=2)
    assert program.get("/me").status_code == 401
    other = Program(office, "collector")
    Staff.objects.filter(username="collector").update(is_active=False)
    assert other.get("/me").status_code == 401


def test_pages_of_cases_hold_each_case_once(office: Office, program: Program) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = program.get("/cases", limit=37, **({} if cursor is None else {"cursor": cursor})).json()
        seen += [row["customer_id"] for row in page["cases"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == Case.objects.count()
    assert program.get("/cases", cursor="nonsense").status_code == 422


def test_whose_cases_are_out_of_scope_do_not_exist(office: Office, case: Case) -> None:
    Staff.objects.filter(username="collector").update(jurisdictions=["cn"])
    abroad = Program(office, "collector")
    assert {row["jurisdiction"] for row in abroad.get("/cases").json()["cases"]} == {"cn"}
    assert abroad.get(f"/cases/{case.pk}").status_code == 404


def test_the_statement_agrees_with_the_case(office: Office, program: Program, case: Case) -> None:
    (account,) = program.get(f"/cases/{case.pk}").json()["accounts"]
    told = program.get(f"/accounts/{account['account_id']}/statement").json()
    assert float(told["closing"]["past_due_total"]) == float(account["past_due_total"])
    assert told["account_id"] == account["account_id"]


def payment(office: Office, case: Case, payment_id: str = "api-1") -> dict[str, str]:
    account = CaseFile(office.place, case.pk).account_ids[0]
    day = office.clock().date().isoformat()
    return {"payment_id": payment_id, "account_id": account, "paid_on": day, "amount": "10.00"}


def test_a_payment_told_by_api_counts_in_the_next_answer(
    office: Office, program: Program, case: Case
) -> None:
    before = program.get(f"/cases/{case.pk}").json()["accounts"][0]["payoff_total"]
    assert program.post("/payments", [payment(office, case)]).json() == {"new": 1, "known": 0, "refused": []}
    after = program.get(f"/cases/{case.pk}").json()["accounts"][0]["payoff_total"]
    assert round(float(before) - float(after), 2) == 10.00


def test_the_same_request_with_one_key_is_carried_out_once(
    office: Office, program: Program, case: Case
) -> None:
    first = program.post("/payments", [payment(office, case)], key="k1")
    again = program.post("/payments", [payment(office, case)], key="k1")
    assert again.json() == first.json() == {"new": 1, "known": 0, "refused": []}
    assert again["Idempotency-Replayed"] == "true"
    other = program.post("/payments", [payment(office, case, "api-2")], key="k1")
    assert other.status_code == 422


def test_a_request_that_broke_off_half_way_may_be_sent_again(
    office: Office, program: Program, case: Case
) -> None:
    program.post("/payments", [payment(office, case)], key="k1")
    Answer.objects.update(status=0)  # as a server that was killed would have left it
    assert program.post("/payments", [payment(office, case)], key="k1").status_code == 409
    office.clock.move(minutes=3)
    assert program.post("/payments", [payment(office, case)], key="k1").json()["known"] == 1


def test_a_call_is_permitted_ended_with_a_promise_and_a_stop_binds_the_next(
    office: Office, program: Program, case: Case
) -> None:
    file = CaseFile(office.place, case.pk)
    points = file.tables["contact_points"].filter(pl_own()).to_dicts()
    point = points[0]["contact_point_id"]
    begun = program.post("/contacts", {"customer_id": case.pk, "contact_point_id": point}).json()
    assert begun["allowed"], begun["reasons"]
    day = (office.clock().date() + timedelta(days=3)).isoformat()
    promise = {"account_id": file.account_ids[0], "parts": [{"amount": "1.00", "due_on": day}]}
    end = f"/cases/{case.pk}/contacts/{begun['contact_id']}/end"
    assert program.post(end, {"outcome": "no_answer", "promise": promise}).status_code == 422
    told = {"outcome": "conversation", "promise": promise, "came": ["stop"], "note": "spoke calmly"}
    refused = program.post(end, told)
    assert refused.status_code == 422
    assert "nobody has shown that they are the customer" in refused.json()["detail"]
    born = str(file.customer["born_on"])
    facts = {"facts": {"account": file.account_ids[0][-4:], "born": born}}
    assert program.post(end.replace("/end", "/identity"), facts).json()["passed"]
    assert program.post(end, told).json() == {"recorded": True}
    assert program.post(end, told).json() == {"recorded": False}
    promises = program.get(f"/cases/{case.pk}").json()["promises"]
    assert [(one["amount"], one["state"]) for one in promises if one["state"] == "open"] == [("1", "open")]
    asked = {"customer_id": case.pk, "channel": "call", "contact_point_id": point}
    assert not program.post("/contacts/ask", asked).json()["allowed"]
    kinds = [event["kind"] for event in program.get(f"/cases/{case.pk}/events").json()["events"]]
    assert {"contact.permitted", "contact.made", "promise.made", "hold.placed", "case.note"} <= set(kinds)


def pl_own() -> Any:
    import polars as pl

    return pl.col("kind").is_in(["mobile", "landline"]) & (pl.col("party").fill_null("self") == "self")


class Listener(BaseHTTPRequestHandler):
    """Somebody else's server: refuses the first message, takes the others."""

    heard: list[tuple[dict[str, str], bytes]]
    refusals: int

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = type(self)
        kind.heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
        kind.refusals -= 1
        self.send_response(503 if kind.refusals >= 0 else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def listener() -> Iterator[tuple[str, type[Listener]]]:
    kind = type("OneListener", (Listener,), {"heard": [], "refusals": 1})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", kind
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_is_signed_tried_again_and_taken_once(
    office: Office, program: Program, case: Case, listener: tuple[str, type[Listener]]
) -> None:
    url, server = listener
    send = partial(post, named=frozenset({"127.0.0.1"}))
    _, secret = make_hook(office.place, url, ["payment.seen"], Staff.objects.get(username="team_lead"))
    program.post("/payments", [payment(office, case)])
    assert plan_deliveries(office.place) == 1
    assert deliver(office.place, send) == 0
    assert Delivery.objects.get().why == "answered 503"
    assert deliver(office.place, send) == 0, "it waits before it tries again"
    office.clock.move(minutes=1)
    assert deliver(office.place, send) == 1
    assert plan_deliveries(office.place) == deliver(office.place, send) == 0
    headers, body = server.heard[-1]
    assert len(server.heard) == 2
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert json.loads(body)["data"]["customer_id"] == case.pk


def test_an_address_without_tls_elsewhere_is_refused(program: Program) -> None:
    refused = program.post("/webhooks", {"url": "http://203.0.113.9/hook"})
    assert refused.status_code == 422
    made = program.post("/webhooks", {"url": "https://bank.example/hook", "kinds": ["payment.seen"]}).json()
    assert made["secret"].startswith("whsec_")
    assert "secret" not in program.get("/webhooks").json()["webhooks"][0]
    assert program.client.delete(f"{API}/webhooks/{made['id']}").status_code == 204


def _fuzz(operation: Any, headers: dict[str, str]) -> None:
    """Some requests made from an operation's description; none may make the server fail."""

    @hypothesis_settings(
        max_examples=8,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def fuzzed(case: Any) -> None:
        answer = case.call(headers=headers)
        assert answer.status_code < 500, (case.method, case.path, case.body, answer.text)
        assert answer.headers["content-type"][0].startswith("application/") or answer.status_code in (
            204,
            405,
        )

    fuzzed()


def test_no_request_makes_the_server_fail(office: Office, program: Program) -> None:
    """Every operation, fuzzed from its own description by schemathesis: never an error of the server."""
    schema = schemathesis.openapi.from_wsgi(f"{API}/openapi.json", WSGIHandler())
    operations = {(f"{API}{one.path}", method): one for one in every_operation() for method in one.methods}
    secrets = {role: Program(office, role).secret for role in roles()}
    count = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        known = operations[operation.path, operation.method.upper()]
        scope = known.auth_callbacks[0].scope
        role = next(
            name
            for name in ("team_lead", *roles())
            if scope is None or scope in scopes_of(Staff.objects.get(username=name))
        )
        _fuzz(operation, {"Authorization": f"Bearer {secrets[role]}"})
        count += 1
    assert count == len(every_operation())


def test_every_list_comes_page_by_page() -> None:
    described = api.get_openapi_schema()
    shapes = described["components"]["schemas"]
    bare, whole, paged = [], [], set()
    for path, ways in described["paths"].items():
        for method, told in ways.items():
            answer = (
                told["responses"].get(200, {}).get("content", {}).get("application/json", {}).get("schema")
            )
            name = f"{method.upper()} {path.removeprefix('/api/v1')}"
            if answer is None:
                continue
            if answer.get("type") == "array":
                bare.append(name)
                continue
            fields = shapes[answer["$ref"].rpartition("/")[2]]["properties"] if "$ref" in answer else {}
            lists = [field for field, kind in fields.items() if kind.get("type") == "array"]
            if "next_cursor" in fields:
                asked = {one["name"] for one in told["parameters"]}
                assert {"cursor", "limit"} <= asked, name
                paged.add(name)
            elif len(lists) == len(fields) == 1:
                whole.append(name)
    assert bare == [], "answer with a page: the rows and next_cursor"
    assert whole == [], "say where the next ones begin: next_cursor"
    assert paged >= {"GET /cases", "GET /complaints", "GET /cases/{customer_id}/texts", "POST /search"}


def test_pages_hold_each_row_once(office: Office, program: Program, case: Case) -> None:
    for kind in ("complaint", "dispute", "complaint"):
        once = {"outcome": "conversation", "came": [kind]}
        assert program.post(f"/cases/{case.pk}/incoming", once).json()["recorded"]
    officer = Program(office, "compliance")
    for where, rows, named in (
        (f"/cases/{case.pk}/events", "events", "event_id"),
        (f"/cases/{case.pk}/timeline", "entries", "title"),
        ("/complaints", "complaints", "event_id"),
    ):
        asker = officer if rows == "complaints" else program
        asker.get(where)  # that a program looked is an event itself, written once
        (whole, seen), cursor = (asker.get(where).json()[rows], []), None
        while True:
            page = asker.get(where, limit=1, **({} if cursor is None else {"cursor": cursor})).json()
            assert len(page[rows]) == 1, where
            seen += page[rows]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert len(whole) > 1, where
        assert [row[named] for row in seen] == [row[named] for row in whole], where
        assert asker.get(where, cursor="nonsense").status_code == 422
    gone = program.get(f"/cases/{case.pk}/events", limit=1).json()["next_cursor"]
    other = Case.objects.exclude(pk=case.pk).order_by("pk").first()
    assert other is not None
    assert program.get(f"/cases/{other.pk}/events", cursor=gone).status_code == 422


def test_found_people_come_page_by_page(office: Office, program: Program) -> None:
    text, seen, cursor = "ann", [], None
    while True:
        more = "" if cursor is None else f"&cursor={cursor}"
        page = program.post(f"/search?limit=1{more}", {"text": text}).json()
        seen += [one["customer_id"] for one in page["found"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    whole = [one["customer_id"] for one in program.post("/search?limit=200", {"text": text}).json()["found"]]
    assert seen == whole
    assert len(whole) > 1
