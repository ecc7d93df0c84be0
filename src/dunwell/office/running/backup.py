"""A workspace's backup in one file, and its restoration: the database as of one instant, the policy, the book and the evidence.

The keys are left out unless they are asked for: whoever holds both the backup and the keys can read everything in it.
"""

import hashlib
import io
import json
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import psycopg

from dunwell import __version__
from dunwell.settings import FILE_NAME, Settings, django_settings

MANIFEST = "backup.json"
_SQLITE = "database.sqlite3"
_POSTGRESQL = "database.pgdump"
_BLOCK = 1 << 20


class BackupUnusable(ValueError):
    """A backup cannot be made or restored; says why and the mend."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds: files, their bytes, and the digest of its manifest."""

    file: Path
    file_count: int
    byte_count: int
    digest: str


def back_up(settings: Settings, file: Path, now: datetime, *, with_keys: bool = False) -> BackedUp:
    """Write the workspace's backup; the file appears whole or not at all. Others may work meanwhile, but no run may end: the book
    is of one run. Raises BackupUnusable, OSError.
    """
    if file.exists():
        raise BackupUnusable(f"{file} exists. Name another file; a backup is never written over")
    staging = file.with_name(f".{file.name}.new")
    staging.unlink(missing_ok=True)
    staging.touch(mode=0o600)  # whoever reads it reads about people
    with tempfile.TemporaryDirectory(prefix="dunwell-backup-") as scratch:
        database, book = _dump(settings, Path(scratch)), _which_book(settings)
        entries: dict[str, dict[str, Any]] = {}
        with tarfile.open(staging, "w:gz", compresslevel=1, dereference=True) as archive:
            for name, path in [(database.name, database), *_files(settings, with_keys)]:
                with suppress(FileNotFoundError):  # erased since it was listed
                    entries[name] = _add(archive, name, path)
            manifest = {
                "dunwell": __version__,
                "made_at": now.isoformat(),
                "database": database.name,
                "sqlite_name": _sqlite_name(settings),
                "with_keys": with_keys,
                "files": entries,
            }
            text = Path(scratch) / MANIFEST
            text.write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
            archive.add(text, MANIFEST)
            digest = _digest(text)
    if _which_book(settings) != book:
        staging.unlink()
        raise BackupUnusable(
            "a run replaced the book meanwhile, so it was copied half. Make the backup again"
        )
    staging.rename(file)
    return BackedUp(file, len(entries), sum(entry["bytes"] for entry in entries.values()), digest)


def _which_book(settings: Settings) -> tuple[int, int] | None:
    """What tells the book of one run from that of another; None without one."""
    try:
        about = (settings.book_folder / "book.json").stat()
    except FileNotFoundError:
        return None
    return about.st_ino, about.st_mtime_ns


def _add(archive: tarfile.TarFile, name: str, path: Path) -> dict[str, Any]:
    """A file's bytes and digest as they went into the archive: a worker's record, say, changes while it is read."""
    with path.open("rb") as stream:
        about = archive.gettarinfo(arcname=name, fileobj=stream)
        read = _Read(io.BytesIO(stream.read()) if about.size < _BLOCK else stream)
        if isinstance(read.stream, io.BytesIO):
            about.size = len(read.stream.getbuffer())
        archive.addfile(about, read)
    return {"bytes": about.size, "sha256": read.digest.hexdigest()}


class _Read:
    """A file whose bytes are digested as they are read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self.stream.read(size)
        self.digest.update(block)
        return block


def restore(file: Path, folder: Path, database_url: str | None = None) -> dict[str, Any]:
    """Unpack a backup into a new folder, every file checked against the manifest, and bring its database back; the manifest.

    A dump of PostgreSQL goes into the empty database at ``database_url``. Messages that were due when the backup was made may
    have gone out since: none is sent again (``held_back`` of the manifest: how many). Raises BackupUnusable.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BackupUnusable(
            f"{folder} is not empty. Restore into a new folder, look at it, then let it take the old one's place"
        )
    staging = folder.with_name(f".{folder.name}.restoring")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        manifest = _unpacked(file, staging, database_url)
    except BackupUnusable:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    (staging / MANIFEST).unlink()
    shutil.rmtree(folder, ignore_errors=True)
    staging.rename(folder)
    return manifest


