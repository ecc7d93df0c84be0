"""What somebody promised since the run leaves them in peace, whoever wrote it down."""

from typing import Any

import pytest

from dunwell.journal.recording import NewEvent
from tests.outreach.conftest import NOON, Lender

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
