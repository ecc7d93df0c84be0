"""The prices in words: what one more agent hour is worth today, and what a floor costs.

A price is worked out for the unit that capacities are counted in, often a second or a cent. People think in hours and in units of
money, so a unit can be told as a larger one. The price is marginal: it holds for a little more or less, not for twice as much.
"""

from collections.abc import Mapping

import dataframely as dy
import polars as pl

LARGER_UNITS: Mapping[str, tuple[str, int]] = {
    "second": ("hour", 3600),
    "minute": ("hour", 60),
    "cent": ("unit of money", 100),
}
"""What a unit is told as, and how many of it that is."""


class ToldPrices(dy.Schema):
    """A capacity or floor a row, the dearest first, in the unit people think in; ``sentence`` says it in words.

    ``available`` is what there is of a capacity, or what a floor demands.
    """

    capacity = dy.String(primary_key=True)
    unit = dy.String()
    used = dy.Float64()
    available = dy.Float64()
    price = dy.Float64(min=0)
    sentence = dy.String()


def tell_prices(
    capacities: pl.DataFrame, currency: str = "", larger_units: Mapping[str, tuple[str, int]] = LARGER_UNITS
) -> pl.DataFrame:
    """The prices of an assignment's ``capacities`` in words, as ``ToldPrices``; values are in ``currency``.

    >>> used = {"capacity": "agents", "unit": "second", "used": 7190, "available": 7200, "at_least": None, "price": 0.01}
    >>> told = tell_prices(pl.DataFrame([used], schema_overrides={"at_least": pl.Int64}), "EUR")
    >>> told["sentence"].item()
    'agents: one more hour today would add about EUR 36.00; 2.0 of 2.0 hours are used.'
    """
    rows = [_told(row, currency, larger_units) for row in capacities.iter_rows(named=True)]
    columns = {name: column.dtype for name, column in ToldPrices.columns().items()}
    return pl.DataFrame(rows, schema=columns).sort("price", descending=True, maintain_order=True)


def _told(
    row: Mapping[str, object], currency: str, larger_units: Mapping[str, tuple[str, int]]
) -> dict[str, object]:
    unit, size = larger_units.get(str(row["unit"]), (str(row["unit"]), 1))
    is_floor = row["available"] is None
    used, available = (
        _number(row[name]) / size for name in ("used", "at_least" if is_floor else "available")
    )
    price = _number(row["price"]) * size
    amount = f"{currency} {price:,.2f}".strip()
    is_whole = size == 1
    have = f"{used:,.0f} of {available:,.0f}" if is_whole else f"{used:,.1f} of {available:,.1f}"
    units = f"{unit}s" if unit.isalpha() else unit
    if is_floor and used < available:
        words = f"the floor is not reached: {have} {units}, and no assignment found has more."
    elif is_floor:
        cost = f"one {unit} less would add about {amount}" if price > 0 else "it costs nothing today"
        words = f"the floor is reached, {have} {units}; {cost}."
    elif price > 0:
        words = f"one more {unit} today would add about {amount}; {have} {units} are used."
    else:
        words = f"more would add nothing today; {have} {units} are used."
    return {
        "capacity": row["capacity"],
        "unit": unit,
        "used": used,
        "available": available,
        "price": price,
        "sentence": f"{row['capacity']}: {words}",
    }


def _number(value: object) -> float:
    assert isinstance(value, int | float), value
    return float(value)
