"""Permission and claim in one step; what happens to a message at every turn; one truth a person, whatever the channel."""

import json
import os
from datetime import UTC, datetime, time, timedelta

import pytest

from dunwell.journal.keys import KeyMissing, LocalMasterKeys
from dunwell.journal.models import Event
from dunwell.journal.recording import Journal, NewEvent
from dunwell.law import Gate, Reason
from dunwell.law.overlay import read_law
from dunwell.outreach.channel import Outcome
from dunwell.outreach.dispatching import Dispatcher
from dunwell.outreach.knowing import decoded, seen_by_subject, with_journal
from dunwell.outreach.models import State, Work
from dunwell.outreach.pacing import QuietHours
from dunwell.outreach.permitting import Asked, Composed
from tests.outreach.conftest import NOON, Lender, compose
from tests.outreach.worker_program import LAW

pytestmark = pytest.mark.django_db


def kinds() -> list[str]:
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


def test_a_message_is_permitted_claimed_sent_and_recorded(lender: Lender) -> None:
    work = lender.due("C1")
    worker = lender.worker()
    claimed = worker.claim()
    assert [message.to for message in claimed.messages] == ["C1@customers.example"]
    assert kinds() == ["contact.permitted"]
    permitted = json.loads(Event.objects.get().body)
    assert permitted["packs"] == ["us-reg-f", "house-floor"] and len(permitted["law_hash"]) == 64
    worker.settle([Outcome(work.message_id, "accepted", "250 queued as 77", ("77",))])
    work.refresh_from_db()
    assert (work.state, work.why) == (State.SENT, "250 queued as 77")
    assert kinds() == ["contact.permitted", "contact.sent"]
    assert worker.claim().messages == ()


def test_settling_twice_changes_nothing(lender: Lender) -> None:
    work = lender.due("C1")
    worker = lender.worker()
    worker.claim()
    for _ in range(2):
        worker.settle([Outcome(work.message_id, "accepted")])
    assert kinds().count("contact.sent") == 1


def test_at_night_nothing_is_claimed_and_the_work_waits_for_the_morning(lender: Lender) -> None:
    lender.clock.move(hours=10)  # 22:00 in New York
    work = lender.due("C1")
    assert lender.worker().claim().messages == ()
    work.refresh_from_db()
    assert work.state == State.DUE
    assert work.due_at.isoformat() == "2026-11-24T13:00:00+00:00"
    refusal = json.loads(Event.objects.get(kind="contact.refused").body)
    assert refusal["reasons"][0]["rule"] == "us-reg-f.hours"
    assert refusal["reasons"][0]["citation"]


@pytest.mark.parametrize("hold", ["cease", "dispute", "hardship", "complaint", "attorney", "deceased"])
def test_what_is_learned_on_one_channel_stops_every_channel_at_once(lender: Lender, hold: str) -> None:
    by_email, by_sms = lender.due("C1", "email"), lender.due("C1", "sms")
    lender.journal.record([NewEvent("hold.placed", NOON, "C1", body={"hold": hold, "source": "sms"})])
    lender.clock.move(minutes=5)
    for channel, work in (("email", by_email), ("sms", by_sms)):
        assert lender.worker(channel, channel).claim().messages == ()
        work.refresh_from_db()
        assert work.state == State.HELD


def test_a_hold_ends_only_by_an_event(lender: Lender) -> None:
    lender.journal.record([NewEvent("hold.placed", NOON, "C1", body={"hold": "dispute"})])
    lender.clock.move(days=400)
    lender.due("C1")
    assert lender.worker().claim().messages == ()
    lender.journal.record(
        [NewEvent("hold.lifted", lender.clock(), "C1", body={"hold": "dispute", "by": "anna"})]
    )
    lender.clock.move(minutes=1)
    lender.due("C1", stage="after")
    assert len(lender.worker().claim().messages) == 1


def is_held(lender: Lender) -> bool:
    lender.clock.move(minutes=1)
    lender.due("C1", stage=f"at {lender.clock()}")
    return lender.worker().claim().messages == ()


def test_who_lifts_a_hold_has_not_lifted_one_that_was_written_before_and_came_in_after(
    lender: Lender,
) -> None:
    record = lender.journal.record
    record([NewEvent("hold.placed", NOON, "C1", body={"hold": "complaint"})])
    lender.clock.move(hours=2)
    record([NewEvent("hold.lifted", lender.clock(), "C1", body={"hold": "complaint", "by": "anna"})])
    lender.clock.move(hours=1)
    record([NewEvent("hold.placed", NOON + timedelta(hours=1), "C1", body={"hold": "complaint"})])
    assert is_held(lender)


