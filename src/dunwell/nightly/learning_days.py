"""What the log's days teach of a treatment today, where others follow: from all decisions in which a lot of the day had a say.

What came in after each is known within a window of some weeks, less what treatments given later brought (``strategy.blips``).
No window has to close for it: one that is open tells of the part that was lived through.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.calendars import day_number
from dunwell.nightly.keeping import decisions_of, market_of
from dunwell.settings import Settings
from dunwell.strategy.blips import Beliefs, Choices, learn_blips
from dunwell.strategy.learned import CONTEXT
from dunwell.strategy.over_waiting import (
    EFFECTS,
    HISTORY,
    OverWaiting,
    effect_columns,
    named,
    state_columns,
)
from dunwell.strategy.text import Strategy
from dunwell.strategy.turning import Change, told_apart, turns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CHOICES_MIN = 500
"""Fewer choices teach less than the window does."""
GIVEN_MIN = 20
"""How often lots must have given a treatment, and left people in peace where it could have been given."""
_DIFFERS = 0.3
"""Of the belief's own spread: how far customers are thought to differ in what a treatment adds."""
_ALIKE = 0.7
"""How alike treatments are thought to be in that."""


class LoggedDay(NamedTuple):
    """A day as it was decided. ``rows``: a row a customer with something past due: customer_id, CONTEXT and HISTORY, ``chances``
    (of each treatment of the text, nothing first), ``given`` (its place), and ``arm`` (null where neither the hold-out nor an
    experiment had them).
    """

    day: date
    rows: pl.DataFrame


def learn_over_waiting(
    settings: Settings,
    strategy: Strategy,
    days: Sequence[tuple[str, date, tuple[str, ...]]],
    paid: pl.DataFrame,
    until: date,
) -> OverWaiting | None:
    """What each treatment adds today to waiting, by the days that runs have kept (run, day, treatments); None where they are
    too few, or lots have given no treatment often enough.

    ``paid``: customer_id, on, amount, in the strategy's currency, known ``until`` a day.
    """
    names = strategy.treatment_names
    logged = [
        LoggedDay(day, _of_day(settings, run_id, kept, names))
        for run_id, day, kept in days
        if not set(kept) - set(names) and market_of(settings, run_id).is_file()
    ]
    return over_waiting_of(strategy, logged, paid, until)


def over_waiting_of(
    strategy: Strategy, days: Sequence[LoggedDay], paid: pl.DataFrame, until: date
) -> OverWaiting | None:
    """What each treatment adds today to waiting, by days in their order; None and ``paid`` as for ``learn_over_waiting``.

    What a treatment brought before times turned for it (``strategy.turning``) is told apart from what it brings since, and only
    that counts.
    """
    log, typical = _choices(strategy, days, paid, until)
    if log is None or len(log.persons) < CHOICES_MIN:
        return None
    names = strategy.treatment_names[1:]
    counts = {}
    for place, name in enumerate(names):
        own = log.chances[:, place] > 0
        given = int((own & (log.given == place + 1)).sum())
        if min(given, int((own & (log.given == 0)).sum())) >= GIVEN_MIN:
            counts[name] = given
    if not counts:
        return None
    beliefs = _beliefs(strategy, typical)
    blips = learn_blips(log, beliefs)
    changes: list[Change] = []
    while (found := turns(log, blips, beliefs, len(names), strategy.learning.alarm)) is not None:
        changes.append(found)
        log, beliefs = told_apart(log, beliefs, found)
        blips = learn_blips(log, beliefs)
    return OverWaiting(
        blips,
        {name: place for place, name in enumerate(names) if name in counts},
        counts,
        typical,
        {names[one.treatment]: one for one in changes},
    )


