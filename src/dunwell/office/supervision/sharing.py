"""Who works which case: by language, jurisdiction, skill and load; cases of people on leave find others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from django.db import connection, transaction

from dunwell.journal.recording import NewEvent
from dunwell.office.access.models import Staff
from dunwell.office.access.people import record
from dunwell.office.cases.models import Case, values_of
from dunwell.office.cases.routing import (
    TAKE_CASES,
    loads_of,
    on_duty,
    share_out,
    states_of,
    wanting,
    workers_of,
)
from dunwell.office.paging import COUNTED_AT_ONCE, counted_to
from dunwell.office.supervision.board import team_of
from dunwell.office.workplace import workplace

if TYPE_CHECKING:
    from django.db.models import QuerySet

BATCH_MAX = 2000


@dataclass(frozen=True, slots=True)
class Shared:
    """How many cases were given out, and how many found nobody with their language, law and skill."""

    given: int
    left: int


@dataclass(frozen=True, slots=True)
class Load:
    """Who has how many open cases and whether they are away; how many cases nobody has (counted to COUNTED_AT_ONCE;
    ``free_is_cut``: there are more), and by what these can be chosen.
    """

    people: Sequence[tuple[Staff, int, bool]]
    free_count: int
    free_is_cut: bool
    stages: Sequence[str]
    jurisdictions: Sequence[str]


def load_of(staff: Staff, today: date) -> Load:
    """The load of somebody's team."""
    people = [one for one in team_of(staff) if one.role in TAKE_CASES]
    loads = loads_of(people)
    free = Case.objects.visible_to(staff).exclude(stage="closed").filter(assigned_to=None)
    free_count, is_cut = counted_to(free, COUNTED_AT_ONCE)
    return Load(
        [
            (one, loads.get(one.pk, 0), one.on_leave_until is not None and one.on_leave_until >= today)
            for one in people
        ],
        free_count,
        is_cut,
        [one for one in values_of(Case.objects.visible_to(staff), "stage") if one != "closed"],
        values_of(free, "jurisdiction"),
    )


def share_free(staff: Staff, count: int, stage: str = "", jurisdiction: str = "") -> Shared:
    """Give cases that nobody has to those of one's team who are on duty, the most urgent first; at most BATCH_MAX."""
    cases = Case.objects.visible_to(staff).exclude(stage="closed").filter(assigned_to=None).order_by("rank")
    if stage:
        cases = cases.filter(stage=stage)
    if jurisdiction:
        cases = cases.filter(jurisdiction=jurisdiction)
    with transaction.atomic():
        people = on_duty(list(team_of(staff)), workplace().clock().date())
        return _give(staff, _taken(cases, min(max(count, 1), BATCH_MAX)), people)


def share_of_away(staff: Staff, username: str) -> Shared | None:
    """Give the cases of somebody who is away to the others of the team; None where there is nobody of that name."""
    away = team_of(staff).filter(username=username).first()
    if away is None:
        return None
    people = on_duty(list(team_of(staff)), workplace().clock().date())
    theirs = Case.objects.visible_to(staff).filter(assigned_to=away).order_by("rank")
    with transaction.atomic():
        return _give(staff, _taken(theirs, BATCH_MAX), [one for one in people if one.pk != away.pk])


def put_on_leave(staff: Staff, username: str, until: date | None) -> bool:
    """Say until when somebody of one's team is away (None: they are here); False where there is nobody of that name. While
    they are away no case is given to them.
    """
    with transaction.atomic():
        one = team_of(staff).filter(username=username).first()
        if one is None:
            return False
        one.on_leave_until = until
        one.save(update_fields=["on_leave_until"])
        record(staff, "leave", one.username, until.isoformat() if until else "")
    return True


def give_to(staff: Staff, customer_id: str, name: str) -> bool:
    """Give a case to somebody of one's team by name (empty: to nobody); False when there is no such case or person there, or they
    may not see it.
    """
    to = team_of(staff).filter(username=name).first()
    if name and to is None:
        return False
    with transaction.atomic():
        case = Case.objects.visible_to(staff).select_for_update().filter(pk=customer_id).first()
        if case is None or (to is not None and not _may_have(to, case)):
            return False
        case.assigned_to = to
        case.team = to.team if to and to.team else case.team
        case.save(update_fields=["assigned_to", "team"])
        _record(staff, [case.pk], name or None)
    return True


def _may_have(to: Staff, case: Case) -> bool:
    """Whether somebody may see a case that is given to them."""
    return to.scope is None or case.jurisdiction in to.scope


def _taken(cases: "QuerySet[Case]", count: int) -> list[Case]:
    """The first of some cases, kept from others until the transaction is over; what others are giving out now is left to them."""
    skips = connection.features.has_select_for_update_skip_locked
    return list(cases.select_for_update(skip_locked=skips)[:count])


def _give(staff: Staff, cases: Sequence[Case], people: Sequence[Staff]) -> Shared:
    """Give some cases to those of some people who can take them."""
    place = workplace()
    states = states_of(place, [case.pk for case in cases], place.clock().date())
    given = share_out([wanting(case, states.get(case.pk, ())) for case in cases], workers_of(people))
    by_name = {one.username: one for one in people}
    with transaction.atomic():
        for case in cases:
            if case.pk in given:
                case.assigned_to = by_name[given[case.pk]]
                case.team = case.assigned_to.team or case.team
        Case.objects.bulk_update(
            [case for case in cases if case.pk in given], ["assigned_to", "team"], batch_size=500
        )
        for name in sorted(set(given.values())):
            _record(staff, [customer for customer, to in given.items() if to == name], name)
    return Shared(len(given), len(cases) - len(given))


def _record(staff: Staff, customer_ids: Sequence[str], to: str | None) -> None:
    journal = workplace().journal
    body = {"by": staff.username, "to": to or ""}
    journal.record(
        [NewEvent("case.assigned", journal.clock(), customer, body=body) for customer in customer_ids]
    )
