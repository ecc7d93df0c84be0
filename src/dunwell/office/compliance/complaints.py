"""Complaints with their clocks: what was received, and by when it must be answered where the person lives."""

import json
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dunwell.journal.recording import NewEvent
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.scope import visible_subjects
from dunwell.office.tallies.following import Read, follow
from dunwell.office.tallies.models import ComplaintClock
from dunwell.office.workplace import Workplace, workplace

if TYPE_CHECKING:
    from django.db.models import QuerySet

_FILE = Path(__file__).with_name("complaints.toml")
_KINDS = ("hold.placed", "complaint.answered")
_PAGE = 50


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


def due_on(received_at: datetime, jurisdiction: str) -> date:
    """By when a complaint must be answered where the person lives."""
    clock = clocks().get(jurisdiction, clocks()["any"])
    return received_at.date() + timedelta(days=clock["days"])


def note_complaints(place: Workplace, steps_max: int | None = None) -> bool:
    """Start and stop the clocks by what was recorded since the last time; whether all of it was looked at.

    A complaint is a hold of that kind; it is answered by the event ``complaint.answered`` that names it.
    """
    return follow("complaints", _KINDS, place.clock(), partial(_note, place), steps_max=steps_max)


def _note(place: Workplace, events: Sequence[Read]) -> None:
    told = [(one, json.loads(one.body)) for one in events]
    placed = [one for one, body in told if one.kind == "hold.placed" and body["hold"] == "complaint"]
    known = set(
        ComplaintClock.objects.filter(pk__in=[one.event_id for one in placed]).values_list("pk", flat=True)
    )
    fresh = [one for one in placed if one.event_id not in known]
    owners = place.journal.vault.customer_ids({str(one.subject) for one in fresh})
    started = []
    for one in fresh:
        customer = owners.get(str(one.subject))
        where = None if customer is None else place.shelf.jurisdiction(customer)
        jurisdiction = where or "any"
        started.append(
            ComplaintClock(
                event_id=one.event_id,
                subject=str(one.subject),
                jurisdiction=jurisdiction,
                received_at=one.at,
                due_on=due_on(one.at, jurisdiction),
            )
        )
    ComplaintClock.objects.bulk_create(started, ignore_conflicts=True)
    for one, body in told:
        if one.kind == "complaint.answered":
            ComplaintClock.objects.filter(pk=body["complaint"], answered_at=None).update(answered_at=one.at)


def complaints(place: Workplace, found: Iterable[ComplaintClock]) -> list[Complaint]:
    """Complaints as they are shown; those of people who were erased are left out."""
    rows = list(found)
    owners = place.journal.vault.customer_ids({one.subject for one in rows})
    return [
        Complaint(
            one.event_id,
            owners[one.subject],
            one.jurisdiction,
            one.received_at,
            one.due_on,
            clocks().get(one.jurisdiction, clocks()["any"])["citation"],
            clocks().get(one.jurisdiction, clocks()["any"])["source_quality"],
            one.answered_at,
        )
        for one in rows
        if one.subject in owners
    ]


def received_between(
    place: Workplace, begins: datetime, ends: datetime, staff: Staff | None
) -> "QuerySet[ComplaintClock]":
    """The clocks of complaints that ``staff`` may see (None: all), received from one instant on, before another."""
    note_complaints(place)
    return seen_by(place, staff, ComplaintClock.objects.filter(received_at__gte=begins, received_at__lt=ends))


@needs("compliance.read")
def page(request: HttpRequest) -> HttpResponse:
    """The open complaints, those that must be answered soonest first, page by page; then those answered last."""
    place = workplace()
    note_complaints(place, steps_max=1)
    today = place.clock().date()
    staff = staff_of(request)
    shown = Paginator(seen_by(place, staff, still_open()), _PAGE).get_page(request.GET.get("page"))
    past = ComplaintClock.objects.exclude(answered_at=None).order_by("-answered_at")
    answered = seen_by(place, staff, past)[:_PAGE]
    rows = [*shown, *(answered if not shown.has_next() else ())]
    found = [(one, one.days_left(today)) for one in complaints(place, rows)]
    context = {"complaints": found, "clocks": sorted(clocks().items()), "page": shown}
    return render(request, "office/complaints.html", context)


@needs("compliance.act")
@require_POST
def answer(request: HttpRequest, event_id: str) -> HttpResponse:
    """Record that a complaint was answered; ``lift`` also ends the stop of contact that came with it."""
    place, staff = workplace(), staff_of(request)
    text = request.POST.get("note", "").strip()
    if not text:
        messages.error(request, _("Write what was answered; a complaint is answered once."))
        return redirect("complaints")
    try:
        is_new = record_answer(place, staff, event_id, text, lift=bool(request.POST.get("lift")))
    except LookupError as error:
        raise Http404(event_id) from error
    if not is_new:
        messages.error(request, _("Write what was answered; a complaint is answered once."))
        return redirect("complaints")
    messages.success(request, _("Recorded."))
    return redirect("complaints")


def record_answer(place: Workplace, staff: Staff, event_id: str, text: str, *, lift: bool) -> bool:
    """Keep what was answered to a complaint; False when it was answered before. ``lift`` also ends the stop of contact that came
    with it. Raises LookupError when there is no such complaint, or none of a customer whom they may see.
    """
    note_complaints(place, steps_max=1)
    with transaction.atomic():
        one = ComplaintClock.objects.filter(pk=event_id)
        clock = seen_by(place, staff, one).select_for_update().first()
        found = complaints(place, [clock] if clock else [])
        if clock is None or not found:
            raise LookupError(event_id)
        if clock.answered_at is not None:
            return False
        clock.answered_at = place.clock()
        clock.save(update_fields=["answered_at"])
        _record_answer(place, staff, found[0], clock.answered_at, text, lifts=lift)
    return True


def seen_by(
    place: Workplace, staff: Staff | None, rows: "QuerySet[ComplaintClock]"
) -> "QuerySet[ComplaintClock]":
    """Those of some complaints that are of customers whom somebody may see."""
    if staff is None or not staff.is_bound:
        return rows
    found = list(rows.order_by().values_list("event_id", "subject"))
    seen = visible_subjects(place, staff, {subject for _, subject in found})
    return rows.filter(pk__in=[event for event, subject in found if subject in seen])


def still_open() -> "QuerySet[ComplaintClock]":
    """The clocks that run, those that must be answered soonest first."""
    return ComplaintClock.objects.filter(answered_at=None).order_by("due_on", "event_id")


def _record_answer(
    place: Workplace, staff: Staff, one: Complaint, now: datetime, text: str, *, lifts: bool
) -> None:
    body = {"complaint": one.event_id, "by": staff.username, "in_time": now.date() <= one.due_on}
    key = f"complaint:{one.event_id}"
    events = [
        NewEvent("complaint.answered", now, one.customer_id, body=body, personal={"note": text}, key=key)
    ]
    if lifts:
        lifted = {"hold": "complaint", "by": staff.username, "lifts": one.event_id}
        events.append(
            NewEvent("hold.lifted", now, one.customer_id, body=lifted, key=f"complaint-lift:{one.event_id}")
        )
    place.journal.record(events)
