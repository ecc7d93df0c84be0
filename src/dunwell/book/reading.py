"""Reading a tape: every file once, in batches; good rows typed and by partition, bad rows noted with the
rules they broke.

The order is the parents' first: customers, accounts, then all that belongs to them. Checks run on whole
columns; only where one fails are its rows looked at. What needs rows of one account together (reversals, keys
of instalments, overlapping pauses) waits until the partition is put together (``assembly``).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book.assembly import assemble
from dunwell.book.care import FLAWS
from dunwell.book.finding import Index, hash_of, hashes
from dunwell.book.flags import may_be_bad
from dunwell.book.partitions import PARTITION, Buckets, Partition
from dunwell.book.quarantine import PARENT_IN_QUARANTINE, Faults, quarantine_frame, write_quarantine
from dunwell.book.repeats import KeyLog, judge_repeats, repeated_rows
from dunwell.book.sources import (
    ROW,
    FileUnreadable,
    Source,
    TapeUnusable,
    is_about_utf8,
    open_source,
)
from dunwell.book.tables import REQUIRED_TABLES, TABLES, Column, Kind, Table
from dunwell.book.values import MONEY_SCALE, TOO_FINE, TYPED, rules, typed
from dunwell.money import CURRENCIES

_BATCH_ROWS = 1 << 20
_ROWS_IN_ONE = {"figures": 25_000_000, "times": 18_000_000, "everything": 6_000_000}
"""So many rows are held at once without a detour over scratch files, within 2 GiB."""

_ROWS_A_PARTITION = {"figures": 5_000_000, "times": 5_000_000, "everything": 5_000_000}

Watch = Callable[[str, int, int], None]


class Detail(StrEnum):
    """How much of a tape is kept: what figures need, that with recording times, or everything with the
    lender's own columns.
    """

    FIGURES = "figures"
    TIMES = "times"
    EVERYTHING = "everything"


class Parents:
    """The accounts or customers of a tape as arrays: hash of the id, whether good, partition, row in the
    partition's frame.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.keys: list[NDArray[np.uint64]] = []
        self.good: list[NDArray[np.bool_]] = []
        self.places: list[NDArray[np.int32]] = []
        self.currencies: list[NDArray[np.int16]] = []

    def close(self, partition_count: int) -> None:
        """Put the batches together once the file is read, and number the good ones within their partitions."""
        self.key = np.concatenate([np.empty(0, np.uint64), *self.keys])
        self.is_good = np.concatenate([np.empty(0, np.bool_), *self.good])
        self.partition = np.concatenate([np.empty(0, np.int32), *self.places])
        self.currency = np.concatenate([np.empty(0, np.int16), *self.currencies])
        self.index = Index(self.key)
        self.row = np.full(len(self.key), -1, np.int32)
        for number in range(partition_count):
            mine = np.flatnonzero(self.is_good & (self.partition == number))
            self.row[mine] = np.arange(len(mine), dtype=np.int32)
        self.is_incomplete = np.zeros(len(self.key), np.bool_)
        self.are_all_good = bool(self.is_good.all())
        self.rows_are_positions = self.are_all_good and partition_count == 1
        exponents = (
            np.unique(_EXPONENTS[self.currency[self.is_good]]) if len(self.currency) else _EXPONENTS[:0]
        )
        self.exponent = int(exponents[0]) if len(exponents) == 1 else None
        self.forget()


KEY, ACCOUNT, CUSTOMER, BAD = "§key", "§account", "§customer", "§bad"

_HASHES: Mapping[str, Mapping[str, str]] = {
    name: {
        **({table.key[0]: KEY} if len(table.key) == 1 else {}),
        **({"account_id": ACCOUNT} if table.parent in ("accounts", "accounts or customers") else {}),
        **({"customer_id": CUSTOMER} if table.parent in ("customers", "accounts or customers") else {}),
    }
    for name, table in TABLES.items()
}
"""The ids of each table that are looked up or counted, by the column their hash goes into."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one file is read: ``scan`` gives typed rows and the flag BAD; ``rows`` and ``flags`` tell why a row
    is bad.
    """

    source: Source
    scan: pl.LazyFrame
    rows: pl.LazyFrame
    flags: list[tuple[str, pl.Expr]]
    money_scale: int


