"""What the product adds to a pack of evidence: the lender's records of the customer, what was decided for them, statements
of their accounts, the letters that were printed for them, the law in force, the lender's policy.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from dunwell.book import Book, NoBook, Partition
from dunwell.journal.signing import plain_name
from dunwell.law.pack import PACKS_FOLDER
from dunwell.settings import Settings

if TYPE_CHECKING:
    from dunwell.journal.recording import Journal


def product_files(settings: Settings, customer: str) -> tuple[dict[str, bytes], Mapping[str, Sequence[str]]]:
    """Files by their name in the pack, and the ids of the customer's accounts and contact points as the book has them."""
    files = {f"law/{file.name}": file.read_bytes() for file in sorted(PACKS_FOLDER.glob("*.toml"))}
    policy = settings.root / "policy"
    files |= {
        f"policy/{file.relative_to(policy).as_posix()}": file.read_bytes()
        for file in sorted(policy.rglob("*"))
        if file.is_file()
    }
    names: dict[str, list[str]] = {"account": [], "point": []}
    try:
        book = Book(settings.book_folder)
    except NoBook:
        return files, names
    for number in range(book.partition_count):
        partition = book.partition(number)
        accounts = partition.tables["accounts"]
        mine = accounts.with_row_index("row").filter(accounts["customer_id"] == customer)
        if mine.height:
            names["account"] += mine["account_id"].to_list()
            points = partition.tables["contact_points"]
            names["point"] += points.filter(points["customer_id"] == customer)["contact_point_id"].to_list()
            files |= _records(partition, customer)
            for row in mine["row"].to_list():
                files |= _statement(settings, partition, row, date.fromisoformat(book.as_of))
    files |= _decisions(settings, customer)
    return files, names


def _records(partition: Partition, customer: str) -> dict[str, bytes]:
    """The lender's own records of the customer, a file a table; of others' numbers and addresses only that they are there."""
    accounts = partition.tables["accounts"].select("account_id", "customer_id").with_row_index("account_row")
    mine = accounts.filter(pl.col("customer_id") == customer).with_columns(
        pl.col("account_row").cast(pl.Int64)
    )
    files = {}
    for name, table in partition.tables.items():
        is_theirs = pl.lit(False)
        rows = table
        if "account_row" in table.columns:
            rows = table.with_columns(pl.col("account_row").cast(pl.Int64))
            rows = rows.join(
                mine.select("account_row", "account_id"), on="account_row", how="left", suffix="§"
            )
            is_theirs = is_theirs | pl.col("account_id").is_not_null()
            rows = rows.drop("account_row")
        if "customer_id" in table.columns:
            is_theirs = is_theirs | (pl.col("customer_id") == customer)
        rows = rows.filter(is_theirs.fill_null(False))
        if name == "contact_points":
            is_own = pl.col("party").is_null() | (pl.col("party").cast(pl.String) == "self")
            rows = rows.with_columns(pl.when(is_own).then("value").alias("value"))
        if rows.height:
            files[f"records/{name}.json"] = rows.write_json().encode()
    return files


def _decisions(settings: Settings, customer: str) -> dict[str, bytes]:
    """What the nightly runs decided for the customer, as it was kept."""
    kept = sorted((settings.evidence_folder / "decisions").glob("*.parquet"))
    found = [pl.scan_parquet(file).filter(pl.col("customer_id") == customer).collect() for file in kept]
    rows = [frame for frame in found if frame.height]
    if not rows:
        return {}
    return {"records/decisions.json": pl.concat(rows, how="diagonal_relaxed").write_json().encode()}


def letters_of(settings: Settings, journal: "Journal", customer: str) -> dict[str, bytes]:
    """The customer's letters as they were laid into the print folder, by their name in the pack; what is gone is left out."""
    from dunwell.journal.finding import events_of

    subjects = list(journal.vault.references([customer]).values())
    sent = events_of(subjects, ["contact.sent"])
    found = {}
    for body in map(json.loads, sent.values_list("body", flat=True)):
        if body["channel"] != "letter":
            continue
        for file in settings.print_folder.glob(f"*/{body['message_id']}.pdf"):
            found[f"letters/{file.name}"] = file.read_bytes()
    return found


def _statement(settings: Settings, partition: Partition, row: int, as_of: date) -> dict[str, bytes]:
    """The account's statement for a person (PDF) and for a program (JSON)."""
    from dunwell.ledger import read_terms
    from dunwell.ledger.statement import AccountNotOpen, account_events, statement
    from dunwell.ledger.statement_pdf import statement_pdf
    from dunwell.ledger.statement_text import statement_json

    account = partition.tables["accounts"].row(row, named=True)
    terms = read_terms(settings.terms_folder)[account["product"]]
    try:
        told = statement(account_events(partition.tables, row, None), terms, as_of)
    except AccountNotOpen:
        return {}
    name = plain_name(account["account_id"])
    return {
        f"statements/{name}.pdf": statement_pdf(told),
        f"statements/{name}.json": json.dumps(statement_json(told), ensure_ascii=False, indent=1).encode(),
    }
