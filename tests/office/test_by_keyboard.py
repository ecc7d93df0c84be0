"""A collector's contact in a real browser with keys alone; the pages fit a phone and 200 % zoom, and ask nothing of elsewhere."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from django.db import connection
from playwright.sync_api import Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Received
from tests.office.conftest import Office
from tests.office.test_calls import callable_customer
from tests.office.test_case_page import bodies

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = pytest.mark.slow
Steps = Callable[[Page], None]


@pytest.fixture
def server(office: Office) -> Iterator[LiveServer]:
    """The office answering on this machine, within the test's own transaction: the journal cannot be emptied afterwards."""
    if not CHROMIUM.exists():
        pytest.skip("no Chromium here: install the package chromium")
    if connection.vendor != "sqlite":
        pytest.skip(
            "another thread sees the test's transaction only where both share one connection, on SQLite"
        )
    started = LiveServer("127.0.0.1")
    yield started
    started.stop()


def in_browser(
    office: Office, server: LiveServer, steps: Steps, width: int = 1280, role: str = "collector"
) -> list[str]:
    """Let somebody take some steps in a browser; what it complained of. In a thread of its own, as its loop wants one."""
    session = office.client(role).cookies["sessionid"].value
    complaints: list[str] = []

    def miss(request: Any) -> None:
        if (
            request.failure != "net::ERR_ABORTED"
        ):  # the next page was opened before this one had all of itself
            complaints.append(request.url)

    def hear(message: Any) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def run() -> None:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
            context = browser.new_context(viewport={"width": width, "height": 800}, base_url=server.url)
            context.add_cookies([{"name": "sessionid", "value": session, "url": server.url}])
            page = context.new_page()
            page.set_default_timeout(60_000)
            page.on("console", hear)
            page.on("requestfailed", miss)
            steps(page)
            browser.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(run).result()
    return complaints


def test_a_call_from_the_queue_to_the_promise_by_keys_alone(office: Office, server: LiveServer) -> None:
    office.clock.move(hours=6)
    customer, _point = callable_customer(office.place)
    file = CaseFile(office.place, customer)
    born, account = file.customer["born_on"].isoformat(), file.account_ids[0][-4:]

    def steps(page: Page) -> None:
        keys = page.keyboard
        page.goto("/queue")
        keys.press("/")
        keys.type(customer)
        keys.press("Enter")
        page.wait_for_url(f"**/case/{customer}")
        keys.press("c")
        page.wait_for_selector("#log")
        assert page.locator("#debts table").count() == 0
        keys.press("f")
        keys.type(born)
        keys.press("Tab")
        keys.type(account)
        keys.press("Enter")
        page.wait_for_selector("#debts table")
        assert not page.locator("#amount-1").is_visible()
        keys.press("6")
        keys.press("p")
        keys.type("25.50")
        keys.press("Tab")
        keys.type("11302026")
        keys.press("Enter")
        page.wait_for_selector(".messages .success")

    assert in_browser(office, server, steps) == []
    promises = CaseFile(office.place, customer).promises.filter(pl.col("made_by") == "collector")
    assert [str(amount) for amount in promises["amount"]] == ["25.5000"]
    assert [body["outcome"] for body in bodies("contact.made")] == ["conversation"]


@pytest.mark.parametrize("width", [390, 640])
def test_pages_fit_a_phone_and_double_zoom(office: Office, server: LiveServer, width: int) -> None:
    office.clock.move(hours=6)
    customer, _point = callable_customer(office.place)

    def steps(page: Page) -> None:
        for where in ("/queue", f"/case/{customer}", f"/case/{customer}/plans", f"/case/{customer}/guide"):
            page.goto(where)
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0, f"{where} at {width}: {wide} pixels too wide"

    assert in_browser(office, server, steps, width) == []


def test_a_promise_s_state_stays_one_line_on_a_phone_in_chinese(office: Office, server: LiveServer) -> None:
    office.clock.move(hours=6)
    customer, _point = callable_customer(office.place)
    account, now = CaseFile(office.place, customer).overdue_ids[0], office.clock()
    row = {"promise_id": "P", "account_id": account, "made_at": now.isoformat(), "amount": "20.00"}
    Received.objects.create(
        table="promises",
        key="P",
        customer_id=customer,
        row=row | {"due_on": "2026-11-27"},
        received_at=now,
        source="test",
    )

    def steps(page: Page) -> None:
        page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": server.url}])
        page.goto(f"/case/{customer}")
        box = page.locator(".table .tag").first.bounding_box()
        assert box is not None
        assert box["height"] < box["width"], box

    assert in_browser(office, server, steps, 390) == []


def test_single_keys_can_be_turned_off(office: Office, server: LiveServer) -> None:
    customer, _point = callable_customer(office.place)

    def steps(page: Page) -> None:
        page.goto(f"/case/{customer}")
        page.keyboard.press("?")
        page.locator("dialog[open] [data-keys-on]").uncheck()
        page.keyboard.press("Escape")
        page.keyboard.press("q")
        page.wait_for_timeout(300)
        assert page.url.endswith(customer)
        page.get_by_role("button", name="Keys").click()
        page.locator("dialog[open] [data-keys-on]").check()
        page.keyboard.press("Escape")
        page.keyboard.press("q")
        page.wait_for_url("**/queue")

    assert in_browser(office, server, steps) == []


def test_who_moves_in_a_page_stays_signed_in_through_a_long_call(office: Office, server: LiveServer) -> None:
    customer, _point = callable_customer(office.place)

    def steps(page: Page) -> None:
        page.clock.install()
        page.goto(f"/case/{customer}")
        for number in range(2):
            office.clock.move(minutes=20)
            page.clock.fast_forward("20:00")
            with page.expect_response("**/still-here") as told:
                page.mouse.move(200, 100 + 50 * number)
            assert told.value.status == 204
        page.goto("/queue")
        assert page.url.endswith("/queue")

    assert in_browser(office, server, steps) == []
