"""Approved texts: what may be said to a customer, by channel, language and stage, and how it is filled in for one person.

A text is a file that a person approved. It is read with ``load_texts``, which holds it against the language review of
every pack it names; chosen with ``choose``, which finds none rather than one that does not fit; and filled in with
``fill``, which reviews the words again as the person will read them. ``shipped/`` holds the texts that come with dunwell.
"""

from dunwell.outreach.texts.choosing import NoText, choose, find
from dunwell.outreach.texts.filling import Filled, fill
from dunwell.outreach.texts.reading import SHIPPED, load_texts, read_texts
from dunwell.outreach.texts.text import STAGES, Fault, Text, TextsRefused
from dunwell.outreach.texts.values import Money, locale_of

__all__ = [
    "SHIPPED",
    "STAGES",
    "Fault",
    "Filled",
    "Money",
    "NoText",
    "Text",
    "TextsRefused",
    "choose",
    "fill",
    "find",
    "load_texts",
    "locale_of",
    "read_texts",
]
