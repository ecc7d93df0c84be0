"""What is likely: features, scorecards, roll rates and forecasts, each with its reasons and how sure it is.

``features`` makes every input of every account from what was known at the time; ``dunwell.insight.scoring``
has the models, ``rolls`` the roll rates and forecasts, ``hazards`` when people pay, ``contacts`` when they can
be reached, ``settlement`` what they can afford and how plans and losses end. Models need the extra ``insight``
(lightgbm, optbinning, scikit-learn); features do not.
"""

from dunwell.insight.features import CATALOGUE, Feature, Source, features
from dunwell.insight.problems import (
    CannotScore,
    ExtraMissing,
    ForbiddenInput,
    InsightError,
    ModelDamaged,
    TrainingUnusable,
)

__all__ = [
    "CATALOGUE",
    "CannotScore",
    "ExtraMissing",
    "Feature",
    "ForbiddenInput",
    "InsightError",
    "ModelDamaged",
    "Source",
    "TrainingUnusable",
    "features",
]
