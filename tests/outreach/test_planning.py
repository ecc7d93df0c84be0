"""A work list becomes due work: once, until the person's day is over, and on channels that are set up."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

import polars as pl
import pytest

from dunwell.journal.models import Event
from dunwell.outreach.models import State, Work
from dunwell.outreach.planning import Planned, plan
from tests.outreach.conftest import NOON, Lender

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 23)


def row(customer: str, **changed: Any) -> dict[str, Any]:
    """A contact of the work list."""
    return {
        "customer_id": customer,
        "channel": "email",
        "stage": "early reminder",
        "purpose": "remind",
        "contact_point_id": f"{customer}-e",
        "account_ids": [f"{customer}-A"],
        "past_due_days": 20,
        "at": NOON,
        "timezone": "America/New_York",
        "is_held_back": False,
    } | changed


def ids() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield str(UUID(int=number))


def planned(
    lender: Lender, *rows: dict[str, Any], day: date = DAY, channels: tuple[str, ...] = ()
) -> Planned:
    new_id = ids()
    taken = set(Work.objects.values_list("message_id", flat=True))
    work = pl.DataFrame(list(rows), schema_overrides={"at": pl.Datetime("us", "UTC")})
    unused = (name for name in new_id if name not in taken)
    return plan(work, day, channels or ("email",), lender.journal, lambda: next(unused))


def test_planning_the_same_day_twice_plans_it_once(lender: Lender) -> None:
    rows = [row("C1"), row("C2")]
    assert planned(lender, *rows) == Planned(2, 0, 0)
    assert planned(lender, *rows) == Planned(0, 2, 0)
    assert planned(lender, *rows, row("C3")) == Planned(1, 2, 0)
    assert Work.objects.count() == Event.objects.filter(kind="contact.planned").count() == 3


def test_planning_again_does_not_bring_back_what_was_sent(lender: Lender) -> None:
    planned(lender, row("C1"))
    Work.objects.update(state=State.SENT)
    planned(lender, row("C1"))
    assert [work.state for work in Work.objects.all()] == [State.SENT]


def test_the_next_day_is_planned_anew(lender: Lender) -> None:
    planned(lender, row("C1"))
    assert planned(lender, row("C1"), day=date(2026, 11, 24)).new_count == 1


@pytest.mark.parametrize(
    ("zone", "ends"),
    [
        ("America/New_York", "2026-11-24T05:00:00+00:00"),
        ("Asia/Shanghai", "2026-11-24T16:00:00+00:00"),  # there 17:00 UTC is tomorrow already
        ("Europe/London", "2026-11-24T00:00:00+00:00"),
    ],
)
def test_a_contact_expires_at_the_end_of_the_day_on_the_persons_clock(
    lender: Lender, zone: str, ends: str
) -> None:
    planned(lender, row("C1", timezone=zone))
    work = Work.objects.get()
    assert (work.due_at, work.expires_at) == (NOON, datetime.fromisoformat(ends))


def test_only_channels_that_are_set_up_are_planned_and_the_others_are_counted(lender: Lender) -> None:
    rows = [row("C1"), row("C2", channel="sms", contact_point_id="C2-m"), row("C3", channel="human")]
    assert planned(lender, *rows) == Planned(1, 0, 2)
    assert planned(lender, *rows, channels=("email", "sms")) == Planned(1, 1, 1)
    assert set(Work.objects.values_list("channel", flat=True)) == {"email", "sms"}


def test_what_the_run_held_back_is_not_planned(lender: Lender) -> None:
    assert planned(lender, row("C1", is_held_back=True), row("C2")) == Planned(1, 0, 0)


def test_the_longest_overdue_go_first(lender: Lender) -> None:
    planned(lender, row("C1", past_due_days=5), row("C2", past_due_days=120))
    known = lender.journal.vault.references(["C1", "C2"])
    priorities = dict(Work.objects.values_list("subject_id", "priority"))
    assert [priorities[known[name]] for name in ("C1", "C2")] == [1, 0]


def test_due_work_and_its_event_name_nobody(lender: Lender) -> None:
    planned(lender, row("C1"))
    work, event = Work.objects.get(), Event.objects.get()
    told = " ".join(str(value) for value in (*vars(work).values(), event.body, event.key))
    assert "C1" not in told
    vault = lender.journal.vault
    subject = vault.references(["C1"])["C1"]
    assert work.contact_point == vault.pseudonym(subject, "point", "C1-e")
    assert work.accounts == vault.pseudonym(subject, "account", "C1-A")


def test_an_empty_work_list_plans_nothing(lender: Lender) -> None:
    assert planned(lender, row("C1", is_held_back=True)) == Planned(0, 0, 0)


def test_who_was_erased_since_the_run_is_not_planned_for(lender: Lender) -> None:
    lender.journal.vault.admit(["C1"], NOON)
    lender.journal.erase("C1", by="dpo", why="request")
    assert planned(lender, row("C1"), row("C2")) == Planned(1, 0, 0)
    assert lender.journal.vault.references(["C1"]) == {}


def test_who_is_erased_while_the_day_is_planned_does_not_come_back(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender.journal.vault.admit(["C1"], NOON)
    vault, asked = lender.journal.vault, iter([True])
    forgotten = vault.forgotten

    def erased_meanwhile(customers: Iterable[str]) -> set[str]:
        found = forgotten(customers)
        if next(asked, False):
            lender.journal.erase("C1", by="dpo", why="request")
        return found

    monkeypatch.setattr(vault, "forgotten", erased_meanwhile)
    assert planned(lender, row("C1"), row("C2")) == Planned(1, 0, 0)
    assert vault.references(["C1"]) == {}


def test_a_row_that_cannot_be_planned_does_not_hold_up_the_others(lender: Lender) -> None:
    done = planned(lender, row("C1"), row("C2", timezone="Nowhere/Land"), row("C3"))
    assert done == Planned(2, 0, 0, (("C2", "ZoneInfoNotFoundError"),))
    assert Work.objects.count() == Event.objects.filter(kind="contact.planned").count() == 2


def test_two_that_plan_the_same_day_at_once_plan_it_once(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second looked before the first was done."""
    assert planned(lender, row("C1"), row("C2")).new_count == 2
    looked = Work.objects.filter
    blind = iter([True])

    def look(*given: Any, **wanted: Any) -> Any:
        return looked(pk=None) if "key__in" in wanted and next(blind, False) else looked(*given, **wanted)

    monkeypatch.setattr(Work.objects, "filter", look)
    assert planned(lender, row("C1"), row("C2"), row("C3")) == Planned(1, 2, 0)
    assert Work.objects.count() == 3


def test_people_are_planned_in_the_order_in_which_the_dispatcher_locks_them(lender: Lender) -> None:
    """On PostgreSQL each row that names somebody locks them: two that lock in different orders wait for each other."""
    planned(lender, *(row(f"C{number}") for number in range(20)))
    for rows in (Work.objects.order_by("message_id"), Event.objects.order_by("id")):  # as they were made
        subjects = [str(one) for one in rows.values_list("subject_id", flat=True)]
        assert subjects == sorted(subjects)
