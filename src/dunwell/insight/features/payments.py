"""What came in and what fell due: a row a payment or an instalment, signed, with how many days ago it was."""

from collections.abc import Mapping
from datetime import date

import polars as pl

from dunwell.insight.features.declared import WINDOW_DAYS_MAX, Feature, Source

_IS_PAYMENT = pl.col("is_payment")


def _paid_to_due(days: int) -> pl.Expr:
    within = pl.col("days_ago") < days
    due = pl.col("due_minor").filter(within).sum()
    return pl.when(due > 0).then((pl.col("paid_minor").filter(within).sum() / due).clip(0, 10))


def _paid_share(days: int) -> Feature:
    return Feature(
        f"paid_to_due_{days}d",
        f"paid in {days} days as a share of what fell due in them",
        f"近 {days} 天还款占同期应还的比例",
        f"{days} days",
        "share",
        Source.PAYMENTS,
        -1,
        _paid_to_due(days),
    )


FEATURES = (
    _paid_share(30),
    _paid_share(90),
    _paid_share(365),
    Feature(
        "payment_count_90d",
        "payments in 90 days",
        "近 90 天还款次数",
        "90 days",
        "count",
        Source.PAYMENTS,
        0,
        (_IS_PAYMENT & (pl.col("days_ago") < 90)).sum(),
    ),
    Feature(
        "returned_payment_count_365d",
        "payments that bounced or were charged back in the last year",
        "近一年退回或拒付的还款次数",
        "365 days",
        "count",
        Source.PAYMENTS,
        1,
        pl.col("is_returned").sum(),
    ),
    Feature(
        "largest_payment_to_due_365d",
        "largest payment of the last year as a share of a usual instalment",
        "近一年最大一笔还款与通常每期应还之比",
        "365 days",
        "ratio",
        Source.PAYMENTS,
        0,
        (
            pl.col("paid_minor").filter(_IS_PAYMENT).max()
            / pl.col("due_minor").filter(pl.col("due_minor") > 0).mean()
        ).clip(0, 100),
    ),
)


def payment_features(tables: Mapping[str, pl.DataFrame], as_of: date) -> pl.DataFrame:
    """The features of accounts with money due or paid in the last year, by account_row."""
    paid = tables["payments"].select(
        "account_row",
        days_ago=_days_ago("paid_on", as_of),
        paid_minor=pl.when(pl.col("kind") == "payment")
        .then(pl.col("amount_minor"))
        .otherwise(-pl.col("amount_minor"))
        .cast(pl.Float64),
        due_minor=pl.lit(0.0),
        is_payment=pl.col("kind") == "payment",
        is_returned=pl.col("kind") != "payment",
    )
    due = (
        tables["instalments"]
        .filter(pl.col("due_on") <= as_of)
        .select(
            "account_row",
            days_ago=_days_ago("due_on", as_of),
            paid_minor=pl.lit(0.0),
            due_minor=pl.sum_horizontal("principal_minor", "interest_minor", "fees_minor").cast(pl.Float64),
            is_payment=pl.lit(False),
            is_returned=pl.lit(False),
        )
    )
    rows = pl.concat([paid, due]).filter(pl.col("days_ago") < WINDOW_DAYS_MAX)
    return rows.group_by("account_row").agg(f.column for f in FEATURES)


def _days_ago(column: str, as_of: date) -> pl.Expr:
    return (pl.lit(as_of) - pl.col(column)).dt.total_days()
