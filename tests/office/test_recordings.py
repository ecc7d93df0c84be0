"""Recordings of calls: kept once beside the call, heard by who may for a reason, every time on record, and in the evidence."""

import io
import wave
import zipfile
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from dunwell.journal.models import Event
from dunwell.journal.pack_checking import check_pack
from dunwell.journal.recording import NewEvent
from dunwell.journal.signing import kept_folder, signer_of
from dunwell.office.cases.models import Case
from dunwell.office.compliance import reviewing
from dunwell.office.compliance.models import Review
from dunwell.office.desk.recordings import kind_of
from tests.office.conftest import Office
from tests.office.test_api import API, Program


def sound(seconds: float = 0.1) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(8000)
        written.writeframes(b"\x01\x00" * int(8000 * seconds))
    return out.getvalue()


@pytest.fixture
def call(office: Office) -> tuple[str, str]:
    """A customer and the call that was logged with them."""
    case = Case.objects.filter(jurisdiction="gb", past_due_days__gt=5).order_by("pk").first()
    assert case is not None
    name = str(uuid4())
    body = {
        "channel": "call",
        "outcome": "conversation",
        "direction": "out",
        "message_id": name,
        "by": "collector",
    }
    office.place.journal.record([NewEvent("contact.made", office.clock(), case.pk, body=body)])
    return case.pk, name


def send(client: Client, customer: str, name: str, data: bytes) -> Any:
    form = {"call": name, "recording": SimpleUploadedFile("call.wav", data, "audio/wav")}
    return client.post(f"/case/{customer}/recordings", form, follow=True)


def test_a_recording_is_kept_once_encrypted_and_heard_for_a_reason_each_time_on_record(
    office: Office, call: tuple[str, str]
) -> None:
    customer, name = call
    client = office.client("collector")
    before = {one.name for one in kept_folder(office.place.settings).glob("*")}
    for _ in range(2):
        send(client, customer, name, sound())
    kept = Event.objects.get(kind="file.kept")
    (written,) = [one for one in kept_folder(office.place.settings).glob("*") if one.name not in before]
    assert b"RIFF" not in written.read_bytes()
    where = f"/case/{customer}/recordings/{kept.event_id}"
    assert client.get(where)["Location"] == f"/case/{customer}/recordings", "masked until a reason is given"
    client.post(f"/case/{customer}/open", {"reason": "complaint", "once": str(uuid4())})
    assert where in client.get(f"/case/{customer}/recordings").content.decode()
    reads = Event.objects.filter(kind="data.read", body__contains="recording").count()
    for _ in range(2):
        answer = client.get(where)
        assert (answer["Content-Type"], answer.content) == ("audio/wav", sound())
    assert Event.objects.filter(kind="data.read", body__contains="recording").count() == reads + 2
    assert office.client("auditor").get(where).status_code == 403
    assert "Kept: a recording" in client.get(f"/case/{customer}").content.decode()


@pytest.mark.parametrize("data", [b"<script>alert(1)</script>", b"", b"%PDF-1.7"])
def test_what_is_no_sound_is_refused(office: Office, call: tuple[str, str], data: bytes) -> None:
    send(office.client("collector"), *call, data)
    assert not Event.objects.filter(kind="file.kept").exists()


def test_a_recording_belongs_to_a_call_of_this_customer(office: Office, call: tuple[str, str]) -> None:
    page = send(office.client("collector"), call[0], str(uuid4()), sound()).content.decode()
    assert "no call of this customer" in page
    assert not Event.objects.filter(kind="file.kept").exists()


def test_the_evidence_holds_the_recording_and_proves_it(
    office: Office, call: tuple[str, str], tmp_path: Any
) -> None:
    send(office.client("collector"), *call, sound())
    answer = office.client("compliance").post(f"/case/{call[0]}/evidence", {"why": "a claim"})
    pack = tmp_path / "pack.zip"
    pack.write_bytes(answer.content)
    assert check_pack(pack, signer_of(office.place.settings).public, []).is_whole
    with zipfile.ZipFile(pack) as files:
        (name,) = [one for one in files.namelist() if one.startswith("files/")]
        assert files.read(name) == sound()


def test_a_program_keeps_and_hears_a_recording(office: Office, call: tuple[str, str]) -> None:
    customer, name = call
    program = Program(office)
    where = f"{API}/cases/{customer}/contacts/{name}/recording"
    told = [
        program.client.post(where, {"recording": SimpleUploadedFile("a.wav", sound(), "audio/wav")}).json()
        for _ in range(2)
    ]
    assert told == [{"recorded": True}, {"recorded": False}]
    (one,) = program.get(f"/cases/{customer}/recordings").json()["recordings"]
    assert one["contact_id"] == name
    heard = program.get(f"/cases/{customer}/recordings/{one['event_id']}")
    assert (heard["Content-Type"], heard.content) == ("audio/wav", sound())
    narrow = Program(office, scopes=["case.read"])
    assert narrow.get(f"/cases/{customer}/recordings/{one['event_id']}").status_code == 403


def test_sounds_are_known_by_their_first_bytes() -> None:
    heads = [b"ID3\x04", b"\xff\xfb\x90", b"OggS\x00", b"fLaC", b"\x00\x00\x00\x18ftypM4A ", b"\x1aE\xdf\xa3"]
    endings = [(kind_of(head) or ("", "none"))[1] for head in heads]
    assert endings == ["mp3", "mp3", "ogg", "flac", "m4a", "webm"]


def test_a_recording_is_drawn_for_review_and_listened_to_by_the_reviewer_each_time_on_record(
    office: Office, call: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "SHARE", 1.0)
    send(office.client("collector"), *call, sound())
    kept = Event.objects.get(kind="file.kept")
    officer = office.client("compliance")
    where = f"/reviews/{kept.event_id}"
    assert where in officer.get("/reviews").content.decode()
    page = officer.get(where).content.decode()
    assert f'src="{where}/sound"' in page
    assert "conversation" in page, "the call that it is of"
    reads = Event.objects.filter(kind="data.read").count()
    for _ in range(2):
        heard = officer.get(f"{where}/sound")
        assert (heard["Content-Type"], heard.content) == ("audio/wav", sound())
    assert Event.objects.filter(kind="data.read").count() == reads + 2
    assert office.client("auditor").get(f"{where}/sound").status_code == 403
    officer.post(where, {"score": "40", "findings": ["no_empathy"]})
    review = Review.objects.get()
    assert (review.channel, review.score, review.findings) == ("call", 40, ["no_empathy"])
    assert where not in officer.get("/reviews").content.decode()
    program = Program(office, "compliance").get(f"/reviews/{kept.event_id}/sound")
    assert (program["Content-Type"], program.content) == ("audio/wav", sound())


def test_a_recording_outside_the_draw_is_no_review(
    office: Office, call: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewing, "SHARE", 0.0)
    send(office.client("collector"), *call, sound())
    kept = Event.objects.get(kind="file.kept")
    officer = office.client("compliance")
    assert officer.get(f"/reviews/{kept.event_id}/sound").status_code == 404
    assert kept.event_id not in officer.get("/reviews").content.decode()
