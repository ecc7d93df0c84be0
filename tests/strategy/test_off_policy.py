"""What another strategy would have brought: the truth is covered, and where the log cannot tell, nothing is told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.off_policy import Trial, coverage, hillstrom, share, social_pressure
from dunwell.strategy.evaluation import (
    ESTIMATORS,
    Estimate,
    Log,
    compare,
    direct,
    doubly_robust,
    ips,
    lawful,
    overlap,
    partitioned,
    read_log,
    snips,
    switch,
)
from dunwell.strategy.evaluation.comparing import WHAT_RAN
from dunwell.strategy.problems import CannotEvaluate
from tests.strategy.worlds import TREATMENTS, World, chances_of, log_of, world

COUNT = 3000
ALWAYS_SMS = np.array([0.0, 1.0, 0.0])
ALWAYS_CALL = np.array([0.0, 0.0, 1.0])


def everybody(target: np.ndarray, made: World) -> np.ndarray:
    return lawful(target, made.allowed)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rounds = 120
    everyone = world(50_000, 1)
    true = [everyone.value(chances_of(everyone, 1.0, 0.0, 1000 + strategy)) for strategy in range(8)]
    covered = dict.fromkeys(("ips", "snips", "doubly robust", "switch"), 0)
    for seed in range(rounds):
        made = world(1500, seed)
        log = log_of(made, chances_of(made, 1.0, 0.07, seed), seed)
        target = chances_of(made, 1.0, 0.0, 1000 + seed % 8)
        for method in covered:
            covered[method] += ESTIMATORS[method](log, target).interval().covers(true[seed % 8])
    assert all(0.89 <= count / rounds <= 0.99 for count in covered.values()), covered


def test_the_direct_method_is_wrong_where_its_lines_are_and_the_doubly_robust_is_not() -> None:
    off: dict[str, list[float]] = {"direct": [], "doubly robust": []}
    for seed in range(40):
        made = world(COUNT, seed)
        is_eager = made.context[:, 2] > 0.5
        logging = np.where(is_eager[:, None], [0.9, 0.05, 0.05], [0.2, 0.2, 0.6])
        log = log_of(made, logging, seed)
        target = np.where(is_eager[:, None], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
        for estimate in (direct(log, target), doubly_robust(log, target)):
            off[estimate.method].append(estimate.value - made.value(target))
    assert abs(np.mean(off["direct"])) > 5 * abs(np.mean(off["doubly robust"]))
    assert abs(np.mean(off["doubly robust"])) < 0.05


def test_forecasts_narrow_the_interval_and_a_shift_of_the_rewards_widens_only_ips() -> None:
    made = world(COUNT, 1)
    log = log_of(made, chances_of(made, 1.0, 0.07, 1), 1)
    target = everybody(ALWAYS_SMS, made)
    assert doubly_robust(log, target).standard_error < 0.8 * ips(log, target).standard_error
    shifted = log.with_rewards(log.rewards + 100)
    assert ips(shifted, target).standard_error > 5 * ips(log, target).standard_error
    assert snips(shifted, target).standard_error == pytest.approx(snips(log, target).standard_error)
    assert snips(shifted, target).value == pytest.approx(snips(log, target).value + 100)


def test_the_strategy_that_ran_is_worth_what_it_brought() -> None:
    made = world(COUNT, 1)
    logging = chances_of(made, 1.0, 0.07, 1)
    log = log_of(made, logging, 1)
    assert ips(log, logging).value == pytest.approx(log.rewards.mean())
    assert doubly_robust(log, logging).value == pytest.approx(log.rewards.mean(), abs=0.1)


def test_switching_keeps_a_huge_weight_from_ruling_and_says_what_it_may_be_wrong_by() -> None:
    made = world(COUNT, 3)
    logging = np.tile([0.3, 0.699, 0.001], (COUNT, 1))
    log = log_of(made, logging, 3)
    target = np.tile([0.45, 0.45, 0.10], (COUNT, 1))
    switched, plain = switch(log, target), doubly_robust(log, target)
    assert switched.standard_error < plain.standard_error
    assert switched.bias_max > 0
    assert switched.interval().covers(made.value(target))


def test_two_strategies_that_agree_mostly_are_told_apart_better_than_each_is_known() -> None:
    made = world(COUNT, 1)
    log = log_of(made, chances_of(made, 0.5, 0.1, 1), 1)
    sms = everybody(ALWAYS_SMS, made)
    nearly = sms.copy()
    nearly[:300] = [1.0, 0.0, 0.0]
    first, second = doubly_robust(log, sms), doubly_robust(log, nearly)
    apart = first.minus(second)
    assert apart.standard_error < 0.6 * first.standard_error
    assert apart.interval().covers(made.value(sms) - made.value(nearly))


def test_the_best_is_found_and_only_then_called_so() -> None:
    made = world(8000, 1)
    log = log_of(made, chances_of(made, 0.5, 0.1, 1), 1)
    best = np.eye(3)[made.worth.argmax(axis=1)]
    worst = np.eye(3)[made.worth.argmin(axis=1)]
    ranking = compare(log, {"worst": worst, "best": best, "sms": everybody(ALWAYS_SMS, made)})
    assert ranking.order[0] == "best"
    assert ranking.is_settled
    assert ranking.estimates[WHAT_RAN].value == pytest.approx(log.rewards.mean())
    twins = compare(log, {"best": best, "twin": best})
    assert not twins.is_settled


def test_many_decisions_about_few_people_know_less_than_as_many_about_many() -> None:
    made = world(1000, 1)
    log = log_of(made, chances_of(made, 0.5, 0.1, 1), 1)
    again = np.repeat(np.arange(1000), 4)
    repeated = Log(
        treatments=log.treatments,
        given=log.given[again],
        probability=log.probability[again],
        rewards=log.rewards[again],
        context=log.context[again],
        allowed=log.allowed[again],
    )
    plain = ips(log, everybody(ALWAYS_SMS, made))
    rash = ips(repeated, everybody(ALWAYS_SMS, made)[again])
    assert rash.by_person(again).standard_error == pytest.approx(plain.standard_error, rel=1e-3)
    assert rash.standard_error < 0.6 * plain.standard_error


def test_a_treatment_never_tried_is_not_ranked() -> None:
    made = world(COUNT, 1)
    logging = np.tile([0.5, 0.5, 0.0], (COUNT, 1))
    log = log_of(made, logging, 1)
    targets = {"call": everybody(ALWAYS_CALL, made), "sms": everybody(ALWAYS_SMS, made)}
    for one in (log, replace(log, chances=None)):
        ranking = compare(one, targets)
        assert set(ranking.order) == {"sms", WHAT_RAN}
        assert "never gave 'call'" in ranking.refused["call"][0]


def test_a_gap_that_only_the_chances_show_is_seen_by_the_weights() -> None:
    made = world(COUNT, 1)
    may_try = made.context[:, 2] < 0.5
    logging = np.where(may_try[:, None], [0.4, 0.3, 0.3], [0.5, 0.5, 0.0])
    log = replace(log_of(made, logging, 1), chances=None)
    problems = overlap(log, everybody(ALWAYS_CALL, made)).problems
    assert "the weights average 0.6" in problems[0] or "the weights average 0.7" in problems[0]


def test_probabilities_that_are_wrong_are_seen_by_the_weights() -> None:
    made = world(COUNT, 1)
    log = log_of(made, chances_of(made, 0.5, 0.1, 1), 1)
    wrong = replace(log, probability=np.sqrt(log.probability))
    assert "are not those the lots were drawn with" in overlap(wrong, everybody(ALWAYS_SMS, made)).problems[0]


def test_too_few_decisions_and_one_that_carries_all_are_refused() -> None:
    made = world(80, 1)
    log = log_of(made, np.full((80, 3), 1 / 3), 1)
    assert "at least 100" in overlap(log, everybody(ALWAYS_SMS, made)).problems[0]
    made = world(COUNT, 1)
    weighty = log_of(made, np.full((COUNT, 3), 1 / 3), 1)
    probability = weighty.probability.copy()
    probability[np.flatnonzero(weighty.given == 1)[0]] = 1 / 230
    told = overlap(replace(weighty, probability=probability), everybody(ALWAYS_SMS, made))
    assert "one decision carries" in told.problems[-1]


def test_what_the_law_forbade_is_no_gap_and_is_forbidden_to_every_strategy() -> None:
    made = world(20_000, 1, forbidden=0.4)
    assert 0.3 < 1 - made.allowed[:, 2].mean() < 0.5
    log = log_of(made, chances_of(made, 0.5, 0.1, 1), 1)
    target = everybody(ALWAYS_CALL, made)
    assert (target[~made.allowed[:, 2]] == [1.0, 0.0, 0.0]).all()  # nothing it wants is left: leave in peace
    assert not overlap(log, target).problems
    for estimator in (ips, snips, doubly_robust):
        assert estimator(log, target).interval(0.999).covers(made.value(target))
    with pytest.raises(CannotEvaluate, match="what the law forbade"):
        ips(log, np.tile(ALWAYS_CALL, (len(log), 1)))
    # To read the gap as if the law did not exist would promise what nobody may earn.
    assert made.value(np.tile(ALWAYS_CALL, (len(log), 1))) > made.value(target) + 0.1


def late_rewards(made: World, log: Log, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What each decision earned in three pieces of its window, and how many of them have passed: payers by call pay late."""
    draw = np.random.default_rng(seed)
    parts = np.where((log.given == 2)[:, None], [0.1, 0.3, 0.6], [0.6, 0.3, 0.1])
    return log.rewards[:, None] * parts, draw.integers(1, 4, len(log))


