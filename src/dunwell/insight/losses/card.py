"""The card of the losses to expect: what was foretold a year ago, beside the defaults that came and what they owed."""

from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.insight.losses.book import Defaults
from dunwell.insight.losses.expected import DEFAULT, default_chances
from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.rolls.card import groups_of
from dunwell.insight.rolls.panel import States, next_states, with_history
from dunwell.insight.scoring.card import LIMITS, ModelCard, card_of_chances
from dunwell.insight.scoring.measures import Figure

_YEAR = 12
_MONTHS_LEARNED_MIN = 15
_DRAWS = 200

_OWN_LIMITS = (
    "Exposures are of principal to come and what is overdue; cards' unused limits and cures after default are not foreseen.",
    "Later years are chained from one, so the chance over a life is less sure than that of twelve months measured here.",
    "What comes back after a default has an interval of its own, by the last month through which enough were followed.",
    "Scenarios are the user's word: nothing here foresees the economy.",
)


def losses_card(
    panel: pl.DataFrame,
    states: States,
    defaulted: frozenset[str],
    *,
    owed_then: pl.DataFrame | None = None,
    seen: Defaults | None = None,
    origin_on: date | None = None,
    groups: pl.DataFrame | None = None,
    window: tuple[date, date] | None = None,
    seed: int = 0,
) -> ModelCard:
    """Measure the chances of a default within twelve months, learned from nothing later than a year before the panel's end, on
    the accounts of that month that were not in default; with ``owed_then`` (``exposures`` as of ``origin_on``) and ``seen``
    (``book_defaults``) also the money that was owed at the defaults that came.

    ``groups``: account_id and a column a way of grouping. Raises TrainingUnusable where the panel is too short.
    """
    last, first = (
        int(edge) for edge in panel.select(last=pl.col("month").max(), first=pl.col("month").min()).row(0)
    )
    origin = last - _YEAR
    if origin - first < _MONTHS_LEARNED_MIN:
        raise TrainingUnusable(
            f"the panel covers {last - first + 1} months, too few to hold a year's defaults against what was foretold: "
            f"{_MONTHS_LEARNED_MIN + _YEAR + 1} are needed. Give a longer panel"
        )
    known = with_history(panel, states)
    rates = default_chances(known.filter(pl.col("month") <= origin), states, defaulted)
    is_default = pl.col("state").cast(pl.String).is_in(sorted(defaulted))
    later = (
        known.filter(is_default, pl.col("month") > origin).select("account_id", _came=pl.lit(1.0)).unique()
    )
    rows = (
        next_states(known, _YEAR)
        .filter(pl.col("month") == origin, ~is_default)
        .join(later, on="account_id", how="left", maintain_order="left")
    )
    chance = rates.chances(rows)[:, rates.states.all.index(DEFAULT)]
    came = rows["_came"].fill_null(0.0).to_numpy()
    more: dict[str, Figure] = {"defaults_foretold_over_came": _ratio(chance, came, seed)}
    if owed_then is not None and seen is not None and origin_on is not None:
        more |= _money(rows.with_columns(chance=pl.Series(chance)), owed_then, seen, origin_on, seed)
    return card_of_chances(
        came,
        chance,
        kind="expected losses",
        inputs=("state", *rates.refine),
        trained_row_count=int(rates.levels_[0].counts.sum()),
        purpose="Foretells the losses to expect, within twelve months and over the accounts' life (IFRS 9).",
        target_meaning="in default (90 days past due) at a month's end within twelve months",
        window=window,
        measured_on=f"the accounts of month {origin} that were not in default, over the twelve months after",
        groups=None if groups is None else groups_of(rows, groups),
        seed=seed,
        more=more,
        limits=(*_OWN_LIMITS, *LIMITS),
    )


def _money(
    rows: pl.DataFrame, owed_then: pl.DataFrame, seen: Defaults, origin_on: date, seed: int
) -> dict[str, Figure]:
    """By currency what accounts without a default before were foretold to owe at one, over what those that came owed."""
    before = seen.debts.filter(pl.col("charged_off_on") <= origin_on).select("account_id")
    until = origin_on + timedelta(days=365)
    debts = seen.debts.filter(pl.col("charged_off_on").is_between(origin_on, until, closed="right"))
    joined = (
        rows.select("account_id", "chance")
        .join(before, on="account_id", how="anti", maintain_order="left")
        .join(owed_then, on="account_id", maintain_order="left")
        .join(
            debts.select("account_id", lost="exposure_minor"),
            on="account_id",
            how="left",
            maintain_order="left",
        )
    )
    told = {}
    for (currency,), part in joined.sort("currency", "account_id").group_by("currency", maintain_order=True):
        if part["lost"].drop_nulls().len() < _MONTHS_LEARNED_MIN:
            continue
        foretold = (part["chance"] * part["exposure_in_1y"]).to_numpy()
        came = part["lost"].cast(pl.Float64).fill_null(0.0).to_numpy()
        told[f"owed_at_defaults_foretold_over_came_{currency}"] = _ratio(foretold, came, seed)
    return told


def _ratio(foretold: NDArray[np.float64], came: NDArray[np.float64], seed: int) -> Figure:
    """Sum over sum, with its interval over drawn accounts."""
    draw, values = np.random.default_rng(seed), []
    for _ in range(_DRAWS):
        rows = draw.integers(0, len(came), len(came))
        values.append(foretold[rows].sum() / max(1e-9, came[rows].sum()))
    low, high = np.quantile(values, [0.025, 0.975])
    return Figure(float(foretold.sum() / max(1e-9, came.sum())), float(low), float(high))