_CURRENCY_CODES = sorted(CURRENCIES)
_EXPONENTS = np.array([CURRENCIES[code] for code in _CURRENCY_CODES], np.int64)


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
        scratch: Path | None = None,
        watch: Watch = lambda what, done, total: None,
    ) -> None:
        """Read the tape in ``folder``. ``products``: the currency of each product that has terms;
        ``columns``: the lender's column names.

        ``imported_at`` stands in where a row says not when it was recorded. Raises TapeUnusable when a
        required table is missing or unreadable. Unreadable optional files are listed in ``unreadable``; files
        that hold no table in ``ignored``.
        """
        self.folder, self.detail, self.imported_at, self.watch = folder, detail, imported_at, watch
        self._products, self._needing_rate = products, set(products_needing_rate)
        self.faults = Faults()
        self.unreadable: list[FileUnreadable] = []
        self.read_counts: dict[str, int] = {}
        self._scratch = TemporaryDirectory(prefix="dunwell-", dir=scratch)
        try:
            self.sources = self._open(columns or {}, tables)
            self.ignored = self._ignored(tables)
            rows = sum(self._row_count(source) for source in list(self.sources.values()))
            self.partition_count = partition_count or _partitions_for(rows, detail)
            self._buckets = Buckets(self.partition_count, Path(self._scratch.name))
            self._bad_keys: list[pl.DataFrame] = []
            self.customers, self.accounts = Parents(), Parents()
            for done, source in enumerate(list(self.sources.values())):
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
        taken.
        """
        for number in range(self.partition_count):
            yield assemble(self, self._buckets, number)

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
        self._buckets.drop(table.name)
        self.faults.forget(table.name)
        for parents in self._parents_of(table):
            parents.forget()
        if table.name == "instalments":
            self._bad_keys.clear()

    def _read_whole(self, source: Source) -> None:
        """Every batch typed, checked, matched with its parents and kept; once more should keys repeat."""
        table = source.table
        repeated: list[int] = []
        if not table.key:
            repeated = judge_repeats(source, repeated_rows(source, list(source.dtypes)), self.faults)
        log = KeyLog(Path(self._scratch.name), table.name, self.partition_count)
        read_count = self._read_batches(source, repeated, log)
        if len(table.key) == 1 and log.has_repeats():
            repeated = judge_repeats(source, repeated_rows(source, list(table.key)), self.faults)
            self._buckets.drop(table.name)
            for parents in self._parents_of(table):
                parents.forget()
            self._read_batches(source, repeated, None)
        self.read_counts[table.name] = read_count
        for parents in self._parents_of(table):
            parents.close(self.partition_count)

    def _parents_of(self, table: Table) -> list[Parents]:
        return (
            [self.customers]
            if table.name == "customers"
            else [self.accounts]
            if table.name == "accounts"
            else []
        )

    def bad_keys(self) -> pl.DataFrame | None:
        """ACCOUNT, number and ROW of instalments that are bad for another reason than their key; None when
        there are none.
        """
        return pl.concat(self._bad_keys).drop_nulls() if self._bad_keys else None

    def mark_incomplete(self, positions: NDArray[np.int32]) -> None:
        """Note that money rows of these accounts are in quarantine."""
        known = positions[positions >= 0]
        self.accounts.is_incomplete[known] = True

    def _read_batches(self, source: Source, repeated: list[int], log: KeyLog | None) -> int:
        """Read the file once; ``repeated``: rows that are bad for their key. Returns how many rows there are."""
        plan = self._plan(source)
        start = 0
        try:
            for batch in plan.scan.collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True):
                if log is not None and KEY in batch.columns:
                    log.add(batch[KEY])
                checks = Checks(source.table.name, self.faults, batch[ROW])
                if batch[BAD].any():
                    self._explain(plan, start, batch.height, checks)
                if repeated:
                    checks.is_bad |= (
                        batch[ROW].is_in(pl.Series(repeated, dtype=pl.UInt32).implode()).to_numpy()
                    )
                start += batch.height
                columns = {column.name: column for column in batch.get_columns()}
                del columns[BAD]
                self._keep(plan, columns, checks)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._lost(source, error) from error
        return start

    def _plan(self, source: Source) -> "_Plan":
        """How the file is read: typed columns with their defaults, hashes of the ids that are looked up, and
        one flag for bad rows.
        """
        table, dtypes = source.table, source.dtypes
        is_child = table.parent is not None and table.parent.startswith("accounts")
        scale = self.accounts.exponent if is_child and self.accounts.exponent is not None else MONEY_SCALE
        columns = [c for c in table.columns if c.name in dtypes]
        attributes = self._attributes(source)
        raw = source.scan.select(
            *(c.name for c in columns), *attributes, *([FLAWS] if FLAWS in dtypes else [])
        )
        rows = raw.with_row_index(ROW, offset=1).with_columns(
            typed(c, dtypes[c.name], scale) for c in columns
        )
        broken = [rule for c in columns for rule in rules(c, dtypes[c.name], scale)]
        flags = [(text, mask.fill_null(False)) for text, mask in broken]
        if FLAWS in dtypes:
            flags.append((FLAWS, pl.col(FLAWS).list.len() > 0))
        lost = (
            [] if self.detail is Detail.EVERYTHING or table.name != "payments" else ["payment_id", "reverses"]
        )
        kept = [c for c in table.columns if c.name not in (*lost, *(["account_id"] if is_child else []))]
        if self.detail is Detail.FIGURES:
            kept = [c for c in kept if c.name != "recorded_at"]
        present = {c.name for c in columns}
        outputs = [_filled(c, c.name in present, self.imported_at) for c in kept]
        outputs += [
            _hash(name, present, is_required=alias == KEY).alias(alias)
            for name, alias in _HASHES[table.name].items()
        ]
        if lost:
            outputs.append(_hash("payment_id", present, is_required=True).alias("payment_key"))
            outputs.append(_hash("reverses", present).alias("reverses_key"))
        is_bad = may_be_bad(columns, dtypes, scale)
        if FLAWS in dtypes:
            is_bad |= pl.col(FLAWS).list.len() > 0
        return _Plan(
            source,
            rows.select(ROW, *outputs, *_apart(table, attributes), is_bad.alias(BAD)),
            rows,
            flags,
            scale,
        )

    def _explain(self, plan: "_Plan", start: int, height: int, checks: "Checks") -> None:
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

    def _attributes(self, source: Source) -> list[str]:
        if self.detail is not Detail.EVERYTHING:
            return []
        return [name for name in source.dtypes if name not in source.table.by_name and name != FLAWS]

    def _keep(self, plan: "_Plan", batch: dict[str, pl.Series], checks: "Checks") -> None:
        """Match a batch with its parents and keep the good rows by partition."""
        name = plan.source.table.name
        places = {
            "customers": self._place_customers,
            "accounts": self._place_accounts,
            "holds": self._place_holds,
        }
        places.get(name, self._place_children)(plan, batch, checks)
        placed = pl.DataFrame(list(batch.values()))
        self._buckets.add(name, placed.filter(~pl.Series(checks.is_bad)) if checks.is_bad.any() else placed)

    def _place_customers(self, plan: "_Plan", batch: dict[str, pl.Series], checks: "Checks") -> None:
        key = _keys(batch.pop(KEY))
        self.customers.keys.append(key)
        self.customers.good.append(~checks.is_bad)
        place = (key % np.uint64(self.partition_count)).astype(np.int32)
        self.customers.places.append(place)
        batch[PARTITION] = pl.Series(PARTITION, place)

    def _place_accounts(self, plan: "_Plan", batch: dict[str, pl.Series], checks: "Checks") -> None:
        customer = self._parent(
            batch.pop(CUSTOMER), self.customers, "customer_id is not in customers", checks
        )
        currency, product = batch["currency"], batch["product"]
        known = {code: k for k, code in enumerate(_CURRENCY_CODES)}
        codes = currency.replace_strict(known, default=-1, return_dtype=pl.Int16).fill_null(-1).to_numpy()
        checks.note("currency is not ISO 4217", pl.Series(codes < 0) & currency.is_not_null())
        expected = product.replace_strict(dict(self._products), default=None, return_dtype=pl.String)
        checks.note("product has no terms", product.is_not_null() & expected.is_null())
        checks.note(
            "currency differs from the product's",
            (expected != currency).fill_null(False) & pl.Series(codes >= 0),
        )
        is_without_rate = product.is_in(sorted(self._needing_rate)) & batch["annual_rate_ppb"].is_null()
        is_without_rate &= ~pl.Series(checks.is_broken("annual_rate"))
        checks.note("annual_rate is missing, and the product's penalty is a multiple of it", is_without_rate)
        self._to_minor_units(batch, plan.source.table, codes, checks)
        self.accounts.keys.append(_keys(batch.pop(KEY)))
        self.accounts.good.append(~checks.is_bad)
        place = self._partition_of(self.customers, customer)
        self.accounts.places.append(place.to_numpy())
        self.accounts.currencies.append(codes)
        batch[PARTITION] = place

    def _place_children(self, plan: "_Plan", batch: dict[str, pl.Series], checks: "Checks") -> None:
        table = plan.source.table
        batch.pop(KEY, None)
        if table.parent == "customers":
            customer = self._parent(
                batch.pop(CUSTOMER), self.customers, "customer_id is not in customers", checks
            )
            if "account_ids" in batch:
                self._check_account_ids(batch["account_ids"], checks)
            batch[PARTITION] = self._partition_of(self.customers, customer)
            return
        hashed = batch.pop(ACCOUNT)
        account = self._parent(hashed, self.accounts, "account_id is not in accounts", checks)
        if plan.money_scale != self.accounts.exponent:
            codes = (
                self.accounts.currency[account]
                if len(self.accounts.currency)
                else np.zeros(len(account), np.int16)
            )
            self._to_minor_units(batch, table, codes, checks)
        if table.name == "payments":
            target = batch["reverses" if "reverses" in batch else "reverses_key"]
            if target.null_count():
                checks.note(
                    "reverses is missing for a reversal", (batch["kind"] == "reversal") & target.is_null()
                )
        if table.holds_money and checks.is_bad.any():
            self.mark_incomplete(account[checks.is_bad])
            if table.name == "instalments":
                bad = pl.DataFrame([hashed, batch["number"], batch[ROW]]).filter(pl.Series(checks.is_bad))
                self._bad_keys.append(bad)
        batch["account_row"] = _rows_of(self.accounts, account)
        batch[PARTITION] = self._partition_of(self.accounts, account)

    def _place_holds(self, plan: "_Plan", batch: dict[str, pl.Series], checks: "Checks") -> None:
        del batch[KEY]
        of_account, of_customer = batch.pop(ACCOUNT), batch.pop(CUSTOMER)
        checks.note("account_id or customer_id is missing", of_account.is_null() & of_customer.is_null())
        checks.note("to_on is before from_on", (batch["to_on"] < batch["from_on"]).fill_null(False))
        account = self._parent(of_account, self.accounts, "account_id is not in accounts", checks)
        customer = self._parent(of_customer, self.customers, "customer_id is not in customers", checks)
        rows = self.accounts.row[account] if len(self.accounts.row) else account
        batch["account_row"] = pl.Series("account_row", np.where(account >= 0, rows, -1), dtype=pl.Int64)
        places = self._partition_of(self.accounts, account), self._partition_of(self.customers, customer)
        batch[PARTITION] = places[0].zip_with(pl.Series(account >= 0), places[1])

    def _partition_of(self, parents: Parents, position: NDArray[np.int32]) -> pl.Series:
        """Where rows with these parents belong (rows without one are bad and go nowhere)."""
        place = (
            parents.partition[position]
            if len(parents.partition) and self.partition_count > 1
            else np.zeros(len(position), np.int32)
        )
        return pl.Series(PARTITION, place)

    def _parent(self, ids: pl.Series, parents: Parents, rule: str, checks: "Checks") -> NDArray[np.int32]:
        """Each row's parent as a position, by the hash of its id; notes orphans and rows whose parent is in
        quarantine.
        """
        if not len(parents.key):
            checks.note(rule, ids.is_not_null())
            return np.full(len(ids), -1, np.int32)
        position = parents.index.find(_keys(ids))
        if ids.null_count():
            position = np.where(ids.is_null().to_numpy(), -1, position).astype(np.int32)
        is_orphan = position < 0
        if is_orphan.any():
            checks.note(rule, pl.Series(is_orphan) & ids.is_not_null())
        if not parents.are_all_good:
            checks.note(PARENT_IN_QUARANTINE, pl.Series(~is_orphan & ~parents.is_good[position]))
        return position

    def _check_account_ids(self, lists: pl.Series, checks: "Checks") -> None:
        if lists.null_count() == len(lists):
            return
        flat = (
            pl.DataFrame({"row": np.arange(len(lists)), "id": lists})
            .explode("id")
            .filter(pl.col("id").is_not_null())
        )
        position = (
            self.accounts.index.find(hashes(flat["id"]))
            if len(self.accounts.key)
            else np.full(flat.height, -1, np.int32)
        )
        for rule, is_broken in (
            ("account_ids names an account that is not in accounts", position < 0),
            (
                PARENT_IN_QUARANTINE,
                (position >= 0) & ~self.accounts.is_good[position]
                if len(self.accounts.key)
                else np.zeros(flat.height, np.bool_),
            ),
        ):
            mask = np.zeros(len(lists), np.bool_)
            mask[flat["row"].to_numpy()[is_broken]] = True
            checks.note(rule, pl.Series(mask))

    def _to_minor_units(
        self, batch: dict[str, pl.Series], table: Table, currency: NDArray[np.int16], checks: "Checks"
    ) -> None:
        """Money from ten-thousandths to minor units by each row's currency; what is finer than the currency
        is bad.
        """
        factors = 10 ** (MONEY_SCALE - _EXPONENTS[currency])
        for column in table.columns:
            if column.kind is not Kind.MONEY or column.typed_name not in batch:
                continue
            scaled = batch[column.typed_name].fill_null(0).to_numpy()
            minor = scaled // factors
            is_too_fine = minor * factors != scaled
            if is_too_fine.any():
                checks.note(TOO_FINE.format(column.name), pl.Series(is_too_fine & (currency >= 0)))
            batch[column.typed_name] = pl.Series(column.typed_name, minor)


class Checks:
    """Collects the bad rows of one batch."""

    def __init__(self, table: str, faults: Faults, row_numbers: pl.Series) -> None:
        self._table, self._faults, self._rows = table, faults, row_numbers
        self.is_bad: NDArray[np.bool_] = np.zeros(len(row_numbers), np.bool_)
        self._broken: dict[str, NDArray[np.bool_]] = {}

    def is_broken(self, column: str) -> NDArray[np.bool_]:
        """Which rows broke a rule about the column so far."""
        return self._broken.get(column, np.zeros(len(self._rows), np.bool_))

    def note(self, rule: str, mask: pl.Series) -> None:
        """Rows for which the mask is true broke the rule."""
        if not mask.any():
            return
        broken = mask.fill_null(False).to_numpy()
        self.is_bad |= broken
        column = rule.split(" ", 1)[0]
        self._broken[column] = self.is_broken(column) | broken
        self._faults.add(self._table, self._rows.filter(mask).to_list(), rule)


def _partitions_for(rows: int, detail: Detail) -> int:
    return 1 if rows <= _ROWS_IN_ONE[detail] else -(-rows // _ROWS_A_PARTITION[detail])


def _filled(column: Column, is_present: bool, imported_at: datetime) -> pl.Expr:
    """The typed column under its own name: null or its default where the file has none, recorded_at at the
    import.
    """
    dtype = pl.Enum(column.choices) if column.kind is Kind.CHOICE else _DTYPES[column.kind]
    values = pl.col(TYPED + column.name) if is_present else pl.lit(None, dtype=_DTYPES[column.kind])
    if column.name == "recorded_at":
        values = values.fill_null(pl.lit(imported_at).cast(pl.Datetime("us", "UTC")))
    elif column.default is not None:
        values = values.fill_null(column.default) if is_present else pl.lit(column.default)
    return values.cast(dtype).alias(column.typed_name)


def _hash(name: str, present: set[str], *, is_required: bool = False) -> pl.Expr:
    """The hash of a typed id; null where it is absent."""
    if name not in present:
        return pl.lit(None, dtype=pl.UInt64)
    if is_required:
        return hash_of(TYPED + name)  # a row without it is bad, whatever the hash
    return pl.when(pl.col(TYPED + name).is_not_null()).then(hash_of(TYPED + name))


def _keys(hashed: pl.Series) -> NDArray[np.uint64]:
    return (hashed.fill_null(0) if hashed.null_count() else hashed).to_numpy()


_DTYPES: Mapping[Kind, pl.DataType | type[pl.DataType]] = {
    Kind.ID: pl.String,
    Kind.TEXT: pl.String,
    Kind.CODE: pl.String,
    Kind.DAY: pl.Date,
    Kind.INSTANT: pl.Datetime("us", "UTC"),
    Kind.MONEY: pl.Int64,
    Kind.RATE: pl.Int64,
    Kind.COUNT: pl.Int64,
    Kind.CHOICE: pl.String,
    Kind.ZONE: pl.String,
    Kind.IDS: pl.List(pl.String),
}


def _apart(table: Table, attributes: list[str]) -> list[pl.Expr]:
    """The lender's own columns; one that is called like a typed column of ours is put apart as
    ``attribute:NAME``.
    """
    taken = {column.typed_name for column in table.columns} | {"account_row", "is_incomplete"}
    return [pl.col(name).alias(f"attribute:{name}") if name in taken else pl.col(name) for name in attributes]


def _rows_of(accounts: Parents, position: NDArray[np.int32]) -> pl.Series:
    """The row of each account in its partition's frame (of an unknown account: 0; its row is bad and goes
    nowhere).
    """
    rows = position if accounts.rows_are_positions or not len(accounts.row) else accounts.row[position]
    return pl.Series("account_row", np.maximum(rows, 0).view(np.uint32))


def empty_rows(name: str, detail: Detail) -> pl.DataFrame:
    """A table without rows, with the columns that reading would give it."""
    table = TABLES[name]
    columns: dict[str, pl.DataType | type[pl.DataType]] = {ROW: pl.UInt32}
    for column in table.columns:
        if column.name == "recorded_at" and detail is Detail.FIGURES:
            continue
        columns[column.typed_name] = (
            pl.Enum(column.choices) if column.kind is Kind.CHOICE else _DTYPES[column.kind]
        )
    if table.parent in ("accounts", "accounts or customers"):
        del columns["account_id"]
        columns["account_row"] = pl.UInt32 if table.parent == "accounts" else pl.Int64
    if name == "payments" and detail is not Detail.EVERYTHING:
        del columns["payment_id"], columns["reverses"]
        columns |= {"payment_key": pl.UInt64, "reverses_key": pl.UInt64}
    return pl.DataFrame(schema=columns)
