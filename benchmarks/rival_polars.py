"""The ledger's rival: the same figures for the benchmark's tape, in Polars expressions alone, as fast as we could make them.

The meaning is that of ``terms/cn-instalment-loan.toml`` beside this file: the oldest instalment first, in it penalty, interest,
principal; from 91 days past due principal, interest, penalty; penalty at 1.5 times the contract rate on overdue principal by
ACT/360, exact in integers, rounded half-even when money is allocated to it and when it is reported.

How it is done. Under instalment-first only the oldest unpaid instalment of an account has a history; those
behind it are untouched. So an account is a walk over two sorted lists, its instalments and its days of payment,
and every step finishes an instalment or spends a day's money. Round k takes the k-th step of every account at
once: rows are gathered by position, the step is a dozen expressions, accounts that are done leave. No row is
touched by Python. Accounts go in blocks, blocks in threads.

What these figures leave out, and the ledger does: check the rows, classes, limitation, the other columns of ``positions``
(``rival_whole`` does these too); quarantine, reversals, chargebacks, charges, holds, fees, caps, component-first, other
day counts.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

FIGURES = (
    "past_due_days",
    "due_principal",
    "due_interest",
    "penalty",
    "past_due_total",
    "outstanding_principal",
    "unallocated_credit",
)
"""What it gives for every account: days, and money in minor units."""

GRAINS = 10**6 * 360 * 2
"""The penalty's denominator: rates are in parts per million, the year has 360 days, the multiple is 3/2."""

MATERIALITY_MINOR = 100
SWITCH_DAYS = 91
ACCOUNTS_PER_BLOCK = 1 << 17

EPOCH = date(1970, 1, 1)
_INT64_MAX = 2**63 - 1


def settle(folder: Path, as_of: date) -> pl.DataFrame:
    """FIGURES of every account of the tape as of a day, with its account_id, in the order of the accounts table.

    Raises OverflowError when a figure would not fit 64 bits.
    """
    return settle_frames(read_frames(folder, as_of), as_of)


@dataclass(frozen=True, slots=True)
class Frames:
    """A tape read up to a day: accounts, instalments fallen due, days of payment; ids are rows of ``accounts``."""

    accounts: pl.DataFrame
    instalments: pl.DataFrame
    payments: pl.DataFrame


def read_frames(folder: Path, as_of: date) -> Frames:
    """The tape's columns that the figures need, as integers, sorted by account and day."""
    accounts = _read_accounts(folder)
    return Frames(
        accounts, _due_instalments(folder, accounts, as_of), _days_of_payment(folder, accounts, as_of)
    )


def settle_frames(frames: Frames, as_of: date) -> pl.DataFrame:
    """FIGURES from frames already read. Raises OverflowError."""
    accounts, instalments, payments = frames.accounts, frames.instalments, frames.payments
    refuse_overflow(accounts, instalments, as_of)
    begins = starts(accounts, instalments, payments)
    firsts = range(0, begins.height, ACCOUNTS_PER_BLOCK)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        blocks = pool.map(
            lambda first: walk(begins.slice(first, ACCOUNTS_PER_BLOCK), instalments, payments), firsts
        )
        closing = pl.concat(blocks).sort("account")
    return figures(accounts, instalments, payments, closing, (as_of - EPOCH).days)


def minor(column: str) -> pl.Expr:
    """The integer behind a decimal column: minor units for money, parts per million for the rate."""
    return pl.col(column).to_physical().cast(pl.Int64)


def _read_accounts(folder: Path) -> pl.DataFrame:
    return (
        pl.scan_parquet(folder / "accounts.parquet")
        .select("account_id", lent=minor("principal"), grains=minor("annual_rate") * 3)
        .collect(engine="streaming")
    )


