"""What is timed, each in a process of its own: ``python -m benchmarks.subjects NAME ARGUMENTS``.

A subject prints, as its last line, what its own stopwatch said: the part without the interpreter's start and imports.
"""

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

TERMS = Path(__file__).with_name("terms")
TABLES = ("customers", "accounts", "instalments", "payments")
_ANY_INSTANT = datetime(2026, 7, 1, tzinfo=UTC)


@dataclass(slots=True)
class Stopwatch:
    """Adds up the seconds spent in its blocks."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextlib.contextmanager
    def runs(self) -> Iterator[None]:
        """Count what happens inside."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu

    def report(self) -> None:
        """Print the stopwatch as the subject's last line."""
        sys.stdout.write(json.dumps({"wall_s": self.wall_s, "cpu_s": self.cpu_s}) + "\n")


def read_polars(tape: Path) -> None:
    """Every column of the four tables into memory, with the ledger's reader; a table at a time."""
    import polars as pl

    watch = Stopwatch()
    with watch.runs():
        for table in TABLES:
            pl.scan_parquet(tape / f"{table}.parquet", glob=False).collect(engine="streaming")
    watch.report()


def read_pyarrow(tape: Path) -> None:
    """The same with PyArrow."""
    import pyarrow.parquet as pq

    watch = Stopwatch()
    with watch.runs():
        for table in TABLES:
            pq.read_table(tape / f"{table}.parquet")
    watch.report()


def ledger_inside(tape: Path, small_tape: Path, as_of: str, out: Path) -> None:
    """All of ``dunwell ledger`` in a process that has imported and loaded everything, as a service would run it."""
    from dunwell.cli.ledger import write_positions

    watch = Stopwatch()
    with contextlib.redirect_stdout(io.StringIO()):
        write_positions(small_tape, TERMS, as_of, None, out, as_json=True)
        with watch.runs():
            write_positions(tape, TERMS, as_of, None, out, as_json=True)
    watch.report()


def ledger_core(tape: Path, small_tape: Path, as_of: str) -> None:
    """The ledger's figures alone, from typed frames in memory: neither reading, checking, classes nor writing."""
    from dunwell.book import Detail, Tape
    from dunwell.ledger import read_terms
    from dunwell.ledger.positions import settle_partition

    terms, day = read_terms(TERMS), date.fromisoformat(as_of)
    watch = Stopwatch()
    for folder, timing in ((small_tape, Stopwatch()), (tape, watch)):
        with Tape(
            folder,
            products={product: text.currency for product, text in terms.items()},
            imported_at=_ANY_INSTANT,
            detail=Detail.FIGURES,
        ) as opened:
            for partition in opened.partitions():
                with timing.runs():
                    settle_partition(partition.tables, terms, day)
    watch.report()


def rival(tape: Path, as_of: str, out: Path) -> None:
    """The rival from the tape's files to a file of positions, written as the ledger writes its own."""
    from benchmarks.rival_whole import settle_whole

    watch = Stopwatch()
    with watch.runs():
        settle_whole(tape, date.fromisoformat(as_of)).write_parquet(out, compression_level=1)
    watch.report()


def rival_core(tape: Path, as_of: str) -> None:
    """The rival's figures alone, from frames in memory."""
    from benchmarks.rival_polars import read_frames, settle_frames

    day = date.fromisoformat(as_of)
    frames = read_frames(tape, day)
    watch = Stopwatch()
    with watch.runs():
        settle_frames(frames, day)
    watch.report()


def rival_duckdb(tape: Path, as_of: str, out: Path) -> None:
    """The rival in SQL from the tape's files to a file of its figures."""
    from benchmarks.rival_duckdb import read, settle, write

    day, watch = date.fromisoformat(as_of), Stopwatch()
    with watch.runs():
        database = read(tape, day)
        settle(database, day)
        write(database, out)
    watch.report()


def rival_duckdb_core(tape: Path, as_of: str) -> None:
    """The rival in SQL: its figures alone, from tables in memory."""
    from benchmarks.rival_duckdb import read, settle

    day, watch = date.fromisoformat(as_of), Stopwatch()
    database = read(tape, day)
    with watch.runs():
        settle(database, day)
    watch.report()


def make_tape(folder: Path, accounts: str, seed: str) -> None:
    """The tape of that size, whole or not at all."""
    from dunwell.rehearsal import benchmark_tape

    unfinished = folder.with_name(f"{folder.name}.unfinished")
    benchmark_tape(unfinished, int(accounts), seed=int(seed))
    unfinished.rename(folder)


def compare(ledger_out: Path, rival_out: Path) -> None:
    """Fail unless the ledger's positions and the rival's figures agree on every account."""
    from benchmarks.comparing import differences

    found = differences(ledger_out, rival_out)
    if found:
        raise SystemExit("\n".join(found))


SUBJECTS: dict[str, Callable[..., None]] = {
    subject.__name__: subject
    for subject in (
        read_polars,
        read_pyarrow,
        ledger_inside,
        ledger_core,
        rival,
        rival_core,
        rival_duckdb,
        rival_duckdb_core,
        make_tape,
        compare,
    )
}


def main(name: str, *arguments: str) -> None:
    """Run one subject; arguments that name files become paths."""
    SUBJECTS[name](*(Path(word) if "/" in word else word for word in arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
