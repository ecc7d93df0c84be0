"""``dunwell statement``: one account, every cent explained, from the workspace's book or from any tape."""

import json
import shutil
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from dunwell.book import Book, Detail, Partition
from dunwell.cli.errors import CommandError
from dunwell.cli.inputs import parse_day, parse_instant
from dunwell.cli.ledger import open_tape
from dunwell.cli.progress import progress
from dunwell.ledger import Terms, read_terms, tell_why
from dunwell.ledger.statement import AccountNotOpen, account_events, statement
from dunwell.ledger.statement_text import statement_json, statement_text
from dunwell.settings import read_settings


def show_statement(
    account_id: str,
    as_of: str | None,
    known_at: str | None,
    pdf: Path | None,
    tape: Path | None,
    terms: Path | None,
    as_json: bool,
) -> int:
    """Print the account's statement as text or JSON, or write it as a PDF."""
    instant = parse_instant(known_at, "--known-at")
    partition, row, products, last_day = _find(account_id, tape, terms)
    day = parse_day(as_of, "--as-of") or last_day
    account = partition.tables["accounts"].row(row, named=True)
    try:
        told = statement(account_events(partition.tables, row, instant), products[account["product"]], day)
    except AccountNotOpen as error:
        raise CommandError(str(error)) from error
    if pdf is not None:
        from dunwell.ledger.statement_pdf import statement_pdf

        pdf.write_bytes(statement_pdf(told))
        print(f"statement of {account_id} as of {day} in {pdf}")
    elif as_json:
        why = tell_why(partition.tables, products, row, day, instant)
        print(json.dumps(statement_json(told) | {"why": why}, ensure_ascii=False, indent=2))
    else:
        print(statement_text(told, max(88, min(shutil.get_terminal_size((100, 0)).columns, 120))), end="")
        _print_why(tell_why(partition.tables, products, row, day, instant))
    if account["is_incomplete"]:
        print(
            f"note: rows of {account_id} are in quarantine; what is shown leaves them out, and its status is incomplete",
            file=sys.stderr,
        )
    return 0


def _print_why(why: dict[str, dict[str, Any]]) -> None:
    """The classes and the limitation day with their reasons and sources."""
    print("\nClasses and clocks")
    for name, told in why.items():
        since = f", since {told['since']}" if told.get("since") else ""
        print(f"  {name.replace('_', ' ')}: {told['value'] if told['value'] is not None else 'none'}{since}")
        print(f"    {told['why']}" + (f" [{told['source']}]" if told["source"] else ""))


def _find(
    account_id: str, tape: Path | None, terms: Path | None
) -> tuple[Partition, int, dict[str, Terms], date]:
    """The partition and row that hold the account, the terms, and the day to tell it for when none is asked
    for.
    """
    if tape is not None:
        return _find_in_tape(account_id, tape, terms)
    settings = read_settings(Path.cwd())
    book = Book(settings.book_folder)
    number = book.partition_of(account_id)
    if number is None:
        raise CommandError(
            f"the book has no account {account_id!r}. Look for it in the tape, and in book/quarantine"
        )
    partition = book.partition(number)
    return (
        partition,
        _row_of(partition, account_id),
        read_terms(terms or settings.terms_folder),
        date.fromisoformat(book.as_of),
    )


def _find_in_tape(
    account_id: str, folder: Path, terms: Path | None
) -> tuple[Partition, int, dict[str, Terms], date]:
    if terms is None:
        raise CommandError("--tape needs --terms, the folder with the products' terms")
    products = read_terms(terms)
    now = datetime.now(UTC)
    with progress() as watch, open_tape(folder, products, Detail.EVERYTHING, now, watch) as tape:
        for partition in tape.partitions():
            if (partition.tables["accounts"]["account_id"] == account_id).any():
                return partition, _row_of(partition, account_id), products, now.date()
    raise CommandError(f"the tape {folder} has no account {account_id!r}, or it is in quarantine")


def _row_of(partition: Partition, account_id: str) -> int:
    return int(partition.tables["accounts"]["account_id"].eq(account_id).arg_true()[0])
