"""What a person can afford, whether a plan is kept, what comes back after charge-off: with how unsure each is."""

from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dunwell.insight.problems import CannotScore, ModelDamaged, TrainingUnusable
from dunwell.insight.scoring import BoostedModel, load_model
from dunwell.insight.scoring.measures import auc, calibration_error
from dunwell.insight.settlement import (
    LossModel,
    affordability,
    breakage_model,
    by_term,
    compare_terms,
    load_loss_model,
    matured,
    paid_by_month,
    plan_inputs,
    recovery_curve,
)
from tests.insight.books import LAST_DAY, partition

NOTHING = {
    "income_minor": None,
    "income_known": None,
    "spending_minor": None,
    "spending_known": None,
    "paid_by_month_minor": None,
}


def people(*rows: dict[str, object]) -> pl.DataFrame:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "income_minor": pl.Int64,
        "income_known": pl.String,
        "spending_minor": pl.Int64,
        "spending_known": pl.String,
        "paid_by_month_minor": pl.List(pl.Int64),
    }
    return pl.DataFrame([NOTHING | row for row in rows], schema=schema)


def test_papers_make_an_estimate_surer_than_words() -> None:
    amounts = {"income_minor": 250_000, "spending_minor": 200_000}
    shown, said = affordability(
        people(
            amounts | {"income_known": "verified", "spending_known": "verified"},
            amounts | {"income_known": "declared", "spending_known": "declared"},
        )
    ).rows(named=True)
    assert shown["likely_minor"] == said["likely_minor"] == 50_000
    assert shown["low_minor"] == round(50_000 - 1.2816 * np.hypot(12_500, 10_000))
    assert said["low_minor"] == 0 and said["high_minor"] > shown["high_minor"]
    assert shown["because"] == "income (verified) less spending (verified) leaves 50000 a month"


def test_what_was_paid_counts_and_disagreement_leaves_doubt() -> None:
    budget = {
        "income_minor": 300_000,
        "income_known": "declared",
        "spending_minor": 200_000,
        "spending_known": "declared",
    }
    steady, ragged, both, apart, unknown = affordability(
        people(
            {"paid_by_month_minor": [20_000] * 6},
            {"paid_by_month_minor": [0, 60_000, 0, 0, 60_000, 0]},
            budget | {"paid_by_month_minor": [100_000] * 6},
            budget | {"paid_by_month_minor": [1_000] * 6},
            {"paid_by_month_minor": [5_000]},
        )
    ).rows(named=True)
    assert steady["likely_minor"] == ragged["likely_minor"] == 20_000
    assert 12_000 < steady["low_minor"] < 20_000
    assert ragged["low_minor"] < steady["low_minor"] / 3
    assert both["likely_minor"] == 100_000
    assert apart["likely_minor"] < 3_000  # what was paid is the surer of the two
    assert (
        unknown["low_minor"] is None and unknown["because"] == "nothing is known"
    )  # one month tells nothing


def test_eight_of_ten_lie_within_when_the_spreads_are_true() -> None:
    draw, count = np.random.default_rng(1), 4000
    left = draw.normal(90_000, 10_000, count)
    spending = draw.normal(150_000, 30_000, count).clip(60_000)
    income = left + spending
    told_income = income / (1 + draw.normal(0, 0.05, count))
    told_spending = spending / (1 + draw.normal(0, 0.2, count)).clip(0.4)
    frame = people(
        *(
            {
                "income_minor": round(i),
                "income_known": "verified",
                "spending_minor": round(s),
                "spending_known": "declared",
            }
            for i, s in zip(told_income, told_spending, strict=True)
        )
    )
    told = affordability(frame)
    held = (told["low_minor"].to_numpy() <= left) & (left <= told["high_minor"].to_numpy())
    assert 0.75 <= held.mean() <= 0.85


def test_what_was_paid_by_month_is_read_from_a_book() -> None:
    tables = partition().tables
    month = pl.col("paid_on").dt.year() * 12 + pl.col("paid_on").dt.month() - 1
    months = [LAST_DAY.year * 12 + LAST_DAY.month - 2 - k for k in range(5, -1, -1)]
    told = paid_by_month(tables, months, month)
    assert (told["paid_by_month_minor"].list.len() == 6).all()
    payments = tables["payments"].filter(month.is_in(months))
    taken_back = set(tables["payments"]["reverses"].drop_nulls())
    kept = sum(
        row["amount_minor"]
        for row in payments.iter_rows(named=True)
        if row["kind"] == "payment" and row["payment_id"] not in taken_back
    )
    assert told["paid_by_month_minor"].list.sum().sum() == kept > 0


