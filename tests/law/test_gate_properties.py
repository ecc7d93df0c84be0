"""What must never go wrong with a contact: the mistakes read in other systems, and those that the oracle found here.

What holds of every verdict whoever the person stands in ``test_verdicts``.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.law import (
    Account,
    Attempt,
    Consent,
    Contact,
    ContactPoint,
    Gate,
    Person,
    Preference,
    State,
    Verdict,
    codes,
)
from dunwell.law.case_situations import read_attempt, read_person
from tests.law.situations import PACKS, Situation, situations

_MICROSECOND = timedelta(microseconds=1)
NEW_YORKER = Person("C1", ("America/New_York",))
NOON = datetime.fromisoformat("2026-06-03T12:00:00-04:00")
ELECTRONIC = ("call", "sms", "email", "app")

situations_of_any_pack = st.sampled_from(PACKS).flatmap(situations)


@cache
def _gate(packs: tuple[str, ...], actor: str) -> Gate:
    return Gate(packs, actor)


def _check(person: Person, attempt: Attempt, *packs: str, actor: str = "agency") -> Verdict:
    return _gate(packs, actor).check(attempt, person)


def _rules(verdict: Verdict) -> list[str]:
    return [reason.rule for reason in verdict.reasons]


def _attempt(at: datetime = NOON, channel: str = "call", **more: Any) -> Attempt:
    return Attempt(customer_id="C1", at=at, channel=channel, **more)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@given(situations_of_any_pack)
def test_the_attempt_made_again_at_not_before_is_allowed_and_a_moment_earlier_refused(one: Situation) -> None:
    gate = _gate(one.packs, one.actor)
    until = gate.check(one.attempt, one.person).not_before
    if until is not None:
        assert gate.check(replace(one.attempt, at=until), one.person).allowed
        assert not gate.check(replace(one.attempt, at=until - _MICROSECOND), one.person).allowed


@given(situations_of_any_pack)
def test_contacts_at_or_after_the_instant_change_no_reason(one: Situation) -> None:
    at_once = [replace(contact, at=one.attempt.at) for contact in one.person.contacts[:3]]
    past = [contact for contact in one.person.contacts if contact.at < one.attempt.at]
    gate = _gate(one.packs, one.actor)
    with_later = gate.check(
        one.attempt, replace(one.person, contacts=[*one.person.contacts, *_without_ids(at_once)])
    )
    without = gate.check(one.attempt, replace(one.person, contacts=past))
    assert (with_later.reasons, with_later.owes) == (without.reasons, without.owes)


def _without_ids(contacts: list[Contact]) -> list[Contact]:
    return [replace(contact, contact_id=None) for contact in contacts]


@given(situations_of_any_pack)
def test_an_attempt_about_two_debts_is_refused_when_it_is_for_either(one: Situation) -> None:
    gate = _gate(one.packs, one.actor)
    both = gate.check(replace(one.attempt, account_ids=("d1", "d2")), one.person)
    alone = [gate.check(replace(one.attempt, account_ids=(debt,)), one.person) for debt in ("d1", "d2")]
    assert set(_rules(both)) == {rule for verdict in alone for rule in _rules(verdict)}


@given(situations_of_any_pack)
def test_another_zone_never_allows_more(one: Situation) -> None:
    """A contact must be lawful on every clock that the records point to. What begins earlier there, a state or a wish, begins."""
    gate = _gate(one.packs, one.actor)
    if any(state.kind in ("unreachable", "deceased", "incapacity") for state in one.person.states):
        return  # a state may also open a way: others may then be asked where the person is
    fewer = gate.check(one.attempt, replace(one.person, timezones=one.person.timezones[:1]))
    more = gate.check(one.attempt, replace(one.person, timezones=(*one.person.timezones, "Asia/Kathmandu")))
    if "gate.unknown-calendar" not in _rules(more):
        assert set(_rules(fewer)) <= set(_rules(more))


@given(situations_of_any_pack, st.sampled_from(("customer", "account", "zone", "pack", "wish")))
def test_what_is_not_known_is_refused_without_an_instant(one: Situation, unknown: str) -> None:
    person: Person | None = one.person
    attempt, packs = one.attempt, one.packs
    if unknown == "customer":
        person, rule = None, "gate.unknown-customer"
    elif unknown == "account":
        attempt, rule = replace(attempt, account_ids=("d1", "d9")), "gate.unknown-account"
        person = replace(one.person, accounts={"d1": Account(20)})
    elif unknown == "zone":
        person, rule = replace(one.person, timezones=("Mars/Olympus",)), "gate.unknown-timezone"
    elif unknown == "pack":
        packs, rule = (*packs, "atlantis"), "gate.unknown-pack"
    else:
        person, rule = replace(one.person, has_unreadable_preference=True), "gate.unreadable-preference"
    verdict = _gate(packs, one.actor).check(attempt, person)
    assert not verdict.allowed
    assert verdict.not_before is None
    assert verdict.owes == ()
    assert {reason.effect for reason in verdict.reasons if reason.rule == rule} == {"missing"}


@pytest.mark.parametrize(("pack", "zone"), [("cn-house", "Asia/Shanghai"), ("id", "Asia/Jakarta")])
def test_a_year_without_published_holidays_is_refused_and_never_a_promise(pack: str, zone: str) -> None:
    person = Person("C1", (zone,))
    unknown = _check(person, _attempt(_at("2061-04-05T12:00:00+08:00")), pack)
    assert _rules(unknown) == ["gate.unknown-calendar"]
    assert unknown.not_before is None
    last_evening = _check(person, _attempt(_at("2026-12-31T22:00:00+08:00")), pack)
    assert _rules(last_evening) == [f"{pack}.hours"]
    assert last_evening.not_before is None


@pytest.mark.parametrize("via", ["call", "sms", "email", "letter", "visit", "app", "portal"])
@pytest.mark.parametrize("channel", codes.CHANNELS)
def test_a_stop_learnt_on_one_channel_stops_every_channel(via: str, channel: str) -> None:
    case: Mapping[str, Any] = {
        "customer": {
            "timezones": ["America/New_York"],
            "states": [{"kind": "cease", "received_at": "2026-01-05T09:00:00-05:00", "via": via}],
        },
        "attempt": {"at": "2026-06-03T12:00:00-04:00", "channel": channel},
    }
    person = read_person(case)
    assert person is not None
    for actor in ("agency", "debt_buyer"):
        assert _rules(_check(person, read_attempt(case), "us-reg-f", actor=actor)) == ["us-reg-f.cease"]


@pytest.mark.parametrize(
    ("pack", "kind", "rule"),
    [
        ("us-reg-f", "cease", "cease"),
        ("us-reg-f", "attorney", "attorney"),
        ("us-reg-f", "dispute", "dispute"),
        ("us-reg-f", "bankruptcy", "bankruptcy"),
        ("us-reg-f", "deceased", "deceased"),
        ("cn", "deceased", "deceased"),
        ("cn", "incapacity", "incapacity"),
        ("gb", "breathing_space", "breathing-space"),
        ("gb", "dispute", "dispute"),
        ("gb", "incapacity", "incapacity"),
        ("hk", "bankruptcy", "bankruptcy"),
        ("house-floor", "hardship", "hardship"),
        ("house-floor", "complaint", "complaint"),
        ("house-floor", "dispute", "dispute"),
        ("house-floor", "cease", "stopped"),
        ("house-floor", "breathing_space", "stopped"),
        ("house-floor", "litigation", "stopped"),
        ("house-floor", "fraud", "stopped"),
        ("house-floor", "attorney", "represented"),
        ("house-floor", "deceased", "deceased"),
    ],
)
def test_a_state_never_lapses_by_itself_and_ends_when_it_is_ended(pack: str, kind: str, rule: str) -> None:
    """People in hardship, dispute and the like are dunned by no actor on no channel, however long ago they told us."""
    zone = {"cn": "Asia/Shanghai", "hk": "Asia/Hong_Kong", "gb": "Europe/London"}.get(
        pack, "America/New_York"
    )
    actors = ("agency", "debt_buyer") if pack == "us-reg-f" else codes.ACTORS
    since = _at("2025-03-05T09:00:00+00:00")
    for actor in actors:
        for channel in codes.CHANNELS:
            for years in (1, 5, 25):
                at = datetime.combine(date(2025 + years, 6, 3), datetime.min.time(), UTC) + timedelta(
                    hours=4 if zone.startswith("Asia") else 16
                )
                attempt = _attempt(at, channel)
                known = Person("C1", (zone,), states=(State(kind, since),))
                verdict = _check(known, attempt, pack, actor=actor)
                assert _rules(verdict) == [f"{pack}.{rule}"]
                assert verdict.not_before is None
                ended = replace(known, states=(State(kind, since, at + timedelta(hours=1)),))
                assert _check(ended, attempt, pack, actor=actor).not_before == at + timedelta(hours=1)


@pytest.mark.parametrize("pack", ["us-reg-f", "gb", "house-floor"])
def test_an_opt_out_does_not_lapse(pack: str) -> None:
    wish = Preference("not_channel", channel="sms", since=_at("2022-01-05T09:00:00-05:00"))
    person = replace(NEW_YORKER, preferences=(wish,))
    for year in (2022, 2026, 2046):
        verdict = _check(person, _attempt(NOON.replace(year=year), "sms"), pack)
        assert not verdict.allowed
        assert verdict.not_before is None
        assert _check(person, _attempt(NOON.replace(year=year), "letter"), pack).allowed


def test_consent_given_again_does_not_undo_an_opt_out() -> None:
    wish = Preference("not_channel", channel="email", since=_at("2026-01-05T09:00:00-05:00"))
    consent = Consent(_at("2025-12-01T09:00:00-05:00"), "email")
    person = replace(NEW_YORKER, preferences=(wish,), consents=(consent,))
    assert _rules(_check(person, _attempt(channel="email"), "us-reg-f")) == ["us-reg-f.media-opt-out"]


def _calls(count: int, outcome: str, **more: Any) -> list[Contact]:
    return [
        Contact(NOON - timedelta(days=1, minutes=10 * n), "call", outcome, ("d1",), **more)
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("outcome", "is_counted"),
    [
        ("no_answer", True),
        ("voicemail", True),
        ("dropped", True),
        ("wrong_party", True),
        ("busy", False),
        ("not_in_service", False),
    ],
)
def test_what_is_a_call_and_what_is_none(outcome: str, is_counted: bool) -> None:
    """A voicemail, a ringless one too, is a call; a busy line or a number out of service is none; neither is a conversation."""
    verdict = _check(
        replace(NEW_YORKER, contacts=_calls(7, outcome)), _attempt(account_ids=("d1",)), "us-reg-f"
    )
    assert _rules(verdict) == (["us-reg-f.call-attempts"] if is_counted else [])


@pytest.mark.parametrize("outcome", [word for word in codes.OUTCOMES if word != "conversation"])
def test_nothing_but_a_conversation_begins_the_days_of_rest(outcome: str) -> None:
    one = replace(NEW_YORKER, contacts=_calls(1, outcome))
    assert _check(one, _attempt(account_ids=("d1",)), "us-reg-f").allowed


@pytest.mark.parametrize("direction", ["in", "out"])
def test_a_conversation_begins_the_days_of_rest_whoever_called(direction: str) -> None:
    one = replace(NEW_YORKER, contacts=_calls(1, "conversation", direction=direction))
    verdict = _check(one, _attempt(account_ids=("d1",)), "us-reg-f")
    assert _rules(verdict) == ["us-reg-f.call-after-conversation"]
    assert verdict.not_before == _at("2026-06-09T08:00:00-04:00")


@pytest.mark.parametrize("point", ["m1", "m2", None])
def test_calls_are_counted_per_person_whatever_number_was_dialled(point: str | None) -> None:
    calls = [replace(c, contact_point_id=f"m{n % 3}") for n, c in enumerate(_calls(7, "no_answer"))]
    verdict = _check(
        replace(NEW_YORKER, contacts=calls),
        _attempt(account_ids=("d1",), contact_point_id=point),
        "us-reg-f",
    )
    assert _rules(verdict) == ["us-reg-f.call-attempts"]


def test_two_debtors_on_one_number_do_not_block_each_other() -> None:
    line = {
        "at": "2026-06-02T12:00:00-04:00",
        "channel": "call",
        "debts": ["d1"],
        "contact_point_id": "m1",
        "outcome": "conversation",
        "times": 7,
    }
    case = {
        "customer": {"timezones": ["America/New_York"]},
        "history": [{**line, "customer": "somebody else"}],
        "attempt": {
            "at": NOON.isoformat(),
            "channel": "call",
            "debts": ["d1"],
            "contact_point_id": "m1",
        },
    }
    theirs, ours = read_person(case), read_person({**case, "history": [line]})
    assert theirs is not None
    assert ours is not None
    assert _check(theirs, read_attempt(case), "us-reg-f").allowed
    assert not _check(ours, read_attempt(case), "us-reg-f").allowed


@pytest.mark.parametrize(
    "zone", ["Pacific/Auckland", "Asia/Shanghai", "America/New_York", "Pacific/Honolulu"]
)
def test_a_wish_dated_by_a_day_begins_with_that_day_on_the_persons_clock(zone: str) -> None:
    wish = Preference("not_channel", channel="email", since=date(2026, 3, 6))
    person = Person("C1", (zone,), preferences=(wish,))
    first = datetime(2026, 3, 6, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    assert _check(person, _attempt(first - _MICROSECOND, "email"), "house-floor").allowed
    assert _rules(_check(person, _attempt(first, "email"), "house-floor")) == ["house-floor.preferences"]


@pytest.mark.parametrize("zones", [("America/New_York", "Asia/Tokyo"), ("Asia/Tokyo", "America/New_York")])
@pytest.mark.parametrize(
    ("point", "rule"),
    [
        (ContactPoint("email", place="work"), "us-reg-f.employer-email"),
        (ContactPoint("email", "reference"), "us-reg-f.third-parties"),
    ],
)
def test_an_agreement_for_some_days_ends_where_it_ends_first(
    zones: tuple[str, ...], point: ContactPoint, rule: str
) -> None:
    """Given for three days on 3 March in New York, which is 4 March in Tokyo: it ends with 5 March in New York."""
    consent = Consent(_at("2026-03-03T11:00:00-05:00"), "email", "e1", days=3)
    person = Person("C1", zones, contact_points={"e1": point}, consents=(consent,))
    lawful, late = _at("2026-03-05T18:30:00-05:00"), _at("2026-03-06T08:30:00-05:00")
    assert rule not in _rules(_check(person, _attempt(lawful, "email", contact_point_id="e1"), "us-reg-f"))
    assert rule in _rules(_check(person, _attempt(late, "email", contact_point_id="e1"), "us-reg-f"))


def test_others_may_be_asked_where_the_person_is_only_when_that_is_lawful_for_every_debt_named() -> None:
    state = State("unreachable", date(2026, 1, 1), debts=("d1",))
    person = Person("C1", ("Asia/Shanghai",), states=(state,))
    at = _at("2026-06-03T12:00:00+08:00")
    for debts, is_allowed in ((("d1",), True), (("d2",), False), (("d1", "d2"), False)):
        attempt = _attempt(at, party="reference", purpose="locate", account_ids=debts)
        assert _check(person, attempt, "cn", actor="first_party").allowed is is_allowed


def test_a_number_found_to_be_somebody_elses_gives_its_calls_back() -> None:
    wrong_from = NOON + timedelta(hours=2)
    points = {"m1": ContactPoint("mobile", not_theirs_from=wrong_from), "m2": ContactPoint("mobile")}
    calls = _calls(7, "no_answer", contact_point_id="m1")
    person = replace(NEW_YORKER, contact_points=points, contacts=calls)
    attempt = _attempt(account_ids=("d1",), contact_point_id="m2")
    assert _check(person, attempt, "us-reg-f").not_before == wrong_from


def test_a_mailbox_at_work_opens_once_the_person_has_written_from_it() -> None:
    mail = Contact(NOON + timedelta(hours=1), "email", "replied", direction="in", contact_point_id="e1")
    person = replace(NEW_YORKER, contact_points={"e1": ContactPoint("email", place="work")}, contacts=[mail])
    verdict = _check(person, _attempt(channel="email", contact_point_id="e1"), "us-reg-f")
    assert _rules(verdict) == ["us-reg-f.employer-email"]
    assert verdict.not_before == mail.at + _MICROSECOND


@pytest.mark.parametrize(
    "zones", [("Asia/Shanghai", "America/New_York"), ("America/New_York", "Asia/Shanghai")]
)
def test_a_notice_is_due_by_the_earliest_day_of_all_clocks(zones: tuple[str, ...]) -> None:
    verdict = _check(Person("C1", zones), _attempt(_at("2026-06-03T20:30:00-04:00")), "us-reg-f")
    assert verdict.allowed
    assert [(owed.notice, owed.due_by) for owed in verdict.owes] == [
        ("us-reg-f.validation", date(2026, 6, 8))
    ]
