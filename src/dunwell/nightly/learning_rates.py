"""What else each treatment brings, from the workspace's own log: complaints and opt-outs that follow contacts, cures by lots.

A complaint or an opt-out is put down to the last contact that was decided for the person within FOLLOWS_DAYS before it, all of
it: what would have come anyway is not taken off, so the rate errs towards the customer. Cures mostly come by themselves, so of
them only what a treatment adds to leaving in peace counts, learned as its value is.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.book import Book
from dunwell.nightly.guarding import harms_of
from dunwell.nightly.keeping import decisions_of, market_of
from dunwell.settings import Settings
from dunwell.strategy.effects import Prior
from dunwell.strategy.evaluation import Log
from dunwell.strategy.experiments.design import NOTHING
from dunwell.strategy.text import Strategy
from dunwell.strategy.treatment_rates import PRIOR_SPREAD, TreatmentRate, rate_of_effect, rate_of_events
from dunwell.strategy.value import ActionValues

FOLLOWS_DAYS = 14
"""So long after a contact a complaint or an opt-out is put down to it."""
_LATER_DAYS = 7
"""Who is cured is looked for in the first kept day after the window, at most so much later."""
_HARMS = {"complaints_per_thousand": "complaint", "opt_outs_per_thousand": "opt_out"}
_CURES = "cures_per_thousand"
_WRITTEN_OFF = ("charged_off", "sold")

KeptDays = Sequence[tuple[str, date]]
"""Of each kept day the run and the day, in the days' order."""


def harm_rates(
    settings: Settings, strategy: Strategy, book: Book, kept: KeptDays, until: date
) -> list[TreatmentRate]:
    """The rates of complaints and opt-outs of the treatments of which the text tells them."""
    told = [
        (one.name, event, float(one.expects[event]))
        for one in strategy.treatments
        for event in _HARMS
        if event in one.expects
    ]
    if not told:
        return []
    decided = _contacts_decided(settings, kept)
    harms = pl.concat(
        [harms_of(book.partition(number).tables, None) for number in range(book.partition_count)]
    )
    is_closed = pl.col("as_of") + timedelta(days=FOLLOWS_DAYS) <= until
    counts = dict(decided.filter(is_closed)["treatment"].value_counts().iter_rows())
    found = []
    for name, event, figure in told:
        followed = (
            harms.filter(pl.col("event") == _HARMS[event])
            .sort("on")
            .join_asof(
                decided.sort("as_of"),
                left_on="on",
                right_on="as_of",
                by="customer_id",
                strategy="backward",
                tolerance=timedelta(days=FOLLOWS_DAYS),
                coalesce=False,
                check_sortedness=False,
            )
            .filter(is_closed & (pl.col("treatment") == name))
            .unique(["customer_id", "as_of"])
        )
        found.append(rate_of_events(name, event, figure, counts.get(name, 0), followed.height))
    return found


def _contacts_decided(settings: Settings, kept: KeptDays) -> pl.DataFrame:
    """customer_id, as_of, treatment: what was decided, doing nothing left out."""
    parts = [
        pl.read_parquet(decisions_of(settings, run_id), columns=["customer_id", "treatment"])
        .filter(pl.col("treatment") != NOTHING)
        .select("customer_id", pl.lit(day).alias("as_of"), "treatment")
        for run_id, day in kept
    ]
    return pl.concat(parts)


def cure_rates(
    settings: Settings,
    strategy: Strategy,
    book: Book,
    kept: KeptDays,
    window_days: int,
    log: Log,
    decisions: pl.DataFrame,
) -> list[TreatmentRate]:
    """What the treatments of which the text tells cures add to them within the window. ``decisions``: those of the log, in its
    order: customer_id, as_of.
    """
    priors = {
        one.name: Prior(float(one.expects.get(_CURES, 0)) / 1000, PRIOR_SPREAD) for one in strategy.treatments
    }
    told = {one.name: float(one.expects[_CURES]) for one in strategy.treatments if _CURES in one.expects}
    if not told:
        return []
    is_cured, is_known = _cured(settings, book, kept, window_days, decisions)
    if not is_known.any():
        return []
    fit = ActionValues(priors, trees=False).fit(log.rows(is_known).with_rewards(is_cured[is_known]))
    found = []
    for name, figure in told.items():
        posterior = fit.posteriors_[name]
        given = int((log.given[is_known] == log.treatments.index(name)).sum())
        found.append(rate_of_effect(name, _CURES, figure, given, *posterior.average))
    return found


def _cured(
    settings: Settings, book: Book, kept: KeptDays, window_days: int, decisions: pl.DataFrame
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Of each decision whether the customer was no longer past due at the end of its window, not by being written off; and
    whether that is known: a day was kept by which to tell.
    """
    accounts = [book.partition(number).tables["accounts"] for number in range(book.partition_count)]
    lost = pl.concat(
        [
            one.filter(pl.col("status").cast(pl.String).is_in(_WRITTEN_OFF))["customer_id"].cast(pl.String)
            for one in accounts
        ]
    ).implode()
    cured, known = np.zeros(decisions.height), np.zeros(decisions.height, dtype=np.bool_)
    for (as_of,), rows in decisions.with_row_index("row").group_by("as_of"):
        assert isinstance(as_of, date)
        end = as_of + timedelta(days=window_days)
        after = [run_id for run_id, day in kept if end <= day <= end + timedelta(days=_LATER_DAYS)]
        file = market_of(settings, after[0]) if after else None
        if file is None or not file.is_file():
            continue
        still = pl.read_parquet(file, columns=["customer_id"])["customer_id"].implode()
        places = rows["row"].to_numpy()
        known[places] = True
        is_out = ~rows["customer_id"].is_in(still) & ~rows["customer_id"].is_in(lost)
        cured[places] = is_out.to_numpy()
    return cured, known
