"""A text cut into the parts that a handset joins again: length counting, splitting and the header of each part.

A message of one part holds 160 septets (GSM 03.38) or 70 UTF-16 units (UCS-2). A longer one is cut, and each part
carries a user data header: 153 or 67 with an 8-bit reference, 152 or 66 with a 16-bit one.
Source: 3GPP TS 23.040 sections 9.2.3.24.1 and 9.2.3.24.8. A character of two septets or units is never torn.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from dunwell.outreach.sms.alphabet import GSM_DEFAULT, UCS_2, decode_text, gsm_code

ReferenceBits = Literal[8, 16]

_SINGLE_UNITS = {GSM_DEFAULT: 160, UCS_2: 70}
_PART_UNITS: dict[tuple[int, ReferenceBits], int] = {
    (GSM_DEFAULT, 8): 153,
    (GSM_DEFAULT, 16): 152,
    (UCS_2, 8): 67,
    (UCS_2, 16): 66,
}
_ELEMENT_8_BIT = 0x00
_ELEMENT_16_BIT = 0x08
PARTS_AT_MOST = 255


class TextUnfit(ValueError):
    """The text cannot go out as a text message; says why and what to do."""


@dataclass(frozen=True, slots=True)
class Split:
    """A text in its alphabet, cut. ``unit_count`` counts septets or UTF-16 units, as the operator bills them."""

    data_coding: int
    unit_count: int
    texts: tuple[str, ...]

    def bodies(self, reference: int, reference_bits: ReferenceBits = 8) -> tuple[bytes, ...]:
        """The octets of each part, with the user data header where there are several."""
        bodies = tuple(_octets(text, self.data_coding) for text in self.texts)
        if len(bodies) == 1:
            return bodies
        return tuple(
            _header(reference, reference_bits, len(bodies), number) + body
            for number, body in enumerate(bodies, start=1)
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part belongs: part ``number`` (from 1) of ``total`` under the sender's ``reference``."""

    reference: int
    total: int
    number: int


def split_text(text: str, reference_bits: ReferenceBits = 8, parts_max: int = PARTS_AT_MOST) -> Split:
    """The text cut into as few parts as it takes. Raises TextUnfit: empty, not Unicode text, or too long."""
    if not text.strip():
        raise TextUnfit("the text is empty; write what is to be said")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise TextUnfit("the text holds half a character (an unpaired surrogate); write it anew")
    data_coding = GSM_DEFAULT if all(gsm_code(character) for character in text) else UCS_2
    unit_count = sum(_width(character, data_coding) for character in text)
    if unit_count <= _SINGLE_UNITS[data_coding]:
        return Split(data_coding, unit_count, (text,))
    texts = _cut(text, data_coding, _PART_UNITS[data_coding, reference_bits])
    if len(texts) > parts_max:
        raise TextUnfit(
            f"the text takes {len(texts)} parts and parts_max is {parts_max}; shorten it, or raise parts_max"
        )
    return Split(data_coding, unit_count, texts)


def reference_for(message_id: str, reference_bits: ReferenceBits) -> int:
    """The reference under which a handset joins this message's parts: the same whenever it is made again."""
    digest = hashlib.sha256(message_id.encode()).digest()
    return int.from_bytes(digest[: reference_bits // 8], "big")


def read_header(body: bytes) -> tuple[Place | None, bytes]:
    """A body that begins with a user data header, as its place among parts and what follows the header.

    A header that contradicts itself (longer than the body, part 4 of 3) tells no place. Never fails.
    """
    if not body or body[0] + 1 > len(body):
        return None, body
    header, rest = body[1 : body[0] + 1], body[body[0] + 1 :]
    place = None
    while len(header) >= 2:
        element, length = header[0], header[1]
        value, header = header[2 : 2 + length], header[2 + length :]
        if element == _ELEMENT_8_BIT and len(value) == 3:
            place = place_of(value[0], value[1], value[2])
        elif element == _ELEMENT_16_BIT and len(value) == 4:
            place = place_of(int.from_bytes(value[:2], "big"), value[2], value[3])
    return place, rest


def place_of(reference: int, total: int, number: int) -> Place | None:
    """A place among several parts, or None where the numbers make none."""
    is_place = 1 < total <= PARTS_AT_MOST and 1 <= number <= total
    return Place(reference, total, number) if is_place else None


def join_bodies(data_codings: list[int], bodies: list[bytes]) -> str:
    """The text of parts in their order. Of one alphabet they are joined before they are read: a handset may have
    torn a character between two of them.
    """
    if len(set(data_codings)) == 1:
        return decode_text(data_codings[0], b"".join(bodies))
    return "".join(decode_text(coding, body) for coding, body in zip(data_codings, bodies, strict=True))


def _cut(text: str, data_coding: int, units_max: int) -> tuple[str, ...]:
    texts: list[str] = []
    start = units = 0
    for position, character in enumerate(text):
        width = _width(character, data_coding)
        if units + width > units_max:
            texts.append(text[start:position])
            start, units = position, 0
        units += width
    return (*texts, text[start:])


def _width(character: str, data_coding: int) -> int:
    if data_coding == GSM_DEFAULT:
        return len(gsm_code(character) or b"")
    return 2 if character > "\uffff" else 1


def _octets(text: str, data_coding: int) -> bytes:
    if data_coding == GSM_DEFAULT:
        return b"".join(gsm_code(character) or b"" for character in text)
    return text.encode("utf-16-be")


def _header(reference: int, reference_bits: ReferenceBits, total: int, number: int) -> bytes:
    if reference_bits == 8:
        return bytes([5, _ELEMENT_8_BIT, 3, reference, total, number])
    return bytes([6, _ELEMENT_16_BIT, 4, *reference.to_bytes(2, "big"), total, number])
