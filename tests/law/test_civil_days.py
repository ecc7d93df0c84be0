"""What day it is for a person, at the hours in which UTC's day is not theirs."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

from dunwell.law.civil_days import civil_day, home_zone, home_zones
from dunwell.law.people import zones_of

TUESDAY = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hour", "shanghai", "los_angeles"),
    [(0, 24, 23), (7.99, 24, 23), (8, 24, 24), (15.99, 24, 24), (16, 25, 24), (23.99, 25, 24)],
)
def test_the_day_is_the_one_on_the_wall_there(hour: float, shanghai: int, los_angeles: int) -> None:
    at = TUESDAY + timedelta(hours=hour)
    assert civil_day(at, ["Asia/Shanghai"]) == date(2026, 11, shanghai)
    assert civil_day(at, ["America/Los_Angeles"]) == date(2026, 11, los_angeles)


def _point(name: str, zone: str | None, **more: object) -> dict[str, object]:
    return {"contact_point_id": name, "party": "self", "timezone": zone, "not_theirs_from": None, **more}


POINTS = [
    _point("p3", "Asia/Tokyo"),
    _point("p2", "Asia/Shanghai"),
    _point("p1", None),
    _point("p0", "Europe/London", party="reference"),
    _point("p00", "Asia/Kolkata", not_theirs_from=TUESDAY),
]


@pytest.mark.parametrize(
    ("own", "points", "expected"),
    [
        ("America/New_York", POINTS, "America/New_York"),
        (None, POINTS, "Asia/Shanghai"),
        ("Nowhere/At_All", POINTS, "Asia/Shanghai"),
        (None, [], None),
    ],
)
def test_their_own_record_counts_before_their_contact_points(
    own: str | None, points: list[dict[str, object]], expected: str | None
) -> None:
    """The same for one person and for a partition of the book."""
    assert home_zone(zones_of({"timezone": own}, points)) == (expected or "UTC")
    names = {
        "customer_id": pl.String,
        "contact_point_id": pl.String,
        "party": pl.String,
        "timezone": pl.String,
    }
    schema = names | {"not_theirs_from": pl.Datetime("us", "UTC")}
    tables = {
        "customers": pl.DataFrame(
            {"customer_id": ["C"], "timezone": [own]}, {"customer_id": pl.String, "timezone": pl.String}
        ),
        "contact_points": pl.DataFrame([{"customer_id": "C", **one} for one in points], schema),
    }
    found = home_zones(tables)["timezone"].item()
    assert found == expected or (expected is None and found is None)
