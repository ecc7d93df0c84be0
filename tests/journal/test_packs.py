"""A pack of evidence is checked with the public key alone, shows nobody else's data, and every change to it is found."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dunwell.journal.keys import Signer
from dunwell.journal.pack_checking import check_pack, hash_of
from dunwell.journal.packing import Asked, NothingToShow, make_pack
from dunwell.journal.recording import Journal, NewEvent
from dunwell.journal.sealing import head, last_seal, seal
from tests.journal.conftest import NOON, some

pytestmark = pytest.mark.django_db


@pytest.fixture
def pack(journal: Journal, signer: Signer, tmp_path: Path) -> Path:
    journal.record(some(60))
    first = seal(signer, NOON)
    assert first is not None
    anchor = head(first, signer.public)
    journal.record(some(60, start=60))
    seal(signer, NOON + timedelta(hours=1))
    asked = Asked(
        "C3",
        "anna",
        "a claim in court",
        {"statement-A1.json": b"{}"},
        {"account": ["A1"], "point": []},
        [anchor],
    )
    file = tmp_path / "evidence.zip"
    file.write_bytes(make_pack(journal, signer, asked, NOON + timedelta(hours=2)))
    return file


def changed(pack: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """The pack with its files changed."""
    with zipfile.ZipFile(pack) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    other = pack.with_name("changed.zip")
    with zipfile.ZipFile(other, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return other


def test_a_pack_is_whole_and_names_the_key(pack: Path, signer: Signer) -> None:
    found = check_pack(pack, signer.public)
    assert found.is_whole, found.faults
    assert (found.event_count, found.opened_count, found.erased_count, found.anchor_count) == (17, 34, 0, 1)
    assert found.key_id == signer.key_id


def test_it_shows_nobody_elses_data(pack: Path) -> None:
    with zipfile.ZipFile(pack) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b'message 3"' in everything or b"message 3" in everything
    for other in (b'"message 4"', b'"message 5"', b"C4", b"C5"):
        assert other not in everything


def test_it_is_checked_on_a_machine_without_the_database(pack: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from dunwell.journal.pack_checking import check_pack;"
        "found = check_pack(Path(sys.argv[1])); print(found.is_whole, 'django' in sys.modules)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(pack)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert told.stdout.split() == ["True", "False"]


@pytest.mark.parametrize(
    "name", ["events.json", "personal.json", "names.json", "head.json", "anchors.json", "index.html"]
)
def test_every_file_taken_away_or_changed_is_found(pack: Path, name: str) -> None:
    assert not check_pack(changed(pack, lambda files: files.pop(name))).is_whole
    assert not check_pack(changed(pack, lambda files: files.update({name: files[name] + b" "}))).is_whole


def test_a_file_added_is_found(pack: Path) -> None:
    assert "was added" in check_pack(changed(pack, lambda files: files.update({"more.pdf": b"x"}))).faults[0]


def forge(pack: Path, signer: Signer, change: Callable[[dict[str, bytes]], object]) -> Path:
    """As somebody who has the lender's own key: changed, and the manifest signed anew."""
    from dunwell.journal.canonical import canonical
    from dunwell.journal.pack_checking import MANIFEST, SIGNATURE, hash_of, manifest_bytes

    def sign(files: dict[str, bytes]) -> None:
        change(files)
        hashes = {name: hash_of(data) for name, data in files.items() if name not in (MANIFEST, SIGNATURE)}
        files[MANIFEST] = manifest_bytes(hashes, "2026-11-23T14:00:00.000000Z", signer.public)
        files[SIGNATURE] = canonical({"signature": signer.sign(files[MANIFEST]).hex()}).encode()

    return changed(pack, sign)


def _edit(files: dict[str, bytes], name: str, change: Callable[[object], object]) -> None:
    values = json.loads(files[name])
    change(values)
    files[name] = json.dumps(values).encode()


def test_even_the_lender_cannot_change_an_event_or_its_text_afterwards(pack: Path, signer: Signer) -> None:
    def other_time(events: object) -> None:
        assert isinstance(events, list)
        events[3]["happened_at"] = "2026-11-23T12:00:01.000000Z"

    def other_text(personal: object) -> None:
        assert isinstance(personal, dict)
        next(iter(personal.values()))["text"] = "I will pay everything"

    def other_name(names: object) -> None:
        assert isinstance(names, dict)
        names["names"] = {"account": ["A2"]}

    for name, change in (
        ("events.json", other_time),
        ("personal.json", other_text),
        ("names.json", other_name),
    ):

        def edit(
            files: dict[str, bytes], name: str = name, change: Callable[[object], object] = change
        ) -> None:
            _edit(files, name, change)

        found = check_pack(forge(pack, signer, edit), signer.public)
        assert not found.is_whole, name


