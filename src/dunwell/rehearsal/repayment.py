"""One debtor's repayments as a controlled self-exciting process: what it is worth untreated, and at best.

Chehrazi, Glynn and Weber, "Dynamic credit-collections optimization", Management Science 65(6), 2019. Repayments come at
random, with an intensity that returns to a resting level, jumps up with each repayment and is raised by effort:

    d lambda = kappa (lambda_inf - lambda) dt + (delta10 + delta11 R) dN + delta2 dA

The i-th repayment takes the fraction R_i of what is still owed, uniform on [r, 1]. What is wanted is the discounted money
received, less c for each unit of effort. ``untreated_value`` is exact up to two ordinary differential equations;
``best_control`` solves the singular control problem balance by balance; ``simulate`` lets many debtors live.
"""

import math
from dataclasses import astuple, dataclass
from functools import cached_property

import numpy as np

from dunwell.rehearsal.draws import Floats
from dunwell.rehearsal.repayment_kernel import fill_values, integrate_curves, live


@dataclass(frozen=True)
class RepaymentProcess:
    """The process's parameters, by their letters in the paper. Time is in the unit of the rates.

    The defaults are the reference set with which the paper's figures were drawn, as the public re-implementation
    majkee15/Dynamic-Credit-Collections has it.
    """

    resting_intensity: float = 0.1  # lambda_inf
    return_rate: float = 0.7  # kappa
    jump: float = 0.02  # delta10
    jump_per_share: float = 0.5  # delta11
    effort_gain: float = 1.0  # delta2
    discount_rate: float = 0.06  # rho
    effort_cost: float = 6.0  # c
    least_share: float = 0.1  # r

    def __post_init__(self) -> None:
        for name in ("return_rate", "effort_gain", "discount_rate", "effort_cost", "resting_intensity"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")
        if not 0 < self.least_share < 1:
            raise ValueError(f"least_share is {self.least_share}; it must lie between 0 and 1")

    @property
    def array(self) -> Floats:
        """The parameters in their order."""
        return np.array(astuple(self))

    @cached_property
    def _curves(self) -> tuple[Floats, Floats]:
        """Alpha and beta on the steps of the time grid, from 0 to _HORIZON; alpha has reached its limit there."""
        nodes, weights = np.polynomial.legendre.leggauss(24)
        shares = self.least_share + (1 - self.least_share) * (nodes + 1) / 2
        curves: tuple[Floats, Floats] = integrate_curves(
            self.return_rate,
            self.resting_intensity,
            self.jump + self.jump_per_share * shares,
            shares,
            weights / 2,
            _STEP,
            round(_HORIZON / _STEP),
        )
        return curves

    def untreated_share(self, intensity: Floats) -> Floats:
        """The value of each unit owed when nothing is done: V_aut / w, for each intensity."""
        alpha, beta = self._curves
        time = np.arange(len(alpha)) * _STEP
        exponent = -self.discount_rate * time - self.return_rate * beta
        held = np.array([_simpson(np.exp(exponent - level * alpha)) for level in np.ravel(intensity)])
        tail = np.exp(exponent[-1] - np.ravel(intensity) * alpha[-1])
        held += tail / (self.discount_rate + self.return_rate * self.resting_intensity * alpha[-1])
        return np.asarray(1 - self.discount_rate * held.reshape(np.shape(intensity)), dtype=np.float64)

    def marginal_share(self, intensity: float) -> float:
        """The derivative of ``untreated_share`` by intensity: what a little more intensity adds to each unit owed."""
        alpha, beta = self._curves
        time = np.arange(len(alpha)) * _STEP
        exponent = -self.discount_rate * time - self.return_rate * beta - intensity * alpha
        tail = alpha[-1] * np.exp(exponent[-1])
        tail /= self.discount_rate + self.return_rate * self.resting_intensity * alpha[-1]
        return float(self.discount_rate * (_simpson(np.exp(exponent) * alpha) + tail))

    @property
    def least_balance(self) -> float:
        """Below this balance no effort is ever worth its cost, whatever the intensity."""
        return self.effort_cost / self.effort_gain / self.marginal_share(0.0)


_STEP, _HORIZON = 0.01, 60.0


def _simpson(values: Floats) -> float:
    """Simpson's rule over an even number of steps of _STEP."""
    return float((values[0] + values[-1] + 4 * values[1:-1:2].sum() + 2 * values[2:-1:2].sum()) * _STEP / 3)


def untreated_value(process: RepaymentProcess, intensity: float, balance: float) -> float:
    """The expected discounted repayments of a debtor whom nobody contacts.

    >>> round(untreated_value(RepaymentProcess(), 0.11, 75), 3)
    38.291
    """
    return float(process.untreated_share(np.array(intensity)) * balance)


@dataclass(frozen=True, slots=True)
class Control:
    """The best control on a grid: ``values[i, j]`` at ``balances[i]`` and ``intensities[j]``, net of the cost of effort.

    ``frontier[i]`` is the intensity up to which effort is made at once, and at which it is then held; 0 where never.
    """

    process: RepaymentProcess
    balances: Floats
    intensities: Floats
    values: Floats
    frontier: Floats

    def value(self, intensity: float, balance: float) -> float:
        """The expected net value from a state on; linear between the grid's points."""
        shares = self.values / self.balances[:, None]
        at_balance = np.array([np.interp(intensity, self.intensities, row) for row in shares])
        return float(np.interp(balance, self.balances, at_balance) * balance)

    def frontier_at(self, balance: float) -> float:
        """The intensity up to which effort is worth making at that balance; 0 where it never is."""
        return float(np.interp(balance, self.balances, self.frontier))


def best_control(
    process: RepaymentProcess,
    balance_most: float,
    *,
    intensity_most: float = 6.0,
    intensity_steps: int = 600,
    steps_a_share: int = 24,
) -> Control:
    """Solve the control problem for balances up to ``balance_most``.

    A repayment takes at least the share r, so the value at a balance depends, beyond itself, on those at balances lower by
    r or more only: the problem is solved upwards over a geometric grid of balances (``steps_a_share`` to each factor 1 - r),
    beginning where no effort is worth making and the untreated value holds. At each balance only a problem in the intensity
    is left: where effort at the resting intensity pays, the intensity is raised to the level that is best to hold; else it
    is raised to where one unit of it is worth c / delta2 and then rises to rest by itself.
    """
    if not balance_most > 0:
        raise ValueError(f"balance_most is {balance_most}; it must be above 0")
    ratio = (1 - process.least_share) ** (1 / steps_a_share)
    resting = float(process.resting_intensity)
    step = resting / max(round(resting * intensity_steps / intensity_most), 1)
    steps = math.ceil(intensity_most / step) + 1
    intensities: Floats = np.asarray(step * np.arange(steps), dtype=np.float64)
    untreated = process.untreated_share(intensities)
    lowest = min(process.least_balance, balance_most) * 0.999
    above = math.ceil(math.log(balance_most / lowest) / -math.log(ratio))
    below = math.ceil(math.log(1e-3) / math.log(ratio))
    balances = balance_most * ratio ** np.arange(above + below, -1, -1, dtype=np.float64)
    values = balances[:, None] * untreated
    frontier = np.zeros(len(balances))
    fill_values(
        values,
        frontier,
        balances,
        intensities,
        process.array,
        below,
        steps_a_share,
    )
    return Control(process, balances[below:], intensities, values[below:], frontier[below:])


@dataclass(frozen=True, slots=True)
class Lives:
    """What became of simulated debtors, a row each: discounted money received, discounted cost of effort."""

    received: Floats
    cost: Floats

    @property
    def net(self) -> Floats:
        """Money received less the cost of effort."""
        return self.received - self.cost


def simulate(
    process: RepaymentProcess,
    intensity: float,
    balance: float,
    count: int,
    seed: int,
    *,
    effort_rate: float = 0.0,
    control: Control | None = None,
    least_treated: float | None = None,
    horizon: float = 200.0,
) -> Lives:
    """Let ``count`` debtors live by exact thinning: untreated, under constant effort, or under a control's frontier.

    ``effort_rate``: effort a unit of time while more than ``least_treated`` is owed (by default the process's least balance).
    ``control``: effort by its frontier instead. Lives end at ``horizon``, or when less than a thousandth is left.
    """
    if effort_rate and control is not None:
        raise ValueError("give effort_rate or control, not both")
    balances = np.array([0.0, 1.0]) if control is None else control.balances
    frontier = np.zeros(2) if control is None else control.frontier
    received, cost = live(
        process.array,
        intensity,
        balance,
        count,
        seed,
        effort_rate,
        process.least_balance if least_treated is None else least_treated,
        balances,
        frontier,
        horizon,
    )
    return Lives(received, cost)
