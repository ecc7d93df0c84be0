"""Our policy in the trial: starts with a prior, draws its calls by logged lots, and learns from nothing but its own days.

What a call today adds where nothing follows it is learned from the whole log with the nightly learner's own model
(``strategy.blips``); lots are drawn among those that are nearly as good (``strategy.drawing``). Every so many days it learns
again from all it has seen. It never sees the world, only a ``View`` and what came in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import NamedTuple

import numpy as np

from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.draws import Flags, Floats, Ints
from dunwell.rehearsal.policies import LONG_AGO, Caller, Policy, View, rested
from dunwell.strategy.blips import Beliefs, Blips, Choices, learn_blips
from dunwell.strategy.drawing import chances_within, drawn_within

_LATE_DAYS = np.array([4, 8, 15, 22, 31, 39, 46, 61, 76, 91, 121, 181])
_SPELL_DAYS = np.array([31, 43, 61, 76, 91, 121, 151, 181])
_REACH_CALLS, _REACH_SHARE = 12.0, 0.25
"""How many calls' worth everybody's answers weigh against a person's own, and the share answered before any was seen. People
whose answer rates differ by half of themselves (in logs) call for about ten; with four, one lucky answer counted too much.
"""
_PASSES = 2
"""What would come in by itself is learned together with what calls add, and calls add a share of the rest: so twice."""


class Settings(NamedTuple):
    """How the policy learns. Figures without a source are the house's.

    ``window_days``: what comes in within them counts. It learns again every ``learn_every`` days. Of the calls ``even_share``
    are drawn evenly at first, and less with every time it has learned; the rest by ``draws`` from what is believed.
    ``talk_gain`` with its spread is the prior: the share of what would not come in by itself that a talk brings in;
    ``differs``: the spread of what it is thought to differ by between people.
    ``calls_share``: it makes so many of the calls that there are. ``told_on``: a day on which somebody who knows tells it that
    times have turned; nobody does (-1) but in a comparison.
    """

    call_cost_minor: float
    window_days: int = 28
    learn_every: int = 7
    even_share: float = 0.02
    draws: int = 32
    talk_gain: float = 0.3
    talk_gain_spread: float = 0.1
    differs: float = 0.05
    calls_share: float = 1.0
    told_on: int = -1


@dataclass(frozen=True, slots=True)
class _Day:
    """A day as it was logged: who was late, who was called with which chance, and what came in."""

    view: View
    called: Flags
    chances: Floats
    came_minor: Floats


class _Learner:
    """The policy in one world."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.generator = settings, np.random.default_rng(seed)
        self.days: list[_Day] = []
        self.learned: Blips | None = None
        self.first = 0
        self.times_learned = 0
        self.earlier: Choices | None = None
        self.pending: _Day | None = None

    def choose(self, view: View, calls: int) -> Ints:
        """Draw the day's calls."""
        settings = self.settings
        calls = round(calls * settings.calls_share)
        if len(self.days) == settings.told_on:
            self.first = len(self.days)
        if len(self.days) > self.first and len(self.days) % settings.learn_every == 0:
            self.learn()
        is_open = rested(view) & view.may_call & (view.owed_minor > 0)
        draws = self._drawn_shares(view)
        chances = chances_within(
            draws * view.owed_minor - settings.call_cost_minor,
            is_open,
            calls,
            settings.even_share / (1 + self.times_learned),
        )
        called = drawn_within(chances, self.generator)
        self.pending = _Day(view, called, chances, np.zeros(0))
        return np.flatnonzero(called)

    def hear(self, came_minor: Floats) -> None:
        """Keep the day in the log."""
        if self.pending is None:
            raise ValueError("a day was told before it was chosen for; choose first")
        day = self.pending
        self.days.append(_Day(day.view, day.called, day.chances, came_minor[day.view.persons]))
        self.pending = None

    def _drawn_shares(self, view: View) -> Floats:
        """Draws of the share of what is owed that a call adds: a row a draw, all of a draw by the same slopes."""
        effect = _effect(view, self.unpaid(view))
        beliefs = self.beliefs(effect.shape[1])
        if self.learned is None:
            means, covariance = beliefs.means[0], np.diag(beliefs.spreads[0] ** 2)
        else:
            own = self.learned.own(0)
            means, covariance = self.learned.slopes[own], self.learned.covariance[own, own]
        # By the eigenvectors: a covariance made by division is positive only up to rounding.
        sizes, directions = np.linalg.eigh((covariance + covariance.T) / 2)
        normals = self.generator.standard_normal((self.settings.draws, len(sizes)))
        slopes = means + (normals * np.sqrt(np.maximum(sizes, 0.0))) @ directions.T
        return np.asarray(slopes @ effect.T, dtype=np.float64)

    def learn(self) -> None:
        """Learn from the whole log."""
        for _ in range(_PASSES):
            log = self.log()
            if not len(log.persons):
                return
            self.learned = learn_blips(log, self.beliefs(log.effect.shape[1]))
        self.times_learned += 1

    def beliefs(self, effects: int) -> Beliefs:
        """What is thought of a call before any data: a share of what would not come in by itself, for all alike."""
        settings = self.settings
        means, spreads = np.zeros((1, effects)), np.full((1, effects), settings.differs)
        means[0, 0], spreads[0, 0] = settings.talk_gain, settings.talk_gain_spread
        return Beliefs(means, spreads, state_spread=1.0)

    def log(self) -> Choices:
        """The log as choices: who was late on a day, and what came in after it."""
        days = self.days[self.first :]
        view = View._make(np.concatenate(column) for column in zip(*(day.view for day in days), strict=True))
        numbers = np.repeat(np.arange(len(days)), [len(day.called) for day in days])
        came = np.concatenate([day.came_minor for day in days])
        paid = np.flatnonzero(came)
        own = Choices.of(
            view.persons,
            numbers,
            _state(view),
            _effect(view, self.unpaid(view)),
            np.concatenate([day.called for day in days]).astype(np.int64),
            np.concatenate([day.chances for day in days])[:, None],
            owed=np.maximum(view.owed_minor, 1).astype(np.float64),
            # A day's money comes after its calls: as of the day after.
            paid=(view.persons[paid], numbers[paid] + 1, came[paid]),
            until=len(days),
            window=self.settings.window_days,
        )
        return own if self.earlier is None else _joined(self.earlier, own)

    def unpaid(self, view: View) -> Floats:
        """The share of what is owed that would not come in by itself, as learned so far."""
        if self.learned is None:
            return np.full(len(view.persons), 0.5)
        waiting = _state(view) @ self.learned.slopes[: self.learned.states]
        return np.asarray(np.clip(1 - waiting, 0.05, 0.95), dtype=np.float64)


