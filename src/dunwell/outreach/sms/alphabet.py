"""The alphabets of a text message: GSM 03.38 with its extension table, and what other data codings mean inbound.

Source: 3GPP TS 23.038 (GSM 03.38) section 6.2.1 and 6.2.1.1; data_coding values: SMPP 3.4 section 5.2.19.
Over SMPP a septet travels in an octet of its own, which is why ``$`` must leave as 0x02 and not as ASCII 0x24.
"""

GSM_DEFAULT = 0x00
UCS_2 = 0x08

_ESCAPE = 0x1B
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_CODES = {character: bytes([code]) for code, character in enumerate(_BASIC) if code != _ESCAPE} | {
    character: bytes([_ESCAPE, code]) for code, character in _EXTENSION.items()
}
_UNREADABLE = "\ufffd"


def gsm_code(character: str) -> bytes | None:
    """The octets of one character (two where it is of the extension table); None where GSM 03.38 lacks it."""
    return _CODES.get(character)


def decode_gsm(octets: bytes) -> str:
    """Text of unpacked GSM 03.38 septets; never fails.

    An escape before a code the extension table lacks shows the basic character, and a double escape a space, as
    TS 23.038 section 6.2.1.1 has it. An octet above 0x7F is no septet and becomes U+FFFD.
    """
    text: list[str] = []
    is_escaped = False
    for octet in octets:
        if octet > 0x7F:
            text.append(_UNREADABLE)
            is_escaped = False
        elif is_escaped:
            text.append(" " if octet == _ESCAPE else _EXTENSION.get(octet, _BASIC[octet]))
            is_escaped = False
        elif octet == _ESCAPE:
            is_escaped = True
        else:
            text.append(_BASIC[octet])
    return "".join(text)


def decode_text(data_coding: int, octets: bytes) -> str:
    """What a person wrote, from the octets of a deliver_sm; never fails, and nothing in it upsets a database.

    GSM 03.38 for 0 and for the message classes of it (0xF0 to 0xF3), UCS-2 (read as UTF-16BE) for 8, 0x18 to 0x1B
    and its message classes, and Latin-1 for whatever else: every octet then has a character.
    """
    if data_coding == GSM_DEFAULT or 0xF0 <= data_coding <= 0xF3 or 0x10 <= data_coding <= 0x13:
        text = decode_gsm(octets)
    elif data_coding == UCS_2 or 0x18 <= data_coding <= 0x1B:
        text = octets.decode("utf-16-be", errors="replace")
    else:
        text = octets.decode("latin-1")
    return storable(text)


def storable(text: str) -> str:
    """The text with what no database keeps (NUL, half a surrogate pair) shown as U+FFFD."""
    return text.replace("\x00", _UNREADABLE).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
