"""Cases: one for each customer with all their debts in it, its stage a function of events and policy as of a day.

Nothing is remembered from one day to the next, so a stage cannot stick: it eases when arrears are paid, comes back when they
do, ends when nothing is past due, and a new case opens with a new default. ``stage_history`` tells the days on which the ladder's
stage changed, ``cases_as_of`` the cases of a day.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from dunwell.ledger.arrays import known, worked_out
from dunwell.resolution.case_events import EventDays
from dunwell.resolution.stages import EventStage, Stages, read_stages

CASE_COLUMNS: Mapping[str, Any] = {
    "customer_id": pl.String,
    "stage": pl.String,
    "since": pl.Date,
    "opened_on": pl.Date,
    "closed_on": pl.Date,
    "past_due_days": pl.Int64,
    "past_due_account_ids": pl.List(pl.String),
    "account_ids": pl.List(pl.String),
    "is_first_payment_default": pl.Boolean,
    "reason": pl.String,
    "as_of": pl.Date,
}
"""The columns of ``book/cases.parquet``. ``since``: the stage holds since then without a break (null for a sale, whose day the
book does not hold); ``past_due_account_ids``: the worst first."""

CLOSED_DAYS = 30
"""A case that is over is shown for so many days."""

_NO_CASE = "closed"


def stage_history(
    timeline: pl.DataFrame, accounts: pl.DataFrame, stages: Stages, as_of: date
) -> pl.DataFrame:
    """The days on which each customer's rung of the ladder changed: customer_id, on, stage (``closed``: nothing past due),
    oldest_due_on; by customer and day.

    ``timeline``: the ledger's arrears (account row, on, oldest_due_on). ``accounts``: account (row), customer_id; arrears of
    other accounts are left out.
    """
    customers, spans = _worst_spans(timeline.lazy(), accounts.lazy(), as_of)
    return worked_out(_history(customers, spans, stages, as_of))


def _worst_spans(
    timeline: pl.LazyFrame, accounts: pl.LazyFrame, as_of: date
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The customers by number, and for each the spans of days (on, until) with the oldest unpaid due day of all accounts."""
    customers = _done(accounts.select("customer_id").unique().sort("customer_id").with_row_index("customer"))
    accounts = accounts.select(pl.col("account").cast(pl.Int64), "customer_id").join(
        customers, on="customer_id"
    )
    worst = _worst_over_time(timeline, accounts.select("account", "customer"))
    is_same_next = pl.col("customer") == pl.col("customer").shift(-1)
    next_on = pl.when(is_same_next).then(pl.col("on").shift(-1)).otherwise(as_of + timedelta(days=1))
    return customers, _done(worst.with_columns(next_on.alias("until")))


def _history(customers: pl.LazyFrame, spans: pl.LazyFrame, stages: Stages, as_of: date) -> pl.LazyFrame:
    starts = [rung.from_days for rung in stages.rungs]
    rungs = pl.LazyFrame(
        {
            "stage": [rung.name for rung in stages.rungs],
            "from_days": pl.Series(starts, dtype=pl.Int64),
            "to_days": pl.Series([*starts[1:], 10**5][: len(starts)], dtype=pl.Int64),
        },
        schema_overrides={"stage": pl.String},
    )
    oldest = pl.col("oldest_due_on")
    late = (
        spans.filter(oldest.is_not_null())
        .join(rungs, how="cross")
        .with_columns(
            pl.max_horizontal("on", oldest + pl.duration(days="from_days")).alias("begins"),
            pl.min_horizontal("until", oldest + pl.duration(days="to_days")).alias("ends"),
        )
        .filter(pl.col("begins") < pl.col("ends"))
    )
    columns = ("customer", "begins", "stage", "oldest_due_on")
    # What falls due is past due from the day after: who catches up on a due day has nothing past due on that day.
    begins = oldest + pl.duration(days=starts[0])
    was_late = (pl.col("customer") == pl.col("customer").shift(1)) & (begins.shift(1) < pl.col("on"))
    is_over = oldest.is_null() | (was_late.fill_null(False) & (begins > pl.col("on")))
    over = spans.filter(is_over).select(
        "customer", pl.col("on").alias("begins"), pl.lit(_NO_CASE).alias("stage"), "oldest_due_on"
    )
    every = pl.concat([late.select(columns), over.select(columns)]).sort("customer", "begins")
    is_same = (pl.col("customer") == pl.col("customer").shift(1)) & (
        pl.col("stage") == pl.col("stage").shift(1)
    )
    changed = every.filter(~is_same.fill_null(False) & (pl.col("begins") <= as_of))
    return changed.join(customers, on="customer", maintain_order="left").select(
        "customer_id", pl.col("begins").alias("on"), "stage", "oldest_due_on"
    )


