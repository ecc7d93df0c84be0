"""A panel of the workspace's own book: each account's days past due at each month's end, from its arrears."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.insight.features.known import known_by
from dunwell.insight.rolls.panel import OPENED, States
from dunwell.ledger import Terms, kernel
from dunwell.ledger.positions import Timeline, settle_partition

_FROM_DAYS = (1, 30, 60, 90, 120, 150)

BOOK_STATES = States(
    ("settled", "current", "1-29", "30-59", "60-89", "90-119", "120-149", "150+"),
    frozenset({"30-59", "60-89", "90-119", "120-149", "150+"}),
)
"""Days past due at a month's end; settled: the last instalment's day has passed and nothing is past due."""


DEFAULTED = frozenset({"90-119", "120-149", "150+"})
"""Of BOOK_STATES: in default (90 days past due; IFRS 9 B5.5.37)."""

BOOK_REFINES = ("product", "months_to_go")
"""What refines the states in a book's forecast. Products differ in how late they run, and the instalments still to fall due say
when an account will be settled; without them a forecast runs after the mix when it shifts. A panel's past months go by the
schedule known when it is made.
"""


def month_number(day: date) -> int:
    """A month as a whole number that counts up by one."""
    return day.year * 12 + day.month - 1


def month_end(number: int) -> date:
    """The last day of a month."""
    year, month = divmod(number + 1, 12)
    return date(year, month + 1, 1) - timedelta(days=1)


def book_panel(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    months: int,
    known_at: datetime | None = None,
) -> pl.DataFrame:
    """The states of a partition's accounts at the last ``months`` month ends up to ``as_of``: account_id,
    customer_id, product, month, state, opened_month, months_to_go (until the last instalment known of falls due). An
    account appears from the first month end after it was opened.
    """
    last = month_number(as_of + timedelta(days=1)) - 1
    ends = [month_end(number) for number in range(last - months + 1, last + 1)]
    known = known_by(tables, as_of, known_at)

    def read(timeline: Timeline, events: kernel.Events, first: int, last: int) -> pl.DataFrame:
        return _late_days(timeline, ends)

    settled = settle_partition(known, terms, as_of, known_at, read_timeline=read)
    is_open = pl.Series(settled.figures[:, kernel.OUT_STATE] != kernel.NOT_OPENED)
    last_due = known["instalments"].group_by("account_row").agg(last_due_on=pl.col("due_on").max())
    accounts = (
        known["accounts"]
        .select("account_id", "customer_id", "product", "opened_on")
        .with_columns(account_row=pl.int_range(pl.len(), dtype=pl.UInt32))
        .filter(is_open)
        .join(last_due, on="account_row", how="left", maintain_order="left")
    )
    months_frame = pl.DataFrame({"month_end": ends, "month": [month_number(day) for day in ends]})
    late = pl.concat(settled.from_timelines) if settled.from_timelines else _late_days(_NO_TIMELINE, ends)
    days = pl.col("late_days").fill_null(0)
    return (
        accounts.join(months_frame, how="cross")
        .filter(pl.col("opened_on") <= pl.col("month_end"))
        .with_columns(_month_of("opened_on").alias(OPENED))
        .join(late, on=["account_row", "month_end"], how="left", maintain_order="left")
        .with_columns(
            state=pl.when((days <= 0) & (pl.col("last_due_on") < pl.col("month_end")))
            .then(pl.lit("settled"))
            .otherwise(state_of(days))
        )
        .with_columns(months_to_go=(_month_of("last_due_on") - pl.col("month")).clip(0))
        .select("account_id", "customer_id", "product", "month", "state", OPENED, "months_to_go")
        .sort("account_id", "month")
    )


def _month_of(day: str) -> pl.Expr:
    """``month_number`` of a column of days."""
    return 12 * pl.col(day).dt.year() + pl.col(day).dt.month() - 1


def state_of(days: pl.Expr) -> pl.Expr:
    """The state of an account that is not settled, by its days past due."""
    place = pl.sum_horizontal((days >= first).cast(pl.UInt32) for first in _FROM_DAYS)
    return place.replace_strict(dict(enumerate(BOOK_STATES.names[1:])), return_dtype=pl.String)


_NO_TIMELINE = Timeline.of(np.empty((0, 5), np.int64))


def _late_days(timeline: Timeline, ends: list[date]) -> pl.DataFrame:
    """account_row, month_end and late_days, where an account was past due at a month's end."""
    rows = pl.DataFrame(
        {
            "account_row": pl.Series(timeline.account).cast(pl.UInt32),
            "on": timeline.on,
            "oldest_due_on": timeline.oldest_due_on,
        }
    ).with_columns(
        until=pl.when(pl.col("account_row") == pl.col("account_row").shift(-1)).then(pl.col("on").shift(-1))
    )
    parts = []
    for day in ends:
        number = day_number(day)
        holds = (pl.col("on") <= number) & (pl.col("until").is_null() | (pl.col("until") > number))
        parts.append(
            rows.filter(holds & (pl.col("oldest_due_on") >= 0)).select(
                "account_row", month_end=pl.lit(day), late_days=number - pl.col("oldest_due_on")
            )
        )
    return pl.concat(parts)
