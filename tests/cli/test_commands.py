"""The command as people run it, in a process of its own: what it writes, what it says, and how it exits."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.commands import dunwell

DAY = "2026-11-23"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace as `dunwell init` makes it, after one run."""
    folder = tmp_path_factory.mktemp("workspace")
    dunwell("init", "shop", at=folder)
    dunwell("run", "--tape", "tape/", "--as-of", DAY, at=folder / "shop")
    yield folder / "shop"


def test_a_new_workspace_runs_and_the_doctor_is_content(shop: Path) -> None:
    assert {"ok", "note"} >= {
        f["level"] for f in json.loads(dunwell("doctor", "--json", at=shop).stdout)["findings"]
    }
    positions = pl.read_parquet(shop / "book" / "positions.parquet")
    assert positions.height == 27
    assert (shop / "book" / "report.html").read_text(encoding="utf-8").startswith("<!")
    assert not (shop / "book" / "quarantine").exists()


def test_every_statement_agrees_with_the_positions_to_the_minor_unit(shop: Path) -> None:
    positions = pl.read_parquet(shop / "book" / "positions.parquet")
    for row in positions.filter(pl.col("past_due_days") > 0).head(3).iter_rows(named=True):
        told = json.loads(dunwell("statement", row["account_id"], "--as-of", DAY, "--json", at=shop).stdout)
        assert {name: Decimal(text) for name, text in told["closing"].items()} == {
            name: row[name] for name in told["closing"]
        }
        assert told["past_due_days"] == row["past_due_days"]
        assert told["why"]["asset_class"]["value"] == row["asset_class"]
        assert told["why"]["limitation_ends_on"]["value"] == str(row["limitation_ends_on"])


def test_a_statement_of_nobody_says_where_to_look(shop: Path) -> None:
    assert "has no account 'A999'" in dunwell("statement", "A999", at=shop, code=1).stderr


