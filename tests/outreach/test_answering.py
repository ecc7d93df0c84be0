"""What is answered without a person, what never is, and how a "yes" makes a promise of what was proposed."""

import json
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.law import Account
from dunwell.outreach.answering import CONFIRMABLE, Answering, proposed, stage_of
from dunwell.outreach.answers import Context, understand
from dunwell.outreach.answers.meaning import Act, Finding, Understanding
from dunwell.outreach.channel import Certainty, Outcome, Reply
from dunwell.outreach.facts import Proposed
from dunwell.outreach.incoming import take_reply
from dunwell.outreach.models import State, Work
from dunwell.outreach.permitting import Asked
from dunwell.outreach.told import promised
from tests.outreach.conftest import NOON, Lender

pytestmark = pytest.mark.django_db

ADDRESS = "ann@customers.example"
EVERYTHING = frozenset(CONFIRMABLE)
CONTEXT = Context("USD", "America/New_York", 8420)


def stage(text: str, confirm: frozenset[str] = EVERYTHING) -> str | None:
    return stage_of(understand(text, NOON, "en", CONTEXT), confirm)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("I do not want any contact from you at all, cease and desist", "stop_confirmed"),
        ("I dispute this debt, the amount is wrong", "dispute_answer"),
        ("I lost my job and cannot pay", "hardship_answer"),
        ("I can pay 50 on 30 November", "promise_check"),
        ("下周五还50", "promise_check"),
        ("STOP", None),  # obeyed in silence
        ("I can pay something soon", None),  # no amount, no day
        ("I can pay 50 on 30 November and 20 on 5 December", None),  # no text reads two parts back
        ("Ann Miller died last month", None),
        ("I lost my job and I want to kill myself", None),
        ("I want to speak to a person, I lost my job", None),
        ("You are thieves, go to hell, I lost my job", None),
        ("My lawyer represents me, I dispute this debt", None),
        ("You have the wrong person", None),
        ("Thank you", None),
    ],
)
def test_what_is_answered_without_a_person(text: str, wanted: str | None) -> None:
    assert stage(text) == wanted


@pytest.mark.parametrize("text", ["I dispute this debt, the amount is wrong", "I can pay 50 on 30 November"])
def test_what_the_policy_does_not_name_is_not_answered(text: str) -> None:
    assert stage(text, EVERYTHING - {"dispute", "promise"}) is None


def say(lender: Lender, text: str, number: int = 1, answered: str | None = None) -> None:
    reply = Reply(f"<{number}@customers.example>", ADDRESS, lender.clock(), text, answered)
    how = Answering(EVERYTHING, lambda: str(uuid4()))
    take_reply(lender.journal, lender.records, "email", reply, understand, how)


def answer_of(kind: str = "contact.replied") -> Work:
    event = Event.objects.filter(kind=kind).latest("id")
    return Work.objects.get(in_reply_to=event.event_id)


def send_all(lender: Lender) -> list[str]:
    """Send what is due; the stages that went out."""
    worker = lender.worker()
    messages = worker.claim().messages
    worker.settle([Outcome(message.message_id, "accepted") for message in messages])
    return [Work.objects.get(pk=message.message_id).stage for message in messages]


