"""What a treatment today adds within a window, learned from a log in which others follow it: a structural nested mean model.

Who is treated today is seldom left alone afterwards, and who is not treated today may be tomorrow. So what came in within the
window is not the effect of today's choice alone. A blip is (J. Robins, Correcting for non-compliance in randomized trials using
structural nested mean models, 1994): what today's treatment adds where nothing else follows. What came in, less the blips of
what was given later, is what would have come in with today's choice alone; and that, held against who was treated more or
less often than their logged chance by lot, gives the blips (G-estimation). One linear system; whether a state's worth is
described well changes how sure the answer is, and not what it aims at. Nothing hangs on the worth of later states, which a
lender's columns describe badly: whoever was contacted and is still late is not made a bad payer by the contact.

What the system's equations say is held against what was believed, by how far they would miss by chance, all choices of one
person together (a quasi-posterior: V. Chernozhukov and H. Hong, An MCMC approach to classical estimation, 2003; here all is
normal, so it is closed). How far customers differ, and how far to trust the text, is not known: several answers are tried and
each counts by how likely it makes the equations.

An effect is thought to come in evenly over the window. So a treatment late in a window counts for the part of its own that lies
in it, and a window that is still open tells of the part that was lived through.

>>> lots = np.random.default_rng(1)
>>> called = (lots.random(20_000) < 0.3).astype(np.int64)
>>> came = (lots.random(20_000) < np.where(called, 0.4, 0.1)).astype(np.float64)
>>> ones, persons, first = np.ones((20_000, 1)), np.arange(20_000), np.zeros(20_000, dtype=np.int64)
>>> log = Choices.of(persons, first, ones, ones, called, 0.3 * ones, owed=ones[:, 0], paid=(persons, first + 1, came), until=28)
>>> blips = learn_blips(log, Beliefs(means=np.zeros((1, 1)), spreads=np.ones((1, 1)), state_spread=1.0))
>>> bool(abs(blips.of(0, np.ones((1, 1)))[0][0] - 0.3) < 0.02)
True
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.problems import CannotEvaluate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WINDOW_DAYS, LIVED_MIN_DAYS = 28, 7
"""What is learned is what comes in within four weeks; a window tells nothing before a week of it was lived through."""
_ROUNDS = 3
_NOISE_MIN = 1e-9
_DIFFER_TIMES = (0.3, 1.0, 3.0)
"""How far customers may differ, in times of the beliefs' own spreads."""
_SURE_TIMES = ((0.25, 0.4), (1.0, 0.4), (4.0, 0.2))
"""How unsure the beliefs' means are, in times of their own spreads, and how likely that is: some texts are sure and wrong."""


