"""Every address of the API as a careless or hostile program asks it: other methods, other bodies, names that are misspelt."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from dunwell.office.access.models import Staff
from dunwell.office.access.roles import roles
from dunwell.office.api.problems import CONTENT_TYPE
from dunwell.office.api.service import api
from dunwell.office.api.tokens import scopes_of
from dunwell.office.cases.models import Case
from tests.office.conftest import Office
from tests.office.test_api import API, Program

DESCRIBED = api.get_openapi_schema()["paths"]
NOWHERE = "00000000-0000-0000-0000-000000000000"
JSON = "application/json"


@pytest.fixture
def programs(office: Office) -> dict[str, Client]:
    """A program for each role with all that it may, whose server answers errors as it does in production."""
    return {
        role: Client(
            headers={"Authorization": f"Bearer {Program(office, role).secret}"}, raise_request_exception=False
        )
        for role in roles()
    }


@pytest.fixture
def customer(office: Office) -> str:
    found = Case.objects.order_by("pk").first()
    assert found is not None
    return found.pk


def filled(path: str, customer: str) -> str:
    path = path.replace("{customer_id}", customer)
    return re.sub(r"{\w+}", "1", re.sub(r"{(contact_id|event_id)}", NOWHERE, path))


def who_may(programs: dict[str, Client], told: Any) -> Client:
    ((scopes,),) = [one.values() for one in told["security"]]
    return next(
        programs[role]
        for role in ("team_lead", *roles())
        if set(scopes) <= set(scopes_of(Staff.objects.get(username=role)))
    )


def taking_bodies(kind: str) -> Iterator[tuple[str, Any]]:
    for path, ways in DESCRIBED.items():
        for told in ways.values():
            if kind in told.get("requestBody", {}).get("content", {}):
                yield path, told


def test_a_method_that_an_address_does_not_know_is_refused_with_those_it_knows(
    programs: dict[str, Client], customer: str
) -> None:
    for path, ways in [*DESCRIBED.items(), (f"{API}/openapi.json", {"get": None})]:
        known = {way.upper() for way in ways} | {"OPTIONS"} | ({"HEAD"} if "get" in ways else set())
        allow = ", ".join(sorted(known))
        for way in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - known:
            answer = programs["team_lead"].generic(way, filled(path, customer))
            told = (answer.status_code, answer["Content-Type"], answer["Allow"])
            assert told == (405, CONTENT_TYPE, allow), (way, path)
        options = Client().options(filled(path, customer))
        assert (options.status_code, options["Allow"], options.content) == (204, allow, b""), path


def test_head_asks_as_get_does_and_is_told_without_a_body(programs: dict[str, Client], customer: str) -> None:
    for path, ways in DESCRIBED.items():
        if "get" not in ways:
            continue
        program, where = who_may(programs, ways["get"]), filled(path, customer)
        got, head = program.get(where), program.head(where)
        assert head.status_code == got.status_code, path
        assert head.content == b"", path
        assert head["Content-Type"] == got["Content-Type"], path
        assert head["Content-Length"] == str(len(got.content)) or "at" in got.json(), path
    assert Client().head(f"{API}/me").status_code == 401
    assert Client().options(f"{API}/nothing").status_code == 404


NOT_JSON = {
    "cut off": b"{",
    "no number": b'{"count": NaN}',
    "endless": b'{"count": -Infinity}',
    "in UTF-16": '{"a": 1}'.encode("utf-16"),
    "in Latin-1": b'{"a": "\xe9"}',
    "too deep": b"[" * 100_000,
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5_000 + b"}",
    "a name twice": b'{"count": 1, "count": 2}',
}


def test_what_is_no_json_is_refused_as_unreadable(programs: dict[str, Client], customer: str) -> None:
    for path, told in taking_bodies(JSON):
        program, where = who_may(programs, told), filled(path, customer)
        for what, body in NOT_JSON.items():
            answer = program.generic("POST", where, body, content_type=JSON)
            assert (answer.status_code, answer["Content-Type"]) == (400, CONTENT_TYPE), (path, what)


OTHER_KINDS = (
    *(
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ),
    *("application/octet-stream", "garbage", "a/b/c;;;"),
)


def test_a_body_of_another_kind_is_refused_as_such(programs: dict[str, Client], customer: str) -> None:
    for kind, other in ((JSON, OTHER_KINDS), ("multipart/form-data", (JSON, "text/plain", "garbage"))):
        for path, told in taking_bodies(kind):
            for one in other:
                where = filled(path, customer)
                answer = who_may(programs, told).generic("POST", where, b"{}", content_type=one)
                assert (answer.status_code, answer["Content-Type"]) == (415, CONTENT_TYPE), (path, one)


def test_what_is_no_object_or_names_something_unknown_does_nothing(
    programs: dict[str, Client], customer: str
) -> None:
    """``1`` once gave away fifty cases: every name of the body had a default, and none was looked for."""
    for path, told in taking_bodies(JSON):
        is_list = told["requestBody"]["content"][JSON]["schema"].get("type") == "array"
        one, other = b'{"misspelt": 1}', b'"x"'
        wrong = [
            b"null",
            b"1",
            b"true",
            other,
            *([b"{}", b"[1]", b"[%s]" % one] if is_list else [b"[]", one]),
        ]
        for body in wrong:
            answer = who_may(programs, told).generic("POST", filled(path, customer), body, content_type=JSON)
            assert answer.status_code == 422, (path, body, answer.content)
            faults = json.loads(answer.content)["faults"]
            assert all("Error extracting" not in fault["why"] for fault in faults), path
            if b"misspelt" in body:
                assert any(fault["place"].endswith("misspelt") for fault in faults), path
    assert not Case.objects.filter(assigned_to__isnull=False).exists()


def test_each_operation_names_its_scope_and_the_kind_of_its_answer(office: Office) -> None:
    for path, ways in DESCRIBED.items():
        for way, told in ways.items():
            ((scopes,),) = [one.values() for one in told["security"]]
            assert scopes or path == f"{API}/me", (way, path)
    kinds = [kind for ways in DESCRIBED.values() for kind in ways.get("get", {}).get("responses", {})]
    assert kinds
    report = DESCRIBED[f"{API}/reports/contacts.{{kind}}"]["get"]["responses"][200]
    assert set(report["content"]) == {"application/csv", "application/pdf"}


def scope_of(told: Any) -> str | None:
    ((scopes,),) = [one.values() for one in told["security"]]
    return scopes[0] if scopes else None


@pytest.mark.parametrize("role", roles())
def test_a_token_does_what_its_scope_and_its_person_s_role_allow_and_nothing_else(
    office: Office, customer: str, role: str
) -> None:
    """Each operation, asked with its scope alone and with every other scope that the role's tokens can have."""
    can = scopes_of(Staff.objects.get(username=role))
    made: dict[tuple[str, ...], Client] = {}

    def program(scopes: list[str]) -> Client:
        key = tuple(scopes)
        if key not in made:
            secret = Program(office, role, scopes).secret
            made[key] = Client(headers={"Authorization": f"Bearer {secret}"}, raise_request_exception=False)
        return made[key]

    for path, ways in DESCRIBED.items():
        for way, told in ways.items():
            scope = scope_of(told)
            asked = [(program([one for one in can if one != scope]), scope is None)]
            asked += [(program([scope]), True)] if scope in can else []
            for client, may in asked:
                # A body of a kind that is taken nowhere: who may is told that, and nothing is done.
                answer = client.generic(way.upper(), filled(path, customer), b"x", content_type="a/b")
                assert (answer.status_code != 403) == may, (scope, way, path, answer.status_code)
                assert answer.status_code < 500


