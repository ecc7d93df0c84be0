"""What comes back by machine about a message: it could not be delivered, it will be late, or it was called spam.

Read are delivery status notifications (RFC 3464), what flufl.bounce knows of the many other forms, and feedback reports
(RFC 5965). Anybody can write such a mail, so only one that bears our seal counts: on the return path to which it was
sent, or in the unsubscribe link of the message it returns.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import Message as MimeMessage

from flufl.bounce import all_failures

from dunwell.outreach.channel import Receipt, ReceiptKind
from dunwell.outreach.email.addresses import message_id_of_return_path
from dunwell.outreach.email.answers import without_addresses
from dunwell.outreach.email.mime import (
    addresses,
    content_type,
    date_of,
    header,
    identity,
    inner_messages,
    parts,
    read_message,
    text_of,
)
from dunwell.outreach.email.settings import EmailSettings
from dunwell.outreach.email.unsubscribe import message_id_of_token

_DELIVERED_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "Original-Recipient", "To")
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_TOKEN = re.compile(r"/([A-Za-z0-9-]{1,36}\.[A-Za-z2-7]{32})(?![A-Za-z0-9])")
# Enhanced status codes (RFC 3463) that say something of the address itself, for good: no such mailbox, domain or syntax,
# moved, takes no mail (5.1.x, but for 5.1.7 and 5.1.8, which speak of our address); disabled (5.2.1); no such host (5.4.1,
# which Exchange says for an unknown person, 5.4.4); and those that say only "permanent" (5.0.0, 5.5.0).
_DEAD = re.compile(r"5\.1\.(?![78]$)\d+|5\.2\.1|5\.4\.[14]|5\.[05]\.0")
_COMPLAINTS = frozenset({"abuse", "opt-out", "opt-out-list"})


@dataclass(frozen=True, slots=True)
class _Finding:
    kind: ReceiptKind
    is_permanent: bool
    detail: str


def parse_receipt(
    raw: bytes, settings: EmailSettings, received_at: datetime, envelope_to: str = ""
) -> Receipt | None:
    """What this mail says about one of our messages, or None: not such a mail, or not one of ours.

    ``envelope_to`` is the address it was delivered to, where the mail server tells; otherwise the headers that mail servers
    write for it are read. Never raises for what the mail holds.

    ``bounced`` with ``permanent`` means that the address is dead. A full mailbox, a filter's refusal or time run out is
    ``bounced`` and not permanent. A complaint is ``unsubscribed``.
    """
    message = read_message(raw)
    message_id = sealed_message_id(message, settings, envelope_to)
    if message_id is None:
        return None
    finding = _complaint(message) or _status_notification(message) or _other_bounce(message)
    if finding is None:
        return None
    return Receipt(
        receipt_id=identity(raw, message, f"receipt:{message_id}:{finding.kind}"),
        kind=finding.kind,
        at=date_of(message, received_at),
        message_id=message_id,
        permanent=finding.is_permanent,
        detail=finding.detail,
    )


def sealed_message_id(message: MimeMessage, settings: EmailSettings, envelope_to: str = "") -> str | None:
    """Our message_id where the mail bears our seal: on its return path, or inside the message or report it holds."""
    for address in (envelope_to, *addresses(message, *_DELIVERED_TO)):
        if found := message_id_of_return_path(address, settings.return_path_domain, settings.secrets):
            return found
    for part in parts(message):
        for text in _reported(part):
            for token in _TOKEN.findall(text):
                if found := message_id_of_token(token, settings.secrets):
                    return found
            for word in re.split(r"[\s<>;,\"]+", text):
                if word.lower().startswith("bounce+") and (
                    found := message_id_of_return_path(word, settings.return_path_domain, settings.secrets)
                ):
                    return found
    return None


def _reported(part: MimeMessage) -> Iterator[str]:
    """What a report quotes of our message: its headers, or the report's fields about it. Not what a person quotes."""
    kind = content_type(part)
    if kind == "text/rfc822-headers":
        yield text_of(part)[:50_000]
    elif kind in ("message/rfc822", "message/feedback-report", "message/delivery-status"):
        for inner in inner_messages(part):
            for name in ("List-Unsubscribe", "Return-Path", "Original-Mail-From", "X-Original-Mail-From"):
                yield header(inner, name)


def _complaint(message: MimeMessage) -> _Finding | None:
    for part in parts(message):
        if content_type(part) == "message/feedback-report":
            fields = inner_messages(part)
            kind = header(fields[0], "Feedback-Type").lower() if fields else ""
            if kind in _COMPLAINTS:
                return _Finding("unsubscribed", False, f"complaint: {kind}")
    return None


def _status_notification(message: MimeMessage) -> _Finding | None:
    """RFC 3464 section 2.3: the first recipient's block that has an Action (we send to one recipient at a time)."""
    for part in parts(message):
        if content_type(part) != "message/delivery-status":
            continue
        for block in inner_messages(part):
            action = header(block, "Action").lower().split(" ")[0].strip("()")
            if action:
                return _finding(action, header(block, "Status"), header(block, "Diagnostic-Code"))
    return None


def _finding(action: str, status: str, diagnostic: str) -> _Finding | None:
    detail = without_addresses(f"{status} {diagnostic}")
    if action == "delayed":
        return _Finding("delayed", False, detail)
    if action == "delivered":
        return _Finding("delivered", False, detail)
    if not action.startswith(("fail", "error")):
        return None  # relayed, expanded: on its way, nothing known
    return _Finding("bounced", _is_dead(_most_exact(status, diagnostic)), detail)


def _other_bounce(message: MimeMessage) -> _Finding | None:
    if any(content_type(part) == "message/feedback-report" for part in parts(message)):
        return None
    if not addresses(
        message, "From"
    ):  # one of the old parsers needs a From, and its failure would silence the others
        del message["From"]
        message["From"] = "MAILER-DAEMON@unknown.invalid"
    try:
        delayed, failed = all_failures(message)
    except Exception:  # many old parsers, fed with anything: what they stumble over is no bounce they know
        return None
    if failed:
        status = _most_exact(
            *(text_of(part) for part in parts(message) if content_type(part) == "text/plain")
        )
        return _Finding("bounced", not status or _is_dead(status), status or "bounced, no status given")
    return _Finding("delayed", False, "delayed, no status given") if delayed else None


def _most_exact(*texts: str) -> str:
    """The enhanced status code that says most: one that is not x.0.0 before one that is."""
    found = [".".join(groups) for text in texts for groups in _STATUS.findall(text[:20_000])]
    return next((one for one in found if not one.endswith(".0.0")), found[0] if found else "")


def _is_dead(status: str) -> bool:
    return bool(_DEAD.fullmatch(status))
