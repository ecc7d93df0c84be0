"""From an approved text, filled in for one person, to the message that goes out.

``render`` makes the channel's message: checked, with its footer, its HTML and its unsubscribe link. ``compose`` makes
of it the e-mail as RFC 5322 has it, at the moment of handing over.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from dunwell.outreach.channel import Message
from dunwell.outreach.email.addresses import (
    ensure_address,
    ensure_message_id,
    has_control_characters,
    without_control_characters,
)
from dunwell.outreach.email.page import html_from_text
from dunwell.outreach.email.settings import EmailSettings
from dunwell.outreach.email.unsubscribe import unsubscribe_headers
from dunwell.outreach.email.writing import address_header, mail_bytes, text_header

SUBJECT_LENGTH_MAX = 200

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_OWN_HEADERS = {name.lower(): name for name in ("List-Unsubscribe", "List-Unsubscribe-Post")}
# A subject shows on a locked screen and in a shared inbox: neither the debt nor a sum or number of it may stand there.
_REVEALING = re.compile(
    r"\b(?:debts?|overdue|past[ -]due|delinquen\w*|arrears|owe[sd]?|owing|collections?|collectors?|defaulted|in default)\b"
    r"|欠款|欠债|欠債|债务|債務|逾期|催收|拖欠|违约|違約|失信"
    r"|[$€£¥￥₹]\s*\d|\d\s*(?:元|块|USD|EUR|GBP|CNY|RMB)|\b(?:USD|EUR|GBP|CNY|RMB)\s*\d|\d{6,}|\d{4}[ -]\d{4}",
    re.IGNORECASE,
)


class UnfitMessage(ValueError):
    """This message cannot go out as an e-mail; says why, without showing the person's data."""


def render(
    text: str, subject: str, language: str, to: str, message_id: str, settings: EmailSettings
) -> Message:
    """The message to this person: the text with the sender's postal address below it, and the same words as HTML.

    ``text`` is the approved text, filled in. Raises UnfitMessage when something in it cannot be sent: an address that is
    none, a subject that has line breaks or that shows the debt, an empty text.
    """
    if not text.strip():
        raise UnfitMessage("the text is empty")
    _check_language(language)
    _check_subject(subject)
    body = f"{_tidy(text)}\n\n{_tidy(settings.postal_address)}"
    return Message(
        message_id=_checked(ensure_message_id, message_id),
        to=_checked(ensure_address, to),
        text=body,
        language=language,
        subject=subject,
        html=html_from_text(body, language, subject),
        headers=MappingProxyType(unsubscribe_headers(message_id, settings)),
    )


def compose(message: Message, settings: EmailSettings, sent_at: datetime) -> bytes:
    """The e-mail with all its headers, its plain text and its HTML, as it goes over the wire. ``sent_at`` has a time zone.

    Raises UnfitMessage, also when somebody put a line break or a header of their own into the message.
    """
    if sent_at.tzinfo is None:
        raise ValueError("sent_at has no time zone")
    _check_subject(message.subject)
    _check_language(message.language)
    message_id = _checked(ensure_message_id, message.message_id)
    reply_to = [address_header("Reply-To", "", settings.reply_to)] if settings.reply_to else []
    page = message.html or html_from_text(message.text, message.language, message.subject)
    try:
        headers = [
            address_header("From", settings.from_name, settings.from_address),
            f"To: {_checked(ensure_address, message.to)}",
            *reply_to,
            text_header("Subject", message.subject),
            f"Date: {format_datetime(sent_at)}",
            f"Message-ID: <{message_id}@{settings.message_id_domain}>",
            "Auto-Submitted: auto-generated",
            # On one line each: folded, a long link would hide in an encoded word, where nobody finds it.
            *(f"{name}: {value}" for name, value in _checked_headers(message.headers).items()),
            f"Content-Language: {message.language}",
        ]
        return mail_bytes(headers, message_id, message.text + "\n", page)
    except UnicodeEncodeError as error:
        raise UnfitMessage("it has half a surrogate pair in it, which is no character") from error


def _checked(check: Any, text: str) -> str:
    try:
        return str(check(text))
    except ValueError as error:
        raise UnfitMessage(str(error)) from error


def _check_language(language: str) -> None:
    if not _LANGUAGE.fullmatch(language):
        raise UnfitMessage(f"language {language!r} is no language tag, such as en or zh-CN (BCP 47)")


@lru_cache(maxsize=1024)  # the same few subjects, again and again
def _check_subject(subject: str) -> None:
    if not subject.strip():
        raise UnfitMessage("the subject is empty")
    if has_control_characters(subject) or len(subject) > SUBJECT_LENGTH_MAX:
        raise UnfitMessage(
            f"the subject has a control character in it or over {SUBJECT_LENGTH_MAX} characters"
        )
    if found := _REVEALING.search(subject):
        kind = "a sum or a number" if any(c.isdigit() for c in found[0]) else f"{found[0]!r}"
        raise UnfitMessage(
            f"the subject shows the debt to whoever sees the screen ({kind}). Say it in the text only"
        )


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The channel's own headers, each once, under the name they have. Raises UnfitMessage."""
    if len({name.lower() for name in headers}) < len(headers) or any(
        name.lower() not in _OWN_HEADERS for name in headers
    ):
        raise UnfitMessage(f"headers other than {', '.join(_OWN_HEADERS)} are the channel's own")
    for name, value in headers.items():
        if has_control_characters(value) or not value.isascii() or len(value) > 900:
            raise UnfitMessage(f"the header {name} has a character that it cannot have, or is too long")
    return {_OWN_HEADERS[name.lower()]: value for name, value in headers.items()}


def _tidy(text: str) -> str:
    """Lines that end alike, without blanks at their ends, and no control characters but the tab."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(without_control_characters(line).rstrip() for line in lines).strip("\n")
