"""Positions whole: what every account owes, how late it is, what class it is in, and when the claim becomes
time-barred.

``positions`` is the one function behind the nightly run, ``dunwell ledger`` and a look at one account.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from dunwell.ledger import kernel
from dunwell.ledger.positions import Settled, Timeline, positions_frame, settle_partition
from dunwell.ledger.terms import Terms

POSITION_COLUMNS = (
    "account_id",
    "customer_id",
    "as_of",
    "currency",
    "status",
    "past_due_days",
    "delinquent_days",
    "oldest_due_on",
    "due_principal",
    "due_interest",
    "due_fees",
    "due_costs",
    "penalty",
    "past_due_total",
    "outstanding_principal",
    "payoff_total",
    "unallocated_credit",
    "waived_by_cap",
    "bucket",
    "asset_class",
    "ifrs_stage",
    "in_default",
    "last_paid_on",
    "paid_30d",
    "limitation_ends_on",
)
"""The columns of ``positions`` (formats.md section 2), in their order."""


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions of one partition, a row an opened account, and its arrears where they were asked for."""

    frame: pl.DataFrame
    timelines: tuple[Timeline, ...] = ()

    def timeline_frame(self) -> pl.DataFrame:
        """The arrears of all accounts as one frame (see Timeline.frame)."""
        return pl.concat([timeline.frame() for timeline in self.timelines])


@dataclass(frozen=True, slots=True)
class _Span:
    """What is kept of a span of accounts: its arrears, when wanted."""

    timeline: Timeline | None


def positions(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None = None,
    *,
    keeps_timeline: bool = False,
) -> Positions:
    """The positions of a partition's accounts as of a day, from what was known at an instant (everything,
    when None).

    ``tables``: the typed frames of one partition, as the book hands them out; for one account, frames of its
    rows alone.
    """

    def read(timeline: Timeline, events: kernel.Events) -> _Span:
        return _Span(timeline if keeps_timeline else None)

    settled: Settled[_Span] = settle_partition(tables, terms, as_of, known_at, read_timeline=read)
    frame = (
        positions_frame(settled, tables, terms, as_of)
        .with_columns(
            asset_class=pl.lit("performing"),
            ifrs_stage=pl.lit(1, dtype=pl.Int8),
            in_default=pl.lit(False),
            limitation_ends_on=pl.lit(None, dtype=pl.Date),
        )
        .select(POSITION_COLUMNS)
    )  # TEMPORARY
    kept = tuple(span.timeline for span in settled.from_timelines if span.timeline is not None)
    return Positions(frame, kept)
