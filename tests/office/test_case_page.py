"""The customer's screen: masked until a reason is given, every look recorded, and figures that are the core's own."""

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.staticfiles.finders import find
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from dunwell.journal.models import Event
from dunwell.office.access.models import Staff, Team
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from dunwell.office.desk.screen import wish_in_words
from tests.office.conftest import Office
from tests.office.test_api import Program


def some_case(office: Office, **of: Any) -> str:
    """The first case of the queue that fits."""
    found = (
        Case.objects.filter(**{"past_due_days__gt": 0, **of}).order_by("rank").values_list("pk", flat=True)
    )
    assert found, of
    return str(found[0])


def bodies(kind: str) -> Sequence[dict[str, Any]]:
    return [
        json.loads(body)
        for body in Event.objects.filter(kind=kind).order_by("id").values_list("body", flat=True)
    ]


def test_the_screen_shows_what_the_core_computes_and_hides_who_it_is(office: Office) -> None:
    customer = some_case(office, currency="USD")
    file = CaseFile(office.place, customer)
    page = office.client("collector").get(f"/case/{customer}").content.decode()
    row = file.positions.filter(file.positions["past_due_days"] > 0).row(0, named=True)
    assert f"US${row['past_due_total']:,.2f}" in page
    assert row["account_id"] in page
    assert file.customer["name"] not in page
    for value in file.tables["contact_points"]["value"].to_list():
        assert value not in page


def test_opening_a_case_is_recorded_once_a_person_and_quarter_of_an_hour(office: Office) -> None:
    customer = some_case(office)
    for role in ("collector", "collector", "auditor"):
        client = office.client(role)
        client.get(f"/case/{customer}")
        client.get(f"/case/{customer}")
    assert [body["by"] for body in bodies("data.read")] == ["collector", "auditor"]
    office.clock.move(minutes=16)
    office.client("collector").get(f"/case/{customer}")
    assert len(bodies("data.read")) == 3


def test_personal_data_open_for_a_reason_and_close_by_themselves(office: Office) -> None:
    customer = some_case(office, account_count=1)
    file, client = CaseFile(office.place, customer), office.client("collector")
    name, once = file.customer["name"], str(uuid4())
    refused = client.post(f"/case/{customer}/open", {"reason": "curious", "once": once}, follow=True)
    assert name not in refused.content.decode()
    told = {"reason": "contacting", "once": once}
    for _ in range(2):
        page = client.post(f"/case/{customer}/open", told, follow=True).content.decode()
    assert name in page
    assert all(value in page for value in file.tables["contact_points"]["value"].to_list())
    assert [body["why"] for body in bodies("data.read")] == ["case opened at the desk", "contacting"]
    other = office.client("team_lead").get(f"/case/{customer}").content.decode()
    assert name not in other
    office.clock.move(minutes=15)
    assert name not in client.get(f"/case/{customer}").content.decode()


def test_who_may_not_see_a_case_is_told_that_there_is_none(office: Office) -> None:
    customer = some_case(office, jurisdiction="us")
    Staff.objects.filter(username="collector").update(jurisdictions=["cn"])
    assert office.client("collector").get(f"/case/{customer}").status_code == 404
    team = Team.objects.create(name="Agency", agency="Fair & Co")
    Staff.objects.filter(username="collector").update(jurisdictions=[], team=team)
    assert office.client("collector").get(f"/case/{customer}").status_code == 404
    Case.objects.filter(pk=customer).update(team=team)
    assert office.client("collector").get(f"/case/{customer}").status_code == 200
    assert office.client("collector").get("/case/nobody").status_code == 404


def test_the_statement_is_itemised_with_its_clauses_and_comes_as_a_pdf(office: Office) -> None:
    customer = some_case(office, currency="USD", account_count=1)
    account = CaseFile(office.place, customer).account_ids[0]
    told = CaseFile(office.place, customer).statement(account)
    client = office.client("auditor")
    page = client.get(f"/case/{customer}/statement/{account}").content.decode()
    assert all(line.clause in page.replace("&#x27;", "'") for line in told.lines)
    pdf = client.get(f"/case/{customer}/statement/{account}?as=pdf")
    assert pdf.content.startswith(b"%PDF")
    assert pdf["Content-Type"] == "application/pdf"
    assert client.get(f"/case/{customer}/statement/strange").status_code == 404


def test_the_law_is_told_way_by_way_with_its_clause_and_the_next_instant(office: Office) -> None:
    customer = some_case(office, jurisdiction="cn")
    office.clock.move(hours=6)  # 18:00 UTC: night in China
    file = CaseFile(office.place, customer)
    point = next(row for row in file.tables["contact_points"].to_dicts() if row["kind"] == "mobile")
    verdict = file.ask("call", point["contact_point_id"])
    assert not verdict.allowed
    assert verdict.not_before is not None
    page = office.client("collector").get(f"/case/{customer}").content.decode()
    for reason in verdict.reasons:
        assert reason.rule in page
        assert reason.citation in page


