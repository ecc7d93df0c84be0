"""What is likely: features, scorecards, roll rates and forecasts, each with its reasons and how sure it is.

``features`` makes every input of every account from what was known at the time; ``dunwell.insight.scoring``
has the models, ``rolls`` the roll rates, forecasts and early warning, ``hazards`` when people pay, ``contacts`` when they
can be reached, ``settlement`` what they can afford and how plans end, ``losses`` what will be lost, ``drivers`` what goes
with lateness, ``behaviour`` patterns for people's good, ``monitoring`` whether a model still holds. ``forbidden_inputs``
lists what none of them may rest on. Models need the extra ``insight`` (lightgbm, optbinning, scikit-learn); features
and behaviour do not.
"""

from dunwell.insight.features import CATALOGUE, Feature, Source, features
from dunwell.insight.forbidden import Forbidden, forbidden_inputs, refuse_forbidden
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
    "Forbidden",
    "ForbiddenInput",
    "InsightError",
    "ModelDamaged",
    "Source",
    "TrainingUnusable",
    "features",
    "forbidden_inputs",
    "refuse_forbidden",
]
