"""Walks in a real browser of those who lead, watch and keep the office: what each does in a day, by few keys and clicks."""

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Case
from dunwell.office.compliance import reviewing
from dunwell.office.compliance.models import Review
from tests.office.conftest import Office
from tests.office.test_browser import read_by_axe
from tests.office.test_by_keyboard import in_browser, server
from tests.office.test_recordings import call, send, sound

__all__ = ["call", "server"]
pytestmark = pytest.mark.slow
ENGLISH = re.compile(r"[A-Za-z]{3,} [A-Za-z]{2,}")
NAMES = re.compile(
    # the lender's own words, law's clauses and sources in their own language, a browser's own words, programs to be typed
    r"By stage, the first channel|Example Lender|CONC|FCA|SI 2020|First team|dunwell \w+|text messages|house policy|IFRS"
)


def wide(page: Page) -> int:
    """By how many pixels a page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def ways(page: Page) -> list[str]:
    page.goto("/")
    links = page.locator("nav[aria-label] ul a").all()
    return [str(link.get_attribute("href")) for link in links]


@pytest.mark.parametrize(
    "role", ["collector", "team_lead", "compliance", "analyst", "administrator", "auditor"]
)
def test_no_page_of_a_role_speaks_english_to_who_reads_chinese_nor_overflows_a_phone(
    office: Office, server: LiveServer, role: str
) -> None:
    found: list[str] = []

    def steps(page: Page) -> None:
        page.context.add_cookies([{"name": "django_language", "value": "zh-hans", "url": server.url}])
        for way in ways(page):
            page.goto(way)
            lines = page.inner_text("body").splitlines()
            found.extend(
                f"{way}: {line}" for line in lines if ENGLISH.search(line) and not NAMES.search(line)
            )
            found.extend(f"{way}: {wide(page)} too wide" for _ in range(wide(page) > 0))
            found.extend(f"{way}: {one}" for one in read_by_axe(page))

    assert in_browser(office, server, steps, 390, role) == []
    assert found == []


def test_a_lead_puts_somebody_on_leave_and_gives_their_cases_to_others(
    office: Office, server: LiveServer
) -> None:
    case = Case.objects.exclude(stage="closed").order_by("pk").first()
    assert case is not None
    Case.objects.filter(pk=case.pk).update(assigned_to=Staff.objects.get(username="collector"))

    def steps(page: Page) -> None:
        page.goto("/load")
        row = page.locator("tr", has=page.locator("th", has_text="collector"))
        row.locator("summary").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.type("11302026")
        page.keyboard.press("Enter")
        row.get_by_text("away until 30 Nov 2026").wait_for()
        assert read_by_axe(page) == []
        row.get_by_role("button", name="Give their cases to others").click()
        page.get_by_text("1 case was given out.").wait_for()

    assert in_browser(office, server, steps, role="team_lead") == []
    case.refresh_from_db()
    assert case.assigned_to is not None
    assert case.assigned_to.username == "team_lead"


def test_a_decision_is_found_with_its_receipt_and_its_evidence_is_two_clicks_away(
    office: Office, server: LiveServer, tmp_path: Path
) -> None:
    case = Case.objects.exclude(decision_id="").filter(channel="call").order_by("pk").first()
    assert case is not None
    body = {"channel": "sms", "message_id": "m"}
    office.place.journal.record([NewEvent("contact.permitted", office.clock(), case.pk, body=body)])

    def steps(page: Page) -> None:
        page.goto("/decisions")
        page.locator("input[name=q]").fill(case.pk)
        page.keyboard.press("Enter")
        page.wait_for_url("**/decisions?*")
        panel = page.locator("section.panel", has_text=str(case.treatment)).first
        panel.locator("summary").first.click()
        assert case.decision_id in panel.inner_text()
        assert read_by_axe(page) == []
        panel.get_by_role("link", name="Evidence").click()  # the first click
        page.locator("input[name=why]").fill("a claim")
        assert read_by_axe(page) == []
        with page.expect_download() as download:
            page.locator("main button").first.click()  # the second
        download.value.save_as(tmp_path / "pack.zip")

    complaints = in_browser(office, server, steps, role="compliance")
    assert complaints == []
    with zipfile.ZipFile(io.BytesIO((tmp_path / "pack.zip").read_bytes())) as pack:
        assert len(pack.namelist()) > 3


def test_a_recorded_call_that_was_drawn_is_listened_to_and_scored(
    office: Office, server: LiveServer, call: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "SHARE", 1.0)
    send(office.client("collector"), *call, sound(1.0))

    def steps(page: Page) -> None:
        page.goto("/reviews")
        page.locator("tr", has_text="recording").locator("a").click()
        page.locator("audio").evaluate("sound => sound.play()")
        while page.locator("audio").evaluate("sound => sound.currentTime") < 0.2:
            page.wait_for_timeout(50)
        assert read_by_axe(page) == []
        page.get_by_label("no empathy").check()
        page.fill("#score", "55")
        page.keyboard.press("Enter")
        page.wait_for_url("**/reviews")
        page.get_by_text("Reviewed lately").wait_for()
        assert read_by_axe(page) == []

    assert in_browser(office, server, steps, role="compliance") == []
    review = Review.objects.get()
    assert (review.channel, review.score, review.findings) == ("call", 55, ["no_empathy"])
    assert Event.objects.filter(kind="data.read", body__contains='"review"').exists()


def test_a_complaint_has_its_clock_and_is_answered(office: Office, server: LiveServer) -> None:
    case = Case.objects.filter(jurisdiction="gb").order_by("pk").first()
    assert case is not None
    office.place.journal.record(
        [NewEvent("hold.placed", office.clock(), case.pk, body={"hold": "complaint"})]
    )

    def steps(page: Page) -> None:
        page.goto("/complaints")
        panel = page.locator("section.panel, article, .panel", has_text=case.pk).first
        assert re.search(r"\d+ days left", panel.inner_text())
        assert read_by_axe(page) == []
        panel.locator("textarea").fill("We were wrong and said so.")
        panel.get_by_role("button").click()
        page.locator(".messages .success").wait_for()
        assert "answered" in page.locator(".panel", has_text=case.pk).first.inner_text()

    assert in_browser(office, server, steps, role="compliance") == []
    assert Event.objects.filter(kind="complaint.answered").count() == 1


def test_the_regulator_s_report_is_a_page_a_csv_and_a_pdf_two_clicks_from_anywhere(
    office: Office, server: LiveServer, tmp_path: Path
) -> None:
    case = Case.objects.filter(jurisdiction="gb").order_by("pk").first()
    assert case is not None
    body = {"channel": "sms", "message_id": "m"}
    office.place.journal.record([NewEvent("contact.permitted", office.clock(), case.pk, body=body)])

    def steps(page: Page) -> None:
        page.goto("/reports")
        for name in ("CSV", "PDF"):
            with page.expect_download() as download:
                page.locator("main form").get_by_text(name, exact=True).click()
            download.value.save_as(tmp_path / name)

    assert in_browser(office, server, steps, role="compliance") == []
    assert (tmp_path / "CSV").read_text(encoding="utf-8").count("sms") == 1
    assert (tmp_path / "PDF").read_bytes().startswith(b"%PDF-")


def test_each_chart_of_analytics_has_its_table_its_meaning_and_its_filters_in_the_address(
    office: Office, server: LiveServer
) -> None:
    def steps(page: Page) -> None:
        page.goto("/analytics")
        sections = [str(one.get_attribute("href")) for one in page.locator("tbody th a").all()]
        assert len(sections) >= 9
        for way in sections:
            page.goto(way)
            if way.endswith("foretold"):
                continue
            address = f"{way}?currency=CNY"
            page.goto(address)
            assert page.input_value("select[name=currency]") == "CNY", way
            picture = page.locator("figure img")
            if picture.count():
                assert picture.evaluate("image => image.naturalWidth") > 100, way
                assert "currency=CNY" in str(picture.get_attribute("src")), way
            assert page.locator("table caption").count() == 1, way
            assert len(page.locator("main p").first.inner_text()) > 0, way
            assert read_by_axe(page) == [], way
            assert wide(page) <= 0, way

    assert in_browser(office, server, steps, 390, role="analyst") == []


def test_an_administrator_adds_somebody_changes_their_role_and_shuts_them_out(
    office: Office, server: LiveServer
) -> None:
    def steps(page: Page) -> None:
        page.goto("/people")
        page.keyboard.press("n")
        page.wait_for_url("**/people/new")
        page.fill("#id_username", "dora")
        page.select_option("#id_role", "collector")
        assert read_by_axe(page) == []
        page.get_by_role("button", name="Keep").click()
        page.get_by_text("shown only now").wait_for()
        page.get_by_role("link", name="dora").click()
        page.select_option("#id_role", "auditor")
        page.uncheck("#id_is_active")
        page.get_by_role("button", name="Keep").click()
        page.wait_for_url("**/people")
        assert read_by_axe(page) == []

    assert in_browser(office, server, steps, role="administrator") == []
    dora = Staff.objects.get(username="dora")
    assert (dora.role, dora.is_active) == ("auditor", False)
    changed = [json.loads(one.body) for one in Event.objects.filter(kind="office.changed").order_by("id")]
    assert [one["what"] for one in changed] == ["person added", "person changed"]


def test_an_auditor_sees_and_changes_nothing(office: Office, server: LiveServer) -> None:
    """No page of theirs has a form that would change something, but for the language and signing out."""
    case = Case.objects.order_by("rank").first()
    assert case is not None

    def steps(page: Page) -> None:
        for way in [*ways(page), f"/case/{case.pk}"]:
            page.goto(way)
            forms = page.locator("main form[method=post]")
            assert [one.get_attribute("action") for one in forms.all()] in ([], ["/search"]), way

    assert in_browser(office, server, steps, role="auditor") == []
