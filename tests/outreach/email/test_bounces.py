"""What comes back by machine: real forms of bounces, who may say so, and which of them mean that an address is dead."""

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from dunwell.outreach.channel import Receipt
from dunwell.outreach.email.addresses import return_path
from dunwell.outreach.email.bounces import parse_receipt
from dunwell.outreach.email.rendering import compose
from dunwell.outreach.email.unsubscribe import unsubscribe_url
from tests.outreach.email.made import AT, made_message, made_settings

SETTINGS = made_settings()
PATH = return_path("m-0001", SETTINGS.return_path_domain, SETTINGS.secrets)
FORGED = PATH.replace("m-0001", "m-0002")
CAME_AT = AT + timedelta(hours=2)


def receipt(raw: str, envelope_to: str = "") -> Receipt | None:
    return parse_receipt(raw.replace("\n", "\r\n").encode(), SETTINGS, CAME_AT, envelope_to)


def status_notification(
    to: str = PATH,
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 <ana@example.com>: Recipient address rejected",
    returned: str = "Subject: Your plan with Lender\nFrom: care@lender.example\n",
) -> str:
    """A notification as Postfix writes it."""
    return f"""\
Return-Path: <>
Received: from mx.example.com (mx.example.com [192.0.2.7]) by mail.lender.example; Fri, 20 Nov 2026 09:31:02 +0000
Date: Fri, 20 Nov 2026 09:31:00 +0000
From: MAILER-DAEMON@mx.example.com (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {to}
Auto-Submitted: auto-replied
Message-Id: <4X1Fz2@mx.example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.example.com.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients.

--b1
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com
X-Postfix-Queue-ID: 4X1Fz2
Arrival-Date: Fri, 20 Nov 2026 09:30:58 +0000 (UTC)

Final-Recipient: rfc822; ana@example.com
Original-Recipient: rfc822;ana@example.com
Action: {action}
Status: {status}
Diagnostic-Code: {diagnostic}

--b1
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

{returned}
--b1--
"""


def test_an_unknown_mailbox_is_a_permanent_bounce() -> None:
    found = receipt(status_notification())
    assert found is not None
    assert (found.kind, found.permanent, found.message_id) == ("bounced", True, "m-0001")
    assert found.at == datetime(2026, 11, 20, 9, 31, tzinfo=UTC)
    assert found.detail == "5.1.1 smtp; 550 5.1.1 <address>: Recipient address rejected"


@pytest.mark.parametrize(
    ("action", "status", "diagnostic", "kind", "is_permanent"),
    [
        ("failed", "5.1.1", "smtp; 550 5.1.1 unknown", "bounced", True),
        ("Failed", "5.1.10", "smtp; 556 5.1.10 null MX", "bounced", True),
        ("failed (user unknown)", "5.0.0", "smtp; 550 unknown", "bounced", True),
        ("failed", "5.0.0", "smtp; 552 5.2.2 mailbox full", "bounced", False),
        ("failed", "5.2.1", "smtp; 550 5.2.1 disabled", "bounced", True),
        ("failed", "5.2.2", "smtp; 552 5.2.2 over quota", "bounced", False),
        ("failed", "5.4.1", "smtp; 550 5.4.1 Recipient address rejected: Access denied", "bounced", True),
        ("failed", "4.4.7", "smtp; 421 4.4.7 time run out", "bounced", False),
        ("failed", "5.7.1", "smtp; 554 5.7.1 looks like spam", "bounced", False),
        ("failed", "5.1.8", "smtp; 553 5.1.8 your domain is unknown", "bounced", False),
        ("delayed", "4.2.2", "smtp; 452 4.2.2 full", "delayed", False),
        ("delivered", "2.0.0", "", "delivered", False),
        ("relayed", "2.0.0", "", None, False),
    ],
)
def test_what_a_status_means_for_the_address(
    action: str, status: str, diagnostic: str, kind: str | None, is_permanent: bool
) -> None:
    found = receipt(status_notification(action=action, status=status, diagnostic=diagnostic))
    assert (found.kind if found else None) == kind
    assert (found.permanent if found else False) is is_permanent


def test_a_made_up_bounce_silences_nobody() -> None:
    assert receipt(status_notification(to=FORGED)) is None
    assert receipt(status_notification(to="care@lender.example")) is None
    headers = "Message-ID: <m-0001@lender.example>\nList-Unsubscribe: <https://lender.example/unsubscribe/m-0001.aaaa>\n"
    assert receipt(status_notification(to="care@lender.example", returned=headers)) is None


def test_the_seal_is_found_wherever_the_mail_server_leaves_it() -> None:
    elsewhere = status_notification(to="somebody@lender.example")
    assert receipt(f"Delivered-To: {PATH}\n{elsewhere}") is not None
    assert receipt(f"X-Original-To: {PATH}\n{elsewhere}") is not None
    assert receipt(elsewhere, envelope_to=PATH) is not None
    link = f"List-Unsubscribe: <{unsubscribe_url('m-0001', SETTINGS)}>\n"
    found = receipt(status_notification(to="somebody@lender.example", returned=link))
    assert found is not None
    assert found.message_id == "m-0001"


def test_the_same_bounce_is_the_same_receipt_however_often_it_comes() -> None:
    first = receipt(status_notification())
    again = receipt("Received: from another.example by mail.lender.example\n" + status_notification())
    other = receipt(status_notification().replace("4X1Fz2@", "4X1Fz9@"))
    assert first is not None
    assert again is not None
    assert other is not None
    assert again.receipt_id == first.receipt_id
    assert other.receipt_id != first.receipt_id


