"""The office in production: watched over, backed up, and restored to the byte."""

import json
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import structlog
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from dunwell.office.running import backup
from dunwell.office.running.backup import BackupUnusable, back_up, restore
from dunwell.settings import read_settings
from tests.office.conftest import Office
from tests.postgresql import postgresql, programs

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DUNWELL = [sys.executable, "-m", "dunwell"]


def dunwell(*words: str, at: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*DUNWELL, *words], cwd=at, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done


def test_it_says_that_it_is_alive_and_ready(office: Office, client: Client) -> None:
    assert client.get("/health").json() == {"alive": True}
    answer = client.get("/ready")
    assert answer.status_code == 200
    assert answer.json()["book"] == "2026-11-23"


def test_while_the_database_is_away_it_is_not_ready_and_its_figures_say_so(
    office: Office, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: object, **named: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr("django.db.backends.utils.CursorWrapper.execute", away)
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()["missing"]) == (503, ["the database does not answer"])
    assert client.get("/health").status_code == 200
    figures = client.get("/metrics").content.decode()
    assert "dunwell_database_up 0.0" in figures
    monkeypatch.undo()
    assert "dunwell_database_up 1.0" in client.get("/metrics").content.decode()


def test_it_is_not_ready_while_migrations_are_pending(office: Office, client: Client) -> None:
    MigrationRecorder.Migration.objects.filter(app="tallies").delete()
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert "lacks migrations" in answer.json()["missing"][0]


def test_its_figures_name_nobody_and_strangers_get_none(office: Office, client: Client) -> None:
    office.client("collector").get("/queue")
    text = client.get("/metrics").content.decode()
    assert 'dunwell_cases{stage="negotiation"}' in text
    assert 'page="queue"' in text
    assert "CU00" not in text
    assert client.get("/metrics", HTTP_X_FORWARDED_FOR="203.0.113.9").status_code == 403
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.9").status_code == 403


