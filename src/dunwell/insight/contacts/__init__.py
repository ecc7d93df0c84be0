"""Reaching people with fewer tries: the chance of a channel and hour, and how many calls will come in.

``ContactModel`` learns from ``attempts``; ``CallLoad`` foretells the calls of a contact centre by interval.
"""

from dunwell.insight.contacts.attempts import INPUTS, MEANINGS, asks_of, attempts
from dunwell.insight.contacts.load import CallLoad
from dunwell.insight.contacts.load_card import load_card
from dunwell.insight.contacts.model import ContactModel, load_contact_model

__all__ = [
    "INPUTS",
    "MEANINGS",
    "CallLoad",
    "ContactModel",
    "asks_of",
    "attempts",
    "load_card",
    "load_contact_model",
]
