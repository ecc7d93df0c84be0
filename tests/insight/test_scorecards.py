"""Scorecards: monotone, in points that double the odds, the same in SQL, and able to say why."""

from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from dunwell.insight.scoring import AdditiveScorecard, PointsModel, Scale, Scorecard, load_model
from dunwell.insight.scoring.measures import auc
from dunwell.insight.scoring.trees import TreeColumns
from tests.insight.people import MEANINGS, RISK, SPECIALS, people


def unfitted(kind: str) -> PointsModel:
    if kind == "scorecard":
        return Scorecard(risk=RISK, special_values=SPECIALS, meanings=MEANINGS)
    return AdditiveScorecard(
        risk=RISK, special_values=SPECIALS, meanings=MEANINGS, rounds=120, learning_rate=0.1, pairs_max=3
    )


@cache
def fitted(kind: str) -> PointsModel:
    return unfitted(kind).fit(*people())


KINDS = pytest.mark.parametrize("kind", ["scorecard", "additive"])


@KINDS
def test_it_ranks_people_it_never_saw(kind: str) -> None:
    frame, target = people(seed=6)
    probability = fitted(kind).predict_proba(frame)
    assert auc(target.cast(pl.Float64).to_numpy(), probability[:, 1]) > 0.72
    assert np.allclose(probability.sum(axis=1), 1)
    assert abs(probability[:, 1].mean() - target.mean()) < 0.03


@KINDS
def test_a_higher_risk_never_scores_better(kind: str) -> None:
    rows = people()[0].head(40)
    points = np.array(
        [
            fitted(kind).predict_frame(rows.with_columns(worst_days=pl.lit(float(days))))["points"]
            for days in range(0, 200, 4)
        ]
    )
    assert (np.diff(points, axis=0) <= 0).all()
    assert (points[0] > points[-1]).all()


@KINDS
def test_so_many_points_more_double_the_odds(kind: str) -> None:
    frame, _ = people()
    model = fitted(kind)
    told = model.predict_frame(frame)
    odds = (1 - told["probability"]) / told["probability"]
    expected = model.scale.target_odds * 2 ** (
        (told["points"] - model.scale.target_points) / model.scale.points_to_double_odds
    )
    assert np.allclose(odds, expected)


def test_every_bin_of_the_scorecard_goes_its_inputs_way() -> None:
    for term in fitted("scorecard").table_.terms:
        interval_count = len(term.axes[0].thresholds) + 1
        steps = np.diff(term.points[:interval_count])
        assert (steps <= 0).all() or (steps >= 0).all(), term.name


@KINDS
def test_special_and_missing_values_have_cells_of_their_own(kind: str) -> None:
    row = people()[0].head(1)
    told = {
        name: fitted(kind).predict_frame(row.with_columns(pl.lit(value, pl.Float64).alias(column)))["points"][
            0
        ]
        for name, column, value in [
            ("96", "bureau", 96.0),
            ("97", "bureau", 97.0),
            ("98", "bureau", 98.0),
            ("most", "bureau", 50.0),
        ]
    }
    assert told["96"] < told["98"]
    assert told["97"] == told["most"] != told["96"]
    assert "missing" in fitted(kind).summary().filter(pl.col("input") == "paid_share")["cell"].to_list()


@KINDS
def test_sql_gives_the_same_points(kind: str, tmp_path: Path) -> None:
    frame, _ = people(seed=9)
    odd = pl.DataFrame(
        {
            "worst_days": [None, 0.0, 1e9, -5.0],
            "paid_share": [None, None, 0.5, 2.0],
            "product": ["unheard of", None, "store's", "card"],
            "bureau": [98.0, None, 96.0, 0.0],
            "noise": [0.0, None, 1e-300, -1e300],
        }
    )
    rows = pl.concat([frame, odd]).with_row_index("n")
    rows.write_parquet(tmp_path / "people.parquet")
    query = fitted(kind).to_sql(f"read_parquet('{tmp_path / 'people.parquet'}')", keys=("n",))
    answer = duckdb.sql(query)
    assert answer is not None
    in_sql = answer.pl().sort("n")
    in_frame = fitted(kind).predict_frame(rows, keys=["n"])
    assert in_sql["points"].cast(pl.Int64).equals(in_frame["points"])


@KINDS
def test_reasons_are_told_in_two_languages(kind: str) -> None:
    frame, _ = people()
    worst = frame.with_columns(worst_days=pl.lit(150.0)).head(3)
    english = fitted(kind).explain(worst)["reasons"]
    chinese = fitted(kind).explain(worst, language="zh", most=2)["reasons"]
    assert all(any("worst days past due" in reason for reason in reasons) for reasons in english)
    assert "points below average" in english[0][0]
    assert all(len(reasons) <= 2 for reasons in chinese)
    assert any("最长逾期天数" in reason and "分" in reason for reason in chinese[0])


@KINDS
def test_the_same_seed_makes_the_same_card_and_saving_keeps_it(kind: str, tmp_path: Path) -> None:
    frame, _ = people()
    model, again = fitted(kind), unfitted(kind).fit(*people())
    assert again.table_.to_dict() == model.table_.to_dict()
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.explain(frame.head(50), language="zh").equals(model.explain(frame.head(50), language="zh"))


class _Kept(AdditiveScorecard):
    """One that keeps its trees, to be held against its table."""

    def _train(self, *arguments: Any) -> Any:
        self.trees_ = super()._train(*arguments)
        return self.trees_


@KINDS
def test_the_reasons_of_many_are_those_of_each(kind: str) -> None:
    frame = people(60, seed=9)[0]
    together = fitted(kind).explain(frame, most=3)["reasons"].to_list()
    alone = [fitted(kind).explain(frame[k], most=3)["reasons"][0].to_list() for k in range(frame.height)]
    assert together == alone
    assert {len(reasons) for reasons in together} >= {1, 3}
    assert fitted(kind).explain(frame, most=0)["reasons"].to_list() == [[]] * frame.height


def test_an_additive_scorecard_says_what_its_trees_say() -> None:
    """Before rounding: with points fine enough, the table is the trees' sum on every row it learned from."""
    frame, target = people()
    model = _Kept(rounds=60, learning_rate=0.1, pairs_max=3, special_values=SPECIALS, scale=Scale(1e6))
    model.fit(frame, target)
    seen = TreeColumns.of(model.inputs_).matrix(model.inputs_.matrix(frame))
    trees = 1 / (1 + np.exp(-model.trees_.predict(seen, raw_score=True)))
    assert len(model.pairs_) > 0
    assert np.abs(model.predict_proba(frame)[:, 1] - trees).max() < 1e-4
