"""Compliance for programs: reviews, the regulator's report, the law, evidence, the audit."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Field, Router

from dunwell.journal.attachments import NotKept
from dunwell.journal.packing import NothingToShow
from dunwell.law.telling import differences, rule_lines
from dunwell.office.access.audit import audited, seen_of
from dunwell.office.api.cases import file_of
from dunwell.office.api.decisions import plain
from dunwell.office.api.once import PERSONAL
from dunwell.office.api.paging import Cursor, Limit, decoded, encoded, page_of
from dunwell.office.api.problems import Problem
from dunwell.office.api.shapes import Recorded
from dunwell.office.api.shapes_compliance import (
    AuditPage,
    AuditRow,
    ChangeOut,
    DrawnOut,
    DrawnPage,
    DrawnWords,
    EvidenceIn,
    FoundIn,
    PackOut,
    PackPage,
    PackRules,
    RateOut,
    RatesOut,
    ReportLine,
    ReportPage,
    ReviewIn,
    RuleOut,
    Sought,
    SpanIn,
)
from dunwell.office.api.tokens import Scoped, staff_of
from dunwell.office.compliance import reviewing
from dunwell.office.compliance.counting import Told, ask_to_count, report_for
from dunwell.office.compliance.evidence import pack_for
from dunwell.office.compliance.report_files import HEADINGS, report_csv, report_pdf
from dunwell.office.compliance.reports import DAYS_MAX, is_span
from dunwell.office.workplace import workplace

router = Router(tags=["compliance"])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SPAN = f"name days in their order, at most {DAYS_MAX}"
Key = Annotated[str, Field(max_length=60)]


@router.get("/reviews", response=DrawnPage, auth=Scoped("compliance.read"))
def reviews(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> DrawnPage:
    """What was drawn by its chance and waits for review, the oldest first."""
    rows = reviewing.reviewing_of(workplace(), staff_of(request)).waiting
    if cursor is not None:
        number, name = decoded(cursor)
        try:
            at = _EPOCH + timedelta(microseconds=number)
        except OverflowError as error:
            raise Problem(
                422, "cursor is none of ours. Send next_cursor of the answer before as it is"
            ) from error
        rows = rows.filter(happened_at__gte=at).exclude(happened_at=at, event_id__lte=name)
    found = list(rows[: limit + 1])
    shown, last = found[:limit], found[limit - 1] if len(found) > limit else None
    following = None
    if last is not None:
        following = encoded((last.happened_at - _EPOCH) // timedelta(microseconds=1), last.event_id)
    drawn = [DrawnOut(event_id=one.event_id, kind=one.kind, at=one.happened_at) for one in shown]
    return DrawnPage(drawn=drawn, next_cursor=following)


@router.get("/reviews/rates", response=RatesOut, auth=Scoped("compliance.read"))
def rates(request: HttpRequest) -> RatesOut:
    """How often something is found, of all messages and notes, with intervals."""
    told = reviewing.reviewing_of(workplace(), staff_of(request))
    found = [
        RateOut(of=name, share=one.share, low=one.low, high=one.high, count=one.count)
        for name, one in told.rates
    ]
    return RatesOut(
        days=reviewing.DAYS,
        share=reviewing.SHARE,
        waiting=told.waiting.count(),
        reviewed=len(told.done),
        mean_score=told.mean,
        rates=found,
    )


@router.post("/reviews/{event_id}/read", response=DrawnWords, auth=Scoped("compliance.review"))
def read_drawn(request: HttpRequest, response: HttpResponse, event_id: str) -> DrawnWords:
    """A drawn event in the clear; that it was read is recorded."""
    response[PERSONAL] = "1"
    opened = _opened(request, event_id)
    return DrawnWords(
        event_id=event_id,
        kind=opened.event.kind,
        channel=opened.channel,
        at=opened.event.happened_at,
        customer_id=opened.customer_id,
        text=opened.text,
        found=[
            FoundIn(category=one.category, quoted=one.quoted, rule=one.rule, citation=one.citation)
            for one in opened.found
        ],
    )


@router.get("/reviews/{event_id}/sound", response=dict[str, Any], auth=Scoped("compliance.review"))
def hear_drawn(request: HttpRequest, event_id: str) -> HttpResponse:
    """The sound of a recording that was drawn; that it was listened to is recorded each time."""
    try:
        media, data = reviewing.listen(workplace(), staff_of(request), _opened(request, event_id))
    except NotKept as error:
        raise Problem(422, str(error)) from error
    return HttpResponse(data, content_type=media, headers={PERSONAL: "1"})


@router.post("/reviews/{event_id}", response=Recorded, auth=Scoped("compliance.review"))
def review(request: HttpRequest, event_id: str, told: ReviewIn) -> Recorded:
    """Keep what was found in a drawn event; it is reviewed once."""
    opened = _opened(request, event_id)
    is_new = reviewing.record_review(
        workplace(), staff_of(request), opened, list(told.findings), told.score, told.note
    )
    return Recorded(recorded=is_new)


def _opened(request: HttpRequest, event_id: str) -> reviewing.Opened:
    found = None if "\0" in event_id else reviewing.open_drawn(workplace(), staff_of(request), event_id)
    if found is None:
        raise Http404(event_id)
    return found


@router.get("/reports/contacts", response=ReportPage, auth=Scoped("compliance.read"))
def report(
    request: HttpRequest, first: date, last: date, cursor: Cursor = None, limit: Limit = 200
) -> ReportPage:
    """The regulator's report of some days: counted at once where few contacts were made, else as it was counted last."""
    told = _report(request, first, last)
    rows: list[dict[str, Any]] = [dict(zip(HEADINGS, row, strict=True)) for row in told.rows or ()]
    shown, following = page_of(
        rows, lambda row: json.dumps([row[name] for name in HEADINGS[:-1]]), cursor, limit
    )
    return ReportPage(
        state=told.state or "asked_for_first",
        problem=told.problem,
        at=told.at,
        rows=[ReportLine(**row) for row in shown],
        next_cursor=following,
    )


