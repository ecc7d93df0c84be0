"""What came of each customer, by windows of days after the arm was drawn: 30, 90, 365.

A window that has not closed tells nothing yet: who paid on the third day is known sooner than who never will, so to read
open windows is to read the good news first.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

OUTCOMES = {"customer_id": pl.String, "window_days": pl.Int64, "is_closed": pl.Boolean, "outcome": pl.Float64}
"""The columns of ``outcomes_by_window``. ``outcome`` is null while the window is open."""


def outcomes_by_window(
    log: pl.DataFrame, events: pl.DataFrame, windows_days: Sequence[int], known_until: date
) -> pl.DataFrame:
    """What each customer of the log paid (or had happen) in each window, a row a customer and window.

    ``log``: customer_id and assigned_on. ``events``: customer_id, on, amount. A window of 30 days holds the days after
    the assignment up to and including the thirtieth; it is closed when ``known_until``, the last day whose events are
    all known, has reached that day.
    """
    enrolled = log.select("customer_id", "assigned_on").filter(pl.col("assigned_on").is_not_null())
    happened = (
        enrolled.join(events.select("customer_id", "on", pl.col("amount").cast(pl.Float64)), on="customer_id")
        .with_columns(day=(pl.col("on") - pl.col("assigned_on")).dt.total_days())
        .filter((pl.col("day") > 0) & (pl.col("on") <= known_until))
    )
    parts = []
    for window in sorted(windows_days):
        sums = (
            happened.filter(pl.col("day") <= window)
            .group_by("customer_id", "assigned_on")
            .agg(pl.col("amount").sum())
        )
        is_closed = pl.col("assigned_on") + pl.duration(days=window) <= known_until
        parts.append(
            enrolled.join(sums, on=["customer_id", "assigned_on"], how="left", maintain_order="left").select(
                "customer_id",
                pl.lit(window, pl.Int64).alias("window_days"),
                is_closed.alias("is_closed"),
                pl.when(is_closed).then(pl.col("amount").fill_null(0.0)).alias("outcome"),
            )
        )
    return pl.concat(parts).select(pl.col(name).cast(kind) for name, kind in OUTCOMES.items())
