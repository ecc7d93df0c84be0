"""The day's work list: for each overdue customer the stage's contact, at an instant that the gate allows.

A plain ladder by days past due (``stages.toml``) chooses channel and purpose; the law's gate says when. Contacts are
spread over the day by a hash of the customer, so the list is the same whenever it is made. What is held back stands in
the list with every reason, its clause, and the instant from which it becomes possible.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from dunwell.book.tables import TABLES
from dunwell.law.checking import REASON, check_frame
from dunwell.law.gate import Gate
from dunwell.law.kinds import clock
from dunwell.law.overlay import LenderLaw
from dunwell.law.tables import TableRecords
from dunwell.law.zones import is_zone
from dunwell.policy import read_policy

STAGES_FILE = Path(__file__).parent / "stages.toml"

WORK_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "customer_id": pl.String,
    "account_ids": pl.List(pl.String),
    "stage": pl.String,
    "channel": pl.String,
    "contact_point_id": pl.String,
    "purpose": pl.String,
    "at": pl.Datetime("us", "UTC"),
    "timezone": pl.String,
    "is_held_back": pl.Boolean,
    "reasons": pl.List(REASON),
    "not_before": pl.Datetime("us", "UTC"),
    "past_due_days": pl.Int64,
    "bucket": pl.String,
    "packs": pl.List(pl.String),
}
"""The list's columns."""

_POINT_KINDS = {
    "sms": ("mobile",),
    "call": ("mobile", "landline"),
    "email": ("email",),
    "letter": ("postal",),
    "visit": ("postal",),
    "app": ("app",),
}
_HELD = {
    "house-floor.open-promise": "The person promised to pay by a day that has not passed: the promise is waited for.",
    "house-floor.incomplete-contacts": "Rows about past contacts are in quarantine, so contacts cannot be counted.",
    "house-floor.no-contact-point": "No number or address of the person's own is on record for this stage's channels.",
}
_CITATION = "house policy"


@dataclass(frozen=True, slots=True)
class Stage:
    """A rung of the ladder: from how many days past due, by which channels (the first that can be used), and when."""

    name: str
    from_days: int
    channels: tuple[str, ...]
    purpose: str
    opens: int
    closes: int


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


@cache
def read_stages(file: Path = STAGES_FILE) -> tuple[Stage, ...]:
    """The ladder, lowest rung first. Raises PolicyError."""
    text = read_policy(file)
    stages = [
        Stage(
            name=entry["name"],
            from_days=entry["from_days"],
            channels=tuple(entry["channels"]),
            purpose=entry["purpose"],
            opens=clock(entry["between"][0]),
            closes=clock(entry["between"][1]),
        )
        for entry in text.values["stages"]
    ]
    return tuple(sorted(stages, key=lambda stage: stage.from_days))


def plan_contacts(
    tables: Mapping[str, pl.DataFrame],
    positions: pl.DataFrame,
    law: LenderLaw,
    actor: str,
    as_of: date,
    *,
    known_at: datetime | None = None,
    unsure: Sequence[str] = (),
) -> pl.DataFrame:
    """The work list of a partition: one row an overdue customer, with the columns of WORK_SCHEMA, by customer_id.

    ``unsure``: customers of whom past contacts are in quarantine. Rows that were recorded after ``known_at`` are not used.
    """
    known = {name: _known(rows, known_at) for name, rows in tables.items()}
    work = _overdue(positions, known["customers"], read_stages())
    work = _with_contact(work, known.get("contact_points"))
    if not work.height:
        return _finished(work, None)
    records = TableRecords(known, positions.select("account_id", "past_due_days"))
    work = work.with_columns(_packs_of(work, law))
    work = work.with_columns(_days_of(work["timezone"], as_of))
    earliest = _judged(work.with_columns(pl.col("day_start").alias("at")), law, actor, records)
    first = pl.when(earliest["allowed"]).then(work["day_start"]).otherwise(earliest["not_before"])
    work = work.with_columns(first.alias("earliest"))
    is_today = pl.col("earliest").is_not_null() & (pl.col("earliest") < pl.col("day_end"))
    work = work.with_columns(_slot(), is_today.alias("is_today"))
    chosen = _judged(work.with_columns(pl.col("slot").alias("at")), law, actor, records)
    work = work.with_columns(chosen["allowed"], chosen["reasons"], chosen["not_before"].alias("later"))
    at = (
        pl.when("allowed")
        .then("slot")
        .when(pl.col("later").is_not_null() & (pl.col("later") < pl.col("day_end")))
        .then("later")
        .when("is_today")
        .then("earliest")
    )
    work = work.with_columns(at.alias("at"))
    return _finished(_held_by_the_house(work, known.get("promises"), known["accounts"], as_of, unsure), as_of)


