"""Learning when to press a single debtor, from logged lives alone: the one benchmark of collecting whose best is known.

Debtors of the repayment process are logged step by step: at each choice a lot, of known chance, says whether effort is made (the
intensity rises at once, and one may choose again) or a while is waited. ``learned_frontier`` sees those steps and the cost of
effort, never the process; ``strategy.repeated`` learns from them as it does from a lender's log. How good that is, tells
``simulate`` beside ``best_control``.
"""

from dataclasses import dataclass

import numpy as np

from dunwell.rehearsal.draws import Floats
from dunwell.rehearsal.repayment import Control, RepaymentProcess
from dunwell.strategy.repeated import Beliefs, Steps, learn_repeated

EFFORT, WAIT = 0.2, 0.3
"""How much a lot's effort raises the intensity (in units of the effort's gain), and how long is waited otherwise."""
_ACTS = 0.5
_KNOTS = np.log(2.0) * np.arange(-5, 1)
"""Where, in the log of the cost of effort beside the balance, the shapes may bend."""
_STATE_RATES, _EFFECT_RATES = (0.0, 0.3, 1.0, 3.0), (0.0, 0.5, 2.0)


@dataclass(frozen=True, slots=True)
class LifeLog:
    """Steps of many debtors, a row a step: state before and after, the lot, and the share of the balance that came in."""

    debtors: np.ndarray[tuple[int], np.dtype[np.int64]]
    intensities: Floats
    balances: Floats
    acted: np.ndarray[tuple[int], np.dtype[np.bool_]]
    received: Floats
    next_intensities: Floats
    next_balances: Floats


def logged_lives(
    process: RepaymentProcess, balance_most: float, count: int, choices: int, seed: int
) -> LifeLog:
    """``count`` debtors through ``choices`` choices each, by exact thinning, the choice by lot; from intensities and balances
    drawn widely. ``received`` is discounted to the choice.
    """
    generator = np.random.default_rng(seed)
    intensity = generator.exponential(1.0, count)
    balance = balance_most * generator.uniform(0.05, 1.0, count)
    parts = []
    for _ in range(choices):
        acts = generator.random(count) < _ACTS
        after, left, money = _waited(process, intensity, balance, generator)
        after = np.where(acts, intensity + process.effort_gain * EFFORT, after)
        left, money = np.where(acts, balance, left), np.where(acts, 0.0, money)
        parts.append((np.arange(count), intensity, balance, acts, money, after, left))
        # Who owes next to nothing makes room for somebody new, so that the log keeps to balances that matter.
        is_done = left < 0.05 * balance_most
        intensity = np.where(is_done, generator.exponential(1.0, count), after)
        balance = np.where(is_done, balance_most * generator.uniform(0.05, 1.0, count), left)
    return LifeLog(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def _waited(
    process: RepaymentProcess, intensity: Floats, balance: Floats, generator: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Intensity and balance after a wait, and what came in meanwhile, discounted to its beginning."""
    level, owed, time, money = (
        intensity.copy(),
        balance.copy(),
        np.zeros(len(balance)),
        np.zeros(len(balance)),
    )
    running = np.arange(len(balance))
    rest, kappa = process.resting_intensity, process.return_rate
    while len(running):
        most = np.maximum(level[running], rest)
        until = np.minimum(time[running] + generator.exponential(1.0, len(running)) / most, WAIT)
        level[running] = rest + (level[running] - rest) * np.exp(-kappa * (until - time[running]))
        time[running] = until
        pays = (until < WAIT) & (generator.random(len(running)) * most < level[running])
        who = running[pays]
        share = process.least_share + (1 - process.least_share) * generator.random(len(who))
        money[who] += share * owed[who] * np.exp(-process.discount_rate * time[who])
        owed[who] *= 1 - share
        level[who] += process.jump + process.jump_per_share * share
        running = running[until < WAIT]
    return level, owed, money


def learned_frontier(log: LifeLog, effort_cost: float, discount_rate: float, control: Control) -> Control:
    """The intensity up to which effort is learned to be worth its cost, on the balances of a control, which it replaces."""
    cost = effort_cost * EFFORT
    discount = np.where(log.acted, 1.0, np.exp(-discount_rate * WAIT))
    before, after = (log.intensities, log.balances), (log.next_intensities, log.next_balances)
    count = len(log.balances)
    states, effects = (len(_KNOTS) * len(rates) for rates in (_STATE_RATES, _EFFECT_RATES))
    steps = Steps(
        persons=log.debtors,
        state=_columns(*before, effort_cost, _STATE_RATES),
        effect=_columns(*before, effort_cost, _EFFECT_RATES),
        acted=log.acted,
        probability=np.full(count, _ACTS),
        reward=log.received / log.balances,
        carried=discount * log.next_balances / log.balances,
        next_state=_columns(*after, effort_cost, _STATE_RATES),
        next_effect=_columns(*after, effort_cost, _EFFECT_RATES),
        next_price=cost / np.maximum(log.next_balances, 1e-9),
        weight=np.ones(count),
    )
    learned = learn_repeated(
        steps, Beliefs(np.zeros(states + effects), np.repeat([10.0, 1.0], [states, effects]))
    )
    raised = float((log.next_intensities - log.intensities)[log.acted].mean())
    levels = np.linspace(0.0, control.intensities[-1], 400)
    frontier = np.zeros(len(control.balances))
    for row, balance in enumerate(control.balances):
        effect = _columns(levels, np.full(len(levels), balance), effort_cost, _EFFECT_RATES)
        # Where effort would first pay and then not, or the other way round, the level up to which it pays in all.
        in_all = np.cumsum(learned.gain(effect)[0] * balance - cost)
        # Effort from there on would be worth its cost on the half of its way.
        frontier[row] = levels[np.argmax(in_all)] + raised / 2 if in_all.max() > 0 else 0.0
    return Control(control.process, control.balances, control.intensities, control.values, frontier)


def _columns(intensity: Floats, balance: Floats, effort_cost: float, rates: tuple[float, ...]) -> Floats:
    """Smooth shapes in the intensity, each for itself at several sizes of the cost beside the balance, and linear between."""
    size = np.clip(np.log(effort_cost / np.maximum(balance, 1e-9)), _KNOTS[0], _KNOTS[-1])
    near = np.maximum(1 - np.abs(size[:, None] - _KNOTS) / np.log(2.0), 0.0)
    shapes = np.exp(-np.outer(intensity, rates))
    both = shapes[:, :, None] * near[:, None, :]
    return np.asarray(both.reshape(len(intensity), -1), dtype=np.float64)
