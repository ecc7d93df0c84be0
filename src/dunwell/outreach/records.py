"""The lender's records for the dispatcher: people, what they owe and where they are reached, a few hundred at a time."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl

from dunwell.book import Book
from dunwell.book.additions import without_customers
from dunwell.journal.vault import Vault
from dunwell.law import Gate, Person
from dunwell.law.addresses import plain_address
from dunwell.law.overlay import LenderLaw
from dunwell.law.people import people
from dunwell.ledger import Terms
from dunwell.ledger.statement import AccountEvents, account_events
from dunwell.outreach.corrections import all_corrections, last_change, with_corrections
from dunwell.outreach.told import without_told

_TABLES = (
    "customers",
    "accounts",
    "contact_points",
    "contacts",
    "holds",
    "consents",
    "preferences",
    "notices",
)
_PLACE = ("part_number", "row_in_part")
_CHANGES = "book.json"
_KEPT_MAX = 5000


@dataclass(frozen=True, slots=True)
class Customer:
    """What a text may say of a person: the columns of their row, their contact points' values, their positions, and how their
    promises stand.
    """

    row: Mapping[str, Any]
    addresses: Mapping[str, str]
    positions: tuple[Mapping[str, Any], ...]
    promises: tuple[Mapping[str, Any], ...] = ()


class Known(Protocol):
    """What the lender's records say of people: whom they are about, what binds contacts with them, who is reached where."""

    def people(self, customer_ids: Sequence[str]) -> Mapping[str, Person]:
        """Those of them that the records know."""
        ...

    def customer(self, customer_id: str) -> Customer:
        """What is known of a customer. Raises KeyError when the records do not know them."""
        ...

    def gate(self, customer_id: str) -> Gate:
        """The gate of the packs that bind this person."""
        ...

    def owners(self, channel: str, address: str) -> Sequence[tuple[str, str]]:
        """customer_id and contact_point_id of everybody who is reached at this address."""
        ...

    def known_until(self) -> datetime:
        """The instant of the run from which the records are: what came in later they do not count."""
        ...