def _due_instalments(folder: Path, accounts: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Instalments fallen due by as_of: account, due, principal, interest, sorted by account and day."""
    rows = (
        pl.scan_parquet(folder / "instalments.parquet")
        .filter(pl.col("due_on") <= as_of)
        .select(
            "account_id",
            "number",
            due=day_number("due_on"),
            principal=minor("principal"),
            interest=minor("interest"),
        )
        .collect(engine="streaming")
    )
    rows = by_account(rows, accounts, "due", "number").drop("number")
    is_large = pl.col("principal") + pl.col("interest") > MATERIALITY_MINOR
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    return rows.with_columns(
        pl.when(is_large).then(row).backward_fill().fill_null(pl.len()).alias("large_row")
    )


def _days_of_payment(folder: Path, accounts: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """What each account paid on each day up to as_of: account, paid, amount, sorted by account and day."""
    rows = (
        pl.scan_parquet(folder / "payments.parquet")
        .filter(pl.col("paid_on") <= as_of)
        .select("account_id", paid=day_number("paid_on"), amount=minor("amount"))
        .collect(engine="streaming")
    )
    rows = by_account(rows, accounts, "paid")
    ends_a_day = (
        (pl.col("account") != pl.col("account").shift(-1)) | (pl.col("paid") != pl.col("paid").shift(-1))
    ).fill_null(True)
    running = pl.col("running")
    return (
        rows.lazy()
        .select(
            "account", "paid", pl.col("amount").cum_sum().alias("running"), ends_a_day.alias("ends_a_day")
        )
        .filter("ends_a_day")
        .select("account", "paid", amount=running - running.shift(1, fill_value=0))
        .collect()
    )


def day_number(column: str) -> pl.Expr:
    """A day as days since 1970."""
    return pl.col(column).to_physical().cast(pl.Int64)


def by_account(rows: pl.DataFrame, accounts: pl.DataFrame, *order: str) -> pl.DataFrame:
    """The rows with their account's row in place of its id, sorted by account and then ``order``.

    A tape lies sorted by account, so a million runs are looked up and not ten million rows; one that does not
    is sorted.
    """
    runs = rows.select(pl.col("account_id").rle().struct.unnest())
    index = accounts.select(
        pl.col("account_id").alias("value"), pl.int_range(pl.len(), dtype=pl.Int64).alias("account")
    )
    found = runs.join(index, on="value", how="left", maintain_order="left")
    account = found.select(pl.col("account").repeat_by("len").explode()).to_series()
    rows = rows.drop("account_id").insert_column(0, account)
    is_in_order = pl.lit(True)
    for column in reversed(("account", *order)):
        here, before = pl.col(column), pl.col(column).shift()
        is_in_order = (here > before) | ((here == before) & is_in_order)
    is_sorted = rows.select(is_in_order.all()).item()
    return rows if is_sorted else rows.sort("account", *order, maintain_order=True)


def refuse_overflow(accounts: pl.DataFrame, instalments: pl.DataFrame, as_of: date) -> None:
    """Penalty is summed as balance times days times grains: that must stay within 64 bits, also doubled for rounding."""
    if instalments.is_empty():
        return
    days = (as_of - EPOCH).days - int(instalments.select(pl.col("due").min()).item())
    balance = int(instalments.select(pl.col("principal").max()).item())
    grains = int(accounts.select(pl.col("grains").max()).item())
    if 2 * balance * max(days, 1) * grains > _INT64_MAX:
        raise OverflowError(f"{balance} minor units over {days} days at {grains} grains leave 64 bits")


def starts(accounts: pl.DataFrame, instalments: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Every account before its first step: where its instalments and days of payment begin and end, and nothing in hand."""
    starts = accounts.select(pl.int_range(pl.len(), dtype=pl.Int64).alias("account"), "grains")
    for name, rows in (("item", instalments), ("pay", payments)):
        first = rows["account"].search_sorted(starts["account"], side="left").cast(pl.Int64)
        starts = starts.with_columns(
            first.alias(name), first.shift(-1, fill_value=rows.height).alias(f"{name}_end")
        )
    return starts


def walk(
    accounts: pl.DataFrame,
    instalments: pl.DataFrame,
    payments: pl.DataFrame,
    steps: list[pl.DataFrame] | None = None,
) -> pl.DataFrame:
    """Take the accounts step by step until their money or their instalments are at an end; the state they end in. ``steps``:
    where each step is noted for those who ask for history: account, day, what principal and interest took, and what is left
    of them.

    The state: ``item`` is the oldest unpaid instalment (``item_end``: none is left) with its ``principal``, ``interest``,
    penalty ``carried`` since money was last allocated to it and ``units`` (balance times days) accrued up to ``since``;
    ``pay`` is the next day of payment, ``pool`` the money in hand, paid on ``day``, ``is_switched`` its waterfall.
    """
    nothing = pl.lit(0, dtype=pl.Int64)
    walking = accounts.with_columns(
        pool=nothing,
        day=nothing,
        is_switched=False,
        is_finished=True,
        is_spent=True,
        carried=nothing,
        units=nothing,
        **dict.fromkeys(("due", "principal", "interest", "since"), nothing),
    )
    ended: list[pl.DataFrame] = []
    while walking.height:
        walking = _take_up(walking, instalments, payments)
        is_over = (pl.col("item") == pl.col("item_end")) | (pl.col("pool") == 0)
        ended.append(walking.filter(is_over).select(_STATE))
        before = walking.filter(~is_over)
        walking = _allocate(before)
        if steps is not None:
            steps.append(_step(before, walking))
    return pl.concat(ended)


def _step(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    left = after["principal"] + after["interest"]
    return pl.DataFrame(
        {
            "account": after["account"],
            "day": after["since"],
            "took_principal": before["principal"] - after["principal"],
            "took": before["principal"] + before["interest"] - left,
            "left": left,
        }
    )


_STATE = (
    "account",
    "item",
    "item_end",
    "pay",
    "pay_end",
    "pool",
    "due",
    "principal",
    "interest",
    "carried",
    "units",
    "since",
)


def _take_up(walking: pl.DataFrame, instalments: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Where an instalment is finished the next one, where money is spent the next day's, with that day's waterfall."""
    has_next = pl.col("is_finished") & (pl.col("item") < pl.col("item_end"))
    item = pl.when(has_next).then("item")
    next_due = pl.lit(instalments["due"]).gather(item)
    walking = walking.with_columns(
        due=pl.coalesce(next_due, "due"),
        since=pl.coalesce(next_due, "since"),
        principal=pl.coalesce(pl.lit(instalments["principal"]).gather(item), "principal"),
        interest=pl.coalesce(pl.lit(instalments["interest"]).gather(item), "interest"),
        carried=pl.when(has_next).then(0).otherwise("carried"),
        units=pl.when(has_next).then(0).otherwise("units"),
    )
    takes = pl.col("is_spent") & (pl.col("pay") < pl.col("pay_end")) & (pl.col("item") < pl.col("item_end"))
    pay = pl.when(takes).then("pay")
    walking = walking.with_columns(
        day=pl.coalesce(pl.lit(payments["paid"]).gather(pay), "day"),
        pool=pl.coalesce(pl.lit(payments["amount"]).gather(pay), "pool"),
        pay=pl.col("pay") + takes,
        takes=takes,
    )
    is_large = pl.col("principal") + pl.col("interest") > MATERIALITY_MINOR
    behind = pl.lit(instalments["large_row"]).gather(
        pl.when(~is_large & pl.col("takes") & (pl.col("item") + 1 < pl.col("item_end"))).then(
            pl.col("item") + 1
        )
    )
    oldest_due = (
        pl.when(is_large)
        .then("due")
        .otherwise(pl.lit(instalments["due"]).gather(pl.when(behind < pl.col("item_end")).then(behind)))
    )
    is_late = (pl.col("day") - oldest_due >= SWITCH_DAYS).fill_null(False)
    return walking.with_columns(
        is_switched=pl.when("takes")
        .then(is_late)
        .otherwise(pl.col("is_switched") & (pl.col("due") <= pl.col("day")))
    )


def _allocate(walking: pl.DataFrame) -> pl.DataFrame:
    """One step: the money in hand to the oldest instalment, on the day it was paid or, waiting as credit, on the due day."""
    now = pl.max_horizontal("day", "due")
    walking = walking.with_columns(
        since=now, units=pl.col("units") + pl.col("principal") * (now - pl.col("since"))
    ).with_columns(penalty=_rounded_penalty(pl.col("carried")))
    switched = pl.col("is_switched")
    walking = (
        walking.with_columns(
            took_first=pl.min_horizontal("pool", pl.when(switched).then("principal").otherwise("penalty")),
        )
        .with_columns(
            took_interest=pl.min_horizontal(pl.col("pool") - pl.col("took_first"), "interest"),
        )
        .with_columns(
            took_last=pl.min_horizontal(
                pl.col("pool") - pl.col("took_first") - pl.col("took_interest"),
                pl.when(switched).then("penalty").otherwise("principal"),
            ),
        )
    )
    took_penalty = pl.when(switched).then("took_last").otherwise("took_first")
    took_principal = pl.when(switched).then("took_first").otherwise("took_last")
    walking = walking.with_columns(
        principal=pl.col("principal") - took_principal,
        interest=pl.col("interest") - pl.col("took_interest"),
        pool=pl.col("pool") - pl.col("took_first") - pl.col("took_interest") - pl.col("took_last"),
        carried=pl.when(took_penalty > 0).then(pl.col("penalty") - took_penalty).otherwise("carried"),
        units=pl.when(took_penalty > 0).then(0).otherwise("units"),
        penalty=pl.col("penalty") - took_penalty,
    )
    is_finished = (pl.col("principal") == 0) & (pl.col("interest") == 0) & (pl.col("penalty") == 0)
    return walking.with_columns(
        is_finished=is_finished, is_spent=pl.col("pool") == 0, item=pl.col("item") + is_finished
    ).drop("took_first", "took_interest", "took_last", "penalty", "takes")


def _rounded_penalty(carried: pl.Expr) -> pl.Expr:
    """Penalty carried plus units at the account's grains, to the minor unit, half-even."""
    numerator = pl.col("units") * pl.col("grains")
    floor = numerator // GRAINS
    twice = 2 * (numerator - floor * GRAINS)
    is_odd = (carried + floor) % 2 == 1
    return carried + floor + ((twice > GRAINS) | ((twice == GRAINS) & is_odd))


def figures(
    accounts: pl.DataFrame,
    instalments: pl.DataFrame,
    payments: pl.DataFrame,
    closing: pl.DataFrame,
    as_of: int,
) -> pl.DataFrame:
    """FIGURES from the states the accounts ended in and the instalments that no money has reached."""
    reached, grains = closing["item"], accounts["grains"]
    untouched = (
        instalments.with_row_index("row")
        .filter(pl.col("row") > pl.lit(reached).gather("account"))
        .with_columns(
            units=pl.col("principal") * (as_of - pl.col("due")), grains=pl.lit(grains).gather("account")
        )
    )
    is_large = pl.col("principal") + pl.col("interest") > MATERIALITY_MINOR
    behind = (
        untouched.with_columns(penalty=_rounded_penalty(pl.lit(0, dtype=pl.Int64)))
        .group_by("account")
        .agg(
            pl.col("principal", "interest", "penalty").sum().name.suffix("_behind"),
            today_behind=(pl.col("principal") + pl.col("interest")).filter(pl.col("due") == as_of).sum(),
            due_behind=pl.col("due").filter(is_large).min(),
        )
    )
    before = pl.concat([pl.Series("amount", [0]), payments["amount"].cum_sum()])
    has_head = pl.col("item") < pl.col("item_end")
    closed = (
        closing.with_columns(grains=grains, lent=accounts["lent"])
        .with_columns(
            pl.when(has_head).then(pl.col("principal", "interest", "carried", "units")).otherwise(0)
        )
        .with_columns(units=pl.col("units") + pl.col("principal") * (as_of - pl.col("since")))
        .with_columns(penalty=_rounded_penalty(pl.col("carried")))
        .join(behind, on="account", how="left", maintain_order="left")
        .with_columns(pl.col("^(principal|interest|penalty|today)_behind$").fill_null(0))
        .join(
            instalments.group_by("account").agg(fallen_due=pl.col("principal").sum()),
            on="account",
            how="left",
            maintain_order="left",
        )
    )
    of_today = pl.when(has_head & (pl.col("due") == as_of)).then(pl.col("principal") + pl.col("interest"))
    oldest_due = pl.when(is_large).then("due").otherwise("due_behind")
    due_principal = pl.col("principal") + pl.col("principal_behind")
    due_interest = pl.col("interest") + pl.col("interest_behind")
    penalty = pl.col("penalty") + pl.col("penalty_behind")
    waiting = pl.lit(before).gather("pay_end") - pl.lit(before).gather("pay")
    told = closed.select(
        past_due_days=(as_of - oldest_due).fill_null(0),
        due_principal=due_principal,
        due_interest=due_interest,
        penalty=penalty,
        past_due_total=due_principal
        + due_interest
        + penalty
        - of_today.fill_null(0)
        - pl.col("today_behind"),
        outstanding_principal=pl.col("lent") - pl.col("fallen_due").fill_null(0) + due_principal,
        unallocated_credit=pl.col("pool") + waiting,
    )
    return pl.concat([accounts.select("account_id"), told], how="horizontal")


def main() -> None:
    """``rival_polars.py TAPE AS_OF OUT``: settle the tape and write FIGURES as Parquet."""
    folder, as_of, out = sys.argv[1:]
    settle(Path(folder), date.fromisoformat(as_of)).write_parquet(out)


if __name__ == "__main__":
    main()
