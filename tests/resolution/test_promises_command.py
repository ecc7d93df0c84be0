"""Promises from the lender's file to the run's summary, the book and the command."""

import json
import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests import commands

DAY = "2026-11-23"
PROMISES = """promise_id,account_id,made_at,due_on,amount,recorded_at,part_of,cancelled_at,cancel_reason,superseded_by,currency
R1,A008,2026-11-20T10:00:00+08:00,2026-11-30,10.00,2026-11-20T10:00:00+08:00,,,,,XAU
R2,A006,2026-11-02T10:00:00+08:00,2026-11-10,99999.00,2026-11-02T10:00:00+08:00,,,,,XAU
R3,A003,2026-11-02T10:00:00+08:00,2026-11-10,50.00,2026-11-02T10:00:00+08:00,,2026-11-05T09:00:00+08:00,moved,R4,XAU
R4,A003,2026-11-05T09:00:00+08:00,2026-11-20,50.00,2026-11-05T09:00:00+08:00,,,,,XAU
R5a,A004,2026-11-02T10:00:00+08:00,2026-11-10,1.00,2026-11-02T10:00:00+08:00,R5,,,,XAU
R5b,A004,2026-11-02T10:00:00+08:00,2026-11-20,2.00,2026-11-02T10:00:00+08:00,R5,,,,XAU
"""
PAID = ("A003,2026-11-19,50.00", "A004,2026-11-09,1.00", "A004,2026-11-18,2.00")


def dunwell(*arguments: str | Path, at: Path, code: int = 0) -> str:
    """What the command prints, or what it complains of where it fails."""
    ran = commands.dunwell(*arguments, at=at, code=code)
    return ran.stdout if code == 0 else ran.stderr


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A new workspace whose tape has promises, after a run."""
    folder = tmp_path_factory.mktemp("workspace")
    dunwell("init", "shop", at=folder)
    tape = folder / "shop" / "tape"
    (tape / "promises.csv").write_text(PROMISES, encoding="utf-8")
    with (tape / "payments.csv").open("a", encoding="utf-8") as stream:
        stream.writelines(f"PX{number},{row}\n" for number, row in enumerate(PAID))
    dunwell("run", "--tape", "tape/", "--as-of", DAY, at=folder / "shop")
    yield folder / "shop"


def told(shop: Path, *asked: str) -> dict[str, dict[str, Any]]:
    rows = json.loads(dunwell("promises", "--json", *asked, at=shop))["promises"]
    return {row["promise_id"]: row for row in rows}


def test_the_run_judges_counts_and_writes_them(shop: Path) -> None:
    summary = json.loads((shop / "book" / "run.json").read_text(encoding="utf-8"))
    assert summary["promises"] == {
        "open": 1,
        "kept": 2,
        "partly_kept": 0,
        "broken": 1,
        "cancelled": 1,
        "kept_share": 0.6667,
    }
    rows = {row["promise_id"]: row for row in pl.read_parquet(shop / "book" / "promises.parquet").to_dicts()}
    assert {name: row["state"] for name, row in rows.items()} == {
        "R1": "open",
        "R2": "broken",
        "R3": "cancelled",
        "R4": "kept",
        "R5": "kept",
    }
    assert rows["R5"]["credited"] == Decimal("3")
    assert rows["R4"]["kept_on"] == date(2026, 11, 19)
    assert rows["R2"]["broken_on"] == date(2026, 11, 11)


def test_only_a_promise_that_is_open_is_waited_for(shop: Path) -> None:
    """Kept, broken and withdrawn ones hold nothing back, though their customers are still late."""
    work = pl.read_parquet(shop / "book" / "worklist.parquet").explode("reasons").unnest("reasons")
    waited_for = work.filter(pl.col("rule") == "house-floor.open-promise")
    assert waited_for["customer_id"].to_list() == ["C008"]
    assert {"C003", "C004", "C006"} <= set(work["customer_id"])


def test_the_run_has_one_case_a_customer_and_counts_them_by_stage(shop: Path) -> None:
    cases = pl.read_parquet(shop / "book" / "cases.parquet")
    assert cases["customer_id"].is_unique().all()
    still_open = cases.filter(pl.col("closed_on").is_null())
    late = pl.read_parquet(shop / "book" / "positions.parquet").filter(pl.col("past_due_days") > 0)
    assert sorted(still_open["customer_id"]) == sorted(late["customer_id"].unique())
    assert sorted(still_open["past_due_account_ids"].explode()) == sorted(late["account_id"])
    summary = json.loads((shop / "book" / "run.json").read_text(encoding="utf-8"))
    assert summary["cases"] == dict(still_open["stage"].value_counts().iter_rows())
    listed = pl.read_parquet(shop / "book" / "worklist.parquet").select("customer_id", "stage")
    assert listed.join(still_open, on=["customer_id", "stage"]).height == listed.height


def test_the_command_tells_any_day_from_the_same_events(shop: Path) -> None:
    assert told(shop)["R3"]["reason"] == "moved; superseded by R4"
    before = told(shop, "--as-of", "2026-11-10")
    assert {name: row["state"] for name, row in before.items()} == {
        "R2": "open",
        "R3": "cancelled",
        "R4": "open",
        "R5": "open",
    }
    assert before["R5"]["parts"][0] == {
        "due_on": "2026-11-10",
        "amount": "1.00",
        "credited": "1.00",
        "kept_on": "2026-11-09",
    }
    assert list(told(shop, "--account", "A003")) == ["R4", "R3"]


@pytest.mark.slow
def test_a_book_from_before_promises_had_parts_is_still_read(shop: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(shop, tmp_path / "shop")
    for file in (mine / "book").glob("partition=*/promises.parquet"):
        pl.read_parquet(file).drop("part_of", "contact_id", "cancelled_at", "currency").write_parquet(file)
    assert {"R5a", "R5b", "R3"} <= told(mine).keys()
    assert told(mine)["R3"]["state"] == "broken"


def test_the_command_speaks_to_people(shop: Path) -> None:
    said = dunwell("promises", at=shop)
    assert "As of 2026-11-23: 1 open, 2 kept, 0 partly kept, 1 broken, 1 cancelled" in said
    assert "66.7% are kept" in said
    assert "nothing had been paid by 2026-11-10" in said
    assert "has no account 'A999'" in dunwell("promises", "--account", "A999", at=shop, code=1)


def test_a_lenders_own_policy_is_used_and_a_mistake_in_it_stops_the_run(shop: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(shop, tmp_path / "shop")
    head = 'key = "promises"\ntitle = "T"\nfrom = 2000-01-01\ncitation = "house"\nsource_quality = "text"\n'
    file = mine / "policy" / "promises.toml"
    file.write_text(f"{head}[[rule]]\ngrace_days = 20\n", encoding="utf-8")
    assert told(mine)["R2"]["state"] == "open"
    file.write_text(f"{head}[[rule]]\ngrace_days = 99\n", encoding="utf-8")
    assert "promises.toml: rule[1].grace_days" in dunwell("run", "--as-of", DAY, at=mine, code=1)
