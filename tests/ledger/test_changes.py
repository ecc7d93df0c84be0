"""Why figures differ between two days: worked cases, one for each cause."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.ledger.changes import REASONS, explain_changes
from tests.ledger.engines import frames, parsed_terms
from tests.ledger.oracle import Account, Charge, Hold, Instalment, Payment, Situation
from tests.ledger.portfolios import situations

IMPORTED_AT = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, SECOND = date(2026, 2, 10), date(2026, 2, 11)
LEARNED = datetime(2026, 2, 11, 9, tzinfo=UTC)  # on the second day
TERMS = {
    "currency": "EUR",
    "allocation": "instalment_first",
    "waterfall": ["costs", "fees", "penalty", "interest", "principal"],
}
PENALTY = {"basis": ["principal"], "annual": "0.36"}  # 0.1 % a day under ACT/360
LENT = Account(200_00, date(2026, 1, 1), Fraction(18, 100))
OVERDUE = [Instalment(1, date(2026, 2, 1), 100_00)]
LATER = [Instalment(1, date(2026, 3, 1), 100_00)]

Reason = tuple[str, date | None, Decimal | None, str]


def told(account: Account = LENT, terms: dict[str, Any] | None = None, **rows: Any) -> Situation:
    """An account in euro; rows say nothing of themselves unless told here."""
    return Situation(
        terms={**TERMS, **(terms or {})},
        exponent=2,
        account=account,
        instalments=rows.get("instalments", LATER),
        payments=rows.get("payments", []),
        charges=rows.get("charges", []),
        holds=rows.get("holds", []),
        as_of=SECOND,
        known_at=None,
        imported_at=IMPORTED_AT,
    )


def explained(situation: Situation, first: date = FIRST, second: date = SECOND) -> dict[str, Any] | None:
    """The account's row between the two days; None where it is not listed."""
    changes = explain_changes(frames(situation), parsed_terms(situation), first, second)
    return None if changes.is_empty() else changes.row(0, named=True)


def reasons(situation: Situation, first: date = FIRST, second: date = SECOND) -> list[Reason]:
    row = explained(situation, first, second)
    if row is None:
        return []
    return [(r["reason"], r["on"], r["amount"], r["detail"]) for r in row["reasons"]]


AGEING: Reason = ("ageing", None, None, "1 day went by")


def test_nothing_new_and_nothing_overdue_is_not_listed() -> None:
    assert explained(told()) is None


def test_an_overdue_account_ages() -> None:
    row = explained(told(instalments=OVERDUE))
    assert row is not None
    assert (row["past_due_days_before"], row["past_due_days_after"]) == (9, 10)
    assert (row["past_due_total_before"], row["past_due_total_after"]) == (100, 100)
    assert reasons(told(instalments=OVERDUE)) == [AGEING]


def test_more_days_than_one() -> None:
    """From 02-11 to 02-14 three days go by."""
    found = reasons(told(instalments=OVERDUE), date(2026, 2, 11), date(2026, 2, 14))
    assert found == [("ageing", None, None, "3 days went by")]


def test_an_instalment_falls_due() -> None:
    """Due on 02-11: owed on that day, past due from the next, so both pairs of days name it."""
    due = told(instalments=[Instalment(4, SECOND, 100_00, 10_00, 1_00)])
    named = ("new instalment", SECOND, Decimal(111), "instalment 4")
    assert reasons(due) == [named]
    row = explained(due, SECOND, date(2026, 2, 12))
    assert row is not None
    assert (row["past_due_total_before"], row["past_due_total_after"]) == (0, 111)
    assert reasons(due, SECOND, date(2026, 2, 12)) == [named, AGEING]


def test_a_payment_is_taken_off_the_debt() -> None:
    paid = told(instalments=OVERDUE, payments=[Payment("p1", SECOND, 40_00)])
    row = explained(paid)
    assert row is not None
    assert (row["payoff_total_before"], row["payoff_total_after"]) == (200, 160)
    assert reasons(paid) == [("payment", SECOND, Decimal(-40), "payment p1"), AGEING]


def test_a_payment_that_settles_everything_leaves_nothing_to_age() -> None:
    paid = told(instalments=OVERDUE, payments=[Payment("p1", SECOND, 100_00)])
    assert reasons(paid) == [("payment", SECOND, Decimal(-100), "payment p1")]


