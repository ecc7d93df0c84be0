"""``dunwell bench``: how fast the ledger, the gate and the assignment are on this machine, beside what each must at least do.

Ratios within one run, since a machine has good and bad minutes: the ledger beside the bare read of its columns, the gate
beside counting the same contacts by person, the assignment beside one pass over its own values. Everything is made, measured
and thrown away in a folder of its own.
"""

import contextlib
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.cli.errors import CommandError
from dunwell.cli.ledger import write_positions
from dunwell.cli.progress import prepare_kernels, progress
from dunwell.law import Gate
from dunwell.law.tables import TableRecords
from dunwell.rehearsal import TERMS_FOLDER, benchmark_tape
from dunwell.rehearsal.benchmark import AS_OF
from dunwell.rehearsal.benchmark_attempts import made_tables
from dunwell.rehearsal.benchmark_choices import made_frames
from dunwell.strategy import assign

CONTACTS_EACH = 10
_WARM = 1_000
_TABLES = ("customers", "accounts", "instalments", "payments")
_KIB = 1024 if sys.platform != "darwin" else 1024**2


@dataclass(frozen=True, slots=True)
class Measured:
    """The median of some rounds: seconds by the clock and of processor, how many times the yardstick's seconds by the clock
    (None for a yardstick itself), and what else is to be said.
    """

    room: str
    what: str
    wall_s: float
    cpu_s: float
    times_yardstick: float | None
    note: str = ""


def bench_machine(accounts: int, rounds: int, as_json: bool) -> int:
    """Measure everything and print it; returns the exit code."""
    prepare_kernels("ledger", "gate")
    with progress() as watch, tempfile.TemporaryDirectory(prefix="dunwell-bench-") as name:
        found = []
        for step, (what, measure) in enumerate(_SUBJECTS.items()):
            watch(what, step, len(_SUBJECTS))
            found += measure(Path(name), accounts, rounds)
    load = os.getloadavg()[0]
    if as_json:
        measured = [{field: getattr(each, field) for field in Measured.__slots__} for each in found]
        print(
            json.dumps({"accounts": accounts, "rounds": rounds, "load": load, "measured": measured}, indent=2)
        )
        return 0
    print(f"{accounts:,} accounts, median of {rounds} rounds; {os.cpu_count()} cores, load {load:.1f}")
    print(f"{'':10} {'':42} {'clock':>9} {'processor':>11}")
    for each in found:
        times = "" if each.times_yardstick is None else f"{each.times_yardstick:.1f} times"
        line = f"{each.room:10} {each.what:42} {each.wall_s:7.2f} s {each.cpu_s:9.2f} s   {times:>12}  {each.note}"
        print(line.rstrip())
    return 0


def _ledger(scratch: Path, accounts: int, rounds: int) -> list[Measured]:
    """The whole command, and the same inside a process that has everything loaded, beside the bare read."""
    small, tape, out = scratch / "small", scratch / "tape", scratch / "positions.parquet"
    benchmark_tape(small, _WARM, seed=1)
    rows = benchmark_tape(tape, accounts, seed=1)
    command = [sys.executable, "-m", "dunwell", "ledger", "--tape", tape, "--terms", TERMS_FOLDER]
    command += ["--as-of", AS_OF.isoformat(), "--out", out]

    def read() -> None:
        for table in _TABLES:
            pl.read_parquet(tape / f"{table}.parquet", glob=False)

    def settle(folder: Path) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            write_positions(folder, TERMS_FOLDER, AS_OF.isoformat(), None, out, as_json=True)

    settle(small)
    reads, wholes, insides, peak = [], [], [], 0.0
    for _ in range(rounds):
        reads.append(_timed(read))
        wall, cpu, mib = _child([str(word) for word in command])
        wholes.append((wall, cpu))
        peak = max(peak, mib)
        insides.append(_timed(lambda: settle(tape)))
    return [
        _told("ledger", "bare read of the tape's columns", reads, None, f"{sum(rows.values()):,} rows"),
        _told("ledger", "dunwell ledger, a process", wholes, reads, f"peak {peak:,.0f} MiB"),
        _told("ledger", "the same where all is loaded", insides, reads),
    ]


def _gate(scratch: Path, accounts: int, rounds: int) -> list[Measured]:
    """An attempt for each person against ten past contacts each, in no order, by every rule of Regulation F."""
    gate = Gate(["us-reg-f"], "agency")
    warm, first = made_tables(_WARM, CONTACTS_EACH)
    _judge(gate, warm, first)
    tables, attempts = made_tables(accounts, CONTACTS_EACH)
    history = tables["contacts"]
    counted, judged = [], []
    for _ in range(rounds):
        counted.append(_timed(lambda: history.group_by("customer_id").agg(pl.len(), pl.col("at").max())))
        judged.append(_timed(lambda: _judge(gate, tables, attempts)))
    contacts = f"{attempts.height:,} attempts, {history.height:,} past contacts"
    return [
        _told("gate", "past contacts counted by person", counted, None, contacts),
        _told("gate", f"judged by {len(gate.rules)} rules, from frames", judged, counted),
    ]


def _judge(gate: Gate, tables: dict[str, pl.DataFrame], attempts: pl.DataFrame) -> None:
    records = TableRecords(tables)
    gate.judge(gate.law(records.zone_names), records.records, records.attempts(attempts))


def _assignment(scratch: Path, accounts: int, rounds: int) -> list[Measured]:
    """Eight treatments and ten capacities for each customer, with the gap that is proven."""
    assign(*made_frames(_WARM))
    candidates, uses, capacities = made_frames(accounts)
    values = [name for name, kind in candidates.schema.items() if kind.is_float()]
    passes, solved, gap = [], [], 0.0

    def solve() -> None:
        nonlocal gap
        gap = max(gap, assign(candidates, uses, capacities).gap)

    for _ in range(rounds):
        passes.append(_timed(lambda: candidates.select(pl.max_horizontal(values).sum())))
        solved.append(_timed(solve))
    return [
        _told("assignment", "each customer's best value, no capacity", passes, None),
        _told("assignment", "8 treatments under 10 capacities", solved, passes, f"proven gap {gap:.1e}"),
    ]


_SUBJECTS: dict[str, Callable[[Path, int, int], list[Measured]]] = {
    "ledger": _ledger,
    "gate": _gate,
    "assignment": _assignment,
}

Seconds = tuple[float, float]


def _told(
    room: str, what: str, runs: list[Seconds], yardstick: list[Seconds] | None, note: str = ""
) -> Measured:
    """The medians; the ratio is taken within a round, where the machine was most alike."""
    times = None
    if yardstick is not None:
        times = statistics.median(run[0] / bare[0] for run, bare in zip(runs, yardstick, strict=True))
    wall, cpu = (statistics.median(each) for each in zip(*runs, strict=True))
    return Measured(room, what, wall, cpu, times, note)


def _timed(work: Callable[[], Any]) -> Seconds:
    began, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - busy


def _child(command: list[str]) -> tuple[float, float, float]:
    """A process to its end: seconds by the clock and of processor, peak memory in MiB. Raises CommandError when it failed."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        printed = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise CommandError(f"{' '.join(command)} ended with {process.returncode}:\n{printed}")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / _KIB
