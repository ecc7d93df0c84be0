"""Who was erased is in nothing that a run keeps, though the lender's tape names them still and their rows are bad."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from dunwell.cli.workspace import copy_template
from dunwell.nightly.run import run_day
from dunwell.settings import read_settings

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_the_bad_rows_of_somebody_erased_are_not_kept(tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    copy_template(shop)
    with (shop / "tape" / "payments.csv").open("a") as payments:
        payments.write("P-BAD-1,A001,yesterday,10.00\nP-BAD-2,A002,yesterday,10.00\n")
    with (shop / "tape" / "accounts.csv").open("a") as accounts:
        accounts.write("A-BAD,C001,instalment-loan,CNY,x,0.18,2025-12-25,active\n")
    with (shop / "tape" / "instalments.csv").open("a") as instalments:
        instalments.write("A-BAD,1,someday,1.00,0,0\n")
    (shop / "tape" / "contacts.csv").write_text(
        "contact_id,customer_id,at,channel,outcome\nK1,C001,yesterday,call,no_answer\nK2,C002,yesterday,call,no_answer\n"
    )
    settings = read_settings(shop)

    def erased(customers: Iterable[str]) -> set[str]:
        return {"C001"} & set(customers)

    run_day(settings, settings.tape_folder, date(2026, 11, 23), known_at=None, now=NOW, forgotten=erased)
    kept = [*(shop / "book" / "quarantine").glob("*.parquet")]
    told = "\n".join(str(row) for file in kept for row in pl.read_parquet(file).rows())
    about = "\n".join(file.read_text() for file in (shop / "evidence" / "decisions").glob("*.json"))
    for name in ("C001", "A001", "A-BAD"):
        assert name not in told and name not in about
    assert "P-BAD-2" in told and "K2" in told and "C002" in about
