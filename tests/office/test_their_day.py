"""The desk judges promises and days past due on the customer's day, at the hours in which UTC's is another."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case, Received
from dunwell.office.cases.shelf import File, Shelf
from tests.office.conftest import Office

DUE = date(2026, 11, 25)


@pytest.fixture
def living_in(office: Office, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], str]:
    """Somebody with something past due and no promise, whose record names a zone."""
    found = Shelf.file

    def moved_to(zone: str | None) -> str:
        def file(shelf: Shelf, customer_id: str) -> File | None:
            one = found(shelf, customer_id)
            if one is None:
                return None
            there = one.tables["customers"].with_columns(pl.lit(zone, pl.String).alias("timezone"))
            return replace(one, tables=dict(one.tables) | {"customers": there})

        monkeypatch.setattr(Shelf, "file", file)
        for case in Case.objects.filter(past_due_days__gt=0).order_by("pk"):
            if not CaseFile(office.place, case.pk).promises.height:
                return str(case.pk)
        raise LookupError("nobody is late without a promise")

    return moved_to


def promised(office: Office, customer: str, made_at: str = "2026-11-22T20:00:00Z") -> str:
    """They promised (on the 22nd) to pay by the 25th."""
    account = CaseFile(office.place, customer).overdue_ids[0]
    row = {"promise_id": "P", "account_id": account, "made_at": made_at}
    Received.objects.create(
        table="promises",
        key="P",
        customer_id=customer,
        row=row | {"due_on": str(DUE), "amount": "20.00"},
        received_at=datetime(2026, 11, 22, 20, tzinfo=UTC),
        source="test",
    )
    return customer


@pytest.mark.parametrize(
    ("zone", "at", "day"),
    [
        ("Asia/Shanghai", "2026-11-25T15:59Z", DUE),
        ("Asia/Shanghai", "2026-11-25T16:00Z", DUE + timedelta(days=1)),
        ("Asia/Shanghai", "2026-11-25T23:59Z", DUE + timedelta(days=1)),
        ("America/Los_Angeles", "2026-11-26T00:00Z", DUE),
        ("America/Los_Angeles", "2026-11-26T07:59Z", DUE),
        ("America/Los_Angeles", "2026-11-26T08:00Z", DUE + timedelta(days=1)),
    ],
)
def test_a_promise_is_waited_for_until_its_day_is_over_where_they_live(
    office: Office, living_in: Callable[[str | None], str], zone: str, at: str, day: date
) -> None:
    customer = promised(office, living_in(zone))
    on_the_day_before = CaseFile(office.place, customer).positions["past_due_days"].max()
    assert isinstance(on_the_day_before, int)
    office.clock.now = datetime.fromisoformat(at)
    file = CaseFile(office.place, customer)
    assert (file.zone, file.day) == (zone, day)
    assert file.promises["state"].to_list() == ["open" if day == DUE else "broken"]
    assert file.positions["past_due_days"].max() == on_the_day_before + (day - date(2026, 11, 24)).days
    assert file.stage is not None and file.stage["as_of"] == day


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/Los_Angeles", None])
@pytest.mark.parametrize("hour", [3, 20])
def test_a_promise_is_on_the_desk_from_the_moment_it_is_made(
    office: Office, living_in: Callable[[str | None], str], zone: str | None, hour: int
) -> None:
    """Whatever day it is in UTC: the instant of a promise and today are told on one clock."""
    office.clock.now = datetime(2026, 11, 24, hour, tzinfo=UTC)
    customer = promised(office, living_in(zone), office.clock().isoformat())
    assert CaseFile(office.place, customer).promises["state"].to_list() == ["open"]


def test_a_book_of_a_day_that_has_begun_nowhere_is_told_for_that_day(
    office: Office, living_in: Callable[[str | None], str]
) -> None:
    """As in a rehearsal; one that has begun somewhere is no reason to judge a customer on another's day."""
    customer = living_in("America/Los_Angeles")
    office.clock.now = datetime(
        2026, 11, 23, 4, tzinfo=UTC
    )  # Sunday evening in Los Angeles, Monday in most of the world
    assert CaseFile(office.place, customer).day == date(2026, 11, 22)
    office.clock.now = datetime(2026, 11, 21, 4, tzinfo=UTC)
    assert CaseFile(office.place, customer).day == date.fromisoformat(office.place.shelf.as_of)
