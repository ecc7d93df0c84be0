"""Reading a tape: every file once, in batches; good rows typed and by partition, bad rows noted with the rules they broke.

The order is the parents' first: customers, accounts, then all that belongs to them. Checks run on whole columns; only where one
fails are its rows looked at. What needs rows of one account together (reversals, keys of instalments, overlapping pauses) waits until
the partition is put together (``assembly``).
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.money import CURRENCIES
from dunwell.book.assembly import assemble
from dunwell.book.finding import Index, hash_of, hashes
from dunwell.book.partitions import PARTITION, Buckets, Partition
from dunwell.book.quarantine import PARENT_IN_QUARANTINE, Faults, quarantine_frame, write_quarantine
from dunwell.book.repeats import KeyLog, judge_repeats, repeated_rows
from dunwell.book.sources import FLAWS, ROW, FileUnreadable, Source, TapeUnusable, open_source
from dunwell.book.tables import REQUIRED_TABLES, TABLES, Column, Kind, Table
from dunwell.book.values import MONEY_SCALE, TYPED, rules, typed

_BATCH_ROWS = 1 << 20
_ROWS_A_PARTITION = {"figures": 30_000_000, "times": 24_000_000, "everything": 6_000_000}

Watch = Callable[[str, int, int], None]


class Detail(StrEnum):
    """How much of a tape is kept: what figures need, that with recording times, or everything with the lender's own columns."""

    FIGURES = "figures"
    TIMES = "times"
    EVERYTHING = "everything"


class Parents:
    """The accounts or customers of a tape as arrays: hash of the id, whether good, partition, row in the partition's frame."""

    def __init__(self) -> None:
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
        del self.keys, self.good, self.places, self.currencies


_CURRENCY_CODES = sorted(CURRENCIES)
_EXPONENTS = np.array([CURRENCIES[code] for code in _CURRENCY_CODES], np.int64)


