"""What a collector does about a case becomes events, each once and all of one contact in one transaction, and acts at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

import polars as pl
from django.db import transaction

from dunwell.journal.models import Subject
from dunwell.journal.recording import NewEvent
from dunwell.law import Verdict
from dunwell.money import format_minor, minor_exponent
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case, Received
from dunwell.office.cases.publishing import place_in_queue
from dunwell.office.cases.routing import SKILL_OF_STATE, reroute
from dunwell.office.desk.contact import Current
from dunwell.resolution.room import room_minor

SPOKEN = ("conversation", "refused")
"""Outcomes in which somebody was spoken to."""

HOLDS = ("dispute", "hardship", "complaint", "attorney")
"""What may come of a contact and binds every contact after it, under the same name as the state."""


@dataclass(frozen=True, slots=True)
class PromisePart:
    """What the customer will pay by when, in minor units."""

    amount_minor: int
    due_on: date


@dataclass(frozen=True, slots=True)
class Promised:
    """A promise as the customer made it. ``account_ids``: the debts it covers, the longest overdue first; ``replaces``: the open
    promises of which it takes the place.
    """

    account_ids: tuple[str, ...]
    currency: str
    parts: tuple[PromisePart, ...]
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """How a contact ended and what came of it: ``came`` of HOLDS, and ``stop``, ``stop_channel``, ``wrong_number``."""

    outcome: str
    came: tuple[str, ...] = ()
    promised: Promised | None = None
    come_back_at: datetime | None = None
    note: str = ""
    findings: tuple[str, ...] = field(default=())


def lock(file: CaseFile) -> None:
    """Let nobody else judge or record a contact with this person until the transaction is over, as the dispatcher does.

    Other events about the person (their case given to somebody) do not wait for it.
    """
    journal = file.place.journal
    reference = journal.vault.admit([file.customer_id], journal.clock())[file.customer_id]
    list(Subject.objects.select_for_update(no_key=True).filter(pk=reference).values_list("pk"))


def is_told(file: CaseFile, contact: Current) -> bool:
    """Whether it was recorded already how a contact ended. ``file``: opened after ``lock``."""
    ends = ("contact.made", "contact.failed")
    return any(
        event.kind in ends and event.body.get("message_id") == contact.message_id for event in file.events
    )


def contact_name(file: CaseFile, once: str) -> str:
    """Under which name a contact begins: the form's own token, or another where a contact of that name was refused or is over: a
    form that a browser kept from before begins a new one.
    """
    over = ("contact.refused", "contact.made", "contact.failed")
    is_used = any(event.kind in over and event.body.get("message_id") == once for event in file.events)
    return str(uuid4()) if is_used else once


def begun_just_now(file: CaseFile, staff: Staff, message_id: str, point_id: str) -> datetime | None:
    """When the contact of that name was permitted to this person, where it was and is not over; None where it was not."""
    for event in file.events:
        if event.kind == "contact.permitted" and event.body.get("message_id") == message_id:
            is_same = event.contact_point == point_id and event.body.get("worker") == f"desk:{staff.username}"
            return event.at if is_same else None
    return None


def permit(
    file: CaseFile,
    staff: Staff,
    channel: str,
    point_id: str,
    message_id: str,
    *,
    purpose: str = "remind",
    in_reply_to: str | None = None,
) -> Verdict:
    """Ask the gate for a contact from the desk, and record its answer. Call it within a transaction, after ``lock``."""
    now = file.place.clock()
    verdict = file.ask(channel, point_id, purpose=purpose, in_reply_to=in_reply_to, at=now)
    body: dict[str, Any] = {
        "channel": channel,
        "message_id": message_id,
        "purpose": purpose,
        "packs": [pack.key for pack in file.gate.packs],
        "law_hash": file.gate.content_hash,
    }
    if verdict.allowed:
        kind = "contact.permitted"
        body |= {
            "automated": False,
            "worker": f"desk:{staff.username}",
            "owes": [{"notice": one.notice, "due_by": one.due_by.isoformat()} for one in verdict.owes],
        }
        if in_reply_to is not None:
            body["in_reply_to"] = in_reply_to
    else:
        kind = "contact.refused"
        body |= {
            "by": staff.username,
            "reasons": [
                {"rule": one.rule, "citation": one.citation, "effect": one.effect} for one in verdict.reasons
            ],
            "not_before": verdict.not_before,
        }
    file.place.journal.record(
        [
            NewEvent(
                kind,
                now,
                file.customer_id,
                accounts=tuple(file.overdue_ids),
                contact_point=point_id,
                body=body,
                key=f"desk:ask:{message_id}",
            )
        ]
    )
    return verdict


def not_made(file: CaseFile, contact: Current, staff: Staff) -> None:
    """A contact that was permitted did not take place: it counts for nothing."""
    body = {
        "message_id": contact.message_id,
        "channel": contact.channel,
        "why": "not made",
        "by": staff.username,
    }
    key = f"desk:log:{contact.message_id}"
    file.place.journal.record(
        [NewEvent("contact.failed", file.place.clock(), file.customer_id, body=body, key=key)]
    )


def log(file: CaseFile, staff: Staff, contact: Current, told: Told) -> bool:
    """Record how a contact ended and all that follows, together; False when it had been recorded already.

    What was promised must have been checked against a file opened after ``lock``, in the same transaction.
    """
    now, journal = file.place.clock(), file.place.journal
    with transaction.atomic():
        lock(file)
        (made,) = journal.record([_made(file, staff, contact, told)])
        if not made.is_new:
            return False
        journal.record(_follows(file, staff, contact, told, now))
        if told.promised is not None:
            Received.objects.bulk_create(promise_rows(file, staff, contact.message_id, told.promised, now))
        reorder(file.customer_id, now, told.come_back_at, was_spoken_to=told.outcome in SPOKEN)
        if set(told.came) & set(SKILL_OF_STATE):
            reroute(file.place, file.customer_id, staff.username)
    return True


def _made(file: CaseFile, staff: Staff, contact: Current, told: Told) -> NewEvent:
    party = "other" if told.outcome == "wrong_party" else "self"
    return NewEvent(
        "contact.made",
        contact.at,
        file.customer_id,
        accounts=tuple(file.overdue_ids),
        contact_point=contact.point_id,
        body={
            "channel": contact.channel,
            "outcome": told.outcome,
            "direction": contact.direction,
            "message_id": contact.message_id,
            "party": party,
            "by": staff.username,
        },
        key=f"desk:log:{contact.message_id}",
    )


def _follows(file: CaseFile, staff: Staff, contact: Current, told: Told, now: datetime) -> Sequence[NewEvent]:
    by, name = staff.username, contact.message_id
    events = []

    def add(kind: str, key: str, body: dict[str, Any], **more: Any) -> None:
        events.append(NewEvent(kind, now, file.customer_id, body=body, key=f"desk:{key}:{name}", **more))

    about = {"source": "desk", "message_id": name}
    for hold in (*HOLDS, "stop"):
        if hold in told.came:
            state = "cease" if hold == "stop" else hold
            add("hold.placed", hold, {"hold": state, "by": by, "needs_person": hold != "stop", **about})
    if (
        "stop_channel" in told.came
    ):  # "do not call me" is said of every number, not of the one that was dialled
        add("consent.withdrawn", "channel", {"channel": contact.channel, **about})
    if "wrong_number" in told.came and contact.point_id is not None:
        point = file.person.contact_points.get(contact.point_id)
        address = None if point is None else point.address
        add("point.not_theirs", "point", about, contact_point=contact.point_id, address=address)
    if told.promised is not None:
        events += promise_events(file, staff, name, told.promised, now, contact.channel)
    if told.come_back_at is not None:
        add("case.put_off", "later", {"until": told.come_back_at, "by": by, "message_id": name})
    if told.note:
        add("case.note", "note", _about_note(by, told.findings, name), personal={"note": told.note})
    return events


def _about_note(by: str, findings: Sequence[str], message_id: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"by": by}
    if message_id is not None:
        body["message_id"] = message_id
    if findings:
        body["findings"] = list(findings)
    return body


def note(file: CaseFile, staff: Staff, text: str, findings: Sequence[str], once: str) -> None:
    """Keep a remark on the case; ``findings``: what the language review found in it and the writer acknowledged. The same form
    with the same words counts once; with other words it is another remark.
    """
    event = NewEvent(
        "case.note",
        file.place.clock(),
        file.customer_id,
        body=_about_note(staff.username, findings),
        personal={"note": text},
        key=f"desk:note:{once}:{trace(file, 'note', text)}",
    )
    file.place.journal.record([event])


def trace(file: CaseFile, kind: str, text: str) -> str:
    """By what the same words about the same person are known again: made with the person's own key, so that it tells nothing."""
    vault, now = file.place.journal.vault, file.place.clock()
    subject = vault.admit([file.customer_id], now)[file.customer_id]
    vault.open_keys([subject])
    return vault.pseudonym(subject, kind, text)


