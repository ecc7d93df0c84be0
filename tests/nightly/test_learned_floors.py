"""A day on which floors bind by rates that the log has taught is made again bit for bit, whatever is learned afterwards."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from dunwell.nightly.replay import replay
from dunwell.nightly.run import RunResult
from dunwell.settings import Settings, read_settings
from dunwell.strategy import learned as shelf
from dunwell.strategy.treatment_rates import rate_of_events
from tests.nightly.test_strategy_day import NOW, book, decided, plain, rewrite, run

__all__ = ["decided", "plain"]  # fixtures

FLOOR, EVENT = "complaints_per_thousand_max", "complaints_per_thousand"


def bound(text: str) -> str:
    """The text in which a call is said to bring one complaint in a thousand; with agents enough for the floor to bind alone."""
    text = text.replace(f'{FLOOR} = "30"', f'{FLOOR} = "300"').replace('per_day = "200"', 'per_day = "4200"')
    said = rf'\1expects = {{ {EVENT} = "1" }}\n'
    return re.sub(r'(\nname = "[a-z ]+ by call"\n)', said, text)


@pytest.fixture(scope="module")
def taught(
    decided: tuple[Settings, RunResult], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, list[str]]:
    """The workspace after a day decided with calls that were found to bring thirty complaints in a thousand, and their names."""
    folder = tmp_path_factory.mktemp("taught") / "shop"
    shutil.copytree(decided[0].root, folder)
    rewrite(folder, bound)
    shelved = shelf.load(folder / "models" / shelf.FOLDER)
    calls = [name for name in shelved.posteriors if name.endswith("by call")]
    assert calls
    rates = tuple(rate_of_events(name, EVENT, 1.0, 4_000, 120) for name in calls)
    shelf.save(replace(shelved, rates=rates), folder / "models" / shelf.FOLDER)
    run(folder, now=NOW + timedelta(days=5))
    return read_settings(folder), calls


@pytest.mark.slow
def test_a_floor_that_binds_by_what_the_log_taught_is_made_again_bit_for_bit(
    taught: tuple[Settings, list[str]],
) -> None:
    settings, _ = taught
    floor = book(settings, "capacities").filter(pl.col("name") == FLOOR)
    assert floor["price"].cast(pl.Float64).item() > 0, "nothing binds, and nothing is shown"
    for decision in book(settings, "decisions")["decision_id"]:
        found = replay(settings, decision)
        assert found.is_same, found.differences


def test_rates_that_were_learned_afterwards_change_no_decision_of_before(
    taught: tuple[Settings, list[str]], tmp_path: Path
) -> None:
    shutil.copytree(taught[0].root, tmp_path / "shop")
    settings, calls = read_settings(tmp_path / "shop"), taught[1]
    priced = book(settings, "decisions").filter(pl.col("price") > 0)["decision_id"]
    shelved = shelf.load(settings.root / "models" / shelf.FOLDER)
    milder = tuple(rate_of_events(name, EVENT, 1.0, 9_000, 1) for name in calls)
    shelf.save(replace(shelved, rates=milder), settings.root / "models" / shelf.FOLDER)
    assert priced.len()
    for decision in priced[:5]:
        assert replay(settings, decision).is_same


def test_the_same_day_with_the_same_rates_is_the_same_bit_for_bit(
    taught: tuple[Settings, list[str]], decided: tuple[Settings, RunResult], tmp_path: Path
) -> None:
    """Run by another workspace that stood where this one stood before its day."""
    settings, _ = taught
    folder = tmp_path / "shop"
    shutil.copytree(decided[0].root, folder)
    for place in ("policy", "models"):
        shutil.rmtree(folder / place)
        shutil.copytree(settings.root / place, folder / place)
    run(folder, now=NOW + timedelta(days=5))
    for name in ("decisions", "capacities", "options"):
        mine, theirs = (book(one, name) for one in (settings, read_settings(folder)))
        assert mine.equals(theirs), name