def _joined(first: Choices, second: Choices) -> Choices:
    """Two logs as one, of different people."""
    moved = replace(second, persons=second.persons + int(first.persons.max(initial=0)) + 1)
    return Choices(
        *(np.concatenate([getattr(first, name), getattr(moved, name)]) for name in Choices.__slots__)
    )


def _state(view: View) -> Floats:
    """What comes in by itself is told by how late, since when, how risky, how much, how lately paid."""
    late = np.searchsorted(_LATE_DAYS, view.past_due_days, side="right")
    spell = np.searchsorted(_SPELL_DAYS, view.spell_days, side="right")
    return np.column_stack(
        [
            late[:, None] == np.arange(len(_LATE_DAYS) + 1),
            spell[:, None] == np.arange(1, len(_SPELL_DAYS) + 1),
            view.seen,
            _owed(view),
            view.days_since_payment <= 20,
            (view.days_since_payment > 20) & (view.days_since_payment <= 45),
            view.broke_promise,
        ]
    ).astype(np.float64)


def _effect(view: View, unpaid: Floats) -> Floats:
    """A call works by a talk, and a talk on what would not come in by itself: all shapes are shares of that."""
    lead = _reach(view) * unpaid
    talk = np.where(view.days_since_talk < LONG_AGO, np.exp(-view.days_since_talk / 30.0), 0.0)
    shapes = np.column_stack(
        [
            np.ones(len(view.persons)),
            talk,
            np.minimum(view.calls, 6) / 3,
            view.days_since_payment <= 20,
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


def _lived_elsewhere(settings: Settings, live: Callable[[Policy], object]) -> _Learner:
    """One with the log of another world, in which ``live`` lets a policy live."""
    made: list[_Learner] = []

    def policy(world: DebtorWorld) -> Caller:
        made.append(_Learner(settings, world.seed))
        return made[0]

    live(policy)
    return made[0]


def switching(settings: Settings, day: int, live: Callable[[Policy], object]) -> Policy:
    """Ours until a day; from then on one with the log of another world, in which ``live`` lets a policy live. For comparisons:
    what ours would bring if it had learned the new times before they came.
    """
    elsewhere = _lived_elsewhere(settings, live)
    elsewhere.learn()
    log = elsewhere.log()

    def policy(world: DebtorWorld) -> Caller:
        after = _Learner(settings, world.seed)
        after.learned, after.times_learned, after.earlier = elsewhere.learned, elsewhere.times_learned, log
        return _Switching(_Learner(settings, world.seed), after, day)

    return policy


def piloted(settings: Settings, lives: Sequence[Callable[[Policy], object]]) -> Policy:
    """Ours, with what pilots in other worlds teach before its first day: in each of them (``lives`` let a policy live) all calls
    are drawn evenly.
    """
    pilot = settings._replace(even_share=1.0, learn_every=10**6)
    learners = [_lived_elsewhere(pilot, live) for live in lives]
    for _ in range(_PASSES):
        log = reduce(_joined, [one.log() for one in learners])
        learned = learn_blips(log, learners[0].beliefs(log.effect.shape[1]))
        for one in learners:
            one.learned = learned
    log = reduce(_joined, [one.log() for one in learners])

    def policy(world: DebtorWorld) -> Caller:
        caller = _Learner(settings, world.seed)
        caller.learned, caller.times_learned, caller.earlier = learned, 1, log
        return caller

    return policy


def learning(settings: Settings) -> Policy:
    """Our policy. Of the world it takes the seed, for its lots, and nothing else."""

    def policy(world: DebtorWorld) -> Caller:
        return _Learner(settings, world.seed)

    return policy
