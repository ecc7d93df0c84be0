"""The manifest beside a batch's letters: JSON lines, a line a letter, and one with the totals that closes the batch.

A line is written after its letter lies in the folder, and counts once its line end is on disk: what a crash left of a
last line is cut off before the next is written.
"""

import hashlib
import json
import os
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

MANIFEST = "manifest.jsonl"
_LOOK_BACK_BYTES = 4096


class ManifestUnreadable(ValueError):
    """A manifest holds a line that is none of ours; says where and how to mend it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One letter of a batch. ``file`` lies beside the manifest."""

    message_id: str
    file: str
    sha256: str
    pages: int
    postal_class: str
    country: str


@dataclass(frozen=True, slots=True)
class BatchTotal:
    """What a batch comes to. ``letters_by_class``: by "COUNTRY postal_class"; ``sha256_of_lines`` covers every line above."""

    batch: str
    letters: int
    pages: int
    letters_by_class: Mapping[str, int]
    sha256_of_lines: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as read: its letters, its total once it is closed, and how many bytes of whole lines it has."""

    entries: tuple[Entry, ...]
    total: BatchTotal | None
    whole_bytes: int


def read_manifest(batch_folder: Path, after_bytes: int = 0) -> Manifest:
    """The manifest of a batch, or what follows its first bytes; an empty one where there is none yet.

    Raises ManifestUnreadable.
    """
    file = batch_folder / MANIFEST
    raw = b""
    if file.exists():
        with file.open("rb") as stream:
            stream.seek(after_bytes)
            raw = stream.read()
    whole = raw[: raw.rfind(b"\n") + 1]
    entries: list[Entry] = []
    total: BatchTotal | None = None
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            values: dict[str, Any] = json.loads(line)
            if values.pop("is_total", False):
                total = BatchTotal(**values)
            else:
                entries.append(Entry(**values))
        except (ValueError, TypeError, AttributeError) as error:
            place = f"line {number}" if not after_bytes else f"line {number} after byte {after_bytes}"
            raise ManifestUnreadable(
                f"{file}, {place}: is no line of a manifest. Put the file back as dunwell wrote it"
            ) from error
    return Manifest(tuple(entries), total, after_bytes + len(whole))


class KnownLetters:
    """Which letters lie in a print folder, kept up as its manifests grow: each line is read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read_bytes: dict[str, int] = {}
        self.files: dict[str, str] = {}
        self.closed_batches: set[str] = set()

    def catch_up(self) -> None:
        """Read what was written since. Raises ManifestUnreadable and OSError."""
        for file in sorted(self._folder.glob(f"*/{MANIFEST}")):
            batch = file.parent.name
            found = read_manifest(file.parent, self._read_bytes.get(batch, 0))
            self.files |= {entry.message_id: entry.file for entry in found.entries}
            if found.total is not None:
                self.closed_batches.add(batch)
            self._read_bytes[batch] = found.whole_bytes


def open_batch(name: str, closed: Container[str]) -> str:
    """The batch of that name, or the next one (NAME-2, NAME-3, ...) that is not closed."""
    number = 1
    batch = name
    while batch in closed:
        number += 1
        batch = f"{name}-{number}"
    return batch


def append_lines(batch_folder: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Add lines to a batch's manifest, on disk when this returns. Part of a line at its end is cut off first."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    with (batch_folder / MANIFEST).open("a+b") as stream:
        stream.truncate(_whole_bytes(stream))
        stream.write(text.encode())
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(batch_folder)


def _whole_bytes(stream: BinaryIO) -> int:
    """Where the last whole line of a file ends."""
    end = stream.seek(0, os.SEEK_END)
    while end > 0:
        begin = max(0, end - _LOOK_BACK_BYTES)
        stream.seek(begin)
        if (at := stream.read(end - begin).rfind(b"\n")) >= 0:
            return begin + at + 1
        end = begin
    return 0


def total_of(batch_folder: Path) -> BatchTotal:
    """What a batch's letters come to."""
    manifest = read_manifest(batch_folder)
    by_class: dict[str, int] = {}
    for entry in manifest.entries:
        name = f"{entry.country} {entry.postal_class}"
        by_class[name] = by_class.get(name, 0) + 1
    file = batch_folder / MANIFEST
    raw = file.read_bytes()[: manifest.whole_bytes] if file.exists() else b""
    return BatchTotal(
        batch=batch_folder.name,
        letters=len(manifest.entries),
        pages=sum(entry.pages for entry in manifest.entries),
        letters_by_class=dict(sorted(by_class.items())),
        sha256_of_lines=hashlib.sha256(raw).hexdigest(),
    )


def entry_line(entry: Entry) -> dict[str, Any]:
    """A letter's line."""
    return asdict(entry)


def write_file(file: Path, content: bytes) -> None:
    """A file that is there whole or not at all: under another name first, on disk, then renamed."""
    temporary = file.with_name(f".{file.name}.new")
    with temporary.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(file)


def sync_folder(folder: Path) -> None:
    """That a folder's names are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """That nobody else writes into a print folder meanwhile. Raises BlockingIOError when somebody does."""
    import fcntl  # of POSIX; print folders are written there

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