@cache
def plans(count: int = 2500, seed: int = 1) -> tuple[pl.DataFrame, pl.Series]:
    """Plans that break the oftener, the longer and the heavier they are."""
    draw = np.random.default_rng(seed)
    term, burden = draw.integers(0, 25, count), draw.gamma(3, 0.4, count)
    instalment = draw.integers(10_000, 60_000, count)
    agreed = (burden * instalment * np.maximum(term, 1)).round().astype(np.int64)
    chance = 1 / (1 + np.exp(3.2 - 0.1 * term - 0.6 * (burden - 1)))
    frame = pl.DataFrame(
        {
            "term_months": term,
            "agreed_minor": agreed,
            "balance_minor": (agreed / draw.uniform(0.3, 0.7, count)).astype(np.int64),
            "instalment_minor": instalment,
            "agreed_on": [date(2024, 1, 1) + timedelta(days=int(d)) for d in draw.integers(0, 700, count)],
        }
    )
    return frame, pl.Series("is_broken", draw.random(count) < chance)


def inputs(frame: pl.DataFrame) -> pl.DataFrame:
    return plan_inputs(frame).drop("agreed_on")


@cache
def fitted() -> BoostedModel:
    frame, is_broken = plans()
    return breakage_model(folds=3).fit(inputs(frame), is_broken)


def test_long_and_heavy_plans_are_told_from_others() -> None:
    frame, is_broken = plans(seed=2)
    chance = fitted().predict_proba(inputs(frame))[:, 1]
    target = is_broken.cast(pl.Float64).to_numpy()
    assert auc(target, chance) > 0.66
    assert calibration_error(target, chance) < 0.04
    told = by_term(frame["term_months"], is_broken, pl.Series(chance))
    assert told["term"].to_list() == ["up to 1", "2 to 6", "7 to 12", "13 to 18", "over 18"]
    assert told["plans"].sum() == frame.height
    assert told["foretold"].is_sorted()
    for row in told.iter_rows(named=True):
        assert row["low"] - 0.03 <= row["foretold"] <= row["high"] + 0.03


def test_a_longer_plan_of_the_same_sum_is_lighter_and_of_the_same_burden_never_safer() -> None:
    frame, _ = plans()
    one = frame.filter(pl.col("term_months") == 12).head(1).drop("agreed_on")
    told = compare_terms(fitted(), one, [6, 12, 24])
    assert told["burden"].to_list() == sorted(told["burden"].to_list(), reverse=True)
    same = plan_inputs(pl.concat([one] * 25)).with_columns(term_months=pl.int_range(25))
    assert (np.diff(fitted().predict_proba(same)[:, 1]) >= -1e-12).all()
    with pytest.raises(CannotScore, match="Give one"):
        compare_terms(fitted(), frame, [6])


def test_only_plans_that_had_their_time_are_learned_from() -> None:
    frame = pl.DataFrame({"agreed_on": [date(2025, 1, 15), date(2025, 1, 15)], "term_months": [6, 12]})
    assert matured(frame, date(2025, 7, 15))["term_months"].to_list() == [6]
    assert matured(frame, date(2026, 1, 15)).height == 2


def test_breakage_is_saved_and_explained_like_any_score(tmp_path: Path) -> None:
    frame = inputs(plans()[0]).head(20)
    fitted().save(tmp_path / "model")
    told = load_model(tmp_path / "model").explain(frame)
    assert told.equals(fitted().explain(frame))
    assert any("months of the plan" in reason for reason in told["reasons"].explode().drop_nulls())


def test_a_size_that_can_be_foretold_is(tmp_path: Path) -> None:
    model = LossModel(rounds=60, folds=3).fit(*losses(lean=1.0))
    assert model.amount_r2_ > 0.1 and "can be foretold in part" in model.told()
    frame, share = losses(seed=2, lean=1.0)
    told = model.predict_frame(frame, ("noise",))
    high, low = (
        told.filter(part)["loss_share"].to_numpy().mean()
        for part in (pl.col("noise") > 1, pl.col("noise") < -1)
    )
    assert high < low - 0.1
    assert 1 - told["loss_share"].to_numpy().mean() == pytest.approx(share.to_numpy().mean(), abs=0.02)
    model.save(tmp_path / "model")
    assert load_loss_model(tmp_path / "model").predict_frame(frame, ("noise",)).equals(told)


