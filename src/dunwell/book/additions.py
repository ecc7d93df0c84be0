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
    """A partition's tables with the rows added, in the order that the rooms want; what they hold already counts once.

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
    known = set() if key is None else set(table[key].to_list())
    places = {account: number for number, account in enumerate(accounts["account_id"].to_list())}
    owners = set(customers["customer_id"].to_list())
    fresh: dict[tuple[int, datetime], list[Mapping[str, str | None]]] = defaultdict(list)
    for one in additions:
        account, customer = one.row.get("account_id"), one.row.get("customer_id")
        is_here = account in places if account is not None else customer in owners
        if is_here and (key is None or one.row.get(key) not in known):
            if key is not None:
                known.add(one.row.get(key))
            currency = accounts["currency"][places[account]] if account is not None else None
            fresh[(CURRENCIES[currency] if currency else 0, one.recorded_at)].append(one.row)
    if not fresh:
        return table
    typed = pl.concat([typed_rows(name, rows, at, decimals) for (decimals, at), rows in fresh.items()])
    if "account_row" in table.columns:
        typed = _placed(typed, accounts).with_columns(pl.col("account_row").cast(table.schema["account_row"]))
    if name == "promises" and "account_ids" not in table.columns:  # a book of before there was such a column
        table = table.with_columns(pl.lit(None, ACCOUNT_IDS).alias("account_ids"))
    if name == "promises":
        table, typed = taken_over(table, typed, accounts["account_id"].to_list())
    kept = [column for column in table.columns if column in typed.columns]
    both = pl.concat([table, typed.select(kept)], how="diagonal_relaxed").select(table.columns)
    first = "account_row" if "account_row" in table.columns else "customer_id"
    return both.sort(first, *TABLES[name].sort_by, maintain_order=True)


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
