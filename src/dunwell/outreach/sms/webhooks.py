"""What a provider's HTTP interface tells us: signed webhooks with receipts and replies."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from dunwell.outreach.channel import Receipt, ReceiptKind, Reply
from dunwell.outreach.sms.alphabet import storable
from dunwell.outreach.sms.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_signed

TIMESTAMP_TOLERANCE = timedelta(minutes=5)
BODY_BYTES_MAX = 1024 * 1024
_EVENTS_MAX = 10_000
_KINDS: dict[str, ReceiptKind] = {kind: kind for kind in get_args(ReceiptKind)}


class WebhookRefused(Exception):
    """The webhook is not acted on; says why. Answer 401 where ``is_forged``, otherwise 400."""

    def __init__(self, reason: str, is_forged: bool = False) -> None:
        super().__init__(reason)
        self.is_forged = is_forged


def parse_webhook(
    headers: Mapping[str, str], body: bytes, secret: str, now: datetime
) -> list[Receipt | Reply]:
    """The receipts and replies of a webhook, whose signature and time are checked first.

    Raises WebhookRefused, and nothing else whatever the bytes are. A body with one bad event is refused whole, so
    that the provider sends it again and nothing is half taken; an event of a type we do not know is passed over.
    """
    given = {name.lower(): value for name, value in headers.items()}
    timestamp = given.get(TIMESTAMP_HEADER.lower(), "")
    if len(body) > BODY_BYTES_MAX:
        raise WebhookRefused(f"the body is longer than {BODY_BYTES_MAX} bytes; send fewer events at once")
    if not is_signed(secret, timestamp, body, given.get(SIGNATURE_HEADER.lower(), "")):
        raise WebhookRefused(
            f"{SIGNATURE_HEADER} is not the body's signature under the shared secret", is_forged=True
        )
    if not re.fullmatch(r"[0-9]{1,12}", timestamp, re.ASCII):
        raise WebhookRefused(f"{TIMESTAMP_HEADER} is not the time in seconds since 1970", is_forged=True)
    if abs(int(timestamp) - now.timestamp()) > TIMESTAMP_TOLERANCE.total_seconds():
        raise WebhookRefused(
            f"{TIMESTAMP_HEADER} is more than five minutes off; set the clock, or sign anew", is_forged=True
        )
    return read_events(body, now)


def read_events(body: bytes, now: datetime) -> list[Receipt | Reply]:
    """The receipts and replies of a webhook's body that needs no proof: somebody of ours hands it in. Raises WebhookRefused."""
    if len(body) > BODY_BYTES_MAX:
        raise WebhookRefused(f"the body is longer than {BODY_BYTES_MAX} bytes; send fewer events at once")
    return [event for event in (_event(value, now) for value in _events(body)) if event is not None]


def _events(body: bytes) -> list[Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WebhookRefused("the body is not JSON in UTF-8") from error
    events = value.get("events") if isinstance(value, dict) else None
    if not isinstance(events, list) or len(events) > _EVENTS_MAX:
        raise WebhookRefused(f"the body has no list of at most {_EVENTS_MAX} events")
    return events


def _event(value: Any, now: datetime) -> Receipt | Reply | None:
    if not isinstance(value, dict):
        raise WebhookRefused("an event is not an object")
    if value.get("type") == "receipt":
        return _receipt(value, now)
    return _reply(value, now) if value.get("type") == "reply" else None


def _receipt(value: Mapping[str, Any], now: datetime) -> Receipt:
    kind = _KINDS.get(_text(value, "status"))
    if kind is None:
        raise WebhookRefused(f"a receipt's status is none of {', '.join(_KINDS)}")
    message_id, reference = _text(value, "message_id"), _text(value, "reference")
    if not (message_id or reference):
        raise WebhookRefused("a receipt names no message_id and no reference")
    is_permanent = value.get("permanent", False)
    if not isinstance(is_permanent, bool):
        raise WebhookRefused("a receipt's permanent is not true or false")
    return Receipt(
        receipt_id="http-" + _needed(value, "id"),
        kind=kind,
        at=_instant(value, now),
        message_id=message_id or None,
        provider_reference=reference or None,
        permanent=is_permanent and kind == "bounced",
        detail=_text(value, "code", longest=60),
    )


def _reply(value: Mapping[str, Any], now: datetime) -> Reply:
    sender = _needed(value, "from").removeprefix("+")
    return Reply(
        reply_id="http-" + _needed(value, "id"),
        sender=sender,
        at=_instant(value, now),
        text=_text(value, "text", longest=100_000),
        in_reply_to=_text(value, "message_id") or None,
    )


def _needed(value: Mapping[str, Any], key: str) -> str:
    text = _text(value, key)
    if not text:
        raise WebhookRefused(f"an event has no {key}")
    return text


def _text(value: Mapping[str, Any], key: str, longest: int = 200) -> str:
    text = value.get(key)
    if text is None:
        return ""
    if not isinstance(text, str) or len(text) > longest:
        raise WebhookRefused(f"an event's {key} is not text of at most {longest} characters")
    return storable(text)


def _instant(value: Mapping[str, Any], now: datetime) -> datetime:
    """When it happened: ``at`` with its offset, and never after we learned of it."""
    text = _needed(value, "at")
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            raise WebhookRefused("an event's at has no offset; write it as 2026-11-24T08:30:00+00:00")
        return min(at.astimezone(UTC), now)
    except (ValueError, OverflowError) as error:
        raise WebhookRefused("an event's at is no instant; write it as 2026-11-24T08:30:00+00:00") from error
