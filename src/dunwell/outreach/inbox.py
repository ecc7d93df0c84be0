"""The answers that wait for a person: which are open, who has taken one on, and that one was dealt with.

Nothing is stored beside the journal: an answer is open until an event says that it is done, and whoever was named last has it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Value
from django.db.models.functions import Concat

from dunwell.journal.finding import events_of
from dunwell.journal.models import Event
from dunwell.journal.recording import PERSONAL, Journal, NewEvent

_DONE = "reply-done:"
_SHOWN_MAX = 500
_WANTED = '"needs_person":true'
_URGENT = '"is_urgent":true'
SHORT = 8
"""So many last characters of an answer's id tell it from others; its first are the time."""


class NoSuchReply(LookupError):
    """No answer, several, or one that is done already is meant; says which and the mend."""


@dataclass(frozen=True, slots=True)
class Item:
    """An answer. ``assigned_to``: who has it, None where nobody; ``text_item``: where in the vault its words lie."""

    event_id: str
    customer_id: str
    at: datetime
    channel: str
    intents: tuple[str, ...]
    needs_person: bool
    is_urgent: bool
    is_done: bool
    assigned_to: str | None
    text_item: str


def items(journal: Journal, *, everything: bool = False) -> list[Item]:
    """The open answers that need a person, the urgent first and each group from the oldest on; with ``everything`` also those
    that need nobody and those that are done, the newest first. At most 500.
    """
    is_done = Exists(Event.objects.filter(key=Concat(Value(_DONE), OuterRef("event_id"))))
    replies = Event.objects.filter(kind="contact.replied").annotate(is_done=is_done)
    if everything:
        events = list(replies.order_by("-happened_at", "-id")[:_SHOWN_MAX])
    else:
        open_ones = replies.filter(is_done=False, body__contains=_WANTED).order_by("happened_at", "id")
        urgent = list(open_ones.filter(body__contains=_URGENT)[:_SHOWN_MAX])
        others = list(open_ones.exclude(body__contains=_URGENT)[: _SHOWN_MAX - len(urgent)])
        events = urgent + others
    customers = journal.vault.customer_ids({str(event.subject_id) for event in events})
    taken = _assigned(events)
    return [
        _item(event, customers[str(event.subject_id)], taken.get(event.event_id))
        for event in events
        if str(event.subject_id) in customers  # whoever was erased wrote nothing any more
    ]


def assign(journal: Journal, reply: str, to: str, by: str) -> str:
    """Say who deals with an answer; its id. ``reply``: its id, or the end of it that tells it. Raises NoSuchReply."""
    with transaction.atomic():
        event = _the(reply)
        body = {"reply": event.event_id, "to": to, "by": by}
        said = NewEvent("reply.assigned", journal.clock(), subject=str(event.subject_id), body=body)
        journal.record([said])
    return event.event_id


def mark_done(journal: Journal, reply: str, by: str, note: str = "") -> str:
    """Say that an answer was dealt with; its id. ``note``: what was done, kept in the vault. Raises NoSuchReply."""
    with transaction.atomic():
        event = _the(reply)
        journal.record(
            [
                NewEvent(
                    "reply.done",
                    journal.clock(),
                    subject=str(event.subject_id),
                    body={"reply": event.event_id, "by": by},
                    personal={"note": note} if note else {},
                    key=f"{_DONE}{event.event_id}",
                )
            ]
        )
    return event.event_id


def _the(reply: str) -> Event:
    """The one open answer that is meant."""
    found = list(Event.objects.filter(kind="contact.replied", event_id__endswith=reply)[:2]) if reply else []
    if len(found) != 1:
        which = "several answers end" if found else "no answer ends"
        raise NoSuchReply(
            f"{which} with {reply!r}. `dunwell outreach inbox` shows them; write more of the id"
        )
    if Event.objects.filter(key=f"{_DONE}{found[0].event_id}").exists():
        raise NoSuchReply(f"the answer {reply!r} is done already. `dunwell outreach inbox --all` shows it")
    return found[0]


def _assigned(events: Sequence[Event]) -> dict[str, str]:
    """Who was named last for each of these answers."""
    subjects = {str(event.subject_id) for event in events}
    said = events_of(subjects, ["reply.assigned"]).order_by("id")
    bodies = [json.loads(body) for body in said.values_list("body", flat=True)]
    return {body["reply"]: body["to"] for body in bodies}


def _item(event: Any, customer_id: str, assigned_to: str | None) -> Item:
    body = json.loads(event.body)
    return Item(
        event.event_id,
        customer_id,
        event.happened_at,
        body["channel"],
        tuple(body["intents"]),
        bool(body.get("needs_person")),
        bool(body.get("is_urgent")),
        event.is_done,
        assigned_to,
        body[PERSONAL]["text"]["item"],
    )
