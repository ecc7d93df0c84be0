"""What can be wrong with a table, a model or a request, as sentences with the place and the mend."""

import importlib
from typing import Any


class InsightError(Exception):
    """Something a person can mend; the message names the place and the mend."""


class ExtraMissing(InsightError):
    """A package of the extra ``insight`` is not installed."""


class ForbiddenInput(InsightError):
    """A model was asked to use what no score here may rest on."""


class TrainingUnusable(InsightError):
    """A table cannot be learned from as it is."""


class CannotScore(InsightError):
    """Rows that a model was not made for: columns missing, of another type, or drifted too far."""


class ModelDamaged(InsightError):
    """A saved model is not what was saved: a file is missing, cut or changed."""


def extra(module: str) -> Any:
    """A module of the extra ``insight``. Raises ExtraMissing when its package is not installed."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = {"sklearn": "scikit-learn"}.get(module.split(".")[0], module.split(".")[0])
        raise ExtraMissing(
            f"{package} is not installed, and models need it. Install the extra: pip install 'dunwell[insight]'"
        ) from error
