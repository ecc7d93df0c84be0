"""What a customer writes back, understood: ``understand`` reads an e-mail, an SMS or any text, in English and Chinese.

Rules come first, as text with their reasons (``lexicons/``); days and sums have a grammar of their own. Whatever looks
like stop, dispute, hardship, distress, death, a lawyer or bankruptcy takes effect at once and goes to a person. A promise
is proposed only: it is read back with its doubts, and counts once the customer confirms it.
"""

from dunwell.outreach.answers.meaning import Act, Context, Finding, Part, Understanding
from dunwell.outreach.answers.reading import understand
from dunwell.outreach.answers.signals import load_signals

__all__ = ["Act", "Context", "Finding", "Part", "Understanding", "load_signals", "understand"]
