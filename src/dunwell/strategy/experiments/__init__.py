"""Experiments by default: who gets which arm, how many customers are needed, and what may be said at any moment.

Randomisation is a pure function of customer and salt, so it can be repeated anywhere and checked by anybody. Every
assignment carries the probability with which it was made, within what the law allowed. Intervals hold however often one
looks, and guard-rails stop an arm that harms people long before its money could be proven.
"""

from dunwell.strategy.experiments.adjusting import adjusted
from dunwell.strategy.experiments.analysis import Comparison, Reading, guard_alarms, read_experiment
from dunwell.strategy.experiments.design import Arm, Experiment, GuardRail, HoldOut, Stop
from dunwell.strategy.experiments.guarding import Alarm, harm_evidence
from dunwell.strategy.experiments.outcomes import outcomes_by_window
from dunwell.strategy.experiments.randomising import explore, in_hold_out, propensities, randomise
from dunwell.strategy.experiments.sequential import Interval, always_valid
from dunwell.strategy.experiments.sizing import Size, size_for_means, size_for_shares

__all__ = [
    "Alarm",
    "Arm",
    "Comparison",
    "Experiment",
    "GuardRail",
    "HoldOut",
    "Interval",
    "Reading",
    "Size",
    "Stop",
    "adjusted",
    "always_valid",
    "explore",
    "guard_alarms",
    "harm_evidence",
    "in_hold_out",
    "outcomes_by_window",
    "propensities",
    "randomise",
    "read_experiment",
    "size_for_means",
    "size_for_shares",
]
