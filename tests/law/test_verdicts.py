"""What must hold of every verdict, whoever the person and whatever the law."""

from dataclasses import replace
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from dunwell.law import Gate
from tests.law.situations import PACKS, Situation, situations

situations_of_any_pack = st.sampled_from(PACKS).flatmap(situations)


@cache
def _gate(packs: tuple[str, ...], actor: str) -> Gate:
    return Gate(packs, actor)


@given(situations_of_any_pack)
def test_no_instant_before_not_before_is_lawful(one: Situation) -> None:
    """Looked at in sixty places between; that it is lawful itself and not a moment earlier stands in ``test_gate_properties``."""
    gate = _gate(one.packs, one.actor)
    verdict = gate.check(one.attempt, one.person)
    if verdict.not_before is None:
        return
    assert not verdict.allowed
    assert verdict.not_before > one.attempt.at
    span = verdict.not_before - one.attempt.at
    between = [replace(one.attempt, at=one.attempt.at + span * n / 60) for n in range(60)]
    assert not any(found.allowed for found in gate.check_several(between, one.person))


@given(situations_of_any_pack, st.integers(1, 4))
def test_attempts_do_not_count_against_each_other(one: Situation, count: int) -> None:
    gate = _gate(one.packs, one.actor)
    several = [
        replace(one.attempt, attempt_id=f"T{number}", account_ids=(f"d{number % 3 + 1}",))
        for number in range(count)
    ]
    several.append(one.attempt)
    together = gate.check_several(several, one.person)
    assert together == [gate.check(attempt, one.person) for attempt in several]
    assert gate.check_several(several[::-1], one.person) == together[::-1]


@given(situations_of_any_pack)
def test_the_order_of_the_records_does_not_matter(one: Situation) -> None:
    person = one.person
    turned = replace(
        person,
        timezones=person.timezones[::-1],
        states=person.states[::-1],
        preferences=person.preferences[::-1],
        consents=person.consents[::-1],
        contacts=list(person.contacts)[::-1],
        notices=None if person.notices is None else person.notices[::-1],
    )
    gate = _gate(one.packs, one.actor)
    assert gate.check(one.attempt, person) == gate.check(one.attempt, turned)


@given(situations_of_any_pack)
def test_more_packs_never_allow_more(one: Situation) -> None:
    alone = _gate(one.packs, one.actor).check(one.attempt, one.person)
    more = _gate((*one.packs, "us-reg-f", "house-floor"), one.actor).check(one.attempt, one.person)
    assert {reason.rule for reason in alone.reasons} <= {reason.rule for reason in more.reasons}
