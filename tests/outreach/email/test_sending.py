"""Handing messages to a real relay on loopback: what every kind of answer and failure is taken to mean."""

import asyncio
import socket
import time
from collections.abc import Sequence
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.email.connection import Carried, Connection, Envelope
from dunwell.outreach.email.sender import EmailSender, OnBegin
from dunwell.outreach.email.settings import EmailSettings
from dunwell.settings import SettingsError
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
    by_recipient,
)

ANA, BO, CHEN = "ana@example.com", "bo@example.com", "chen@example.com"


def send(
    settings: EmailSettings, *rounds: Sequence[Message], on_begin: OnBegin | None = None
) -> list[list[Outcome]]:
    async def run() -> list[list[Outcome]]:
        sender = EmailSender(settings, now=lambda: AT, on_begin=on_begin)
        try:
            return [await sender.send(messages) for messages in rounds]
        finally:
            await sender.close()

    return asyncio.run(run())


def messages_to(settings: EmailSettings, *recipients: str) -> list[Message]:
    return [made_message(settings, f"m-{number}", to) for number, to in enumerate(recipients)]


def certainties(outcomes: Sequence[Outcome]) -> list[str]:
    return [outcome.certainty for outcome in outcomes]


def test_a_message_arrives_as_it_was_written(certificate: Certificate) -> None:
    with SmtpServer(certificate=certificate, users={"lender": "correct horse"}) as server:
        settings = made_settings(
            port=server.port,
            starttls="required",
            ca_file=str(certificate.certificate_file),
            user="lender",
            password_env="DUNWELL_SMTP_PASSWORD",
        )
        text = "您好，\n\n.一行以点开头\n\n" + "很长的一行" * 300
        [[outcome]] = send(
            settings, [made_message(settings, text=text, language="zh-CN", subject="您的还款计划")]
        )
    assert outcome == Outcome("m-0001", "accepted", "250 2.0.0 Ok: queued as Q00001", ("Q00001",))
    [taken] = server.taken
    assert taken.is_over_tls
    assert taken.login == "lender"
    assert taken.recipient == ANA
    mail = message_from_bytes(taken.content, policy=policy.default)
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n").startswith(text)
    assert mail["Subject"] == "您的还款计划"


@pytest.mark.parametrize(
    ("fault", "certainty", "is_taken"),
    [
        (NO_SUCH_USER, "refused", False),
        (MAILBOX_FULL, "deferred", False),
        (GREYLISTED, "deferred", False),
        (REFUSED_CONTENT, "refused", False),
        (BUSY_AT_THE_END, "deferred", False),
        (DROPPED_BEFORE_DATA, "deferred", False),
        (Fault("rcpt", is_drop=True), "deferred", False),
        (Fault("data", "451 4.3.0 not now"), "deferred", False),
        (Fault("data", "554 5.5.1 no"), "refused", False),
        (Fault("rcpt", "530 5.7.0 log in first"), "deferred", False),
        (Fault("rcpt", "999 what"), "deferred", False),
        (TAKEN_AND_DROPPED, "unknown", True),
        (LOST_AND_DROPPED, "unknown", False),
        (Fault("reply", "999 what", is_taken=True), "unknown", True),
        (Fault("reply", "what", is_taken=True), "unknown", True),
        (Fault("reply", delay_seconds=0.6, is_taken=True), "unknown", True),
        (Fault("rcpt", delay_seconds=0.6), "deferred", False),
        (Fault("data", delay_seconds=0.6), "deferred", False),
    ],
    ids=str,
)
@pytest.mark.parametrize("has_pipelining", [False, True], ids=["one by one", "together"])
def test_what_an_answer_means(fault: Fault, certainty: str, is_taken: bool, has_pipelining: bool) -> None:
    with SmtpServer(plan=by_recipient({BO: [fault]}), has_pipelining=has_pipelining) as server:
        settings = made_settings(port=server.port, timeout_seconds=0.3, connection_count=1)
        [outcomes] = send(settings, messages_to(settings, ANA, BO, CHEN))
    assert certainties(outcomes) == ["accepted", certainty, "accepted"]
    assert [one.message_id for one in outcomes] == ["m-0", "m-1", "m-2"]
    assert [one.recipient for one in server.taken] == ([ANA, BO, CHEN] if is_taken else [ANA, CHEN])
    assert "@" not in outcomes[1].detail


@pytest.mark.parametrize(
    "fault",
    [
        Fault("connect", "554 5.3.2 go away"),
        Fault("connect", "421 4.3.2 too many connections"),
        Fault("connect", is_drop=True),
        Fault("connect", delay_seconds=0.6),
    ],
    ids=str,
)
def test_a_relay_that_does_not_let_us_in_has_taken_nothing(fault: Fault) -> None:
    with SmtpServer(plan=by_recipient({"": [fault]})) as server:
        settings = made_settings(port=server.port, timeout_seconds=0.3, connection_count=1)
        [outcomes] = send(settings, messages_to(settings, ANA, BO))
    assert certainties(outcomes) == ["deferred", "accepted"]
    assert [one.recipient for one in server.taken] == [BO]