def cases_as_of(
    tables: Mapping[str, pl.DataFrame],
    timeline: pl.DataFrame,
    as_of: date,
    known_at: datetime | None = None,
    stages: Stages | None = None,
) -> pl.DataFrame:
    """The cases of a partition as of a day: the open ones, and those that ended in the last CLOSED_DAYS, by customer_id.

    ``tables``: the book's; ``timeline``: its arrears up to the day, as known then, by account and day
    (``Positions.timeline_frame``). Accounts with status closed have no part in a case; sold ones only in one that consists of
    them alone. Returns CASE_COLUMNS.
    """
    stages = stages or read_stages(as_of)
    return worked_out(_cases(tables, timeline.lazy(), stages, as_of, known_at))


def _cases(
    tables: Mapping[str, pl.DataFrame],
    timeline: pl.LazyFrame,
    stages: Stages,
    as_of: date,
    known_at: datetime | None,
) -> pl.LazyFrame:
    """In few queries: a desk asks it of one person, whose rows are few."""
    accounts = (
        tables["accounts"]
        .lazy()
        .select(
            pl.int_range(pl.len(), dtype=pl.Int64).alias("account"),
            "account_id",
            "customer_id",
            pl.col("status").cast(pl.String),
        )
    )
    owing = _done(accounts.filter(pl.col("status") != "closed"))
    is_sold = pl.col("status") == "sold"
    kept = owing.filter(~is_sold)
    last = _done(_last_changes(timeline, owing))
    arrears = timeline
    timeline = _of_live_cases(timeline, owing, last, as_of)
    late_now = _done(last.filter(pl.col("oldest_due_on") < as_of))
    only_sold = late_now.group_by("customer_id").agg(is_sold.all().alias("is_only_sold"))
    sold = _done(only_sold.filter("is_only_sold").select("customer_id"))
    held = _done(pl.concat([kept, owing.filter(is_sold).join(sold, on="customer_id", how="semi")]))
    customers, spans = _worst_spans(timeline, held, as_of)
    cases = _done(_latest(_history(customers, spans, stages, as_of)))
    theirs = owing.join(cases, on="customer_id", how="semi")
    cases = cases.join(_debts(theirs, late_now, held, tables, known_at), on="customer_id", how="left")
    cases = _done(cases)
    present = _done(cases.filter(~pl.col("is_over")).select("customer_id", "opened_on"))
    worst = spans.join(customers, on="customer")
    days = EventDays(tables, arrears, owing, worst, present, as_of, known_at)
    cases = _with_events(cases, sold, stages, days)
    is_open = ~pl.col("is_over")
    cases = cases.filter(is_open | (pl.col("since") > as_of - timedelta(days=CLOSED_DAYS)))
    empty = pl.lit([], pl.List(pl.String))
    return (
        cases.with_columns(
            pl.when(~is_open).then("since").alias("closed_on"),
            pl.when(is_open).then("past_due_days").otherwise(0).alias("past_due_days"),
            pl.when(is_open).then("past_due_account_ids").otherwise(empty).alias("past_due_account_ids"),
            (is_open & pl.col("is_first_payment_default").fill_null(False)).alias("is_first_payment_default"),
            pl.lit(as_of).alias("as_of"),
        )
        .select(pl.col(name).cast(kind) for name, kind in CASE_COLUMNS.items())
        .sort("customer_id")
    )


