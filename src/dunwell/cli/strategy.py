"""``dunwell strategy``: its text read, its worked cases run, two of them compared."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import polars as pl

from dunwell.book import Book
from dunwell.book.store import NoBook
from dunwell.cli.errors import CommandError
from dunwell.cli.progress import prepare_kernels, progress
from dunwell.nightly.rehearsing import moves_record
from dunwell.settings import FILE_NAME, Settings, read_settings
from dunwell.strategy import learned as shelf
from dunwell.strategy.columns import FEATURE_COLUMNS, customer_columns
from dunwell.strategy.conditions import in_words
from dunwell.strategy.differing import Difference, differences, moves
from dunwell.strategy.eligibility import run_cases
from dunwell.strategy.linting import cautions
from dunwell.strategy.text import Strategy, read_strategy
from dunwell.strategy.treatment_rates import TreatmentRate
from dunwell.strategy.treatment_rates import in_words as rate_in_words

_SHOWN = 12


def strategy_file(file: Path | None) -> Path:
    """The strategy's text that is meant. Raises CommandError where there is none."""
    found = file or read_settings(Path.cwd()).root / "policy" / "strategy.toml"
    if not found.is_file():
        what = "is a folder" if found.is_dir() else "does not exist"
        raise CommandError(f"{found} {what}. Name a strategy's text, or take the one `dunwell init` makes")
    return found


def lint(file: Path | None, as_json: bool) -> int:
    """Print what a strategy says in numbers and what is likely not meant."""
    strategy = read_strategy(strategy_file(file))
    found, rates = cautions(strategy), _learned_rates(strategy)
    if as_json:
        told = {"hash": strategy.hash, "cautions": found, "rates": [asdict(rate) for rate in rates]}
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    print(f"{strategy.policy.title}, in force from {strategy.policy.from_on}, hash {strategy.hash[:12]}")
    for segment in strategy.segments:
        count = sum(segment.name in treatment.segments for treatment in strategy.treatments)
        print(f"  {segment.name:<24} {count} treatments  {in_words(segment.when)}")
    for rate in rates:
        print(f"  {rate.treatment:<24} {rate_in_words(rate)}")
    for caution in found:
        print(f"caution: {caution}")
    print(f"can be used, {len(found)} cautions")
    return 0


def _learned_rates(strategy: Strategy) -> list[TreatmentRate]:
    """What the workspace's log taught of the rates that the text tells; none before values were trained."""
    if not (Path.cwd() / FILE_NAME).is_file():
        return []
    folder = read_settings(Path.cwd()).root / "models" / shelf.FOLDER
    if not folder.is_dir():
        return []
    told = {(one.name, event) for one in strategy.treatments for event in one.expects}
    return [rate for rate in shelf.load(folder).rates if (rate.treatment, rate.event) in told]


def run_worked_cases(file: Path | None, as_json: bool) -> int:
    """Run the worked cases; 1 when any failed."""
    strategy = read_strategy(strategy_file(file))
    results = run_cases(strategy, strategy.cases)
    failed = [result for result in results if result.problems]
    if as_json:
        told = [
            {
                "name": result.case.name,
                "passed": not result.problems,
                "segment": result.segment,
                "treatments": result.treatments,
                "problems": result.problems,
            }
            for result in results
        ]
        count = {"passed": len(results) - len(failed), "failed": len(failed), "cases": told}
        print(json.dumps(count, ensure_ascii=False, indent=2))
        return 1 if failed else 0
    for result in failed:
        print(f"failed: {result.case.name}: {'; '.join(result.problems)}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def diff(
    old_file: Path, new_file: Path, as_json: bool, rehearsing: tuple[int, int, int] | None = None
) -> int:
    """Print what changed and, where there is a book, who moves. ``rehearsing``: customers, days and seeds of a rehearsal."""
    old, new = (read_strategy(strategy_file(file)) for file in (old_file, new_file))
    if rehearsing is not None:
        from dunwell.cli.strategy_rehearsing import simulate

        if not as_json:
            _print_changes(differences(old, new))
        return simulate([old, new], *rehearsing, as_json)
    changes = differences(old, new)
    customers = _customers_of_the_book((old, new))
    moved = None if customers is None else moves(old, new, customers)
    if as_json:
        told = {
            "changes": [str(one) for one in changes],
            "moves": None if moved is None else moves_record(moved),
        }
        print(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    _print_changes(changes)
    if moved is None:
        print("no book here, so nobody was counted: run it in a workspace after `dunwell run`")
        return 0
    print(
        f"{moved.changed_count:,} of {moved.customer_count:,} customers past due change segment or treatments"
    )
    for flows, what in ((moved.segments, "segment"), (moved.firsts, "first choice")):
        for before, after, count in flows.head(_SHOWN).iter_rows():
            print(f"  {what}: {before} -> {after}: {count:,}")
        if flows.height > _SHOWN:
            print(f"  {what}: {flows.height - _SHOWN} more, see --json")
    for name, gained, lost in moved.treatments.head(_SHOWN).iter_rows():
        print(f"  may now get {name}: {gained:,}; no longer: {lost:,}")
    return 0


def _print_changes(changes: Sequence[Difference]) -> None:
    for change in changes:
        print(change)
    print(f"{len(changes)} changes in the text" if changes else "the two say the same")


def _customers_of_the_book(strategies: tuple[Strategy, ...]) -> pl.DataFrame | None:
    """The columns of everybody past due in the workspace's book; None where there is no workspace or book."""
    here = Path.cwd()
    if not (here / FILE_NAME).is_file():
        return None
    settings = read_settings(here)
    try:
        book = Book(settings.book_folder)
    except NoBook:
        return None
    asked = frozenset[str]().union(*(strategy.columns_asked() for strategy in strategies))
    positions = pl.scan_parquet(settings.book_folder / "positions.parquet")
    parts = []
    with progress() as watch:
        for number in range(book.partition_count):
            watch("reading the book", number, book.partition_count)
            tables = book.partition(number).tables
            owners = tables["customers"].select("customer_id").lazy()
            mine = positions.join(owners, on="customer_id", how="semi").collect()
            made = _features(settings, book, number) if asked & FEATURE_COLUMNS else None
            parts.append(customer_columns(mine, tables, made))
    return pl.concat(parts)


def _features(settings: Settings, book: Book, number: int) -> pl.DataFrame:
    from datetime import date

    from dunwell.insight.features import features
    from dunwell.ledger import read_terms

    prepare_kernels("ledger")
    return features(
        book.partition(number).tables, read_terms(settings.terms_folder), date.fromisoformat(book.as_of)
    )
