"""Who came in, who tried to, and who was refused stands in the audit, and no password ever does."""

import json
import re
from typing import Any

import pytest
from django.core.cache import caches
from django.test import Client

from dunwell.journal.models import Event
from dunwell.office.access.entering import CASE, ENDED, ENTERED, REFUSED
from dunwell.office.access.models import Staff
from dunwell.office.api.models import Token
from dunwell.office.cases.models import Case
from tests.office.conftest import PASSWORD, Office
from tests.office.test_api import Program
from tests.office.test_second_factor import code_for, sign_in
from tests.office.test_sessions import set_up


@pytest.fixture
def real(office: Office) -> Office:
    """The office with people who are no samples."""
    Staff.objects.update(is_sample=False)
    caches["default"].clear()
    return office


def told(kind: str) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in Event.objects.filter(kind=kind).order_by("id")]


def test_signing_in_and_out_is_recorded(real: Office, django_capture_on_commit_callbacks: Any) -> None:
    client = Client()
    sign_in(client, "collector")
    with django_capture_on_commit_callbacks(execute=True):
        secret = set_up(client)
    client.post("/account/logout/")
    again = Client()
    sign_in(again, "collector")
    again.post("/account/2fa/authenticate/", {"code": "000000"})
    again.post("/account/2fa/authenticate/", {"code": code_for(secret, -1)})
    assert {one["by"] for one in told(ENTERED)} == {"collector"}
    assert [(one["what"], one.get("about", "")) for one in told(ENTERED)] == [
        ("signed in", ""),
        ("second factor added", "totp"),
        ("second factor added", "recovery_codes"),
        ("signed out", ""),
        ("second factor failed", "totp"),
        ("signed in", ""),
    ]


def test_a_sign_in_that_fails_is_recorded_without_what_was_typed(real: Office) -> None:
    for name, password in (("collector", "wrong password"), (PASSWORD, "collector")):
        Client().post("/account/login/", {"login": name, "password": password})
    assert [(one["by"], one["what"], one.get("about", "")) for one in told(ENTERED)] == [
        ("collector", "sign-in failed", ""),
        ("", "sign-in failed", "nobody has that name"),
    ]
    assert PASSWORD not in "".join(Event.objects.values_list("body", flat=True))


def test_who_is_refused_a_page_stands_in_the_audit_once_a_quarter_of_an_hour(office: Office) -> None:
    client = office.client("collector")
    for minutes in (0, 1, 20):
        office.clock.move(minutes=minutes)
        assert client.get("/board").status_code == 403
    assert [(one["by"], one["what"], one["about"]) for one in told(REFUSED)] == [
        ("collector", "team.read", "board")
    ] * 2
    page = office.client("auditor").get("/audit", {"kind": REFUSED}).content.decode()
    assert len(re.findall(r"See the live board", page)) == 2


def test_who_asks_for_somebody_out_of_their_scope_is_recorded_with_whom(office: Office) -> None:
    theirs = Case.objects.filter(jurisdiction="us").order_by("rank").first()
    assert theirs is not None
    Staff.objects.filter(username="collector").update(jurisdictions=["gb"])
    assert office.client("collector").get(f"/case/{theirs.pk}").status_code == 404
    assert Program(office, "collector").get(f"/cases/{theirs.pk}").status_code == 404
    (one,) = Event.objects.filter(kind=REFUSED)
    assert json.loads(one.body) == {"by": "collector", "what": CASE}
    assert office.place.journal.vault.customer_ids({str(one.subject_id)}) == {str(one.subject_id): theirs.pk}
    assert office.client("collector").get("/case/nobody").status_code == 404
    assert Event.objects.filter(kind=REFUSED).count() == 1, "nobody is there to be seen"


def test_a_token_that_lacks_a_scope_or_holds_no_more_is_recorded(office: Office) -> None:
    program = Program(office, "collector", ["case.read"])
    assert program.post("/load/share", {"count": 1}).status_code == 403
    Token.objects.update(revoked_at=office.clock())
    assert program.get("/me").status_code == 401
    assert [(one["what"], one["about"]) for one in told(REFUSED)] == [
        ("case.assign", "token test"),
        (ENDED, "token test"),
    ]


def test_a_case_read_by_a_program_is_recorded(office: Office) -> None:
    case = Case.objects.order_by("rank").first()
    assert case is not None
    program = Program(office, "collector")
    for path in ("", "/records", "/timeline"):
        assert program.get(f"/cases/{case.pk}{path}").status_code == 200
    (read,) = told("data.read")
    assert (read["by"], read["why"]) == ("collector", "case read by a program")
