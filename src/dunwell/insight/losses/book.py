"""Of a book: when accounts defaulted and what they owed then, what came back since, and what accounts would owe at a default
to come.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl

from dunwell.calendars import day_number
from dunwell.insight.features.known import known_by
from dunwell.insight.rolls.book import BOOK_STATES, month_number, state_of
from dunwell.ledger import Terms, kernel
from dunwell.ledger.positions import Settled, Timeline, settle_partition

DEFAULT_DAYS = 90
"""Days past due that make a default (IFRS 9 B5.5.37; EBA/GL/2016/07 leaves out what is immaterial, as the ledger does)."""

EXPOSURE_YEARS = 10
"""For so many years ahead it is told what an account would owe; losses later than that are not counted."""

_DAYS_LOOKED_AT = 4
_GONE = ("closed", "sold")
_NO_TIMELINE = Timeline.of(np.empty((0, 5), np.int64))


@dataclass(frozen=True, slots=True)
class Defaults:
    """``debts``: account_id, currency, charged_off_on (the day of the first default), exposure_minor (owed then, with what was
    not due yet). ``payments``: account_id, paid_on, amount_minor, of these accounts and not taken back. As
    ``settlement.recovery_curve`` reads them.
    """

    debts: pl.DataFrame
    payments: pl.DataFrame


def book_defaults(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None = None,
) -> Defaults:
    """A partition's first defaults up to ``as_of``, and the money since."""
    known = known_by(tables, as_of, known_at)

    def read(timeline: Timeline, events: kernel.Events, first: int, last: int) -> pl.DataFrame:
        return _first_defaults(timeline, as_of)

    settled = settle_partition(known, terms, as_of, known_at, read_timeline=read)
    found = pl.concat(settled.from_timelines or [_first_defaults(_NO_TIMELINE, as_of)])
    ids = known["accounts"].select(
        "account_id",
        pl.col("currency").cast(pl.String),
        account_row=pl.int_range(pl.len(), dtype=pl.UInt32),
    )
    debts = found.join(ids, on="account_row", maintain_order="left")
    taken_back = known["payments"].select(payment_id="reverses").drop_nulls()
    payments = (
        known["payments"]
        .filter(pl.col("kind").cast(pl.String) == "payment")
        .join(taken_back, on="payment_id", how="anti")
        .join(debts.select("account_row", "account_id"), on="account_row")
        .select("account_id", "paid_on", "amount_minor")
    )
    return Defaults(debts.select("account_id", "currency", "charged_off_on", "exposure_minor"), payments)


def _first_defaults(timeline: Timeline, as_of: date) -> pl.DataFrame:
    """account_row, charged_off_on and exposure_minor: the first day of an account DEFAULT_DAYS past due."""
    today = day_number(as_of)
    rows = pl.DataFrame(
        {
            "account_row": pl.Series(timeline.account).cast(pl.UInt32),
            "on": pl.Series(timeline.on).cast(pl.Int32),
            "oldest_due_on": pl.Series(timeline.oldest_due_on).cast(pl.Int32),
            "exposure_minor": timeline.exposure_minor,
        }
    ).filter(pl.col("on") <= today)
    next_on = pl.col("on").shift(-1).over("account_row").fill_null(today + 1)
    defaulted_on = pl.max_horizontal("on", pl.col("oldest_due_on") + DEFAULT_DAYS)
    return (
        rows.with_columns(next_on=next_on, defaulted_on=defaulted_on)
        .filter(pl.col("oldest_due_on") >= 0, pl.col("defaulted_on") < pl.col("next_on"))
        .group_by("account_row", maintain_order=True)
        .agg(
            charged_off_on=pl.col("defaulted_on").first().cast(pl.Date),
            exposure_minor=pl.col("exposure_minor").first(),
        )
    )


def exposures(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None = None,
) -> pl.DataFrame:
    """What each account on the book owes now and would owe if it defaulted later: account_id, currency, product, annual_rate,
    state (of BOOK_STATES, on the day itself), months_on_book, exposure_minor, and ``exposure_in_1y`` to
    ``exposure_in_10y``: at a default in the course of that year, in minor units. Accounts closed or sold are left out.

    Who defaults stopped paying DEFAULT_DAYS before, and what was not due by then is never paid. Over a year's defaults that
    is the mean of what is not due yet on several of its days, so a contract that ends within the year counts in part.
    """
    known = known_by(tables, as_of, known_at)
    settled: Settled[None] = settle_partition(known, terms, as_of, known_at)
    figures = settled.figures
    owed = figures[:, kernel.OUT_PAST_DUE_TOTAL]
    accounts = known["accounts"].select(
        "account_id",
        pl.col("currency").cast(pl.String),
        pl.col("product").cast(pl.String),
        annual_rate=pl.col("annual_rate_ppb") / 1e9,
        account_row=pl.int_range(pl.len(), dtype=pl.UInt32),
        overdue_minor=pl.Series(owed),
        days_late=pl.Series(figures[:, kernel.OUT_PAST_DUE_DAYS].astype(np.int32)),
        months_on_book=month_number(as_of)
        - (12 * pl.col("opened_on").dt.year() + pl.col("opened_on").dt.month() - 1),
        is_on_book=pl.Series(figures[:, kernel.OUT_STATE] != kernel.NOT_OPENED)
        & ~pl.col("status").cast(pl.String).is_in(_GONE),
    )
    to_come = (
        known["instalments"]
        .filter(pl.col("due_on") > as_of)
        .with_columns(_days=(pl.col("due_on") - as_of).dt.total_days())
        .group_by("account_row")
        .agg(
            now=pl.col("principal_minor").sum(),
            **{f"in_{year}y": _left_in(year) for year in range(1, EXPOSURE_YEARS + 1)},
        )
    )
    overdue = pl.col("overdue_minor")
    return (
        accounts.filter("is_on_book")
        .join(to_come, on="account_row", how="left", maintain_order="left")
        .select(
            "account_id",
            "currency",
            "product",
            "annual_rate",
            "months_on_book",
            state=pl.when((pl.col("days_late") <= 0) & pl.col("now").is_null())
            .then(pl.lit(BOOK_STATES.names[0]))
            .otherwise(state_of(pl.col("days_late"))),
            exposure_minor=overdue + pl.col("now").fill_null(0),
            **{
                f"exposure_in_{year}y": overdue + pl.col(f"in_{year}y").fill_null(0)
                for year in range(1, EXPOSURE_YEARS + 1)
            },
        )
    )


def _left_in(year: int) -> pl.Expr:
    """The principal not due yet when those who default in a year stopped paying: the mean over the year's days."""
    first, last = (max(0, 365 * y - DEFAULT_DAYS) for y in (year - 1, year))
    days = [first + round(k * (last - first) / _DAYS_LOOKED_AT) for k in range(_DAYS_LOOKED_AT)]
    left = [pl.col("principal_minor").filter(pl.col("_days") > day).sum() for day in days]
    return (pl.sum_horizontal(left) / len(days)).round().cast(pl.Int64)
