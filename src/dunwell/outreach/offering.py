"""Plans that were offered to a person: the event that says so, the message that tells it, and the last one, for its text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction

from dunwell.journal.models import Event
from dunwell.journal.recording import Journal, NewEvent
from dunwell.law import Reason
from dunwell.outreach.facts import Offered
from dunwell.outreach.permitting import Asked, Compose, Composed
from dunwell.resolution.plans import Plan

STAGE = "plan_offer"
_PURPOSE = "service"
_DAYS = 3
"""For so long the message waits for an instant at which the gate lets it out."""


@dataclass(frozen=True, slots=True)
class Way:
    """How an offer goes out: ``message_id`` is new, ``contact_point_id`` the person's own on this channel."""

    channel: str
    contact_point_id: str
    message_id: str


def offer(journal: Journal, asked: Asked, event: NewEvent, way: Way, compose: Compose) -> Composed | Reason:
    """Record an offer and make due work of the message that tells it, together or not at all; the message as it would read now,
    or why there is none (then nothing is recorded). The gate is asked when it is sent.

    ``asked``: whom and what it is about, its ``work`` not yet saved; ``event``: of ``offer_event``.
    """
    now, vault = asked.at, journal.vault
    with transaction.atomic():
        subject = vault.admit([asked.customer_id], now)[asked.customer_id]
        vault.open_keys([subject])
        journal.record([event])
        work = asked.work
        work.message_id, work.key, work.subject_id = way.message_id, f"offer:{way.message_id}", subject
        work.channel, work.stage, work.purpose = way.channel, STAGE, _PURPOSE
        work.contact_point = vault.pseudonym(subject, "point", way.contact_point_id)
        work.accounts = ";".join(vault.pseudonym(subject, "account", name) for name in asked.account_ids)
        work.due_at, work.expires_at, work.changed_at = now, now + timedelta(days=_DAYS), now
        composed = compose(asked)
        if isinstance(composed, Reason):
            transaction.set_rollback(True)
            return composed
        work.save(force_insert=True)
        said = {
            "message_id": way.message_id,
            "channel": way.channel,
            "purpose": _PURPOSE,
            "stage": STAGE,
            "at": now,
            "text": composed.text_id,
        }
        planned = NewEvent(
            "contact.planned",
            now,
            asked.customer_id,
            accounts=asked.account_ids,
            contact_point=way.contact_point_id,
            body=said,
        )
        journal.record([planned])
    return composed


def offer_event(
    customer_id: str, account_ids: Sequence[str], plan: Plan, until: date, at: datetime, by: str
) -> NewEvent:
    """The event that a plan was offered. ``account_ids``: its debts, the one that the text names first; ``until``: the last day
    on which it may be taken; ``by``: who offers it. Raises ValueError for a plan without payments, which offers nothing.
    """
    if not plan.parts:
        raise ValueError(f"a plan of kind {plan.kind} has no payments, so there is nothing to offer")
    parts = [{"due_on": part.due_on.isoformat(), "amount_minor": part.amount_minor} for part in plan.parts]
    body = {
        "parts": parts,
        "until": until.isoformat(),
        "currency": plan.currency,
        "plan": plan.kind,
        "by": by,
    }
    return NewEvent("plan.offered", at, customer_id, accounts=tuple(account_ids), body=body)


def last_offer(asked: Asked) -> Offered | None:
    """The plan that was last offered to the person of a contact, told about the first account that the contact names."""
    rows = Event.objects.filter(subject_id=asked.work.subject_id, kind="plan.offered")
    event = rows.order_by("-happened_at", "-id").first()
    if event is None or not asked.account_ids:
        return None
    body = json.loads(event.body)
    payments = tuple((date.fromisoformat(one["due_on"]), int(one["amount_minor"])) for one in body["parts"])
    return Offered(asked.account_ids[0], body["currency"], payments, date.fromisoformat(body["until"]))
