"""Guard-rails: an arm that brings complaints, opt-outs or hardship is stopped, and soon.

Such events are rare, so means and their normal limits are of no use. But each next event falls to the arm or to the
control, and if the arm is no worse, to the arm with no more than its share of the customers. A mixture of likelihood
ratios against that is a test martingale: it ever reaches 1 / alpha with a chance of at most alpha (Ville), exactly, at
any count. M. Lindon, A. Malek, Anytime-valid inference for multinomial count data, NeurIPS 2022.
"""

import math
from dataclasses import dataclass

import numpy as np

RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 8.0)
"""How many times worse an arm may be, beyond what is allowed: the alternatives, each as likely beforehand."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An arm that broke a guard-rail: the event, how many customers had it in the arm and in the control, and the
    evidence.
    """

    arm: str
    event: str
    arm_events: int
    arm_count: int
    control_events: int
    control_count: int
    evidence: float
    sentence: str


def harm_evidence(
    arm_events: int, arm_count: int, control_events: int, control_count: int, ratio_max: float = 1.0
) -> float:
    """The evidence (an e-value) that the event is more than ``ratio_max`` times as frequent in the arm as in the control.

    Count each customer once, whatever happened to them first. Twenty or more is reached with a chance of at most one in
    twenty when the arm is no worse. The counts of customers must grow in step, as they do under fixed shares.

    >>> round(harm_evidence(arm_events=12, arm_count=1000, control_events=2, control_count=1000), 1)
    25.9
    """
    events = arm_events + control_events
    if not events or not arm_count or not control_count:
        return 1.0
    odds = ratio_max * arm_count / control_count
    worse = odds * np.array(RATIOS)
    # log of (p/p0)^arm ((1-p)/(1-p0))^control, with p = odds/(1+odds)
    logs = arm_events * np.log(worse / odds) - events * (np.log1p(worse) - math.log1p(odds))
    top = float(logs.max())
    return math.exp(min(top + math.log(float(np.exp(logs - top).mean())), 700.0))
