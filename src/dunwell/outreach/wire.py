"""A worker's own record of what it is about to hand over: the one thing that is known after a crash between claim and answer.

The line is written before the message's bytes leave. After the worker was killed: claimed and not in here was surely not sent
and may be tried again; in here and without an outcome cannot be known. A line that was written survives the process but maybe
not the machine: so the record names the machine's boot, and after another boot everything claimed is in doubt.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

_BOOT_FILE = Path("/proc/sys/kernel/random/boot_id")


def this_boot() -> str | None:
    """What tells this run of the machine from any other; None where the system does not say."""
    try:
        return _BOOT_FILE.read_text(encoding="ascii").strip()
    except OSError:
        return None


class NameTaken(RuntimeError):
    """A worker of that name is running. Two of one name would take each other's messages for left behind, and send them twice."""


def record_file(folder: Path, name: str) -> Path:
    """Where a worker's record lies."""
    return folder / f"{''.join(letter if letter.isalnum() or letter in '-_' else '_' for letter in name)}.txt"


@contextmanager
def named(folder: Path, name: str) -> Iterator[str]:
    """The name is this process's until the end, or until it is killed. Raises NameTaken."""
    folder.mkdir(parents=True, exist_ok=True)
    file = record_file(folder, name).with_suffix(".lock")
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NameTaken(f"a worker {name!r} is running already. Give this one another name") from error
        yield name
    finally:
        os.close(descriptor)


_NAMES_MAX = 100


@contextmanager
def any_name(folder: Path, wanted: str) -> Iterator[str]:
    """The wanted name, or the first of NAME-2, NAME-3, ... that nobody has. Raises NameTaken after so many."""
    for number in range(1, _NAMES_MAX + 1):
        name = wanted if number == 1 else f"{wanted}-{number}"
        held = named(folder, name)
        try:
            held.__enter__()
        except NameTaken:
            continue
        try:
            yield name
        finally:
            held.__exit__(None, None, None)
        return
    raise NameTaken(f"{_NAMES_MAX} workers {wanted!r} are running already")


class WireRecord:
    """The record of one worker. Use as a context manager; after ``clear`` it is empty."""

    def __init__(self, file: Path, boot: str | None) -> None:
        """``file``: where it lies, the same for the same worker after a restart. ``boot``: ``this_boot()``; without it every
        line is forced to the disk.
        """
        self.file, self.boot = file, boot
        self._descriptor = -1

    def __enter__(self) -> "WireRecord":
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def begin(self, message_ids: Iterable[str]) -> None:
        """From here on these may be on the wire."""
        os.write(self._descriptor, "".join(f"{message_id}\n" for message_id in message_ids).encode())
        if self.boot is None:
            os.fdatasync(self._descriptor)

    def clear(self) -> None:
        """The outcomes of all are in the database: begin anew."""
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, f"boot {self.boot}\n".encode())
        os.fdatasync(self._descriptor)

    def may_have_left(self, message_id: str) -> bool:
        """Whether a message that the worker had claimed may have been on the wire, by what an earlier run left here."""
        lines = self._lines()
        is_this_boot = bool(lines) and lines[0] == f"boot {self.boot}" and self.boot is not None
        was_forced = bool(lines) and lines[0] == "boot None"
        return message_id in lines[1:] if is_this_boot or was_forced else True

    def _lines(self) -> list[str]:
        """What is written; a last line that was cut off is a message that never left."""
        if not self.file.is_file():
            return []
        return self.file.read_text(encoding="ascii", errors="replace").split("\n")[:-1]
