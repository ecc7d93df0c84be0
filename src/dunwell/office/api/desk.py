"""The desk's day for programs: what is next, who is meant, what happened, what the law allows, notes, identity, promises."""

import uuid
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Query, Router, UploadedFile

from dunwell.journal.attachments import NotKept
from dunwell.journal.recording import NewEvent
from dunwell.law.language import LanguageUnknown, Review
from dunwell.office.access.models import Staff
from dunwell.office.api.cases import file_of
from dunwell.office.api.contacts import permitted_of, told_by
from dunwell.office.api.once import PERSONAL
from dunwell.office.api.paging import Cursor, Limit, decoded, encoded, page_of
from dunwell.office.api.problems import Problem
from dunwell.office.api.promising import show_identity
from dunwell.office.api.shapes import Recorded, Why
from dunwell.office.api.shapes_desk import (
    Address,
    Disclosed,
    Entry,
    Facts,
    Finding,
    Found,
    FoundPage,
    GuideOut,
    Identity,
    Incoming,
    LawNow,
    Next,
    NoteIn,
    PersonalData,
    RecordingOut,
    RecordingPage,
    Reveal,
    Reviewed,
    Said,
    Sought,
    Timeline,
    WayNow,
    Withdrawal,
)
from dunwell.office.api.tokens import Scoped, staff_of, token_of
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.scope import visible
from dunwell.office.desk import recordings, working
from dunwell.office.desk.contact import Current
from dunwell.office.desk.guide import guide_for
from dunwell.office.desk.identity import NEEDED, TRIES_MAX, agreeing
from dunwell.office.desk.queue import first_of_queue
from dunwell.office.desk.reviewing import review_note
from dunwell.office.desk.screen import WAYS_OF, zone_of
from dunwell.office.desk.searching import is_enough, searched
from dunwell.office.desk.timeline import timeline as timeline_of
from dunwell.office.workplace import workplace

router = Router(tags=["desk"])
_TOLD_WITHIN = timedelta(days=31)


_PASSED: Any = Query([], max_length=50)  # type: ignore[type-arg]  # generic to the stubs alone


@router.get("/next", response=Next, auth=Scoped("case.read"))
def next_case(request: HttpRequest, passed: list[str] = _PASSED) -> Next:
    """The first case of the queue that nobody worked on lately and that may be called at this hour, but for those that are
    ``passed`` over; where nobody may, the first.
    """
    names = [name for name in passed if "\0" not in name]
    found = first_of_queue(workplace(), staff_of(request), names)
    return Next(customer_id=None if found is None else found.customer_id)


@router.post("/search", response=FoundPage, auth=Scoped("case.read"))
def search(request: HttpRequest, sought: Sought, cursor: Cursor = None, limit: Limit = 50) -> FoundPage:
    """Who is meant: by id; by name, number or address with the scope case.reveal, which is recorded."""
    place, staff, text = workplace(), staff_of(request), sought.text.strip()
    nobody = FoundPage(found=[], next_cursor=None)
    if "\0" in text:
        return nobody
    known = text if place.shelf.file(text) is not None else place.shelf.owner(text)
    if known is not None and not visible(place, staff, [known]):
        known = None
    may_reveal = "case.reveal" in token_of(request).scopes and staff.may("case.reveal")
    if known is None and may_reveal and not is_enough(text):
        raise Problem(422, "type more of the name or the number")
    if known is None and not may_reveal:
        return nobody
    rows = searched(place, staff, text, known)
    shown, following = page_of(rows, lambda row: str(row["customer_id"]), cursor, limit)
    return FoundPage(found=[Found(**row) for row in shown], next_cursor=following)


