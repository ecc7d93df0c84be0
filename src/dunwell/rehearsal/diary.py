"""A day in the world as a manager sees it: what was done, what came of it, and how many are late."""

from typing import Any

import polars as pl

from dunwell.rehearsal.debtor_world import Events

COUNTS = (
    *("contacts", "right_party", "inbound", "promises", "payments", "cures", "complaints", "stops"),
    *("hardship", "late", "late_30", "charged_off"),
)
"""Columns of a diary: contacts out, those that met the person (a conversation or a reply), contacts in, promises made,
payments, accounts late the day before and up to date now, complaints, people who asked to be left alone, people who told of
hardship; then accounts past due, 30 or more days past due, and charged off, at the day's end.
"""


def diary_row(
    before: pl.DataFrame, after: pl.DataFrame, events: Events, currencies: pl.DataFrame
) -> dict[str, Any]:
    """A day's row: ``day``, COUNTS, and ``cash_CUR`` by currency in major units.

    ``before`` and ``after``: the world's standing the day before and now; ``currencies``: account_id and currency.
    """
    contacts, holds = events.tables["contacts"], events.tables["holds"]
    out = contacts.filter(pl.col("direction") == "out")
    met = out.filter((pl.col("party") == "self") & pl.col("outcome").is_in(["conversation", "replied"]))
    late = after.filter((pl.col("past_due_days") > 0) & (pl.col("status") == "active"))
    was_late = before.filter((pl.col("past_due_days") > 0) & (pl.col("status") == "active"))
    promises = events.tables["promises"]
    kinds = dict(holds["kind"].value_counts().iter_rows())
    paid = (
        events.tables["payments"]
        .join(currencies, on="account_id")
        .group_by("currency")
        .agg(pl.col("amount").sum())
    )
    return {
        "day": events.day,
        "contacts": out.height,
        "right_party": met.height,
        "inbound": contacts.height - out.height,
        "promises": pl.select(pl.coalesce(promises["part_of"], promises["promise_id"]))
        .to_series()
        .n_unique(),
        "payments": events.tables["payments"].height,
        "cures": was_late.join(late, on="account_id", how="anti")
        .join(after.filter(pl.col("status") == "charged_off"), on="account_id", how="anti")
        .height,
        "complaints": kinds.get("complaint", 0),
        "stops": kinds.get("cease", 0) + events.tables["preferences"].height,
        "hardship": kinds.get("hardship", 0),
        "late": late.height,
        "late_30": late.filter(pl.col("past_due_days") >= 30).height,
        "charged_off": after.filter(pl.col("status") == "charged_off").height,
        **{f"cash_{currency}": float(amount) for currency, amount in sorted(paid.iter_rows())},
    }


def diary_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """The rows as a frame: a currency in which nothing came in on a day has 0."""
    frame = pl.DataFrame(rows, infer_schema_length=None)
    cash = sorted(name for name in frame.columns if name.startswith("cash_"))
    return frame.select(
        "day",
        *(pl.col(name).cast(pl.Int64) for name in COUNTS),
        *(pl.col(name).fill_null(0.0) for name in cash),
    )
