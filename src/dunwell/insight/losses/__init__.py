"""What will be lost, IFRS 9's way: how likely accounts are to default, within twelve months and over their life, what they
would owe then, and what comes back after a default.

``book_defaults`` dates the defaults of a book and follows the money since; ``expected_losses`` puts it together.
"""

from dunwell.insight.losses.book import Defaults, book_defaults, exposures
from dunwell.insight.losses.card import losses_card
from dunwell.insight.losses.expected import (
    DEFAULT,
    LOSS_COLUMNS,
    Scenario,
    by_stage,
    default_chances,
    expected_losses,
)
from dunwell.insight.losses.shares import lost_shares, shares_of

__all__ = [
    "DEFAULT",
    "LOSS_COLUMNS",
    "Defaults",
    "Scenario",
    "book_defaults",
    "by_stage",
    "default_chances",
    "expected_losses",
    "exposures",
    "losses_card",
    "lost_shares",
    "shares_of",
]
