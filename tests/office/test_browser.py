"""The office in a real browser: the main ways of each role, by keys where there are keys, and every page read by axe."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.office.test_serve import DUNWELL, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM.exists(), reason="no browser is installed (Debian: apt-get install chromium)"
    ),
]


@pytest.fixture(scope="module")
def shop(ran: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lender's workspace."""
    folder = tmp_path_factory.mktemp("browser") / "shop"
    shutil.copytree(ran, folder)
    return folder


@pytest.fixture(scope="module")
def served(shop: Path) -> Iterator[tuple[str, str]]:
    """A lender's office as people start it, with one person of each role: its address and their password."""
    made = subprocess.run(
        [*DUNWELL, "staff", "samples"], cwd=shop, capture_output=True, text=True, check=True
    )
    password = made.stdout.strip().rsplit(" ", 1)[-1]
    port = free_port()
    with subprocess.Popen(
        [*DUNWELL, "serve", "--no-worker", "--port", str(port)],
        cwd=shop,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert "the office:" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}", password
        process.terminate()


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as player:
        launched = player.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield launched
        launched.close()


class Desk:
    """Somebody at a browser. ``problems``: what the browser's console complained of."""

    def __init__(self, browser: "Browser", address: str, role: str, password: str, width: int = 1280) -> None:
        self.address = address
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900})
        self.page.set_default_timeout(60_000)
        self.problems: list[str] = []
        self.page.on(
            "console", lambda told: self.problems.append(told.text) if told.type == "error" else None
        )
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.goto(f"{address}/account/login/")
        self.page.fill("#id_login", role)
        self.page.fill("#id_password", password)
        self.page.press("#id_password", "Enter")
        self.page.wait_for_url(re.compile(r"(?!.*login)"))

    def open(self, path: str) -> "Page":
        answer = self.page.goto(self.address + path)
        assert answer is not None
        assert answer.status == 200, path
        return self.page

    def ways(self) -> list[str]:
        """The addresses of the main menu."""
        links = self.page.locator("nav[aria-label] ul a").all()
        return [str(link.get_attribute("href")) for link in links]


