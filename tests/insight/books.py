"""A small made portfolio as the book hands it out, and the days the tests look from."""

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from dunwell.book import Partition, Tape
from dunwell.ledger import Terms, read_terms
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio

LAST_DAY = date(2026, 11, 20)
THEN = date(2026, 5, 31)
THEN_END = datetime(2026, 5, 31, 23, 59, 59, 999999, UTC)


@cache
def terms() -> dict[str, Terms]:
    return read_terms(TERMS_FOLDER)


@cache
def partition(accounts: int = 400) -> Partition:
    """A portfolio of several countries up to LAST_DAY, all of it in one partition."""
    with TemporaryDirectory() as folder:
        write_portfolio(Path(folder), accounts, 7, LAST_DAY, messy=False, stress=4.0)
        with Tape(
            Path(folder),
            products={name: text.currency for name, text in terms().items()},
            imported_at=datetime(2026, 11, 21, tzinfo=UTC),
        ) as tape:
            [only] = tape.partitions()
    return only
