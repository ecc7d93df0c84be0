"""Who works which case: by language, jurisdiction, skill and load; cases of people on leave find others."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.contrib import messages
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dunwell.journal.recording import NewEvent
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Case, values_of
from dunwell.office.cases.routing import (
    loads_of,
    on_duty,
    share_out,
    states_of,
    wanting,
    workers_of,
)
from dunwell.office.paging import COUNTED_MAX
from dunwell.office.supervision.board import team_of
from dunwell.office.workplace import workplace

if TYPE_CHECKING:
    from django.db.models import QuerySet

BATCH_MAX = 2000


@needs("team.read")
def load(request: HttpRequest) -> HttpResponse:
    """Who has how many cases, who is away, and what nobody has."""
    staff, today = staff_of(request), workplace().clock().date()
    people = list(team_of(staff))
    loads = loads_of(people)
    cases = Case.objects.visible_to(staff).exclude(stage="closed")
    free = cases.filter(assigned_to=None)
    counted = free.order_by()[: COUNTED_MAX + 1].count()
    context = {
        "people": [
            (one, loads.get(one.pk, 0), one.on_leave_until is not None and one.on_leave_until >= today)
            for one in people
        ],
        "free_count": min(counted, COUNTED_MAX),
        "free_is_cut": counted > COUNTED_MAX,
        "stages": [one for one in values_of(Case.objects.visible_to(staff), "stage") if one != "closed"],
        "jurisdictions": values_of(free, "jurisdiction"),
        "may_assign": staff.may("case.assign"),
        "skills": sorted({skill for one in people for skill in one.skills}),
    }
    return render(request, "office/load.html", context)


@needs("case.assign")
@require_POST
def share(request: HttpRequest) -> HttpResponse:
    """Give cases that nobody has to those on duty."""
    staff, place = staff_of(request), workplace()
    cases = Case.objects.visible_to(staff).exclude(stage="closed").filter(assigned_to=None).order_by("rank")
    for name in ("stage", "jurisdiction"):
        if request.POST.get(name):
            cases = cases.filter(**{name: request.POST[name]})
    try:
        count = min(max(int(request.POST.get("count", "50")), 1), BATCH_MAX)
    except ValueError:
        count = 50
    with transaction.atomic():
        _give(request, _taken(cases, count), on_duty(list(team_of(staff)), place.clock().date()))
    return redirect("load")


@needs("case.assign")
@require_POST
def cover(request: HttpRequest, username: str) -> HttpResponse:
    """Give the cases of somebody who is away to the others."""
    staff, place = staff_of(request), workplace()
    away = team_of(staff).filter(username=username).first()
    if away is None:
        messages.error(request, _("There is nobody of that name in your team."))
        return redirect("load")
    others = [one for one in on_duty(list(team_of(staff)), place.clock().date()) if one.pk != away.pk]
    theirs = Case.objects.visible_to(staff).filter(assigned_to=away).order_by("rank")
    with transaction.atomic():
        _give(request, _taken(theirs, BATCH_MAX), others)
    return redirect("load")


@needs("case.assign")
@require_POST
def give(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Give one case to one person, or to nobody."""
    staff = staff_of(request)
    name = request.POST.get("to", "")
    if not give_to(staff, customer_id, name):
        messages.error(request, _("There is no such case or person."))
        return redirect("queue")
    messages.success(request, _("The case is with %(name)s.") % {"name": name or _("nobody")})
    return redirect("case", customer_id)


def give_to(staff: Staff, customer_id: str, name: str) -> bool:
    """Give a case to somebody of one's team by name (empty: to nobody); False when there is no such case or person there, or they
    may not see it.
    """
    to = team_of(staff).filter(username=name).first()
    if name and to is None:
        return False
    with transaction.atomic():
        case = Case.objects.visible_to(staff).select_for_update().filter(pk=customer_id).first()
        if case is None or (to is not None and not _may_have(to, case)):
            return False
        case.assigned_to = to
        case.team = to.team if to and to.team else case.team
        case.save(update_fields=["assigned_to", "team"])
        _record(staff, [case.pk], name or None)
    return True


def _may_have(to: Staff, case: Case) -> bool:
    """Whether somebody may see a case that is given to them."""
    return to.scope is None or case.jurisdiction in to.scope


def _taken(cases: "QuerySet[Case]", count: int) -> list[Case]:
    """The first of some cases, kept from others until the transaction is over; what others are giving out now is left to them."""
    skips = connection.features.has_select_for_update_skip_locked
    return list(cases.select_for_update(skip_locked=skips)[:count])


def _give(request: HttpRequest, cases: Sequence[Case], people: Sequence[Staff]) -> None:
    place = workplace()
    states = states_of(place, [case.pk for case in cases], place.clock().date())
    given = share_out([wanting(case, states.get(case.pk, ())) for case in cases], workers_of(people))
    by_name = {one.username: one for one in people}
    with transaction.atomic():
        for case in cases:
            if case.pk in given:
                case.assigned_to = by_name[given[case.pk]]
                case.team = case.assigned_to.team or case.team
        Case.objects.bulk_update(
            [case for case in cases if case.pk in given], ["assigned_to", "team"], batch_size=500
        )
        for name in sorted(set(given.values())):
            _record(staff_of(request), [customer for customer, to in given.items() if to == name], name)
    told = ngettext("%(count)s case was given out.", "%(count)s cases were given out.", len(given))
    messages.success(request, told % {"count": len(given)})
    left = len(cases) - len(given)
    if left:
        told = ngettext(
            "%(count)s case found nobody with its language, law and skill.",
            "%(count)s cases found nobody with their language, law and skill.",
            left,
        )
        messages.warning(request, told % {"count": left})


def _record(staff: Staff, customer_ids: Sequence[str], to: str | None) -> None:
    journal = workplace().journal
    body = {"by": staff.username, "to": to or ""}
    journal.record(
        [NewEvent("case.assigned", journal.clock(), customer, body=body) for customer in customer_ids]
    )
