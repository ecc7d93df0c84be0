"""A tape whose instalments and payments stand in the order of its accounts, taken a slice of accounts at a time: one pass
over the files, and no more memory for a large tape than for a small one.

A slice is a run of neighbours in the accounts file. Instalments and payments go by. That they are in order is found out as
they are read (``Matcher``): where a row belongs to a slice that has been handed out, NotInOrder is raised, and the tape has
to be read again by other means. Accounts go to scratch files by slice once there are many; holds and the like are held.
Of customers a slice has those of its accounts, with what figures rest on (so a customer without an account is in no slice).
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book.finding import hashes
from dunwell.book.matching import OWNER
from dunwell.book.parents import PLACE, SliceCustomers
from dunwell.book.partitions import PARTITION

_FEW_VALUES = ("product", "currency", "jurisdiction", "region", "language", "timezone")


def _small(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows in less memory while they are held: text of few values as numbers, empty columns as nothing."""
    texts = [column for column in rows.get_columns() if column.dtype == pl.String]
    return rows.with_columns(
        column.cast(pl.Null if column.null_count() == len(column) else pl.Categorical)
        for column in texts
        if column.name in _FEW_VALUES or column.null_count() == len(column)
    )


def _plain(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col(pl.Categorical, pl.Null).cast(pl.String))


class Slices:
    """Typed rows by slice; takes the place of Buckets."""

    def __init__(
        self,
        customers: SliceCustomers,
        passing: Mapping[str, Iterator[pl.DataFrame]],
        scratch: Path | None,
    ) -> None:
        """``passing``: the good rows of a table batch by batch, each with its slice in the column PARTITION. ``scratch``:
        where accounts are put aside (None: they are held).
        """
        self._customers = customers
        self._passing = {name: _Passing(rows) for name, rows in passing.items()}
        self._held: dict[str, list[pl.DataFrame]] = {}
        self._ordered: dict[str, _Held] = {}
        self._accounts = _Accounts(scratch)

    def add(self, table: str, rows: pl.DataFrame) -> None:
        """Keep a batch of a table that does not go by."""
        if table == "accounts":
            self._accounts.add(_small(rows))
        elif table != "customers":  # all that is kept of those is with the matcher
            self._held.setdefault(table, []).append(_small(rows))

    def drop(self, table: str) -> None:
        """Forget a table, to read it again."""
        self._held.pop(table, None)
        if table == "accounts":
            self._accounts.drop()

    def take(self, table: str, number: int) -> pl.DataFrame | None:
        """All rows of a table in a slice, in the file's order; None when there are none. Slices are taken in order, those
        of tables that go by once. Raises what reading raises.
        """
        if table in self._passing:
            return self._passing[table].take(number)
        accounts = self._accounts.of(number)
        if table == "accounts":
            return None if accounts is None else accounts.drop(PLACE)
        if table == "customers":
            return self._customers.frame(accounts)
        if table in self._held:
            self._ordered[table] = _Held(self._held.pop(table))
        if table not in self._ordered:
            return None
        return self._ordered[table].take(number, None if accounts is None else accounts["customer_id"])


class _Accounts:
    """The accounts, slice by slice: in memory, or in a scratch file a slice."""

    def __init__(self, scratch: Path | None) -> None:
        self._scratch = scratch
        self._parts: dict[int, list[pl.DataFrame | Path]] = defaultdict(list)
        self._at_hand: tuple[int, pl.DataFrame | None] = (-1, None)

    def add(self, batch: pl.DataFrame) -> None:
        """Put a batch away."""
        for number, rows in _by_slice(batch):
            part: pl.DataFrame | Path = rows
            if self._scratch is not None:
                part = self._scratch / f"accounts-{number}-{len(self._parts[number])}.arrow"
                rows.write_ipc(part, compression="uncompressed")
            self._parts[number].append(part)

    def drop(self) -> None:
        """Forget all."""
        for part in [part for parts in self._parts.values() for part in parts]:
            if isinstance(part, Path):
                part.unlink()
        self._parts.clear()

    def of(self, number: int) -> pl.DataFrame | None:
        """The accounts of a slice; those of the slice asked for last are kept at hand, those before it forgotten."""
        if self._at_hand[0] != number:
            parts = self._parts.pop(number, [])
            rows = [pl.read_ipc(part) if isinstance(part, Path) else part for part in parts]
            for part in parts:
                if isinstance(part, Path):
                    part.unlink()
            whole = _plain(pl.concat(rows, how="vertical_relaxed", rechunk=True)) if rows else None
            self._at_hand = (number, whole)
        return self._at_hand[1]


class _Held:
    """A table that is held whole: some rows lie in a slice, others with a customer, whose accounts may lie in several."""

    def __init__(self, parts: list[pl.DataFrame]) -> None:
        # As they are: put side by side anew, millions of rows would for a moment be held twice.
        rows = pl.concat(parts, how="vertical_relaxed", rechunk=False)
        self._rows = rows.drop(PARTITION, OWNER, strict=False)
        of_all = np.arange(rows.height, dtype=np.uint32)
        is_owned = np.zeros(rows.height, np.bool_)
        owners = np.empty(0, np.uint64)
        if OWNER in rows.columns:
            is_owned = rows[OWNER].is_not_null().to_numpy()
            owners = rows[OWNER].drop_nulls().to_numpy()
        self._of_slices = _Sorted(rows[PARTITION].to_numpy()[~is_owned], of_all[~is_owned])
        self._of_owners = _Sorted(owners, of_all[is_owned])

    def take(self, number: int, customer_ids: pl.Series | None) -> pl.DataFrame:
        """The rows of a slice and of its customers, in the file's order."""
        owners = np.empty(0, np.uint64) if customer_ids is None else np.unique(hashes(customer_ids))
        wanted = [self._of_slices.of(np.array([number], np.int32)), self._of_owners.of(owners)]
        return _plain(self._rows[np.sort(np.concatenate(wanted))].rechunk())


class _Sorted:
    """Rows by what they are asked for."""

    def __init__(self, keys: NDArray[Any], rows: NDArray[np.uint32]) -> None:
        order = np.argsort(keys, kind="stable")
        self._keys, self._rows = keys[order], rows[order]

    def of(self, wanted: NDArray[Any]) -> NDArray[np.uint32]:
        """The rows of these keys, of which none stands twice."""
        firsts = np.searchsorted(self._keys, wanted, side="left")
        counts = np.searchsorted(self._keys, wanted, side="right") - firsts
        steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        found: NDArray[np.uint32] = self._rows[np.repeat(firsts, counts) + steps]
        return found


def _by_slice(batch: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    """A batch that goes from slice to slice, cut where the next begins."""
    slices = batch[PARTITION].to_numpy()
    rows = batch.drop(PARTITION)
    firsts = [0, *(np.flatnonzero(slices[1:] != slices[:-1]) + 1).tolist(), len(slices)]
    for first, last in pairwise(firsts):
        if first < last:
            yield int(slices[first]), rows.slice(first, last - first)


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
            else:
                for self._reached, rows in _by_slice(batch):
                    self._waiting.append((self._reached, rows))
        parts = []
        while self._waiting and self._waiting[0][0] == number:
            parts.append(self._waiting.popleft()[1])
        return pl.concat(parts, rechunk=True) if parts else None
