"""What a provider says later: once, whatever the order in which it comes; and what the person wants holds at once."""

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest

from dunwell.journal.models import Event
from dunwell.outreach import receipts
from dunwell.outreach.channel import Outcome, Receipt
from dunwell.outreach.models import EarlyReceipt, ProviderReference, State, Work
from dunwell.outreach.receipts import take_receipts
from tests.outreach.conftest import NOON, Lender

pytestmark = pytest.mark.django_db

LONG = "x" * 200
"""A provider may call a message anything; the contract of an HTTP provider allows 200 characters."""


def sent(lender: Lender, customer: str, reference: str | None = None) -> Work:
    """A message that the provider took."""
    work = lender.due(customer)
    worker = lender.worker()
    worker.claim()
    worker.settle([Outcome(work.message_id, "accepted", "250", (reference,) if reference else ())])
    lender.clock.move(seconds=1)
    return work


def take(lender: Lender, found: Sequence[Receipt], provider: str = "loopback") -> int:
    return take_receipts(lender.journal, provider, found, lender.records)


def count(kind: str) -> int:
    return Event.objects.filter(kind=kind).count()


def test_a_receipt_that_was_looked_up_just_before_our_record_was_there_is_not_left_waiting(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL the worker's record and the receipt's look-up run side by side, each blind to the other."""
    sent(lender, "C1", "77")
    look, blind = receipts._works, iter([True])
    monkeypatch.setattr(receipts, "_works", lambda *given: {} if next(blind, False) else look(*given))
    assert take(lender, [Receipt("r1", "delivered", NOON, None, "77")]) == 1
    assert (EarlyReceipt.objects.count(), count("contact.delivered")) == (0, 1)


def test_what_a_worker_left_waiting_that_stopped_after_its_record_is_taken_when_it_starts_anew(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(lender, [Receipt("r1", "delivered", NOON, None, "77")])
    with monkeypatch.context() as stopped:
        stopped.setattr("dunwell.outreach.dispatching.take_early", lambda *given: 0)
        sent(lender, "C1", "77")
    assert count("contact.delivered") == 0
    lender.worker().recover()
    assert (EarlyReceipt.objects.count(), count("contact.delivered")) == (0, 1)


def test_a_receipt_that_names_a_message_of_ours_by_the_providers_name_as_well_is_found_by_either(
    lender: Lender,
) -> None:
    sent(lender, "C1", "77")
    receipt = Receipt("r1", "delivered", NOON, message_id="somebody-elses", provider_reference="77")
    assert take(lender, [receipt]) == 1


def test_the_same_receipt_twice_is_recorded_once(lender: Lender) -> None:
    work = sent(lender, "C1")
    receipt = Receipt("r1", "delivered", NOON, message_id=work.message_id)
    assert take(lender, [receipt, receipt]) == 1
    assert take(lender, [receipt]) == 0
    assert count("contact.delivered") == 1


def test_receipts_with_long_names_that_differ_only_at_their_ends_are_not_taken_for_one(
    lender: Lender,
) -> None:
    work = sent(lender, "C1")
    for end in "ab":
        receipt = Receipt(LONG + end, "delayed", NOON, message_id=work.message_id)
        assert take(lender, [receipt]) == 1
    assert count("contact.delayed") == 2


def test_a_late_receipt_of_an_earlier_time_is_recorded_with_both_times(lender: Lender) -> None:
    work = sent(lender, "C1", "77")
    happened_at = lender.clock()
    lender.clock.move(days=40)
    take(lender, [Receipt("r1", "delivered", happened_at, None, "77")])
    event = Event.objects.get(kind="contact.delivered")
    assert (event.happened_at, event.recorded_at) == (happened_at, happened_at + timedelta(days=40))
    assert json.loads(event.body)["message_id"] == work.message_id


@pytest.mark.parametrize("reference", ["77", LONG])
def test_a_receipt_that_is_faster_than_our_own_record_waits_for_it(lender: Lender, reference: str) -> None:
    work = lender.due("C1")
    worker = lender.worker()
    worker.claim()
    receipt = Receipt("r1", "delivered", NOON, provider_reference=reference)
    for _ in range(2):
        assert take(lender, [receipt]) == 0
    assert (EarlyReceipt.objects.count(), count("contact.delivered")) == (1, 0)
    worker.settle([Outcome(work.message_id, "accepted", "250", (reference,))])
    assert (EarlyReceipt.objects.count(), count("contact.delivered")) == (0, 1)
    assert take(lender, [receipt]) == 0  # and once more, too late
    assert count("contact.delivered") == 1


def test_what_a_provider_calls_a_message_fits_its_column(lender: Lender) -> None:
    """PostgreSQL refuses what is too long, and the outcome of a whole batch with it."""
    sent(lender, "C1", LONG)
    longest = ProviderReference._meta.get_field("reference").max_length
    assert longest is not None and len(ProviderReference.objects.get().reference) <= longest


def test_another_providers_name_is_not_ours(lender: Lender) -> None:
    sent(lender, "C1", "77")
    receipt = Receipt("r1", "delivered", NOON, provider_reference="77")
    assert take(lender, [receipt], "another") == 0
    assert count("contact.delivered") == 0


def test_a_receipt_of_a_message_that_was_never_ours_changes_nothing(lender: Lender) -> None:
    receipt = Receipt("r1", "bounced", NOON, message_id="not-ours", permanent=True)
    assert take(lender, [receipt]) == 0
    assert (Event.objects.count(), EarlyReceipt.objects.count()) == (0, 0)


def test_one_receipt_that_is_not_ours_does_not_keep_the_others_back(lender: Lender) -> None:
    work = sent(lender, "C1")
    receipts = [
        Receipt("r1", "opened", NOON, message_id="not-ours"),
        Receipt("r2", "opened", NOON, message_id=work.message_id),
    ]
    assert take(lender, receipts) == 1


def test_who_unsubscribes_is_not_written_to_again_by_that_channel(lender: Lender) -> None:
    work = sent(lender, "C1")
    receipt = Receipt("r1", "unsubscribed", lender.clock(), message_id=work.message_id)
    take(lender, [receipt])
    lender.clock.move(days=3)
    again, by_sms = lender.due("C1", stage="second"), lender.due("C1", "sms")
    assert lender.worker().claim().messages == ()
    again.refresh_from_db()
    assert again.state == State.HELD
    refusal = json.loads(Event.objects.get(kind="contact.refused").body)
    assert {reason["effect"] for reason in refusal["reasons"]} == {"prohibited"}
    assert [m.message_id for m in lender.worker("sms", "w2").claim().messages] == [by_sms.message_id]


def test_an_address_that_was_unsubscribed_is_written_to_for_nobody_who_has_it(lender: Lender) -> None:
    work = sent(lender, "C1")
    lender.records.reached_at("the.millers@customers.example", "C1", "C2")
    for _ in range(2):
        take(lender, [Receipt("r1", "unsubscribed", lender.clock(), message_id=work.message_id)])
    assert count("consent.withdrawn") == 2
    lender.clock.move(days=3)
    for name in ("C1", "C2"):
        lender.due(name, stage="second")
    assert lender.worker().claim().messages == ()


@pytest.mark.parametrize("kind", ["bounced", "returned"])
def test_an_address_from_which_a_message_came_back_for_good_is_not_used_again(
    lender: Lender, kind: str
) -> None:
    work = sent(lender, "C1")
    receipt = Receipt("r1", kind, NOON, work.message_id, permanent=True, detail="5.1.1")  # type: ignore[arg-type]
    take(lender, [receipt])
    lender.clock.move(days=3)
    again = lender.due("C1", stage="second")
    assert lender.worker().claim().messages == ()
    again.refresh_from_db()
    assert (again.state, again.why) == (State.HELD, "house-floor.undeliverable")


def test_a_full_mailbox_does_not_end_an_address(lender: Lender) -> None:
    work = sent(lender, "C1")
    take(lender, [Receipt("r1", "bounced", NOON, work.message_id)])
    lender.clock.move(days=3)
    lender.due("C1", stage="second")
    assert len(lender.worker().claim().messages) == 1


def test_a_receipt_about_somebody_erased_is_recorded_and_names_nobody(lender: Lender) -> None:
    work = sent(lender, "C1")
    lender.journal.erase("C1", by="dpo", why="request")
    receipt = Receipt("r1", "delivered", NOON, message_id=work.message_id)
    assert take(lender, [receipt]) == 1
    assert "C1" not in Event.objects.get(kind="contact.delivered").body
