"""Whoever said stop said it of a number or an address, whatever id the records hold it under."""

from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from dunwell.law import Attempt, ContactPoint, Gate, Person, Preference
from dunwell.law.addresses import compared_address
from dunwell.law.checking import check_frame
from dunwell.law.people import people
from dunwell.law.tables import TableRecords

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)
GATE = Gate(("us-reg-f",), "agency")


def _tables(points: list[tuple[str, str, str]], detail: str) -> dict[str, pl.DataFrame]:
    """C1 with contact points (id, kind, value) and one wish; C2 with the same number as ``m1``."""
    rows = [("C1", *point) for point in points] + [("C2", "c2-m", "mobile", "+1 202 555 0140")]
    schema = ["customer_id", "contact_point_id", "kind", "value"]
    nobody = pl.lit(None, pl.Datetime("us", "UTC")).alias("not_theirs_from")
    none = [pl.lit(None, pl.String).alias(name) for name in ("place", "timezone")]
    return {
        "customers": pl.DataFrame(
            {"customer_id": ["C1", "C2"], "timezone": ["America/New_York"] * 2},
        ).with_columns(pl.lit(None, pl.Date).alias("deceased_on")),
        "contact_points": pl.DataFrame(rows, schema=schema, orient="row").with_columns(
            pl.lit("self").alias("party"), nobody, *none
        ),
        "preferences": pl.DataFrame({"customer_id": ["C1"], "kind": ["not_channel"], "detail": [detail]}),
    }


def _allowed(tables: dict[str, pl.DataFrame], customer: str, point: str) -> bool:
    """The gate's answer for a text message, the same for one person and for the whole book."""
    attempt = Attempt(customer_id=customer, at=NOON, channel="sms", contact_point_id=point)
    one = GATE.check(attempt, people(tables, [customer])[customer])
    frame = pl.DataFrame(
        {
            "attempt_id": ["1"],
            "customer_id": [customer],
            "at": [NOON],
            "channel": ["sms"],
            "contact_point_id": [point],
        }
    )
    (many,) = check_frame(GATE, frame, TableRecords(tables))["allowed"]
    assert one.allowed == many
    return one.allowed


STOP = '{"channel": "sms", "contact_point_id": "m1"}'


@pytest.mark.parametrize("written", ["+1 (202) 555-0140", "0012025550140", "1 202 555 01 40"])
def test_a_stop_holds_for_the_same_number_under_a_second_id(written: str) -> None:
    tables = _tables(
        [("m1", "mobile", "+12025550140"), ("m2", "mobile", written), ("m3", "mobile", "+12025550141")], STOP
    )
    assert not _allowed(tables, "C1", "m1") and not _allowed(tables, "C1", "m2")
    assert _allowed(tables, "C1", "m3")


def test_a_wish_of_the_records_binds_nobody_else_at_the_number() -> None:
    assert _allowed(_tables([("m1", "mobile", "+12025550140")], STOP), "C2", "c2-m")


def test_what_has_no_address_is_the_same_as_nothing() -> None:
    tables = _tables([("m1", "mobile", "unknown"), ("m2", "mobile", "none")], STOP)
    assert not _allowed(tables, "C1", "m1") and _allowed(tables, "C1", "m2")
    assert compared_address("mobile", "unknown") is None


def test_an_address_of_another_kind_counts_as_well() -> None:
    person = Person(
        "C1",
        timezones=("America/New_York",),
        contact_points={
            "e1": ContactPoint("email", address="ann@x.example"),
            "e2": ContactPoint("app", address="ann@x.example"),
        },
        preferences=(Preference("not_channel", contact_point_id="e1"),),
    )
    attempt = Attempt(customer_id="C1", at=NOON, channel="email", contact_point_id="e2")
    assert not GATE.check(attempt, person).allowed
    moved = {**person.contact_points, "e2": ContactPoint("app", address="ben@x.example")}
    assert GATE.check(attempt, replace(person, contact_points=moved)).allowed
