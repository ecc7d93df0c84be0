"""Worked cases: what is owed in a situation a lawyer can read, its arithmetic told, held against every engine.

A case (tests/ledger/cases/*.yaml) has `name`, `why` (the arithmetic), `terms` (as in a terms file), the rows of one account (as
on the tape; missing ids are numbered), `as_of` and what it expects of `positions`. Amounts are decimal text. An engine takes a
`Situation` and returns its reading of it, or None when the account has no position; they are listed in `engines.ENGINES`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ledger.engines import ENGINES
from tests.ledger.oracle import Account, Charge, Hold, Instalment, Payment, Situation

FOLDER = Path(__file__).parent / "cases"
EXPONENTS = {"CNY": 2, "EUR": 2, "GBP": 2, "INR": 2, "USD": 2, "JPY": 0, "KWD": 3}
IMPORTED_AT = datetime.fromisoformat(
    "2026-01-01T00:00:00+00:00"
)  # of rows that do not say when they were recorded
MONEY = (
    "due_principal",
    "due_interest",
    "due_fees",
    "due_costs",
    "penalty",
    "past_due_total",
    "outstanding_principal",
    "payoff_total",
    "unallocated_credit",
    "waived_by_cap",
    "paid_30d",
)
DAYS_AND_NAMES = ("past_due_days", "delinquent_days", "oldest_due_on", "bucket", "last_paid_on")
KEYS = {
    "name",
    "why",
    "terms",
    "account",
    "instalments",
    "payments",
    "charges",
    "holds",
    "as_of",
    "known_at",
    "expect",
}


@dataclass(frozen=True)
class Case(Situation):
    """A situation with its name, its arithmetic and what it expects: columns in minor units, or None for no position."""

    name: str
    why: str
    expect: Mapping[str, object] | None


def minor(text: object, exponent: int) -> int:
    """Decimal text as minor units."""
    assert isinstance(text, str), f"write the amount {text!r} as text, in quotes"
    amount = Fraction(text) * 10**exponent
    assert amount.denominator == 1, f"{text} has more decimals than the currency"
    return int(amount)


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def read_case(table: dict[str, Any]) -> Case:
    """A case out of its YAML mapping."""
    assert set(table) <= KEYS, f"{table.get('name')}: unknown keys {sorted(set(table) - KEYS)}"
    terms = {"product": "case", **table["terms"]}
    exponent = EXPONENTS[terms["currency"]]

    def rows(name: str) -> list[tuple[int, dict[str, Any]]]:
        """The rows of one table, numbered, with instants and amounts read."""
        read = []
        for number, row in enumerate(table.get(name, []), start=1):
            amounts = {
                key: minor(row[key], exponent)
                for key in ("principal", "interest", "fees", "amount")
                if key in row
            }
            read.append((number, {**row, **amounts, "recorded_at": instant(row.get("recorded_at"))}))
        return read

    account = table["account"]
    return Case(
        name=table["name"],
        why=table["why"],
        terms=terms,
        exponent=exponent,
        account=Account(
            principal=minor(account["principal"], exponent),
            opened_on=account["opened_on"],
            annual_rate=Fraction(account["annual_rate"]) if "annual_rate" in account else None,
            recorded_at=instant(account.get("recorded_at")),
        ),
        instalments=[Instalment(**{"number": number, **row}) for number, row in rows("instalments")],
        payments=[Payment(**{"payment_id": f"p{number}", **row}) for number, row in rows("payments")],
        charges=[Charge(**{"charge_id": f"c{number}", **row}) for number, row in rows("charges")],
        holds=[Hold(**{"hold_id": f"h{number}", **row}) for number, row in rows("holds")],
        as_of=table["as_of"],
        known_at=instant(table.get("known_at")),
        imported_at=IMPORTED_AT,
        expect=read_expectation(table["expect"], exponent),
    )


def read_expectation(table: dict[str, Any] | None, exponent: int) -> Mapping[str, object] | None:
    if table is None:
        return None
    unknown = set(table) - {*MONEY, *DAYS_AND_NAMES}
    assert not unknown, f"positions has no column {sorted(unknown)}"
    return {key: minor(value, exponent) if key in MONEY else value for key, value in table.items()}


def read_cases(folder: Path = FOLDER) -> list[Case]:
    """Every case of the folder, in the order of files and of each file."""
    return [
        read_case(table)
        for file in sorted(folder.glob("*.yaml"))
        for table in yaml.safe_load(file.read_text("utf-8"))
    ]


CASES = read_cases()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case, engine: str) -> None:
    reading = ENGINES[engine](case)
    if case.expect is None or reading is None:
        assert reading is None, case.why
        assert case.expect is None, case.why
        return
    assert {key: reading.figures[key] for key in case.expect} == dict(case.expect), case.why


def test_every_case_has_its_own_name_and_tells_why() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)
    assert all(case.why.strip() for case in CASES)
