"""Learned values on the shelf: what a log taught of each treatment, saved as text with its card, and asked for customers.

A folder as every model of the house has one (``insight.scoring.saving``): no pickle, and nothing that does not match its hash is
read.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from dunwell.insight.problems import ModelDamaged
from dunwell.insight.scoring.saving import content_hash, load_folder, save_folder
from dunwell.strategy.effects import Basis, Posterior
from dunwell.strategy.inputs import Columns
from dunwell.strategy.over_waiting import EFFECTS, OverWaiting
from dunwell.strategy.rates import worth_of
from dunwell.strategy.text import Strategy
from dunwell.strategy.treatment_rates import TreatmentRate
from dunwell.strategy.turning import Turned
from dunwell.strategy.value import ActionValues, Values, costs_of

FOLDER = "values"
"""Its place among a workspace's ``models``."""

CONTEXT = ("past_due_days", "delinquent_days", "past_due_accounts", "past_due_total", "outstanding_principal")
"""What values may differ by: what is owed and for how long. Nothing of the person."""

_MONEY = ("past_due_total", "outstanding_principal")
_KIND = "treatment-values"
WAITING, NOTHING_DONE = "waiting", "nothing"


@dataclass(frozen=True, slots=True)
class LearnedValues:
    """What was learned: how columns become numbers, and of each treatment that the log taught its posterior. ``name`` and
    ``sha256``: as a decision names the model. ``currency``: of every value. ``card``: what it was learned from.
    ``over_waiting``: what treatments add today to waiting, None where the kept days were too few to teach it. ``rates``: what
    else they bring, by which floors bind.
    """

    columns: Columns
    posteriors: Mapping[str, Posterior]
    currency: str
    card: Mapping[str, Any]
    name: str = FOLDER
    sha256: str = ""
    over_waiting: OverWaiting | None = None
    rates: tuple[TreatmentRate, ...] = ()

    @property
    def turned(self) -> tuple[Turned, ...]:
        """The treatments for which times turned while the log was made."""
        return () if self.over_waiting is None else self.over_waiting.turned

    @property
    def baseline(self) -> str:
        """What every value is over: ``waiting`` today and choosing again tomorrow, or ``nothing`` within the window."""
        return NOTHING_DONE if self.over_waiting is None else WAITING


def context_of(customers: pl.DataFrame, rates: Mapping[str, float]) -> pl.DataFrame:
    """CONTEXT of customers (``customer_columns``), with money in the strategy's currency; null where no rate is held."""
    return customers.select(
        worth_of(pl.col(name), pl.col("currency"), rates).alias(name)
        if name in _MONEY
        else pl.col(name).cast(pl.Float64)
        for name in CONTEXT
    )


def values_of(strategy: Strategy, learned: LearnedValues | None, context: pl.DataFrame) -> Values:
    """What each treatment of a text is worth for customers (CONTEXT and HISTORY), its cost taken off, and how sure that is. To 4
    decimals, so that every machine says the same.

    All are over the same, since one assignment holds them against each other: over waiting today once the kept days taught any
    treatment so, and then by the text's prior for those that they did not teach; else over doing nothing as the windows taught
    it, or by the prior. What a window shows over doing nothing counts tomorrow's chance as lost, and would always win. A prior
    that is a share brings nothing where no rate tells what is past due.
    """
    names, costs = strategy.treatment_names, costs_of(strategy)
    mean, sd = (np.zeros((context.height, len(names))) for _ in range(2))
    inputs = None if learned is None else learned.columns.matrix(context)
    days = None if learned is None else learned.over_waiting
    owed = context["past_due_total"].cast(pl.Float64).fill_null(0.0).to_numpy()
    for place, (name, told) in enumerate(zip(names[1:], strategy.treatments, strict=True), start=1):
        if days is not None and name in days.treatments:
            effect, spread = days.of(name, context)
            mean[:, place], sd[:, place] = effect - costs[name], spread
        elif days is None and learned is not None and inputs is not None and name in learned.posteriors:
            effect, spread = learned.posteriors[name].of(inputs)
            mean[:, place], sd[:, place] = effect - costs[name], spread
        else:
            scale = owed if told.prior_of_owed else 1.0
            mean[:, place] = float(told.prior_value) * scale - costs[name]
            sd[:, place] = float(told.prior_sd) * scale
    return Values(names, np.round(mean, 4) + 0.0, np.round(sd, 4))


def of_fit(
    fit: ActionValues,
    columns: Columns,
    currency: str,
    card: Mapping[str, Any],
    over_waiting: OverWaiting | None = None,
    rates: tuple[TreatmentRate, ...] = (),
) -> LearnedValues:
    """What a fit taught. Treatments of which it saw nothing stay out: their prior is the text's business."""
    taught = {name: one for name, one in fit.posteriors_.items() if one.count}
    return LearnedValues(columns, taught, currency, card, over_waiting=over_waiting, rates=rates)


def save(learned: LearnedValues, folder: Path) -> LearnedValues:
    """Write it, whole or not at all; returns it under its hash."""
    model: dict[str, Any] = {
        "currency": learned.currency,
        "columns": {
            "names": learned.columns.names,
            "numbers": learned.columns.numbers,
            "missing": learned.columns.missing,
            "levels": learned.columns.levels,
        },
        "treatments": {
            name: {
                "knots": one.basis.knots,
                "centre": one.basis.centre.tolist(),
                "scale": one.basis.scale.tolist(),
                "slopes": one.slopes.tolist(),
                "covariance": one.covariance.tolist(),
                "average": one.average,
                "count": one.count,
            }
            for name, one in learned.posteriors.items()
        },
    }
    if learned.over_waiting is not None:
        model["over_waiting"] = learned.over_waiting.as_dict()
    if learned.rates:
        model["rates"] = [asdict(one) for one in learned.rates]
    card = json.dumps(learned.card, ensure_ascii=False, indent=1)
    save_folder(folder, _KIND, model, {"card.json": card})
    return load(folder)


def load(folder: Path) -> LearnedValues:
    """Learned values from their folder. Raises ModelDamaged when anything is not what was saved."""
    kind, model, texts = load_folder(folder)
    if kind != _KIND:
        raise ModelDamaged(
            f"{folder} is a {kind}, not values of treatments. Train them: dunwell train values"
        )
    told = model["columns"]
    columns = Columns(
        tuple(told["names"]),
        tuple((str(name), float(mean), float(spread)) for name, mean, spread in told["numbers"]),
        tuple(told["missing"]),
        tuple((str(name), str(level)) for name, level in told["levels"]),
    )
    posteriors = {name: _posterior(one) for name, one in model["treatments"].items()}
    card = json.loads(texts.get("card.json", "{}"))
    days = model.get("over_waiting")
    if days is not None and int(days["effects"]) != EFFECTS:
        raise ModelDamaged(
            f"{folder} was trained by another version of dunwell. Train the values anew: dunwell train values"
        )
    return LearnedValues(
        columns,
        posteriors,
        model["currency"],
        card,
        folder.name,
        content_hash(folder),
        None if days is None else OverWaiting.from_dict(days),
        tuple(TreatmentRate(**one) for one in model.get("rates", ())),
    )


def _posterior(told: Mapping[str, Any]) -> Posterior:
    knots = tuple((int(column), float(cut)) for column, cut in told["knots"])
    basis = Basis(knots, None, np.array(told["centre"]), np.array(told["scale"]))
    slopes, covariance = np.array(told["slopes"]), np.array(told["covariance"])
    value, sd = told["average"]
    return Posterior(basis, slopes, covariance, (float(value), float(sd)), int(told["count"]))
