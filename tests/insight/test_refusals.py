"""What a model refuses, with a sentence that names the place and the mend."""

import re
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from dunwell.insight import CATALOGUE
from dunwell.insight.forbidden import forbidden_inputs, refuse_forbidden
from dunwell.insight.problems import CannotScore, ForbiddenInput, InsightError, TrainingUnusable
from dunwell.insight.rolls import BOOK_STATES, HISTORY_INPUTS, OTHERS_INPUTS, RollRates
from dunwell.insight.scoring import BoostedModel, Model, Scorecard
from dunwell.policy import SOURCE_QUALITIES
from dunwell.strategy.columns import COLUMNS as STRATEGY_COLUMNS
from dunwell.strategy.conditions import BadCondition, parse_condition
from tests.insight.people import people


@cache
def model() -> Model:
    frame, target = people()
    return BoostedModel(rounds=20, folds=2).fit(frame, target)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("sex", "sex"),
        ("CustomerGender", "sex"),
        ("是否女性性别", "sex"),
        ("ethnic_group", "ethnicity"),
        ("Nationality", "ethnicity"),
        ("religion_code", "religion"),
        ("health_score", "health"),
        ("has.disability", "health"),
        ("gps_last", "location trails"),
        ("home_lat", "location trails"),
        ("近期轨迹", "location trails"),
        ("social-graph-degree", "social graph"),
        ("friends_in_arrears", "social graph"),
        ("通讯录人数", "social graph"),
        ("MARRIAGE", "marital status"),
        ("NAME_FAMILY_STATUS", "marital status"),
        ("surname_hash", "ethnicity"),
        ("native_language", "ethnicity"),
        ("hiv_status", "health"),
        ("ip_address_count", "location trails"),
        ("installed_apps", "social graph"),
        ("birth_place", "where a person comes from"),
        ("户籍所在地", "where a person comes from"),
        ("union_member", "opinion"),
    ],
)
def test_a_forbidden_input_is_refused_by_its_name(name: str, key: str) -> None:
    frame, target = people()
    with pytest.raises(ForbiddenInput, match=f"{name}.*is {key}.*Leave it out"):
        Scorecard().fit(frame.rename({"noise": name}), target)


def test_a_forbidden_input_is_refused_by_its_values() -> None:
    frame, target = people()
    hidden = frame.with_columns(x17=pl.when(pl.col("noise") > 0).then(pl.lit("F")).otherwise(pl.lit("M ")))
    with pytest.raises(ForbiddenInput, match="'x17' is sex"):
        BoostedModel().fit(hidden, target)


@pytest.mark.parametrize(
    "name", ["contact_tries_90d", "latest_payment", "balance", "days_late", "trace_id", "essex"]
)
def test_an_innocent_name_is_not(name: str) -> None:
    frame, target = people()
    Scorecard().fit(frame.select("worst_days", pl.col("noise").alias(name)), target)


WORDS = [(entry.key, word) for entry in forbidden_inputs() for word in entry.words]


@pytest.mark.parametrize(("key", "word"), WORDS, ids=[f"{key}: {word}" for key, word in WORDS])
def test_every_word_of_the_list_is_refused_wherever_people_are_told_apart(key: str, word: str) -> None:
    name = f"x_{word.replace(' ', '_')}_2" if word.isascii() else f"近期{word}数"
    frame, target = people()
    renamed = frame.rename({"noise": name})
    with pytest.raises(ForbiddenInput, match=f"is {re.escape(key)}"):
        BoostedModel().fit(renamed, target)
    with pytest.raises(ForbiddenInput, match=f"is {re.escape(key)}"):
        RollRates(BOOK_STATES, refine=(name,))
    with pytest.raises(ForbiddenInput, match=f"is {re.escape(key)}"):
        refuse_forbidden(renamed, [name])


def test_the_list_says_why() -> None:
    assert {entry.key for entry in forbidden_inputs()} >= {
        "sex",
        "ethnicity",
        "religion",
        "health",
        "location trails",
        "social graph",
        "a person's weak spot",
    }
    assert all(entry.reason and entry.citation for entry in forbidden_inputs())
    assert {entry.source_quality for entry in forbidden_inputs()} <= set(SOURCE_QUALITIES)


def test_no_feature_of_ours_and_nothing_a_strategy_may_ask_is_on_it() -> None:
    refuse_forbidden(pl.DataFrame(), [*CATALOGUE, *HISTORY_INPUTS, *OTHERS_INPUTS, *STRATEGY_COLUMNS])


@pytest.mark.parametrize("column", ["sex", "religion", "health_score", "gps_home", "vulnerability"])
def test_a_strategy_cannot_ask_it(column: str) -> None:
    with pytest.raises(BadCondition, match=column):
        parse_condition(f"{column} = 1")


def test_missing_columns_are_named() -> None:
    with pytest.raises(CannotScore, match="2 of the model's 5 columns are missing: worst_days, product"):
        model().predict_proba(people()[0].drop("worst_days", "product"))


def test_a_column_of_another_type_is_named() -> None:
    with pytest.raises(CannotScore, match="'worst_days' is String, and the model learned numbers"):
        model().predict_proba(people()[0].with_columns(pl.col("worst_days").cast(pl.String)))
    with pytest.raises(CannotScore, match="'product' is Int32, and the model learned names"):
        model().predict_proba(people()[0].with_columns(product=pl.lit(1)))


def test_drift_beyond_the_limit_is_refused_and_measured() -> None:
    drifted, _ = people(seed=11, shift=60.0)
    with pytest.raises(CannotScore, match=r"1 inputs are not distributed.*worst_days \(PSI .*limit is 0.25"):
        model().predict_proba(drifted)
    assert model().drift(drifted)["worst_days"] > 0.25 > model().drift(drifted)["noise"]
    assert len(model().predict_proba(drifted.head(100))) == 100  # too few to tell


def test_a_model_that_has_not_learned_says_so() -> None:
    with pytest.raises(CannotScore, match="Call fit first"):
        Scorecard().predict_proba(people()[0])


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ([2] * 3000, "0 or 1 in every row"),
        ([0] * 2990 + [1] * 10, "10 of the rarer outcome are too few"),
        ([None] * 10 + [1] * 2990, "Drop rows without an outcome"),
        ([0, 1], "2 values for 3000 rows"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(target: list[int], said: str) -> None:
    with pytest.raises(TrainingUnusable, match=said):
        Scorecard().fit(people()[0], target)


def test_columns_that_are_no_inputs_are_refused() -> None:
    frame, target = people()
    ids = frame.with_columns(account=pl.int_range(pl.len()).cast(pl.String))
    with pytest.raises(TrainingUnusable, match=r"'account' holds names.*an id"):
        Scorecard().fit(ids, target)
    with pytest.raises(TrainingUnusable, match="'day' is Date"):
        Scorecard().fit(frame.with_columns(day=pl.date(2026, 1, 1)), target)
    with pytest.raises(TrainingUnusable, match="no input tells the outcomes apart"):
        Scorecard(information_min=0.05).fit(frame.select("noise"), target)


def test_a_model_does_not_overwrite_what_is_none(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("keep me")
    with pytest.raises(InsightError, match="is no model"):
        model().save(tmp_path)
    assert (tmp_path / "letter.txt").read_text() == "keep me"
