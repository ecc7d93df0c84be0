"""Answers that wait for a person: open until somebody deals with them, the urgent first, and who has which."""

import json

import pytest

from dunwell.journal.models import Event
from dunwell.outreach.answers import understand
from dunwell.outreach.channel import Reply
from dunwell.outreach.inbox import NoSuchReply, assign, items, mark_done
from dunwell.outreach.incoming import take_reply
from tests.outreach.conftest import Lender

pytestmark = pytest.mark.django_db

QUESTION = "Why do I owe this much? I dispute the debt"
URGENT = "I cannot go on, I want to kill myself"


def say(lender: Lender, text: str, number: int) -> str:
    address = f"ann{number}@customers.example"
    lender.records.reached_at(address, f"C{number}")
    reply = Reply(f"<{number}@customers.example>", address, lender.clock(), text)
    take_reply(lender.journal, lender.records, "email", reply, understand)
    return Event.objects.filter(kind="contact.replied").latest("id").event_id


def test_open_answers_are_listed_the_urgent_first_and_then_the_oldest(lender: Lender) -> None:
    first = say(lender, QUESTION, 1)
    lender.clock.move(minutes=1)
    second = say(lender, QUESTION, 2)
    lender.clock.move(minutes=1)
    urgent = say(lender, URGENT, 3)
    say(lender, "STOP", 4)  # needs nobody
    assert [item.event_id for item in items(lender.journal)] == [urgent, first, second]
    assert len(items(lender.journal, everything=True)) == 4
    assert items(lender.journal)[0].is_urgent


def test_an_answer_that_was_dealt_with_is_no_longer_open(lender: Lender) -> None:
    first, second = say(lender, QUESTION, 1), say(lender, QUESTION, 2)
    assert mark_done(lender.journal, first[-8:], "anna", "Called Ann, sent the papers") == first
    assert [item.event_id for item in items(lender.journal)] == [second]
    assert [item.is_done for item in items(lender.journal, everything=True)] == [False, True]
    said = Event.objects.get(kind="reply.done")
    assert json.loads(said.body)["by"] == "anna" and "papers" not in said.body
    with pytest.raises(NoSuchReply, match="is done already"):
        mark_done(lender.journal, first, "ben")
    with pytest.raises(NoSuchReply, match="is done already"):
        assign(lender.journal, first, "ben", "anna")


def test_whoever_was_named_last_has_it(lender: Lender) -> None:
    reply = say(lender, QUESTION, 1)
    assert items(lender.journal)[0].assigned_to is None
    assign(lender.journal, reply, "ben", "anna")
    assign(lender.journal, reply, "cat", "ben")
    (item,) = items(lender.journal)
    assert item.assigned_to == "cat"
    assert Event.objects.filter(kind="reply.assigned").count() == 2


@pytest.mark.parametrize("wrong", ["", "00000000-none", "-"])
def test_an_id_that_tells_no_answer_is_refused(lender: Lender, wrong: str) -> None:
    say(lender, QUESTION, 1)
    with pytest.raises(NoSuchReply, match="no answer ends with"):
        assign(lender.journal, wrong, "ben", "anna")


def test_an_end_that_several_have_is_refused(lender: Lender) -> None:
    ends: set[str] = set()
    number = 0
    while len(ends) == number:
        number += 1
        ends.add(say(lender, QUESTION, number)[-1])
    shared = Event.objects.filter(kind="contact.replied").latest("id").event_id[-1]
    with pytest.raises(NoSuchReply, match="several answers end with"):
        mark_done(lender.journal, shared, "anna")


def test_whoever_was_erased_waits_no_more(lender: Lender) -> None:
    say(lender, QUESTION, 1)
    lender.journal.erase("C1", by="dpo", why="request")
    assert items(lender.journal) == []
