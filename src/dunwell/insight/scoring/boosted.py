"""The strongest model: boosted trees, monotone where asked, their probabilities calibrated on rows they did
not learn from.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from dunwell.insight.problems import CannotScore, extra
from dunwell.insight.scoring.base import Model
from dunwell.insight.scoring.forest import Forest, refuse_many_leaves
from dunwell.insight.scoring.inputs import Floats
from dunwell.insight.scoring.regression import logistic
from dunwell.insight.scoring.trees import TreeColumns, tree_parameters
from dunwell.insight.scoring.words import Meaning, reasons_of_shares

Calibration = Literal["platt", "isotonic"]
_P_MIN = 1e-6
_STEP_PENALTY = 2.0
"""Draws each step towards none, as some two events' worth of evidence against it would."""


class BoostedModel(Model):
    """LightGBM by folds: each fold's trees learn from the other rows and score its own, the held-out scores
    calibrate the whole (Platt's sigmoid or isotonic), and a new row's score is the folds' mean.

    ``steps``: an input with a ``risk``, and the values beyond which its rows are calibrated apart (with Platt's
    sigmoid): few rows leave trees too near the mean at an input's ends. Each step goes the way of the risk or
    nowhere, so the model stays monotone.

    ``boosters_``: a booster a fold. ``calibration_``: the map from log-odds to probability: the two numbers
    of the sigmoid with the steps' sizes, or the isotonic's steps.
    """

    kind = "boosted"

    def __init__(
        self,
        *,
        rounds: int = 400,
        learning_rate: float = 0.03,
        leaves: int = 15,
        leaf_rows_min: int = 50,
        row_share: float = 0.8,
        column_share: float = 0.4,
        ridge: float = 5.0,
        folds: int = 5,
        calibration: Calibration = "platt",
        steps: tuple[str, Sequence[float]] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.rounds, self.learning_rate, self.leaves = rounds, learning_rate, leaves
        self.leaf_rows_min, self.row_share, self.column_share = leaf_rows_min, row_share, column_share
        self.ridge, self.folds, self.calibration, self.steps = ridge, folds, calibration, steps
        refuse_many_leaves(leaves)
        if calibration not in ("platt", "isotonic"):
            raise CannotScore(f"calibration {calibration!r} is unknown. There are: platt, isotonic")
        if steps is not None and (calibration != "platt" or not self.risk.get(steps[0])):
            raise CannotScore(f"steps of {steps[0]!r} need calibration='platt' and a risk of {steps[0]!r}")

    def _fit(self, matrix: Floats, target: Floats) -> None:
        lightgbm, selection = extra("lightgbm"), extra("sklearn.model_selection")
        self.columns_ = TreeColumns.of(self.inputs_)
        seen = self.columns_.matrix(matrix)
        parts = selection.StratifiedKFold(self.folds, shuffle=True, random_state=self.seed)
        held_out = np.zeros(len(target))
        self.boosters_: list[Any] = []
        for fold, (learned, held) in enumerate(parts.split(seen, target)):
            parameters = tree_parameters(
                self.seed * 1000 + fold,
                self.columns_.monotone(self.inputs_, self.risk),
                learning_rate=self.learning_rate,
                num_leaves=self.leaves,
                min_data_in_leaf=self.leaf_rows_min,
                bagging_fraction=self.row_share,
                feature_fraction=self.column_share,
                lambda_l2=self.ridge,
            )
            data = lightgbm.Dataset(seen[learned], target[learned], params={"verbosity": -1})
            booster = lightgbm.train(parameters, data, self.rounds)
            held_out[held] = booster.predict(seen[held], raw_score=True)
            self.boosters_.append(booster)
        self.forest_ = self._walkable()
        self.calibration_ = self._calibrated(held_out, target, matrix)

    def _calibrated(self, margin: Floats, target: Floats, matrix: Floats) -> dict[str, Any]:
        if self.calibration == "platt" and self.steps is None:
            intercept, slope = logistic(margin.reshape(-1, 1), target, 0.0)
            return {"sigmoid": [intercept, float(slope[0])]}
        if self.steps is not None:
            name, edges = self.steps
            beyond = self._beyond(matrix, name, edges)
            penalty = np.array([0.0, *[_STEP_PENALTY] * len(edges)])
            intercept, weights = logistic(np.column_stack([margin, beyond]), target, penalty)
            return {
                "sigmoid": [intercept, float(weights[0])],
                "steps_of": name,
                "edges": [float(edge) for edge in edges],
                "steps": weights[1:].tolist(),
                "middle": float((beyond @ weights[1:]).mean()),
            }
        isotonic = extra("sklearn.isotonic").IsotonicRegression(y_min=_P_MIN, y_max=1 - _P_MIN)
        isotonic.fit(margin, target)
        return {"at": isotonic.X_thresholds_.tolist(), "probability": isotonic.y_thresholds_.tolist()}

    def probability_over(self, frame: pl.DataFrame, moves: pl.DataFrame) -> Floats:
        """The probability of 1, a row a move and a column a row of ``frame``: what the model would say of the row if
        it had the move's values. Drift is not looked at: the values of the moves are the asker's own.
        """
        self._refuse_unfitted()
        if frame.is_empty() or moves.is_empty():
            return np.zeros((moves.height, frame.height))
        moved = [k for k, name in enumerate(self.inputs_.names) if name in moves.columns]
        rows = self.inputs_.matrix(
            frame.with_columns(pl.lit(moves[name][0]).alias(name) for name in moves.columns)
        )
        first = frame.head(1).select(pl.all().exclude(moves.columns))
        grid = self.inputs_.matrix(moves.join(first, how="cross"))
        columns = [k for k, of in enumerate(self.columns_.inputs) if of in moved]
        walked = self.forest_.margins(
            self.columns_.matrix(rows), self.columns_.matrix(grid)[:, columns], columns
        )
        margin = walked.mean(axis=0).T
        is_stepped = self.calibration_.get("steps_of") in moves.columns
        stepped = self._stepped(grid)[:, None] if is_stepped else self._stepped(rows)[None, :]
        return self._calibrated_to(margin, stepped)

    def _probability(self, matrix: Floats) -> Floats:
        margin = self.forest_.margins(self.columns_.matrix(matrix))[:, :, 0].mean(axis=0)
        return self._calibrated_to(margin, self._stepped(matrix))

    def _calibrated_to(self, margin: Floats, stepped: Floats) -> Floats:
        """Probabilities of the folds' mean margins, with what the steps add."""
        if "sigmoid" in self.calibration_:
            intercept, slope = self.calibration_["sigmoid"]
            made: Floats = 1 / (1 + np.exp(-(intercept + slope * margin + stepped)))
            return made
        at, steps = (np.array(self.calibration_[name]) for name in ("at", "probability"))
        return np.asarray(np.interp(np.asarray(margin), at, steps), np.float64)

    def _beyond(self, matrix: Floats, name: str, edges: Sequence[float]) -> Floats:
        """Of each row, which edges its value has passed in the direction of the risk; a missing value none."""
        values = matrix[:, [self.inputs_.names.index(name)]]
        passed = values > np.array(edges) if self.risk[name] > 0 else values <= np.array(edges)
        return passed.astype(np.float64)

    def _stepped(self, matrix: Floats) -> Floats:
        """What the steps add to each row's log-odds; nothing without steps."""
        told = self.calibration_
        if "steps" not in told:
            return np.zeros(len(matrix))
        made: Floats = self._beyond(matrix, told["steps_of"], told["edges"]) @ np.array(told["steps"])
        return made

    def _told(self, matrix: Floats) -> pl.DataFrame:
        return pl.DataFrame({"probability": self._probability(matrix)})

    def _reasons(self, matrix: Floats, words: Mapping[str, Meaning], language: str, most: int) -> pl.Series:
        seen = self.columns_.matrix(matrix)
        shares = np.zeros((len(matrix), len(self.inputs_.inputs)))
        if len(seen):
            parts = np.mean([booster.predict(seen, pred_contrib=True) for booster in self.boosters_], axis=0)
            for k, of in enumerate(self.columns_.inputs):
                shares[:, of] += parts[:, k]
            if "steps" in self.calibration_:
                place = self.inputs_.names.index(self.calibration_["steps_of"])
                shares[:, place] += self._stepped(matrix) - self.calibration_["middle"]
        return reasons_of_shares(self.inputs_, matrix, shares, words, language, most)

    def _walkable(self) -> Forest:
        texts = [booster.model_to_string() for booster in self.boosters_]
        return Forest(texts, len(self.columns_.inputs))

    def _state(self) -> tuple[dict[str, Any], dict[str, str]]:
        trees = {f"trees-{k}.txt": booster.model_to_string() for k, booster in enumerate(self.boosters_)}
        return {"calibration": self.calibration_, "trees": sorted(trees)}, trees

    def _restore(self, model: Mapping[str, Any], trees: Mapping[str, str]) -> None:
        lightgbm = extra("lightgbm")
        self.columns_ = TreeColumns.of(self.inputs_)
        self.calibration_ = dict(model["calibration"])
        self.boosters_ = [lightgbm.Booster(model_str=trees[name]) for name in model["trees"]]
        self.forest_ = Forest([trees[name] for name in model["trees"]], len(self.columns_.inputs))
