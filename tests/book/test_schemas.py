"""What the book hands out keeps the contracts it declares."""

from datetime import UTC, datetime
from pathlib import Path

import dataframely as dy
import polars as pl
import pytest

from dunwell.book import TABLES, Tape
from dunwell.book.schemas import SCHEMAS, check
from tests.book.tapes import PRODUCTS, good_tables, hold, write_tape
from tests.book.test_every_table import GOOD

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


def partitions(folder: Path, count: int) -> list[dict[str, pl.DataFrame]]:
    with Tape(folder, products=PRODUCTS, imported_at=NOW, partition_count=count) as tape:
        return [partition.tables for partition in tape.partitions()]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("count", [1, 3])
def test_every_table_keeps_its_contract(tmp_path: Path, kind: str, count: int) -> None:
    tables = {**good_tables(), **{name: [row] for name, row in GOOD.items()}}
    tables["holds"].append(hold("H2", "2026-03-20", None, customer_id="C2"))
    for row in tables["payments"]:
        row["branch"] = "Suzhou"
    for part in partitions(write_tape(tmp_path, tables, kind), count):
        assert part.keys() == SCHEMAS.keys() == TABLES.keys()
        check(part)


def test_tables_that_are_not_there_keep_their_contract_too(tmp_path: Path) -> None:
    required = {name: rows for name, rows in good_tables().items() if TABLES[name].is_required}
    [tables] = partitions(write_tape(tmp_path, required), 1)
    check(tables)


def test_contracts_and_tables_name_the_same_columns() -> None:
    for name, table in TABLES.items():
        columns = {column.typed_name for column in table.columns}
        if table.parent in ("accounts", "accounts or customers"):
            columns = columns - {"account_id"} | {"account_row"}
        if name == "accounts":
            columns |= {"is_incomplete"}
        assert set(SCHEMAS[name].column_names()) == columns, name


def test_a_frame_that_breaks_its_contract_is_refused(tmp_path: Path) -> None:
    [tables] = partitions(write_tape(tmp_path, good_tables()), 1)
    with pytest.raises(dy.exc.ValidationError):
        check(tables | {"payments": tables["payments"].with_columns(amount_minor=pl.lit(0, pl.Int64))})
    with pytest.raises(ValueError, match="payments names account_row 9 of 3 accounts"):
        check(tables | {"payments": tables["payments"].with_columns(account_row=pl.lit(9, pl.UInt32))})
