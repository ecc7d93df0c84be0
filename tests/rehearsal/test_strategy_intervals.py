"""The intervals that a rehearsal shows hold what they promise: of small worlds lived through again and again with other luck,
about 95 % cover the difference that very many of them tell.
"""

from dataclasses import fields, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from dunwell.law.overlay import read_law
from dunwell.nightly.rehearsing import choice_with
from dunwell.rehearsal.effects import read_effects
from dunwell.rehearsal.strategy_comparing import Measured, _gaps, _measures
from dunwell.rehearsal.strategy_run import Lived, live_with
from dunwell.rehearsal.strategy_setting import Setting, copied, setting_of_made
from dunwell.strategy.text import Strategy, read_strategy

DAY, DAYS = date(2026, 6, 30), 10
WORLDS, COPIES = 24, 8
"""Rehearsals, each with so many seeds as the command has unless one asks for others."""
POLICY = Path("src/dunwell/cli/new_workspace/policy")
_NOBODY_HELD = 'share = "0"\nsalt = "hold-out"'
RARE = {"complaints", "opt-outs", "contacts in hardship", "hardest tenth: complaints"}
"""Few of 150 people complain in ten days: their intervals are made wider, and cover more often than promised."""


@pytest.fixture(scope="module")
def setting(project: Path) -> Setting:
    law = read_law(project / POLICY / "law.toml")
    return setting_of_made("CNY", law, "first_party", DAY, 150, 3, frozenset())


def with_hold_out(project: Path, folder: Path, salt: str) -> Strategy:
    """The shipped text, under which three in ten are left alone by this salt's lots."""
    shipped = (project / POLICY / "strategy.toml").read_text(encoding="utf-8")
    file = folder / f"{salt}.toml"
    assert _NOBODY_HELD in shipped
    file.write_text(shipped.replace(_NOBODY_HELD, f'share = "0.3"\nsalt = "{salt}"'), encoding="utf-8")
    return read_strategy(file)


def part_of(lived: Lived, first: int, after: int) -> Lived:
    """What befell some of the people alone."""
    of_people = {
        one.name: getattr(lived, one.name)[first:after]
        for one in fields(Lived)
        if isinstance(getattr(lived, one.name), np.ndarray)
    }
    return replace(lived, **of_people)


@pytest.mark.slow
@pytest.mark.parametrize("other", ["second", "nobody is called"])
def test_intervals_cover_what_very_many_worlds_tell(
    setting: Setting, project: Path, tmp_path: Path, other: str
) -> None:
    """Beside the same strategy with other lots (which differ by chance alone), and beside one that calls nobody."""
    old = with_hold_out(project, tmp_path, "first")
    new = with_hold_out(project, tmp_path, "second")
    if other != "second":
        new = replace(old, treatments=tuple(one for one in old.treatments if one.channel != "call"))
    everybody = copied(setting, WORLDS * COPIES)
    choice, effects = choice_with({"CNY": 1.0}, None), read_effects()
    lived = [live_with(everybody, one, choice, effects, 5, DAYS) for one in (old, new)]

    def told(first: int, copies: int) -> dict[str, Measured]:
        size = setting.people.height
        part = [part_of(one, first * size, (first + copies) * size) for one in lived]
        measures = {one.name: one for one in _measures(setting, [old, new], part, copies)}
        gaps = _gaps(setting, part, copies)
        return measures | {f"{one.grouping} {one.group}: {one.measured.name}": one.measured for one in gaps}

    truth = told(0, WORLDS * COPIES)
    worlds = [told(number * COPIES, COPIES) for number in range(WORLDS)]
    covered: dict[str, float] = {}
    for name, one in truth.items():
        assert one.difference is not None
        covered[name] = float(
            np.mean([(w[name].low or 0.0) <= one.difference <= (w[name].high or 0.0) for w in worlds])
        )
    usual = [share for name, share in covered.items() if name not in RARE]
    assert len(usual) > 10
    assert 0.91 <= np.mean(usual) <= 0.985, covered
    assert min(covered.values()) >= 0.8, covered
    assert np.mean([covered[name] for name in RARE]) >= 0.93, covered
