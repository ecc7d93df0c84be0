"""Complaints with their clocks: what was received, and by when it must be answered where the person lives."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Received
from dunwell.office.cases.scope import visible_subjects
from dunwell.office.compliance.clocks import ANYWHERE, clock_of, due_on
from dunwell.office.compliance.recorded_complaints import note_recorded, received_at
from dunwell.office.compliance.same_complaint import join_same
from dunwell.office.tallies.following import Read, follow
from dunwell.office.tallies.models import ComplaintClock, Mark
from dunwell.office.workplace import Workplace, workplace

if TYPE_CHECKING:
    from django.db.models import QuerySet

_KINDS = ("hold.placed", "complaint.answered")
_PAGE = 50
_MARK = "clocks of complaints"


class CannotLift(ValueError):
    """The stop of contact stands in the lender's records, and nobody ends it here."""

    def __init__(self) -> None:
        super().__init__(
            "the lender's records hold this stop. Answer without lift; a tape that ends the hold ends it"
        )


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint: by the event that recorded it, or the id of the clock of one in the lender's records. ``answered_at``: None
    while it is open. ``is_recorded``: the lender's records alone tell of it, and the stop of contact ends when they say so.
    ``is_told_twice``: they tell of it beside what was told to us, and have a stop of their own.
    """

    event_id: str
    customer_id: str
    jurisdiction: str
    received_at: datetime
    due_on: date
    citation: str
    quality: str
    answered_at: datetime | None
    is_recorded: bool
    is_told_twice: bool = False

    def days_left(self, today: date) -> int:
        """Days until it must be answered; negative when it is late."""
        return (self.due_on - today).days


def note_complaints(place: Workplace, steps_max: int | None = None) -> bool:
    """Start and stop the clocks by what was recorded since the last time; whether all of it was looked at. Raises NoBook.

    A complaint is a hold of that kind, of the journal's or of the lender's records; it is answered by the event
    ``complaint.answered`` that names it.
    """
    join_same(place, note_recorded(place))
    _set_anew(place)
    return follow("complaints", _KINDS, place.clock(), partial(_note, place), steps_max=steps_max)


def _note(place: Workplace, events: Sequence[Read]) -> None:
    told = [(one, json.loads(one.body)) for one in events]
    placed = [one for one, body in told if one.kind == "hold.placed" and body["hold"] == "complaint"]
    known = set(
        ComplaintClock.objects.filter(pk__in=[one.event_id for one in placed]).values_list("pk", flat=True)
    )
    fresh = [one for one in placed if one.event_id not in known]
    owners = place.journal.vault.customer_ids({str(one.subject) for one in fresh})
    since = _received_before(fresh)
    started = []
    for one in fresh:
        customer = owners.get(str(one.subject))
        where = None if customer is None else place.shelf.jurisdiction(customer)
        jurisdiction = where or ANYWHERE
        at = since.get(one.event_id, one.at)
        started.append(
            ComplaintClock(
                event_id=one.event_id,
                subject=str(one.subject),
                jurisdiction=jurisdiction,
                received_at=at,
                due_on=due_on(place.complaint_clocks, at, jurisdiction),
            )
        )
    ComplaintClock.objects.bulk_create(started, ignore_conflicts=True)
    join_same(place, {one.subject for one in started})
    for one, body in told:
        if one.kind == "complaint.answered":
            ComplaintClock.objects.filter(pk=body["complaint"], answered_at=None).update(answered_at=one.at)


def _received_before(placed: Sequence[Read]) -> dict[str, datetime]:
    """Of complaints that the lender told of during the day: when they had been received by the lender's own row."""
    rows = {row: one for one in placed if (row := json.loads(one.body).get("row"))}
    told = Received.objects.filter(table="holds", key__in=rows).values_list("key", "row__from_on")
    return {
        rows[key].event_id: min(received_at(date.fromisoformat(from_on), rows[key].at), rows[key].at)
        for key, from_on in told
    }


