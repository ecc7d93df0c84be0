"""What every account owes as of a day: the positions, one row an account.

``settle_partition`` takes the book's typed frames of one partition and needs nothing else; the same function
serves one account (frames of one row) and a night's partition. The figures come from the compiled pass; an
account that 64-bit integers cannot hold is settled by ``statement.settle``, with the same meaning and the
same result.
"""

import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Generic, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from dunwell.book.tables import HOLD_KINDS
from dunwell.calendars import day_number
from dunwell.ledger import kernel
from dunwell.ledger.arrays import (
    BASE_DAY,
    Ints,
    Kinds,
    account_arrays,
    account_kinds,
    debts_most,
    event_arrays,
    product_arrays,
    unit_tables,
)
from dunwell.ledger.queue import ITEM_COLUMNS, PENALTY
from dunwell.ledger.statement import Settlement, account_events, settle
from dunwell.ledger.terms import Terms
from dunwell.money import CURRENCIES

T = TypeVar("T")

MONEY = pl.Decimal(18, 4)
"""Money at the edge: major units with the four decimals that the finest ISO 4217 currency needs."""

_MONEY_SCALE = 4
_SPAN = 1 << 13
_PAUSE, _LITIGATION = HOLD_KINDS.index("pause"), HOLD_KINDS.index("litigation")
_MONEY_COLUMNS = {
    "due_principal": kernel.OUT_DUE_PRINCIPAL,
    "due_interest": kernel.OUT_DUE_INTEREST,
    "due_fees": kernel.OUT_DUE_FEES,
    "due_costs": kernel.OUT_DUE_COSTS,
    "penalty": kernel.OUT_PENALTY,
    "past_due_total": kernel.OUT_PAST_DUE_TOTAL,
    "outstanding_principal": kernel.OUT_OUTSTANDING_PRINCIPAL,
    "unallocated_credit": kernel.OUT_CREDIT,
    "waived_by_cap": kernel.OUT_WAIVED,
    "paid_30d": kernel.OUT_PAID_30D,
}


@dataclass(frozen=True, slots=True)
class Timeline:
    """The arrears of one partition's accounts through time: a row an end-of-day change, sorted by account and
    day.

    ``account`` indexes the accounts frame; days are day numbers, ``oldest_due_on`` is -1 when nothing is past
    due; ``overdue_minor`` is everything fallen due and unpaid, penalty aside; ``exposure_minor`` adds the
    principal not yet due.
    """

    account: Ints
    on: NDArray[np.int32]
    oldest_due_on: NDArray[np.int32]
    overdue_minor: Ints
    exposure_minor: Ints

    @classmethod
    def of(cls, rows: Ints) -> "Timeline":
        """From rows of five columns: account, on, oldest_due_on, overdue, exposure."""
        account, on, oldest_due_on, overdue, exposure = (np.ascontiguousarray(rows[:, k]) for k in range(5))
        return cls(account, on.astype(np.int32), oldest_due_on.astype(np.int32), overdue, exposure)

    def copy(self) -> "Timeline":
        """The same in memory of its own."""
        return Timeline(*(getattr(self, field.name).copy() for field in fields(self)))

    def frame(self) -> pl.DataFrame:
        """The same as a frame with proper days (oldest_due_on null when nothing is past due)."""
        return pl.DataFrame(
            {
                "account": self.account,
                "on": pl.Series(self.on).cast(pl.Date),
                "oldest_due_on": pl.Series(self.oldest_due_on).cast(pl.Date),
                "overdue_minor": self.overdue_minor,
                "exposure_minor": self.exposure_minor,
            }
        ).with_columns(oldest_due_on=pl.when(pl.Series(self.oldest_due_on >= 0)).then("oldest_due_on"))


@dataclass(frozen=True, slots=True)
class Settled(Generic[T]):
    """The pass's result for one partition: a row of figures an account (columns kernel.OUT_*), the events it
    walked, and what the caller's reader made of each span's arrears timeline, in the order of the accounts.
    """

    figures: Ints
    events: kernel.Events
    from_timelines: list[T]


