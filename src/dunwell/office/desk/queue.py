"""The queue: whose case is next, and why."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from dunwell.office.access.guard import needs, open_to_staff, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Case, values_of
from dunwell.office.navigation import WAYS
from dunwell.office.paging import LongPaginator
from dunwell.office.workplace import workplace

_PAGE = 25
PASSED, _PASSED_MAX = "passed", 50
_REST = timedelta(hours=12)
"""A case that was worked on is not handed out again before, unless somebody asked to come back to it."""


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
    user, now = staff_of(request), workplace().clock()
    passed: list[str] = [*request.session.get(PASSED, []), request.GET.get("after", "")][-_PASSED_MAX:]
    request.session[PASSED] = passed
    found = first_of_queue(user, now, passed)
    if found is None:
        request.session[PASSED] = []
        messages.info(request, _("You have been through the queue."))
        return redirect("queue")
    return redirect("case", found)


def first_of_queue(user: Staff, now: datetime, passed: Sequence[str]) -> str | None:
    """The first case for somebody that nobody worked on lately, but for those passed over; None when there is none."""
    is_fresh = Q(worked_at__isnull=True) | Q(worked_at__lt=now - _REST) | Q(come_back_at__lte=now)
    cases = Case.objects.open_to(user).filter(is_fresh).exclude(pk__in=passed).order_by("rank", "pk")
    found: str | None = cases.values_list("pk", flat=True).first()
    return found


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