class Tape:
    """A tape that has been read: partitions of good rows, and the faults found. Use as a context manager: it holds scratch files."""

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
        """Read the tape in ``folder``. ``products``: the currency of each product that has terms; ``columns``: the lender's column names.

        ``imported_at`` stands in where a row says not when it was recorded. Raises TapeUnusable when a required table is missing or
        unreadable. Unreadable optional files are listed in ``unreadable``; files that hold no table in ``ignored``.
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
            rows = sum(self._row_count(source) for source in self.sources.values())
            self.partition_count = partition_count or max(1, -(-rows // _ROWS_A_PARTITION[detail]))
            self._buckets = Buckets(self.partition_count, Path(self._scratch.name))
            self._bad_keys: dict[str, list[pl.DataFrame]] = {}
            self.customers, self.accounts = Parents(), Parents()
            for done, source in enumerate(self.sources.values()):
                self.watch(f"reading {source.path.name}", done, len(self.sources))
                self._read(source)
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
        """The partitions one after the other, each once; the faults are complete when the last has been taken."""
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
            raise TapeUnusable(f"the tape folder {self.folder} does not exist. Name the folder that holds the lender's files")
        unknown = set(columns) - set(TABLES)
        if unknown:
            raise TapeUnusable(f"[tape.columns.{sorted(unknown)[0]}] names no table. Known: {', '.join(TABLES)}")
        sources, problems = {}, []
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
                problems.append(FileUnreadable(f"{name}.csv", f"is missing in {self.folder}, and so is {name}.parquet", f"Put the {name} there"))
        if problems:
            raise TapeUnusable("; ".join(str(problem) for problem in problems))
        return sources

    def _ignored(self, tables: Collection[str]) -> list[str]:
        known = {f"{name}.{kind}" for name in TABLES for kind in ("csv", "parquet")}
        return sorted(file.name for file in self.folder.iterdir() if file.is_file() and file.suffix in (".csv", ".parquet") and file.name not in known)

    def _row_count(self, source: Source) -> int:
        try:
            return int(source.scan.select(pl.len()).collect(engine="streaming").item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise self._lost(source, error) from error

    def _lost(self, source: Source, error: Exception) -> Exception:
        return TapeUnusable(f"{source.path.name}: cannot be read to its end ({str(error).splitlines()[0]}). It may be cut off; export or copy it again")

    def _read(self, source: Source) -> None:
        """One file: every batch typed, checked, matched with its parents and kept; once more without repeated keys, should there be any."""
        table = source.table
        repeated: NDArray[np.int64] = np.empty(0, np.int64)
        if not table.key:
            repeated = self._judge(source, repeated_rows(source, list(source.dtypes)))
        log = KeyLog(Path(self._scratch.name), table.name, self.partition_count)
        read_count = self._read_batches(source, repeated, log)
        if len(table.key) == 1 and log.has_repeats():
            repeated = self._judge(source, repeated_rows(source, list(table.key)))
            if len(repeated):
                self._buckets.drop(table.name)
                for parents in self._parents_of(table):
                    parents.__init__()  # type: ignore[misc]  # read again from the start
                self._read_batches(source, repeated, None)
        self.read_counts[table.name] = read_count
        for parents in self._parents_of(table):
            parents.close(self.partition_count)
        if table.holds_money and len(repeated):
            self._mark_incomplete_rows(source, repeated)

    def _parents_of(self, table: Table) -> list[Parents]:
        return [self.customers] if table.name == "customers" else [self.accounts] if table.name == "accounts" else []

    def _judge(self, source: Source, rows: list[int]) -> NDArray[np.int64]:
        return np.array(judge_repeats(source, rows, self.faults), np.int64)

    def _mark_incomplete_rows(self, source: Source, rows: NDArray[np.int64]) -> None:
        ids = source.text_rows(rows.tolist())["account_id"].drop_nulls()
        self.mark_incomplete(self.accounts.index.find(hashes(ids)))

    def bad_keys(self, table: str) -> pl.DataFrame | None:
        """account_id, number and row of instalments that are bad for another reason than their key; None when there are none."""
        frames = self._bad_keys.get(table)
        return pl.concat(frames).drop_nulls() if frames else None

    def mark_incomplete(self, positions: NDArray[np.int32]) -> None:
        """Note that money rows of these accounts are in quarantine."""
        known = positions[positions >= 0]
        self.accounts.is_incomplete[known] = True

    def _wanted(self, source: Source) -> list[Column]:
        """The columns of ours that the file has and the detail asks for."""
        columns = [column for column in source.table.columns if column.name in source.dtypes]
        return [c for c in columns if c.name != "recorded_at"] if self.detail is Detail.FIGURES else columns

    def _read_batches(self, source: Source, dropped: NDArray[np.int64], log: KeyLog | None) -> int:
        columns = self._wanted(source)
        attributes = self._attributes(source)
        names = [*(c.name for c in columns), *attributes, *([FLAWS] if FLAWS in source.dtypes else [])]
        scan = source.scan.select(names).with_row_index(ROW, offset=1).with_columns(typed(c, source.dtypes[c.name]) for c in columns)
        keep = [ROW, *(TYPED + c.name for c in columns), *attributes]
        all_rules = [rule for column in columns for rule in rules(column, source.dtypes[column.name])]
        flags = [mask.fill_null(False).alias(f"?{i}") for i, (_, mask) in enumerate(all_rules)]
        count = 0
        batches = scan.select(*keep, *([FLAWS] if FLAWS in source.dtypes else []), *flags).collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True)
        try:
            for batch in batches:
                count += batch.height
                self._take_batch(source, batch, keep, columns, attributes, [text for text, _ in all_rules], dropped, log)
        except (pl.exceptions.ComputeError, OSError) as error:
            raise self._lost(source, error) from error
        return count

    def _attributes(self, source: Source) -> list[str]:
        if self.detail is not Detail.EVERYTHING:
            return []
        return [name for name in source.dtypes if name not in source.table.by_name and name != FLAWS]

    def _take_batch(
        self,
        source: Source,
        batch: pl.DataFrame,
        keep: list[str],
        columns: list[Column],
        attributes: list[str],
        texts: list[str],
        dropped: NDArray[np.int64],
        log: KeyLog | None,
    ) -> None:
        table = source.table
        if log is not None and len(table.key) == 1:
            log.add(batch[TYPED + table.key[0]])
        if len(dropped):
            batch = batch.filter(~pl.col(ROW).is_in(pl.Series(dropped, dtype=pl.UInt32).implode()))
        checks = _Checks(table.name, self.faults, batch[ROW])
        for i, text in enumerate(texts):
            checks.note(text, batch[f"?{i}"])
        if FLAWS in batch.columns:
            flawed = batch.filter(pl.col(FLAWS).list.len() > 0)
            for rule in flawed[FLAWS].explode().unique(maintain_order=True).to_list() if flawed.height else []:
                checks.note(rule, batch[FLAWS].list.contains(rule))
        rows = batch.select(keep).rename({TYPED + c.name: c.name for c in columns})
        rows = _with_defaults(rows, table, columns, self.imported_at, self.detail)
        place = {
            "customers": self._place_customers,
            "accounts": self._place_accounts,
        }.get(table.name, self._place_children)
        placed = place(source, rows, checks)
        good = placed.filter(~pl.Series(checks.is_bad)) if checks.is_bad.any() else placed
        self._buckets.add(table.name, _named(good, table, attributes))

    def _place_customers(self, source: Source, rows: pl.DataFrame, checks: "_Checks") -> pl.DataFrame:
        key = hashes(rows["customer_id"])
        self.customers.keys.append(key)
        self.customers.good.append(~checks.is_bad)
        place = (key % np.uint64(self.partition_count)).astype(np.int32)
        self.customers.places.append(place)
        return rows.with_columns(pl.Series(PARTITION, place))

    def _place_accounts(self, source: Source, rows: pl.DataFrame, checks: "_Checks") -> pl.DataFrame:
        customer = self._parent(rows["customer_id"], self.customers, "customer_id is not in customers", checks)
        currency = rows["currency"]
        codes = currency.replace_strict({c: i for i, c in enumerate(_CURRENCY_CODES)}, default=-1, return_dtype=pl.Int16).fill_null(-1).to_numpy()
        checks.note("currency is not ISO 4217", pl.Series(codes < 0) & currency.is_not_null())
        expected = rows["product"].replace_strict(dict(self._products), default=None, return_dtype=pl.String)
        checks.note("product has no terms", rows["product"].is_not_null() & expected.is_null())
        checks.note("currency differs from the product's", (expected != currency).fill_null(False) & pl.Series(codes >= 0))
        needs_rate = rows["product"].is_in(sorted(self._needing_rate))
        checks.note("annual_rate is missing, and the product's penalty is a multiple of it", needs_rate & rows["annual_rate"].is_null())
        rows = self._in_minor_units(rows, source.table, codes, checks)
        self.accounts.keys.append(hashes(rows["account_id"]))
        self.accounts.good.append(~checks.is_bad)
        place = np.where(customer >= 0, self.customers.partition[customer], 0).astype(np.int32)
        self.accounts.places.append(place)
        self.accounts.currencies.append(codes)
        return rows.with_columns(pl.Series(PARTITION, place))

    def _place_children(self, source: Source, rows: pl.DataFrame, checks: "_Checks") -> pl.DataFrame:
        table = source.table
        if table.name == "holds":
            return self._place_holds(rows, checks)
        if table.parent == "customers":
            customer = self._parent(rows["customer_id"], self.customers, "customer_id is not in customers", checks)
            if "account_ids" in rows.columns:
                self._check_account_ids(rows["account_ids"], checks)
            return rows.with_columns(pl.Series(PARTITION, np.where(customer >= 0, self.customers.partition[customer], 0).astype(np.int32)))
        account = self._parent(rows["account_id"], self.accounts, "account_id is not in accounts", checks)
        rows = self._in_minor_units(rows, table, self.accounts.currency[account], checks)
        if table.name == "payments":
            checks.note("reverses is missing for a reversal", (rows["kind"] == "reversal") & rows["reverses"].is_null())
        if table.holds_money and checks.is_bad.any():
            self.mark_incomplete(account[checks.is_bad])
            if table.name == "instalments":
                bad = rows.filter(pl.Series(checks.is_bad)).select(pl.col("account_id"), "number", ROW)
                self._bad_keys.setdefault(table.name, []).append(bad)
        if self.detail is not Detail.EVERYTHING and table.name == "payments":
            rows = rows.with_columns(payment_key=hash_of("payment_id"), reverses_key=pl.when(pl.col("reverses").is_not_null()).then(hash_of("reverses")))
            rows = rows.drop("payment_id", "reverses")
        return rows.drop("account_id").with_columns(
            pl.Series("account_row", self.accounts.row[account]).cast(pl.UInt32, strict=False), pl.Series(PARTITION, self.accounts.partition[account])
        )

    def _place_holds(self, rows: pl.DataFrame, checks: "_Checks") -> pl.DataFrame:
        is_account, is_customer = rows["account_id"].is_not_null().to_numpy(), rows["customer_id"].is_not_null().to_numpy()
        checks.note("account_id or customer_id is missing", pl.Series(~is_account & ~is_customer))
        checks.note("to_on is before from_on", (rows["to_on"] < rows["from_on"]).fill_null(False))
        account = self._parent(rows["account_id"], self.accounts, "account_id is not in accounts", checks)
        customer = self._parent(rows["customer_id"], self.customers, "customer_id is not in customers", checks)
        account_row = np.where(account >= 0, self.accounts.row[account], -1)
        place = np.where(account >= 0, self.accounts.partition[account], np.where(customer >= 0, self.customers.partition[customer], 0))
        return rows.drop("account_id").with_columns(
            pl.Series("account_row", account_row, dtype=pl.Int64), pl.Series(PARTITION, place.astype(np.int32))
        )

    def _parent(self, ids: pl.Series, parents: Parents, rule: str, checks: "_Checks") -> NDArray[np.int32]:
        """Each row's parent as a position; notes orphans and rows whose parent is in quarantine."""
        if not len(parents.key):
            checks.note(rule, ids.is_not_null())
            return np.full(len(ids), -1, np.int32)
        position = parents.index.find(hashes(ids))
        if ids.null_count():
            position = np.where(ids.is_null().to_numpy(), -1, position).astype(np.int32)
        is_orphan = position < 0
        if is_orphan.any():
            checks.note(rule, pl.Series(is_orphan) & ids.is_not_null())
        checks.note(PARENT_IN_QUARANTINE, pl.Series(~is_orphan & ~parents.is_good[position]))
        return position

    def _check_account_ids(self, lists: pl.Series, checks: "_Checks") -> None:
        if lists.null_count() == len(lists):
            return
        flat = pl.DataFrame({"row": np.arange(len(lists)), "id": lists}).explode("id").filter(pl.col("id").is_not_null())
        position = self.accounts.index.find(hashes(flat["id"])) if len(self.accounts.key) else np.full(flat.height, -1, np.int32)
        for rule, is_broken in (
            ("account_ids names an account that is not in accounts", position < 0),
            (PARENT_IN_QUARANTINE, (position >= 0) & ~self.accounts.is_good[position] if len(self.accounts.key) else np.zeros(flat.height, np.bool_)),
        ):
            mask = np.zeros(len(lists), np.bool_)
            mask[flat["row"].to_numpy()[is_broken]] = True
            checks.note(rule, pl.Series(mask))

    def _in_minor_units(self, rows: pl.DataFrame, table: Table, currency: NDArray[np.int16], checks: "_Checks") -> pl.DataFrame:
        """Money from ten-thousandths to minor units by each row's currency; what is finer than the currency is bad."""
        exponents = _EXPONENTS[currency]
        is_uniform = len(exponents) == 0 or bool((exponents == exponents[0]).all())
        factors = 10 ** (MONEY_SCALE - exponents)
        for column in table.columns:
            if column.kind is not Kind.MONEY or column.name not in rows.columns:
                continue
            scaled = rows[column.name].fill_null(0).to_numpy()
            divisor = int(factors[0]) if is_uniform and len(factors) else factors
            minor = scaled // divisor
            is_fine = minor * divisor != scaled
            if is_fine.any():
                for code in np.unique(currency[is_fine]):
                    checks.note(
                        f"{column.name} has more decimals than {_CURRENCY_CODES[code]} has", pl.Series(is_fine & (currency == code) & (code >= 0))
                    )
            rows = rows.with_columns(pl.Series(column.name, minor))
        return rows


