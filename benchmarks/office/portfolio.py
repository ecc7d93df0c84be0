"""A workspace whose every customer is in arrears: a made portfolio's customers with a case, the book that the daily run writes of
them, the queue that the office makes of it, and both as often as it takes under other ids.
"""

import json
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from django.db import connection

from dunwell.book import TABLES
from dunwell.cli.workspace import copy_template
from dunwell.journal.keys import make_keys
from dunwell.nightly.run import run_day
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio
from dunwell.settings import Settings, read_settings

_ACCOUNTS_A_CASE = 8
_IDS = (
    *("customer_id", "account_id", "payment_id", "reverses", "charge_id", "hold_id", "contact_point_id"),
    *("contact_id", "promise_id", "part_of", "notice_id", "decision_id"),
)
_LISTS = ("account_ids", "past_due_account_ids")
_RESULTS = ("positions", "promises", "cases", "worklist", "decisions")


def make_workspace(folder: Path, pattern: int, as_of: date, seed: int) -> Settings:
    """A workspace of so many customers with a case, as the daily run leaves it; its settings."""
    copy_template(folder)
    for example in [*(folder / "tape").iterdir(), *(folder / "policy" / "terms").iterdir()]:
        example.unlink()
    for text in TERMS_FOLDER.glob("*.toml"):
        shutil.copy(text, folder / "policy" / "terms" / text.name)
    make_keys(folder / "keys", os.urandom)
    settings, now = read_settings(folder), datetime.now(UTC)
    write_portfolio(settings.tape_folder, pattern * _ACCOUNTS_A_CASE, seed, as_of, messy=False, stress=6.0)
    run_day(settings, settings.tape_folder, as_of, known_at=None, now=now)
    cases = pl.read_parquet(settings.book_folder / "cases.parquet")["customer_id"].head(pattern)
    assert len(cases) == pattern, f"{len(cases)} cases of {pattern * _ACCOUNTS_A_CASE} accounts"
    _keep_only(settings.tape_folder, cases)
    run_day(settings, settings.tape_folder, as_of, known_at=None, now=now)
    return settings


def _keep_only(tape: Path, customers: pl.Series) -> None:
    """Leave nobody but these in a tape."""
    wanted = customers.to_frame("customer_id")
    accounts = pl.read_parquet(tape / "accounts.parquet").join(wanted, on="customer_id", how="semi")
    accounts.write_parquet(tape / "accounts.parquet")
    for name in TABLES:
        file = tape / f"{name}.parquet"
        if name == "accounts" or not file.is_file():
            continue
        rows = pl.read_parquet(file)
        parts = [
            rows.join(owners, on=column, how="semi")
            for column, owners in (("account_id", accounts.select("account_id")), ("customer_id", wanted))
            if column in rows.columns
        ]
        pl.concat(parts).write_parquet(file)


def repeat_book(settings: Settings, count: int) -> None:
    """The book's one partition ``count`` times, each under ids of its own; the run's results and kept decisions alike.

    May be cut off and done again: what is there whole stays, and the run's own results are kept apart.
    """
    book = settings.book_folder
    first, own = book / "partition=00", book.with_name("book-of-the-run")
    if not own.is_dir():
        staging = own.with_suffix(".new")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        for name in _RESULTS:
            shutil.copy(book / f"{name}.parquet", staging)
        staging.rename(own)
    tables = {name: pl.read_parquet(first / f"{name}.parquet") for name in TABLES}
    for number in range(1, count):
        place = book / f"partition={number:02d}"
        if place.is_dir():
            continue
        staging = book / ".partition.new"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        for name, rows in tables.items():
            _renamed(rows, number).write_parquet(staging / f"{name}.parquet", compression_level=1)
        staging.rename(place)
    for name in _RESULTS:
        rows, file = pl.read_parquet(own / f"{name}.parquet"), book / f"{name}.parquet"
        schema = rows.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
        staging = book / f".{name}.new"
        with pq.ParquetWriter(staging, schema, compression="zstd", compression_level=1) as writer:
            for number in range(count):
                copied = rows if number == 0 else _renamed(rows, number)
                writer.write_table(copied.to_arrow(compat_level=pl.CompatLevel.oldest()))
        staging.rename(file)
    (kept,) = (settings.evidence_folder / "decisions").glob("*.parquet")
    shutil.copy(book / "decisions.parquet", kept)
    shutil.rmtree(book / "by-customer", ignore_errors=True)
    about = json.loads((book / "book.json").read_text(encoding="utf-8"))
    (book / "book.json").write_text(json.dumps(about | {"partition_count": count}), encoding="utf-8")


def _renamed(rows: pl.DataFrame, number: int) -> pl.DataFrame:
    mark = f"{number:03d}-"
    ids: Sequence[pl.Expr] = [(mark + pl.col(name)).alias(name) for name in _IDS if name in rows.columns]
    lists = [pl.col(name).list.eval(mark + pl.element()) for name in _LISTS if name in rows.columns]
    return rows.with_columns(*ids, *lists)


def repeat_cases(count: int) -> None:
    """The queue's cases ``count`` times, under the ids of ``repeat_book``."""
    from dunwell.office.cases.models import Case

    names = [column.column for column in Case._meta.concrete_fields]
    renamed = {"customer_id", "decision_id"}
    picked = [
        f"CASE WHEN {name} = '' THEN '' ELSE to_char(k, 'FM000') || '-' || {name} END"
        if name in renamed
        else name
        for name in names
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO cases_case ({', '.join(names)}) SELECT {', '.join(picked)}"
            f" FROM cases_case CROSS JOIN generate_series(1, {count - 1}) AS k"
            " WHERE customer_id !~ '^[0-9]{3}-' ON CONFLICT DO NOTHING"
        )
        cursor.execute("ANALYZE cases_case")
