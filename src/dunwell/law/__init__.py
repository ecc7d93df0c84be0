"""What is allowed: rule packs as dated, cited text, one gate for every contact, and a review of what is said.

``Gate`` judges an ``Attempt`` to contact a ``Person`` and answers with a ``Verdict``: every reason, its clause and the
earliest lawful instant. Packs are data (``packs/``), worked cases prove them (``cases/``), and a lender's overlay can only
tighten them. ``language`` reviews every text and line.
"""

from dunwell.law.gate import Gate, Obligation, Reason, Verdict
from dunwell.law.person import (
    Account,
    Attempt,
    Consent,
    Contact,
    ContactPoint,
    Notice,
    Person,
    Preference,
    State,
)

__all__ = [
    "Account",
    "Attempt",
    "Consent",
    "Contact",
    "ContactPoint",
    "Gate",
    "Notice",
    "Obligation",
    "Person",
    "Preference",
    "Reason",
    "State",
    "Verdict",
]