def _beliefs(strategy: Strategy, typical: float) -> Beliefs:
    """What the text says, as shares of what is owed: an amount by what is typically owed."""
    treatments = len(strategy.treatments)
    means, spreads = np.zeros((treatments, EFFECTS)), np.ones((treatments, EFFECTS))
    for place, one in enumerate(strategy.treatments):
        unit = 1.0 if one.prior_of_owed else typical
        means[place, 0] = float(one.prior_value) / unit
        spreads[place] = max(float(one.prior_sd) / unit, 1e-6) * _DIFFERS
        spreads[place, 0] = max(float(one.prior_sd) / unit, 1e-6)
    return Beliefs(means, spreads, state_spread=1.0, alike=_ALIKE)


def _choices(
    strategy: Strategy, days: Sequence[LoggedDay], paid: pl.DataFrame, until: date
) -> tuple[Choices | None, float]:
    """The log as choices, and what is typically owed."""
    rows = [_by_lot_of_the_day(one, strategy) for one in days]
    if not sum(one.height for one in rows):
        return None, 0.0
    everything = pl.concat(rows)
    ids = everything.select("customer_id").unique().sort("customer_id").with_row_index("number")
    numbered = everything.select("customer_id").join(ids, on="customer_id", maintain_order="left")
    came = paid.select("customer_id", "on", "amount").join(ids, on="customer_id")
    owed = everything["past_due_total"].to_numpy().astype(np.float64)
    log = Choices.of(
        numbered["number"].cast(pl.Int64).to_numpy(),
        everything["day"].to_numpy(),
        state_columns(everything),
        effect_columns(everything),
        everything["given"].to_numpy(),
        everything["chances"].to_numpy()[:, 1:],
        owed=owed,
        paid=(
            came["number"].cast(pl.Int64).to_numpy(),
            came["on"].to_physical().cast(pl.Int64).to_numpy(),
            came["amount"].cast(pl.Float64).to_numpy(),
        ),
        until=day_number(until),
        window=min(strategy.learning.window_days, strategy.objective.window_days),
    )
    return log, float(owed.mean())


def _by_lot_of_the_day(logged: LoggedDay, strategy: Strategy) -> pl.DataFrame:
    """Those for whom the day's own lots decided, with the chances that these gave them, and ``day`` as a number.

    Who is held out, or in an arm of an experiment, is so every day: given what is known of their contacts by then that is no lot
    any more. So they are left out, and the chance of having been held out is taken off the others'.
    """
    held = strategy.hold_out
    place, share = strategy.treatment_names.index(held.treatment), held.share
    rows = logged.rows.filter(pl.col("arm").is_null()).drop("arm")
    chances = rows["chances"].to_numpy().copy()
    if len(chances):
        where = np.where(chances[:, place] >= share, place, 0)
        one_by_one = np.arange(len(chances))
        chances[one_by_one, where] = np.maximum(chances[one_by_one, where] - share, 0.0)
        chances /= np.maximum(chances.sum(axis=1, keepdims=True), 1e-9)
    return rows.with_columns(
        pl.Series("chances", chances, dtype=pl.Array(pl.Float64, len(strategy.treatment_names))),
        pl.lit(day_number(logged.day), pl.Int64).alias("day"),
    )


def _of_day(settings: Settings, run_id: str, kept: tuple[str, ...], names: tuple[str, ...]) -> pl.DataFrame:
    """A kept day, as LoggedDay has its rows."""
    market = pl.read_parquet(market_of(settings, run_id))
    places = {name: place for place, name in enumerate(kept)}
    chance = [
        pl.col("chances").list.get(places[name]).fill_null(0.0) if name in places else pl.lit(0.0)
        for name in names
    ]
    told = market.select(
        "customer_id",
        pl.concat_list(chance).list.to_array(len(names)).alias("chances"),
    ).hstack(named(market, (*CONTEXT, *HISTORY)))
    place_of = {name: place for place, name in enumerate(names)}
    decided = pl.read_parquet(
        decisions_of(settings, run_id), columns=["customer_id", "treatment", "arm"]
    ).with_columns(
        pl.col("treatment").replace_strict(place_of, default=0, return_dtype=pl.Int64).alias("given")
    )
    return told.join(decided.drop("treatment"), on="customer_id", maintain_order="left").filter(
        pl.col("past_due_total") > 0
    )
