"""How long work looks to the person watching: a bar on stderr when it is a terminal, and silence for
machines.
"""

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


def prepare_kernels() -> None:
    """Throw away compiled code that was written in part, and say so when the ledger's kernels are about to be
    compiled, which takes a while and happens once a machine.
    """
    from dunwell.book import finding
    from dunwell.ledger import kernel

    found: Any = finding.is_sorted
    settled: Any = kernel.settle_accounts
    folders = {Path(compiled.stats.cache_path or ".") for compiled in (found, settled)}
    for folder in folders:
        remove_cut_off_code(folder)
    # Numba writes down the digest of the source file that the code was made from.
    source = hashlib.sha256(Path(kernel.__file__).read_bytes()).digest()
    indices = [index for folder in folders for index in folder.glob("kernel.settle_accounts-*.nbi")]
    if not any(source in index.read_bytes() for index in indices):
        print(
            "compiling the ledger for this machine; this happens once and takes some 20 seconds ...",
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
