"""The card a model writes of itself, and the figures in it."""

import json
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as reference_log_loss

from dunwell.insight.scoring import Scorecard
from dunwell.insight.scoring.card import ModelCard, model_card
from dunwell.insight.scoring.fairness import NOT_MEASURED, group_frame, group_gaps, promotion_blocks
from dunwell.insight.scoring.measures import (
    auc,
    auc_delong,
    bootstrap,
    brier,
    calibration_error,
    calibration_gap,
    calibration_noise,
    cluster_numbers,
    kolmogorov_smirnov,
    log_loss,
    share_interval,
)
from tests.insight.people import groups, people


@cache
def card() -> ModelCard:
    model = Scorecard().fit(*people())
    frame, target = people(seed=6)
    return model_card(
        model,
        frame,
        target,
        purpose="Which accounts may need a call.",
        target_meaning="30 days past due within 90 days",
        window=(date(2026, 1, 1), date(2026, 6, 30)),
        groups=groups(),
    )


def test_figures_agree_with_scikit_learns() -> None:
    draw = np.random.default_rng(0)
    score = draw.random(4000).round(2)
    target = (draw.random(4000) < score).astype(float)
    assert np.isclose(auc(target, score), roc_auc_score(target, score))
    assert np.isclose(brier(target, score), brier_score_loss(target, score))
    assert np.isclose(
        log_loss(target, np.clip(score, 0.01, 0.99)), reference_log_loss(target, np.clip(score, 0.01, 0.99))
    )
    thresholds = np.unique(score)
    gaps = [(score[target == 1] <= t).mean() - (score[target == 0] <= t).mean() for t in thresholds]
    assert np.isclose(kolmogorov_smirnov(target, score), np.abs(gaps).max())
    assert calibration_error(target, score) < 0.04 < calibration_error(target, score**3)


def test_delongs_interval_covers_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(3)
    truth, covered = 0.7602499389065233, 0  # two normals one standard deviation apart: Phi(1 / sqrt 2)
    for _ in range(400):
        target = np.repeat([0.0, 1.0], [150, 80])
        figure = auc_delong(target, draw.normal(size=230) + target)
        covered += figure.low <= truth <= figure.high
    assert 0.92 <= covered / 400 <= 0.98


def test_intervals_narrow_with_rows() -> None:
    draw = np.random.default_rng(4)
    wide, narrow = (
        bootstrap((draw.random(n) < 0.3).astype(float), np.full(n, 0.3), brier, seed=1) for n in (100, 10_000)
    )
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low) > 0
    assert share_interval(0, 50).high > 0.05
    assert share_interval(20, 50).low < 0.4 < share_interval(20, 50).high


def test_rows_without_a_group_are_groups_of_their_own() -> None:
    assert cluster_numbers(pl.Series(["b", None, "a", "b", None]), 5).tolist() == [1, 2, 0, 1, 3]
    assert cluster_numbers(None, 3).tolist() == [0, 1, 2]


def test_the_card_tells_what_must_be_told() -> None:
    for page in (card().markdown(), card().html()):
        for said in (
            "Which accounts may need a call.",
            "30 days past due within 90 days",
            "2026-01-01 to 2026-06-30",
            "3,000 rows",
            "Calibration error",
            "predicted minus actual",
            "Limits",
            "worst_days",
        ):
            assert said in page, said


def test_the_card_as_json_holds_its_figures_with_intervals() -> None:
    told = json.loads(json.dumps(card().to_dict(), allow_nan=False))
    assert told["figures"]["auc"]["low"] < told["figures"]["auc"]["value"] < told["figures"]["auc"]["high"]
    assert {one["group"] for one in told["groups"]} == {"a", "b"}
    assert sum(one["row_count"] for one in told["groups"]) == told["row_count"]
    for one in told["groups"]:
        assert one["gap"]["low"] <= one["gap"]["value"] <= one["gap"]["high"]


def test_a_card_tells_the_gaps_between_groups_and_that_they_block_nothing() -> None:
    told = card()
    assert {gap.group for gap in told.gaps} == {"a", "b"}
    assert told.may_be_promoted
    for page in (told.markdown(), told.html()):
        assert "less that of the others" in page
        assert "keeps it from being promoted" in page


