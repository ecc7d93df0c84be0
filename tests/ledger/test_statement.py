"""The itemised statement: its lines tell one account's story, add up to the closing figures, and can be worked out again.

That its closing figures are the oracle's is held here and, with the compiled kernel beside them, in test_against_oracle.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given

from dunwell.ledger.statement import (
    AccountEvents,
    AccountNotOpen,
    Charge,
    Figures,
    Hold,
    Instalment,
    Line,
    Payment,
    Statement,
    account_events,
    settle,
    statement,
)
from dunwell.ledger.statement_walk import Walk
from dunwell.ledger.terms import Terms, parse_terms
from dunwell.money import format_minor
from tests.ledger.engines import by_oracle, frames, parsed_terms
from tests.ledger.oracle import Situation
from tests.ledger.portfolios import situations
from tests.ledger.test_cases import CASES, Case

PENALTY = {"basis": ["principal"], "multiple": "1.5"}


def terms(**changed: Any) -> Terms:
    text = {
        "product": "loan",
        "currency": "CNY",
        "allocation": "instalment_first",
        "waterfall": ["costs", "fees", "penalty", "interest", "principal"],
    }
    return parse_terms(text | changed, "loan.toml")


def loan(
    instalments: Sequence[Instalment],
    payments: Sequence[Payment] = (),
    charges: Sequence[Charge] = (),
    holds: Sequence[Hold] = (),
) -> AccountEvents:
    """1,000.00 lent on 1 January 2026 at 18 % a year."""
    return AccountEvents(
        "A-1",
        "CNY",
        100_000,
        Fraction(18, 100),
        date(2026, 1, 1),
        tuple(instalments),
        tuple(payments),
        tuple(charges),
        tuple(holds),
    )


def january(day: int) -> date:
    return date(2026, 1, day)


WHOLE = Instalment(1, january(10), 100_000)
HALF_PAID = loan([WHOLE], [Payment("P1", january(25), 50_000)])


def story(told: Statement) -> list[str]:
    """Each line as one row: day, event, what it did, the balance after it, days past due."""
    return [
        f"{line.on:%m-%d} {line.event}: {did(line, told.currency)}; {format_minor(line.balance, told.currency)}; "
        f"{line.past_due_days} d"
        for line in told.lines
    ]


def did(line: Line, currency: str) -> str:
    return (
        ", ".join(
            f"{name} {'+' if change > 0 else ''}{format_minor(change, currency)}"
            for name, change in line.changes._asdict().items()
            if change
        )
        or "-"
    )


def line_of(told: Statement, event: str) -> Line:
    (found,) = [line for line in told.lines if line.event == event]
    return found


# Worked stories ----------------------------------------------------------------------------------------------------


def test_the_formats_page_s_worked_example_line_by_line() -> None:
    told = statement(HALF_PAID, terms(penalty=PENALTY), date(2026, 2, 9))
    assert story(told) == [
        "01-01 loan opened: outstanding_principal +1000.00; 1000.00; 0 d",
        "01-10 instalment 1 falls due: due_principal +1000.00; 1000.00; 0 d",
        "01-25 penalty interest: penalty +11.25; 1011.25; 15 d",
        "01-25 payment P1: outstanding_principal -488.75, due_principal -488.75, penalty -11.25; 511.25; 15 d",
        "02-09 penalty interest: penalty +5.75; 517.00; 30 d",
    ]
    (stretch,) = told.lines[-1].penalty
    assert (stretch.debt, stretch.basis_minor, stretch.annual_rate) == (
        "instalment 1",
        Fraction(51_125),
        Fraction(27, 100),
    )
    assert (stretch.from_on, stretch.to_on, stretch.days) == (january(26), date(2026, 2, 9), 15)
    assert (stretch.year_fraction, stretch.accrued_minor) == ("15/360", Fraction("575.15625"))


def test_a_reversed_payment_and_its_reversal_are_told_and_change_nothing() -> None:
    payments = [Payment("P1", january(12), 50_000), Payment("R1", january(20), 50_000, "reversal", "P1")]
    told = statement(loan([WHOLE], payments), terms(), january(31))
    assert story(told)[-1] == "01-12 reversed payment P1 (reversal R1): never happened: -; 1000.00; 2 d"
    assert told.closing.last_paid_on is None


def test_a_chargeback_and_charges_are_new_debts_of_their_own_day() -> None:
    events = loan(
        [WHOLE],
        [Payment("P1", january(10), 100_000), Payment("B1", january(20), 4_000, "chargeback")],
        [Charge("C2", january(20), "legal_cost", 300), Charge("C1", january(20), "late_fee", 200)],
    )
    assert story(statement(events, terms(), january(31)))[3:] == [
        "01-20 late fee C1: due_fees +2.00; 2.00; 0 d",
        "01-20 legal cost C2: due_costs +3.00; 5.00; 0 d",
        "01-20 chargeback B1: outstanding_principal +40.00, due_principal +40.00; 45.00; 0 d",
    ]


def test_money_before_anything_is_due_waits_and_is_applied_on_the_due_day() -> None:
    told = statement(loan([WHOLE], [Payment("P1", january(5), 30_000)]), terms(), january(31))
    assert story(told)[1:] == [
        "01-05 payment P1: unallocated_credit +300.00; 700.00; 0 d",
        "01-10 instalment 1 falls due: due_principal +1000.00; 700.00; 0 d",
        "01-10 credit applied: outstanding_principal -300.00, due_principal -300.00, unallocated_credit -300.00; 700.00; 0 d",
    ]
    assert told.lines[1].working == "nothing was due: it waits as credit"


def test_two_payments_of_one_day_are_applied_as_one_sum() -> None:
    payments = [Payment("P2", january(12), 20_000), Payment("P1", january(12), 30_000)]
    told = statement(loan([WHOLE], payments), terms(), january(12))
    assert story(told)[2:] == [
        "01-12 payment P1: unallocated_credit +300.00; 700.00; 2 d",
        "01-12 payment P2: unallocated_credit +200.00; 500.00; 2 d",
        "01-12 credit applied: outstanding_principal -500.00, due_principal -500.00, unallocated_credit -500.00; 500.00; 2 d",
    ]


def test_a_stopping_hold_is_told_and_its_days_are_no_part_of_the_sum() -> None:
    stops = terms(penalty=PENALTY | {"stop_accrual": ["breathing_space"]})
    events = loan([WHOLE], holds=[Hold("breathing_space", january(15), january(19))])
    told = statement(events, stops, january(25))
    hold = line_of(told, "hold (breathing space) from 2026-01-15 to 2026-01-19")
    assert hold.working == "no penalty interest from its first to its last day"
    days = [(s.from_on.day, s.to_on.day, s.days) for line in told.lines for s in line.penalty]
    assert days == [(11, 14, 4), (20, 25, 6)]
    assert told.closing.penalty == 750  # 1,000.00 x 27 % x 10/360


def test_the_penalty_s_lines_follow_its_rounded_figure() -> None:
    """Of 10.00, three quarters of a cent a day: 0.75, 1.50 and 2.25 cents are shown as 1, 2 and 2."""
    events = loan(
        [Instalment(1, january(10), 1_000)], holds=[Hold("fraud", january(11)), Hold("fraud", january(12))]
    )
    accrued = [line for line in statement(events, terms(penalty=PENALTY), january(13)).lines if line.penalty]
    assert [line.penalty[0].unpaid_minor for line in accrued] == [
        Fraction(3, 4),
        Fraction(3, 2),
        Fraction(9, 4),
    ]
    assert [line.changes.penalty for line in accrued] == [1, 1, 0]


def test_a_pause_is_told_and_changes_no_figure() -> None:
    told = statement(loan([WHOLE], holds=[Hold("pause", january(20))]), terms(), january(31))
    assert story(told)[-1] == "01-20 pause from 2026-01-20 with no end yet: -; 1000.00; 10 d"
    assert (told.closing.past_due_days, told.closing.delinquent_days) == (21, 10)


def test_what_the_cap_waives_stands_on_a_line_of_its_own_with_its_sum() -> None:
    capped = terms(penalty={"basis": ["principal"], "annual": "0.36"}, caps={"annual_total_cost": "0.18"})
    told = statement(loan([WHOLE]), capped, january(31))
    # Penalty of 21 days at 1.00 a day; the ceiling grew by 0.50 on each of 30 days.
    assert story(told)[2:] == [
        "01-31 penalty interest: penalty +21.00; 1021.00; 21 d",
        "01-31 waived by the cap: 6.00 more: penalty -6.00, waived_by_cap +6.00; 1015.00; 21 d",
    ]
    assert told.lines[-1].working == (
        "interest, fees and penalty so far 21.00; 18 % a year on the principal outstanding so far 15.00; over it 6.00"
    )


def test_where_the_cap_moves_the_basis_its_average_gives_the_sum() -> None:
    capped = terms(penalty={"basis": ["interest"], "annual": "0.36"}, caps={"annual_total_cost": "0.18"})
    told = statement(loan([Instalment(1, january(10), 100_000, 10_000)]), capped, january(13))
    # Of 100.00 interest the ceiling lets 4.50 stand on 10 January, then 0.50 more each day: bases 4.50, 5.00, 5.50.
    (stretch,) = told.lines[-2].penalty
    assert [stretch.basis_first_minor, stretch.basis_minor, stretch.basis_last_minor] == [450, 500, 550]
    assert (stretch.days, stretch.accrued_minor) == (3, Fraction(3, 2))
    assert "the basis on average, as the cap moves it from 4.50 to 5.50" in told.lines[-2].working


def test_over_the_year_end_act_act_counts_each_year_by_its_own_length() -> None:
    events = AccountEvents(
        "A-1", "CNY", 100, None, date(2023, 12, 1), (Instalment(1, date(2023, 12, 29), 100),)
    )
    penalty = {"basis": ["principal"], "annual": "0.36"}
    told = statement(events, terms(day_count="ACT/ACT", penalty=penalty), date(2024, 1, 2))
    assert told.lines[-1].penalty[0].year_fraction == "2/365 + 2/366"


# Clauses -----------------------------------------------------------------------------------------------------------


def test_a_line_quotes_the_terms_own_clause_where_they_have_one() -> None:
    clauses = {
        "penalty": "合同第7.2条",
        "waterfall": "clause 6",
        "caps": "clause 7.4",
        "late_fee": "clause 8",
    }
    events = loan([WHOLE], HALF_PAID.payments, [Charge("C1", january(20), "late_fee", 200)])
    told = statement(events, terms(penalty=PENALTY, clauses=clauses), january(31))
    assert {line.event: line.clause for line in told.lines} == {
        "loan opened": "record: accounts, principal",
        "instalment 1 falls due": "record: instalments, number 1",
        "penalty interest": "合同第7.2条",
        "late fee C1": "clause 8",
        "payment P1": "clause 6",
    }


def test_without_clauses_a_line_names_the_key_of_the_terms() -> None:
    capped = terms(penalty=PENALTY, caps={"annual_total_cost": "0.05"}, day_count="ACT/365F")
    clauses = {
        line.event.split(":")[0]: line.clause for line in statement(HALF_PAID, capped, january(31)).lines
    }
    assert clauses["penalty interest"] == "terms loan: [penalty] multiple = 1.5, on principal, ACT/365F"
    assert clauses["waived by the cap"] == "terms loan: [caps] annual_total_cost = 0.05"
    order = "costs, fees, penalty, interest, principal"
    assert clauses["payment P1"] == f"terms loan: instalment_first, waterfall = {order}"


@pytest.mark.parametrize(
    ("holds", "reached"), [([], "past_due_days = 10"), ([Hold("litigation", january(20))], 'stage = "legal"')]
)
def test_a_payment_names_the_switch_that_was_reached(holds: list[Hold], reached: str) -> None:
    after = [
        {"past_due_days": 10, "waterfall": ["principal"]},
        {"past_due_days": 40, "waterfall": ["interest"]},
        {"stage": "legal", "waterfall": ["costs", "principal"]},
    ]
    events = loan([WHOLE], HALF_PAID.payments, holds=holds)
    paid = line_of(statement(events, terms(waterfall_after=after), january(31)), "payment P1")
    assert f"[[waterfall_after]] {reached}, waterfall = " in paid.clause
    assert "15 days past due before it" in paid.working


def test_how_it_was_worked_out_speaks_of_what_the_terms_hold() -> None:
    plain = " ".join(statement(HALF_PAID, terms(), january(31)).worked_out)
    assert "Penalty" not in plain
    assert "waived" not in plain
    rich = terms(
        penalty=PENALTY | {"compound": True}, caps={"annual_total_cost": "0.24"}, materiality="10.00"
    )
    said = " ".join(statement(HALF_PAID, rich, january(31)).worked_out)
    assert (
        "on the overdue principal, interest, from the day after the due date, at 27 % a year by ACT/360"
        in said
    )
    assert "may not exceed 24 % a year" in said
    assert "A remainder of 10.00 or less" in said


# What must hold of any statement -----------------------------------------------------------------------------------


def told_of(told: Situation) -> Statement | None:
    try:
        events = account_events(frames(told), 0, told.known_at)
        return statement(events, parsed_terms(told)["p0"], told.as_of)
    except AccountNotOpen:
        return None


def assert_adds_up(told: Statement) -> None:
    """Every line goes on from the one before it, in the order of days, and the last arrives at the closing figures."""
    so_far = Figures()
    for line in told.lines:
        so_far = Figures(*(before + change for before, change in zip(so_far, line.changes, strict=True)))
        assert line.balance == so_far.payoff_total, line
    assert so_far == Figures(*(getattr(told.closing, name) for name in Figures._fields))
    assert so_far.payoff_total == told.closing.payoff_total
    assert [line.on for line in told.lines] == sorted(line.on for line in told.lines)


def year_fraction(text: str) -> Fraction:
    return sum((Fraction(part) for part in text.split(" + ")), Fraction(0))


@given(situations(with_records=True))
def test_lines_add_up_to_the_oracle_s_figures(situation: Situation) -> None:
    told, expected = told_of(situation), by_oracle(situation)
    assert (told is None) == (expected is None)
    if told is None or expected is None:
        return
    assert_adds_up(told)
    figures = {name: value for name, value in expected.figures.items() if name != "bucket"}
    assert {name: getattr(told.closing, name) for name in figures} == figures


@given(situations())
def test_every_sum_of_penalty_can_be_redone(situation: Situation) -> None:
    told = told_of(situation)
    for line in told.lines if told else ():
        for stretch in line.penalty:
            redone = stretch.basis_minor * stretch.annual_rate * year_fraction(stretch.year_fraction)
            assert redone == stretch.accrued_minor
            assert stretch.days == (stretch.to_on - stretch.from_on).days + 1
            assert stretch.unpaid_minor >= stretch.accrued_minor >= 0


@given(situations())
def test_itemising_changes_nothing_and_neither_does_stopping_on_every_day(situation: Situation) -> None:
    """The days stepped over are those on which nothing can happen."""
    told = told_of(situation)
    if told is None:
        return
    events, product = account_events(frames(situation), 0), parsed_terms(situation)["p0"]
    assert settle(events, product, situation.as_of) == told.closing
    first = Walk(events, product, situation.as_of).stops_on[0]
    every_day = pl.date_range(first, situation.as_of, eager=True).to_list()
    slow = Walk(events, product, situation.as_of, also_on=every_day)
    for _ in slow.moments():
        pass
    assert slow.figures() == Figures(*(getattr(told.closing, name) for name in Figures._fields))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_worked_cases_add_up(case: Case) -> None:
    told = told_of(case)
    assert (told is None) == (case.expect is None)
    if told is not None:
        assert_adds_up(told)


def test_amounts_beyond_64_bits_are_exact() -> None:
    events = AccountEvents(
        "A-1", "CNY", 10**30, Fraction(1, 7), january(1), (Instalment(1, january(1), 10**30),)
    )
    told = statement(events, terms(penalty=PENALTY), january(31))
    assert_adds_up(told)
    assert told.closing.penalty == round(Fraction(10**30) * Fraction(3, 14) * 30 / 360)


# What cannot be told -----------------------------------------------------------------------------------------------


def test_an_account_has_no_statement_before_its_opening() -> None:
    with pytest.raises(AccountNotOpen, match="opens on 2026-01-01 and has no position on 2025-12-31"):
        statement(HALF_PAID, terms(), date(2025, 12, 31))


def test_an_account_recorded_later_was_not_known() -> None:
    accounts = pl.DataFrame(
        {"account_id": ["A-1"], "recorded_at": [datetime(2026, 1, 5, tzinfo=UTC)], "annual_rate_ppb": [None]}
    )
    with pytest.raises(AccountNotOpen, match="A-1 was not known at 2026-01-04"):
        account_events({"accounts": accounts}, 0, datetime(2026, 1, 4, tzinfo=UTC))


def test_a_multiple_of_a_rate_that_is_missing_is_refused() -> None:
    events = AccountEvents("A-1", "CNY", 100, None, january(1), (Instalment(1, january(10), 100),))
    with pytest.raises(ValueError, match="multiple of the contract rate, which the account does not have"):
        settle(events, terms(penalty=PENALTY), january(31))
