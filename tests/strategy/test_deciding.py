"""What is done and the chance that is logged: over many salts each treatment comes as often as its probability says."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dunwell.strategy.deciding import DECIDED, decide
from dunwell.strategy.evaluation import Log, snips
from dunwell.strategy.problems import StrategyError
from dunwell.strategy.text import Strategy, read_strategy
from tests.strategy.test_strategy_text import EXPERIMENT, SHIPPED

DAY = date(2027, 1, 20)
COUNT = 20_000


@pytest.fixture(scope="module")
def strategy(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Strategy:
    """The shipped strategy with a hold-out of a tenth, a fifth of decisions drawn by lot, and a running experiment."""
    text = (project / SHIPPED).read_text(encoding="utf-8")
    text = text.replace('[hold_out]\nshare = "0"', '[hold_out]\nshare = "0.1"').replace(
        'rate = "0"', 'rate = "0.2"'
    )
    file = tmp_path_factory.mktemp("strategy") / "strategy.toml"
    file.write_text(text + EXPERIMENT, encoding="utf-8")
    return read_strategy(file)


def day_of(strategy: Strategy) -> tuple[pl.Series, np.ndarray, np.ndarray]:
    """Half are early, who may have three treatments; half are in negotiation, a third of whom may not be called."""
    names = strategy.treatment_names
    ids = pl.Series("customer_id", [f"C{number}" for number in range(COUNT)])
    allowed = np.zeros((COUNT, len(names)), dtype=bool)
    allowed[:, 0] = True
    is_early = np.arange(COUNT) % 2 == 0
    for channel in ("sms", "email", "call"):
        allowed[:, names.index(f"early reminder by {channel}")] = is_early
        allowed[:, names.index(f"negotiation by {channel}")] = ~is_early
    allowed[::3, names.index("negotiation by call")] = False
    best = np.where(is_early, names.index("early reminder by email"), names.index("negotiation by email"))
    return ids, allowed, best


def test_each_treatment_comes_as_often_as_its_probability_says(strategy: Strategy) -> None:
    ids, allowed, best = day_of(strategy)
    decided = decide(strategy, ids, allowed, best, DAY)
    assert decided.schema == pl.Schema(DECIDED)
    kinds = pl.Series(allowed.astype(int) @ (2 ** np.arange(allowed.shape[1])))
    total = 0.0
    for _, alike in decided.with_columns(kind=kinds).partition_by("kind", as_dict=True).items():
        for _, same in alike.partition_by("treatment", as_dict=True).items():
            (chance,) = same["probability"].unique().to_list()
            spread = (chance * (1 - chance) / alike.height) ** 0.5
            assert abs(same.height / alike.height - chance) < 4 * spread
            total += chance
    assert total == pytest.approx(kinds.n_unique())


def test_nothing_is_given_that_is_not_allowed(strategy: Strategy) -> None:
    ids, allowed, best = day_of(strategy)
    given = decide(strategy, ids, allowed, best, DAY)["treatment"]
    place = {name: number for number, name in enumerate(strategy.treatment_names)}
    assert allowed[np.arange(COUNT), given.replace_strict(place, return_dtype=pl.Int64).to_numpy()].all()
    with pytest.raises(StrategyError, match="row 1: to do nothing is ruled out"):
        decide(strategy, ids, np.zeros_like(allowed), best, DAY)


def test_the_hold_out_and_the_arms_stay_and_exploring_moves(strategy: Strategy) -> None:
    ids, allowed, best = day_of(strategy)
    first, second = (decide(strategy, ids, allowed, best, day) for day in (DAY, date(2027, 1, 21)))
    assert (first["arm"].fill_null("") == second["arm"].fill_null("")).all()
    is_held = first["arm"] == "hold-out"
    assert (first.filter(is_held)["treatment"] == "none").all()
    assert is_held.sum() == pytest.approx(0.1 * COUNT, rel=0.1)
    is_free = first["arm"].is_null()
    assert (
        first.filter(is_free)["treatment"] != second.filter(is_free)["treatment"]
    ).mean() == pytest.approx(0.25, abs=0.06)
    in_trial = first.filter(first["arm"].str.starts_with("a text first").fill_null(False))
    assert (in_trial["arm"] == "a text first, or a call: " + in_trial["treatment"]).all()
    after = decide(strategy, ids, allowed, best, date(2027, 6, 1))
    assert set(after["arm"].drop_nulls()) == {"hold-out"}


def test_the_log_of_a_day_can_be_evaluated(strategy: Strategy) -> None:
    ids, allowed, best = day_of(strategy)
    decided = decide(strategy, ids, allowed, best, DAY)
    names = strategy.treatment_names
    place = {name: number for number, name in enumerate(names)}
    given = decided["treatment"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    worth = np.array([0.0, *(3.0 if "sms" in name else 1.0 for name in names[1:])])
    log = Log(
        treatments=names,
        given=given,
        probability=decided["probability"].to_numpy(),
        rewards=worth[given],
        context=np.empty((COUNT, 0)),
        allowed=allowed,
    )
    always_sms = np.zeros(allowed.shape)
    for stage in ("early reminder", "negotiation"):
        always_sms[:, place[f"{stage} by sms"]] = allowed[:, place[f"{stage} by sms"]]
    assert snips(log, always_sms).value == pytest.approx(3.0)
