"""From an approved text, filled in for one person, to the message that goes out.

``render`` makes the channel's message: checked, with its footer, its HTML and its unsubscribe link. ``compose`` makes
of it the e-mail as RFC 5322 has it, at the moment of handing over.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email import policy
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any

from dunwell.outreach.channel import Message
from dunwell.outreach.email.addresses import ensure_address, ensure_message_id, has_control_characters
from dunwell.outreach.email.page import html_from_text
from dunwell.outreach.email.settings import EmailSettings
from dunwell.outreach.email.unsubscribe import unsubscribe_headers

SUBJECT_LENGTH_MAX = 200

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_OWN_HEADERS = frozenset({"list-unsubscribe", "list-unsubscribe-post"})
# A subject shows on a locked screen and in a shared inbox: neither the debt nor a sum or number of it may stand there.
_REVEALING = re.compile(
    r"\b(?:debts?|overdue|past[ -]due|delinquen\w*|arrears|owe[sd]?|owing|collections?|collectors?|defaulted|in default)\b"
    r"|欠款|欠债|欠債|债务|債務|逾期|催收|拖欠|违约|違約|失信"
    r"|[$€£¥￥₹]\s*\d|\d\s*(?:元|块|USD|EUR|GBP|CNY|RMB)|\b(?:USD|EUR|GBP|CNY|RMB)\s*\d|\d{6,}|\d{4}[ -]\d{4}",
    re.IGNORECASE,
)


class _Unfolded(UnstructuredHeader, BaseHeader):
    """A header on one line: the standard folding would hide a long link in an encoded word, where nobody finds it."""

    def fold(self, *, policy: policy.Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


def _header_registry() -> HeaderRegistry:
    registry = HeaderRegistry()
    for name in ("list-unsubscribe", "list-unsubscribe-post"):
        registry.map_to_type(name, _Unfolded)
    return registry


# 7 bits: nothing on the way has a reason to re-encode the message, which would break its signature (RFC 6376 section 5.3).
POLICY = policy.SMTP.clone(cte_type="7bit", header_factory=_header_registry())


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
    if not _LANGUAGE.fullmatch(language):
        raise UnfitMessage(f"language {language!r} is no language tag, such as en or zh-CN (BCP 47)")
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


def compose(message: Message, settings: EmailSettings, sent_at: datetime) -> EmailMessage:
    """The e-mail with all its headers, its plain text and its HTML. ``sent_at`` has a time zone.

    Raises UnfitMessage, also when somebody put a line break or a header of their own into the message.
    """
    if sent_at.tzinfo is None:
        raise ValueError("sent_at has no time zone")
    _check_subject(message.subject)
    if {name.lower() for name in message.headers} - _OWN_HEADERS:
        raise UnfitMessage(f"headers other than {', '.join(sorted(_OWN_HEADERS))} are the channel's own")
    mail = EmailMessage(policy=POLICY)
    mail["From"] = Address(settings.from_name, addr_spec=settings.from_address)
    mail["To"] = Address(addr_spec=_checked(ensure_address, message.to))
    if settings.reply_to:
        mail["Reply-To"] = Address(addr_spec=settings.reply_to)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(sent_at)
    mail["Message-ID"] = f"<{_checked(ensure_message_id, message.message_id)}@{settings.message_id_domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    for name, value in _checked_headers(message.headers).items():
        mail[name] = value
    mail.set_content(message.text + "\n", subtype="plain", charset="utf-8")
    mail.add_alternative(
        message.html or html_from_text(message.text, message.language, message.subject), subtype="html"
    )
    mail["Content-Language"] = (
        message.language
    )  # last: the parts would take a Content- header away from the whole
    return mail


def _checked(check: Any, text: str) -> str:
    try:
        return str(check(text))
    except ValueError as error:
        raise UnfitMessage(str(error)) from error


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
    for name, value in headers.items():
        if has_control_characters(value) or not value.isascii() or len(value) > 900:
            raise UnfitMessage(f"the header {name} has a character that it cannot have, or is too long")
    return dict(headers)


def _tidy(text: str) -> str:
    """Lines that end alike, without blanks at their ends, and no control characters but the tab."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = ("".join(c for c in line if c == "\t" or not has_control_characters(c)) for line in lines)
    return "\n".join(line.rstrip() for line in kept).strip("\n")
