"""How long the features of a made portfolio take: ``python -m benchmarks.insight_features --accounts 1000000``."""

import argparse
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring import load, say, today
from dunwell.book import Detail, Partition, Tape
from dunwell.insight.features import CATALOGUE, features
from dunwell.ledger import Terms, one_account, read_terms
from dunwell.rehearsal import TERMS_FOLDER, benchmark_tape
from dunwell.rehearsal.benchmark import AS_OF


def timing_partitions(accounts: int, terms: Mapping[str, Terms]) -> list[Partition]:
    """The partitions of a timing tape of so many accounts, read as a book is."""
    with tempfile.TemporaryDirectory() as name:
        benchmark_tape(Path(name), accounts, 1, as_of=AS_OF)
        currencies = {product: text.currency for product, text in terms.items()}
        imported = datetime(2026, 7, 1, tzinfo=UTC)
        with Tape(Path(name), products=currencies, imported_at=imported, detail=Detail.EVERYTHING) as tape:
            return list(tape.partitions())


def main(words: list[str] | None = None) -> None:
    """Read a timing tape and time the features of all its accounts, and of one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.insight_features", description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args(words)
    terms = read_terms(TERMS_FOLDER)
    partitions = timing_partitions(asked.accounts, terms)
    say(f"{today()}, load average {load():.1f}, {len(CATALOGUE)} features, {len(partitions)} partitions")
    for _ in range(asked.repeats):
        began, cpu = time.perf_counter(), time.process_time()
        height = sum(features(part.tables, terms, AS_OF).height for part in partitions)
        wall, used = time.perf_counter() - began, time.process_time() - cpu
        say(f"{height:,} accounts: {wall:.1f} s wall, {used:.1f} CPU s")
    own = one_account(partitions[0].tables, 0)
    began = time.perf_counter()
    features(own, terms, AS_OF)
    say(f"one account: {1000 * (time.perf_counter() - began):.0f} ms")


if __name__ == "__main__":
    main()
