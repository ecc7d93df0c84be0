"""The day decided for everybody at once: the lots, then who gets what under all capacities, and what the capacities are worth.

Pure, and made of nothing but the market (``offers``), the text and an earlier day's prices, which are all kept: so a decision
can be made again from them bit for bit, whatever the order of the customers was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.nightly.offers import VALUE
from dunwell.nightly.would_get import Sharing, would_get
from dunwell.strategy.assignment import assign
from dunwell.strategy.assignment_pacing import left_of
from dunwell.strategy.candidates import capacities_frame, uses_frame
from dunwell.strategy.deciding import Lots, Room, draw
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.experiments.randomising import lots_of
from dunwell.strategy.experiments.stopping import Stopped, arms_of
from dunwell.strategy.exploring import chances_by_gap, even_chances
from dunwell.strategy.floors import floor_limits, floor_uses
from dunwell.strategy.text import Strategy

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

NOTICE = "notice"
"""The purpose of what the law requires or expressly permits to be told: the hold-out does not keep it from anybody."""

LEFT_BY_LOT, LEFT_HELD_OUT = "strategy.lot", "strategy.hold-out"
LEFT_FOR_CAPACITY, LEFT_AS_BEST = "strategy.capacity", "strategy.nothing-pays"
"""Why somebody to whom something is open is left in peace (``holds_back.toml``)."""

_NEARLY = 0.999
"""Of the most that can be reached of a floor: the last of it would cost everything else."""

_TELLS_EQUALS_APART = 4e-5
"""Values have 4 decimals. Below them a lot of the day says which of two equal customers comes first: not always the same one,
and at the day's prices everybody's own choice is clear.
"""


@dataclass(frozen=True, slots=True)
class Settled:
    """A day decided. ``decided``: a row a customer of the market, in the order of their ids: treatment, arm, probability,
    ``left_because`` (null where something is done or nothing is open) and ``chances``, of each treatment of the text.
    ``capacities``: capacity, unit, used, available, at_least, price, in the assignment's units. ``treatment_prices``: what
    each treatment uses, at these prices. ``is_cold``: nothing is known of values, so there are no prices. ``gap``: how far
    from the best the assignment is, at most. ``explored_count``: customers for whom a lot of exploring decided.
    """

    decided: pl.DataFrame
    capacities: pl.DataFrame
    treatment_prices: Mapping[str, float]
    is_cold: bool
    gap: float
    explored_count: int


class Given(NamedTuple):
    """A day given out, a row a customer of the market in the order of their ids: the place of what is ``done`` for each, and
    what of the lots, the values and the prices it came from.

    ``wanted``, ``for_held``: values that decide, of everybody and of what the hold-out may get; ``offered``: of them what was
    assigned. ``wished``: what the lots asked for; ``by_hold_out``: what the hold-out would give, ``fits``: whether there is room
    for it. ``choice``: the assignment's; ``prices`` by capacity, ``costs`` by treatment.
    """

    lots: Lots
    room: Room
    wanted: Floats
    for_held: Floats
    offered: Floats
    wished: Places
    by_hold_out: Places
    fits: NDArray[np.bool_]
    choice: Places
    done: Places
    matrix: Floats
    capacities: pl.DataFrame
    prices: Floats
    costs: Floats
    gap: float

    @property
    def treatments(self) -> pl.DataFrame:
        """What is done for each: customer_id, treatment."""
        names = pl.Series("treatment", self.lots.names, dtype=pl.String)
        return pl.DataFrame([self.lots.customer_ids.alias("customer_id"), names.gather(self.done)])

    def prices_told(self, is_cold: bool) -> pl.DataFrame:
        """The day's capacities, in the assignment's units: what was used of each, and its price."""
        return self.capacities.select(
            *("capacity", "unit"),
            pl.Series("used", _use_of(self.matrix, self.done).astype(np.int64)),
            *("available", "at_least"),
            pl.Series("price", np.zeros(len(self.prices)) if is_cold else self.prices),
        )


def settle(
    strategy: Strategy,
    market: pl.DataFrame,
    day: date,
    *,
    is_cold: bool,
    earlier: pl.DataFrame | None = None,
    stopped: Sequence[Stopped] = (),
) -> Settled:
    """Decide a day, and say with what chance each treatment was chosen. Arguments: see ``give_out``."""
    names = strategy.treatment_names
    given = give_out(strategy, market, day, is_cold=is_cold, earlier=earlier, stopped=stopped)
    lots, room, wanted, for_held, choice, done, costs = (
        *(given.lots, given.room, given.wanted, given.for_held),
        *(given.choice, given.done, given.costs),
    )
    in_market = ~lots.is_held & (lots.given < 0)
    shares = in_market | (lots.is_held & (for_held[:, 1:] == for_held[:, 1:]).any(axis=1))
    slack = room.available - _use_of(room.uses, done)
    sharing = Sharing(_net(given.offered[shares], costs), choice[shares], room.uses, slack)
    given_back = np.where(_is_taken_up(given.wished, room)[done] & lots.is_held, 0, done)
    best = np.where(in_market, choice, would_get(_net(wanted, costs), given_back, sharing))
    notice = np.where(lots.is_held, choice, would_get(_net(for_held, costs), done, sharing))
    held = np.where(notice > 0, notice, np.where(given.fits, given.by_hold_out, 0))
    return Settled(
        _decided(lots, done, best, held, _own_choice(wanted, np.zeros(len(names)))),
        given.prices_told(is_cold),
        dict(zip(names, (np.zeros(len(names)) if is_cold else costs).tolist(), strict=True)),
        is_cold,
        given.gap,
        int(((lots.given >= 0) & lots.arms.is_null().to_numpy()).sum()),
    )


def give_out(
    strategy: Strategy,
    market: pl.DataFrame,
    day: date,
    *,
    is_cold: bool,
    earlier: pl.DataFrame | None = None,
    stopped: Sequence[Stopped] = (),
) -> Given:
    """Decide what is done for everybody on a day. ``is_cold``: the first treatment of the text's order is chosen, the latest
    customers first where capacities bind. ``earlier``: an earlier day's prices (capacity, price), to start from. ``stopped``: the
    arms that are drawn no more.
    """
    market = market.sort("customer_id")
    names, ids = strategy.treatment_names, market["customer_id"]
    values = _values(market, names)
    allowed = ~np.isnan(values)
    uses = pl.concat([uses_frame(strategy), floor_uses(strategy)])
    capacities = pl.concat([capacities_frame(strategy), floor_limits(strategy, market.height, day)])
    matrix = _use_matrix(strategy, uses, capacities)
    bounds = (
        capacities["available"].is_not_null().to_numpy()
    )  # the rest must be reached, and no lot stands in its way
    room = Room(matrix[bounds], capacities["available"].drop_nulls().to_numpy().astype(np.float64))
    wanted = _in_order(market, names, allowed) if is_cold else values.copy()
    wanted[:, 1:] -= _TELLS_EQUALS_APART * lots_of(ids, names[1:], f"equals\0{day}")
    explored, start = None, earlier
    if strategy.explore_rate and strategy.explore_spend is not None:
        if is_cold:
            explored = even_chances(allowed, min(strategy.explore_rate, strategy.explore_spend))
        else:
            # As if there were no lots: so the chances hang on nobody's lot.
            choice, prices, _ = _assigned(ids, names, wanted, uses, capacities, matrix, earlier)
            net = wanted - prices @ np.where(bounds[:, None], matrix, -matrix)
            worth = float(wanted[np.arange(len(choice)), choice].sum())
            explored = chances_by_gap(net, strategy.explore_rate, strategy.explore_spend * worth)
            start = capacities.select("capacity", pl.Series("price", prices))
    lots = draw(strategy, ids, allowed, day, room, arms_of(stopped), explored)
    is_notice = np.array([False, *(one.purpose == NOTICE for one in strategy.treatments)])
    for_held = np.where(is_notice, wanted, np.nan)
    by_hold_out = np.where((for_held > 0).any(axis=1), 0, lots.held)  # a notice goes before it
    wished = np.where(lots.is_held, by_hold_out, lots.given)
    fixed, fits = _kept_within(wished, by_hold_out, room, ids)
    in_market = ~lots.is_held & (lots.given < 0)
    offered = np.where(in_market[:, None], wanted, np.where(lots.is_held[:, None], for_held, np.nan))
    left = left_of(capacities, _spent(matrix, fixed, capacities))
    choice, prices, gap = _assigned(ids, names, offered, uses, left, matrix, start)
    costs = prices @ np.where(bounds[:, None], matrix, -matrix)
    done = np.where(in_market | (lots.is_held & (choice > 0)), choice, fixed)
    return Given(
        *(lots, room, wanted, for_held, offered, wished, by_hold_out, fits),
        *(choice, done, matrix, capacities, prices, costs, gap),
    )


def _values(market: pl.DataFrame, names: tuple[str, ...]) -> Floats:
    """The market's values as a matrix, doing nothing first at 0; NaN where a treatment is not open."""
    told = market.select(pl.col(VALUE + name).fill_null(np.nan) for name in names[1:])
    return np.column_stack([np.zeros(market.height), told.to_numpy().reshape(market.height, len(names) - 1)])