class _Checks:
    """Collects the bad rows of one batch."""

    def __init__(self, table: str, faults: Faults, row_numbers: pl.Series) -> None:
        self._table, self._faults, self._rows = table, faults, row_numbers
        self.is_bad: NDArray[np.bool_] = np.zeros(len(row_numbers), np.bool_)

    def note(self, rule: str, mask: pl.Series) -> None:
        """Rows for which the mask is true broke the rule."""
        if not mask.any():
            return
        broken = mask.fill_null(False).to_numpy()
        self.is_bad |= broken
        self._faults.add(self._table, self._rows.filter(mask).to_list(), rule)


def _with_defaults(rows: pl.DataFrame, table: Table, present: list[Column], imported_at: datetime, detail: Detail) -> pl.DataFrame:
    """Every column of the table: those the file lacks null or at their default, recorded_at at the import where it is not told."""
    names = {column.name for column in present}
    filled = []
    for column in table.columns:
        if column.name == "recorded_at":
            if detail is not Detail.FIGURES:
                given = pl.col("recorded_at") if "recorded_at" in names else pl.lit(None, dtype=pl.Datetime("us", "UTC"))
                filled.append(given.fill_null(pl.lit(imported_at).cast(pl.Datetime("us", "UTC"))).alias("recorded_at"))
        elif column.name not in names:
            filled.append(pl.lit(column.default, dtype=_DTYPES[column.kind]).alias(column.name))
        elif column.default is not None:
            filled.append(pl.col(column.name).fill_null(column.default))
    rows = rows.with_columns(filled)
    choices = [pl.col(c.name).cast(pl.Enum(c.choices)) for c in table.columns if c.kind is Kind.CHOICE]
    return rows.with_columns(choices)


