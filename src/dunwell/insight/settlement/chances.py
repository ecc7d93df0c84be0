"""The chance that a plan is kept, from the lender's own model where one is in use: what stands beside a plan at the desk.

The model is trained with ``dunwell train --model breakage`` and put to use with ``dunwell insight promote``. It may rest on
nothing but what the desk knows of a plan that was not agreed yet (``KNOWN``).
"""

import json
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import polars as pl

from dunwell.insight.problems import CannotScore
from dunwell.insight.scoring import Model, load_model
from dunwell.insight.scoring.promotion import champion
from dunwell.insight.scoring.saving import content_hash, load_folder
from dunwell.insight.settlement.breakage import plan_inputs

PLANS = "plans"
"""What a model of plans is made for (``use.json``), and the name it is in use under."""

KNOWN = (
    *("term_months", "agreed_minor", "balance_minor", "instalment_minor"),
    *("monthly_minor", "share_to_pay", "burden"),
)
"""What the desk knows of a plan: what ``plan_inputs`` takes and makes."""


class PlanChances:
    """Tells of a proposed plan the chance that it is kept, and from what that is known."""

    def __init__(self, model: Model, source: str, months_max: int) -> None:
        """``months_max``: the longest plan it learned from."""
        self._model, self._source, self._months_max = model, source, months_max

    def __call__(
        self, months: int, agreed_minor: int, balance_minor: int, instalment_minor: int
    ) -> tuple[Fraction | None, str]:
        """``balance_minor``: what is owed; ``instalment_minor``: the contract's monthly one, 0 when there is none."""
        if months > self._months_max:
            return None, f"no agreements of {months} months were learned from"
        plan = pl.DataFrame(
            {
                "term_months": [months],
                "agreed_minor": [agreed_minor],
                "balance_minor": [balance_minor],
                "instalment_minor": [instalment_minor or None],
            },
            schema_overrides={"instalment_minor": pl.Int64},
        )
        broken = float(self._model.predict_proba(plan_inputs(plan))[0, 1])
        return 1 - Fraction(round(broken * 1000), 1000), self._source


def plan_chances(models: Path) -> PlanChances | None:
    """The chances by the model in use; None where none is. Raises InsightError when it is not what was promoted."""
    chosen = champion(models, PLANS)
    return None if chosen is None else _loaded(chosen.folder, chosen.sha256)


def load_plan_chances(folder: Path) -> PlanChances:
    """The chances by a saved model. Raises ModelDamaged, and CannotScore when it rests on what the desk does not know."""
    return _loaded(folder, content_hash(folder))


@lru_cache(maxsize=4)
def _loaded(folder: Path, sha256: str) -> PlanChances:
    model, texts = load_model(folder), load_folder(folder)[2]
    use = json.loads(texts.get("use.json", "{}"))
    if use.get("made_for") != PLANS:
        raise CannotScore(f"{folder} was not made for plans. Make one with dunwell train --model breakage")
    unknown = [name for name in model.inputs_.names if name not in KNOWN]
    if unknown:
        raise CannotScore(
            f"{folder} rests on {unknown[0]!r}, which the desk does not know of a proposed plan. Train it again with "
            f"--ignore {','.join(unknown)}"
        )
    auc = json.loads(texts.get("card.json", "{}")).get("figures", {}).get("auc", {}).get("value")
    told = "" if auc is None else f", AUC {auc:.2f} on plans it did not learn from"
    source = f"foretold by {folder.name} ({sha256[:12]}) from {model.inputs_.row_count:,} ended plans{told}"
    return PlanChances(model, source, int(use["months_max"]))
