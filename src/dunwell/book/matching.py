"""Matching rows with the customer or account they belong to: orphans, parents in quarantine, money in the
account's minor units.

Customers and accounts are kept as arrays, some bytes a row, however large the tape is.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book.finding import Index, hashes, number_within
from dunwell.book.partitions import PARTITION
from dunwell.book.plans import ACCOUNT, CUSTOMER, KEY, Plan
from dunwell.book.quarantine import PARENT_IN_QUARANTINE, Faults
from dunwell.book.sources import ROW
from dunwell.book.tables import Kind, Table
from dunwell.book.values import MONEY_SCALE, TOO_FINE
from dunwell.money import CURRENCIES

OWNER = "§owner"
"""In slices of a tape: the customer of a row that is a customer's and no account's (-1: none), among all customers."""

_CURRENCY_CODES = sorted(CURRENCIES)
_EXPONENTS = np.array([CURRENCIES[code] for code in _CURRENCY_CODES], np.int64)


class NotInOrder(Exception):
    """A tape cannot be taken in slices: rows do not stand in the order of the accounts, or keys may repeat."""


class Parents:
    """The accounts or customers of a tape as arrays: hash of the id, whether good, partition, row in the
    partition's frame.

    In slices a partition is a run of ``slice_size`` neighbours, and ``owner`` is the customer of each account.
    """

    def __init__(self, slice_size: int | None = None) -> None:
        self.exponent: int | None = None
        self.slice_size = slice_size
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.keys: list[NDArray[np.uint64]] = []
        self.good: list[NDArray[np.bool_]] = []
        self.places: list[NDArray[np.int32]] = []
        self.currencies: list[NDArray[np.int16]] = []
        self.owners: list[NDArray[np.int32]] = []

    def next_places(self, count: int) -> NDArray[np.int32]:
        """The slices of the next ``count`` rows."""
        if self.slice_size is None:
            raise ValueError("there are no slices")
        first = sum(len(key) for key in self.keys)
        return (np.arange(first, first + count) // self.slice_size).astype(np.int32)

    def members(self, number: int) -> NDArray[np.int64]:
        """The good rows of a partition, by their place in the file (0 is the first)."""
        if self.slice_size is None:
            return np.flatnonzero(self.is_good & (self.partition == number))
        first = number * self.slice_size
        return first + np.flatnonzero(self.is_good[first : first + self.slice_size])

    def close(self, partition_count: int) -> None:
        """Put the batches together once the file is read, and number the good ones within their partitions."""
        self.key = np.concatenate([np.empty(0, np.uint64), *self.keys])
        self.is_good = np.concatenate([np.empty(0, np.bool_), *self.good])
        self.partition = np.concatenate([np.empty(0, np.int32), *self.places])
        self.currency = np.concatenate([np.empty(0, np.int16), *self.currencies])
        self.owner = np.concatenate([np.empty(0, np.int32), *self.owners])
        self.index = Index(self.key)
        self.row, counts = np.full(len(self.key), -1, np.int32), np.zeros(partition_count, np.int64)
        number_within(self.partition, self.is_good, self.row, counts)
        self.first_rows = np.concatenate([[0], np.cumsum(counts)]).tolist()
        self.is_incomplete = np.zeros(len(self.key), np.bool_)
        self.are_all_good = bool(self.is_good.all())
        self.rows_are_positions = self.are_all_good and partition_count == 1
        exponents = (
            np.unique(_EXPONENTS[self.currency[self.is_good]]) if len(self.currency) else _EXPONENTS[:0]
        )
        self.exponent = int(exponents[0]) if len(exponents) == 1 else None
        self.forget()


class Checks:
    """Collects the bad rows of one batch."""

    def __init__(self, table: str, faults: Faults, row_numbers: pl.Series) -> None:
        self._table, self._faults, self._rows = table, faults, row_numbers
        self.is_bad: NDArray[np.bool_] = np.zeros(len(row_numbers), np.bool_)
        self._broken: dict[str, NDArray[np.bool_]] = {}

    def is_broken(self, column: str) -> NDArray[np.bool_]:
        """Which rows broke a rule about the column so far."""
        return self._broken.get(column, np.zeros(len(self._rows), np.bool_))

    def note(self, rule: str, mask: pl.Series) -> None:
        """Rows for which the mask is true broke the rule."""
        if not mask.any():
            return
        broken = mask.fill_null(False).to_numpy()
        self.is_bad |= broken
        column = rule.split(" ", 1)[0]
        self._broken[column] = self.is_broken(column) | broken
        self._faults.add(self._table, self._rows.filter(mask).to_numpy(), rule)


class Matcher:
    """The customers and accounts read so far, and how the rows of every table find theirs."""

    def __init__(
        self,
        products: Mapping[str, str],
        products_needing_rate: Collection[str],
        partition_count: int,
        slice_size: int | None = None,
    ) -> None:
        """``products``: the currency of each product that has terms. ``slice_size``: so many accounts are a partition, in the
        file's order (None: partitions go by a hash of the customer).
        """
        self._products, self._needing_rate = products, set(products_needing_rate)
        self.partition_count, self._is_in_slices = partition_count, slice_size is not None
        self._reached: dict[str, int] = defaultdict(int)
        self._bad_keys: list[pl.DataFrame] = []
        self.customers, self.accounts = Parents(), Parents(slice_size)

    def forget(self, table: Table) -> None:
        """Drop what was read of a table, to read it again."""
        for parents in self.parents_of(table):
            parents.forget()
        if table.name == "instalments":
            self._bad_keys.clear()

    def parents_of(self, table: Table) -> list[Parents]:
        """What a table's rows become for others: parents, if they are customers or accounts."""
        return (
            [self.customers]
            if table.name == "customers"
            else [self.accounts]
            if table.name == "accounts"
            else []
        )

    def bad_keys(self) -> pl.DataFrame | None:
        """ACCOUNT, number and ROW of instalments that are bad for another reason than their key; None when
        there are none.
        """
        return pl.concat(self._bad_keys).drop_nulls() if self._bad_keys else None

    def mark_incomplete(self, positions: NDArray[np.int32]) -> None:
        """Note that money rows of these accounts are in quarantine."""
        known = positions[positions >= 0]
        self.accounts.is_incomplete[known] = True

    def place(self, plan: Plan, batch: dict[str, pl.Series], checks: Checks) -> pl.DataFrame:
        """The good rows of a batch, matched with their parents, with the column PARTITION."""
        name = plan.source.table.name
        places = {
            "customers": self._place_customers,
            "accounts": self._place_accounts,
            "holds": self._place_holds,
        }
        places.get(name, self._place_children)(plan, batch, checks)
        placed = pl.DataFrame(list(batch.values()))
        return placed.filter(~pl.Series(checks.is_bad)) if checks.is_bad.any() else placed

    def _place_customers(self, plan: Plan, batch: dict[str, pl.Series], checks: Checks) -> None:
        key = _keys(batch.pop(KEY))
        self.customers.keys.append(key)
        self.customers.good.append(~checks.is_bad)
        place = (
            np.zeros(len(key), np.int32)
            if self._is_in_slices
            else (key % np.uint64(self.partition_count)).astype(np.int32)
        )
        self.customers.places.append(place)
        batch[PARTITION] = pl.Series(PARTITION, place)

    def _place_accounts(self, plan: Plan, batch: dict[str, pl.Series], checks: Checks) -> None:
        customer = self._parent(
            batch.pop(CUSTOMER), self.customers, "customer_id is not in customers", checks
        )
        currency, product = batch["currency"], batch["product"]
        known = {code: k for k, code in enumerate(_CURRENCY_CODES)}
        codes = currency.replace_strict(known, default=-1, return_dtype=pl.Int16).fill_null(-1).to_numpy()
        checks.note("currency is not ISO 4217", pl.Series(codes < 0) & currency.is_not_null())
        expected = product.replace_strict(dict(self._products), default=None, return_dtype=pl.String)
        checks.note("product has no terms", product.is_not_null() & expected.is_null())
        checks.note(
            "currency differs from the product's",
            (expected != currency).fill_null(False) & pl.Series(codes >= 0),
        )
        is_without_rate = product.is_in(sorted(self._needing_rate)) & batch["annual_rate_ppb"].is_null()
        is_without_rate &= ~pl.Series(checks.is_broken("annual_rate"))
        checks.note("annual_rate is missing, and the product's penalty is a multiple of it", is_without_rate)
        self._to_minor_units(batch, plan.source.table, codes, checks)
        place = (
            pl.Series(PARTITION, self.accounts.next_places(len(customer)))
            if self._is_in_slices
            else self._partition_of(self.customers, customer)
        )
        self.accounts.owners.append(customer)
        self.accounts.keys.append(_keys(batch.pop(KEY)))
        self.accounts.good.append(~checks.is_bad)
        self.accounts.places.append(place.to_numpy())
        self.accounts.currencies.append(codes)
        batch[PARTITION] = place

    def _place_children(self, plan: Plan, batch: dict[str, pl.Series], checks: Checks) -> None:
        table = plan.source.table
        if table.parent == "customers":
            customer = self._parent(
                batch.pop(CUSTOMER), self.customers, "customer_id is not in customers", checks
            )
            if "account_ids" in batch:
                self._check_account_ids(batch["account_ids"], checks)
            self._note_owner(batch, customer)
            batch[PARTITION] = self._partition_of(self.customers, customer)
            return
        hashed = batch.pop(ACCOUNT)
        account = self._parent(hashed, self.accounts, "account_id is not in accounts", checks)
        if self._is_in_slices and table.passes_by:
            self._follow(table.name, account)
        if plan.money_scale != self.accounts.exponent:
            codes = (
                np.where(account >= 0, self.accounts.currency[account], np.int16(-1))
                if len(self.accounts.currency)
                else np.full(len(account), -1, np.int16)
            )
            self._to_minor_units(batch, table, codes, checks)
        if "account_ids" in batch:
            self._check_account_ids(batch["account_ids"], checks, account)
        if table.name == "payments":
            target = batch.get("reverses", batch.get("reverses_key"))
            if target is not None and target.null_count():
                checks.note(
                    "reverses is missing for a reversal", (batch["kind"] == "reversal") & target.is_null()
                )
        if table.holds_money and checks.is_bad.any():
            self.mark_incomplete(account[checks.is_bad])
            if table.name == "instalments":
                bad = pl.DataFrame([hashed, batch["number"], batch[ROW]]).filter(pl.Series(checks.is_bad))
                self._bad_keys.append(bad)
        batch["account_row"] = _rows_of(self.accounts, account)
        batch[PARTITION] = self._partition_of(self.accounts, account)

    def _place_holds(self, plan: Plan, batch: dict[str, pl.Series], checks: Checks) -> None:
        of_account, of_customer = batch.pop(ACCOUNT), batch.pop(CUSTOMER)
        checks.note("account_id or customer_id is missing", of_account.is_null() & of_customer.is_null())
        checks.note("to_on is before from_on", (batch["to_on"] < batch["from_on"]).fill_null(False))
        account = self._parent(of_account, self.accounts, "account_id is not in accounts", checks)
        customer = self._parent(of_customer, self.customers, "customer_id is not in customers", checks)
        rows = self.accounts.row[account] if len(self.accounts.row) else account
        batch["account_row"] = pl.Series("account_row", np.where(account >= 0, rows, -1), dtype=pl.Int64)
        self._note_owner(batch, np.where(account >= 0, -1, customer).astype(np.int32))
        places = self._partition_of(self.accounts, account), self._partition_of(self.customers, customer)
        batch[PARTITION] = places[0].zip_with(pl.Series(account >= 0), places[1])

    def _follow(self, table: str, account: NDArray[np.int32]) -> None:
        """See that a batch's rows, the bad ones too, go on from slice to slice. Raises NotInOrder."""
        known = account if len(account) and account.min() >= 0 else account[account >= 0]
        if not len(known):
            return
        slices = self.accounts.partition[known]
        if slices[0] < self._reached[table] or (slices[1:] < slices[:-1]).any():
            raise NotInOrder(table)
        self._reached[table] = int(slices[-1])

    def _note_owner(self, batch: dict[str, pl.Series], customer: NDArray[np.int32]) -> None:
        """In slices: whose the row is, since a customer's accounts may lie in several."""
        if self._is_in_slices:
            batch[OWNER] = pl.Series(OWNER, customer)

    def _partition_of(self, parents: Parents, position: NDArray[np.int32]) -> pl.Series:
        """Where rows with these parents belong (rows without one are bad and go nowhere)."""
        place = (
            parents.partition[position]
            if len(parents.partition) and self.partition_count > 1
            else np.zeros(len(position), np.int32)
        )
        return pl.Series(PARTITION, place)

    def _parent(self, ids: pl.Series, parents: Parents, rule: str, checks: Checks) -> NDArray[np.int32]:
        """Each row's parent as a position, by the hash of its id; notes orphans and rows whose parent is in
        quarantine.
        """
        if not len(parents.key):
            checks.note(rule, ids.is_not_null())
            return np.full(len(ids), -1, np.int32)
        position = parents.index.find(_keys(ids))
        if ids.null_count():
            position = np.where(ids.is_null().to_numpy(), -1, position).astype(np.int32)
        is_orphan = position < 0
        if is_orphan.any():
            is_there = ids.is_not_null() & ~pl.Series(checks.is_broken(rule.split(" ", 1)[0]))
            checks.note(rule, pl.Series(is_orphan) & is_there)
        if not parents.are_all_good:
            checks.note(PARENT_IN_QUARANTINE, pl.Series(~is_orphan & ~parents.is_good[position]))
        return position

    def _check_account_ids(
        self, lists: pl.Series, checks: Checks, own: NDArray[np.int32] | None = None
    ) -> None:
        """Note the lists that name an account which is not there. ``own``: each row's account, beside which only those
        of the same customer, in the same currency, may stand. Raises NotInOrder where another lies in another slice.
        """
        if lists.null_count() == len(lists):
            return
        flat = (
            pl.DataFrame({"row": np.arange(len(lists)), "id": lists})
            .explode("id")
            .filter(pl.col("id").is_not_null())
        )
        position = (
            self.accounts.index.find(hashes(flat["id"]))
            if len(self.accounts.key)
            else np.full(flat.height, -1, np.int32)
        )
        rules = [
            ("account_ids names an account that is not in accounts", position < 0),
            (
                PARENT_IN_QUARANTINE,
                (position >= 0) & ~self.accounts.is_good[position]
                if len(self.accounts.key)
                else np.zeros(flat.height, np.bool_),
            ),
        ]
        if own is not None and len(self.accounts.key):
            beside = own[flat["row"].to_numpy()]
            are_known = (position >= 0) & (beside >= 0)
            whose, currency = self.accounts.owner, self.accounts.currency
            rules += [
                (
                    "account_ids names another customer's account",
                    are_known & (whose[position] != whose[beside]),
                ),
                (
                    "account_ids names an account in another currency",
                    are_known & (currency[position] != currency[beside]),
                ),
            ]
            slices = self.accounts.partition
            if self._is_in_slices and (are_known & (slices[position] != slices[beside])).any():
                raise NotInOrder("promises")
        for rule, is_broken in rules:
            mask = np.zeros(len(lists), np.bool_)
            mask[flat["row"].to_numpy()[is_broken]] = True
            checks.note(rule, pl.Series(mask))

    def _to_minor_units(
        self, batch: dict[str, pl.Series], table: Table, currency: NDArray[np.int16], checks: Checks
    ) -> None:
        """Money from ten-thousandths to minor units by each row's currency; what is finer than the currency
        is bad.
        """
        factors = 10 ** (MONEY_SCALE - _EXPONENTS[currency])
        for column in table.columns:
            if column.kind is not Kind.MONEY or column.typed_name not in batch:
                continue
            scaled = batch[column.typed_name].fill_null(0).to_numpy()
            minor = scaled // factors
            is_too_fine = minor * factors != scaled
            if is_too_fine.any():
                checks.note(TOO_FINE.format(column.name), pl.Series(is_too_fine & (currency >= 0)))
            batch[column.typed_name] = pl.Series(column.typed_name, minor)


def _keys(hashed: pl.Series) -> NDArray[np.uint64]:
    return (hashed.fill_null(0) if hashed.null_count() else hashed).to_numpy()


def _rows_of(accounts: Parents, position: NDArray[np.int32]) -> pl.Series:
    """The row of each account in its partition's frame (of an unknown account: 0; its row is bad and goes
    nowhere).
    """
    rows = position if accounts.rows_are_positions or not len(accounts.row) else accounts.row[position]
    return pl.Series("account_row", np.maximum(rows, 0).view(np.uint32))
