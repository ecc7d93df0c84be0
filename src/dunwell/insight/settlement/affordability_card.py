"""The card of the affordability estimate: made from what people had paid, beside what they paid in the months after."""

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.scoring.card import ModelCard
from dunwell.insight.scoring.fairness import GROUP_ROWS_MIN, NOT_MEASURED, group_frame
from dunwell.insight.scoring.measures import Figure, share_interval
from dunwell.insight.settlement.affordability import PAID_MONTHS_MIN, affordability

MONTHS_AFTER = 3
"""So many months after the estimate are looked at."""

_ASKED_BELOW, _PEOPLE_MIN = 0.10, 30

LIMITS = (
    "What people paid is not what they could pay: who pays little may have kept nothing back, and who pays much may go without.",
    "So an interval that holds shows that payments go on as before, and not that they can be borne.",
    "Income and spending are not in a book; where they are given their spreads are the house's assumptions, not measured here.",
    "The low end is for planning. A budget gone through with the person goes before any estimate.",
    "It decides nothing, and was never given sex, marital status, ethnicity, religion, health, location trails or social ties.",
)


def affordability_card(
    paid: pl.DataFrame, *, groups: pl.DataFrame | None = None, window: tuple[date, date] | None = None
) -> ModelCard:
    """Estimate from all but the last MONTHS_AFTER months of ``paid_by_month_minor`` (``paid_by_month``) and hold it against the
    mean of those. People who paid nothing before are left out: nothing is estimated from nothing. So
    are, where ``is_always_due`` tells them, those to whom nothing fell due in some month: that they paid less then says nothing.

    ``groups``: customer_id and a column a way of grouping, to see whether the low end is too high for some. Raises
    TrainingUnusable where there are too few people or months.
    """
    months = pl.col("paid_by_month_minor").list
    is_told = "is_always_due" in paid.columns
    known = (paid.filter("is_always_due") if is_told else paid).filter(
        months.len() >= MONTHS_AFTER + PAID_MONTHS_MIN,
        months.head(months.len() - MONTHS_AFTER).list.sum() > 0,
    )
    if known.height < _PEOPLE_MIN:
        raise TrainingUnusable(
            f"{known.height} people paid anything in the months before, too few to hold an estimate against what came: "
            f"at least {_PEOPLE_MIN}, of {PAID_MONTHS_MIN + MONTHS_AFTER} months, are needed"
        )
    nothing = {
        f"{name}_{what}": pl.lit(None, dtype)
        for name in ("income", "spending")
        for what, dtype in (("minor", pl.Int64), ("known", pl.String))
    }
    told = affordability(
        known.with_columns(
            _after=months.tail(MONTHS_AFTER).list.mean(),
            paid_by_month_minor=months.head(months.len() - MONTHS_AFTER),
            **nothing,
        )
    )
    below = told.select(pl.col("_after") < pl.col("low_minor")).to_series().to_numpy()
    within = told.select(pl.col("_after").is_between("low_minor", "high_minor")).to_series().to_numpy()
    figures: dict[str, Figure] = {
        "paid_between_low_and_high_(0.80_would_be_right)": share_interval(int(within.sum()), len(within)),
        "paid_less_than_low_(0.10_would_be_right)": share_interval(int(below.sum()), len(below)),
    }
    named = None
    if groups is not None:
        own = told.select("customer_id").join(groups, on="customer_id", how="left", maintain_order="left")
        named = group_frame(own.drop("customer_id"), told.height)
    by_group = _by_group(below, named)
    figures |= by_group
    apart = [
        name for name, figure in by_group.items() if not figure.low <= float(below.mean()) <= figure.high
    ]
    return ModelCard(
        kind="affordability",
        purpose="Estimates what a person can probably pay a month, for a plan that can be kept.",
        target=f"the mean of what was paid in the {MONTHS_AFTER} months after",
        window=window,
        measured_on=f"people who had paid something in the months before, over the {MONTHS_AFTER} months after"
        + (", of those to whom something fell due in every month" if is_told else ""),
        trained_row_count=0,
        row_count=told.height,
        event_count=int(below.sum()),
        inputs=("income", "spending", "paid by month"),
        figures=figures,
        reliability=(),
        groups=(),
        gaps=(),
        promotion_blocks=() if by_group else (NOT_MEASURED,),
        cautions=tuple(f"{name.replace('_', ' ')}: differs from the whole beyond chance." for name in apart),
        limits=LIMITS,
        without_groups="Groups are told among the figures: the share of each that paid less than the low end."
        if by_group
        else "No groups were given, so fairness was not measured.",
    )


def _by_group(below: NDArray[np.bool_], groups: pl.DataFrame | None) -> dict[str, Figure]:
    """The share of each group that paid less than the low end of what was estimated for it."""
    told = {}
    for column in () if groups is None else groups.columns:
        values = groups[column].to_numpy() if groups is not None else np.array([])
        for one in sorted(set(values.tolist())):
            mine = values == one
            if mine.sum() >= GROUP_ROWS_MIN:
                told[f"paid_less_than_low,_{column}_{one}"] = share_interval(
                    int(below[mine].sum()), int(mine.sum())
                )
    return told
