"""An experiment read from its log and what came of it, as a nightly run would."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dunwell.strategy.experiments import (
    Arm,
    Experiment,
    GuardRail,
    outcomes_by_window,
    randomise,
    read_experiment,
)
from dunwell.strategy.experiments.adjusting import adjusted
from dunwell.strategy.problems import StrategyError

START = date(2026, 1, 1)
TRIAL = Experiment(
    "a call or a text",
    "a",
    (Arm("none", 0.25), Arm("sms", 0.5), Arm("call", 0.25)),
    START,
    enrol_days=60,
    first_look=200,
    guard_rails=(GuardRail("complaint"),),
)


def log_and_payments(
    count: int = 4000, *, sms: float = 0.0, call: float = 0.0, seed: int = 1
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Customers who come in over sixty days, a third of whom may not be called; who are late in paying may not be called
    more often. ``sms`` and ``call`` add to what everybody pays within ten days.
    """
    draw = np.random.default_rng(seed)
    habit = draw.normal(size=count)
    may_not = draw.random(count) < np.where(habit < 0, 0.5, 0.15)
    people = pl.DataFrame(
        {
            "customer_id": [f"C{seed}-{number:05}" for number in range(count)],
            "assigned_on": [START + timedelta(days=int(day)) for day in draw.integers(0, 60, count)],
            "blocked": [["call"] if one else [] for one in may_not],
            "paid_before": habit,
        }
    )
    log = people.join(randomise(TRIAL, people), on="customer_id")
    effect = log["arm"].replace_strict({"none": 0.0, "sms": sms, "call": call}).to_numpy()
    paid = 10 + 3 * habit + draw.normal(size=count) + effect
    payments = pl.DataFrame(
        {
            "customer_id": log["customer_id"],
            "on": log["assigned_on"]
            + pl.Series([timedelta(days=int(d)) for d in draw.integers(1, 11, count)]),
            "amount": paid,
        }
    )
    return log, payments


def test_effects_are_found_where_they_are_though_eligibility_is_not_by_lot() -> None:
    log, payments = log_and_payments(sms=0.5, call=1.0)
    reading = read_experiment(TRIAL, log, payments, START + timedelta(days=120), before=["paid_before"])
    primary = {one.arm: one for one in reading.comparisons if one.is_primary}
    assert primary["sms"].interval.covers(0.5)
    assert primary["call"].interval.covers(1.0)
    assert reading.verdict("sms") == reading.verdict("call") == "better"
    assert not reading.imbalance
    # Compared without regard to who could be called, the call would look far better than it is.
    naive = log.join(payments, on="customer_id").group_by("arm").agg(pl.col("amount").mean())
    means = dict(naive.iter_rows())
    assert means["call"] - means["none"] > 1.5


def test_what_was_known_before_narrows_the_interval_and_does_not_shift_it() -> None:
    log, payments = log_and_payments(sms=0.5)
    day = START + timedelta(days=120)
    plain = read_experiment(TRIAL, log, payments, day).comparisons[0]
    told = read_experiment(TRIAL, log, payments, day, before=["paid_before"]).comparisons[0]
    assert told.standard_error < 0.4 * plain.standard_error  # a correlation of 0.95
    assert abs(told.difference - plain.difference) < 3 * plain.standard_error


def test_a_year_is_reported_only_when_it_has_passed() -> None:
    log, payments = log_and_payments(400)
    told = {
        (one.arm, one.window_days): one
        for one in read_experiment(TRIAL, log, payments, START + timedelta(days=100)).comparisons
    }
    assert told["sms", 30].open_count == 0
    assert 0 < told["sms", 90].count < told["sms", 30].count
    assert told["sms", 365].count == 0
    assert not told["sms", 365].interval.excludes_zero


def test_reading_every_week_flags_few_trials_in_which_nothing_differs() -> None:
    flagged = 0
    for seed in range(20):
        log, payments = log_and_payments(800, seed=seed)
        days = (START + timedelta(days=day) for day in range(50, 100, 10))
        flagged += any(
            read_experiment(TRIAL, log, payments, day, before=["paid_before"]).verdict(arm) != "undecided"
            for day in days
            for arm in ("sms", "call")
        )
    assert flagged <= 3


def test_complaints_stop_an_arm_whatever_it_brings_in() -> None:
    log, payments = log_and_payments(sms=2.0)
    of_sms = (
        log.filter(pl.col("arm") == "sms")
        .head(25)
        .select("customer_id", on=pl.col("assigned_on") + pl.duration(days=2))
    )
    harms = pl.concat([of_sms, of_sms]).with_columns(event=pl.lit("complaint"))
    reading = read_experiment(TRIAL, log, payments, START + timedelta(days=120), harms)
    assert reading.verdict("sms") == "stopped"
    (alarm,) = reading.alarms
    assert alarm.arm_events == 25  # each customer once
    assert "complaint: 25 of" in alarm.sentence
    early = read_experiment(TRIAL, log, payments, START, harms)
    assert not early.alarms


def test_customers_lost_from_an_arm_make_the_reading_unsound() -> None:
    log, payments = log_and_payments(sms=0.5)
    is_lost = (pl.col("arm") == "sms") & (pl.col("paid_before") < -1)
    reading = read_experiment(TRIAL, log.filter(~is_lost), payments, START + timedelta(days=120))
    assert any("'sms' has" in told for told in reading.imbalance)
    assert reading.verdict("sms") == "unsound"


def test_a_window_holds_the_days_after_the_lot_was_drawn() -> None:
    log = pl.DataFrame({"customer_id": ["A", "B"], "assigned_on": [START, START]})
    on = [START, START + timedelta(days=1), START + timedelta(days=30), START + timedelta(days=31)]
    events = pl.DataFrame({"customer_id": ["A"] * 4, "on": on, "amount": [1.0, 2.0, 4.0, 8.0]})
    closed = outcomes_by_window(log, events, [30], START + timedelta(days=30))
    assert closed["outcome"].to_list() == [6.0, 0.0]
    still_open = outcomes_by_window(log, events, [30], START + timedelta(days=29))
    assert still_open["outcome"].to_list() == [None, None]


def test_adjusting_without_a_relation_changes_little_and_missing_values_nothing() -> None:
    draw = np.random.default_rng(1)
    outcome, group = draw.normal(size=5000), draw.integers(0, 2, 5000)
    before = np.full((5000, 1), np.nan)
    assert np.allclose(adjusted(outcome, before, np.ones(5000), group), outcome)
    with pytest.raises(StrategyError, match="infinite"):
        adjusted(outcome, np.full((5000, 1), np.inf), np.ones(5000), group)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (pl.lit(1.0).alias("probability"), "nothing is learned"),
        (pl.lit(None, pl.Float64).alias("probability"), "nothing is learned"),
        (pl.lit("visit").alias("arm"), "has an arm 'visit'"),
        (pl.lit("C1").alias("customer_id"), "in the log twice"),
    ],
)
def test_a_log_that_cannot_be_read_says_which_row(change: pl.Expr, problem: str) -> None:
    log, payments = log_and_payments(50)
    with pytest.raises(StrategyError, match=problem):
        read_experiment(TRIAL, log.with_columns(change), payments, START)
    with pytest.raises(StrategyError, match="no column 'probability'"):
        read_experiment(TRIAL, log.drop("probability"), payments, START)
