"""What the walk found of each promise, in words: its state, its days, its money as decimals, and the reason."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from dunwell.book.promised import ACCOUNT_IDS
from dunwell.ledger.arrays import worked_out
from dunwell.money import EXPONENT_MAX
from dunwell.resolution.promise_kernel import NO_DAY

MONEY = pl.Decimal(38, 4)
PROMISE_COLUMNS: Mapping[str, Any] = {
    "promise_id": pl.String,
    "account_id": pl.String,
    "account_ids": ACCOUNT_IDS,
    "customer_id": pl.String,
    "state": pl.String,
    "currency": pl.String,
    "amount": MONEY,
    "credited": MONEY,
    "made_at": pl.Datetime("us", "UTC"),
    "due_on": pl.Date,
    "waited_for_until": pl.Date,
    "kept_on": pl.Date,
    "broken_on": pl.Date,
    "cancelled_on": pl.Date,
    "as_of": pl.Date,
    "reason": pl.String,
    "contact_id": pl.String,
    "made_by": pl.String,
    "parts": pl.List(pl.Struct({"due_on": pl.Date, "amount": MONEY, "credited": MONEY, "kept_on": pl.Date})),
}
"""The columns of ``book/promises.parquet``. ``due_on`` is that of the first part not kept (of the last when all are);
``waited_for_until`` adds the grace."""


def told(
    parts: pl.DataFrame, whole: pl.DataFrame, credited: Any, kept_on: Any, broken_on: Any, as_of: date
) -> pl.DataFrame:
    """The outcome of a walk as PROMISE_COLUMNS. ``parts`` and ``whole`` as walked, in their order."""
    lines = (
        parts.lazy()
        .with_columns(
            pl.Series("credited_minor", credited, pl.Int64),
            _days("kept_on", kept_on),
        )
        .with_columns(_money("amount_minor").alias("amount"), _money("credited_minor").alias("credited"))
    )
    next_first = (pl.col("kept_on").is_null().not_(), "due_on")
    summed = (
        lines.sort("row", "due_on", maintain_order=True)
        .group_by("row", maintain_order=True)
        .agg(
            pl.col("amount").sum(),
            pl.col("credited").sum(),
            pl.col("due_on").sort_by(*next_first).first().alias("next_due_on"),
            pl.col("deadline").sort_by(*next_first).first().alias("next_deadline"),
            pl.col("due_on").max().alias("last_due_on"),
            pl.col("deadline").max().alias("last_deadline"),
            pl.col("kept_on").is_not_null().all().alias("is_kept"),
            pl.col("kept_on").max(),
            pl.struct("due_on", "amount", "credited", "kept_on").alias("parts"),
        )
    )
    found = (
        whole.lazy()
        .with_columns(_days("broken_on", broken_on), pl.lit(as_of).alias("as_of"))
        .join(summed, on="row", how="left", maintain_order="left")
    )
    return worked_out(
        found.with_columns(_state().alias("state"))
        .with_columns(
            pl.when("is_kept").then("last_due_on").otherwise("next_due_on").alias("due_on"),
            pl.when("is_kept").then("last_deadline").otherwise("next_deadline").alias("waited_for_until"),
            pl.when(pl.col("state") == "kept").then("kept_on").alias("kept_on"),
        )
        .with_columns(_reason().alias("reason"))
        .select(pl.col(name).cast(kind) for name, kind in PROMISE_COLUMNS.items())
    )


def _state() -> pl.Expr:
    is_broken = pl.col("broken_on").is_not_null()
    return (
        pl.when(is_broken & (pl.col("credited") > 0))
        .then(pl.lit("partly_kept"))
        .when(is_broken)
        .then(pl.lit("broken"))
        .when("is_kept")
        .then(pl.lit("kept"))
        .when(pl.col("cancelled_on").is_not_null())
        .then(pl.lit("cancelled"))
        .otherwise(pl.lit("open"))
    )


def _reason() -> pl.Expr:
    until, state = pl.col("waited_for_until"), pl.col("state")
    return (
        pl.when(state == "kept")
        .then(pl.format("paid by {}", "kept_on"))
        .when(state == "partly_kept")
        .then(pl.format("only a part had been paid by {}", until))
        .when(state == "broken")
        .then(pl.format("nothing had been paid by {}", until))
        .when((state == "cancelled") & pl.col("superseded_by").is_not_null())
        .then(pl.format("{}; superseded by {}", "cancel_reason", "superseded_by"))
        .when(state == "cancelled")
        .then(pl.col("cancel_reason"))
        .otherwise(pl.format("it is waited for until {}", until))
    )


def _days(name: str, numbers: Any) -> pl.Expr:
    days = pl.Series(name, numbers, pl.Int64)
    return pl.when(days != NO_DAY).then(days).cast(pl.Int32).cast(pl.Date).alias(name)


def _money(minor: str) -> pl.Expr:
    """Minor units as a decimal amount of four places, exactly."""
    units = {exponent: Decimal(1).scaleb(-exponent) for exponent in range(EXPONENT_MAX + 1)}
    unit = pl.col("exponent").replace_strict(units, return_dtype=MONEY)
    return (pl.col(minor).cast(pl.Decimal(38, 0)) * unit).cast(MONEY)
