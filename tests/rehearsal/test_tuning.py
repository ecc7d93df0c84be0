"""Rivals at their best: as many trials for each rule, and the setting that brings in most is the one that is taken."""

from datetime import date

import numpy as np

from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.effect_measures import late_cohort
from dunwell.rehearsal.effects import read_effects
from dunwell.rehearsal.policies import CallLog, Priority, View, by_bucket, constant_effort
from dunwell.rehearsal.policy_trial import Trial, run_policy
from dunwell.rehearsal.tuning import settings_of_marginal_value, settings_of_ours, settings_of_rules, tuned

TRIAL = Trial(
    late_cohort(120, 20), read_effects(), date(2026, 6, 1), calls_a_day=20, days=6, call_cost_minor=100.0
)


def nobody(world: DebtorWorld) -> Priority:
    return lambda view: np.zeros(len(view.persons))


def view_of(days: list[int], since: int = 999) -> View:
    count = len(days)
    some, never, yes = np.full(count, 10_000), np.full(count, 999), np.ones(count, dtype=np.bool_)
    none = np.zeros(count, dtype=np.int64)
    return View(
        np.arange(count), np.array(days), some, none, np.full(count, since), never, ~yes, none.astype(float), yes, never,
        none, none, ~yes, np.array(days),
    )  # fmt: skip


def test_every_rival_has_as_many_settings() -> None:
    log = CallLog(np.array([0, 0]), np.array([True, False]), np.array([0.5, 0.25]))
    counts = [len(settings) for settings in settings_of_rules().values()]
    counts += [len(settings_of_marginal_value([log])), len(settings_of_ours(100.0))]
    assert counts == [8] * 6


def test_the_setting_that_brings_in_most_is_taken() -> None:
    busy = constant_effort(1)
    dear = TRIAL._replace(call_cost_minor=1e9)
    assert tuned(TRIAL, {"one": {"nobody": nobody, "all": busy}}, [1, 2])["one"] == ("all", busy)
    assert tuned(dear, {"one": {"all": busy, "nobody": nobody}}, [1])["one"][0] == "nobody"


def test_constant_effort_keeps_its_distance() -> None:
    """Twenty calls a day would reach all 120 in six days; with a call every thirty days nobody has two."""
    assert run_policy(TRIAL._replace(days=12), constant_effort(30), seed=1).calls <= 120
    assert run_policy(TRIAL._replace(days=12), constant_effort(1), seed=1).calls > 150


def test_buckets_are_called_in_the_order_that_is_said() -> None:
    view = view_of([10, 40, 70, 100])
    assert np.argsort(-by_bucket()(None)(view)).tolist() == [2, 1, 3, 0]  # type: ignore[arg-type]
    latest = by_bucket((1.0, 2.0, 3.0, 4.0))(None)(view)  # type: ignore[arg-type]
    assert np.argsort(-latest).tolist() == [3, 2, 1, 0]
    assert by_bucket(rest_days=7)(None)(view_of([40], since=5)).tolist() == [0.0]  # type: ignore[arg-type]
