"""Will a plan or a settlement be kept: by its length, and by how heavy a month of it is.

Only plans whose last payment has fallen due are learned from. Of long plans still running, those already
broken are known and those to be kept are not: counting them would make long plans look worse than they are.
What was agreed was not drawn by lot: the chance tells which agreements break, and not what another would do.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from dunwell.insight.problems import CannotScore
from dunwell.insight.scoring.base import Model
from dunwell.insight.scoring.boosted import BoostedModel
from dunwell.insight.scoring.measures import share_interval
from dunwell.insight.scoring.words import Meaning

TERM_BANDS = (1, 6, 12, 18)
"""The bands of months in which breakage is held against what came: up to 1, 2 to 6, and so on."""

MEANINGS = {
    "term_months": Meaning("months of the plan", "还款期数"),
    "share_to_pay": Meaning("share of the balance that is to be paid", "应还金额占余额的比例"),
    "monthly_minor": Meaning("payment a month", "每月还款额"),
    "burden": Meaning("payment a month against the former instalment", "每月还款额与原每期还款额之比"),
}


def plan_inputs(plans: pl.DataFrame) -> pl.DataFrame:
    """The rows with what length and burden tell: ``monthly_minor``, ``share_to_pay`` and ``burden``.

    ``plans``: term_months (0 or 1: at once), agreed_minor, balance_minor, instalment_minor (null: not known), and
    what else is known on the day of agreement. Raises CannotScore for columns left out.
    """
    needed = ("term_months", "agreed_minor", "balance_minor", "instalment_minor")
    absent = [name for name in needed if name not in plans.columns]
    if absent:
        raise CannotScore(f"the column {absent[0]!r} is missing. Plans need {', '.join(needed)}")
    monthly = pl.col("agreed_minor") / pl.col("term_months").clip(1)
    return plans.with_columns(
        monthly_minor=monthly,
        share_to_pay=pl.col("agreed_minor") / pl.col("balance_minor"),
        burden=monthly / pl.col("instalment_minor"),
    )


def matured(plans: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The plans whose last payment has fallen due by a day: agreed_on and term_months say when."""
    return plans.filter(
        pl.col("agreed_on").dt.offset_by(pl.format("{}mo", pl.col("term_months").cast(pl.Int64)))
        <= pl.lit(as_of)
    )


def breakage_model(**settings: Any) -> BoostedModel:
    """A model for few rows that never holds a longer plan of the same burden for the safer, calibrated by the
    bands of ``TERM_BANDS``. Fit it on ``plan_inputs`` of ``matured`` plans, with whether each was broken.
    """
    chosen: dict[str, Any] = {
        "rounds": 150,
        "leaves": 7,
        "leaf_rows_min": 30,
        "column_share": 0.5,
        "ridge": 10.0,
        "risk": {"term_months": 1},
        "meanings": MEANINGS,
        "steps": ("term_months", TERM_BANDS),
    }
    return BoostedModel(**chosen | settings)


def by_term(term_months: pl.Series, is_broken: pl.Series, chance: pl.Series) -> pl.DataFrame:
    """Breakage foretold and seen by band of months: term, plans, foretold, broken, low, high (95 %)."""
    bands = pl.sum_horizontal((pl.col("term_months") > edge).cast(pl.Int32) for edge in TERM_BANDS)
    rows = pl.DataFrame(
        {"term_months": term_months, "is_broken": is_broken.cast(pl.Float64), "chance": chance}
    )
    told = []
    for (band,), part in rows.with_columns(band=bands).sort("band").group_by("band", maintain_order=True):
        figure = share_interval(int(part["is_broken"].sum()), part.height)
        told.append(
            {
                "term": _band_words(int(str(band))),
                "plans": part.height,
                "foretold": float(part["chance"].to_numpy().mean()),
                "broken": figure.value,
                "low": figure.low,
                "high": figure.high,
            }
        )
    return pl.DataFrame(told)


def compare_terms(model: Model, plan: pl.DataFrame, terms: Sequence[int]) -> pl.DataFrame:
    """One plan (a frame of one row) as it would be over other numbers of months, the sum left alone: term_months,
    monthly_minor, burden, chance_broken. For choosing with the person; see above for what it cannot say.
    """
    if plan.height != 1:
        raise CannotScore(f"{plan.height} plans are given. Give one, as a frame of one row")
    rows = plan_inputs(pl.concat([plan.with_columns(term_months=pl.lit(term, pl.Int64)) for term in terms]))
    chance = model.predict_proba(rows)[:, 1]
    return rows.select("term_months", "monthly_minor", "burden").with_columns(chance_broken=pl.Series(chance))


def _band_words(band: int) -> str:
    edges = (0, *TERM_BANDS)
    if band == 0:
        return f"up to {edges[1]}"
    return f"{edges[band] + 1} to {edges[band + 1]}" if band < len(TERM_BANDS) else f"over {edges[band]}"
