"""The benchmark's rivals say of every account what the ledger says: the timings compare like with like."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import rival_duckdb
from benchmarks.comparing import differences
from benchmarks.ledger import TERMS
from benchmarks.rival_polars import FIGURES, settle
from benchmarks.rival_whole import BadRows, settle_whole
from dunwell.cli.ledger import write_positions
from dunwell.rehearsal import benchmark_tape

AS_OF = date(2026, 6, 30)
MONEY = pl.Decimal(18, 2)


def told_apart(tape: Path, folder: Path, as_of: date = AS_OF) -> list[str]:
    """How the ledger and its rivals differ on a tape as of a day, in figures and in positions."""
    names = ("positions", "rival", "whole", "sql")
    positions, figures, whole, sql = (folder / f"{name}.parquet" for name in names)
    assert write_positions(tape, TERMS, as_of.isoformat(), None, positions, as_json=True) == 0
    settle(tape, as_of).write_parquet(figures)
    settle_whole(tape, as_of).write_parquet(whole)
    database = rival_duckdb.read(tape, as_of)
    rival_duckdb.settle(database, as_of)
    rival_duckdb.write(database, sql)
    return [told for file in (figures, whole, sql) for told in differences(positions, file)]


@pytest.mark.parametrize("as_of", [AS_OF, date(2026, 3, 15), date(2027, 2, 1)])
def test_they_agree_on_the_benchmarks_tape(tmp_path: Path, as_of: date) -> None:
    # Accounts not opened yet have no position; the rival, made for the tape's own last day, knows no opening days.
    benchmark_tape(tmp_path / "tape", 1_500, seed=5, as_of=min(as_of, AS_OF))
    assert told_apart(tmp_path / "tape", tmp_path, as_of) == []


@pytest.mark.parametrize("seed", range(4))
def test_they_agree_on_crooked_accounts_in_no_order(tmp_path: Path, seed: int) -> None:
    """Tiny instalments, several due on one day or on the last, many payments a day, early, late and too much."""
    tape = tmp_path / "tape"
    write(tape, crooked_tables(accounts=600, seed=seed))
    assert told_apart(tape, tmp_path) == []


def test_they_agree_where_nothing_was_paid_and_where_nothing_fell_due(tmp_path: Path) -> None:
    tables = crooked_tables(accounts=40, seed=9)
    none_paid = {**tables, "payments": tables["payments"].clear()}
    none_due = {
        **tables,
        "instalments": tables["instalments"].with_columns(due_on=pl.lit(date(2027, 1, 1))),
    }
    for number, case in enumerate((none_paid, none_due)):
        tape = tmp_path / str(number)
        write(tape, case)
        assert told_apart(tape, tmp_path) == []


def test_a_difference_is_told(tmp_path: Path) -> None:
    tape = tmp_path / "tape"
    benchmark_tape(tape, 50, seed=5)
    assert told_apart(tape, tmp_path) == []
    figures = tmp_path / "rival.parquet"
    pl.read_parquet(figures).with_columns(pl.col("penalty") + 1).write_parquet(tmp_path / "other.parquet")
    [sentence] = differences(tmp_path / "positions.parquet", tmp_path / "other.parquet")
    assert sentence.startswith("penalty differs on 50 accounts")
    assert pl.read_parquet(figures).columns == ["account_id", *FIGURES]


def test_figures_that_64_bits_cannot_hold_are_refused(tmp_path: Path) -> None:
    tables = crooked_tables(accounts=5, seed=1)
    huge = tables["instalments"].with_columns(principal=pl.lit("9999999999999.00").cast(MONEY))
    write(tmp_path, {**tables, "instalments": huge})
    with pytest.raises(OverflowError, match="64 bits"):
        settle(tmp_path, AS_OF)


@pytest.mark.parametrize("months_between", [1, 4, 9])
def test_they_agree_on_accounts_that_fall_behind_and_recover(tmp_path: Path, months_between: int) -> None:
    """Paid up in one go after a while, again and again: classes under observation, default on probation and over."""
    drawn = np.random.default_rng(months_between)
    tables = crooked_tables(accounts=300, seed=months_between)
    dues = [date(2024 + n // 12, n % 12 + 1, 28) for n in range(0, 36, months_between)]
    ids = sorted(tables["accounts"]["account_id"])
    instalments = pl.DataFrame(
        [(name, n, due) for name in ids for n, due in enumerate(dues)],
        schema={"account_id": pl.String, "number": pl.Int64, "due_on": pl.Date},
        orient="row",
    ).with_columns(principal=pl.lit("100.00").cast(MONEY), interest=pl.lit("5.00").cast(MONEY))
    paid = [(name, date(2024, 1, 1), int(drawn.integers(10, 800))) for name in ids for _ in range(4)]
    payments = pl.DataFrame(paid, schema=["account_id", "paid_on", "offset"], orient="row").select(
        pl.int_range(pl.len()).cast(pl.String).alias("payment_id"),
        "account_id",
        pl.col("paid_on") + pl.duration(days="offset"),
        amount=money(drawn.choice([10_500, 31_500, 63_000, 200_000], len(paid))),
    )
    folder = tmp_path / "tape"
    accounts = tables["accounts"].with_columns(opened_on=pl.lit(date(2023, 12, 1)))
    write(folder, {**tables, "accounts": accounts, "instalments": instalments, "payments": payments})
    for as_of in (date(2025, 3, 1), date(2025, 12, 31), AS_OF):
        assert told_apart(folder, tmp_path, as_of) == []


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("customers", pl.lit("us").alias("jurisdiction")),
        ("accounts", pl.lit("C2").alias("customer_id")),
        ("accounts", pl.lit("USD").alias("currency")),
        ("instalments", pl.lit("nobody").alias("account_id")),
        ("instalments", -pl.col("principal")),
        ("payments", pl.lit(None, dtype=pl.Date).alias("paid_on")),
        ("payments", pl.lit("P1").alias("payment_id")),
    ],
)
def test_the_rival_refuses_bad_rows(tmp_path: Path, table: str, change: pl.Expr) -> None:
    tables = crooked_tables(accounts=20, seed=3)
    write(tmp_path, {**tables, table: tables[table].with_columns(change)})
    with pytest.raises(BadRows, match=table):
        settle_whole(tmp_path, AS_OF)


def write(folder: Path, tables: Mapping[str, pl.DataFrame]) -> None:
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        rows.write_parquet(folder / f"{name}.parquet")


def crooked_tables(accounts: int, seed: int) -> dict[str, pl.DataFrame]:
    """The four tables of made-up accounts, rows shuffled; some accounts without instalments or payments."""
    drawn = np.random.default_rng(seed)
    ids = [f"A{number:04}" for number in drawn.permutation(accounts)]
    opened = np.datetime64("2024-06-01") + drawn.integers(0, 300, accounts)

    due_of = drawn.integers(0, int(accounts * 0.95), accounts * 6)
    paid_of = drawn.integers(int(accounts * 0.05), accounts, accounts * 9)
    month_ends = np.datetime64("2025-01-31") + 30 * drawn.integers(0, 20, len(due_of))
    due_on = np.where(drawn.random(len(due_of)) < 0.1, np.datetime64(AS_OF), month_ends)
    instalments = pl.DataFrame(
        {
            "account_id": [ids[row] for row in due_of],
            "number": np.arange(len(due_of)),
            "due_on": due_on.astype("datetime64[D]"),
            "principal": money(drawn.choice([1, 60, 99, 100, 101, 5_000, 123_457], len(due_of))),
            "interest": money(drawn.choice([0, 0, 1, 40, 2_345], len(due_of))),
        }
    )
    payments = pl.DataFrame(
        {
            "payment_id": [f"P{number}" for number in range(len(paid_of))],
            "account_id": [ids[row] for row in paid_of],
            "paid_on": (np.datetime64("2025-01-31") + 5 * drawn.integers(0, 110, len(paid_of))),
            "amount": money(drawn.choice([1, 7, 99, 150, 2_000, 40_000, 150_000], len(paid_of))),
        }
    )
    return {
        "customers": pl.DataFrame({"customer_id": ["C1"], "jurisdiction": ["cn"]}),
        "accounts": pl.DataFrame(
            {
                "account_id": ids,
                "customer_id": "C1",
                "product": "cn-instalment-loan",
                "currency": "CNY",
                "principal": money(np.full(accounts, 5_000_000)),
                "annual_rate": pl.Series(drawn.integers(1, 500_000, accounts)).cast(pl.Decimal(18, 6))
                / 10**6,
                "opened_on": opened,
            }
        ).with_columns(pl.col("annual_rate").cast(pl.Decimal(18, 6))),
        "instalments": instalments.sample(fraction=1, shuffle=True, seed=seed),
        "payments": payments.sample(fraction=1, shuffle=True, seed=seed),
    }


def money(minor: np.ndarray) -> pl.Series:
    """Minor units as the decimals of a tape."""
    return pl.Series([f"{value // 100}.{value % 100:02}" for value in minor.tolist()]).cast(MONEY)
