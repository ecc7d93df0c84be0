"""Supervision and administration for programs: the board, who has how many cases, sharing out, coaching, people and teams."""

from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest
from ninja import Router

from dunwell.office.access.models import Staff, Team
from dunwell.office.access.people import PersonForm, TeamForm, record, stays_in_charge
from dunwell.office.api.paging import Cursor, Limit, page_of
from dunwell.office.api.problems import Problem
from dunwell.office.api.shapes import Recorded, text_of
from dunwell.office.api.shapes_lead import (
    BoardOut,
    CoverIn,
    DayOf,
    EvidenceOf,
    LeaveIn,
    LoadOf,
    LoadPage,
    OccasionOut,
    OccasionPage,
    PersonChange,
    PersonIn,
    PersonOut,
    PersonPage,
    SharedOut,
    ShareIn,
    TeamIn,
    TeamOut,
    TeamPage,
)
from dunwell.office.api.tokens import Scoped, staff_of
from dunwell.office.supervision.board import figures_of
from dunwell.office.supervision.coaching import occasions_of, with_evidence
from dunwell.office.supervision.sharing import load_of, put_on_leave, share_free, share_of_away
from dunwell.office.workplace import workplace

router = Router(tags=["supervision"])


@router.get("/board", response=BoardOut, auth=Scoped("team.read"))
def board(request: HttpRequest) -> BoardOut:
    """The live board: the day so far, of the customers whom the token may see."""
    told = figures_of(workplace(), staff_of(request))
    day = told["day"]
    return BoardOut(
        at=told["at"],
        contacts=dict(day.contacts),
        conversations=day.conversations,
        right_party=day.right_party,
        replies=day.replies,
        promises=day.promises,
        cash={currency: text_of(amount) for currency, amount in sorted(day.cash.items())},
        refused=dict(day.refused),
        holds=dict(day.holds),
        moved=dict(day.moved),
        without_skill=told["without_skill"],
        **{name: told[name] for name in ("kept", "due", "waiting", "urgent", "held_back", "approvals")},
        messages_due=told.get("messages_due"),
        messages_unknown=told.get("unknown"),
        capacities=told.get("capacities"),
        people=[DayOf.from_orm(one) for one in told["people"]],
    )


