"""How debts can end with money: what a person can afford, whether a plan is kept, and what is lost of the rest.

``affordability`` estimates, ``breakage_model`` foretells from ``plan_inputs``, ``LossModel`` and
``recovery_curve`` tell what comes back after charge-off. None of them says what another offer would have done.
"""

from dunwell.insight.settlement.affordability import affordability, paid_by_month
from dunwell.insight.settlement.affordability_card import affordability_card
from dunwell.insight.settlement.breakage import breakage_model, by_term, compare_terms, matured, plan_inputs
from dunwell.insight.settlement.recovery import LossModel, load_loss_model, recovery_curve

__all__ = [
    "LossModel",
    "affordability",
    "affordability_card",
    "breakage_model",
    "by_term",
    "compare_terms",
    "load_loss_model",
    "matured",
    "paid_by_month",
    "plan_inputs",
    "recovery_curve",
]
