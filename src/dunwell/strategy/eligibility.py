"""Who belongs to which segment and may get which treatments, as a strategy's text has it: before the law, which may only
take away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.strategy.columns import CHANNELS, made_up
from dunwell.strategy.conditions import all_of
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.text import EVERYBODY_ELSE, Case, Strategy, Treatment


@dataclass(frozen=True, slots=True)
class CaseResult:
    """A worked case, and what came of it otherwise than expected; no problems when it passed."""

    case: Case
    segment: str
    treatments: tuple[str, ...]
    problems: tuple[str, ...]


def eligible(strategy: Strategy, customers: pl.DataFrame) -> pl.DataFrame:
    """customer_id, segment and a column of truth for each of ``strategy.treatment_names``, doing nothing always among them.

    ``customers``: as ``customer_columns`` makes them.
    """
    segment = pl.lit(EVERYBODY_ELSE)
    for one in reversed(strategy.segments):
        segment = pl.when(all_of(one.when)).then(pl.lit(one.name)).otherwise(segment)
    placed = customers.with_columns(segment=segment)
    return placed.select(
        "customer_id",
        "segment",
        pl.lit(True).alias(NOTHING),
        *(_may_get(treatment).alias(treatment.name) for treatment in strategy.treatments),
    )


def eligible_matrix(strategy: Strategy, table: pl.DataFrame) -> NDArray[np.bool_]:
    """The truths of ``eligible`` as a matrix: a row a customer, a column a treatment."""
    matrix: NDArray[np.bool_] = table.select(strategy.treatment_names).to_numpy()
    return matrix


def first_choice(strategy: Strategy, table: pl.DataFrame) -> pl.Series:
    """The treatment for each row of ``eligible`` while no values are known: the first in the text's order, else to do
    nothing.
    """
    choice = pl.lit(NOTHING)
    for treatment in reversed(strategy.treatments):
        choice = pl.when(treatment.name).then(pl.lit(treatment.name)).otherwise(choice)
    return table.select(choice.alias("treatment")).to_series()


def uses(strategy: Strategy) -> Mapping[str, Mapping[str, Decimal]]:
    """How much each treatment takes of each capacity, by treatment and capacity; doing nothing takes nothing."""
    table: dict[str, Mapping[str, Decimal]] = {
        NOTHING: {capacity.name: Decimal(0) for capacity in strategy.capacities}
    }
    for treatment in strategy.treatments:
        table[treatment.name] = {capacity.name: capacity.use(treatment) for capacity in strategy.capacities}
    return table


def run_cases(strategy: Strategy, cases: tuple[Case, ...]) -> list[CaseResult]:
    """Each worked case held against what the text says."""
    if not cases:
        return []
    table = eligible(strategy, made_up([case.customer for case in cases]))
    results = []
    for case, row, first in zip(
        cases, table.iter_rows(named=True), first_choice(strategy, table), strict=True
    ):
        may = tuple(name for name in strategy.treatment_names[1:] if row[name])
        problems = []
        if case.segment not in (None, row["segment"]):
            problems.append(f"segment is {row['segment']!r}, expected {case.segment!r}")
        if case.treatments is not None and set(case.treatments) - {NOTHING} != set(may):
            problems.append(f"treatments are {list(may)}, expected {list(case.treatments)}")
        if case.first not in (None, first):
            problems.append(f"the first is {first!r}, expected {case.first!r}")
        problems += [f"may get {name!r}, and never should" for name in case.never if name in may]
        results.append(CaseResult(case, row["segment"], may, tuple(problems)))
    return results


def _may_get(treatment: Treatment) -> pl.Expr:
    reached = (
        pl.col(f"has_{treatment.channel}").fill_null(False) if treatment.channel in CHANNELS else pl.lit(True)
    )
    return pl.col("segment").is_in(treatment.segments) & all_of(treatment.when) & reached
