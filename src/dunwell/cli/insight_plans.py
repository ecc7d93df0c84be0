"""``dunwell train --model breakage``: a table of plans and settlements that ended, and how often each length broke."""

from datetime import date
from typing import Any

import polars as pl

from dunwell.cli.errors import CommandError
from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.scoring import Model
from dunwell.insight.settlement import by_term, matured, plan_inputs
from dunwell.insight.settlement.chances import PLANS

AGREED_ON = "agreed_on"


def plan_rows(rows: pl.DataFrame, as_of: date | None) -> pl.DataFrame:
    """The plans with what length and burden tell. Where ``agreed_on`` says since when they run, only those whose last
    payment had fallen due by ``as_of``: of the others only the broken are known to have ended.
    """
    if AGREED_ON in rows.columns:
        if as_of is None:
            raise CommandError(
                "the plans have agreed_on: say with --as-of up to which day they were followed, so that plans still "
                "running do not pass for kept"
            )
        if rows[AGREED_ON].dtype == pl.String:
            rows = rows.with_columns(pl.col(AGREED_ON).str.to_date(strict=False))
        if rows[AGREED_ON].dtype != pl.Date or rows[AGREED_ON].null_count():
            raise CommandError(
                "agreed_on must be a day like 2026-01-31 in every row. Mend it, or leave the rows out"
            )
        rows = matured(rows, as_of)
    made = plan_inputs(rows)
    if made.is_empty():
        raise TrainingUnusable(
            f"no plan's last payment had fallen due by {as_of}. Give a later day, or older plans"
        )
    return made.drop(AGREED_ON, strict=False)


def plan_use(learned: pl.DataFrame, inputs: list[str]) -> dict[str, Any]:
    """What is written beside the model: what it was made for, and the longest plan it learned from."""
    longest = int(learned["term_months"].to_numpy().max())
    return {"made_for": PLANS, "inputs": inputs, "months_max": longest}


def tell_terms(model: Model, measured: pl.DataFrame, target: str) -> None:
    """Print breakage by months of the plan, foretold and come."""
    chance = pl.Series(model.probability_of(measured))
    for row in by_term(measured["term_months"], measured[target], chance).iter_rows(named=True):
        print(
            f"  {row['term']:>8} months, {row['plans']:,} plans: foretold {100 * row['foretold']:.1f} % broken, came "
            f"{100 * row['broken']:.1f} % (95 %: {100 * row['low']:.1f} to {100 * row['high']:.1f})"
        )
