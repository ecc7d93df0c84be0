"""One connection to the relay, kept open from message to message, that knows at each step what is certain.

The moment that divides is the dot that ends DATA (RFC 5321 section 4.1.1.4): before it has left, the message was surely
not taken; from then until the reply, nobody can tell (section 6.1 makes the server responsible with its reply only).
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiosmtplib

from dunwell.outreach.channel import Outcome
from dunwell.outreach.email.answers import outcome_of_reply, without_addresses
from dunwell.outreach.email.conversation import Conversation
from dunwell.outreach.email.settings import EmailSettings
from dunwell.settings import SettingsError

WIRE_ERRORS = (aiosmtplib.SMTPException, OSError)
"""What a connection or the other side may do to us; TLS errors and timeouts are among the OSErrors."""

_SERVICE_CLOSING = 421
_START_INPUT = 354
_OK = 250
_CLOSE_STEP_SECONDS = 0.005
_CLOSE_STEPS_MAX = 100
_LINE_BEGINS_WITH_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message ready for the wire: who gets it, where it returns to, and its bytes (CRLF line ends, 7 bits)."""

    message_id: str
    sender: str
    recipient: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of the message, and whether the wire failed (rather than the server answered)."""

    outcome: Outcome
    has_wire_failed: bool = False


class _NothingSent(Exception):
    """The connection failed before the message's last byte left: it was surely not sent.

    ``has_said_nothing``: the server had gone before it answered a word of this message.
    """

    def __init__(self, detail: str, *, has_said_nothing: bool = False) -> None:
        super().__init__(detail)
        self.has_said_nothing = has_said_nothing


class Connection:
    """A way to the relay that opens when needed, and opens anew after a failure or after its share of messages."""

    def __init__(self, settings: EmailSettings, tls: ssl.SSLContext | None) -> None:
        self._settings = settings
        self._tls = tls
        self._client: aiosmtplib.SMTP | None = None
        self._transport: asyncio.BaseTransport | None = None
        self._conversation: Conversation | None = None
        self._has_pipelining = False
        self._carried_count = 0
        self._is_answered = False

    async def carry(self, envelope: Envelope, begin: Callable[[], Awaitable[None]]) -> Carried:
        """Hand the message over once. ``begin`` is awaited just before its bytes go; if it raises, they do not.

        A connection that lay idle may have been closed by the server meanwhile; then the message is tried on a new one.
        """
        is_reused = self._is_open
        try:
            return await self._try(envelope, begin)
        except _NothingSent as failure:
            if not (is_reused and failure.has_said_nothing):
                return _nothing_sent(envelope, failure)
        try:
            return await self._try(envelope, begin)
        except _NothingSent as failure:
            return _nothing_sent(envelope, failure)

    async def quit(self) -> None:
        """Say goodbye and close; a server that does not answer is left."""
        conversation = self._conversation
        if conversation is not None and conversation.is_open:
            with contextlib.suppress(*WIRE_ERRORS):  # it is closed either way
                await conversation.goodbye()
                await _closed(conversation)
        self._drop()

    @property
    def _is_open(self) -> bool:
        return self._conversation is not None and self._conversation.is_open

    def _drop(self) -> None:
        """Let go without a word: in the middle of DATA the server then throws away what it has."""
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()
        if self._client is not None:
            self._client.close()
        self._client = self._transport = self._conversation = None

    async def _try(self, envelope: Envelope, begin: Callable[[], Awaitable[None]]) -> Carried:
        self._is_answered = False
        try:
            conversation = await self._opened()
            reply = await self._announce(conversation, envelope)
            if reply.code != _START_INPUT:
                await self._start_over(conversation, reply.code)
                return Carried(_outcome(envelope, reply, is_handed_over=False))
        except WIRE_ERRORS as error:
            self._drop()
            is_gone = isinstance(error, aiosmtplib.SMTPServerDisconnected)
            raise _NothingSent(
                _in_words(error), has_said_nothing=is_gone and not self._is_answered
            ) from error
        except BaseException:
            self._drop()
            raise
        return await self._transfer(conversation, envelope, begin)

    async def _opened(self) -> Conversation:
        if self._is_open and self._carried_count >= self._settings.messages_per_connection_max:
            await self.quit()
        if self._conversation is not None and self._conversation.is_open:
            return self._conversation
        self._drop()
        settings, self._carried_count = self._settings, 0
        client = self._client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            local_hostname=settings.local_hostname,
            timeout=settings.timeout_seconds,
            start_tls=False,
            tls_context=self._tls,
        )
        await client.connect()
        self._transport = client.transport
        if await self._wants_tls(client):
            await client.starttls()
            self._transport = client.transport
        if settings.user is not None:
            await client.login(settings.user, settings.password or "")
        await self._greet(client)
        # What is offered is forgotten with STARTTLS and asked again after it (RFC 3207 section 4.2).
        self._has_pipelining = client.supports_extension("pipelining")
        assert isinstance(self._transport, asyncio.Transport)
        self._conversation = Conversation(self._transport, settings.timeout_seconds)
        return self._conversation

    async def _greet(self, client: aiosmtplib.SMTP) -> None:
        """EHLO where it was not said yet, and HELO to a server that does not know it."""
        if not client.is_ehlo_or_helo_needed:
            return
        try:
            await client.ehlo()
        except aiosmtplib.SMTPHeloError:
            await client.helo()

    async def _wants_tls(self, client: aiosmtplib.SMTP) -> bool:
        if self._settings.starttls != "opportunistic":
            return self._settings.starttls == "required"
        await client.ehlo()
        return client.supports_extension("starttls")

    async def _announce(self, conversation: Conversation, envelope: Envelope) -> aiosmtplib.SMTPResponse:
        """MAIL, RCPT, DATA: the first reply that is no consent, or DATA's. All three at once where the server can do so."""
        self._carried_count += 1
        commands = (
            f"MAIL FROM:<{envelope.sender}>".encode("ascii"),
            f"RCPT TO:<{envelope.recipient}>".encode("ascii"),
            b"DATA",
        )
        if self._has_pipelining:
            conversation.command(*commands)
        for command in commands:
            if not self._has_pipelining:
                conversation.command(command)
            reply = await conversation.reply()
            self._is_answered = True
            if command == b"DATA":
                break
            if not 200 <= reply.code < 300:
                await self._hear_out(conversation, commands.index(command))
                break
        return reply

    async def _hear_out(self, conversation: Conversation, refused_index: int) -> None:
        """After a refusal: the replies to what was said together with the refused command.

        Should the server want a message all the same, nothing of it goes: the connection is cut, which ends the matter.
        """
        if not self._has_pipelining:
            return
        try:
            for _ in range(refused_index + 1, 3):
                reply = await conversation.reply()
        except WIRE_ERRORS:
            self._drop()
            return
        if reply.code == _START_INPUT:
            self._drop()

    async def _start_over(self, conversation: Conversation, code: int) -> None:
        """After a refusal: make the connection ready for the next message, or close it when the server is going."""
        if code == _SERVICE_CLOSING or not self._is_open:
            self._drop()
            return
        try:
            conversation.command(b"RSET")
            if (await conversation.reply()).code != _OK:
                self._drop()
        except WIRE_ERRORS:
            self._drop()

    async def _transfer(
        self, conversation: Conversation, envelope: Envelope, begin: Callable[[], Awaitable[None]]
    ) -> Carried:
        """The message itself. All but its end first: what fails until that has left was surely not taken."""
        try:
            await begin()
            await conversation.message(_stuffed(envelope.payload))
            conversation.dot()
        except WIRE_ERRORS as error:
            self._drop()
            return _nothing_sent(envelope, _NothingSent(_in_words(error)))
        except BaseException:
            self._drop()
            raise
        return await self._reply(conversation, envelope)

    async def _reply(self, conversation: Conversation, envelope: Envelope) -> Carried:
        try:
            reply = await conversation.reply()
        except WIRE_ERRORS as error:
            self._drop()
            detail = f"no answer after the whole message was sent: {_in_words(error)}"
            return Carried(Outcome(envelope.message_id, "unknown", detail), has_wire_failed=True)
        except BaseException:
            self._drop()
            raise
        if not 200 <= reply.code < 300:
            await self._start_over(conversation, reply.code)
        return Carried(_outcome(envelope, reply, is_handed_over=True))


