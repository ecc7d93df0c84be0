"""Contacts over the API: asked of the gate, begun, and told how they ended; by the same functions as at the desk."""

import uuid
from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest
from ninja import Router

from dunwell.law import Verdict
from dunwell.office.api.cases import file_of
from dunwell.office.api.problems import Problem
from dunwell.office.api.promising import promised, show_identity
from dunwell.office.api.shapes import Answered, Ask, Begin, Begun, Ended, Owes, Recorded, Why
from dunwell.office.api.tokens import Scoped, staff_of
from dunwell.office.cases.casefile import CaseFile, Happened
from dunwell.office.desk import working
from dunwell.office.desk.contact import SILENT, Current, outcomes_of
from dunwell.office.desk.forms import PUT_OFF_MAX, came_of

router = Router(tags=["contacts"])


@router.post("/contacts/ask", response=Answered, auth=Scoped("case.read"))
def ask(request: HttpRequest, asked: Ask) -> Answered:
    """May this contact be made? Nothing is recorded; the answer holds for the instant asked about (now when none is given).

    To remind or to demand is refused while a promise is waited for, by every channel (house-floor.open-promise).
    """
    file = file_of(request, asked.customer_id)
    verdict = file.ask(
        asked.channel,
        asked.contact_point_id,
        purpose=asked.purpose,
        account_ids=asked.account_ids,
        at=asked.at,
    )
    return Answered(**_told(verdict))


@router.post("/contacts", response={200: Begun}, auth=Scoped("case.work"))
def begin(request: HttpRequest, begun: Begin) -> Begun:
    """Begin a contact: the gate is asked and its answer recorded. Only when ``allowed`` is true may the contact be made.

    Who promised to pay is not reminded until the day has passed (house-floor.open-promise); another matter is ``service``.
    """
    file, message_id = file_of(request, begun.customer_id), str(uuid.uuid4())
    if begun.contact_point_id not in file.point_ids:
        raise Problem(422, "contact_point_id is none of this customer's. Look at the tape's contact_points")
    with transaction.atomic():
        working.lock(file)
        verdict = working.permit(
            CaseFile(file.place, begun.customer_id),
            staff_of(request),
            begun.channel,
            begun.contact_point_id,
            message_id,
            purpose=begun.purpose,
        )
    return Begun(contact_id=message_id, **_told(verdict))


@router.post("/cases/{customer_id}/contacts/{contact_id}/end", response=Recorded, auth=Scoped("case.work"))
def end(request: HttpRequest, customer_id: str, contact_id: uuid.UUID, ended: Ended) -> Recorded:
    """How a contact that was allowed ended, and what came of it, all at once; told twice it is recorded once."""
    file = file_of(request, customer_id)
    permitted = permitted_of(file, contact_id)
    contact = Current(
        customer_id,
        str(contact_id),
        str(permitted.body["channel"]),
        permitted.contact_point,
        permitted.at.isoformat(),
        passed=True,
    )
    with transaction.atomic():
        working.lock(file)
        file = CaseFile(file.place, customer_id)  # what others recorded until now counts
        if working.is_told(file, contact):
            return Recorded(recorded=False)
        told = told_by(file, ended, contact)
        show_identity(file, ended.promise, contact, staff_of(request))
        return Recorded(recorded=working.log(file, staff_of(request), contact, told))


def permitted_of(file: CaseFile, contact_id: uuid.UUID) -> Happened:
    """The permission under which a contact was made. Raises Http404."""
    for event in file.events:
        if event.kind == "contact.permitted" and event.body.get("message_id") == str(contact_id):
            return event
    raise Http404(str(contact_id))


def told_by(file: CaseFile, ended: Ended, contact: Current) -> working.Told:
    """How a contact ended, checked: as such a contact can end, and nothing said where nobody was spoken to. Raises Problem."""
    possible = outcomes_of(contact.channel, contact.direction)
    if ended.outcome not in possible:
        way = f"{contact.channel} that came in" if contact.direction == "in" else contact.channel
        raise Problem(
            422, f"outcome is {ended.outcome}: a {way} cannot end so. One of: {', '.join(possible)}"
        )
    if not set(ended.came) <= set(came_of(contact)):
        raise Problem(422, "came names wrong_number, but they called us: no number was tried. Leave it out")
    said = ended.promise or set(ended.came) - {"wrong_number"}
    if ended.outcome in SILENT and said:
        raise Problem(422, f"outcome is {ended.outcome}: nobody was spoken to, so nothing can have been said")
    if ended.outcome == "wrong_party" and said:
        raise Problem(422, "outcome is wrong_party: what others say does not bind the customer")
    if ended.come_back_at is not None and ended.come_back_at <= file.place.clock():
        raise Problem(422, "come_back_at is past. Name an instant to come")
    if ended.come_back_at is not None and ended.come_back_at > file.place.clock() + PUT_OFF_MAX:
        raise Problem(
            422, f"come_back_at is more than {PUT_OFF_MAX.days} days ahead. Name one that is nearer"
        )
    return working.Told(
        ended.outcome,
        tuple(dict.fromkeys(ended.came)),
        None if ended.promise is None else promised(file, ended.promise),
        ended.come_back_at,
        ended.note,
    )


def _told(verdict: Verdict) -> dict[str, Any]:
    return {
        "allowed": verdict.allowed,
        "reasons": [
            Why(rule=one.rule, citation=one.citation, effect=one.effect, detail=one.detail)
            for one in verdict.reasons
        ],
        "not_before": verdict.not_before,
        "owes": [Owes(notice=one.notice, due_by=one.due_by) for one in verdict.owes],
    }
