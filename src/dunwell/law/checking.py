"""Verdicts for a frame of attempts: the pass's answers as a table, an attempt a row."""

import numpy as np
import polars as pl

from dunwell.book.tables import Column, Kind, Table
from dunwell.law import codes
from dunwell.law.arrays import NEVER
from dunwell.law.gate import Gate, Judged
from dunwell.law.tables import TableRecords

ATTEMPTS = Table(
    "attempts",
    (
        Column("attempt_id", Kind.ID, is_required=True),
        Column("customer_id", Kind.ID, is_required=True),
        Column("account_ids", Kind.IDS),
        Column("at", Kind.INSTANT, is_required=True),
        Column("channel", Kind.CHOICE, is_required=True, choices=codes.CHANNELS),
        Column("contact_point_id", Kind.TEXT),
        Column("party", Kind.CHOICE, choices=codes.PARTIES),
        Column("purpose", Kind.CHOICE, choices=codes.PURPOSES, default="remind"),
        Column("automated", Kind.TEXT),
        Column("text_id", Kind.TEXT),
        Column("in_reply_to", Kind.TEXT),
        Column("visitors", Kind.COUNT),
    ),
    key=("attempt_id",),
    parent=None,
)
"""The table of attempts that ``dunwell law check`` reads."""

REASON = pl.Struct({"rule": pl.String, "citation": pl.String, "effect": pl.String, "detail": pl.String})
VERDICT_COLUMNS = ("attempt_id", "allowed", "reasons", "not_before")


def check_frame(gate: Gate, attempts: pl.DataFrame, records: TableRecords) -> pl.DataFrame:
    """A verdict an attempt, in their order: attempt_id, allowed, reasons (rule, citation, effect, detail), not_before (UTC)."""
    judged = gate.judge(gate.law(records.zone_names), records.records, records.attempts(attempts))
    return verdict_frame(gate, attempts["attempt_id"], judged)


def verdict_frame(gate: Gate, attempt_ids: pl.Series, judged: Judged) -> pl.DataFrame:
    """The pass's answers in words. Each different set of reasons is put into words once."""
    kinds = pl.DataFrame(
        {f"w{word}": judged.refused[:, word] for word in range(judged.refused.shape[1])}
        | {"flags": judged.flags}
    )
    words = [column for column in kinds.columns if column != "flags"]
    distinct = kinds.unique()
    told = [
        [
            {"rule": r.rule, "citation": r.citation, "effect": r.effect, "detail": r.detail}
            for r in gate.reasons([row[word] for word in words], row["flags"])
        ]
        for row in distinct.iter_rows(named=True)
    ]
    distinct = distinct.with_columns(pl.Series("reasons", told, dtype=pl.List(REASON)))
    is_refused = np.any(judged.refused != 0, axis=1) | (judged.flags != 0) | bool(gate.missing)
    has_instant = is_refused & (judged.not_before < NEVER) & (not gate.missing)
    return (
        kinds.with_columns(
            attempt_ids.alias("attempt_id"),
            pl.Series("allowed", ~is_refused),
            pl.Series("not_before", np.where(has_instant, judged.not_before, 0)),
            pl.Series("has_instant", has_instant),
        )
        .join(distinct, on=kinds.columns, how="left", maintain_order="left")
        .select(
            "attempt_id",
            "allowed",
            "reasons",
            pl.when("has_instant")
            .then(pl.col("not_before").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
            .alias("not_before"),
        )
    )
