"""What people did, as the patterns read it: frames of events by customer, each with an id that can be looked up.

Every frame of events has customer_id, on (a day) and event (its name in the evidence).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from dunwell.book.promised import spread
from dunwell.insight.episodes import episodes
from dunwell.insight.features.known import known_by
from dunwell.insight.features.promises import with_money_received
from dunwell.ledger import Terms

_ANSWERED = ("conversation", "replied")
_ARRIVED = ("no_answer", "busy", "voicemail", "dropped", "delivered", "opened", "refused")
"""Outcomes of a contact that met a working number or address."""


@dataclass(frozen=True, slots=True)
class Events:
    """``payments``: account_id, amount_minor, is_returned, is_undone, was_late, usual_minor; ``contacts``:
    is_ours, is_answer, has_arrived, is_sign (of the right person); ``promises``: is_kept, is_due; ``episodes``:
    account_id, began_on, ended_on, worst_days; ``holds``: kind, to_on (null while open); ``opened``: account_id
    and opened_on. ``as_of``: the day all this is seen from.
    """

    as_of: date
    payments: pl.DataFrame
    contacts: pl.DataFrame
    promises: pl.DataFrame
    episodes: pl.DataFrame
    holds: pl.DataFrame
    opened: pl.DataFrame

    def within(self, rows: pl.DataFrame, days: int) -> pl.DataFrame:
        """The rows of the last so many days."""
        return rows.filter((pl.lit(self.as_of) - pl.col("on")).dt.total_days() < days)


def read_events(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    as_of: date,
    known_at: datetime | None = None,
) -> Events:
    """The events of a partition up to ``as_of``, as known at ``known_at``."""
    known = known_by(tables, as_of, known_at)
    accounts = known["accounts"].select(
        "account_id", "customer_id", "opened_on", account_row=pl.int_range(pl.len(), dtype=pl.UInt32)
    )
    spells = episodes(tables, terms, as_of, known_at).with_columns(
        on=pl.col("began_on"),
        event=pl.format(
            "past due {} to {}",
            pl.col("began_on").cast(pl.String),
            pl.col("ended_on").cast(pl.String).fill_null("now"),
        ),
    )
    return Events(
        as_of,
        _payments(known, accounts, spells, as_of),
        _contacts(known["contacts"]),
        _promises(known, accounts, as_of),
        spells,
        known["holds"]
        .drop("customer_id")
        .join(accounts, on="account_row", maintain_order="left")
        .select(
            "customer_id",
            on="from_on",
            event=pl.format("hold {}", "hold_id"),
            kind=pl.col("kind").cast(pl.String),
            to_on="to_on",
        )
        .unique(["customer_id", "event"], maintain_order=True),
        accounts.select("customer_id", "account_id", "opened_on"),
    )


def _payments(
    known: Mapping[str, pl.DataFrame], accounts: pl.DataFrame, spells: pl.DataFrame, as_of: date
) -> pl.DataFrame:
    """Payments and returns with whether the account was past due, and a usual instalment beside."""
    usual = (
        known["instalments"]
        .filter(pl.col("due_on") <= as_of)
        .group_by("account_row")
        .agg(
            usual_minor=pl.sum_horizontal("principal_minor", "interest_minor", "fees_minor")
            .median()
            .cast(pl.Float64)
        )
    )
    rows = (
        known["payments"]
        .join(accounts, on="account_row", maintain_order="left")
        .join(usual, on="account_row", how="left", maintain_order="left")
        .select(
            "customer_id",
            "account_id",
            "payment_id",
            "amount_minor",
            "usual_minor",
            "reverses",
            on="paid_on",
            is_returned=pl.col("kind") != "payment",
        )
    )
    undone = rows.filter("is_returned")["reverses"].drop_nulls()
    late = spells.select("account_id", "began_on", last_on=pl.col("ended_on").fill_null(as_of)).sort(
        "began_on"
    )
    return (
        rows.sort("on")
        .join_asof(late, left_on="on", right_on="began_on", by="account_id", check_sortedness=False)
        .with_columns(
            was_late=(pl.col("on") <= pl.col("last_on")).fill_null(False),
            is_undone=pl.col("payment_id").is_in(undone.implode()),
            event=pl.format(
                "{} {}",
                pl.when("is_returned").then(pl.lit("returned payment")).otherwise(pl.lit("payment")),
                "payment_id",
            ),
        )
        .drop("last_on")
    )


def _contacts(contacts: pl.DataFrame) -> pl.DataFrame:
    outcome = pl.col("outcome").cast(pl.String)
    is_ours = pl.col("direction").cast(pl.String) == "out"
    return contacts.filter(pl.col("party") == "self").select(
        "customer_id",
        on=pl.col("at").dt.date(),
        event=pl.format("contact {}", "contact_id"),
        is_ours=is_ours,
        is_answer=~is_ours | outcome.is_in(_ANSWERED),
        has_arrived=is_ours & outcome.is_in(_ARRIVED),
        is_sign=~is_ours | outcome.is_in([*_ANSWERED, "opened"]),
    )


def _promises(known: Mapping[str, pl.DataFrame], accounts: pl.DataFrame, as_of: date) -> pl.DataFrame:
    stands = pl.col("cancelled_at").is_null() | (pl.col("cancelled_at").dt.date() > as_of)
    made = spread(known["promises"].filter(stands), known["accounts"])
    rows = with_money_received(made, known["payments"]).unique(
        "promise_id", keep="first", maintain_order=True
    )
    return rows.join(accounts, on="account_row", maintain_order="left").select(
        "customer_id",
        on="due_on",
        event=pl.format("promise {}", "promise_id"),
        is_kept=pl.col("paid_minor") >= pl.col("amount_minor"),
        is_due=pl.col("due_on") < as_of,
    )