def test_the_hold_of_a_debt_that_the_records_know_no_more_is_lifted_alone(lender: Lender) -> None:
    lender.records.add("C1")
    body = {"hold": "dispute"}
    for debt in ("C1-A", "C1-SOLD"):
        lender.journal.record([NewEvent("hold.placed", NOON, "C1", accounts=(debt,), body=body)])
    lender.clock.move(hours=2)
    lifted = NewEvent("hold.lifted", lender.clock(), "C1", accounts=("C1-SOLD",), body=body | {"by": "anna"})
    lender.journal.record([lifted])
    assert is_held(lender)


@pytest.mark.parametrize(("hours", "held"), [(1, True), (12, True), (14, False)])
def test_a_hold_that_the_lender_told_of_before_the_run_is_the_records_to_end(
    lender: Lender, hours: float, held: bool
) -> None:
    """The run took the row into the book, where a tape may have ended it since; the book of the test has none."""
    body = {"hold": "dispute", "source": "api bank", "row": "H1"}
    lender.journal.record([NewEvent("hold.placed", NOON - timedelta(hours=hours), "C1", body=body)])
    assert is_held(lender) == held


def test_an_opt_out_of_an_address_binds_that_channel_and_does_not_lapse(lender: Lender) -> None:
    lender.due("C1", "sms")
    lender.journal.record(
        [NewEvent("consent.withdrawn", NOON, "C1", contact_point="C1-m", body={"channel": "sms"})]
    )
    lender.clock.move(minutes=1)
    assert lender.worker("sms").claim().messages == ()
    lender.due("C1", "email")
    assert len(lender.worker("email", "w2").claim().messages) == 1


def test_somebody_erased_after_planning_is_not_written_to(lender: Lender) -> None:
    work = lender.due("C1")
    lender.journal.erase("C1", by="dpo", why="request")
    assert lender.worker().claim().messages == ()
    work.refresh_from_db()
    assert (work.state, work.why) == (State.HELD, "gate.unknown-customer")


def test_somebody_whom_the_records_no_longer_know_is_not_written_to(lender: Lender) -> None:
    work = lender.due("C1")
    lender.records.persons.clear()
    lender.worker().claim()
    work.refresh_from_db()
    assert work.state == State.HELD


def test_a_refused_message_is_a_dead_letter_with_its_reason(lender: Lender) -> None:
    work = lender.due("C1")
    worker = lender.worker()
    worker.claim()
    worker.settle([Outcome(work.message_id, "refused", "550 no such user")])
    work.refresh_from_db()
    assert (work.state, work.why) == (State.FAILED, "550 no such user")


def test_a_deferred_message_is_tried_again_later_and_later_and_then_given_up(lender: Lender) -> None:
    work = lender.due("C1")
    worker = lender.worker(attempts_max=3, back_off_seconds=60.0)
    waits = []
    for _ in range(3):
        assert len(worker.claim().messages) == 1
        worker.settle([Outcome(work.message_id, "deferred", "451 try later")])
        work.refresh_from_db()
        waits.append((work.due_at - lender.clock()).total_seconds())
        assert worker.claim().messages == ()
        lender.clock.now = max(lender.clock.now, work.due_at)
    assert work.state == State.FAILED
    assert 45 <= waits[0] <= 75 and 90 <= waits[1] <= 150


def test_the_providers_wish_to_wait_longer_is_honoured(lender: Lender) -> None:
    work = lender.due("C1")
    worker = lender.worker()
    worker.claim()
    worker.settle([Outcome(work.message_id, "deferred", "429", retry_after_seconds=900)])
    work.refresh_from_db()
    assert (work.due_at - NOON).total_seconds() == 900


def test_a_message_in_doubt_is_marked_and_never_tried_again(lender: Lender) -> None:
    work = lender.due("C1")
    worker = lender.worker()
    worker.claim()
    worker.settle([Outcome(work.message_id, "unknown", "the connection ended after DATA")])
    lender.clock.move(hours=2)
    assert worker.claim().messages == ()
    work.refresh_from_db()
    assert work.state == State.UNKNOWN
    assert kinds() == ["contact.permitted", "contact.unknown"]


