"""The office in Chinese: every text has its translation, compiled as it stands, and the pages and words are shown in it."""

import re

import pytest
from django.test import Client
from django.utils.translation import override

from dunwell.office.access.models import Staff
from dunwell.office.access.roles import roles
from dunwell.office.cases.models import Approval, Case
from dunwell.office.compliance.reviewing import CATEGORIES
from dunwell.office.compliance.reviewing import KINDS as REVIEWED
from dunwell.office.desk import words
from dunwell.office.translating import CATALOGUE, catalogue, compiled, missing
from dunwell.resolution.authority import KINDS as GRANTS
from tests.office.conftest import Office

PLACEHOLDER = re.compile(r"%\(\w+\)s|%%")


def in_chinese(office: Office, role: str) -> Client:
    client = office.client(role)
    client.cookies["django_language"] = "zh-hans"
    return client


def test_every_text_has_its_chinese() -> None:
    assert missing() == [], "run `make messages` and translate what it names"


def test_what_django_reads_is_what_was_reviewed() -> None:
    assert CATALOGUE.with_suffix(".mo").read_bytes() == compiled(), "run `make messages`"


def test_a_translation_fills_in_what_the_text_fills_in() -> None:
    for message in catalogue():
        english, chinese = (
            (one if isinstance(one, str) else one[-1] for one in (message.id, message.string) if one)
            if message.id
            else ("", "")
        )
        assert sorted(PLACEHOLDER.findall(english)) == sorted(PLACEHOLDER.findall(chinese)), english


def test_the_queue_is_in_chinese(office: Office) -> None:
    page = in_chinese(office, "collector").get("/queue").content.decode()
    title = re.search("<h1>(.*?)</h1>", page, re.DOTALL)
    assert title is not None
    assert title[1].startswith("队列")
    assert 'lang="zh-CN"' in page


@pytest.mark.parametrize(
    ("role", "address", "shown"),
    [
        ("team_lead", "/load", ["<td>催收员</td>", ">协商</option>"]),
        ("administrator", "/people", ["<td>合规专员</td>"]),
        ("administrator", "/people/new", [">组长</option>", "休假至"]),
        ("compliance", "/audit", [">查看了个人信息</option>"]),
    ],
)
def test_words_are_shown_in_chinese(office: Office, role: str, address: str, shown: list[str]) -> None:
    page = in_chinese(office, role).get(address).content.decode()
    assert [one for one in shown if one not in page] == []


def test_what_waits_for_a_second_person_is_told_in_chinese(office: Office) -> None:
    part = {"due_on": "2026-12-14", "amount_minor": 500, "currency": "CNY"}
    Approval.objects.create(
        kind="plan",
        subject=Case.objects.values_list("pk", flat=True)[0],
        payload={"currency": "CNY", "parts": [part], "grant_kind": "waiver", "grant_minor": 100},
        seconds=["team_lead"],
        why="超出催收员权限",
        asked_by=Staff.objects.get(username="collector"),
        asked_at=office.clock(),
        key="plan:once",
    )
    page = in_chinese(office, "team_lead").get("/approvals").content.decode()
    text = " ".join(re.sub("<[^>]*>", " ", page.split("<main")[1]).split())
    assert "还款方案" in text
    assert "让步：减免" in text
    assert re.findall("(?<![a-zA-Z])[a-z]{3,}(?![a-zA-Z])", text.split(">", 1)[1]) == ["collector"]


def test_a_role_is_named_in_the_reader_s_language() -> None:
    person = Staff(role="team_lead")
    for language, name in (("en", "Team lead"), ("zh-hans", "组长")):
        with override(language):
            assert person.get_role_display() == name


def test_every_kind_has_its_word() -> None:
    assert set(GRANTS) <= set(words.GRANTS)
    assert {*CATEGORIES, "any"} <= set(words.CATEGORIES)
    assert set(REVIEWED) <= set(words.EVENTS)
    assert all(role.names["zh"] != role.names["en"] for role in roles().values())
