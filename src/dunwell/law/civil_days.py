"""What day it is for a person: one rule for the desk, the API, the promises and what is written to them.

The day is the civil day at their place: on the clock of the zone in their own record; where it names none, of the first (by id)
of their own contact points that tells one; else by UTC, as whom no zone is known of may not be contacted anyway. What is about no
single customer goes by the lender's clock (``workspace.timezone``).
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from dunwell.law.zones import is_zone

UTC_ZONE = "UTC"


def home_zone(zones: Sequence[str], otherwise: str = UTC_ZONE) -> str:
    """The zone on whose clock a person's day is told. ``zones``: as ``Person.timezones`` has them, the person's own first."""
    return next((zone for zone in zones if is_zone(zone)), otherwise)


def civil_day(at: datetime, zones: Sequence[str], otherwise: str = UTC_ZONE) -> date:
    """The day that an instant falls on at a person's place; where no zone is given, on the clock of ``otherwise``.

    >>> from datetime import UTC
    >>> evening = datetime(2026, 11, 23, 20, tzinfo=UTC)
    >>> str(civil_day(evening, ["Asia/Shanghai"])), str(civil_day(evening, ["America/Los_Angeles"]))
    ('2026-11-24', '2026-11-23')
    """
    return at.astimezone(ZoneInfo(home_zone(zones, otherwise))).date()


def home_zones(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """``home_zone`` for a partition of the book: customer_id and timezone, null where the records tell none."""
    customers = tables["customers"].select("customer_id", pl.col("timezone").cast(pl.String))
    unknown = customers.filter(~_names_a_zone(customers["timezone"]))
    points = tables.get("contact_points")
    if points is None or not points.height or not unknown.height:
        return customers
    own = points.join(unknown, on="customer_id", how="semi").filter(
        (pl.col("party") == "self") & pl.col("not_theirs_from").is_null()
    )
    own = own.select("customer_id", "contact_point_id", pl.col("timezone").cast(pl.String))
    told = own.filter(_names_a_zone(own["timezone"])).sort("contact_point_id")
    first = told.group_by("customer_id").agg(pl.col("timezone").first().alias("§point"))
    return (
        customers.with_columns(
            pl.when(_names_a_zone(customers["timezone"])).then("timezone").alias("timezone")
        )
        .join(first, on="customer_id", how="left", maintain_order="left")
        .select("customer_id", pl.coalesce("timezone", "§point").alias("timezone"))
    )


def local_day(instant: str, zones: pl.Series) -> pl.Expr:
    """The day of a column of instants on the clock of the row's ``timezone``; on UTC's where that is none. ``zones``: the values
    that ``timezone`` may have.
    """
    day = pl.col(instant).dt.date()
    for zone in sorted(zone for zone in zones.unique().drop_nulls() if is_zone(zone)):
        local = pl.col(instant).dt.convert_time_zone(zone).dt.date()
        day = pl.when(pl.col("timezone") == zone).then(local).otherwise(day)
    return day


def _names_a_zone(zones: pl.Series) -> pl.Series:
    known = [name for name in zones.unique().drop_nulls() if is_zone(name)]
    return zones.is_in(known).fill_null(value=False)
