"""Whom to help: notes in which the review found something, contacts the gate refused again and again.

It is a list of occasions to talk about, each with its evidence; nobody is given a number.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from django.core.paginator import Paginator
from django.db.models import Count, F, Min, Window
from django.db.models.functions import RowNumber, TruncDate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dunwell.journal.models import Event
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.scope import visible_subjects
from dunwell.office.supervision.board import start_of_day, team_of
from dunwell.office.tallies.following import Read, follow
from dunwell.office.tallies.models import Mark, Sign, SignTally
from dunwell.office.workplace import Workplace, workplace

_DAYS = 14
_REFUSED_OFTEN = 5
_STEP_OF_A_PAGE = 1_000
"""So many events a page reads on itself, to tell what just happened; the others are the keeper's work."""
_READ_MAX = 2000
"""Of who may not see everybody the latest so many signs are looked at."""
SHOWN_MAX = 20
"""Of an occasion the latest so many events are shown."""
_SAYS = {"case.note": '"findings":', "contact.refused": '"by":'}
"""What an event says that may be an occasion: a note with findings, a contact refused to a person and not to a machine."""
_PAGE = 10
_KINDS = {"case.note": "findings", "contact.refused": "refused"}
_NAME = "coaching"


Evidence = tuple[datetime, str, Sequence[str]]
"""An event that shows an occasion: when, whom it was about, what."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something to talk about with somebody: what, how often, and the latest events that show it. ``latest_from``: the day from
    which on these lie, where they are not read yet.
    """

    name: str
    kind: str
    count: int = 0
    evidence: Sequence[Evidence] = field(default_factory=list)
    latest_from: date | None = None


def note_signs(place: Workplace, steps_max: int | None = None, step: int | None = None) -> bool:
    """Note the signs among what was recorded since the last time; whether all of it was looked at. The first time it begins with
    what is young enough to be talked about.
    """
    if not Mark.objects.filter(name=_NAME).exists():
        since = _begins(place)
        young = Event.objects.filter(kind__in=_SAYS, happened_at__gte=since).aggregate(first=Min("id"))[
            "first"
        ]
        Mark.objects.get_or_create(name=_NAME, defaults={"event_number": (young or 1) - 1})
    return follow(_NAME, tuple(_SAYS), place.clock(), _note, steps_max=steps_max, step=step)


def _begins(place: Workplace) -> datetime:
    """From when on signs are talked about: whole days (UTC), as they are tallied."""
    return start_of_day(place.clock(), "UTC") - timedelta(days=_DAYS)


def _note(events: Sequence[Read]) -> None:
    """Keep the signs among some events, and count anew the days on which they lie; within the caller's transaction."""
    signs = [sign for one in events if _SAYS[one.kind] in one.body and (sign := sign_of(one)) is not None]
    if not signs:
        return
    # Who notes at the same time counts after us, ours included.
    Mark.objects.select_for_update().get(name=_NAME)
    Sign.objects.bulk_create(signs, ignore_conflicts=True)
    count_anew({(sign.name, sign.kind, sign.happened_at.astimezone(UTC).date()) for sign in signs})


def count_anew(days: Collection[tuple[str, str, date]]) -> None:
    """Set the tallies of some days, each of somebody and a kind, to how many signs there are."""
    if not days:
        return
    names, kinds, on = (set(column) for column in zip(*days, strict=True))
    begins = datetime.combine(min(on), time(), UTC)
    ends = datetime.combine(max(on) + timedelta(days=1), time(), UTC)
    counted = (
        Sign.objects.filter(name__in=names, kind__in=kinds, happened_at__gte=begins, happened_at__lt=ends)
        .annotate(day=TruncDate("happened_at", tzinfo=UTC))
        .values_list("name", "kind", "day")
        .annotate(count=Count("pk"))
    )
    tallies = [
        SignTally(name=name, kind=kind, day=day, count=count)
        for name, kind, day, count in counted
        if (name, kind, day) in days
    ]
    SignTally.objects.bulk_create(
        tallies, update_conflicts=True, unique_fields=["name", "kind", "day"], update_fields=["count"]
    )


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
    """Occasions from all the signs, the latest first, by name and kind; whom the evidence is about by the vault's reference."""
    found: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    for one in signs:
        found[(one.name, one.kind)].append((one.happened_at, one.subject, one.what))
    made = [
        Occasion(name, _KINDS[kind], len(evidence), evidence[:SHOWN_MAX])
        for (name, kind), evidence in found.items()
        if is_occasion(kind, len(evidence))
    ]
    return sorted(made, key=lambda one: (one.name, one.kind))


