"""The pages on which a team lead sees who has how many cases, and gives out what nobody has or who is away has."""

from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from dunwell.office.access.guard import needs, staff_of
from dunwell.office.supervision.sharing import (
    Shared,
    give_to,
    load_of,
    put_on_leave,
    share_free,
    share_of_away,
)
from dunwell.office.workplace import workplace

_SHARED = 50


@needs("team.read")
def load(request: HttpRequest) -> HttpResponse:
    """Who has how many cases, who is away, and what nobody has."""
    staff, today = staff_of(request), workplace().clock().date()
    told = load_of(staff, today)
    context = {
        "people": told.people,
        "free_count": told.free_count,
        "free_is_cut": told.free_is_cut,
        "stages": told.stages,
        "jurisdictions": told.jurisdictions,
        "today": today,
        "may_assign": staff.may("case.assign"),
        "skills": sorted({skill for one, _count, _away in told.people for skill in one.skills}),
    }
    return render(request, "office/load.html", context)


@needs("case.assign")
@require_POST
def share(request: HttpRequest) -> HttpResponse:
    """Give cases that nobody has to those on duty."""
    count = request.POST.get("count", "")
    wanted = int(count) if count.isdecimal() and len(count) < 9 else _SHARED
    _tell(
        request,
        share_free(
            staff_of(request), wanted, request.POST.get("stage", ""), request.POST.get("jurisdiction", "")
        ),
    )
    return redirect("load")


@needs("case.assign")
@require_POST
def cover(request: HttpRequest, username: str) -> HttpResponse:
    """Give the cases of somebody who is away to the others."""
    shared = share_of_away(staff_of(request), username)
    if shared is None:
        messages.error(request, _("There is nobody of that name in your team."))
    else:
        _tell(request, shared)
    return redirect("load")


@needs("case.assign")
@require_POST
def leave(request: HttpRequest, username: str) -> HttpResponse:
    """Say until when somebody is away; without a day they are here again."""
    typed = request.POST.get("until", "")
    try:
        until = date.fromisoformat(typed) if typed else None
    except ValueError:
        until = date.min
    if until is not None and until < workplace().clock().date():
        messages.error(request, _("Choose the last day of the leave, today or later."))
    elif not put_on_leave(staff_of(request), username, until):
        messages.error(request, _("There is nobody of that name in your team."))
    else:
        messages.success(request, _("Recorded."))
    return redirect("load")


@needs("case.assign")
@require_POST
def give(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Give one case to one person, or to nobody."""
    name = request.POST.get("to", "")
    if not give_to(staff_of(request), customer_id, name):
        messages.error(request, _("There is no such case or person."))
        return redirect("queue")
    messages.success(request, _("The case is with %(name)s.") % {"name": name or _("nobody")})
    return redirect("case", customer_id)


def _tell(request: HttpRequest, shared: Shared) -> None:
    told = ngettext("%(count)s case was given out.", "%(count)s cases were given out.", shared.given)
    messages.success(request, told % {"count": shared.given})
    if shared.left:
        told = ngettext(
            "%(count)s case found nobody with its language, law and skill.",
            "%(count)s cases found nobody with their language, law and skill.",
            shared.left,
        )
        messages.warning(request, told % {"count": shared.left})