@cache
def losses(count: int = 3000, seed: int = 1, lean: float = 0.0) -> tuple[pl.DataFrame, pl.Series]:
    """Debts of which some pay back a share that nothing foretells, but what ``lean`` asks for; whether they do leans
    on one input.
    """
    draw = np.random.default_rng(seed)
    paid_before = draw.beta(2, 2, count)
    is_any = draw.random(count) < 1 / (1 + np.exp(-3 * (paid_before - 0.4)))
    noise = draw.normal(size=count)
    share = np.where(is_any, (draw.beta(1, 4, count) * np.exp(lean * noise)).clip(0.001, 1), 0.0)
    return pl.DataFrame({"paid_before": paid_before, "noise": noise}), pl.Series(share)


def test_whether_anything_comes_is_foretold_and_how_much_is_owned_to_be_unknown(tmp_path: Path) -> None:
    model = LossModel(rounds=60, folds=3).fit(*losses())
    assert model.amount_r2_ < 0.02 and not model.amounts_
    assert "nearly unpredictable" in model.told()
    frame, share = losses(seed=2)
    told = model.predict_frame(frame)
    loss = 1 - share.to_numpy()
    assert told["loss_share"].to_numpy().mean() == pytest.approx(loss.mean(), abs=0.015)
    held = (told["loss_low"].to_numpy() <= loss) & (loss <= told["loss_high"].to_numpy())
    assert 0.86 <= held.mean() <= 1.0
    assert auc((share > 0).cast(pl.Float64).to_numpy(), told["chance_of_any"].to_numpy()) > 0.65
    model.save(tmp_path / "model")
    assert load_loss_model(tmp_path / "model").predict_frame(frame).equals(told)
    assert "any recovery" in model.card(frame, share).markdown()
    fitted().save(tmp_path / "other")
    with pytest.raises(ModelDamaged, match="no model of losses"):
        load_loss_model(tmp_path / "other")
    with pytest.raises(TrainingUnusable, match="0 or more"):
        LossModel().fit(frame, share - 1)


def test_the_recovery_curve_is_right_though_most_debts_are_young() -> None:
    draw, count, as_of = np.random.default_rng(3), 1500, date(2026, 6, 30)
    begun = [as_of - timedelta(days=int(d)) for d in draw.integers(0, 720, count)]
    debts = pl.DataFrame(
        {
            "account_id": [f"A{k}" for k in range(count)],
            "charged_off_on": begun,
            "exposure_minor": draw.integers(50_000, 150_000, count),
        }
    )
    monthly = 0.02 * 0.85 ** np.arange(24)  # the true share that comes back in each month
    paid = [
        (f"A{k}", begun[k] + timedelta(days=30 * m + 15), int(debts["exposure_minor"][k] * 10 * monthly[m]))
        for k in range(count)
        for m in range(24)
        if draw.random() < 0.1 and begun[k] + timedelta(days=30 * m + 15) <= as_of
    ]
    payments = pl.DataFrame(paid, schema=["account_id", "paid_on", "amount_minor"], orient="row")
    curve = recovery_curve(debts, payments, as_of, months=24)
    truth = monthly.cumsum()[: curve.height]
    assert curve.height == 23 or curve.height == 24
    assert curve["recovered_share"].is_sorted() and curve["debts"].is_sorted(descending=True)
    within = (curve["low"].to_numpy() - 0.004 <= truth) & (truth <= curve["high"].to_numpy() + 0.004)
    assert within.all()
    naive = float(payments["amount_minor"].sum()) / float(debts["exposure_minor"].sum())
    assert naive < 0.8 * truth[-1]  # counting the young as lost would miss that much
    with pytest.raises(TrainingUnusable, match="a month or longer ago"):
        recovery_curve(debts.with_columns(charged_off_on=pl.lit(as_of)), payments, as_of)


def test_what_is_not_told_is_refused() -> None:
    with pytest.raises(CannotScore, match="income_known is 'guessed'"):
        affordability(people({"income_minor": 1, "income_known": "guessed"}))
    with pytest.raises(CannotScore, match="'spending_known' is missing"):
        affordability(people({}).drop("spending_known"))
    with pytest.raises(CannotScore, match="'balance_minor' is missing"):
        plan_inputs(plans()[0].drop("balance_minor"))