def work_figures(lists: Sequence[pl.DataFrame]) -> WorkFigures:
    """A work list counted, from its partitions."""
    rows = pl.concat([work.select("stage", "channel", "is_held_back", "reasons") for work in lists])
    planned = (
        rows.filter(~pl.col("is_held_back"))
        .group_by("stage", "channel")
        .agg(pl.len().alias("contacts"))
        .sort("contacts", "stage", "channel", descending=[True, False, False])
    )
    held = rows.filter("is_held_back")
    by_rule = (
        held.select(pl.col("reasons").explode())
        .unnest("reasons")
        .drop_nulls("rule")
        .group_by("rule", "citation")
        .agg(pl.len().alias("contacts"))
        .sort("contacts", "rule", descending=[True, False])
    )
    return WorkFigures(planned, by_rule, held.height)


def _known(rows: pl.DataFrame, known_at: datetime | None) -> pl.DataFrame:
    if known_at is None or "recorded_at" not in rows.columns:
        return rows
    return rows.filter(pl.col("recorded_at") <= known_at)


def _overdue(positions: pl.DataFrame, customers: pl.DataFrame, stages: Sequence[Stage]) -> pl.DataFrame:
    """A row a customer with an account past due whose figures are complete: the accounts, the worst of them, the stage."""
    late = positions.filter((pl.col("past_due_days") > 0) & (pl.col("status") == "active"))
    per_customer = (
        late.sort("customer_id", "past_due_days", "account_id", descending=[False, True, False])
        .group_by("customer_id", maintain_order=True)
        .agg(
            pl.col("account_id").alias("account_ids"),
            pl.col("past_due_days").first().cast(pl.Int64),
            pl.col("bucket").first(),
        )
    )
    ladder = pl.DataFrame(
        {
            "stage": [stage.name for stage in stages],
            "from_days": [stage.from_days for stage in stages],
            "channels": [list(stage.channels) for stage in stages],
            "purpose": [stage.purpose for stage in stages],
            "opens": [stage.opens for stage in stages],
            "closes": [stage.closes for stage in stages],
        }
    )
    return (
        per_customer.sort("past_due_days")
        .join_asof(ladder.sort("from_days"), left_on="past_due_days", right_on="from_days")
        .join(customers.select("customer_id", "jurisdiction", "region", "timezone"), on="customer_id")
        .sort("customer_id")
    )


