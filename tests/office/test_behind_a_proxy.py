"""The office as strangers knock at it: by another name or without TLS, led elsewhere, with paths that climb, lines that break."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from dunwell.office.access.guard import rule_of
from dunwell.office.access.roles import permissions, roles
from dunwell.office.api.problems import CONTENT_TYPE
from dunwell.office.cases.models import Case
from dunwell.office.project import office_settings
from tests.office.conftest import PASSWORD, Office
from tests.office.test_api import API, Program
from tests.office.test_guard import every_view

OUTSIDE = {"DUNWELL_OFFICE_HOSTS": "desk.example", "DUNWELL_OFFICE_HTTPS": "1", "DUNWELL_OFFICE_PROXIES": "1"}
NAMES = ("ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")


@pytest.fixture
def proxied(office: Office) -> Iterator[Client]:
    """A browser that comes through a proxy with TLS, to an office that is set up so."""
    made = office_settings(office.place.settings, OUTSIDE | {"DUNWELL_OFFICE_SECRET": "x"})
    chosen = {name: value for name, value in made.items() if name.startswith("SECURE_") or name in NAMES}
    with override_settings(**chosen):
        yield Client(
            headers={"Host": "desk.example", "X-Forwarded-Proto": "https"}, raise_request_exception=False
        )


def test_without_tls_a_page_sends_there_and_only_the_watchers_are_answered(proxied: Client) -> None:
    plain = {"X-Forwarded-Proto": "http"}
    for address in ("/queue", "/account/login/", f"{API}/me"):
        answer = proxied.get(address, headers=plain)
        assert (answer.status_code, answer["Location"]) == (301, f"https://desk.example{address}")
        assert not answer.cookies
    for address in ("/health", "/ready"):
        assert proxied.get(address, headers=plain).status_code == 200, address


def test_cookies_go_over_tls_alone_and_to_no_script_and_tls_is_remembered(proxied: Client) -> None:
    proxied.get("/account/login/")
    told = {"login": "collector", "password": PASSWORD}
    answer = proxied.post("/account/login/", told, headers={"Referer": "https://desk.example/"})
    assert answer["Location"] == "/"
    assert answer["Strict-Transport-Security"].startswith("max-age=31536000")
    session = answer.cookies[settings.SESSION_COOKIE_NAME]
    assert session["secure"] and session["httponly"] and session["samesite"] == "Lax"


def test_another_name_is_no_name_of_ours_and_a_proxy_cannot_be_made_to_say_it(proxied: Client) -> None:
    for name in ("evil.example", "desk.example@evil.example", "desk.example, evil.example", "desk.example/x"):
        assert proxied.get("/account/login/", headers={"Host": name}).status_code == 400, name
    answer = proxied.get("/queue", headers={"X-Forwarded-Host": "evil.example"})
    assert answer["Location"] == "/account/login/?next=/queue"


ELSEWHERE = (
    *("https://evil.example/", "//evil.example", "/\\evil.example", "///evil.example", "https:evil.example"),
    *(
        "javascript:alert(1)",
        "http:///evil.example",
        "\\\\evil.example",
        "https://desk.example@evil.example/",
    ),
    *("/queue\r\nSet-Cookie: a=b", "/%0d%0aSet-Cookie:a=b", "\x00//evil.example", " //evil.example"),
)


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_nobody_is_led_elsewhere(elsewhere: str, proxied: Client) -> None:
    told = {"login": "collector", "password": PASSWORD, "next": elsewhere}
    referer = {"Referer": "https://desk.example/"}
    for answer in (
        proxied.post("/account/login/", told, headers=referer),
        proxied.post("/language", {"language": "en", "next": elsewhere}, headers=referer),
        proxied.get("/account/login/", {"next": elsewhere}),
    ):
        assert re.fullmatch(r"/([\w%:=-].*)?", answer.get("Location", "/")), answer["Location"]
        assert "evil" not in answer.get("Location", "")
        assert set(answer.cookies) <= {"sessionid", "csrftoken", "django_language", "messages"}


@pytest.mark.parametrize(
    "path",
    [
        *("/static/../project.py", "/static/%2e%2e/project.py", "/static/..%2fproject.py"),
        *("/static//etc/passwd", "/static/office/../../project.py", "/static/office/%00", "/static/\\..\\x"),
        *("/case/..%2f..%2fetc/recordings/x", "/law/..%2f..%2fdunwell.toml", "/analytics/..%2fx.csv"),
    ],
)
def test_no_path_climbs(path: str, office: Office) -> None:
    for client in (Client(raise_request_exception=False), office.client("compliance")):
        answer = client.get(path)
        body = b"".join(answer) if answer.streaming else answer.content
        assert answer.status_code in (302, 403, 404), path
        assert b"SECRET_KEY" not in body and b"root:" not in body and b"[database]" not in body


def test_a_body_in_chunks_is_said_to_be_unread(office: Office) -> None:
    """It has no length, so it would be taken for an empty one."""
    answer = Program(office).client.post(
        f"{API}/payments", b"[]", content_type="application/json", headers={"Transfer-Encoding": "chunked"}
    )
    assert (answer.status_code, answer["Content-Type"]) == (411, CONTENT_TYPE)
    assert "Content-Length" in answer.json()["detail"]


class Inline(HTMLParser):
    """What of a page the Content-Security-Policy would not let run or be seen."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        names = dict(attributes)
        is_ours = (names.get("src") or "").startswith("/static/") or names.get("type") == "application/json"
        if tag == "style" or (tag == "script" and not is_ours):
            self.found.append(f"<{tag}>")
        for name, value in attributes:
            is_script = name.startswith("on") or (value or "").strip().lower().startswith("javascript:")
            if name == "style" or is_script or (name in ("src", "action") and "//" in (value or "")):
                self.found.append(f"{tag} {name}={value}")


def fitting(address: str, customer: str) -> str:
    text = address.replace("<id:customer_id>", customer)
    return re.sub(r"<[^>]+>", "00000000-0000-0000-0000-000000000000", re.sub(r"<int:\w+>", "1", text))


def test_every_page_is_shown_and_none_has_a_script_or_a_style_in_it(office: Office) -> None:
    case = Case.objects.filter(past_due_days__gt=5).order_by("rank").first()
    assert case is not None
    clients: dict[str, Any] = {name: office.client(name) for name in roles()}
    seen = 0
    for address, pattern in every_view():
        rule = rule_of(pattern.callback)
        may = [name for name in roles() if rule not in permissions() or rule in roles()[name].permissions]
        if address.startswith("/api/v1") or "logout" in address or "<re" in address or "^" in address:
            continue
        answer = clients[may[0]].get(fitting(address, case.pk))
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            page = Inline()
            page.feed(answer.content.decode())
            assert page.found == [], address
            assert "'unsafe" not in answer["Content-Security-Policy"], address
            seen += 1
    assert seen > 25
