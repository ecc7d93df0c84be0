"""What the insight commands read: the workspace's book, tables of a person's own, lists in an option."""

import json
from datetime import date, datetime
from pathlib import Path

import polars as pl

from dunwell.book import Book
from dunwell.cli.errors import CommandError
from dunwell.cli.progress import prepare_kernels
from dunwell.insight.training import are_dated, known_at_end_of
from dunwell.ledger import Terms, read_terms
from dunwell.settings import read_settings


def open_book() -> tuple[Book, dict[str, Terms]]:
    """The workspace's book and the terms of its products. Raises NoBook, SettingsError, TermsError."""
    settings = read_settings(Path.cwd())
    book = Book(settings.book_folder)
    prepare_kernels("ledger")
    return book, read_terms(settings.terms_folder)


def known_on(book: Book, day: date) -> datetime | None:
    """What a forecast of a day may know: on the day of the last run what that run knew, so that both say the same; on an earlier
    one what was known at its end, where the book's payments say when they were recorded. None: all that is in the book.
    """
    if day.isoformat() == book.as_of:
        run = book.folder / "run.json"
        told = json.loads(run.read_bytes()).get("known_at") if run.is_file() else None
        return None if told is None else datetime.fromisoformat(told)
    dated = (are_dated(book.partition(number).tables) for number in range(book.partition_count))
    return known_at_end_of(day) if any(dated) else None


def read_table(file: Path) -> pl.DataFrame:
    """A Parquet or CSV file. Raises CommandError."""
    if not file.is_file():
        raise CommandError(f"{file} does not exist. Name a Parquet or CSV file")
    try:
        if file.suffix == ".parquet":
            return pl.read_parquet(file)
        return pl.read_csv(file, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).splitlines()[0]
        raise CommandError(
            f"{file} cannot be read ({first}). Give Parquet, or CSV in UTF-8 with a header"
        ) from error


def read_calls(file: Path) -> pl.DataFrame:
    """A contact centre's calls: ``at``, a day and time, and ``calls``. Raises CommandError."""
    try:
        calls = (
            pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file, try_parse_dates=True)
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        raise CommandError(
            f"{file} cannot be read. Give Parquet or CSV with the columns at and calls"
        ) from error
    if "at" not in calls.columns or not isinstance(calls["at"].dtype, pl.Datetime):
        raise CommandError(f"{file} has no column 'at' with a day and time, like 2026-11-30T08:15:00. Add it")
    return calls


def split(words: str) -> list[str]:
    """Words between commas."""
    return [word.strip() for word in words.split(",") if word.strip()]


def whole_numbers(words: str, option: str) -> list[int]:
    """Whole numbers above zero between commas. Raises CommandError with the option's name."""
    found = split(words)
    if not found or not all(word.isdigit() and int(word) > 0 for word in found):
        raise CommandError(f"{option} {words!r} is not understood. Write months like {option} 1,3,6,12")
    return [int(word) for word in found]
