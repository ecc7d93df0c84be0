"""Vintage curves: of the accounts opened in a quarter, how many had been 30 days late by so many months on book.

Counted from the arrears timeline, so a back-dated payment changes the curve as it changes the past. An account reaches month m on
the same day of the month m months after it was opened (the month's last day where it has no such day).
"""

from datetime import date

import dataframely as dy
import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.calendars import day_number

LATE_DAYS = 30
MONTHS_MAX = 60

Ints = NDArray[np.int64]


class Vintages(dy.Schema):
    """A row a product, opening quarter (its first day) and month on book.

    ``accounts`` have reached the month; of them ``ever_late`` had been 30 or more days past due at some time by then, ``late``
    were on that very day.
    """

    product = dy.String()
    opened_in = dy.Date()
    month = dy.Int64(min=0, max=MONTHS_MAX)
    accounts = dy.Int64(min=0)
    ever_late = dy.Int64(min=0)
    late = dy.Int64(min=0)


def vintage_figures(accounts: pl.DataFrame, timeline: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Counts for the vintage curves of one partition (see Vintages), months 0 to MONTHS_MAX; additive.

    ``accounts``: product and opened_on, a row an account. ``timeline``: account (row index into accounts), on, oldest_due_on
    (null or -1: nothing past due), sorted by account and day; a state holds until the account's next row, the last until as_of.
    """
    today = day_number(as_of)
    is_open = (accounts["opened_on"] <= as_of).fill_null(False).to_numpy()
    if not is_open.any():
        return Vintages.create_empty()
    cohorts, cohort = _cohorts(accounts, is_open)
    opened = accounts["opened_on"].to_physical().fill_null(today + 1).cast(pl.Int64).to_numpy()
    age = np.where(is_open, full_months(opened, np.full_like(opened, today)), -1)
    grid = _Grid(cohorts.height, cohort)
    rows = np.flatnonzero(is_open)
    reached = grid.between(rows, np.zeros_like(rows), age[rows])

    account, first_late, last_late = _late_spells(timeline, today)
    kept = is_open[account]
    account, first_late, last_late = account[kept], first_late[kept], last_late[kept]
    month = np.maximum(full_months(opened[account], first_late - 1) + 1, 0)
    late = grid.between(account, month, full_months(opened[account], last_late))
    ever, where = np.unique(account, return_index=True)
    ever_late = grid.between(ever, month[where], age[ever])

    months = np.arange(MONTHS_MAX + 1)
    filled = reached > 0
    return Vintages.validate(
        cohorts[np.repeat(np.arange(cohorts.height), MONTHS_MAX + 1)]
        .with_columns(
            month=pl.Series(np.tile(months, cohorts.height)),
            accounts=pl.Series(reached.ravel()),
            ever_late=pl.Series(ever_late.ravel()),
            late=pl.Series(late.ravel()),
        )
        .filter(pl.Series(filled.ravel())),
        cast=True,
    )


def vintage_curves(vintages: pl.DataFrame) -> pl.DataFrame:
    """Shares by opening quarter and month on book, all products together.

    Returns opened_in, month, cohort (accounts opened in the quarter), accounts (those that have reached the month),
    ever_late_share, late_share, is_whole (the whole cohort has reached the month: only such points of a curve can be compared).
    """
    summed = vintages.group_by("opened_in", "month").agg(pl.col("accounts", "ever_late", "late").sum())
    cohort = pl.col("accounts").max().over("opened_in")
    return summed.select(
        "opened_in",
        "month",
        cohort.alias("cohort"),
        "accounts",
        ever_late_share=pl.col("ever_late") / pl.col("accounts"),
        late_share=pl.col("late") / pl.col("accounts"),
        is_whole=pl.col("accounts") == cohort,
    ).sort("opened_in", "month")


def full_months(start: Ints, end: Ints) -> Ints:
    """Whole months from one day number to another: the largest m with ``add_months(start, m) <= end`` (below 0 if earlier)."""
    start_days, end_days = start.astype("datetime64[D]"), end.astype("datetime64[D]")
    start_months, end_months = start_days.astype("datetime64[M]"), end_days.astype("datetime64[M]")
    start_day = (start_days - start_months).astype(np.int64)
    end_day = (end_days - end_months).astype(np.int64)
    month_days = (end_months + 1).astype("datetime64[D]") - end_months.astype("datetime64[D]")
    is_short = end_day < np.minimum(start_day, month_days.astype(np.int64) - 1)
    months: Ints = (end_months - start_months).astype(np.int64) - is_short
    return months


class _Grid:
    """Counts accounts by cohort and month from ranges of months, through a difference array."""

    def __init__(self, cohort_count: int, cohort: Ints) -> None:
        self._shape = (cohort_count, MONTHS_MAX + 2)
        self._cohort = cohort

    def between(self, account: Ints, first: Ints, last: Ints) -> Ints:
        """How many of the given accounts cover each cohort's month with first <= month <= last; empty ranges count nothing."""
        last = np.minimum(last, MONTHS_MAX)
        kept = first <= last
        row = self._cohort[account[kept]] * self._shape[1]
        size = self._shape[0] * self._shape[1]
        steps = np.bincount(row + first[kept], minlength=size) - np.bincount(
            row + last[kept] + 1, minlength=size
        )
        return np.cumsum(steps.reshape(self._shape), axis=1)[:, :-1]


def _cohorts(accounts: pl.DataFrame, is_open: NDArray[np.bool_]) -> tuple[pl.DataFrame, Ints]:
    """The (product, quarter) pairs of opened accounts, and for each account row the index of its pair (0 where not opened)."""
    keys = accounts.select(pl.col("product").cast(pl.String), opened_in=pl.col("opened_on").dt.truncate("1q"))
    cohorts = keys.filter(pl.Series(is_open)).unique().sort("product", "opened_in").with_row_index("cohort")
    index = keys.join(cohorts, on=["product", "opened_in"], how="left", maintain_order="left")["cohort"]
    return cohorts.drop("cohort"), index.fill_null(0).cast(pl.Int64).to_numpy()


def _late_spells(timeline: pl.DataFrame, today: int) -> tuple[Ints, Ints, Ints]:
    """Account row, first and last day of every stretch of LATE_DAYS or more past due, in the timeline's order."""
    oldest = timeline["oldest_due_on"]
    is_due = (oldest.to_physical() != -1).fill_null(False).to_numpy()
    account = timeline["account"].cast(pl.Int64).to_numpy()
    on = timeline["on"].to_physical().cast(pl.Int64).to_numpy()
    until = np.full_like(on, today)
    if len(on):
        is_followed = account[1:] == account[:-1]
        until[:-1][is_followed] = np.minimum(on[1:][is_followed] - 1, today)
    first = np.maximum(on, oldest.to_physical().cast(pl.Int64).fill_null(0).to_numpy() + LATE_DAYS)
    kept = is_due & (first <= until)
    return account[kept], first[kept], until[kept]
