"""How many customers and days an experiment needs, before it starts."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from dunwell.strategy.experiments.sequential import critical_value
from dunwell.strategy.problems import StrategyError

_NORMAL = NormalDist()
_COUNT_MAX = 10**12
FIRST_LOOK_SHARE = 10
"""The first look is planned at a tenth of the customers."""


@dataclass(frozen=True, slots=True)
class Size:
    """The customers needed in the control and in each arm that is compared with it, and how many of both together before the
    first look.
    """

    control_count: int
    arm_count: int
    first_look: int

    def total(self, arms: int = 1) -> int:
        """All customers of an experiment with so many arms beside the control."""
        return self.control_count + arms * self.arm_count

    def days(self, customers_a_day: float, outcome_days: int, arms: int = 1) -> int:
        """Days from the start to the reading: until enough have come in, and the last one's outcome is known."""
        if customers_a_day <= 0:
            raise StrategyError("nobody comes in, so it would never end. Give the new customers a day")
        return math.ceil(self.total(arms) / customers_a_day) + outcome_days


def size_for_shares(base: float, effect: float, **how: Any) -> Size:
    """For the share of customers who do something (pay, cure): ``base`` of them untreated, ``base + effect`` treated.

    The rest as in ``size_for_means``. A reminder that lifts 62 % by 2.4 points, with one reading at the end:

    >>> size_for_shares(0.62, 0.024).control_count
    6335
    """
    treated = base + effect
    if not 0 < base < 1 or not 0 < treated < 1:
        raise StrategyError(
            f"{base} and {treated} are not both between 0 and 1. Write shares, like 0.62 and 0.024"
        )
    return size_for_means(math.sqrt(base * (1 - base)), effect, math.sqrt(treated * (1 - treated)), **how)


def size_for_means(
    sd: float,
    effect: float,
    treated_sd: float | None = None,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    arm_per_control: float = 1.0,
    correlation: float = 0.0,
    always_valid: bool = False,
) -> Size:
    """To see a difference of means of ``effect`` with a chance of ``power``, two-sided at ``alpha``.

    ``sd``: the spread of a customer's outcome. ``correlation``: of the outcome with what is known before (CUPED leaves
    1 - correlation^2 of the variance). ``arm_per_control``: customers in an arm for each one in the control.
    ``always_valid``: for intervals that may be looked at every day, first at a tenth of the customers; that freedom
    costs about twice as many customers at the planned end, but an effect larger than planned is seen sooner.
    """
    if not (
        sd > 0 and effect and 0 < power < 1 and 0 < alpha < 1 and arm_per_control > 0 and abs(correlation) < 1
    ):
        raise StrategyError(
            "the size cannot be worked out. Write sd above 0, effect other than 0, power and alpha between 0 and 1, "
            "correlation between -1 and 1"
        )
    spread = (1 - correlation**2) * (sd**2 + (treated_sd or sd) ** 2 / arm_per_control)
    reach = _NORMAL.inv_cdf(1 - alpha / 2)
    if always_valid:
        reach = critical_value(FIRST_LOOK_SHARE, alpha)
    control = spread * (reach + _NORMAL.inv_cdf(power)) ** 2 / effect**2
    if control > _COUNT_MAX:
        raise StrategyError(f"an effect of {effect} is too small to be seen. Ask for a larger one")
    counts = math.ceil(control), math.ceil(control * arm_per_control)
    return Size(*counts, first_look=sum(counts) // FIRST_LOOK_SHARE if always_valid else sum(counts))
