"""The language review: what may be said to a person about a debt, in English and Chinese.

Every outgoing text (as rendered) and every line said is held against rules and lexicons that are data with sources:
threats, abuse, false authority, false claims about the law, disclosure to third parties, shaming, harassment, undue
pressure, missing disclosures, and voicemails that say more than a limited-content message may. A finding names the
span in the original, the clause, and what to say instead.
"""

from dunwell.law.language.lexicon import CATEGORIES, LANGUAGES, LanguageUnknown
from dunwell.law.language.rendering import SlotError, render
from dunwell.law.language.reviewing import CHANNELS, Finding, Review, review
from dunwell.law.language.second_opinion import Doubt

__all__ = [
    "CATEGORIES",
    "CHANNELS",
    "LANGUAGES",
    "Doubt",
    "Finding",
    "LanguageUnknown",
    "Review",
    "SlotError",
    "render",
    "review",
]
