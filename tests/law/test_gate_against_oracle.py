"""The gate's pass against a slow and obvious one: the same reasons, the same first lawful instant, the same notices due.

``make test-slow`` searches at length.
"""

from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.law import Attempt, Gate
from dunwell.law.person import Account, Consent, Person
from tests.law.oracle import oracle_not_before, oracle_owes, oracle_reasons
from tests.law.situations import PACKS, Situation, situations

HORIZON = timedelta(days=40)
"""How far the oracle looks for the first lawful instant: past the longest window of any pack."""


@cache
def _gate(packs: tuple[str, ...], actor: str) -> Gate:
    return Gate(packs, actor)


@pytest.mark.parametrize("packs", PACKS, ids="+".join)
@given(data=st.data())
def test_the_gate_and_the_oracle_agree(packs: tuple[str, ...], data: st.DataObject) -> None:
    one: Situation = data.draw(situations(packs))
    verdict = _gate(one.packs, one.actor).check(one.attempt, one.person)
    reasons = oracle_reasons(one.packs, one.actor, one.attempt, one.person)
    assert {reason.rule for reason in verdict.reasons} == reasons
    assert verdict.allowed is (not reasons)
    until = oracle_not_before(one.packs, one.actor, one.attempt, one.person, HORIZON)
    is_near = verdict.not_before is not None and verdict.not_before - one.attempt.at <= HORIZON
    assert (verdict.not_before if is_near else None) == until
    owed = {obligation.notice: obligation.due_by for obligation in verdict.owes}
    assert owed == (oracle_owes(one.packs, one.actor, one.attempt, one.person) if verdict.allowed else {})


def test_a_debt_that_is_late_enough_needs_no_agreement_beside_one_that_has_it() -> None:
    agreed = Consent(
        given_at=datetime(2026, 2, 14, 4, tzinfo=UTC),
        hours=(21 * 3_600_000_000, 23 * 3_600_000_000),
        source="collector",
        debts=("d2",),
    )
    person = Person(
        customer_id="C1",
        timezones=("Asia/Manila",),
        accounts={"d1": Account(past_due_days=20), "d2": Account(past_due_days=3)},
        consents=(agreed,),
        contacts=[],
    )
    expected: tuple[tuple[int, set[str]], ...] = ((14, set()), (16, {"ph.hours"}))
    for hour, refused in expected:  # 22:00 and midnight there
        at = datetime(2026, 2, 16, hour, tzinfo=UTC)
        attempt = Attempt(customer_id="C1", at=at, channel="call", account_ids=("d1", "d2"), purpose="remind")
        assert {one.rule for one in Gate(["ph"], actor="agency").check(attempt, person).reasons} == refused
        assert oracle_reasons(("ph",), "agency", attempt, person) == refused
