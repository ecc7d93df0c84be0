"""Scores that explain themselves: a points scorecard, a finer one of boosted steps, and boosted trees.

``Scorecard``, ``AdditiveScorecard`` and ``BoostedModel`` have scikit-learn's habits; ``load_model`` reads a
saved one.
"""

from pathlib import Path

from dunwell.insight.problems import ModelDamaged
from dunwell.insight.scoring.additive import AdditiveScorecard
from dunwell.insight.scoring.base import Model
from dunwell.insight.scoring.boosted import BoostedModel
from dunwell.insight.scoring.cross_fitting import cross_fitted, cross_fitted_by_treatment
from dunwell.insight.scoring.points import PointsTable, Scale
from dunwell.insight.scoring.saving import load_folder
from dunwell.insight.scoring.scorecard import PointsModel, Scorecard
from dunwell.insight.scoring.words import Meaning

MODELS: dict[str, type[Model]] = {model.kind: model for model in (Scorecard, AdditiveScorecard, BoostedModel)}
"""Each model by the name it is saved under."""


def load_model(folder: Path) -> Model:
    """A saved model. Raises ModelDamaged when the folder is not what was saved."""
    kind, text, trees = load_folder(folder)
    if kind not in MODELS:
        raise ModelDamaged(f"{folder} holds a model of kind {kind!r}, and there are: {', '.join(MODELS)}")
    return MODELS[kind].restored(text, trees)


__all__ = [
    "MODELS",
    "AdditiveScorecard",
    "BoostedModel",
    "Meaning",
    "Model",
    "PointsModel",
    "PointsTable",
    "Scale",
    "Scorecard",
    "cross_fitted",
    "cross_fitted_by_treatment",
    "load_model",
]
