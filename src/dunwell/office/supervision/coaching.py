"""Whom to help: notes in which the review found something, contacts the gate refused again and again.

It is a list of occasions to talk about, each with its evidence; nobody is given a number.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dunwell.journal.models import Event
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.scope import visible_subjects
from dunwell.office.supervision.board import team_of
from dunwell.office.workplace import Workplace, workplace

_DAYS = 14
_REFUSED_OFTEN = 5
_READ_MAX = 1000
"""Of each kind the latest so many are looked at."""
_SAYS = {"case.note": '"findings":', "contact.refused": '"by":'}
"""What an event says that may be an occasion: a note with findings, a contact refused to a person and not to a machine."""


@dataclass
class Occasion:
    """Something to talk about with somebody: what, and the events that show it."""

    name: str
    kind: str
    evidence: list[tuple[datetime, str, Sequence[str]]] = field(default_factory=list)


def occasions(events: Iterable[tuple[str, datetime, str, str | None]]) -> list[Occasion]:
    """Occasions from events (kind, instant, body as JSON, customer), by name and kind."""
    found: dict[tuple[str, str], list[tuple[datetime, str, Sequence[str]]]] = defaultdict(list)
    for kind, at, text, customer in events:
        body = json.loads(text)
        if kind == "case.note" and body.get("findings"):
            found[(body["by"], "findings")].append((at, customer or "", body["findings"]))
        elif kind == "contact.refused" and body.get("by"):
            rules = [reason["rule"] for reason in body.get("reasons", ())]
            found[(body["by"], "refused")].append((at, customer or "", rules))
    return [
        Occasion(name, kind, evidence)
        for (name, kind), evidence in sorted(found.items())
        if kind == "findings" or len(evidence) >= _REFUSED_OFTEN
    ]


@needs("team.read")
def coaching(request: HttpRequest) -> HttpResponse:
    """The occasions of the last two weeks."""
    found = occasions_of(workplace(), staff_of(request))
    return render(request, "office/coaching.html", {"occasions": found})


def occasions_of(place: Workplace, staff: Staff) -> list[Occasion]:
    """The occasions of the last two weeks in somebody's team, by name."""
    names = {one.username for one in team_of(staff)}
    since = place.clock() - timedelta(days=_DAYS)
    told = [
        row
        for kind, mark in _SAYS.items()
        for row in Event.objects.filter(kind=kind, happened_at__gte=since, body__contains=mark)
        .order_by("-happened_at", "-id")
        .values_list("kind", "happened_at", "body", "subject_id")[:_READ_MAX]
    ]
    told.sort(key=lambda row: row[1])
    owners = visible_subjects(place, staff, {str(row[3]) for row in told if row[3]})
    if staff.is_bound:
        told = [row for row in told if str(row[3]) in owners]
    found = occasions((kind, at, body, owners.get(str(subject))) for kind, at, body, subject in told)
    return [one for one in found if one.name in names]
