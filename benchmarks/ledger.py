"""The ledger timed in one run beside the bare read of its columns and beside its rivals:
``python -m benchmarks.ledger --accounts 1000000``.

Every subject runs in a process of its own, one after the other, round after round; a ratio is taken within a round, where the
machine was most alike, and its median and range over the rounds are shown. Prints a Markdown table and writes it, with all runs
as JSON, to the folder ``--out``.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.measuring import DUNWELL, PROJECT, Run, load, machine, run_process, run_subject, say, today
from benchmarks.table import Round, markdown

AS_OF = "2026-06-30"
TERMS = PROJECT / "benchmarks" / "terms"
SMALL_ACCOUNTS = 1_000


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; ``rival_accounts`` 0 leaves the rival out."""

    accounts: int
    rival_accounts: int
    repeats: int
    seed: int
    tapes: Path
    out: Path


def main(words: list[str] | None = None) -> None:
    """Make the tapes, measure, check that the rival says the same, and write the table."""
    options = _options(words)
    options.out.mkdir(parents=True, exist_ok=True)
    sizes = {options.accounts: True}
    if options.rival_accounts:
        sizes = {options.accounts: options.accounts == options.rival_accounts, options.rival_accounts: True}
    small = _tape(options, SMALL_ACCOUNTS)
    results: dict[str, object] = {"measured": today(), "machine": machine(), "seed": options.seed}
    tables = []
    for accounts, has_rival in sizes.items():
        has_rival = has_rival and bool(options.rival_accounts)
        rounds = measure(_tape(options, accounts), small, options.out, options.repeats, has_rival)
        results[f"{accounts} accounts"] = [
            {"load": each.load, "runs": {name: asdict(run) for name, run in each.runs.items()}}
            for each in rounds
        ]
        tables.append(markdown(accounts, rounds, has_rival))
    facts = ", ".join(f"{name} {value}" for name, value in machine().items())
    text = f"Measured {today()} on {facts}.\n\n" + "\n".join(tables)
    (options.out / "results.json").write_text(json.dumps(results, indent=2), encoding="utf-8")
    (options.out / "results.md").write_text(text, encoding="utf-8")
    say(f"\n{text}")


def measure(tape: Path, small: Path, scratch: Path, repeats: int, has_rival: bool) -> list[Round]:
    """Run every subject in turn, ``repeats`` times over. Raises Failed when the rival's figures differ."""
    tape, small, scratch = tape.resolve(), small.resolve(), scratch.resolve()
    positions, figures = scratch / "positions.parquet", scratch / "rival.parquet"
    in_sql = scratch / "rival-duckdb.parquet"
    command = [DUNWELL, "ledger", "--terms", TERMS, "--as-of", AS_OF, "--out", positions]
    subjects: dict[str, Callable[[], Run]] = {
        "read_polars": lambda: run_subject("read_polars", tape),
        "ledger": lambda: run_process([*command, "--tape", tape], cwd=scratch),
        "read_pyarrow": lambda: run_subject("read_pyarrow", tape),
        "ledger_inside": lambda: run_subject("ledger_inside", tape, small, AS_OF, scratch / "inside.parquet"),
    }
    if has_rival:
        subjects |= {
            "rival": lambda: run_subject("rival", tape, AS_OF, figures),
            "ledger_core": lambda: run_subject("ledger_core", tape, small, AS_OF),
            "rival_core": lambda: run_subject("rival_core", tape, AS_OF),
            "rival_duckdb": lambda: run_subject("rival_duckdb", tape, AS_OF, in_sql),
            "rival_duckdb_core": lambda: run_subject("rival_duckdb_core", tape, AS_OF),
        }
    run_process(
        [*command, "--tape", small], cwd=scratch
    )  # compiles the kernels where that was not done before
    run_subject("read_polars", tape)  # and the files are in the system's cache for everybody
    rounds = []
    for number in range(1, repeats + 1):
        runs: dict[str, Run] = {}
        load_before = load()
        for name, subject in subjects.items():
            runs[name] = subject()
            say(f"round {number}: {name} {runs[name].wall_s:.2f} s, {runs[name].peak_mib:.0f} MiB")
        rounds.append(Round(load_before, runs))
        if has_rival and number == 1:
            run_subject("compare", positions, figures)
            run_subject("compare", positions, in_sql)
            say("both rivals agree with the ledger on every account")
    for file in (positions, figures, in_sql, scratch / "inside.parquet"):
        file.unlink(missing_ok=True)
    return rounds


def _tape(options: Options, accounts: int) -> Path:
    """The tape of that size: made once, kept in the folder of tapes."""
    folder = options.tapes.resolve() / f"accounts-{accounts}-seed-{options.seed}"
    if not folder.is_dir():
        say(f"making a tape of {accounts:,} accounts in {folder}")
        folder.parent.mkdir(parents=True, exist_ok=True)
        run_subject("make_tape", folder, accounts, options.seed)
    return folder


def _options(words: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    parser.add_argument(
        "--accounts", type=int, default=1_000_000, help="the tape's size (default: a million)"
    )
    parser.add_argument("--repeats", type=int, default=3, help="rounds; medians are taken over them")
    parser.add_argument(
        "--rival-accounts",
        type=int,
        help="time the rival on a smaller tape, and the ledger on it too; 0 leaves the rival out (default: --accounts)",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the tape")
    parser.add_argument(
        "--tapes", type=Path, default=PROJECT / ".build" / "tapes", help="where tapes are kept"
    )
    parser.add_argument(
        "--out", type=Path, default=PROJECT / ".build" / "benchmarks", help="where results are written"
    )
    asked = parser.parse_args(words)
    rival = asked.accounts if asked.rival_accounts is None else asked.rival_accounts
    return Options(asked.accounts, rival, asked.repeats, asked.seed, asked.tapes, asked.out)


if __name__ == "__main__":
    main()
