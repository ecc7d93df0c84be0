"""Worked cases of classification, from the tape to the class: situations a lawyer can read, their days counted by hand.

A case (tests/ledger/classification_cases/*.yaml) has ``name``, ``why`` (the count), ``jurisdiction``, ``instalments`` and
``payments`` (and ``modifications``) of one account as on the tape, and what it expects on some days: columns of positions,
``term``, and ``COLUMN_since``, the day since when; ``forbearance``, its state; ``COLUMN_until``, until when a changed contract
is observed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from dunwell.book import Tape
from dunwell.ledger import positions, tell_why
from dunwell.ledger.terms import Terms, parse_terms

FOLDER = Path(__file__).parent / "classification_cases"
KEYS = {
    "name",
    "why",
    "jurisdiction",
    "currency",
    "credit",
    "instalments",
    "payments",
    "modifications",
    "expect",
}
CASES: list[dict[str, Any]] = [
    case for file in sorted(FOLDER.glob("*.yaml")) for case in yaml.safe_load(file.read_text("utf-8"))
]


def terms_of(case: Mapping[str, Any]) -> dict[str, Terms]:
    text = {
        "product": "case",
        "currency": case.get("currency", "CNY"),
        "credit": case.get("credit", "closed_end"),
        "allocation": "instalment_first",
        "waterfall": ["costs", "fees", "penalty", "interest", "principal"],
    }
    return {"case": parse_terms(text, "case.toml")}


def tables_of(case: Mapping[str, Any], folder: Path, terms: Mapping[str, Terms]) -> dict[str, pl.DataFrame]:
    """The case as a tape, read by the book."""
    lent = sum(Decimal(row["principal"]) for row in case["instalments"])
    rows: dict[str, list[dict[str, Any]]] = {
        "customers": [{"customer_id": "C", "jurisdiction": case["jurisdiction"]}],
        "accounts": [
            {
                "account_id": "A",
                "customer_id": "C",
                "product": "case",
                "currency": case.get("currency", "CNY"),
                "principal": str(lent),
                "opened_on": "2021-12-01",
            }
        ],
        "instalments": [
            {"account_id": "A", "number": number, **row} for number, row in enumerate(case["instalments"], 1)
        ],
        "payments": [
            {"payment_id": f"p{number}", "account_id": "A", "kind": "payment", "reverses": None, **row}
            for number, row in enumerate(case.get("payments", []), 1)
        ],
    }
    if "modifications" in case:
        rows["modifications"] = [
            {"modification_id": f"M{number}", "account_id": "A", "kind": "restructuring", **row}
            for number, row in enumerate(case["modifications"], 1)
        ]
    for name, its_rows in rows.items():
        columns = {key for row in its_rows for key in row} or {
            "payment_id",
            "account_id",
            "paid_on",
            "amount",
        }
        schema = dict.fromkeys(sorted(columns), pl.String)
        texts = [{key: None if row[key] is None else str(row[key]) for key in row} for row in its_rows]
        pl.DataFrame(texts, schema=schema).write_csv(folder / f"{name}.csv")
    currencies = {product: its_terms.currency for product, its_terms in terms.items()}
    with Tape(folder, products=currencies, imported_at=datetime(2022, 1, 1, tzinfo=UTC)) as tape:
        [partition] = tape.partitions()
    return dict(partition.tables)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_case(case: dict[str, Any], tmp_path: Path) -> None:
    assert set(case) <= KEYS, f"unknown keys {sorted(set(case) - KEYS)}"
    terms = terms_of(case)
    tables = tables_of(case, tmp_path, terms)
    for expected in case["expect"]:
        as_of = expected["as_of"]
        told = positions(tables, terms, as_of)
        why = tell_why(tables, terms, 0, as_of)
        found = told.frame.row(0, named=True) | {"term": why["term"]["value"]}
        for column in ("asset_class", "ifrs_stage", "in_default", "term", "forbearance"):
            since, until = (why.get(column, {}).get(name) for name in ("since", "until"))
            found[f"{column}_since"] = datetime.fromisoformat(since).date() if since else None
            found[f"{column}_until"] = datetime.fromisoformat(until).date() if until else None
        found["forbearance"] = why.get("forbearance", {}).get("value")
        assert str(why["asset_class"]["value"]) == found["asset_class"], "one account is told as the book is"
        assert {key: found[key] for key in expected} == expected, f"{as_of}: {case['why']}"


def test_every_case_has_its_own_name_and_tells_why() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)
    assert all(case["why"].strip() for case in CASES)
