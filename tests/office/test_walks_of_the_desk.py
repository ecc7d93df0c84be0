"""A collector's walks in a real browser with keys alone: what a customer may say, and what the desk then does and shows."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal

import polars as pl
import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from dunwell.journal.models import Event
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Approval, Case
from tests.office.conftest import Office
from tests.office.test_browser import read_by_axe
from tests.office.test_by_keyboard import in_browser, server
from tests.office.test_calls import callable_customer
from tests.office.test_plans import owing

__all__ = ["server"]
pytestmark = pytest.mark.slow
PHONE, WIDE = 390, 1280


@pytest.fixture
def customer(office: Office) -> Iterator[str]:
    """Somebody who may be called now."""
    office.clock.move(hours=6)
    yield callable_customer(office.place)[0]


def open_case(page: Page, customer: str) -> None:
    """From the queue to the case."""
    page.goto("/queue")
    page.keyboard.press("/")
    page.keyboard.type(customer)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/case/{customer}")


def call(page: Page, file: CaseFile, *, is_asked: bool = True) -> None:
    """Start the call, and let the customer show who they are."""
    page.keyboard.press("c")
    page.wait_for_selector("#log")
    if is_asked:
        page.keyboard.press("f")
        tell_who(page, file)


def tell_who(page: Page, file: CaseFile) -> None:
    """Type two facts where the cursor stands."""
    page.keyboard.type(file.customer["born_on"].isoformat())
    page.keyboard.press("Tab")
    page.keyboard.type(file.account_ids[0][-4:])
    page.keyboard.press("Enter")
    page.wait_for_selector(".notice.good:focus")


def record(page: Page) -> None:
    page.keyboard.press("e")
    page.wait_for_selector(".messages .success")


def told(kind: str) -> list[dict[str, object]]:
    return [json.loads(one.body) for one in Event.objects.filter(kind=kind).order_by("id")]


@pytest.mark.parametrize(
    ("keys", "width", "hold", "shown"),
    [
        ("6d", WIDE, "dispute", "争议"),
        ("6h", PHONE, "hardship", "困难"),
        ("6z", WIDE, "cease", "已要求停止联系"),
        ("6m", PHONE, "complaint", "投诉"),
    ],
)
def test_what_stops_contact_is_recorded_with_two_keys_and_binds_at_once(
    office: Office, server: LiveServer, customer: str, keys: str, width: int, hold: str, shown: str
) -> None:
    file = CaseFile(office.place, customer)

    def steps(page: Page) -> None:
        page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": server.url}])
        open_case(page, customer)
        call(page, file)
        for key in keys:
            page.keyboard.press(key)
        assert read_by_axe(page) == []
        record(page)
        assert shown in page.locator(".tags").inner_text()
        page.keyboard.press("c")
        page.locator(".notice.bad:focus").wait_for()
        assert read_by_axe(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0

    complaints = in_browser(office, server, steps, width)
    assert [one for one in complaints if "409" not in one] == []  # the browser's own word on the refusal
    assert [one["hold"] for one in told("hold.placed")] == [hold]
    assert [one["outcome"] for one in told("contact.made")] == ["conversation"]
    assert len(told("contact.permitted")) == 1


def test_a_wrong_number_is_not_called_again_and_nothing_was_disclosed(
    office: Office, server: LiveServer, customer: str
) -> None:
    file = CaseFile(office.place, customer)

    def steps(page: Page) -> None:
        open_case(page, customer)
        call(page, file, is_asked=False)
        assert page.locator("#debts table").count() == 0
        assert "past due" not in page.inner_text("main")
        page.keyboard.press("7")
        page.keyboard.press("r")
        record(page)
        page.locator(".tag.bad", has_text="not theirs").first.wait_for()

    assert in_browser(office, server, steps) == []
    assert [one["outcome"] for one in told("contact.made")] == ["wrong_party"]
    assert len(told("point.not_theirs")) == 1


def test_after_a_fact_that_does_not_agree_the_next_is_typed_where_one_is(
    office: Office, server: LiveServer, customer: str
) -> None:
    """Else its digits would be the keys of how the call ended, and Enter would record that."""
    file = CaseFile(office.place, customer)

    def steps(page: Page) -> None:
        open_case(page, customer)
        call(page, file, is_asked=False)
        page.keyboard.press("f")
        page.keyboard.type("1901-01-01")
        page.keyboard.press("Enter")
        page.locator("#fact-born:focus[aria-describedby=tries]").wait_for()
        assert page.locator("#debts table").count() == 0
        assert read_by_axe(page) == []
        tell_who(page, file)
        assert page.locator("#debts table").count() == 1

    assert in_browser(office, server, steps) == []
    assert told("contact.made") == []


def test_a_promise_in_two_parts_over_two_debts_by_keys(office: Office, server: LiveServer) -> None:
    office.clock.move(hours=6)
    customer = next(
        (
            name
            for name in Case.objects.filter(jurisdiction="us").values_list("pk", flat=True)
            if len((file := CaseFile(office.place, name)).overdue_ids) > 1
            and file.customer["born_on"] is not None
            and any(
                row["kind"] == "mobile"
                and row["party"] == "self"
                and file.ask("call", row["contact_point_id"]).allowed
                for row in file.tables["contact_points"].to_dicts()
            )
        ),
        None,
    )
    if customer is None:
        pytest.skip("nobody of this portfolio is late on two debts and may be called now")
    file = CaseFile(office.place, customer)

    def steps(page: Page) -> None:
        keys = page.keyboard
        open_case(page, customer)
        call(page, file)
        keys.press("6")
        keys.press("p")
        keys.type("10")
        keys.press("Tab")
        keys.type("11282026")
        keys.press("Tab")
        while not page.locator(".when-promise summary:focus").count():
            keys.press("Tab")
        keys.press("Enter")
        keys.press("Tab")
        keys.type("9999999")
        keys.press("Tab")
        keys.type("12052026")
        keys.press("Enter")
        page.locator("#log-errors:focus").wait_for()
        assert re.search(r"at most US\$[\d,]+\.\d\d can be promised", page.inner_text("#log-errors"))
        assert read_by_axe(page) == []
        while not page.locator("#amount-2:focus").count():
            keys.press("Tab")
        keys.press("Control+a")
        keys.type("15.50")
        keys.press("Enter")
        page.wait_for_selector(".messages .success")

    complaints = in_browser(office, server, steps)
    assert [one for one in complaints if "422" not in one] == []
    made = CaseFile(office.place, customer).promises.filter(pl.col("made_by") == "collector")
    assert [str(amount) for amount in made["amount"]] == ["25.5000"]
    assert set(made["account_ids"][0]) == set(file.overdue_ids)
    assert [part["due_on"].isoformat() for part in made["parts"][0]] == ["2026-11-28", "2026-12-05"]


def test_the_guide_has_kind_words_first_in_a_hard_moment_and_says_what_to_record(
    office: Office, server: LiveServer, customer: str
) -> None:
    def steps(page: Page) -> None:
        open_case(page, customer)
        page.keyboard.press("g")
        page.wait_for_url("**/guide")
        for branch in page.locator(".branch").all():
            branch.locator("summary").focus()
            page.keyboard.press("Enter")
            branch.get_by_text("Then record:").wait_for()
            lines = [str(one.get_attribute("class")) for one in branch.locator(".say").all()]
            assert lines[0] == "say kind"
            assert len(lines) > 1
        assert page.locator(".branch").count() >= 8
        assert page.locator(".branch .tag", has_text="slow down").count() >= 2
        assert read_by_axe(page) == []
        page.keyboard.press("Escape")
        page.wait_for_url(f"**/case/{customer}")

    assert in_browser(office, server, steps, PHONE) == []


def gb_customer(office: Office) -> str:
    """Somebody in Great Britain, where the budget form holds a protected minimum."""
    for name in Case.objects.filter(jurisdiction="gb", past_due_days__gt=5).values_list("pk", flat=True):
        file = CaseFile(office.place, name)
        if file.customer["born_on"] is not None and (file.positions["payoff_total"] > 300).any():
            return name
    raise AssertionError("nobody there owes enough")


def test_plans_stand_side_by_side_and_never_ask_for_what_is_lived_on(
    office: Office, server: LiveServer
) -> None:
    customer = gb_customer(office)
    seen: dict[str, list[Decimal]] = {}

    def budget(page: Page, salary: str) -> None:
        for name, amount in (("salary", salary), ("rent", "700"), ("food_and_housekeeping", "400")):
            page.locator(f"#b-{name}").focus()
            page.keyboard.press("Control+a")
            page.keyboard.type(amount)
        page.keyboard.press("Enter")
        page.locator("#left-title:focus").wait_for()

    def amounts(texts: list[str]) -> list[Decimal]:
        return [
            Decimal(found[0].replace(",", "")) for one in texts if (found := re.findall(r"[\d,.]+\d", one))
        ]

    def steps(page: Page) -> None:
        page.goto(f"/case/{customer}")
        page.keyboard.press("b")
        page.wait_for_url("**/plans")
        budget(page, "1500")
        assert page.locator(".plans section").count() > 1
        assert read_by_axe(page) == []
        seen["left"] = amounts([page.inner_text("#left-title")])
        seen["asked"] = amounts(page.locator(".plans dd b").all_inner_texts())
        budget(page, "1000")
        seen["nothing left"] = amounts([page.inner_text("#left-title")])
        seen["asked of nothing"] = amounts(page.locator(".plans dd b").all_inner_texts())
        assert read_by_axe(page) == []

    assert in_browser(office, server, steps, 640) == []
    assert 0 < max(seen["asked"]) <= seen["left"][0] <= 400
    assert seen["nothing left"] == [Decimal("0.00")]
    assert seen["asked of nothing"] == []


def test_a_plan_above_one_s_authority_waits_for_a_second_person_who_is_not_who_asked(
    office: Office, server: LiveServer
) -> None:
    customer = owing(office, "us", 3001, 8000)

    def ask(page: Page) -> None:
        page.goto(f"/case/{customer}/plans")
        page.locator("#left").focus()
        page.keyboard.type("900")
        page.keyboard.press("Enter")
        page.locator("#left-title:focus").wait_for()
        button = page.get_by_role("button", name=re.compile("Ask for approval")).first
        page.keyboard.press(str(button.get_attribute("data-key")))
        page.wait_for_url(f"**/case/{customer}")
        page.get_by_text("Waits for a second person").first.wait_for()

    def decide(page: Page) -> None:
        page.goto("/approvals")
        assert read_by_axe(page) == []
        page.locator("input[name=reason]").first.focus()
        page.keyboard.type("it is what they can pay")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.get_by_text("it is what they can pay").wait_for()

    assert in_browser(office, server, ask) == []
    asked = Approval.objects.get()
    assert (asked.asked_by.username, asked.decision) == ("collector", "")
    assert not any(
        one["made_by"] == "collector" for one in CaseFile(office.place, customer).promises.to_dicts()
    )
    assert in_browser(office, server, decide, role="team_lead") == []
    asked.refresh_from_db()
    assert (asked.decided_by and asked.decided_by.username, asked.decision) == ("team_lead", "approved")
    assert CaseFile(office.place, customer).promises.height > 0
