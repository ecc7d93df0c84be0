"""How fast the gate is: a million attempts against ten million past contacts, and one attempt alone.

Ratios within one run, as everywhere here. The yardsticks: Polars' own aggregation of the same history by person (what
any engine must at least do to count contacts), and for one attempt, building a one-row Polars frame and filtering it.
Run: ``python -m benchmarks.gate [--attempts N] [--contacts-each N]``.
"""

import argparse
import time
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from dunwell.law import Attempt, Contact, ContactPoint, Gate, Person
from dunwell.law.tables import TableRecords
from dunwell.rehearsal.benchmark_attempts import AT, OUTCOMES, made_tables


class Taken(NamedTuple):
    """The best of some rounds: seconds by the clock, and seconds of processor, which other work on the machine alters less."""

    wall: float
    cpu: float

    def __add__(self, other: object) -> "Taken":
        assert isinstance(other, Taken)
        return Taken(self.wall + other.wall, self.cpu + other.cpu)


def timed(work: Callable[[], object], rounds: int) -> Taken:
    """The best of some rounds."""
    taken = []
    for _ in range(rounds):
        start, busy = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - start, time.process_time() - busy))
    return Taken(*(min(values) for values in zip(*taken, strict=True)))


def one_person(contact_count: int = 20) -> tuple[Person, Attempt]:
    """A person with some past contacts, and an attempt."""
    past = [
        Contact(
            AT - timedelta(days=1 + number, minutes=number),
            "call",
            OUTCOMES[number % 3],
            ("d1",),
            contact_point_id="m1",
        )
        for number in range(contact_count)
    ]
    person = Person("C1", ("America/New_York",), contact_points={"m1": ContactPoint("mobile")}, contacts=past)
    return person, Attempt(
        customer_id="C1", at=AT, channel="call", account_ids=("d1",), contact_point_id="m1"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=1_000_000)
    parser.add_argument("--contacts-each", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    gate = Gate(["us-reg-f"], "agency")
    tables, attempts = made_tables(chosen.attempts, chosen.contacts_each)
    person, attempt = one_person()
    gate.check(attempt, person)
    history = tables["contacts"]

    def bare() -> object:
        return history.group_by("customer_id").agg(pl.len(), pl.col("at").max())

    aggregate = timed(bare, chosen.rounds)
    grouping = timed(lambda: TableRecords(tables), chosen.rounds)
    records = TableRecords(tables)
    encoding = timed(lambda: records.attempts(attempts), chosen.rounds)
    encoded = records.attempts(attempts)
    law = gate.law(records.zone_names)
    judging = timed(lambda: gate.judge(law, records.records, encoded), chosen.rounds)
    judged = gate.judge(law, records.records, encoded)
    refused = float(np.mean(np.any(judged.refused != 0, axis=1)))
    print(
        f"{chosen.attempts:,} attempts, {history.height:,} past contacts, {len(gate.rules)} rules, {refused:.1%} refused"
    )
    print(f"{'':38} {'wall':>8} {'cpu':>10}   wall to Polars")
    for name, taken in (
        ("Polars groups the history by person", aggregate),
        ("the history grouped, from frames", grouping),
        ("attempts encoded", encoding),
        ("judged, history grouped", judging),
        ("all of it, history unsorted", grouping + encoding + judging),
    ):
        print(f"  {name:36} {taken.wall:8.2f} s {taken.cpu:8.2f} s   {taken.wall / aggregate.wall:.2f}")
    loops = 500

    def frame() -> None:
        for _ in range(loops):
            pl.DataFrame({"at": [AT], "channel": ["call"], "calls": [3]}).filter(
                (pl.col("calls") < 7) & (pl.col("channel") == "call")
            )

    def check() -> None:
        for _ in range(loops):
            gate.check(attempt, person)

    yardstick, alone = timed(frame, chosen.rounds).wall / loops, timed(check, chosen.rounds).wall / loops
    print("one attempt, 20 past contacts, warm")
    print(f"  a one-row Polars frame, filtered      {yardstick * 1e6:8.0f} us  1.0")
    print(f"  Gate.check, records encoded anew      {alone * 1e6:8.0f} us  {alone / yardstick:.2f}")


if __name__ == "__main__":
    main()