_DTYPES: Mapping[Kind, pl.DataType | type[pl.DataType]] = {
    Kind.ID: pl.String,
    Kind.TEXT: pl.String,
    Kind.DAY: pl.Date,
    Kind.INSTANT: pl.Datetime("us", "UTC"),
    Kind.MONEY: pl.Int64,
    Kind.RATE: pl.Int64,
    Kind.COUNT: pl.Int64,
    Kind.CHOICE: pl.String,
    Kind.ZONE: pl.String,
    Kind.IDS: pl.List(pl.String),
}


def _named(rows: pl.DataFrame, table: Table, attributes: list[str]) -> pl.DataFrame:
    """Typed names for money and rates; the lender's own columns last, under a name that cannot be mistaken for one of ours."""
    ours = {column.name: column.typed_name for column in table.columns if column.name in rows.columns and column.name != column.typed_name}
    taken = {column.typed_name for column in table.columns} | {"account_row", "is_incomplete"}
    theirs = {name: f"attribute:{name}" for name in attributes if name in taken}
    rows = rows.rename(ours | theirs)
    last = [theirs.get(name, name) for name in attributes]
    return rows.select([name for name in rows.columns if name not in last] + last)


def empty_rows(name: str, detail: Detail) -> pl.DataFrame:
    """A table without rows, with the columns that reading would give it."""
    table = TABLES[name]
    columns: dict[str, pl.DataType | type[pl.DataType]] = {ROW: pl.UInt32}
    for column in table.columns:
        if column.name == "recorded_at" and detail is Detail.FIGURES:
            continue
        columns[column.typed_name] = pl.Enum(column.choices) if column.kind is Kind.CHOICE else _DTYPES[column.kind]
    if table.parent in ("accounts", "accounts or customers"):
        del columns["account_id"]
        columns["account_row"] = pl.UInt32 if table.parent == "accounts" else pl.Int64
    if name == "payments" and detail is not Detail.EVERYTHING:
        del columns["payment_id"], columns["reverses"]
        columns |= {"payment_key": pl.UInt64, "reverses_key": pl.UInt64}
    return pl.DataFrame(schema=columns)
