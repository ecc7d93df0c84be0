"""What must hold of the oracle whatever the portfolio: no money is lost, and what makes no difference makes none."""

import ast
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.ledger import oracle, oracle_records
from tests.ledger.oracle import (
    WHEN_LEFT_OUT,
    Account,
    Books,
    Charge,
    Hold,
    Instalment,
    Payment,
    Position,
    Situation,
    Terms,
    books_at,
    history,
    position,
    terms_from,
)
from tests.ledger.portfolios import amounts, situations

Told = tuple[
    Account,
    Sequence[Instalment],
    Sequence[Payment],
    Sequence[Charge],
    Sequence[Hold],
    Terms,
    date,
    datetime | None,
    datetime | None,
]


def told(situation: Situation) -> Told:
    """A situation as the oracle's functions take it."""
    return (
        situation.account,
        situation.instalments,
        situation.payments,
        situation.charges,
        situation.holds,
        terms_from(situation.terms, situation.exponent),
        situation.as_of,
        situation.known_at,
        situation.imported_at,
    )


def position_of(situation: Situation) -> Position | None:
    return position(*told(situation))


def books_of(situation: Situation) -> Books:
    """The books of an account that is open."""
    books = books_at(*told(situation))
    assume(books is not None)
    assert books is not None
    return books


def money_of(situation: Situation) -> list[Payment]:
    """The payments that stand by as_of. Only where everything is known."""
    undone = {row.reverses for row in situation.payments}
    return [
        row
        for row in situation.payments
        if row.kind == "payment" and row.payment_id not in undone and row.paid_on <= situation.as_of
    ]


@given(situations())
def test_every_minor_unit_paid_is_allocated_or_waits(situation: Situation) -> None:
    books = books_of(situation)
    allocated = sum(sum(item.paid.values()) + item.penalty_paid for item in books.items)
    assert sum(row.amount for row in money_of(situation)) == allocated + books.credit
    assert books.credit >= 0


@given(situations())
def test_nothing_is_paid_twice_and_nothing_is_negative(situation: Situation) -> None:
    books = books_of(situation)
    for item in books.items:
        assert all(0 <= amount <= item.owed[component] for component, amount in item.paid.items())
        assert all(0 <= item.waived.get(c, 0) <= item.unpaid(c) for c in WHEN_LEFT_OUT)
        assert item.penalty_carried >= 0
    if books.credit:  # money waits only where there is nothing payable
        assert all(item.payable(component) == 0 for item in books.items for component in WHEN_LEFT_OUT)


@given(situations(with_records=True), st.data())
def test_the_order_of_rows_makes_no_difference(situation: Situation, data: st.DataObject) -> None:
    other = replace(
        situation,
        instalments=data.draw(st.permutations(situation.instalments)),
        payments=data.draw(st.permutations(situation.payments)),
        charges=data.draw(st.permutations(situation.charges)),
        holds=data.draw(st.permutations(situation.holds)),
    )
    assert position_of(other) == position_of(situation)


@given(situations(), st.data())
def test_a_payment_split_into_two_of_the_same_day_changes_nothing(
    situation: Situation, data: st.DataObject
) -> None:
    paid_on = data.draw(st.sampled_from([situation.as_of, *(row.due_on for row in situation.instalments)]))
    part, rest = data.draw(amounts()), data.draw(amounts())
    whole = [*situation.payments, Payment("p20", paid_on, part + rest)]
    split = [*situation.payments, Payment("p20", paid_on, part), Payment("p21", paid_on, rest)]
    assert position_of(replace(situation, payments=split)) == position_of(replace(situation, payments=whole))


@given(situations(), st.data())
def test_a_reversed_payment_is_as_if_it_had_never_been_made(
    situation: Situation, data: st.DataObject
) -> None:
    paid_on = data.draw(st.sampled_from([situation.as_of, *(row.due_on for row in situation.instalments)]))
    payment = Payment("p20", paid_on, data.draw(amounts()))
    later = data.draw(st.integers(0, 400))
    reversal = Payment("r-p20", paid_on + timedelta(days=later), payment.amount, "reversal", reverses="p20")
    undone = [*situation.payments, payment, reversal]
    assert position_of(replace(situation, payments=undone)) == position_of(situation)


@given(situations(with_records=True))
def test_what_is_not_known_is_as_if_it_were_not_there(situation: Situation) -> None:
    known_at = situation.known_at or situation.imported_at
    situation = replace(situation, known_at=known_at)
    if (situation.account.recorded_at or situation.imported_at) > known_at:
        assert position_of(situation) is None
        return
    known = replace(
        situation,
        instalments=[
            row for row in situation.instalments if (row.recorded_at or situation.imported_at) <= known_at
        ],
        payments=[
            row for row in situation.payments if (row.recorded_at or situation.imported_at) <= known_at
        ],
        charges=[row for row in situation.charges if (row.recorded_at or situation.imported_at) <= known_at],
        holds=[row for row in situation.holds if (row.recorded_at or situation.imported_at) <= known_at],
        known_at=None,
    )
    assert position_of(known) == position_of(situation)


@given(situations(with_records=True))
def test_the_history_ends_in_the_position(situation: Situation) -> None:
    at_end = position_of(situation)
    assume(at_end is not None)
    assert at_end is not None
    days = history(*told(situation))
    assert [day.on for day in days] == [days[0].on + timedelta(days=count) for count in range(len(days))]
    last = days[-1]
    assert last.on == situation.as_of
    assert last.past_due_days == at_end["past_due_days"]
    if last.past_due_days > 0:
        assert last.oldest_due_on == at_end["oldest_due_on"]


@given(situations())
def test_a_day_without_an_event_makes_the_debt_one_day_older(situation: Situation) -> None:
    """Without a cap tomorrow's position is today's with the clock moved on."""
    terms = {key: value for key, value in situation.terms.items() if key != "caps"}
    situation = replace(situation, terms=terms)
    tomorrow_on = situation.as_of + timedelta(days=1)
    events = [row.due_on for row in situation.instalments]
    events += [row.paid_on for row in situation.payments]
    events += [row.charged_on for row in situation.charges]
    assume(tomorrow_on not in events and situation.as_of >= situation.account.opened_on)
    today = position_of(situation)
    assert today is not None
    tomorrow = position_of(replace(situation, as_of=tomorrow_on))
    assert tomorrow is not None
    for column in ("due_principal", "due_interest", "due_fees", "due_costs", "unallocated_credit"):
        assert tomorrow[column] == today[column]
    if isinstance(today["oldest_due_on"], date):
        assert tomorrow["oldest_due_on"] == today["oldest_due_on"]
        assert tomorrow["past_due_days"] == (tomorrow_on - today["oldest_due_on"]).days


@pytest.mark.parametrize("module", [oracle, oracle_records])
def test_the_oracle_owes_nothing_to_dunwell(module: ModuleType) -> None:
    """Its worth is that it is another reading of the page: it may not import what it checks."""
    text = Path(str(module.__file__)).read_text("utf-8")
    imported = [
        name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
    ]
    assert not [name for name in imported if name is not None and name.startswith("dunwell")]
