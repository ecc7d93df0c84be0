"""What we answer by ourselves: that a stop, a dispute or a hardship was heard, and whether we understood a promise rightly.

An answer is due work like any other contact: the gate judges it when it is sent, as the one answer to the person's own
message, and its text is filled in from what is recorded. Nothing is answered where a person must speak first: where somebody
may come to harm, has died, is represented, is angry, is not the one we look for, or where it is not sure what was meant.
A promise is only proposed until the person says that amount and day are right.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from dunwell.journal.models import Event
from dunwell.journal.recording import Journal, NewEvent
from dunwell.law import Person
from dunwell.outreach.answers.meaning import Understanding
from dunwell.outreach.facts import Proposed
from dunwell.outreach.knowing import decoded, held_debts, seen_by_subject, with_journal
from dunwell.outreach.models import State, Work
from dunwell.outreach.permitting import Asked
from dunwell.outreach.records import Customer
from dunwell.outreach.texts.text import PURPOSES_BY_STAGE

CONFIRMABLE = ("stop", "dispute", "hardship", "promise")
"""What a lender's policy may have answered without a person (``[outreach.answers] confirm``)."""

CHECK = "promise_check"
_DAYS = 3
"""An answer is sent within so many days, at the first lawful hour, or not at all."""
_CHECKED_DAYS = 14
"""How long a "yes" is taken to answer our question."""
_STAGES: Mapping[frozenset[str], tuple[str, str]] = {
    frozenset({"cease"}): ("stop", "stop_confirmed"),
    frozenset({"stop", "cease"}): ("stop", "stop_confirmed"),
    frozenset({"dispute"}): ("dispute", "dispute_answer"),
    frozenset({"hardship"}): ("hardship", "hardship_answer"),
}
"""What took effect, exactly, to the policy's word and the text's stage. A stop of one channel is in ``confirming``."""
_ANSWERED_WITH = frozenset(
    {"stop", "dispute", "hardship", "cannot_pay", "payment_plan", "question", "promise"}
)
"""What else may be in a message that is answered: anything outside needs a person's own words."""


@dataclass(frozen=True, slots=True)
class Answering:
    """The lender's policy of answering, and where new message ids come from."""

    confirm: frozenset[str]
    new_id: Callable[[], str]


def stage_of(understood: Understanding, confirm: frozenset[str]) -> str | None:
    """The stage of the text that answers a message without a person; None where none may."""
    if understood.is_urgent or not understood.intents <= _ANSWERED_WITH:
        return None
    if understood.acts:
        word, stage = _STAGES.get(understood.kinds, ("", None))
        return stage if word in confirm else None
    is_plain = not understood.needs_person and understood.intents == {"promise"}
    if is_plain and len(understood.promise) == 1 and understood.promise[0].is_clear and "promise" in confirm:
        return CHECK
    return None


