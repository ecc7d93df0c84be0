"""The queue: whose case is next, and why."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from dunwell.office.access.guard import needs, open_to_staff, staff_of
from dunwell.office.cases.models import Case
from dunwell.office.navigation import WAYS

_PAGE = 25


@open_to_staff
def home(request: HttpRequest) -> HttpResponse:
    """To the first page that this person may use."""
    user = staff_of(request)
    for permission, name, _ in WAYS:
        if user.may(permission):
            return redirect(name)
    return render(request, "office/home.html")


@needs("case.read")
def queue(request: HttpRequest) -> HttpResponse:
    """The cases in their order: mine, or all I may see. The filters stand in the address."""
    user = staff_of(request)
    cases = Case.objects.visible_to(user).select_related("assigned_to").order_by("rank")
    whose = request.GET.get("whose", "all")
    if whose == "mine":
        cases = cases.filter(assigned_to=user)
    stage = request.GET.get("stage", "")
    if stage:
        cases = cases.filter(stage=stage)
    page = Paginator(cases, _PAGE).get_page(request.GET.get("page"))
    stages = Case.objects.visible_to(user).order_by("stage").values_list("stage", flat=True).distinct()
    context = {"page": page, "whose": whose, "stage": stage, "stages": list(stages)}
    return render(request, "office/queue.html", context)
