"""What must hold of every verdict, whoever the person and whatever the law."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.law import Attempt, Contact, Gate, Person, State
from tests.law.people import NOON, actors, attempts, pack_lists, people

_MICROSECOND = timedelta(microseconds=1)


@cache
def _gate(packs: tuple[str, ...], actor: str) -> Gate:
    return Gate(packs, actor)


def _call(at: str, **more: Any) -> Attempt:
    return Attempt(customer_id="C1", at=datetime.fromisoformat(at), channel="call", **more)


NEW_YORKER = Person("C1", ("America/New_York",))


@given(people, attempts, pack_lists, actors)
def test_not_before_is_the_first_lawful_instant(
    person: Person, attempt: Attempt, packs: tuple[str, ...], actor: str
) -> None:
    """Allowed from then, refused a moment earlier, and at no instant looked at in between."""
    gate = _gate(packs, actor)
    verdict = gate.check(attempt, person)
    if verdict.not_before is None:
        return
    assert not verdict.allowed
    assert verdict.not_before > attempt.at
    assert gate.check(replace(attempt, at=verdict.not_before), person).allowed
    span = verdict.not_before - attempt.at
    between = [attempt.at + span * n / 60 for n in range(60)] + [verdict.not_before - _MICROSECOND]
    assert not any(v.allowed for v in gate.check_several([replace(attempt, at=at) for at in between], person))


@given(people, st.lists(attempts, min_size=2, max_size=5), pack_lists, actors)
def test_attempts_do_not_count_against_each_other(
    person: Person, several: list[Attempt], packs: tuple[str, ...], actor: str
) -> None:
    gate = _gate(packs, actor)
    together = gate.check_several(several, person)
    assert together == [gate.check(attempt, person) for attempt in several]
    assert gate.check_several(several[::-1], person) == together[::-1]


@given(people, attempts, pack_lists, actors)
def test_the_order_of_the_records_does_not_matter(
    person: Person, attempt: Attempt, packs: tuple[str, ...], actor: str
) -> None:
    turned = replace(
        person,
        timezones=person.timezones[::-1],
        states=person.states[::-1],
        preferences=person.preferences[::-1],
        consents=person.consents[::-1],
        contacts=person.contacts[::-1],
    )
    gate = _gate(packs, actor)
    first, second = gate.check(attempt, person), gate.check(attempt, turned)
    assert (first.reasons, first.not_before) == (second.reasons, second.not_before)


@given(people, attempts, pack_lists, actors)
def test_what_comes_later_changes_no_reason(
    person: Person, attempt: Attempt, packs: tuple[str, ...], actor: str
) -> None:
    known = [contact for contact in person.contacts if contact.at < attempt.at]
    gate = _gate(packs, actor)
    assert gate.check(attempt, person).reasons == gate.check(attempt, replace(person, contacts=known)).reasons


@given(people, attempts, pack_lists, actors)
def test_more_packs_never_allow_more(
    person: Person, attempt: Attempt, packs: tuple[str, ...], actor: str
) -> None:
    alone = {reason.rule for reason in _gate(packs, actor).check(attempt, person).reasons}
    more = {reason.rule for reason in _gate((*packs, "us-reg-f"), actor).check(attempt, person).reasons}
    assert alone <= more


@pytest.mark.parametrize(
    ("person", "attempt", "packs", "rule"),
    [
        (None, _call("2026-04-02T10:00:00-04:00"), ("us-reg-f",), "gate.unknown-customer"),
        (Person("C1", ()), _call("2026-04-02T10:00:00-04:00"), ("us-reg-f",), "gate.unknown-timezone"),
        (
            Person("C1", ("America/New_York", "Mars/Olympus")),
            _call("2026-04-02T10:00:00-04:00"),
            ("us-reg-f",),
            "gate.unknown-timezone",
        ),
        (
            replace(NEW_YORKER, accounts={}),
            _call("2026-04-02T10:00:00-04:00", account_ids=("d9",)),
            ("us-reg-f",),
            "gate.unknown-account",
        ),
        (NEW_YORKER, _call("2061-04-02T10:00:00-04:00"), ("cn-house",), "gate.unknown-calendar"),
        (NEW_YORKER, _call("2026-04-02T10:00:00-04:00"), ("us-reg-f", "atlantis"), "gate.unknown-pack"),
        (
            replace(NEW_YORKER, has_unreadable_preference=True),
            _call("2026-04-02T10:00:00-04:00"),
            ("us-reg-f",),
            "gate.unreadable-preference",
        ),
    ],
)
def test_the_gate_fails_closed(
    person: Person | None, attempt: Attempt, packs: tuple[str, ...], rule: str
) -> None:
    verdict = _gate(packs, "agency").check(attempt, person)
    assert not verdict.allowed
    assert verdict.not_before is None
    assert [reason.effect for reason in verdict.reasons if reason.rule == rule] == ["missing"]


@pytest.mark.parametrize("kind", ["cease", "attorney"])
@pytest.mark.parametrize("channel", ["call", "sms", "email", "letter", "visit", "app"])
def test_one_stop_binds_every_channel_and_never_lapses(kind: str, channel: str) -> None:
    """Other systems keep three gates with three truths, and opt-outs that lapse."""
    person = replace(NEW_YORKER, states=(State(kind, datetime.fromisoformat("2022-01-05T09:00:00-05:00")),))
    for actor in ("agency", "debt_buyer"):
        for year in (2022, 2026, 2046):
            at = datetime.fromisoformat(f"{year}-06-01T12:00:00-04:00")
            verdict = _gate(("us-reg-f",), actor).check(
                Attempt(customer_id="C1", at=at, channel=channel), person
            )
            assert [reason.rule for reason in verdict.reasons] == [f"us-reg-f.{kind}"]
            assert verdict.not_before is None


def test_calls_are_counted_per_person_and_debt_not_per_number() -> None:
    past = [
        Contact(NOON - timedelta(days=1, hours=n), "call", "no_answer", ("d1",), contact_point_id=f"m{n}")
        for n in range(7)
    ]
    attempt = Attempt(customer_id="C1", at=NOON, channel="call", account_ids=("d1",), contact_point_id="m99")
    gate = _gate(("us-reg-f",), "agency")
    assert [r.rule for r in gate.check(attempt, replace(NEW_YORKER, contacts=past)).reasons] == [
        "us-reg-f.call-attempts"
    ]
    other_debt = replace(attempt, account_ids=("d2",))
    assert gate.check(other_debt, replace(NEW_YORKER, contacts=past)).allowed


def test_a_voicemail_is_no_conversation() -> None:
    left = Contact(NOON - timedelta(days=1), "call", "voicemail", ("d1",))
    spoken = replace(left, outcome="conversation")
    attempt = Attempt(customer_id="C1", at=NOON, channel="call", account_ids=("d1",))
    gate = _gate(("us-reg-f",), "agency")
    assert gate.check(attempt, replace(NEW_YORKER, contacts=[left])).allowed
    verdict = gate.check(attempt, replace(NEW_YORKER, contacts=[spoken]))
    assert [(r.rule, r.effect) for r in verdict.reasons] == [
        ("us-reg-f.call-after-conversation", "presumed_violation")
    ]


def test_the_law_of_that_day() -> None:
    """The Banking Association's guideline counts unanswered tries from 30 January 2026 on."""
    for day, is_allowed in (("2026-01-29", True), ("2026-01-30", False)):
        at = datetime.fromisoformat(f"{day}T12:00:00+08:00")
        past = [Contact(at - timedelta(minutes=10 * n), "call", "no_answer") for n in range(1, 7)]
        person = Person("C1", ("Asia/Shanghai",), contacts=past)
        assert (
            _gate(("cn",), "first_party").check(_call(f"{day}T12:00:00+08:00"), person).allowed is is_allowed
        )