def read_by_axe(page: "Page") -> list[str]:
    """What WCAG 2.2 AA, as axe checks it, finds wrong."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {one['help']}: {one['nodes'][0]['html'][:200]}" for one in found]


@pytest.mark.parametrize(
    "role", ["collector", "team_lead", "compliance", "analyst", "administrator", "auditor"]
)
def test_every_page_of_a_role_s_menu_opens_and_is_accessible(
    browser: "Browser", served: tuple[str, str], role: str
) -> None:
    desk = Desk(browser, served[0], role, served[1])
    for way in desk.ways():
        page = desk.open(way)
        assert page.locator("h1").count() == 1, way
        assert read_by_axe(page) == [], way
    assert desk.problems == []


def test_a_collector_works_by_keys(browser: "Browser", served: tuple[str, str]) -> None:
    desk = Desk(browser, served[0], "collector", served[1])
    page = desk.open("/queue")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/case/"))
    assert read_by_axe(page) == []
    case = page.url
    page.keyboard.press("s")
    page.wait_for_url(re.compile("/statement/"))
    assert page.locator("table").count() >= 1
    assert read_by_axe(page) == []
    page.goto(case)
    page.keyboard.press("?")
    assert page.locator("dialog[open]").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.wait_for_url(re.compile("/case/"))
    assert desk.problems == []


def test_a_note_is_reviewed_while_it_is_typed(browser: "Browser", served: tuple[str, str]) -> None:
    desk = Desk(browser, served[0], "collector", served[1])
    page = desk.open("/queue")
    page.locator("tbody a").first.click()
    page.wait_for_url(re.compile("/case/"))
    page.keyboard.press("w")
    page.keyboard.type("If you do not pay we will tell your employer.")
    page.get_by_text(re.compile("third.party", re.IGNORECASE)).first.wait_for()
    assert desk.problems == []


def test_the_office_speaks_chinese_and_fits_a_phone(browser: "Browser", served: tuple[str, str]) -> None:
    desk = Desk(browser, served[0], "collector", served[1], width=390)
    page = desk.open("/queue")
    page.click("button[value='zh-hans']")
    page.wait_for_load_state()
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert "队列" in page.inner_text("h1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("tbody a").first.click()
    page.wait_for_url(re.compile("/case/"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert read_by_axe(page) == []


def test_a_strategy_is_proposed_seen_and_put_in_force_by_another(
    browser: "Browser", served: tuple[str, str]
) -> None:
    analyst = Desk(browser, served[0], "analyst", served[1])
    page = analyst.open("/strategies")
    text = page.locator("#text").input_value()
    page.fill("#text", text.replace('channel = "sms"', 'channel = "fax"', 1))
    page.fill("#why", "half the people")
    page.click("text=Read and compare")
    page.locator("[role=alert]", has_text="'fax' is not known").wait_for()
    assert read_by_axe(page) == []
    analyst.problems.clear()  # the browser's own word on an answer of 422
    page.fill("#text", text.replace('per_day = "4200"', 'per_day = "2100"'))
    page.click("text=Read and compare")
    page.wait_for_url(re.compile(r"/strategies/\d+"))
    assert read_by_axe(page) == []
    page.get_by_role("heading", name="Both lived through").wait_for(timeout=900_000)
    assert page.locator("figure img").first.evaluate("image => image.naturalWidth") > 100
    assert page.get_by_text("not a forecast").is_visible()
    assert read_by_axe(page) == []
    page.click("text=Ask for approval")
    page.get_by_text("It waits for a decision").wait_for()
    officer = Desk(browser, served[0], "compliance", served[1])
    other = officer.open(page.url.removeprefix(served[0]))
    other.fill("#reason", "the floors hold")
    other.click("button[value=approved]")
    other.get_by_text("the floors hold").wait_for()
    assert "2100" in analyst.open("/strategies").locator("#text").input_value()
    assert analyst.problems == officer.problems == []


def test_filters_stand_in_the_address_and_say_what_is_shown_when_one_goes_back(
    browser: "Browser", served: tuple[str, str]
) -> None:
    page = Desk(browser, served[0], "analyst", served[1], width=375).open("/analytics/roll")
    whole = page.locator("tbody tr").count()
    page.select_option("select[name=currency]", "GBP")
    page.click("form.filters button")
    page.wait_for_url(re.compile("currency=GBP"))
    narrowed = page.locator("tbody tr").count()
    assert narrowed < whole
    page.go_back()
    assert (page.locator("tbody tr").count(), page.input_value("select[name=currency]")) == (whole, "")
    page.go_forward()
    assert (page.locator("tbody tr").count(), page.input_value("select[name=currency]")) == (narrowed, "GBP")
    for address in ("/analytics/roll", "/strategies"):
        page.goto(served[0] + address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, address


def test_script_is_light(browser: "Browser", served: tuple[str, str]) -> None:
    """Under 100 kB of script a page, uncompressed."""
    desk = Desk(browser, served[0], "collector", served[1])
    sizes: list[int] = []
    desk.page.on(
        "response", lambda answer: sizes.append(len(answer.body())) if answer.url.endswith(".js") else None
    )
    page = desk.open("/queue")
    page.wait_for_load_state("networkidle")
    assert 0 < sum(sizes) < 100_000


def test_a_passkey_is_set_up_at_the_first_sign_in_and_opens_the_office_at_the_next(
    browser: "Browser", served: tuple[str, str], shop: Path
) -> None:
    address = served[0].replace("127.0.0.1", "localhost")  # a passkey belongs to a name
    made = subprocess.run(
        [*DUNWELL, "staff", "add", "pat", "--role", "collector"],
        cwd=shop,
        capture_output=True,
        text=True,
        check=True,
    )
    password = made.stdout.strip().rsplit(" ", 1)[-1]
    desk = Desk(browser, address, "pat", password)
    page = desk.page
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    assert page.url.endswith("/second-factor")
    assert read_by_axe(page) == []
    page.click("text=Set up a passkey")
    page.fill("input[type=password]", password)
    page.press("input[type=password]", "Enter")
    page.check("input[type=checkbox]")
    page.click("#mfa_webauthn_add")
    page.wait_for_url(lambda url: "webauthn/add" not in url)
    desk.open("/queue")
    assert "/queue" in page.url
    page.click("text=Sign out")
    page.goto(f"{address}/account/login/")
    page.click("#passkey_login")
    page.wait_for_url(re.compile(r".*/queue"))
    assert not [told for told in desk.problems if "Content Security Policy" in told]


def test_the_pages_behind_a_case_are_accessible(browser: "Browser", served: tuple[str, str]) -> None:
    for role, paths in (("collector", ("recordings",)), ("compliance", ("data", "evidence"))):
        desk = Desk(browser, served[0], role, served[1])
        desk.open("/queue")
        case = str(desk.page.locator("main a[href^='/case/']").first.get_attribute("href"))
        for path in paths:
            assert read_by_axe(desk.open(f"{case}/{path}")) == [], path
        assert desk.problems == []