def test_after_a_crash_what_never_left_is_due_again_and_what_may_have_left_is_in_doubt(
    lender: Lender,
) -> None:
    works = [lender.due(f"C{number}") for number in range(6)]
    worker = lender.worker()
    worker.recover()
    claimed = [message.message_id for message in worker.claim().messages]
    worker._wire.begin(claimed[:2])
    again = lender.worker()  # the same name after a restart
    assert again.recover() == 2
    states = {work.message_id: work.state for work in Work.objects.all()}
    assert [states[name] for name in claimed] == [State.UNKNOWN] * 2 + [State.DUE] * 4
    assert len(again.claim().messages) == 4
    assert len(works) == 6


def test_after_the_machine_was_restarted_everything_claimed_is_in_doubt(lender: Lender) -> None:
    from dunwell.outreach.wire import WireRecord

    lender.due("C1")
    worker = lender.worker()
    worker.recover()
    worker.claim()
    assert not worker._wire.may_have_left(Work.objects.get().message_id)
    assert WireRecord(worker._wire.file, "another boot").may_have_left(Work.objects.get().message_id)
    assert WireRecord(worker._wire.file.with_name("gone"), "another boot").may_have_left("m")


def test_work_whose_day_is_over_is_not_sent_the_next_day(lender: Lender) -> None:
    work = lender.due("C1")
    lender.clock.move(hours=24)
    assert lender.worker().claim().messages == ()
    work.refresh_from_db()
    assert work.state == State.EXPIRED


def test_two_contacts_to_one_person_are_not_judged_side_by_side(lender: Lender) -> None:
    lender.due("C1", stage="a")
    lender.due("C1", stage="b")
    assert len(lender.worker().claim().messages) == 1


def test_a_providers_rate_is_kept_by_all_its_workers_together(lender: Lender) -> None:
    from dunwell.outreach.pacing import Rate

    for number in range(40):
        lender.due(f"C{number}")
    rate = Rate(per_second=5, burst=10)
    one, two = lender.worker(name="w1", rate=rate), lender.worker(name="w2", rate=rate)
    first = len(one.claim().messages) + len(two.claim().messages)
    lender.clock.move(seconds=2)
    second = len(two.claim().messages) + len(one.claim().messages)
    assert (first, second) == (10, 10)


def test_a_channel_is_silent_in_its_quiet_hours(lender: Lender) -> None:
    lender.due("C1")
    quiet = QuietHours(time(9), time(18), "Europe/Berlin")  # 17:00 UTC is 18:00 in Berlin
    lender.clock.move(minutes=1)
    assert lender.worker(quiet=quiet).claim().messages == ()
    wakes = quiet.wakes_at(lender.clock())
    assert wakes is not None and wakes.isoformat() == "2026-11-24T09:00:00+01:00"


@pytest.mark.parametrize(
    ("quiet_from", "quiet_to", "quiet_at"),
    [
        ("20:00", "08:00", ("03:00", "07:59", "23:00")),
        ("00:00", "08:00", ("03:00", "07:59")),
        ("01:00", "05:00", ("03:00",)),
        ("12:00", "14:00", ("13:00",)),
    ],
)
def test_a_channel_is_quiet_between_two_clocks_and_open_at_all_others(
    quiet_from: str, quiet_to: str, quiet_at: tuple[str, ...]
) -> None:
    quiet = QuietHours(time.fromisoformat(quiet_to), time.fromisoformat(quiet_from), "UTC")
    for clock in ("03:00", "07:59", "09:00", "13:00", "19:00", "23:00"):
        at = datetime.combine(NOON.date(), time.fromisoformat(clock), UTC)
        wakes = quiet.wakes_at(at)
        assert (wakes is not None) == (clock in quiet_at), clock
        assert wakes is None or (wakes > at and wakes.time() == time.fromisoformat(quiet_to))


def test_a_message_that_went_out_counts_whatever_order_the_clocks_of_two_workers_give(lender: Lender) -> None:
    """One worker puts it back after a crash while the other, whose clock was read before, already permits it again."""
    work = lender.due("C1")
    lender.worker().claim()
    body = {"message_id": work.message_id, "channel": "email", "why": "the worker stopped before it was sent"}
    permitted = json.loads(Event.objects.get(kind="contact.permitted").body)
    subject = str(work.subject_id)
    again = {name: permitted[name] for name in ("message_id", "channel", "purpose")}
    pseudonyms = {"accounts": permitted["accounts"]}
    lender.clock.move(seconds=1)
    lender.journal.record(
        [
            NewEvent("contact.permitted", NOON, subject=subject, body=again, pseudonyms=pseudonyms),
            NewEvent("contact.deferred", lender.clock(), subject=subject, body=body),
        ]
    )
    rows = seen_by_subject([subject])[subject]
    vault = lender.journal.vault
    seen = decoded(
        rows, lender.records.persons["C1"], lambda kind, name: vault.pseudonym(subject, kind, name)
    )
    person = with_journal(lender.records.persons["C1"], seen)
    assert [contact.contact_id for contact in person.contacts] == [work.message_id]


