"""The world meets the published figures it was calibrated to, as nearly as its page says."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from dunwell.ledger.terms import read_terms
from dunwell.rehearsal import TERMS_FOLDER
from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.effect_measures import effect_figures
from dunwell.rehearsal.effects import read_effects, read_figures
from dunwell.rehearsal.facts import EFFECT_TARGETS, TARGETS
from dunwell.rehearsal.manifest import calibration, write_world_manifest
from dunwell.rehearsal.moving_in import read_census
from dunwell.rehearsal.world_measures import Watch
from tests.rehearsal.portfolios import Portfolio

FROM = date(2026, 4, 30)
OFF_BY = {
    "paid after the due date": 0.012,
    "paid a week or more late": 0.015,
    "median days late": 0,
    "monthly roll 0 -> 30+": 0.006,
    "monthly roll 1 -> 0 (cured)": 0.15,
    "monthly roll 1 -> 2": 0.09,
}
"""How far the world lies from each figure at most, chance included, with 10,000 accounts."""


def test_rolls_and_due_days_are_near_the_published(make_portfolio: Callable[..., Portfolio]) -> None:
    made = make_portfolio(10_000, as_of=FROM)
    watch = Watch(
        DebtorWorld(read_census(made.folder, read_terms(TERMS_FOLDER), FROM), read_effects(), 3, FROM)
    )
    watch.live(64)
    found = watch.figures()
    targets = {target.name: target.value for target in TARGETS}
    for name, off_by in OFF_BY.items():
        assert abs(found[name][0] - targets[name]) <= off_by, (name, found[name])
    assert watch.rolls[1:].sum() > 80


@pytest.mark.slow
@pytest.mark.parametrize("target", EFFECT_TARGETS, ids=[target.name for target in EFFECT_TARGETS])
def test_effects_are_those_of_the_experiments(
    target: object, effects_found: dict[str, tuple[float, int]]
) -> None:
    wanted = next(one for one in EFFECT_TARGETS if one is target)
    realised, cases = effects_found[wanted.name]
    assert cases > 500
    assert abs(realised - wanted.value) <= wanted.tolerance + 3 * (0.25 / cases) ** 0.5


@pytest.fixture(scope="module")
def effects_found() -> dict[str, tuple[float, int]]:
    return effect_figures(read_effects(), 20_000, seed=1)


def test_the_manifest_lists_effects_and_how_far_off_each_figure_is(tmp_path: Path) -> None:
    realised = {"median days late": (-1.0, 10), "monthly roll 1 -> 2": (float("nan"), 0)}
    written = write_world_manifest(tmp_path / "world.json", read_figures(), realised)
    assert written["calibration"] == calibration(TARGETS, realised)
    assert [(entry["figure"], entry["off"]) for entry in written["calibration"]] == [
        ("median days late", 1.0),
        ("monthly roll 1 -> 2", None),
    ]
    assert len(written["effects"]) == len(read_figures())