def settle_partition(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None = None,
    *,
    read_timeline: Callable[[Timeline, kernel.Events, int, int], T] | None = None,
    lends_timeline: bool = False,
    threads: int | None = None,
) -> Settled[T]:
    """Settle every account of a partition as of a day, from what was known at an instant (everything, when
    None).

    ``tables``: accounts, instalments, payments, charges and holds as the book hands them out.
    ``read_timeline`` is called in a worker thread with the arrears, events and bounds of each span of some
    thousand accounts, which are not kept: they would be larger than the tape. With ``lends_timeline`` the arrears are
    lent: their memory is used again once the call returns.
    """
    products = product_arrays(terms)
    accounts = account_arrays(tables["accounts"], products, known_at)
    events = event_arrays(tables, tables["accounts"].height, known_at)
    figures = np.zeros((tables["accounts"].height, kernel.OUT_COUNT), np.int64, order="F")  # read by columns
    unit_table = unit_tables()
    most = debts_most(events)
    rooms = threading.local()

    def settle_span(first: int) -> T | None:
        last = min(first + _SPAN, len(figures))
        if not hasattr(rooms, "timeline"):
            rooms.timeline = _room(1024 if read_timeline else 0)
            rooms.items = np.empty((most, ITEM_COLUMNS), np.int64)
            rooms.paid = np.zeros(PENALTY + 1, np.int64)
        account, count = first, 0
        while True:
            account, count = kernel.settle_accounts(
                account,
                last,
                day_number(as_of),
                BASE_DAY,
                unit_table,
                products.coded,
                accounts,
                events,
                _PAUSE,
                _LITIGATION,
                figures,
                rooms.items,
                rooms.paid,
                rooms.timeline,
                count,
            )
            if account == last:
                break
            rooms.timeline = _grown(rooms.timeline)
        written = Timeline(*(column[:count] for column in rooms.timeline))
        timeline = _with_exact(first, last, written, figures, tables, terms, as_of, known_at)
        if read_timeline is None:
            return None
        if timeline is written and not lends_timeline:
            timeline = timeline.copy()
        return read_timeline(timeline, events, first, last)

    spans = range(0, len(figures), _SPAN)
    if len(spans) == 1 or threads == 1:  # one person's accounts: threads would cost more than the work
        read = [settle_span(first) for first in spans]
    else:
        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
            read = list(pool.map(settle_span, spans))
    return Settled(figures, events, [part for part in read if part is not None])


def _room(rows: int) -> kernel.Arrears:
    """Room for so many changes of arrears."""
    wide, narrow = np.int64, np.int32
    return kernel.Arrears(*(np.empty(rows, kind) for kind in (wide, narrow, narrow, wide, wide)))


def _grown(room: kernel.Arrears) -> kernel.Arrears:
    """Twice the room, with what stands in it."""
    return kernel.Arrears(*(np.concatenate([column, np.empty_like(column)]) for column in room))


def _with_exact(
    first: int,
    last: int,
    timeline: Timeline,
    figures: Ints,
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None,
) -> Timeline:
    """Settle what the kernel declined in the span, with Python's unbounded integers, and add its arrears to
    the timeline.
    """
    declined = first + np.flatnonzero(figures[first:last, kernel.OUT_STATE] == kernel.NEEDS_EXACT)
    if not len(declined):
        return timeline
    parts = [
        np.column_stack(
            [
                timeline.account,
                timeline.on,
                timeline.oldest_due_on,
                timeline.overdue_minor,
                timeline.exposure_minor,
            ]
        )
    ]
    for account_row in declined.tolist():
        product = terms[tables["accounts"]["product"][account_row]]
        settlement = settle(account_events(tables, account_row, known_at), product, as_of)
        figures[account_row] = _figures_of(settlement)
        parts.append(_timeline_rows(account_row, settlement))
    rows = np.concatenate(parts)
    return Timeline.of(rows[np.argsort(rows[:, 0], kind="stable")])


def _figures_of(settlement: Settlement) -> list[int]:
    """An exact settlement as a row of the kernel's figures."""
    oldest, last = settlement.oldest_due_on, settlement.last_paid_on
    figures = {
        **{column: getattr(settlement, name) for name, column in _MONEY_COLUMNS.items()},
        kernel.OUT_OLDEST_DUE_ON: kernel.NOTHING_DUE if oldest is None else day_number(oldest),
        kernel.OUT_PAST_DUE_DAYS: settlement.past_due_days,
        kernel.OUT_DELINQUENT_DAYS: settlement.delinquent_days,
        kernel.OUT_LAST_PAID_ON: kernel.NOTHING_DUE if last is None else day_number(last),
        kernel.OUT_PENALTY_PAID: settlement.penalty_paid,
        kernel.OUT_STATE: kernel.SETTLED,
    }
    return [figures[column] for column in range(kernel.OUT_COUNT)]


def _timeline_rows(account_row: int, settlement: Settlement) -> Ints:
    rows = [
        (
            account_row,
            day_number(arrears.on),
            kernel.NOTHING_DUE if arrears.oldest_due_on is None else day_number(arrears.oldest_due_on),
            arrears.overdue_minor,
            arrears.exposure_minor,
        )
        for arrears in settlement.timeline
    ]
    return np.array(rows, np.int64).reshape(-1, 5)


