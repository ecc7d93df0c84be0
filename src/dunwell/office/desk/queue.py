"""The queue: whose case is next, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from dunwell.office.access.guard import needs, open_to_staff, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Case, values_of
from dunwell.office.desk.hours import waits_for_an_hour
from dunwell.office.navigation import WAYS
from dunwell.office.paging import LongPaginator
from dunwell.office.workplace import Workplace, workplace

_PAGE = 25
PASSED, _PASSED_MAX = "passed", 50
_REST = timedelta(hours=12)
"""A case that was worked on is not handed out again before, unless somebody asked to come back to it."""
_AT_ONCE, _ROUNDS = 25, 6
"""So many cases at the front are looked at for one that may be called at this hour; then those of others, so often in all."""


@open_to_staff
def home(request: HttpRequest) -> HttpResponse:
    """To the first page that this person may use."""
    user = staff_of(request)
    for permission, name, _words in WAYS:
        if user.may(permission):
            return redirect(name)
    return render(request, "office/home.html")


@needs("case.read")
def next_case(request: HttpRequest) -> HttpResponse:
    """On to the first case of the queue that nobody worked on lately and that was not just passed over."""
    user = staff_of(request)
    passed: list[str] = [*request.session.get(PASSED, []), request.GET.get("after", "")][-_PASSED_MAX:]
    request.session[PASSED] = passed
    found = first_of_queue(workplace(), user, passed)
    if found is None:
        request.session[PASSED] = []
        messages.info(request, _("You have been through the queue."))
        return redirect("queue")
    if found.is_too_early:
        messages.info(
            request,
            _("At this hour nobody at the front of the queue may be called; the case says from when."),
        )
    return redirect("case", found.customer_id)


@dataclass(frozen=True, slots=True)
class First:
    """The case that comes next. ``is_too_early``: its customer may be called later, and so may those who come after it."""

    customer_id: str
    is_too_early: bool = False


def first_of_queue(place: Workplace, user: Staff, passed: Sequence[str]) -> First | None:
    """The first case for somebody that nobody worked on lately, but for those passed over; None when there is none.

    Where it is night for a customer, or another rule opens their telephones within a day, the case waits for its hour, and the
    next one that may be called now comes before it. Whoever wrote, or asked for a person, does not wait.
    """
    now = place.clock()
    is_fresh = Q(worked_at__isnull=True) | Q(worked_at__lt=now - _REST) | Q(come_back_at__lte=now)
    cases = Case.objects.open_to(user).filter(is_fresh).exclude(pk__in=passed).order_by("rank", "pk")
    asleep: set[str] = set()
    for _round in range(_ROUNDS):
        front = list(cases.exclude(jurisdiction__in=asleep)[:_AT_ONCE])
        for case in front:
            if case.needs_person or case.is_urgent or not waits_for_an_hour(place, case.pk):
                return First(case.pk)
        if not front:
            break
        asleep |= {case.jurisdiction for case in front}
    first = cases.first()
    return None if first is None else First(first.pk, is_too_early=True)


@needs("case.read")
def queue(request: HttpRequest) -> HttpResponse:
    """The cases in their order: mine and nobody's, which is a collector's day, mine alone, or all I may see. The filters stand in
    the address.
    """
    user = staff_of(request)
    whose = request.GET.get("whose") or ("open" if user.role == "collector" else "all")
    seen = Case.objects.open_to(user) if whose == "open" else Case.objects.visible_to(user)
    cases = seen.select_related("assigned_to").order_by("rank")
    if whose == "mine":
        cases = cases.filter(assigned_to=user)
    stage = request.GET.get("stage", "")
    if stage:
        cases = cases.filter(stage=stage)
    page = LongPaginator(cases, _PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "whose": whose,
        "stage": stage,
        "stages": values_of(Case.objects.visible_to(user), "stage"),
    }
    return render(request, "office/queue.html", context)
