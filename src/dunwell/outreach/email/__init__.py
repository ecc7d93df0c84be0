"""E-mail: approved texts as accessible, signed messages, handed to a relay, each once; and what comes back.

``render`` makes a message, ``EmailSender`` carries messages to the relay; ``parse_receipt`` and
``parse_unsubscribe_post`` read what comes back about them, ``parse_reply`` what people answer.
"""

from dunwell.outreach.email.bounces import parse_receipt
from dunwell.outreach.email.rendering import UnfitMessage, render
from dunwell.outreach.email.replies import Author, author, parse_reply
from dunwell.outreach.email.sender import EmailSender
from dunwell.outreach.email.settings import EmailSettings, parse_email_settings
from dunwell.outreach.email.unsubscribe import parse_unsubscribe_post, unsubscribe_url

__all__ = [
    "Author",
    "EmailSender",
    "EmailSettings",
    "UnfitMessage",
    "author",
    "parse_email_settings",
    "parse_receipt",
    "parse_reply",
    "parse_unsubscribe_post",
    "render",
    "unsubscribe_url",
]
