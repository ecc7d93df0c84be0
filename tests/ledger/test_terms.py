"""Terms read from text: what the page says is optional is, and a mistake names file, key and mend."""

import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from dunwell.calendars import DayCount
from dunwell.ledger.terms import DEFAULT_BUCKETS, Allocation, Terms, TermsError, parse_terms, read_terms

PAGE_EXAMPLE = """
product = "instalment-loan"
currency = "CNY"
grace_days = 3
materiality = "1.00"
day_count = "ACT/360"
allocation = "instalment_first"
waterfall = ["costs", "fees", "penalty", "interest", "principal"]
[[waterfall_after]]
past_due_days = 91
waterfall = ["costs", "principal", "interest", "fees", "penalty"]
[penalty]
basis = ["principal"]
multiple = "1.5"
compound = false
stop_accrual = ["breathing_space", "bankruptcy"]
[caps]
annual_total_cost = "0.24"
[buckets]
names = ["C", "M1", "M2"]
from_days = [0, 1, 31]
"""
LEAST = (
    'product = "p"\ncurrency = "EUR"\nallocation = "component_first"\nwaterfall = ["interest", "principal"]\n'
)


def parsed(text: str) -> Terms:
    return parse_terms(tomllib.loads(text), "terms.toml")


def test_the_pages_example_is_read_whole() -> None:
    terms = parsed(PAGE_EXAMPLE)
    assert terms.materiality_minor == 100
    assert terms.penalty is not None
    assert terms.penalty.annual_rate(Fraction(18, 100)) == Fraction(27, 100)
    assert terms.annual_cap == Fraction(24, 100)
    assert terms.needs_contract_rate
    assert terms.waterfall_on(90, False)[0:3] == ("costs", "fees", "penalty")
    assert terms.waterfall_on(91, False)[0:3] == ("costs", "principal", "interest")


def test_only_four_keys_are_required() -> None:
    terms = parsed(LEAST)
    assert terms.allocation is Allocation.COMPONENT_FIRST
    assert (terms.grace_days, terms.materiality_minor, terms.penalty, terms.annual_cap) == (0, 0, None, None)
    assert terms.day_count is DayCount.ACT_360
    assert terms.buckets is DEFAULT_BUCKETS


def test_a_waterfall_that_leaves_components_out_gets_them_appended() -> None:
    assert parsed(LEAST).waterfall == ("interest", "principal", "costs", "fees", "penalty")


def test_the_legal_stage_wins_over_days() -> None:
    text = LEAST + (
        '[[waterfall_after]]\nstage = "legal"\nwaterfall = ["costs", "principal"]\n'
        '[[waterfall_after]]\npast_due_days = 10\nwaterfall = ["fees"]\n'
        '[[waterfall_after]]\npast_due_days = 5\nwaterfall = ["penalty"]\n'
    )
    terms = parsed(text)
    assert terms.waterfall_on(20, True)[0] == "costs"
    assert terms.waterfall_on(20, False)[0] == "fees"
    assert terms.waterfall_on(5, False)[0] == "penalty"
    assert terms.waterfall_on(4, False)[0] == "interest"


@pytest.mark.parametrize(
    ("change", "key", "mend"),
    [
        ({"currency": "CNX"}, "currency", "CNY, USD or EUR"),
        ({"product": ""}, "product", "Write product"),
        ({"allocation": "oldest"}, "allocation", "instalment_first"),
        ({"waterfall": ["interest", "interest"]}, "waterfall", "once"),
        ({"waterfall": ["capital"]}, "waterfall", "principal"),
        ({"waterfall": None}, "waterfall", "A list of"),
        ({"grace_days": -1}, "grace_days", "grace_days = 3"),
        ({"grace_days": True}, "grace_days", "grace_days = 3"),
        ({"materiality": "1.005"}, "materiality", '"1.00"'),
        ({"materiality": "-1"}, "materiality", "0 or more"),
        ({"day_count": "ACT/364"}, "day_count", "30E/360"),
        ({"penalty": {"basis": ["principal"]}}, "penalty.annual", "multiple"),
        ({"penalty": {"annual": "0.1", "multiple": "1"}}, "penalty.annual", "multiple"),
        ({"penalty": {"annual": "a lot"}}, "penalty.annual", '"0.24"'),
        ({"penalty": {"annual": "0.1", "basis": ["penalty"]}}, "penalty.basis", "principal"),
        ({"penalty": {"annual": "0.1", "stop_accrual": ["holiday"]}}, "penalty.stop_accrual", "bankruptcy"),
        ({"penalty": {"annual": "0.1", "compound": "no"}}, "penalty.compound", "true or false"),
        ({"caps": {"annual": "0.2"}}, "caps.annual", "annual_total_cost"),
        ({"buckets": {"names": ["C"], "from_days": [0, 1]}}, "buckets.names", "same length"),
        ({"buckets": {"names": ["C", "D"], "from_days": [0, 0]}}, "buckets.from_days", "from_days = "),
        ({"waterfal": []}, "waterfal", "Known here"),
    ],
)
def test_a_mistake_names_file_key_and_mend(change: dict[str, Any], key: str, mend: str) -> None:
    with pytest.raises(TermsError) as caught:
        parse_terms(tomllib.loads(LEAST) | change, "terms.toml")
    assert caught.value.file == "terms.toml"
    assert caught.value.key == key
    assert mend in str(caught.value)


def test_a_folder_holds_one_file_a_product(tmp_path: Path) -> None:
    with pytest.raises(TermsError, match="holds no terms"):
        read_terms(tmp_path)
    (tmp_path / "one.toml").write_text(LEAST, encoding="utf-8")
    assert set(read_terms(tmp_path)) == {"p"}
    (tmp_path / "two.toml").write_text(LEAST, encoding="utf-8")
    with pytest.raises(TermsError, match=r"two\.toml.*one\.toml"):
        read_terms(tmp_path)
