"""The run's counts, read once a run and narrowed to a segment; each section's table of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import polars as pl

from dunwell.money import CURRENCIES
from dunwell.nightly.analytics import SECTIONS, Analytics
from dunwell.nightly.costs import COLLECTED, PARTS, UNPRICED
from dunwell.nightly.losses import losses_by_stage

SEGMENT = ("jurisdiction", "product", "currency")
"""What a page can be narrowed to, by the names in its address."""
MONTHS_IN_TABLE = (1, 2, 3, 6, 9, 12, 18, 24, 36, 48, 60)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: the value of each of SEGMENT, None for all. ``among``: the jurisdictions that who asks may see, None for
    all.
    """

    jurisdiction: str | None = None
    product: str | None = None
    currency: str | None = None
    among: tuple[str, ...] | None = None


@lru_cache(maxsize=2)
def _read(file: Path, stamp: int) -> pl.DataFrame:
    return Analytics.validate(pl.read_parquet(file), cast=True)


def read_counts(book: Path) -> tuple[pl.DataFrame, int]:
    """The counts of the last run and its stamp; no rows and 0 where no run has written any."""
    file = book / "analytics.parquet"
    if not file.is_file():
        return Analytics.create_empty(), 0
    stamp = file.stat().st_mtime_ns
    return _read(file, stamp), stamp


def section_counts(counts: pl.DataFrame, name: str, wanted: Wanted) -> pl.DataFrame:
    """A section's counts in the wanted segment: key, of, count, value, share (value / count); by key and of."""
    rows = counts.filter(pl.col("section") == name)
    if wanted.among is not None:
        rows = rows.filter(pl.col("jurisdiction").is_in(wanted.among))
    for column in SEGMENT:
        value = getattr(wanted, column)
        if value is not None:
            rows = rows.filter(pl.col(column) == value)
    added = rows.group_by("key", "of").agg(pl.col("count", "value").sum()).sort("key", "of")
    return added.with_columns((pl.col("value") / pl.col("count")).alias("share"))


def curve_points(rows: pl.DataFrame) -> pl.DataFrame:
    """The points of a section's curves that can be compared: those that all of a key's accounts have reached."""
    reached = rows.with_columns(pl.col("of").cast(pl.Int64)).sort("key", "of")
    return reached.filter(pl.col("count") == pl.col("count").max().over("key"))


def by_key(rows: pl.DataFrame) -> pl.DataFrame:
    """The counts of every key added up over ``of``: key, count, value, share."""
    added = rows.group_by("key", maintain_order=True).agg(pl.col("count", "value").sum())
    return added.with_columns((pl.col("value") / pl.col("count")).alias("share"))


def moves(rows: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """The roll as before, today, count, share (of the accounts in ``before``), in the order of the buckets."""
    ranks = {bucket: place for place, bucket in enumerate(order)}

    def rank(column: str) -> pl.Expr:
        return pl.col(column).replace_strict(ranks, default=len(order), return_dtype=pl.Int64)

    return (
        rows.select(
            pl.col("key").alias("before"),
            pl.col("of").alias("today"),
            "count",
            (pl.col("count") / pl.col("count").sum().over("key")).alias("share"),
        )
        .sort(rank("before"), rank("today"))
        .select("before", "today", "count", "share")
    )


@dataclass(frozen=True, slots=True)
class Spent:
    """What contacts cost in major units, None where no price is known; beside it what was collected in the currency."""

    channel: str
    count: int
    cost: float | None
    collected: float

    @property
    def share(self) -> float | None:
        """What they cost of what was collected; None where either is not known."""
        return self.cost / self.collected if self.cost is not None and self.collected else None


@dataclass(frozen=True, slots=True)
class CostOf:
    """Cost to collect in a currency: of all contacts with a price, and channel by channel, the dearest first, those without a
    price last.
    """

    currency: str
    whole: Spent
    channels: Sequence[Spent]


def cost_table(rows: pl.DataFrame) -> list[CostOf]:
    """Cost to collect by currency, the one with the most contacts first. ``rows``: the counts of ``cost``."""
    found = []
    for (currency,), theirs in rows.partition_by("of", as_dict=True).items():
        unit = PARTS * 10 ** CURRENCIES.get(str(currency), 2)
        paid = float(theirs.filter(pl.col("key") == COLLECTED)["value"].sum()) / unit
        contacts = theirs.filter(pl.col("key") != COLLECTED).with_columns(
            pl.col("key").str.ends_with(UNPRICED).alias("is_unpriced"),
            pl.col("key").str.strip_suffix(UNPRICED),
        )
        contacts = contacts.sort("is_unpriced", "value", "key", descending=[False, True, False])
        channels = [
            Spent(key, count, None if is_unpriced else value / unit, paid)
            for key, count, value, is_unpriced in contacts.select(
                "key", "count", "value", "is_unpriced"
            ).iter_rows()
        ]
        known = [one.cost for one in channels if one.cost is not None]
        whole = Spent("", sum(one.count for one in channels), sum(known) if known else None, paid)
        found.append(CostOf(str(currency), whole, channels))
    return sorted(found, key=lambda one: (-one.whole.count, one.currency))


def losses_covered(rows: pl.DataFrame) -> float:
    """The allowance as a share of what is owed, in the currency with the most accounts. ``rows``: the counts of ``losses``."""
    sums = losses_by_stage(rows).group_by("currency", maintain_order=True)
    added = sums.agg(pl.col("accounts", "exposure_minor", "allowance_minor").sum())
    most = added.sort("accounts", "currency", descending=[True, False]).row(0, named=True)
    return float(most["allowance_minor"] / most["exposure_minor"])


def headline(counts: pl.DataFrame, name: str, wanted: Wanted) -> float | int | None:
    """A section in one figure: a share, or for ``capacity`` and ``law`` a number of people; None where nothing was counted."""
    rows = section_counts(counts, "capacity" if name == "law" else name, wanted)
    if name == "vintages":
        rows = rows.filter(pl.col("of") == "12")
    elif name == "cure":
        rows = rows.filter(pl.col("of") == "30")
    if not rows.height:
        return None
    if name == "cost":
        return cost_table(rows)[0].whole.share
    if name == "losses":
        return losses_covered(rows)
    count, value = int(rows["count"].sum()), int(rows["value"].sum())
    if name == "roll":
        return int(rows.filter(pl.col("key") != pl.col("of"))["count"].sum()) / count
    if name == "capacity":
        return value
    return count - value if name == "law" else value / count


def offered(counts: pl.DataFrame, wanted: Wanted) -> dict[str, list[str]]:
    """The values that each of SEGMENT can take, for who asks."""
    if wanted.among is not None:
        counts = counts.filter(pl.col("jurisdiction").is_in(wanted.among))
    return {column: sorted(counts[column].unique()) for column in SEGMENT}


def is_section(name: str) -> bool:
    """Whether there is such a section."""
    return name in SECTIONS
