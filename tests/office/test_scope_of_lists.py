"""Every list, over the API and on the pages, walked through by the bound of every role: none tells of others' customers."""

import pytest

from dunwell.journal.recording import NewEvent
from dunwell.office.access.guard import rule_of
from dunwell.office.access.roles import permissions, roles
from dunwell.office.api.service import api
from dunwell.office.compliance import reviewing
from dunwell.office.keeping import keep
from tests.office.test_api import Program
from tests.office.test_guard import every_view
from tests.office.test_scope import Bounds, bounds

__all__ = ["bounds"]

LAST_DAY = {"first": "2026-11-24", "last": "2026-11-24"}


@pytest.fixture
def busy(bounds: Bounds, monkeypatch: pytest.MonkeyPatch) -> Bounds:
    """Much happened to both customers: what lists tell of."""
    monkeypatch.setattr(reviewing, "SHARE", 1.0)
    now = bounds.office.clock()
    for customer in (bounds.ours, bounds.theirs):
        call = {"channel": "call", "worker": "desk:our-collector", "message_id": f"m-{customer}"}
        bounds.office.place.journal.record(
            [
                NewEvent("hold.placed", now, customer, body={"hold": "complaint"}),
                NewEvent("contact.permitted", now, customer, body=call),
                NewEvent("contact.refused", now, customer, body={"channel": "call", "reasons": []}),
                NewEvent("data.read", now, customer, body={"by": "our-collector", "why": "planning"}),
                NewEvent(
                    "case.note",
                    now,
                    customer,
                    body={"by": "our-collector", "findings": ["threat"]},
                    personal={"note": "Pay or else."},
                ),
            ]
        )
    officer = Program(bounds.office, "compliance")
    for customer in (bounds.ours, bounds.theirs):
        officer.post(f"/cases/{customer}/erasure", {"why": "asked for", "despite": True})
    bounds.office.clock.move(minutes=5)
    keep(bounds.office.place)
    return bounds


def test_no_list_of_the_api_tells_of_others(busy: Bounds) -> None:
    unbound, told_of_theirs, told_of_ours = {}, set(), set()
    for role in roles():
        unbound[role] = Program(busy.office, role).client
    for role in roles():
        program = busy.program(role)
        for path, ways in api.get_openapi_schema()["paths"].items():
            if "get" not in ways or "{" in path:
                continue
            asked = {one["name"] for one in ways["get"].get("parameters", ())}
            wide = {"limit": 200} if "limit" in asked else {}
            wide |= LAST_DAY if {"first", "last"} <= asked else {}  # type: ignore[arg-type]
            answer = program.get(path, wide)
            assert busy.theirs not in answer.content.decode(), (role, path)
            if busy.ours in answer.content.decode():
                told_of_ours.add(path.removeprefix("/api/v1"))
            if busy.theirs in unbound[role].get(path, wide).content.decode():
                told_of_theirs.add(path.removeprefix("/api/v1"))
    lists = {"/cases", "/complaints", "/audit", "/coaching", "/verdicts"}
    assert lists <= told_of_theirs, "there is something that must not be told"
    assert lists - {"/cases"} <= told_of_ours


def test_no_page_tells_of_others(busy: Bounds) -> None:
    theirs_on, pages = set(), 0
    for role in roles():
        client, unbound = busy.client(role), busy.office.client(role)
        for address, pattern in every_view():
            rule = rule_of(pattern.callback)
            if rule not in permissions() or "<" in address or address.startswith("/api/v1"):
                continue
            if rule not in roles()[role].permissions:
                continue
            answer = client.get(address, LAST_DAY if "report" in address else {})
            body = b"".join(answer) if answer.streaming else answer.content
            assert busy.theirs not in body.decode(errors="replace"), (role, address)
            pages += 1
            is_list = address in ("/complaints", "/coaching", "/audit")
            if is_list and busy.theirs in unbound.get(address).content.decode():
                theirs_on.add(address)
    assert pages > 20
    assert theirs_on, "there is something that must not be told"