def _set_anew(place: Workplace) -> None:
    """Set the clocks that run by what they are now, where the lender's policy changed."""
    clocks = place.complaint_clocks
    said = sha256(json.dumps({key: one.days for key, one in clocks.items()}).encode()).hexdigest()
    mark, _is_new = Mark.objects.get_or_create(name=_MARK)
    if mark.said == said:
        return
    with transaction.atomic():
        running = list(ComplaintClock.objects.select_for_update().filter(answered_at=None))
        for one in running:
            one.due_on = due_on(clocks, one.received_at, one.jurisdiction)
        ComplaintClock.objects.bulk_update(running, ["due_on"], batch_size=500)
        Mark.objects.filter(name=_MARK).update(said=said)


def complaints(place: Workplace, found: Iterable[ComplaintClock]) -> list[Complaint]:
    """Complaints as they are shown; those of people who were erased are left out."""
    rows, clocks = list(found), place.complaint_clocks
    owners = place.journal.vault.customer_ids({one.subject for one in rows})
    events = Event.objects.filter(event_id__in=[one.event_id for one in rows])
    told_here = {
        name for name, body in events.values_list("event_id", "body") if "row" not in json.loads(body)
    }
    joined = ComplaintClock.objects.filter(same_as__in=[one.event_id for one in rows])
    told_twice = set(joined.values_list("same_as", flat=True))
    return [
        Complaint(
            one.event_id,
            owners[one.subject],
            one.jurisdiction,
            one.received_at,
            one.due_on,
            clock_of(clocks, one.jurisdiction).citation,
            clock_of(clocks, one.jurisdiction).source_quality,
            one.answered_at,
            one.event_id not in told_here,
            one.event_id in told_twice,
        )
        for one in rows
        if one.subject in owners
    ]


def received_between(
    place: Workplace, begins: datetime, ends: datetime, staff: Staff | None
) -> "QuerySet[ComplaintClock]":
    """The clocks of complaints that ``staff`` may see (None: all), received from one instant on, before another."""
    note_complaints(place)
    found = ComplaintClock.objects.filter(received_at__gte=begins, received_at__lt=ends, same_as=None)
    return seen_by(place, staff, found)


@needs("compliance.read")
def page(request: HttpRequest) -> HttpResponse:
    """The open complaints, those that must be answered soonest first, page by page; then those answered last."""
    place = workplace()
    note_complaints(place, steps_max=1)
    today = place.clock().date()
    staff = staff_of(request)
    shown = Paginator(seen_by(place, staff, still_open()), _PAGE).get_page(request.GET.get("page"))
    past = ComplaintClock.objects.filter(same_as=None).exclude(answered_at=None).order_by("-answered_at")
    answered = seen_by(place, staff, past)[:_PAGE]
    rows = [*shown, *(answered if not shown.has_next() else ())]
    found = [(one, one.days_left(today)) for one in complaints(place, rows)]
    clocks = [{"place": name, **asdict(one)} for name, one in sorted(place.complaint_clocks.items())]
    context = {"complaints": found, "clocks": clocks, "page": shown}
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
    except CannotLift:
        messages.error(
            request,
            _("The lender's records hold this stop: it ends when they say so. Answer without ending it."),
        )
        return redirect("complaints")
    if not is_new:
        messages.error(request, _("Write what was answered; a complaint is answered once."))
        return redirect("complaints")
    messages.success(request, _("Recorded."))
    return redirect("complaints")


def record_answer(place: Workplace, staff: Staff, event_id: str, text: str, *, lift: bool) -> bool:
    """Keep what was answered to a complaint; False when it was answered before. ``lift`` also ends the stop of contact that came
    with it. Raises LookupError when there is no such complaint, or none of a customer whom they may see; CannotLift.
    """
    note_complaints(place, steps_max=1)
    with transaction.atomic():
        known_as = ComplaintClock.objects.filter(pk=event_id).values_list("same_as", flat=True).first()
        one = ComplaintClock.objects.filter(pk=known_as or event_id)
        clock = seen_by(place, staff, one).select_for_update().first()
        found = complaints(place, [clock] if clock else [])
        if clock is None or not found:
            raise LookupError(event_id)
        if clock.answered_at is not None:
            return False
        if lift and found[0].is_recorded:
            raise CannotLift
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
    return ComplaintClock.objects.filter(answered_at=None, same_as=None).order_by("due_on", "event_id")


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
