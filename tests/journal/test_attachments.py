"""Recordings, letters and papers: kept under the person's key, shown in a pack to be what was kept, gone with the person."""

import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from dunwell.journal.attachments import NewFile, NotKept, keep_file
from dunwell.journal.keys import Signer
from dunwell.journal.models import Event
from dunwell.journal.pack_checking import check_pack
from dunwell.journal.packing import Asked, make_pack
from dunwell.journal.recording import Journal
from dunwell.journal.sealing import seal
from dunwell.journal.vault import Damaged, Erased
from tests.journal.conftest import NOON

pytestmark = pytest.mark.django_db

RECORDING = b"RIFF....WAVE" + bytes(range(256)) * 40


def keep(
    journal: Journal, folder: Path, customer: str = "C1", data: bytes = RECORDING, what: str = "recording"
) -> str:
    return keep_file(
        journal, folder, customer, NewFile(what, "Call of Ann Miller.WAV", data, NOON, "anna", "m-1")
    ).event_id


def pack_of(journal: Journal, signer: Signer, folder: Path, customer: str = "C1") -> Path:
    seal(signer, NOON + timedelta(hours=1))
    asked = Asked(customer, "anna", "a claim", {}, {"account": [], "point": []}, (), folder / "files")
    file = folder / "pack.zip"
    file.write_bytes(make_pack(journal, signer, asked, NOON + timedelta(hours=2)))
    return file


def test_a_kept_file_stands_in_the_pack_and_is_shown_to_be_the_one(
    journal: Journal, signer: Signer, tmp_path: Path
) -> None:
    keep(journal, tmp_path / "files")
    keep(journal, tmp_path / "files", "C2", b"another person's")
    pack = pack_of(journal, signer, tmp_path)
    assert check_pack(pack, signer.public).faults == ()
    with zipfile.ZipFile(pack) as archive:
        (name,) = [name for name in archive.namelist() if name.startswith("files/")]
        assert name.endswith(".wav") and archive.read(name) == RECORDING


def test_neither_the_event_nor_the_folder_tells_anything_of_it(journal: Journal, tmp_path: Path) -> None:
    keep(journal, tmp_path / "files")
    assert "Ann" not in Event.objects.get(kind="file.kept").body
    (file,) = (tmp_path / "files").iterdir()
    assert b"RIFF" not in file.read_bytes() and "Ann" not in file.name


def test_another_file_in_its_place_or_none_is_found(journal: Journal, signer: Signer, tmp_path: Path) -> None:
    keep(journal, tmp_path / "files")
    pack = pack_of(journal, signer, tmp_path)
    with zipfile.ZipFile(pack) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    (name,) = [name for name in files if name.startswith("files/")]
    for change, fault in (
        ({name: b"another recording"}, "is not the file that was kept"),
        ({name: None}, "is missing"),
        ({"files/added.wav": b"x"}, "belongs to no event"),
    ):
        other = tmp_path / "other.zip"
        with zipfile.ZipFile(other, "w") as archive:
            for inner, data in {**files, **change}.items():
                if data is not None:
                    archive.writestr(inner, data)
        assert any(fault in one for one in check_pack(other, signer.public).faults), fault


def test_a_file_that_was_changed_or_lost_stops_the_pack(
    journal: Journal, signer: Signer, tmp_path: Path
) -> None:
    keep(journal, tmp_path / "files")
    (file,) = (tmp_path / "files").iterdir()
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(bytes(raw))
    with pytest.raises(Damaged, match="was changed"):
        pack_of(journal, signer, tmp_path)
    file.unlink()
    with pytest.raises(NotKept, match="Restore it"):
        pack_of(journal, signer, tmp_path)


def test_erasure_destroys_it(journal: Journal, signer: Signer, tmp_path: Path) -> None:
    keep(journal, tmp_path / "files")
    subject = journal.vault.references(["C1"])["C1"]
    (file,) = (tmp_path / "files").iterdir()
    journal.erase("C1", by="dpo", why="request")
    with pytest.raises(Erased):
        journal.vault.open_bytes(subject, f"file {file.name}", file.read_bytes())


@pytest.mark.parametrize(("what", "data"), [("video", b"x"), ("paper", b"")])
def test_what_cannot_be_kept_is_said(journal: Journal, tmp_path: Path, what: str, data: bytes) -> None:
    with pytest.raises(NotKept):
        keep(journal, tmp_path / "files", data=data, what=what)
    assert not Event.objects.exists() and not (tmp_path / "files").exists()