def harmed(share: float) -> ModelCard:
    """The card of a model for rows of which one group's outcomes came less often than the inputs say."""
    frame, target = people(seed=6)
    draw = np.random.default_rng(8)
    spared = (groups() == "b").to_numpy() & (draw.random(3000) < share)
    came = pl.Series(target.to_numpy() & ~spared)
    model = Scorecard().fit(*people())
    return model_card(model, frame, came, purpose="-", target_meaning="-", groups=groups())


def test_a_gap_beyond_the_limit_blocks_promotion_in_words() -> None:
    told = harmed(0.7)
    assert not told.may_be_promoted
    assert any("b: predicted minus actual rate differs" in block for block in told.promotion_blocks)
    assert "May not be promoted" in told.markdown()
    assert "May not be promoted" in told.html()
    assert json.loads(json.dumps(told.to_dict(), allow_nan=False))["promotion_blocks"]


def test_people_treated_as_risky_without_cause_block_promotion() -> None:
    frame, target = people(seed=6)
    unlucky = (groups() == "b").to_numpy()
    moved = frame.with_columns(
        worst_days=pl.when(pl.Series(unlucky)).then(pl.col("worst_days") + 25).otherwise("worst_days")
    )
    model = Scorecard(psi_max=9).fit(*people())
    told = model_card(model, moved, target, purpose="-", target_meaning="-", groups=groups())
    assert any("treated as risky" in block for block in told.promotion_blocks)


def test_groups_that_were_not_measured_block_too() -> None:
    frame, target = people(seed=6)
    model = Scorecard().fit(*people())
    told = model_card(model, frame, target, purpose="-", target_meaning="-")
    assert told.promotion_blocks == (NOT_MEASURED,)
    lonely = pl.Series(["a"] * 2990 + ["b"] * 10)
    few = model_card(model, frame, target, purpose="-", target_meaning="-", groups=lonely)
    assert few.promotion_blocks == (NOT_MEASURED,)


def test_chance_in_small_groups_seldom_blocks() -> None:
    """Four groups of fifty people who differ in nothing: the intervals hold for all of them together."""
    draw = np.random.default_rng(12)
    blocked = 0
    for _ in range(200):
        probability = draw.beta(2, 2, 200)
        came = (draw.random(200) < probability).astype(float)
        ways = group_frame(pl.Series(draw.choice(list("abcd"), 200)), 200)
        blocked += bool(promotion_blocks(group_gaps(came, probability, ways)))
    assert blocked / 200 <= 0.08


def test_several_ways_of_grouping_are_told_apart() -> None:
    frame, target = people(seed=6)
    ways = pl.DataFrame({"age": groups(), "language": ["en", "zh", None] * 1000})
    model = Scorecard().fit(*people())
    told = model_card(model, frame, target, purpose="-", target_meaning="-", groups=ways)
    assert {gap.group for gap in told.gaps} == {
        *("age: a", "age: b", "language: en", "language: zh", "language: not known"),
    }


def test_a_card_too_good_to_be_true_says_so() -> None:
    frame, target = people()
    rarely = pl.int_range(frame.height) % 50 == 0
    leaking = frame.with_columns(settled_later=target.cast(pl.Int8)).with_columns(
        settled_later=pl.when(rarely).then(0).otherwise("settled_later")
    )
    model = Scorecard().fit(leaking, target)
    told = model_card(model, leaking, target, purpose="-", target_meaning="-")
    assert any("knows the outcome" in caution for caution in told.cautions)
    assert "Caution" in told.markdown() and "Caution" in told.html()


def test_what_chance_adds_to_the_calibration_error_is_told_and_taken_off() -> None:
    draw = np.random.default_rng(3)
    chance = draw.beta(2, 2, 2000)
    seen = [(draw.random(2000) < chance).astype(np.float64) for _ in range(60)]
    shown = float(np.mean([calibration_error(target, chance) for target in seen]))
    assert shown == pytest.approx(calibration_noise(chance), rel=0.08)
    assert np.mean([calibration_gap(target, chance) for target in seen]) < 0.4 * shown
    off = np.clip(chance + 0.05, 0, 1)
    assert np.mean([calibration_gap(target, off) for target in seen]) == pytest.approx(0.05, abs=0.006)