def _unpacked(file: Path, staging: Path, database_url: str | None) -> dict[str, Any]:
    """The backup in ``staging``, checked, its database where it belongs; the manifest. Raises BackupUnusable."""
    try:
        with tarfile.open(file, "r:*") as archive:
            archive.extractall(staging, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BackupUnusable(f"{file} cannot be read ({error}). Take another copy of the backup") from error
    manifest = _checked(file, staging)
    if manifest["database"] != _POSTGRESQL:
        if database_url is not None:
            raise BackupUnusable(
                "this backup is of SQLite, whose file lies in the workspace: it goes into no other database. Leave --database out"
            )
        place = staging / manifest["sqlite_name"]
        if not place.resolve().is_relative_to(staging.resolve()):
            raise BackupUnusable(
                f"{file} would put its database outside the workspace. Take another copy of the backup"
            )
        place.parent.mkdir(parents=True, exist_ok=True)
        (staging / _SQLITE).rename(place)
        manifest["held_back"] = _hold_back_sqlite(place)
        return manifest
    if database_url is None:
        raise BackupUnusable(
            "this backup is of PostgreSQL. Give --database, the address of an empty database"
        )
    if not database_url.startswith(("postgresql:", "postgres:")):
        raise BackupUnusable(
            "this backup is of PostgreSQL and goes into no other database. Give --database postgresql://..."
        )
    dump = staging / _POSTGRESQL
    how = ("--no-owner", "--exit-on-error", "--single-transaction")
    _run(["pg_restore", *how, "-d", database_url, str(dump)])
    dump.unlink()
    manifest["held_back"] = _hold_back_postgresql(database_url)
    return manifest


_HOLD_BACK = """
UPDATE outreach_work SET state = 'unknown', why = 'restored from a backup: it may have gone out since'
WHERE state IN ('due', 'claimed')
"""


def _hold_back_sqlite(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection, connection:
        tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'outreach_work'").fetchall()
        return connection.execute(_HOLD_BACK).rowcount if tables else 0


def _hold_back_postgresql(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT to_regclass('outreach_work')").fetchone()
        return connection.execute(_HOLD_BACK).rowcount if found and found[0] else 0


def _checked(file: Path, staging: Path) -> dict[str, Any]:
    """The manifest, when every file is there and is what it says."""
    try:
        manifest: dict[str, Any] = json.loads((staging / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackupUnusable(
            f"{file} holds no {MANIFEST}: it is no backup of dunwell, or it was cut off"
        ) from error
    for name, entry in manifest["files"].items():
        path = staging / name
        if not path.is_file() or _digest(path) != entry["sha256"]:
            raise BackupUnusable(f"{file}: {name} is missing or was changed. Take another copy of the backup")
    return manifest


def _files(settings: Settings, with_keys: bool) -> Iterator[tuple[str, Path]]:
    yield FILE_NAME, settings.root / FILE_NAME
    root = settings.root
    folders = [root / "policy", settings.book_folder, settings.evidence_folder, root / "models"]
    folders += [settings.tape_folder, settings.print_folder, root / "intake"]
    folders += [settings.keys_folder] if with_keys else []
    for folder in dict.fromkeys(one for one in folders if one.is_relative_to(root) and one != root):
        for path in sorted(folder.rglob("*")):
            is_passing = (
                path.suffix in (".lock", ".new") or ".new" in path.parts
            )  # being written, or nobody's after it
            if path.is_file() and "by-customer" not in path.parts and not is_passing:
                yield path.relative_to(root).as_posix(), path


def _sqlite_name(settings: Settings) -> str | None:
    """Where the database lies in the workspace; beside it, by its own name, where it lies elsewhere."""
    database = django_settings(settings)["DATABASES"]["default"]
    if "sqlite3" not in database["ENGINE"]:
        return None
    path = Path(database["NAME"])
    return path.relative_to(settings.root).as_posix() if path.is_relative_to(settings.root) else path.name


def _dump(settings: Settings, scratch: Path) -> Path:
    """The database as of one instant, while others go on writing."""
    database = django_settings(settings)["DATABASES"]["default"]
    if "sqlite3" in database["ENGINE"]:
        source = Path(database["NAME"])
        if not source.is_file():
            raise BackupUnusable(f"there is no database at {source} yet. Start `dunwell serve` once")
        target = scratch / _SQLITE
        with sqlite3.connect(source) as live, sqlite3.connect(target) as copy:
            live.backup(copy)
        return target
    target = scratch / _POSTGRESQL
    _run(["pg_dump", "--format=custom", "--no-owner", "-f", str(target), settings.database])
    return target


def _run(command: list[str]) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise BackupUnusable(
            f"{command[0]} is not installed. Install PostgreSQL's client programs of the server's version"
        )
    done = subprocess.run([program, *command[1:]], check=False, capture_output=True, text=True)
    if done.returncode:
        raise BackupUnusable(
            f"{command[0]} failed: {done.stderr.strip().splitlines()[-1] if done.stderr.strip() else done.returncode}"
        )


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
