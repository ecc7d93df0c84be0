"""A world to practise in: synthetic portfolios with known behaviour, written as a lender's tape.

``write_portfolio`` makes a whole tape in several countries, calibrated to published figures; ``benchmark_tape`` makes a plain
one for timing, as large as wanted; ``TERMS_FOLDER`` holds the terms of the products in both. ``DebtorWorld`` moves debtors in
behind such a tape, who live on from its last day and answer to contacts.
"""

from dunwell.rehearsal.benchmark import benchmark_tape
from dunwell.rehearsal.debtor_world import DebtorWorld
from dunwell.rehearsal.portfolio import write_portfolio
from dunwell.rehearsal.world import TERMS_FOLDER

__all__ = ["TERMS_FOLDER", "DebtorWorld", "benchmark_tape", "write_portfolio"]
