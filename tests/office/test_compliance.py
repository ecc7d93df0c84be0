"""Compliance: draws with a stated chance, complaints in time, reports that count what happened, decisions made again."""

import random
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.journal.models import Event
from dunwell.journal.pack_checking import check_pack
from dunwell.journal.recording import NewEvent
from dunwell.journal.signing import signer_of
from dunwell.law import Verdict
from dunwell.law.pack import shipped_packs
from dunwell.law.telling import figures_of
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from dunwell.office.compliance.models import Review
from dunwell.office.compliance.reviewing import waiting
from dunwell.office.compliance.rule_words import FIGURES, rule_told
from dunwell.office.compliance.sampling import is_drawn, rate
from dunwell.office.tallies.models import ComplaintClock
from tests.office.conftest import Office

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_a_draw_is_fair_and_repeatable() -> None:
    ids = [f"event-{n}" for n in range(20_000)]
    drawn = [name for name in ids if is_drawn(name, 0.05)]
    assert 900 < len(drawn) < 1100
    assert drawn == [name for name in ids if is_drawn(name, 0.05)]
    assert set(drawn) <= {name for name in ids if is_drawn(name, 0.2)}


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    chance, held = random.Random(5), 0
    for _ in range(400):
        faults = [chance.random() < 0.08 for _ in range(3000)]
        shares = [0.05 if n % 2 else 0.2 for n in range(3000)]
        reviewed = [
            (has, share) for has, share in zip(faults, shares, strict=True) if chance.random() < share
        ]
        found = rate(reviewed)
        assert found is not None
        held += found.low <= sum(faults) / len(faults) <= found.high
    assert 0.92 <= held / 400 <= 0.99


def placed(event_id: str, customer: str, at: datetime) -> Any:
    return (event_id, customer, "hold.placed", at, {"hold": "complaint"})


def test_complaints_have_the_clock_of_where_the_person_lives_and_the_pressing_come_first(
    office: Office,
) -> None:
    def received(jurisdiction: str) -> NewEvent:
        customer = Case.objects.filter(jurisdiction=jurisdiction).values_list("pk", flat=True)[0]
        return NewEvent("hold.placed", office.clock(), customer, body={"hold": "complaint"})

    gb, us, _cn = office.place.journal.record([received("gb"), received("us"), received("cn")])
    page = office.client("compliance").get("/complaints").content.decode()
    places = [page.index(day) for day in ("9 Dec 2026", "19 Jan 2027", "23 Jan 2027")]
    assert places == sorted(places)
    office.client("compliance").post(f"/complaints/{us.event_id}/answer", {"note": "mended"})
    clocks = ComplaintClock.objects.order_by("due_on")
    assert [(one.jurisdiction, one.due_on, one.answered_at) for one in clocks] == [
        ("cn", date(2026, 12, 9), None),
        ("gb", date(2027, 1, 19), None),
        ("us", date(2027, 1, 23), office.clock()),
    ]
    assert gb.event_id in page


def a_case(office: Office) -> Case:
    found = Case.objects.filter(jurisdiction="gb").order_by("pk").first()
    assert found is not None
    return found


def test_a_complaint_stops_contact_until_it_is_answered_and_the_stop_lifted(office: Office) -> None:
    case = a_case(office)
    office.place.journal.record(
        [NewEvent("hold.placed", office.clock(), case.pk, body={"hold": "complaint"})]
    )
    event = Event.objects.get(kind="hold.placed")
    assert (
        not CaseFile(office.place, case.pk).ask("email", CaseFile(office.place, case.pk).point_ids[0]).allowed
    )
    officer = office.client("compliance")
    assert case.pk in officer.get("/complaints").content.decode()
    assert (
        office.client("auditor").post(f"/complaints/{event.event_id}/answer", {"note": "x"}).status_code
        == 403
    )
    officer.post(f"/complaints/{event.event_id}/answer", {"note": "we were wrong and said so", "lift": "1"})
    officer.post(f"/complaints/{event.event_id}/answer", {"note": "again"})
    assert Event.objects.filter(kind="complaint.answered").count() == 1
    states = CaseFile(office.place, case.pk).person.states
    assert [state.until for state in states if state.kind == "complaint"] == [office.clock()]


def test_the_stop_of_a_second_complaint_stands_when_that_of_the_first_is_lifted(office: Office) -> None:
    case = a_case(office)
    for hours in (0, 1):
        office.clock.move(hours=hours)
        placed = NewEvent("hold.placed", office.clock(), case.pk, body={"hold": "complaint"})
        office.place.journal.record([placed])
    first, second = Event.objects.filter(kind="hold.placed").order_by("id")
    office.clock.move(hours=1)
    officer = office.client("compliance")
    officer.post(f"/complaints/{first.event_id}/answer", {"note": "we said so", "lift": "1"})
    office.clock.move(hours=1)
    assert "house-floor.complaint" in {one.rule for one in asked_by_email(office, case).reasons}
    officer.post(f"/complaints/{second.event_id}/answer", {"note": "this too", "lift": "1"})
    office.clock.move(hours=1)
    assert "house-floor.complaint" not in {one.rule for one in asked_by_email(office, case).reasons}