def test_what_another_machine_permitted_by_a_clock_ahead_of_ours_counts(lender: Lender) -> None:
    law = read_law(LAW).packs
    lender.records._gate = Gate(["house-floor", "house"], "first_party", known=law)
    lender.due("C1", "sms")
    assert len(lender.worker("sms", "w2").claim().messages) == 1
    lender.clock.move(seconds=-30)
    second = lender.due("C1", "email")
    assert lender.worker().claim().messages == ()
    second.refresh_from_db()
    assert second.why == "house.contact-budget-day"


# --- one that goes wrong does not take the others with it


def broken_for(lender: Lender, *names: str) -> Dispatcher:
    """A worker whose messages to these people cannot be made, for a reason that nobody thought of."""

    def compose_or_break(asked: Asked) -> Composed | Reason:
        if asked.customer_id in names:
            raise KeyError("jurisdiction")
        return compose(asked)

    worker = lender.worker(attempts_max=3, back_off_seconds=60.0)
    worker._judge._compose = compose_or_break
    return worker


def test_a_message_that_cannot_be_made_does_not_hold_up_the_others(lender: Lender) -> None:
    works = {name: lender.due(name) for name in ("C1", "C2", "C3")}
    worker = broken_for(lender, "C2")
    claimed = worker.claim()
    assert {message.to[:2] for message in claimed.messages} == {"C1", "C3"}
    assert claimed.not_now_count == 1
    works["C2"].refresh_from_db()
    assert works["C2"].state == State.DUE and works["C2"].due_at > lender.clock()
    assert kinds().count("contact.permitted") == 2


def test_a_message_that_can_never_be_made_is_a_dead_letter_with_its_reason(lender: Lender) -> None:
    work = lender.due("C1")
    worker = broken_for(lender, "C1")
    for _ in range(5):
        assert worker.claim().messages == ()
        work.refresh_from_db()
        lender.clock.now = max(lender.clock.now, work.due_at)
    assert (work.state, work.attempt_count) == (State.FAILED, 3)
    assert "outreach.cannot-be-made" in work.why and "KeyError" in work.why
    assert "contact.permitted" not in kinds() and kinds().count("contact.failed") == 1


def test_a_message_put_off_like_that_is_counted_once_it_went_out(lender: Lender) -> None:
    lender.due("C1")
    assert broken_for(lender, "C1").claim().messages == ()
    lender.clock.move(minutes=5)
    worker = lender.worker()
    (message,) = worker.claim().messages
    worker.settle([Outcome(message.message_id, "accepted")])
    subject = str(Work.objects.get().subject_id)
    vault, person = lender.journal.vault, lender.records.persons["C1"]
    seen = decoded(
        seen_by_subject([subject])[subject], person, lambda kind, name: vault.pseudonym(subject, kind, name)
    )
    assert [contact.contact_id for contact in with_journal(person, seen).contacts] == [message.message_id]


@pytest.mark.parametrize("words", ["550 \udcb2\udcbb\udcb4\udce6", "550 no\0body", "250 ok \ud83d"])
def test_an_answer_that_is_no_text_is_recorded_all_the_same(lender: Lender, words: str) -> None:
    """Mail servers answer in their own character set; the words of one must not put the outcome of others in doubt."""
    works = [lender.due("C1"), lender.due("C2")]
    worker = lender.worker()
    worker.claim()
    worker.settle(
        [
            Outcome(works[0].message_id, "refused", words),
            Outcome(works[1].message_id, "accepted", "", ("77",)),
        ]
    )
    assert {work.message_id: work.state for work in Work.objects.all()} == {
        works[0].message_id: State.FAILED,
        works[1].message_id: State.SENT,
    }


def test_a_providers_name_that_cannot_be_kept_leaves_the_outcome(lender: Lender) -> None:
    works = [lender.due("C1"), lender.due("C2")]
    worker = lender.worker()
    worker.claim()
    worker.settle(
        [
            Outcome(works[0].message_id, "accepted", "", ("\ud83d",)),
            Outcome(works[1].message_id, "accepted", "", ("77",)),
        ]
    )
    assert {work.state for work in Work.objects.all()} == {State.SENT}
    assert kinds().count("contact.sent") == 2