@router.post("/cases/{customer_id}/reveal", response=PersonalData, auth=Scoped("case.reveal"))
def reveal(request: HttpRequest, response: HttpResponse, customer_id: str, wanted: Reveal) -> PersonalData:
    """Personal data in the clear, for a reason; who looked and why is recorded first, each time."""
    response[PERSONAL] = "1"
    file, staff = file_of(request, customer_id), staff_of(request)
    journal = file.place.journal
    body = {"by": staff.username, "why": wanted.reason, "what": "names, numbers, addresses and texts"}
    items = {
        kept["item"]: event.event_id
        for event in file.events
        for kept in event.body.get("personal", {}).values()
    }
    with transaction.atomic():
        journal.record([NewEvent("data.read", journal.clock(), customer_id, body=body)])
        texts = journal.reveal(list(items), by=staff.username, why=wanted.reason, customer_id=customer_id)
    row = file.customer
    said: dict[str, str] = {}
    for item, text in texts.items():
        said[items[item]] = "\n".join(part for part in (said.get(items[item], ""), text) if part)
    return PersonalData(
        name=row["name"] or "",
        born_on=row["born_on"],
        language=row["language"] or "",
        addresses=[
            Address(
                contact_point_id=point["contact_point_id"],
                kind=point["kind"],
                party=point["party"] or "self",
                value=point["value"] or "",
            )
            for point in file.tables["contact_points"].to_dicts()
        ],
        texts=said,
    )


@router.get("/cases/{customer_id}/law", response=LawNow, auth=Scoped("case.read"))
def law(request: HttpRequest, customer_id: str) -> LawNow:
    """What the law allows now: each contact point of the customer's own, each way."""
    file, now = file_of(request, customer_id), workplace().clock()
    own = [row for row in file.tables["contact_points"].to_dicts() if row["party"] in (None, "self")]
    ways = [
        (way, row["contact_point_id"], row["kind"]) for row in own for way in WAYS_OF.get(row["kind"], ())
    ]
    verdicts = file.ask_each([(way, point) for way, point, _kind in ways], at=now)
    return LawNow(
        at=now,
        timezone=zone_of(file),
        packs=[pack.key for pack in file.gate.packs],
        ways=[
            WayNow(
                contact_point_id=point,
                kind=kind,
                channel=way,
                allowed=verdict.allowed,
                reasons=whys(verdict.reasons),
                not_before=verdict.not_before,
            )
            for (way, point, kind), verdict in zip(ways, verdicts, strict=True)
        ],
    )


def whys(reasons: Any) -> list[Why]:
    """A verdict's reasons as the API tells them."""
    return [
        Why(rule=one.rule, citation=one.citation, effect=one.effect, detail=one.detail) for one in reasons
    ]


