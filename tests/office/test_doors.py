"""The public doors as the office serves them: no token of a form, no cookie, their own headers, and a limit to knocking."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.core.cache import cache
from django.test import Client

from dunwell.outreach.sms.webhooks import WebhookRefused
from dunwell.outreach.views import Doors
from tests.office.conftest import Office


@pytest.fixture
def heard(office: Office) -> Iterator[list[bytes]]:
    """What came in at a webhook that takes everything but what begins with "forged"."""
    bodies: list[bytes] = []

    def webhook(headers: object, body: bytes, now: object) -> list[object]:
        if body.startswith(b"forged"):
            raise WebhookRefused("the signature is wrong", is_forged=True)
        bodies.append(body)
        return []

    app = apps.get_app_config("outreach")
    opened = Doors(None, webhook, lambda channel, item: None, office.clock)  # type: ignore[arg-type]
    app.doors = opened  # type: ignore[attr-defined]
    cache.clear()
    yield bodies
    del app.doors  # type: ignore[attr-defined]
    cache.clear()


def send(client: Client, body: bytes) -> object:
    return client.post("/hooks/sms", body, content_type="application/json")


def test_a_provider_needs_no_form_and_gets_no_cookie(heard: list[bytes]) -> None:
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/hooks/sms", b"{}", content_type="application/json")
    assert (answer.status_code, heard) == (200, [b"{}"])
    assert not answer.cookies
    assert answer["Content-Security-Policy"].startswith("default-src 'none'")
    assert answer["Cache-Control"] == "no-store"
    assert strict.post("/hooks/sms", b"forged", content_type="application/json").status_code == 401


def test_who_knocks_too_often_is_told_to_wait(heard: list[bytes]) -> None:
    limit = 60
    client = Client()
    answers = [client.post("/unsubscribe/nothing").status_code for _ in range(limit + 1)]
    assert answers[:limit] == [404] * limit
    assert answers[-1] == 429
    assert client.post("/unsubscribe/nothing")["Retry-After"] == "60"
    assert client.post("/hooks/sms", b"{}", content_type="application/json").status_code == 200


def test_a_workspace_without_channels_has_no_doors(office: Office, client: Client) -> None:
    assert client.post("/hooks/sms", b"{}", content_type="application/json").status_code == 404
