"""Our policy in the trial: starts with a prior, draws its calls by logged lots, and learns from nothing but its own days.

Each day it values a call to each late person over waiting (``strategy.repeated``), has the calls assigned under the capacity,
whose dual price is what tomorrow's call must beat, and draws lots among those that are nearly as good (``strategy.drawing``).
Every so many days it learns again from all it has seen. It never sees the world, only a ``View`` and what came in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import polars as pl

from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.draws import Flags, Floats, Ints
from dunwell.rehearsal.policies import LONG_AGO, Caller, Policy, View, rested
from dunwell.strategy import assign
from dunwell.strategy.drawing import chances_within, drawn_within
from dunwell.strategy.repeated import Beliefs, Repeated, Steps, learn_repeated, surprise

_LATE_DAYS = np.array([4, 8, 15, 22, 31, 39, 46, 61, 76, 91, 121, 181])
_REACH_CALLS, _REACH_SHARE = 12.0, 0.25
"""How many calls' worth everybody's answers weigh against a person's own, and the share answered before any was seen. People
whose answer rates differ by half of themselves (in logs) call for about ten; with four, one lucky answer counted too much.
"""
_TIRES, _TIRES_SPREAD = (5, 6), 0.003
"""The shapes by which an effect wears off are nearly held at 0: three days of rest do the spacing. Slopes for them, learned from
so few calls, took calls from the large sums for nothing (measured in worlds kept for development).
"""


class Settings(NamedTuple):
    """How the policy learns. Figures without a source are the house's.

    ``window_days``: money later than that counts for little (the objective's window in the strategy's text). It learns again
    every ``learn_every`` days. Of the calls ``even_share`` are drawn evenly, the rest by ``draws`` from what is believed.
    ``talk_gain`` with its spread is the prior: the share of what would not come in by itself that a talk brings in.
    Where what came in lies more than ``surprise_most`` standard errors from what was expected, what is older than the last
    learning counts ``old_weight``; as measured that does not pay, so nothing is forgotten unless one asks for it.
    ``calls_share``: it makes so many of the calls that there are. ``told_on``: a day on which somebody who knows tells it that
    times have turned; nobody does (-1) but in a comparison.
    """

    call_cost_minor: float
    window_days: float = 90.0
    learn_every: int = 14
    even_share: float = 0.1
    draws: int = 32
    talk_gain: float = 0.3
    talk_gain_spread: float = 0.2
    surprise_most: float = np.inf
    old_weight: float = 0.1
    calls_share: float = 1.0
    told_on: int = -1


@dataclass(frozen=True, slots=True)
class _Day:
    """A day as it was logged: who was late, who was called with which chance, what came in, and the price of a call."""

    view: View
    is_open: Flags
    called: Flags
    chances: Floats
    price_minor: float
    came_minor: Floats


class _Learner:
    """The policy in one world."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.generator = settings, np.random.default_rng(seed)
        self.days: list[_Day] = []
        self.unpaid: Repeated | None = None
        self.learned: Repeated | None = None
        self.surprises: list[float] = []
        self.turned_on = 0
        self.pending: _Day | None = None

    def choose(self, view: View, calls: int) -> Ints:
        """Draw the day's calls."""
        calls = round(calls * self.settings.calls_share)
        if len(self.days) == self.settings.told_on:
            self.turned_on = len(self.days)
        if self.days and len(self.days) % self.settings.learn_every == 0:
            self._learn()
        is_open = rested(view) & view.may_call & (view.owed_minor > 0)
        effect = self._effect(view)
        current = self.learned or Repeated.of_beliefs(self._beliefs(effect.shape[1]), 0)
        worth = current.gain(effect)[0] * view.owed_minor - self.settings.call_cost_minor
        price = _price(worth, is_open, calls)
        draws = current.drawn_gains(effect, self.settings.draws, int(self.generator.integers(2**31)))
        chances = chances_within(
            draws * view.owed_minor - self.settings.call_cost_minor,
            is_open,
            calls,
            self.settings.even_share,
        )
        called = drawn_within(chances, self.generator)
        self.pending = _Day(view, is_open, called, chances, price, np.zeros(0))
        return np.flatnonzero(called)

    def hear(self, came_minor: Floats) -> None:
        """Keep the day in the log."""
        if self.pending is None:
            raise ValueError("a day was told before it was chosen for; choose first")
        day = self.pending
        self.days.append(
            _Day(
                day.view, day.is_open, day.called, day.chances, day.price_minor, came_minor[day.view.persons]
            )
        )
        self.pending = None

    def _learn(self) -> None:
        """Learn from the whole log; if the days since the last time do not fit what was learned then, those before them count
        for little from now on.
        """
        settings = self.settings
        recent = self._steps(max(len(self.days) - settings.learn_every - 1, 0), with_contacts=True)
        if self.learned is not None and recent is not None:
            self.surprises.append(surprise(self.learned, recent))
            if abs(self.surprises[-1]) > settings.surprise_most:
                self.turned_on = len(self.days) - settings.learn_every
        alone = self._steps(0, with_contacts=False)
        if alone is None:
            return
        width = alone.state.shape[1]
        self.unpaid = learn_repeated(alone, Beliefs(np.zeros(width), np.ones(width)))
        steps = self._steps(0, with_contacts=True)
        if steps is not None:
            beliefs = self._beliefs(steps.effect.shape[1], steps.state.shape[1])
            self.learned = learn_repeated(steps, beliefs, self.learned)

    def _beliefs(self, effects: int, states: int = 0) -> Beliefs:
        settings = self.settings
        means, spreads = np.zeros(states + effects), np.ones(states + effects)
        means[states] = settings.talk_gain
        spreads[states:] = settings.talk_gain_spread
        spreads[[states + place for place in _TIRES]] = min(settings.talk_gain_spread, _TIRES_SPREAD)
        return Beliefs(means, spreads)

    def _steps(self, first: int, *, with_contacts: bool) -> Steps | None:
        """The log from a day on as steps of a day, None where nobody was late; what came in as shares of what was owed."""
        settings, parts = self.settings, []
        for number, (day, after) in enumerate(pairwise(self.days[first:]), start=first):
            if not len(day.view.persons) or not len(after.view.persons):
                continue
            owed = np.maximum(day.view.owed_minor, 1).astype(np.float64)
            share = np.minimum(day.came_minor / owed, 1.0)
            place = np.searchsorted(after.view.persons, day.view.persons)
            place = np.minimum(place, len(after.view.persons) - 1)
            stays = after.view.persons[place] == day.view.persons
            next_owed = np.maximum(after.view.owed_minor, 1)
            next_price = np.where(
                after.is_open, (after.price_minor + settings.call_cost_minor) / next_owed, np.inf
            )
            state, effect = self._matrices(day.view, with_contacts)
            next_state, next_effect = self._matrices(after.view, with_contacts)
            parts.append(
                (
                    day.view.persons,
                    state,
                    effect,
                    day.called if with_contacts else day.called & False,
                    np.where(day.is_open, day.chances, 0.0),
                    share,
                    (1 - 1 / settings.window_days) * (1 - share) * stays,
                    next_state[place],
                    next_effect[place],
                    next_price[place],
                    np.full(len(share), 1.0 if number >= self.turned_on else settings.old_weight),
                )
            )
        if not parts:
            return None
        columns = [np.concatenate(one) for one in zip(*parts, strict=True)]
        return Steps(**dict(zip(Steps.__slots__, columns, strict=True)))

    def _matrices(self, view: View, with_contacts: bool) -> tuple[Floats, Floats]:
        if with_contacts:
            return self._state(view), self._effect(view)
        return _person(view), np.zeros((len(view.persons), 0))

    def _unpaid(self, view: View) -> Floats:
        """The share of what is owed that would not come in by itself, as learned so far."""
        if self.unpaid is None:
            return np.full(len(view.persons), 0.5)
        return np.asarray(np.clip(1 - self.unpaid.waiting(_person(view)), 0.05, 0.95), dtype=np.float64)

    def _state(self, view: View) -> Floats:
        unpaid = self._unpaid(view)
        talk = np.where(view.days_since_talk < LONG_AGO, np.exp(-view.days_since_talk / 30.0), 0.0)
        return np.column_stack(
            [
                _person(view),
                unpaid * talk,
                unpaid * (view.days_since_talk <= 14),
                unpaid * np.minimum(view.calls, 6) / 3,
                view.has_promise,
                view.broke_promise,
                _reach(view) - _REACH_SHARE,
            ]
        )

    def _effect(self, view: View) -> Floats:
        """A call works by a talk, and a talk on what would not come in by itself: all shapes are shares of that."""
        lead = _reach(view) * self._unpaid(view)
        talk = np.where(view.days_since_talk < LONG_AGO, np.exp(-view.days_since_talk / 30.0), 0.0)
        shapes = np.column_stack(
            [
                np.ones(len(view.persons)),
                view.past_due_days <= 7,
                (view.past_due_days > 30) & (view.past_due_days <= 60),
                view.past_due_days > 60,
                view.past_due_days > 120,
                np.minimum(view.calls, 6) / 3,
                talk,
                view.days_since_payment <= 20,
                view.seen / 2,
                _owed(view),
            ]
        )
        return np.asarray(lead[:, None] * shapes, dtype=np.float64)


