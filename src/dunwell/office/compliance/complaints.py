"""Complaints with their clocks: what was received, and by when it must be answered where the person lives."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.workplace import Workplace, workplace

_FILE = Path(__file__).with_name("complaints.toml")
_KINDS = ("hold.placed", "hold.lifted", "complaint.answered")


@cache
def clocks() -> Mapping[str, Mapping[str, Any]]:
    """The clocks by jurisdiction (``any`` where none is known), with their citation and source quality."""
    return tomllib.loads(_FILE.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint: by the event that recorded it. ``answered_at``: None while it is open."""

    event_id: str
    customer_id: str
    jurisdiction: str
    received_at: datetime
    due_on: date
    citation: str
    quality: str
    answered_at: datetime | None

    def days_left(self, today: date) -> int:
        """Days until it must be answered; negative when it is late."""
        return (self.due_on - today).days


def complaints(
    events: Sequence[tuple[str, str, str, datetime, Mapping[str, Any]]], jurisdictions: Mapping[str, str]
) -> list[Complaint]:
    """Complaints from events (event_id, customer, kind, instant, body), the open ones first, the most pressing in front.

    A complaint is a hold of that kind; it is answered by the event ``complaint.answered`` that names it.
    """
    answered = {body["complaint"]: at for _, _, kind, at, body in events if kind == "complaint.answered"}
    found = []
    for event_id, customer, kind, at, body in events:
        if kind == "hold.placed" and body["hold"] == "complaint":
            jurisdiction = jurisdictions.get(customer, "any")
            clock = clocks().get(jurisdiction, clocks()["any"])
            due_on = at.date() + timedelta(days=clock["days"])
            found.append(
                Complaint(
                    event_id,
                    customer,
                    jurisdiction,
                    at,
                    due_on,
                    clock["citation"],
                    clock["source_quality"],
                    answered.get(event_id),
                )
            )
    return sorted(found, key=lambda one: (one.answered_at is not None, one.due_on, one.event_id))


def all_complaints() -> list[Complaint]:
    """Every complaint that the journal holds."""
    place = workplace()
    columns = ("event_id", "subject_id", "kind", "happened_at", "body")
    events = Event.objects.filter(kind__in=_KINDS).order_by("id").values_list(*columns)
    rows = [row for row in events if row[2] == "complaint.answered" or '"hold":"complaint"' in row[4]]
    owners = place.journal.vault.customer_ids({str(row[1]) for row in rows if row[1]})
    told = [
        (row[0], owners[str(row[1])], row[2], row[3], json.loads(row[4]))
        for row in rows
        if str(row[1]) in owners
    ]
    jurisdictions = {}
    for _event, customer, *_rest in told:
        file = place.shelf.file(customer)
        if file is not None:
            jurisdictions[customer] = file.tables["customers"]["jurisdiction"][0]
    return complaints(told, jurisdictions)


@needs("compliance.read")
def page(request: HttpRequest) -> HttpResponse:
    """Every complaint, those that must be answered soonest first."""
    today = workplace().clock().date()
    found = [(one, one.days_left(today)) for one in all_complaints()]
    return render(
        request, "office/complaints.html", {"complaints": found, "clocks": sorted(clocks().items())}
    )


@needs("compliance.act")
@require_POST
def answer(request: HttpRequest, event_id: str) -> HttpResponse:
    """Record that a complaint was answered; ``lift`` also ends the stop of contact that came with it."""
    place, staff = workplace(), staff_of(request)
    found = next((one for one in all_complaints() if one.event_id == event_id), None)
    if found is None:
        raise Http404(event_id)
    text = request.POST.get("note", "").strip()
    if found.answered_at is not None or not text:
        messages.error(request, _("Write what was answered; a complaint is answered once."))
        return redirect("complaints")
    record_answer(place, staff, found, text, lift=bool(request.POST.get("lift")))
    messages.success(request, _("Recorded."))
    return redirect("complaints")


def record_answer(place: Workplace, staff: Staff, found: Complaint, text: str, *, lift: bool) -> None:
    """Keep what was answered to a complaint; ``lift`` also ends the stop of contact that came with it."""
    now = place.clock()
    body = {"complaint": found.event_id, "by": staff.username, "in_time": now.date() <= found.due_on}
    events = [
        NewEvent(
            "complaint.answered",
            now,
            found.customer_id,
            body=body,
            personal={"note": text},
            key=f"complaint:{found.event_id}",
        )
    ]
    if lift:
        lifted = {"hold": "complaint", "by": staff.username}
        events.append(
            NewEvent(
                "hold.lifted", now, found.customer_id, body=lifted, key=f"complaint-lift:{found.event_id}"
            )
        )
    place.journal.record(events)
