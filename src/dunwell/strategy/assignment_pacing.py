"""Through the day: deciding again as outcomes arrive, and in which order the calls are made.

Deciding again is the same assignment with what is left: ``left_of`` takes what the morning has used off the capacities,
candidates who are done are left out, and the morning's prices are the start (``assign(..., earlier=morning.capacities)``).

The order of a queue comes from the same prices. What a call is worth, less what it uses of all *other* capacities, for each unit
of this one: those above the capacity's own price are worth their time today, the highest first. When an agent is early or late,
the line goes on further or stops sooner, and what is dropped is what was worth least.
"""

import dataframely as dy
import polars as pl

from dunwell.strategy.assignment_frames import Unassignable


class Queue(dy.Schema):
    """Who waits for a capacity, in order.

    ``use``: units of the capacity; ``worth``: value less what is used of other capacities, for a unit; ``over_price``: how much
    that is above the capacity's price.
    """

    place = dy.UInt32(primary_key=True, min=1)
    customer_id = dy.String()
    treatment = dy.Any()
    use = dy.Int64(min=1)
    worth = dy.Float64()
    over_price = dy.Float64()


def left_of(capacities: pl.DataFrame, spent: pl.DataFrame) -> pl.DataFrame:
    """The capacities less what has been ``spent`` (capacity, used) since they were set; none is below 0.

    What counts towards a floor is taken off the floor. Raises Unassignable where something was spent that is no capacity.
    """
    unknown = sorted(set(spent["capacity"]) - set(capacities["capacity"]))
    if unknown:
        raise Unassignable(f"Spent of {', '.join(unknown)}, which capacities does not have: add its row.")
    sums = spent.group_by("capacity").agg(pl.col("used").sum().alias("_spent"))
    joined = capacities.join(sums, on="capacity", how="left", maintain_order="left")
    left = [
        (pl.col(name) - pl.col("_spent").fill_null(0)).clip(lower_bound=0).alias(name)
        for name in ("available", "at_least")
    ]
    return joined.with_columns(left).select(capacities.columns)


def queue_for(
    capacity: str,
    assigned: pl.DataFrame,
    candidates: pl.DataFrame,
    uses: pl.DataFrame,
    capacities: pl.DataFrame,
) -> pl.DataFrame:
    """The customers whose treatment uses a capacity, in the order in which they should have it, as ``Queue``.

    ``assigned`` and ``capacities`` are an assignment's, ``candidates`` and ``uses`` what it was made from. Equals stand in the
    order of customer_id. Raises Unassignable for a capacity that does not exist.
    """
    prices = dict(capacities.select("capacity", "price").iter_rows())
    if capacity not in prices:
        raise Unassignable(f"There is no capacity {capacity}; there are {', '.join(prices)}.")
    amounts = [
        (row["treatment"], pl.lit(row["amount"]) if row["column"] is None else pl.col(row["column"]))
        for row in uses.filter(pl.col("capacity") == capacity).iter_rows(named=True)
    ]
    names = sorted(set(uses.filter(pl.col("capacity") == capacity)["column"].drop_nulls()))
    frame = pl.concat([assigned, candidates.select(names)], how="horizontal")
    use = pl.coalesce(
        *(pl.when(pl.col("treatment") == name).then(amount.cast(pl.Int64)) for name, amount in amounts),
        pl.lit(0, pl.Int64),
    )
    price = prices[capacity]
    over_price = (pl.col("value") - pl.col("price")) / pl.col("use")
    return (
        frame.with_columns(use.alias("use"))
        .filter(pl.col("use") > 0)
        .with_columns(over_price.alias("over_price"))
        .with_columns((pl.col("over_price") + price).alias("worth"))
        .sort("over_price", "customer_id", descending=[True, False], maintain_order=True)
        .with_row_index("place", offset=1)
        .select("place", "customer_id", "treatment", "use", "worth", "over_price")
    )
