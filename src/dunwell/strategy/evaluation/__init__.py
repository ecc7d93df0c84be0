"""What another strategy would have brought, from the log of the one that ran: off-policy evaluation.

Every estimator returns its value with each row's influence on it, so that intervals, differences of two strategies on
the same log, and outcomes that are not all known yet follow from one piece of arithmetic. Where the log cannot carry the
answer, none is given.
"""

from dunwell.strategy.evaluation.comparing import Ranking, compare
from dunwell.strategy.evaluation.delay import partitioned
from dunwell.strategy.evaluation.estimators import (
    ESTIMATORS,
    Estimate,
    direct,
    doubly_robust,
    ips,
    snips,
    switch,
)
from dunwell.strategy.evaluation.logs import Log, lawful, read_log
from dunwell.strategy.evaluation.outcome_models import ridge_outcomes
from dunwell.strategy.evaluation.overlap import Overlap, overlap

__all__ = [
    "ESTIMATORS",
    "Estimate",
    "Log",
    "Overlap",
    "Ranking",
    "compare",
    "direct",
    "doubly_robust",
    "ips",
    "lawful",
    "overlap",
    "partitioned",
    "read_log",
    "ridge_outcomes",
    "snips",
    "switch",
]
