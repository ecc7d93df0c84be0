"""E-mail addresses: which ones can be written to, and the return path that tells us which message came back.

The envelope's sender is made for each message (a variable envelope return path, VERP):
``bounce+MESSAGE_ID.MAC@return-path-domain``. Whoever returns the message returns our message_id with it, and the
keyed hash shows that it was us who wrote it there: a made-up bounce cannot silence somebody's address.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from dunwell.outreach.email.seal import is_sealed, seal

LOCAL_PART_LENGTH_MAX = 64
"""RFC 5321 section 4.5.3.1.1."""

ADDRESS_LENGTH_MAX = 254
"""RFC 5321 section 4.5.3.1.3: a path has 256 octets, two of them its angle brackets."""

_MESSAGE_ID = re.compile(r"[A-Za-z0-9-]{1,36}")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_RETURN_PATH = re.compile(r"bounce\+([A-Za-z0-9-]{1,36})\.([A-Za-z2-7]{16})", re.IGNORECASE)
_MAC_LENGTH = 16
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_CONTROL_BUT_TAB = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff]")


def has_control_characters(text: str) -> bool:
    r"""Whether there is a character in it that could end a header or a command, or that shows as nothing at all.

    >>> has_control_characters("Your plan\r\nBcc: all@example.com"), has_control_characters("您的还款计划")
    (True, False)
    """
    return _CONTROL.search(text) is not None


def without_control_characters(text: str) -> str:
    """The text without them; the tab is kept."""
    return _CONTROL_BUT_TAB.sub("", text)


def ensure_message_id(message_id: str) -> str:
    """The message_id, if it has the shape every protocol can carry. Raises ValueError."""
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"message_id {message_id!r} is not 1 to 36 letters, digits and hyphens")
    return message_id


@lru_cache(maxsize=4096)  # a few providers have most of all mailboxes
def ensure_domain(text: str, *, label_count_min: int = 2) -> str:
    """The domain in lower case and in its ASCII form (IDNA). Raises ValueError.

    >>> ensure_domain("Bücher.example")
    'xn--bcher-kva.example'
    """
    try:
        domain = text.lower() if text.isascii() else text.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise ValueError(f"{text!r} is no domain ({error})") from error
    labels = domain.split(".")
    if len(domain) > 253 or len(labels) < label_count_min or not all(_LABEL.fullmatch(one) for one in labels):
        raise ValueError(f"{text!r} is no domain")
    return domain


def ensure_address(text: str) -> str:
    """The address (local part as it is, domain in its ASCII form), if it is one that plain SMTP can carry.

    A name, angle brackets, quotes, comments, and letters outside ASCII in the local part (which only some servers
    take, RFC 6531) are refused with ValueError; so is everything that could break out of a header or a command.

    >>> ensure_address("Ana.Lopez+loan@Example.COM")
    'Ana.Lopez+loan@example.com'
    """
    local_part, at, domain = text.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local_part) or len(local_part) > LOCAL_PART_LENGTH_MAX:
        # The address itself is personal: the sentence must do without it.
        raise ValueError("it is not one plain e-mail address")
    try:
        address = f"{local_part}@{ensure_domain(domain)}"
    except ValueError as error:
        raise ValueError("its domain is none") from error
    if len(address) > ADDRESS_LENGTH_MAX:
        raise ValueError(f"it is longer than {ADDRESS_LENGTH_MAX} characters")
    return address


def domain_of(address: str) -> str:
    """What stands behind the last @."""
    return address.rpartition("@")[2]


def return_path(message_id: str, domain: str, secrets: Sequence[bytes]) -> str:
    """The envelope's sender for this message, sealed with the first of the secrets."""
    mac = seal("bounce", ensure_message_id(message_id), secrets[0], _MAC_LENGTH)
    return f"bounce+{message_id}.{mac}@{domain}"


def message_id_of_return_path(address: str, domain: str, secrets: Sequence[bytes]) -> str | None:
    """Our message_id, if the address is a return path that we made; None if it is not, or forged."""
    local_part, _, its_domain = address.strip().strip("<>").rpartition("@")
    found = _RETURN_PATH.fullmatch(local_part)
    if not found or its_domain.lower() != domain.lower():
        return None
    return found[1] if is_sealed("bounce", found[1], found[2].lower(), secrets) else None