@dataclass(frozen=True, slots=True)
class Choices:
    """Logged choices, a row a customer and day on which more than one treatment had a chance.

    ``persons``: whose, as whole numbers; ``days``: when. ``state``, ``effect``: the columns before the choice. ``given``: the
    treatment, 0 for none, then 1, 2, ... ``chances``: of each treatment, a column each, none left out. ``came``: the share of
    what was owed that came in within what was lived through of the window, ``lived``, a share of it. ``following``: the effect's
    columns of what was given afterwards, a block a treatment, each counted for the part of its effect that lies in the window
    and by what was owed then.
    """

    persons: Ints
    days: Ints
    state: Floats
    effect: Floats
    given: Ints
    chances: Floats
    came: Floats
    lived: Floats
    following: Floats

    @classmethod
    def of(
        cls,
        persons: Ints,
        days: Ints,
        state: Floats,
        effect: Floats,
        given: Ints,
        chances: Floats,
        *,
        owed: Floats,
        paid: tuple[Ints, Ints, Floats],
        until: int,
        window: int = WINDOW_DAYS,
    ) -> "Choices":
        """From a row a customer and day, with what was ``owed``; and what was ``paid`` (whose, on which day, how much), known
        until a day. A payment on a choice's own day does not come after it. Raises CannotEvaluate where rows do not fit.
        """
        for name, column in (("days", days), ("given", given), ("chances", chances), ("owed", owed)):
            if len(column) != len(persons):
                raise CannotEvaluate(f"the choices have {len(persons)} persons and {len(column)} {name}")
        ends = np.minimum(days + window, until)
        came = _sums(paid[0], paid[1], paid[2][:, None], persons, days, ends)[:, 0]
        treatments = chances.shape[1]
        acts = np.flatnonzero(given > 0)
        money = _blocks(_is_given(given[acts], treatments), effect[acts]) * owed[acts, None]
        # The part of a later effect that lies in the window is what is left of it: (end - day) / window.
        both = np.hstack([money, money * days[acts, None]])
        sums = _sums(persons[acts], days[acts], both, persons, days, ends)
        width = money.shape[1]
        following = (ends[:, None] * sums[:, :width] - sums[:, width:]) / (window * owed[:, None])
        told = (
            (chances > 0).any(axis=1)
            & (chances.sum(axis=1) < 1)
            & (ends - days >= min(LIVED_MIN_DAYS, window))
        )
        return cls(
            persons[told],
            days[told],
            state[told],
            effect[told],
            given[told],
            chances[told],
            np.clip(came / owed, 0.0, 1.0)[told],
            ((ends - days) / window)[told],
            following[told],
        )


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What is thought before data: a mean and a spread for each treatment's slopes (a row a treatment); of the state's slopes
    only that they lie about 0, as far as ``state_spread``. ``alike``: the correlation of treatments in how customers differ,
    which is all slopes but the first.
    """

    means: Floats
    spreads: Floats
    state_spread: float
    alike: float = 0.0

    def covariance(self, states: int, sure: float, differ: float) -> Floats:
        """Of all slopes, the state's first, then each treatment's: the first of each ``sure`` times as unsure, the others
        ``differ`` times.
        """
        treatments, effects = self.spreads.shape
        spreads = self.spreads * np.where(np.arange(effects) == 0, sure, differ)
        found = np.zeros((states + treatments * effects,) * 2)
        found[:states, :states] = np.eye(states) * self.state_spread**2
        for slope in range(effects):
            own = states + np.arange(treatments) * effects + slope
            alike = self.alike if slope else 0.0
            correlation = alike + (1 - alike) * np.eye(treatments)
            found[np.ix_(own, own)] = correlation * np.outer(spreads[:, slope], spreads[:, slope])
        return found


@dataclass(frozen=True, slots=True)
class Blips:
    """What was learned: slopes of the state, then of each treatment in turn, with their covariance."""

    slopes: Floats
    covariance: Floats
    states: int
    effects: int

    def own(self, treatment: int) -> slice:
        """Where a treatment's slopes stand (0 is the first after none)."""
        return slice(self.states + treatment * self.effects, self.states + (treatment + 1) * self.effects)

    def of(self, treatment: int, effect: Floats) -> tuple[Floats, Floats]:
        """What a treatment adds to what comes in within the window, as a share of what is owed, and the spread of that."""
        own = self.own(treatment)
        variance = ((effect @ self.covariance[own, own]) * effect).sum(axis=1)
        return np.asarray(effect @ self.slopes[own], dtype=np.float64), np.sqrt(np.maximum(variance, 0.0))


def learn_blips(log: Choices, beliefs: Beliefs) -> Blips:
    """The slopes that the log and the beliefs say together. Raises CannotEvaluate where the beliefs do not fit the log."""
    treatments, effects, states = log.chances.shape[1], log.effect.shape[1], log.state.shape[1]
    if beliefs.means.shape != (treatments, effects) or not (beliefs.spreads > 0).all():
        raise CannotEvaluate(
            f"{treatments} treatments with {effects} slopes need as many beliefs, each with a spread above 0"
        )
    means = np.concatenate([np.zeros(states), beliefs.means.ravel()])
    tried = [
        (beliefs.covariance(states, sure, differ), chance)
        for sure, chance in _SURE_TIMES
        for differ in (_DIFFER_TIMES if effects > 1 else (1.0,))
    ]
    instruments, columns = system(log)
    products, received = instruments.T @ columns, instruments.T @ log.came
    squares = instruments.T @ instruments
    slopes, covariance = means, tried[0][0]
    for _ in range(_ROUNDS):
        errors = log.came - columns @ slopes
        noise = max(float((errors**2).mean()), _NOISE_MIN)
        sums = by_person(log.persons, instruments * errors[:, None])
        # Few persons leave directions of which they seem to be sure: beside them stands what even noise would give.
        misses = sums.T @ sums + noise * squares * (len(means) / len(sums)) + _NOISE_MIN * np.eye(len(means))
        slopes, covariance = _held_against(products, received, misses, means, tried)
    return Blips(slopes, covariance, states, effects)


