"""What the last run knew of values: its strategy, its options and its prices; nothing where the ladder decided."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl

from dunwell.office.workplace import Workplace
from dunwell.strategy.text import Strategy, read_strategy

_COLD = "text-order"


@dataclass(frozen=True, slots=True)
class Valued:
    """The strategy that a run decided with, when it ran, and its options; only where values were known."""

    strategy: Strategy
    ran_at: datetime
    options: Path
    prices: Mapping[str, float]

    @property
    def calls(self) -> dict[str, Decimal]:
        """The treatments that are calls by a person, and the agent minutes of each."""
        return {
            one.name: one.minutes for one in self.strategy.treatments if one.channel == "call" and one.minutes
        }


def valued(place: Workplace) -> Valued | None:
    """What the last run decided with; None where the ladder did, or nothing was known of values."""
    folder = place.settings.book_folder
    run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    text = place.settings.evidence_folder / "policy" / str(run["policy_hash"]) / "strategy.toml"
    if run.get("decided") is None or run["decided"]["basis"] == _COLD or not text.is_file():
        return None
    prices = {one["name"]: float(one["price"]) for one in run["decided"]["capacities"]}
    ran_at = datetime.strptime(run["run_id"].rsplit("-", 1)[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return Valued(_strategy(text), ran_at, folder / "options.parquet", prices)


def worth_of_chosen(found: Valued) -> pl.DataFrame:
    """customer_id and net: what is done for them today is worth so much over its cost and price, for each minute of an agent
    where it takes any.
    """
    minutes = {one.name: float(one.minutes) for one in found.strategy.treatments if one.minutes}
    return (
        pl.scan_parquet(found.options)
        .filter(pl.col("is_chosen") & (pl.col("treatment") != "none"))
        .select(
            "customer_id",
            net=(
                pl.col("net").cast(pl.Float64)
                / pl.col("treatment").replace_strict(minutes, default=1.0, return_dtype=pl.Float64)
            ).round(4),
        )
        .collect()
    )


@cache
def _strategy(file: Path) -> Strategy:
    """A kept strategy; it never changes under its hash."""
    return read_strategy(file)