@pytest.mark.parametrize("has_pipelining", [False, True], ids=["one by one", "together"])
@pytest.mark.parametrize(
    "faults",
    [{"": [None, CLOSING]}, {BO: [Fault("reply", "421 4.3.2 service shutting down")]}],
    ids=["before the message", "after it"],
)
def test_a_421_closes_and_the_next_message_opens_anew(
    faults: dict[str, list[Fault | None]], has_pipelining: bool
) -> None:
    with SmtpServer(plan=by_recipient(faults), has_pipelining=has_pipelining) as server:
        settings = made_settings(port=server.port, connection_count=1)
        [outcomes] = send(settings, messages_to(settings, ANA, BO, CHEN))
    assert certainties(outcomes) == ["accepted", "deferred", "accepted"]
    assert server.connection_count == 2


def test_a_greylisted_message_is_taken_later() -> None:
    with SmtpServer(plan=by_recipient({ANA: [GREYLISTED]})) as server:
        settings = made_settings(port=server.port)
        messages = messages_to(settings, ANA)
        [first], [second] = send(settings, messages, messages)
    assert (first.certainty, first.retry_after_seconds) == ("deferred", 300.0)
    assert second.certainty == "accepted"
    assert len(server.taken) == 1


def test_a_closed_port_defers_all_and_is_not_knocked_at_for_every_message() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings = made_settings(port=unused.getsockname()[1], connection_count=2)
        [outcomes] = send(settings, messages_to(settings, *[ANA] * 20))
    assert certainties(outcomes) == ["deferred"] * 20
    assert outcomes[-1].detail.startswith("not tried: the relay cannot be reached")
    assert sum(one.detail.startswith("not sent") for one in outcomes) <= 6


def test_a_connection_that_was_closed_while_idle_costs_nothing() -> None:
    with SmtpServer(connection_idle_seconds=0.1) as server:
        settings = made_settings(port=server.port, connection_count=1)

        async def run() -> list[Outcome]:
            sender = EmailSender(settings, now=lambda: AT)
            first = await sender.send(messages_to(settings, ANA))
            time.sleep(0.3)  # asleep as a whole: our side has not noticed yet that the other closed
            second = await sender.send([made_message(settings, "m-later", BO)])
            await sender.close()
            return first + second

        outcomes = asyncio.run(run())
    assert certainties(outcomes) == ["accepted", "accepted"]
    assert [one.recipient for one in server.taken] == [ANA, BO]


def test_a_connection_carries_many_and_is_changed_after_its_share() -> None:
    with SmtpServer() as server:
        settings = made_settings(port=server.port, connection_count=1, messages_per_connection_max=3)
        [outcomes] = send(settings, messages_to(settings, *[ANA] * 7))
    assert certainties(outcomes) == ["accepted"] * 7
    assert server.connection_count == 3


def test_messages_go_over_several_connections_at_once() -> None:
    slow = Fault("reply", delay_seconds=0.2, is_taken=True, reply="250 2.0.0 OK")
    recipients = [f"p{number}@example.com" for number in range(8)]
    with SmtpServer(plan=by_recipient({one: [slow] for one in recipients})) as server:
        settings = made_settings(port=server.port, connection_count=8)
        begun = time.monotonic()
        [outcomes] = send(settings, messages_to(settings, *recipients))
    assert certainties(outcomes) == ["accepted"] * 8
    assert time.monotonic() - begun < 1.2  # one after the other it would take 1.6 seconds
    assert server.connection_count == 8


def test_the_record_is_written_before_any_byte_of_the_message_goes() -> None:
    seen: list[tuple[str, int]] = []
    with SmtpServer(plan=by_recipient({BO: [NO_SUCH_USER]})) as server:
        settings = made_settings(port=server.port, connection_count=1)
        send(
            settings,
            messages_to(settings, ANA, BO, CHEN),
            on_begin=lambda ids: seen.append((ids[0], len(server.taken))),
        )
    assert seen == [("m-0", 0), ("m-2", 1)]  # the refused one never came so far