@router.get("/load", response=LoadPage, auth=Scoped("team.read"))
def load(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> LoadPage:
    """Who has how many open cases, who is away, and how many cases nobody has."""
    told = load_of(staff_of(request), workplace().clock().date())
    shown, following = page_of(told.people, lambda row: row[0].username, cursor, limit)
    people = [
        LoadOf(
            username=one.username,
            role=one.role,
            team=one.team.name if one.team else None,
            cases=count,
            is_away=is_away,
            on_leave_until=one.on_leave_until,
            languages=one.languages,
            skills=one.skills,
        )
        for one, count, is_away in shown
    ]
    return LoadPage(people=people, free=told.free_count, free_is_cut=told.free_is_cut, next_cursor=following)


@router.post("/load/share", response=SharedOut, auth=Scoped("case.assign"))
def share(request: HttpRequest, wanted: ShareIn) -> SharedOut:
    """Give cases that nobody has to those of the team who are on duty: by language, law, skill and load."""
    shared = share_free(staff_of(request), wanted.count, wanted.stage, wanted.jurisdiction)
    return SharedOut(given=shared.given, left=shared.left)


@router.post("/load/cover", response=SharedOut, auth=Scoped("case.assign"))
def cover(request: HttpRequest, wanted: CoverIn) -> SharedOut:
    """Give the cases of somebody of the team who is away to the others."""
    shared = share_of_away(staff_of(request), wanted.username)
    if shared is None:
        raise Problem(422, "username is nobody in your team")
    return SharedOut(given=shared.given, left=shared.left)


@router.post("/load/leave", response=Recorded, auth=Scoped("case.assign"))
def leave(request: HttpRequest, told: LeaveIn) -> Recorded:
    """Say until when somebody of the team is away; without a day they are here again."""
    if told.until is not None and told.until < workplace().clock().date():
        raise Problem(422, "until is over. Give the last day of the leave, today or later")
    if not put_on_leave(staff_of(request), told.username, told.until):
        raise Problem(422, "username is nobody in your team")
    return Recorded(recorded=True)


@router.get("/coaching", response=OccasionPage, auth=Scoped("team.read"))
def coaching(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> OccasionPage:
    """Occasions of two weeks to talk about with somebody of the team, each with its evidence."""
    place, staff = workplace(), staff_of(request)
    shown, following = page_of(
        occasions_of(place, staff), lambda one: f"{one.kind} {one.name}", cursor, limit
    )
    occasions = [
        OccasionOut(
            username=one.name,
            kind=one.kind,
            count=one.count,
            evidence=[
                EvidenceOf(at=at, customer_id=customer, what=list(what))
                for at, customer, what in one.evidence
            ],
        )
        for one in with_evidence(place, staff, shown)
    ]
    return OccasionPage(occasions=occasions, next_cursor=following)


@router.get("/people", response=PersonPage, auth=Scoped("staff.manage"))
def people(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> PersonPage:
    """Everybody who works here, also who has left."""
    rows = Staff.objects.select_related("team").order_by("username")
    shown, following = page_of(rows, lambda one: one.username, cursor, limit)
    return PersonPage(people=[_person(one) for one in shown], next_cursor=following)


def _person(one: Staff) -> PersonOut:
    kept = {name: getattr(one, name) for name in PersonOut.model_fields if name != "team"}
    return PersonOut(**kept, team=one.team.name if one.team else None)


@router.post("/people", response=PersonOut, auth=Scoped("staff.manage"))
def add_person(request: HttpRequest, wanted: PersonIn) -> PersonOut:
    """Add somebody, as an event; they have no password yet."""
    return _save_person(request, wanted, None)


@router.post("/people/{staff_id}", response=PersonOut, auth=Scoped("staff.manage"))
def change_person(request: HttpRequest, staff_id: int, wanted: PersonChange) -> PersonOut:
    """Change who somebody is here: their role, team, leave and so on, as an event."""
    one = Staff.objects.filter(pk=staff_id).first() if 0 < staff_id < 2**31 else None
    if one is None:
        raise Http404(str(staff_id))
    return _save_person(request, wanted, one)


def _save_person(request: HttpRequest, wanted: PersonChange, one: Staff | None) -> PersonOut:
    by, told = staff_of(request), wanted.model_dump(exclude_unset=True)
    data: dict[str, Any] = {"is_active": True}
    if one is not None:
        data = {name: getattr(one, name) for name in PersonForm.Meta.fields} | {"team": one.team_id}
    data |= told
    if told.get("team"):
        team = Team.objects.filter(name=told["team"]).first()
        if team is None:
            raise Problem(422, "team is none of GET /teams")
        data["team"] = team.pk
    for name in ("jurisdictions", "languages", "skills"):
        data[name] = ", ".join(data.get(name) or ())
    form = PersonForm(data, instance=one)
    if not form.is_valid():
        raise _unfit(form)
    if one is not None and one.pk == by.pk and not stays_in_charge(form):
        raise Problem(409, "You cannot take your own way in. Another administrator can")
    with transaction.atomic():
        kept = form.save(commit=False)
        if one is None:
            kept.set_unusable_password()
        kept.save()
        what = "person added" if one is None else "person changed"
        record(by, what, kept.username, ", ".join(form.changed_data) or "nothing")
    return _person(kept)


def _unfit(form: PersonForm | TeamForm) -> Problem:
    faults = [{"place": name, "why": " ".join(map(str, whys))} for name, whys in form.errors.items()]
    return Problem(422, "Mend what `faults` names", faults=faults)


@router.get("/teams", response=TeamPage, auth=Scoped("staff.manage"))
def teams(request: HttpRequest, cursor: Cursor = None, limit: Limit = 50) -> TeamPage:
    """The teams."""
    shown, following = page_of(Team.objects.order_by("name"), lambda one: one.name, cursor, limit)
    return TeamPage(teams=[TeamOut.from_orm(one) for one in shown], next_cursor=following)


@router.post("/teams", response=Recorded, auth=Scoped("staff.manage"))
def add_team(request: HttpRequest, wanted: TeamIn) -> Recorded:
    """Add a team, as an event."""
    form = TeamForm(wanted.model_dump() | {"jurisdictions": ", ".join(wanted.jurisdictions)})
    if not form.is_valid():
        raise _unfit(form)
    with transaction.atomic():
        record(staff_of(request), "team added", form.save().name, "")
    return Recorded(recorded=True)