def _done(rows: pl.LazyFrame) -> pl.LazyFrame:
    """The rows worked out, where more than one step goes on from them."""
    return worked_out(rows).lazy()


def _worst_over_time(timeline: pl.LazyFrame, accounts: pl.LazyFrame) -> pl.LazyFrame:
    """The oldest unpaid due day of all accounts of a customer on each day on which one of them changed."""
    arrears = timeline.select(pl.col("account").cast(pl.Int64), "on", "oldest_due_on")
    changes = _done(arrears.join(accounts, on="account"))
    several = _done(
        changes.group_by("customer")
        .agg(pl.col("account").n_unique().alias("count"))
        .filter(pl.col("count") > 1)
    )
    alone = changes.join(several, on="customer", how="anti").select("customer", "on", "oldest_due_on")
    crowded = _done(changes.join(several.select("customer"), on="customer", how="semi").sort("on"))
    own = crowded.select("customer", "account").unique()
    each = crowded.select("customer", "on").unique().join(own, on="customer").sort("on")
    then = each.join_asof(crowded.drop("customer"), on="on", by="account", check_sortedness=False)
    worst = then.group_by("customer", "on").agg(pl.col("oldest_due_on").min())
    return pl.concat([alone, worst]).sort("customer", "on")


def _last_changes(timeline: pl.LazyFrame, owing: pl.LazyFrame) -> pl.LazyFrame:
    """Each account's last change of arrears: its day, and the oldest unpaid due day since (null: nothing is past due)."""
    # The ledger's arrears lie by account and day already.
    last = timeline.filter(pl.col("account").ne_missing(pl.col("account").shift(-1)))
    return last.select(pl.col("account").cast(pl.Int64), "on", "oldest_due_on").join(owing, on="account")


def _of_live_cases(
    timeline: pl.LazyFrame, owing: pl.LazyFrame, last: pl.LazyFrame, as_of: date
) -> pl.LazyFrame:
    """The arrears of customers who are late, or were in the last CLOSED_DAYS: most of a book's history is of neither."""
    is_live = pl.col("oldest_due_on").is_not_null() | (pl.col("on") > as_of - timedelta(days=CLOSED_DAYS))
    live = owing.join(last.filter(is_live).select("customer_id"), on="customer_id", how="semi")
    arrears = timeline.select(pl.col("account").cast(pl.Int64), "on", "oldest_due_on")
    return arrears.join(live.select("account"), on="account", how="semi", maintain_order="left")


def _latest(history: pl.LazyFrame) -> pl.LazyFrame:
    """Each customer's rung now, since when, and the day on which the present (or last) case opened."""
    was_over = (pl.col("stage").shift(1).over("customer_id").fill_null(_NO_CASE)) == _NO_CASE
    marked = history.with_columns(((pl.col("stage") != _NO_CASE) & was_over).alias("opens"))
    found = marked.group_by("customer_id").agg(
        pl.col("stage").last(),
        (pl.col("stage").last() == _NO_CASE).alias("is_over"),
        pl.col("on").last().alias("since"),
        pl.col("on").filter("opens").last().alias("opened_on"),
    )
    return found.filter(pl.col("opened_on").is_not_null())


