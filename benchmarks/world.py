"""How fast the world lives: a day of a million debtors, with the contacts that a lender usually makes.

Ratios within one run, as everywhere here. The yardstick is what any engine must at least do with such a lender's tape each
night: read its payments and add them up by account, in Polars. Run: ``python -m benchmarks.world [--accounts N] [--days N]``.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import TypeVar

import polars as pl

from benchmarks.gate import Taken
from benchmarks.measuring import load, machine, say, today
from dunwell.ledger.terms import read_terms
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.rehearsal.debtor_world import DebtorWorld, Events
from dunwell.rehearsal.usual_contacts import usual_contacts

AS_OF = date(2026, 6, 30)
SMALL = 500


T = TypeVar("T")


def answered(work: Callable[[], T]) -> tuple[T, Taken]:
    """What some work answers, with its seconds by the clock and of processor."""
    start, busy = time.perf_counter(), time.process_time()
    answer = work()
    return answer, Taken(time.perf_counter() - start, time.process_time() - busy)


def best(runs: list[Taken]) -> Taken:
    """The least of each."""
    return Taken(min(run.wall for run in runs), min(run.cpu for run in runs))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tapes", type=Path, default=Path(".build/tapes"))
    chosen = parser.parse_args()
    terms = read_terms(TERMS_FOLDER)
    with tempfile.TemporaryDirectory() as folder:
        write_portfolio(Path(folder), SMALL, 1, AS_OF)
        small = DebtorWorld.from_tape(Path(folder), terms, AS_OF, 1)
        small.step(usual_contacts(small))  # compiled now, not while timed

    tape = chosen.tapes / f"portfolio-{chosen.accounts}-{chosen.seed}"
    if not (tape / "manifest.json").is_file():
        say(f"making {chosen.accounts:,} accounts in {tape} ...")
        write_portfolio(tape, chosen.accounts, chosen.seed, AS_OF)
    yardstick = best([answered(lambda: _add_up(tape))[1] for _ in range(3)])
    world, moving = answered(lambda: DebtorWorld.from_tape(tape, terms, AS_OF, chosen.seed))
    planning, living, writing, counts = [], [], [], []
    for _ in range(chosen.days):
        plan, planned = answered(partial(usual_contacts, world))
        day, lived = answered(partial(world.step, plan))
        _, written = answered(partial(_write_and_read, day))
        planning.append(planned)
        living.append(lived)
        writing.append(written)
        counts.append({name: rows.height for name, rows in day.tables.items()})
    facts = machine()
    say(
        f"{today()}, {facts['processor']}, {facts['cores']} cores, load {load():.1f}, commit {facts['commit']}"
    )
    say(f"{len(world.persons.keys):,} people, {len(world.debts.keys):,} accounts; the last day: {counts[-1]}")
    say(f"{'':44} {'wall':>8} {'cpu':>10}   cpu to the yardstick")
    for name, took in (
        ("Polars reads the payments and adds them up", yardstick),
        ("moving in: tape, ledger, natures (once)", moving),
        ("the usual contacts chosen, a day", best(planning)),
        ("a day lived", best(living)),
        ("the day's rows written and read back", best(writing)),
    ):
        say(f"  {name:42} {took.wall:8.2f} s {took.cpu:8.2f} s   {took.cpu / yardstick.cpu:.2f}")


def _add_up(tape: Path) -> pl.DataFrame:
    payments = pl.scan_parquet(tape / "payments.parquet")
    return payments.group_by("account_id").agg(pl.col("amount").sum(), pl.col("paid_on").max()).collect()


def _write_and_read(events: Events) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in events.tables.items():
            rows.write_parquet(Path(folder) / f"{name}.parquet")
            pl.read_parquet(Path(folder) / f"{name}.parquet")


if __name__ == "__main__":
    main()
