"""What the product adds to a pack of evidence: statements of the customer's accounts, the letters that were printed for them, the
law in force, the lender's policy.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

from dunwell.book import Book, NoBook, Partition
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
            for row in mine["row"].to_list():
                files |= _statement(settings, partition, row, date.fromisoformat(book.as_of))
    return files, names


def letters_of(settings: Settings, journal: "Journal", customer: str) -> dict[str, bytes]:
    """The customer's letters as they were laid into the print folder, by their name in the pack; what is gone is left out."""
    from dunwell.journal.models import Event

    table = settings.outreach.get("letter", {})
    folder = settings.root / (table.get("folder", "print") if isinstance(table, Mapping) else "print")
    subjects = list(journal.vault.references([customer]).values())
    sent = Event.objects.filter(subject_id__in=subjects, kind="contact.sent")
    found = {}
    for body in map(json.loads, sent.values_list("body", flat=True)):
        if body["channel"] != "letter":
            continue
        for file in folder.glob(f"*/{body['message_id']}.pdf"):
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
    name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in account["account_id"])
    return {
        f"statements/{name}.pdf": statement_pdf(told),
        f"statements/{name}.json": json.dumps(statement_json(told), ensure_ascii=False, indent=1).encode(),
    }
