"""A message centre that sends whatever it likes: the sender answers for its messages and stays in its right mind."""

import asyncio
import ipaddress
import ssl
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.channel import Outcome
from dunwell.outreach.sms.smpp_sender import SmppSender
from tests.outreach.sms.worlds import Inbox, at_port, clock, message
from tests.outreach.smsc import Smsc

BOUND = struct.pack(">IIII", 17, 0x80000009, 0, 1) + b"\0"
COMMANDS = [0x00000005, 0x80000004, 0x80000000, 0x00000015, 0x80000015, 0x00000006, 0x00000103, 0x80000009]


def framed(command: int, status: int, sequence: int, body: bytes) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command, status, sequence) + body


PDUS = st.builds(
    framed,
    st.sampled_from(COMMANDS),
    st.sampled_from([0, 0x58, 0xFFFFFFFF]),
    st.integers(0, 5),
    st.binary(max_size=60),
)


async def talk(
    answer: Callable[[int], bytes], messages: int = 2, timeout_seconds: float = 0.5
) -> list[Outcome]:
    """Send to a centre that binds us and then answers our n-th PDU with these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            (length,) = struct.unpack(">I", await reader.readexactly(4))
            await reader.readexactly(length - 4)
            writer.write(BOUND)
            number = 0
            while await reader.read(4096):
                number += 1
                writer.write(answer(number))
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        inbox = Inbox()
        sender = SmppSender(
            at_port(port, timeout_seconds=timeout_seconds, window=1), clock=clock, on_inbound=inbox.take
        )
        outcomes = await sender.send([message(number) for number in range(messages)])
        await sender.close()
    return outcomes


@given(st.binary(max_size=80) | st.lists(PDUS, max_size=4).map(b"".join))
def test_any_bytes(answer: bytes) -> None:
    async def scene() -> None:
        async with asyncio.timeout(5):
            outcomes = await talk(lambda number: answer, timeout_seconds=0.1)
        assert [outcome.message_id for outcome in outcomes] == ["msg-0", "msg-1"]

    asyncio.run(scene())


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (struct.pack(">IIII", 5, 4, 0, 0), "5 bytes long"),
        (struct.pack(">IIII", 0xFFFFFFFF, 4, 0, 0), "4294967295 bytes long"),
        (framed(0x80000004, 0, 99, b"x\0"), "no answer within 0.5 s"),
        (framed(0x00000006, 0, 1, b""), "the SMSC unbound us"),
    ],
    ids=["too short", "too long", "another's answer", "unbind"],
)
def test_an_end_that_is_told(answer: bytes, detail: str) -> None:
    outcomes = asyncio.run(talk(lambda number: answer))
    assert [outcome.certainty for outcome in outcomes] == ["unknown", "deferred"]
    assert detail in outcomes[0].detail


@pytest.mark.parametrize("status", [0, 3])
def test_a_message_the_centre_made_nothing_of_was_not_taken(status: int) -> None:
    (outcome,) = asyncio.run(talk(lambda number: framed(0x80000000, status, 2, b""), messages=1))
    assert outcome.certainty == "deferred"
    assert "the SMSC answered" in outcome.detail


def test_an_answer_to_another_command_is_none() -> None:
    (outcome,) = asyncio.run(talk(lambda number: framed(0x80000015, 0, 2, b""), messages=1))
    assert outcome.certainty == "unknown"


def certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that vouches for itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "centre")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "centre.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


def test_over_tls_only_a_centre_that_can_prove_itself(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    async def scene() -> None:
        async with Smsc(tls=context) as smsc:
            trusting = SmppSender(at_port(smsc.port, tls=True, tls_ca_file=file), clock=clock)
            (outcome,) = await trusting.send([message(1)])
            await trusting.close()
            assert outcome.certainty == "accepted"
            wary = SmppSender(at_port(smsc.port, tls=True), clock=clock)
            (outcome,) = await wary.send([message(2)])
            await wary.close()
            assert outcome.certainty == "deferred"
            assert "SSLCertVerificationError" in outcome.detail
            assert len(smsc.taken) == 1

    asyncio.run(scene())