def test_rewards_that_are_not_in_yet_are_not_counted_as_none() -> None:
    covered = {"all ages": 0, "closed alone": 0, "as if closed": 0}
    narrower = 0
    for seed in range(40):
        made = world(COUNT, seed)
        log = log_of(made, chances_of(made, 0.5, 0.1, seed), seed)
        target = everybody(ALWAYS_CALL, made)
        pieces, seen = late_rewards(made, log, seed)
        is_closed = seen == 3
        whole = partitioned(log, target, pieces, seen, doubly_robust)
        closed = doubly_robust(log.rows(is_closed), target[is_closed])
        so_far = np.where(np.arange(3) < seen[:, None], pieces, 0.0).sum(axis=1)
        rash = doubly_robust(log.with_rewards(so_far), target)
        for name, estimate in (("all ages", whole), ("closed alone", closed), ("as if closed", rash)):
            covered[name] += estimate.interval().covers(6 + 1.5 * 0.3085 - 1.0)
        narrower += whole.standard_error < closed.standard_error
    assert covered["as if closed"] == 0
    assert covered["all ages"] >= 34
    assert covered["closed alone"] >= 34
    assert narrower >= 36


def test_a_window_through_which_few_have_lived_is_refused() -> None:
    made = world(COUNT, 1)
    log = log_of(made, chances_of(made, 0.5, 0.1, 1), 1)
    pieces, seen = late_rewards(made, log, 1)
    with pytest.raises(CannotEvaluate, match=r"piece 3 of the window"):
        partitioned(log, everybody(ALWAYS_SMS, made), pieces, np.minimum(seen, 2), ips)


