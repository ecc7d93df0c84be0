"""The day's work list: for each overdue customer the stage's contact, at an instant that the gate allows.

A plain ladder by days past due (``stages.toml``) chooses channel and purpose; the law's gate says when. Contacts are
spread over the day by a hash of the customer, so the list is the same whenever it is made. What is held back stands in
the list with every reason, its clause, and the instant from which it becomes possible.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from dunwell.book.tables import TABLES
from dunwell.law.checking import REASON, check_frame
from dunwell.law.gate import Gate
from dunwell.law.overlay import FLOOR, LenderLaw
from dunwell.law.tables import TableRecords
from dunwell.law.zones import is_zone
from dunwell.nightly.lost import CONTACTS, RECORDS, Lost
from dunwell.nightly.stages import HouseReason, Ladder, Stage, read_ladder
from dunwell.resolution import promises_as_of

_INSTANT = pl.Datetime("us", "UTC")

WORK_SCHEMA: Mapping[str, pl.DataType | type[pl.DataType]] = {
    "customer_id": pl.String,
    "account_ids": pl.List(pl.String),
    "language": pl.String,
    "stage": pl.String,
    "channel": pl.String,
    "contact_point_id": pl.String,
    "purpose": pl.String,
    "at": _INSTANT,
    "timezone": pl.String,
    "is_held_back": pl.Boolean,
    "reasons": pl.List(REASON),
    "not_before": _INSTANT,
    "past_due_days": pl.Int64,
    "bucket": pl.String,
    "currency": pl.String,
    "past_due_total": pl.Decimal(18, 4),
    "packs": pl.List(pl.String),
}
"""The list's columns. ``past_due_days``, ``bucket``, ``currency`` and ``past_due_total`` are those of the worst account."""

_POINT_KINDS = pl.DataFrame(
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
_NO_POINTS = pl.DataFrame(
    schema={
        "customer_id": pl.String,
        "contact_point_id": pl.String,
        "kind": pl.String,
        "party": pl.String,
        "not_theirs_from": _INSTANT,
        "timezone": pl.String,
    }
)
_READ = (
    *("customers", "accounts", "contact_points", "contacts", "holds"),
    *("consents", "preferences", "notices"),
)
"""The tables of which the list is made."""

_HASH_SEED = 11
_MINUTE = 60_000_000


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
    known = _known(tables, known_at)
    work = _overdue(positions, known["customers"], ladder.stages)
    if not work.height:
        return pl.DataFrame(schema=WORK_SCHEMA)
    work = _with_contact(work, known.get("contact_points", _NO_POINTS))
    work = _with_day(work, ladder.stages, as_of)
    work = _placed(work.with_columns(_packs_of(work, law)), _Asked(law, actor, known, positions))
    if promises is None and "promises" in tables:
        promises = promises_as_of(tables, as_of, known_at)
    return _finished(_held_by_the_house(work, ladder, known, promises, lost or Lost()))


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


def _known(tables: Mapping[str, pl.DataFrame], known_at: datetime | None) -> dict[str, pl.DataFrame]:
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


def _overdue(positions: pl.DataFrame, customers: pl.DataFrame, stages: Sequence[Stage]) -> pl.DataFrame:
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


def _with_contact(work: pl.DataFrame, points: pl.DataFrame) -> pl.DataFrame:
    """The first of the stage's channels for which the person has a contact point of their own, that point, and their zone."""
    own = points.filter((pl.col("party") == "self") & pl.col("not_theirs_from").is_null()).select(
        "customer_id", "contact_point_id", pl.col("kind").cast(pl.String), "timezone"
    )
    own = own.join(work.select("customer_id"), on="customer_id", how="semi")
    zones = (
        own.sort("contact_point_id")
        .group_by("customer_id")
        .agg(pl.col("timezone").drop_nulls().first().alias("point_zone"))
    )
    chosen = (
        work.select("customer_id", pl.col("channels").alias("channel"))
        .with_columns(pl.int_ranges(pl.col("channel").list.len()).alias("rank"))
        .explode("channel", "rank")
        .join(_POINT_KINDS, on="channel")
        .join(own.drop("timezone"), on=["customer_id", "kind"])
        .sort("customer_id", "rank", "contact_point_id")
        .unique("customer_id", keep="first", maintain_order=True)
        .select("customer_id", "channel", "contact_point_id")
    )
    return (
        work.join(zones, on="customer_id", how="left", maintain_order="left")
        .join(chosen, on="customer_id", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("timezone", "point_zone").alias("timezone"),
            pl.col("channel").is_null().alias("has_no_point"),
            pl.col("channel").fill_null(pl.col("channels").list.first()),
        )
    )


def _packs_of(work: pl.DataFrame, law: LenderLaw) -> pl.Series:
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


def _with_day(work: pl.DataFrame, stages: Sequence[Stage], as_of: date) -> pl.DataFrame:
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
    schema |= dict.fromkeys(instants_of, _INSTANT)
    days = pl.DataFrame(rows, schema=schema, orient="row")
    return work.join(days, on=["timezone", "stage"], how="left", nulls_equal=True, maintain_order="left")


class _Asked:
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


def _placed(work: pl.DataFrame, asked: _Asked) -> pl.DataFrame:
    """Each contact at an instant of the day for which the gate was asked and said yes: ``at``, null where there is none.

    The first asking finds from when the day is open; the second asks for the person's place in the working window. Where
    that is refused, the gate's own next instant stands in, else the day's first; a third asking makes sure of those.
    ``reasons`` and ``later`` are those of the second: what refuses a contact in working hours, not that midnight is night.
    """
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
        return work
    third = moved.select("customer_id").with_columns(
        asked.verdicts(moved, pl.col("at"))["allowed"].alias("is_sure")
    )
    return work.join(third, on="customer_id", how="left", maintain_order="left").with_columns(
        pl.when(pl.col("is_sure").fill_null(True)).then("at").alias("at")
    )


def _slot() -> pl.Expr:
    """The person's place in the part of the working window that lies after the day's first lawful instant, to the minute;
    that instant itself where it comes after the window.
    """
    begins = pl.max_horizontal("opens_at", "earliest")
    room = ((pl.col("closes_at") - begins).dt.total_microseconds() // _MINUTE).clip(lower_bound=1)
    place = pl.col("customer_id").hash(_HASH_SEED) % room.cast(pl.UInt64)
    return begins + pl.duration(minutes=place.cast(pl.Int64))


def _held_by_the_house(
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
    told = [pl.when(rule).then(_told(ladder.reasons[rule])) for rule in flags]
    from_gate = pl.when("allowed").then(pl.lit([], pl.List(REASON))).otherwise("reasons")
    is_house = pl.any_horizontal(*flags)
    return work.with_columns(
        from_gate.list.concat(pl.concat_list(told).list.drop_nulls()).alias("reasons"),
        (is_house | pl.col("at").is_null()).alias("is_held_back"),
        pl.when(~is_house).then("later").alias("later"),
    )


def _told(reason: HouseReason) -> pl.Expr:
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
