"""An e-mail's bytes: one fixed shape, the headers and two parts that say the same, written without building a tree of objects.

7 bits, CRLF line ends and short lines (RFC 5322 section 2.1, RFC 2045, RFC 2047): nothing on the way has a reason to re-encode
the message, which would break its signature (RFC 6376 section 5.3). What callers give has been checked; what could still
break out of its place cannot: values outside plain ASCII become encoded words, and no encoded part can hold a boundary.
"""

import binascii
import re
from base64 import encodebytes
from collections.abc import Iterable
from email import policy
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from functools import lru_cache

LINE_LENGTH = 78
"""RFC 5322 section 2.1.1: what a line should not exceed."""

_PLAIN = re.compile(r"[!-~]+(?: [!-~]+)*")
_ASCII = bytes(range(128))
_ENCODED_WORD = "=?"


def mail_bytes(headers: Iterable[str], boundary_name: str, plain: str, html: str) -> bytes:
    """The message: header lines (without line ends, folded where they must be), the plain text, and the page.

    Raises UnicodeEncodeError for a text that has half a surrogate pair in it.
    """
    # "=_" stands in neither quoted-printable nor base64, so no part can hold the boundary (RFC 2045 section 6.7).
    boundary = f"=_{boundary_name}"
    head = "\r\n".join(
        [*headers, "MIME-Version: 1.0", f'Content-Type: multipart/alternative; boundary="{boundary}"', ""]
    )
    line = f"\r\n--{boundary}"
    return b"".join(
        (
            head.encode("ascii"),
            f"{line}\r\n".encode("ascii"),
            _part("plain", plain),
            f"{line}\r\n".encode("ascii"),
            _part("html", html),
            f"{line}--\r\n".encode("ascii"),
        )
    )


def _part(subtype: str, text: str) -> bytes:
    """A text part, in whichever of the two encodings is shorter."""
    data = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode("utf-8")
    not_ascii_count = len(data.translate(None, _ASCII))
    if not_ascii_count * 6 > len(data):  # 2 more for each of them against a third more for all
        encoding, body = "base64", encodebytes(data).replace(b"\n", b"\r\n")
    else:
        encoding, body = "quoted-printable", binascii.b2a_qp(data, istext=True)
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head.encode("ascii") + body


@lru_cache(maxsize=1024)
def text_header(name: str, text: str) -> str:
    """A header of free words: as it stands where it is short and plain, else in encoded words (RFC 2047), folded.

    Raises UnicodeEncodeError for a text that has half a surrogate pair in it.
    """
    is_plain = _PLAIN.fullmatch(text) is not None and _ENCODED_WORD not in text
    if is_plain and len(name) + 2 + len(text) <= LINE_LENGTH:
        return f"{name}: {text}"
    words = Header(text, charset="utf-8", maxlinelen=75, header_name=name).encode(linesep="\r\n")
    return f"{name}: {words}"


@lru_cache(maxsize=64)
def address_header(name: str, shown: str, address: str) -> str:
    """A header of one address with the name shown before it; the standard library writes it, once for each sender."""
    mail = EmailMessage(policy=policy.SMTP.clone(cte_type="7bit"))
    mail[name] = Address(shown, addr_spec=address)
    return mail.as_bytes().decode("ascii").removesuffix("\r\n\r\n")
