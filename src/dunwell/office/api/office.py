"""What stands around the desk, for programs: who has a case, approvals, complaints, and a person's rights over their data."""

import uuid
from datetime import date

from django.db import transaction
from django.http import Http404, HttpRequest
from ninja import Router

from dunwell.office.api.cases import file_of
from dunwell.office.api.paging import Cursor, Limit, decoded, encoded
from dunwell.office.api.problems import Problem
from dunwell.office.api.shapes import Recorded
from dunwell.office.api.shapes_desk import (
    ApprovalOut,
    ApprovalPage,
    Asked,
    Assign,
    ComplaintAnswer,
    ComplaintOut,
    ComplaintPage,
    CorrectionIn,
    DecisionIn,
    ErasureIn,
    HeldData,
)
from dunwell.office.api.tokens import Scoped, staff_of
from dunwell.office.compliance import erasing
from dunwell.office.compliance.complaints import CannotLift, note_complaints, record_answer, still_open
from dunwell.office.compliance.complaints import complaints as shown_complaints
from dunwell.office.compliance.complaints import seen_by as complaints_seen_by
from dunwell.office.compliance.person import CannotCorrect, ask_for_erasure, correction, record_correction
from dunwell.office.supervision.approvals import CannotDecide, seen_by, settle, why_not
from dunwell.office.supervision.sharing import give_to
from dunwell.office.workplace import workplace

router = Router(tags=["office"])


@router.post("/cases/{customer_id}/assign", response=Recorded, auth=Scoped("case.assign"))
def assign(request: HttpRequest, customer_id: str, wanted: Assign) -> Recorded:
    """Give a case to somebody of the own team, or to nobody."""
    file_of(request, customer_id)
    staff = staff_of(request)
    name = wanted.to or ""
    if "\0" in name or not give_to(staff, customer_id, name):
        raise Problem(422, "to is nobody in your team who may see this case")
    return Recorded(recorded=True)


@router.get("/approvals", response=ApprovalPage, auth=Scoped("case.approve"))
def approvals(
    request: HttpRequest,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ApprovalPage:
    """What waits for a second person, the oldest first."""
    staff = staff_of(request)
    rows = seen_by(staff).filter(decision="").select_related("asked_by").order_by("pk")
    if cursor is not None:
        rows = rows.filter(pk__gt=decoded(cursor)[0])
    found = list(rows[: limit + 1])
    shown = found[:limit]
    return ApprovalPage(
        approvals=[
            ApprovalOut(
                id=one.pk,
                kind=one.kind,
                customer_id=one.subject,
                asked_by=one.asked_by.username,
                asked_at=one.asked_at,
                why=one.why,
                payload=one.payload,
                why_not=why_not(one, staff),
            )
            for one in shown
        ],
        next_cursor=encoded(shown[-1].pk, "approvals") if len(found) > limit else None,
    )


@router.post("/approvals/{approval_id}/decide", response=Recorded, auth=Scoped("case.approve"))
def decide(request: HttpRequest, approval_id: int, wanted: DecisionIn) -> Recorded:
    """Agree or refuse, with a reason; what was agreed to takes effect in the same step."""
    if not 0 < approval_id < 2**31:
        raise Http404(str(approval_id))
    try:
        settle(workplace(), staff_of(request), approval_id, wanted.decision, wanted.reason)
    except CannotDecide as error:
        raise Problem(409, str(error)) from error
    return Recorded(recorded=True)


@router.get("/complaints", response=ComplaintPage, auth=Scoped("compliance.read"))
def complaints(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> ComplaintPage:
    """The complaints that are open, those that must be answered soonest first."""
    place = workplace()
    note_complaints(place, steps_max=1)
    rows = complaints_seen_by(place, staff_of(request), still_open())
    if cursor is not None:
        number, name = decoded(cursor)
        if not date.min.toordinal() <= number <= date.max.toordinal():
            raise Problem(422, "cursor is none of ours. Send next_cursor of the answer before as it is")
        due_on = date.fromordinal(number)
        rows = rows.filter(due_on__gte=due_on).exclude(due_on=due_on, event_id__lte=name)
    clocks = list(rows[: limit + 1])
    shown = clocks[:limit]
    return ComplaintPage(
        complaints=[
            ComplaintOut(
                event_id=one.event_id,
                customer_id=one.customer_id,
                received_at=one.received_at,
                due_on=one.due_on,
                citation=one.citation,
                source_quality=one.quality,
                answered_at=one.answered_at,
                is_recorded=one.is_recorded,
                is_told_twice=one.is_told_twice,
            )
            for one in shown_complaints(place, shown)
        ],
        next_cursor=encoded(shown[-1].due_on.toordinal(), str(shown[-1].event_id))
        if len(clocks) > limit
        else None,
    )


@router.post("/complaints/{event_id}/answer", response=Recorded, auth=Scoped("compliance.act"))
def answer(request: HttpRequest, event_id: uuid.UUID, told: ComplaintAnswer) -> Recorded:
    """A complaint was answered; told twice it is recorded once."""
    note = told.note.strip()
    if not note:
        raise Problem(422, "note is empty. Write what was answered")
    try:
        is_new = record_answer(workplace(), staff_of(request), str(event_id), note, lift=told.lift)
    except LookupError as error:
        raise Http404(str(event_id)) from error
    except CannotLift as error:
        raise Problem(409, str(error)) from error
    return Recorded(recorded=is_new)


@router.get("/cases/{customer_id}/data", response=HeldData, auth=Scoped("compliance.act"))
def held(request: HttpRequest, customer_id: str) -> HeldData:
    """What is held of a person, and what must stay by which clause until when."""
    file = file_of(request, customer_id)
    today = file.place.clock().date()
    holding = erasing.holding(file)
    return HeldData(
        events=dict(holding.events),
        text_count=holding.text_count,
        file_count=holding.file_count,
        must_stay=erasing.must_stay(file, today),
        duties=[
            {
                "rule": one.rule,
                "citation": one.citation,
                "source_quality": one.quality,
                "until": None if one.until is None else one.until.isoformat(),
                "must_stay": one.runs(today),
            }
            for one in erasing.duties(file)
        ],
    )


@router.post("/cases/{customer_id}/corrections", response=Recorded, auth=Scoped("compliance.act"))
def correct(request: HttpRequest, customer_id: str, wanted: CorrectionIn) -> Recorded:
    """Correct a name, a language or an address: the new value counts at once, the journal keeps the old one."""
    file = file_of(request, customer_id)
    once = str(uuid.uuid4())
    try:
        event = correction(file, staff_of(request), wanted.what, wanted.new, wanted.why, once)
    except CannotCorrect as error:
        raise Problem(422, str(error)) from error
    record_correction(file, event)
    return Recorded(recorded=True)


@router.post("/cases/{customer_id}/erasure", response=Asked, auth=Scoped("compliance.act"))
def erase(request: HttpRequest, customer_id: str, wanted: ErasureIn) -> Asked:
    """Ask that a person is erased; a second person decides it among the approvals."""
    file = file_of(request, customer_id)
    try:
        with transaction.atomic():
            asked = ask_for_erasure(file, staff_of(request), wanted.why, wanted.despite, str(uuid.uuid4()))
    except CannotCorrect as error:
        raise Problem(422, str(error)) from error
    return Asked(approval_id=asked.pk)
