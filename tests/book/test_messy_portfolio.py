"""A portfolio with bad rows planted on purpose: each is found by its rule, and nothing else is."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dunwell.book import Tape
from dunwell.ledger import read_terms
from dunwell.rehearsal import TERMS_FOLDER, write_portfolio

RULES = {
    "wrong type": "is not a number|is not a whole number|is not an instant",
    "missing value": "is missing",
    "negative amount": "must be above 0|is negative",
    "amount of nothing": "must be above 0",
    "too many decimals": "has more decimals than its currency has",
    "impossible date": "is not a day",
    "unknown kind": "is not one of",
    "orphan": "is not in (accounts|customers)",
    "exact repeat": "exact repeat of row 1",
    "duplicate key": "duplicate key with different content",
    "unknown currency": "currency is not ISO 4217",
    "parent in quarantine": "parent in quarantine",
    "reversal of unknown payment": "reverses an unknown payment",
    "overlapping pauses": "pause overlaps hold HD-BAD-02",
}


@pytest.mark.parametrize("partition_count", [1, 4])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_every_planted_row_is_found_and_no_other(tmp_path: Path, kind: str, partition_count: int) -> None:
    manifest = write_portfolio(tmp_path, 1000, 7, date(2026, 6, 30), format=kind, messy=True)
    terms = read_terms(TERMS_FOLDER)
    with Tape(
        tmp_path,
        products={product: text.currency for product, text in terms.items()},
        products_needing_rate=[product for product, text in terms.items() if text.needs_contract_rate],
        imported_at=datetime(2026, 7, 1, tzinfo=UTC),
        partition_count=partition_count,
    ) as tape:
        used = dict.fromkeys(tape.sources, 0)
        for partition in tape.partitions():
            for name in used:
                own = partition.tables[name]
                used[name] += own["hold_id"].n_unique() if name == "holds" else own.height
        found = {
            (table, row): rules
            for table in tape.faults.tables()
            for row, rules in tape.faults.rules(table).items()
        }
        assert tape.exit_code == 2
    planted = {(p["table"], p["row"]): RULES[p["kind"]] for p in manifest["planted"] if p["is_quarantined"]}
    assert found.keys() == planted.keys()
    for place, rule in planted.items():
        assert any(re.search(rule, text) for text in found[place]), (place, rule, found[place])
    bad_counts = {name: sum(table == name for table, _ in found) for name in used}
    assert used == {name: tape.read_counts[name] - bad_counts[name] for name in used}
    assert {name: tape.read_counts[name] for name in used} == {name: manifest["rows"][name] for name in used}
