"""Letters: a page set by Typst as PDF/A for a window envelope, laid into a print folder with a manifest.

``render`` makes the message, ``LetterSender`` lays it into the folder that the printer collects, ``close_batch`` ends a
batch with its totals, and ``parse_receipts`` reads the list of letters that came back.
"""

from dunwell.outreach.letter.address import Address, AddressUnusable, address_from, render
from dunwell.outreach.letter.page import LetterUnprintable, letter_pdf
from dunwell.outreach.letter.returns import BadReturn, ReturnMail, parse_receipt, parse_receipts
from dunwell.outreach.letter.sender import BatchTotal, LetterSender, close_batch
from dunwell.outreach.letter.settings import LetterSettings, SettingsUnusable

__all__ = [
    "Address",
    "AddressUnusable",
    "BadReturn",
    "BatchTotal",
    "LetterSender",
    "LetterSettings",
    "LetterUnprintable",
    "ReturnMail",
    "SettingsUnusable",
    "address_from",
    "close_batch",
    "letter_pdf",
    "parse_receipt",
    "parse_receipts",
    "render",
]