def test_the_ledger_needs_nothing_but_a_tape_and_terms(shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "positions.parquet"
    dunwell(
        "ledger",
        "--tape",
        shop / "tape",
        "--terms",
        shop / "policy" / "terms",
        "--as-of",
        DAY,
        "--out",
        out,
        at=tmp_path,
    )
    of_the_run = pl.read_parquet(shop / "book" / "positions.parquet").sort("account_id")
    assert pl.read_parquet(out).sort("account_id").equals(of_the_run)


def test_replay_gives_the_same_bytes(shop: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        out = tmp_path / f"{name}.parquet"
        dunwell(
            "ledger",
            "--tape",
            shop / "tape",
            "--terms",
            shop / "policy" / "terms",
            "--as-of",
            DAY,
            "--out",
            out,
            at=tmp_path,
        )
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_rows_in_quarantine_are_told_with_their_place_and_mend(shop: Path, tmp_path: Path) -> None:
    tape = shutil.copytree(shop / "tape", tmp_path / "tape")
    with (tape / "payments.csv").open("a", encoding="utf-8") as stream:
        stream.write("P90001,A001,2026-11-31,12.00\n")
    out = tmp_path / "positions.parquet"
    arguments = ("ledger", "--tape", tape, "--terms", shop / "policy" / "terms", "--as-of", DAY, "--out", out)
    ran = dunwell(*arguments, at=tmp_path, code=2)
    assert "payments.csv row 303: paid_on is not a day. Write the day like 2026-11-23" in ran.stderr
    assert pl.read_parquet(tmp_path / "positions-quarantine" / "payments.parquet")["row"].to_list() == [303]
    assert pl.read_parquet(out).filter(account_id="A001")["status"].to_list() == ["incomplete"]


def test_a_row_that_broke_two_rules_is_told_both_mends(shop: Path, tmp_path: Path) -> None:
    tape = shutil.copytree(shop / "tape", tmp_path / "tape")
    with (tape / "accounts.csv").open("a", encoding="utf-8") as stream:
        stream.write("A901,C001,instalment-loan,CNY,100.00,18%,2025-02-30,active\n")
    out = tmp_path / "positions.parquet"
    arguments = ("ledger", "--tape", tape, "--terms", shop / "policy" / "terms", "--as-of", DAY, "--out", out)
    told = dunwell(*arguments, at=tmp_path, code=2).stderr
    assert "annual_rate is not a number; opened_on is not a day" in told
    assert "like 0.18 for 18 %. Write the day like 2026-11-23" in told


def test_a_missing_table_stops_with_the_mend_and_writes_nothing(shop: Path, tmp_path: Path) -> None:
    tape = shutil.copytree(shop / "tape", tmp_path / "tape")
    (tape / "accounts.csv").unlink()
    before = (shop / "book" / "run.json").read_bytes()
    assert "Put the accounts there" in dunwell("run", "--tape", tape, "--as-of", DAY, at=shop, code=1).stderr
    assert (shop / "book" / "run.json").read_bytes() == before
    ran = dunwell(
        "ledger",
        "--tape",
        tape,
        "--terms",
        shop / "policy" / "terms",
        "--out",
        "x.parquet",
        at=tmp_path,
        code=1,
    )
    assert "accounts.csv" in ran.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tape"]


@pytest.mark.slow
def test_known_at_leaves_out_what_was_recorded_later(tmp_path: Path, shop: Path) -> None:
    tape = shutil.copytree(shop / "tape", tmp_path / "tape")
    for file in tape.glob("*.csv"):
        frame = pl.read_csv(file, infer_schema=False).with_columns(recorded_at=pl.lit("2026-01-01T00:00:00Z"))
        frame.write_csv(file)
    late = {
        "payment_id": "P90001",
        "account_id": "A008",
        "paid_on": "2026-10-01",
        "amount": "20000.00",
        "recorded_at": "2026-11-20T10:00:00Z",
    }
    payments = pl.read_csv(tape / "payments.csv", infer_schema=False)
    pl.concat([payments, pl.DataFrame([late])]).write_csv(tape / "payments.csv")
    days: dict[str, Any] = {}
    for known_at in ("2026-11-19", "2026-11-20", "2026-11-20T09:59:59Z"):
        out = tmp_path / "out.parquet"
        arguments = (
            "--tape",
            tape,
            "--terms",
            shop / "policy" / "terms",
            "--as-of",
            "2026-11-01",
            "--known-at",
            known_at,
            "--out",
            out,
        )
        dunwell("ledger", *arguments, at=tmp_path)
        days[known_at] = pl.read_parquet(out).filter(account_id="A008")["past_due_days"][0]
    assert days["2026-11-19"] == days["2026-11-20T09:59:59Z"] > 0
    assert days["2026-11-20"] == 0
    told = dunwell(
        "ledger",
        "--tape",
        tape,
        "--terms",
        shop / "policy" / "terms",
        "--explain-change",
        "2026-11-19",
        "2026-11-21",
        "--json",
        at=tmp_path,
    )
    changed = {a["account_id"]: a for a in json.loads(told.stdout)["accounts"]}
    assert [r["detail"] for r in changed["A008"]["reasons"] if r["reason"] == "correction"] == [
        "payment P90001, recorded 2026-11-20"
    ]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run",), "dunwell init"),
        (("ledger", "--tape", "nowhere", "--terms", "nowhere", "--out", "x"), "holds no terms"),
        (("ledger", "--tape", ".", "--terms", ".", "--as-of", "yesterday", "--out", "x"), "2026-11-23"),
        (("ledger", "--tape", ".", "--terms", "."), "--out"),
        (("statement", "A1"), "dunwell init"),
        (("doctor",), ""),
    ],
)
def test_outside_a_workspace_or_with_wrong_words_the_command_says_what_to_do(
    tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    ran = dunwell(*arguments, at=tmp_path, code=1)
    assert says in ran.stderr + ran.stdout


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("keep", encoding="utf-8")
    assert "not empty" in dunwell("init", "mine", at=tmp_path, code=1).stderr
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["note.txt"]


@pytest.mark.slow  # `make demo` is run by whoever takes up the project
def test_the_demo_ends_after_its_report(tmp_path: Path) -> None:
    ran = dunwell("demo", "--accounts", "1500", "--no-serve", "--as-of", DAY, at=tmp_path)
    assert "on the book" in ran.stdout
    assert (tmp_path / "demo" / "book" / "report.html").stat().st_size > 20_000
    summary = json.loads((tmp_path / "demo" / "book" / "run.json").read_text(encoding="utf-8"))
    assert summary["quarantine"]["rows"] > 10
    assert "letter " in ran.stdout and "sms " in ran.stdout
    page = (tmp_path / "demo" / "sent.html").read_text(encoding="utf-8")
    assert all(f"<h2>{name}: " in page for name in ("E-mail", "Text messages", "Letters"))
    dunwell("outreach", "inbox", at=tmp_path / "demo")  # the demo's secrets were kept
    dunwell("demo", "--accounts", "200", "--no-serve", "--as-of", DAY, at=tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "file").touch()
    assert "not a demo" in dunwell("demo", "--dir", "own", at=tmp_path, code=1).stderr


def test_ctrl_c_leaves_the_last_book_whole(shop: Path) -> None:
    before = (shop / "book" / "run.json").read_bytes()
    started = subprocess.Popen(
        [sys.executable, "-c", "from dunwell.cli import main; main()", "run", "--as-of", "2026-11-22"],
        cwd=shop,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (shop / ".book.new").exists() and started.poll() is None:
        time.sleep(0.01)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)
    if started.returncode == 130:
        assert "nothing half-done" in said
        assert (shop / "book" / "run.json").read_bytes() == before
    else:
        assert started.returncode == 0
        dunwell("run", "--as-of", DAY, at=shop)
    # The lock is a file that stays, held by nobody.
    assert sorted(p.name for p in shop.iterdir() if p.name.startswith(".book")) == [".book.lock"]


def test_help_and_version_are_light(tmp_path: Path) -> None:
    script = (
        "import sys; import dunwell.cli.app; sys.exit(bool({'polars', 'numba', 'rich'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
    assert "statement" in dunwell("--help", at=tmp_path).stdout
    assert dunwell("--version", at=tmp_path).stdout.startswith("dunwell ")
