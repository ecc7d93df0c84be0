"""How long work looks to the person watching: a bar on stderr when it is a terminal, and silence for
machines.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

Report = Callable[[str, int, int], None]
"""Called with what is being done, how many steps are done, and how many there are."""


@contextmanager
def progress() -> Iterator[Report]:
    """A function to report progress with. It draws only when a person is watching."""
    if not sys.stderr.isatty():
        yield lambda what, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("reading the tape", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


_KERNELS = {
    "ledger": ("dunwell.ledger.kernel", "settle_accounts", 20),
    "gate": ("dunwell.law.kernel", "judge", 50),
    "promises": ("dunwell.resolution.promise_kernel", "walk_promises", 5),
    "world": ("dunwell.rehearsal.debtor_kernel", "pay", 20),
}
"""A room's largest kernel, and about how many seconds compiling it takes."""


def prepare_kernels(*rooms: str) -> None:
    """Throw away compiled code that was written in part, and say so when the kernels of some rooms (``ledger``, ``gate``,
    ``promises``) are about to be compiled, which takes a while and happens once a machine.
    """
    from dunwell.book import finding

    found: Any = finding.is_sorted
    folders = {Path(found.stats.cache_path or ".")}
    modules = {room: import_module(_KERNELS[room][0]) for room in rooms}
    for room, module in modules.items():
        folders.add(Path(getattr(module, _KERNELS[room][1]).stats.cache_path or "."))
    for folder in folders:
        remove_cut_off_code(folder)
    for room, module in modules.items():
        _, name, seconds = _KERNELS[room]
        # Numba writes down the digest of the source that the code was made from (of several files: ``law.compiling``).
        source: bytes = getattr(module, name)._cache._cache_file._source_stamp
        stem = Path(module.__file__ or "").stem
        indices = [index for folder in folders for index in folder.glob(f"{stem}.{name}-*.nbi")]
        if not any(source in index.read_bytes() for index in indices):
            print(
                f"compiling the {room} for this machine; this happens once and takes some {seconds} seconds ...",
                file=sys.stderr,
            )


def remove_cut_off_code(folder: Path) -> None:
    """Remove files of Numba's cache that a crash has cut off; what they held is compiled anew. They are pickles,
    which end with a full stop.
    """
    for file in folder.glob("*.nb[ci]"):
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(size - 1, 0))
            is_whole = stream.read(1) == b"."
        if not is_whole:
            file.unlink(missing_ok=True)
