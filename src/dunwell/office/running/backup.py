"""A workspace's backup in one file, and its restoration: the database as of one instant, the policy, the book, the evidence with
recordings and papers, the letters that were printed, and what came in during the day.

The database is taken first: a file that it names lies on disk before it is named. What a file's digest says is what was written
of it, however it grows meanwhile; a book that a run replaces meanwhile is begun again, so that it is of one run.

The keys are left out unless they are asked for: whoever holds both the backup and the keys can read everything in it.
"""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from dunwell import __version__
from dunwell.settings import FILE_NAME, Settings, django_settings

MANIFEST = "backup.json"
_SQLITE = "database.sqlite3"
_POSTGRESQL = "database.pgdump"
_TRIES = 3
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
    """Write the workspace's backup; the file appears whole or not at all. Raises BackupUnusable, OSError."""
    if file.exists():
        raise BackupUnusable(f"{file} exists. Name another file; a backup is never written over")
    staging = file.with_name(f".{file.name}.new")
    staging.unlink(missing_ok=True)
    staging.touch(mode=0o600)  # whoever reads it reads about people
    with tempfile.TemporaryDirectory(prefix="dunwell-backup-") as scratch:
        database = _dump(settings, Path(scratch))
        for _ in range(_TRIES):
            entries, digest, is_whole = _write(settings, staging, database, now, with_keys)
            if is_whole:
                break
        else:
            staging.unlink()
            raise BackupUnusable("a run replaced the book each time it was read. Back up when no run goes on")
    staging.rename(file)
    return BackedUp(file, len(entries), sum(entry["bytes"] for entry in entries.values()), digest)


def _write(
    settings: Settings, staging: Path, database: Path, now: datetime, with_keys: bool
) -> tuple[dict[str, dict[str, Any]], str, bool]:
    """Write the archive: its entries, the digest of its manifest, and whether the book was one and the same all the while."""
    before = _run_of(settings)
    entries: dict[str, dict[str, Any]] = {}
    with tarfile.open(staging, "w:gz", compresslevel=1, dereference=True) as archive:
        for name, path in [(database.name, database), *_files(settings, with_keys)]:
            try:
                entries[name] = _add(archive, name, path)
            except FileNotFoundError:  # gone meanwhile: the book's with a run, others with an erasure
                continue
        manifest = {
            "dunwell": __version__,
            "made_at": now.isoformat(),
            "database": database.name,
            "sqlite_name": _sqlite_name(settings),
            "with_keys": with_keys,
            "files": entries,
        }
        text = database.with_name(MANIFEST)
        text.write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
        digest = _add(archive, MANIFEST, text)["sha256"]
    return entries, digest, _run_of(settings) == before


def _run_of(settings: Settings) -> tuple[int, int] | None:
    """Which book lies in its place: another after each run."""
    try:
        about = (settings.book_folder / "book.json").stat()
    except FileNotFoundError:
        return None
    return about.st_ino, about.st_mtime_ns


class _Digesting:
    """A file that is read once, with the digest of what was read."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self.digest = stream, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(size)
        self.digest.update(block)
        return block


def _add(archive: tarfile.TarFile, name: str, path: Path) -> dict[str, Any]:
    """Put a file into the archive as long as it is now: its bytes and their digest. Raises FileNotFoundError."""
    with path.open("rb") as stream:
        about = archive.gettarinfo(arcname=name, fileobj=stream)
        reader = _Digesting(stream)
        archive.addfile(about, reader)
    return {"bytes": about.size, "sha256": reader.digest.hexdigest()}


def restore(file: Path, folder: Path, database_url: str | None = None) -> dict[str, Any]:
    """Unpack a backup into a new folder, every file checked against the manifest, and bring its database back; the manifest.

    A dump of PostgreSQL goes into the empty database at ``database_url``. Raises BackupUnusable.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BackupUnusable(
            f"{folder} is not empty. Restore into a new folder, look at it, then let it take the old one's place"
        )
    staging = folder.with_name(f".{folder.name}.restoring")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with tarfile.open(file, "r:*") as archive:
            archive.extractall(staging, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise BackupUnusable(f"{file} cannot be read ({error}). Take another copy of the backup") from error
    manifest = _checked(file, staging)
    if manifest["database"] == _POSTGRESQL:
        if database_url is None:
            raise BackupUnusable(
                "this backup is of PostgreSQL. Give --database, the address of an empty database"
            )
        _run(
            [
                "pg_restore",
                "--no-owner",
                "--exit-on-error",
                "--single-transaction",
                "-d",
                database_url,
                str(staging / _POSTGRESQL),
            ]
        )
        (staging / _POSTGRESQL).unlink()
    else:
        place = staging / manifest["sqlite_name"]
        place.parent.mkdir(parents=True, exist_ok=True)
        (staging / _SQLITE).rename(place)
    (staging / MANIFEST).unlink()
    shutil.rmtree(folder, ignore_errors=True)
    staging.rename(folder)
    return manifest


def _checked(file: Path, staging: Path) -> dict[str, Any]:
    """The manifest, when every file is there and is what it says."""
    try:
        manifest: dict[str, Any] = json.loads((staging / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise BackupUnusable(
            f"{file} holds no {MANIFEST}: it is no backup of dunwell, or it was cut off"
        ) from error
    for name, entry in manifest["files"].items():
        path = staging / name
        if not path.is_file() or _digest(path) != entry["sha256"]:
            shutil.rmtree(staging, ignore_errors=True)
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
            if path.is_file() and "by-customer" not in path.parts and path.suffix != ".lock":
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
