"""A real SMTP server on loopback (aiosmtpd, with STARTTLS and login) that fails where a test's plan says so.

It runs in a thread of its own, so that it serves asynchronous and ordinary tests alike, and keeps a list of what it took:

    with SmtpServer(plan=by_recipient({"ana@example.com": [GREYLISTED, None]})) as server:
        ...                                   # hand messages to 127.0.0.1, server.port
    server.taken                              # what it said 250 to, or kept although it dropped the line
"""

import asyncio
import datetime
import ipaddress
import random
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Stage = Literal["connect", "mail", "rcpt", "data", "payload", "reply"]
"""Where in the conversation: at the greeting; at MAIL, RCPT or DATA; after 354, before anything of the message is
read; when the whole message is there and its reply is due."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What the server does at a stage instead of consenting: say something else, drop the line, or only be slow.

    ``is_taken``: at the stage ``reply``, it keeps the message all the same.
    """

    stage: Stage
    reply: str = ""
    is_drop: bool = False
    delay_seconds: float = 0.0
    is_taken: bool = False


NO_SUCH_USER = Fault("rcpt", "550 5.1.1 <somebody@example.com>: no such user")
MAILBOX_FULL = Fault("rcpt", "452 4.2.2 mailbox full")
GREYLISTED = Fault("rcpt", "451 4.7.1 greylisted, please try again in 300 seconds")
CLOSING = Fault("mail", "421 4.3.2 service shutting down")
REFUSED_CONTENT = Fault("reply", "554 5.7.1 message refused")
BUSY_AT_THE_END = Fault("reply", "451 4.3.0 try later")
DROPPED_BEFORE_DATA = Fault("data", is_drop=True)
DROPPED_IN_THE_MIDDLE = Fault("payload", is_drop=True)
TAKEN_AND_DROPPED = Fault("reply", is_drop=True, is_taken=True)
LOST_AND_DROPPED = Fault("reply", is_drop=True)


def no_faults(stage: "Stage", recipient: str, attempt: int) -> "Fault | None":
    """All goes well."""
    return None


Plan = Callable[[Stage, str, int], Fault | None]
"""(stage, recipient, which attempt for this recipient, from 0) -> the fault for that attempt, if any. At the stages
``connect`` and ``mail`` the recipient is not known yet: there it is "", and the attempt counts connections and MAILs."""


def by_recipient(faults: Mapping[str, Sequence[Fault | None]]) -> Plan:
    """For each recipient ("": connections and MAILs) the faults of its attempts in order; when they are used up, all is well."""

    def plan(stage: Stage, recipient: str, attempt: int) -> Fault | None:
        listed = faults.get(recipient, ())
        fault = listed[attempt] if attempt < len(listed) else None
        return fault if fault is not None and fault.stage == stage else None

    return plan


