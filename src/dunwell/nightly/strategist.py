"""The day under the lender's strategy, in two passes over the partitions.

The first makes every partition's offers and lays them aside on disk; between the passes the day is settled for everybody at once,
from a narrow frame with one row a customer; the second lays out what was decided, a partition at a time.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Protocol

import polars as pl

from dunwell.insight import InsightError
from dunwell.nightly.chosen import Chosen, Made, chosen
from dunwell.nightly.market import Settled, settle
from dunwell.nightly.offers import Offered, Valuer
from dunwell.nightly.policies import RunPolicy
from dunwell.strategy import learned as shelf
from dunwell.strategy.experiments.stopping import Stopped
from dunwell.strategy.exploring import more_after_turn
from dunwell.strategy.rates import FILE_NAME as RATES_FILE
from dunwell.strategy.rates import read_rates
from dunwell.strategy.treatment_rates import with_rates

_PARTS = ("people", "offers", "market", "inputs", "segments")


def valuer_of(policy: RunPolicy, as_of: date, model: Path | None) -> tuple[Valuer | None, str]:
    """What a day's values are made from, None where no strategy is in force; and why learned values that lie on the shelf are
    not used, empty where they are or there are none. Raises PolicyError.

    ``model``: the folder of learned values.
    """
    strategy = policy.strategy
    if strategy is None or not strategy.policy.holds_on(as_of):
        return None, ""
    rates = read_rates(policy.folder / RATES_FILE, strategy.currency, as_of)
    if model is None or not model.is_dir():
        return Valuer(strategy, rates, None), ""
    try:
        learned = shelf.load(model)
    except InsightError as error:
        return Valuer(strategy, rates, None), str(error)
    if learned.currency != strategy.currency:
        problem = f"the learned values are in {learned.currency}, the strategy in {strategy.currency}. Train them anew"
        return Valuer(strategy, rates, None), problem
    decides = more_after_turn(with_rates(strategy, learned.rates), learned.turned, as_of)
    return Valuer(decides, rates, learned), ""


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier day's prices: of which run, and by capacity, for each unit of the assignment."""

    run_id: str
    prices: Mapping[str, float]

    @property
    def frame(self) -> pl.DataFrame:
        """capacity, price."""
        return pl.DataFrame(
            {"capacity": list(self.prices), "price": list(self.prices.values())},
            schema={"capacity": pl.String, "price": pl.Float64},
        )


class Guard(Protocol):
    """Looks after the guard-rails of the day's experiments (``guarding``)."""

    def add(self, tables: Mapping[str, pl.DataFrame]) -> None:
        """Take note of a partition of the day's book."""

    def stopped(self) -> tuple[Stopped, ...]:
        """Every arm that is stopped on the day."""


class DayStrategy:
    """A day's offers, gathered; then what was decided, a partition at a time."""

    def __init__(
        self,
        valuer: Valuer,
        policy_hash: str,
        as_of: date,
        known_at: datetime | None,
        aside: Path,
        problem: str,
        guard: Guard,
    ) -> None:
        """``aside``: a folder of its own for what is laid aside; ``finish`` removes it. ``problem``: see ``valuer_of``.
        ``guard``: has seen every partition before the day is settled.
        """
        self.valuer, self.problem, self._aside = valuer, problem, aside
        self._guard = guard
        self._made = Made(as_of, known_at, policy_hash, valuer.models)
        self._markets: list[pl.DataFrame] = []
        aside.mkdir(parents=True)

    def add(
        self,
        tables: Mapping[str, pl.DataFrame],
        offered: Offered,
        inputs: pl.DataFrame,
        segments: pl.DataFrame,
    ) -> None:
        """Lay a partition's offers aside, and show its ``tables`` to the guard. ``inputs``: customer_id and inputs_hash;
        ``segments``: what else the second pass needs of its customers.
        """
        self._guard.add(tables)
        place = self._aside / str(len(self._markets))
        place.mkdir()
        parts = (offered.people, offered.offers, offered.market, inputs, segments)
        for name, frame in zip(_PARTS, parts, strict=True):
            frame.write_parquet(place / f"{name}.parquet")
        self._markets.append(offered.market)

    def settle(self, earlier: Earlier | None) -> Settled:
        """Decide the day for everybody, starting from an earlier day's prices."""
        self.market = pl.concat(self._markets).sort("customer_id")
        self.earlier = earlier
        self.stopped = self._guard.stopped()
        self.settled = settle(
            self.valuer.strategy,
            self.market,
            self._made.as_of,
            is_cold=self.valuer.is_cold,
            earlier=None if earlier is None else earlier.frame,
            stopped=self.stopped,
        )
        return self.settled

    def part(self, number: int) -> tuple[Chosen, pl.DataFrame]:
        """What was decided in a partition."""
        frames = {name: pl.read_parquet(self._aside / str(number) / f"{name}.parquet") for name in _PARTS}
        offered = Offered(frames["people"], frames["offers"], frames["market"])
        made = chosen(offered, self.settled, self.valuer.strategy, frames["inputs"], self._made)
        return made, frames["segments"]

    def finish(self) -> None:
        """Remove what was laid aside."""
        shutil.rmtree(self._aside, ignore_errors=True)
