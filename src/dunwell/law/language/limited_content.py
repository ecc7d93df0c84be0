"""The limited-content message of Regulation F, known by reading all of it.

12 CFR 1006.2(j): a voicemail that says the caller's business name (one that does not show that debts are
collected), asks for a reply, names somebody and a number to reply to; it may greet, give date and time, suggest
times, and say that any representative will do. One word more and it is none. The forms are the language's text
(``limited-content.toml``).
"""

from dunwell.law.language.folding import fold
from dunwell.law.language.lexicon import lexicon

REQUIRED = ("identity", "business", "request", "number")


def is_limited_content(text: str, language: str) -> bool:
    """Whether a voicemail is a limited-content message: all that is required and nothing beyond what is optional.

    >>> is_limited_content("This is Robin Smith calling from ABC Inc. Please contact me at 1-800-555-1212.", "en")
    True
    >>> is_limited_content("This is Robin Smith from ABC Inc. Please call 1-800-555-1212 about your account.", "en")
    False
    """
    said = " ".join(fold(text).text.split())
    forms = lexicon(language).limited_content
    match = forms["message"].fullmatch(said)
    return match is not None and all(match[name] for name in REQUIRED) and not forms["refused"].search(said)
