"""Turns that are seen where there are some, and seldom where there are none, however often one looks."""

import numpy as np

from dunwell.strategy.blips import Beliefs, Choices, learn_blips
from dunwell.strategy.turning import Change, Turned, told_apart, turns

DAYS, DAILY, TURN = 84, 300, 42
BELIEFS = Beliefs(np.full((2, 1), 0.1), np.full((2, 1), 0.1), state_spread=1.0)


def logged(seed: int, *, call_since: float, days: int = DAYS, daily: int = DAILY) -> Choices:
    """Every day other people, who are sent a message (adds 0.1) or called (adds 0.2, and something else from TURN on) by lot."""
    lots = np.random.default_rng(seed)
    count = days * daily
    on = np.repeat(np.arange(days), daily)
    luck = lots.random(count)
    given = np.where(luck < 0.3, 1, np.where(luck < 0.6, 2, 0))
    adds = np.select([given == 1, (given == 2) & (on < TURN), given == 2], [0.1, 0.2, call_since], 0.0)
    came = (lots.random(count) < 0.3 + adds).astype(np.float64)
    ones, whose = np.ones((count, 1)), np.arange(count)
    return Choices.of(
        whose,
        on,
        ones,
        ones,
        given,
        np.full((count, 2), 0.3),
        owed=ones[:, 0],
        paid=(whose, on + 1, came),
        until=days + 28,
    )


def looked(log: Choices, alpha: float = 0.05) -> Change | None:
    return turns(log, learn_blips(log, BELIEFS), BELIEFS, 2, alpha)


def until(log: Choices, day: int) -> Choices:
    kept = log.days < day
    return Choices(*(getattr(log, name)[kept] for name in log.__slots__))


def test_a_call_that_stops_working_is_noticed_and_its_day_found() -> None:
    found = looked(logged(1, call_since=0.0))
    assert found is not None
    assert found.treatment == 1
    assert abs(found.day - TURN) <= 7
    assert found.evidence > 40
    assert found.before > found.since + 0.1


def test_what_was_before_a_turn_no_longer_counts_and_is_asked_about_no_more() -> None:
    log = logged(2, call_since=0.0)
    found = looked(log)
    assert found is not None
    apart, beliefs = told_apart(log, BELIEFS, found)
    blips = learn_blips(apart, beliefs)
    since, spread = (float(one[0]) for one in blips.of(1, np.ones((1, 1))))
    assert abs(since) < 3 * spread
    assert abs(float(blips.of(2, np.ones((1, 1)))[0][0]) - 0.2) < 0.06
    assert turns(apart, blips, beliefs, 2, 0.05) is None


def test_where_nothing_turned_few_logs_are_thought_to_have_turned_however_often_one_looks() -> None:
    """A twentieth is promised over all looks; above 7 of 60 would then come by chance less than once in a hundred times."""
    alarms = 0
    for seed in range(60):
        log = logged(100 + seed, call_since=0.2, daily=60)
        alarms += any(looked(until(log, day)) is not None for day in range(28, DAYS + 1, 7))
    assert alarms <= 7


def test_nobody_looks_where_the_text_says_so() -> None:
    assert looked(logged(1, call_since=0.0), alpha=0.0) is None


def test_a_turn_is_told_in_words_and_kept() -> None:
    turned = Turned.by("call", Change(1, 20_000, 300.0, 0.2, 0.05))
    assert Turned.of(turned.as_dict()) == turned
    assert turned.sentence == (
        "'call' brings something else since about 2024-10-04: 5.0% of what is owed, 20.0% before; "
        "what was learned of it before is left aside"
    )
