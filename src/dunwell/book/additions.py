"""Rows that were told of since the tape, put into a partition as if the tape had held them: a payment of the day, a stop, a
promise made at the desk. The same for one customer's page and for the nightly run.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from dunwell.book.promised import ACCOUNT_IDS, taken_over
from dunwell.book.single import typed_rows
from dunwell.book.tables import TABLES
from dunwell.money import CURRENCIES


@dataclass(frozen=True, slots=True)
class Addition:
    """A row of a table as texts by column, and when it was learned of."""

    table: str
    row: Mapping[str, str | None]
    recorded_at: datetime


def key_of(table: str) -> str | None:
    """The column by which a row of the table is known; None where rows have no name of their own.

    >>> key_of("payments"), key_of("holds"), key_of("preferences")
    ('payment_id', 'hold_id', None)
    """
    key = TABLES[table].key
    return key[0] if len(key) == 1 else None


def with_additions(
    tables: Mapping[str, pl.DataFrame], additions: Sequence[Addition]
) -> dict[str, pl.DataFrame]:
    """A partition's tables with the rows added, in the order that the rooms want; what they hold already counts once, and
    is known from when the first of the two told of it.

    Rows of accounts or customers that are not in this partition are left out. Raises RowsUnusable for a row that cannot be read.
    """
    result = dict(tables)
    by_table: dict[str, list[Addition]] = defaultdict(list)
    for one in additions:
        by_table[one.table].append(one)
    for name, rows in by_table.items():
        result[name] = _with_rows(name, tables[name], tables["accounts"], tables["customers"], rows)
    return result


def without_customers(tables: Mapping[str, pl.DataFrame], gone: Collection[str]) -> dict[str, pl.DataFrame]:
    """A partition's tables without these customers and all that is theirs; the others' rows keep their order."""
    if not gone:
        return dict(tables)
    is_gone = pl.col("customer_id").is_in(list(gone))
    places = tables["accounts"].select("customer_id").with_row_index("before").filter(~is_gone)
    places = places.select("before").with_row_index("place")
    result = {}
    for name, rows in tables.items():
        if "account_row" in rows.columns:
            kind, columns = rows.schema["account_row"], rows.columns
            moved = rows.rename({"account_row": "before"}).with_columns(pl.col("before").cast(pl.UInt32))
            moved = moved.join(places, on="before", how="inner", maintain_order="left")
            rows = moved.with_columns(pl.col("place").cast(kind).alias("account_row")).select(columns)
        if "customer_id" in rows.columns:
            rows = rows.filter(~is_gone.fill_null(False))
        result[name] = rows
    return result


def _with_rows(
    name: str,
    table: pl.DataFrame,
    accounts: pl.DataFrame,
    customers: pl.DataFrame,
    additions: Sequence[Addition],
) -> pl.DataFrame:
    key = key_of(name)
    held = set() if key is None else set(table[key].to_list())
    places = {account: number for number, account in enumerate(accounts["account_id"].to_list())}
    owners = set(customers["customer_id"].to_list())
    fresh, again = _Told(), _Told()
    for one in additions:
        account, customer = one.row.get("account_id"), one.row.get("customer_id")
        if not (account in places if account is not None else customer in owners):
            continue
        currency = accounts["currency"][places[account]] if account is not None else None
        decimals = CURRENCIES[currency] if currency else 0
        if key is None:
            fresh.add(one, decimals)
        elif (own := one.row.get(key)) in held:
            again.add(one, decimals)
        elif own not in fresh.keys:
            fresh.add(one, decimals, own)
    if again.rows:
        table = _known_since(table, again.typed(name, table, accounts))
    if not fresh.rows:
        return table
    typed = fresh.typed(name, table, accounts)
    if name == "promises" and "account_ids" not in table.columns:  # a book of before there was such a column
        table = table.with_columns(pl.lit(None, ACCOUNT_IDS).alias("account_ids"))
    if name == "promises":
        table, typed = taken_over(table, typed, accounts["account_id"].to_list())
    kept = [column for column in table.columns if column in typed.columns]
    both = pl.concat([table, typed.select(kept)], how="diagonal_relaxed").select(table.columns)
    first = "account_row" if "account_row" in table.columns else "customer_id"
    return both.sort(first, *TABLES[name].sort_by, maintain_order=True)


class _Told:
    """Rows that were told of, by the decimals of their currency and the instant; ``keys``: those by which they are known."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, datetime], list[Mapping[str, str | None]]] = defaultdict(list)
        self.keys: set[str | None] = set()

    def add(self, one: Addition, decimals: int, key: str | None = None) -> None:
        self.rows[(decimals, one.recorded_at)].append(one.row)
        self.keys.add(key)

    def typed(self, name: str, table: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
        """The rows as the table holds its own."""
        typed = pl.concat(
            [typed_rows(name, rows, at, decimals) for (decimals, at), rows in self.rows.items()]
        )
        if "account_row" not in table.columns:
            return typed
        placed = _placed(typed, accounts)
        return placed.with_columns(pl.col("account_row").cast(table.schema["account_row"]))


def _known_since(table: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """The rows, those that were told of before in the same words known from then on. Money that was seen in the morning does not
    become later than a promise of noon because a tape of the evening brings it.
    """
    words = {
        name: kind
        for name, kind in table.schema.items()
        if name in told.columns and name != "recorded_at" and not kind.is_nested()
    }
    same = told.select(pl.col(name).cast(kind) for name, kind in words.items()).with_columns(
        told["recorded_at"]
    )
    first = same.group_by(*words).agg(pl.col("recorded_at").min().alias("§first"))
    return (
        table.join(first, on=list(words), how="left", nulls_equal=True, maintain_order="left")
        .with_columns(pl.min_horizontal("recorded_at", "§first").alias("recorded_at"))
        .select(table.columns)
    )


def _placed(rows: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """Rows with the place of their account; one of a customer (a hold) stands once for each of the customer's accounts."""
    places = accounts.select("account_id", "customer_id").with_row_index("account_row")
    of_account = rows.filter(pl.col("account_id").is_not_null()).join(
        places.select("account_id", "account_row"), on="account_id", how="left"
    )
    if "customer_id" not in rows.columns:
        return of_account
    of_customer = rows.filter(pl.col("account_id").is_null()).join(
        places.select("customer_id", "account_row"), on="customer_id", how="inner"
    )
    return pl.concat([of_account, of_customer], how="diagonal_relaxed")