def test_without_a_message_id_the_contents_tell() -> None:
    raw = status_notification().replace("Message-Id: <4X1Fz2@mx.example.com>\n", "")
    first, again = receipt(raw), receipt("Received: later\n" + raw)
    other = receipt(raw.replace("09:30:58", "09:40:58"))
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.receipt_id == again.receipt_id != other.receipt_id


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 20 Nov 2020 09:31:00 +0000",
        "Fri, 20 Nov 2099 09:31:00 +0000",
        "yesterday",
        "Fri, 20 Nov 2026 09:31:00",
    ],
)
def test_a_date_that_cannot_be_right_does_not_count(date: str) -> None:
    found = receipt(
        status_notification().replace("Date: Fri, 20 Nov 2026 09:31:00 +0000", f"Date: {date}", 1)
    )
    assert found is not None
    assert found.at == CAME_AT


QMAIL = """\
Return-Path: <>
From: MAILER-DAEMON@mail.example.com
To: {to}
Subject: failure notice
Message-ID: <20261120.93100@mail.example.com>

Hi. This is the qmail-send program at mail.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ana@example.com>:
{reason}

--- Below this line is a copy of the message.

Subject: Your plan with Lender
"""
EXIM = """\
Return-path: <>
X-Failed-Recipients: ana@example.com
From: Mail Delivery System <Mailer-Daemon@mail.example.com>
To: {to}
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1mZ@mail.example.com>

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ana@example.com
    {reason}
"""
WARNING = """\
From: Mail Delivery System <Mailer-Daemon@mail.example.com>
To: {to}
Subject: Warning: message 1mZ delayed 24 hours
Message-Id: <E1mZ2@mail.example.com>

This message was created automatically by mail delivery software.

A message that you sent has not yet been delivered to one or more of its
recipients after more than 24 hours on the queue on mail.example.com.

The message identifier is:     1mZ
The address to which the message has not yet been delivered is:

  ana@example.com
    Delay reason: {reason}

No action is required on your part.
"""


@pytest.mark.parametrize(
    ("form", "reason", "kind", "is_permanent"),
    [
        (QMAIL, "Sorry, no mailbox here by that name. (#5.1.1)", "bounced", True),
        (QMAIL, "mailbox is over quota (#5.2.2)", "bounced", False),
        (QMAIL, "Sorry, no mailbox here.", "bounced", True),
        (EXIM, "SMTP error: 550 5.1.1 no such user", "bounced", True),
        (EXIM, "retry timeout exceeded 4.4.7", "bounced", False),
        (WARNING, "mailbox is full", "delayed", False),
    ],
)
def test_other_forms_are_known_too(form: str, reason: str, kind: str, is_permanent: bool) -> None:
    found = receipt(form.format(to=PATH, reason=reason))
    assert found is not None
    assert (found.kind, found.permanent, found.message_id) == (kind, is_permanent, "m-0001")
    assert receipt(form.format(to=FORGED, reason=reason)) is None


def feedback_report(kind: str, with_path: bool = False) -> str:
    """A report as a mailbox provider sends it (RFC 5965), with the person's address struck out."""
    original = compose(made_message(SETTINGS), SETTINGS, AT)
    report = EmailMessage()
    report["From"] = "feedback@provider.example"
    report["To"] = "abuse@lender.example"
    report["Message-ID"] = "<f-1@provider.example>"
    report["Date"] = "Fri, 20 Nov 2026 10:00:00 +0000"
    fields = f"Feedback-Type: {kind}\nUser-Agent: Provider/1.0\nVersion: 1\n"
    fields += f"Original-Mail-From: <{PATH}>\n" if with_path else ""
    head = report.as_string().strip()
    body = original.decode().replace("\r\n", "\n").replace("ana@example.com", "redacted@redacted.example")
    if with_path:
        body = "Subject: Your plan with Lender\n\n"
    return (
        f"{head}\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="f1"\n\n'
        f"--f1\nContent-Type: text/plain\n\nThis is an abuse report.\n\n"
        f"--f1\nContent-Type: message/feedback-report\n\n{fields}\n"
        f"--f1\nContent-Type: message/rfc822\n\n{body}\n--f1--\n"
    )


@pytest.mark.parametrize("with_path", [False, True])
def test_a_spam_complaint_is_a_stop(with_path: bool) -> None:
    found = receipt(feedback_report("abuse", with_path))
    assert found is not None
    assert (found.kind, found.message_id, found.permanent) == ("unsubscribed", "m-0001", False)
    assert found.detail == "complaint: abuse"


def test_a_report_that_it_was_no_spam_is_no_stop() -> None:
    assert receipt(feedback_report("not-spam")) is None


def test_an_absence_notice_on_the_return_path_is_no_bounce() -> None:
    notice = f"From: ana@example.com\nTo: {PATH}\nSubject: Automatic reply\nAuto-Submitted: auto-replied\n\nI am away."
    assert receipt(notice) is None


def test_an_answer_that_quotes_a_bounce_is_no_bounce() -> None:
    text = (
        "From: ana@example.com\nTo: care@lender.example\nSubject: Re: plan\n\nI got this:\n"
        + QMAIL.format(to=PATH, reason="no mailbox (#5.1.1)")
    )
    assert receipt(text) is None