def promise_id_of(message_id: str) -> str:
    """The id of the promise that was made in a contact."""
    return f"desk-{message_id}"


def promise_events(
    file: CaseFile, staff: Staff, name: str, promised: Promised, now: datetime, channel: str | None = None
) -> list[NewEvent]:
    """The events of a promise: those that it replaces are withdrawn, then it is made."""
    promise = promise_id_of(name)
    parts = [
        {
            "amount_minor": part.amount_minor,
            "currency": promised.currency,
            "due_on": part.due_on.isoformat(),
        }
        for part in promised.parts
    ]
    made = NewEvent(
        "promise.made",
        now,
        file.customer_id,
        accounts=promised.account_ids,
        body={"parts": parts, "promise": promise, "by": staff.username, "message_id": name}
        | ({"channel": channel} if channel else {}),
        key=f"desk:promise:{name}",
    )
    replaced = [
        _withdrawal(file, staff, old, "replaced", now, promised.account_ids, superseded_by=promise)
        for old in promised.replaces
    ]
    return [*replaced, made]


def promise_rows(
    file: CaseFile, staff: Staff, name: str, promised: Promised, now: datetime
) -> list[Received]:
    """The rows by which a promise stands beside the book's at once, a row a part."""
    whole = promise_id_of(name)
    is_one = len(promised.parts) == 1
    rows = []
    for number, part in enumerate(promised.parts, start=1):
        own = whole if is_one else f"{whole}-{number}"
        row = {
            "promise_id": own,
            "account_id": promised.account_ids[0],
            "made_at": now.isoformat(),
            "due_on": part.due_on.isoformat(),
            "amount": format_minor(part.amount_minor, promised.currency),
            "contact_id": name,
            "made_by": staff.username,
        }
        if not is_one:
            row["part_of"] = whole
        if len(promised.account_ids) > 1:
            row["account_ids"] = ";".join(promised.account_ids)
        rows.append(
            Received(
                table="promises",
                key=own,
                customer_id=file.customer_id,
                row=row,
                received_at=now,
                source=f"desk:{staff.username}",
            )
        )
    return rows