@router.get("/cases/{customer_id}/timeline", response=Timeline, auth=Scoped("case.read"))
def timeline(
    request: HttpRequest,
    customer_id: str,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Timeline:
    """Everything that happened, in words, the latest first: the journal, and what the lender's records tell."""
    entries = timeline_of(file_of(request, customer_id), {})
    # Counted from the oldest, so that what happens meanwhile moves no page.
    left = len(entries) if cursor is None else min(decoded(cursor)[0], len(entries))
    start = len(entries) - max(left, 0)
    shown = entries[start : start + limit]
    after = len(entries) - start - len(shown)
    return Timeline(
        entries=[
            Entry(at=one.at, title=one.title, detail=one.detail, tone=one.tone, is_day=one.is_day)
            for one in shown
        ],
        next_cursor=encoded(after, "timeline") if after else None,
    )


@router.get("/cases/{customer_id}/guide", response=GuideOut, auth=Scoped("case.work"))
def guide(request: HttpRequest, customer_id: str) -> GuideOut:
    """How to lead a conversation with this customer: goal, opening, disclosures due, and what to say to what they say."""
    found = guide_for(file_of(request, customer_id), staff_of(request))
    return GuideOut(
        goal=found.goal,
        language=found.language,
        opening=list(found.opening),
        disclosures=[
            Disclosed(line=one.line or one.words, rule=one.rule, citation=one.citation)
            for one in found.disclosures
        ],
        matter=list(found.matter),
        branches=[
            {"name": one.name, "heard": one.heard, "kind": one.kind, "say": list(one.say), "then": one.then}
            for one in found.branches
        ],
        closing=list(found.closing),
    )


@router.post("/cases/{customer_id}/check", response=Reviewed, auth=Scoped("case.work"))
def check(request: HttpRequest, customer_id: str, said: Said) -> Reviewed:
    """May this be said? Nothing is recorded."""
    return _reviewed(_review(file_of(request, customer_id), said.text))


@router.post("/cases/{customer_id}/notes", response={200: Recorded}, auth=Scoped("case.work"))
def note(request: HttpRequest, customer_id: str, told: NoteIn) -> Recorded:
    """Keep a note. One in which the review finds something must be acknowledged; the findings stay with it."""
    file = file_of(request, customer_id)
    text = told.note.strip()
    if not text:
        raise Problem(422, "note is empty")
    found = _review(file, text)
    if found.findings and not told.acknowledged:
        findings = [one.model_dump() for one in _reviewed(found).findings]
        raise Problem(
            422, "the review found something. Change the note, or send acknowledged", findings=findings
        )
    working.note(file, staff_of(request), text, found.categories, str(uuid.uuid4()))
    return Recorded(recorded=True)


def _review(file: CaseFile, text: str) -> Review:
    try:
        return review_note(file, text)
    except LanguageUnknown as error:
        raise Problem(422, str(error)) from error


def _reviewed(found: Review) -> Reviewed:
    return Reviewed(
        allowed=not found.findings,
        findings=[
            Finding(
                category=one.category,
                start=one.start,
                end=one.end,
                rule=one.rule,
                citation=one.citation,
                suggestion=one.suggestion,
            )
            for one in found.findings
        ],
    )


@router.post("/cases/{customer_id}/incoming", response=Recorded, auth=Scoped("case.work"))
def incoming(request: HttpRequest, customer_id: str, ended: Incoming) -> Recorded:
    """The customer called us: how it ended and what came of it. Nothing is asked of the gate for what comes in."""
    file = file_of(request, customer_id)
    now = file.place.clock()
    began = ended.began_at or now
    if began > now:
        raise Problem(422, "began_at has not come yet")
    if began < now - _TOLD_WITHIN:
        raise Problem(
            422, f"began_at is more than {_TOLD_WITHIN.days} days ago. Older contacts come with the tape"
        )
    contact = Current(customer_id, str(uuid.uuid4()), "call", None, began.isoformat(), "in", passed=True)
    with transaction.atomic():
        working.lock(file)
        file = CaseFile(file.place, customer_id)  # what others recorded until now counts
        told = told_by(file, ended, contact)
        show_identity(file, ended.promise, contact, staff_of(request))
        return Recorded(recorded=working.log(file, staff_of(request), contact, told))


@router.post(
    "/cases/{customer_id}/contacts/{contact_id}/identity", response=Identity, auth=Scoped("case.work")
)
def identity(request: HttpRequest, customer_id: str, contact_id: uuid.UUID, told: Facts) -> Identity:
    """Compare what somebody on the line says with the records, before anything is disclosed; what stands there is not told."""
    file = file_of(request, customer_id)
    with transaction.atomic():
        working.lock(file)
        return _compared(CaseFile(file.place, customer_id), staff_of(request), contact_id, told)


def _compared(file: CaseFile, staff: Staff, contact_id: uuid.UUID, told: Facts) -> Identity:
    """One try of a contact's check, recorded. ``file``: opened after ``lock``, so that tries made at once count each."""
    permitted = permitted_of(file, contact_id)
    tried = [
        event.body
        for event in file.events
        if event.kind == "identity.checked" and event.body.get("message_id") == str(contact_id)
    ]
    if any(one["passed"] for one in tried) or len(tried) >= TRIES_MAX:
        raise Problem(409, "the check of this contact is over. Ask no more")
    before = tried[0]["facts"] if tried else []
    said = {str(name): value for name, value in told.facts.items()}
    facts = list(dict.fromkeys([*before, *agreeing(file, permitted.contact_point, said)]))
    passed = len(facts) >= NEEDED
    body = {
        "passed": passed,
        "facts": facts,
        "by": staff.username,
        "message_id": str(contact_id),
        "channel": permitted.body["channel"],
    }
    key = f"api:identity:{contact_id}:{len(tried)}"
    event = NewEvent("identity.checked", file.place.clock(), file.customer_id, body=body, key=key)
    file.place.journal.record([event])
    return Identity(passed=passed, facts=facts, tries_left=0 if passed else TRIES_MAX - len(tried) - 1)


@router.post(
    "/cases/{customer_id}/contacts/{contact_id}/not-made", response=Recorded, auth=Scoped("case.work")
)
def not_made(request: HttpRequest, customer_id: str, contact_id: uuid.UUID) -> Recorded:
    """A contact that was permitted did not take place: it counts for nothing. Once somebody was spoken to, it did."""
    file = file_of(request, customer_id)
    permitted = permitted_of(file, contact_id)
    name = str(contact_id)
    if any(one.kind == "identity.checked" and one.body.get("message_id") == name for one in file.events):
        raise Problem(409, "somebody was spoken to already. Say how it ended")
    ends = ("contact.made", "contact.failed")
    if any(one.kind in ends and one.body.get("message_id") == name for one in file.events):
        return Recorded(recorded=False)
    at = permitted.at.isoformat()
    contact = Current(customer_id, name, str(permitted.body["channel"]), permitted.contact_point, at)
    working.not_made(file, contact, staff_of(request))
    return Recorded(recorded=True)


@router.post(
    "/cases/{customer_id}/promises/{promise_id}/withdraw", response=Recorded, auth=Scoped("case.work")
)
def withdraw(request: HttpRequest, customer_id: str, promise_id: str, why: Withdrawal) -> Recorded:
    """An open promise no longer holds, for a reason; it stays in the records as withdrawn."""
    file = file_of(request, customer_id)
    with transaction.atomic():
        working.lock(file)
        file = CaseFile(file.place, customer_id)  # what others recorded until now counts
        found = [one for one in file.promises.to_dicts() if one["promise_id"] == promise_id]
        if not found:
            raise Http404(promise_id)
        if found[0]["state"] != "open":
            return Recorded(recorded=False)
        working.withdraw(file, staff_of(request), promise_id, found[0]["account_ids"], why.reason)
    return Recorded(recorded=True)


@router.get("/cases/{customer_id}/recordings", response=RecordingPage, auth=Scoped("case.read"))
def recordings_there(
    request: HttpRequest, customer_id: str, cursor: Cursor = None, limit: Limit = 50
) -> RecordingPage:
    """The recordings of the customer's calls, the latest call first."""
    kept = [
        RecordingOut(
            event_id=one.event_id, contact_id=call.message_id, at=one.at, by=str(one.body.get("by", ""))
        )
        for call in recordings.calls_of(file_of(request, customer_id))
        for one in call.recordings
    ]
    shown, following = page_of(kept, lambda one: one.event_id, cursor, limit)
    return RecordingPage(recordings=shown, next_cursor=following)


@router.post(
    "/cases/{customer_id}/contacts/{contact_id}/recording", response=Recorded, auth=Scoped("case.work")
)
def keep_recording(
    request: HttpRequest, customer_id: str, contact_id: uuid.UUID, recording: UploadedFile
) -> Recorded:
    """Keep a recording of a call that was told how it ended; the same sound counts once. At most 64 MB."""
    file = file_of(request, customer_id)
    if (recording.size or 0) > recordings.BYTES_MAX:
        raise Problem(422, "recording is larger than 64 MB. `dunwell evidence attach` takes it")
    try:
        sound = recording.read()
        is_new = recordings.keep(file, staff_of(request), str(contact_id), recording.name or "", sound)
    except NotKept as error:
        raise Problem(422, str(error)) from error
    return Recorded(recorded=is_new)


@router.get("/cases/{customer_id}/recordings/{event_id}", auth=Scoped("case.reveal"), response={200: bytes})
def hear(request: HttpRequest, customer_id: str, event_id: str) -> HttpResponse:
    """The sound of a recording; that it was listened to is recorded each time."""
    file = file_of(request, customer_id)
    try:
        media, data = recordings.heard(file, staff_of(request), event_id, "recording")
    except NotKept as error:
        raise Problem(422, str(error)) from error
    return HttpResponse(data, content_type=media, headers={PERSONAL: "1"})
