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


def drawn(seed: int, often: tuple[float, float], adds: tuple[float, float], count: int = 4_000) -> Choices:
    """Other people every time, by lot: of the old half, what a contact adds is 0.15 less, whatever the contact is."""
    lots = np.random.default_rng(seed)
    is_old = lots.random(count) < 0.5
    luck = lots.random(count)
    given = np.where(luck < often[0], 1, np.where(luck < sum(often), 2, 0))
    effect = np.array([0.0, *adds])[given] - np.where(is_old & (given > 0), 0.15, 0.0)
    came = (lots.random(count) < 0.4 + effect).astype(np.float64)
    columns, whose = np.column_stack([np.ones(count), is_old]), np.arange(count)
    return Choices.of(
        whose, np.zeros(count, dtype=np.int64), columns, columns, given, np.tile(often, (count, 1)),
        owed=np.ones(count), paid=(whose, np.ones(count, dtype=np.int64), came), until=WINDOW_DAYS,
    )  # fmt: skip


def test_a_text_near_the_truth_is_hardly_moved_by_chance_and_one_that_is_sure_and_wrong_gives_way() -> None:
    spreads = np.full((2, 2), 0.1)
    near: list[list[float]] = []
    wrong: list[list[float]] = []
    chance: list[list[float]] = []
    for seed in range(12):
        log = drawn(seed, (0.2, 0.2), (0.2, 0.25))
        flat = Beliefs(np.zeros((2, 2)), np.full((2, 2), 10.0), 1.0)
        right = Beliefs(np.array([[0.2, -0.15], [0.25, -0.15]]), spreads, 1.0)
        misled = Beliefs(np.array([[0.8, 0.0], [-0.3, 0.0]]), spreads, 1.0)
        for beliefs, errors in ((flat, chance), (right, near), (misled, wrong)):
            blips = learn_blips(log, beliefs)
            young = np.array([[1.0, 0.0]])
            errors.append([float(blips.of(0, young)[0][0]) - 0.2, float(blips.of(1, young)[0][0]) - 0.25])
    by_chance, moved = (float(np.std(errors)) for errors in (chance, near))
    assert moved < 0.6 * by_chance
    assert np.abs(np.mean(wrong, axis=0)).max() < 0.05, "of the 0.6 by which the text was off"


def test_a_treatment_that_is_seldom_given_learns_from_another_how_customers_differ() -> None:
    off: dict[float, list[float]] = {0.0: [], 0.9: []}
    for seed in range(12):
        log = drawn(seed, (0.4, 0.02), (0.2, 0.2))
        for alike, errors in off.items():
            beliefs = Beliefs(np.zeros((2, 2)), np.full((2, 2), 0.1), 1.0, alike)
            blips = learn_blips(log, beliefs)
            errors.append(float(blips.slopes[blips.own(1)][1]) + 0.15)
    alone, together = (np.sqrt(np.mean(np.square(errors))) for errors in off.values())
    assert together < 0.6 * alone
