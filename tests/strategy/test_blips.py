"""What a treatment adds where others follow it, learned from logs whose truth is known."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dunwell.strategy.blips import WINDOW_DAYS, Beliefs, Blips, Choices, learn_blips
from dunwell.strategy.problems import CannotEvaluate

Floats = NDArray[np.float64]

MESSAGE, CALL = 0.02, 0.05
"""What each adds within the window, evenly over it, as shares of what is owed."""


def logged(
    seed: int, persons: int = 400, days: int = 60, *, call: float = CALL, until: int | None = None
) -> Choices:
    """People who pay by themselves more or less well, which no column shows. Who paid in the last week is left alone; the others
    get a message or a call by lot, rest for three days, and get the next: so who is contacted often pays badly.
    """
    lots = np.random.default_rng(seed)
    pays = lots.uniform(0.001, 0.01, persons)
    adds = np.zeros((persons, days + WINDOW_DAYS))
    rests, paid_on, contacts = (np.zeros(persons, dtype=np.int64) for _ in range(3))
    paid_on -= 99
    rows: list[tuple[Any, ...]] = []
    paid: list[tuple[Any, ...]] = []
    everybody = np.arange(persons)
    for day in range(days):
        free = (rests <= day) & (paid_on < day - 7)
        chances = np.where(free[:, None], [0.25, 0.25], 0.0)
        luck = lots.random(persons)
        given = np.where(luck < chances[:, 0], 1, np.where(luck < chances.sum(axis=1), 2, 0))
        rows.append((everybody, np.full(persons, day), contacts.copy(), given, chances))
        effect = np.array([0.0, MESSAGE, call])[given] / WINDOW_DAYS
        adds[:, day + 1 : day + 1 + WINDOW_DAYS] += effect[:, None]
        rests[given > 0], contacts[given > 0] = day + 4, contacts[given > 0] + 1
        came = lots.random(persons) < (pays + adds[:, day + 1]) / 0.05
        paid_on[came] = day + 1
        paid.append((everybody[came], np.full(came.sum(), day + 1), np.full(came.sum(), 0.05)))
    of, on, seen, given, chances = (np.concatenate(column) for column in zip(*rows, strict=True))
    whose, when, amounts = (np.concatenate(column) for column in zip(*paid, strict=True))
    ones = np.ones((len(of), 1))
    return Choices.of(
        of, on, np.column_stack([ones, seen]), ones, given, chances, owed=ones[:, 0],
        paid=(whose, when, amounts), until=days if until is None else until,
    )  # fmt: skip


def learned(log: Choices, mean: float = 0.0, spread: float = 1.0) -> Blips:
    return learn_blips(log, Beliefs(np.full((2, 1), mean), np.full((2, 1), spread), state_spread=1.0))


def both(blips: Blips) -> list[tuple[float, float]]:
    told = [blips.of(place, np.ones((1, 1))) for place in (0, 1)]
    return [(float(mean[0]), float(spread[0])) for mean, spread in told]


def test_the_effect_of_today_is_told_apart_from_those_of_what_follows() -> None:
    found = np.array([both(learned(logged(seed))) for seed in range(30)])
    error = found[:, :, 0].std(axis=0, ddof=1) / np.sqrt(30)
    assert (np.abs(found[:, :, 0].mean(axis=0) - [MESSAGE, CALL]) < 3 * error + 0.004).all()
    truths = np.array([MESSAGE, CALL])
    covered = np.abs(found[:, :, 0] - truths) < 1.96 * found[:, :, 1]
    assert covered.mean() > 0.85


def test_what_came_in_after_a_contact_says_little_where_more_contacts_follow() -> None:
    log = logged(1, persons=4_000)
    called, left = log.came[log.given == 2].mean(), log.came[log.given == 0].mean()
    told = both(learned(log))
    assert abs(told[1][0] - CALL) < 3 * told[1][1]
    assert abs(called - left - CALL) > 3 * told[1][1]


def test_an_open_window_tells_of_the_part_that_was_lived_through() -> None:
    log = logged(2, persons=4_000, days=20, until=20)
    assert log.lived.max() < 0.75
    for (mean, spread), truth in zip(both(learned(log)), (MESSAGE, CALL), strict=True):
        assert abs(mean - truth) < 3 * spread
        assert spread < 0.05


def test_few_choices_leave_the_beliefs_where_they_were() -> None:
    (message, _), (call, _) = both(learned(logged(3, persons=5), mean=0.5, spread=0.01))
    assert abs(message - 0.5) < 0.02
    assert abs(call - 0.5) < 0.02


def test_beliefs_and_rows_that_do_not_fit_are_refused() -> None:
    log = logged(4, persons=20)
    with pytest.raises(CannotEvaluate, match="2 treatments with 1 slopes"):
        learn_blips(log, Beliefs(np.zeros((1, 1)), np.ones((1, 1)), 1.0))
    ones = np.ones((3, 1))
    whole = np.arange(3)
    with pytest.raises(CannotEvaluate, match="3 persons and 2 given"):
        Choices.of(
            whole, whole, ones, ones, whole[:2], 0.3 * ones, owed=ones[:, 0],
            paid=(whole, whole, ones[:, 0]), until=9,
        )  # fmt: skip
