"""What the log's days teach of a treatment today against waiting: from each kept decision to the same customer's next one.

No window has to close for it: a step goes from one kept day to the next, and what follows later is in the worth of where it
leads. So it learns from all decisions in which a lot had a say, also those that are followed by others.
"""

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.nightly.keeping import kept_runs, market_of
from dunwell.nightly.offers import VALUE
from dunwell.settings import Settings
from dunwell.strategy.candidates import uses_frame
from dunwell.strategy.learned import CONTEXT
from dunwell.strategy.over_waiting import (
    EFFECTS,
    HISTORY,
    OverWaiting,
    effect_columns,
    named,
    state_columns,
)
from dunwell.strategy.repeated_choices import ChoiceBeliefs, ChoiceSteps, learn_choices
from dunwell.strategy.text import Strategy

Floats = NDArray[np.float64]

STEPS_MIN = 500
"""Fewer steps teach less than the window does."""
GIVEN_MIN = 20
"""How often lots must have given a treatment, and left people in peace where it could have been given."""
_GAP_MOST_DAYS = 7
_DIFFERS = 0.3
"""Of the belief's own spread: how far customers are thought to differ in what a treatment adds."""
_LOTS = 1e-9


def learn_over_waiting(
    settings: Settings,
    strategy: Strategy,
    days: Sequence[tuple[str, date, tuple[str, ...]]],
    paid: pl.DataFrame,
) -> OverWaiting | None:
    """What each treatment adds today to waiting, by the days that runs have kept (run, day, treatments); None where they are
    too few, or lots have given no treatment often enough.

    ``paid``: customer_id, on, amount, in the strategy's currency.
    """
    names = strategy.treatment_names
    prices = _treatment_prices(settings, strategy)
    frames = [
        (day, _of_day(settings, run_id, kept, names), prices.get(run_id, np.zeros(len(names) - 1)))
        for run_id, day, kept in days
        if not set(kept) - set(names) and market_of(settings, run_id).is_file()
    ]
    parts = []
    for (day, now, _), (after, then, price) in pairwise(frames):
        if 0 < (gap := (after - day).days) <= _GAP_MOST_DAYS:
            parts.append(_steps(day, after, gap, now, then, price, paid, strategy))
    rows = pl.concat(parts) if parts else None
    if rows is None or rows.height < STEPS_MIN:
        return None
    treatments = len(names) - 1
    chances = rows["chances"].to_numpy()[:, 1:]
    owed = rows["owed"].to_numpy()
    given = rows["given"].to_numpy()
    by_lot = (chances > _LOTS) & (rows["chances"].to_numpy()[:, :1] > _LOTS)
    taught = {}
    for place, name in enumerate(names[1:]):
        own = by_lot[:, place]
        counts = int((own & (given == place + 1)).sum()), int((own & (given == 0)).sum())
        if min(counts) >= GIVEN_MIN:
            taught[name] = (place, counts[0])
    if not taught:
        return None
    typical = float(owed.mean())
    means, spreads = np.zeros((treatments, EFFECTS)), np.ones((treatments, EFFECTS))
    for place, one in enumerate(strategy.treatments):
        means[place, 0] = float(one.prior_value) / typical
        spreads[place] = max(float(one.prior_sd) / typical, 1e-6) * _DIFFERS
        spreads[place, 0] = max(float(one.prior_sd) / typical, 1e-6)
    now_context, then_context = _context(rows, ""), _context(rows, "next ")
    steps = ChoiceSteps(
        persons=(rows["customer_id"].rank("dense").cast(pl.Int64) - 1).to_numpy(),
        state=state_columns(now_context),
        effect=effect_columns(now_context),
        given=given,
        chances=chances,
        reward=rows["share"].to_numpy(),
        carried=rows["carried"].to_numpy(),
        next_state=state_columns(then_context),
        next_effect=effect_columns(then_context),
        next_prices=rows["next_prices"].to_numpy(),
    )
    choices = learn_choices(steps, ChoiceBeliefs(means, spreads, state_spread=1.0))
    return OverWaiting(
        choices,
        {name: place for name, (place, _) in taught.items()},
        {name: count for name, (_, count) in taught.items()},
        typical,
    )