def test_a_payment_made_earlier_and_recorded_later_is_a_correction() -> None:
    """Paid on 02-05, learned of on 02-11: on 02-10 we believed 9 days."""
    late = told(instalments=OVERDUE, payments=[Payment("p1", date(2026, 2, 5), 100_00, recorded_at=LEARNED)])
    row = explained(late)
    assert row is not None
    assert (row["past_due_days_before"], row["past_due_days_after"]) == (9, 0)
    assert reasons(late) == [
        ("correction", date(2026, 2, 5), Decimal(-100), "payment p1, recorded 2026-02-11")
    ]


def test_a_reversal_recorded_later_brings_the_debt_back() -> None:
    """The payment of 02-01 was believed on 02-10; its reversal, whatever its own date, is learned of on 02-11."""
    payments = [
        Payment("p1", date(2026, 2, 1), 100_00),
        Payment("r1", date(2026, 2, 11), 100_00, "reversal", "p1", recorded_at=LEARNED),
    ]
    undone = told(instalments=OVERDUE, payments=payments)
    row = explained(undone)
    assert row is not None
    assert (row["past_due_days_before"], row["past_due_days_after"]) == (0, 10)
    assert (row["payoff_total_before"], row["payoff_total_after"]) == (100, 200)
    detail = "payment p1 reversed by r1, recorded 2026-02-11"
    assert reasons(undone) == [("correction", date(2026, 2, 1), Decimal(100), detail), AGEING]


def test_a_chargeback_reversed_later_takes_its_debt_away() -> None:
    payments = [
        Payment("b1", date(2026, 2, 1), 30_00, "chargeback"),
        Payment("r1", date(2026, 2, 11), 30_00, "reversal", "b1", recorded_at=LEARNED),
    ]
    row = explained(told(payments=payments))
    assert row is not None
    assert (row["past_due_total_before"], row["past_due_total_after"]) == (30, 0)
    detail = "chargeback b1 reversed by r1, recorded 2026-02-11"
    assert reasons(told(payments=payments)) == [("correction", date(2026, 2, 1), Decimal(-30), detail)]


@pytest.mark.parametrize(
    ("rows", "amount", "detail"),
    [
        ({"instalments": [Instalment(1, date(2026, 2, 5), 50_00, recorded_at=LEARNED)]}, 50, "instalment 1"),
        ({"charges": [Charge("c1", date(2026, 2, 5), "legal_cost", 5_00, LEARNED)]}, 5, "legal_cost c1"),
        (
            {"payments": [Payment("b1", date(2026, 2, 5), 7_00, "chargeback", recorded_at=LEARNED)]},
            7,
            "chargeback b1",
        ),
    ],
)
def test_a_debt_learned_of_later_is_a_correction(rows: dict[str, Any], amount: int, detail: str) -> None:
    """Each is past due since 02-05, but known only from 02-11 on."""
    expected = ("correction", date(2026, 2, 5), Decimal(amount), f"{detail}, recorded 2026-02-11")
    assert reasons(told(**rows)) == [expected, AGEING]


def test_an_instalment_of_the_first_day_learned_of_later_is_told_once() -> None:
    """Neither twice nor as new: it fell due on the first day and was not known then."""
    late = told(instalments=[Instalment(1, FIRST, 50_00, recorded_at=LEARNED)])
    assert reasons(late) == [("correction", FIRST, Decimal(50), "instalment 1, recorded 2026-02-11"), AGEING]


@pytest.mark.parametrize(("kind", "detail"), [("late_fee", "late_fee c1"), ("legal_cost", "legal_cost c1")])
def test_a_charge(kind: str, detail: str) -> None:
    assert reasons(told(charges=[Charge("c1", SECOND, kind, 5_00)])) == [
        ("charge", SECOND, Decimal(5), detail)
    ]


def test_a_charge_of_the_first_day_is_past_due_only_after_it() -> None:
    """5.00 charged on 02-10: owed that day, past due on 02-11."""
    charged = told(charges=[Charge("c1", FIRST, "late_fee", 5_00)])
    row = explained(charged)
    assert row is not None
    assert (row["past_due_total_before"], row["past_due_total_after"]) == (0, 5)
    assert reasons(charged) == [("charge", FIRST, Decimal(5), "late_fee c1"), AGEING]


def test_a_chargeback() -> None:
    charged_back = told(payments=[Payment("b1", SECOND, 30_00, "chargeback")])
    row = explained(charged_back)
    assert row is not None
    assert (row["payoff_total_before"], row["payoff_total_after"]) == (200, 230)
    assert reasons(charged_back) == [("chargeback", SECOND, Decimal(30), "chargeback b1")]


