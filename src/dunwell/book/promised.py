"""Which debts a promise covers: the account that it names, and those of ``account_ids`` where it was made for several."""

import polars as pl

ACCOUNT_IDS = pl.List(pl.String)


def with_account_ids(promises: pl.DataFrame) -> pl.DataFrame:
    """Promises with ``account_ids`` as they are used: ``account_id`` (a column) and the others named, each once, in order.

    >>> rows = pl.DataFrame({"account_id": ["A2", "A3"], "account_ids": [["A1", "A2", None], None]})
    >>> with_account_ids(rows)["account_ids"].to_list()
    [['A1', 'A2'], ['A3']]
    """
    alone = pl.concat_list("account_id")
    if "account_ids" not in promises.columns or promises["account_ids"].null_count() == promises.height:
        return promises.with_columns(alone.alias("account_ids"))
    every = pl.concat_list(pl.col("account_ids").cast(ACCOUNT_IDS), alone)
    named = pl.when(pl.col("account_ids").is_null()).then(alone).otherwise(every)
    return promises.with_columns(named.list.drop_nulls().list.unique().list.sort().alias("account_ids"))


def spread(promises: pl.DataFrame, accounts: pl.DataFrame) -> pl.DataFrame:
    """A partition's promises, a row for each debt that they cover (``account_row``), in their order."""
    if "account_ids" not in promises.columns or promises["account_ids"].null_count() == promises.height:
        return promises
    kind = promises.schema["account_row"]
    places = accounts.select("account_id").with_row_index("§place")
    named = promises.with_columns(pl.col("account_row").cast(pl.UInt32).alias("§place"))
    named = named.join(places, on="§place", how="left", maintain_order="left").drop("§place")
    rows = with_account_ids(named).drop("account_id").explode("account_ids")
    rows = rows.join(places, left_on="account_ids", right_on="account_id", how="inner", maintain_order="left")
    spread_rows = rows.with_columns(pl.col("§place").cast(kind).alias("account_row"))
    return spread_rows.join(
        promises.select("promise_id", "account_ids"), on="promise_id", how="left", suffix="_named"
    ).select(
        pl.col("account_ids_named").alias(name) if name == "account_ids" else name
        for name in promises.columns
    )
