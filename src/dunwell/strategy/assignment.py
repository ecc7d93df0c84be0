"""Who gets which treatment today: one or none for each customer, worth the most under all capacities, and how near the best.

``assign`` finds prices on the capacities at which everybody's own best choice nearly keeps them (``assignment_prices``), and
repairs the rest (``assignment_repair``). The prices give a bound that no assignment can beat, so the gap to the best is known.

Zhang, Qi, Hua and Yang, "Solving billion-scale knapsack problems", WWW 2020, is the same dual with another method.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from dunwell.strategy.assignment_frames import (
    problem_of,
    rule_out_too_large,
    treatments_of,
)
from dunwell.strategy.assignment_prices import Dual, solve_dual
from dunwell.strategy.assignment_problem import Array, Floats, Passes, Problem, with_passes
from dunwell.strategy.assignment_repair import Repaired, repair

_ROUNDING = 1e-12
"""What adding up in floats may lose, as a share of what is added up: the bound is raised by it."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The treatments, what they are worth, and the most that any assignment could be worth.

    ``assigned`` is an ``Assigned`` frame, ``capacities`` a ``CapacityPrices`` one.
    """

    assigned: pl.DataFrame
    capacities: pl.DataFrame
    value: float
    bound: float

    @property
    def gap(self) -> float:
        """How far the value may be from the best, at most, as a share of the bound."""
        return 0.0 if self.bound == self.value else (self.bound - self.value) / max(abs(self.bound), 1e-300)

    @property
    def missed(self) -> pl.DataFrame:
        """The floors that no assignment found reaches; empty as a rule. Capacities are never exceeded."""
        return self.capacities.filter(pl.col("used") < pl.col("at_least"))


def assign(
    candidates: pl.DataFrame,
    uses: pl.DataFrame,
    capacities: pl.DataFrame,
    earlier: pl.DataFrame | None = None,
) -> Assignment:
    """One treatment or none for each candidate, worth the most within the capacities.

    ``candidates``, ``uses``, ``capacities``: see ``assignment_frames``. ``earlier``: an earlier assignment's prices
    (``capacity``, ``price``), to start from; they alter the time it takes, and no guarantee. The same frames give the same
    answer, on any number of cores.
    """
    problem = problem_of(candidates, uses, capacities)
    ruled_out = rule_out_too_large(problem)
    start = None if earlier is None else _earlier_prices(earlier, capacities)

    def solve(passes: Passes) -> tuple[Dual, Repaired, Floats, Floats]:
        dual = solve_dual(problem, passes, start)
        repaired = repair(problem, dual, passes)
        return dual, repaired, *passes.tell(problem, dual.prices, repaired.choice)

    dual, repaired, value, cost = with_passes(solve)
    worth = _worth_of_none(problem, candidates, dual.prices, value - cost, ruled_out)
    added_up = abs(dual.bound) + 2 * float(np.abs(dual.prices * problem.limits).sum())
    names = treatments_of(candidates)
    kinds = pl.Enum(names)
    chosen = pl.Series(np.where(repaired.choice < 0, len(names), repaired.choice).astype(np.uint8))
    return Assignment(
        assigned=pl.DataFrame(
            {
                "customer_id": candidates["customer_id"],
                "treatment": chosen.set(chosen == len(names), None).cat.to(kinds),
                "value": value,
                "price": cost,
            }
        ),
        capacities=capacities.select(
            *("capacity", "unit"),
            pl.Series("used", np.abs(repaired.use)),
            *("available", "at_least"),
            pl.Series("price", np.maximum(dual.prices, worth)),
        ),
        value=repaired.value,
        bound=max(dual.bound + _ROUNDING * added_up, repaired.value),
    )


def _earlier_prices(earlier: pl.DataFrame, capacities: pl.DataFrame) -> Floats:
    """The earlier prices in the order of the capacities; 0 where there was none."""
    prices = capacities.select("capacity").join(
        earlier.select("capacity", "price"), on="capacity", how="left", maintain_order="left"
    )
    return prices["price"].fill_null(0.0).to_numpy().astype(np.float64)


def _worth_of_none(
    problem: Problem,
    candidates: pl.DataFrame,
    prices: Floats,
    net: Floats,
    ruled_out: list[tuple[int, int, Array | None]],
) -> Floats:
    """What a first unit would be worth of a capacity of which there is none: nobody could be given it, so it has no price yet."""
    worth = np.zeros(len(prices))
    names = treatments_of(candidates)
    for k, j, rows in ruled_out:
        if problem.limits[k] != 0:
            continue
        is_held = np.zeros(problem.count, np.bool_)  # by another capacity as well
        for other, treatment, others in ruled_out:
            if treatment == j and other != k:
                is_held[slice(None) if others is None else others] = True
        rows = np.flatnonzero(~is_held) if rows is None else rows[~is_held[rows]]
        gain = candidates[names[j]].fill_null(np.nan).to_numpy()[rows] - net[rows]
        use = np.zeros(rows.size)
        for f in range(problem.first_feature[j], problem.first_feature[j + 1]):
            m = problem.features[f, 1]
            units = problem.columns[m, rows] if m >= 0 else 1.0
            gain = gain - float(prices @ problem.amounts[:, f]) * units
            use = use + problem.amounts[k, f] * units
        worth[k] = max(worth[k], float(np.nanmax(gain / use, initial=0.0)))
    return worth
