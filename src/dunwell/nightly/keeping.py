"""What a run leaves in the evidence, so that each of its decisions can be made again: the decisions, the policy and the model
they were made under, and of a strategy's day the market, the prices it started from and those it came to.
"""

import json
import shutil
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.nightly.about import RunFacts
from dunwell.nightly.lost import Lost
from dunwell.nightly.policies import RunPolicy
from dunwell.nightly.strategist import DayStrategy, Earlier
from dunwell.settings import Settings
from dunwell.strategy.learned import FOLDER as VALUES


def keep_decisions(
    settings: Settings,
    facts: RunFacts,
    decided: Path,
    policy: RunPolicy,
    lost: Lost,
    known_at: datetime,
    strategic: DayStrategy | None = None,
) -> None:
    """Keep a run's decisions and what they were made under. ``known_at``: what counts as known to it."""
    folder = settings.evidence_folder
    kept = folder / "policy" / policy.hash
    if not kept.is_dir():
        staging = kept.with_name(f".{kept.name}.new")
        shutil.rmtree(staging, ignore_errors=True)
        for place, file in policy.files.items():
            (staging / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, staging / place)
        staging.mkdir(parents=True, exist_ok=True)
        staging.rename(kept)
    (folder / "decisions").mkdir(parents=True, exist_ok=True)
    about = {
        "run_id": facts.run_id,
        "as_of": facts.as_of.isoformat(),
        "known_at": None if facts.known_at is None else facts.known_at.isoformat(),
        "knows_until": known_at.isoformat(),
        "policy_hash": policy.hash,
        "actor": settings.actor,
        "versions": dict(facts.versions),
        "lost": {"rows": lost.rows.to_dicts(), "for_all": list(lost.for_all)},
        "strategy": None if strategic is None else _strategy(settings, facts.run_id, strategic),
    }
    file = folder / "decisions" / f"{facts.run_id}.json"
    shutil.copy(decided, file.with_suffix(".parquet"))
    file.write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")


def _strategy(settings: Settings, run_id: str, strategic: DayStrategy) -> dict[str, Any]:
    """The market and the model of a day, laid down; and what else the day was settled from, and came to."""
    market_file = market_of(settings, run_id)
    market_file.parent.mkdir(parents=True, exist_ok=True)
    chances = strategic.settled.decided.select("customer_id", "chances")
    strategic.market.join(chances, on="customer_id", maintain_order="left").write_parquet(market_file)
    learned, earlier = strategic.valuer.learned, strategic.earlier
    if learned is not None and not (place := model_of(settings, learned.sha256)).is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(settings.root / "models" / learned.name, place)
    prices = strategic.settled.capacities.select("capacity", "price")
    return {
        "currency": strategic.valuer.strategy.currency,
        "treatments": list(strategic.valuer.strategy.treatment_names),
        "model": None if learned is None else learned.sha256,
        "is_cold": strategic.settled.is_cold,
        "gap": strategic.settled.gap,
        "prices": dict(prices.iter_rows()),
        "earlier": None if earlier is None else {"run_id": earlier.run_id, "prices": dict(earlier.prices)},
    }


def market_of(settings: Settings, run_id: str) -> Path:
    """Where a run's market is kept."""
    return settings.evidence_folder / "markets" / f"{run_id}.parquet"


def model_of(settings: Settings, sha256: str) -> Path:
    """Where learned values that a run used are kept."""
    return settings.evidence_folder / "models" / sha256 / VALUES


def earlier_prices(settings: Settings, day: date) -> Earlier | None:
    """The prices of the last day before this one that a strategy decided; None where there is none.

    Not those of another run for the same day: a day that is run again is decided as it was.
    """
    folder = settings.evidence_folder / "decisions"
    for file in sorted(folder.glob("*.json"), key=lambda file: file.name, reverse=True):
        about = json.loads(file.read_text(encoding="utf-8"))
        if date.fromisoformat(about["as_of"]) < day and (kept := about.get("strategy")):
            return Earlier(about["run_id"], _numbers(kept["prices"]))
    return None


def earlier_of(about: Mapping[str, Any]) -> Earlier | None:
    """The prices that a kept run started from."""
    told = about["strategy"]["earlier"]
    return None if told is None else Earlier(told["run_id"], _numbers(told["prices"]))


def _numbers(prices: Mapping[str, Any]) -> dict[str, float]:
    return {str(name): float(price) for name, price in prices.items()}


def read_market(settings: Settings, run_id: str) -> pl.DataFrame | None:
    """A run's market; None where it is not kept."""
    file = market_of(settings, run_id)
    return pl.read_parquet(file) if file.is_file() else None