def positions_frame(
    settled: Settled[T],
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    kinds: Kinds | None = None,
) -> pl.DataFrame:
    """The money and day columns of ``positions`` (formats.md section 2), a row an opened account, in the
    accounts frame's order. ``kinds``: those of the accounts, where they are known already.
    """
    figures = settled.figures
    is_open = figures[:, kernel.OUT_STATE] != kernel.NOT_OPENED
    accounts = tables["accounts"]
    kinds = kinds or account_kinds(tables)
    if not is_open.all():
        accounts, figures = accounts.filter(pl.Series(is_open)), figures[is_open]
        kinds = kinds.of_rows(is_open)
    scale = kinds.numbers(lambda kind: _scale_factor(kind.currency))
    money = {
        name: money_column(np.ascontiguousarray(figures[:, column]) * scale)
        for name, column in _MONEY_COLUMNS.items()
    }
    past_due_days = figures[:, kernel.OUT_PAST_DUE_DAYS]
    return pl.DataFrame(
        {
            "account_id": accounts["account_id"],
            "customer_id": accounts["customer_id"],
            "as_of": pl.Series([as_of], dtype=pl.Date).new_from_index(0, accounts.height),
            "currency": accounts["currency"],
            "status": _statuses(accounts),
            "past_due_days": past_due_days.astype(np.int32),
            "delinquent_days": figures[:, kernel.OUT_DELINQUENT_DAYS].astype(np.int32),
            "oldest_due_on": _days(figures[:, kernel.OUT_OLDEST_DUE_ON]),
            **{
                name: money[name]
                for name in (
                    "due_principal",
                    "due_interest",
                    "due_fees",
                    "due_costs",
                    "penalty",
                    "past_due_total",
                )
            },
            "outstanding_principal": money["outstanding_principal"],
            "payoff_total": money_column(payoff_minor(figures) * scale),
            "unallocated_credit": money["unallocated_credit"],
            "waived_by_cap": money["waived_by_cap"],
            "bucket": bucket_names(kinds, past_due_days, terms),
            "last_paid_on": _days(figures[:, kernel.OUT_LAST_PAID_ON]),
            "paid_30d": money["paid_30d"],
        }
    )


def payoff_minor(figures: Ints) -> Ints:
    """What would settle each account: principal outstanding, what else is due, penalty, less credit; negative
    when overpaid.
    """
    owed = (
        kernel.OUT_OUTSTANDING_PRINCIPAL,
        kernel.OUT_DUE_INTEREST,
        kernel.OUT_DUE_FEES,
        kernel.OUT_DUE_COSTS,
        kernel.OUT_PENALTY,
    )
    total = -figures[:, kernel.OUT_CREDIT]
    for column in owed:
        total += figures[:, column]
    return total


def _statuses(accounts: pl.DataFrame) -> pl.Series:
    """What the lender says of each account; incomplete where rows of it are in quarantine."""
    told = accounts["status"].cast(pl.String)
    if not accounts["is_incomplete"].any():
        return told
    return told.zip_with(~accounts["is_incomplete"], pl.Series(["incomplete"]))


def bucket_names(kinds: Kinds, past_due_days: Ints, terms: Mapping[str, Terms]) -> pl.Series:
    """The delinquency bucket of each account by its product's text."""
    products = list(terms)
    names = [name for product in products for name in terms[product].buckets.names]
    starts = np.cumsum([0, *(len(terms[product].buckets.names) for product in products)])
    product_of = kinds.numbers(lambda kind: products.index(kind.product))
    codes = np.zeros(len(past_due_days), np.uint32)
    for k, product in enumerate(products):
        mine = product_of == k
        if mine.any():
            from_days = np.array(terms[product].buckets.from_days)
            codes[mine] = starts[k] + np.searchsorted(from_days, past_due_days[mine], side="right") - 1
    return pl.Series(names, dtype=pl.String).gather(codes)


def money_column(scaled: Ints) -> pl.Series:
    """A Decimal(18, 4) column from integers of a ten-thousandth of the major unit, without a detour over text
    or floats.
    """
    words = np.empty((len(scaled), 2), np.int64)
    words[:, 0] = scaled
    words[:, 1] = scaled >> 63
    decimals = pa.Array.from_buffers(
        pa.decimal128(18, _MONEY_SCALE), len(scaled), [None, pa.py_buffer(words)]
    )
    return pl.Series(pl.from_arrow(decimals))


def scale_factors(currencies: pl.Series) -> Ints:
    """What turns minor units of each currency into ten-thousandths of its major unit."""
    factors = {code: _scale_factor(code) for code in currencies.unique()}
    return currencies.replace_strict(factors, return_dtype=pl.Int64).to_numpy()


def _scale_factor(currency: str) -> int:
    return int(10 ** (_MONEY_SCALE - CURRENCIES[currency]))


def _days(numbers: Ints) -> pl.Series:
    """Day numbers as days; -1 as null. (A debt from before 1970 is a debt of day numbers below -1, which stay
    days.)
    """
    days = pl.Series(numbers.astype(np.int32)).cast(pl.Date)
    return days.zip_with(pl.Series(numbers != kernel.NOTHING_DUE), pl.Series([None], dtype=pl.Date))