def _owed(view: View) -> Floats:
    return np.asarray(np.log10(np.maximum(view.owed_minor, 100)) - 4.5, dtype=np.float64)


def _reach(view: View) -> Floats:
    return np.asarray(
        (view.talks + _REACH_CALLS * _REACH_SHARE) / (view.attempts + _REACH_CALLS), dtype=np.float64
    )


def _person(view: View) -> Floats:
    late = np.searchsorted(_LATE_DAYS, view.past_due_days, side="right")
    return np.column_stack(
        [
            late[:, None] == np.arange(len(_LATE_DAYS) + 1),
            view.seen,
            _owed(view),
            view.days_since_payment <= 20,
            (view.days_since_payment > 20) & (view.days_since_payment <= 45),
        ]
    ).astype(np.float64)


_USES = pl.DataFrame(
    [("call", "calls", 1, None)],
    schema={"treatment": pl.String, "capacity": pl.String, "amount": pl.Int64, "column": pl.String},
    orient="row",
)


def _price(worth: Floats, is_open: Flags, calls: int) -> float:
    """The dual price of a call: what one more would bring today."""
    rows = np.flatnonzero(is_open)
    if not len(rows):
        return 0.0
    candidates = pl.DataFrame({"customer_id": rows.astype(str), "call": worth[rows]})
    capacities = pl.DataFrame(
        [("calls", "call", calls, None)],
        schema={"capacity": pl.String, "unit": pl.String, "available": pl.Int64, "at_least": pl.Int64},
        orient="row",
    )
    return float(assign(candidates, _USES, capacities).capacities["price"][0])


