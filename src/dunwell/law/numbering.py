"""The numbers by which the gate's pass knows people, contact points, accounts and debts."""

from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl

from dunwell.law.arrays import NONE
from dunwell.law.columns import Ints, ints
from dunwell.law.ids import UNKNOWN, Ids, Numbers

UNSEEN_DEBT = -2
"""The number of a debt that no record names: contacts that name their debts do not count to it."""

_NAMING = ("customers", "accounts", "contact_points", "consents", "notices")

_NO_IDS = pl.Series("id", [], pl.String)


class Numbering:
    """``people``, ``points`` and ``accounts`` number the ids of the tables, and those that only a contact or a consent names.

    ``debt_of``: each account's debt; accounts of one group share it. ``owner_of``: its person (NONE: not known). Both have
    two places more, which the numbers UNKNOWN and NONE fall on. ``has_accounts``: the records say which accounts there are.
    ``wishes``: by kind and detail, what was made of the wishes that were read with these numbers (``standing.preferences``).
    """

    def __init__(self, tables: Mapping[str, pl.DataFrame], past_due: pl.DataFrame | None) -> None:
        self._made_of = {name: tables.get(name) for name in _NAMING}
        self.wishes: dict[tuple[str, str], tuple[int, ...] | None] = {}
        self.people = Ids(tables["customers"]["customer_id"])
        points = tables.get("contact_points")
        self.points = Ids(_NO_IDS if points is None else points["contact_point_id"])
        for named in _columns(tables, ("contacts", "consents"), "contact_point_id"):
            self.points = self.points.with_more(named)
        accounts = tables.get("accounts")
        self.has_accounts = accounts is not None
        if accounts is None:
            lists = _columns(tables, ("contacts", "consents", "notices"), "account_ids")
            named_by = [ids.explode() for ids in lists] + list(_columns(tables, ("holds",), "account_id"))
            if past_due is not None:
                named_by.append(past_due["account_id"])
            self.accounts = Ids(
                pl.concat([_NO_IDS, *(ids.alias("id") for ids in named_by)]).drop_nulls().unique()
            )
            debts, owners = np.arange(len(self.accounts)), np.full(len(self.accounts), NONE)
        else:
            self.accounts = Ids(accounts["account_id"])
            debts, owners = _debts(accounts), np.maximum(self.people.numbers(accounts["customer_id"]), NONE)
        self.debt_of = np.concatenate([debts, [UNSEEN_DEBT, NONE]]).astype(np.int64)
        self.owner_of = np.concatenate([owners, [NONE, NONE]]).astype(np.int32)

    @property
    def contact_points(self) -> pl.DataFrame | None:
        """The table of contact points that the numbers were made of."""
        return self._made_of["contact_points"]

    def is_changed_by(self, tables: Mapping[str, pl.DataFrame], known_contacts: int = 0) -> bool:
        """Whether other tables than those it was made of need other numbers: the tables that name people, points, accounts or
        debts are not the same objects, or a contact names a point that these do not. ``known_contacts``: so many of the first
        contacts are numbered already.
        """
        if not self.has_accounts or any(
            tables.get(name) is not frame for name, frame in self._made_of.items()
        ):
            return True
        contacts = tables.get("contacts")
        if contacts is None or "contact_point_id" not in contacts.columns:
            return False
        return bool((self.points.numbers(contacts["contact_point_id"][known_contacts:]) == UNKNOWN).any())

    def person(self, rows: pl.DataFrame) -> Numbers:
        """Whom each row is about, NONE where the records do not know them."""
        return np.maximum(self.people.numbers(rows["customer_id"]), NONE)

    def point(self, rows: pl.DataFrame) -> Numbers:
        """Each row's contact point: NONE where none is said, one past the last for one that the records have never seen."""
        if "contact_point_id" not in rows.columns:
            return np.full(rows.height, NONE, np.int32)
        found = self.points.numbers(rows["contact_point_id"])
        found[found == UNKNOWN] = len(self.points)
        return found

    def debt(self, accounts: pl.Series) -> Ints:
        """The debts of account ids; UNSEEN_DEBT for one that no record names, NONE where none is said."""
        return self.debt_of[self.accounts.numbers(accounts)]

    def account_lists(self, rows: pl.DataFrame) -> tuple[Ints, Numbers]:
        """Where each row's accounts begin (one entry more than rows), and the accounts; an id that is missing is UNKNOWN."""
        if "account_ids" not in rows.columns:
            return np.zeros(rows.height + 1, np.int64), np.zeros(0, np.int32)
        lists = rows["account_ids"]
        first = np.zeros(rows.height + 1, np.int64)
        np.cumsum(ints(lists.list.len().fill_null(0)), out=first[1:])
        accounts = self.accounts.numbers(lists.explode(empty_as_null=False, keep_nulls=False))
        accounts[accounts == NONE] = UNKNOWN
        return first, accounts

    def by_debt(self, rows: pl.DataFrame) -> pl.DataFrame:
        """A row a debt that is named in account_ids; NONE where none is."""
        if "account_ids" not in rows.columns:
            return rows.with_columns(pl.lit(NONE, pl.Int64).alias("debt"))
        named = pl.when(pl.col("account_ids").list.len() > 0).then(pl.col("account_ids"))
        spread = rows.with_columns(named.alias("account_id")).explode("account_id")
        return spread.with_columns(pl.Series("debt", self.debt(spread["account_id"])))


def _debts(accounts: pl.DataFrame) -> Ints:
    """Each account's debt: its row, or the first row of the group that the customer's accounts were obtained in."""
    debts = np.arange(accounts.height, dtype=np.int64)
    if "group" in accounts.columns and accounts["group"].null_count() < accounts.height:
        grouped = accounts.select("customer_id", "group").with_row_index("row").drop_nulls("group")
        first = grouped.select(pl.col("row").min().over("customer_id", "group")).to_series()
        debts[grouped["row"].to_numpy()] = first.to_numpy()
    return debts


def _columns(tables: Mapping[str, pl.DataFrame], names: tuple[str, ...], column: str) -> Iterator[pl.Series]:
    """A column of those of some tables that have it."""
    for name in names:
        if name in tables and column in tables[name].columns:
            yield tables[name][column]