def withdraw(file: CaseFile, staff: Staff, promise_id: str, account_ids: Sequence[str], reason: str) -> None:
    """A promise no longer holds, for a reason; it stays in the records as withdrawn."""
    now = file.place.clock()
    file.place.journal.record([_withdrawal(file, staff, promise_id, reason, now, account_ids)])


def _withdrawal(
    file: CaseFile,
    staff: Staff,
    promise_id: str,
    reason: str,
    now: datetime,
    account_ids: Sequence[str],
    superseded_by: str | None = None,
) -> NewEvent:
    body = {"promise": promise_id, "reason": reason, "by": staff.username}
    if superseded_by is not None:
        body["superseded_by"] = superseded_by
    key = f"desk:withdrawn:{sha256(promise_id.encode()).hexdigest()}"
    return NewEvent(
        "promise.withdrawn", now, file.customer_id, accounts=tuple(account_ids), body=body, key=key
    )


def reorder(customer_id: str, now: datetime, come_back_at: datetime | None, *, was_spoken_to: bool) -> None:
    """Give a case that was worked on its new place in the queue."""
    case = Case.objects.select_for_update().filter(pk=customer_id).first()
    if case is None:
        return
    case.worked_at, case.come_back_at = now, come_back_at
    case.channel, case.planned_at, case.broken_on, case.is_held_back = "", None, None, False
    case.left_because, case.net = "", None
    if was_spoken_to:
        case.needs_person = case.is_urgent = False
    place_in_queue(case, now)
    case.save()


def open_promises(file: CaseFile, account_ids: Collection[str]) -> list[dict[str, Any]]:
    """The promises for any of these debts that still wait for money."""
    rows = file.promises.filter(pl.col("state") == "open").to_dicts()
    return [row for row in rows if set(row["account_ids"]) & set(account_ids)]


def may_promise(file: CaseFile, account_ids: Collection[str], replaced: Collection[str] = ()) -> int:
    """The most that can be promised for these debts, of one currency, beside the open promises, in minor units. ``replaced``: the
    promises that no longer count.
    """
    owed = {
        row["account_id"]: int(row["payoff_total"].scaleb(minor_exponent(row["currency"])))
        for row in file.positions.to_dicts()
    }
    waiting = [
        (row["account_ids"], int((row["amount"] - row["credited"]).scaleb(minor_exponent(row["currency"]))))
        for row in file.promises.filter(pl.col("state") == "open").to_dicts()
        if row["promise_id"] not in replaced
    ]
    return room_minor(owed, waiting, account_ids)
