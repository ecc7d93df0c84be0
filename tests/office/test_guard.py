"""Every page of the office asks for a permission, and each role gets what its permissions say: all addresses, walked through."""

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from dunwell.office.access.guard import rule_of
from dunwell.office.access.roles import permissions, roles
from tests.office.conftest import Office


def every_view() -> list[tuple[str, URLPattern]]:
    found: list[tuple[str, URLPattern]] = []

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> None:
        for one in patterns:
            if isinstance(one, URLResolver):
                walk(one.url_patterns, prefix + str(one.pattern))
            else:
                found.append((prefix + str(one.pattern), one))

    walk(get_resolver().url_patterns, "/")
    return found


@pytest.mark.parametrize(
    ("address", "pattern"), every_view(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_page_names_what_it_needs(address: str, pattern: URLPattern) -> None:
    assert rule_of(pattern.callback) is not None, (
        f"{address} names no permission: decorate its view with needs(...)"
    )


def own_pages() -> list[tuple[str, str]]:
    """Addresses of our own pages with every <argument> filled with something that exists nowhere, and their permission."""
    pages = []
    for address, pattern in every_view():
        rule = rule_of(pattern.callback)
        if rule in permissions():
            pages.append((_filled(address), str(rule)))
    return pages


def _filled(address: str) -> str:
    text, rest = "", address
    while "<" in rest:
        before, _, after = rest.partition("<")
        argument, _, rest = after.partition(">")
        text += before + ("00000000-0000-0000-0000-000000000000" if argument.startswith("uuid:") else "0")
    return text + rest


@pytest.mark.parametrize("role", roles())
def test_a_role_is_refused_what_it_may_not_and_only_that(office: Office, role: str) -> None:
    client = office.client(role)
    client.raise_request_exception = False
    for address, permission in own_pages():
        may = permission in roles()[role].permissions
        for way in (client.get, client.post):
            answer = way(address)
            assert (answer.status_code != 403) == may, (
                f"{role} {way.__name__} {address}: {answer.status_code}, may {permission}: {may}"
            )


def test_strangers_sign_in_first(office: Office, client: Client) -> None:
    for address, _ in own_pages():
        for way in (client.get, client.post):
            answer = way(address)
            assert answer.status_code in (302, 401), address
            if answer.status_code == 302:
                assert answer["Location"].startswith("/account/login")
