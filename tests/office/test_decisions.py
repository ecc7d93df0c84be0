"""Any decision is found with its receipt: what a run chose and what the gate answered, by id, day, rule and kind."""

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from django.utils.html import escape

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.journal.sealing import seal
from dunwell.journal.signing import signer_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from dunwell.office.compliance.refusals import note_refusals
from dunwell.office.desk.working import permit
from dunwell.office.tallies.models import Refusal
from tests.office.conftest import Office
from tests.office.test_api import Program


@pytest.fixture
def asked(office: Office) -> tuple[CaseFile, str]:
    """Somebody whom a collector may call, and may not once they complained; their case and contact point."""
    for case in Case.objects.filter(jurisdiction="gb", is_held_back=False, past_due_days__gt=5).order_by(
        "pk"
    ):
        file = CaseFile(office.place, case.pk)
        point = next((one for one in file.point_ids if file.ask("call", one).allowed), None)
        if point is not None:
            break
    else:
        raise AssertionError("nobody in gb may be called")
    staff = Staff.objects.get(username="collector")
    permit(file, staff, "call", point, "11111111-1111-4111-8111-111111111111")
    office.clock.move(days=1)
    hold = NewEvent("hold.placed", office.clock(), file.customer_id, body={"hold": "complaint"})
    office.place.journal.record([hold])
    file = CaseFile(office.place, file.customer_id)
    assert not permit(file, staff, "call", point, "22222222-2222-4222-8222-222222222222").allowed
    return file, point


def found(office: Office, role: str = "compliance", **asked_for: str) -> list[bool]:
    """Whether each of the gate's answers that is shown was yes."""
    context = office.client(role).get("/decisions", asked_for).context
    return [one.is_permitted for one in context["answers"]]


def test_an_answer_of_the_gate_is_found_by_whatever_names_it(
    office: Office, asked: tuple[CaseFile, str]
) -> None:
    file, point = asked
    account = file.overdue_ids[0]
    for name in (file.customer_id, account, point):
        assert found(office, q=name) == [False, True], name
    yes, no = Event.objects.filter(kind__in=("contact.permitted", "contact.refused")).order_by("pk")
    assert found(office, q=yes.event_id) == [True]
    assert found(office, q="22222222-2222-4222-8222-222222222222") == [False]
    other = next(one for one in CaseFile(office.place, file.customer_id).point_ids if one != point)
    assert found(office, q=other) == []
    for nothing in ("nobody", "%", "\0", '"', "x" * 500):
        assert found(office, q=nothing or "?") == [] or nothing == "\0"
    assert no.event_id


def test_it_is_found_by_day_rule_and_kind(office: Office, asked: tuple[CaseFile, str]) -> None:
    today = office.clock().date()
    assert found(office, **{"from": str(today)}) == [False]
    assert found(office, to=str(today - timedelta(days=1))) == [True]
    assert found(office, rule="house-floor.complaint") == [False]
    assert found(office, rule="house-floor.complain") == []
    assert found(office, kind="permitted") == [True]
    assert found(office, kind="refused", to=str(today - timedelta(days=1))) == []
    assert found(office, kind="run") == []
    assert found(office, kind="nonsense", **{"from": "yesterday"}) == []


def test_the_receipt_says_which_law_which_clause_and_which_seal(
    office: Office, asked: tuple[CaseFile, str]
) -> None:
    file, point = asked
    officer = office.client("compliance")
    page = officer.get("/decisions", {"q": file.customer_id}).content.decode()
    event = Event.objects.get(kind="contact.refused")
    assert "not sealed yet" in page
    seal(signer_of(office.place.settings), office.clock())
    page = officer.get("/decisions", {"q": file.customer_id}).content.decode()
    assert "not sealed yet" not in page
    for text in (event.event_id, file.gate.content_hash, point, "collector", "house-floor.complaint"):
        assert text in page, text
    sentence = {one.id: one for pack in office.place.law.packs.values() for one in pack.rules}
    assert escape(sentence["house-floor.complaint"].en) in page
    chinese = officer.get("/decisions", {"q": file.customer_id}, headers={"accept-language": "zh-hans"})
    assert sentence["house-floor.complaint"].zh in chinese.content.decode()


