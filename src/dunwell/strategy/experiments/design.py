"""What an experiment is before it starts: its arms and shares, when it is read, and what stops an arm."""

import math
from dataclasses import dataclass
from datetime import date, timedelta

from dunwell.strategy.problems import StrategyError

NOTHING = "none"
"""The treatment that is always there: to leave the customer in peace."""

WINDOWS_DAYS = (30, 90, 365)
"""A month shows whether money came sooner, a year whether more came and whether people were worse off."""

STOPPED = " (stopped)"
"""After an arm's name in a log: the customer drew it when it was stopped, and got the control."""

_SHARES_OFF_MAX = 1e-9


@dataclass(frozen=True, slots=True)
class Arm:
    """A treatment by its name, and the share of the eligible customers who get it."""

    treatment: str
    share: float


@dataclass(frozen=True, slots=True)
class GuardRail:
    """An event that no arm may bring about more often than the control does, by more than ``ratio_max``.

    ``alpha``: the chance that an arm which is not worse is ever stopped, however often one looks.
    """

    event: str
    ratio_max: float = 1.0
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if not self.ratio_max > 0 or not 0 < self.alpha < 1:
            raise StrategyError(
                f"guard-rail {self.event!r}: ratio_max {self.ratio_max} and alpha {self.alpha} cannot be used. "
                "Write a ratio above 0 and an alpha between 0 and 1"
            )


@dataclass(frozen=True, slots=True)
class Stop:
    """An arm that is drawn no more from ``since`` on, and why; ``until``: the day on which it is taken up again, None while it
    is not.
    """

    arm: str
    since: date
    why: str
    until: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the arm is stopped on a day."""
        return self.since <= day and (self.until is None or day < self.until)


@dataclass(frozen=True, slots=True)
class HoldOut:
    """The standing hold-out: a share of all customers, always the same ones, who get ``treatment`` whatever is decided."""

    salt: str
    share: float
    treatment: str = NOTHING

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise StrategyError(
                f"hold_out.share {self.share} cannot be used. Write a share from 0 to below 1"
            )


@dataclass(frozen=True, slots=True)
class Experiment:
    """A randomised comparison, fixed before it starts.

    ``arms``: the first is the control. ``salt`` makes this experiment's lots independent of every other's.
    ``outcome_days``: the window that decides; the ``windows_days`` are all reported. ``first_look``: the customers
    (control and arm together, windows closed) before whom no interval is given. ``alpha``: the chance that any arm is
    ever called different when none is. ``stops``: arms that are drawn no more; who drew one gets the control.
    """

    name: str
    salt: str
    arms: tuple[Arm, ...]
    starts_on: date
    enrol_days: int
    outcome_days: int = 30
    windows_days: tuple[int, ...] = WINDOWS_DAYS
    first_look: int = 500
    alpha: float = 0.05
    guard_rails: tuple[GuardRail, ...] = ()
    stops: tuple[Stop, ...] = ()

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise StrategyError(f"experiment {self.name!r}: {problem}")

    @property
    def control(self) -> str:
        """The arm that the others are held against."""
        return self.arms[0].treatment

    @property
    def treatments(self) -> tuple[str, ...]:
        """The arms' names, the control first."""
        return tuple(arm.treatment for arm in self.arms)

    @property
    def alpha_per_arm(self) -> float:
        """The error that each comparison with the control may have, so that all together keep to ``alpha`` (Bonferroni)."""
        return self.alpha / (len(self.arms) - 1)

    def is_running(self, day: date) -> bool:
        """Whether lots are drawn on a day."""
        return self.starts_on <= day < self.starts_on + timedelta(days=self.enrol_days)

    def stopped_on(self, day: date) -> frozenset[str]:
        """The arms that the text stops on a day."""
        return frozenset(stop.arm for stop in self.stops if stop.holds_on(day))

    def _problem(self) -> str:
        names = self.treatments
        if len(names) < 2 or len(set(names)) < len(names):
            return "needs two or more different arms. Write the control first, then each arm once"
        if any(not 0 < arm.share < 1 for arm in self.arms):
            return "has an arm whose share is not between 0 and 1. An arm that nobody, or everybody, gets teaches nothing"
        if abs(math.fsum(arm.share for arm in self.arms) - 1) > _SHARES_OFF_MAX:
            return f"has shares that add up to {math.fsum(arm.share for arm in self.arms):.6g}. Let them add up to 1"
        if not self.salt:
            return "has no salt. Write any text that no other experiment has"
        if self.outcome_days not in self.windows_days or min(self.windows_days) < 1:
            return f"is decided after {self.outcome_days} days, which is not among its windows {list(self.windows_days)}"
        if self.enrol_days < 1 or self.first_look < 2 or not 0 < self.alpha < 1:
            return "needs enrol_days from 1, first_look from 2, and alpha between 0 and 1"
        for stop in self.stops:
            if stop.arm not in names[1:]:
                return f"stops {stop.arm!r}, which is none of its arms beside the control: {', '.join(names[1:])}"
            if stop.until is not None and stop.until <= stop.since:
                return (
                    f"takes {stop.arm!r} up again on {stop.until}, not after {stop.since}, when it was stopped. "
                    "Write an until that is later than since"
                )
        return ""