def test_a_log_is_read_from_the_decisions_of_a_run() -> None:
    blocked = [[], [{"treatment": "call", "rules": ["us-reg-f.call-attempts"]}]]
    decisions = pl.DataFrame(
        {
            "treatment": ["call", "sms"],
            "probability": [0.25, 0.5],
            "reward": [3.0, 0.0],
            "past_due_days": [10, 40],
            "bucket": ["M1", None],
            "blocked": pl.Series(
                blocked, dtype=pl.List(pl.Struct({"treatment": pl.String, "rules": pl.List(pl.String)}))
            ),
        }
    )
    log = read_log(decisions, TREATMENTS, ["past_due_days", "bucket"])
    assert log.given.tolist() == [2, 1]
    assert log.allowed.tolist() == [[True, True, True], [True, True, False]]
    assert log.context[:, 0].tolist() == [-1, 1]
    with pytest.raises(CannotEvaluate, match="'call' is none of"):
        read_log(decisions, ("none", "sms"), [])


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("probability", 0.0, "probability that is not above 0"),
        ("rewards", np.nan, "no reward"),
        ("allowed", False, "ruled out"),
    ],
)
def test_a_log_that_cannot_be_says_which_row(field: str, value: object, problem: str) -> None:
    made = world(10, 1)
    log = log_of(made, np.full((10, 3), 1 / 3), 1)
    changed = getattr(log, field).copy()
    changed[4] = value
    with pytest.raises(CannotEvaluate, match=f"row 5 of the log .*{problem}"):
        replace(log, **{field: changed})


def test_the_folded_normal_reaches_beyond_the_usual_by_less_than_the_bias() -> None:
    influence = np.random.default_rng(1).normal(size=10_000)
    influence -= influence.mean()
    plain, biased = Estimate("x", 0.0, influence), Estimate("x", 0.0, influence, bias_max=0.01)
    assert plain.interval().high == pytest.approx(1.96 * plain.standard_error, rel=1e-3)
    assert plain.interval().high < biased.interval().high < plain.interval().high + 0.01


@pytest.mark.slow
@pytest.mark.parametrize("make", [hillstrom, social_pressure])
def test_intervals_cover_on_randomised_trials_turned_into_skewed_logs(make: object, real_data: Path) -> None:
    assert callable(make)
    trial: Trial = make(real_data)
    found = coverage(trial, rounds=40)
    for method in ("ips", "snips", "doubly robust", "switch"):
        assert (
            0.90
            <= share([one.covered for (_, _, own), each in found.items() if own == method for one in each])
            <= 0.98
        )


def test_rare_rewards_of_great_weight_are_covered_on_both_sides() -> None:
    """Of forty rewards that count, some ten times: a symmetrical interval is missed nearly always from below."""
    lots, level = np.random.default_rng(3), 0.95
    true, rounds = 0.02 * 0.5 * (1 + 8), 2_000
    skewed = plain = above = 0
    for _ in range(rounds):
        scores = (lots.random(2_000) < 0.02) * lots.choice([1.0, 8.0], 2_000)
        estimate = Estimate("ips", float(scores.mean()), scores - scores.mean())
        interval = estimate.interval(level)
        skewed += interval.covers(true)
        above += true > interval.high
        plain += abs(estimate.value - true) <= 1.96 * estimate.standard_error
    assert abs(skewed / rounds - level) < 0.012
    assert skewed > plain
    assert above / rounds < 0.04


def test_where_chance_is_even_the_interval_is_too() -> None:
    influence = np.tile([-1.0, 1.0], 500)
    interval = Estimate("ips", 5.0, influence).interval()
    assert interval.high - 5.0 == pytest.approx(5.0 - interval.low)
    assert interval.high - 5.0 == pytest.approx(1.96 / np.sqrt(1000), rel=1e-3)