class _Switching:
    """Ours until a day, and from then on one who learned in another world: who knows the new times when they come."""

    def __init__(self, before: _Learner, after: _Learner, day: int) -> None:
        self.now, self.after, self.left = before, after, day

    def choose(self, view: View, calls: int) -> Ints:
        if self.left == 0:
            self.now = self.after
        self.left -= 1
        return self.now.choose(view, calls)

    def hear(self, came_minor: Floats) -> None:
        self.now.hear(came_minor)


def switching(settings: Settings, day: int, live: Callable[[Policy], object]) -> Policy:
    """Ours until a day; from then on one with the log of another world, in which ``live`` lets a policy live. For comparisons:
    what ours would bring if it had learned the new times before they came.
    """
    elsewhere: list[_Learner] = []

    def taught(world: DebtorWorld) -> Caller:
        elsewhere.append(_Learner(settings, world.seed))
        return elsewhere[0]

    live(taught)
    nobody = View._make(column[:0] for column in elsewhere[0].days[0].view)
    log = [
        *elsewhere[0].days,
        _Day(nobody, *(np.zeros(0, dtype=np.bool_),) * 2, np.zeros(0), 0.0, np.zeros(0)),
    ]

    def policy(world: DebtorWorld) -> Caller:
        after = _Learner(settings, world.seed)
        after.days = list(log)
        after.unpaid, after.learned = elsewhere[0].unpaid, elsewhere[0].learned
        return _Switching(_Learner(settings, world.seed), after, day)

    return policy


def learning(settings: Settings) -> Policy:
    """Our policy. Of the world it takes the seed, for its lots, and nothing else."""

    def policy(world: DebtorWorld) -> Caller:
        return _Learner(settings, world.seed)

    return policy
