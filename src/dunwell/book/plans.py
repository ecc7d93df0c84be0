"""How one file of a tape is read: typed columns with their defaults, hashes of the ids that are looked up,
one flag for bad rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache

import polars as pl

from dunwell.book.care import FLAWS
from dunwell.book.finding import hash_of
from dunwell.book.flags import may_be_bad
from dunwell.book.sources import ROW, Source
from dunwell.book.tables import TABLES, Column, Kind, Table
from dunwell.book.values import MONEY_SCALE, TYPED, rules, typed


class Detail(StrEnum):
    """How much of a tape is kept: what figures need, that with recording times, or everything with the
    lender's own columns.
    """

    FIGURES = "figures"
    TIMES = "times"
    EVERYTHING = "everything"


KEY, ACCOUNT, CUSTOMER, BAD = "§key", "§account", "§customer", "§bad"

ID = "§id"
"""A row's own id, where its table is kept without it."""

_HASHES: Mapping[str, Mapping[str, str]] = {
    name: {
        **({table.key[0]: KEY} if name in ("customers", "accounts") else {}),
        **({"account_id": ACCOUNT} if table.parent in ("accounts", "accounts or customers") else {}),
        **({"customer_id": CUSTOMER} if table.parent in ("customers", "accounts or customers") else {}),
    }
    for name, table in TABLES.items()
}
"""The ids of each table that are looked up, by the column their hash goes into."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one file is read: ``scan`` gives typed rows in the file's order and the flag BAD; ``rows`` and ``flags`` tell
    why a row is bad.
    """

    source: Source
    scan: pl.LazyFrame
    rows: pl.LazyFrame
    flags: list[tuple[str, pl.Expr]]
    money_scale: int


def plan_of(source: Source, detail: Detail, imported_at: datetime, exponent: int | None) -> Plan:
    """How the file is read: typed columns with their defaults, hashes of the ids that are looked up, and
    one flag for bad rows.

    ``exponent``: the decimals of the accounts' currency where they all have the same (None: they differ).
    """
    table, dtypes = source.table, source.dtypes
    is_child = table.parent is not None and table.parent.startswith("accounts")
    scale = exponent if is_child and exponent is not None else MONEY_SCALE
    columns = [c for c in table.columns if c.name in dtypes]
    attributes = _attributes(source, detail)
    raw = source.scan.select(*(c.name for c in columns), *attributes, *([FLAWS] if FLAWS in dtypes else []))
    rows = raw.with_columns(typed(c, dtypes[c.name], scale) for c in columns)
    broken = [rule for c in columns for rule in rules(c, dtypes[c.name], scale)]
    flags = [(text, mask.fill_null(False)) for text, mask in broken]
    if FLAWS in dtypes:
        flags.append((FLAWS, pl.col(FLAWS).list.len() > 0))
    lost = [] if detail is Detail.EVERYTHING or table.name != "payments" else ["payment_id", "reverses"]
    kept = [c for c in table.columns if c.name not in (*lost, *(["account_id"] if is_child else []))]
    if detail is Detail.FIGURES:
        kept = [c for c in kept if c.name != "recorded_at"]
    present = {c.name for c in columns}
    outputs = [filled(c, c.name in present, imported_at) for c in kept]
    outputs += [
        _hash(name, present, is_required=alias == KEY).alias(alias)
        for name, alias in _HASHES[table.name].items()
    ]
    if lost:
        outputs.append(pl.col(TYPED + "payment_id").alias(ID))
    if lost and "kind" in present:  # without it there is no reversal, and nobody asks for a payment by its id
        outputs.append(_hash("payment_id", present, is_required=True).alias("payment_key"))
        outputs.append(_hash("reverses", present).alias("reverses_key"))
    is_bad = may_be_bad(columns, dtypes, scale)
    if FLAWS in dtypes:
        is_bad |= pl.col(FLAWS).list.len() > 0
    return Plan(
        source,
        rows.select(*outputs, *_apart(table, attributes), is_bad.alias(BAD)),
        rows,
        flags,
        scale,
    )


def _attributes(source: Source, detail: Detail) -> list[str]:
    if detail is not Detail.EVERYTHING:
        return []
    return [name for name in source.dtypes if name not in source.table.by_name and name != FLAWS]


def filled(column: Column, is_present: bool, imported_at: datetime) -> pl.Expr:
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
    return hash_of(
        TYPED + name, skips_null=not is_required
    )  # a row without a required id is bad, whatever the hash


def _apart(table: Table, attributes: list[str]) -> list[pl.Expr]:
    """The lender's own columns; one that is called like a typed column of ours is put apart as
    ``attribute:NAME``.
    """
    taken = {column.typed_name for column in table.columns} | {"account_row", "is_incomplete"}
    return [pl.col(name).alias(f"attribute:{name}") if name in taken else pl.col(name) for name in attributes]


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
    Kind.FLAG: pl.Boolean,
}


@cache
def empty_rows(name: str, detail: Detail) -> pl.DataFrame:
    """A table without rows, with the columns that reading would give it (one frame for all who ask: it is not to be changed)."""
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
