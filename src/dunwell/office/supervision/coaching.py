"""Whom to help: notes in which the review found something, contacts the gate refused again and again.

It is a list of occasions to talk about, each with its evidence; nobody is given a number.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db.models import Min
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dunwell.journal.models import Event
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.scope import visible_subjects
from dunwell.office.supervision.board import team_of
from dunwell.office.tallies.following import Read, follow
from dunwell.office.tallies.models import Mark, Sign
from dunwell.office.workplace import Workplace, workplace

_DAYS = 14
_REFUSED_OFTEN = 5
_READ_MAX = 2000
"""The latest so many signs are looked at."""
SHOWN_MAX = 20
"""Of an occasion the latest so many events are shown."""
_SAYS = {"case.note": '"findings":', "contact.refused": '"by":'}
"""What an event says that may be an occasion: a note with findings, a contact refused to a person and not to a machine."""
_NAME = "coaching"


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something to talk about with somebody: what, how often, and the latest events that show it (when, whom it was about,
    what).
    """

    name: str
    kind: str
    count: int = 0
    evidence: Sequence[tuple[datetime, str, Sequence[str]]] = field(default_factory=list)


def note_signs(place: Workplace, steps_max: int | None = None) -> bool:
    """Note the signs among what was recorded since the last time; whether all of it was looked at. The first time it begins with
    what is young enough to be talked about.
    """
    if not Mark.objects.filter(name=_NAME).exists():
        since = place.clock() - timedelta(days=_DAYS)
        young = Event.objects.filter(kind__in=_SAYS, happened_at__gte=since).aggregate(first=Min("id"))[
            "first"
        ]
        Mark.objects.get_or_create(name=_NAME, defaults={"event_number": (young or 1) - 1})
    return follow(_NAME, tuple(_SAYS), place.clock(), _note, steps_max=steps_max)


def _note(events: Sequence[Read]) -> None:
    signs = [sign for one in events if _SAYS[one.kind] in one.body and (sign := sign_of(one)) is not None]
    Sign.objects.bulk_create(signs, ignore_conflicts=True)


def sign_of(one: Read) -> Sign | None:
    """The sign that an event is; None when it is none."""
    body = json.loads(one.body)
    is_note = one.kind == "case.note"
    what = body.get("findings") if is_note else [reason["rule"] for reason in body.get("reasons", ())]
    if not body.get("by") or (is_note and not what):
        return None
    return Sign(
        event_id=one.event_id,
        kind=one.kind,
        happened_at=one.at,
        name=str(body["by"])[:150],
        subject=one.subject or "",
        what=what,
    )


def occasions(signs: Iterable[Sign]) -> list[Occasion]:
    """Occasions from signs, the latest first, by name and kind; whom the evidence is about by the vault's reference."""
    found: dict[tuple[str, str], list[tuple[datetime, str, Sequence[str]]]] = defaultdict(list)
    for one in signs:
        kind = "findings" if one.kind == "case.note" else "refused"
        found[(one.name, kind)].append((one.happened_at, one.subject, one.what))
    return [
        Occasion(name, kind, len(evidence), evidence[:SHOWN_MAX])
        for (name, kind), evidence in sorted(found.items())
        if kind == "findings" or len(evidence) >= _REFUSED_OFTEN
    ]


@needs("team.read")
def coaching(request: HttpRequest) -> HttpResponse:
    """The occasions of the last two weeks."""
    found = occasions_of(workplace(), staff_of(request))
    return render(request, "office/coaching.html", {"occasions": found})


def occasions_of(place: Workplace, staff: Staff) -> list[Occasion]:
    """The occasions of the last two weeks in somebody's team, by name, with the customers whom they may see."""
    note_signs(place, steps_max=1)
    names = list(team_of(staff).values_list("username", flat=True))
    since = place.clock() - timedelta(days=_DAYS)
    signs = Sign.objects.filter(happened_at__gte=since, name__in=names).order_by("-happened_at", "-event_id")
    told = list(signs[:_READ_MAX])
    if staff.is_bound:
        theirs = visible_subjects(place, staff, {one.subject for one in told if one.subject})
        told = [one for one in told if one.subject in theirs]
    found = occasions(told)
    shown = {subject for one in found for _at, subject, _what in one.evidence if subject}
    owners = visible_subjects(place, staff, shown)
    return [
        replace(one, evidence=[(at, owners.get(subject, ""), what) for at, subject, what in one.evidence])
        for one in found
    ]