ENDINGS: dict[str, Any] = {
    "revoked": lambda office, program, person: program.token.__class__.objects.update(
        revoked_at=office.clock()
    ),
    "past its day": lambda office, program, person: program.token.__class__.objects.update(
        expires_at=office.clock()
    ),
    "of somebody who left": lambda office, program, person: Staff.objects.filter(pk=person.pk).update(
        is_active=False
    ),
}


@pytest.mark.parametrize("end", ENDINGS.values(), ids=ENDINGS)
def test_a_token_that_ended_opens_no_operation(end: Any, office: Office, customer: str) -> None:
    program = Program(office)
    end(office, program, Staff.objects.get(username="team_lead"))
    for path, ways in DESCRIBED.items():
        for way in ways:
            answer = program.client.generic(way.upper(), filled(path, customer), b"{}", content_type=JSON)
            assert answer.status_code == 401, (way, path)
            assert answer["WWW-Authenticate"] == "Bearer"


def test_a_token_may_no_more_than_its_person_s_role_of_today(office: Office) -> None:
    program = Program(office)
    assert program.get("/board").status_code == 200
    Staff.objects.filter(username="team_lead").update(role="collector")
    assert program.get("/board").status_code == 403
    assert program.get("/cases").status_code == 200
    Staff.objects.filter(username="team_lead").update(role="analyst")
    assert program.get("/cases").status_code == 403
