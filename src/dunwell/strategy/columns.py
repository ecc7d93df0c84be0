"""What a strategy may ask about a customer: the columns of its conditions, each with its meaning, and how a run's frames
give them.

A row is a customer with something past due. The account meant is the one that is latest; ``features`` of the insight
room are that account's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from dunwell.insight.features import CATALOGUE

CHANNELS: Mapping[str, tuple[str, ...]] = {
    "sms": ("mobile",),
    "call": ("mobile", "landline"),
    "email": ("email",),
    "letter": ("postal",),
    "visit": ("postal",),
    "app": ("app",),
}
"""The channels of a contact, and the kinds of contact point each can use."""


class Kind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    TEXT = "text"
    TRUTH = "truth"


@dataclass(frozen=True, slots=True)
class Column:
    """A column by what it holds and what it means, as the end of "this customer's ..."."""

    kind: Kind
    meaning: str


COLUMNS: Mapping[str, Column] = {
    "past_due_days": Column(Kind.NUMBER, "days past due"),
    "delinquent_days": Column(Kind.NUMBER, "days of delinquency"),
    "bucket": Column(Kind.TEXT, "bucket"),
    "product": Column(Kind.TEXT, "product"),
    "currency": Column(Kind.TEXT, "currency"),
    "past_due_total": Column(Kind.NUMBER, "amount past due"),
    "outstanding_principal": Column(Kind.NUMBER, "principal still owed"),
    "in_default": Column(Kind.TRUTH, "default"),
    "past_due_accounts": Column(Kind.NUMBER, "count of accounts past due"),
    "jurisdiction": Column(Kind.TEXT, "jurisdiction"),
    "region": Column(Kind.TEXT, "region"),
    "language": Column(Kind.TEXT, "language"),
    **{f"has_{channel}": Column(Kind.TRUTH, f"contact point for {channel}") for channel in CHANNELS},
    **{
        name: Column(Kind.NUMBER, feature.meaning)
        for name, feature in CATALOGUE.items()
        if name != "past_due_days"
    },
}
"""Every column that a condition may name."""

FEATURE_COLUMNS = frozenset(CATALOGUE) - {"past_due_days"}
"""Those that need the insight room's features."""

_TYPES = {Kind.NUMBER: pl.Float64, Kind.TEXT: pl.String, Kind.TRUTH: pl.Boolean}


def customer_columns(
    positions: pl.DataFrame, tables: Mapping[str, pl.DataFrame], features: pl.DataFrame | None = None
) -> pl.DataFrame:
    """customer_id and every column of COLUMNS, a row a customer with an account past due, by customer_id.

    ``positions``: the ledger's, of active accounts or incomplete ones. ``tables``: customers, accounts and, where there
    is one, contact_points. ``features``: the insight room's, a row an account; without them their columns are unknown.
    """
    late = positions.filter(
        (pl.col("past_due_days") > 0) & pl.col("status").cast(pl.String).is_in(["active", "incomplete"])
    ).with_columns(is_incomplete=pl.col("status") == "incomplete")
    order = ["customer_id", "is_incomplete", "past_due_days", "account_id"]
    worst = (
        late.sort(order, descending=[False, False, True, False])
        .group_by("customer_id", maintain_order=True)
        .agg(pl.all().first(), past_due_accounts=pl.len())
        .join(
            tables["accounts"].select("account_id", pl.col("product").cast(pl.String)),
            on="account_id",
            how="left",
        )
        .join(
            tables["customers"].select("customer_id", "jurisdiction", "region", "language"),
            on="customer_id",
            how="left",
        )
        .join(_channels(worst_ids(late), tables.get("contact_points")), on="customer_id", how="left")
    )
    if features is not None:
        own = features.select("account_id", *sorted(FEATURE_COLUMNS))
        worst = worst.join(own, on="account_id", how="left")
    missing = [pl.lit(None).alias(name) for name in COLUMNS if name not in worst.columns]
    return worst.with_columns(missing).select(
        "customer_id",
        *(pl.col(name).cast(_TYPES[column.kind], strict=False) for name, column in COLUMNS.items()),
    )


def worst_ids(late: pl.DataFrame) -> pl.DataFrame:
    """The customers of some positions, each once."""
    return late.select("customer_id").unique()


def made_up(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Customers as a worked case describes them; what is not said is unknown, but every contact point is there."""
    reachable = {f"has_{channel}": True for channel in CHANNELS}
    schema = {name: _TYPES[column.kind] for name, column in COLUMNS.items()}
    told = [{**dict.fromkeys(COLUMNS), **reachable, **row} for row in rows]
    return pl.DataFrame(told, schema=schema, strict=False).with_columns(
        customer_id=pl.int_range(pl.len()).cast(pl.String)
    )


def _channels(customers: pl.DataFrame, points: pl.DataFrame | None) -> pl.DataFrame:
    """For each customer and channel whether there is a contact point of their own for it."""
    kinds = pl.Series("kinds", [], dtype=pl.List(pl.String))
    if points is None:
        held = customers.select("customer_id").with_columns(pl.lit([], pl.List(pl.String)).alias(kinds.name))
    else:
        own = points.filter((pl.col("party") == "self") & pl.col("not_theirs_from").is_null())
        per_customer = own.group_by("customer_id").agg(kinds=pl.col("kind").cast(pl.String).unique())
        held = customers.join(per_customer, on="customer_id", how="left").with_columns(
            pl.col("kinds").fill_null([])
        )
    return held.select(
        "customer_id",
        *(
            pl.any_horizontal(pl.col("kinds").list.contains(kind) for kind in usable).alias(f"has_{channel}")
            for channel, usable in CHANNELS.items()
        ),
    )