def _debts(
    owing: pl.LazyFrame,
    late_now: pl.LazyFrame,
    held: pl.LazyFrame,
    tables: Mapping[str, pl.DataFrame],
    known_at: datetime | None,
) -> pl.LazyFrame:
    """Each customer's debts: all of them, those past due (the worst first), and whether one never paid its first instalment."""
    firsts = (
        known(tables["instalments"].lazy(), known_at)
        .select(pl.col("account_row").cast(pl.Int64).alias("account"), "due_on")
        .join(late_now, on="account", how="semi")
        .group_by("account")
        .agg(pl.col("due_on").min().alias("first_due_on"))
    )
    late = (
        late_now.join(held.select("account"), on="account", how="semi")
        .join(firsts, on="account", how="left")
        .sort("oldest_due_on", "account_id")
        .group_by("customer_id", maintain_order=True)
        .agg(
            pl.col("account_id").alias("past_due_account_ids"),
            pl.col("oldest_due_on").min(),
            (pl.col("oldest_due_on") == pl.col("first_due_on")).any().alias("is_first_payment_default"),
        )
    )
    every = (
        owing.sort("account_id")
        .group_by("customer_id", maintain_order=True)
        .agg(pl.col("account_id").alias("account_ids"))
    )
    return every.join(late, on="customer_id", how="left")


def _with_events(cases: pl.LazyFrame, sold: pl.LazyFrame, stages: Stages, days: EventDays) -> pl.LazyFrame:
    """The stages that follow from events put before the ladder's; ``past_due_days``, ``since`` and the reason of each."""
    late = pl.lit(days.as_of) - pl.col("oldest_due_on")
    are_sold = sold.unique().with_columns(pl.lit(True).alias("is_sold"))
    cases = cases.join(are_sold, on="customer_id", how="left").with_columns(
        pl.col("is_sold").fill_null(False), late.dt.total_days().fill_null(0).alias("past_due_days")
    )
    stage, reason = pl.lit(None, pl.String), pl.lit(None, pl.String)
    since, broken_until = pl.lit(None, pl.Date), pl.lit(None, pl.Date)
    is_found = pl.lit(False)
    for number, event in enumerate(stages.events):
        if event.when == "sold":
            happened, event_since = pl.col("is_sold") & ~pl.col("is_over"), pl.lit(None, pl.Date)
        elif event.when == "nothing_past_due":
            happened, event_since = pl.col("is_over"), pl.col("since")
        else:
            spans = days.last_spans(event)
            if spans is None:
                continue
            names = {name: f"{name} {number}" for name in ("begins", "ends", "on_day")}
            cases = cases.join(spans.lazy().rename(names), on="customer_id", how="left")
            begins, ends = pl.col(names["begins"]), pl.col(names["ends"])
            happened = (ends == days.as_of + timedelta(days=1)).fill_null(False)
            # An event that comes first and does not stand today may have stood between: what holds now holds from then on.
            event_since = pl.max_horizontal(begins, broken_until)
            broken_until = pl.max_horizontal(broken_until, pl.when(~happened).then(ends))
        is_so = happened & ~is_found
        stage = pl.when(is_so).then(pl.lit(event.name)).otherwise(stage)
        since = pl.when(is_so).then(event_since).otherwise(since)
        reason = pl.when(is_so).then(_told(event, pl.col(f"on_day {number}"))).otherwise(reason)
        is_found = is_found | happened
    by_days = pl.format("{} days past due", "past_due_days")
    return cases.with_columns(
        pl.when(is_found).then(stage).otherwise("stage").alias("stage"),
        pl.when(is_found).then(since).otherwise(pl.max_horizontal("since", broken_until)).alias("since"),
        pl.when(is_found).then(reason).otherwise(by_days).alias("reason"),
    )


def _told(event: EventStage, on_day: pl.Expr) -> pl.Expr:
    """How it is told that an event is so."""
    if event.when == "nothing_past_due":
        return pl.lit("nothing is past due")
    if event.when == "sold":
        return pl.lit("every debt past due was sold")
    if event.when == "litigation":
        return pl.format("in court since {}", on_day)
    return pl.format(
        "{} days past due, written to on {}, and not spoken to in {} days",
        "past_due_days",
        on_day,
        pl.lit(event.within_days),
    )
