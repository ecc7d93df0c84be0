"""A small tape that is in order, to be broken on purpose, written as CSV or Parquet."""

import csv
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.book import Detail, Tape

IMPORTED_AT = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
PRODUCTS = {"loan": "CNY", "yen-loan": "JPY", "dinar-loan": "KWD"}

Rows = list[dict[str, str | None]]


def good_tables() -> dict[str, Rows]:
    """Two customers, three accounts, and a row or more of every kind; everything as text."""
    return {
        "customers": [
            {"customer_id": "C1", "name": "Ada", "jurisdiction": "cn", "timezone": "Asia/Shanghai"},
            {"customer_id": "C2", "name": "Bo, Li", "jurisdiction": "cn", "timezone": "Asia/Shanghai"},
        ],
        "accounts": [
            _account("A1", "C1", "loan", "CNY"),
            _account("A2", "C2", "loan", "CNY"),
            _account("A3", "C2", "yen-loan", "JPY"),
        ],
        "instalments": [
            {
                "account_id": a,
                "number": str(n),
                "due_on": f"2026-0{n + 1}-10",
                "principal": "500",
                "interest": "7",
            }
            for a in ("A1", "A2", "A3")
            for n in (1, 2)
        ],
        "payments": [
            _payment("P1", "A1", "2026-02-10", "507.00"),
            _payment("P2", "A2", "2026-02-11", "100.10"),
            _payment("P3", "A3", "2026-02-12", "50"),
        ],
        "charges": [
            {
                "charge_id": "X1",
                "account_id": "A2",
                "charged_on": "2026-02-20",
                "kind": "late_fee",
                "amount": "5.00",
            }
        ],
        "holds": [_hold("H1", "2026-02-15", "2026-02-25", account_id="A2")],
        "contacts": [
            {
                "contact_id": "K1",
                "customer_id": "C2",
                "account_ids": "A2;A3",
                "at": "2026-02-20T10:00:00+08:00",
                "channel": "call",
                "outcome": "no_answer",
            }
        ],
    }


def _account(account_id: str, customer_id: str, product: str, currency: str) -> dict[str, str | None]:
    return {
        "account_id": account_id,
        "customer_id": customer_id,
        "product": product,
        "currency": currency,
        "principal": "1000",
        "annual_rate": "0.18",
        "opened_on": "2026-01-10",
    }


def _payment(payment_id: str, account_id: str, paid_on: str, amount: str) -> dict[str, str | None]:
    return {
        "payment_id": payment_id,
        "account_id": account_id,
        "paid_on": paid_on,
        "amount": amount,
        "kind": None,
        "reverses": None,
    }


def _hold(hold_id: str, from_on: str, to_on: str | None, **target: str) -> dict[str, str | None]:
    return {
        "hold_id": hold_id,
        "account_id": None,
        "customer_id": None,
        "kind": "pause",
        "from_on": from_on,
        "to_on": to_on,
    } | target


hold, payment = _hold, _payment

_PARQUET_TYPES: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "principal": pl.Decimal(18, 4),
    "interest": pl.Decimal(18, 4),
    "amount": pl.Decimal(18, 4),
    "annual_rate": pl.Decimal(10, 6),
    "number": pl.Int32,
    "due_on": pl.Date,
    "paid_on": pl.Date,
    "charged_on": pl.Date,
    "opened_on": pl.Date,
    "from_on": pl.Date,
    "to_on": pl.Date,
}


def write_tape(folder: Path, tables: Mapping[str, Rows], kind: str = "csv") -> Path:
    """Write the tables as ``kind``; in Parquet with types where every value of a column has one, else as text."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        if kind == "csv":
            write_csv(folder / f"{name}.csv", rows)
        else:
            _typed(pl.DataFrame(rows, infer_schema_length=None)).write_parquet(folder / f"{name}.parquet")
    return folder


def write_csv(file: Path, rows: Rows) -> None:
    """Rows as CSV with the columns of all of them."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _typed(frame: pl.DataFrame) -> pl.DataFrame:
    for name in frame.columns:
        if name in _PARQUET_TYPES:
            typed = frame[name].cast(pl.String).str.strip_chars()
            values = (
                typed.str.to_date("%Y-%m-%d", strict=False)
                if _PARQUET_TYPES[name] == pl.Date
                else typed.cast(_PARQUET_TYPES[name], strict=False)
            )
            is_exact = values.null_count() == frame[name].null_count() and not _lost_decimals(typed, values)
            frame = frame.with_columns((values if is_exact else frame[name]).alias(name))
    return frame


def _lost_decimals(texts: pl.Series, values: pl.Series) -> bool:
    if not isinstance(values.dtype, pl.Decimal):
        return False
    pairs = [(t, v) for t, v in zip(texts, values, strict=True) if t is not None]
    return any("e" in t or Decimal(t) != v for t, v in pairs)


class Read:
    """What reading a tape gave: the good rows of every table over all partitions, the rules by table and row, the exit code."""

    def __init__(
        self,
        folder: Path,
        *,
        partition_count: int | None = None,
        detail: Detail = Detail.EVERYTHING,
        **options: Any,
    ) -> None:
        with Tape(
            folder,
            products=PRODUCTS,
            products_needing_rate=["loan"],
            imported_at=IMPORTED_AT,
            partition_count=partition_count,
            detail=detail,
            **options,
        ) as tape:
            partitions = list(tape.partitions())
            self.tables = {
                name: pl.concat([_with_ids(part.tables, name) for part in partitions])
                for name in partitions[0].tables
            }
            self.rules = {name: dict(tape.faults.rules(name)) for name in tape.faults.tables()}
            self.quarantine = {name: tape.quarantined(name) for name in tape.faults.tables()}
            self.read_counts, self.exit_code = tape.read_counts, tape.exit_code
            self.unreadable, self.ignored = [str(error) for error in tape.unreadable], tape.ignored

    def ids(self, table: str, column: str) -> list[str]:
        """The good rows' ids, sorted."""
        return sorted(self.tables[table][column].to_list())

    def incomplete(self) -> list[str]:
        """The accounts whose money rows are in quarantine."""
        return sorted(self.tables["accounts"].filter("is_incomplete")["account_id"].to_list())


def _with_ids(tables: Mapping[str, pl.DataFrame], name: str) -> pl.DataFrame:
    rows = tables[name]
    if "account_row" not in rows.columns:
        return rows
    ids = tables["accounts"]["account_id"].gather(rows["account_row"])
    return rows.with_columns(account_id=ids).drop("account_row")


DAY = date(2026, 11, 23)
