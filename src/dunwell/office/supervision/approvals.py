"""Four eyes: what one person asked for and another must agree to, who may not be the same."""

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dunwell.journal.recording import NewEvent
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Approval, Case
from dunwell.office.cases.scope import visible
from dunwell.office.compliance.erasing import KIND as ERASURE
from dunwell.office.compliance.erasing import MustBeKept
from dunwell.office.compliance.person import carry_out
from dunwell.office.desk.planning import promise_plan, why_no_more
from dunwell.office.desk.working import lock
from dunwell.office.workplace import Workplace, workplace

if TYPE_CHECKING:
    from django.db.models import QuerySet

_SHOWN = 100


class CannotDecide(ValueError):
    """Somebody may not decide this, or not so; says why."""


def why_not(approval: Approval, staff: Staff) -> str | None:
    """Why somebody may not decide this; None when they may."""
    if approval.decision:
        return _("It was decided already.")
    if approval.asked_by_id == staff.pk:
        return _("You asked for it: somebody else must decide.")
    if approval.seconds and staff.role not in approval.seconds:
        return _("Your role may not decide this.")
    return None


def seen_by(staff: Staff) -> "QuerySet[Approval]":
    """The approvals about customers whom somebody may see."""
    rows = Approval.objects.all()
    if not staff.is_bound:
        return rows
    cases = Case.objects.visible_to(staff).values("pk")
    without_case = rows.filter(decision="").exclude(subject__in=Case.objects.values("pk"))
    names = set(without_case.order_by().values_list("subject", flat=True))
    return rows.filter(Q(subject__in=cases) | Q(subject__in=visible(workplace(), staff, names)))


@needs("case.approve")
def approvals(request: HttpRequest) -> HttpResponse:
    """What waits, the oldest first, and what was decided lately."""
    staff = staff_of(request)
    waiting = seen_by(staff).filter(decision="").select_related("asked_by").order_by("asked_at")[:_SHOWN]
    decided = (
        seen_by(staff)
        .exclude(decision="")
        .select_related("asked_by", "decided_by")
        .order_by("-decided_at")[:20]
    )
    context = {"waiting": [(one, why_not(one, staff)) for one in waiting], "decided": decided}
    return render(request, "office/approvals.html", context)


@needs("case.approve")
@require_POST
def decide(request: HttpRequest, approval_id: int) -> HttpResponse:
    """Agree or refuse, with a reason; what was agreed to takes effect in the same step."""
    staff, place = staff_of(request), workplace()
    decision, reason = request.POST.get("decision", ""), request.POST.get("reason", "").strip()
    if decision not in ("approved", "refused") or not reason:
        messages.error(request, _("Choose whether you agree, and write why."))
        return redirect("approvals")
    try:
        settle(place, staff, approval_id, decision, reason)
    except CannotDecide as error:
        messages.error(request, str(error))
        return redirect("approvals")
    messages.success(request, _("Recorded."))
    return redirect("approvals")


def settle(place: Workplace, staff: Staff, approval_id: int, decision: str, reason: str) -> None:
    """Decide an approval; what is agreed to takes effect in the same step. Raises CannotDecide, Http404."""
    with transaction.atomic():
        approval = seen_by(staff).select_for_update().filter(pk=approval_id).first()
        if approval is None:
            raise Http404
        no = why_not(approval, staff)
        if no is not None:
            raise CannotDecide(no)
        now = place.clock()
        approval.decided_by, approval.decided_at = staff, now
        approval.decision, approval.reason = decision, reason[:300]
        approval.save()
        body = {
            "by": staff.username,
            "approval": str(approval.pk),
            "decision": decision,
            "why": approval.reason,
        }
        event = NewEvent("approval.decided", now, approval.subject, body=body, key=f"approval:{approval.pk}")
        place.journal.record([event])
        if decision == "approved":
            if approval.kind == "plan":
                lock(CaseFile(place, approval.subject))
            _take_effect(approval, CaseFile(place, approval.subject))


def _take_effect(approval: Approval, file: CaseFile) -> None:
    """What was agreed to holds from now on. Raises CannotDecide."""
    if approval.kind == "plan":
        assert approval.decided_by is not None
        once = approval.key.removeprefix("plan:")
        no = why_no_more(
            *(file, approval.payload, approval.asked_by, approval.asked_at, approval.decided_by), once=once
        )
        if no is not None:
            raise CannotDecide(no)
        promise_plan(file, approval.asked_by, approval.payload, once)
    elif approval.kind == ERASURE:
        try:
            carry_out(approval, file)
        except MustBeKept as error:
            why = _("Something must be kept since it was asked for. Refuse it, or let it be asked anew.")
            raise CannotDecide(why) from error
