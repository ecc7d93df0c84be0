"""Whom a letter goes to, and the message made from a filled text."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from types import MappingProxyType

from dunwell.outreach.channel import Message
from dunwell.outreach.texts.filling import Filled

LINES_MAX, COLUMNS_MAX = 6, 50
"""What fits into a window: DIN 5008 gives the address six lines. A Chinese character takes two columns."""

_LINE_ENDS = re.compile(r"\s*[\n;；]+\s*")
_COMMAS = re.compile(r"\s*[,，]\s*")
_NAME_LAST = frozenset({"CN", "TW", "HK", "MO"})
"""Where the address stands above the name, when it is written in Chinese."""

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
            if not line.strip() or _columns(line) > COLUMNS_MAX:
                raise AddressUnusable(
                    f"an address line is empty or wider than {COLUMNS_MAX} columns. Mend the record"
                )
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


def address_from(name: str, value: str, country: str, postal_class: str = "standard") -> Address:
    """The address of a person from a record's one text, its lines parted by line ends, semicolons or commas.

    The name comes first, or, in an address written in Chinese in China, last. Raises AddressUnusable.

    >>> address_from("Mary Constable", "Flat 3, 27 Canal Street, Leeds, LS2 7XY", "GB").lines
    ('Mary Constable', 'Flat 3', '27 Canal Street', 'Leeds', 'LS2 7XY')
    >>> address_from("欧阳文静", "200120 上海市浦东新区；世纪大道100号", "CN").lines
    ('200120 上海市浦东新区', '世纪大道100号', '欧阳文静 收')
    """
    lines = [line for line in _LINE_ENDS.split(value.strip()) if line]
    if len(lines) == 1:
        lines = [line for line in _COMMAS.split(lines[0]) if line]
    comma = "，" if _is_chinese(value) else ", "
    while len(lines) > LINES_MAX - 2 and (pair := _narrowest_pair(lines)) is not None:
        lines[pair : pair + 2] = [comma.join(lines[pair : pair + 2])]
    name = name.strip()
    if name and name not in lines:
        is_last = country in _NAME_LAST and _is_chinese(value)
        lines = [*lines, f"{name} 收"] if is_last else [name, *lines]
    return Address(tuple(lines), country, postal_class)


def _narrowest_pair(lines: list[str]) -> int | None:
    """Where two neighbours would make the narrowest line together; None when none fits."""
    widths = [_columns(one) + _columns(other) + 2 for one, other in pairwise(lines)]
    narrowest = min(widths, default=COLUMNS_MAX + 1)
    return widths.index(narrowest) if narrowest <= COLUMNS_MAX else None


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


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