def _in_order(market: pl.DataFrame, names: tuple[str, ...], allowed: NDArray[np.bool_]) -> Floats:
    """What is wanted while nothing is known of values: the first treatment of the text's order if it is open, of the latest
    customer before all others.
    """
    place = (
        market["first"]
        .fill_null(NOTHING)
        .replace_strict(list(names), list(range(len(names))), return_dtype=pl.Int64)
    )
    days = market["past_due_days"].fill_null(1.0).clip(1.0).to_numpy()
    is_first = np.arange(len(names)) == place.to_numpy()[:, None]
    wanted = np.where(is_first & allowed, days[:, None], np.nan)
    wanted[:, 0] = 0.0
    return wanted


def _use_matrix(strategy: Strategy, uses: pl.DataFrame, capacities: pl.DataFrame) -> Floats:
    """A row a capacity, a column a treatment, doing nothing first: whole units."""
    matrix = np.zeros((capacities.height, len(strategy.treatment_names)))
    rows = {name: row for row, name in enumerate(capacities["capacity"])}
    columns = {name: column for column, name in enumerate(strategy.treatment_names)}
    for treatment, capacity, amount in uses.select("treatment", "capacity", "amount").iter_rows():
        matrix[rows[capacity], columns[treatment]] = amount
    return matrix