def _held_against(
    products: Floats, received: Floats, misses: Floats, means: Floats, tried: list[tuple[Floats, float]]
) -> tuple[Floats, Floats]:
    """The slopes and their covariance, given the equations ``products`` x slopes = ``received``, which miss by chance as
    ``misses`` says; beliefs of the covariances ``tried``, each with its chance.
    """
    off = received - products @ means
    found, logs = [], []
    for prior, chance in tried:
        spread = misses + products @ prior @ products.T
        unit = np.sqrt(np.diag(spread))  # so that equations of all sizes are solved alike
        even = spread / np.outer(unit, unit) + _NOISE_MIN * np.eye(len(unit))
        gain = np.linalg.solve(even, products @ prior / unit[:, None]).T / unit
        found.append((means + gain @ off, prior - gain @ products @ prior))
        likely = (off / unit) @ np.linalg.solve(even, off / unit) + np.linalg.slogdet(even)[1]
        logs.append(np.log(chance) - likely / 2 - np.log(unit).sum())
    weights = np.exp(np.array(logs) - max(logs))
    weights /= weights.sum()
    slopes = np.sum([weight * own for weight, (own, _) in zip(weights, found, strict=True)], axis=0)
    covariance = np.sum(
        [
            weight * (within + np.outer(own - slopes, own - slopes))
            for weight, (own, within) in zip(weights, found, strict=True)
        ],
        axis=0,
    )
    return np.asarray(slopes, dtype=np.float64), np.asarray((covariance + covariance.T) / 2, dtype=np.float64)


def system(log: Choices) -> tuple[Floats, Floats]:
    """The instruments and the columns of the linear system that the slopes have to solve."""
    is_given = _is_given(log.given, log.chances.shape[1])
    own = _blocks(is_given * log.lived[:, None], log.effect) + log.following
    return (
        np.hstack([log.state, _blocks(is_given - log.chances, log.effect)]),
        np.hstack([log.state * log.lived[:, None], own]),
    )


def by_person(persons: Ints, rows: Floats) -> Floats:
    """The sums of rows over each person."""
    order = np.argsort(persons, kind="stable")
    firsts = np.flatnonzero(np.diff(persons[order], prepend=-1))
    return np.asarray(np.add.reduceat(rows[order], firsts, axis=0), dtype=np.float64)


def _is_given(given: Ints, treatments: int) -> Floats:
    return np.asarray(given[:, None] == np.arange(1, treatments + 1), dtype=np.float64)


def _blocks(weights: Floats, effect: Floats) -> Floats:
    """A block of the effect's columns for each treatment, weighted."""
    blocks = weights[:, :, None] * effect[:, None, :]
    return np.asarray(blocks.reshape(len(effect), weights.shape[1] * effect.shape[1]), dtype=np.float64)


def _sums(of: Ints, on: Ints, amounts: Floats, persons: Ints, after: Ints, until: Ints) -> Floats:
    """For each row the sums of a person's amounts after one day and until another, that one included."""
    if not len(of):
        return np.zeros((len(persons), amounts.shape[1]))
    # One number orders by person and day; days are counted from the first that is asked about, earlier ones never are.
    start = int(min(on.min(), after.min()))
    span = int(max(on.max(), until.max())) - start + 2
    places = of * span + (on - start)
    order = np.argsort(places, kind="stable")
    sums = np.vstack([np.zeros((1, amounts.shape[1])), np.cumsum(amounts[order], axis=0)])
    bounds = [
        np.searchsorted(places[order], persons * span + (days - start), side="right")
        for days in (after, until)
    ]
    return np.asarray(sums[bounds[1]] - sums[bounds[0]], dtype=np.float64)
