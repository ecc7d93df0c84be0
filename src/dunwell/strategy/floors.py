"""The objective's floors as limits of a day: no gain in money may be paid with complaints, opt-outs, contacts or cures.

A floor is set for a window and for all customers; a day has its even share of it. What a treatment is expected to bring
(``expects`` in the text, for a thousand contacts) is what it uses of the share, or counts towards it. So a floor stands beside
the capacities in the assignment and has a price as they have: what one complaint more would be worth today. A floor of which
no treatment says anything limits nothing here; experiments and the rehearsal watch it all the same.
"""

import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import polars as pl

from dunwell.strategy.text import LEGAL, Strategy, Treatment

MILLIONTHS = 10**6
"""Expected events are counted in millionths, so that a limit is kept exactly."""

EVENT_OF_FLOOR: Mapping[str, str] = {
    "cure_share_min": "cures_per_thousand",
    "complaints_per_thousand_max": "complaints_per_thousand",
    "opt_outs_per_thousand_max": "opt_outs_per_thousand",
}
"""What a treatment brings (EXPECTED) that counts towards a floor, or uses of it."""

_USES = {"treatment": pl.String, "capacity": pl.String, "amount": pl.Int64, "column": pl.String}
_LIMITS = {"capacity": pl.String, "unit": pl.String, "available": pl.Int64, "at_least": pl.Int64}


def floor_uses(strategy: Strategy) -> pl.DataFrame:
    """As ``uses_frame``, treatment, capacity, amount, column: the millionths of an event that a contact is expected to bring."""
    rows = [
        {"treatment": one.name, "capacity": name, "amount": amount}
        for name in strategy.objective.floors
        for one in strategy.treatments
        if (amount := _millionths(name, one))
    ]
    return pl.DataFrame(
        rows, schema={name: _USES[name] for name in ("treatment", "capacity", "amount")}
    ).with_columns(column=pl.lit(None, pl.String))


def floor_limits(strategy: Strategy, customer_count: int, day: date) -> pl.DataFrame:
    """capacity, unit, available, at_least, as ``capacities_frame``: the day's share of each floor of which some treatment says
    what it brings.
    """
    rows = []
    for name, limit in strategy.objective.floors.items():
        uses = [amount for one in strategy.treatments if (amount := _millionths(name, one))]
        if not uses:
            continue
        share = _a_customer(name, limit, strategy.objective.cured_anyway) * customer_count * MILLIONTHS
        a_day = max(share, Decimal(0)) / strategy.objective.window_days
        is_least = name.endswith("_min")
        rows.append(
            {
                "capacity": name,
                "unit": "millionths",
                "available": None if is_least else _in_whole_contacts(a_day, max(uses), day),
                "at_least": math.floor(a_day) if is_least else None,
            }
        )
    return pl.DataFrame(rows, schema=_LIMITS)


def floor_costs(strategy: Strategy, prices: Mapping[str, float]) -> dict[str, float]:
    """What each treatment costs by the floors' prices (for a whole event); below 0 where it counts towards one."""
    return {
        one.name: sum(
            (-1 if name.endswith("_min") else 1) * prices.get(name, 0.0) * _millionths(name, one) / MILLIONTHS
            for name in strategy.objective.floors
        )
        for one in strategy.treatments
    }


def untold_floors(strategy: Strategy) -> list[str]:
    """The floors of which no treatment says what it brings."""
    return [
        name
        for name in strategy.objective.floors
        if not any(_millionths(name, one) for one in strategy.treatments)
    ]


def _millionths(floor: str, treatment: Treatment) -> int:
    if floor == "contacts_per_customer_max":
        return 0 if treatment.channel == LEGAL else MILLIONTHS
    told = treatment.expects.get(EVENT_OF_FLOOR[floor], Decimal(0))
    return math.ceil(told * MILLIONTHS / 1000)


def _a_customer(floor: str, limit: Decimal, cured_anyway: Decimal) -> Decimal:
    """What a floor allows or demands of one customer in the window."""
    if floor == "cure_share_min":
        return limit - cured_anyway
    return limit / 1000 if "_per_thousand_" in floor else limit


def _in_whole_contacts(a_day: Decimal, most: int, day: date) -> int:
    """The day's share; where it is less than a contact brings, a contact's worth on so many days as make it up."""
    if a_day >= most:
        return math.floor(a_day)
    part, number = a_day / most, day.toordinal()
    return most * (math.floor(part * (number + 1)) - math.floor(part * number))
