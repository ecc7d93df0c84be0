"""The live board: the day's contacts, conversations with the right person, promises, cash, and what the law held back."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dunwell.journal.models import Event
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Approval, Case
from dunwell.office.supervision.capacities import capacities_told
from dunwell.office.workplace import workplace
from dunwell.outreach.models import Work

KINDS = (
    *("contact.permitted", "contact.refused", "contact.failed", "contact.made", "contact.replied"),
    *("promise.made", "payment.seen", "hold.placed", "case.note"),
)
_KEPT_DAYS = 30


@dataclass
class Person:
    """What one person did today. Shown in the order of names; sums of money are not counted by person."""

    name: str
    contacts: int = 0
    conversations: int = 0
    promises: int = 0
    notes: int = 0
    findings: int = 0


@dataclass
class Day:
    """What happened since the day began."""

    contacts: Counter[str] = field(default_factory=Counter)
    conversations: int = 0
    right_party: int = 0
    replies: int = 0
    promises: int = 0
    holds: Counter[str] = field(default_factory=Counter)
    cash: dict[str, Decimal] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    people: dict[str, Person] = field(default_factory=dict)

    @property
    def contact_count(self) -> int:
        """Contacts of all channels."""
        return self.contacts.total()

    @property
    def refused_count(self) -> int:
        """Reasons for which a contact was held back; one contact may have several."""
        return self.refused.total()


def day_of(events: Iterable[tuple[str, str]]) -> Day:
    """The day's figures from its events (kind, body as JSON), in their order.

    A contact is one the gate permitted and that was not given up; a conversation is with the right party when it was the
    customer who took part.
    """
    day = Day()
    for kind, text in events:
        body = json.loads(text)
        _COUNT[kind](day, body)
    return day


def _permitted(day: Day, body: Mapping[str, Any]) -> None:
    day.contacts[body["channel"]] += 1
    worker = str(body.get("worker", ""))
    if worker.startswith("desk:"):
        _person(day, worker.removeprefix("desk:")).contacts += 1


def _refused(day: Day, body: Mapping[str, Any]) -> None:
    day.refused.update(reason["rule"] for reason in body.get("reasons", ()))


def _failed(day: Day, body: Mapping[str, Any]) -> None:
    day.contacts[body["channel"]] -= 1


def _made(day: Day, body: Mapping[str, Any]) -> None:
    if body["outcome"] != "conversation":
        return
    day.conversations += 1
    day.right_party += body.get("party", "self") == "self"
    if body.get("by"):
        _person(day, body["by"]).conversations += 1


def _replied(day: Day, body: Mapping[str, Any]) -> None:
    day.replies += 1


def _promised(day: Day, body: Mapping[str, Any]) -> None:
    day.promises += 1
    if body.get("by"):
        _person(day, body["by"]).promises += 1


def _paid(day: Day, body: Mapping[str, Any]) -> None:
    currency = body.get("currency") or "?"
    day.cash[currency] = day.cash.get(currency, Decimal(0)) + Decimal(body.get("amount") or 0)


def _held(day: Day, body: Mapping[str, Any]) -> None:
    day.holds[body["hold"]] += 1


def _noted(day: Day, body: Mapping[str, Any]) -> None:
    person = _person(day, body["by"])
    person.notes += 1
    person.findings += bool(body.get("findings"))


_COUNT = {
    "contact.permitted": _permitted,
    "contact.refused": _refused,
    "contact.failed": _failed,
    "contact.made": _made,
    "contact.replied": _replied,
    "promise.made": _promised,
    "payment.seen": _paid,
    "hold.placed": _held,
    "case.note": _noted,
}


def _person(day: Day, name: str) -> Person:
    return day.people.setdefault(name, Person(name))


def start_of_day(now: datetime, zone: str) -> datetime:
    """Midnight of the day on the office's clock."""
    local = now.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date(), time(), local.tzinfo)


def kept_share(day: Any, promises: Iterable[tuple[str, Any]]) -> tuple[int, int]:
    """Of the promises that fell due in the last 30 days: how many were kept, and how many there were (state, due_on)."""
    first = day - timedelta(days=_KEPT_DAYS)
    due = [
        state
        for state, due_on in promises
        if first <= due_on < day and state in ("kept", "partly_kept", "broken")
    ]
    return sum(state == "kept" for state in due), len(due)


@needs("team.read")
def board(request: HttpRequest) -> HttpResponse:
    """The board; the page asks for its figures again twice a minute."""
    place, staff = workplace(), staff_of(request)
    now = place.clock()
    begins = start_of_day(now, "UTC")
    rows = (
        Event.objects.filter(kind__in=KINDS, happened_at__gte=begins)
        .order_by("id")
        .values_list("kind", "body")
    )
    day = day_of(rows.iterator(chunk_size=5000))
    names = {person.username: person for person in team_of(staff)}
    kept, due = 0, 0
    for frame in place.shelf.results("promises"):
        one, all_of_them = kept_share(place.today(), zip(frame["state"], frame["due_on"], strict=True))
        kept, due = kept + one, due + all_of_them
    cases = Case.objects.visible_to(staff)
    context = {
        "day": day,
        "at": now,
        "refused": day.refused.most_common(12),
        "contacts": sorted(day.contacts.items()),
        "cash": sorted(day.cash.items()),
        "holds": day.holds.most_common(),
        "people": sorted(
            (one for name, one in day.people.items() if name in names), key=lambda one: one.name
        ),
        "kept": kept,
        "due": due,
        "kept_percent": round(100 * kept / due) if due else None,
        "waiting": cases.filter(needs_person=True).count(),
        "urgent": cases.filter(is_urgent=True).count(),
        "held_back": cases.filter(is_held_back=True).count(),
        "approvals": Approval.objects.filter(decision="").count(),
        "unknown": Work.objects.filter(state="unknown").count(),
        "capacities": capacities_told(place),
        "messages_due": Work.objects.filter(state="due").count(),
    }
    template = "office/board_figures.html" if request.headers.get("HX-Request") else "office/board.html"
    return render(request, template, context)


def team_of(staff: Staff) -> Any:
    """The people somebody leads: their team's, or everybody where they are in none."""
    people = Staff.objects.filter(is_active=True).select_related("team").order_by("username")
    return people if staff.team is None else people.filter(team=staff.team)
