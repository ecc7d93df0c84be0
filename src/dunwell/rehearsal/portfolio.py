"""A whole synthetic portfolio as a lender's tape: every table of the tape's format, calibrated, reproducible to the byte."""

from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dunwell.calendars import day_number
from dunwell.rehearsal.accounting import money_tables, status_codes
from dunwell.rehearsal.behaviour import behave
from dunwell.rehearsal.cash import payments_and_charges
from dunwell.rehearsal.collecting import Desk, collect
from dunwell.rehearsal.columns import numbered_ids
from dunwell.rehearsal.lending import Days, Loans, lend
from dunwell.rehearsal.manifest import FORMATS, Request, write_manifest
from dunwell.rehearsal.measures import Measures
from dunwell.rehearsal.mess import Mess
from dunwell.rehearsal.people import meet, spread_numbers
from dunwell.rehearsal.tables import TABLES, Columns, GrowingTable, as_text, open_table, typed
from dunwell.rehearsal.world import World, read_world

ACCOUNTS_PER_BATCH = 50_000
VINTAGE_MONTHS = 30


def write_portfolio(
    folder: Path,
    accounts: int,
    seed: int,
    as_of: date,
    *,
    format: str = "parquet",
    vintage_months: int = VINTAGE_MONTHS,
    jurisdictions: Collection[str] = (),
    stress: float = 1.0,
    messy: bool = False,
) -> dict[str, Any]:
    """Write a tape of ``accounts`` accounts as of a day into ``folder``, with ``manifest.json``; return the manifest.

    Accounts were opened over the ``vintage_months`` months before ``as_of``, in all countries of the world or in those named
    by ``jurisdictions``. Nothing is dated or recorded after that day (promises, holds' ends and instalments reach beyond it).
    Every table is in order of its account or customer. The same arguments give the same bytes; memory does not grow with
    ``accounts``.

    ``stress`` multiplies the odds of getting a month worse for accounts a month or more past due: at 1 the portfolio is as
    calibrated, which is mild; a demonstration with few accounts wants 5 or 10. ``messy`` appends a known handful of bad rows of
    each kind, listed in the manifest under ``planted``; then every column but lists is written as text, as lenders do whose
    rows are bad.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     manifest = write_portfolio(Path(folder), 100, seed=1, as_of=date(2026, 6, 30))
    >>> manifest["rows"]["accounts"]
    100

    Raises ValueError when an argument cannot be met or the folder holds the same tables in the other format.
    """
    request = Request(accounts, seed, as_of, format, vintage_months, tuple(jurisdictions), stress, messy)
    world = read_world().only(request.jurisdictions)
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_mixture(folder, format)
    is_text = messy or format == "csv"
    measures, mess = Measures(), Mess() if messy else None
    with ExitStack() as stack:
        files = {name: stack.enter_context(open_table(folder, name, format, is_text)) for name in TABLES}
        encoder = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        pending: Future[None] | None = None
        for batch in _batches(world, request, measures):
            if pending is not None:
                pending.result()
            # The next batch is drawn while this one is compressed: both are NumPy and Arrow work outside Python's lock.
            pending = encoder.submit(_write, files, batch, is_text, mess)
        if pending is not None:
            pending.result()
        planted = mess.plant(files) if mess is not None else []
        rows = {name: file.rows for name, file in files.items()}
    return write_manifest(folder, request, rows, measures, planted)


def _refuse_mixture(folder: Path, file_format: str) -> None:
    """Two files of one table would leave it open which one counts."""
    for name in TABLES:
        for other in FORMATS:
            if other != file_format and (folder / f"{name}.{other}").exists():
                raise ValueError(f"{folder} holds {name}.{other} already; choose an empty folder")


def _write(
    files: dict[str, GrowingTable], batch: dict[str, Columns], is_text: bool, mess: Mess | None
) -> None:
    for name, columns in batch.items():
        table: pa.Table = as_text(columns, files[name].schema) if is_text else typed(name, columns)
        if mess is not None:
            mess.remember(name, table)
        files[name].add(table)


def _batches(world: World, request: Request, measures: Measures) -> Iterator[dict[str, Columns]]:
    """The tables, a batch of accounts at a time; adds each batch to ``measures``."""
    before = Counter[str]()
    for first in range(0, request.accounts, ACCOUNTS_PER_BATCH):
        numbers = range(first, min(first + ACCOUNTS_PER_BATCH, request.accounts))
        batch = _batch(world, request, numbers, before, measures)
        before.update({name: len(next(iter(columns.values()))) for name, columns in batch.items()})
        yield batch


def _batch(
    world: World, request: Request, numbers: range, before: Counter[str], measures: Measures
) -> dict[str, Columns]:
    """One batch of accounts: lend, meet, live, collect, write down. ``before``: rows written already, by table."""
    generator = np.random.default_rng([request.seed, numbers.start])
    as_of, today = request.as_of, day_number(request.as_of)
    customers, loans = lend(world, generator, numbers, as_of, request.vintage_months)
    behaviour = behave(loans, generator, as_of.year * 12 + as_of.month - 1970 * 12, request.stress)
    payments, charges = payments_and_charges(world, loans, behaviour, generator, today)
    settled_on = measures.add(len(customers.numbers), loans, payments, today)

    since = _known_since(loans, len(customers.numbers))
    people, tables = meet(world, customers, since, before["contact_points"], generator, today)
    account_ids = numbered_ids("LN", spread_numbers(loans.numbers, 37, 410_000_000), 11)
    exponents = np.array([product.exponent for product in world.products])[loans.products]
    desk = Desk(world, loans, people, account_ids, exponents, behaviour.episodes, settled_on, today)
    statuses = status_codes(desk, payments)
    tables |= money_tables(desk, payments, charges, statuses, before, generator)
    return tables | collect(desk, before, generator)


def _known_since(loans: Loans, customers: int) -> Days:
    """The day each customer opened a first account."""
    since = np.full(customers, np.iinfo(np.int32).max, dtype=np.int32)
    np.minimum.at(since, loans.customers, loans.opened_on)
    return since
