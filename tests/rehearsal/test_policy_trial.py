"""Policies compared: the same luck for all, no more calls than there are, and the honest order at the ends."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from dunwell.ledger.terms import read_terms
from dunwell.rehearsal import TERMS_FOLDER
from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.draws import Floats
from dunwell.rehearsal.effect_measures import late_cohort
from dunwell.rehearsal.effects import read_effects
from dunwell.rehearsal.moving_in import read_census
from dunwell.rehearsal.policies import RULES, CallLog, Priority, View, cells_of, clairvoyant, marginal_value
from dunwell.rehearsal.policy_trial import Trial, compare, pilot, run_policy, told
from tests.rehearsal.portfolios import AS_OF, Portfolio

EFFECTS = read_effects()


@pytest.fixture(scope="module")
def trial(make_portfolio: Callable[..., Portfolio]) -> Trial:
    made = make_portfolio(2_500, jurisdictions=["us"], stress=6.0)
    census = read_census(made.folder, read_terms(TERMS_FOLDER), AS_OF)
    return Trial(census, EFFECTS, AS_OF, calls_a_day=10, days=12, call_cost_minor=100.0)


def test_nobody_makes_more_calls_than_there_are(trial: Trial) -> None:
    outcomes = [
        run_policy(trial, policy, seed=1)
        for policy in (*RULES.values(), clairvoyant(AS_OF + timedelta(days=12)))
    ]
    assert all(outcome.calls <= 120 for outcome in outcomes)
    assert outcomes[0].calls == 120
    assert run_policy(trial, None, seed=1).calls == 0


def test_the_same_seed_gives_the_same_outcome(trial: Trial) -> None:
    policy = RULES["highest balance first"]
    assert run_policy(trial, policy, seed=2) == run_policy(trial, policy, seed=2)
    assert run_policy(trial, policy, seed=2) != run_policy(trial, policy, seed=3)


def test_times_turn_when_they_are_said_to(trial: Trial) -> None:
    """Hardship for all from the seventh day: the same until then, and less money afterwards."""
    hard = EFFECTS._replace(hardship_rate=60.0, hardship_factor=0.01, talk_gain=0.0)
    turned = trial._replace(shifts={6: hard})
    policy = RULES["constant effort"]
    before, short = trial._replace(days=6), turned._replace(days=6)
    assert run_policy(before, policy, seed=3) == run_policy(short, policy, seed=3)
    assert run_policy(turned, policy, seed=3).money_minor < run_policy(trial, policy, seed=3).money_minor


def test_a_policy_that_calls_nobody_is_worth_nothing(trial: Trial) -> None:
    def nobody(world: DebtorWorld) -> Priority:
        return lambda view: np.zeros(len(view.persons))

    results, _ = compare(trial, {"nobody": nobody}, seeds=[4])
    assert results["net_minor"].to_list() == [0.0, 0.0]


def test_knowing_everything_beats_calling_the_unmovable() -> None:
    """A crowd owing the same: with as many calls as a tenth of them, foresight brings in more than the wrong way round."""
    census = late_cohort(1_500, 50)
    trial = Trial(census, EFFECTS, date(2026, 6, 1), calls_a_day=80, days=20, call_cost_minor=0.0)

    seer = clairvoyant(date(2026, 6, 21))

    def wrong_way_round(world: DebtorWorld) -> Priority:
        priority_of = seer(world)

        def priority(view: View) -> Floats:
            return np.asarray(1.0 / (1e-9 + np.maximum(priority_of(view), 0.0)), dtype=np.float64)

        return priority

    results, daily = compare(trial, {"seer": seer, "wrong way round": wrong_way_round}, seeds=[1, 2])
    means = dict(results.group_by("policy").agg(pl.col("net_minor").mean()).iter_rows())
    summed = daily.group_by("policy", "seed").agg(pl.col("net_minor").sum())
    both = results.join(summed, on=["policy", "seed"], suffix="_by_day")
    assert both["net_minor_by_day"].to_numpy() == pytest.approx(both["net_minor"].to_numpy(), abs=1.0)
    assert means["seer"] > means["wrong way round"] + 0.01 * 1_500 * 10_000


def test_a_pilot_teaches_where_calls_help() -> None:
    """Of two kinds of people one is helped and one hindered by calls: the learned priority tells them apart."""
    generator = np.random.default_rng(1)
    cells = generator.integers(0, 2, 40_000) * 8
    is_called = generator.random(40_000) < 0.5
    shares = np.where(cells == 0, 0.3 + 0.2 * is_called, 0.3 - 0.1 * is_called)
    priority = marginal_value([CallLog(cells, is_called, shares)])(None)  # type: ignore[arg-type]
    ones = np.ones(2, dtype=np.int64)
    view = View(
        np.arange(2),
        np.array([3, 20]),
        1_000 * ones,
        0 * ones,
        999 * ones,
        999 * ones,
        ones == 0,
        np.zeros(2),
        ones == 1,
        999 * ones,
        0 * ones,
        0 * ones,
        ones == 0,
        np.array([3, 20]),
    )
    assert cells_of(view).tolist() == [0, 8]
    helped, hindered = priority(view)
    assert helped == pytest.approx(200, rel=0.05)
    assert hindered == pytest.approx(-100, rel=0.1)


def test_a_pilot_draws_its_calls_by_lot(trial: Trial) -> None:
    log = pilot(trial, seed=9)
    assert log.is_called.sum() == pytest.approx(12 * 10, abs=20)
    assert log.paid_shares.min() >= 0
    assert log.paid_shares.max() <= 1


def test_intervals_are_those_of_student(trial: Trial) -> None:
    frame = pl.DataFrame(
        {"policy": ["a"] * 3 + ["b"] * 3, "seed": [0, 1, 2] * 2, "net_minor": [10.0, 10, 10, 11, 12, 13]}
    )
    row = told(frame, ["a"]).filter(pl.col("policy") == "b").row(0, named=True)
    assert row["gain"] == pytest.approx(0.2)
    assert row["gain_high"] - row["gain"] == pytest.approx(4.303 * 0.1 / 3**0.5)
