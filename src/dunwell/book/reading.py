"""Reading a tape: every file once, in batches; good rows typed and by partition, bad rows noted with the
rules they broke.

The order is the parents' first: customers, accounts, then all that belongs to them. Checks run on whole
columns; only where one fails are its rows looked at. What needs rows of one account together (reversals, keys
of instalments, overlapping pauses) waits until the partition is put together (``assembly``).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book.assembly import assemble, judge_lost_reversals
from dunwell.book.care import FLAWS
from dunwell.book.matching import Checks, Matcher, NotInOrder, Slicing
from dunwell.book.parents import SliceAccounts, SliceCustomers
from dunwell.book.partitions import Buckets, Partition
from dunwell.book.plans import BAD, ID, Detail, Plan, plan_of
from dunwell.book.quarantine import Faults, quarantine_frame, write_quarantine
from dunwell.book.repeats import Rising, judge_repeats, keys_may_repeat, repeated_rows
from dunwell.book.slices import Slices
from dunwell.book.sources import ROW, FileUnreadable, Source, TapeUnusable, is_about_utf8, open_source
from dunwell.book.tables import REQUIRED_TABLES, TABLES, Table

_BATCH_ROWS = 1 << 20
_ROWS_IN_ONE = {"figures": 25_000_000, "times": 18_000_000, "everything": 6_000_000}
"""So many rows are held at once without a detour over scratch files, within 2 GiB."""

_ROWS_A_PARTITION = {"figures": 5_000_000, "times": 5_000_000, "everything": 5_000_000}

ROWS_A_SLICE = 1_500_000
"""About so many rows of a tape in order are a slice: a few of them are in memory at a time."""

_PARENTS_HELD = 2_000_000
"""Up to so many accounts, and customers, of a tape in slices are held in memory, in some 0.2 GiB."""

_ROWS_HELD = 6_000_000
"""A tape is taken in slices when what is held whole beside customers and accounts has no more rows."""

Watch = Callable[[str, int, int], None]


class Tape:
    """A tape that has been read: partitions of good rows, and the faults found. Use as a context manager: it
    holds scratch files.
    """

    def __init__(
        self,
        folder: Path,
        *,
        products: Mapping[str, str],
        products_needing_rate: Collection[str] = (),
        columns: Mapping[str, Mapping[str, str]] | None = None,
        imported_at: datetime,
        detail: Detail = Detail.EVERYTHING,
        tables: Collection[str] = tuple(TABLES),
        partition_count: int | None = None,
        rows_a_slice: int | None = None,
        parents_held: int = _PARENTS_HELD,
        scratch: Path | None = None,
        watch: Watch = lambda what, done, total: None,
    ) -> None:
        """Read the tape in ``folder``. ``products``: the currency of each product that has terms;
        ``columns``: the lender's column names.

        With ``rows_a_slice`` a larger tape is handed out in slices of about so many rows, neighbours in the accounts file,
        not in partitions by customer: much faster, and nothing but the accounts of a very large one is put aside. NotInOrder is
        then raised, here or by ``partitions``, where instalments or payments do not stand in the order of the accounts (or
        keys may repeat); what was handed out before is void, and the tape has to be read anew without. Up to ``parents_held``
        customers and accounts are held in memory, of more than that a slice's.

        ``imported_at`` stands in where a row says not when it was recorded. Raises TapeUnusable when a
        required table is missing or unreadable. Unreadable optional files are listed in ``unreadable``; files
        that hold no table in ``ignored``.
        """
        self.folder, self.detail, self.imported_at, self.watch = folder, detail, imported_at, watch
        self.faults = Faults()
        self.unreadable: list[FileUnreadable] = []
        self.read_counts: dict[str, int] = {}
        self.lost_reversals: list[NDArray[np.uint32]] = []
        self._scratch = TemporaryDirectory(prefix="dunwell-", dir=scratch)
        try:
            self.sources = self._open(columns or {}, tables)
            self.ignored = self._ignored(tables)
            counts = {name: self._row_count(source) for name, source in list(self.sources.items())}
            slice_size = _slice_size(counts, rows_a_slice) if rows_a_slice and not partition_count else None
            self.is_in_slices = slice_size is not None
            self.partition_count = partition_count or (
                -(-counts["accounts"] // slice_size)
                if slice_size
                else _partitions_for(sum(counts.values()), detail)
            )
            place = Path(self._scratch.name)
            slicing = None
            if slice_size:
                slicing = Slicing(slice_size, counts["customers"], counts["accounts"], parents_held, place)
            self.matcher = Matcher(products, products_needing_rate, self.partition_count, slicing)
            self.accounts = self.matcher.accounts
            self._rows: Buckets | Slices = Buckets(self.partition_count, place, counts)
            if isinstance(self.matcher.customers, SliceCustomers):
                passing = {
                    name: self._pass_by(source)
                    for name, source in self.sources.items()
                    if source.table.passes_by
                }
                is_held = counts["accounts"] <= parents_held
                self._rows = Slices(self.matcher.customers, passing, None if is_held else place)
            for done, source in enumerate(list(self.sources.values())):
                if self.is_in_slices and source.table.passes_by:
                    continue
                self.watch(f"reading {source.path.name}", done, len(self.sources))
                try:
                    self._read(source)
                except FileUnreadable as error:
                    self._give_up(source, error)
                    del self.sources[source.table.name]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Tape":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the scratch files."""
        self._scratch.cleanup()

    def partitions(self) -> Iterator[Partition]:
        """The partitions one after the other, each once; the faults are complete when the last has been
        taken. Raises NotInOrder.
        """
        for number in range(self.partition_count):
            partition = assemble(self, self._rows, number)
            if number == self.partition_count - 1:
                judge_lost_reversals(self)
            yield partition

    @property
    def exit_code(self) -> int:
        """0 when every row was used, 2 when some are in quarantine or an optional file could not be read."""
        return 2 if self.faults.tables() or self.unreadable else 0

    def write_quarantine(self, folder: Path) -> list[Path]:
        """Write the bad rows, a Parquet file a table; returns the files."""
        return write_quarantine(self.sources, self.faults, folder)

    def quarantined(self, table: str) -> pl.DataFrame:
        """The bad rows of one table as a frame."""
        return quarantine_frame(self.sources[table], self.faults)

    def _open(self, columns: Mapping[str, Mapping[str, str]], tables: Collection[str]) -> dict[str, Source]:
        if not self.folder.is_dir():
            raise TapeUnusable(
                f"the tape folder {self.folder} does not exist. Name the folder that holds the lender's files"
            )
        unknown = set(columns) - set(TABLES)
        if unknown:
            raise TapeUnusable(
                f"[tape.columns.{sorted(unknown)[0]}] names no table. Known: {', '.join(TABLES)}"
            )
        sources: dict[str, Source] = {}
        problems: list[FileUnreadable] = []
        for name in TABLES:
            if name not in tables:
                continue
            try:
                source = open_source(self.folder, name, columns.get(name, {}), Path(self._scratch.name))
            except FileUnreadable as error:
                (problems if name in REQUIRED_TABLES else self.unreadable).append(error)
                continue
            if source is not None:
                sources[name] = source
            elif name in REQUIRED_TABLES:
                problems.append(
                    FileUnreadable(
                        f"{name}.csv",
                        f"is missing in {self.folder}, and so is {name}.parquet",
                        f"Put the {name} there",
                    )
                )
        if problems:
            raise TapeUnusable("; ".join(str(problem) for problem in problems))
        return sources

    def _ignored(self, tables: Collection[str]) -> list[str]:
        known = {f"{name}.{kind}" for name in TABLES for kind in ("csv", "parquet")}
        return sorted(
            file.name
            for file in self.folder.iterdir()
            if file.is_file() and file.suffix in (".csv", ".parquet") and file.name not in known
        )

    def _row_count(self, source: Source) -> int:
        try:
            return int(source.scan.select(pl.len()).collect(engine="streaming").item())
        except (pl.exceptions.PolarsError, OSError) as error:
            if source.table.is_required:
                raise TapeUnusable(str(self._lost(source, error))) from error
            self.unreadable.append(self._lost(source, error))
            del self.sources[source.table.name]
            return 0

    def _lost(self, source: Source, error: Exception) -> FileUnreadable:
        detail = str(error).splitlines()[0]
        return FileUnreadable(
            source.path.name,
            f"cannot be read to its end ({detail})",
            "It may be cut off; export or copy it again",
        )

    def _give_up(self, source: Source, error: FileUnreadable) -> None:
        """A file that breaks off while it is read: without a required one nothing can be said, an optional
        one is left out whole.
        """
        if source.table.is_required:
            raise TapeUnusable(str(error)) from error
        self.unreadable.append(error)
        self._forget(source.table)

    def _read(self, source: Source) -> None:
        """One file; with care and from the start where it turns out to hold bytes that are not UTF-8."""
        try:
            self._read_whole(source)
        except (FileUnreadable, pl.exceptions.PolarsError, OSError) as error:
            if not is_about_utf8(error) or source.is_read_with_care:
                raise error if isinstance(error, FileUnreadable) else self._lost(source, error) from error
            self._forget(source.table)
            self.sources[source.table.name] = careful = source.with_care()
            self._read(careful)

    def _forget(self, table: Table) -> None:
        """Drop what was read of a table, to read it again."""
        self._rows.drop(table.name)
        self.faults.forget(table.name)
        self.matcher.forget(table)

    def _read_whole(self, source: Source) -> None:
        """Every batch typed, checked, matched with its parents and kept; once more should keys repeat."""
        table = source.table
        repeated = np.empty(0, np.uint32)
        if not table.key:
            repeated = judge_repeats(source, repeated_rows(source, list(source.dtypes)), self.faults)
        rising = Rising()
        self._read_batches(source, repeated, rising)
        if len(table.key) == 1 and self._may_repeat(source, rising):
            if (
                isinstance(self.accounts, SliceAccounts)
                and self.accounts.are_many
                and table.name == "accounts"
            ):
                raise NotInOrder(table.name)  # the positions of repeats are not told apart
            repeated = judge_repeats(source, repeated_rows(source, table.key), self.faults)
            self._rows.drop(table.name)
            self.matcher.forget(table)
            self._read_batches(source, repeated, Rising())
        for parents in self.matcher.parents_of(table):
            parents.close(self.partition_count)

    def _may_repeat(self, source: Source, rising: Rising) -> bool:
        parts = _partitions_for(self.read_counts[source.table.name], self.detail)
        return not rising.holds and keys_may_repeat(source, Path(self._scratch.name), parts)

    def _pass_by(self, source: Source) -> Iterator[pl.DataFrame]:
        """The good rows of a table that goes by while slices are handed out. Raises NotInOrder for all that takes another
        look at the whole file.
        """
        rising = Rising()
        try:
            yield from self._placed(source, np.empty(0, np.uint32), rising, _BATCH_ROWS // 4)
            if len(source.table.key) == 1 and self._may_repeat(source, rising):
                raise NotInOrder(source.table.name)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise NotInOrder(source.table.name) from error

    def _read_batches(self, source: Source, repeated: NDArray[np.uint32], rising: Rising) -> None:
        """Read the file once and keep its good rows; ``repeated``: rows that are bad for their key."""
        kept: Future[None] | None = None
        try:
            with ThreadPoolExecutor(1) as keeper:
                is_small = isinstance(self.accounts, SliceAccounts) and not self.accounts.are_many
                rows = (
                    _BATCH_ROWS // 4 if is_small else _BATCH_ROWS
                )  # put aside, what is looked up costs a pass a batch
                for placed in self._placed(source, repeated, rising, rows):
                    if kept is not None:
                        kept.result()
                    # One batch is put away while the next is checked.
                    kept = keeper.submit(self._rows.add, source.table.name, placed)
                if kept is not None:
                    kept.result()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._lost(source, error) from error

    def _placed(
        self, source: Source, repeated: NDArray[np.uint32], rising: Rising, batch_rows: int
    ) -> Iterator[pl.DataFrame]:
        """The file's good rows batch by batch, typed, checked and matched with their parents; counts all rows in
        ``read_counts``, and shows ``rising`` their keys.
        """
        table = source.table
        plan = plan_of(source, self.detail, self.imported_at, self.accounts.exponent)
        start = 0
        for batch in plan.scan.collect_batches(chunk_size=batch_rows, maintain_order=True):
            numbers = np.arange(start + 1, start + 1 + batch.height, dtype=np.uint32)
            batch.insert_column(0, pl.Series(ROW, numbers))
            checks = Checks(table.name, self.faults, batch[ROW])
            if batch[BAD].any():
                self._explain(plan, start, batch.height, checks)
            checks.is_bad[_within(repeated, start, batch.height)] = True
            start += batch.height
            columns = {column.name: column for column in batch.get_columns() if column.name != BAD}
            if len(table.key) == 1:
                rising.add(columns.pop(ID) if ID in columns else columns[table.key[0]])
            yield self.matcher.place(plan, columns, checks)
        self.read_counts[table.name] = start

    def _explain(self, plan: Plan, start: int, height: int, checks: Checks) -> None:
        """Which rows of a batch broke which rule: the batch is read once more with a flag a rule."""
        flags = [mask.alias(str(i)) for i, (_, mask) in enumerate(plan.flags)]
        extra = [pl.col(FLAWS)] if FLAWS in plan.source.dtypes else []
        found = plan.rows.slice(start, height).select(*flags, *extra).collect()
        for i, (text, _) in enumerate(plan.flags):
            if text != FLAWS:
                checks.note(text, found[str(i)])
                continue
            for flaw in found[FLAWS].explode().drop_nulls().unique(maintain_order=True).to_list():
                checks.note(flaw, found[FLAWS].list.contains(flaw))


def _within(rows: NDArray[np.uint32], start: int, height: int) -> NDArray[np.uint32]:
    """Where these rows (1 is the first) stand in the batch of ``height`` rows that begins after ``start``."""
    first, last = np.searchsorted(rows, [start + 1, start + height + 1])
    return rows[first:last] - np.uint32(start + 1)


def _slice_size(counts: Mapping[str, int], rows_a_slice: int) -> int | None:
    """How many accounts are a slice; None where the tape is one slice, or holds too much that cannot go by."""
    held = sum(
        count
        for name, count in counts.items()
        if name not in ("customers", "accounts") and not TABLES[name].passes_by
    )
    rows, accounts = sum(counts.values()), counts["accounts"]
    if rows <= rows_a_slice or held > _ROWS_HELD:
        return None
    return max(1, accounts * rows_a_slice // rows)


def _partitions_for(rows: int, detail: Detail) -> int:
    return 1 if rows <= _ROWS_IN_ONE[detail] else -(-rows // _ROWS_A_PARTITION[detail])
