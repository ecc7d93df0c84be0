"""The book laid out by customer, so that one person's whole file is found in a millisecond whatever the size of the portfolio.

Beside each partition of the book, every table again, sorted by customer, uncompressed, with the place at which each
customer's rows begin. The files are mapped into memory, not read: many processes share them, and opening a million customers
costs nothing. A person's slices are a partition of one, and every function of the rooms below works on them as on the whole.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from dunwell.book import TABLES, Book
from dunwell.office.cases.wording import Texts, write_texts

FOLDER = "by-customer"
_RESULTS = ("positions", "promises", "cases", "worklist", "decisions", "options")
_DONE = "shelf.json"
_RUN = "§run-"
_LAYOUT = [5, pl.__version__]
"""Raised when the files change their form; another form is laid out anew. Row ids are found by Polars' hash, which may change
with its version."""
_BATCH = 256
"""Rows of a table that lie together, all their columns side by side: what one person has is read from one place of the disk."""
_NUMBER = np.dtype(np.int64).itemsize
_NAMES, _VALUES, _NUMBERS = "§names", "§values", "§numbers"
"""What people are looked for by: their names and the values of their contact points in small letters, and these' digits alone."""
_ROW_IDS = {"payments": "payment_id", "holds": "hold_id"}
"""Tables whose rows may come in during the day, and the id by which a row is known in the whole book."""
_CUSTOMER_IDS, _ACCOUNT_IDS, _OWNERS = "§customer_ids", "§account_ids", "§owners"


@dataclass(frozen=True, slots=True)
class File:
    """A customer's rows of every table of the book (``tables``, as a partition of the book holds them: ``account_row`` is
    a row of theirs) and of the last run's results by name.
    """

    customer_id: str
    tables: Mapping[str, pl.DataFrame]
    results: Mapping[str, pl.DataFrame]


