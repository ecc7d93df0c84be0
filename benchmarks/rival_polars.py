"""The ledger's rival: the same figures for the benchmark's tape, in Polars expressions alone, as fast as we could make them.

The meaning is that of ``terms/cn-instalment-loan.toml`` beside this file: the oldest instalment first, in it penalty, interest,
principal; from 91 days past due principal, interest, penalty; penalty at 1.5 times the contract rate on overdue principal by
ACT/360, exact in integers, rounded half-even when money is allocated to it and when it is reported.

How it is done. Under instalment-first only the oldest unpaid instalment of an account has a history; those behind it are
untouched. So an account is a walk over two sorted lists, its instalments and its days of payment, and every step finishes an
instalment or spends a day's money. Round k takes the k-th step of every account at once: rows are gathered by position, the step is
a dozen expressions, accounts that are done leave. No row is touched by Python. Accounts go in blocks that fit a CPU's cache,
blocks in threads. (Windows, joins and list expressions in place of the rounds are slower; so are rounds over the whole tape.)

What the rival does not do, and the ledger does: check the rows, quarantine, reversals, chargebacks, charges, holds, fees, caps,
component-first, other day counts, classes, limitation, the other columns of ``positions``. All of that is to the rival's favour.
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
ACCOUNTS_PER_BLOCK = 1 << 16

_INT64_MAX = 2**63 - 1
_DUE, _PRINCIPAL, _INTEREST, _LARGE = "due", "principal", "interest", "large_row"


def settle(folder: Path, as_of: date) -> pl.DataFrame:
    """FIGURES of every account of the tape as of a day, with its account_id, in the order of the accounts table.

    Raises OverflowError when a figure would not fit 64 bits.
    """
    accounts = _read_accounts(folder)
    instalments = _due_instalments(folder, accounts, as_of)
    payments = _days_of_payment(folder, accounts, as_of)
    _refuse_overflow(accounts, instalments, as_of)
    starts = _starts(accounts.height, instalments, payments)
    walk = _Walk(instalments, payments, (as_of - date(1970, 1, 1)).days)

    def block(first: int) -> pl.DataFrame:
        return walk.close(walk.settle(starts.slice(first, ACCOUNTS_PER_BLOCK)))

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        blocks = list(pool.map(block, range(0, accounts.height, ACCOUNTS_PER_BLOCK)))
    return pl.concat([accounts.select("account_id"), pl.concat(blocks)], how="horizontal")


def _minor(column: str) -> pl.Expr:
    """The integer behind a decimal column: minor units for money, parts per million for the rate."""
    return pl.col(column).to_physical().cast(pl.Int64)


def _read_accounts(folder: Path) -> pl.DataFrame:
    return (
        pl.scan_parquet(folder / "accounts.parquet")
        .select("account_id", lent=_minor("principal"), grains=_minor("annual_rate") * 3)
        .collect(engine="streaming")
    )


def _due_instalments(folder: Path, accounts: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Instalments fallen due by as_of: account, due, principal, interest, sorted by account and day."""
    rows = (
        pl.scan_parquet(folder / "instalments.parquet")
        .filter(pl.col("due_on") <= as_of)
        .select(
            "account_id", due=_day("due_on"), principal=_minor("principal"), interest=_minor("interest")
        )
        .collect(engine="streaming")
    )
    rows = _by_account(rows, accounts, _DUE)
    is_large = pl.col(_PRINCIPAL) + pl.col(_INTEREST) > MATERIALITY_MINOR
    row = pl.int_range(pl.len(), dtype=pl.Int64)
    return rows.with_columns(pl.when(is_large).then(row).backward_fill().fill_null(pl.len()).alias(_LARGE))


def _days_of_payment(folder: Path, accounts: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """What each account paid on each day up to as_of: account, paid, amount, sorted by account and day."""
    rows = (
        pl.scan_parquet(folder / "payments.parquet")
        .filter(pl.col("paid_on") <= as_of)
        .select("account_id", paid=_day("paid_on"), amount=_minor("amount"))
        .collect(engine="streaming")
    )
    rows = _by_account(rows, accounts, "paid")
    ends_a_day = (
        (pl.col("account") != pl.col("account").shift(-1)) | (pl.col("paid") != pl.col("paid").shift(-1))
    ).fill_null(True)
    running = pl.col("running")
    return (
        rows.lazy()
        .select("account", "paid", pl.col("amount").cum_sum().alias("running"), ends_a_day.alias("ends_a_day"))
        .filter("ends_a_day")
        .select("account", "paid", amount=running - running.shift(1, fill_value=0))
        .collect()
    )


def _day(column: str) -> pl.Expr:
    return pl.col(column).to_physical().cast(pl.Int64)


def _by_account(rows: pl.DataFrame, accounts: pl.DataFrame, day: str) -> pl.DataFrame:
    """The rows with their account's row in place of its id, sorted by account and day.

    A tape lies sorted by account, so a million runs are looked up and not ten million rows; one that does not is sorted.
    """
    runs = rows.select(pl.col("account_id").rle().struct.unnest())
    index = accounts.select(pl.col("account_id").alias("value"), pl.int_range(pl.len(), dtype=pl.Int64).alias("account"))
    found = runs.join(index, on="value", how="left", maintain_order="left")
    rows = rows.drop("account_id").insert_column(
        0, found.select(pl.col("account").repeat_by("len").explode()).to_series()
    )
    is_sorted = rows.select(
        (
            (pl.col("account") > pl.col("account").shift())
            | ((pl.col("account") == pl.col("account").shift()) & (pl.col(day) >= pl.col(day).shift()))
        ).all()
    ).item()
    return rows if is_sorted else rows.sort("account", day, maintain_order=True)


def _refuse_overflow(accounts: pl.DataFrame, instalments: pl.DataFrame, as_of: date) -> None:
    """Penalty is summed as balance times days times grains: that must stay within 64 bits, also doubled for rounding."""
    if instalments.is_empty():
        return
    days = (as_of - date(1970, 1, 1)).days - int(instalments.select(pl.col(_DUE).min()).item())
    balance = int(instalments.select(pl.col(_PRINCIPAL).max()).item())
    grains = int(accounts.select(pl.col("grains").max()).item())
    if 2 * balance * max(days, 1) * grains > _INT64_MAX:
        raise OverflowError(f"{balance} minor units over {days} days at {grains} grains leave 64 bits")


def _starts(count: int, instalments: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Where each account's instalments and days of payment begin and end, an account a row."""
    starts = pl.DataFrame({"account": pl.int_range(count, eager=True)})
    for name, rows in (("item", instalments), ("pay", payments)):
        first = rows["account"].search_sorted(starts["account"], side="left").cast(pl.Int64)
        starts = starts.with_columns(
            first.alias(name), first.shift(-1, fill_value=rows.height).alias(f"{name}_end")
        )
    return starts
