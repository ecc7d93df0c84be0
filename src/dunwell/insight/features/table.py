"""All features of all accounts: one function for a million accounts and for one."""

from collections.abc import Mapping
from datetime import date, datetime

import numpy as np
import polars as pl

from dunwell.insight.features import arrears, contacts, payments, position, promises
from dunwell.insight.features.declared import Feature, Source
from dunwell.insight.features.known import known_by
from dunwell.ledger import Terms, kernel
from dunwell.ledger.positions import Timeline, settle_partition

COMBINED = (
    Feature(
        "past_due_days_gained_30d",
        "days past due beyond those of 30 days ago",
        "与 30 天前相比增加的逾期天数",
        "30 days",
        "days",
        Source.COMBINED,
        0,
        pl.col("past_due_days") - pl.col("past_due_days_30d_ago"),
    ),
    Feature(
        "kept_share_of_promises_365d",
        "share of the last year's promises that were kept",
        "近一年承诺兑现率",
        "365 days",
        "share",
        Source.COMBINED,
        -1,
        pl.col("promises_kept_365d")
        / (pl.col("promises_kept_365d") + pl.col("promises_broken_365d")).replace(0, None),
    ),
)

CATALOGUE: Mapping[str, Feature] = {
    feature.name: feature
    for feature in (
        *position.FEATURES,
        *arrears.FEATURES,
        *payments.FEATURES,
        *contacts.FEATURES,
        *promises.FEATURES,
        *COMBINED,
    )
}
"""Every feature by its name, in the columns' order."""


def features(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None = None,
) -> pl.DataFrame:
    """Every feature of every account that was open on ``as_of``, as known at ``known_at``: account_id,
    customer_id, then the columns of ``CATALOGUE`` as floats, null where there is nothing to tell.

    ``tables``: a partition's typed frames, as the book hands them out; for one account, frames of its rows
    alone. Rows that take effect later, or were recorded later, change nothing.
    """
    known = known_by(tables, as_of, known_at)

    def read(timeline: Timeline, events: kernel.Events, first: int, last: int) -> pl.DataFrame:
        return arrears.arrears_features(timeline, as_of)

    settled = settle_partition(known, terms, as_of, known_at, read_timeline=read)
    accounts = position.position_frame(known["accounts"], settled.figures, as_of)
    counted = (
        pl.concat(
            settled.from_timelines or [read(Timeline.of(np.empty((0, 5), np.int64)), settled.events, 0, 0)]
        ),
        payments.payment_features(known, as_of),
        contacts.contact_features(known, as_of),
        promises.promise_features(known, as_of),
    )
    frame = accounts.with_columns(f.column for f in position.FEATURES).filter("is_open")
    for rows in counted:
        frame = frame.join(rows, on="account_row", how="left", maintain_order="left")
    frame = frame.with_columns(
        pl.col(f.name).fill_null(0)
        for f in CATALOGUE.values()
        if (f.unit == "count" or f.source is Source.ARREARS) and f.source is not Source.COMBINED
    ).with_columns(f.column for f in COMBINED)
    ids = known["accounts"].select(
        "account_id", "customer_id", account_row=pl.int_range(pl.len(), dtype=pl.UInt32)
    )
    return frame.join(ids, on="account_row", how="left", maintain_order="left").select(
        "account_id", "customer_id", *(pl.col(name).cast(pl.Float64) for name in CATALOGUE)
    )


def catalogue_frame() -> pl.DataFrame:
    """The declarations as a table to read: name, meaning, meaning_zh, window, unit, source, risk."""
    return pl.DataFrame(
        [
            {
                "name": f.name,
                "meaning": f.meaning,
                "meaning_zh": f.meaning_zh,
                "window": f.window,
                "unit": f.unit,
                "source": f.source.value,
                "risk": f.risk,
            }
            for f in CATALOGUE.values()
        ]
    )
