"""A tape whose instalments and payments stand in the order of its accounts, taken a slice of accounts at a time: one pass
over the files, no scratch files, and no more memory for a large tape than for a small one but for its accounts.

A slice is a run of neighbours in the accounts file. What is small (customers, accounts, holds and the like) is held
whole; instalments and payments go by. That they are in order is found out as they are read (``Matcher``): where a row
belongs to a slice that has been handed out, NotInOrder is raised, and the tape has to be read again by other means. A
customer without an account is in no slice.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import polars as pl

from dunwell.book.matching import OWNER, Matcher
from dunwell.book.partitions import PARTITION
from dunwell.book.tables import TABLES

_FEW_VALUES = ("product", "currency", "jurisdiction", "region", "language", "timezone")


def _small(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows in less memory while they are held: text of few values as numbers, empty columns as nothing."""
    texts = [column for column in rows.get_columns() if column.dtype == pl.String]
    return rows.with_columns(
        column.cast(pl.Null if column.null_count() == len(column) else pl.Categorical)
        for column in texts
        if column.name in _FEW_VALUES or column.null_count() == len(column)
    )


class Slices:
    """Typed rows by slice; takes the place of Buckets."""

    def __init__(self, matcher: Matcher, passing: Mapping[str, Iterator[pl.DataFrame]]) -> None:
        """``passing``: the good rows of a table batch by batch, each with its slice in the column PARTITION."""
        self._matcher = matcher
        self._passing = {name: _Passing(rows) for name, rows in passing.items()}
        self._held: dict[str, list[pl.DataFrame]] = {}

    def add(self, table: str, rows: pl.DataFrame) -> None:
        """Keep a batch of a table that is held."""
        self._held.setdefault(table, []).append(_small(rows))

    def drop(self, table: str) -> None:
        """Forget a table, to read it again."""
        self._held.pop(table, None)

    def take(self, table: str, number: int) -> pl.DataFrame | None:
        """All rows of a table in a slice, in the file's order; None when there are none. Slices are taken in order, those
        of tables that go by once. Raises what reading raises.
        """
        if table in self._passing:
            return self._passing[table].take(number)
        if table not in self._held:
            return None
        parts = self._held[table]
        if len(parts) > 1:
            # As they are: put side by side anew, millions of accounts would for a moment be held twice.
            parts[:] = [pl.concat(parts, how="vertical_relaxed", rechunk=False)]
        rows = self._within(table, parts[0], number).drop(PARTITION, OWNER, strict=False).rechunk()
        return rows.with_columns(pl.col(pl.Categorical, pl.Null).cast(pl.String))

    def _within(self, table: str, rows: pl.DataFrame, number: int) -> pl.DataFrame:
        """Rows of the slice's accounts, or of its accounts' customers (who may have accounts in other slices too)."""
        accounts, customers = self._matcher.accounts, self._matcher.customers
        if table == "accounts":
            first, last = accounts.first_rows[number], accounts.first_rows[number + 1]
            return rows.slice(first, last - first)
        owners = np.unique(accounts.owner[accounts.members(number)])
        if table == "customers":
            return rows.select(pl.all().gather(customers.row[owners]))
        in_slice = rows[PARTITION].to_numpy() == number
        if OWNER in rows.columns:
            is_owner = np.zeros(len(customers.key) + 1, np.bool_)
            is_owner[owners] = True
            owner = rows[OWNER].to_numpy()
            in_slice = np.where(owner < 0, in_slice, is_owner[owner])
        elif TABLES[table].parent == "customers":
            raise ValueError(f"{table} does not say whose its rows are")
        return rows.filter(pl.Series(in_slice))


class _Passing:
    """One table that goes by."""

    def __init__(self, batches: Iterator[pl.DataFrame]) -> None:
        self._batches = batches
        self._waiting: deque[tuple[int, pl.DataFrame]] = deque()
        self._reached, self._is_over = 0, False

    def take(self, number: int) -> pl.DataFrame | None:
        """The rows of a slice: what has come, once a row of a later one has come too."""
        while not self._is_over and self._reached <= number:
            batch = next(self._batches, None)
            if batch is None:
                self._is_over = True
            elif batch.height:
                self._sort_in(batch)
        parts = []
        while self._waiting and self._waiting[0][0] == number:
            parts.append(self._waiting.popleft()[1])
        return pl.concat(parts, rechunk=True) if parts else None

    def _sort_in(self, batch: pl.DataFrame) -> None:
        slices = batch[PARTITION].to_numpy()
        rows = batch.drop(PARTITION)
        firsts = [0, *(np.flatnonzero(slices[1:] != slices[:-1]) + 1).tolist(), len(slices)]
        for first, last in pairwise(firsts):
            self._waiting.append((int(slices[first]), rows.slice(first, last - first)))
        self._reached = int(slices[-1])
