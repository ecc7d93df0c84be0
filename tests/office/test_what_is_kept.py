"""What is kept of people, and what is not: answers to programs, what an erasure reaches, what is handed out to who asks."""

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile

from dunwell.journal.recording import NewEvent
from dunwell.journal.signing import pack_file
from dunwell.office.access.models import Staff
from dunwell.office.api.models import Answer
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.intake import take_in_files
from dunwell.office.cases.models import Approval, Case
from dunwell.office.compliance import erasing
from dunwell.office.compliance.models import Review
from dunwell.office.keeping import keep
from tests.office.conftest import Office
from tests.office.test_api import Program
from tests.office.test_case_page import bodies
from tests.office.test_plans import owing

# --- programs


def test_answers_with_personal_data_are_not_kept(office: Office) -> None:
    customer = Case.objects.order_by("rank")[0].pk
    program, told = Program(office), {"reason": "planning"}
    for count in (1, 2):
        answer = program.post(f"/cases/{customer}/reveal", told, "k")
        assert answer.status_code == 200
        assert answer.json()["name"]
        assert not Answer.objects.exists()
        looked = [one for one in bodies("data.read") if one.get("what") and one["why"] == "planning"]
        assert len(looked) == count


def test_a_large_recording_may_carry_a_key(office: Office) -> None:
    customer = Case.objects.order_by("rank")[0].pk
    program = Program(office)
    sound = SimpleUploadedFile("a.wav", b"RIFF\0\0\0\0WAVE" + b"\0" * (3 << 20))
    path = f"/api/v1/cases/{customer}/contacts/{uuid4()}/recording"
    answer = program.client.post(path, {"recording": sound}, headers={"idempotency-key": "k"})
    assert answer.status_code == 422, "it is no call of theirs, and that is said"
    assert "no call of this customer" in answer.json()["detail"]


# --- erasure


def test_an_erasure_reaches_answers_sessions_reviews_reasons_and_files(
    own: Office, django_capture_on_commit_callbacks: Any
) -> None:
    customer = owing(own, "gb", 50, 5000)
    file = CaseFile(own.place, customer)
    name, account = file.customer["name"], file.account_ids[0]
    note = NewEvent("case.note", own.clock(), customer, body={"by": "x"}, personal={"note": "they"})
    (made,) = own.place.journal.record([note])
    officer = Staff.objects.get(username="compliance")
    Review.objects.create(
        event_id=made.event_id, kind="case.note", happened_at=own.clock(), share=1, score=50,
        note=f"spoke well with {name}", by=officer, at=own.clock(),
    )  # fmt: skip
    Program(own).post("/contacts/ask", {"customer_id": customer, "channel": "call"}, "a")
    Program(own).post("/search", {"text": customer}, "b")
    collector = own.client("collector")
    collector.post(f"/case/{customer}/open", {"reason": "planning", "once": str(uuid4())})
    collector.get("/queue/next", {"after": customer})
    collector.post(f"/case/{customer}/called", {"once": str(uuid4())})
    folder = own.place.settings.root / "intake"
    folder.mkdir()
    rows = [
        "payment_id,account_id,paid_on,amount",
        f"p1,{account},2026-11-23,1.00",
        f"p2,{account},2999-01-01,1",
    ]
    (folder / "payments.csv").write_text("\n".join(rows))
    take_in_files(own.place)
    told = {"why": f"request of {name}", "despite": "Art. 17(1)(d)", "once": str(uuid4())}
    own.client("compliance").post(f"/case/{customer}/data/erase", told)
    approval = Approval.objects.get(kind="erasure")
    with django_capture_on_commit_callbacks(execute=True):
        form = {"decision": "approved", "reason": f"{name} wrote to us"}
        own.client("team_lead").post(f"/approvals/{approval.pk}", form)
    approval.refresh_from_db()
    assert approval.decision == "approved"
    assert (approval.reason, approval.why, approval.payload) == ("", "", {})
    assert Review.objects.get().note == ""
    left = "\n".join(bytes(one.body).decode() for one in Answer.objects.all())
    remembered = json.dumps([one.get_decoded() for one in Session.objects.all()])
    files = "\n".join(one.read_text() for one in folder.rglob("*.csv"))
    for text in (customer, account, name, *file.point_ids):
        assert text not in left + remembered + files, text
    assert collector.get("/queue").status_code == 200
    again = Program(own)
    assert again.get("/me").status_code == 200


