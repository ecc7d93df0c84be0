"""From the best choice to what is done: the hold-out, the running experiments, exploring; and the probability that is
logged.

The law has spoken before: ``allowed`` holds what it left. Nothing here gives what is not allowed.

Lots are drawn before the day's capacities are given out (``draw``): what a lot decides is fixed, the rest share what is left
of the capacities, and ``Lots.decided`` puts both together. So no lot breaks a capacity, and whether a lot decided about
somebody hangs on nothing but salts and the customer's id. Where the lots would ask for more than there is, fewer are drawn,
and the probability says so.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.strategy.experiments import Experiment, in_hold_out, propensities, randomise
from dunwell.strategy.experiments.design import STOPPED
from dunwell.strategy.experiments.randomising import drawn_lots, numbers_in_unit
from dunwell.strategy.exploring import even_chances
from dunwell.strategy.problems import StrategyError
from dunwell.strategy.text import Strategy

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

DECIDED: Mapping[str, type[pl.DataType]] = {
    "customer_id": pl.String,
    "treatment": pl.String,
    "arm": pl.String,
    "probability": pl.Float64,
}
"""The columns of ``decide``, named as a decision has them. ``arm``: hold-out, or experiment and arm; null for neither. Who drew
a stopped arm has STOPPED after it, and gets the control.
"""

HOLD_OUT_ARM = "hold-out"
_SPREADS = 6.0
"""Lots are thinned so that their sum exceeds a capacity by chance once in a thousand million days."""


@dataclass(frozen=True, slots=True)
class Room:
    """What the lots may take: ``uses`` (a row a capacity, a column a treatment) out of ``available``, in whole units."""

    uses: Floats
    available: Floats


@dataclass(frozen=True, slots=True)
class Lots:
    """The lots of a day, a row a customer. ``given``: the treatment's place that a lot decided, -1 where the best choice is
    taken. ``fixed_chances``: what each treatment's chance is by lot; ``best_chance``: the chance that the best choice is
    taken, both for who is not held out. ``held``: the place that the hold-out gives.
    """

    names: tuple[str, ...]
    customer_ids: pl.Series
    given: Places
    is_held: NDArray[np.bool_]
    held: Places
    arms: pl.Series
    fixed_chances: Floats
    best_chance: Floats
    hold_out_share: float

    def chances(self, best: Places, held: Places | None = None) -> Floats:
        """The chance of each treatment (column) for each customer (row), every lot counted, when ``best`` is what the
        assignment has for them, and ``held`` what they get in the hold-out (what the text says where None).
        """
        rows = np.arange(len(best))
        chances = self.fixed_chances.copy()
        chances[rows, best] += self.best_chance
        chances *= 1 - self.hold_out_share
        chances[rows, self.held if held is None else held] += self.hold_out_share
        return chances

    def done(self, best: Places, held: Places | None = None) -> Places:
        """The place of what is done for each customer."""
        free = np.where(self.given < 0, best, self.given)
        return np.where(self.is_held, self.held if held is None else held, free)

    def decided(self, best: Places, held: Places | None = None) -> pl.DataFrame:
        """What is done for each customer and the chance with which it was chosen, with the columns of DECIDED."""
        done = self.done(best, held)
        decided = pl.DataFrame(
            {
                "customer_id": self.customer_ids,
                "treatment": pl.Series(self.names, dtype=pl.String).gather(done),
                "arm": self.arms,
                "probability": self.chances(best, held)[np.arange(len(done)), done],
            }
        )
        return decided.select(pl.col(name).cast(kind) for name, kind in DECIDED.items())


def decide(
    strategy: Strategy,
    customer_ids: pl.Series,
    allowed: NDArray[np.bool_],
    best: Places,
    day: date,
) -> pl.DataFrame:
    """What is done for each customer on a day, and the chance with which it was chosen, in the customers' order.

    ``allowed``: a column for each of ``strategy.treatment_names``, what text and law leave; to do nothing always is.
    ``best``: the column that is chosen where no lot decides. A customer is in the first running experiment of which two arms
    and the control are open to them. The probability counts every lot: the hold-out's, the experiment's, exploring's.
    """
    return draw(strategy, customer_ids, allowed, day).decided(best)


def draw(
    strategy: Strategy,
    customer_ids: pl.Series,
    allowed: NDArray[np.bool_],
    day: date,
    room: Room | None = None,
    stopped: Mapping[str, Collection[str]] = MappingProxyType({}),
    explored: Floats | None = None,
) -> Lots:
    """The lots of a day. ``room``: what they may take of the capacities; all they ask for where None. ``stopped``: by
    experiment, the arms that are drawn no more beside those that the text stops. ``explored``: the chance of each treatment by
    a lot of exploring, which must hang on nobody's lot; the text's rate evenly where None. Raises StrategyError where to do
    nothing is ruled out.
    """
    names, hold_out = strategy.treatment_names, strategy.hold_out
    if not allowed[:, 0].all():
        row = int(np.flatnonzero(~allowed[:, 0])[0])
        raise StrategyError(f"row {row + 1}: to do nothing is ruled out. It is open to everybody")
    count = len(allowed)
    room = room or Room(np.zeros((0, len(names))), np.zeros(0))
    is_held = in_hold_out(customer_ids, hold_out).to_numpy()
    place = names.index(hold_out.treatment)
    held = np.where(allowed[:, place], place, 0)
    left = np.maximum(room.available - room.uses[:, held[is_held]].sum(axis=1), 0.0)
    given = np.full(count, -1, dtype=np.int64)
    fixed, free = np.zeros(allowed.shape), np.ones(count)
    arms = pl.Series([None] * count, dtype=pl.String)
    is_free = np.ones(count, dtype=bool)
    for experiment in strategy.experiments:
        if not experiment.is_running(day):
            continue
        shut = experiment.stopped_on(day) | frozenset(stopped.get(experiment.name, ()))
        shares, drawn = _arms(experiment, names, customer_ids, allowed)
        is_shut = np.array([name in shut for name in names])
        control = names.index(experiment.control)
        shares[:, control] += shares[:, is_shut].sum(axis=1)
        shares[:, is_shut] = 0.0
        share, left = _that_fits(
            shares[shares.any(axis=1) & is_free & ~is_held], room.uses, left, together=True
        )
        enters = shares.any(axis=1) & is_free
        if share.min() < 1:
            enters &= numbers_in_unit(customer_ids, f"{experiment.salt}\0enters") < share.min()
        given = np.where(enters, np.where(is_shut[drawn], control, drawn), given)
        fixed += (free * share.min())[:, None] * shares
        free = free * np.where(shares.any(axis=1), 1 - share.min(), 1.0)
        is_free &= ~enters
        told = pl.Series(
            [f"{experiment.name}: {name}{STOPPED if name in shut else ''}" for name in names], dtype=pl.String
        )
        arms = arms.zip_with(~pl.Series(enters), told.gather(drawn))
    if strategy.explore_rate:
        chances = even_chances(allowed, strategy.explore_rate) if explored is None else explored
        share, left = _that_fits(chances[is_free & ~is_held], room.uses, left)
        lot, is_lot = drawn_lots(customer_ids, chances, f"explore\0{day}")
        if share.min() < 1:
            is_lot &= numbers_in_unit(customer_ids, f"explore\0{day}\0fits") < share[lot]
        given = np.where(is_free & is_lot, lot, given)
        fixed += free[:, None] * chances * share
        free = free * (1 - (chances * share).sum(axis=1))
    arms = arms.zip_with(pl.Series(~is_held), pl.Series([HOLD_OUT_ARM], dtype=pl.String))
    return Lots(names, customer_ids, given, is_held, held, arms, fixed, free, hold_out.share)


def _that_fits(
    chances: Floats, uses: Floats, left: Floats, *, together: bool = False
) -> tuple[Floats, Floats]:
    """The share of the chance of each treatment that the capacities can carry, and what is left of them for sure.
    ``together``: one share for all.
    """
    share = np.ones(uses.shape[1])
    expected = chances.sum(axis=0)
    for k, most in enumerate(left):
        use = float(uses[k] @ expected)
        if use > 0:
            unit = float(uses[k].max())
            bearable = float((np.sqrt(_SPREADS**2 / 4 * unit + most) - _SPREADS / 2 * np.sqrt(unit)) ** 2)
            takes = np.ones_like(share, dtype=bool) if together else uses[k] > 0
            share = np.where(takes, np.minimum(share, bearable / use), share)
    use_of_all = uses @ (expected * share)
    unit_of_all = uses.max(axis=1, initial=0.0)
    return share, np.maximum(left - use_of_all - _SPREADS * np.sqrt(use_of_all * unit_of_all), 0.0)


def _arms(
    experiment: Experiment, names: tuple[str, ...], customer_ids: pl.Series, allowed: NDArray[np.bool_]
) -> tuple[Floats, Places]:
    """The share of each treatment for each customer in an experiment (0 throughout for who is outside), and the place of the
    arm that was drawn.
    """
    columns = np.array([names.index(name) for name in experiment.treatments])
    drawn = randomise(experiment, _blocked(experiment, columns, customer_ids, allowed))
    place = drawn["arm"].replace_strict(
        dict(zip(experiment.treatments, columns.tolist(), strict=True)), return_dtype=pl.Int64
    )
    shares = np.zeros(allowed.shape)
    shares[:, columns] = propensities(np.array([arm.share for arm in experiment.arms]), allowed[:, columns])
    shares[drawn["arm"].is_null().to_numpy()] = 0.0
    return shares, place.fill_null(0).to_numpy()


def _blocked(
    experiment: Experiment, columns: Places, customer_ids: pl.Series, allowed: NDArray[np.bool_]
) -> pl.DataFrame:
    """The customers with the experiment's arms that are not open to them."""
    own = pl.DataFrame(allowed[:, columns], schema=list(experiment.treatments))
    shut = [pl.when(~pl.col(name)).then(pl.lit(name)) for name in experiment.treatments]
    return own.select(customer_ids.alias("customer_id"), blocked=pl.concat_list(shut).list.drop_nulls())
