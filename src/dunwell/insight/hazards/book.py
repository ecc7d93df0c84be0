"""Person-periods of the workspace's own book: what each overdue account did after a day, from its ledger."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.insight.features import CATALOGUE, features
from dunwell.insight.hazards.periods import CURE, PARTIAL, Periods, person_periods
from dunwell.insight.training import are_dated, known_at_end_of
from dunwell.ledger import Terms, kernel
from dunwell.ledger.positions import Timeline, settle_partition

_NO_TIMELINE = Timeline.of(np.empty((0, 5), np.int64))


def overdue_accounts(
    tables: Mapping[str, pl.DataFrame], terms: Mapping[str, Terms], origin: date
) -> pl.DataFrame:
    """The accounts past due on a day, with the features as known then, and what was overdue: account_id,
    customer_id, currency, origin, overdue_minor, then the columns of ``CATALOGUE``.
    """
    known = features(tables, terms, origin, known_at_end_of(origin) if are_dated(tables) else None)
    overdue = settle_partition(tables, terms, origin).figures[:, kernel.OUT_PAST_DUE_TOTAL]
    owed = tables["accounts"].select("account_id", "currency").with_columns(overdue_minor=pl.Series(overdue))
    return (
        known.filter(pl.col("past_due_days") > 0)
        .join(owed, on="account_id", how="left", maintain_order="left")
        .filter(pl.col("overdue_minor") > 0)
        .select(
            "account_id",
            "customer_id",
            "currency",
            pl.lit(origin).alias("origin"),
            "overdue_minor",
            *CATALOGUE,
        )
    )


def repayment_rows(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    origins: Sequence[date],
    as_of: date,
    periods: Periods | None = None,
) -> pl.DataFrame:
    """The person-periods of every account past due on one of the origins, followed up to ``as_of``.

    A cure is the first day on which nothing is past due at its end; other days with money are part payments.
    Money that was taken back later never came. The tape does not date charge-offs and sales, nor does it know
    settlements: rows with those causes are made with ``person_periods`` from what the lender can date.
    """
    stretches = periods or Periods()
    episodes = pl.concat([overdue_accounts(tables, terms, origin) for origin in origins])
    followed = (pl.lit(as_of) - pl.col("origin")).dt.total_days().cast(pl.Int32)
    ids = tables["accounts"].select("account_id", account_row=pl.int_range(pl.len(), dtype=pl.UInt32))
    keyed = episodes.select("account_id", "origin").join(ids, on="account_id")
    return person_periods(
        episodes.with_columns(followed_days=followed),
        _events(keyed, _cured_on(tables, terms, as_of), _money(tables, as_of)),
        stretches,
    )


def _events(keyed: pl.DataFrame, cured: pl.DataFrame, money: pl.DataFrame) -> pl.DataFrame:
    """What came after each origin: the day of the cure, with that day's money, and days of part payments."""
    after = pl.col("on") > pl.col("origin")
    first = (
        keyed.join(cured, on="account_row")
        .filter(after)
        .group_by("account_id", "origin", "account_row")
        .agg(pl.col("on").min())
    )
    paid = keyed.join(money, on="account_row").filter(after)
    days = ["account_id", "origin", "account_row", "on"]
    both = paid.join(first.with_columns(is_cure=True), on=days, how="full", coalesce=True)
    return both.select(
        "account_id",
        "origin",
        day=(pl.col("on") - pl.col("origin")).dt.total_days().cast(pl.Int32),
        cause=pl.when("is_cure").then(pl.lit(CURE.name)).otherwise(pl.lit(PARTIAL.name)),
        amount_minor=pl.col("amount_minor").fill_null(0),
    )


def _cured_on(tables: Mapping[str, pl.DataFrame], terms: Mapping[str, Terms], as_of: date) -> pl.DataFrame:
    """account_row and each day at whose end nothing was past due any more."""

    def read(timeline: Timeline, events: kernel.Events, first: int, last: int) -> pl.DataFrame:
        is_clear = (timeline.oldest_due_on < 0) & (timeline.on <= day_number(as_of))
        return pl.DataFrame(
            {
                "account_row": pl.Series(timeline.account[is_clear]).cast(pl.UInt32),
                "on": pl.Series(timeline.on[is_clear]).cast(pl.Date),
            }
        )

    settled = settle_partition(tables, terms, as_of, read_timeline=read)
    return pl.concat(settled.from_timelines or [read(_NO_TIMELINE, settled.events, 0, 0)])


def _money(tables: Mapping[str, pl.DataFrame], as_of: date) -> pl.DataFrame:
    """account_row, day and the sum of that day's payments which nothing took back."""
    payments = tables["payments"].filter(pl.col("paid_on") <= as_of)
    taken_back = payments.filter(pl.col("reverses").is_not_null()).select(payment_id="reverses")
    return (
        payments.filter(pl.col("kind").cast(pl.String) == "payment")
        .join(taken_back, on="payment_id", how="anti")
        .group_by("account_row", on="paid_on")
        .agg(pl.col("amount_minor").sum())
    )
