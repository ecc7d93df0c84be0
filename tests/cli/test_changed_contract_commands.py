"""A restructuring told by a tape, end to end: positions, what was known when, the statement, and why things changed."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from dunwell.cli.ledger import explain_changes, write_positions
from dunwell.cli.statement import show_statement
from dunwell.rehearsal import TERMS_FOLDER

RECORDED = "2026-01-01T00:00:00Z"
TABLES = {
    "customers": f"customer_id,jurisdiction,recorded_at\nC1,cn,{RECORDED}\n",
    "accounts": (
        "account_id,customer_id,product,currency,principal,annual_rate,opened_on,recorded_at\n"
        f"A1,C1,PRODUCT,CNY,300.00,0.18,2025-12-01,{RECORDED}\n"
        f"A2,C1,PRODUCT,CNY,300.00,0.18,2025-12-01,{RECORDED}\n"
    ),
    "instalments": "account_id,number,due_on,principal,recorded_at\n"
    + "".join(
        f"{account},{month},2026-{month:02d}-10,100.00,{RECORDED}\n"
        for account in ("A1", "A2")
        for month in (4, 5)
    ),
    "payments": "payment_id,account_id,paid_on,amount\n",
    "modifications": (
        "modification_id,account_id,kind,agreed_on,first_due_on,class_before,recorded_at\n"
        "M1,A1,restructuring,2026-02-05,,doubtful,2026-02-07T09:00:00Z\n"
        "M2,A9,restructuring,2026-02-05,,,2026-02-07T09:00:00Z\n"
    ),
}


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    product = next(
        path.stem
        for path in sorted(TERMS_FOLDER.glob("*.toml"))
        if 'currency = "CNY"' in path.read_text("utf-8")
    )
    for name, text in TABLES.items():
        (tmp_path / f"{name}.csv").write_text(text.replace("PRODUCT", product), encoding="utf-8")
    return tmp_path


def classes(tape: Path, day: str, known_at: str | None = None) -> dict[str, tuple[Any, ...]]:
    """The classes of both accounts in the positions that ``dunwell ledger`` writes."""
    out = tape / "positions.out"
    assert write_positions(tape, TERMS_FOLDER, day, known_at, out, as_json=True) == 2, "M2 is nobody's"
    rows = pl.read_parquet(out).select("account_id", "asset_class", "ifrs_stage", "in_default").iter_rows()
    return {account: tuple(told) for account, *told in rows}


def test_positions_know_a_changed_contract_from_when_it_was_told(tape: Path) -> None:
    normal = ("normal", 1, False)
    assert classes(tape, "2026-02-04") == {"A1": normal, "A2": normal}
    assert classes(tape, "2026-02-08") == {"A1": ("doubtful", 3, True), "A2": normal}
    believed = classes(tape, "2026-02-08", "2026-02-06T00:00:00Z")
    assert believed == {"A1": normal, "A2": normal}, "nobody knew of it before the 7th"
    lost = pl.read_parquet(tape / "positions-quarantine" / "modifications.parquet")
    assert lost["rules"].to_list() == [["account_id is not in accounts"]]


def test_the_statement_says_what_was_changed_until_when_and_where_it_stands(
    tape: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show_statement("A1", "2026-02-08", None, None, tape, TERMS_FOLDER, as_json=True)
    why = json.loads(capsys.readouterr().out)["why"]
    told = why["asset_class"]
    assert (told["value"], told["since"], told["until"]) == ("doubtful", "2026-02-05", "2027-04-10")
    assert told["why"].startswith("restructuring of 2026-02-05 (M1)")
    assert "商业银行金融资产风险分类办法" in told["source"]
    assert why["forbearance"]["value"] == "non_performing_forborne"
    show_statement("A1", "2026-02-08", None, None, tape, TERMS_FOLDER, as_json=False)
    said = capsys.readouterr().out
    assert "asset class: doubtful, since 2026-02-05" in said
    assert "restructuring of 2026-02-05 (M1)" in said
    show_statement("A2", "2026-02-08", None, None, tape, TERMS_FOLDER, as_json=True)
    assert "forbearance" not in json.loads(capsys.readouterr().out)["why"]


@pytest.mark.parametrize(
    ("days", "detail"),
    [
        (("2026-02-04", "2026-02-08"), "restructuring M1"),
        (("2026-02-06", "2026-02-08"), "restructuring M1, recorded 2026-02-07"),
    ],
)
def test_why_things_changed_names_the_change(
    tape: Path, days: tuple[str, str], detail: str, capsys: pytest.CaptureFixture[str]
) -> None:
    explain_changes(tape, TERMS_FOLDER, days, None, as_json=True)
    (account,) = json.loads(capsys.readouterr().out)["accounts"]
    assert account["account_id"] == "A1"
    reasons = [(one["reason"], one["on"], one["detail"]) for one in account["reasons"]]
    assert reasons == [
        ("modification", str(date(2026, 2, 5)), detail),
        ("class", None, "asset_class: normal -> doubtful"),
        ("class", None, "ifrs_stage: 1 -> 3"),
        ("class", None, "in_default: false -> true"),
    ]