def _of_day(settings: Settings, run_id: str, kept: tuple[str, ...], names: tuple[str, ...]) -> pl.DataFrame:
    """A kept day: customer_id, what was known of each (CONTEXT, HISTORY), the chance of each treatment, the one that was given,
    and whether it is open.
    """
    market = pl.read_parquet(market_of(settings, run_id))
    places = {name: place for place, name in enumerate(kept)}
    chance = [
        pl.col("chances").list.get(places[name]).fill_null(0.0) if name in places else pl.lit(0.0)
        for name in names
    ]
    is_open = [
        pl.col(VALUE + name).is_not_null() if VALUE + name in market.columns else pl.lit(False)
        for name in names[1:]
    ]
    told = market.select(
        "customer_id",
        pl.concat_list(chance).list.to_array(len(names)).alias("chances"),
        *(one.alias(f"open {place}") for place, one in enumerate(is_open)),
    ).hstack(named(market, (*CONTEXT, *HISTORY)))
    place_of = {name: place for place, name in enumerate(names)}
    decided = pl.read_parquet(
        settings.evidence_folder / "decisions" / f"{run_id}.parquet", columns=["customer_id", "treatment"]
    ).with_columns(
        pl.col("treatment").replace_strict(place_of, default=0, return_dtype=pl.Int64).alias("given")
    )
    return told.join(decided.drop("treatment"), on="customer_id", maintain_order="left").filter(
        pl.col("past_due_total") > 0
    )


def _steps(
    day: date,
    after: date,
    gap: int,
    now: pl.DataFrame,
    then: pl.DataFrame,
    price: Floats,
    paid: pl.DataFrame,
    strategy: Strategy,
) -> pl.DataFrame:
    """From a kept day to the next one: what came in, as a share of what was owed, and what is left to be worth something."""
    came = (
        paid.filter((pl.col("on") > day) & (pl.col("on") <= after))
        .group_by("customer_id")
        .agg(pl.col("amount").sum().alias("came"))
    )
    own = (*CONTEXT, *HISTORY)
    following = then.select(
        "customer_id",
        *(f"open {place}" for place in range(len(strategy.treatments))),
        *(pl.col(name).alias(f"next {name}") for name in own),
    )
    rows = (
        now.drop(f"open {place}" for place in range(len(strategy.treatments)))
        .join(came, on="customer_id", how="left", maintain_order="left")
        .join(following, on="customer_id", how="left", maintain_order="left")
        .with_columns(pl.col("past_due_total").alias("owed"))
        .with_columns((pl.col("came").fill_null(0.0) / pl.col("owed")).clip(0.0, 1.0).alias("share"))
    )
    discount = (1 - 1 / strategy.objective.window_days) ** gap
    stays = pl.col("next past_due_total").is_not_null()
    costs = np.array([float(one.cost) for one in strategy.treatments]) + price
    owed = rows["next past_due_total"].fill_null(1.0).clip(1e-2).to_numpy()
    is_open = rows.select(pl.col(f"open {place}").fill_null(False) for place in range(len(costs))).to_numpy()
    prices = np.where(is_open, costs[None, :] / owed[:, None], np.inf)
    return rows.with_columns(
        pl.when(stays).then(discount * (1 - pl.col("share"))).otherwise(0.0).alias("carried"),
        pl.Series("next_prices", prices, dtype=pl.Array(pl.Float64, len(costs))),
    ).drop("came", *(f"open {place}" for place in range(len(costs))))


def _context(rows: pl.DataFrame, prefix: str) -> pl.DataFrame:
    return rows.select(pl.col(prefix + name).alias(name) for name in (*CONTEXT, *HISTORY))


def _treatment_prices(settings: Settings, strategy: Strategy) -> dict[str, Floats]:
    """By run, what the capacities that each treatment uses were worth on the day."""
    names = strategy.treatment_names[1:]
    places = {name: place for place, name in enumerate(names)}
    uses = uses_frame(strategy).select("treatment", "capacity", "amount").rows()
    found = {}
    for about in kept_runs(settings):
        if (kept := about.get("strategy")) is None:
            continue
        price = np.zeros(len(names))
        for treatment, capacity, amount in uses:
            price[places[treatment]] += float(amount) * float(kept["prices"].get(capacity, 0.0))
        found[str(about["run_id"])] = price
    return found
