"""What a treatment is worth over leaving somebody in peace: found where data are many, the prior where they are few."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dunwell.strategy.effects import Prior
from dunwell.strategy.problems import CannotEvaluate
from dunwell.strategy.text import read_strategy
from dunwell.strategy.value import ActionValues, Values, costs_of, effect_readings, priors_of
from tests.strategy.worlds import Floats, chances_of, log_of, world

VAGUE = {"sms": Prior(0.0, 3.0), "call": Prior(0.0, 3.0)}


def learned(count: int, seed: int, priors: dict[str, Prior] = VAGUE, *, trees: bool = False) -> ActionValues:
    made = world(count, seed)
    return ActionValues(priors, trees=trees).fit(log_of(made, chances_of(made, 0.5, 0.1, seed), seed))


def effects(seed: int = 999, count: int = 3000) -> tuple[Floats, Floats]:
    """New customers, and what each treatment truly brings over nothing."""
    made = world(count, seed)
    return made.context, made.worth - made.worth[:, :1]


def gain(values: Values, true: Floats) -> float:
    """What the best treatments by these values truly bring over nothing."""
    chosen = values.best(np.ones(true.shape, dtype=bool))
    return float(true[np.arange(len(true)), chosen].mean())


def test_with_many_data_the_right_customers_get_the_right_treatment() -> None:
    context, true = effects()
    best_for_all = true.mean(axis=0).max()
    by_customer = true.max(axis=1).mean()
    reached = gain(learned(8000, 1).predict(context), true)
    assert reached > best_for_all + 0.8 * (by_customer - best_for_all)


@pytest.mark.slow
def test_trees_find_more() -> None:
    context, true = effects()
    plain, trees = (gain(learned(20_000, 1, trees=one).predict(context), true) for one in (False, True))
    assert trees > plain - 0.01
    assert trees > 0.96 * true.max(axis=1).mean()


def test_with_few_data_the_prior_speaks_and_with_many_the_log() -> None:
    context, true = effects()
    wrong = {"sms": Prior(5.0, 0.1), "call": Prior(-3.0, 0.1)}
    few, many = (learned(count, 1, wrong).predict(context).mean.mean(axis=0) for count in (60, 25_000))
    assert few[1] == pytest.approx(5.0, abs=0.4)
    assert few[2] == pytest.approx(-3.0, abs=0.5)
    assert abs(many[1] - true[:, 1].mean()) < 0.8
    assert abs(many[2] - true[:, 2].mean()) < 0.8


def test_with_more_data_the_values_are_surer() -> None:
    context, _ = effects()
    spreads = [learned(count, 1).predict(context).sd[:, 1:].mean() for count in (300, 2400, 19_200)]
    assert spreads[0] > 1.4 * spreads[1] > 1.4 * 1.4 * spreads[2]


def test_the_intervals_cover_and_so_do_those_of_the_means() -> None:
    context, true = effects()
    pointwise, means = [], []
    for seed in range(10):
        model = learned(1500, seed)
        values = model.predict(context)
        pointwise.append((np.abs(values.mean - true) <= 1.96 * values.sd)[:, 1:].mean())
        told = model.average()
        means.append(
            np.abs(told["value"].to_numpy() - true[:, 1:].mean(axis=0)) <= 1.96 * told["value_sd"].to_numpy()
        )
    assert 0.85 < np.mean(pointwise) < 0.99
    assert np.mean(means) >= 0.8


def test_the_readings_have_the_effect_as_their_mean_whatever_is_foretold() -> None:
    made = world(60_000, 1)
    log = log_of(made, chances_of(made, 0.5, 0.1, 1), 1)
    for foretold in (np.zeros(made.worth.shape), made.worth):
        readings = effect_readings(log, foretold, 1)
        error = readings.std() / len(readings) ** 0.5
        assert abs(readings.mean() - (made.worth[:, 1] - made.worth[:, 0]).mean()) < 4 * error


def test_a_cost_is_taken_from_the_value_and_nothing_costs_nothing() -> None:
    made = world(2000, 1)
    log = log_of(made, chances_of(made, 0.5, 0.1, 1), 1)
    free = ActionValues(VAGUE, trees=False).fit(log).predict(made.context)
    dear = ActionValues(VAGUE, {"sms": 100.0, "call": 2.0}, trees=False).fit(log).predict(made.context)
    assert np.allclose(free.mean - dear.mean, [0.0, 100.0, 2.0])
    assert not dear.mean[:, 0].any()
    assert not dear.sd[:, 0].any()
    assert (dear.best(np.ones(dear.mean.shape, dtype=bool)) == 0).mean() > 0.9  # mostly best left in peace


def test_what_was_never_given_keeps_its_prior() -> None:
    made = world(1000, 1)
    log = log_of(made, np.tile([0.5, 0.5, 0.0], (1000, 1)), 1)
    values = (
        ActionValues({"sms": Prior(0, 3), "call": Prior(1.5, 0.7)}, trees=False)
        .fit(log)
        .predict(made.context)
    )
    assert np.allclose(values.mean[:, 2], 1.5)
    assert np.allclose(values.sd[:, 2], 0.7)


def test_whom_the_law_protects_teaches_nothing_about_what_is_forbidden() -> None:
    made = world(4000, 1, forbidden=0.5)
    log = log_of(made, chances_of(made, 0.5, 0.1, 1), 1)
    model = ActionValues(VAGUE, trees=False).fit(log)
    counts = dict(model.average().select("treatment", "decisions").iter_rows())
    assert counts == {"sms": 4000, "call": int(made.allowed[:, 2].sum())}
    values = model.predict(made.context)
    chosen = values.best(made.allowed)
    assert made.allowed[np.arange(4000), chosen].all()


def test_priors_and_costs_come_from_the_strategys_text(project: Path) -> None:
    strategy = read_strategy(project / "src/dunwell/cli/new_workspace/policy/strategy.toml")
    assert priors_of(strategy, owed=400.0)["negotiation by call"] == Prior(0.0, 20.0), (
        "a share of what is owed"
    )
    assert costs_of(strategy)["early reminder by sms"] == 0.05


def test_the_values_can_be_laid_out_for_the_assignment() -> None:
    context, _ = effects(count=3)
    frame = learned(500, 1).predict(context).frame(pl.Series("customer_id", ["A", "B", "C"]))
    assert frame.columns == ["customer_id", "treatment", "value", "value_sd"]
    assert frame.filter(pl.col("customer_id") == "B")["treatment"].to_list() == ["none", "sms", "call"]
    assert frame.filter(pl.col("treatment") == "none")["value"].to_list() == [0.0, 0.0, 0.0]


def test_the_same_log_and_seed_give_the_same_values() -> None:
    context, _ = effects(count=200)
    first, second = (learned(2000, 1, trees=True).predict(context).mean for _ in range(2))
    assert np.array_equal(first, second)


def test_what_cannot_be_learned_is_said() -> None:
    made = world(100, 1)
    log = log_of(made, np.full((100, 3), 1 / 3), 1)
    with pytest.raises(CannotEvaluate, match="'call' has no prior"):
        ActionValues({"sms": Prior(0, 1)}).fit(log)
    with pytest.raises(CannotEvaluate, match="spread of 0"):
        ActionValues({"sms": Prior(0, 0)})
    with pytest.raises(CannotEvaluate, match="Put 'none' first"):
        ActionValues(VAGUE).fit(replace(log, treatments=("sms", "none", "call")))
