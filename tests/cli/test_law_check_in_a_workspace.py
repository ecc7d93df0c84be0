"""``dunwell law check``: what a workspace adds to the packs that are named, and how late a tape says that debts are."""

from pathlib import Path

import polars as pl
import pytest

from tests.commands import dunwell

CUSTOMERS = "customer_id,jurisdiction,timezone\nC1,cn,Asia/Shanghai\nC2,ph,Asia/Manila\n"
ACCOUNTS = """account_id,customer_id,product,currency,principal,opened_on,past_due_days
A1,C1,loan,CNY,1000.00,2025-01-01,
A2,C2,loan,PHP,1000.00,2025-01-01,{days}
"""
HISTORY = "contact_id,customer_id,at,channel,outcome\n"
LAW = """also = ["cn-house"]

[[rules]]
id = "no-letters"
kind = "frequency"
channels = ["letter"]
counted_channels = ["letter"]
at_most = 0
within_days = 1
en = "We send no letters."
zh = "不寄信。"
"""
SATURDAY, NIGHT = "2026-04-11T10:00:00+08:00", "2026-04-10T22:30:00+08:00"


def _rules(folder: Path, packs: str, attempts: list[tuple[str, str, str]]) -> list[list[str]]:
    """The rules that refuse attempts of (customer, instant, channel)."""
    rows = [f"T{number},{','.join(attempt)}\n" for number, attempt in enumerate(attempts)]
    (folder / "contacts.csv").write_text(HISTORY, encoding="utf-8")
    (folder / "attempts.csv").write_text(
        "attempt_id,customer_id,at,channel\n" + "".join(rows), encoding="utf-8"
    )
    arguments = ("--attempts", "attempts.csv", "--history", "contacts.csv", "--tape", "tape")
    dunwell("law", "check", "--packs", packs, *arguments, "--out", "verdicts.parquet", at=folder)
    verdicts = pl.read_parquet(folder / "verdicts.parquet")
    assert verdicts["attempt_id"].to_list() == [f"T{number}" for number in range(len(attempts))]
    return [[reason["rule"] for reason in reasons] for reasons in verdicts["reasons"]]


def _tape(folder: Path, days: str = "") -> Path:
    (folder / "tape").mkdir()
    (folder / "tape" / "customers.csv").write_text(CUSTOMERS, encoding="utf-8")
    (folder / "tape" / "accounts.csv").write_text(ACCOUNTS.format(days=days), encoding="utf-8")
    return folder


def _workspace(folder: Path) -> Path:
    (folder / "dunwell.toml").write_text("", encoding="utf-8")
    (folder / "policy").mkdir()
    (folder / "policy" / "law.toml").write_text(LAW, encoding="utf-8")
    return folder


ASKED = [
    ("C1", SATURDAY, "call"),
    ("C2", SATURDAY, "call"),
    ("C2", SATURDAY, "letter"),
    ("C9", SATURDAY, "sms"),
]


def test_a_workspaces_own_rules_bind_though_not_named(tmp_path: Path) -> None:
    """The house pack for China binds people there alone, the lender's own rules everybody."""
    assert _rules(_workspace(_tape(tmp_path)), "house-floor", ASKED) == [
        ["cn-house.hours"],
        [],
        ["house.no-letters"],
        ["gate.unknown-customer"],
    ]


def test_outside_a_workspace_the_named_packs_alone_bind(tmp_path: Path) -> None:
    assert _rules(_tape(tmp_path), "house-floor", ASKED) == [[], [], [], ["gate.unknown-customer"]]


@pytest.mark.parametrize(
    ("days", "rules"), [("", ["ph.hours"]), ("15", ["ph.hours"]), ("16", [])], ids=["not said", "15", "16"]
)
def test_a_rule_that_lateness_lifts_is_lifted_by_the_tapes_days(
    days: str, rules: list[str], tmp_path: Path
) -> None:
    assert _rules(_tape(tmp_path, days), "ph", [("C2", NIGHT, "call")]) == [rules]
