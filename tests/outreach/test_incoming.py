"""What people write back: whose it is, what takes effect at once, and that nothing of it stands in an event."""

import json
from collections.abc import Callable
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import pytest

from dunwell.journal.models import Event
from dunwell.journal.recording import EventRefused
from dunwell.outreach.answers.meaning import Act, Context, Finding, Part, Understanding
from dunwell.outreach.channel import Outcome, Reply
from dunwell.outreach.incoming import UNMATCHED, Taken, Understand, take_reply
from dunwell.outreach.models import State, Work
from tests.outreach.conftest import NOON, Lender

pytestmark = pytest.mark.django_db

ADDRESS = "ann.example@customers.example"
WORDS = "This is Ann Example, my number is +1 202 555 0143."


def reading(*acts: str, intents: tuple[str, ...] = (), promise: tuple[Part, ...] = ()) -> Understand:
    """An understanding of the test's own, whatever is written."""

    def understand(text: str, at: datetime, language: str | None, context: Context) -> Understanding:
        findings = [Finding(intent, 1.0, 0, len(text), text, "said so", "test") for intent in intents]
        return Understanding(tuple(findings), promise, tuple(Act(act, text, "said so") for act in acts), ())

    return understand


def reply(**changed: Any) -> Reply:
    said: dict[str, Any] = {"reply_id": f"<{ADDRESS}>", "sender": ADDRESS, "at": NOON, "text": WORDS}
    return Reply(**(said | changed))


def take(
    lender: Lender, answer: Reply | None = None, understand: Understand | None = None, channel: str = "email"
) -> Taken:
    return take_reply(
        lender.journal, lender.records, channel, answer or reply(), understand or reading("stop")
    )


def sent(lender: Lender, customer: str) -> Work:
    work = lender.due(customer)
    worker = lender.worker()
    worker.claim()
    worker.settle([Outcome(work.message_id, "accepted")])
    return work


def bodies(kind: str) -> list[dict[str, Any]]:
    return [json.loads(event.body) for event in Event.objects.filter(kind=kind).order_by("id")]


def people_of(kind: str, lender: Lender) -> set[str]:
    subjects = Event.objects.filter(kind=kind).values_list("subject_id", flat=True)
    return set(lender.journal.vault.customer_ids([str(subject) for subject in subjects]).values())


# --- whose it is


def test_a_reply_is_matched_by_the_message_it_answers_whatever_address_it_comes_from(lender: Lender) -> None:
    work = sent(lender, "C1")
    lender.records.reached_at(ADDRESS, "C2")
    take(lender, reply(in_reply_to=work.message_id))
    assert people_of("contact.replied", lender) == {"C1"}
    assert bodies("contact.replied")[0]["in_reply_to"] == work.message_id


@pytest.mark.parametrize("in_reply_to", [None, "a-message-we-never-sent"])
def test_without_a_message_of_ours_it_is_matched_by_address(lender: Lender, in_reply_to: str | None) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    taken = take(lender, reply(sender=ADDRESS.upper(), in_reply_to=in_reply_to))
    assert [writer.customer_id for writer in taken.writers] == ["C1"]
    subject = lender.journal.vault.references(["C1"])["C1"]
    point = lender.journal.vault.pseudonym(subject, "point", "C1-e")
    assert bodies("contact.replied")[0]["contact_point"] == point