def test_everything_on_the_screen_takes_few_statements(office: Office) -> None:
    customer, client = some_case(office, account_count__gt=1), office.client("collector")
    client.get(f"/case/{customer}")
    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"/case/{customer}").status_code == 200
    assert len(queries) <= 10, [query["sql"][:90] for query in queries]


def test_opening_a_case_waits_for_one_thing_to_be_written(office: Office) -> None:
    customer, client = some_case(office), office.client("collector")
    client.get("/queue")  # from here on the session says when they were seen

    def written() -> list[str]:
        """The tables to which opening the case writes."""
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/case/{customer}")
        found = (re.search(r'(?:INSERT\b.*?INTO|UPDATE|DELETE FROM) "?(\w+)', one["sql"]) for one in queries)
        return [told[1] for told in found if told]

    tables = written()
    assert tables.count("journal_event") == 1, "that they looked"
    assert "django_session" not in tables
    assert written() == []


def test_the_next_case_is_one_that_nobody_worked_on(office: Office) -> None:
    client = office.client("collector")
    Case.objects.exclude(jurisdiction="gb").delete()
    first, second = Case.objects.order_by("rank", "pk").values_list("pk", flat=True)[:2]
    assert client.get("/queue/next")["Location"] == f"/case/{first}"
    Case.objects.filter(pk=first).update(worked_at=office.clock() - timedelta(hours=1))
    assert client.get("/queue/next")["Location"] == f"/case/{second}"
    third = client.get(f"/queue/next?after={second}")["Location"]
    assert third not in (f"/case/{first}", f"/case/{second}")


def test_the_next_case_is_one_that_may_be_called_at_this_hour(office: Office) -> None:
    """Night in China while London works, and the other way round; who asked for a person does not wait for the morning."""
    in_china, in_london = some_case(office, jurisdiction="cn"), some_case(office, jurisdiction="gb")
    Case.objects.exclude(pk__in=[in_china, in_london]).delete()
    Case.objects.filter(pk=in_london).update(rank=F("rank") + 10**9)
    client, program = office.client("collector"), Program(office, "collector")
    office.clock.move(hours=6)  # 18:00 in London, 02:00 in Shanghai
    assert client.get("/queue/next")["Location"] == f"/case/{in_london}"
    assert program.get("/next").json()["customer_id"] == in_london
    office.clock.move(hours=8)  # 02:00 in London, 10:00 in Shanghai
    assert program.get("/next").json()["customer_id"] == in_china
    office.clock.move(hours=-8)
    Case.objects.filter(pk=in_china).update(needs_person=True)
    assert program.get("/next").json()["customer_id"] == in_china
    Case.objects.filter(pk=in_china).update(needs_person=False)
    Case.objects.filter(pk=in_london).delete()
    answer = client.get("/queue/next", follow=True)
    assert answer.redirect_chain == [(f"/case/{in_china}", 302)]
    assert "At this hour nobody at the front of the queue may be called" in answer.content.decode()


def test_the_law_is_told_in_the_reader_s_language(office: Office) -> None:
    customer = some_case(office, jurisdiction="cn")
    office.clock.move(hours=6)
    file = CaseFile(office.place, customer)
    point = next(row for row in file.tables["contact_points"].to_dicts() if row["kind"] == "mobile")
    (first, *_rest) = file.ask("call", point["contact_point_id"]).reasons
    client = office.client("collector")
    client.cookies["django_language"] = "zh-hans"
    page = client.get(f"/case/{customer}").content.decode()
    chinese = {rule.id: rule.zh for rule in file.gate.rules}
    assert chinese[first.rule] in page
    assert first.detail not in page
    assert 'lang="zh-CN"' in page


def test_no_page_has_script_or_style_inline_and_script_stays_small(office: Office) -> None:
    customer, client = some_case(office), office.client("collector")
    for where in ("/queue", f"/case/{customer}", f"/case/{customer}/plans", f"/case/{customer}/guide"):
        page = client.get(where).content.decode()
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*src=)", page), where
        scripts = re.findall(r'<script src="/static/([^"]+)"', page)
        sizes = [Path(str(find(name))).stat().st_size for name in scripts]
        assert 0 < sum(sizes) < 100_000, where


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ('{"weekdays": ["tue", "thu"], "until": "2026-12-31"}', "Tue, Thu, until 2026-12-31"),
        ('{"from": "18:00"}', "18:00–24:00"),
        ('{"channel": "sms"}', "text message"),
        ("work", "work"),
        ("{broken", "{broken"),
    ],
)
def test_wishes_are_told_in_words(detail: str, words: str) -> None:
    assert wish_in_words(detail) == words
