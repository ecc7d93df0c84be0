"""How promises went: a row a promise, with the money that came in between its making and its day."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from dunwell.book.promised import spread
from dunwell.insight.features.declared import WINDOW_DAYS_MAX, Feature, Source

_IS_SETTLED = pl.col("due_days_ago") > 0
"""A promise for today can still be kept."""

_IS_KEPT = pl.col("paid_minor") >= pl.col("amount_minor")

FEATURES = (
    Feature(
        "promises_kept_365d",
        "promises of the last year that were kept",
        "近一年兑现的承诺数",
        "365 days",
        "count",
        Source.PROMISES,
        -1,
        (_IS_SETTLED & _IS_KEPT).sum(),
    ),
    Feature(
        "promises_broken_365d",
        "promises of the last year that were broken",
        "近一年未兑现的承诺数",
        "365 days",
        "count",
        Source.PROMISES,
        1,
        (_IS_SETTLED & ~_IS_KEPT).sum(),
    ),
    Feature(
        "promises_open",
        "promises whose day has not passed",
        "尚未到期的承诺数",
        "as of the day",
        "count",
        Source.PROMISES,
        0,
        (~_IS_SETTLED).sum(),
    ),
)


def promise_features(tables: Mapping[str, pl.DataFrame], as_of: date) -> pl.DataFrame:
    """The features of accounts with a promise made in the last year, by account_row. A promise is kept when
    the payments from the day it was made to its own day reach its amount.
    """
    made = (
        spread(tables["promises"], tables["accounts"])
        .select(
            "account_row",
            "promise_id",
            "amount_minor",
            "due_on",
            made_on=pl.col("made_at").dt.date(),
            due_days_ago=(pl.lit(as_of) - pl.col("due_on")).dt.total_days(),
        )
        .filter((pl.lit(as_of) - pl.col("made_on")).dt.total_days() < WINDOW_DAYS_MAX)
    )
    rows = with_money_received(made, tables["payments"])
    return rows.group_by("account_row").agg(f.column for f in FEATURES)


def with_money_received(promises: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Promises, a row a debt that they cover, with ``paid_minor``: what came in on all of these from the day each was made to its
    own day (account_row, promise_id, made_at or made_on, due_on), reversed payments left out.
    """
    if "made_on" not in promises.columns:
        promises = promises.with_columns(made_on=pl.col("made_at").dt.date())
    undone = payments.filter(pl.col("kind") == "reversal")["reverses"]
    came_in = payments.filter(
        pl.col("kind") == "payment", ~pl.col("payment_id").is_in(undone.implode())
    ).select("account_row", "paid_on", paid_minor="amount_minor")
    kept_by = (
        promises.join(came_in, on="account_row")
        .filter(pl.col("paid_on").is_between("made_on", "due_on"))
        .group_by("promise_id")
        .agg(pl.col("paid_minor").sum())
    )
    return promises.join(kept_by, on="promise_id", how="left", maintain_order="left").with_columns(
        pl.col("paid_minor").fill_null(0)
    )