def test_an_address_that_two_share_binds_both_and_a_person_looks_at_it(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1", "C2")
    take(lender)
    assert people_of("contact.replied", lender) == {"C1", "C2"}
    assert people_of("consent.withdrawn", lender) == {"C1", "C2"}
    assert [body["needs_person"] for body in bodies("contact.replied")] == [True, True]
    lender.clock.move(minutes=1)
    for name in ("C1", "C2"):
        lender.due(name)
    assert lender.worker().claim().messages == ()


def twice(lender: Lender) -> None:
    """The records hold one number of C1 twice: as a mobile and again as a landline."""
    lender.records.add("C1")
    lender.records.addresses["12025550143"] = [("C1", "C1-m"), ("C1", "C1-e")]


def test_a_stop_from_a_number_that_the_records_hold_twice_ends_both(lender: Lender) -> None:
    twice(lender)
    take(lender, reply(sender="+1 202 555 0143"), channel="sms")
    subject = lender.journal.vault.references(["C1"])["C1"]
    points = {lender.journal.vault.pseudonym(subject, "point", name) for name in ("C1-m", "C1-e")}
    assert {body["contact_point"] for body in bodies("consent.withdrawn")} == points
    assert len(bodies("contact.replied")) == 1


def test_a_number_held_twice_is_still_of_one_person_who_is_known(lender: Lender) -> None:
    twice(lender)
    answer = reply(sender="+1 202 555 0143", text="thanks")
    take(lender, answer, reading(intents=("courtesy",)), channel="sms")
    assert bodies("contact.replied")[0]["needs_person"] is False


def test_a_stop_written_from_another_mailbox_ends_also_the_one_we_wrote_to(lender: Lender) -> None:
    work = sent(lender, "C1")
    lender.records.addresses["second@customers.example"] = [("C1", "C1-m")]
    take(lender, reply(sender="second@customers.example", in_reply_to=work.message_id))
    assert work.contact_point in {body["contact_point"] for body in bodies("consent.withdrawn")}
    assert len(bodies("consent.withdrawn")) == 2


def test_a_stop_that_answers_a_message_to_one_ends_the_address_for_all_who_share_it(lender: Lender) -> None:
    work = sent(lender, "C1")
    lender.records.reached_at(ADDRESS, "C1", "C2")
    take(lender, reply(in_reply_to=work.message_id))
    assert people_of("contact.replied", lender) == {"C1"}
    assert people_of("consent.withdrawn", lender) == {"C1", "C2"}
    lender.clock.move(days=3)
    lender.due("C2")
    assert lender.worker().claim().messages == ()


def test_an_address_that_nobody_has_goes_to_a_person(lender: Lender) -> None:
    taken = take(lender)
    assert [writer.customer_id for writer in taken.writers] == [f"{UNMATCHED}{ADDRESS}"]
    assert bodies("contact.replied")[0]["needs_person"] is True


def test_an_answer_to_a_message_of_somebody_erased_goes_to_a_person_and_not_to_them(lender: Lender) -> None:
    work = sent(lender, "C1")
    lender.journal.erase("C1", by="dpo", why="request")
    taken = take(lender, reply(in_reply_to=work.message_id))
    assert taken.writers[0].customer_id.startswith(UNMATCHED)
    assert bodies("contact.replied")[0]["in_reply_to"] is None


# --- once


def test_the_same_reply_twice_changes_nothing(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1", "C2")
    assert take(lender).is_new
    before = Event.objects.count()
    assert not take(lender).is_new
    assert Event.objects.count() == before


def test_replies_of_the_same_name_by_two_channels_are_two(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    assert take(lender).is_new
    assert take(lender, channel="sms").is_new


# --- what takes effect


@pytest.mark.parametrize(
    "act",
    [
        *("cease", "dispute", "fraud", "hardship", "pause", "complaint"),
        *("attorney", "bankruptcy", "deceased", "incapacity"),
    ],
)
def test_what_is_said_by_one_channel_binds_every_channel(lender: Lender, act: str) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    works = [lender.due("C1", channel) for channel in ("email", "sms")]
    take(lender, understand=reading(act))
    lender.clock.move(minutes=1)
    for work in works:
        assert lender.worker(work.channel, work.channel).claim().messages == ()
        work.refresh_from_db()
        assert work.state == State.HELD
    assert [body["hold"] for body in bodies("hold.placed")] == [{"pause": "hardship"}.get(act, act)]


def test_a_stop_ends_the_channel_by_which_it_came(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    take(lender, understand=reading("stop"))
    lender.clock.move(minutes=1)
    lender.due("C1", "email"), lender.due("C1", "sms")
    assert lender.worker("email").claim().messages == ()
    assert len(lender.worker("sms", "w2").claim().messages) == 1


def test_an_address_that_is_somebody_elses_is_not_written_to(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    take(lender, understand=reading("not_theirs"))
    lender.clock.move(minutes=1)
    lender.due("C1", "email"), lender.due("C1", "sms")
    assert lender.worker("email").claim().messages == ()
    assert len(lender.worker("sms", "w2").claim().messages) == 1


def test_several_acts_in_one_reply_all_take_effect(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    take(lender, understand=reading("stop", "dispute", "hardship"))
    assert {body["hold"] for body in bodies("hold.placed")} == {"dispute", "hardship"}
    assert len(bodies("consent.withdrawn")) == 1


def test_a_reply_and_what_it_does_stand_or_fall_together(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    record: Callable[..., Any] = lender.journal.record

    def failing(events: Any) -> Any:
        if any(event.kind == "hold.placed" for event in events):
            raise EventRefused("the disk is full")
        return record(events)

    monkeypatch.setattr(lender.journal, "record", failing)
    with pytest.raises(EventRefused):
        take(lender, understand=reading("dispute"))
    assert Event.objects.count() == 0
    monkeypatch.undo()
    assert take(
        lender, understand=reading("dispute")
    ).is_new  # nothing was lost: it is taken when it comes again


def test_a_promise_is_proposed_and_never_made(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    half = Part(4210, "USD", Fraction(1, 2), readings=(date(2026, 12, 1), date(2027, 1, 12)), doubts=("day",))
    take(lender, understand=reading(intents=("promise",), promise=(half,)))
    (proposed,) = bodies("promise.proposed")
    assert proposed["needs_person"] is True
    assert proposed["parts"] == [
        {
            "amount_minor": 4210,
            "currency": "USD",
            "share": "1/2",
            "is_rest": False,
            "days": ["2026-12-01", "2027-01-12"],
            "bound": "on",
            "doubts": ["day"],
        }
    ]
    assert bodies("promise.made") == []


def test_the_reader_is_told_what_is_past_due_and_whose_clock_it_is(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    asked: list[Context] = []

    def understand(text: str, at: datetime, language: str | None, context: Context) -> Understanding:
        asked.append(context)
        return Understanding((), (), (), ())

    take(lender, understand=understand)
    assert asked == [Context("USD", "America/New_York", 8420, "en")]


# --- what stands in events


@pytest.mark.parametrize("is_known", [True, False])
def test_nothing_personal_stands_in_an_event_or_its_key(lender: Lender, is_known: bool) -> None:
    if is_known:
        lender.records.reached_at(ADDRESS, "C1")
    half = Part(4210, "USD", readings=(date(2026, 12, 1),))
    acts = ("stop", "dispute", "not_theirs", "deceased")
    take(lender, understand=reading(*acts, intents=("promise",), promise=(half,)))
    for event in Event.objects.all():
        told = f"{event.body} {event.key} {event.subject_id}".lower()
        for secret in ("ann.", "example", "202 555", "c1-e", "c1-a", UNMATCHED):
            assert secret not in told, (event.kind, secret)


def test_what_they_wrote_lies_in_the_vault_and_goes_with_them(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    take(lender)
    item = bodies("contact.replied")[0]["personal"]["text"]["item"]

    def look() -> dict[str, str]:
        return lender.journal.reveal([item], by="anna", why="inbox", customer_id="C1")

    assert look() == {item: WORDS}
    lender.journal.erase("C1", by="dpo", why="request")
    assert look() == {}


def test_somebody_unmatched_can_be_erased_too(lender: Lender) -> None:
    take(lender)
    assert lender.journal.erase(f"{UNMATCHED}{ADDRESS}", by="dpo", why="request", may_return=True) > 0
    assert take(lender, reply(reply_id="<another>")).is_new, "a stranger who writes again is heard"


def test_who_is_erased_while_their_answer_is_taken_in_does_not_come_back(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    lender.journal.vault.admit(["C1"], NOON)
    known = lender.records.owners

    def erased_meanwhile(channel: str, address: str) -> Any:
        found = known(channel, address)
        if lender.records.addresses:
            lender.journal.erase("C1", by="dpo", why="request")
            lender.records.addresses.clear()
        return found

    monkeypatch.setattr(lender.records, "owners", erased_meanwhile)
    assert take(lender).writers[0].customer_id.startswith(UNMATCHED)
    assert lender.journal.vault.references(["C1"]) == {}