def at_random(seed: int, faults: Sequence[Fault], share: float) -> Plan:
    """A share of all attempts gets one of the faults, the same ones for the same seed, in whatever order they come."""

    def plan(stage: Stage, recipient: str, attempt: int) -> Fault | None:
        dice = random.Random(f"{seed}:{'-' if recipient else stage}:{recipient}:{attempt}")
        fault = dice.choice(faults) if dice.random() < share else None
        return fault if fault is not None and fault.stage == stage else None

    return plan


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as it arrived."""

    sender: str | None
    recipient: str
    content: bytes
    is_over_tls: bool
    login: str = ""


@dataclass
class SmtpServer:
    """The server; a context manager. ``users`` (name to password) makes it ask for a login.

    ``has_pipelining``: it offers to take commands together.
    """

    plan: Plan = no_faults
    certificate: "Certificate | None" = None
    users: Mapping[str, str] = field(default_factory=dict)
    connection_idle_seconds: float = 30.0
    has_pipelining: bool = False
    taken: list[Taken] = field(default_factory=list)
    connection_count: int = 0
    mail_count: int = 0
    attempts: Counter[str] = field(default_factory=Counter)
    port: int = 0
    transports: set[asyncio.WriteTransport] = field(default_factory=set)

    def __enter__(self) -> "SmtpServer":
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        assert self._ready.wait(10), "the SMTP server did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def fault(self, stage: Stage, recipient: str = "", attempt: int = 0) -> Fault | None:
        """What the plan says for this moment."""
        return self.plan(stage, recipient, attempt)

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: Any
    ) -> AuthResult:
        """Whether name and password are those of a user."""
        if not isinstance(login, LoginPassword):
            return AuthResult(success=False, handled=False)
        name, password = login.login.decode(), login.password.decode()
        return AuthResult(success=self.users.get(name) == password, handled=False, auth_data=name)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._run())
        finally:
            self._loop.close()

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        context = self.certificate.server_context() if self.certificate else None
        server = await self._loop.create_server(lambda: _Smtp(self, context), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for transport in self.transports:
            transport.abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # some turns of the loop, in which what was cut is let go of


class _Smtp(SMTP):
    """One connection of the server."""

    def __init__(self, house: SmtpServer, context: ssl.SSLContext | None) -> None:
        super().__init__(
            _Handler(house),
            hostname="relay.test",
            tls_context=context,
            authenticator=house.authenticate if house.users else None,
            auth_required=bool(house.users),
            auth_require_tls=context is not None,
            timeout=house.connection_idle_seconds,
            enable_SMTPUTF8=False,
        )
        self.house = house
        self.first_transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self.first_transport is None:  # the second one, after STARTTLS, lies on the first
            assert isinstance(transport, asyncio.WriteTransport)
            self.first_transport = transport
            self.house.transports.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        assert self.first_transport is not None
        self.house.transports.discard(self.first_transport)
        super().connection_lost(error)

    async def _handle_client(self) -> None:
        house = self.house
        fault = house.fault("connect", attempt=house.connection_count)
        house.connection_count += 1
        if fault is not None and (refusal := await self.suffer(fault)):
            await self.push(refusal)
            assert self.transport is not None
            self.transport.close()
            return
        await super()._handle_client()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if not self.envelope or not self.envelope.rcpt_tos:  # the refusal of a command sent with it
            await super().smtp_DATA(arg)
            return
        recipient = self.envelope.rcpt_tos[0]
        attempt = self.house.attempts[recipient] - 1
        fault = self.house.fault("data", recipient, attempt)
        if fault and (refusal := await self.suffer(fault)):
            await self.push(refusal)
            return
        if fault := self.house.fault("payload", recipient, attempt):
            await self.push("354 go on")
            await self.suffer(fault)
        await super().smtp_DATA(arg)

    async def suffer(self, fault: Fault) -> str:
        """Do what the fault says, and return what is to be said; after a drop it does not return."""
        if fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if fault.is_drop:
            assert isinstance(self.transport, asyncio.WriteTransport)
            self.transport.abort()
            await asyncio.get_running_loop().create_future()  # ended by the lost connection
        return fault.reply


class _Handler:
    def __init__(self, house: SmtpServer) -> None:
        self.house = house

    async def handle_EHLO(  # noqa: N802
        self, server: _Smtp, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        offered = ["250-PIPELINING"] if self.house.has_pipelining else []
        return [*responses[:-1], *offered, responses[-1]]

    async def handle_MAIL(  # noqa: N802
        self, server: _Smtp, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        fault = self.house.fault("mail", attempt=self.house.mail_count)
        self.house.mail_count += 1
        if fault and (reply := await server.suffer(fault)):
            return reply
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: _Smtp, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        attempt = self.house.attempts[address]
        self.house.attempts[address] += 1
        if (fault := self.house.fault("rcpt", address, attempt)) and (reply := await server.suffer(fault)):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: _Smtp, session: Session, envelope: Envelope) -> str:  # noqa: N802
        recipient = envelope.rcpt_tos[0]
        fault = self.house.fault("reply", recipient, self.house.attempts[recipient] - 1)
        if fault is None or fault.is_taken:
            self._take(session, envelope)
        if fault and (reply := await server.suffer(fault)):
            return reply
        return f"250 2.0.0 Ok: queued as Q{len(self.house.taken):05d}"

    def _take(self, session: Session, envelope: Envelope) -> None:
        content = envelope.content
        login: object = session.auth_data
        assert isinstance(content, bytes)
        self.house.taken.append(
            Taken(
                sender=envelope.mail_from,
                recipient=",".join(envelope.rcpt_tos),
                content=content,
                is_over_tls=session.ssl is not None,
                login=login if isinstance(login, str) else "",
            )
        )


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate for localhost and 127.0.0.1 that vouches for itself, and its key, as PEM files."""

    certificate_file: Path
    key_file: Path

    def server_context(self) -> ssl.SSLContext:
        """What the server shows itself with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate_file, self.key_file)
        return context


def make_certificate(folder: Path) -> Certificate:
    """Make one that holds for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    made.certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return made
