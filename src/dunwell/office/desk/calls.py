"""A call from the desk: asked of the gate first, identity before anything is disclosed, then told how it ended."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from dunwell.journal.recording import NewEvent
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.cases.casefile import CaseFile, waits_for_promise
from dunwell.office.cases.models import Case
from dunwell.office.desk import working
from dunwell.office.desk.contact import Current, begin, current, end, note_identity
from dunwell.office.desk.forms import LogForm
from dunwell.office.desk.identity import FACTS, NEEDED, TRIES_MAX, agreeing
from dunwell.office.desk.opening import once_of, open_case
from dunwell.office.desk.reviewing import pieces, review_note
from dunwell.office.desk.screen import answerable, context_of, reasons_of, zone_of
from dunwell.office.desk.templatetags.shown import instant, word

WITHDRAWALS = ("customer_withdrew", "circumstances_changed", "settled_otherwise", "recorded_wrongly")


@needs("case.work")
@require_POST
def start(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Begin a call to one of the customer's own numbers, if the gate allows it; else show why not and from when it would.

    Who promised to pay may be called about another matter while the promise is waited for (``about``).
    """
    file, staff = open_case(request, customer_id), staff_of(request)
    busy = current(request)
    if busy is not None:
        messages.warning(request, _("You are in a contact already. Say first how it ended."))
        return redirect("case", busy.customer_id)
    point = request.POST.get("point", "")
    if point not in callable_points(file):
        messages.error(request, _("Choose a number of the customer's own."))
        return redirect("case", customer_id)
    reply = request.POST.get("in_reply_to") or None
    if reply is not None and reply != answerable(file):
        reply = None
    with transaction.atomic():
        working.lock(file)
        fresh = CaseFile(file.place, customer_id)
        message_id = working.contact_name(fresh, once_of(request))
        again = working.begun_just_now(fresh, staff, message_id, point)
        if again is not None:  # the same form, sent twice
            begin(request, Current(customer_id, message_id, "call", point, again.isoformat()))
            return redirect("case", customer_id)
        is_other = request.POST.get("about") == "other" and waits_for_promise(fresh.ask("call", point))
        purpose = "service" if reply or is_other else "remind"
        verdict = working.permit(fresh, staff, "call", point, message_id, purpose=purpose, in_reply_to=reply)
    if not verdict.allowed:
        context = context_of(request, file)
        context["refusal"] = {"verdict": verdict, "reasons": reasons_of(file, verdict)}
        return render(request, "office/case.html", context, status=409)
    began = file.place.clock().isoformat()
    begin(request, Current(customer_id, message_id, "call", point, began))
    return redirect("case", customer_id)


@needs("case.work")
@require_POST
def answer(request: HttpRequest, customer_id: str) -> HttpResponse:
    """The customer calls us: nothing is asked of the gate, their identity is."""
    file, busy = open_case(request, customer_id), current(request)
    if busy is not None:
        messages.warning(request, _("You are in a contact already. Say first how it ended."))
        return redirect("case", busy.customer_id)
    began = file.place.clock().isoformat()
    name = working.contact_name(file, once_of(request))
    begin(request, Current(customer_id, name, "call", None, began, direction="in"))
    return redirect("case", customer_id)


