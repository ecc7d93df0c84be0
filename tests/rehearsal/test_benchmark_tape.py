"""The timing tape: sound in itself, the same bytes each time, and of the shape that timings are quoted for."""

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from dunwell.rehearsal import benchmark_tape

ACCOUNTS = 60_000


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    rows = benchmark_tape(folder, ACCOUNTS, seed=3)
    assert rows["accounts"] == ACCOUNTS
    return folder


def table(tape: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(tape / f"{name}.parquet")


def test_the_same_seed_gives_the_same_bytes(tape: Path, tmp_path: Path) -> None:
    benchmark_tape(tmp_path, ACCOUNTS, seed=3)
    for file in sorted(tape.glob("*.parquet")):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_another_seed_gives_other_payments(tape: Path, tmp_path: Path) -> None:
    benchmark_tape(tmp_path, 1_000, seed=4)
    other = table(tmp_path, "payments")
    assert not other.equals(table(tape, "payments").head(len(other)))


def test_every_schedule_adds_up_to_what_was_lent(tape: Path) -> None:
    lent = table(tape, "accounts").select("account_id", "principal")
    scheduled = (
        table(tape, "instalments")
        .group_by("account_id")
        .agg(pl.col("principal").sum(), pl.len().alias("count"))
    )
    both = lent.join(scheduled, on="account_id", suffix="_scheduled")
    assert len(both) == ACCOUNTS
    assert both.select((pl.col("principal") == pl.col("principal_scheduled")).all()).item()
    assert both.select((pl.col("count") == 12).all()).item()


def test_every_row_belongs_to_a_row_of_its_parent(tape: Path) -> None:
    customers, accounts, payments = (table(tape, name) for name in ("customers", "accounts", "payments"))
    assert set(accounts["customer_id"]) == set(customers["customer_id"])
    assert set(payments["account_id"]) <= set(accounts["account_id"])
    assert customers["customer_id"].n_unique() == len(customers) == ACCOUNTS * 4 // 5
    assert payments["payment_id"].n_unique() == len(payments)


def test_files_are_sorted_by_account(tape: Path) -> None:
    for name in ("accounts", "instalments", "payments"):
        assert table(tape, name)["account_id"].is_sorted()


def test_payments_are_positive_and_none_is_later_than_the_tape(tape: Path) -> None:
    payments = table(tape, "payments")
    assert payments["amount"].min() > 0  # type: ignore[operator]  # Polars types a minimum as any literal
    assert str(payments["paid_on"].max()) <= "2026-06-30"
    assert 10 < len(payments) / ACCOUNTS < 11


def test_row_groups_have_one_size(tape: Path) -> None:
    metadata = pq.ParquetFile(tape / "payments.parquet").metadata
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    assert set(sizes[:-1]) == {250_000}
    assert 0 < sizes[-1] <= 250_000


def test_an_empty_tape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        benchmark_tape(tmp_path, 0, seed=1)
