"""The day's work list: for each overdue customer the stage's contact, at an instant that the gate allows.

A plain ladder by days past due (``stages.toml``) chooses channel and purpose; the law's gate says when. Contacts are
spread over the day by a hash of the customer, so the list is the same whenever it is made. What is held back stands in
the list with every reason, its clause, and the instant from which it becomes possible.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from dunwell.law.checking import REASON
from dunwell.law.overlay import LenderLaw
from dunwell.nightly.lost import CONTACTS, RECORDS, Lost
from dunwell.nightly.people import (
    NO_POINTS,
    POINT_KINDS,
    known_tables,
    overdue_customers,
    own_points,
    point_zones,
)
from dunwell.nightly.placing import INSTANT, Asked, packs_of, placed, with_day
from dunwell.nightly.stages import HouseReason, Ladder, read_ladder
from dunwell.resolution import promises_as_of

WORK_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "customer_id": pl.String,
    "account_ids": pl.List(pl.String),
    "language": pl.String,
    "stage": pl.String,
    "channel": pl.String,
    "contact_point_id": pl.String,
    "purpose": pl.String,
    "at": INSTANT,
    "timezone": pl.String,
    "is_held_back": pl.Boolean,
    "reasons": pl.List(REASON),
    "not_before": INSTANT,
    "past_due_days": pl.Int64,
    "bucket": pl.String,
    "currency": pl.String,
    "past_due_total": pl.Decimal(18, 4),
    "packs": pl.List(pl.String),
}
"""The list's columns. ``past_due_days``, ``bucket``, ``currency`` and ``past_due_total`` are those of the worst account."""


@dataclass(frozen=True, slots=True)
class WorkFigures:
    """What a work list holds, counted: ``planned`` (stage, channel, contacts) and ``held`` (rule, citation, contacts)."""

    planned: pl.DataFrame
    held: pl.DataFrame
    held_count: int

    @property
    def planned_count(self) -> int:
        """Contacts planned for the day."""
        return int(self.planned["contacts"].sum())


