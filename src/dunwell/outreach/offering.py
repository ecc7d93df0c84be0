"""Plans that were offered to a person: the event that says so, and the last one, for the text that tells it."""

import json
from collections.abc import Sequence
from datetime import date, datetime

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.outreach.facts import Offered
from dunwell.outreach.permitting import Asked
from dunwell.resolution.plans import Plan


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
