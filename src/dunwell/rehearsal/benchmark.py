"""A tape for timing: millions of plain accounts, only the four required tables, written in batches so that memory stays flat."""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from math import gcd
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dunwell.calendars import day_number
from dunwell.rehearsal.columns import days, money, numbered_ids, rates, same_text
from dunwell.rehearsal.rowgroups import ParquetTable
from dunwell.rehearsal.schedule import annuity, months_after

Vector = NDArray[np.int64]

PRODUCT = "cn-instalment-loan"
AS_OF = date(2026, 6, 30)
INSTALMENTS = 12
ACCOUNTS_PER_BATCH = 50_000
"""A multiple of five, so that a batch has a whole number of customers (four to five accounts)."""
VINTAGE_MONTHS = 21
"""Accounts opened over so many months before as_of; so some 8.6 of the 12 instalments have fallen due, hence 10.4 payments."""

STOPPED_SHARE, PART_SHARE, SPLIT_SHARE = 0.07, 0.08, 0.30

_SCHEMAS = {
    "customers": pa.schema([("customer_id", pa.string()), ("jurisdiction", pa.string())]),
    "accounts": pa.schema(
        [
            ("account_id", pa.string()),
            ("customer_id", pa.string()),
            ("product", pa.string()),
            ("currency", pa.string()),
            ("principal", pa.decimal128(18, 2)),
            ("annual_rate", pa.decimal128(18, 6)),
            ("opened_on", pa.date32()),
        ]
    ),
    "instalments": pa.schema(
        [
            ("account_id", pa.string()),
            ("number", pa.int64()),
            ("due_on", pa.date32()),
            ("principal", pa.decimal128(18, 2)),
            ("interest", pa.decimal128(18, 2)),
        ]
    ),
    "payments": pa.schema(
        [
            ("payment_id", pa.string()),
            ("account_id", pa.string()),
            ("paid_on", pa.date32()),
            ("amount", pa.decimal128(18, 2)),
        ]
    ),
}
_UNIQUE = {
    "customers": ("customer_id",),
    "accounts": ("account_id", "customer_id"),
    "instalments": ("principal", "interest"),
    "payments": ("payment_id", "amount"),
}


def benchmark_tape(folder: Path, accounts: int, seed: int, *, as_of: date = AS_OF) -> dict[str, int]:
    """Write ``customers``, ``accounts``, ``instalments`` and ``payments`` as Parquet; return the rows of each table.

    One product in CNY; 12 instalments and about 10.5 payments an account, 1.25 accounts a customer. 7 % of accounts stop
    paying at some point, 8 % pay in part, 30 % of payments come in two pieces; payments after ``as_of`` do not exist. Text
    ids, Decimal(18, 2) money, days; every table sorted by its id, payments by account and day. The same arguments give the
    same bytes. Memory does not grow with ``accounts``. Raises ValueError when there are no accounts to write.
    """
    if accounts < 1:
        raise ValueError(f"accounts is {accounts}; ask for at least one")
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        tables = {
            name: stack.enter_context(ParquetTable(folder / f"{name}.parquet", schema, unique=_UNIQUE[name]))
            for name, schema in _SCHEMAS.items()
        }
        encoder = stack.enter_context(ThreadPoolExecutor(max_workers=1))
        pending: Future[None] | None = None
        payments_before = 0
        for first in range(0, accounts, ACCOUNTS_PER_BATCH):
            batch = _open_accounts(
                range(first, min(first + ACCOUNTS_PER_BATCH, accounts)), accounts, seed, as_of
            )
            made = {
                "customers": _customers(batch),
                "accounts": _accounts(batch),
                "instalments": _instalments(batch),
                "payments": _payments(batch, payments_before),
            }
            payments_before += len(made["payments"])
            if pending is not None:
                pending.result()
            # The next batch is drawn while this one is compressed: both are NumPy and Arrow work outside Python's lock.
            pending = encoder.submit(_add, tables, made)
        if pending is not None:
            pending.result()
        return {name: table.rows for name, table in tables.items()}


def _add(tables: dict[str, ParquetTable], made: dict[str, pa.Table]) -> None:
    for name, rows in made.items():
        tables[name].add(rows)


@dataclass(frozen=True, slots=True)
class _Batch:
    """Accounts of one batch, drawn: matrices have a row an account and a column an instalment."""

    numbers: Vector
    customers: Vector
    accounts: int
    as_of: int
    generator: np.random.Generator
    opened_on: NDArray[np.int32]
    annual_rate_ppm: Vector
    principal_minor: Vector
    due_on: NDArray[np.int32]
    principals: Vector
    interests: Vector


