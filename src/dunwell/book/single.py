"""One table read by itself: a file of contacts, attempts or holds without the rest of a tape.

Where a judgement rests on every row (a hold that is lost would allow what it forbids), a bad row is no matter for
quarantine: the file is refused, with the rows, the rules they broke and the mend.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from dunwell.book.care import FLAWS
from dunwell.book.plans import filled
from dunwell.book.quarantine import mend_of
from dunwell.book.sources import ROW, FileUnreadable, open_file, open_source
from dunwell.book.tables import TABLES, Kind, Table
from dunwell.book.values import MONEY_SCALE, rules, typed

_ROWS_TOLD = 5


class RowsUnusable(ValueError):
    """Rows of a file cannot be used; says the file, the first rows, what is wrong with them and the mend."""


def read_table(
    path: Path,
    table: Table | str,
    imported_at: datetime,
    columns: Mapping[str, str] | None = None,
    *,
    zones_as_text: bool = False,
) -> pl.DataFrame | None:
    """A table as a typed frame with the columns of its declaration, in the file's order.

    ``path``: the file, or a folder that holds NAME.parquet or NAME.csv (None is returned when it does not). ``columns``:
    ours to the lender's names. ``zones_as_text`` keeps time zones that do not exist. Raises FileUnreadable, RowsUnusable.
    """
    declared = TABLES[table] if isinstance(table, str) else table
    if zones_as_text:
        declared = replace(
            declared,
            columns=tuple(
                replace(column, kind=Kind.TEXT) if column.kind is Kind.ZONE else column
                for column in declared.columns
            ),
        )
    with TemporaryDirectory(prefix="dunwell-") as scratch:
        if path.is_dir():
            source = open_source(path, declared.name, columns or {}, Path(scratch))
        elif path.is_file():
            source = open_file(path, declared, columns or {}, Path(scratch))
        else:
            raise FileUnreadable(str(path), "does not exist", "Name a Parquet or CSV file")
        if source is None:
            return None
        try:
            return _typed(source.path.name, declared, source.scan, source.dtypes, imported_at, MONEY_SCALE)
        except (pl.exceptions.PolarsError, OSError) as error:
            detail = str(error).splitlines()[0]
            raise FileUnreadable(source.path.name, f"cannot be read ({detail})", "Export it again") from error


def typed_rows(
    table: str, rows: Sequence[Mapping[str, str | None]], imported_at: datetime, money_scale: int
) -> pl.DataFrame:
    """Rows handed over one by one, as texts by column, typed as the rows of a tape are: the table's columns in their order.

    ``money_scale``: the decimals of the rows' currency, so that money comes out in minor units. Raises RowsUnusable.
    """
    declared = TABLES[table]
    strange = sorted({name for row in rows for name in row} - {column.name for column in declared.columns})
    if strange:
        known = ", ".join(column.name for column in declared.columns)
        raise RowsUnusable(f"{table}: there is no column {strange[0]!r}. Known: {known}")
    given = [
        column.name
        for column in declared.columns
        if column.is_required or any(column.name in row for row in rows)
    ]
    raw = pl.DataFrame(
        [[row.get(name) for name in given] for row in rows],
        schema=dict.fromkeys(given, pl.String),
        orient="row",
    )
    return _typed(table, declared, raw.lazy(), raw.schema, imported_at, money_scale)


def _typed(
    name: str,
    declared: Table,
    scan: pl.LazyFrame,
    dtypes: Mapping[str, pl.DataType],
    imported_at: datetime,
    money_scale: int,
) -> pl.DataFrame:
    """The rows with the columns of their table's declaration. Raises RowsUnusable when one breaks a rule."""
    given = [column for column in declared.columns if column.name in dtypes]
    care = [pl.col(FLAWS)] if FLAWS in dtypes else []
    rows = (
        scan.select(*(column.name for column in given), *care)
        .with_row_index(ROW, offset=1)
        .with_columns(typed(column, dtypes[column.name], money_scale) for column in given)
    )
    broken = [rule for column in given for rule in rules(column, dtypes[column.name], money_scale)]
    flags = [mask.fill_null(False).alias(f"{number}") for number, (_, mask) in enumerate(broken)]
    present = {column.name for column in given}
    outputs = [filled(column, column.name in present, imported_at) for column in declared.columns]
    found = rows.select(ROW, *outputs, *flags, *care).collect()
    _refuse_bad(name, found, [text for text, _ in broken])
    return found.select(column.typed_name for column in declared.columns)


def _refuse_bad(file: str, found: pl.DataFrame, texts: list[str]) -> None:
    """Raise RowsUnusable when a row broke a rule."""
    told: list[str] = []
    bad_count = 0
    for number, text in enumerate(texts):
        rows = found.filter(pl.col(f"{number}"))[ROW]
        bad_count += rows.len()
        told += [f"row {row}: {text}. {mend_of(text)}" for row in rows.head(_ROWS_TOLD).to_list()]
    if FLAWS in found.columns:
        flawed = found.filter(pl.col(FLAWS).list.len() > 0)
        bad_count += flawed.height
        told += [
            f"row {row}: {'; '.join(flaws)}"
            for row, flaws in flawed.select(ROW, FLAWS).head(_ROWS_TOLD).rows()
        ]
    if told:
        more = f" ({bad_count} in all)" if bad_count > _ROWS_TOLD else ""
        raise RowsUnusable(f"{file}{more}: {' | '.join(told[:_ROWS_TOLD])}")
