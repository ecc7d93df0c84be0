"""Reading what others wrote: messages whose headers, encodings and structure may be wrong in every way, without failing.

Nothing here raises for anything that a message may hold; what cannot be read is read as well as it can.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import policy
from email.errors import MessageError
from email.header import decode_header
from email.message import Message as MimeMessage
from email.parser import BytesHeaderParser, BytesParser
from email.utils import getaddresses, parsedate_to_datetime

SIZE_MAX = 2_000_000
"""Bytes of a message that are looked at; bounces and the text of answers come before that, only attachments do not."""

BOUNDARIES_MAX = 50
"""More nested parts than that are no letter, and every line would have to be held against every boundary."""

PARTS_MAX = 200
HEADER_LENGTH_MAX = 10_000
_DELAY_MAX = timedelta(days=31)
# What email software calls its character sets; others (codecs that are no character sets among them) are not tried.
_CHARSET = re.compile(
    r"(utf|us-ascii|ascii|iso|latin|cp|windows|gb|hz|big5|euc|shift|koi8|mac|johab|ks_c)[\w.-]*",
    re.IGNORECASE,
)
_ANY_CHINESE = {"gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "cp936": "gb18030"}
_MESSAGE_ID = re.compile(r"<([^<>\s@]{1,64})@([^<>\s@]{1,255})>")


def read_message(raw: bytes) -> MimeMessage:
    """The message; only its headers and one body where its parts are too many or nested too deep."""
    raw = raw[:SIZE_MAX]
    if raw.lower().count(b"boundary=") > BOUNDARIES_MAX:
        return BytesHeaderParser(policy=policy.compat32).parsebytes(raw)
    try:
        return BytesParser(policy=policy.compat32).parsebytes(raw)
    except (RecursionError, MessageError, ValueError, LookupError, TypeError, AttributeError):
        return BytesHeaderParser(policy=policy.compat32).parsebytes(raw)


def parts(message: MimeMessage) -> Iterator[MimeMessage]:
    """The message and every part in it, outermost first, at most PARTS_MAX of them."""
    waiting, count = [message], 0
    while waiting and count < PARTS_MAX:
        part = waiting.pop(0)
        count += 1
        yield part
        waiting[:0] = inner_messages(part)


def inner_messages(part: MimeMessage) -> list[MimeMessage]:
    """What the part directly consists of: its parts, the message it carries, a report's blocks of fields."""
    payload = part.get_payload() if part.is_multipart() else []
    return [one for one in payload if isinstance(one, MimeMessage)]


def header(message: MimeMessage, name: str) -> str:
    """The header's first value, decoded, on one line; "" when it is not there."""
    values = headers(message, name)
    return values[0] if values else ""


def headers(message: MimeMessage, name: str) -> list[str]:
    """All values of the header, decoded, each on one line."""
    values = [value for key, value in message.raw_items() if str(key).lower() == name.lower()]
    return [" ".join(_decoded(str(value)[:HEADER_LENGTH_MAX]).split()) for value in values]


def content_type(part: MimeMessage) -> str:
    """Such as ``text/plain``, in lower case."""
    try:
        return part.get_content_type()
    except (ValueError, LookupError, TypeError, AttributeError):
        return "text/plain"


def text_of(part: MimeMessage) -> str:
    """The part's text, decoded as it says it is, or else as it seems to be; lines end with a line feed."""
    try:
        charset = str(part.get_param("charset") or "")
    except (ValueError, LookupError, TypeError, AttributeError):
        charset = ""
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""
    if not isinstance(payload, bytes):
        return ""
    return decoded_bytes(payload, charset).replace("\r\n", "\n").replace("\r", "\n")


def decoded_bytes(data: bytes, charset: str) -> str:
    """The text in these bytes: by the named character set, else UTF-8, else Chinese, else with marks for what is unknown.

    >>> decoded_bytes("我下周还".encode("gbk"), "x-unknown")
    '我下周还'
    """
    named = charset.strip("\"' ").lower()
    guesses = [_ANY_CHINESE.get(named, named)] if _CHARSET.fullmatch(named) else []
    for guess in [*guesses, "utf-8", "gb18030"]:
        try:
            return data.decode(guess)
        except (LookupError, ValueError):
            continue
    return data.decode(guesses[0] if guesses and _is_known(guesses[0]) else "utf-8", "replace")


def addresses(message: MimeMessage, *names: str) -> list[str]:
    """The addresses in these headers, in the order of the names."""
    found = []
    for name in names:
        try:
            found += [address for _, address in getaddresses(headers(message, name)) if "@" in address]
        except (ValueError, IndexError, TypeError):
            continue
    return found


def message_ids(text: str) -> list[tuple[str, str]]:
    """Left and right side of every Message-ID in the text."""
    return _MESSAGE_ID.findall(text[:20_000])


def date_of(message: MimeMessage, received_at: datetime) -> datetime:
    """The message's Date where it can be right (not in the future, at most a month before it came), else ``received_at``."""
    try:
        at = parsedate_to_datetime(header(message, "Date"))
    except (ValueError, TypeError, IndexError, OverflowError):
        return received_at
    try:
        is_possible = at.tzinfo is not None and received_at - _DELAY_MAX <= at <= received_at
    except OverflowError:
        return received_at
    return at if is_possible else received_at


def identity(raw: bytes, message: MimeMessage, purpose: str) -> str:
    """The same for the same message, however often and over whichever servers it comes: from its Message-ID and its
    sender, or from its body where it has no Message-ID.
    """
    own_id = header(message, "Message-ID")
    known = f"{own_id} {header(message, 'From')}".encode("utf-8", "replace") if own_id else _body(raw)
    return hashlib.sha256(purpose.encode() + b"\0" + known).hexdigest()


def _body(raw: bytes) -> bytes:
    return re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[-1].replace(b"\r\n", b"\n").strip()


def _decoded(value: str) -> str:
    """The header's encoded words (RFC 2047) and raw bytes as text."""
    try:
        pieces = decode_header(value)
    except (ValueError, LookupError, TypeError, MessageError):
        pieces = [(value, None)]
    text = ""
    for piece, charset in pieces:
        is_bytes = isinstance(piece, bytes)
        data = piece if is_bytes else str(piece).encode("utf-8", "surrogateescape")
        text += decoded_bytes(data, charset or "")
    return text


def _is_known(charset: str) -> bool:
    try:
        b"".decode(charset)
    except (LookupError, ValueError):
        return False
    return True
