"""One click to stop: the link in every message's List-Unsubscribe header, and what it sends back (RFC 8058).

The link holds our message_id and a keyed hash over it: no address, no name, no debt. Fetching it must not unsubscribe
(mail scanners fetch every link); only the POST whose body is ``List-Unsubscribe=One-Click`` does.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from email import policy
from email.parser import BytesParser
from urllib.parse import parse_qs, unquote

from dunwell.outreach.channel import Receipt
from dunwell.outreach.email.addresses import ensure_message_id
from dunwell.outreach.email.seal import is_sealed, seal
from dunwell.outreach.email.settings import EmailSettings

ONE_CLICK = ("List-Unsubscribe", "One-Click")
"""The one pair that the POST's body holds (RFC 8058 section 3.1)."""

_MAC_LENGTH = 32
_BODY_LENGTH_MAX = 4096


def unsubscribe_token(message_id: str, secrets: Sequence[bytes]) -> str:
    """What stands at the end of the link: the message_id and its seal of 160 bits."""
    return f"{ensure_message_id(message_id)}.{seal('unsubscribe', message_id, secrets[0], _MAC_LENGTH)}"


def message_id_of_token(token: str, secrets: Sequence[bytes]) -> str | None:
    """Our message_id, if we made the token; None if not. Takes the same time for every wrong token."""
    message_id, _, mac = token.partition(".")
    try:
        ensure_message_id(message_id)
    except ValueError:
        return None
    is_ours = len(mac) == _MAC_LENGTH and is_sealed("unsubscribe", message_id, mac.lower(), secrets)
    return message_id if is_ours else None


def unsubscribe_url(message_id: str, settings: EmailSettings) -> str:
    """The link for this message, for its headers and for a text that wants to show it."""
    return f"{settings.unsubscribe_url}/{unsubscribe_token(message_id, settings.secrets)}"


def unsubscribe_headers(message_id: str, settings: EmailSettings) -> dict[str, str]:
    """The two headers that make the mail reader show its own button (RFC 2369 section 3.2, RFC 8058 section 3.1)."""
    return {
        "List-Unsubscribe": f"<{unsubscribe_url(message_id, settings)}>",
        "List-Unsubscribe-Post": "=".join(ONE_CLICK),
    }


def parse_unsubscribe_post(
    path: str, content_type: str, body: bytes, settings: EmailSettings, received_at: datetime
) -> Receipt | None:
    """What a POST to the link means: a receipt ``unsubscribed``, or None when the link is not ours or the body not one click.

    ``path`` is the request's path (or the whole link); the token is its last part. The same link answered twice gives the
    same receipt_id. No cookie, login or further question may stand before it (RFC 8058 section 3.1).
    """
    token = unquote(path.split("?")[0].rstrip("/").rpartition("/")[2])
    message_id = message_id_of_token(token, settings.secrets)
    if message_id is None or not _is_one_click(content_type, body[:_BODY_LENGTH_MAX]):
        return None
    return Receipt(
        receipt_id=hashlib.sha256(f"unsubscribe:{message_id}".encode()).hexdigest(),
        kind="unsubscribed",
        at=received_at,
        message_id=message_id,
        detail="one-click unsubscribe",
    )


def _is_one_click(content_type: str, body: bytes) -> bool:
    # RFC 8058 section 3.2: multipart/form-data, or application/x-www-form-urlencoded.
    kind = content_type.partition(";")[0].strip().lower()
    key, value = ONE_CLICK
    if kind == "application/x-www-form-urlencoded":
        return value in parse_qs(body.decode("ascii", "replace")).get(key, [])
    if kind != "multipart/form-data" or any(c in content_type for c in "\r\n"):
        return False
    header = f"Content-Type: {content_type}\r\n\r\n".encode("ascii", "replace")
    form = BytesParser(policy=policy.compat32).parsebytes(header + body)
    parts = form.get_payload() if form.is_multipart() else []
    return any(
        part.get_param("name", header="Content-Disposition") == key
        and str(part.get_payload()).strip() == value
        for part in parts
        if not isinstance(part, str)
    )
