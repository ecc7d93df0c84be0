"""Stretches of lateness: when an account fell past due, how late it became, and when it caught up."""

from collections.abc import Mapping
from datetime import date, datetime

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.insight.features.known import known_by
from dunwell.ledger import Terms, kernel
from dunwell.ledger.positions import Timeline, settle_partition

EPISODE_COLUMNS = ("account_id", "customer_id", "began_on", "ended_on", "worst_days")


def episodes(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None = None,
) -> pl.DataFrame:
    """Every stretch of days past due up to ``as_of``, a row each, in order of account and day: account_id,
    customer_id, began_on (the day after the due day), ended_on (the day nothing was past due any more; null while
    it lasts) and worst_days (the most days past due in it, the day it ended included: what is paid nine days late
    was nine days late).
    """
    known = known_by(tables, as_of, known_at)

    def read(timeline: Timeline, events: kernel.Events, first: int, last: int) -> pl.DataFrame:
        return _stretches(timeline, as_of)

    settled = settle_partition(known, terms, as_of, known_at, read_timeline=read)
    parts = settled.from_timelines or [_stretches(Timeline.of(np.empty((0, 5), np.int64)), as_of)]
    ids = known["accounts"].select(
        "account_id", "customer_id", account_row=pl.int_range(pl.len(), dtype=pl.UInt32)
    )
    return (
        pl.concat(parts)
        .join(ids, on="account_row", how="inner", maintain_order="left")
        .select(EPISODE_COLUMNS)
        .sort("account_id", "began_on")
    )


def _stretches(timeline: Timeline, as_of: date) -> pl.DataFrame:
    today = day_number(as_of)
    rows = pl.DataFrame(
        {
            "account_row": pl.Series(timeline.account).cast(pl.UInt32),
            "on": timeline.on,
            "oldest_due_on": timeline.oldest_due_on,
        }
    ).filter(pl.col("on") <= today)
    is_late = pl.col("oldest_due_on") >= 0
    next_on = pl.col("on").shift(-1).over("account_row")
    rows = rows.with_columns(
        is_late=is_late,
        begins=is_late & ~is_late.shift(1, fill_value=False).over("account_row"),
        next_on=next_on,
        began_on=pl.max_horizontal("on", pl.col("oldest_due_on") + 1),
        days=next_on.fill_null(today) - pl.col("oldest_due_on"),
    ).with_columns(stretch=pl.col("begins").cum_sum())
    return (
        rows.filter("is_late", pl.col("began_on") <= today)
        .group_by("stretch", maintain_order=True)
        .agg(
            pl.col("account_row").first(),
            began_on=pl.col("began_on").first().cast(pl.Int32).cast(pl.Date),
            ended_on=pl.col("next_on").last().cast(pl.Int32).cast(pl.Date),
            worst_days=pl.col("days").max().cast(pl.Int32),
        )
        .drop("stretch")
    )
