"""Whether a model still holds: its inputs and scores beside those it learned from, its probabilities beside what
came, and a challenger beside it on the same accounts.

``watch`` looks at all of it and raises alerts; they fire on what is both beyond chance and large.
"""

from dunwell.insight.monitoring.calibration import Calibration, calibration_now
from dunwell.insight.monitoring.challenger import Comparison, compare_models
from dunwell.insight.monitoring.drift import input_drift, score_drift
from dunwell.insight.monitoring.watching import Limits, Watched, watch

__all__ = [
    "Calibration",
    "Comparison",
    "Limits",
    "Watched",
    "calibration_now",
    "compare_models",
    "input_drift",
    "score_drift",
    "watch",
]
