"""What people write back becomes events and acts at once.

Whoever wrote is found by the message they answer, or by their address; an address that several share binds all of them, and
one that nobody has goes to a person. Stop, dispute, hardship and the like take effect in the same transaction in which the
answer is recorded; a promise is only ever proposed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction

from dunwell.journal.recording import Journal, NewEvent
from dunwell.journal.vault import Erased
from dunwell.law.addresses import plain_address
from dunwell.law.civil_days import home_zone
from dunwell.money import minor_exponent
from dunwell.outreach.answering import Answering, Question, answer, asked_about, confirmation, stage_of
from dunwell.outreach.answers.affirming import affirms
from dunwell.outreach.answers.meaning import Context, Part, Understanding
from dunwell.outreach.channel import Reply
from dunwell.outreach.confirming import STAGE as CHANNEL_STOPPED
from dunwell.outreach.confirming import confirmed_until, once
from dunwell.outreach.models import Work
from dunwell.outreach.receipts import address_at, shared_stop
from dunwell.outreach.records import Known
from dunwell.policy import PolicyError

Understand = Callable[[str, datetime, str | None, Context], Understanding]

UNMATCHED = "unmatched:"
"""Before the address of somebody whom the records do not know: kept apart, encrypted and erasable like everybody."""

_HOLDS = {"pause": "hardship"}
"""What an act is called among the states that the gate reads, where that differs: a lender's own ``pause`` only stops a clock,
and somebody in distress must not be dunned.
"""

_NO_CONTEXT = Context(currency="XXX", timezone="UTC")


@dataclass(frozen=True, slots=True)
class Writer:
    """Somebody who may have written: customer_id and the contact point."""

    customer_id: str
    contact_point_id: str | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a reply: who wrote, what was understood, whether it is new."""

    reply: Reply
    writers: tuple[Writer, ...]
    understanding: Understanding
    is_new: bool


def take_reply(
    journal: Journal,
    records: Known,
    channel: str,
    reply: Reply,
    understand: Understand,
    answering: Answering | None = None,
) -> Taken:
    """Record a reply and let it act, in one transaction. The same reply again changes nothing.

    ``answering``: what is answered without a person; nothing when None.
    """
    try:
        return _take_reply(journal, records, channel, reply, understand, answering)
    except Erased:  # while we looked who wrote: now it is nobody whom the records know
        return _take_reply(journal, records, channel, reply, understand, answering)


def _take_reply(
    journal: Journal,
    records: Known,
    channel: str,
    reply: Reply,
    understand: Understand,
    answering: Answering | None,
) -> Taken:
    writers, answered = _writers(journal, records, channel, reply)
    in_reply_to = None if answered is None else answered.message_id
    known = [writer for writer in writers if not writer.customer_id.startswith(UNMATCHED)]
    context = _context(records, known[0].customer_id) if known else _NO_CONTEXT
    understood = understand(reply.text, reply.at, reply.language, context)
    is_new = False
    with transaction.atomic():
        subjects = journal.vault.admit([writer.customer_id for writer in writers], journal.clock())
        sole = _sole(journal, known, answered, subjects)
        question = None
        if sole is not None and affirms(reply.text):
            subject = subjects[sole.customer_id]
            question = _question(journal, channel, reply, sole, subject, in_reply_to, context.timezone)
        body: dict[str, Any] = {
            "channel": channel,
            "intents": sorted(understood.intents) if question is None else ["promise"],
            "needs_person": sole is None or (understood.needs_person and question is None),
            "is_urgent": understood.is_urgent,
            "language": reply.language,
            "in_reply_to": in_reply_to,
        }
        for customer, points in _by_customer(writers).items():
            point = points[0] if sole is None else sole.contact_point_id
            said = NewEvent(
                "contact.replied",
                reply.at,
                customer,
                contact_point=point,
                body=body,
                personal={"text": reply.text, "address": reply.sender},
                key=_key(channel, reply, subjects[customer]),
            )
            (recorded,) = journal.record([said])
            if recorded.is_new:
                is_new = True
                if question is None:
                    written_to = None if answered is None else answered.contact_point
                    acts = _acts(channel, reply, customer, points, understood, recorded.event_id)
                    at_theirs = _stopped_where_written(journal, records, acts, subjects[customer], written_to)
                    journal.record(
                        [*acts, *at_theirs, *_stopped_for_others(records, channel, reply, writers, acts)]
                    )
                if question is not None:  # a plain yes says nothing else, whatever a model takes it for
                    journal.record([confirmation(question, recorded.event_id, channel, reply.at)])
                elif sole is not None and answering is not None:
                    _answer(
                        journal,
                        records,
                        channel,
                        sole,
                        points,
                        understood,
                        recorded.event_id,
                        reply.at,
                        answering,
                    )
    return Taken(reply, writers, understood, is_new)