def test_without_its_record_a_message_does_not_go(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(ids: Sequence[str]) -> None:
        if "m-1" in ids:
            raise OSError("database is locked")

    with SmtpServer() as server:
        settings = made_settings(port=server.port, connection_count=1)
        [outcomes] = send(settings, messages_to(settings, ANA, BO, CHEN), on_begin=failing)
    assert certainties(outcomes) == ["accepted", "deferred", "deferred"]
    assert [one.recipient for one in server.taken] == [ANA]
    assert "m-1 could not be recorded" in caplog.text
    assert BO not in caplog.text


def test_a_message_that_cannot_be_an_e_mail_is_refused_and_the_others_go() -> None:
    with SmtpServer() as server:
        settings = made_settings(port=server.port)
        bad = Message("m-9", "no address", "text", subject="Hello")
        worse = Message("m-8", ANA, "text", subject="Hello\r\nBcc: all@example.com")
        [outcomes] = send(settings, [bad, *messages_to(settings, ANA), worse])
    assert certainties(outcomes) == ["refused", "accepted", "refused"]
    assert len(server.taken) == 1


@pytest.mark.parametrize(
    "text", [".\n..\n.hidden\n", "From here\n\n\nx" + " word" * 400, "=20 = \t end\t\n", "x" * 5000]
)
def test_lines_of_every_kind_arrive_as_they_were(text: str) -> None:
    with SmtpServer() as server:
        settings = made_settings(port=server.port)
        [[outcome]] = send(settings, [made_message(settings, text=text)])
    assert outcome.certainty == "accepted"
    mail = message_from_bytes(server.taken[0].content, policy=policy.default)
    plain = mail.get_body(("plain",))
    assert plain is not None
    arrived = plain.get_content().replace("\r\n", "\n")
    assert arrived == f"{text.strip()}\n\n{settings.postal_address}\n"


@pytest.mark.parametrize(
    "fault", [DROPPED_IN_THE_MIDDLE, Fault("payload", delay_seconds=1)], ids=["dropped", "stuck"]
)
def test_a_message_of_which_a_part_has_not_left_was_surely_not_taken(fault: Fault) -> None:
    with SmtpServer(plan=by_recipient({ANA: [fault]})) as server:
        settings = made_settings(port=server.port, timeout_seconds=0.3)
        payload = b"Subject: long\r\n\r\n" + b"word and word and word and word and word\r\n" * 500_000
        envelope = Envelope("m-1", "bounce@bounces.lender.example", ANA, payload)

        async def run() -> Carried:
            connection = Connection(settings, None)
            carried = await connection.carry(envelope, lambda: asyncio.sleep(0))
            await connection.quit()
            return carried

        carried = asyncio.run(run())
    assert carried.outcome.certainty == "deferred"
    assert carried.has_wire_failed
    assert server.taken == []


def test_certificates_that_are_not_there_are_refused_at_once(tmp_path: Path) -> None:
    settings = made_settings(tmp_path, starttls="required", ca_file="none.pem")
    with pytest.raises(
        SettingsError, match=r"ca_file .*none\.pem cannot be used .*Put the certificates there"
    ):
        EmailSender(settings, now=lambda: AT)


def test_the_same_message_twice_in_one_call_is_a_mistake() -> None:
    settings = made_settings()
    with pytest.raises(ValueError, match="twice"):
        send(settings, messages_to(settings, ANA) * 2)


def test_nothing_to_send_is_no_conversation() -> None:
    assert send(made_settings(port=1), []) == [[]]


@pytest.mark.parametrize(
    ("server_has_tls", "changes"),
    [
        (False, {"starttls": "required"}),
        (True, {"starttls": "required", "ca_file": None}),
        (True, {"starttls": "required", "user": "lender", "password_env": "DUNWELL_EMAIL_SECRET_2025"}),
    ],
    ids=["no STARTTLS offered", "unknown certificate", "wrong password"],
)
def test_what_is_not_safe_is_not_sent(
    certificate: Certificate, server_has_tls: bool, changes: dict[str, Any]
) -> None:
    users = {"lender": "correct horse"} if "user" in changes else {}
    with SmtpServer(certificate=certificate if server_has_tls else None, users=users) as server:
        known = {"ca_file": str(certificate.certificate_file)}
        settings = made_settings(port=server.port, **known | changes)
        [outcomes] = send(settings, messages_to(settings, ANA))
    assert certainties(outcomes) == ["deferred"]
    assert server.taken == []


@pytest.mark.parametrize("is_offered", [True, False])
def test_opportunistic_takes_tls_where_it_is_offered(certificate: Certificate, is_offered: bool) -> None:
    with SmtpServer(certificate=certificate if is_offered else None) as server:
        settings = made_settings(port=server.port, starttls="opportunistic")
        [outcomes] = send(settings, messages_to(settings, ANA))
    assert certainties(outcomes) == ["accepted"]
    assert server.taken[0].is_over_tls is is_offered


def test_a_cancelled_call_leaves_a_sender_that_works() -> None:
    stuck = Fault("reply", delay_seconds=5)
    with SmtpServer(plan=by_recipient({ANA: [stuck]})) as server:
        settings = made_settings(port=server.port, connection_count=1)

        async def run() -> list[Outcome]:
            sender = EmailSender(settings, now=lambda: AT)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(sender.send(messages_to(settings, ANA)), 0.2)
            outcomes = await sender.send(messages_to(settings, BO))
            await sender.close()
            return outcomes

        assert certainties(asyncio.run(run())) == ["accepted"]
    assert [one.recipient for one in server.taken] == [BO]
