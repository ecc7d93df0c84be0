"""What a person writes back, told apart from what machines answer in their place."""

import re
from datetime import datetime
from email.message import Message as MimeMessage
from enum import StrEnum

from dunwell.outreach.channel import Reply
from dunwell.outreach.email.addresses import ensure_message_id
from dunwell.outreach.email.bounces import sealed_message_id
from dunwell.outreach.email.html_text import text_from_html
from dunwell.outreach.email.mime import (
    addresses,
    content_type,
    date_of,
    header,
    headers,
    identity,
    message_ids,
    parts,
    read_message,
    text_of,
)
from dunwell.outreach.email.quotations import new_text
from dunwell.outreach.email.settings import EmailSettings

TEXT_LENGTH_MAX = 20_000


class Author(StrEnum):
    """Who wrote a mail that came in."""

    PERSON = "person"
    OUT_OF_OFFICE = "out_of_office"
    """An absence notice: the address works, nobody has read the message."""
    MACHINE = "machine"
    """Another automatic answer, a report, a bulk mail."""


_ABSENT = re.compile(
    r"out of (?:the )?office|\booo\b|automatic reply|auto(?:matic)?[- ]?(?:reply|response)|on (?:annual )?leave|vacation|"
    r"自动回复|自動回覆|自动答复|自動回復|休假|不在办公室|外出",
    re.IGNORECASE,
)
# Where a subject begins like this, a mail program wrote it (a person's answer to it begins with Re: or 回复).
_NOTICE_SUBJECT = re.compile(
    r"(?:automatic reply|out of (?:the )?office|auto[- ]?reply|自动回复|自動回覆|自动答复|自動回復)\s*(?:[:：]|$)",
    re.IGNORECASE,
)
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_KANA_OR_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")


def parse_reply(raw: bytes, settings: EmailSettings, received_at: datetime) -> Reply | None:
    """The person's answer, or None when no person wrote this (see ``author``) or when it names no sender.

    The text is only what they wrote now; it is empty when all they sent was the quoted message. Never raises for what the
    mail holds. Ask ``parse_receipt`` first: a bounce is no answer.
    """
    message = read_message(raw)
    senders = addresses(message, "From", "Reply-To", "Sender")
    if not senders or _author(message) is not Author.PERSON:
        return None
    text = new_text(_body(message))[:TEXT_LENGTH_MAX]
    return Reply(
        reply_id=identity(raw, message, "reply"),
        sender=senders[0],
        at=date_of(message, received_at),
        text=text,
        in_reply_to=_answered(message, settings),
        language=_language(text),
    )


def author(raw: bytes) -> Author:
    """Who wrote it: by what mail programs say of themselves (RFC 3834 section 5, RFC 5230, and older habits)."""
    return _author(read_message(raw))


def _author(message: MimeMessage) -> Author:
    submitted = header(message, "Auto-Submitted").lower()
    is_automatic = (
        (bool(submitted) and not submitted.startswith("no"))
        or any(header(message, name) for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Response-From"))
        or header(message, "Precedence").lower() in ("auto_reply", "bulk", "junk", "list")
        or content_type(message) == "multipart/report"
        or bool(header(message, "List-Id"))
        or header(message, "Return-Path") == "<>"
        or bool(_NOTICE_SUBJECT.match(header(message, "Subject")))
    )
    if not is_automatic:
        return Author.PERSON
    is_notice = submitted.startswith("auto-replied") or bool(_ABSENT.search(header(message, "Subject")))
    return (
        Author.OUT_OF_OFFICE if is_notice and content_type(message) != "multipart/report" else Author.MACHINE
    )


def _body(message: MimeMessage) -> str:
    """The first text that is no attachment: plain where there is any in it, else the HTML's."""
    html = ""
    for part in parts(message):
        kind = content_type(part)
        if kind.startswith("message/") and part is not message:
            break  # a forwarded message, and all within
        if part.is_multipart() or header(part, "Content-Disposition").lower().startswith("attachment"):
            continue
        if kind == "text/plain" and (text := text_of(part)).strip():
            return text
        if kind == "text/html" and not html:
            html = text_of(part)
    return text_from_html(html)


def _answered(message: MimeMessage, settings: EmailSettings) -> str | None:
    """Our message_id: by our seal, else by the Message-ID that the answer names as the one it answers."""
    if sealed := sealed_message_id(message, settings):
        return sealed
    named = [one for name in ("In-Reply-To", "References") for one in headers(message, name)]
    for text in named:
        for message_id, domain in reversed(message_ids(text)):
            if domain.lower() == settings.message_id_domain.lower():
                try:
                    return ensure_message_id(message_id)
                except ValueError:
                    continue
    return None


def _language(text: str) -> str | None:
    """``zh`` where it is written in Chinese characters; others are not told apart here."""
    has_only_han = bool(_HAN.search(text)) and not _KANA_OR_HANGUL.search(text)
    return "zh" if has_only_han else None
