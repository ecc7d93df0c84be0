"""A person's own rights: to have their data handed out, corrected, erased."""

import re
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from dunwell.journal.recording import NewEvent
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Approval, Case
from dunwell.office.compliance import erasing
from dunwell.office.desk.opening import once_of, open_case, opened_until
from dunwell.office.desk.screen import points_of, who
from dunwell.office.desk.working import trace
from dunwell.outreach.corrections import ADDRESS, KIND, LANGUAGE, NAME

SECONDS = ("compliance", "team_lead")
"""The roles that may agree to an erasure."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_VALUE_MAX = 300


class CannotCorrect(ValueError):
    """A correction or an erasure cannot be asked for so; says what to write."""


@needs("compliance.act")
@require_GET
def person(request: HttpRequest, customer_id: str) -> HttpResponse:
    """What is held of a person, what may be corrected, and what speaks against erasing them."""
    file = open_case(request, customer_id)
    return render(request, "office/person_data.html", _context(request, file))


def _context(request: HttpRequest, file: CaseFile) -> dict[str, Any]:
    is_open = opened_until(request, file) is not None
    today = file.place.clock().date()
    language = "zh" if (get_language() or "").startswith("zh") else "en"
    duties = [(one, one.runs(today), one.words[language]) for one in erasing.duties(file)]
    return {
        "file": file,
        "customer_id": file.customer_id,
        "who": who(file, is_open),
        "points": [one for one in points_of(file, is_open) if one["not_theirs_from"] is None],
        "is_open": is_open,
        "once": once_of(request),
        "duties": duties,
        "notes": [(one, one.zh if language == "zh" else one.en) for one in erasing.notes(file)],
        "holding": erasing.holding(file),
        "must_stay": erasing.must_stay(file, today),
        "asked": Approval.objects.filter(kind=erasing.KIND, subject=file.customer_id, decision="").first(),
    }


@needs("compliance.act")
@require_POST
def correct(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Correct a name, a language or an address: the new value counts at once, the journal keeps the old one."""
    file = open_case(request, customer_id)
    try:
        event = correction(
            file,
            staff_of(request),
            request.POST.get("what", ""),
            request.POST.get("new", ""),
            request.POST.get("why", ""),
            once_of(request),
        )
    except CannotCorrect as error:
        messages.error(request, str(error))
        return render(request, "office/person_data.html", _context(request, file), status=422)
    record_correction(file, event)
    messages.success(request, _("Corrected. The journal keeps the old value."))
    return redirect("person_data", customer_id)


def correction(file: CaseFile, staff: Staff, what: str, new: str, why: str, once: str) -> NewEvent:
    """The event of a correction. ``what``: ``name``, ``language`` or a contact point's id. Raises CannotCorrect."""
    new, why = " ".join(new.split()), why.strip()
    if not why:
        raise CannotCorrect(_("Write why it is corrected, and who said so."))
    if not 0 < len(new) <= _VALUE_MAX:
        raise CannotCorrect(_("Write the right value."))
    point = None
    if what in (NAME, LANGUAGE):
        old = file.customer[what] or ""
        if what == LANGUAGE and not _LANGUAGE.fullmatch(new):
            raise CannotCorrect(_("Write the language as a tag like en-GB or zh."))
    else:
        rows = {row["contact_point_id"]: row for row in file.tables["contact_points"].to_dicts()}
        if what not in rows:
            raise CannotCorrect(_("Choose what is to be corrected."))
        known = file.person.contact_points.get(what)
        if known is not None and known.not_theirs_from is not None:
            raise CannotCorrect(_("That one is somebody else's. The lender's next tape brings a new one."))
        point, old = what, rows[what]["value"] or ""
        _check_address(rows[what]["kind"], new)
    if new == old:
        raise CannotCorrect(_("That is what the records say already."))
    return NewEvent(
        KIND,
        file.place.clock(),
        file.customer_id,
        contact_point=point,
        body={"what": ADDRESS if point else what, "by": staff.username, "why": why[:300]},
        personal={"old": old, "new": new},
        key=f"desk:correct:{once}:{trace(file, 'correction', f'{what} {new}')}",
    )


def record_correction(file: CaseFile, event: NewEvent) -> None:
    """Keep a correction; the queue knows a language from then on, too."""
    with transaction.atomic():
        file.place.journal.record([event])
        if event.body["what"] == LANGUAGE:
            Case.objects.filter(pk=file.customer_id).update(language=event.personal["new"])


def _check_address(kind: str, value: str) -> None:
    if kind == "email" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s.]+", value):
        raise CannotCorrect(_("Write an e-mail address like ann@example.com."))
    if kind in ("mobile", "landline") and sum(letter.isdigit() for letter in value) < 7:
        raise CannotCorrect(_("Write the whole number, with its country code."))


@needs("compliance.act")
@require_POST
def ask_erasure(request: HttpRequest, customer_id: str) -> HttpResponse:
    """Ask a second person to agree that somebody is erased; where something must stay, a ground is demanded."""
    file, form = open_case(request, customer_id), request.POST
    try:
        ask_for_erasure(
            file, staff_of(request), form.get("why", ""), form.get("despite", ""), once_of(request)
        )
    except CannotCorrect as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Recorded. A second person must agree before anything is erased."))
    return redirect("person_data", customer_id)


def ask_for_erasure(file: CaseFile, staff: Staff, why: str, despite: str, once: str) -> Approval:
    """The approval by which a second person agrees to an erasure; the same for the same ``once``. Raises CannotCorrect."""
    why, despite = why.strip(), despite.strip()
    if not why:
        raise CannotCorrect(_("Write why the person is to be erased."))
    if erasing.must_stay(file, file.place.clock().date()) and not despite:
        raise CannotCorrect(_("Something must be kept still. Erasing all the same needs a ground in law."))
    waiting = Approval.objects.filter(kind=erasing.KIND, subject=file.customer_id, decision="")
    if waiting.exclude(key=f"{erasing.KIND}:{once}").exists():
        raise CannotCorrect(_("A second person was asked already."))
    approval, _made = Approval.objects.get_or_create(
        key=f"{erasing.KIND}:{once}",
        defaults={
            "kind": erasing.KIND,
            "subject": file.customer_id,
            "payload": {"despite": despite[:300]},
            "seconds": list(SECONDS),
            "why": why[:300],
            "asked_by": staff,
            "asked_at": file.place.clock(),
        },
    )
    return approval


def carry_out(approval: Approval, file: CaseFile) -> None:
    """Erase whom an approval speaks of. Call it in the transaction in which it was agreed to. Raises MustBeKept."""
    assert approval.decided_by is not None
    by = f"{approval.asked_by.username}, {approval.decided_by.username}"
    erasing.erase(file, by=by, why=approval.why, despite=str(approval.payload.get("despite", "")))
