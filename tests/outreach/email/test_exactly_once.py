"""Hundreds of messages through a relay that fails at random: what was accepted arrived once, what was not did not."""

import asyncio
from collections import Counter
from email import message_from_bytes

import pytest

from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.email.sender import EmailSender
from dunwell.outreach.email.settings import EmailSettings
from tests.outreach.email.made import AT, made_message, made_settings
from tests.outreach.smtp_server import (
    BUSY_AT_THE_END,
    CLOSING,
    DROPPED_BEFORE_DATA,
    DROPPED_IN_THE_MIDDLE,
    GREYLISTED,
    LOST_AND_DROPPED,
    MAILBOX_FULL,
    NO_SUCH_USER,
    REFUSED_CONTENT,
    TAKEN_AND_DROPPED,
    Certificate,
    Fault,
    SmtpServer,
    at_random,
)

FAULTS = [
    BUSY_AT_THE_END,
    CLOSING,
    DROPPED_BEFORE_DATA,
    DROPPED_IN_THE_MIDDLE,
    GREYLISTED,
    LOST_AND_DROPPED,
    MAILBOX_FULL,
    NO_SUCH_USER,
    REFUSED_CONTENT,
    TAKEN_AND_DROPPED,
    Fault("connect", is_drop=True),
    Fault("connect", "421 4.3.2 too many connections"),
    Fault("mail", is_drop=True),
    Fault("rcpt", is_drop=True),
    Fault("rcpt", delay_seconds=0.5),
    Fault("reply", delay_seconds=0.5, is_taken=True),
]
MESSAGE_COUNT, ROUND_COUNT = 200, 8


async def send_until_settled(
    settings: EmailSettings, messages: list[Message], begun: list[str]
) -> dict[str, list[Outcome]]:
    """Hand over all; what is deferred again, as a dispatcher would, up to so many rounds."""
    histories: dict[str, list[Outcome]] = {message.message_id: [] for message in messages}
    sender = EmailSender(settings, now=lambda: AT, on_begin=begun.extend)
    waiting = messages
    for _ in range(ROUND_COUNT):
        outcomes = await sender.send(waiting)
        assert [outcome.message_id for outcome in outcomes] == [message.message_id for message in waiting]
        for outcome in outcomes:
            histories[outcome.message_id].append(outcome)
        waiting = [
            one for one, outcome in zip(waiting, outcomes, strict=True) if outcome.certainty == "deferred"
        ]
    await sender.close()
    return histories


@pytest.mark.parametrize(
    ("seed", "has_tls", "has_pipelining"), [(1, False, False), (2, True, False), (3, True, True)]
)
def test_no_message_is_lost_or_doubled(
    certificate: Certificate, seed: int, has_tls: bool, has_pipelining: bool
) -> None:
    plan = at_random(seed, FAULTS, share=0.3)
    with SmtpServer(
        plan=plan, certificate=certificate if has_tls else None, has_pipelining=has_pipelining
    ) as server:
        settings = made_settings(
            port=server.port,
            starttls="required" if has_tls else "none",
            ca_file=str(certificate.certificate_file),
            timeout_seconds=0.35,
            connection_count=6,
            messages_per_connection_max=25,
        )
        messages = [
            made_message(settings, f"m-{number}", f"p{number}@example.com") for number in range(MESSAGE_COUNT)
        ]
        begun: list[str] = []
        histories = asyncio.run(send_until_settled(settings, messages, begun))
        taken = Counter(str(message_from_bytes(one.content)["Message-ID"]) for one in server.taken)

    last = {message_id: history[-1].certainty for message_id, history in histories.items()}
    for message_id, certainty in last.items():
        arrived = taken[f"<{message_id}@lender.example>"]
        if certainty == "accepted":
            assert arrived == 1
        elif certainty == "unknown":
            assert arrived in (0, 1)
        else:
            assert arrived == 0
    assert sum(taken.values()) == len(server.taken)
    assert set(taken) <= {f"<{message_id}@lender.example>" for message_id in begun}
    counts = Counter(last.values())
    assert counts["accepted"] > MESSAGE_COUNT * 0.6
    assert counts["refused"]
    assert counts["unknown"]
    assert counts["deferred"] < MESSAGE_COUNT * 0.05
    assert any(history[0].certainty == "deferred" for history in histories.values())
