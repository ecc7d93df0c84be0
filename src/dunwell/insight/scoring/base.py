"""What the three models share: the target's reading, the refusals, frames in and frames out."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from dunwell.insight.forbidden import refuse_forbidden
from dunwell.insight.problems import CannotScore, TrainingUnusable
from dunwell.insight.scoring.inputs import PSI_MAX, Floats, Inputs
from dunwell.insight.scoring.saving import save_folder
from dunwell.insight.scoring.words import Meaning, meanings_of

_MIN = {"learn from": (100, 20), "measure on": (30, 5)}
"""How many rows, and rows of the rarer outcome, each takes at least."""


def read_target(target: pl.Series | Sequence[int], row_count: int, use: str = "learn from") -> Floats:
    """The target as 0.0 and 1.0. Raises TrainingUnusable when it is anything else, or too few of either to learn
    from (or to ``measure on``).
    """
    rows_min, events_min = _MIN[use]
    series = pl.Series("target", target)
    if len(series) != row_count:
        raise TrainingUnusable(f"the target has {len(series)} values for {row_count} rows. Give one a row")
    if series.null_count() or not (series.dtype.is_numeric() or series.dtype == pl.Boolean):
        raise TrainingUnusable(
            "the target must be 0 or 1 (or false, true) in every row. Drop rows without an outcome"
        )
    values = series.cast(pl.Float64).to_numpy()
    if not np.isin(values, (0.0, 1.0)).all():
        raise TrainingUnusable("the target must be 0 or 1 in every row: 1 for what is to be foreseen")
    fewest = int(min(values.sum(), len(values) - values.sum()))
    if row_count < rows_min or fewest < events_min:
        raise TrainingUnusable(
            f"{row_count} rows with {fewest} of the rarer outcome are too few to {use}: at least {rows_min} and "
            f"{events_min} are needed. Take a longer window"
        )
    return values


class Model(ABC):
    """A binary model with scikit-learn's habits: what ``fit`` found ends in an underscore.

    ``special_values``: by input, values that are codes and not quantities. ``risk``: by input, +1 when a higher
    value may not lower the predicted probability, -1 when it may not raise it. ``meanings``: by input, its
    words for the reasons. ``psi_max``: the drift beyond which scoring is refused.
    """

    kind: str

    def __init__(
        self,
        *,
        special_values: Mapping[str, Sequence[float]] | None = None,
        risk: Mapping[str, int] | None = None,
        meanings: Mapping[str, Meaning] | None = None,
        psi_max: float = PSI_MAX,
        seed: int = 0,
    ) -> None:
        self.special_values = dict(special_values or {})
        self.risk = dict(risk or {})
        self.meanings = dict(meanings or {})
        self.psi_max = psi_max
        self.seed = seed

    def fit(self, frame: pl.DataFrame, target: pl.Series | Sequence[int]) -> Self:
        """Learn the probability that ``target`` is 1 from every column of ``frame``. Raises ForbiddenInput and
        TrainingUnusable.
        """
        if not frame.width:
            raise TrainingUnusable("there is no column to learn from. Give at least one input")
        refuse_forbidden(frame, frame.columns)
        values = read_target(target, frame.height)
        unknown = sorted(set(self.risk) - set(frame.columns))
        if unknown:
            raise TrainingUnusable(
                f"a risk is given for {unknown[0]!r}, which is no column. Remove it or add the column"
            )
        inputs = Inputs.learn(frame, values, self.special_values)
        matrix = inputs.matrix(frame)
        self.inputs_ = inputs
        self.event_rate_ = float(values.mean())
        self._fit(matrix, values)
        return self

    def predict_proba(self, frame: pl.DataFrame) -> Floats:
        """The probabilities of 0 and of 1, a row a row. Raises CannotScore for what the model was not made for."""
        p = self._probability(self._checked(frame))
        return np.column_stack([1 - p, p])

    def probability_of(self, frame: pl.DataFrame) -> Floats:
        """The probability of 1 a row, drifted or not: to measure how a model fares, never to decide by."""
        self._refuse_unfitted()
        return self._probability(self.inputs_.matrix(frame))

    def predict_frame(self, frame: pl.DataFrame, keys: Sequence[str] = ()) -> pl.DataFrame:
        """The key columns, ``probability`` and, where the model has them, ``points``."""
        matrix = self._checked(frame)
        return beside(frame, keys, self._told(matrix))

    def explain(
        self, frame: pl.DataFrame, *, language: str = "en", most: int = 4, keys: Sequence[str] = ()
    ) -> pl.DataFrame:
        """``predict_frame`` with ``reasons``: what speaks most against each row, in words, worst first."""
        matrix = self._checked(frame)
        words = meanings_of(self.inputs_.names, self.meanings)
        reasons = self._reasons(matrix, words, language, most)
        return beside(frame, keys, self._told(matrix).with_columns(reasons))

    def drift(self, frame: pl.DataFrame) -> dict[str, float]:
        """The population stability index of each input against training."""
        self._refuse_unfitted()
        return self.inputs_.drift(self.inputs_.matrix(frame))

    def save(self, folder: Path, beside: Mapping[str, str] | None = None) -> None:
        """Write the model to a folder of text, with other texts (its card) ``beside``, by file name."""
        told, trees = self.told()
        save_folder(folder, self.kind, told, {**trees, **(beside or {})})

    def told(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What ``restored`` makes the model of again: plain values, and texts of trees by file name."""
        self._refuse_unfitted()
        about = {
            "special_values": self.special_values,
            "risk": self.risk,
            "meanings": {name: [words.en, words.zh] for name, words in self.meanings.items()},
            "psi_max": self.psi_max,
            "seed": self.seed,
            "event_rate": self.event_rate_,
            "row_count": self.inputs_.row_count,
            "inputs": self.inputs_.to_list(),
        }
        model, trees = self._state()
        return {"about": about, "model": model}, trees

    @classmethod
    def restored(cls, text: Mapping[str, Any], trees: Mapping[str, str]) -> Self:
        """The model that ``told`` told."""
        about = text["about"]
        made = cls(
            special_values=about["special_values"],
            risk=about["risk"],
            meanings={name: Meaning(*words) for name, words in about["meanings"].items()},
            psi_max=about["psi_max"],
            seed=about["seed"],
        )
        made.event_rate_ = about["event_rate"]
        made.inputs_ = Inputs.from_list(about["inputs"], about["row_count"])
        made._restore(text["model"], trees)
        return made

    def _checked(self, frame: pl.DataFrame) -> Floats:
        self._refuse_unfitted()
        matrix = self.inputs_.matrix(frame)
        self.inputs_.refuse_drift(matrix, self.psi_max)
        return matrix

    def _refuse_unfitted(self) -> None:
        if not hasattr(self, "inputs_"):
            raise CannotScore("the model has not learned yet. Call fit first, or load a saved one")

    @abstractmethod
    def _fit(self, matrix: Floats, target: Floats) -> None:
        """Learn from the inputs' matrix."""

    @abstractmethod
    def _probability(self, matrix: Floats) -> Floats:
        """The probability of 1."""

    @abstractmethod
    def _told(self, matrix: Floats) -> pl.DataFrame:
        """Probability, and points where there are."""

    @abstractmethod
    def _reasons(self, matrix: Floats, words: Mapping[str, Meaning], language: str, most: int) -> pl.Series:
        """The reasons of each row."""

    @abstractmethod
    def _state(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What was learned: plain values, and texts of trees by file name."""

    @abstractmethod
    def _restore(self, model: Mapping[str, Any], trees: Mapping[str, str]) -> None:
        """Take up what ``_state`` gave."""


def beside(frame: pl.DataFrame, keys: Sequence[str], told: pl.DataFrame) -> pl.DataFrame:
    """The key columns of a frame beside what is told of its rows. Raises CannotScore for a key that is missing."""
    absent = [key for key in keys if key not in frame.columns]
    if absent:
        raise CannotScore(f"the key column {absent[0]!r} is missing. Add it, or name another key")
    return frame.select(keys).hstack(told) if keys else told
