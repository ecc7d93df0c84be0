"""The workspace's book on disk: ``book/partition=NN/TABLE.parquet``, written beside the old one and swapped
in whole.

A row that does not say when it was recorded is known from its first import on: as long as later tapes repeat
it unchanged it keeps that instant.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import polars as pl

from dunwell.book.assembly import shown
from dunwell.book.partitions import Partition
from dunwell.book.plans import Detail, empty_rows
from dunwell.book.tables import TABLES

_ABOUT = "book.json"


class NoBook(Exception):
    """There is no book yet: no run has been made in this workspace."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} does not exist yet. Make it with `dunwell run`")


class BookInUse(Exception):
    """Another run writes the book at this moment."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"another run writes {folder} at this moment. Wait until it has ended, then run again"
        )


class Book:
    """A book that a run has written, to read."""

    def __init__(self, folder: Path) -> None:
        """Open the book at ``folder``. Raises NoBook. A swap that was cut off half-way is undone first."""
        _recover(folder)
        if not (folder / _ABOUT).is_file():
            raise NoBook(folder)
        self.folder = folder
        about = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
        self.partition_count = int(about["partition_count"])
        self.as_of: str = about["as_of"]
        self.imported_at = datetime.fromisoformat(about["imported_at"])

    def partition(self, number: int) -> Partition:
        """One partition's typed frames."""
        folder = self.folder / _name(number)
        return Partition(number, {name: _rows(folder, name).collect() for name in TABLES})

    def account(self, number: int, row: int) -> dict[str, pl.DataFrame]:
        """The frames of one account of a partition, by its row there, as a partition of its own; only its rows are read. Tables
        that name no account are left out.
        """
        folder = self.folder / _name(number)
        tables = {"accounts": pl.scan_parquet(folder / "accounts.parquet").slice(row, 1).collect()}
        for name in TABLES:
            rows = _rows(folder, name)
            if "account_row" in rows.collect_schema():
                own = rows.filter(pl.col("account_row") == row).collect()
                tables[name] = own.with_columns(account_row=pl.lit(0, dtype=pl.UInt32))
        return tables

    def partition_of(self, account_id: str) -> int | None:
        """The partition that holds an account; None when the book has no such account."""
        for number in range(self.partition_count):
            file = self.folder / _name(number) / "accounts.parquet"
            if (
                pl.scan_parquet(file)
                .filter(pl.col("account_id") == account_id)
                .select(pl.len())
                .collect()
                .item()
            ):
                return number
        return None


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """While it lasts nobody else writes the book at ``folder``: two runs would write into the same files. It ends with the
    process, however that ends. Raises BookInUse.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BookInUse(folder) from error
        yield


class StagedBook:
    """A book being written beside the old one, by one run at a time (``writing``). Use as a context manager; without ``commit``
    nothing changes.
    """

    def __init__(self, folder: Path, partition_count: int, imported_at: datetime) -> None:
        """Begin a new book for ``folder``. ``imported_at``: the instant given to rows that do not say when
        they were recorded.
        """
        _recover(folder)
        self.folder = folder
        self.staging = folder.with_name(f".{folder.name}.new")
        self.partition_count, self._imported_at = partition_count, imported_at
        self._old = Book(folder) if (folder / _ABOUT).is_file() else None

    def __enter__(self) -> "StagedBook":
        shutil.rmtree(self.staging, ignore_errors=True)
        self.staging.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)

    def write(self, partition: Partition) -> Partition:
        """Write a partition and return it as written: rows imported before unchanged have their first
        import's instant.
        """
        tables = dict(partition.tables)
        if self._old is not None:
            tables = _remembering(
                tables, self._old, partition.number, self.partition_count, self._imported_at
            )
        folder = self.staging / _name(partition.number)
        folder.mkdir()
        for name, rows in tables.items():
            rows.write_parquet(folder / f"{name}.parquet")
        return Partition(partition.number, tables)

    def commit(self, as_of: str) -> None:
        """Let the new book take the old one's place."""
        about = {
            "partition_count": self.partition_count,
            "as_of": as_of,
            "imported_at": self._imported_at.isoformat(),
        }
        (self.staging / _ABOUT).write_text(json.dumps(about, indent=2), encoding="utf-8")
        old = _aside(self.folder)
        with _swapping(self.folder):
            shutil.rmtree(old, ignore_errors=True)
            if self.folder.exists():
                self.folder.rename(old)
            self.staging.rename(self.folder)
        shutil.rmtree(old, ignore_errors=True)


def _rows(folder: Path, table: str) -> pl.LazyFrame:
    """A table of a partition; without rows where the book was written before there was such a table."""
    file = folder / f"{table}.parquet"
    return pl.scan_parquet(file) if file.is_file() else shown(empty_rows(table, Detail.EVERYTHING)).lazy()


def _name(number: int) -> str:
    return f"partition={number:02d}"


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _recover(folder: Path) -> None:
    """After a stop between the two renames of a swap, the old book comes back; a swap that goes on is waited for."""
    if folder.exists() or not _aside(folder).is_dir():
        return
    with _swapping(folder):
        if not folder.exists() and _aside(folder).is_dir():
            _aside(folder).rename(folder)


@contextmanager
def _swapping(folder: Path) -> Iterator[None]:
    """While it lasts nobody else swaps or recovers a book in that place; the place itself is what is locked."""
    place = os.open(folder.parent, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)


def _remembering(
    tables: Mapping[str, pl.DataFrame], old: Book, number: int, partition_count: int, imported_at: datetime
) -> dict[str, pl.DataFrame]:
    """The tables with the first import's instant on rows that the old book held already, unchanged."""
    numbers = [number] if old.partition_count == partition_count else range(old.partition_count)
    remembered: dict[str, list[pl.DataFrame]] = {name: [] for name in tables}
    for before in (old.partition(k) for k in numbers):
        for name, rows in before.tables.items():
            remembered[name].append(
                _contents(rows, before.tables["accounts"]).select("content", first_at="recorded_at")
            )
    result = {}
    for name, rows in tables.items():
        is_imported_now = pl.col("recorded_at") == imported_at
        if not rows.select(is_imported_now.any()).item():
            result[name] = rows
            continue
        known = pl.concat(remembered[name]).group_by("content").agg(pl.col("first_at").min())
        joined = _contents(rows, tables["accounts"]).join(
            known, on="content", how="left", maintain_order="left"
        )
        first = (
            pl.when(is_imported_now & pl.col("first_at").is_not_null())
            .then("first_at")
            .otherwise("recorded_at")
        )
        result[name] = joined.with_columns(recorded_at=first).select(rows.columns)
    return result


def _contents(rows: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """The rows with a hash of all they say, the time of recording and derived marks aside; accounts by their
    id.
    """
    own = [name for name in rows.columns if name not in ("account_row", "recorded_at", "is_incomplete")]
    parts = [pl.col(name).hash(17) for name in sorted(own)]
    if "account_row" in rows.columns:
        ids = accounts["account_id"].gather(rows["account_row"])
        with_ids = rows.with_columns(_account=ids)
        return with_ids.with_columns(content=pl.struct(*parts, pl.col("_account").hash(17)).hash(17)).drop(
            "_account"
        )
    return rows.with_columns(content=pl.struct(*parts).hash(17))