def asked_by_email(office: Office, case: Case) -> Verdict:
    file = CaseFile(office.place, case.pk)
    return file.ask("email", file.point_ids[0])


def test_a_review_is_read_recorded_and_done_once(office: Office) -> None:
    case, journal = a_case(office), office.place.journal
    body = {"by": "collector"}
    journal.record(
        [
            NewEvent(
                "case.note",
                office.clock(),
                case.pk,
                body=body,
                personal={"note": f"Pay or we tell your boss. {n}"},
            )
            for n in range(60)
        ]
    )
    drawn = waiting(office.place)
    assert 0 < len(drawn) < 20
    officer = office.client("compliance")
    page = officer.get(f"/reviews/{drawn[0].event_id}").content.decode()
    assert "we tell your boss" in page
    assert "third_party_disclosure" in page
    assert Event.objects.filter(kind="data.read").count() == 1
    form = {"score": "20", "findings": ["threat", "not a category"], "note": "talk to them"}
    officer.post(f"/reviews/{drawn[0].event_id}", form)
    officer.post(f"/reviews/{drawn[0].event_id}", form | {"score": "90"})
    review = Review.objects.get()
    assert (review.score, review.findings) == (20, ["threat"])
    assert len(waiting(office.place)) == len(drawn) - 1
    undrawn = (
        Event.objects.filter(kind="case.note").exclude(event_id__in=[one.event_id for one in drawn]).first()
    )
    assert undrawn is not None
    assert officer.get(f"/reviews/{undrawn.event_id}").status_code == 404


def test_a_decision_is_found_told_and_decided_again(office: Office) -> None:
    decided = pl.read_parquet(office.place.settings.book_folder / "decisions.parquet").row(0, named=True)
    officer = office.client("compliance")
    page = officer.get("/decisions", {"q": decided["customer_id"]}).content.decode()
    assert decided["decision_id"] in page
    again = officer.post(f"/decisions/{decided['decision_id']}/again").content.decode()
    assert "the same, bit for bit" in again
    assert officer.post("/decisions/D0/again").status_code == 404


def test_the_law_is_read_on_a_day_and_compared_with_another(office: Office) -> None:
    officer = office.client("compliance")
    assert "us-reg-f" in officer.get("/law").content.decode()
    page = officer.get("/law/us-reg-f", {"on": "2021-12-01", "since": "2021-11-29"}).content.decode()
    assert "us-reg-f.call-attempts" in page
    assert "began" in page
    assert officer.get("/law/nowhere").status_code == 404


def test_every_figure_of_every_rule_has_a_name_and_its_words(office: Office) -> None:
    plain = re.compile(r"\b[a-z]+_[a-z_]+\b|\b(True|False|None)\b")
    for pack in shipped_packs().values():
        for rule in pack.rules:
            assert set(figures_of(rule)) <= set(FIGURES), rule.id
            for name, value in rule_told(rule).figures:
                assert not plain.search(f"{name} {value}"), (rule.id, name, value)


def test_a_change_is_told_by_its_sentence_and_figures_in_the_reader_s_language(office: Office) -> None:
    key, since, on = next(
        (pack.key, rule.from_on - timedelta(days=1), rule.from_on)
        for pack in shipped_packs().values()
        for rule in pack.rules
        if any(one.id == rule.id and one.from_on < rule.from_on for one in pack.rules)
    )
    officer = office.client("compliance")
    asked = {"on": str(on), "since": str(since)}
    english = officer.get(f"/law/{key}", asked)
    changed = [one for one in english.context["changes"] if one.what == "changed"]
    assert changed
    assert all(one.after and (one.figures or one.is_said_anew) for one in changed)
    chinese = officer.get(f"/law/{key}", asked, headers={"accept-language": "zh-hans"})
    after = {one.rule: one.after for one in chinese.context["changes"]}
    pack = office.place.law.packs[key]
    assert all(after[rule.id] == rule.zh for rule in pack.on(on) if rule.id in after)
    backwards = officer.get(f"/law/{key}", {"on": str(since), "since": str(on)}).content.decode()
    assert "lies before the other" in backwards


def test_evidence_is_handed_out_with_a_reason_and_proves_itself(office: Office, tmp_path: Path) -> None:
    case = a_case(office)
    office.place.journal.record([NewEvent("hold.placed", office.clock(), case.pk, body={"hold": "dispute"})])
    officer = office.client("compliance")
    assert officer.post(f"/case/{case.pk}/evidence", {"why": " "}).status_code == 302
    answer = officer.post(f"/case/{case.pk}/evidence", {"why": "a claim in court"})
    assert answer["Content-Type"] == "application/zip"
    pack = tmp_path / "pack.zip"
    pack.write_bytes(answer.content)
    found = check_pack(pack, signer_of(office.place.settings).public, [])
    assert found.is_whole, found.faults
    assert found.event_count >= 1
    assert office.client("auditor").get(f"/case/{case.pk}/evidence").status_code == 403
