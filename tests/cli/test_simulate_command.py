"""``dunwell simulate``: the daily run on a world that answers, night after night."""

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

DUNWELL = Path(sys.executable).with_name("dunwell")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A lender of 1,200 accounts, late ones above all, three days on."""
    folder = tmp_path_factory.mktemp("world") / "lender"
    options = [
        "--accounts",
        "1200",
        "--days",
        "3",
        "--seed",
        "3",
        "--as-of",
        "2026-06-30",
        "--stress",
        "8",
        "--json",
    ]
    run = subprocess.run(
        [DUNWELL, "simulate", "--dir", folder, *options], capture_output=True, text=True, timeout=500
    )
    assert run.returncode == 0, run.stderr
    told: dict[str, object] = json.loads(run.stdout)
    return folder, told


@pytest.mark.slow
def test_no_night_puts_a_row_in_quarantine(simulated: tuple[Path, dict[str, object]]) -> None:
    folder, told = simulated
    assert told["quarantined"] == 0
    summary = json.loads((folder / "book" / "run.json").read_text(encoding="utf-8"))
    assert summary["as_of"] == "2026-07-03"
    assert not (folder / "book" / "quarantine").exists()


@pytest.mark.slow
def test_the_days_are_told_and_kept(simulated: tuple[Path, dict[str, object]]) -> None:
    folder, _ = simulated
    diary = pl.read_parquet(folder / "simulation.parquet")
    assert diary["day"].to_list() == [date(2026, 7, 1) + timedelta(days=n) for n in range(3)]
    assert (diary["contacts"] > 20).all()
    assert (diary["late"] >= diary["late_30"]).all()
    assert diary["cures"].sum() > 0
    assert diary["promises"].sum() > 0


@pytest.mark.slow
def test_the_tape_has_what_the_days_told(simulated: tuple[Path, dict[str, object]]) -> None:
    """Contacts, promises and money by currency, counted again from the files that the run reads."""
    folder, _ = simulated
    diary = pl.read_parquet(folder / "simulation.parquet")
    contacts = pl.read_parquet(folder / "tape" / "contacts.parquet").filter(
        pl.col("contact_id").str.contains("-2026070") & (pl.col("direction") == "out")
    )
    assert contacts.height == diary["contacts"].sum()
    payments = pl.read_parquet(folder / "tape" / "payments.parquet").filter(
        pl.col("payment_id").str.starts_with("P-") & (pl.col("paid_on") > date(2026, 6, 30))
    )
    accounts = pl.read_parquet(folder / "tape" / "accounts.parquet")
    money = payments.join(accounts, on="account_id").group_by("currency").agg(pl.col("amount").sum())
    for currency, amount in money.iter_rows():
        assert diary[f"cash_{currency}"].sum() == pytest.approx(float(amount))
    assert payments["payment_id"].is_unique().all()


@pytest.mark.slow
def test_the_ledger_conserves_the_money_of_the_days(simulated: tuple[Path, dict[str, object]]) -> None:
    """What the last run says came in over thirty days is what the tape's payments say, reversed ones left out."""
    folder, _ = simulated
    payments = pl.read_parquet(folder / "tape" / "payments.parquet")
    taken_back = payments["reverses"].drop_nulls().implode()
    money = payments.filter(
        (pl.col("kind") == "payment")
        & ~pl.col("payment_id").is_in(taken_back)
        & pl.col("paid_on").is_between(date(2026, 6, 4), date(2026, 7, 2))
    )
    summed = money.group_by("account_id").agg(pl.col("amount").sum())
    positions = pl.read_parquet(folder / "book" / "positions.parquet").select("account_id", "paid_30d")
    both = positions.join(summed, on="account_id", how="left").with_columns(pl.col("amount").fill_null(0))
    assert both.select((pl.col("paid_30d") == pl.col("amount")).all()).item()
    assert both["amount"].sum() > 0


def test_another_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me", encoding="utf-8")
    run = subprocess.run(
        [DUNWELL, "simulate", "--dir", tmp_path, "--days", "1"], capture_output=True, text=True, timeout=100
    )
    assert run.returncode == 1
    assert "Name another folder" in run.stderr
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "keep me"


def test_an_unknown_country_is_told(tmp_path: Path) -> None:
    run = subprocess.run(
        [DUNWELL, "simulate", "--dir", tmp_path / "x", "--jurisdictions", "zz"],
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert run.returncode == 1
    assert "'zz' is not a country" in run.stderr
