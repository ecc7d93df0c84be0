"""What somebody promised since the run leaves them in peace, whoever wrote it down."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from dunwell.journal.recording import NewEvent
from dunwell.law import Reason
from dunwell.outreach.permitting import Asked, Composed
from dunwell.outreach.since import OPEN_PROMISE, Since, held_for
from tests.outreach.conftest import NOON, Lender, compose

pytestmark = pytest.mark.django_db


def promise(lender: Lender, name: str, *parts: dict[str, Any]) -> None:
    told = [{"amount_minor": 10000, "currency": "USD", **part} for part in parts]
    body = {"parts": told, "promise": name, "by": "anna", "message_id": name}
    lender.journal.record([NewEvent("promise.made", NOON, "C1", body=body)])


def is_written_to(lender: Lender) -> bool:
    lender.due("C1", stage=f"reminder {lender.clock()}")
    return len(lender.worker().claim().messages) > 0


def test_a_promise_told_to_a_collector_stops_the_messages_planned_before_it(lender: Lender) -> None:
    work = lender.due("C1")
    promise(lender, "desk-1", {"due_on": "2026-11-27"}, {"due_on": "2027-11-27"})
    lender.clock.move(minutes=5)
    assert lender.worker().claim().messages == ()
    work.refresh_from_db()
    assert work.why == "house-floor.open-promise"
    lender.clock.move(days=4)  # noon of the 27th
    assert not is_written_to(lender), "its day has not passed"
    lender.clock.move(days=1)
    assert is_written_to(lender), "whether the first part was kept the run knows; the last is a year away"


def test_a_promise_that_was_withdrawn_holds_nothing_back(lender: Lender) -> None:
    promise(lender, "desk-1", {"due_on": "2026-11-27"})
    promise(lender, "desk-2", {"days": ["2026-11-26"]})
    for name in ("desk-1", "desk-2"):
        lender.clock.move(minutes=1)
        assert not is_written_to(lender)
        body = {"promise": name, "reason": "customer_withdrew", "by": "anna"}
        lender.journal.record([NewEvent("promise.withdrawn", lender.clock(), "C1", body=body)])
    lender.clock.move(minutes=1)
    assert is_written_to(lender)


def test_whoever_writes_the_message_knows_which_promises_were_withdrawn(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    lender.due("C1", stage="promise_reminder")
    body = {"promise": "P1", "reason": "recorded_wrongly", "by": "anna"}
    lender.journal.record([NewEvent("promise.withdrawn", NOON, "C1", body=body)])
    lender.clock.move(minutes=1)
    told: list[Asked] = []

    def remembering(asked: Asked) -> Composed | Reason:
        told.append(asked)
        return compose(asked)

    worker = lender.worker()
    monkeypatch.setattr(worker._judge, "_compose", remembering)
    assert len(worker.claim().messages) == 1
    assert [asked.withdrawn for asked in told] == [{"P1"}]


def test_the_day_of_a_promise_passes_last_where_it_passes_last(lender: Lender) -> None:
    lender.due("C1")
    zones = ("Asia/Shanghai", "America/New_York")
    person, friday = replace(lender.records.persons["C1"], timezones=zones), Since(date(2026, 11, 27))
    in_shanghai_saturday = datetime(2026, 11, 27, 20, tzinfo=UTC)
    assert held_for(friday, person, "remind", "reminder", in_shanghai_saturday) == OPEN_PROMISE
    assert held_for(friday, person, "remind", "reminder", in_shanghai_saturday + timedelta(hours=9)) is None


# --- what they paid since


def paid(lender: Lender, at: datetime, **more: str) -> None:
    body = {"payment": f"P {at}", "amount": "50.00", "currency": "USD", "source": "api bank", **more}
    lender.journal.record([NewEvent("payment.seen", at, "C1", accounts=("C1-A",), body=body)])


@pytest.mark.parametrize("stage", ["reminder", "promise_reminder"])
def test_who_paid_since_the_run_is_not_told_that_they_owe_what_they_owed(lender: Lender, stage: str) -> None:
    work = lender.due("C1", stage=stage)
    paid(lender, NOON)
    lender.clock.move(minutes=5)
    assert lender.worker().claim().messages == ()
    work.refresh_from_db()
    assert work.why == "house-floor.paid-since"


def test_a_payment_that_the_run_counted_holds_nothing_back(lender: Lender) -> None:
    paid(lender, lender.records.known_until() - timedelta(hours=2))
    assert is_written_to(lender)


def test_a_payment_of_a_file_that_was_being_taken_in_when_the_run_began_is_not_taken_for_counted(
    lender: Lender,
) -> None:
    paid(lender, lender.records.known_until() - timedelta(minutes=5))
    assert not is_written_to(lender)


def test_a_payment_taken_back_is_no_payment(lender: Lender) -> None:
    paid(lender, NOON, sort="chargeback")
    assert is_written_to(lender)


# --- what they kept before its day


def judged(lender: Lender, name: str, state: str, *days: date) -> None:
    """The run judged a promise of C1's."""
    parts = [{"due_on": day} for day in days]
    lender.records.promises["C1"] = [{"promise_id": name, "state": state, "parts": parts}]


@pytest.mark.parametrize(
    ("state", "is_free"), [("kept", True), ("open", False), ("partly_kept", False), ("broken", False)]
)
def test_a_promise_that_the_run_found_kept_holds_nothing_back_before_its_day(
    lender: Lender, state: str, is_free: bool
) -> None:
    promise(lender, "desk-1", {"due_on": "2026-11-27"})
    judged(lender, "desk-1", state, date(2026, 11, 27))
    lender.clock.move(minutes=5)
    assert is_written_to(lender) == is_free


def test_another_promise_that_is_not_kept_still_does(lender: Lender) -> None:
    promise(lender, "desk-1", {"due_on": "2026-11-27"})
    promise(lender, "desk-2", {"due_on": "2026-11-28"})
    judged(lender, "desk-1", "kept", date(2026, 11, 27))
    lender.clock.move(minutes=5)
    assert not is_written_to(lender)


@pytest.mark.parametrize("is_of_the_journal", [True, False])
def test_money_taken_back_makes_a_kept_promise_waited_for_again_until_its_day(
    lender: Lender, is_of_the_journal: bool
) -> None:
    """Whether the lender's tape told of it or the journal did."""
    if is_of_the_journal:
        promise(lender, "desk-1", {"due_on": "2026-11-27"})
    judged(lender, "desk-1", "kept", date(2026, 11, 27))
    paid(lender, NOON, sort="reversal")
    lender.clock.move(minutes=5)
    assert not is_written_to(lender)
    lender.clock.move(days=4)  # the 27th
    assert not is_written_to(lender)
    lender.clock.move(days=1)
    assert is_written_to(lender)


def test_money_taken_back_before_the_run_was_counted_by_it(lender: Lender) -> None:
    promise(lender, "desk-1", {"due_on": "2026-11-27"})
    judged(lender, "desk-1", "kept", date(2026, 11, 27))
    paid(lender, lender.records.known_until() - timedelta(hours=2), sort="reversal")
    assert is_written_to(lender)
