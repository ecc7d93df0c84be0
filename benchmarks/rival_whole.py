"""All that ``dunwell ledger`` does with the benchmark's tape, in Polars expressions: every row checked, the figures of
``rival_polars``, the arrears of every day, classes and default with their memory, the limitation day, every column of positions.

The figures need only the state an account ends in; classes and default need every change of its arrears. So each step of the walk
is noted, the steps are put together with what fell due into an account's days, and running sums over them give what was overdue,
how much of the exposure that was, and which instalment was the oldest unpaid. A memory (the worst class until arrears are repaid
and observed; default until probation is over) becomes groups of spells: what was before the last reset does not count.

It stops at the first bad row, where the ledger would put it into quarantine, and takes what the tape and its terms have: one
product, one currency, China's texts, no holds, charges, reversals or caps. That is to its favour.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import polars as pl

from benchmarks.rival_polars import (
    ACCOUNTS_PER_BLOCK,
    EPOCH,
    MATERIALITY_MINOR,
    Frames,
    by_account,
    day_number,
    figures,
    minor,
    refuse_overflow,
    starts,
    walk,
)
from dunwell.ledger.positions import money_column

PRODUCT, CURRENCY, JURISDICTION = "cn-instalment-loan", "CNY", "cn"
GRACE_DAYS = 3
BUCKETS = ("C", "M1", "M2", "M3", "M4", "M5", "M6", "M7+"), (1, 31, 61, 91, 121, 151, 181)
CLASSES = ("normal", "special_mention", "substandard", "doubtful", "loss"), (1, 91, 271, 361)
STAGES = (1, 2, 3), (31, 90)
STICKY_CLASS, OBSERVED_MONTHS, OBSERVED_PERIODS = 2, 6, 2
DEFAULT_DAYS, PROBATION_MONTHS, MATERIAL_PART = 90, 3, 100
LIMITATION_YEARS = 3

_MINOR_BOUND = 10**15
_DAY_MIN, _DAY_MAX = date(1900, 1, 1), date(2199, 12, 31)
_DAYS = 1 << 20
"""More than there are days: what an account and a day are joined to one number by."""


class BadRows(ValueError):
    """Rows break a rule; says of which table and how many."""


def settle_whole(folder: Path, as_of: date) -> pl.DataFrame:
    """The positions of every account of the tape as of a day. Raises BadRows and OverflowError."""
    frames, accounts, instalments = _read(folder, as_of)
    refuse_overflow(frames.accounts, frames.instalments, as_of)
    begins = starts(frames.accounts, frames.instalments, frames.payments)
    today = (as_of - EPOCH).days

    def block(first: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        own, steps = begins.slice(first, ACCOUNTS_PER_BLOCK), list[pl.DataFrame]()
        closing = walk(own, frames.instalments, frames.payments, steps)
        return closing, _classes(own, frames, pl.concat(steps) if steps else None, instalments, today)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        blocks = list(pool.map(block, range(0, begins.height, ACCOUNTS_PER_BLOCK)))
    closing = pl.concat([closing for closing, _ in blocks]).sort("account")
    told = figures(frames.accounts, frames.instalments, frames.payments, closing, today)
    classes = pl.concat([classes for _, classes in blocks])
    return _positions(accounts, told.drop("account_id"), classes, frames, instalments, as_of)


def _read(folder: Path, as_of: date) -> tuple[Frames, pl.DataFrame, pl.DataFrame]:
    """The tape checked: what ``rival_polars`` needs, the accounts whole, and all instalments' account and due day."""
    customers, accounts, instalments, payments = (
        pl.scan_parquet(folder / f"{name}.parquet").collect(engine="streaming")
        for name in ("customers", "accounts", "instalments", "payments")
    )
    _refuse("customers", customers, _is_no_id("customer_id"), pl.col("jurisdiction") != JURISDICTION)
    _refuse_repeats("customers", customers, "customer_id")
    _refuse(
        "accounts",
        accounts,
        _is_no_id("account_id"),
        _is_no_id("customer_id"),
        pl.col("product") != PRODUCT,
        pl.col("currency") != CURRENCY,
        _is_no_amount("principal", 0),
        ~minor("annual_rate").is_between(0, 10**9),
        _is_no_day("opened_on"),
    )
    _refuse_repeats("accounts", accounts, "account_id")
    if accounts.join(customers, on="customer_id", how="anti").height:
        raise BadRows("accounts: customer_id is not in customers")
    _refuse(
        "instalments",
        instalments,
        _is_no_id("account_id"),
        pl.col("number") < 0,
        _is_no_day("due_on"),
        _is_no_amount("principal", 0),
        _is_no_amount("interest", 0),
    )
    _refuse(
        "payments",
        payments,
        _is_no_id("payment_id"),
        _is_no_id("account_id"),
        _is_no_day("paid_on"),
        _is_no_amount("amount", 1),
    )
    _refuse_repeats("payments", payments, "payment_id")
    settled = accounts.select("account_id", lent=minor("principal"), grains=minor("annual_rate") * 3)
    owed, instalments = _instalments(instalments, settled, as_of)
    return Frames(settled, owed, _payments(payments, settled, as_of)), accounts, instalments


