"""Trees walked at once say what LightGBM itself says, to the last bit, and the same for rows in which a few columns move."""

import os
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from dunwell.insight.problems import ModelDamaged, TrainingUnusable
from dunwell.insight.scoring import BoostedModel
from dunwell.insight.scoring.forest import Forest
from tests.insight.people import RISK, SPECIALS, people


@cache
def fitted(calibration: str = "platt", steps: bool = False) -> BoostedModel:
    settings: dict[str, Any] = {"steps": ("worst_days", (30, 60))} if steps else {}
    return BoostedModel(
        risk=RISK,
        special_values=SPECIALS,
        rounds=40,
        learning_rate=0.08,
        folds=2,
        calibration=calibration,  # type: ignore[arg-type]
        **settings,
    ).fit(*people())


def strangers() -> pl.DataFrame:
    """People with everything a table can hold: missing where training had none, the endless, a name never seen."""
    frame, _ = people(5000, seed=8)
    row = pl.int_range(pl.len())
    return frame.with_columns(
        worst_days=pl.when(row % 7 == 0)
        .then(None)
        .when(row % 11 == 0)
        .then(float("inf"))
        .otherwise("worst_days"),
        noise=pl.when(row % 5 == 0).then(float("nan")).when(row % 13 == 0).then(-np.inf).otherwise("noise"),
        product=pl.when(row % 9 == 0).then(pl.lit("never seen")).otherwise("product"),
    )


def test_the_sums_are_lightgbms_own() -> None:
    model = fitted()
    seen = model.columns_.matrix(model.inputs_.matrix(strangers()))
    theirs = [booster.predict(seen, raw_score=True) for booster in model.boosters_]
    assert (model.forest_.margins(seen)[:, :, 0] == np.array(theirs)).all()


def test_values_on_a_threshold_go_where_lightgbm_sends_them() -> None:
    model = fitted()
    days = sorted({float(day) for day in people()[0]["worst_days"]})
    seen = np.tile(model.columns_.matrix(model.inputs_.matrix(people()[0].head(1))), (len(days), 1))
    seen[:, model.inputs_.names.index("worst_days")] = days
    theirs = [booster.predict(seen, raw_score=True) for booster in model.boosters_]
    assert (model.forest_.margins(seen)[:, :, 0] == np.array(theirs)).all()


@pytest.mark.parametrize("calibration", ["platt", "isotonic", "steps"])
def test_moves_are_told_as_if_each_were_the_row(calibration: str) -> None:
    model = fitted("isotonic" if calibration == "isotonic" else "platt", calibration == "steps")
    rows = strangers().head(300)
    moves = pl.DataFrame(
        {
            "worst_days": [0.0, 31.0, 200.0, None],
            "bureau": [1.0, 96.0, 98.0, 3.0],
            "product": ["card", "loan", "?", None],
        }
    )
    told = model.probability_over(rows, moves)
    for place, move in enumerate(moves.iter_rows(named=True)):
        alone = rows.with_columns(pl.lit(value).alias(name) for name, value in move.items())
        assert (told[place] == model.probability_of(alone)).all()
    assert model.probability_over(rows.clear(), moves).shape == (4, 0)


def test_more_threads_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    for count in (1, 3):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        told.append(fitted().probability_of(strangers()))
    assert (told[0] == told[1]).all()


def test_trees_that_cannot_be_walked_are_refused() -> None:
    with pytest.raises(TrainingUnusable, match="2 to 64"):
        BoostedModel(leaves=65)
    text = fitted().boosters_[0].model_to_string()
    with pytest.raises(ModelDamaged, match="Train it anew"):
        Forest([text.replace("decision_type=", "decision_type=1 ", 1)], len(fitted().columns_.inputs))