def test_a_true_event_of_somebody_else_is_found_even_when_the_lender_puts_it_in(
    pack: Path, signer: Signer, journal: Journal
) -> None:
    """Its proof holds: it stands in the journal. But it is not about this person."""
    other = zipfile.ZipFile(BytesIO(make_pack(journal, signer, Asked("C4", "anna", "x", {}, {}), NOON)))
    foreign = json.loads(other.read("events.json"))[0]

    def swap(files: dict[str, bytes]) -> None:
        events = json.loads(files["events.json"])
        events[0] = foreign
        files["events.json"] = json.dumps(events).encode()

    found = check_pack(forge(pack, signer, swap), signer.public)
    assert any("about somebody else" in fault for fault in found.faults)


@pytest.mark.parametrize("what", ["twice", "a word more"])
def test_an_event_told_twice_or_with_a_word_more_is_found(pack: Path, signer: Signer, what: str) -> None:
    def change(files: dict[str, bytes]) -> None:
        events = json.loads(files["events.json"])
        if what == "twice":
            events.append(events[0])
        else:
            events[0]["note"] = "they agreed to everything"
        files["events.json"] = json.dumps(events).encode()

    assert not check_pack(forge(pack, signer, change), signer.public).is_whole


def test_another_letter_than_was_sent_is_found_even_when_the_lender_puts_it_in(
    journal: Journal, signer: Signer, tmp_path: Path
) -> None:
    said = {
        "message_id": "m-1",
        "channel": "letter",
        "references": ["m-1.pdf", f"sha256:{hash_of(b'letter')}"],
    }
    journal.record([NewEvent("contact.sent", NOON, "C3", body=said)])
    seal(signer, NOON)
    file = tmp_path / "evidence.zip"
    asked = Asked("C3", "anna", "a claim", {"letters/m-1.pdf": b"letter"}, {})
    file.write_bytes(make_pack(journal, signer, asked, NOON))
    assert check_pack(file, signer.public).is_whole
    for name, data in (("letters/m-1.pdf", b"another"), ("letters/m-2.pdf", b"letter")):
        forged = forge(file, signer, lambda files, name=name, data=data: files.update({name: data}))  # type: ignore[misc]
        (fault,) = check_pack(forged, signer.public).faults
        assert name in fault


def test_numbers_that_are_none_are_a_fault_and_no_crash(pack: Path) -> None:
    found = check_pack(changed(pack, lambda files: files.update({"head.json": b'{"number": 1e999}'})))
    assert "cannot be read" in found.faults[-1]


@pytest.mark.parametrize("length", [0, 1, 100, 0.3, 0.9, 0.999])
def test_a_pack_that_was_cut_off_is_found(pack: Path, length: float) -> None:
    whole = pack.read_bytes()
    cut = pack.with_name("cut.zip")
    cut.write_bytes(whole[: int(length if length >= 1 or not length else length * len(whole))])
    assert not check_pack(cut).is_whole


def test_a_pack_signed_anew_with_another_key_is_not_the_lenders(pack: Path, signer: Signer) -> None:
    other = Signer(Ed25519PrivateKey.generate())
    forged = forge(pack, other, lambda files: None)
    assert "not with the lender's" in check_pack(forged, signer.public).faults[0]
    assert not check_pack(forged).is_whole, "nor is the head theirs"


def test_another_key_is_not_the_lenders(pack: Path) -> None:
    assert not check_pack(pack, bytes(32)).is_whole


def test_an_anchor_that_the_pack_does_not_continue_is_found(pack: Path, signer: Signer) -> None:
    from dataclasses import replace

    newest = last_seal()
    assert newest is not None
    stranger = replace(head(newest, signer.public), tree_size=3)
    assert not check_pack(pack, signer.public, [stranger]).is_whole


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_any_byte_changed_is_found_or_changes_nothing_that_is_read(
    pack: Path, signer: Signer, where: int, by: int
) -> None:
    whole = pack.read_bytes()
    data = bytearray(whole)
    data[where % len(data)] ^= by
    other = pack.with_name("flipped.zip")
    other.write_bytes(bytes(data))
    found = check_pack(other, signer.public)
    assert not found.is_whole or _contents(other) == _contents(pack)


def _contents(pack: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_nothing_is_made_of_somebody_unknown(journal: Journal, signer: Signer) -> None:
    with pytest.raises(NothingToShow, match="knows nothing of customer"):
        make_pack(journal, signer, Asked("C9", "anna", "x", {}, {}), NOON)
