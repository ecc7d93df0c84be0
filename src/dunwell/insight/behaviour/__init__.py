"""How people behave towards a debt, told for their good: patterns with their evidence, and what each asks of us.

``behaviour`` finds them in contacts, payments, promises and holds; ``care_needed`` tells whom people should look
after first; ``patterns`` has the definitions. No pattern is a rank, and none may be an input of a score.
"""

from dunwell.insight.behaviour.declared import Asks, Behaviours, Pattern, patterns
from dunwell.insight.behaviour.finding import behaviour, care_needed

__all__ = ["Asks", "Behaviours", "Pattern", "behaviour", "care_needed", "patterns"]
