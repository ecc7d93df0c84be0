"""What part of an exposure at default is lost, by currency: what the book's own defaults have not brought back."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from dunwell.insight.losses.book import Defaults
from dunwell.insight.problems import TrainingUnusable
from dunwell.insight.settlement import recovery_curve

DEBTS_MIN = 30
"""A month after default is looked at while so many debts have been followed through it."""

_MONTHS_ENOUGH = 12
_MEAN_EXPOSURE = 1_000_000

SHARE_COLUMNS = {
    "currency": pl.String,
    "lost_share": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "months": pl.Int64,
    "debts": pl.Int64,
    "rests_on": pl.String,
}


def lost_shares(defaults: Defaults, as_of: date, seed: int = 0) -> pl.DataFrame:
    """By currency the share lost and its 95 % interval (SHARE_COLUMNS), after so many months, of so many debts; ``rests_on``:
    the currency's own defaults, or those of ``all`` where its own are fewer than DEBTS_MIN or were not followed as long, a
    year at most. Empty where all are fewer, too.

    What comes later than the months told is not hoped for; who pays more than was owed at default has lost nobody anything.
    """
    told: list[dict[str, object]] = []
    currencies = defaults.debts["currency"].unique().sort().to_list()
    if len(currencies) == 1:  # its own are all there are
        only = _share(defaults, as_of, seed)
        told = [] if only is None else [{"currency": currencies[0], **only, "rests_on": currencies[0]}]
        return pl.DataFrame(told, schema=SHARE_COLUMNS)
    whole = _share(_on_one_scale(defaults), as_of, seed)
    for currency in currencies:
        of_it = defaults.debts.filter(pl.col("currency") == currency)
        own = _share(Defaults(of_it, defaults.payments), as_of, seed)
        if whole is None:
            continue
        is_enough = own is not None and own["months"] >= min(_MONTHS_ENOUGH, whole["months"])
        found, rests_on = (own, currency) if own is not None and is_enough else (whole, "all")
        told.append({"currency": currency, **found, "rests_on": rests_on})
    return pl.DataFrame(told, schema=SHARE_COLUMNS)


def shares_of(currencies: Sequence[str], shares: pl.DataFrame) -> dict[str, float]:
    """The share lost in each currency, as ``lost_shares`` (some rows) tells it; in one without any default of its own, as all."""
    of_all = shares.filter(pl.col("rests_on") == "all")["lost_share"]
    mean = float((of_all if len(of_all) else shares["lost_share"]).to_numpy().mean())
    known = dict(shares.select("currency", "lost_share").iter_rows())
    return {currency: known.get(currency, mean) for currency in currencies}


def _share(defaults: Defaults, as_of: date, seed: int) -> dict[str, float] | None:
    """The share lost by the last month through which enough debts were followed; None where there is none."""
    try:
        curve = recovery_curve(defaults.debts, defaults.payments, as_of, seed=seed)
    except TrainingUnusable:
        return None
    followed = curve.filter(pl.col("debts") >= DEBTS_MIN)
    if followed.is_empty():
        return None
    last = followed.row(-1, named=True)
    lost, low, high = (min(1.0, max(0.0, 1 - last[name])) for name in ("recovered_share", "high", "low"))
    return {"lost_share": lost, "low": low, "high": high, "months": last["month"], "debts": last["debts"]}


def _on_one_scale(defaults: Defaults) -> Defaults:
    """Money as a multiple of what defaults in its currency owe on average, so that no currency's unit weighs more."""
    mean = defaults.debts.group_by("currency").agg(_mean=pl.col("exposure_minor").mean())
    debts = defaults.debts.join(mean, on="currency", how="left", maintain_order="left")
    scale = _MEAN_EXPOSURE / pl.col("_mean")
    payments = defaults.payments.join(
        debts.select("account_id", "_mean"), on="account_id", how="left", maintain_order="left"
    ).with_columns((pl.col("amount_minor") * scale).round().cast(pl.Int64))
    return Defaults(
        debts.with_columns((pl.col("exposure_minor") * scale).round().cast(pl.Int64)).drop("_mean"),
        payments.drop("_mean"),
    )
