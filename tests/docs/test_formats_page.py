"""The formats page is the contract: what it says of tables, columns, terms and positions is what the code declares."""

import re
import tomllib
from decimal import Decimal
from fractions import Fraction

import pytest

from dunwell.book import TABLES
from dunwell.ledger.owed import POSITION_COLUMNS
from dunwell.ledger.terms import parse_terms
from tests.docs.fences import PROJECT, fences

PAGE = PROJECT / "docs" / "formats.md"
TEXT = PAGE.read_text(encoding="utf-8")
TABLE_ROWS = re.findall(r"^\| `(\w+)`(\*?) \| (.*) \|$", TEXT, flags=re.MULTILINE)


def columns_on_the_page(cell: str) -> dict[str, bool]:
    """Column names of a table's row on the page, and whether each is marked as required."""
    without_choices = re.sub(r"\([^)]*\)", "", cell)
    names = re.findall(r"([a-z_]+)\s*(\*?)", without_choices)
    return {name: bool(star) for name, star in names if name != "or"}


def test_every_table_of_the_page_is_known_and_none_is_missing() -> None:
    assert {name for name, _, _ in TABLE_ROWS} | {"notices", "modifications"} == set(TABLES)


@pytest.mark.parametrize(("name", "star", "cell"), TABLE_ROWS, ids=[row[0] for row in TABLE_ROWS])
def test_a_tables_columns_are_those_of_the_page(name: str, star: str, cell: str) -> None:
    declared, written = TABLES[name], columns_on_the_page(cell)
    assert declared.is_required == bool(star)
    for column, is_required in written.items():
        assert column in declared.by_name, column
        # Of a hold's account and customer either is enough.
        if (name, column) not in {("holds", "account_id"), ("holds", "customer_id")}:
            assert declared.by_name[column].is_required == is_required, column
    further = TEXT[TEXT.index("More columns") : TEXT.index("A **reversal**")]
    for column in declared.by_name.keys() - written.keys() - {"recorded_at"}:
        assert re.search(rf"\b{column}\b", further), column


def test_the_table_of_changed_contracts_has_the_columns_of_the_page() -> None:
    sentence = re.search(r"Another optional table is `modifications`: ([^.]*)\.", TEXT)
    assert sentence is not None
    written = columns_on_the_page(sentence[1])
    declared = TABLES["modifications"].by_name
    assert written == {name: column.is_required for name, column in declared.items() if name != "recorded_at"}


def test_positions_have_the_columns_of_the_page_in_their_order() -> None:
    sentence = re.search(r"`positions` \(one row an account and as_of\): ([^.]*)\.", TEXT)
    assert sentence is not None
    assert tuple(re.split(r",\s+", sentence[1])) == POSITION_COLUMNS


def test_the_pages_terms_can_be_read_and_mean_what_they_say() -> None:
    [block] = [fence for fence in fences(PAGE, "toml") if "waterfall" in fence.text]
    terms = parse_terms(tomllib.loads(block.text, parse_float=Decimal), PAGE)
    assert (terms.product, terms.currency, terms.grace_days, terms.materiality_minor) == (
        "instalment-loan",
        "CNY",
        3,
        100,
    )
    assert terms.annual_cap == Fraction(24, 100)
    assert terms.penalty is not None
    assert terms.penalty.annual_rate(Fraction(18, 100)) == Fraction(27, 100)
    assert terms.waterfall_on(90, False)[0:2] == ("costs", "fees")
    assert terms.waterfall_on(91, False)[0:2] == ("costs", "principal")
