"""The tables of a tape: their columns, and files that grow by batches, as Parquet or as text."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from dunwell.rehearsal.columns import MONEY_PRECISION, MULTI_CURRENCY_SCALE, Money
from dunwell.rehearsal.rowgroups import ParquetTable

Columns = Mapping[str, "pa.Array | Money"]
"""One batch of a table by column name; money still in minor units."""

_TEXT, _DAY, _INSTANT, _NUMBER = pa.string(), pa.date32(), pa.timestamp("us", tz="UTC"), pa.int64()
_MONEY, _RATE, _TEXTS = (
    pa.decimal128(MONEY_PRECISION, MULTI_CURRENCY_SCALE),
    pa.decimal128(MONEY_PRECISION, 6),
    pa.list_(pa.string()),
)

TABLES: Mapping[str, Mapping[str, pa.DataType]] = {
    "customers": {
        "customer_id": _TEXT,
        "name": _TEXT,
        "language": _TEXT,
        "jurisdiction": _TEXT,
        "region": _TEXT,
        "timezone": _TEXT,
        "born_on": _DAY,
        "deceased_on": _DAY,
        "employment": _TEXT,
        "credit_score": _NUMBER,
        "recorded_at": _INSTANT,
    },
    "accounts": {
        "account_id": _TEXT,
        "customer_id": _TEXT,
        "product": _TEXT,
        "currency": _TEXT,
        "principal": _MONEY,
        "annual_rate": _RATE,
        "opened_on": _DAY,
        "status": _TEXT,
        "channel": _TEXT,
        "recorded_at": _INSTANT,
    },
    "instalments": {
        "account_id": _TEXT,
        "number": _NUMBER,
        "due_on": _DAY,
        "principal": _MONEY,
        "interest": _MONEY,
        "fees": _MONEY,
        "recorded_at": _INSTANT,
    },
    "payments": {
        "payment_id": _TEXT,
        "account_id": _TEXT,
        "paid_on": _DAY,
        "amount": _MONEY,
        "kind": _TEXT,
        "reverses": _TEXT,
        "method": _TEXT,
        "recorded_at": _INSTANT,
    },
    "charges": {
        "charge_id": _TEXT,
        "account_id": _TEXT,
        "charged_on": _DAY,
        "kind": _TEXT,
        "amount": _MONEY,
        "recorded_at": _INSTANT,
    },
    "holds": {
        "hold_id": _TEXT,
        "account_id": _TEXT,
        "customer_id": _TEXT,
        "kind": _TEXT,
        "from_on": _DAY,
        "to_on": _DAY,
        "recorded_at": _INSTANT,
    },
    "contact_points": {
        "contact_point_id": _TEXT,
        "customer_id": _TEXT,
        "kind": _TEXT,
        "value": _TEXT,
        "party": _TEXT,
        "timezone": _TEXT,
        "place": _TEXT,
        "not_theirs_from": _INSTANT,
        "recorded_at": _INSTANT,
    },
    "contacts": {
        "contact_id": _TEXT,
        "customer_id": _TEXT,
        "account_ids": _TEXTS,
        "at": _INSTANT,
        "channel": _TEXT,
        "direction": _TEXT,
        "contact_point_id": _TEXT,
        "party": _TEXT,
        "outcome": _TEXT,
        "recorded_at": _INSTANT,
    },
    "promises": {
        "promise_id": _TEXT,
        "account_id": _TEXT,
        "made_at": _INSTANT,
        "due_on": _DAY,
        "amount": _MONEY,
        "recorded_at": _INSTANT,
    },
    "consents": {
        "customer_id": _TEXT,
        "channel": _TEXT,
        "contact_point_id": _TEXT,
        "given_at": _INSTANT,
        "withdrawn_at": _INSTANT,
        "source": _TEXT,
        "recorded_at": _INSTANT,
    },
    "preferences": {"customer_id": _TEXT, "kind": _TEXT, "detail": _TEXT, "recorded_at": _INSTANT},
    "notices": {
        "notice_id": _TEXT,
        "customer_id": _TEXT,
        "account_ids": _TEXTS,
        "kind": _TEXT,
        "sent_at": _INSTANT,
        "received_at": _INSTANT,
        "recorded_at": _INSTANT,
    },
}

_HARDLY_REPEAT = {
    "name", "payment_id", "charge_id", "hold_id", "contact_point_id", "contact_id", "promise_id", "notice_id", "value", "amount",
    "principal", "interest", "recorded_at", "at", "made_at", "given_at", "sent_at", "received_at",
}  # fmt: skip


def typed(name: str, columns: Columns) -> pa.Table:
    """The batch as an Arrow table with the types of TABLES."""
    schema = pa.schema(list(TABLES[name].items()))
    arrays = {
        column: data.decimals() if isinstance(data, Money) else data for column, data in columns.items()
    }
    return pa.table([arrays[field.name] for field in schema], schema=schema)


def as_text(columns: Columns, schema: pa.Schema) -> pa.Table:
    """The batch as texts: decimal amounts, ISO days, instants ending in Z; lists by the schema of ``text_schema``."""
    return pa.table([_texts(columns[field.name], field.type) for field in schema], schema=schema)


def text_schema(name: str, file_format: str) -> pa.Schema:
    """The table's columns as text; lists stay lists in Parquet and are joined by ``;`` in CSV."""
    keeps_lists = file_format == "parquet"
    return pa.schema(
        [(c, kind if keeps_lists and pa.types.is_list(kind) else _TEXT) for c, kind in TABLES[name].items()]
    )


def _texts(data: "pa.Array | Money", kind: pa.DataType) -> pa.Array:
    if isinstance(data, Money):
        return data.texts()
    if pa.types.is_list(data.type):
        return data if pa.types.is_list(kind) else pc.binary_join(data, ";")
    if pa.types.is_timestamp(data.type):
        plain = pc.cast(pc.cast(data, pa.timestamp("s"), safe=False), _TEXT)
        return pc.binary_join_element_wise(pc.replace_substring(plain, " ", "T"), "Z", "")
    return data.cast(_TEXT)


class GrowingTable(Protocol):
    """A file that takes batches."""

    rows: int
    schema: pa.Schema

    def add(self, table: pa.Table) -> None:
        """Append rows of the file's schema."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class CsvTable:
    """A CSV file (UTF-8, header row) that grows by batches; empty text is null."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.rows, self.schema = 0, schema
        self._writer = pa_csv.CSVWriter(
            path, schema, write_options=pa_csv.WriteOptions(quoting_style="needed")
        )

    def add(self, table: pa.Table) -> None:
        """Append rows."""
        self.rows += len(table)
        self._writer.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()


def open_table(folder: Path, name: str, file_format: str, is_text: bool) -> GrowingTable:
    """A new file for a table. ``is_text``: columns as text, which CSV always is and Parquet may be."""
    schema = text_schema(name, file_format) if is_text else pa.schema(list(TABLES[name].items()))
    if file_format == "csv":
        return CsvTable(folder / f"{name}.csv", schema)
    return ParquetTable(folder / f"{name}.parquet", schema, unique=tuple(_HARDLY_REPEAT & set(schema.names)))