def test_a_dispute_is_confirmed_once_as_the_answer_to_their_own_message(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    for _ in range(2):
        say(lender, "I dispute this debt, the amount is wrong")
    work = answer_of()
    assert (work.stage, work.purpose, work.channel) == ("dispute_answer", "service", "email")
    lender.clock.move(minutes=1)
    assert send_all(lender) == ["dispute_answer"]
    permitted = json.loads(Event.objects.get(kind="contact.permitted").body)
    assert permitted["in_reply_to"] == work.in_reply_to
    assert Work.objects.count() == 1


def test_a_stop_on_every_channel_is_confirmed_and_nothing_else_goes_out_any_more(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    say(lender, "I do not want any contact from you at all, cease and desist")
    lender.clock.move(minutes=1)
    lender.due("C1")
    assert send_all(lender) == ["stop_confirmed"]
    lender.clock.move(minutes=1)
    assert send_all(lender) == []


def test_a_stop_of_one_channel_is_confirmed_once_where_the_law_allows_it(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    say(lender, "STOP")
    work = answer_of()
    assert (work.stage, work.purpose) == ("channel_stopped", "service")
    assert work.expires_at == lender.clock() + timedelta(minutes=5)
    lender.clock.move(minutes=1)
    assert send_all(lender) == ["channel_stopped"]
    say(lender, "STOP", number=2)
    lender.clock.move(minutes=1)
    assert send_all(lender) == []
    assert Work.objects.count() == 1


def test_two_workers_that_read_two_stops_at_once_make_one_confirmation(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each looks before the other's is to be seen."""
    lender.records.reached_at(ADDRESS, "C1")
    until = lender.clock() + timedelta(minutes=5)
    monkeypatch.setattr("dunwell.outreach.incoming.confirmed_until", lambda *said: until)
    say(lender, "STOP")
    say(lender, "STOP", number=2)
    assert Work.objects.count() == 1
    assert Event.objects.filter(kind="contact.replied").count() == 2
    assert Event.objects.filter(kind="consent.withdrawn").count() == 2


@pytest.mark.parametrize(
    ("outcome", "tries"), [("deferred", 2), ("refused", 1), ("unknown", 1), ("accepted", 1)]
)
def test_a_confirmation_that_fails_is_tried_within_its_minutes_and_never_made_anew(
    lender: Lender, outcome: Certainty, tries: int
) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    say(lender, "STOP")
    lender.clock.move(seconds=1)
    worker, sent = lender.worker(back_off_seconds=200), 0
    for number in range(2, 6):
        messages = worker.claim().messages
        sent += len(messages)
        worker.settle([Outcome(message.message_id, outcome) for message in messages])
        say(lender, "STOP", number)
        lender.clock.move(seconds=260)
    assert (sent, Work.objects.count()) == (tries, 1)


def test_a_number_that_the_records_hold_twice_gets_one_confirmation(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    lender.records.addresses[ADDRESS] = [("C1", "C1-e"), ("C1", "C1-m")]
    say(lender, "STOP")
    say(lender, "STOP", 2, answer_of().message_id)
    lender.records.addresses[ADDRESS].reverse()
    say(lender, "STOP", 3)
    assert Work.objects.count() == 1


def test_a_stop_that_was_read_late_is_obeyed_in_silence(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    said_at = lender.clock()
    lender.clock.move(minutes=5)
    reply = Reply("<late@customers.example>", ADDRESS, said_at, "STOP", None)
    take_reply(
        lender.journal,
        lender.records,
        "email",
        reply,
        understand,
        Answering(EVERYTHING, lambda: str(uuid4())),
    )
    assert Event.objects.filter(kind="consent.withdrawn").exists()
    assert not Work.objects.exists()


def test_a_confirmation_that_waited_too_long_is_not_sent(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    say(lender, "STOP")
    lender.clock.move(minutes=6)
    assert send_all(lender) == []
    assert Work.objects.get().state == State.EXPIRED


@pytest.mark.parametrize(
    "packs", [("gb", "house-floor"), ("us-reg-f", "us-ma", "house-floor"), ("house-floor",)]
)
def test_where_a_pack_does_not_allow_it_a_stop_is_obeyed_in_silence(
    lender: Lender, packs: tuple[str, ...]
) -> None:
    lender.records.packs = packs
    lender.records.reached_at(ADDRESS, "C1")
    say(lender, "STOP")
    assert not Work.objects.exists()


def test_a_stop_with_something_beside_it_is_not_confirmed_like_that(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    say(lender, "Stop texting me, I lost my job")
    assert not Work.objects.filter(stage="channel_stopped").exists()


def test_at_night_the_answer_waits_for_the_morning(lender: Lender) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    lender.clock.move(hours=11)  # 23:00 in New York
    lender.journal.record([NewEvent("hold.placed", NOON, "C1", body={"hold": "hardship"})])
    say(lender, "I lost my job and cannot pay")
    work = answer_of()
    lender.clock.move(hours=10)  # 9:00
    assert send_all(lender) == ["hardship_answer"]
    work.refresh_from_db()
    assert work.state == State.SENT


@pytest.mark.parametrize("owners", [(), ("C1", "C2")])
def test_whoever_is_not_known_for_sure_is_not_answered(lender: Lender, owners: tuple[str, ...]) -> None:
    lender.records.reached_at(ADDRESS, *owners)
    say(lender, "I dispute this debt, the amount is wrong")
    assert not Work.objects.exists()


def read_back(lender: Lender) -> Work:
    """A promise of theirs was read back to them."""
    lender.records.reached_at(ADDRESS, "C1")
    say(lender, "I can pay 50 on 30 November")
    assert send_all(lender) == ["promise_check"]
    lender.clock.move(minutes=5)
    return answer_of()


def made() -> list[Event]:
    return list(Event.objects.filter(kind="promise.made"))


def test_the_question_holds_what_they_proposed(lender: Lender) -> None:
    work = read_back(lender)
    asked = Asked(work, "C1", lender.records.persons["C1"], "C1-e", ("C1-A",), NOON)
    assert proposed(asked) == Proposed(("C1-A",), 5000, "USD", date(2026, 11, 30))
    assert not made()


def test_a_sum_for_several_debts_is_read_back_for_all_of_them_and_confirmed_as_one_promise(
    lender: Lender,
) -> None:
    lender.records.reached_at(ADDRESS, "C1")
    person = lender.records.persons["C1"]
    other = {f"C1-{name}": Account(20) for name in "BC"}
    lender.records.persons["C1"] = replace(person, accounts={**(person.accounts or {}), **other})
    say(lender, "I can pay 50 on 30 November")
    assert send_all(lender) == ["promise_check"]
    lender.clock.move(minutes=5)
    work = answer_of()
    assert len(work.accounts.split(";")) == 3
    say(lender, "YES", 2, work.message_id)
    (promise,) = made()
    assert json.loads(promise.body)["accounts"] == work.accounts.split(";")
    made_of = {**json.loads(promise.body), "accounts": ()}
    (row,) = promised(promise.event_id, NOON, made_of, ("C1-A", "C1-B", "C1-C"))
    assert (row.row["amount"], row.row["account_ids"]) == ("50.00", "C1-A;C1-B;C1-C")


@pytest.mark.parametrize("word", ["YES", "Yes, that's right. Thanks", "确认"])
def test_a_yes_makes_the_promise_once_and_needs_nobody(lender: Lender, word: str) -> None:
    work = read_back(lender)
    for number in (2, 2, 3):
        say(lender, word, number, work.message_id)
    (promise,) = made()
    body = json.loads(promise.body)
    assert body["parts"][0]["amount_minor"] == 5000 and body["parts"][0]["days"] == ["2026-11-30"]
    assert body["accounts"] == work.accounts.split(";") and body["message_id"] == work.message_id
    last = json.loads(Event.objects.filter(kind="contact.replied").latest("id").body)
    assert last["needs_person"] is False


def test_a_yes_to_our_question_does_nothing_else_whatever_it_is_taken_for(lender: Lender) -> None:
    work = read_back(lender)
    reply = Reply("<9@customers.example>", ADDRESS, lender.clock(), "Yes, that is right", work.message_id)
    finding = Finding("wrong_person", 0.3, 0, 18, reply.text, "the whole reads like it", "model.wrong_person")
    misread = Understanding((finding,), (), (Act("not_theirs", reply.text, "a model"),), ("look",))
    take_reply(lender.journal, lender.records, "email", reply, lambda *said: misread)
    assert len(made()) == 1 and not Event.objects.filter(kind="point.not_theirs").exists()


def test_a_yes_that_names_no_message_answers_the_last_one_sent_there(lender: Lender) -> None:
    read_back(lender)
    say(lender, "yes", 2)
    assert len(made()) == 1


@pytest.mark.parametrize("word", ["no", "yes but on Monday", "ok", "I can pay 30 on 30 November"])
def test_anything_else_makes_none(lender: Lender, word: str) -> None:
    work = read_back(lender)
    say(lender, word, 2, work.message_id)
    assert made() == []


def test_a_yes_to_something_else_or_too_late_makes_none(lender: Lender) -> None:
    read_back(lender)
    lender.clock.move(hours=2)
    later = lender.due("C1", stage="payment_received")
    later.purpose = "service"
    later.save()
    assert send_all(lender) == ["payment_received"]
    say(lender, "yes", 2)
    assert made() == []


def test_after_its_day_it_is_no_promise(lender: Lender) -> None:
    work = read_back(lender)
    lender.clock.move(days=9)
    say(lender, "yes", 2, work.message_id)
    assert made() == []


def test_whoever_promised_is_not_dunned_until_the_day_has_passed(lender: Lender) -> None:
    work = read_back(lender)
    say(lender, "yes", 2, work.message_id)
    lender.clock.move(days=1)
    reminder = lender.due("C1")
    assert send_all(lender) == []
    reminder.refresh_from_db()
    assert (reminder.state, reminder.why) == (State.HELD, "house-floor.open-promise")
    lender.clock.now = datetime.fromisoformat("2026-12-01T12:00:00-05:00")
    lender.due("C1", stage="negotiation")
    assert send_all(lender) == ["negotiation"]
