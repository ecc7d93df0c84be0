"""Positions whole: what every account owes, how late it is, what class it is in, and when the claim becomes
time-barred.

``positions`` is the one function behind the nightly run, ``dunwell ledger`` and a look at one account.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from dunwell.book.promised import ACCOUNT_IDS, spread
from dunwell.ledger import kernel
from dunwell.ledger.arrays import account_kinds
from dunwell.ledger.classification import ClassColumns, Classifier
from dunwell.ledger.limitation import limitation
from dunwell.ledger.positions import Settled, Timeline, payoff_minor, positions_frame, settle_partition
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


_LADDERS = ("asset_class", "ifrs_stage")
"""The columns among them that are levels by days past due."""

_FEW = 1000
"""Up to so many accounts are worked out in one thread."""


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions of one partition, a row an opened account, and their arrears where they were asked for."""

    frame: pl.DataFrame
    timelines: tuple[Timeline, ...] = ()

    def timeline_frame(self) -> pl.DataFrame:
        """The arrears of all accounts as one frame (see Timeline.frame)."""
        return pl.concat([timeline.frame() for timeline in self.timelines])


@dataclass(frozen=True, slots=True)
class _Span:
    """What is kept of a span of accounts: its classes, and its arrears when wanted."""

    classes: ClassColumns
    timeline: Timeline | None


def positions(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None = None,
    *,
    keeps_timeline: bool = False,
    threads: int | None = None,
) -> Positions:
    """The positions of a partition's accounts as of a day, from what was known at an instant (everything,
    when None). ``threads``: how many work on it, all cores when None; 1 is the caller's alone.

    ``tables``: the typed frames of one partition, as the book hands them out; for one account, frames of its
    rows alone.
    """
    kinds = account_kinds(tables)
    with _beside(tables["accounts"].height, threads) as pool:
        chosen = pool.submit(
            Classifier, tables, terms, as_of, ladders=_LADDERS, kinds=kinds, known_at=known_at
        )

        def read(timeline: Timeline, events: kernel.Events, first: int, last: int) -> _Span:
            classes = chosen.result().classify(timeline, events, first, last)
            return _Span(classes, timeline if keeps_timeline else None)

        settled: Settled[_Span] = settle_partition(
            tables,
            terms,
            as_of,
            known_at,
            read_timeline=read,
            lends_timeline=not keeps_timeline,
            threads=threads,
        )
        figures = settled.figures
        clock = pool.submit(limitation, tables, payoff_minor(figures) > 0, as_of, known_at, kinds=kinds)
        frame = positions_frame(settled, tables, terms, as_of, kinds)
        columns = chosen.result().columns([span.classes for span in settled.from_timelines])
    columns["limitation_ends_on"] = clock.result().column()
    if frame.height < len(figures):
        is_open = pl.Series(figures[:, kernel.OUT_STATE] != kernel.NOT_OPENED)
        columns = {name: column.filter(is_open) for name, column in columns.items()}
    whole = {column.name: column for column in frame.get_columns()} | columns
    kept = tuple(span.timeline for span in settled.from_timelines if span.timeline is not None)
    return Positions(pl.DataFrame({name: whole[name] for name in POSITION_COLUMNS}), kept)


@contextmanager
def _beside(account_count: int, threads: int | None) -> Iterator[Executor]:
    """Where work goes on beside the pass: a thread for a partition; for a person's few accounts, done at once in this one."""
    with ThreadPoolExecutor(1) if account_count > _FEW and threads != 1 else _AtOnce() as pool:
        yield pool


class _AtOnce(Executor):
    """Does what it is given at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """A future that is done; what went wrong is raised here."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def one_account(tables: Mapping[str, pl.DataFrame], account_row: int) -> dict[str, pl.DataFrame]:
    """The frames of one account alone, as a partition of its own: every function of the ledger takes it."""
    customer = tables["accounts"]["customer_id"][account_row]
    own = {}
    tables = {**tables, "promises": spread(tables["promises"], tables["accounts"])}
    for name, rows in tables.items():
        if "account_row" in rows.columns:
            mine = rows.filter(pl.col("account_row") == account_row)
            own[name] = mine.with_columns(account_row=pl.lit(0, dtype=pl.UInt32))
        else:
            own[name] = rows.filter(pl.col("customer_id") == customer)
    own["accounts"] = tables["accounts"][account_row : account_row + 1]
    account_id = own["accounts"]["account_id"][0]
    names_it = pl.col("account_ids").is_null() | pl.col("account_ids").list.contains(account_id)
    named_alone = pl.when(pl.col("account_ids").is_not_null()).then(pl.lit([account_id]))
    if "account_ids" in own["promises"].columns:
        own["promises"] = own["promises"].with_columns(account_ids=pl.lit(None, ACCOUNT_IDS))
    own["contacts"] = own["contacts"].filter(names_it).with_columns(account_ids=named_alone)
    return own


def tell_why(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    account_row: int,
    as_of: date,
    known_at: datetime | None = None,
) -> dict[str, dict[str, Any]]:
    """Why one account has its classes and its limitation day: for each the value, since when, a sentence and the
    source.
    """
    own = one_account(tables, account_row)
    classifier = Classifier(own, terms, as_of, known_at=known_at)

    def read(timeline: Timeline, events: kernel.Events, first: int, last: int) -> ClassColumns:
        return classifier.classify(timeline, events, first, last, in_full=True)

    settled: Settled[ClassColumns] = settle_partition(own, terms, as_of, known_at, read_timeline=read)
    days = int(settled.figures[0, kernel.OUT_PAST_DUE_DAYS])
    told = classifier.reasons(settled.from_timelines[0], 0, 0, days)
    clock = limitation(own, payoff_minor(settled.figures) > 0, as_of, known_at)
    told["limitation_ends_on"] = clock.reason(0)
    return told