@needs("case.work")
@require_POST
def identity(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Compare what the person says with the records; two facts that agree confirm who they are."""
    file, contact, staff = open_case(request, customer_id), current(request), staff_of(request)
    if contact is None or contact.customer_id != customer_id:
        messages.error(request, _("There is no contact in progress."))
        return redirect("case", customer_id)
    if contact.passed or contact.tries >= TRIES_MAX:
        return redirect("case", customer_id)
    said = {name: request.POST.get(f"fact_{name}", "") for name in FACTS}
    facts = tuple(dict.fromkeys((*contact.facts, *agreeing(file, contact.point_id, said))))
    passed = len(facts) >= NEEDED
    checked = note_identity(request, contact, facts, passed=passed)
    if passed or checked.tries >= TRIES_MAX:
        body = {
            "passed": passed,
            "facts": list(facts),
            "by": staff.username,
            "message_id": contact.message_id,
            "channel": contact.channel,
        }
        key = f"desk:identity:{contact.message_id}"
        file.place.journal.record(
            [NewEvent("identity.checked", file.place.clock(), customer_id, body=body, key=key)]
        )
    if not passed and checked.tries < TRIES_MAX:
        messages.warning(request, _("Not enough agrees yet. Ask for another fact."))
    return redirect("case", customer_id)


@needs("case.work")
@require_POST
def drop(request: HttpRequest, customer_id: str) -> HttpResponse:
    """The permitted call was not made after all: it counts for nothing. Once somebody was asked who they are, it was."""
    file, contact = open_case(request, customer_id), current(request)
    if contact is not None and contact.customer_id == customer_id:
        if contact.tries:
            messages.error(request, _("You spoke with somebody already. Say how it ended."))
            return redirect("case", customer_id)
        if contact.direction == "out":
            working.not_made(file, contact, staff_of(request))
        end(request)
        messages.success(request, _("Recorded that the call was not made."))
    return redirect("case", customer_id)


@needs("case.work")
@require_POST
def log(request: HttpRequest, customer_id: str) -> HttpResponse:
    """How the contact ended and what came of it, all at once; a form that is sent twice records once."""
    file, contact, staff = open_case(request, customer_id), current(request), staff_of(request)
    if contact is None or contact.customer_id != customer_id:
        messages.warning(request, _("There is no contact in progress: it was recorded already."))
        return redirect("case", customer_id)
    review = review_note(file, request.POST.get("note", ""))
    with transaction.atomic():
        working.lock(file)
        file = CaseFile(file.place, customer_id)  # what others recorded until now counts
        if working.is_told(file, contact):
            end(request)
            messages.warning(request, _("There is no contact in progress: it was recorded already."))
            return redirect("case", customer_id)
        form = LogForm(request.POST, file, zone_of(file), contact)
        is_valid = form.is_valid()
        if is_valid and review.findings and not form.cleaned_data["acknowledged"]:
            form.add_error(
                "note", _("Read what the review found. Change the note, or confirm that it is to stay.")
            )
            is_valid = False
        if is_valid:
            told = form.told(tuple(review.categories))
            working.log(file, staff, contact, told)
    if not is_valid:
        note = request.POST.get("note", "")
        context = context_of(request, file, form) | {"review": review, "pieces": pieces(note, review)}
        return render(request, "office/case.html", context, status=422)
    end(request)
    messages.success(request, _("Recorded."))
    _warn_of_law(request, file, contact, told)
    _tell_who_has_it(request, customer_id)
    return redirect("case", customer_id)


def _tell_who_has_it(request: HttpRequest, customer_id: str) -> None:
    """Say where a case went that asks for a skill which whoever told of it does not have."""
    case = Case.objects.select_related("assigned_to").filter(pk=customer_id).exclude(wants="").first()
    if case is None or case.assigned_to == staff_of(request):
        return
    skill = word(case.wants, "SKILLS")
    if case.assigned_to is None:
        text = _("The case waits now for somebody with the skill: %(skill)s. None of them is here today.")
        messages.warning(request, text % {"skill": skill})
    else:
        text = _("The case is now with %(name)s, who has the skill: %(skill)s.")
        messages.info(request, text % {"name": case.assigned_to.username, "skill": skill})


def _warn_of_law(request: HttpRequest, file: CaseFile, contact: Current, told: working.Told) -> None:
    """Say when the law does not let us call back at the agreed time."""
    if told.come_back_at is None or contact.point_id is None:
        return
    verdict = CaseFile(file.place, file.customer_id).ask("call", contact.point_id, at=told.come_back_at)
    if not verdict.allowed and not waits_for_promise(verdict):
        rules = ", ".join(reason.rule for reason in verdict.reasons)
        when = instant(verdict.not_before, zone_of(file)) or "-"
        text = _("At the time they asked for, a call is not allowed (%(rules)s). Earliest: %(when)s.")
        messages.warning(request, text % {"rules": rules, "when": when})


@needs("case.work")
@require_POST
def withdraw(request: HttpRequest, customer_id: str, promise_id: str) -> HttpResponse:
    """Take a promise back, for a reason; it cannot be changed or deleted."""
    file = open_case(request, customer_id)
    reason = request.POST.get("reason", "")
    with transaction.atomic():
        working.lock(file)
        file = CaseFile(file.place, customer_id)
        found = [one for one in file.promises.to_dicts() if one["promise_id"] == promise_id]
        if not found or found[0]["state"] != "open":
            messages.error(request, _("There is no open promise of that name."))
        elif reason not in WITHDRAWALS:
            messages.error(request, _("Choose a reason."))
        else:
            working.withdraw(file, staff_of(request), promise_id, found[0]["account_ids"], reason)
            messages.success(request, _("The promise is withdrawn. It stays in the records."))
    return redirect("case", customer_id)


def callable_points(file: CaseFile) -> list[str]:
    """The customer's own phone numbers."""
    return [
        row["contact_point_id"]
        for row in file.tables["contact_points"].iter_rows(named=True)
        if row["party"] in (None, "self") and row["kind"] in ("mobile", "landline")
    ]
