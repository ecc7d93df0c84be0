"""One rival's scorecard on the folds of ``insight_rivals``, run by the Python of its own environment, which has no dunwell.

``python insight_rival_cards.py scorecardpy IN.csv OUT.json FOLDS``: IN has the inputs, ``target_`` and ``fold_``; OUT gets, by
fold, the CPU seconds to fit and to score and the chances of the rows held out, in their order.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def main(name: str, rows_file: str, out: str, fold_count: int) -> None:
    """Fit and score every fold that is asked for."""
    pandas = importlib.import_module("pandas")
    rows = pandas.read_csv(rows_file, float_precision="round_trip")
    make: Any = {"scorecardpy": _Scorecardpys, "toad": _Toads}[name]
    told = []
    for fold in range(fold_count):
        learned, held = (
            rows[(rows["fold_"] == fold) == is_held].drop(columns="fold_") for is_held in (False, True)
        )
        card, began = make(), _cpu_s()
        card.fit(learned)
        fitted = _cpu_s()
        chance = card.chance(held)
        told.append(
            {"fit_s": fitted - began, "score_s": _cpu_s() - fitted, "chance": [float(one) for one in chance]}
        )
    version = importlib.import_module("importlib.metadata").version
    Path(out).write_text(json.dumps({"version": version(name), "folds": told}), encoding="utf-8")


class _Scorecardpys:
    """As its documentation shows it: tree binning, weights of evidence, a logistic regression."""

    def fit(self, rows: Any) -> None:
        self._own = importlib.import_module("scorecardpy")
        self._bins = self._own.woebin(rows, y="target_", no_cores=1)
        woe = self._own.woebin_ply(rows, self._bins, no_cores=1)
        self._names = [name for name in woe.columns if name != "target_"]
        self._model = importlib.import_module("sklearn.linear_model").LogisticRegression(max_iter=500)
        self._model.fit(woe[self._names], woe["target_"])

    def chance(self, rows: Any) -> Any:
        woe = self._own.woebin_ply(rows, self._bins, no_cores=1)
        return self._model.predict_proba(woe[self._names])[:, 1]


class _Toads:
    """As its documentation shows it: merged bins of at least a twentieth of the rows, missing ones apart, weights of evidence,
    its scorecard.
    """

    def fit(self, rows: Any) -> None:
        toad = importlib.import_module("toad")
        transform = importlib.import_module("toad.transform")
        combiner = transform.Combiner()
        combiner.fit(rows, y="target_", method="chi", min_samples=0.05, empty_separate=True)
        weights = transform.WOETransformer()
        woe = weights.fit_transform(combiner.transform(rows), rows["target_"], exclude=["target_"])
        self._names = [name for name in rows.columns if name != "target_"]
        self._card = toad.ScoreCard(combiner=combiner, transer=weights, max_iter=500)
        self._card.fit(woe[self._names], woe["target_"])

    def chance(self, rows: Any) -> Any:
        return self._card.predict_proba(rows[self._names])[:, 1]


def _cpu_s() -> float:
    """CPU seconds of this process and of those it started, read where the clock is finest."""
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