def test_a_master_key_that_is_not_here_stops_the_worker_and_gives_nothing_up(lender: Lender) -> None:
    work = lender.due("C1")
    rotated = LocalMasterKeys({"k2": bytes(32), "k1": bytes(range(32))}, os.urandom)
    Journal(rotated, clock=lender.clock, random=os.urandom).vault.rewrap()
    lender.journal.vault._open.clear()
    with pytest.raises(KeyMissing, match="start anew"):
        lender.worker().claim()
    work.refresh_from_db()
    assert (work.state, work.attempt_count) == (State.DUE, 0)


# --- a provider that takes a message id only once


def asked_in_doubt(lender: Lender) -> Dispatcher:
    """A worker of such a provider, which did not answer in time."""
    worker = lender.worker("sms", attempts_max=3, back_off_seconds=60.0)
    worker._is_idempotent = True
    (message,) = worker.claim().messages
    worker.settle([Outcome(message.message_id, "deferred", "ReadTimeout", in_doubt=True)])
    return worker


def under_a_budget_of_one_a_day(lender: Lender) -> None:
    lender.records._gate = Gate(["house-floor", "house"], "first_party", known=read_law(LAW).packs)


def test_what_a_provider_may_have_taken_counts_against_the_budget_until_it_is_known(lender: Lender) -> None:
    under_a_budget_of_one_a_day(lender)
    lender.due("C1", "sms")
    asked_in_doubt(lender)
    lender.clock.move(seconds=1)
    by_email = lender.due("C1", "email")
    assert lender.worker("email", "w2").claim().messages == ()
    by_email.refresh_from_db()
    assert by_email.why == "house.contact-budget-day"


def test_asked_for_again_it_is_the_same_message_and_not_a_second_one(lender: Lender) -> None:
    under_a_budget_of_one_a_day(lender)
    work = lender.due("C1", "sms")
    worker = asked_in_doubt(lender)
    lender.clock.move(minutes=5)
    (message,) = worker.claim().messages
    worker.settle([Outcome(message.message_id, "accepted")])
    work.refresh_from_db()
    assert (work.state, work.in_doubt) == (State.SENT, False)


@pytest.mark.parametrize("end", ["its day is over", "somebody stopped us", "it was tried enough"])
def test_what_is_never_asked_for_again_is_unknown_and_not_called_unsent(lender: Lender, end: str) -> None:
    work = lender.due("C1", "sms")
    worker = asked_in_doubt(lender)
    lender.clock.move(minutes=5)
    if end == "its day is over":
        lender.clock.move(hours=24)
    elif end == "somebody stopped us":
        lender.journal.record([NewEvent("hold.placed", NOON, "C1", body={"hold": "dispute"})])
    for _ in range(3):
        for message in worker.claim().messages:
            worker.settle([Outcome(message.message_id, "deferred", "429 later")])
        lender.clock.move(minutes=10)
    work.refresh_from_db()
    assert work.state == State.UNKNOWN
    assert kinds()[-1] == "contact.unknown" and "contact.failed" not in kinds()


def test_a_worker_of_such_a_provider_that_was_killed_leaves_it_in_doubt(lender: Lender) -> None:
    work = lender.due("C1", "sms")
    worker = lender.worker("sms")
    worker._is_idempotent = True
    worker.recover()
    (message,) = worker.claim().messages
    worker._wire.begin([message.message_id])
    worker.recover()
    work.refresh_from_db()
    assert (work.state, work.in_doubt) == (State.DUE, True)
    assert json.loads(Event.objects.get(kind="contact.deferred").body)["in_doubt"] is True


def test_a_clock_ahead_of_ours_opens_no_hours_that_are_shut_by_ours(lender: Lender) -> None:
    lender.clock.now = datetime(2026, 11, 23, 12, 57, tzinfo=UTC)  # 7:57 in New York
    lender.due("C1")
    said = {"message_id": "another", "channel": "call", "purpose": "remind"}
    at_eight = lender.clock() + timedelta(minutes=4)
    lender.journal.record([NewEvent("contact.permitted", at_eight, "C1", body=said)])
    assert lender.worker().claim().messages == ()
    assert "us-reg-f.hours" in Event.objects.get(kind="contact.refused").body