def test_a_corrected_language_is_the_queue_s_too(office: Office) -> None:
    customer = Case.objects.filter(jurisdiction="us", language__startswith="en").order_by("rank")[0].pk
    told = {"what": "language", "new": "es", "why": "they said so", "once": str(uuid4())}
    office.client("compliance").post(f"/case/{customer}/data/correct", told)
    assert Case.objects.get(pk=customer).language == "es"


def test_sessions_that_are_over_are_not_kept(office: Office) -> None:
    office.client("collector").get("/queue")
    Session.objects.update(expire_date=office.clock() - timedelta(minutes=1))
    keep(office.place)
    assert not Session.objects.exists()


# --- subject access


def test_all_that_is_held_is_handed_out_and_nothing_of_others(office: Office) -> None:
    file = next(
        one
        for customer in Case.objects.order_by("rank").values_list("pk", flat=True)
        if (one := CaseFile(office.place, customer)).tables["contact_points"]["party"].n_unique() > 1
    )
    note = NewEvent(
        "case.note", office.clock(), file.customer_id, body={"by": "x"}, personal={"note": "they"}
    )
    office.place.journal.record([note])
    office.clock.move(minutes=1)
    answer = office.client("compliance").post(f"/case/{file.customer_id}/evidence", {"why": "their request"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as pack:
        told = {
            Path(name).stem: json.loads(pack.read(name))
            for name in pack.namelist()
            if name.startswith("records/")
        }
    assert told["customers"][0]["name"] == file.customer["name"]
    assert len(told["decisions"]) >= 1
    for table, rows in file.tables.items():
        assert len(told.get(table, ())) == rows.height, table
    whose = {row["customer_id"] for rows in told.values() for row in rows if row.get("customer_id")}
    assert whose == {file.customer_id}
    others = [row for row in told["contact_points"] if row["party"] not in (None, "self")]
    assert others
    assert all(row["value"] is None for row in others)


# --- ids


def kept_answer(office: Office, key: str, told: Any) -> Answer:
    """An answer to a program, as it is kept."""
    body = json.dumps(told).encode()
    return Answer.objects.create(
        key=key, request="r", status=200, content_type="application/json", body=body, asked_at=office.clock()
    )


def test_an_erasure_leaves_answers_about_others_of_the_same_name_or_with_a_short_id_within(
    office: Office,
) -> None:
    answers = {
        "a namesake's": {"found": [{"customer_id": "C-900", "name": "Ann Poe"}]},
        "a number": {"given": 7, "left": "7", "plans": [{"amount": "7"}]},
        "a word": {"why": ["7 days are left", "an account 17"]},
        "theirs": {"found": [{"customer_id": "7", "name": "A. P."}]},
        "theirs among others": {"found": [{"customer_id": "C-900"}, {"customer_id": "7"}]},
        "of their account": {"parts": [{"by_account": {"K1": "5.00"}}]},
        "by their number": {"detail": "no message to +447700900123 can go"},
        "refused": {"detail": "customer_id is '7': it is not in the book"},
        "by their name alone": {"detail": "Ann Poe is not in your team"},
    }
    for key, told in answers.items():
        kept_answer(office, key, told)
    erasing.erase_records(
        office.place.journal, "7", by="x", why="x", names=["K1", "+447700900123", "Ann Poe"]
    )
    left = set(Answer.objects.filter(status=200).values_list("key", flat=True))
    assert left == {"a namesake's", "a number", "a word"}


def test_ids_that_differ_in_signs_alone_have_files_of_their_own(office: Office) -> None:
    ids = ["C 1", "C/1", "C_1", "C.1", "..", "../x", "客户1", "C" * 300]
    files = [pack_file(office.place.settings, name) for name in ids]
    assert len({file.name.lower() for file in files}) == len(ids)
    for file in files:
        assert file.parent == office.place.settings.evidence_folder
        assert len(file.name.encode()) < 200
