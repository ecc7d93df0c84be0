"""What is owed: allocation of payments, accrual, ageing, classification, and the itemised statement.

``settle_partition`` walks every account of a partition in one compiled pass; ``positions_frame`` turns its
figures into positions; ``statement`` tells one account's story line by line, to the same figures.
"""

from dunwell.ledger.owed import Positions, one_account, positions, tell_why
from dunwell.ledger.terms import Terms, TermsError, read_terms

__all__ = ["Positions", "Terms", "TermsError", "one_account", "positions", "read_terms", "tell_why"]
