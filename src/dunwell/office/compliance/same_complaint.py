"""One complaint that is known twice: told to us, and then by the lender's records under an id of their own. It has one clock.

The two are the same where they are of one person, of one civil day (at the customer's place or the lender's) and of debts that
meet (one that names no debt is about all); one of ours is joined with one of theirs at most. The clock is that of what was told
to us, from the earlier of the two. What is told to us after theirs was answered is another complaint.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import transaction

from dunwell.journal.models import Event
from dunwell.law.civil_days import civil_day
from dunwell.law.people import zones_of
from dunwell.office.cases.shelf import File
from dunwell.office.compliance.recorded_complaints import id_of
from dunwell.office.tallies.models import ComplaintClock
from dunwell.office.workplace import Workplace


@dataclass(frozen=True, slots=True)
class _Told:
    """A clock, the debts it is about (none: all) and whether it was told to us."""

    clock: ComplaintClock
    debts: frozenset[str]
    is_ours: bool


def join_same(place: Workplace, subjects: Collection[str]) -> None:
    """Join what is evidently the same complaint among those of some people. Calling it again changes nothing."""
    if not subjects:
        return
    with transaction.atomic():
        rows = ComplaintClock.objects.select_for_update().filter(subject__in=subjects)
        by_person: dict[str, list[ComplaintClock]] = {}
        for one in rows.order_by("received_at", "event_id"):
            by_person.setdefault(one.subject, []).append(one)
        several = {subject: clocks for subject, clocks in by_person.items() if len(clocks) > 1}
        owners = place.journal.vault.customer_ids(several)
        for subject, customer in owners.items():
            file = place.shelf.file(customer)
            if file is not None:
                _join(place, file, subject, several[subject])


def _join(place: Workplace, file: File, subject: str, clocks: Iterable[ComplaintClock]) -> None:
    told = list(_told(place, file, subject, clocks))
    taken = {one.clock.same_as for one in told}
    zones = _zones(file)
    for theirs in told:
        if theirs.is_ours or theirs.clock.same_as is not None:
            continue
        for ours in told:
            if ours.is_ours and ours.clock.pk not in taken and _is_same(place, zones, ours, theirs):
                _put_together(ours.clock, theirs.clock)
                taken.add(ours.clock.pk)
                break


def _told(place: Workplace, file: File, subject: str, clocks: Iterable[ComplaintClock]) -> Iterable[_Told]:
    clocks = list(clocks)
    rows = Event.objects.filter(event_id__in=[one.pk for one in clocks]).values_list("event_id", "body")
    bodies = {name: json.loads(body) for name, body in rows}
    place.journal.vault.open_keys([subject])
    debts_of_rows: dict[str, set[str]] = {}
    accounts = file.tables["accounts"]["account_id"].to_list()
    for hold, row in file.tables["holds"].select("hold_id", "account_row").iter_rows():
        name = place.journal.vault.pseudonym(subject, "account", accounts[row])
        debts_of_rows.setdefault(id_of(hold), set()).add(name)
    for one in clocks:
        body = bodies.get(one.pk)
        debts = debts_of_rows.get(one.pk, set()) if body is None else body.get("accounts", ())
        yield _Told(one, frozenset(debts), body is not None and "row" not in body)


def _is_same(place: Workplace, zones: tuple[str, ...], ours: _Told, theirs: _Told) -> bool:
    told_at, day = ours.clock.received_at, _day_of_row(theirs.clock.received_at)
    lender = place.settings.timezone
    was_answered = theirs.clock.answered_at is not None and theirs.clock.answered_at <= told_at
    return (
        day in {civil_day(told_at, zones, lender), civil_day(told_at, (), lender)}
        and not was_answered
        and (not ours.debts or not theirs.debts or bool(ours.debts & theirs.debts))
    )


def _day_of_row(received_at: datetime) -> date:
    """A row says a day; its instant lies within that day of UTC's."""
    return received_at.astimezone(UTC).date()


def _put_together(ours: ComplaintClock, theirs: ComplaintClock) -> None:
    theirs.same_as = ours.pk
    theirs.save(update_fields=["same_as"])
    ours.received_at = min(ours.received_at, theirs.received_at)
    ours.due_on = min(ours.due_on, theirs.due_on)
    ours.answered_at = ours.answered_at or theirs.answered_at
    ours.save(update_fields=["received_at", "due_on", "answered_at"])


def _zones(file: File) -> tuple[str, ...]:
    (row,) = file.tables["customers"].iter_rows(named=True)
    return zones_of(row, file.tables["contact_points"].iter_rows(named=True))