@router.post("/reports/contacts", response=Recorded, auth=Scoped("compliance.read"))
def count_report(request: HttpRequest, wanted: SpanIn) -> Recorded:
    """Let the report of many contacts be counted, or counted anew; then GET it."""
    if not is_span(wanted.first, wanted.last):
        raise Problem(422, _SPAN)
    ask_to_count(workplace(), wanted.first, wanted.last, staff_of(request))
    return Recorded(recorded=True)


@router.get("/reports/contacts.{kind}", auth=Scoped("compliance.read"), response={200: bytes})
def report_file(request: HttpRequest, kind: str, first: date, last: date) -> HttpResponse:
    """The report as ``csv`` or ``pdf``; 409 while it is not counted."""
    if kind not in ("csv", "pdf"):
        raise Http404(kind)
    told = _report(request, first, last)
    if told.rows is None:
        raise Problem(409, "the report is not counted. POST /reports/contacts, and ask again when it is done")
    if kind == "csv":
        return HttpResponse(report_csv(told.rows), content_type="application/csv")
    pdf = report_pdf(workplace(), told.rows, first, last, told.at)
    return HttpResponse(pdf, content_type="application/pdf")


def _report(request: HttpRequest, first: date, last: date) -> Told:
    if not is_span(first, last):
        raise Problem(422, _SPAN)
    return report_for(workplace(), first, last, staff_of(request))


@router.get("/law", response=PackPage, auth=Scoped("compliance.read"))
def packs(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> PackPage:
    """The packs of the law that there are."""
    place = workplace()
    shown, following = page_of(sorted(place.law.packs.items()), lambda one: one[0], cursor, limit)
    found = [
        PackOut(key=key, jurisdiction=one.jurisdiction, regions=list(one.regions), rules=len(one.rules))
        for key, one in shown
    ]
    return PackPage(packs=found, next_cursor=following)


@router.get("/law/{key}", response=PackRules, auth=Scoped("compliance.read"))
def pack(request: HttpRequest, key: Key, on: date | None = None, since: date | None = None) -> PackRules:
    """A pack's rules in force on a day (today when none is named), and what changed since another."""
    place = workplace()
    found = place.law.packs.get(key)
    if found is None:
        raise Http404(key)
    on = on or place.today()
    if since is not None and since >= on:
        raise Problem(422, "since is not before on")
    changes = [] if since is None else differences(found, since, on)
    return PackRules(
        key=key,
        on=on,
        rules=[
            RuleOut(
                rule=rule.id,
                lines=list(rule_lines(rule, "en")),
                citation=rule.citation,
                source_quality=rule.source_quality,
            )
            for rule in found.on(on)
        ],
        since=since,
        changes=[
            ChangeOut(
                rule=one.rule,
                what=one.what,
                figures={name: [plain(old), plain(new)] for name, (old, new) in one.figures.items()},
            )
            for one in changes
        ],
    )


@router.post("/cases/{customer_id}/evidence", auth=Scoped("compliance.act"), response={200: bytes})
def evidence(request: HttpRequest, customer_id: str, wanted: EvidenceIn) -> HttpResponse:
    """The pack of evidence about a customer (a zip that proves itself); that it was made is recorded, each time."""
    file_of(request, customer_id)
    why = wanted.why.strip()
    if not why:
        raise Problem(422, "why is empty. Write why the evidence is needed")
    try:
        made = pack_for(workplace(), staff_of(request).username, customer_id, why)
    except NotKept as error:
        raise Problem(409, str(error)) from error
    except NothingToShow as error:
        raise Problem(409, "the journal knows nothing of this customer yet") from error
    response = HttpResponse(made, content_type="application/zip")
    response[PERSONAL] = "1"
    return response


@router.get("/audit", response=AuditPage, auth=Scoped("audit.read"))
def audit(
    request: HttpRequest,
    by: Sought = "",
    customer_id: Sought = "",
    kind: Sought = "",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AuditPage:
    """Who looked at whose data and why, who changed what, the latest first."""
    rows = audited(by, customer_id, kind)
    if cursor is not None:
        rows = rows.filter(pk__lt=decoded(cursor)[0])
    found = list(rows[: limit + 1])
    shown = found[:limit]
    following = encoded(shown[-1].pk, "audit") if len(found) > limit else None
    told = [_audited(event, owner) for event, owner in seen_of(staff_of(request), shown)]
    return AuditPage(rows=told, next_cursor=following)


def _audited(event: Any, owner: str | None) -> AuditRow:
    body = json.loads(event.body)
    names = ("why", "what", "about", "change", "to", "decision", "hold")
    return AuditRow(
        event_id=event.event_id,
        at=event.happened_at,
        kind=event.kind,
        by=str(body.get("by", "")),
        customer_id=owner,
        about={name: body[name] for name in names if body.get(name)},
    )
