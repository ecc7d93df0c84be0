"""The day's best choice by a strategy's text alone: its order, or its priors, and its capacities."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dunwell.strategy.assignment import assign
from dunwell.strategy.candidates import candidates, capacities_frame, uses_frame
from dunwell.strategy.choosing import choose, has_priors, values_of_text
from dunwell.strategy.text import Strategy, read_strategy
from tests.strategy.test_strategy_text import SHIPPED


@pytest.fixture
def shipped(project: Path) -> str:
    return (project / SHIPPED).read_text(encoding="utf-8")


def read(tmp_path: Path, text: str) -> Strategy:
    file = tmp_path / "strategy.toml"
    file.write_text(text, encoding="utf-8")
    return read_strategy(file)


def open_to_all(strategy: Strategy, count: int, *names: str) -> np.ndarray:
    return np.tile([name == "none" or name in names for name in strategy.treatment_names], (count, 1))


def chosen(strategy: Strategy, allowed: np.ndarray, owed: list[float], share: float = 1.0) -> list[str]:
    ids = pl.Series("customer_id", [f"C{number}" for number in range(len(owed))])
    choices = choose(strategy, ids, allowed, values_of_text(strategy, np.array(owed)), capacity_share=share)
    return [strategy.treatment_names[column] for column in choices.columns]


def test_without_priors_the_first_open_treatment_is_chosen(tmp_path: Path, shipped: str) -> None:
    strategy = read(tmp_path, shipped)
    assert not has_priors(strategy)
    allowed = open_to_all(strategy, 2, "reminder by sms", "reminder by call")
    assert chosen(strategy, allowed, [10.0, 20.0]) == ["reminder by sms"] * 2
    assert chosen(strategy, open_to_all(strategy, 1), [10.0]) == ["none"]


def test_where_a_capacity_does_not_suffice_who_owes_most_comes_first_and_the_others_get_the_next(
    tmp_path: Path, shipped: str
) -> None:
    text = shipped.replace('kind = "sms"\nper_day = "20000"', 'kind = "sms"\nper_day = "2"')
    strategy = read(tmp_path, text)
    allowed = open_to_all(strategy, 4, "reminder by sms", "reminder by call")
    sms, call = "reminder by sms", "reminder by call"
    assert chosen(strategy, allowed, [10.0, 40.0, 30.0, 20.0]) == [call, sms, sms, call]
    assert chosen(strategy, allowed, [10.0, 40.0, 30.0, 20.0], share=0.5) == [call, sms, call, call]


def test_with_priors_whoever_would_lose_is_left_in_peace(tmp_path: Path, shipped: str) -> None:
    head, tail = shipped.split('name = "reminder by sms"', 1)
    strategy = read(
        tmp_path, head + 'name = "reminder by sms"' + tail.replace('value = "0"', 'value = "4"', 1)
    )
    assert has_priors(strategy)
    allowed = open_to_all(strategy, 1, "reminder by sms", "reminder by call")
    assert chosen(strategy, allowed, [10.0]) == ["reminder by sms"]
    assert chosen(strategy, open_to_all(strategy, 1, "reminder by call"), [10.0]) == ["none"]


def test_the_short_way_when_all_fits_is_as_good_as_the_assignment(tmp_path: Path, shipped: str) -> None:
    strategy = read(tmp_path, shipped)
    random = np.random.default_rng(2)
    allowed = random.random((50, len(strategy.treatment_names))) < 0.4
    allowed[:, 0] = True
    ids, values = (
        pl.Series("customer_id", [f"C{n}" for n in range(50)]),
        values_of_text(strategy, random.random(50)),
    )
    whole = assign(candidates(values, ids, allowed), uses_frame(strategy), capacities_frame(strategy))
    short = choose(strategy, ids, allowed, values)
    assert values.mean[np.arange(50), short.columns].sum() == pytest.approx(whole.value)