def _with_contact(work: pl.DataFrame, points: pl.DataFrame | None) -> pl.DataFrame:
    """The first of the stage's channels for which the person has a contact point of their own, and that point."""
    if points is None:
        points = pl.DataFrame(
            schema={
                "customer_id": pl.String,
                "contact_point_id": pl.String,
                "kind": pl.String,
                "party": pl.String,
                "not_theirs_from": pl.Datetime("us", "UTC"),
                "timezone": pl.String,
            }
        )
    own = points.filter((pl.col("party") == "self") & pl.col("not_theirs_from").is_null())
    zones = (
        own.drop_nulls("timezone")
        .sort("contact_point_id")
        .unique("customer_id", keep="first", maintain_order=True)
        .select("customer_id", pl.col("timezone").alias("point_zone"))
    )
    work = (
        work.join(zones, on="customer_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce("timezone", "point_zone").alias("timezone"))
        .drop("point_zone")
    )
    usable = pl.DataFrame(
        [(channel, kind) for channel, kinds in _POINT_KINDS.items() for kind in kinds],
        schema=["channel", "kind"],
        orient="row",
    )
    chosen = (
        work.select("customer_id", pl.col("channels").alias("channel"))
        .with_columns(pl.int_ranges(pl.col("channel").list.len()).alias("rank"))
        .explode("channel", "rank")
        .join(usable, on="channel", maintain_order="left")
        .join(
            own.select("customer_id", "contact_point_id", pl.col("kind").cast(pl.String)),
            on=["customer_id", "kind"],
        )
        .sort("customer_id", "rank", "contact_point_id")
        .unique("customer_id", keep="first", maintain_order=True)
        .select("customer_id", "channel", "contact_point_id")
    )
    return work.join(chosen, on="customer_id", how="left", maintain_order="left").with_columns(
        pl.col("channel").is_null().alias("has_no_point"),
        pl.col("channel").fill_null(pl.col("channels").list.first()),
    )


def _packs_of(work: pl.DataFrame, law: LenderLaw) -> pl.Series:
    """The packs that bind each person."""
    places = work.select("jurisdiction", "region").unique()
    bound = places.with_columns(
        pl.Series(
            "packs",
            [law.packs_for(place, region) for place, region in places.iter_rows()],
            dtype=pl.List(pl.String),
        )
    )
    keys = ["jurisdiction", "region"]
    return work.select(keys).join(bound, on=keys, how="left", nulls_equal=True, maintain_order="left")[
        "packs"
    ]


def _days_of(zones: pl.Series, as_of: date) -> list[pl.Series]:
    """The first instant of the day and of the next on each person's clock; UTC where none is known (the gate refuses)."""
    names = [name for name in zones.unique().to_list() if is_zone(name)]

    def instants(day: date) -> list[datetime]:
        return [datetime.combine(day, time(), ZoneInfo(name)).astimezone(UTC) for name in names]

    kind = pl.Datetime("us", "UTC")
    found = []
    for alias, day in (("day_start", as_of), ("day_end", as_of + timedelta(days=1))):
        unknown = datetime.combine(day, time(), UTC)
        found.append(
            zones.replace_strict(
                names, pl.Series(instants(day), dtype=kind), default=unknown, return_dtype=kind
            ).alias(alias)
        )
    return found


def _slot() -> pl.Expr:
    """The person's place in the working window of the stage, to the minute; not before the day's earliest lawful instant."""
    minutes = (pl.col("closes") - pl.col("opens")) // 60_000_000
    after = (
        pl.col("opens")
        + (pl.col("customer_id").hash(seed=11) % minutes.cast(pl.UInt64)).cast(pl.Int64) * 60_000_000
    )
    slot = pl.col("day_start") + pl.duration(microseconds=after)
    is_today = pl.col("earliest").is_not_null() & (pl.col("earliest") < pl.col("day_end"))
    return pl.when(is_today).then(pl.max_horizontal(slot, "earliest")).otherwise(slot).alias("slot")


def _judged(work: pl.DataFrame, law: LenderLaw, actor: str, records: TableRecords) -> pl.DataFrame:
    """The gate's verdicts on the work as it stands, in its order; each group of packs has its own gate."""
    attempts = work.with_row_index("row").select(
        "row",
        pl.col("customer_id").alias("attempt_id"),
        "customer_id",
        "account_ids",
        "at",
        pl.col("channel").cast(pl.Enum(TABLES["contacts"].by_name["channel"].choices)),
        "contact_point_id",
        "purpose",
        pl.col("packs").list.join("\0").alias("bound"),
    )
    parts = []
    for (bound,), group in attempts.partition_by("bound", as_dict=True, include_key=False).items():
        gate = Gate(str(bound).split("\0"), actor, known=law.packs)
        parts.append(check_frame(gate, group, records).with_columns(group["row"]))
    return pl.concat(parts).sort("row")


def _held_by_the_house(
    work: pl.DataFrame,
    promises: pl.DataFrame | None,
    accounts: pl.DataFrame,
    as_of: date,
    unsure: Sequence[str],
) -> pl.DataFrame:
    """What the house itself holds back: open promises, uncountable contacts, no way to reach the person."""
    promised: list[str] = []
    if promises is not None and promises.height:
        owners = accounts.select("customer_id").with_row_index("account_row")
        open_ones = promises.filter((pl.col("due_on") >= as_of) & (pl.col("made_at").dt.date() <= as_of))
        promised = (
            open_ones.with_columns(pl.col("account_row").cast(pl.UInt32))
            .join(owners, on="account_row")["customer_id"]
            .unique()
            .to_list()
        )
    flags = {
        "house-floor.open-promise": pl.col("customer_id").is_in(promised),
        "house-floor.incomplete-contacts": pl.col("customer_id").is_in(list(unsure)),
        "house-floor.no-contact-point": pl.col("has_no_point"),
    }
    reasons = pl.col("reasons")
    for rule, is_so in flags.items():
        told = pl.lit(
            pl.Series(
                [[{"rule": rule, "citation": _CITATION, "effect": "prohibited", "detail": _HELD[rule]}]],
                dtype=pl.List(REASON),
            )
        ).first()
        reasons = pl.when(is_so).then(pl.concat_list(reasons, told)).otherwise(reasons)
    is_held = pl.any_horizontal(*flags.values()) | pl.col("at").is_null()
    return work.with_columns(is_held.alias("is_held_back"), reasons.alias("reasons")).with_columns(
        pl.when(pl.any_horizontal(*flags.values())).then(None).otherwise(pl.col("later")).alias("later")
    )


def _finished(work: pl.DataFrame, as_of: date | None) -> pl.DataFrame:
    """The list's columns; a planned contact has no reasons and a held one no instant."""
    kind = pl.Datetime("us", "UTC")
    if as_of is None:
        return pl.DataFrame(schema=WORK_SCHEMA)
    empty = pl.lit(pl.Series([[]], dtype=pl.List(REASON))).first()
    return work.select(
        "customer_id",
        "account_ids",
        "stage",
        "channel",
        "contact_point_id",
        "purpose",
        pl.when("is_held_back").then(None).otherwise(pl.col("at")).cast(kind).alias("at"),
        "timezone",
        "is_held_back",
        pl.when("is_held_back").then("reasons").otherwise(empty).alias("reasons"),
        pl.when("is_held_back").then(pl.col("later")).cast(kind).alias("not_before"),
        "past_due_days",
        "bucket",
        "packs",
    ).cast(pl.Schema(WORK_SCHEMA))