def test_a_log_line_names_the_page_and_no_person(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    from dunwell.office.running.logs import set_up_logs

    set_up_logs()
    office.client("collector").get("/queue?stage=negotiation&page=2")
    line = capsys.readouterr().err.strip().splitlines()[-1]
    structlog.reset_defaults()  # or the tests after this one would write where this one listened
    assert '"page": "queue"' in line
    assert '"role": "collector"' in line
    assert "stage=" not in line


def test_what_a_library_says_is_logged_without_its_words_and_our_own_with_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from dunwell.office.running.logs import set_up_logs

    before = logging.getLogger().handlers[:]
    set_up_logs()
    try:
        logging.getLogger("django.security.csrf").warning("Forbidden (%s): %s", "x", "/case/CU1/open")
        logging.getLogger("dunwell.office").warning("the %s cannot be read anew", "law")
        try:
            raise ValueError("Ana Lima, 5 High Street")
        except ValueError:
            logging.getLogger("gunicorn.error").exception("Error handling request /case/CU1")
        logging.getLogger("some.library").info("CU1 was looked at")
    finally:
        logging.getLogger().handlers[:] = before
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    structlog.reset_defaults()
    assert [(one["logger"], one.get("message"), one.get("kind")) for one in lines] == [
        ("django.security.csrf", None, None),
        ("dunwell.office", "the law cannot be read anew", None),
        ("gunicorn.error", None, "ValueError"),
    ]
    assert "CU1" not in str(lines)
    assert "Ana" not in str(lines)


@pytest.fixture
def shop(ran: Path, tmp_path: Path) -> Path:
    shutil.copytree(ran, tmp_path / "shop")
    return tmp_path / "shop"


def work_a_little(shop: Path, **environment: str) -> str:
    """Somebody may sign in, a recording of a customer's is kept, a letter lies in the print folder; the customer."""
    dunwell("staff", "add", "ann", "--role", "collector", at=shop, **environment)
    customer: str = pl.read_parquet(shop / "book" / "partition=00" / "customers.parquet")["customer_id"][0]
    (shop / "call.wav").write_bytes(b"RIFF\0\0\0\0WAVE of a call")
    dunwell("evidence", "attach", customer, "call.wav", "--what", "recording", at=shop, **environment)
    (shop / "print" / "2026-11-24").mkdir(parents=True)
    (shop / "print" / "2026-11-24" / "letter.pdf").write_bytes(b"%PDF a letter")
    dunwell("evidence", "seal", at=shop, **environment)
    return customer


def is_whole(again: Path, customer: str, **environment: str) -> None:
    """What came back says what was there: who may sign in, the journal, the recording in a pack that proves itself, a letter."""
    assert "ann" in dunwell("staff", "list", at=again, **environment).stdout
    dunwell("evidence", "verify", at=again, **environment)
    pack = again.parent / "pack.zip"
    dunwell("evidence", "export", customer, "--why", "a test", "--out", str(pack), at=again, **environment)
    dunwell("evidence", "verify-pack", str(pack), at=again.parent)
    with zipfile.ZipFile(pack) as found:
        (recording,) = [name for name in found.namelist() if name.startswith("files/")]
        assert found.read(recording) == b"RIFF\0\0\0\0WAVE of a call"
    assert (again / "print" / "2026-11-24" / "letter.pdf").read_bytes() == b"%PDF a letter"


@pytest.mark.slow
def test_a_backup_restores_a_workspace_whose_journal_verifies(shop: Path, tmp_path: Path) -> None:
    customer = work_a_little(shop)
    dunwell("backup", str(tmp_path / "shop.tar.gz"), "--with-keys", at=shop)
    assert (tmp_path / "shop.tar.gz").stat().st_mode & 0o077 == 0
    dunwell("restore", str(tmp_path / "shop.tar.gz"), "--into", str(tmp_path / "again"), at=tmp_path)
    is_whole(tmp_path / "again", customer)
    for name in ("dunwell.toml", "book/positions.parquet", "policy/law.toml"):
        assert (tmp_path / "again" / name).read_bytes() == (shop / name).read_bytes(), name


def test_a_backup_is_of_one_instant_while_others_write(shop: Path, tmp_path: Path) -> None:
    dunwell("staff", "add", "ann", "--role", "collector", at=shop)
    with sqlite3.connect(shop / "dunwell.sqlite3") as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE access_staff SET first_name = 'half done'")
        back_up(read_settings(shop), tmp_path / "one.tar.gz", NOW)
        writer.rollback()
    restore(tmp_path / "one.tar.gz", tmp_path / "again")
    with sqlite3.connect(tmp_path / "again" / "dunwell.sqlite3") as copy:
        assert copy.execute("SELECT first_name FROM access_staff").fetchall() == [("",)]


def test_a_backup_of_what_changes_while_it_is_read_can_be_restored(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dunwell("staff", "list", at=shop)
    record = shop / "evidence" / "wire" / "host-sms.txt"
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text("boot 1\n", encoding="ascii")
    look = tarfile.TarFile.gettarinfo

    def while_a_worker_writes(archive: tarfile.TarFile, *given: Any, **named: Any) -> tarfile.TarInfo:
        with record.open("a", encoding="ascii") as stream:
            stream.write("one more message\n")
        return look(archive, *given, **named)

    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", while_a_worker_writes)
    back_up(read_settings(shop), tmp_path / "one.tar.gz", NOW)
    restore(tmp_path / "one.tar.gz", tmp_path / "again")
    assert (tmp_path / "again" / "evidence" / "wire" / "host-sms.txt").read_text().startswith("boot 1\none")


def test_a_book_that_a_run_replaces_while_it_is_copied_makes_no_backup(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dunwell("staff", "list", at=shop)
    files = backup._files

    def while_a_run_ends(*given: Any) -> Iterator[tuple[str, Path]]:
        yield from files(*given)
        (shop / "book" / "book.json").touch()

    monkeypatch.setattr(backup, "_files", while_a_run_ends)
    with pytest.raises(BackupUnusable, match="Make the backup again"):
        back_up(read_settings(shop), tmp_path / "one.tar.gz", NOW)
    assert list(tmp_path.glob("*one.tar.gz*")) == []


def test_what_was_due_when_a_backup_was_made_is_not_sent_again_after_it_is_restored(
    shop: Path, tmp_path: Path
) -> None:
    dunwell("staff", "list", at=shop)
    with sqlite3.connect(shop / "dunwell.sqlite3") as live:
        live.execute("PRAGMA foreign_keys = OFF")
        for number, state in enumerate(("due", "claimed", "sent")):
            live.execute(
                "INSERT INTO outreach_work (message_id, key, subject_id, channel, stage, purpose, accounts, priority, due_at,"
                " expires_at, state, attempt_count, why, in_doubt, changed_at)"
                " VALUES (?, ?, 'S', 'sms', 'reminder', 'remind', '', 0, ?, ?, ?, 0, '', 0, ?)",
                (str(number), str(number), str(NOW), str(NOW), state, str(NOW)),
            )
    back_up(read_settings(shop), tmp_path / "one.tar.gz", NOW)
    assert restore(tmp_path / "one.tar.gz", tmp_path / "again")["held_back"] == 2
    with sqlite3.connect(tmp_path / "again" / "dunwell.sqlite3") as copy:
        states = copy.execute("SELECT state FROM outreach_work ORDER BY message_id").fetchall()
    assert states == [("unknown",), ("unknown",), ("sent",)]


@pytest.mark.slow
def test_keys_stay_out_unless_asked_for(shop: Path, tmp_path: Path) -> None:
    dunwell("staff", "list", at=shop)
    back_up(read_settings(shop), tmp_path / "one.tar.gz", NOW)
    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        assert not [name for name in archive.getnames() if name.startswith("keys")]


def test_a_changed_or_cut_off_backup_is_refused_and_nothing_is_left(shop: Path, tmp_path: Path) -> None:
    dunwell("staff", "list", at=shop)
    back_up(read_settings(shop), tmp_path / "one.tar.gz", NOW)
    whole = (tmp_path / "one.tar.gz").read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BackupUnusable, match="Take another copy"):
        restore(tmp_path / "cut.tar.gz", tmp_path / "again")
    with tarfile.open(tmp_path / "one.tar.gz") as archive:
        archive.extractall(tmp_path / "parts", filter="data")
    (tmp_path / "parts" / "dunwell.toml").write_text("# changed\n", encoding="utf-8")
    with tarfile.open(tmp_path / "forged.tar.gz", "w:gz") as archive:
        for path in (tmp_path / "parts").iterdir():
            archive.add(path, path.name)
    with pytest.raises(BackupUnusable, match=r"dunwell.toml is missing or was changed"):
        restore(tmp_path / "forged.tar.gz", tmp_path / "again")
    assert sorted(path.name for path in tmp_path.iterdir() if "again" in path.name) == []


def changed(backup_file: Path, out: Path, **manifest: str) -> Path:
    """The backup with another manifest."""
    with tarfile.open(backup_file) as archive:
        archive.extractall(out.with_suffix(".parts"), filter="data")
    file = out.with_suffix(".parts") / backup.MANIFEST
    file.write_text(json.dumps(json.loads(file.read_text()) | manifest), encoding="utf-8")
    with tarfile.open(out, "w:gz") as archive:
        for path in out.with_suffix(".parts").iterdir():
            archive.add(path, path.name)
    return out


def test_a_backup_goes_into_no_other_kind_of_database_and_nowhere_else(shop: Path, tmp_path: Path) -> None:
    dunwell("staff", "list", at=shop)
    one, again = tmp_path / "one.tar.gz", tmp_path / "again"
    back_up(read_settings(shop), one, NOW)
    with pytest.raises(BackupUnusable, match="Leave --database out"):
        restore(one, again, "postgresql://x@127.0.0.1:9/x")
    outside = changed(one, tmp_path / "outside.tar.gz", sqlite_name="../../elsewhere.sqlite3")
    with pytest.raises(BackupUnusable, match="outside the workspace"):
        restore(outside, again)
    other = changed(one, tmp_path / "other.tar.gz", database="database.pgdump")
    for address, why in ((None, "Give --database"), ("sqlite:///x.sqlite3", "no other database")):
        with pytest.raises(BackupUnusable, match=why):
            restore(other, again, address)
    assert not [path.name for path in tmp_path.iterdir() if "again" in path.name or "elsewhere" in path.name]


@pytest.fixture
def server() -> Iterator[str]:
    if programs() is None:
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="dw-"))
    with postgresql(folder) as url:
        yield url
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_backup_of_postgresql_restores_into_an_empty_database(
    shop: Path, tmp_path: Path, server: str
) -> None:
    customer = work_a_little(shop, DATABASE_URL=server)
    dunwell("backup", str(tmp_path / "shop.tar.gz"), "--with-keys", at=shop, DATABASE_URL=server)
    empty = server.removesuffix("/dunwell") + "/again"
    folder = server.split("@")[1].split("/")[0].replace("%2F", "/")
    subprocess.run(["createdb", "-h", folder, "-U", "dunwell", "again"], check=True)
    again = tmp_path / "again"
    dunwell("restore", str(tmp_path / "shop.tar.gz"), "--into", str(again), "--database", empty, at=tmp_path)
    is_whole(again, customer, DATABASE_URL=empty)
