"""The API as a program walks through it: one answer leads to the next request, made up from the description by schemathesis.

Each answer must be as the description says, and none an error of the server. Each step acts as a role that may, or as any other
where that is what is walked (``test_at_length``).
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import cycle
from typing import Any

import polars as pl
import pytest
import schemathesis
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks
from schemathesis.specs.openapi.stateful.links import OpenApiLink

from dunwell.office.access.models import Staff
from dunwell.office.access.roles import roles
from dunwell.office.api.problems import CONTENT_TYPE
from dunwell.office.api.service import api
from dunwell.office.api.tokens import scopes_of
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from tests.office.conftest import Office
from tests.office.test_api import API, Program

CHECKS = (
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.use_after_free,
)


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """As Django's own test client does: a request does not end the connection in whose transaction the test runs."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def real_parts(office: Office) -> Callable[[Any], None]:
    """What puts a customer's own ids into a made-up body: what is begun about nobody leads nowhere. One in five stays made up."""
    known = []
    for case in Case.objects.filter(past_due_days__gt=0).order_by("rank")[:20]:
        file = CaseFile(office.place, case.pk)
        points = file.tables["contact_points"].filter(pl.col("kind") == "mobile")["contact_point_id"]
        known.append((case.pk, file.account_ids[0], *points[:1]))
    turns = cycle([*[one for one in known if len(one) == 3]] * 4 + [None])

    def put(body: Any) -> None:
        ids = next(turns)
        if ids is None:
            return
        for told in body if isinstance(body, list) else [body]:
            if isinstance(told, dict):
                for name, value in zip(("customer_id", "account_id", "contact_point_id"), ids, strict=True):
                    if name in told:
                        told[name] = value
                put(told.get("promise"))

    return put


def walk(office: Office, role: str | None, scenarios: int, *, is_new: bool = False) -> list[tuple[str, int]]:
    """Walk ``scenarios`` ways of some steps each, as ``role`` or (None) as one that may; which operations answered what."""
    put, heard = real_parts(office), list[tuple[str, int]]()
    programs = {name: Program(office, name).secret for name in roles()}
    may = {name: set(scopes_of(Staff.objects.get(username=name))) for name in roles()}
    described = api.get_openapi_schema()["paths"]
    schema = schemathesis.openapi.from_wsgi(f"{API}/openapi.json", WSGIHandler())

    class Walk(schema.as_state_machine()):  # type: ignore[misc]  # made as it runs
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            ((scopes,),) = [
                one.values() for one in described[case.operation.path][case.method.lower()]["security"]
            ]
            fitting = [name for name in ("team_lead", *roles()) if set(scopes) <= may[name]]
            return {"headers": {"Authorization": f"Bearer {programs[role or fitting[0]]}"}}

        def before_call(self, case: Any) -> None:
            put(case.body)

        def after_call(self, response: Any, case: Any) -> None:
            super().after_call(response, case)
            cache.clear()  # how often one may ask is another test's matter
            heard.append((case.operation.label, response.status_code))

        def validate_response(self, response: Any, case: Any, **more: Any) -> None:
            if response.status_code >= 400:
                assert response.headers["content-type"] == [CONTENT_TYPE], case.operation.label
            case.validate_response(response, checks=CHECKS, recorder=self.recorder)

    # What an answer holds decides what the next request may draw, so the walk may draw otherwise on the same way: Hypothesis then
    # ends it. Each answer was looked at when it came.
    with suppress(FlakyStrategyDefinition):
        Walk.run(
            settings=hypothesis_settings(
                max_examples=scenarios,
                stateful_step_count=12,
                derandomize=not is_new,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
        )
    return heard


def test_one_answer_leads_to_the_next_and_each_is_as_it_is_described(office: Office) -> None:
    heard = walk(office, None, 12)
    fine = {name for name, status in heard if status < 300}
    assert len(heard) > 60
    assert len(fine) > 12, "the ways lead somewhere"


@pytest.mark.slow
@pytest.mark.parametrize("role", [None, *roles()])
def test_at_length(office: Office, role: str | None) -> None:
    """``DUNWELL_WALKS`` says how many ways each role walks; other ways every time."""
    assert walk(office, role, int(os.environ.get("DUNWELL_WALKS", "100")), is_new=True)


def test_every_operation_that_asks_for_something_made_elsewhere_is_led_to() -> None:
    schema = schemathesis.openapi.from_dict(api.get_openapi_schema())
    led_to = set()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        for status, response in operation.responses.items():
            for name, link in response.iter_links():
                led_to.add(OpenApiLink(name, status, link, operation, {}).target.label)
    asking = {
        f"{way.upper()} {path}"
        for path, ways in api.get_openapi_schema()["paths"].items()
        for way in ways
        if "{" in path and "{kind}" not in path
    }
    assert asking <= led_to
