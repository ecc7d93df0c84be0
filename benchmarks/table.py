"""The table of a benchmark's rounds: medians, and ratios with their range."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.measuring import Run

LABELS = {
    "read_polars": "bare read of the tape's columns, Polars",
    "read_pyarrow": "bare read of the tape's columns, PyArrow",
    "ledger": "`dunwell ledger`, whole command",
    "ledger_inside": "the same inside a running process",
    "rival": "rival in Polars, files to positions",
    "ledger_core": "ledger, figures alone from frames in memory",
    "rival_core": "rival, figures alone from frames in memory",
    "rival_duckdb": "rival in DuckDB, files to its seven figures",
    "rival_duckdb_core": "rival in DuckDB, figures alone from tables in memory",
}
INNER = ("ledger_inside", "ledger_core", "rival_core", "rival_duckdb_core")
"""Subjects of which only the part under their own stopwatch counts: the rest is preparation."""


@dataclass(frozen=True, slots=True)
class Round:
    """Every subject's run in one round, and the load average when it began."""

    load: float
    runs: dict[str, Run]


def wall(name: str, run: Run) -> float:
    """The seconds that count for a subject."""
    return run.inner_wall_s if name in INNER and run.inner_wall_s is not None else run.wall_s


def cpu(name: str, run: Run) -> float:
    """The CPU seconds that count for a subject."""
    return run.inner_cpu_s if name in INNER and run.inner_cpu_s is not None else run.cpu_s


def markdown(accounts: int, rounds: Sequence[Round], has_rival: bool) -> str:
    """One table of the subjects and one of their ratios."""
    loads = [each.load for each in rounds]
    lines = [
        f"**{accounts:,} accounts**, medians of {len(rounds)} rounds, load average {min(loads):.1f} to {max(loads):.1f}:",
        "",
        "| subject | wall s (range) | CPU s | peak MiB |",
        "|---|---|---|---|",
    ]
    for name in rounds[0].runs:
        walls = [wall(name, each.runs[name]) for each in rounds]
        cpus = [cpu(name, each.runs[name]) for each in rounds]
        peak = "" if name in INNER else f"{median(each.runs[name].peak_mib for each in rounds):.0f}"
        lines.append(
            f"| {LABELS[name]} | {median(walls):.2f} ({min(walls):.2f} to {max(walls):.2f}) | {median(cpus):.2f} | {peak} |"
        )
    lines += ["", "| ratio | wall (range) | CPU |", "|---|---|---|"]
    for label, over, under in _ratios(has_rival):
        lines.append(
            f"| {label} | {_ratio(rounds, over, under, wall, True)} | {_ratio(rounds, over, under, cpu, False)} |"
        )
    return "\n".join([*lines, ""])


def _ratios(has_rival: bool) -> list[tuple[str, str, str]]:
    against_reads = [
        ("whole command / bare read, Polars (each a process)", "ledger", "read_polars"),
        ("whole command / bare read, PyArrow (each a process)", "ledger", "read_pyarrow"),
        ("inside a process / bare read inside, Polars", "ledger_inside", "read_polars!"),
        ("inside a process / bare read inside, PyArrow", "ledger_inside", "read_pyarrow!"),
    ]
    against_rival = [
        ("rival in Polars / whole command (each a process)", "rival", "ledger"),
        ("rival in Polars / ledger, figures alone", "rival_core", "ledger_core"),
        ("rival in DuckDB, its figures / whole command (each a process)", "rival_duckdb", "ledger"),
        ("rival in DuckDB / ledger, figures alone", "rival_duckdb_core", "ledger_core"),
    ]
    return against_reads + (against_rival if has_rival else [])


def _ratio(
    rounds: Sequence[Round], over: str, under: str, measure: Callable[[str, Run], float], with_range: bool
) -> str:
    """The median over the rounds of one subject by another; a name with ! is taken by its own stopwatch."""
    ratios = [_of(each, over, measure) / _of(each, under, measure) for each in rounds]
    shown = f"{median(ratios):.2f}"
    return f"{shown} ({min(ratios):.2f} to {max(ratios):.2f})" if with_range else shown


def _of(each: Round, name: str, measure: Callable[[str, Run], float]) -> float:
    run = each.runs[name.rstrip("!")]
    if not name.endswith("!"):
        return measure(name, run)
    inner = run.inner_wall_s if measure is wall else run.inner_cpu_s
    assert inner is not None
    return inner
