"""Whom a day is about: the customers with an account past due, the worst of it, and where they can be reached."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import polars as pl

from dunwell.nightly.placing import INSTANT
from dunwell.nightly.stages import Stage

POINT_KINDS = pl.DataFrame(
    [
        ("sms", "mobile"),
        ("call", "mobile"),
        ("call", "landline"),
        ("email", "email"),
        ("letter", "postal"),
        ("visit", "postal"),
        ("app", "app"),
    ],
    schema=["channel", "kind"],
    orient="row",
)
NO_POINTS = pl.DataFrame(
    schema={
        "customer_id": pl.String,
        "contact_point_id": pl.String,
        "kind": pl.String,
        "party": pl.String,
        "not_theirs_from": INSTANT,
        "timezone": pl.String,
    }
)
_READ = (
    *("customers", "accounts", "contact_points", "contacts", "holds"),
    *("consents", "preferences", "notices"),
)
"""The tables of which the list is made."""


def known_tables(tables: Mapping[str, pl.DataFrame], known_at: datetime | None) -> dict[str, pl.DataFrame]:
    """The tables that are read, as known then. Rows name accounts by their id: a row number holds for the whole frame only."""
    accounts = tables["accounts"].select("account_id").with_row_index("account_row")
    found = {name: tables[name] for name in _READ if name in tables}
    if "holds" in found and "account_row" in found["holds"].columns:
        rows = found["holds"].with_columns(pl.col("account_row").cast(pl.UInt32))
        found["holds"] = rows.join(accounts, on="account_row", how="left", maintain_order="left").drop(
            "account_row"
        )
    if known_at is None:
        return found
    return {name: rows.filter(pl.col("recorded_at") <= known_at) for name, rows in found.items()}


def own_points(points: pl.DataFrame, customers: pl.DataFrame) -> pl.DataFrame:
    """The contact points of some customers that are the person's own and still theirs: customer_id, contact_point_id, kind,
    timezone.
    """
    own = points.filter((pl.col("party") == "self") & pl.col("not_theirs_from").is_null()).select(
        "customer_id", "contact_point_id", pl.col("kind").cast(pl.String), "timezone"
    )
    return own.join(customers.select("customer_id"), on="customer_id", how="semi")


def point_zones(own: pl.DataFrame) -> pl.DataFrame:
    """customer_id and point_zone, the time zone that their contact points tell."""
    return (
        own.sort("contact_point_id")
        .group_by("customer_id")
        .agg(pl.col("timezone").drop_nulls().first().alias("point_zone"))
    )


def overdue_customers(
    positions: pl.DataFrame, customers: pl.DataFrame, stages: Sequence[Stage]
) -> pl.DataFrame:
    """A row a customer with an account past due: the accounts, the worst of them, the stage.

    Accounts whose figures are incomplete are left out, unless the customer has no others.
    """
    late = positions.filter(
        (pl.col("past_due_days") > 0) & pl.col("status").cast(pl.String).is_in(["active", "incomplete"])
    ).with_columns((pl.col("status") == "incomplete").alias("is_incomplete"))
    worst_first = late.sort(
        "customer_id", "is_incomplete", "past_due_days", "account_id", descending=[False, False, True, False]
    )
    per_customer = worst_first.group_by("customer_id", maintain_order=True).agg(
        pl.col("account_id")
        .filter(pl.col("is_incomplete") == pl.col("is_incomplete").first())
        .alias("account_ids"),
        pl.col("past_due_days").first().cast(pl.Int64),
        pl.col("is_incomplete", "bucket", "currency", "past_due_total").first(),
    )
    ladder = pl.DataFrame(
        {
            "stage": [stage.name for stage in stages],
            "from_days": [stage.from_days for stage in stages],
            "channels": [list(stage.channels) for stage in stages],
            "purpose": [stage.purpose for stage in stages],
        }
    )
    about = customers.select("customer_id", "language", "jurisdiction", "region", "timezone")
    return (
        per_customer.sort("past_due_days")
        .join_asof(ladder, left_on="past_due_days", right_on="from_days")
        .join(about, on="customer_id", how="left")
        .sort("customer_id")
    )