def _use_of(matrix: Floats, places: Places) -> Floats:
    """What some treatments use together; places below 0 use nothing."""
    counts = np.bincount(places[places > 0], minlength=matrix.shape[1])
    used: Floats = matrix @ counts
    return used


def _kept_within(
    places: Places, held: Places, room: Room, ids: pl.Series
) -> tuple[Places, NDArray[np.bool_]]:
    """What the lots decided, without what would exceed a capacity: the last of them are left in peace. And of each customer
    whether there is room for what the hold-out gives (``held``), or would be if they belonged to it.

    Lots are thinned beforehand (``draw``), so this takes something away only from a hold-out that is given a treatment.
    """
    order = np.argsort(ids.hash(17).to_numpy(), kind="stable")
    mine = room.uses[:, np.maximum(places[order], 0)]
    left = room.available[:, None] - (np.cumsum(mine, axis=1) - mine)
    kept, fits = places.copy(), np.empty(len(places), dtype=np.bool_)
    kept[order[~((mine <= left) | (mine == 0)).all(axis=0)]] = 0
    theirs = room.uses[:, held[order]]
    fits[order] = ((theirs <= left) | (theirs == 0)).all(axis=0)
    return kept, fits


def _is_taken_up(wished: Places, room: Room) -> NDArray[np.bool_]:
    """Of each treatment whether, when one of the hold-out did without, another of the hold-out would have it."""
    others = _use_of(room.uses, wished)[:, None] - room.uses
    return np.asarray(((room.uses > 0) & (others >= room.available[:, None])).any(axis=0), dtype=np.bool_)


def _spent(matrix: Floats, places: Places, capacities: pl.DataFrame) -> pl.DataFrame:
    return capacities.select("capacity", pl.Series("used", _use_of(matrix, places).astype(np.int64)))