def _by_customer(writers: Sequence[Writer]) -> dict[str, tuple[str | None, ...]]:
    """The contact points of each who may have written: records may hold one number of a person twice, as mobile and landline."""
    found: dict[str, tuple[str | None, ...]] = {}
    for writer in writers:
        found[writer.customer_id] = (*found.get(writer.customer_id, ()), writer.contact_point_id)
    return found


def _sole(
    journal: Journal, known: Sequence[Writer], answered: Work | None, subjects: Mapping[str, str]
) -> Writer | None:
    """Who wrote, where the records leave only one person: at the contact point that we had written to, else the first."""
    if len({writer.customer_id for writer in known}) != 1:
        return None
    if answered is not None and len(known) > 1:
        subject = subjects[known[0].customer_id]
        journal.vault.open_keys([subject])
        for writer in known:
            point = journal.vault.pseudonym(subject, "point", writer.contact_point_id or "")
            if point == answered.contact_point:
                return writer
    return known[0]


def _stopped_where_written(
    journal: Journal, records: Known, acts: Sequence[NewEvent], subject: str, written_to: str | None
) -> Sequence[NewEvent]:
    """A stop that answers a message of ours ends the channel also where that message went, not only where the answer came from.

    ``written_to``: the pseudonym of that contact point.
    """
    stops = [act for act in acts if act.kind == "consent.withdrawn"]
    if written_to is None or not stops or any(act.contact_point is None for act in stops):
        return ()  # nothing to add, or the whole channel has ended
    journal.vault.open_keys([subject])
    if written_to in {journal.vault.pseudonym(subject, "point", str(act.contact_point)) for act in stops}:
        return ()
    ended = NewEvent(
        "consent.withdrawn",
        stops[0].happened_at,
        subject=subject,
        address=address_at(journal, records, subject, written_to),
        body=dict(stops[0].body),
        pseudonyms={"contact_point": written_to},
    )
    return [ended]


def _stopped_for_others(
    records: Known, channel: str, reply: Reply, writers: Sequence[Writer], acts: Sequence[NewEvent]
) -> Sequence[NewEvent]:
    """A stop ends the address from which it came, also for others who are reached there: nothing more comes to it, as its answer
    says.
    """
    if not any(act.kind == "consent.withdrawn" for act in acts):
        return ()
    themselves = {(writer.customer_id, writer.contact_point_id) for writer in writers}
    others = sorted(set(records.owners(channel, reply.sender)) - themselves)
    key = _key(channel, reply, "shared")
    address = plain_address(reply.sender) or None
    return [
        shared_stop(channel, reply.at, *owner, address, f"{key}:{number}")
        for number, owner in enumerate(others)
    ]


def _question(
    journal: Journal,
    channel: str,
    reply: Reply,
    writer: Writer,
    subject: str,
    answered: str | None,
    zone: str,
) -> Question | None:
    """Our question that a plain "yes" of theirs answers."""
    if writer.contact_point_id is None:
        return None
    journal.vault.open_keys([subject])
    point = journal.vault.pseudonym(subject, "point", writer.contact_point_id)
    return asked_about(subject, channel, point, answered, reply.at, zone)


def _answer(
    journal: Journal,
    records: Known,
    channel: str,
    writer: Writer,
    points: Sequence[str | None],
    understood: Understanding,
    reply_event: str,
    said_at: datetime,
    answering: Answering,
) -> None:
    """Make due work of the answer that needs no person, where there is one and it can go back the way it came.

    ``points``: every contact point of theirs that has the address from which the reply came.
    """
    person = records.people([writer.customer_id]).get(writer.customer_id)
    if person is None or writer.contact_point_id is None:
        return
    stopped = _pseudonyms(journal, writer.customer_id, points)
    until = None
    if "stop" in answering.confirm:
        (subject,) = journal.vault.references([writer.customer_id]).values()
        try:
            gate = records.gate(writer.customer_id)
        except PolicyError:
            return  # what they said takes effect; whether an answer may go out cannot be told while the law is not readable
        until = confirmed_until(understood, gate, channel, subject, stopped, said_at)
    if until is not None and journal.clock() >= until:
        return
    stage = stage_of(understood, answering.confirm) if until is None else CHANNEL_STOPPED
    if stage is None:
        return
    customer = records.customer(writer.customer_id)
    point, key = writer.contact_point_id, None if until is None else once(stopped)
    answer(journal, answering, person, customer, channel, point, reply_event, stage, until, key)