def tls_context(settings: EmailSettings) -> ssl.SSLContext | None:
    """Whom we trust; made once for all connections. Raises SettingsError when ``ca_file`` cannot be used."""
    if settings.starttls == "none":
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        mend = "Put the certificates there in PEM form"
        raise SettingsError(
            f"outreach.email.ca_file {settings.ca_file} cannot be used ({error}). {mend}"
        ) from error
    if settings.starttls == "opportunistic":
        # Better than nothing against who only listens (RFC 7435): a certificate that cannot be verified is taken too.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _stuffed(payload: bytes) -> bytes:
    """Every line that begins with a dot gets a second one (RFC 5321 section 4.5.2), and the last line ends."""
    return _LINE_BEGINS_WITH_DOT.sub(b"..", payload) + (b"" if payload.endswith(b"\r\n") else b"\r\n")


async def _closed(conversation: Conversation) -> None:
    """Wait a little until the connection is gone (over TLS, the other side has its say)."""
    for _ in range(_CLOSE_STEPS_MAX):
        if conversation.is_lost:
            return
        await asyncio.sleep(_CLOSE_STEP_SECONDS)


def _outcome(envelope: Envelope, reply: aiosmtplib.SMTPResponse, *, is_handed_over: bool) -> Outcome:
    return outcome_of_reply(envelope.message_id, reply.code, reply.message, is_handed_over=is_handed_over)


def _nothing_sent(envelope: Envelope, failure: _NothingSent) -> Carried:
    return Carried(Outcome(envelope.message_id, "deferred", f"not sent: {failure}"), has_wire_failed=True)


def _in_words(error: BaseException) -> str:
    return without_addresses(f"{type(error).__name__}: {error}")
