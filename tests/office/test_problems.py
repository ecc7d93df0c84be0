"""Whatever goes wrong, a program is told so in one form: problem+json, with the right status and what to do."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from ninja.throttling import AuthRateThrottle
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from dunwell.office.api.problems import CONTENT_TYPE
from dunwell.office.api.service import api
from tests.office.conftest import Office
from tests.office.test_api import API, Program

JSON = "application/json"


@pytest.fixture
def client(office: Office) -> Client:
    """A program with every scope of a team lead, whose server answers errors as it does in production."""
    return Client(
        headers={"Authorization": f"Bearer {Program(office).secret}"}, raise_request_exception=False
    )


def send(path: str, body: bytes | str, kind: str = JSON, **more: Any) -> Callable[[Client], Any]:
    return lambda client: client.generic("POST", f"{API}{path}", body, content_type=kind, **more)


HUGE = b"[" + b" " * 3_000_000 + b"]"
WRONG: dict[str, tuple[int, Callable[[Client], Any]]] = {
    "an address that is none": (404, lambda client: client.get(f"{API}/nothing")),
    "an address with a slash too many": (404, lambda client: client.get(f"{API}/me/")),
    "a customer who is none": (404, lambda client: client.get(f"{API}/cases/nobody")),
    "a way that the address does not know": (405, lambda client: client.put(f"{API}/payments")),
    "no token": (401, lambda client: client.get(f"{API}/me", headers={"Authorization": ""})),
    "a scope that the token lacks": (403, lambda client: client.get(f"{API}/people")),
    "a body that is cut off": (400, send("/payments", "[{")),
    "a body of a form": (415, send("/payments", "a=b", "application/x-www-form-urlencoded")),
    "a body of a page": (415, send("/payments", "<a/>", "text/html")),
    "a body of files": (415, send("/payments", "x", "multipart/form-data; boundary=x")),
    "a body that is too large": (413, send("/payments", HUGE)),
    "one with a key that is too large": (413, send("/payments", HUGE, headers={"Idempotency-Key": "k"})),
    "a row without its columns": (422, send("/payments", "[{}]")),
    "a key that is too long": (400, send("/payments", "[]", headers={"Idempotency-Key": "k" * 201})),
    "a host that is not ours": (
        400,
        lambda client: client.get(f"{API}/me", headers={"Host": "evil.example"}),
    ),
}


@pytest.mark.parametrize(("status", "ask"), WRONG.values(), ids=WRONG)
def test_a_problem_is_told_in_one_form(status: int, ask: Callable[[Client], Any], client: Client) -> None:
    answer = ask(client)
    assert (answer.status_code, answer["Content-Type"]) == (status, CONTENT_TYPE)
    told = json.loads(answer.content)
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]


def test_the_ways_that_an_address_knows_and_how_to_prove_oneself_are_told(client: Client) -> None:
    assert client.delete(f"{API}/cases")["Allow"] == "GET, HEAD, OPTIONS"
    assert Client().get(f"{API}/me")["WWW-Authenticate"] == "Bearer"


def test_an_error_of_the_server_tells_nothing_of_itself(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: Any) -> Any:
        raise RuntimeError("the key of Ann Example")

    monkeypatch.setattr("dunwell.office.api.cases.case_row", broken)
    answer = client.get(f"{API}/cases")
    assert (answer.status_code, answer["Content-Type"]) == (500, CONTENT_TYPE)
    assert b"Ann" not in answer.content


def test_who_asks_too_often_is_told_when_to_come_back(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AuthRateThrottle, "allow_request", lambda *_: False)
    monkeypatch.setattr(AuthRateThrottle, "wait", lambda *_: 12.4)
    answer = client.get(f"{API}/me")
    assert (answer.status_code, answer["Content-Type"], answer["Retry-After"]) == (429, CONTENT_TYPE, "13")


def test_pages_for_people_stay_pages(office: Office) -> None:
    answer = office.client("administrator").get("/api/tokens/none")
    assert answer["Content-Type"].startswith("text/html")


def test_the_description_is_valid_and_names_the_form_of_problems() -> None:
    described = json.loads(json.dumps(api.get_openapi_schema(), default=str))
    assert not list(OPENAPI_31_VALIDATOR.iter_errors(described))
    names = [told["operationId"] for ways in described["paths"].values() for told in ways.values()]
    assert len(names) == len(set(names))
    for path, ways in described["paths"].items():
        for told in ways.values():
            assert list(told["responses"]["default"]["content"]) == [CONTENT_TYPE], path
