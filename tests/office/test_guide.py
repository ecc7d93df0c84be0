"""The conversation's guide: every line is lawful under every pack, in both languages, and says nothing of a debt too early."""

import re
import string
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from dunwell.law import codes
from dunwell.law.language import review
from dunwell.law.pack import shipped_packs
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.desk.guide import GUIDE_FILE, disclosures, filled, guide_for, guide_text
from dunwell.office.desk.words import CAME
from dunwell.office.workplace import Workplace
from dunwell.settings import read_settings
from tests.office.conftest import Office
from tests.office.test_case_page import some_case

TEXT = guide_text(GUIDE_FILE.parent)
SLOTS = {"me": "Ann Example", "lender": "Example Lender Ltd"}
DEBT = {
    "en": r"\b(debt|loan|owe|pay|payment|overdue|account|collect)\w*",
    "zh": "欠|债|贷款|还款|逾期|催收|款项",
}


def lines() -> Iterator[tuple[str, str, str]]:
    """Where each line stands, its language and its words."""
    for name in ("opening", "opening_in", "disclosure", "matter", "matter_in", "closing"):
        for number, entry in enumerate(TEXT.values[name], start=1):
            for language in ("en", "zh"):
                yield f"{name}[{number}]", language, entry[language]
    for entry in TEXT.values["branch"]:
        for language in ("en", "zh"):
            yield f"branch {entry['name']}", language, entry[f"kind_{language}"]
            for line in entry[f"say_{language}"]:
                yield f"branch {entry['name']}", language, line


@pytest.mark.parametrize(
    ("where", "language", "line"), list(lines()), ids=lambda one: one[:30] if isinstance(one, str) else None
)
def test_every_line_is_lawful_under_every_pack(where: str, language: str, line: str) -> None:
    names = {name for _, name, _, _ in string.Formatter().parse(line) if name is not None}
    assert names <= set(SLOTS), f"{where}: unknown slot"
    packs = list(shipped_packs())
    for actor in codes.ACTORS:
        said = filled(line, SLOTS)
        found = review(
            said, language=language, channel="call", packs=packs, actor=actor, on=date(2026, 11, 30)
        )
        assert found.allowed, f"{where}: {found.findings}"


def test_nothing_names_a_debt_before_the_person_is_known() -> None:
    for entry in [*TEXT.values["opening"], *TEXT.values["opening_in"]]:
        for language, words in DEBT.items():
            assert not re.search(words, entry[language], re.IGNORECASE), entry[language]


def test_each_branch_ends_in_something_that_can_be_recorded() -> None:
    for entry in TEXT.values["branch"]:
        assert entry["then"] in CAME
        assert len(entry["say_en"]) == len(entry["say_zh"])
    hard = [entry["name"] for entry in TEXT.values["branch"] if entry.get("hard")]
    assert {"cannot_pay", "distress", "angry"} <= set(hard)


def test_every_line_for_a_rule_names_one_that_there_is() -> None:
    known = {rule.id for pack in shipped_packs().values() for rule in pack.rules}
    assert {entry["rule"] for entry in TEXT.values["disclosure"]} <= known


def test_a_debt_collector_s_calls_open_with_what_the_law_wants_said(office: Office) -> None:
    customer = some_case(office, jurisdiction="us")
    assert list(disclosures(CaseFile(office.place, customer), "en", "en")) == []  # a creditor in its own name
    settings: Any = read_settings(office.place.settings.root)
    object.__setattr__(settings, "actor", "agency")
    file = CaseFile(Workplace(settings, office.clock), customer)
    (one,) = disclosures(file, "en", "en")
    assert one.rule == "us-reg-f.who-is-calling"
    assert "collect" in one.line
    assert one.citation == "12 CFR 1006.18(e)"


def test_the_goal_follows_from_the_case_and_a_hold_comes_before_all(office: Office) -> None:
    customer = some_case(office, jurisdiction="us")
    client = office.client("collector")
    page = client.get(f"/case/{customer}/guide").content.decode()
    assert "Ask for nothing more" in page or "ask for nothing" not in page
    client.post(f"/case/{customer}/called", {"once": ""})
    client.post(f"/case/{customer}/log", {"outcome": "conversation", "came": ["hardship"]})
    page = client.get(f"/case/{customer}/guide").content.decode()
    assert "Answer what they ask, ask for nothing." in page


def test_who_calls_us_is_not_told_that_we_call_them(office: Office) -> None:
    client, customer = office.client("collector"), some_case(office, jurisdiction="gb", language="en-GB")
    page = client.post(f"/case/{customer}/called", {"once": ""}, follow=True).content.decode()
    assert "Thank you for calling" in page
    assert "I am calling from" not in page
    assert "the person this number belongs to" not in page
    assert "I am calling from" in client.get(f"/case/{customer}/guide").content.decode(), "to prepare a call"


def test_a_lender_s_own_guide_may_open_every_conversation_alike(own: Office) -> None:
    text = GUIDE_FILE.read_text(encoding="utf-8").replace("[[opening_in]]", "[[not_used]]")
    (own.place.settings.root / "policy" / "guide.toml").write_text(text, encoding="utf-8")
    customer = some_case(own, jurisdiction="gb")
    file, staff = CaseFile(own.place, customer), Staff.objects.get(username="collector")
    assert guide_for(file, staff, "in").opening == guide_for(file, staff).opening
    assert guide_for(file, staff, "in").matter != guide_for(file, staff).matter