def _instalments(
    rows: pl.DataFrame, accounts: pl.DataFrame, as_of: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Those fallen due, as ``rival_polars`` wants them, and account and due day of all."""
    rows = by_account(
        rows.select(
            "account_id",
            "number",
            due=day_number("due_on"),
            principal=minor("principal"),
            interest=minor("interest"),
        ),
        accounts,
        "due",
        "number",
    )
    _refuse("instalments", rows, pl.col("account").is_null())
    here = pl.struct("account", "number")
    rises = (pl.col("account") > pl.col("account").shift()) | (pl.col("number") > pl.col("number").shift())
    if not rows.select(rises.all()).item() and rows.select(here.is_duplicated().any()).item():
        raise BadRows("instalments: an account has a number twice")
    is_large = pl.col("principal") + pl.col("interest") > MATERIALITY_MINOR
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    owed = rows.filter(pl.col("due") <= (as_of - EPOCH).days).drop("number")
    large_row = pl.when(is_large).then(row).backward_fill().fill_null(pl.len()).alias("large_row")
    return owed.with_columns(large_row), rows.select("account", "due")


def _payments(rows: pl.DataFrame, accounts: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """What each account paid on each day up to as_of."""
    rows = rows.select("account_id", paid=day_number("paid_on"), amount=minor("amount"))
    rows = by_account(rows, accounts, "paid")
    _refuse("payments", rows, pl.col("account").is_null())
    rows = rows.filter(pl.col("paid") <= (as_of - EPOCH).days)
    ends_a_day = (
        (pl.col("account") != pl.col("account").shift(-1)) | (pl.col("paid") != pl.col("paid").shift(-1))
    ).fill_null(True)
    running = pl.col("running")
    return (
        rows.with_columns(running=pl.col("amount").cum_sum())
        .filter(ends_a_day)
        .select("account", "paid", amount=running - running.shift(1, fill_value=0))
    )


def _is_no_id(name: str) -> pl.Expr:
    return pl.col(name).is_null() | (pl.col(name).str.strip_chars() == "")


def _is_no_day(name: str) -> pl.Expr:
    return ~pl.col(name).is_between(_DAY_MIN, _DAY_MAX)


def _is_no_amount(name: str, least: int) -> pl.Expr:
    return ~minor(name).is_between(least, _MINOR_BOUND - 1)


def _refuse(table: str, rows: pl.DataFrame, *is_bad: pl.Expr) -> None:
    """Raise BadRows where a row is bad (what cannot be told is)."""
    count = rows.select(pl.any_horizontal(bad.fill_null(True) for bad in is_bad).sum()).item()
    if count:
        raise BadRows(f"{table}: {count} bad rows")


def _refuse_repeats(table: str, rows: pl.DataFrame, key: str) -> None:
    """Raise BadRows where a key stands twice; keys that rise are not looked at again."""
    rises = rows.select((pl.col(key) > pl.col(key).shift()).all()).item()
    if not rises and rows[key].n_unique() < rows.height:
        raise BadRows(f"{table}: {key} stands twice")


def _classes(
    accounts: pl.DataFrame, frames: Frames, steps: pl.DataFrame | None, due_days: pl.DataFrame, today: int
) -> pl.DataFrame:
    """asset_class and in_default of a block of accounts, in their order."""
    states = _states(accounts, frames, steps, today)
    first = due_days["account"].search_sorted(accounts["account"][0], side="left")
    last = due_days["account"].search_sorted(accounts["account"][-1], side="right")
    worst = _worst_class(states, due_days.slice(first, last - first))
    told = accounts.select("account").join(worst, on="account", how="left", maintain_order="left")
    told = told.join(_defaults(states, today), on="account", how="left", maintain_order="left")
    return told.select("account", pl.col("worst").fill_null(0), pl.col("in_default").fill_null(False))


def _states(accounts: pl.DataFrame, frames: Frames, steps: pl.DataFrame | None, today: int) -> pl.DataFrame:
    """Every account's arrears from change to change: account, begins, ends, oldest (null: none is unpaid), overdue, exposure."""
    first, last = accounts["item"][0], accounts["item_end"][-1]
    owed = frames.instalments.slice(first, last - first)
    key = pl.col("account") * _DAYS + pl.col("day")
    events = [
        owed.rename({"due": "day"}).select(
            key=key,
            overdue=pl.col("principal") + pl.col("interest"),
            exposure="interest",
            cleared=pl.lit(0, dtype=pl.Int64),
        )
    ]
    if steps is not None:
        # Of a large instalment only the step counts in which its rest became immaterial.
        has_cleared = (pl.col("left") <= MATERIALITY_MINOR) & (
            pl.col("left") + pl.col("took") > MATERIALITY_MINOR
        )
        took = -pl.col("took")
        events.append(steps.select(key=key, overdue=took, exposure=took, cleared=has_cleared.cast(pl.Int64)))
    sums = pl.col("overdue", "exposure", "cleared")
    days = (
        pl.concat(events)
        .lazy()
        .sort("key")
        .with_columns(sums.cum_sum())
        .filter((pl.col("key") != pl.col("key").shift(-1)).fill_null(True))
        .with_columns(account=pl.col("key") // _DAYS)
        .with_columns(begins=pl.col("key") - pl.col("account") * _DAYS)
        .collect()
    )
    is_first = (pl.col("account") != pl.col("account").shift(1)).fill_null(True)
    is_last = is_first.shift(-1, fill_value=True)
    before = (
        pl.when(is_first).then(sums.shift(1, fill_value=0)).forward_fill()
    )  # the sums run on from account to account
    large = owed.filter(pl.col("principal") + pl.col("interest") > MATERIALITY_MINOR)
    reached = large["account"].search_sorted(accounts["account"], side="left").cast(pl.Int64)
    place = pl.col("account") - accounts["account"][0]
    days = days.with_columns(sums - before).with_columns(
        ends=pl.when(is_last).then(today).otherwise(pl.col("begins").shift(-1) - 1),
        next=pl.lit(reached).gather(place) + pl.col("cleared"),
        large_end=pl.lit(reached.shift(-1, fill_value=large.height)).gather(place),
    )
    oldest = pl.lit(large["due"]).gather(pl.when(pl.col("next") < pl.col("large_end")).then("next"))
    return days.select(
        "account",
        "begins",
        "ends",
        "overdue",
        oldest=pl.when(oldest <= pl.col("begins")).then(oldest),
        exposure=pl.col("exposure") + pl.lit(frames.accounts["lent"]).gather("account"),
    )


def _rank(days: pl.Expr, from_days: tuple[int, ...]) -> pl.Expr:
    """How many levels a number of days has reached."""
    return pl.sum_horizontal((days >= level).cast(pl.Int8) for level in from_days)


def _months_later(day: pl.Expr, months: int) -> pl.Expr:
    return day.cast(pl.Int32).cast(pl.Date).dt.offset_by(f"{months}mo").to_physical().cast(pl.Int64)


def _worst_class(states: pl.DataFrame, due_days: pl.DataFrame) -> pl.DataFrame:
    """account, worst: the worst sticky class that is not yet forgotten."""
    late_days = pl.col("ends") - pl.col("oldest")  # null where nothing is unpaid
    ever = states.filter(late_days >= CLASSES[1][STICKY_CLASS - 1]).select(pl.col("account").unique())
    is_late = (late_days > 0).fill_null(False)
    spells = states.join(ever, on="account", how="semi", maintain_order="left").with_columns(
        is_late=is_late, rank=pl.when(is_late).then(_rank(late_days, CLASSES[1])).otherwise(0)
    )
    is_first = (pl.col("account") != pl.col("account").shift(1)).fill_null(True)
    is_cleared = ~is_first & ~pl.col("is_late") & pl.col("is_late").shift(1).fill_null(False)
    quiets = (
        spells.with_columns(is_cleared=is_cleared, spell=(is_first | is_cleared).cum_sum())
        .filter(~pl.col("is_late"))
        .group_by("spell", maintain_order=True)
        .agg(
            pl.col("account", "is_cleared").first(),
            cleared=pl.col("begins").first(),
            until=pl.col("ends").filter(pl.col("oldest").is_null()).last(),
        )
        .filter("is_cleared")
    )
    periods = (
        due_days.join(quiets.select("account", "cleared"), on="account")
        .filter(pl.col("due") > pl.col("cleared"))
        .group_by("account", "cleared")
        .agg(pl.col("due").unique().sort().get(OBSERVED_PERIODS - 1, null_on_oob=True).alias("seen"))
    )
    observed = pl.max_horizontal(_months_later(pl.col("cleared"), OBSERVED_MONTHS), "seen")
    resets = (
        quiets.join(periods, on=["account", "cleared"], how="left")
        .filter(observed <= pl.col("until"))
        .group_by("account")
        .agg(reset=pl.col("cleared").max())
    )
    return (
        spells.join(resets, on="account", how="left", maintain_order="left")
        .filter(pl.col("reset").is_null() | (pl.col("begins") > pl.col("reset")))
        .filter(pl.col("rank") >= STICKY_CLASS)
        .group_by("account")
        .agg(worst=pl.col("rank").max())
    )


def _defaults(states: pl.DataFrame, today: int) -> pl.DataFrame:
    """account, in_default, of accounts that were materially past due."""
    begins = pl.max_horizontal("begins", pl.col("oldest") + 1)
    follows = pl.col("account") == pl.col("account").shift(1)
    runs = (
        states.filter(
            pl.col("oldest").is_not_null(),
            pl.col("ends") > pl.col("oldest"),
            pl.col("overdue") > 0,
            pl.col("overdue") > pl.col("exposure") // MATERIAL_PART,
        )
        .select("account", "ends", begins=begins)
        .with_columns(
            run=(~(follows & (pl.col("begins") == pl.col("ends").shift(1) + 1)).fill_null(False)).cum_sum()
        )
        .group_by("run", maintain_order=True)
        .agg(pl.col("account").first(), pl.col("begins").min(), pl.col("ends").max())
        .with_columns(free=_months_later(pl.col("ends") + 1, PROBATION_MONTHS))
    )
    was_freed = (~follows | (pl.col("free").shift(1) <= pl.col("begins"))).fill_null(True)
    return (
        runs.with_columns(episode=was_freed.cum_sum())
        .group_by("episode", maintain_order=True)
        .agg(
            pl.col("account").first(),
            is_long=(pl.col("ends") - pl.col("begins") + 1 > DEFAULT_DAYS).any(),
            is_free=(pl.col("ends").last() < today) & (pl.col("free").last() <= today),
        )
        .group_by("account", maintain_order=True)
        .agg(in_default=(pl.col("is_long") & ~pl.col("is_free")).last())
    )


def _positions(
    accounts: pl.DataFrame,
    told: pl.DataFrame,
    classes: pl.DataFrame,
    frames: Frames,
    due_days: pl.DataFrame,
    as_of: date,
) -> pl.DataFrame:
    today = (as_of - EPOCH).days
    ends_account = (pl.col("account") != pl.col("account").shift(-1)).fill_null(True)
    last_paid = frames.payments.filter(ends_account).select("account", last_paid="paid")
    last_due = due_days.filter(ends_account).select("account", last_due="due")
    lately = frames.payments.filter(pl.col("paid") > today - 30)
    paid_30d = lately.group_by("account").agg(paid_30d=pl.col("amount").sum())
    rows = pl.concat([accounts, classes, told], how="horizontal")
    for more in (last_paid, last_due, paid_30d):
        rows = rows.join(more, on="account", how="left", maintain_order="left")
    if rows.select((today - pl.col("last_due") >= LIMITATION_YEARS * 365).any()).item():
        raise BadRows("instalments: a claim may be time-barred, which the rival does not follow")
    days = pl.col("past_due_days")
    payoff = (
        pl.col("outstanding_principal")
        + pl.col("due_interest")
        + pl.col("penalty")
        - pl.col("unallocated_credit")
    )
    clock = _months_later(pl.max_horizontal("last_due", "last_paid"), 12 * LIMITATION_YEARS)
    nothing = pl.repeat(0, pl.len(), dtype=pl.Int64)
    return rows.filter(pl.col("opened_on") <= as_of).select(
        "account_id",
        "customer_id",
        pl.lit(as_of).alias("as_of"),
        "currency",
        pl.lit("active").alias("status"),
        days.cast(pl.Int32),
        (days - GRACE_DAYS).clip(0).cast(pl.Int32).alias("delinquent_days"),
        _as_day(pl.when(days > 0).then(today - days)).alias("oldest_due_on"),
        _money("due_principal"),
        _money("due_interest"),
        _money(nothing, "due_fees"),
        _money(nothing, "due_costs"),
        _money("penalty"),
        _money("past_due_total"),
        _money("outstanding_principal"),
        _money(payoff, "payoff_total"),
        _money("unallocated_credit"),
        _money(nothing, "waived_by_cap"),
        _named(_rank(days, BUCKETS[1]), BUCKETS[0]).alias("bucket"),
        _named(pl.max_horizontal(_rank(days, CLASSES[1]), "worst"), CLASSES[0]).alias("asset_class"),
        (_rank(days, STAGES[1]) + 1).cast(pl.Int8).alias("ifrs_stage"),
        "in_default",
        _as_day(pl.col("last_paid")).alias("last_paid_on"),
        _money(pl.col("paid_30d").fill_null(0), "paid_30d"),
        _as_day(pl.when(payoff > 0).then(pl.when(pl.col("last_due").is_not_null()).then(clock))).alias(
            "limitation_ends_on"
        ),
    )


def _money(amount: str | pl.Expr, name: str | None = None) -> pl.Expr:
    """Minor units as Decimal(18, 4) of the major unit, by the ledger's own way of doing so: Polars' division takes far longer."""
    column = pl.col(amount) if isinstance(amount, str) else amount
    return (
        (column * 100)
        .map_batches(lambda minor: money_column(minor.to_numpy()), return_dtype=pl.Decimal(18, 4))
        .alias(name or str(amount))
    )


def _as_day(number: pl.Expr) -> pl.Expr:
    return number.cast(pl.Int32).cast(pl.Date)


def _named(rank: pl.Expr, names: tuple[str, ...]) -> pl.Expr:
    return pl.lit(pl.Series(names)).gather(rank.cast(pl.UInt32))