def _pseudonyms(journal: Journal, customer_id: str, points: Sequence[str | None]) -> list[str]:
    """What stands in events for these contact points of a person."""
    (subject,) = journal.vault.references([customer_id]).values()
    journal.vault.open_keys([subject])
    return [journal.vault.pseudonym(subject, "point", point) for point in points if point is not None]


def _writers(
    journal: Journal, records: Known, channel: str, reply: Reply
) -> tuple[tuple[Writer, ...], Work | None]:
    """Who wrote, and which message of ours they answer."""
    work = Work.objects.filter(pk=reply.in_reply_to).first() if reply.in_reply_to else None
    owners = [Writer(*owner) for owner in records.owners(channel, reply.sender)]
    if work is None:
        nobody = (Writer(f"{UNMATCHED}{reply.sender}", None),)
        return tuple(owners) or nobody, None
    customer = journal.vault.customer_ids([str(work.subject_id)]).get(str(work.subject_id))
    if customer is None:  # erased since
        return (Writer(f"{UNMATCHED}{reply.sender}", None),), None
    mine = [owner for owner in owners if owner.customer_id == customer]
    return tuple(mine) or (Writer(customer, None),), work


def _context(records: Known, customer_id: str) -> Context:
    """What is known that settles readings: currency, clock, and what is past due in that currency."""
    try:
        customer = records.customer(customer_id)
    except KeyError:
        return _NO_CONTEXT
    person = records.people([customer_id]).get(customer_id)
    zone = home_zone(() if person is None else person.timezones)
    worst = max(customer.positions, key=lambda row: row["past_due_days"], default=None)
    if worst is None:
        return Context(currency="XXX", timezone=zone)
    currency = str(worst["currency"])
    exponent = minor_exponent(currency)
    due = sum(
        int(row["past_due_total"].scaleb(exponent))
        for row in customer.positions
        if row["currency"] == currency
    )
    return Context(currency, zone, due, customer.row.get("language"))


def _key(channel: str, reply: Reply, subject: str) -> str:
    """The same for the same reply of the same person, and telling nothing of either."""
    return f"reply:{channel}:{subject}:{sha256(reply.reply_id.encode()).hexdigest()[:32]}"


def _acts(
    channel: str,
    reply: Reply,
    customer_id: str,
    points: Sequence[str | None],
    understood: Understanding,
    reply_event: str,
) -> Sequence[NewEvent]:
    """What takes effect at once. ``points``: every contact point of theirs that has the address from which it came."""
    events = []
    address = plain_address(reply.sender) or None
    for act in understood.acts:
        about: dict[str, Any] = {"source": f"a reply by {channel}"}
        if act.kind == "stop":
            body = {"channel": channel, **about}
            events += [
                NewEvent(
                    "consent.withdrawn",
                    reply.at,
                    customer_id,
                    contact_point=point,
                    address=None if point is None else address,
                    body=body,
                )
                for point in points
            ]
        elif act.kind == "not_theirs":
            events += [
                NewEvent(
                    "point.not_theirs",
                    reply.at,
                    customer_id,
                    contact_point=point,
                    address=address,
                    body=about,
                )
                for point in points
                if point is not None
            ]
        else:
            hold = _HOLDS.get(act.kind, act.kind)
            body = {"hold": hold, "needs_person": True, **about}
            events.append(NewEvent("hold.placed", reply.at, customer_id, body=body))
    if understood.promise:
        parts = [_part(part) for part in understood.promise]
        body = {"parts": parts, "needs_person": True, "channel": channel, "in_reply_to": reply_event}
        events.append(NewEvent("promise.proposed", reply.at, customer_id, body=body))
    return events


def _part(part: Part) -> dict[str, Any]:
    return {
        "amount_minor": part.amount_minor,
        "currency": part.currency,
        "share": None if part.share is None else str(part.share),
        "is_rest": part.is_rest,
        "days": [day.isoformat() for day in part.readings],
        "bound": part.bound,
        "doubts": list(part.doubts),
    }
