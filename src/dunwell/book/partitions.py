"""Typed rows by partition: in memory when one partition holds the tape, in scratch files when it takes more."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import polars as pl

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

    def __init__(self, count: int, scratch: Path) -> None:
        self.count = count
        self._scratch = scratch
        self._held: dict[tuple[str, int], list[pl.DataFrame]] = defaultdict(list)
        self._files: dict[tuple[str, int], list[Path]] = defaultdict(list)

    def add(self, table: str, rows: pl.DataFrame) -> None:
        """Keep a batch whose column PARTITION says where each row belongs."""
        if self.count == 1:
            self._held[table, 0].append(
                pl.DataFrame([column for column in rows.get_columns() if column.name != PARTITION])
            )
            return
        for (number,), part in rows.partition_by(PARTITION, as_dict=True, include_key=False).items():
            place = (table, int(number))
            file = self._scratch / f"{table}-{number}-{len(self._files[place])}.arrow"
            part.write_ipc(file, compression="lz4")
            self._files[place].append(file)

    def take(self, table: str, number: int) -> pl.DataFrame | None:
        """All rows of a table in a partition, in the file's order, and forget them; None when there are none."""
        frames = self._held.pop((table, number), [])
        for file in self._files.pop((table, number), []):
            frames.append(pl.read_ipc(file))
            file.unlink()
        return pl.concat(frames, rechunk=True) if frames else None

    def drop(self, table: str) -> None:
        """Forget a table, to read it again."""
        for number in range(self.count):
            self.take(table, number)