def test_what_a_rule_refused_is_found_before_and_after_it_was_noted(
    office: Office, asked: tuple[CaseFile, str]
) -> None:
    file, point = asked
    rule, staff = "house-floor.complaint", Staff.objects.get(username="collector")
    assert found(office, rule=rule) == [False], "the page notes what just happened itself"
    office.clock.move(minutes=5)
    assert note_refusals(office.place) and note_refusals(office.place)
    noted = Refusal.objects.filter(rule=rule).values_list("event_number", flat=True)
    assert list(noted) == [Event.objects.get(kind="contact.refused", body__contains=rule).pk]
    for number in range(3, 6):
        later = CaseFile(office.place, file.customer_id)
        permit(later, staff, "call", point, f"{number}" * 8 + "-2222-4222-8222-222222222222")
    with patch("dunwell.office.compliance.refusals.follow", lambda *_, **__: False):
        assert found(office, rule=rule) == [False] * 4, "who notes them is behind"
    assert found(office, rule=rule) == [False] * 4
    assert found(office, rule=rule, kind="permitted") == []
    verdicts = Program(office, "compliance").get("/verdicts", rule=rule, limit=3).json()
    rest = Program(office, "compliance").get("/verdicts", rule=rule, cursor=verdicts["next_cursor"]).json()
    ids = [one["event_id"] for one in (*verdicts["verdicts"], *rest["verdicts"])]
    assert len(ids) == len(set(ids)) == 4


def test_a_run_s_decisions_are_found_by_day_rule_and_contact_point(office: Office) -> None:
    kept = pl.read_parquet(office.place.settings.book_folder / "decisions.parquet")
    officer = office.client("compliance")

    def rows(**asked_for: str) -> list[dict[str, Any]]:
        shown: list[dict[str, Any]] = officer.get("/decisions", asked_for).context["rows"]
        return shown

    ruled = kept.select("decision_id", "blocked").explode("blocked").unnest("blocked").explode("rules")
    ruled = ruled.filter(pl.col("rules").is_not_null())
    for rule in ruled["rules"].unique():
        wanted = set(ruled.filter(pl.col("rules") == rule)["decision_id"])
        shown = {one["decision_id"] for one in rows(rule=rule)}
        assert shown <= wanted
        assert len(shown) == min(100, len(wanted))
    planned = kept.filter(pl.col("contact_point_id").is_not_null()).row(0, named=True)
    assert planned["decision_id"] in {one["decision_id"] for one in rows(q=planned["contact_point_id"])}
    day = kept["as_of"][0]
    assert len(rows(**{"from": str(day), "to": str(day)})) == min(100, kept.height)

    assert rows(**{"from": str(day + timedelta(days=1))}) == []
    assert rows(kind="refused", q=planned["customer_id"]) == []


def test_who_sees_a_part_finds_the_decisions_of_that_part(
    office: Office, asked: tuple[CaseFile, str]
) -> None:
    file, point = asked
    Staff.objects.filter(username="compliance").update(jurisdictions=["us"])
    for name in (file.customer_id, point, "11111111-1111-4111-8111-111111111111"):
        assert found(office, q=name) == []
    assert found(office, kind="permitted") == []
    rows = office.client("compliance").get("/decisions", {"kind": "run"}).context["rows"]
    places = set(Case.objects.filter(pk__in=[one["customer_id"] for one in rows]).values_list("jurisdiction"))
    assert places == {("us",)}


def test_a_program_finds_the_same_page_by_page(office: Office, asked: tuple[CaseFile, str]) -> None:
    file, point = asked
    officer = Program(office, "compliance")
    first = officer.get("/verdicts", q=file.customer_id, limit=1).json()
    then = officer.get("/verdicts", q=file.customer_id, limit=1, cursor=first["next_cursor"]).json()
    no, yes = first["verdicts"][0], then["verdicts"][0]
    assert (no["is_permitted"], yes["is_permitted"], then["next_cursor"]) == (False, True, None)
    assert {one["rule"] for one in no["reasons"]} >= {"house-floor.complaint"}
    assert (yes["point"], yes["law_hash"], yes["by"]) == (point, file.gate.content_hash, "desk:collector")
    assert officer.get("/verdicts", kind="refused", rule="house-floor.complaint").json()["verdicts"] == [no]
    ruled = officer.get("/decisions", rule="house-floor.complaint").json()["decisions"]
    assert all(
        any(rule["rule"] == "house-floor.complaint" for one in row["ruled_out"] for rule in one["rules"])
        for row in ruled
    )
    assert officer.get("/verdicts", kind="perhaps").status_code == 422
    assert officer.get("/verdicts", first="soon").status_code == 422
    assert Program(office, "team_lead").get("/verdicts").status_code == 403
