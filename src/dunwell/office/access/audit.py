"""Who looked at whose data, and who changed what: the journal's own events, to search."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language

from dunwell.journal.models import Event
from dunwell.office.access.entering import ENTERED, REFUSED
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.access.roles import permissions
from dunwell.office.cases.scope import visible
from dunwell.office.desk import words
from dunwell.office.desk.opening import REASONS
from dunwell.office.paging import LongPaginator
from dunwell.office.supervision.board import team_of
from dunwell.office.workplace import workplace

if TYPE_CHECKING:
    from django.db.models import QuerySet

KINDS = (
    *(
        "data.read",
        "data.corrected",
        "data.erased",
        "office.changed",
        "case.assigned",
        "approval.decided",
        "hold.lifted",
    ),
    *("strategy.proposed", "strategy.decided", ENTERED, REFUSED),
)
_PAGE = 50


@needs("audit.read")
def audit(request: HttpRequest) -> HttpResponse:
    """The events of KINDS, the latest first; the filters stand in the address: ``by``, ``customer``, ``kind``."""
    by, customer, kind = (request.GET.get(name, "").strip() for name in ("by", "customer", "kind"))
    page = LongPaginator(audited(by, customer, kind), _PAGE).get_page(request.GET.get("page"))
    rows = [_row(event, owner) for event, owner in seen_of(staff_of(request), list(page))]
    context = {"page": page, "rows": rows, "kinds": KINDS, "by": by, "customer": customer, "kind": kind}
    return render(request, "office/audit.html", context)


def audited(by: str = "", customer: str = "", kind: str = "") -> "QuerySet[Event]":
    """The events of KINDS that fit, the latest first: done by a person, about a customer, of one kind (empty: any)."""
    vault = workplace().journal.vault
    events = Event.objects.filter(kind__in=[kind] if kind in KINDS else KINDS).order_by("-id")
    if customer:
        subject = vault.references([customer]).get(customer)
        events = events.filter(subject_id=subject) if subject else events.none()
    if by:
        events = events.filter(body__contains=f'"by":{json.dumps(by, ensure_ascii=False)}')
    return events


def seen_of(staff: Staff, events: Sequence[Event]) -> list[tuple[Event, str | None]]:
    """Those of some events that are about customers whom somebody may see, or tell of nobody and were done in their own team;
    each with its customer.
    """
    subjects = {str(event.subject_id) for event in events if event.subject_id}
    owners = workplace().journal.vault.customer_ids(subjects)
    told = [(event, owners.get(str(event.subject_id))) for event in events]
    if not staff.is_bound:
        return told
    theirs = visible(workplace(), staff, set(owners.values()))
    team = set(team_of(staff).values_list("username", flat=True)) | {staff.username}
    return [
        (event, owner)
        for event, owner in told
        if (owner in theirs if event.subject_id else json.loads(event.body).get("by") in team)
    ]


def _in_words(told: str) -> str:
    """What an event says somebody did, in the reader's language; as it stands where it is free text."""
    if told in permissions():
        return permissions()[told]["zh" if (get_language() or "en").startswith("zh") else "en"]
    lists = (words.ACTS, words.HOLDS, words.DECISIONS, REASONS)
    return next((str(one[told]) for one in lists if told in one), told)


def _row(event: Event, customer: str | None) -> dict[str, Any]:
    body = json.loads(event.body)
    about = [
        _in_words(str(body[name]))
        for name in ("why", "what", "about", "change", "to", "decision", "hold")
        if body.get(name)
    ]
    return {
        "at": event.happened_at,
        "kind": event.kind,
        "by": body.get("by", ""),
        "customer": customer,
        "about": about,
    }