def plan_contacts(
    tables: Mapping[str, pl.DataFrame],
    positions: pl.DataFrame,
    law: LenderLaw,
    actor: str,
    as_of: date,
    *,
    known_at: datetime | None = None,
    lost: Lost | None = None,
    promises: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The work list of a partition: one row an overdue customer, with the columns of WORK_SCHEMA, by customer_id.

    Rows that were recorded after ``known_at`` are not used. ``lost``: whose records are incomplete. ``promises``: how they
    stand (``resolution.promises_as_of``); judged here by the house's policy when None.
    """
    ladder = read_ladder(as_of)
    known = known_tables(tables, known_at)
    work = overdue_customers(positions, known["customers"], ladder.stages)
    if not work.height:
        return pl.DataFrame(schema=WORK_SCHEMA)
    work = _with_contact(work, known.get("contact_points", NO_POINTS))
    work = with_day(work, ladder.stages, as_of)
    work = placed(work.with_columns(packs_of(work, law)), Asked(law, actor, known, positions))
    if promises is None and "promises" in tables:
        promises = promises_as_of(tables, as_of, known_at)
    return _finished(held_by_the_house(work, ladder, known, promises, lost or Lost()))


def work_figures(work: pl.DataFrame) -> WorkFigures:
    """A work list counted."""
    planned = work.filter(~pl.col("is_held_back")).group_by("stage", "channel").agg(_count())
    held = work.filter("is_held_back")
    reasons = held.select(pl.col("reasons").list.unique()).explode("reasons").unnest("reasons")
    return _sorted(planned, reasons.group_by("rule", "citation").agg(_count()), held.height)


def merge_work(counted: Sequence[WorkFigures]) -> WorkFigures:
    """The counts of several partitions together. Raises ValueError when there are none."""
    total = pl.col("contacts").sum()
    return _sorted(
        pl.concat([one.planned for one in counted]).group_by("stage", "channel").agg(total),
        pl.concat([one.held for one in counted]).group_by("rule", "citation").agg(total),
        sum(one.held_count for one in counted),
    )


def _count() -> pl.Expr:
    return pl.len().cast(pl.Int64).alias("contacts")


def _sorted(planned: pl.DataFrame, held: pl.DataFrame, held_count: int) -> WorkFigures:
    return WorkFigures(
        planned.sort("contacts", "stage", "channel", descending=[True, False, False]),
        held.sort("contacts", "rule", "citation", descending=[True, False, False]),
        held_count,
    )


def _with_contact(work: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """The first of the stage's channels for which the person has a contact point of their own, that point, and their zone."""
    own = own_points(points, work)
    chosen = (
        work.select("customer_id", pl.col("channels").alias("channel"))
        .with_columns(pl.int_ranges(pl.col("channel").list.len()).alias("rank"))
        .explode("channel", "rank")
        .join(POINT_KINDS, on="channel")
        .join(own.drop("timezone"), on=["customer_id", "kind"])
        .sort("customer_id", "rank", "contact_point_id")
        .unique("customer_id", keep="first", maintain_order=True)
        .select("customer_id", "channel", "contact_point_id")
    )
    return (
        work.join(point_zones(own), on="customer_id", how="left", maintain_order="left")
        .join(chosen, on="customer_id", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("timezone", "point_zone").alias("timezone"),
            pl.col("channel").is_null().alias("has_no_point"),
            pl.col("channel").fill_null(pl.col("channels").list.first()),
        )
    )


def held_by_the_house(
    work: pl.DataFrame,
    ladder: Ladder,
    known: Mapping[str, pl.DataFrame],
    promises: pl.DataFrame | None,
    lost: Lost,
) -> pl.DataFrame:
    """What the run itself holds back, added to the gate's reasons: ``is_held_back``; and no instant is known that ends it."""
    accounts = known["accounts"].select("account_id", "customer_id")

    def is_lost(rule: str) -> pl.Expr:
        names = lost.customers(rule, accounts)
        return pl.lit(rule in lost.for_all) | pl.col("customer_id").is_in(names.implode())

    promised = _with_open_promise(promises)
    flags = {
        "house-floor.open-promise": pl.col("customer_id").is_in(promised.implode()),
        "house-floor.no-contact-point": pl.col("has_no_point"),
        "house-floor.incomplete-account": pl.col("is_incomplete"),
        CONTACTS: is_lost(CONTACTS),
        RECORDS: is_lost(RECORDS),
    }
    work = work.with_columns(is_so.alias(rule) for rule, is_so in flags.items())
    sentences = [pl.when(rule).then(told(ladder.reasons[rule])) for rule in flags]
    from_gate = pl.when("allowed").then(pl.lit([], pl.List(REASON))).otherwise("reasons")
    is_house = pl.any_horizontal(*flags)
    return work.with_columns(
        from_gate.list.concat(pl.concat_list(sentences).list.drop_nulls()).alias("reasons"),
        (is_house | pl.col("at").is_null()).alias("is_held_back"),
        pl.when(~is_house).then("later").alias("later"),
    )


def told(reason: HouseReason) -> pl.Expr:
    """A reason of the run's own, as the gate gives its reasons."""
    return pl.struct(
        pl.lit(reason.rule).alias("rule"),
        pl.lit(reason.citation).alias("citation"),
        pl.lit("prohibited").alias("effect"),
        pl.lit(reason.en).alias("detail"),
    )


def _with_open_promise(promises: pl.DataFrame | None) -> pl.Series:
    """Customers one of whose promises is open: its day has not passed, and it is neither kept nor withdrawn."""
    if promises is None:
        return pl.Series([], dtype=pl.String)
    return promises.filter(pl.col("state") == "open")["customer_id"].unique().sort()


def _finished(work: pl.DataFrame) -> pl.DataFrame:
    """The list's columns; a planned contact has no reasons and a held one no instant."""
    is_held = pl.col("is_held_back")
    return work.with_columns(
        pl.when(~is_held).then("at").alias("at"),
        pl.when(is_held).then("reasons").otherwise(pl.lit([], pl.List(REASON))).alias("reasons"),
        pl.when(is_held).then("later").alias("not_before"),
    ).select(pl.col(name).cast(kind) for name, kind in WORK_SCHEMA.items())