def build(folder: Path) -> None:
    """Lay out the book at ``folder`` by customer, unless it has been: one process does, others wait for it. Raises NoBook."""
    if _is_laid_out(folder):
        return
    book = Book(folder)
    with (folder / f".{FOLDER}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_laid_out(folder):
            _build(book, folder)


def _is_laid_out(folder: Path) -> bool:
    done = folder / FOLDER / _DONE
    return done.is_file() and json.loads(done.read_text(encoding="utf-8")).get("layout") == _LAYOUT


def _build(book: Book, folder: Path) -> None:
    target = folder / FOLDER
    staging = folder / f".{FOLDER}.new"
    shutil.rmtree(staging, ignore_errors=True)
    for number in range(book.partition_count):
        place = staging / f"partition={number:02d}"
        place.mkdir(parents=True)
        _lay_out(book, number, place)
    about = {"layout": _LAYOUT, "partition_count": book.partition_count, "as_of": book.as_of}
    (staging / _DONE).write_text(json.dumps(about), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    staging.rename(target)


def _lay_out(book: Book, number: int, place: Path) -> None:
    tables = book.partition(number).tables
    customers = tables["customers"]["customer_id"].sort()
    owners = (
        tables["accounts"]
        .select(owner_id="customer_id")
        .with_row_index("before")
        .with_columns(pl.int_range(pl.len(), dtype=pl.UInt32).over("owner_id").alias("place"))
    )
    for name in TABLES:
        rows = tables[name]
        columns = rows.columns
        if "account_row" in columns:
            kind = rows.schema["account_row"]
            moved = rows.rename({"account_row": "before"}).with_columns(pl.col("before").cast(pl.UInt32))
            moved = moved.join(owners, on="before", how="left", maintain_order="left")
            own = [pl.col("customer_id")] if "customer_id" in columns else []
            rows = moved.with_columns(
                pl.col("place").cast(kind).alias("account_row"), pl.coalesce(*own, "owner_id").alias("§owner")
            )
        else:
            rows = rows.with_columns(pl.col("customer_id").alias("§owner"))
        _write(rows, "§owner", columns, customers, place / name)
    for name in _RESULTS:
        file = book.folder / f"{name}.parquet"
        if not file.is_file():
            continue
        wanted = pl.col("customer_id")
        within = wanted.is_between(
            pl.lit(customers.min()), pl.lit(customers.max())
        )  # groups of rows of others are not read
        rows = pl.scan_parquet(file).filter(within & wanted.is_in(customers.implode())).collect()
        _write(rows, "customer_id", rows.columns, customers, place / (_RUN + name))
    values = tables["contact_points"].sort("customer_id", maintain_order=True)["value"].str.to_lowercase()
    write_texts(tables["customers"].sort("customer_id")["name"].str.to_lowercase(), place / _NAMES)
    write_texts(values, place / _VALUES)
    write_texts(values.str.replace_all(r"\D", ""), place / _NUMBERS)
    for name, key in _ROW_IDS.items():
        np.save(place / f"§{name}_ids.npy", np.sort(tables[name][key].unique().hash().to_numpy()))
    accounts = tables["accounts"].select("account_id", "customer_id").sort("account_id")
    np.save(place / f"{_CUSTOMER_IDS}.npy", _encoded(customers))
    np.save(place / f"{_ACCOUNT_IDS}.npy", _encoded(accounts["account_id"]))
    np.save(place / f"{_OWNERS}.npy", _encoded(accounts["customer_id"]))


def _write(rows: pl.DataFrame, owner: str, columns: list[str], customers: pl.Series, place: Path) -> None:
    rows = rows.sort(owner, maintain_order=True)
    starts = rows[owner].search_sorted(customers, side="left").to_numpy()
    np.save(place.with_suffix(".npy"), np.append(starts, rows.height).astype(np.int64))
    table = rows.select(columns).to_arrow(compat_level=pl.CompatLevel.oldest())
    with (
        pa.OSFile(str(place.with_suffix(".arrow")), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        writer.write_table(table.combine_chunks(), max_chunksize=_BATCH)


def _encoded(ids: pl.Series) -> NDArray[np.bytes_]:
    """Ids as bytes of one length, which sort as the texts do."""
    return np.array([text.encode() for text in ids.to_list()], dtype=np.bytes_)


class Shelf:
    """A laid-out book, to look people up in."""

    def __init__(self, folder: Path, hides: Callable[[str], bool] = lambda customer: False) -> None:
        """``folder``: the book's; it is laid out first where it has not been. ``hides``: whether a customer was erased since.
        Raises NoBook.
        """
        build(folder)
        self._hides = hides
        place = folder / FOLDER
        about = json.loads((place / _DONE).read_text(encoding="utf-8"))
        self.as_of: str = about["as_of"]
        self.known_until = Book(folder).imported_at
        self._parts = [_Part(place / f"partition={n:02d}") for n in range(about["partition_count"])]

    def open(self) -> None:
        """Open every file of every partition, which else who is first in each waits for."""
        for part in self._parts:
            part.open()

    def file(self, customer_id: str) -> File | None:
        """A customer's file; None when the book does not know them, or they were erased."""
        place = None if self._hides(customer_id) else self._place(customer_id)
        if place is None:
            return None
        part, number = place
        return File(customer_id, {name: part.rows(name, number) for name in TABLES}, _Results(part, number))

    def rows(self, customer_id: str, names: Sequence[str]) -> dict[str, pl.DataFrame] | None:
        """Some tables' rows of a customer, who may have been erased since; None when the book does not know them."""
        place = self._place(customer_id)
        return None if place is None else {name: place[0].rows(name, place[1]) for name in names}

    def _place(self, customer_id: str) -> tuple["_Part", int] | None:
        for part in self._parts:
            number = part.number_of(customer_id)
            if number is not None:
                return part, number
        return None

    def named(self, text: str) -> Iterator[str]:
        """The customers whose name holds a text, in whatever letters; those who were erased since among them."""
        for part in self._parts:
            yield from part.named(text.lower())

    def reached_at(self, *, value: str = "", digits: str = "") -> Iterator[str]:
        """The customers with a contact point of that value, in whatever letters, or one whose digits end with those; those who
        were erased since among them.
        """
        for part in self._parts:
            yield from part.reached_at(value.lower(), digits)

    def jurisdiction(self, customer_id: str) -> str | None:
        """Where a customer lives; None when the book does not know them."""
        place = self._place(customer_id)
        return None if place is None else str(place[0].rows("customers", place[1])["jurisdiction"][0])

    def owner(self, account_id: str) -> str | None:
        """The customer who owes an account; None when the book does not know it."""
        for part in self._parts:
            found = part.owner(account_id)
            if found is not None:
                return None if self._hides(found) else found
        return None

    def has_row(self, table: str, row_id: str) -> bool:
        """Whether the book holds a row of that id, whoever it is of (payments and holds)."""
        return any(part.has_row(table, row_id) for part in self._parts)

    def whole(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """A table of the book (these columns, or all), partition by partition, customers in order."""
        for part in self._parts:
            yield part.frame(name, columns)

    def results(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """A result of the last run (these columns, or all), partition by partition, customers in order."""
        for part in self._parts:
            if _RUN + name in part.names:
                yield part.frame(_RUN + name, columns)


class _Results(Mapping[str, pl.DataFrame]):
    """A customer's rows of the last run's results, each read when it is asked for: most pages want none."""

    def __init__(self, part: "_Part", number: int) -> None:
        self._part, self._number = part, number

    def __getitem__(self, name: str) -> pl.DataFrame:
        if _RUN + name not in self._part.names:
            raise KeyError(name)
        return self._part.rows(_RUN + name, self._number)

    def __iter__(self) -> Iterator[str]:
        return (name for name in _RESULTS if _RUN + name in self._part.names)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class _Part:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names = {file.stem for file in folder.glob("*.arrow")}
        self._customers = self._read(_CUSTOMER_IDS)
        self._accounts, self._owners = self._read(_ACCOUNT_IDS), self._read(_OWNERS)
        self._lock = Lock()
        self._files: dict[str, pa.RecordBatchFileReader] = {}
        self._empty: dict[str, pl.DataFrame] = {}

    def _read(self, name: str) -> NDArray[Any]:
        array: NDArray[Any] = np.load(self._folder / f"{name}.npy")
        return array

    def number_of(self, customer_id: str) -> int | None:
        return _place(self._customers, customer_id)

    def owner(self, account_id: str) -> str | None:
        place = _place(self._accounts, account_id)
        return None if place is None else self._owners[place].decode()

    @cached_property
    def _names(self) -> Texts:
        return Texts(self._folder / _NAMES)

    @cached_property
    def _values(self) -> Texts:
        return Texts(self._folder / _VALUES)

    @cached_property
    def _numbers(self) -> Texts:
        return Texts(self._folder / _NUMBERS)

    def named(self, text: str) -> Iterator[str]:
        return (self._customers[number].decode() for number in self._names.holding(text))

    def reached_at(self, value: str, digits: str) -> Iterator[str]:
        found = (
            self._values.holding(value, from_start=True, to_end=True)
            if value
            else self._numbers.holding(digits, to_end=True)
        )
        starts = np.load(self._folder / "contact_points.npy", mmap_mode="r")
        numbers = (int(np.searchsorted(starts, row, side="right")) - 1 for row in found)
        return (self._customers[number].decode() for number, _rows in groupby(numbers))

    def has_row(self, table: str, row_id: str) -> bool:
        hashed = pl.Series([row_id]).hash().to_numpy()
        known = np.load(self._folder / f"§{table}_ids.npy", mmap_mode="r")
        place = int(np.searchsorted(known, hashed[0]))
        if place == len(known) or known[place] != hashed[0]:
            return False
        return row_id in self.frame(table, [_ROW_IDS[table]])[_ROW_IDS[table]]  # two ids may share a hash

    def open(self) -> None:
        for name in self.names:
            self._none_of(name)
        self._names, self._values, self._numbers  # noqa: B018 - each is opened when it is asked for

    def _file(self, name: str) -> pa.RecordBatchFileReader:
        if name not in self._files:
            with self._lock:
                self._files[name] = pa.ipc.open_file(pa.memory_map(str(self._folder / f"{name}.arrow")))
        return self._files[name]

    def frame(self, name: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        file = self._file(name)
        with self._lock:
            table = file.read_all()
        return _frame(table if columns is None else table.select(list(columns)))

    def rows(self, name: str, number: int) -> pl.DataFrame:
        file, (first, last) = self._file(name), self._bounds(name, number)
        return _frame(self._between(file, first, last)) if first < last else self._none_of(name)

    def _none_of(self, name: str) -> pl.DataFrame:
        """No rows of a table: most people have no holds, no charges, no promises."""
        if name not in self._empty:
            self._empty[name] = _frame(self._file(name).schema.empty_table())
        return self._empty[name]

    def _bounds(self, name: str, number: int) -> tuple[int, int]:
        """Where a customer's rows of a table begin, and where the next one's do: two numbers out of a million are not worth
        reading all of them.
        """
        with (self._folder / f"{name}.npy").open("rb", buffering=0) as starts:
            numbers = os.fstat(starts.fileno()).st_size - (len(self._customers) + 1) * _NUMBER
            found = os.pread(starts.fileno(), 2 * _NUMBER, numbers + number * _NUMBER)
        first, last = np.frombuffer(found, np.int64)
        return int(first), int(last)

    def _between(self, file: pa.RecordBatchFileReader, first: int, last: int) -> pa.Table:
        """The rows from one place up to another: of the batches in which they lie."""
        parts = []
        for place in range(first // _BATCH, (last - 1) // _BATCH + 1):
            begins = place * _BATCH
            with self._lock:  # a reader of a file is one thread's at a time
                batch = file.get_batch(place)
            parts.append(
                batch.slice(max(first - begins, 0), min(last - begins, _BATCH) - max(first - begins, 0))
            )
        return pa.Table.from_batches(parts)


def _place(ids: NDArray[Any], text: str) -> int | None:
    """Where a text stands in sorted ids; None when it does not."""
    wanted = text.encode()
    if len(wanted) > ids.dtype.itemsize:
        return None
    place = int(np.searchsorted(ids, np.bytes_(wanted)))
    return place if place < len(ids) and ids[place] == wanted else None


def _frame(table: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame
