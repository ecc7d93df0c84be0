"""Why the classes of accounts with changed contracts differ between two days: the changes themselves, and what each class
became.
"""

from collections.abc import Mapping
from datetime import date, datetime

import polars as pl

from dunwell.ledger.modified import TABLE
from dunwell.ledger.owed import positions
from dunwell.ledger.terms import Terms

_CLASSES = ("asset_class", "ifrs_stage", "in_default")
_SCHEMA = {
    "account_row": pl.UInt32,
    "reason": pl.String,
    "on": pl.Date,
    "amount_minor": pl.Int64,
    "detail": pl.String,
}


def class_reasons(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    first: tuple[date, datetime],
    second: tuple[date, datetime],
) -> pl.DataFrame:
    """A row a cause: account_row, reason (modification, class), on, amount_minor (null), detail. ``first``, ``second``: a day
    and the instant by which what is known counts.
    """
    changes = tables.get(TABLE)
    if changes is None or not changes.height:
        return pl.DataFrame(schema=_SCHEMA)
    owners = changes.select(pl.col("account_row").cast(pl.UInt32)).unique().sort("account_row")
    own = _accounts_alone(tables, owners)
    before, after = (positions(own, terms, day, known_at).frame for day, known_at in (first, second))
    joined = after.join(before, on="account_id", how="inner", suffix="_before", maintain_order="left")
    rows = tables["accounts"].select("account_id").with_row_index("account_row")
    joined = joined.join(rows, on="account_id", maintain_order="left")
    nothing = pl.lit(None, pl.Int64).alias("amount_minor")
    found = [
        joined.filter(pl.col(name).ne_missing(pl.col(f"{name}_before"))).select(
            "account_row",
            pl.lit("class").alias("reason"),
            pl.lit(None, pl.Date).alias("on"),
            nothing,
            pl.format(
                "{}: {} -> {}",
                pl.lit(name),
                *(pl.col(column).cast(pl.String).fill_null("none") for column in (f"{name}_before", name)),
            ).alias("detail"),
        )
        for name in _CLASSES
    ]
    return pl.concat([_made(changes, first, second).with_columns(nothing).select(*_SCHEMA), *found])


def _made(changes: pl.DataFrame, first: tuple[date, datetime], second: tuple[date, datetime]) -> pl.DataFrame:
    """The changes that took effect between the days, or were learned of."""
    happens = pl.col("agreed_on").is_between(first[0], second[0], closed="right")
    is_late = pl.col("recorded_at").is_between(first[1], second[1], closed="right")
    recorded = pl.when(pl.col("agreed_on") <= first[0]).then(
        pl.format(", recorded {}", pl.col("recorded_at").dt.date().cast(pl.String))
    )
    return changes.filter(
        pl.col("agreed_on") <= second[0], pl.col("recorded_at") <= second[1], happens | is_late
    ).select(
        pl.col("account_row").cast(pl.UInt32),
        pl.lit("modification").alias("reason"),
        pl.col("agreed_on").alias("on"),
        pl.format("{} {}{}", "kind", "modification_id", recorded.otherwise(pl.lit(""))).alias("detail"),
    )


def _accounts_alone(tables: Mapping[str, pl.DataFrame], owners: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The tables of some accounts (``account_row``) as a partition of their own."""
    places = owners.with_row_index("§place")
    alone = {}
    for name, rows in tables.items():
        if "account_row" in rows.columns:
            kind = rows.schema["account_row"]
            moved = rows.with_columns(pl.col("account_row").cast(pl.UInt32)).join(
                places, on="account_row", how="inner", maintain_order="left"
            )
            rows = moved.with_columns(pl.col("§place").cast(kind).alias("account_row")).select(rows.columns)
        alone[name] = rows
    alone["accounts"] = tables["accounts"][owners["account_row"].to_list()]
    return alone
