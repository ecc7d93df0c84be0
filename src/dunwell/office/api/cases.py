"""Cases, debts, promises and what happened, to read."""

from datetime import date
from typing import Annotated, Any

from django.http import Http404, HttpRequest
from ninja import Field, Router

from dunwell.ledger.statement import AccountNotOpen
from dunwell.ledger.statement_text import statement_json
from dunwell.office.access.entering import CASE, note_refusal
from dunwell.office.api.paging import Cursor, Limit, decoded, encoded, page_of
from dunwell.office.api.problems import Problem
from dunwell.office.api.shapes import (
    CasePage,
    CaseRow,
    CaseWhole,
    ConsentGiven,
    EventPage,
    Happening,
    HoldNow,
    Me,
    NoticeGiven,
    OptionOut,
    OptionsOut,
    PointMasked,
    Position,
    Promise,
    Records,
    RuleSaid,
    Wish,
    text_of,
)
from dunwell.office.api.tokens import Scoped, staff_of, token_of
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from dunwell.office.desk.opening import may_see, record_look
from dunwell.office.desk.options import Option, options_of
from dunwell.office.desk.screen import holds_of, points_of, preferences_of, who, zone_of
from dunwell.office.workplace import workplace

router = Router(tags=["cases"])
_EVENTS_MAX = 500


@router.get("/me", response=Me, auth=Scoped(None))
def me(request: HttpRequest) -> Me:
    """Who the token is, and what it may."""
    token = token_of(request)
    staff = staff_of(request)
    return Me(
        name=token.name,
        acts_as=staff.username,
        role=staff.role,
        scopes=token.scopes,
        jurisdictions=staff.scope or [],
    )


@router.get("/cases", response=CasePage, auth=Scoped("case.read"))
def cases(
    request: HttpRequest,
    cursor: Cursor = None,
    limit: Limit = 50,
    stage: Annotated[str | None, Field(max_length=40)] = None,
    jurisdiction: Annotated[str | None, Field(max_length=20)] = None,
) -> CasePage:
    """Cases in the order of the queue. ``next_cursor`` of one answer is the ``cursor`` of the next; null: these were the last."""
    rows = (
        Case.objects.visible_to(staff_of(request))
        .select_related("team", "assigned_to")
        .order_by("rank", "pk")
    )
    if stage is not None:
        rows = rows.filter(stage=stage)
    if jurisdiction is not None:
        rows = rows.filter(jurisdiction=jurisdiction)
    if cursor is not None:
        rank, name = decoded(cursor)
        rows = rows.filter(rank__gte=rank).exclude(rank=rank, pk__lte=name)
    found = list(rows[: limit + 1])
    last = found[limit - 1] if len(found) > limit else None
    return CasePage(
        cases=[case_row(case) for case in found[:limit]],
        next_cursor=None if last is None else encoded(last.rank, last.pk),
    )


@router.get("/cases/{customer_id}", response=CaseWhole, auth=Scoped("case.read"))
def case(request: HttpRequest, customer_id: str) -> CaseWhole:
    """A customer's case, debts and promises, worked out as of this moment."""
    file = file_of(request, customer_id)
    return CaseWhole(
        case=None if file.case is None else case_row(file.case),
        accounts=[Position(**_shown(row)) for row in file.positions.to_dicts()],
        promises=[Promise(**_shown(row)) for row in file.promises.to_dicts()],
    )


@router.get("/cases/{customer_id}/records", response=Records, auth=Scoped("case.read"))
def records(request: HttpRequest, customer_id: str) -> Records:
    """Who the customer is, masked; contact points with consents, holds, wishes, notices given."""
    file = file_of(request, customer_id)
    told = who(file, is_open=False)
    return Records(
        **{name: told[name] for name in ("name", "language", "jurisdiction", "region")},
        timezone=zone_of(file),
        points=[
            PointMasked(
                **{name: one[name] for name in ("kind", "party", "place", "value", "not_theirs_from")},
                contact_point_id=one["id"],
                consents=[
                    ConsentGiven(**{name: row[name] for name in ConsentGiven.model_fields})
                    for row in one["consents"]
                ],
            )
            for one in points_of(file, is_open=False)
        ],
        holds=[HoldNow(**{**one, "debts": list(one["debts"])}) for one in holds_of(file)],
        wishes=[
            Wish(kind=one["kind"], detail=str(one["detail"]), since=one.get("since"))
            for one in preferences_of(file)
        ],
        notices=[NoticeGiven(kind=one.kind, at=one.sent_at) for one in file.person.notices or ()],
    )


