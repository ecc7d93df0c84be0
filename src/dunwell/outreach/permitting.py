"""One permission: the message as it would go out, the gate's verdict at this instant, and the event that records it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dunwell.journal.recording import NewEvent
from dunwell.law import Attempt, Gate, Person, Reason
from dunwell.law.addresses import same_points
from dunwell.outreach.channel import Message
from dunwell.outreach.models import State, Work
from dunwell.outreach.since import NOTHING, Since, held_for

UNKNOWN_POINT = Reason(
    "gate.unknown-contact-point",
    "dunwell: the gate fails closed",
    "missing",
    "The records no longer name the number or address that this contact was planned for.",
)
UNKNOWN_PERSON = Reason(
    "gate.unknown-customer",
    "dunwell: the gate fails closed",
    "missing",
    "The records do not know this person, or they were erased.",
)
UNDELIVERABLE = Reason(
    "house-floor.undeliverable",
    "house policy",
    "prohibited",
    "Messages to this number or address came back for good; it is not used again until the records name another.",
)
CANNOT_BE_MADE = Reason(
    "outreach.cannot-be-made",
    "dunwell: one message does not hold up the others",
    "missing",
    "The message could not be made from what is kept of this person; the log names the place.",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A contact that is due: the work, and whom and what it is about by the lender's own ids. ``withdrawn``: promises that no
    longer hold, of which the records may not know.
    """

    work: Work
    customer_id: str
    person: Person
    contact_point_id: str
    account_ids: tuple[str, ...]
    at: datetime
    withdrawn: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Composed:
    """A message as it would go out, and what the receipt says of its text."""

    message: Message
    text_id: str
    text_hash: str


class Compose(Protocol):
    """Makes the message for a contact, from an approved text filled in for the person."""

    def __call__(self, asked: Asked) -> Composed | Reason:
        """The message, or why there is none (no text fits, a value is missing, the review refuses it as rendered)."""
        ...


@dataclass(frozen=True, slots=True)
class Permitted:
    """A contact that may be made now: the message, and the event that permits it."""

    work: Work
    message: Message
    event: NewEvent


@dataclass(frozen=True, slots=True)
class Refused:
    """A contact that may not be made now: why, and from when it may (None: nothing known ends it)."""

    work: Work
    reasons: tuple[Reason, ...]
    not_before: datetime | None
    event: NewEvent

    def put_off(self) -> None:
        """Leave the work due for the instant at which it becomes lawful, where that is in its time; else held."""
        self.work.why = "; ".join(_in_short(reason) for reason in self.reasons)[:300]
        if self.not_before is not None and self.not_before < self.work.expires_at:
            self.work.due_at = self.not_before
        else:
            self.work.state = State.UNKNOWN if self.work.in_doubt else State.HELD


def permit(
    work: Work,
    customer_id: str,
    person: Person,
    gate: Gate,
    compose: Compose,
    pseudonym: Callable[[str, str], str],
    undeliverable: Collection[str],
    now: datetime,
    since: Since = NOTHING,
) -> Permitted | Refused:
    """May this message go out now? The gate is asked first, then the text is made and reviewed as it would be read.

    ``undeliverable``: pseudonyms of contact points from which messages came back for good. ``since``: what happened since the
    run.
    """
    points = {pseudonym("point", name): name for name in person.contact_points}
    accounts = {pseudonym("account", name): name for name in person.accounts or ()}
    named = [name for name in work.accounts.split(";") if name]
    point = points.get(work.contact_point or "")
    if point is None:
        return refused(work, (UNKNOWN_POINT,), None, now)
    if undeliverable and any(
        pseudonym("point", name) in undeliverable for name in same_points(person.contact_points, point)
    ):
        return refused(work, (UNDELIVERABLE,), None, now)
    if (held := held_for(since, person, work.purpose, work.stage, now)) is not None:
        return refused(work, (held,), None, now)
    attempt = Attempt(
        customer_id=customer_id,
        at=now,
        channel=work.channel,
        account_ids=tuple(accounts.get(name, name) for name in named),  # a pseudonym left is an unknown debt
        contact_point_id=point,
        purpose=work.purpose,
        in_reply_to=work.in_reply_to,
        automated=True,
        attempt_id=work.message_id,
    )
    verdict = gate.check(attempt, person)
    packs = [pack.key for pack in gate.packs]
    if not verdict.allowed:
        return refused(work, verdict.reasons, verdict.not_before, now, packs=packs)
    asked = Asked(work, customer_id, person, point, attempt.account_ids, now, since.withdrawn)
    composed = compose(asked)
    if isinstance(composed, Reason):
        return refused(work, (composed,), None, now, packs=packs)
    message = composed.message
    event = NewEvent(
        "contact.permitted",
        now,
        subject=str(work.subject_id),
        pseudonyms={"contact_point": work.contact_point, **({"accounts": sorted(named)} if named else {})},
        body={
            "message_id": work.message_id,
            "channel": work.channel,
            "purpose": work.purpose,
            "automated": True,
            "attempt": work.attempt_count + 1,
            "packs": packs,
            "law_hash": gate.content_hash,
            "text": composed.text_id,
            "text_hash": composed.text_hash,
            **({} if work.in_reply_to is None else {"in_reply_to": work.in_reply_to}),
            "owes": [{"notice": o.notice, "due_by": o.due_by.isoformat()} for o in verdict.owes],
        },
        personal={"text": message.text, "subject": message.subject, "address": message.to},
    )
    return Permitted(work, message, event)


def refused(
    work: Work, reasons: tuple[Reason, ...], not_before: datetime | None, now: datetime, **more: Any
) -> Refused:
    """A refusal and its event, with every reason and its clause."""
    body = {
        "message_id": work.message_id,
        "channel": work.channel,
        "purpose": work.purpose,
        "reasons": [_recorded(reason) for reason in reasons],
        "not_before": not_before,
        **more,
    }
    event = NewEvent("contact.refused", now, subject=str(work.subject_id), body=body)
    return Refused(work, reasons, not_before, event)


_OUTREACH = "outreach."
"""Reasons of our own, whose sentence tells more than the rule's text: no text that fits, what the review found."""


def _in_short(reason: Reason) -> str:
    return f"{reason.rule}: {reason.detail}" if reason.rule.startswith(_OUTREACH) else reason.rule


def _recorded(reason: Reason) -> dict[str, str]:
    told = {"rule": reason.rule, "citation": reason.citation, "effect": reason.effect}
    return told | ({"detail": reason.detail} if reason.rule.startswith(_OUTREACH) else {})
