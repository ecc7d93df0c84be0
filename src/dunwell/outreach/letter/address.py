"""Whom a letter goes to, and the message made from a filled text."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from dunwell.outreach.channel import Message
from dunwell.outreach.texts.filling import Filled

LINES_MAX, LINE_MAX = 6, 45
"""What fits into a window: DIN 5008 gives the address six lines."""

_COUNTRY = re.compile(r"[A-Z]{2}")
_CLASS = re.compile(r"[a-z][a-z0-9_]{0,30}")


class AddressUnusable(ValueError):
    """An address cannot be printed; says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address as it stands on the envelope: its lines, the country (ISO 3166-1) and the class of post."""

    lines: tuple[str, ...]
    country: str
    postal_class: str = "standard"

    def __post_init__(self) -> None:
        """Raises AddressUnusable."""
        if not 2 <= len(self.lines) <= LINES_MAX:
            raise AddressUnusable(
                f"an address has 2 to {LINES_MAX} lines, this one {len(self.lines)}. Mend the record"
            )
        for line in self.lines:
            if not line.strip() or len(line) > LINE_MAX:
                raise AddressUnusable(f"an address line has 1 to {LINE_MAX} characters. Mend the record")
            if any(unicodedata.category(letter)[0] == "C" or letter == "\ufffd" for letter in line):
                raise AddressUnusable(
                    "an address line holds a line end or an unseen or broken character. Mend the record"
                )
        if not _COUNTRY.fullmatch(self.country):
            raise AddressUnusable(
                f"country {self.country!r} is no ISO 3166-1 code. Write two capitals, like GB"
            )
        if not _CLASS.fullmatch(self.postal_class):
            raise AddressUnusable(f"postal class {self.postal_class!r} is no word like standard. Mend it")


def render(message_id: str, filled: Filled, address: Address, *, locale: str, on: date) -> Message:
    """The message for a letter dated ``on``, its date written as the locale has it."""
    return Message(
        message_id=message_id,
        to="\n".join(line.strip() for line in address.lines),
        text=filled.text,
        language=locale,
        subject=filled.subject,
        headers=MappingProxyType(
            {"Country": address.country, "Postal-Class": address.postal_class, "Date": on.isoformat()}
        ),
    )


def address_of(message: Message) -> Address:
    """The address that a message carries. Raises AddressUnusable."""
    headers = message.headers
    return Address(
        tuple(message.to.split("\n")), headers.get("Country", ""), headers.get("Postal-Class", "standard")
    )
