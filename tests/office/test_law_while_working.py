"""What a lender tightens in ``policy/law.toml`` binds the desk and the worker at once, without a restart."""

import os
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from dunwell.law import Gate
from dunwell.law.overlay import KeptLaw
from dunwell.office.workplace import Workplace
from dunwell.outreach.records import BookRecords
from dunwell.settings import read_settings


@pytest.fixture
def lender(ran: Path, tmp_path: Path) -> Path:
    """The small lender's settings and policy, to be changed."""
    folder = tmp_path / "lender"
    shutil.copytree(ran / "policy", folder / "policy")
    shutil.copy(ran / "dunwell.toml", folder)
    return folder


def tighten(lender: Path) -> None:
    """From now on nobody in India is called after five."""
    file = lender / "policy" / "law.toml"
    said = file.read_text(encoding="utf-8") if file.is_file() else ""
    file.write_text(f'{said}\n[[tighten]]\nrule = "in.hours"\nto = "17:00"\n', encoding="utf-8")
    os.utime(file, ns=(1, 1))  # however coarse the file system's clock


def closes(gate: Gate) -> list[str]:
    day = date(2026, 3, 2)
    return [rule.values["closes"] for rule in gate.rules if rule.id == "in.hours" and rule.holds_on(day)]


def test_the_desk_asks_the_law_as_it_stands_now(lender: Path) -> None:
    place = Workplace(read_settings(lender))
    before = place.gate("in")
    assert place.gate("in") is before
    assert closes(before) == ["19:00"]
    tighten(lender)
    assert closes(place.gate("in")) == ["17:00"]


def test_the_worker_asks_the_law_as_it_stands_now(ran: Path, lender: Path) -> None:
    folder = read_settings(ran).book_folder
    records = BookRecords(folder, KeptLaw(lender / "policy" / "law.toml").current, "first_party")
    customer = pl.scan_parquet(folder / "positions.parquet").select("customer_id").first().collect().item()
    before = records.gate(customer)
    assert records.gate(customer) is before
    tighten(lender)
    after = records.gate(customer)
    assert after is not before
    assert closes(after) == ["17:00"] * len(closes(before))
