"""The day decided for everybody at once: the lots, then who gets what under all capacities, and what the capacities are worth.

Pure, and made of nothing but the market (``offers``), the text and an earlier day's prices, which are all kept: so a decision
can be made again from them bit for bit, whatever the order of the customers was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

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
from dunwell.strategy.text import Strategy

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

NOTICE = "notice"
"""The purpose of what the law requires or expressly permits to be told: the hold-out does not keep it from anybody."""

LEFT_BY_LOT, LEFT_HELD_OUT = "strategy.lot", "strategy.hold-out"
LEFT_FOR_CAPACITY, LEFT_AS_BEST = "strategy.capacity", "strategy.nothing-pays"
"""Why somebody to whom something is open is left in peace (``holds_back.toml``)."""

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


def settle(
    strategy: Strategy, market: pl.DataFrame, day: date, *, is_cold: bool, earlier: pl.DataFrame | None = None
) -> Settled:
    """Decide a day. ``is_cold``: the first treatment of the text's order is chosen, the latest customers first where
    capacities bind. ``earlier``: an earlier day's prices (capacity, price), to start from.
    """
    market = market.sort("customer_id")
    names, ids = strategy.treatment_names, market["customer_id"]
    values = _values(market, names)
    allowed = ~np.isnan(values)
    uses, capacities = uses_frame(strategy), capacities_frame(strategy)
    matrix = _use_matrix(strategy, uses, capacities)
    available = capacities["available"].to_numpy().astype(np.float64)
    lots = draw(strategy, ids, allowed, day, Room(matrix, available))
    wanted = _in_order(market, names, allowed) if is_cold else values.copy()
    wanted[:, 1:] -= _TELLS_EQUALS_APART * lots_of(ids, names[1:], f"equals\0{day}")
    is_notice = np.array([False, *(one.purpose == NOTICE for one in strategy.treatments)])
    for_held = np.where(is_notice, wanted, np.nan)
    by_hold_out = np.where((for_held > 0).any(axis=1), 0, lots.held)  # a notice goes before it
    wished = np.where(lots.is_held, by_hold_out, lots.given)
    fixed, fits = _kept_within(wished, by_hold_out, matrix, available, ids)
    in_market = ~lots.is_held & (lots.given < 0)
    offered = np.where(in_market[:, None], wanted, np.where(lots.is_held[:, None], for_held, np.nan))
    left = left_of(capacities, _spent(matrix, fixed, capacities))
    choice, prices, gap = _assigned(ids, names, offered, uses, left, matrix, earlier)
    costs = prices @ matrix
    done = np.where(in_market | (lots.is_held & (choice > 0)), choice, fixed)
    shares = in_market | (lots.is_held & (for_held[:, 1:] == for_held[:, 1:]).any(axis=1))
    slack = available - _use_of(matrix, done)
    sharing = Sharing(_net(offered[shares], costs), choice[shares], matrix, slack)
    given_back = np.where(_is_taken_up(wished, matrix, available)[done] & lots.is_held, 0, done)
    best = np.where(in_market, choice, would_get(_net(wanted, costs), given_back, sharing))
    notice = np.where(lots.is_held, choice, would_get(_net(for_held, costs), done, sharing))
    held = np.where(notice > 0, notice, np.where(fits, by_hold_out, 0))
    return Settled(
        _decided(lots, done, best, held, _own_choice(wanted, np.zeros(len(names)))),
        capacities.select(
            *("capacity", "unit"),
            pl.Series("used", _use_of(matrix, done).astype(np.int64)),
            *("available", "at_least"),
            pl.Series("price", np.zeros(len(prices)) if is_cold else prices),
        ),
        dict(zip(names, (np.zeros(len(names)) if is_cold else costs).tolist(), strict=True)),
        is_cold,
        gap,
        int(((lots.given >= 0) & lots.arms.is_null().to_numpy()).sum()),
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
    places: Places, held: Places, matrix: Floats, available: Floats, ids: pl.Series
) -> tuple[Places, NDArray[np.bool_]]:
    """What the lots decided, without what would exceed a capacity: the last of them are left in peace. And of each customer
    whether there is room for what the hold-out gives (``held``), or would be if they belonged to it.

    Lots are thinned beforehand (``draw``), so this takes something away only from a hold-out that is given a treatment.
    """
    order = np.argsort(ids.hash(17).to_numpy(), kind="stable")
    mine = matrix[:, np.maximum(places[order], 0)]
    before = np.cumsum(mine, axis=1) - mine
    room = available[:, None] - before
    kept, fits = places.copy(), np.empty(len(places), dtype=np.bool_)
    kept[order[~((mine <= room) | (mine == 0)).all(axis=0)]] = 0
    theirs = matrix[:, held[order]]
    fits[order] = ((theirs <= room) | (theirs == 0)).all(axis=0)
    return kept, fits


def _is_taken_up(wished: Places, matrix: Floats, available: Floats) -> NDArray[np.bool_]:
    """Of each treatment whether, when one of the hold-out did without, another of the hold-out would have it."""
    others = _use_of(matrix, wished)[:, None] - matrix
    return np.asarray(((matrix > 0) & (others >= available[:, None])).any(axis=0), dtype=np.bool_)


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

    Where everybody's best choice fits, it is the best of all assignments, and nothing has a price.
    """
    available = left["available"].to_numpy().astype(np.float64)
    best = _own_choice(offered, np.zeros(len(names)))
    if (_use_of(matrix, best) <= available).all():
        return best, np.zeros(len(available)), 0.0
    columns = [pl.Series(name, offered[:, place]) for place, name in enumerate(names) if place]
    candidates = pl.DataFrame([ids.alias("customer_id"), *columns])
    found = assign(candidates, uses, left, earlier)
    places = found.assigned["treatment"].cast(pl.String).fill_null(NOTHING)
    choice = places.replace_strict(list(names), list(range(len(names))), return_dtype=pl.Int64).to_numpy()
    return choice, found.capacities["price"].to_numpy().astype(np.float64), found.gap


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
