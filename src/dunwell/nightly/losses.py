"""The losses to expect of the book (IFRS 9), told by the book's own past: by account, and in sums by segment and stage.

A run never fails for them: where the past does not suffice it is told why, and nothing is written.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.insight.losses import (
    Defaults,
    Scenario,
    book_defaults,
    default_chances,
    expected_losses,
    exposures,
    lost_shares,
    shares_of,
)
from dunwell.insight.losses.shares import SHARE_COLUMNS
from dunwell.insight.problems import ExtraMissing, TrainingUnusable, extra
from dunwell.insight.rolls import BOOK_STATES
from dunwell.insight.rolls.book import DEFAULTED
from dunwell.insight.rolls.panel import with_months_on_book
from dunwell.ledger import Terms
from dunwell.nightly.analytics import LOSS_MEASURES, loss_analytics, merge_analytics, segments_of_accounts
from dunwell.nightly.planned import Appended

PROBLEMS = ("package", "young", "few")
"""Why no losses are told: a package of the extra ``insight`` is missing; the month ends do not reach over a year; too few
defaults were followed to know what comes back after one."""

STAGE_COLUMNS = {
    "currency": pl.String,
    "stage": pl.Int64,
    "accounts": pl.Int64,
    **{f"{name}_minor": pl.Int64 for name in LOSS_MEASURES},
}
_CHANCE_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class LossFigures:
    """``stages``: the sums by currency and stage (STAGE_COLUMNS), of accounts that owe something. ``shares``: what is lost at
    default, by currency (``insight.losses.lost_shares``). ``problem``: of PROBLEMS; empty where the losses are told.
    ``analytics``: the same sums by segment.
    """

    stages: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STAGE_COLUMNS))
    shares: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SHARE_COLUMNS))
    problem: str = ""
    analytics: pl.DataFrame = field(default_factory=lambda: merge_analytics([]))

    def as_dict(self) -> dict[str, Any]:
        """Plain values, without the segments."""
        return {
            "stages": self.stages.to_dicts(),
            "lost_shares": self.shares.to_dicts(),
            "problem": self.problem,
        }


class DayLosses:
    """Gathers the partitions' defaults and lays what their accounts owe aside; then tells the losses a partition at a time."""

    def __init__(
        self,
        terms: Mapping[str, Terms],
        as_of: date,
        known_at: datetime | None,
        aside: Path,
        *,
        views: Sequence[Scenario] = (Scenario("as now"),),
        lost_share: float | None = None,
    ) -> None:
        """``aside``: a folder of its own for what is laid aside; ``finish`` removes it. ``lost_share``: of a debt at default,
        instead of what the book's own defaults show.
        """
        self._views, self._lost_share = views, lost_share
        self._terms, self._as_of, self._known_at, self._aside = terms, as_of, known_at, aside
        self._debts: list[pl.DataFrame] = []
        self._payments: list[pl.DataFrame] = []
        self._count = 0
        aside.mkdir(parents=True)

    def add(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Take in a partition."""
        defaults = book_defaults(tables, self._terms, self._as_of, self._known_at)
        self._debts.append(defaults.debts)
        self._payments.append(defaults.payments)
        owed = exposures(tables, self._terms, self._as_of, self._known_at).drop("product")
        placed = segments_of_accounts(tables).drop("currency")
        owed.join(placed, on="account_id", how="left", maintain_order="left").write_parquet(
            self._part(self._count)
        )
        self._count += 1

    @property
    def defaults(self) -> Defaults:
        """The book's first defaults and the money since, of the partitions taken in."""
        return Defaults(pl.concat(self._debts).sort("account_id"), pl.concat(self._payments))

    def finish(self, folder: Path, panel: pl.DataFrame) -> LossFigures:
        """Write ``losses.parquet`` to the folder and give the figures. ``panel``: the month ends of the book
        (``insight.rolls.book_panel``), of a part of a large one.
        """
        try:
            return self._told(folder, panel)
        finally:
            shutil.rmtree(self._aside, ignore_errors=True)

    def _told(self, folder: Path, panel: pl.DataFrame) -> LossFigures:
        try:
            extra("scipy")
            if panel.is_empty():
                return LossFigures(problem="young")
            rates = default_chances(with_months_on_book(panel, BOOK_STATES), BOOK_STATES, DEFAULTED)
        except ExtraMissing:
            return LossFigures(problem="package")
        except TrainingUnusable:
            return LossFigures(problem="young")
        shares = lost_shares(self.defaults, self._as_of)
        if shares.is_empty() and self._lost_share is None:
            return LossFigures(shares=shares, problem="few")
        sums = []
        with Appended(folder / "losses.parquet") as written:
            for number in range(self._count):
                owed = pl.read_parquet(self._part(number))
                currencies = owed["currency"].unique().to_list()
                lost = (
                    shares_of(currencies, shares)
                    if self._lost_share is None
                    else dict.fromkeys(currencies, self._lost_share)
                )
                told = expected_losses(owed, rates, BOOK_STATES, lost, self._views).with_columns(
                    pl.col("chance_12m", "chance_life").round(_CHANCE_DECIMALS),
                    pl.col("loss_12m_minor", "loss_life_minor", "allowance_minor").round().cast(pl.Int64),
                    as_of=pl.lit(self._as_of),
                )
                written.add(told)
                places = owed.select("account_id", "jurisdiction", "product")
                sums.append(
                    loss_analytics(told.join(places, on="account_id", how="left", maintain_order="left"))
                )
        analytics = merge_analytics(sums)
        added = analytics.group_by("key", "of").agg(pl.col("count", "value").sum())
        return LossFigures(losses_by_stage(added), shares, analytics=analytics)

    def _part(self, number: int) -> Path:
        return self._aside / f"{number}.parquet"


def losses_by_stage(rows: pl.DataFrame) -> pl.DataFrame:
    """The counts of the section ``losses`` (key, of, count, value) as STAGE_COLUMNS, by currency and stage."""
    parts = pl.col("key").str.split_exact(".", 1)
    split = rows.select(
        parts.struct.field("field_0").cast(pl.Int64).alias("stage"),
        parts.struct.field("field_1").alias("measure"),
        pl.col("of").alias("currency"),
        "count",
        "value",
    )
    sums = [
        pl.col("value").filter(pl.col("measure") == name).sum().alias(f"{name}_minor")
        for name in LOSS_MEASURES
    ]
    return (
        split.group_by("currency", "stage")
        .agg(pl.col("count").max().alias("accounts"), *sums)
        .select(pl.col(name).cast(dtype) for name, dtype in STAGE_COLUMNS.items())
        .sort("currency", "stage")
    )
