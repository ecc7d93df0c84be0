"""``dunwell promises``: how the promises in the workspace's book stand on any day, judged anew from its events."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.book import Book
from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day, parse_instant
from dunwell.cli.progress import prepare_kernels
from dunwell.nightly.numbers import amount_text, plain_amount
from dunwell.nightly.promises import PromiseFigures, promise_figures
from dunwell.resolution import PROMISE_COLUMNS, promises_as_of, read_promise_policy
from dunwell.settings import read_settings

ROWS_SHOWN = 30
_ORDER = ("open", "partly_kept", "broken", "kept", "cancelled")


def show_promises(
    root: Path, as_of: str | None, known_at: str | None, account: str | None, as_json: bool
) -> int:
    """Print the promises, all of the book's or one account's; returns the exit code."""
    settings = read_settings(root)
    policy = read_promise_policy(settings.root / "policy" / "promises.toml")
    book = Book(settings.book_folder)
    prepare_kernels("promises")
    day = parse_day(as_of, "--as-of") or date.fromisoformat(book.as_of)
    instant = parse_instant(known_at, "--known-at")
    numbers = range(book.partition_count)
    if account is not None:
        number = book.partition_of(account)
        if number is None:
            raise CommandError(
                f"the book has no account {account!r}. Look for it in the tape, and in book/quarantine"
            )
        numbers = range(number, number + 1)
    found = pl.concat(
        [pl.DataFrame(schema=dict(PROMISE_COLUMNS))]
        + [promises_as_of(book.partition(number).tables, day, instant, policy) for number in numbers]
    )
    if account is not None:
        found = found.filter(pl.col("account_id") == account)
    found = _in_order(found)
    figures = promise_figures(found)
    if as_json:
        told = {"as_of": str(day), "known_at": _text(instant), **figures.as_dict()}
        told["promises"] = [_record(row) for row in found.iter_rows(named=True)]
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _print(found, figures, day)
    return 0


def _in_order(found: pl.DataFrame) -> pl.DataFrame:
    """Those waited for first, the soonest due in front; then what was broken, the latest first."""
    rank = pl.col("state").replace_strict({state: n for n, state in enumerate(_ORDER)})
    is_open = pl.col("state") == "open"
    due = pl.col("due_on").to_physical()
    return found.sort(rank, pl.when(is_open).then(due).otherwise(-due), "account_id", "promise_id")


def _record(row: dict[str, Any]) -> dict[str, Any]:
    """A promise for machines: money as decimal text, days and instants as ISO text."""
    currency = row["currency"]

    def plain(value: Any, name: str = "") -> Any:
        if name in ("amount", "credited"):
            return plain_amount(value, currency)
        return _text(value) if isinstance(value, date | datetime) else value

    told = {name: plain(value, name) for name, value in row.items() if name != "parts"}
    told["parts"] = [{name: plain(value, name) for name, value in part.items()} for part in row["parts"]]
    return told


def _text(value: date | datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _print(found: pl.DataFrame, figures: PromiseFigures, day: date) -> None:
    counts = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in figures.counts.items())
    print(f"As of {day}: {counts}")
    if figures.kept_share is not None:
        print(f"Of those whose day has come, {figures.kept_share:.1%} are kept.")
    for row in found.head(ROWS_SHOWN).iter_rows(named=True):
        currency = row["currency"]
        amounts = f"{amount_text(row['credited'], currency)} of {amount_text(row['amount'], currency)}"
        others = len(row["account_ids"]) - 1
        about = row["account_id"] + (f" and {others} more" if others else "")
        print(
            f"  {row['promise_id']:<14} {about:<14} {row['state'].replace('_', ' '):<12}"
            f" due {row['due_on']}  {amounts:>26} {currency}  {row['reason']}"
        )
    if found.height > ROWS_SHOWN:
        print(f"  and {found.height - ROWS_SHOWN:,} more; --json and book/promises.parquet have all")
