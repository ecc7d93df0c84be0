"""Have times turned for a treatment: does it bring something else than before, and since when?

Seen in the log alone. Week by week, by the lots of those who were treated more or less often than their chance, it is read how
far what came in lies from what was learned of the treatment (``strategy.blips``). That its effect changed in some week is held
against that it did not, by how likely each makes the readings: an effect after the week that is as unknown as the text had it
before any data. The ratio, averaged over all weeks in which it may have been, grows above 1 / alpha with a chance of alpha at
most where nothing changed, however often one looks (J. Ville 1939; R. Adams and D. MacKay, Bayesian online changepoint detection,
arXiv 0710.3742). Readings are normal only for many choices, so docs/learning.md tells how often it is wrong as measured.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.blips import Beliefs, Blips, Choices, by_person, system

Floats = NDArray[np.float64]

BLOCK_DAYS = 7
_BLOCKS_MIN = 2
"""So many weeks before and after a turn, at least."""
_MOST = 8
"""Turns that are told apart, at most."""


class Change(NamedTuple):
    """A treatment (0 is the first after none) brings something else since about a day (its number). ``evidence``: how many times
    likelier the log is for it. ``before`` and ``since``: what it adds for the log's customers, as shares of what is owed.
    """

    treatment: int
    day: int
    evidence: float
    before: float
    since: float


@dataclass(frozen=True, slots=True)
class Turned:
    """A treatment of a text for which times have turned, for people to read: see Change."""

    treatment: str
    since: date
    evidence: float
    before_share: float
    since_share: float

    @classmethod
    def by(cls, treatment: str, change: Change) -> "Turned":
        """A change under its treatment's name."""
        since = date(1970, 1, 1) + timedelta(days=change.day)
        return cls(treatment, since, change.evidence, round(change.before, 4), round(change.since, 4))

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"since": self.since.isoformat()}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> "Turned":
        """From plain values."""
        return cls(**{**told, "since": date.fromisoformat(told["since"])})

    @property
    def sentence(self) -> str:
        """What changed, and since about when."""
        return (
            f"{self.treatment!r} brings something else since about {self.since}: {self.since_share:.1%} of what is owed, "
            f"{self.before_share:.1%} before; what was learned of it before is left aside"
        )


class Readings(NamedTuple):
    """Of a treatment by week (``days``: the first of each): how far its effect lies from what was learned, and the variance."""

    days: NDArray[np.int64]
    off: Floats
    variance: Floats


def turns(log: Choices, blips: Blips, beliefs: Beliefs, treatments: int, alpha: float) -> Change | None:
    """The turn for which there is most evidence, of one of the first treatments; None where there is none. ``alpha``: the chance
    that any is seen where there was none; 0: not looked for.

    A turn that is told apart already leaves its treatment only the weeks since then.
    """
    if alpha <= 0 or log.chances.shape[1] - treatments >= _MOST:
        return None
    errors = log.came - system(log)[1] @ blips.slopes
    found = []
    for treatment in range(treatments):
        readings = _readings(log, errors, treatment)
        ratios = _ratios(readings, float(beliefs.spreads[treatment, 0]))
        if ratios is None or ratios.mean() * alpha <= treatments:
            continue
        day = int(readings.days[int(ratios.argmax()) + _BLOCKS_MIN])
        level = float((log.effect @ blips.slopes[blips.own(treatment)]).mean())
        before, since = (_mean(readings, side) for side in (readings.days < day, readings.days >= day))
        found.append(Change(treatment, day, float(ratios.mean()), level + before, level + since))
    return max(found, key=lambda one: one.evidence, default=None)


def _readings(log: Choices, errors: Floats, treatment: int) -> Readings:
    """The readings of a treatment by week; ``errors``: how far what came in lies from what was learned."""
    lots = (log.given == treatment + 1) - log.chances[:, treatment]
    learns = log.chances[:, treatment] > 0
    first = int(log.days.min())
    blocks = (log.days - first) // BLOCK_DAYS
    days, off, variance = [], [], []
    for block in range(int(blocks.max()) + 1):
        rows = learns & (blocks == block)
        weight = float((lots[rows] * (log.given[rows] == treatment + 1) * log.lived[rows]).sum())
        if weight <= 0:
            continue
        scores = by_person(log.persons[rows], (lots[rows] * errors[rows])[:, None])[:, 0]
        days.append(first + block * BLOCK_DAYS)
        off.append(scores.sum() / weight)
        variance.append((scores**2).sum() / weight**2)
    return Readings(np.array(days, dtype=np.int64), np.array(off), np.array(variance))


def told_apart(log: Choices, beliefs: Beliefs, change: Change) -> tuple[Choices, Beliefs]:
    """The log in which what a treatment was before its turn is another one, the last; with the same beliefs of it."""
    treatments, effects = log.chances.shape[1], log.effect.shape[1]
    is_before = log.days < change.day
    chances = np.hstack([log.chances, np.where(is_before, log.chances[:, change.treatment], 0.0)[:, None]])
    chances[is_before, change.treatment] = 0.0
    given = np.where(is_before & (log.given == change.treatment + 1), treatments + 1, log.given)
    # What followed a choice before the turn counts as of before, the few days across it too.
    own = log.following[:, change.treatment * effects : (change.treatment + 1) * effects]
    following = np.hstack([log.following, np.where(is_before[:, None], own, 0.0)])
    following[is_before, change.treatment * effects : (change.treatment + 1) * effects] = 0.0
    return (
        replace(log, chances=chances, given=given, following=following),
        Beliefs(
            np.vstack([beliefs.means, beliefs.means[change.treatment]]),
            np.vstack([beliefs.spreads, beliefs.spreads[change.treatment]]),
            beliefs.state_spread,
            beliefs.alike,
        ),
    )


def _ratios(readings: Readings, spread: float) -> Floats | None:
    """For every week that may have been the turn, how many times likelier the readings are for it; None where there is none."""
    count = len(readings.days)
    if count < 2 * _BLOCKS_MIN:
        return None
    precision, pull = 1 / readings.variance, readings.off / readings.variance
    weights, pulls = np.cumsum(precision), np.cumsum(pull)
    at = np.arange(_BLOCKS_MIN - 1, count - _BLOCKS_MIN)
    both = _evidence(weights[-1], pulls[-1], spread)
    logs = (
        _evidence(weights[at], pulls[at], spread)
        + _evidence(weights[-1] - weights[at], pulls[-1] - pulls[at], spread)
        - both
    )
    return np.asarray(np.exp(np.minimum(logs, 500.0)), dtype=np.float64)


def _evidence(weight: Floats, pull: Floats, spread: float) -> Floats:
    """The log of how likely readings are whose mean is thought to lie about 0 so far, up to what they all share."""
    certainty = 1 / spread**2
    return np.asarray((pull**2 / (weight + certainty) - np.log1p(weight / certainty)) / 2)


def _mean(readings: Readings, of: NDArray[np.bool_]) -> float:
    weights = of / readings.variance
    return float((weights * readings.off).sum() / max(weights.sum(), 1e-12))
