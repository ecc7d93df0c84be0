"""The boosted model: monotone, calibrated on rows it did not learn from, the same after saving, never pickled."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from dunwell.insight.problems import CannotScore, ModelDamaged
from dunwell.insight.scoring import BoostedModel, load_model
from dunwell.insight.scoring.boosted import Calibration
from dunwell.insight.scoring.measures import auc, calibration_error
from tests.insight.people import MEANINGS, RISK, SPECIALS, people

CALIBRATIONS = pytest.mark.parametrize("calibration", ["platt", "isotonic"])


def unfitted(calibration: Calibration) -> BoostedModel:
    return BoostedModel(
        risk=RISK,
        special_values=SPECIALS,
        meanings=MEANINGS,
        rounds=60,
        learning_rate=0.08,
        folds=3,
        calibration=calibration,
    )


@cache
def fitted(calibration: Calibration) -> BoostedModel:
    return unfitted(calibration).fit(*people())


@CALIBRATIONS
def test_its_probabilities_hold_for_people_it_never_saw(calibration: Calibration) -> None:
    frame, target = people(20_000, seed=6)
    actual = target.cast(pl.Float64).to_numpy()
    probability = fitted(calibration).predict_proba(frame)[:, 1]
    assert auc(actual, probability) > 0.72
    assert calibration_error(actual, probability) < 0.03


@CALIBRATIONS
def test_a_higher_risk_is_never_less_likely(calibration: Calibration) -> None:
    rows = people()[0].head(40)
    risks = np.array(
        [
            fitted(calibration).predict_proba(rows.with_columns(worst_days=pl.lit(float(days))))[:, 1]
            for days in range(0, 200, 4)
        ]
    )
    assert (np.diff(risks, axis=0) >= -1e-12).all()
    assert (risks[-1] > risks[0]).all()


@CALIBRATIONS
def test_the_same_seed_makes_the_same_model_and_saving_keeps_it(
    calibration: Calibration, tmp_path: Path
) -> None:
    frame, _ = people()
    told = fitted(calibration).explain(frame.head(40))
    assert unfitted(calibration).fit(*people()).explain(frame.head(40)).equals(told)
    fitted(calibration).save(tmp_path / "model")
    assert load_model(tmp_path / "model").explain(frame.head(40)).equals(told)
    for file in (tmp_path / "model").iterdir():
        file.read_bytes().decode("utf-8")  # text, all of it


def test_it_says_why() -> None:
    frame, _ = people()
    late = frame.with_columns(worst_days=pl.lit(150.0)).head(3)
    assert (
        "worst days past due: 150 (multiplies the odds by" in fitted("platt").explain(late)["reasons"][0][0]
    )
    assert "最长逾期天数为150（风险几率乘以" in fitted("platt").explain(late, language="zh")["reasons"][0][0]


def test_an_empty_frame_is_scored_as_nobody() -> None:
    told = fitted("platt").explain(people()[0].clear())
    assert told.height == 0
    assert set(told.columns) == {"probability", "reasons"}


@pytest.mark.parametrize("name", ["model.json", "trees-1.txt", "manifest.json"])
@pytest.mark.parametrize("damage", ["changed", "cut", "missing"])
def test_a_damaged_model_is_refused(name: str, damage: str, tmp_path: Path) -> None:
    fitted("platt").save(tmp_path / "model")
    file = tmp_path / "model" / name
    text = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(text[: len(text) // 2] if damage == "cut" else text.replace(b"0", b"1", 1))
    with pytest.raises(ModelDamaged, match="model"):
        load_model(tmp_path / "model")


def test_few_rows_are_calibrated_at_the_ends_of_an_input_and_the_model_stays_monotone(tmp_path: Path) -> None:
    """Trees of few rows draw the rare ends of an input to the middle; steps bring them back."""
    draw = np.random.default_rng(4)
    months = draw.choice([1.0, 6.0, 12.0, 24.0], 1500, p=[0.3, 0.3, 0.33, 0.07])
    noise = draw.normal(size=1500)
    frame = pl.DataFrame({"months": months, "noise": noise})
    target = pl.Series(draw.random(1500) < np.where(months > 18, 0.6, 0.1))
    settings: dict[str, Any] = {
        "risk": {"months": 1},
        "rounds": 12,
        "learning_rate": 0.05,
        "leaf_rows_min": 80,
        "folds": 3,
    }
    free = BoostedModel(**settings).fit(frame, target)
    stepped = BoostedModel(**settings, steps=("months", (1, 6, 18))).fit(frame, target)
    longest = pl.DataFrame({"months": [24.0] * 50, "noise": draw.normal(size=50)})
    short_of = [abs(model.predict_proba(longest)[:, 1].mean() - 0.6) for model in (free, stepped)]
    assert short_of[1] < short_of[0] and short_of[1] < 0.08
    grid = pl.DataFrame({"months": np.arange(30.0), "noise": np.zeros(30)})
    assert (np.diff(stepped.predict_proba(grid)[:, 1]) >= -1e-12).all()
    stepped.save(tmp_path / "model")
    assert load_model(tmp_path / "model").explain(grid).equals(stepped.explain(grid))
    with pytest.raises(CannotScore, match="a risk of 'noise'"):
        BoostedModel(**settings, steps=("noise", (0,)))
