"""How long work looks to the person watching: a bar on stderr when it is a terminal, and silence for
machines.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


def tell_of_first_compilation() -> None:
    """Say so when the ledger's kernels are about to be compiled, which takes a while and happens once a
    machine.
    """
    from pathlib import Path

    from dunwell.ledger import kernel

    index_files = list(
        Path(kernel.settle_accounts.stats.cache_path or ".").glob("kernel.settle_accounts-*.nbi")
    )
    newest = max((file.stat().st_mtime for file in index_files), default=0.0)
    if newest < Path(kernel.__file__).stat().st_mtime:
        print(
            "compiling the ledger for this machine; this happens once and takes some 20 seconds ...",
            file=sys.stderr,
        )