class _Table:
    """A table's rows, found by customer in a few microseconds a person."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._rows = rows.sort("customer_id", maintain_order=True)
        self._owners = self._rows["customer_id"]

    def all(self) -> pl.DataFrame:
        """Every row."""
        return self._rows

    def of(self, customer_ids: pl.Series) -> pl.DataFrame:
        """The rows of these customers (sorted, each once)."""
        low = self._owners.search_sorted(customer_ids, side="left").to_numpy().astype(np.int64)
        high = self._owners.search_sorted(customer_ids, side="right").to_numpy().astype(np.int64)
        counts = high - low
        places = np.repeat(low - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
        return self._rows[places]


class BookRecords:
    """The workspace's book, read anew when a run has replaced it. Only those who are asked about are made into persons."""

    def __init__(
        self,
        folder: Path,
        law: Callable[[], LenderLaw],
        actor: str,
        terms: Mapping[str, Terms] | None = None,
        vault: Vault | None = None,
    ) -> None:
        """``folder``: the book's; ``law``: tells the lender's law as it is now; ``terms``: of its products, by key; ``vault``:
        knows what was corrected since the run, and who was erased. Raises NoBook.
        """
        self._vault, self._changed = vault, 0
        self._folder, self._law, self._actor, self._terms = folder, law, actor, terms or {}
        self._gates: dict[tuple[str, ...], Gate] = {}
        self._gates_of = law()
        self._stamp = 0
        self._tables: dict[str, _Table] = {}
        self._positions = self._promises = _Table(pl.DataFrame(schema={"customer_id": pl.String}))
        self._places: dict[str, tuple[int, int]] = {}
        self._people: dict[str, Person] = {}
        self._customers: dict[str, Customer] = {}
        self._by_address: dict[str, list[tuple[str, str]]] = {}
        self._lock = threading.RLock()  # the workers of several channels share one book
        self._refresh()

    def people(self, customer_ids: Sequence[str]) -> Mapping[str, Person]:
        """Those of them that the records know."""
        with self._lock:
            self._refresh()
            self._read([customer for customer in customer_ids if customer not in self._people])
            return {name: self._people[name] for name in customer_ids if name in self._people}

    def customer(self, customer_id: str) -> Customer:
        """What a text may say of this person. Raises KeyError when the records do not know them."""
        with self._lock:
            self._read([] if customer_id in self._customers else [customer_id])
            return self._customers[customer_id]

    def account(self, account_id: str) -> tuple[AccountEvents, Terms] | None:
        """An account's own events and its product's terms; None where either is not known, or rows of it are in quarantine."""
        with self._lock:
            if not self._places:
                self._read_places()
            place = self._places.get(account_id)
            if place is None:
                return None
            tables = Book(self._folder).account(*place)
            (row,) = tables["accounts"].iter_rows(named=True)
            terms = self._terms.get(row["product"])
            return None if terms is None or row["is_incomplete"] else (account_events(tables, 0), terms)

    def _read_places(self) -> None:
        """Where in the book each account stands."""
        rows = self._tables["accounts"].all().select("account_id", *_PLACE)
        self._places = {account: (number, row) for account, number, row in rows.iter_rows()}

    def owners(self, channel: str, address: str) -> list[tuple[str, str]]:
        """customer_id and contact_point_id of everybody who is reached at this address: several may share one."""
        with self._lock:
            self._refresh()
            if not self._by_address:
                self._read_addresses()
            return self._by_address.get(plain_address(address), [])

    def _read_addresses(self) -> None:
        points = self._tables["contact_points"].all()
        wanted = points.filter(pl.col("kind").cast(pl.String).is_in(["mobile", "landline", "email"]))
        for customer, point, value in wanted.select("customer_id", "contact_point_id", "value").iter_rows():
            self._by_address.setdefault(plain_address(value), []).append((customer, point))

    def gate(self, customer_id: str) -> Gate:
        """The gate of the packs that bind this person, by their jurisdiction."""
        row = self.customer(customer_id).row
        with self._lock:
            law = self._law()
            if law is not self._gates_of:
                self._gates, self._gates_of = {}, law
            packs = tuple(law.packs_for(row["jurisdiction"], row.get("region")))
            if packs not in self._gates:
                self._gates[packs] = Gate(packs, self._actor, known=law.packs)
            return self._gates[packs]

    def known_until(self) -> datetime:
        """The instant of the run from which the book is."""
        return self._known_until

    def _read(self, customer_ids: Sequence[str]) -> None:
        if not customer_ids:
            return
        if len(self._people) > _KEPT_MAX:
            self._people, self._customers = {}, {}
        wanted = pl.Series("customer_id", sorted(set(customer_ids)), dtype=pl.String)
        tables = {name: table.of(wanted) for name, table in self._tables.items()}
        positions = self._positions.of(wanted)
        tables["holds"] = without_told(tables["holds"])  # what the journal told is read from the journal
        self._people |= people(tables, customer_ids, positions.select("account_id", "past_due_days"))
        points = _by_customer(tables["contact_points"])
        owed, promised = _by_customer(positions), _by_customer(self._promises.of(wanted))
        for row in tables["customers"].iter_rows(named=True):
            name = row["customer_id"]
            addresses = {point["contact_point_id"]: point["value"] for point in points.get(name, ())}
            self._customers[name] = Customer(
                row, addresses, tuple(owed.get(name, ())), tuple(promised.get(name, ()))
            )

    def _refresh(self) -> None:
        """Read the book again when a run has replaced it."""
        stamp = (self._folder / _CHANGES).stat().st_mtime_ns if self._stamp else -1
        changed = 0 if self._vault is None else last_change()
        if stamp == self._stamp and changed == self._changed:
            return
        self._changed = changed
        book = Book(self._folder)
        self._known_until = book.imported_at
        self._stamp = (self._folder / _CHANGES).stat().st_mtime_ns
        tables: dict[str, list[pl.DataFrame]] = {name: [] for name in _TABLES}
        for number in range(book.partition_count):
            part = dict(book.partition(number).tables)
            part["accounts"] = part["accounts"].with_row_index("row_in_part")
            if self._vault is not None:
                part = without_customers(part, self._vault.forgotten(part["customers"]["customer_id"]))
            for name in _TABLES:
                tables[name].append(with_owner(part[name], part["accounts"]))
            tables["accounts"][-1] = tables["accounts"][-1].with_columns(pl.lit(number).alias("part_number"))
        whole = {name: pl.concat(frames, how="diagonal_relaxed") for name, frames in tables.items()}
        if self._vault is not None:
            whole = with_corrections(whole, all_corrections(self._vault), self._vault)
        self._tables = {name: _Table(rows) for name, rows in whole.items()}
        self._positions = _Table(pl.read_parquet(self._folder / "positions.parquet"))
        promises = self._folder / "promises.parquet"
        if promises.is_file():
            self._promises = _Table(pl.read_parquet(promises))
        self._people, self._customers, self._by_address, self._places = {}, {}, {}, {}


def with_owner(rows: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Rows that name their account by its place in the partition, with its id and its customer instead."""
    if "account_row" not in rows.columns:
        return rows
    owners = accounts.select("account_id", pl.col("customer_id").alias("owner_id"))
    named = rows.with_columns(pl.col("account_row").cast(pl.UInt32))
    named = named.join(
        owners.with_row_index("account_row"), on="account_row", how="left", maintain_order="left"
    )
    own = pl.col("customer_id") if "customer_id" in rows.columns else pl.lit(None, pl.String)
    return named.with_columns(pl.coalesce(own, "owner_id").alias("customer_id")).drop(
        "account_row", "owner_id"
    )


def _by_customer(rows: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        found.setdefault(row["customer_id"], []).append(row)
    return found
