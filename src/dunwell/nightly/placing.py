"""When a contact is made: the day on the person's clock, and the law's gate asked for an instant of it.

Contacts are spread over the day by a hash of the customer, so the same contacts stand at the same instants whenever they are
placed.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from dunwell.book.tables import TABLES
from dunwell.law.checking import check_frame
from dunwell.law.gate import Gate
from dunwell.law.overlay import FLOOR, LenderLaw
from dunwell.law.tables import TableRecords
from dunwell.law.zones import is_zone
from dunwell.nightly.stages import Stage

INSTANT = pl.Datetime("us", "UTC")

_HASH_SEED = 11
_MINUTE = 60_000_000


def packs_of(work: pl.DataFrame, law: LenderLaw) -> pl.Series:
    """The packs that bind each person. Of somebody whom the records do not know yet only the floor (the gate refuses)."""
    keys = ["jurisdiction", "region"]
    places = work.select(keys).unique()
    bound = [
        [FLOOR] if place is None else law.packs_for(place, region) for place, region in places.iter_rows()
    ]
    packs = places.with_columns(pl.Series("packs", bound, dtype=pl.List(pl.String)))
    return work.select(keys).join(packs, on=keys, how="left", nulls_equal=True, maintain_order="left")[
        "packs"
    ]


def with_day(work: pl.DataFrame, stages: Sequence[Stage], as_of: date) -> pl.DataFrame:
    """The day on each person's clock: its first instant, the next day's, and the stage's working window.

    UTC stands in where no zone is known; the gate refuses those.
    """
    windows = {stage.name: (stage.opens, stage.closes) for stage in stages}
    rows = []
    for name, stage in work.select("timezone", "stage").unique().iter_rows():
        clock = ZoneInfo(name) if is_zone(name) else UTC
        opens, closes = windows[stage]
        instants = [
            datetime.combine(day, at, clock).astimezone(UTC)
            for day, at in (
                (as_of, time()),
                (as_of + timedelta(days=1), time()),
                (as_of, opens),
                (as_of, closes),
            )
        ]
        rows.append((name, stage, *instants))
    instants_of = ("day_start", "day_end", "opens_at", "closes_at")
    schema: dict[str, pl.DataType | type[pl.DataType]] = {"timezone": pl.String, "stage": pl.String}
    schema |= dict.fromkeys(instants_of, INSTANT)
    days = pl.DataFrame(rows, schema=schema, orient="row")
    return work.join(days, on=["timezone", "stage"], how="left", nulls_equal=True, maintain_order="left")


class Asked:
    """The gates of a partition, one for each different list of packs, and the records they judge by."""

    def __init__(
        self, law: LenderLaw, actor: str, known: Mapping[str, pl.DataFrame], positions: pl.DataFrame
    ) -> None:
        self._law, self._actor = law, actor
        self._records = TableRecords(known, positions.select("account_id", "past_due_days"))
        self._gates: dict[str, Gate] = {}

    def verdicts(self, work: pl.DataFrame, at: pl.Expr) -> pl.DataFrame:
        """allowed, reasons and not_before of the contacts, made at these instants, in their order."""
        attempts = work.select(
            pl.col("customer_id").alias("attempt_id"),
            "customer_id",
            "account_ids",
            at.alias("at"),
            pl.col("channel").cast(pl.Enum(TABLES["contacts"].by_name["channel"].choices)),
            "contact_point_id",
            "purpose",
            pl.col("packs").list.join("\0").alias("bound"),
        ).with_row_index("row")
        parts = [
            check_frame(self._gate(str(bound)), group, self._records).with_columns(group["row"])
            for (bound,), group in attempts.partition_by("bound", as_dict=True, include_key=False).items()
        ]
        return pl.concat(parts).sort("row").select("allowed", "reasons", "not_before")

    def _gate(self, bound: str) -> Gate:
        if bound not in self._gates:
            self._gates[bound] = Gate(bound.split("\0"), self._actor, known=self._law.packs)
        return self._gates[bound]


def placed(work: pl.DataFrame, asked: Asked) -> pl.DataFrame:
    """Each contact at an instant of the day for which the gate was asked and said yes: ``at``, null where there is none.

    The first asking finds from when the day is open; the second asks for the person's place in the working window. Where
    that is refused, the gate's own next instant stands in, else the day's first; a third asking makes sure of those.
    ``reasons`` and ``later`` are those of the second: what refuses a contact in working hours, not that midnight is night.
    A person may have several contacts to be placed: the gate is asked about each by itself, and they share the person's place.
    """
    work = work.with_row_index("row")
    first = asked.verdicts(work, pl.col("day_start"))
    earliest = pl.when(first["allowed"]).then(work["day_start"]).otherwise(first["not_before"])
    work = work.with_columns(earliest.alias("earliest"))
    work = work.with_columns(
        pl.when(pl.col("earliest") < pl.col("day_end")).then("earliest").alias("earliest")
    )
    work = work.with_columns(_slot().alias("slot"))
    second = asked.verdicts(work, pl.col("slot"))
    work = work.with_columns(second["allowed"], second["reasons"], second["not_before"].alias("later"))
    in_time = pl.when(pl.col("later") < pl.col("day_end")).then("later")
    work = work.with_columns(
        pl.when("allowed").then("slot").otherwise(pl.coalesce(in_time, "earliest")).alias("at")
    )
    moved = work.filter(~pl.col("allowed") & pl.col("at").is_not_null())
    if not moved.height:
        return work.drop("row")
    third = moved.select("row").with_columns(asked.verdicts(moved, pl.col("at"))["allowed"].alias("is_sure"))
    return (
        work.join(third, on="row", how="left", maintain_order="left")
        .with_columns(pl.when(pl.col("is_sure").fill_null(True)).then("at").alias("at"))
        .drop("row")
    )


def _slot() -> pl.Expr:
    """The person's place in the part of the working window that lies after the day's first lawful instant, to the minute;
    that instant itself where it comes after the window.
    """
    begins = pl.max_horizontal("opens_at", "earliest")
    room = ((pl.col("closes_at") - begins).dt.total_microseconds() // _MINUTE).clip(lower_bound=1)
    place = pl.col("customer_id").hash(_HASH_SEED) % room.cast(pl.UInt64)
    return begins + pl.duration(minutes=place.cast(pl.Int64))