def test_a_pause_stops_the_clock_of_operations_only() -> None:
    """From 02-09: the 10th and the 11th do not count. 9 - 1 = 8 and 10 - 2 = 8 delinquent days."""
    paused = told(instalments=OVERDUE, holds=[Hold("h1", "pause", date(2026, 2, 9))])
    row = explained(paused)
    assert row is not None
    assert (row["past_due_days_before"], row["past_due_days_after"]) == (9, 10)
    assert (row["delinquent_days_before"], row["delinquent_days_after"]) == (8, 8)
    assert reasons(paused) == [("pause", date(2026, 2, 9), None, "pause h1 stops the clock"), AGEING]


@pytest.mark.parametrize(
    "hold",
    [
        Hold("h1", "pause", date(2026, 2, 3), FIRST),  # its last day is the first of the two
        Hold("h1", "pause", SECOND),  # it stops the days after it
        Hold("h1", "dispute", date(2026, 2, 9)),
    ],
)
def test_a_hold_that_stops_no_day_between_is_no_reason(hold: Hold) -> None:
    assert reasons(told(instalments=OVERDUE, holds=[hold])) == [AGEING]


def test_penalty_accrues() -> None:
    """100.00 at 0.1 % a day: 0.90 on 02-10, 1.00 on 02-11."""
    accruing = told(instalments=OVERDUE, terms={"penalty": PENALTY})
    row = explained(accruing)
    assert row is not None
    assert (row["past_due_total_before"], row["past_due_total_after"]) == (Decimal("100.9"), 101)
    detail = "penalty interest of the days up to 2026-02-11"
    assert reasons(accruing) == [("accrual", None, Decimal("0.1"), detail), AGEING]


def test_penalty_that_was_paid_has_accrued_all_the_same() -> None:
    """50.00 on 02-11 pays the penalty of 1.00 first: 0.10 of it accrued that day."""
    paid = told(instalments=OVERDUE, terms={"penalty": PENALTY}, payments=[Payment("p1", SECOND, 50_00)])
    assert [(reason, amount) for reason, _, amount, _ in reasons(paid)] == [
        ("payment", Decimal(-50)),
        ("accrual", Decimal("0.1")),
        ("ageing", None),
    ]


def test_a_cap_waives_what_accrues_above_it() -> None:
    """A cap of 0: the 0.10 of the day is waived, as the 0.90 before it."""
    capped = told(instalments=OVERDUE, terms={"penalty": PENALTY, "caps": {"annual_total_cost": "0"}})
    row = explained(capped)
    assert row is not None
    assert row["past_due_total_after"] == 100
    assert ("cap", Decimal("0.1")) in [(reason, amount) for reason, _, amount, _ in reasons(capped)]


def test_an_account_opened_between_the_days_is_new() -> None:
    row = explained(told(Account(200_00, SECOND)))
    assert row is not None
    assert row["past_due_days_before"] is None
    assert row["payoff_total_before"] is None
    assert row["payoff_total_after"] == 200
    assert [r["reason"] for r in row["reasons"]] == ["new account"]


def test_an_account_first_heard_of_between_the_days_is_new() -> None:
    row = explained(told(Account(200_00, date(2026, 1, 1), recorded_at=LEARNED)))
    assert row is not None
    assert [r["reason"] for r in row["reasons"]] == ["new account"]


def test_what_is_recorded_after_the_second_day_plays_no_part() -> None:
    later = datetime(2026, 2, 12, tzinfo=UTC)
    unknown = told(
        instalments=OVERDUE,
        payments=[Payment("p1", date(2026, 2, 5), 100_00, recorded_at=later)],
        charges=[Charge("c1", SECOND, "late_fee", 5_00, later)],
        holds=[Hold("h1", "pause", date(2026, 2, 9), None, later)],
    )
    assert reasons(unknown) == [AGEING]


def test_amounts_are_in_the_currency_of_the_account() -> None:
    """500 yen and 0.500 dinar are the same number of minor units."""
    payments = [Payment("p1", SECOND, 500)]
    paid = [told(terms={"currency": currency}, payments=payments) for currency in ("JPY", "KWD")]
    changes = explain_changes(frames(*paid), parsed_terms(*paid), FIRST, SECOND)
    assert changes["account_id"].to_list() == ["a0", "a1"]
    assert [row[0]["amount"] for row in changes["reasons"]] == [Decimal(-500), Decimal("-0.5")]


@given(situations(with_records=True), st.integers(1, 60))
def test_whatever_changed_has_a_reason(situation: Situation, days: int) -> None:
    second = situation.as_of
    row = explained(situation, date.fromordinal(second.toordinal() - days), second)
    if row is not None:
        assert row["reasons"]
        assert {reason["reason"] for reason in row["reasons"]} <= set(REASONS)
