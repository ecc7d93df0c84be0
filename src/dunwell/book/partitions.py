"""Typed rows by partition: in memory when one partition holds the tape, in scratch files when it takes more."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

PARTITION = "§partition"


@dataclass(frozen=True, slots=True)
class Partition:
    """One part of the book, by a hash of customer_id: typed frames that need nothing from the other parts.

    ``tables`` as the book's page describes: ``account_row`` is a row of ``tables["accounts"]``; money is in
    minor units.
    """

    number: int
    tables: dict[str, pl.DataFrame]


class Buckets:
    """Batches of typed rows, kept by table and partition."""

    def __init__(self, count: int, scratch: Path, expected: Mapping[str, int]) -> None:
        """``expected``: how many rows each table has, as far as that is known."""
        self.count = count
        self._scratch = scratch
        self._expected = expected
        self._held: dict[str, _Gathered] = {}
        self._files: dict[tuple[str, int], list[Path]] = defaultdict(list)

    def add(self, table: str, rows: pl.DataFrame) -> None:
        """Keep a batch whose column PARTITION says where each row belongs."""
        if self.count == 1:
            if table not in self._held:
                self._held[table] = _Gathered(self._expected.get(table, rows.height))
            self._held[table].add([column for column in rows.get_columns() if column.name != PARTITION])
            return
        for (number,), part in rows.partition_by(PARTITION, as_dict=True, include_key=False).items():
            place = (table, int(number))
            file = self._scratch / f"{table}-{number}-{len(self._files[place])}.arrow"
            part.write_ipc(file, compression="lz4")
            self._files[place].append(file)

    def take(self, table: str, number: int) -> pl.DataFrame | None:
        """All rows of a table in a partition, in the file's order, and forget them; None when there are none."""
        if self.count == 1:
            gathered = self._held.pop(table, None)
            return gathered.frame() if gathered else None
        frames = []
        for file in self._files.pop((table, number), []):
            frames.append(pl.read_ipc(file))
            file.unlink()
        return pl.concat(frames, rechunk=True) if frames else None

    def drop(self, table: str) -> None:
        """Forget a table, to read it again."""
        for number in range(self.count):
            self.take(table, number)


class _Gathered:
    """The batches of one table put together as they come: numbers and days are copied into arrays of the final length, so
    that a table is never held twice.
    """

    def __init__(self, expected: int) -> None:
        self._room, self._count = expected, 0
        self._dtypes: dict[str, pl.DataType] = {}
        self._arrays: dict[str, NDArray[Any]] = {}
        self._parts: dict[str, list[pl.Series]] = {}

    def add(self, columns: Sequence[pl.Series]) -> None:
        """Append one batch."""
        height = len(columns[0])
        if not self._dtypes:
            self._dtypes = {column.name: column.dtype for column in columns}
            self._parts = {column.name: [] for column in columns}
            self._arrays = {
                column.name: np.empty(self._room, column.to_physical().to_numpy().dtype)
                for column in columns
                if column.dtype.is_integer() or column.dtype == pl.Date
            }
        for column in columns:
            array = self._arrays.get(column.name)
            if array is not None and (column.null_count() or self._count + height > self._room):
                self._parts[column.name].append(self._series(column.name))  # an array has no place for it
                del self._arrays[column.name]
                array = None
            if array is None:
                self._parts[column.name].append(column)
                continue
            start = self._count
            for chunk in column.to_physical().get_chunks():
                array[start : start + len(chunk)] = chunk.to_numpy()
                start += len(chunk)
        self._count += height

    def frame(self) -> pl.DataFrame:
        """All rows, in order; can be had once."""
        columns = []
        for name in self._dtypes:
            if name in self._arrays:
                columns.append(self._series(name))
                del self._arrays[name]
            else:
                columns.append(pl.concat(self._parts.pop(name), rechunk=True))
        return pl.DataFrame(columns)

    def _series(self, name: str) -> pl.Series:
        return pl.Series(name, self._arrays[name][: self._count]).cast(self._dtypes[name])
