"""The live board: the day's contacts, conversations with the right person, promises, cash, and what the law held back."""

from collections.abc import Callable, Collection
from datetime import date, datetime, time, timedelta
from functools import lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dunwell.journal.models import Event
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Case
from dunwell.office.cases.scope import visible, visible_subjects
from dunwell.office.cases.shelf import Shelf
from dunwell.office.supervision.approvals import seen_by
from dunwell.office.supervision.capacities import capacities_told
from dunwell.office.supervision.day import KINDS, Day, day_of, day_so_far
from dunwell.office.workplace import Workplace, workplace
from dunwell.outreach.models import Work

_KEPT_DAYS = 30


def start_of_day(now: datetime, zone: str) -> datetime:
    """Midnight of the day on the office's clock."""
    local = now.astimezone(ZoneInfo(zone))
    return datetime.combine(local.date(), time(), local.tzinfo)


@lru_cache(maxsize=2)
def kept_share(shelf: Shelf, day: date) -> tuple[int, int]:
    """Of the book's promises that fell due in the last 30 days: how many were kept, and how many there were."""
    return kept_among(shelf, day, None)


def kept_among(
    shelf: Shelf, day: date, seen: Callable[[Collection[str]], set[str]] | None
) -> tuple[int, int]:
    """The same of the customers whom ``seen`` leaves of some; None: of all."""
    is_due = pl.col("due_on").is_between(day - timedelta(days=_KEPT_DAYS), day, closed="left")
    kept = due = 0
    for promises in shelf.results("promises", ["state", "due_on", "customer_id"]):
        if seen is not None:
            promises = promises.filter(is_due)
            promises = promises.filter(pl.col("customer_id").is_in(list(seen(set(promises["customer_id"])))))
        states = promises.filter(is_due & pl.col("state").is_in(["kept", "partly_kept", "broken"]))["state"]
        kept, due = kept + int((states == "kept").sum()), due + len(states)
    return kept, due


@needs("team.read")
def board(request: HttpRequest) -> HttpResponse:
    """The board; the page asks for its figures again twice a minute."""
    context = figures_of(workplace(), staff_of(request))
    day = context["day"]
    context |= {
        "refused": day.refused.most_common(12),
        "contacts": sorted(day.contacts.items()),
        "cash": sorted(day.cash.items()),
        "holds": day.holds.most_common(),
        "moved": day.moved.most_common(),
    }
    template = "office/board_figures.html" if request.headers.get("HX-Request") else "office/board.html"
    return render(request, template, context)


def figures_of(place: Workplace, staff: Staff) -> dict[str, Any]:
    """What the board tells somebody: the day so far, their team's people in the order of names, the kept share, what waits.
    Figures of the whole lender's that are not split are told (``has_messages``) to who may see everybody alone.
    """
    now = place.clock()
    begins = start_of_day(now, "UTC")
    day = day_seen_by(place, staff, begins) if staff.is_bound else day_so_far(begins, now)
    names = {person.username: person for person in team_of(staff)}
    kept, due = (
        kept_among(place.shelf, place.today(), partial(visible, place, staff))
        if staff.is_bound
        else kept_share(place.shelf, place.today())
    )
    cases = Case.objects.visible_to(staff)
    figures: dict[str, Any] = {
        "day": day,
        "at": now,
        "people": sorted(
            (one for name, one in day.people.items() if name in names), key=lambda one: one.name
        ),
        "kept": kept,
        "due": due,
        "kept_percent": round(100 * kept / due) if due else None,
        "waiting": cases.filter(needs_person=True).count(),
        "urgent": cases.filter(is_urgent=True).count(),
        "held_back": cases.filter(is_held_back=True).count(),
        "without_skill": cases.exclude(wants="").filter(assigned_to=None).count(),
        "approvals": seen_by(staff).filter(decision="").count(),
    }
    if not staff.is_bound:
        figures |= {
            "has_messages": True,
            "unknown": Work.objects.filter(state="unknown").count(),
            "capacities": capacities_told(place),
            "messages_due": Work.objects.filter(state="due").count(),
        }
    return figures


def day_seen_by(place: Workplace, staff: Staff, begins: datetime) -> Day:
    """The figures since midnight of the customers whom somebody may see, from the day's events."""
    rows = list(
        Event.objects.filter(kind__in=KINDS, happened_at__gte=begins)
        .order_by("id")
        .values_list("subject_id", "kind", "body")
    )
    theirs = visible_subjects(place, staff, {str(subject) for subject, _, _ in rows if subject})
    return day_of((kind, body) for subject, kind, body in rows if str(subject) in theirs)


def team_of(staff: Staff) -> Any:
    """The people somebody leads: their team's, or everybody where they are in none."""
    people = Staff.objects.filter(is_active=True).select_related("team").order_by("username")
    return people if staff.team is None else people.filter(team=staff.team)