def answer(
    journal: Journal,
    how: Answering,
    person: Person,
    customer: Customer,
    channel: str,
    contact_point_id: str,
    reply_event: str,
    stage: str,
    until: datetime | None = None,
    key: str | None = None,
) -> Work | None:
    """Make due work of the answer to a reply, in the caller's transaction; None where the records name no debt of theirs, and
    where another worker made it at the same time.

    ``until``: the last instant at which it may go out, where that is not a matter of days. ``key``: what is answered once, where
    that is not this reply.
    """
    rows = sorted(customer.positions, key=lambda row: (-row["past_due_days"], row["account_id"]))
    late = [row["account_id"] for row in rows if row["past_due_days"] > 0]
    accounts = late or [row["account_id"] for row in rows]
    if not accounts:
        return None
    now, vault = journal.clock(), journal.vault
    (subject,) = vault.references([person.customer_id]).values()
    vault.open_keys([subject])
    if stage == CHECK:
        # One sum is of one currency: that of the debt which is longest overdue, as the message was read.
        of = {row["account_id"]: row["currency"] for row in rows}
        accounts = [name for name in accounts if of[name] == of[accounts[0]]]
        seen = decoded(seen_by_subject([subject])[subject], person, partial(vault.pseudonym, subject))
        held = held_debts(with_journal(person, seen), now)
        accounts = [name for name in accounts if name not in held] or accounts
    work = Work(
        message_id=how.new_id(),
        key=key or f"answer:{reply_event}",
        subject_id=subject,
        channel=channel,
        stage=stage,
        purpose=PURPOSES_BY_STAGE[stage][0],
        contact_point=vault.pseudonym(subject, "point", contact_point_id),
        accounts=";".join(vault.pseudonym(subject, "account", name) for name in accounts),
        in_reply_to=reply_event,
        priority=0,
        due_at=now,
        expires_at=until or now + timedelta(days=_DAYS),
        changed_at=now,
    )
    try:
        with transaction.atomic():
            work.save(force_insert=True)
    except IntegrityError:
        return None
    said = {
        "message_id": work.message_id,
        "channel": channel,
        "purpose": work.purpose,
        "stage": stage,
        "at": now,
        "in_reply_to": reply_event,
    }
    journal.record(
        [
            NewEvent(
                "contact.planned",
                now,
                person.customer_id,
                accounts=tuple(accounts),
                contact_point=contact_point_id,
                body=said,
            )
        ]
    )
    return work


def proposed(asked: Asked) -> Proposed | None:
    """What the reply that a check answers proposed, in its one part."""
    part = _part_of(str(asked.work.subject_id), asked.work.in_reply_to)
    if part is None or not asked.account_ids:
        return None
    day = date.fromisoformat(part["days"][0])
    return Proposed(asked.account_ids, part["amount_minor"], part["currency"], day)


def _part_of(subject: str, reply_event: str | None) -> dict[str, Any] | None:
    if reply_event is None:
        return None
    for event in Event.objects.filter(subject_id=subject, kind="promise.proposed").order_by("-id"):
        body = json.loads(event.body)
        if body.get("in_reply_to") == reply_event and len(body["parts"]) == 1:
            part: dict[str, Any] = body["parts"][0]
            return part
    return None


@dataclass(frozen=True, slots=True)
class Question:
    """Our question whether a promise was understood rightly, and the part that it read back."""

    work: Work
    part: Mapping[str, Any]


def asked_about(
    subject: str, channel: str, contact_point: str, answered: str | None, at: datetime, zone: str
) -> Question | None:
    """The question that a "yes" from this contact point answers. ``answered``: the message of ours that the reply names; where
    it names none, the last that was sent there. None where there is none, or its day is over (``zone``: their clock).
    """
    sent = Work.objects.filter(
        subject_id=subject,
        channel=channel,
        state__in=(State.SENT, State.UNKNOWN),
        contact_point=contact_point,
    )
    work = sent.order_by("-changed_at").first()
    if work is None or work.stage != CHECK or answered not in (None, work.message_id):
        return None
    part = _part_of(subject, work.in_reply_to)
    if part is None or at - work.changed_at > timedelta(days=_CHECKED_DAYS):
        return None
    is_over = date.fromisoformat(part["days"][0]) < at.astimezone(ZoneInfo(zone)).date()
    return None if is_over else Question(work, part)


def confirmation(question: Question, reply_event: str, channel: str, at: datetime) -> NewEvent:
    """The promise that a "yes" to our question makes."""
    work = question.work
    body = {
        "parts": [question.part],
        "by": "the person",
        "source": f"a reply by {channel} to our question",
        "channel": channel,
        "message_id": work.message_id,
        "in_reply_to": reply_event,
        "promise": work.message_id,
    }
    return NewEvent(
        "promise.made",
        at,
        subject=str(work.subject_id),
        pseudonyms={"accounts": work.accounts.split(";")},
        body=body,
        key=f"promise:{work.message_id}",
    )
