"""Matching rows with the customer or account they belong to: orphans, parents in quarantine, money in the
account's minor units.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book.finding import hashes
from dunwell.book.parents import (
    CURRENCY_CODES,
    EXPONENTS,
    PLACE,
    UNKNOWN_EXPONENT,
    Exponents,
    Found,
    Parents,
    SliceAccounts,
    SliceCustomers,
)
from dunwell.book.partitions import PARTITION
from dunwell.book.plans import ACCOUNT, CUSTOMER, KEY, Plan
from dunwell.book.quarantine import PARENT_IN_QUARANTINE, Faults
from dunwell.book.sources import ROW
from dunwell.book.tables import Kind, Table
from dunwell.book.values import MONEY_SCALE, TOO_FINE

OWNER = "§owner"
"""In slices of a tape: the hash of the customer of a row that is a customer's and no account's (null: of an account's)."""


PLACES_MOST = 100_000
"""Of so many different places (jurisdiction, region, time zone) customers in slices may be, and of no more."""


class NotInOrder(Exception):
    """A tape cannot be taken in slices: rows do not stand in the order of the accounts, keys may repeat, or the like."""


@dataclass(frozen=True, slots=True)
class Slicing:
    """How a tape is taken in slices: accounts a slice, and how many customers and accounts there are; of more than
    ``most_held`` of them what is known lies in ``scratch``.
    """

    slice_size: int
    customers: int
    accounts: int
    most_held: int
    scratch: Path


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
        slicing: Slicing | None = None,
    ) -> None:
        """``products``: the currency of each product that has terms. ``slicing``: partitions are runs of accounts in the
        file's order (None: they go by a hash of the customer).
        """
        self._products, self._needing_rate = products, set(products_needing_rate)
        self.partition_count = partition_count
        self._reached: dict[str, int] = defaultdict(int)
        self._bad_keys: list[pl.DataFrame] = []
        self.customers: Parents | SliceCustomers = Parents()
        self.accounts: Parents | SliceAccounts = Parents()
        if slicing is not None:
            self.customers = SliceCustomers(slicing.scratch, slicing.customers, slicing.most_held)
            self.accounts = SliceAccounts(
                slicing.scratch, slicing.accounts, slicing.most_held, slicing.slice_size
            )
        self._is_in_slices = slicing is not None

    def forget(self, table: Table) -> None:
        """Drop what was read of a table, to read it again."""
        for parents in self.parents_of(table):
            parents.forget()
        if table.name == "instalments":
            self._bad_keys.clear()

    def parents_of(self, table: Table) -> list[Parents | SliceCustomers | SliceAccounts]:
        """What a table's rows become for others: parents, if they are customers or accounts."""
        if table.name == "customers":
            return [self.customers]
        return [self.accounts] if table.name == "accounts" else []

    def bad_keys(self) -> pl.DataFrame | None:
        """ACCOUNT, number and ROW of instalments that are bad for another reason than their key; None when
        there are none.
        """
        return pl.concat(self._bad_keys).drop_nulls() if self._bad_keys else None

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
        place = np.zeros(len(key), np.int32)
        if isinstance(self.customers, SliceCustomers):
            self.customers.add(key, ~checks.is_bad, pl.DataFrame(list(batch.values())))
            if self.customers.place_count > PLACES_MOST:
                raise NotInOrder("customers")
        else:
            place = (key % np.uint64(self.partition_count)).astype(np.int32)
            self.customers.add(key, ~checks.is_bad, place)
        batch[PARTITION] = pl.Series(PARTITION, place)

    def _place_accounts(self, plan: Plan, batch: dict[str, pl.Series], checks: Checks) -> None:
        hashed = batch.pop(CUSTOMER)
        customer = self._parent(hashed, self.customers, "customer_id is not in customers", checks)
        currency, product = batch["currency"], batch["product"]
        known = {code: k for k, code in enumerate(CURRENCY_CODES)}
        codes = currency.replace_strict(known, default=-1, return_dtype=pl.Int16).fill_null(-1).to_numpy()
        is_known = codes >= 0
        checks.note("currency is not ISO 4217", pl.Series(~is_known) & currency.is_not_null())
        expected = product.replace_strict(dict(self._products), default=None, return_dtype=pl.String)
        checks.note("product has no terms", product.is_not_null() & expected.is_null())
        checks.note(
            "currency differs from the product's",
            (expected != currency).fill_null(False) & pl.Series(is_known),
        )
        is_without_rate = product.is_in(sorted(self._needing_rate)) & batch["annual_rate_ppb"].is_null()
        is_without_rate &= ~pl.Series(checks.is_broken("annual_rate"))
        checks.note("annual_rate is missing, and the product's penalty is a multiple of it", is_without_rate)
        self._to_minor_units(batch, plan.source.table, EXPONENTS[codes], checks)
        key = _keys(batch.pop(KEY))
        if isinstance(self.accounts, SliceAccounts):
            place = self.accounts.next_places(len(key))
            self.accounts.add(key, ~checks.is_bad, codes)
            batch[PLACE] = pl.Series(PLACE, customer)
        else:
            place = self.customers.partitions_of(customer)
            self.accounts.add(key, ~checks.is_bad, place, codes, customer)
        batch[PARTITION] = pl.Series(PARTITION, place)

    def _place_children(self, plan: Plan, batch: dict[str, pl.Series], checks: Checks) -> None:
        table = plan.source.table
        if table.parent == "customers":
            owner = batch.pop(CUSTOMER)
            customer = self._parent(owner, self.customers, "customer_id is not in customers", checks)
            if "account_ids" in batch:
                self._check_account_ids(batch["account_ids"], checks)
            self._note_owner(batch, owner)
            batch[PARTITION] = pl.Series(PARTITION, self.customers.partitions_of(customer))
            return
        hashed = batch.pop(ACCOUNT)
        account = self._parent(hashed, self.accounts, "account_id is not in accounts", checks, table.name)
        if self._is_in_slices and table.passes_by:
            self._follow(table.name, account)
        if plan.money_scale != self.accounts.exponent:
            self._to_minor_units(batch, table, self.accounts.exponents_of(account), checks)
        if "account_ids" in batch:
            self._check_account_ids(batch["account_ids"], checks, account)
        if table.name == "payments":
            target = batch.get("reverses", batch.get("reverses_key"))
            if target is not None and target.null_count():
                checks.note(
                    "reverses is missing for a reversal", (batch["kind"] == "reversal") & target.is_null()
                )
        if table.name == "modifications":
            is_before = (batch["first_due_on"] < batch["agreed_on"]).fill_null(False)
            checks.note("first_due_on is before agreed_on", is_before)
        if table.holds_money and checks.is_bad.any():
            self.accounts.mark_incomplete(account[checks.is_bad])
            if table.name == "instalments":
                bad = pl.DataFrame([hashed, batch["number"], batch[ROW]]).filter(pl.Series(checks.is_bad))
                self._bad_keys.append(bad)
        batch["account_row"] = pl.Series("account_row", self.accounts.rows_of(account))
        batch[PARTITION] = pl.Series(PARTITION, self.accounts.partitions_of(account))

    def _place_holds(self, plan: Plan, batch: dict[str, pl.Series], checks: Checks) -> None:
        of_account, of_customer = batch.pop(ACCOUNT), batch.pop(CUSTOMER)
        checks.note("account_id or customer_id is missing", of_account.is_null() & of_customer.is_null())
        checks.note("to_on is before from_on", (batch["to_on"] < batch["from_on"]).fill_null(False))
        account = self._parent(of_account, self.accounts, "account_id is not in accounts", checks, "holds")
        customer = self._parent(of_customer, self.customers, "customer_id is not in customers", checks)
        is_accounts = account >= 0
        rows = self.accounts.rows_of(account).astype(np.int64)
        batch["account_row"] = pl.Series("account_row", np.where(is_accounts, rows, -1), dtype=pl.Int64)
        self._note_owner(batch, of_customer.set(pl.Series(is_accounts), None))
        places = self.accounts.partitions_of(account), self.customers.partitions_of(customer)
        batch[PARTITION] = pl.Series(PARTITION, np.where(is_accounts, *places))

    def _follow(self, table: str, account: Found) -> None:
        """See that a batch's rows, the bad ones too, go on from slice to slice. Raises NotInOrder."""
        known = account if len(account) and account.min() >= 0 else account[account >= 0]
        if not len(known):
            return
        slices = self.accounts.partitions_of(known)
        if slices[0] < self._reached[table] or (slices[1:] < slices[:-1]).any():
            raise NotInOrder(table)
        self._reached[table] = int(slices[-1])

    def _note_owner(self, batch: dict[str, pl.Series], customer: pl.Series) -> None:
        """In slices: whose the row is, since a customer's accounts may lie in several."""
        if self._is_in_slices:
            batch[OWNER] = customer.alias(OWNER)

    def _parent(
        self,
        ids: pl.Series,
        parents: Parents | SliceCustomers | SliceAccounts,
        rule: str,
        checks: Checks,
        table: str = "",
    ) -> Found:
        """Each row's parent, by the hash of its id; notes orphans and rows whose parent is in quarantine."""
        if not parents.count:
            checks.note(rule, ids.is_not_null())
            return np.full(len(ids), -1, np.int32)
        found = parents.find(_keys(ids), table)
        if ids.null_count():
            found = np.where(ids.is_null().to_numpy(), -1, found).astype(np.int32)
        is_orphan = found < 0
        if is_orphan.any():
            is_there = ids.is_not_null() & ~pl.Series(checks.is_broken(rule.split(" ", 1)[0]))
            checks.note(rule, pl.Series(is_orphan) & is_there)
        if not parents.are_all_good:
            checks.note(PARENT_IN_QUARANTINE, pl.Series(~is_orphan & ~parents.good(found)))
        return found

    def _check_account_ids(
        self, lists: pl.Series, checks: Checks, own: NDArray[np.int32] | None = None
    ) -> None:
        """Note the lists that name an account which is not there. ``own``: each row's account, beside which only those
        of the same customer, in the same currency, may stand. Raises NotInOrder in slices, where others may lie in
        other slices.
        """
        if lists.null_count() == len(lists):
            return
        flat = (
            pl.DataFrame({"row": np.arange(len(lists)), "id": lists})
            .explode("id")
            .filter(pl.col("id").is_not_null())
        )
        found = (
            self.accounts.find(hashes(flat["id"]), "account_ids")
            if self.accounts.count
            else np.full(flat.height, -1, np.int32)
        )
        rules = [
            ("account_ids names an account that is not in accounts", found < 0),
            (PARENT_IN_QUARANTINE, (found >= 0) & ~self.accounts.good(found)),
        ]
        if own is not None and self.accounts.count:
            beside = own[flat["row"].to_numpy()]
            are_known = (found >= 0) & (beside >= 0)
            if isinstance(self.accounts, Parents):
                rules += [
                    (
                        "account_ids names another customer's account",
                        are_known & ~self.accounts.share_owner(found, beside),
                    ),
                    (
                        "account_ids names an account in another currency",
                        are_known & ~self.accounts.share_currency(found, beside),
                    ),
                ]
            elif (are_known & (found != beside)).any():
                raise NotInOrder("promises")
        for rule, is_broken in rules:
            mask = np.zeros(len(lists), np.bool_)
            mask[flat["row"].to_numpy()[is_broken]] = True
            checks.note(rule, pl.Series(mask))

    def _to_minor_units(
        self, batch: dict[str, pl.Series], table: Table, exponents: Exponents, checks: Checks
    ) -> None:
        """Money from ten-thousandths to minor units by each row's currency; what is finer than the currency
        is bad.
        """
        is_known = exponents != UNKNOWN_EXPONENT
        decimals = np.unique(exponents)
        # Most tapes are in one currency, and dividing by one number is several times as fast as by one a row.
        factors: int | NDArray[np.int64] = (
            10 ** (MONEY_SCALE - int(decimals[0]))
            if len(decimals) == 1
            else 10 ** (MONEY_SCALE - exponents.astype(np.int64))
        )
        for column in table.columns:
            if column.kind is not Kind.MONEY or column.typed_name not in batch:
                continue
            scaled = batch[column.typed_name].fill_null(0).to_numpy()
            minor = scaled // factors
            is_too_fine = minor * factors != scaled
            if is_too_fine.any():
                checks.note(TOO_FINE.format(column.name), pl.Series(is_too_fine & is_known))
            batch[column.typed_name] = pl.Series(column.typed_name, minor)


def _keys(hashed: pl.Series) -> NDArray[np.uint64]:
    return (hashed.fill_null(0) if hashed.null_count() else hashed).to_numpy()