def _open_accounts(numbers: range, accounts: int, seed: int, as_of: date) -> _Batch:
    generator = np.random.default_rng([seed, numbers.start])
    count = len(numbers)
    numbers_drawn = np.arange(numbers.start, numbers.stop, dtype=np.int64)
    end = day_number(as_of)
    opened_on = (end - generator.integers(1, VINTAGE_MONTHS * 365 // 12, count)).astype(np.int32)
    annual_rate_ppm = generator.integers(30, 49, count) * 5_000
    principal_minor = (
        np.rint(np.exp(generator.normal(9.2, 0.8, count))).astype(np.int64).clip(500, 200_000) * 100
    )
    principals, interests = annuity(principal_minor, annual_rate_ppm, INSTALMENTS)
    return _Batch(
        numbers=numbers_drawn,
        customers=_spread(numbers_drawn, accounts) * 4 // 5,
        accounts=accounts,
        as_of=end,
        generator=generator,
        opened_on=opened_on,
        annual_rate_ppm=annual_rate_ppm,
        principal_minor=principal_minor,
        due_on=months_after(opened_on[:, None], np.arange(1, INSTALMENTS + 1)),
        principals=principals,
        interests=interests,
    )


def _spread(numbers: Vector, count: int) -> Vector:
    """A fixed permutation of 0..count-1, so that a customer's accounts do not lie side by side."""
    step = int(count * 0.6180339887) | 1
    while gcd(step, count) != 1:
        step += 2
    return (numbers * step) % count


def _customers(batch: _Batch) -> pa.Table:
    """The batch's even share of the customers, in order of their ids."""
    first, last = int(batch.numbers[0]), int(batch.numbers[-1])
    of_batch = np.arange(-(-first * 4 // 5), last * 4 // 5 + 1, dtype=np.int64)
    return pa.table(
        [numbered_ids("C", of_batch, 10), same_text("cn", len(of_batch))], schema=_SCHEMAS["customers"]
    )


def _accounts(batch: _Batch) -> pa.Table:
    count = len(batch.numbers)
    columns = [
        numbered_ids("A", batch.numbers, 10),
        numbered_ids("C", batch.customers, 10),
        same_text(PRODUCT, count),
        same_text("CNY", count),
        money(batch.principal_minor, 2),
        rates(batch.annual_rate_ppm),
        days(batch.opened_on),
    ]
    return pa.table(columns, schema=_SCHEMAS["accounts"])


def _instalments(batch: _Batch) -> pa.Table:
    columns = [
        numbered_ids("A", np.repeat(batch.numbers, INSTALMENTS), 10),
        pa.array(np.tile(np.arange(1, INSTALMENTS + 1, dtype=np.int64), len(batch.numbers))),
        days(batch.due_on.ravel()),
        money(batch.principals.ravel(), 2),
        money(batch.interests.ravel(), 2),
    ]
    return pa.table(columns, schema=_SCHEMAS["instalments"])


def _payments(batch: _Batch, payments_before: int) -> pa.Table:
    """What came in by as_of: mostly around each due day, some in two pieces, some short, some accounts no more."""
    generator, shape = batch.generator, batch.due_on.shape
    has_stopped = generator.random(shape[0]) < STOPPED_SHARE
    stops_after = np.where(has_stopped, generator.integers(0, INSTALMENTS, shape[0]), INSTALMENTS)
    pays_part = generator.random(shape[0]) < PART_SHARE
    share_paid = np.where(pays_part, generator.integers(40, 96, shape[0]), 100)
    days_late = np.where(
        generator.random(shape) < 0.826, -generator.integers(0, 6, shape), generator.geometric(0.14, shape)
    )
    paid_on = np.maximum(batch.due_on + days_late, batch.opened_on[:, None])
    amounts = (batch.principals + batch.interests) * share_paid[:, None] // 100
    is_split = generator.random(shape) < SPLIT_SHARE
    first_piece = np.where(is_split, amounts * generator.integers(20, 81, shape) // 100, amounts)

    is_paid = (np.arange(INSTALMENTS) < stops_after[:, None]) & (amounts > 0)
    second_on = paid_on + generator.integers(1, 9, shape)
    came_first = is_paid & (paid_on <= batch.as_of) & (first_piece > 0)
    came_second = is_paid & is_split & (second_on <= batch.as_of) & (amounts > first_piece)
    rows = np.broadcast_to(np.arange(shape[0])[:, None], shape)
    account_rows = np.concatenate([rows[came_first], rows[came_second]])
    came_on = np.concatenate([paid_on[came_first], second_on[came_second]])
    amount_minor = np.concatenate([first_piece[came_first], (amounts - first_piece)[came_second]])

    order = np.argsort(account_rows * 100_000 + came_on, kind="stable")
    columns = [
        numbered_ids("P", np.arange(payments_before, payments_before + len(order), dtype=np.int64), 12),
        numbered_ids("A", batch.numbers[account_rows[order]], 10),
        days(came_on[order].astype(np.int32)),
        money(amount_minor[order], 2),
    ]
    return pa.table(columns, schema=_SCHEMAS["payments"])