def _assigned(
    ids: pl.Series,
    names: tuple[str, ...],
    offered: Floats,
    uses: pl.DataFrame,
    left: pl.DataFrame,
    matrix: Floats,
    earlier: pl.DataFrame | None,
) -> tuple[Places, Floats, float]:
    """The place of what each customer gets under what is left of the capacities, the prices, and the gap.

    Where everybody's best choice fits, it is the best of all assignments, and nothing has a price. Of a floor that cannot be
    reached as much is reached as can be.
    """
    best = _own_choice(offered, np.zeros(len(names)))
    if _keeps(best, left, matrix):
        return best, np.zeros(left.height), 0.0
    columns = [pl.Series(name, offered[:, place]) for place, name in enumerate(names) if place]
    candidates = pl.DataFrame([ids.alias("customer_id"), *columns])
    found = assign(candidates, uses, left, earlier)
    if found.missed.height:
        left = _within_reach(candidates, uses, left)
        found = assign(candidates, uses, left, earlier)
    places = found.assigned["treatment"].cast(pl.String).fill_null(NOTHING)
    choice = places.replace_strict(list(names), list(range(len(names))), return_dtype=pl.Int64).to_numpy()
    return choice, found.capacities["price"].to_numpy().astype(np.float64), found.gap


def _keeps(places: Places, left: pl.DataFrame, matrix: Floats) -> bool:
    """Whether some choices exceed nothing and reach what must be reached."""
    used = pl.Series(_use_of(matrix, places))
    return bool(
        left.select(
            (
                (used <= pl.col("available")).fill_null(True) & (used >= pl.col("at_least")).fill_null(True)
            ).all()
        ).item()
    )


def _within_reach(candidates: pl.DataFrame, uses: pl.DataFrame, left: pl.DataFrame) -> pl.DataFrame:
    """The limits with what must be reached brought down to nearly the most that can be, one floor after another."""
    for name in left.filter(pl.col("at_least") > 0)["capacity"]:
        counts = dict(uses.filter(pl.col("capacity") == name).select("treatment", "amount").iter_rows())
        towards = candidates.with_columns(
            pl.when(pl.col(one).is_not_nan())
            .then(float(counts.get(one, 0)))
            .otherwise(float("nan"))
            .alias(one)
            for one in candidates.columns[1:]
        )
        is_it = pl.col("capacity") == name
        most = assign(towards, uses.filter(~is_it), left.filter(~is_it)).value
        aim = pl.min_horizontal("at_least", pl.lit(int(most * _NEARLY), pl.Int64))
        left = left.with_columns(pl.when(is_it).then(aim).otherwise("at_least").alias("at_least"))
    return left


def _own_choice(values: Floats, costs: Floats) -> Places:
    """The place of each customer's own best choice at some costs; to do nothing where no other is worth more than 0."""
    best: Places = _net(values, costs).argmax(axis=1)
    return best


def _net(values: Floats, costs: Floats) -> Floats:
    """Values less what is used at some costs; of doing nothing 0, -inf where something is not open."""
    net: Floats = np.nan_to_num(values - costs, nan=-np.inf)
    net[:, 0] = 0.0
    return net


def _decided(lots: Lots, done: Places, best: Places, held: Places, free: Places) -> pl.DataFrame:
    """``free``: what each customer would get if there were enough of everything."""
    chances = lots.chances(best, held)
    is_lot = (lots.given >= 0) & ~lots.is_held
    reasons = pl.Series([None, LEFT_HELD_OUT, LEFT_BY_LOT, LEFT_FOR_CAPACITY, LEFT_AS_BEST], dtype=pl.String)
    because = np.select([done > 0, lots.is_held, is_lot, free > 0], [0, 1, 2, 3], 4)
    return pl.DataFrame(
        {
            "customer_id": lots.customer_ids,
            "treatment": pl.Series(lots.names, dtype=pl.String).gather(done),
            "arm": lots.arms,
            "probability": chances[np.arange(len(done)), done],
            "left_because": reasons.gather(because),
            "chances": pl.Series(chances, dtype=pl.Array(pl.Float64, chances.shape[1])).arr.to_list(),
        }
    )
