"""Repayment as time to event: what comes of an overdue account, when, and how much money with it.

``RepaymentHazards`` learns from ``person_periods`` (any lender's records) or ``repayment_rows`` (the
workspace's book), and tells the chances by any day and the money expected by then.
"""

from dunwell.insight.hazards.book import overdue_accounts, repayment_rows
from dunwell.insight.hazards.curves import Curves
from dunwell.insight.hazards.model import RepaymentHazards, load_hazards
from dunwell.insight.hazards.periods import (
    CHARGE_OFF,
    CURE,
    PARTIAL,
    SALE,
    SETTLE,
    Cause,
    Periods,
    person_periods,
)

__all__ = [
    "CHARGE_OFF",
    "CURE",
    "PARTIAL",
    "SALE",
    "SETTLE",
    "Cause",
    "Curves",
    "Periods",
    "RepaymentHazards",
    "load_hazards",
    "overdue_accounts",
    "person_periods",
    "repayment_rows",
]