def is_occasion(kind: str, count: int) -> bool:
    """Whether so many signs are something to talk about: a finding is, a refusal when it comes again and again."""
    return kind == "case.note" or count >= _REFUSED_OFTEN


@needs("team.read")
def coaching(request: HttpRequest) -> HttpResponse:
    """The occasions of the last two weeks, some a page."""
    place, staff = workplace(), staff_of(request)
    page = Paginator(occasions_of(place, staff), _PAGE).get_page(request.GET.get("page"))
    found = with_evidence(place, staff, list(page.object_list))
    return render(request, "office/coaching.html", {"occasions": found, "page": page})


def occasions_of(place: Workplace, staff: Staff) -> list[Occasion]:
    """The occasions of the last two weeks in somebody's team, by name; what shows those that are looked at is read by
    ``with_evidence``.
    """
    note_signs(place, steps_max=1, step=_STEP_OF_A_PAGE)
    names = list(team_of(staff).values_list("username", flat=True))
    if not staff.is_bound:
        return tallied(names, _begins(place))
    signs = Sign.objects.filter(happened_at__gte=_begins(place), name__in=names)
    told = list(signs.order_by("-happened_at", "-event_id")[:_READ_MAX])
    theirs = visible_subjects(place, staff, {one.subject for one in told if one.subject})
    return occasions(one for one in told if one.subject in theirs)


def tallied(names: Collection[str], since: datetime) -> list[Occasion]:
    """The occasions of some people from a day (UTC) on, all of whose signs may be seen, counted by the tallies."""
    days: dict[tuple[str, str], list[tuple[date, int]]] = defaultdict(list)
    rows = SignTally.objects.filter(name__in=names, day__gte=since.date()).order_by("-day")
    for name, kind, day, count in rows.values_list("name", "kind", "day", "count"):
        days[(name, kind)].append((day, count))
    made = [
        Occasion(name, _KINDS[kind], count, latest_from=_enough(found))
        for (name, kind), found in days.items()
        if is_occasion(kind, count := sum(count for _day, count in found))
    ]
    return sorted(made, key=lambda one: (one.name, one.kind))


def _enough(days: Sequence[tuple[date, int]]) -> date:
    """The day from which on there are as many as are shown, or the first; ``days``: the latest first, with their counts."""
    seen = 0
    for day, count in days:
        seen += count
        if seen >= SHOWN_MAX:
            return day
    return days[-1][0]


def with_evidence(place: Workplace, staff: Staff, shown: Sequence[Occasion]) -> list[Occasion]:
    """Occasions with the latest that shows each, and the customers whom somebody may see."""
    latest = _latest([one for one in shown if one.latest_from is not None])
    found = [replace(one, evidence=latest.get((one.name, one.kind), one.evidence)) for one in shown]
    owners = visible_subjects(
        place, staff, {subject for one in found for _at, subject, _what in one.evidence if subject}
    )
    return [
        replace(one, evidence=[(at, owners.get(subject, ""), what) for at, subject, what in one.evidence])
        for one in found
    ]


def _latest(counted: Sequence[Occasion]) -> Mapping[tuple[str, str], Sequence[Evidence]]:
    """The latest signs of each occasion, by its name and kind."""
    days = [one.latest_from for one in counted if one.latest_from is not None]
    if not days:
        return {}
    events = {event for event, kind in _KINDS.items() if kind in {one.kind for one in counted}}
    signs = (
        Sign.objects.filter(
            name__in={one.name for one in counted},
            kind__in=events,
            happened_at__gte=datetime.combine(min(days), time(), UTC),
        )
        .annotate(
            place=Window(
                RowNumber(), partition_by=[F("name"), F("kind")], order_by=["-happened_at", "-event_id"]
            )
        )
        .filter(place__lte=SHOWN_MAX)
        .order_by("-happened_at", "-event_id")
    )
    found: dict[tuple[str, str], list[Evidence]] = defaultdict(list)
    for one in signs:
        found[(one.name, _KINDS[one.kind])].append((one.happened_at, one.subject, one.what))
    return found
