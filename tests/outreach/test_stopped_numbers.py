"""A stop is of a number or an address, not of the id under which the records hold it that day."""

import json
from pathlib import Path

import polars as pl
import pytest

from dunwell.book import Book
from dunwell.journal.models import Event
from dunwell.outreach.channel import Receipt
from dunwell.outreach.receipts import take_receipts
from dunwell.outreach.told import with_told
from tests.outreach.conftest import Lender
from tests.outreach.small_lender import make_workspace
from tests.outreach.test_incoming import reading, reply, take

pytestmark = pytest.mark.django_db

STOPPED, OTHER = "+1 202 555 0143", "+1 202 555 0199"


def stop(lender: Lender, number: str = STOPPED) -> None:
    """C1 answers STOP from their only number, ``m1``."""
    lender.records.add("C1")
    lender.records.holds("C1", m1=number)
    take(lender, reply(sender=number), channel="sms")


def is_written_to(lender: Lender, point: str, **numbers: str) -> bool:
    """Whether a text message to this contact point goes out days later, the records holding these numbers by then."""
    lender.clock.move(days=3)
    work = lender.due("C1", "sms", point=point)
    lender.records.holds("C1", **numbers)
    return work.message_id in [message.message_id for message in lender.worker("sms", point).claim().messages]


def test_a_number_that_comes_again_under_a_second_id_is_not_written_to(lender: Lender) -> None:
    stop(lender)
    assert not is_written_to(lender, "m2", m1=STOPPED, m2="0012025550143")


def test_another_number_of_theirs_still_is(lender: Lender) -> None:
    stop(lender)
    assert is_written_to(lender, "m2", m1=STOPPED, m2=OTHER)


def test_a_number_that_went_and_came_back_under_another_id_is_not_written_to(lender: Lender) -> None:
    stop(lender)
    assert not is_written_to(lender, "m2", m2=STOPPED)


def test_a_number_that_changed_places_with_another_is_not_written_to(lender: Lender) -> None:
    """Lenders number places ("first mobile"), and what stands in them changes."""
    stop(lender)
    assert not is_written_to(lender, "m2", m1=OTHER, m2=STOPPED)


def test_the_place_where_it_stood_stays_ended_too(lender: Lender) -> None:
    """On the safe side: a record that is wrong today may have been wrong on the day of the stop."""
    stop(lender)
    assert not is_written_to(lender, "m1", m1=OTHER, m2=STOPPED)


def test_a_number_that_is_somebody_elses_is_so_under_every_id(lender: Lender) -> None:
    lender.records.add("C1")
    lender.records.holds("C1", m1=STOPPED)
    take(lender, reply(sender=STOPPED), reading("not_theirs"), channel="sms")
    assert not is_written_to(lender, "m2", m1=OTHER, m2=STOPPED)
    assert is_written_to(lender, "m3", m1=STOPPED, m3=OTHER)


def test_one_click_ends_the_address_and_not_the_id(lender: Lender) -> None:
    lender.clock.move(days=-3)
    work = lender.due("C1", "sms", point="m1")
    lender.records.holds("C1", m1=STOPPED)
    worker = lender.worker("sms", "first")
    worker.claim()
    receipt = Receipt("r1", "unsubscribed", lender.clock(), message_id=work.message_id)
    take_receipts(lender.journal, "loopback", [receipt], lender.records)
    lender.clock.move(days=3)
    assert not is_written_to(lender, "m2", m1=OTHER, m2=STOPPED)


def test_a_number_from_which_messages_came_back_for_good_is_not_used_under_another_id(lender: Lender) -> None:
    lender.clock.move(days=-3)
    work = lender.due("C1", "sms", point="m1")
    lender.records.holds("C1", m1=STOPPED)
    lender.worker("sms", "first").claim()
    receipt = Receipt("r1", "bounced", lender.clock(), message_id=work.message_id, permanent=True)
    take_receipts(lender.journal, "loopback", [receipt], lender.records)
    lender.clock.move(days=3)
    assert not is_written_to(lender, "m2", m1=STOPPED, m2=STOPPED)


def test_what_an_event_keeps_of_the_number_tells_nothing_of_it(lender: Lender) -> None:
    stop(lender)
    body = Event.objects.get(kind="consent.withdrawn").body
    assert "5550143" not in body and len(json.loads(body)["address"]) == len(
        json.loads(body)["contact_point"]
    )


def test_the_nightly_run_knows_where_the_number_went(lender: Lender, tmp_path: Path) -> None:
    book = Book(make_workspace(tmp_path / "lender") / "book")
    tables = next(
        tables
        for number in range(book.partition_count)
        if "US-EN" in (tables := book.partition(number).tables)["customers"]["customer_id"]
    )
    lender.records.add("US-EN")
    lender.records.holds("US-EN", **{"US-EN-m": STOPPED})
    take(lender, reply(sender=STOPPED), channel="sms")
    points = tables["contact_points"]
    is_theirs = pl.col("contact_point_id") == "US-EN-m"
    again = points.filter(is_theirs).with_columns(
        pl.lit("US-EN-m2").alias("contact_point_id"), value=pl.lit(STOPPED)
    )
    told = with_told(
        dict(tables) | {"contact_points": pl.concat([points, again])}, lender.journal, lender.clock()
    )
    wishes = told["preferences"].filter(pl.col("customer_id") == "US-EN")["detail"]
    assert {json.loads(wish)["contact_point_id"] for wish in wishes} == {"US-EN-m", "US-EN-m2"}