@router.get("/cases/{customer_id}/options", response=OptionsOut, auth=Scoped("case.read"))
def options(request: HttpRequest, customer_id: str) -> OptionsOut:
    """Why this treatment: what the last run could have done for the customer, and why each was not chosen."""
    told = options_of(file_of(request, customer_id))
    if told is None:
        return OptionsOut(chosen=None, others=[], by_lot="", currency="")
    return OptionsOut(
        chosen=_option(told.chosen),
        others=[_option(one) for one in told.others],
        by_lot=told.by_lot,
        currency=told.currency,
    )


def _option(one: Option) -> OptionOut:
    return OptionOut(
        treatment=one.treatment,
        channel=one.channel,
        value_sd=one.value_sd,
        is_over_waiting=one.is_over_waiting,
        why=one.why,
        rules=[RuleSaid(**rule) for rule in one.rules],
        **{name: text_of(getattr(one, name)) for name in ("value", "cost", "price", "net")},
    )


@router.get("/cases/{customer_id}/events", response=EventPage, auth=Scoped("case.read"))
def events(
    request: HttpRequest,
    customer_id: str,
    cursor: Cursor = None,
    limit: Annotated[int, Field(ge=1, le=_EVENTS_MAX)] = 100,
) -> EventPage:
    """What the journal holds of the customer, the latest first; personal data stay in the vault."""
    file = file_of(request, customer_id)
    shown, following = page_of(file.events, lambda one: one.event_id, cursor, limit)
    told = [
        Happening(
            event_id=one.event_id,
            kind=one.kind,
            at=one.at,
            accounts=list(one.accounts),
            contact_point_id=one.contact_point,
            body={
                name: value
                for name, value in one.body.items()
                if name not in ("accounts", "contact_point", "personal")
            },
        )
        for one in shown
    ]
    return EventPage(events=told, next_cursor=following)


@router.get("/accounts/{account_id}/statement", auth=Scoped("case.read"), response=dict[str, Any])
def account_statement(request: HttpRequest, account_id: str, as_of: date | None = None) -> dict[str, Any]:
    """The itemised statement, as ``dunwell statement --json`` prints it."""
    owner = workplace().shelf.owner(account_id)
    if owner is None:
        raise Http404(account_id)
    file = file_of(request, owner)
    if as_of is not None and not date(1970, 1, 1) <= as_of <= file.day:
        raise Problem(422, f"as_of is {as_of}. Name a day up to {file.day}")
    try:
        told: dict[str, Any] = statement_json(file.statement(account_id, as_of))
    except AccountNotOpen as error:
        raise Problem(422, str(error)) from error
    return told


def file_of(request: HttpRequest, customer_id: str) -> CaseFile:
    """The file of a customer in the token's scope; that it was read is recorded. Raises Http404, UnknownCustomer, NoBook."""
    if "\0" in customer_id or len(customer_id) > 200:
        raise Http404
    file = CaseFile(workplace(), customer_id)
    staff = staff_of(request)
    if not may_see(staff, file):
        note_refusal(staff, CASE, customer_id=customer_id)
        raise Http404(customer_id)
    if request.method == "GET":  # what changes something records that itself
        record_look(file, staff, "case read by a program")
    return file


def case_row(row: Case) -> CaseRow:
    """A case as the API shows it."""
    values = {
        name: getattr(row, name) for name in CaseRow.model_fields if name not in ("team", "assigned_to")
    }
    return CaseRow(
        **{**values, "past_due_total": text_of(row.past_due_total)},
        team=row.team.name if row.team else None,
        assigned_to=row.assigned_to.username if row.assigned_to else None,
    )


_MONEY = (
    *(
        "past_due_total",
        "outstanding_principal",
        "payoff_total",
        "unallocated_credit",
        "penalty",
        "waived_by_cap",
    ),
    *("amount", "credited"),
)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: text_of(value) if name in _MONEY else value for name, value in row.items()}
