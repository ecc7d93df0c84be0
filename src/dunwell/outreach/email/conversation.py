"""The words on an open connection: commands out, several in one write where the server allows it, and replies in their order.

aiosmtplib opens a connection (greeting, EHLO, STARTTLS, login); from there on this protocol has it, because commands sent
together (PIPELINING, RFC 2920) have replies that come together, and aiosmtplib keeps one reply at a time.
"""

import asyncio
import re
from collections import deque

from aiosmtplib import (
    SMTPReadTimeoutError,
    SMTPResponse,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)

REPLY_LENGTH_MAX = 32_768
"""Bytes of replies that wait: no server has so much to say."""

_LINE = re.compile(rb"([0-9]{3})(?:([ -])(.*))?", re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_NOT_SMTP = -1
_DRAIN_STEP_SECONDS = 0.005


class Conversation(asyncio.Protocol):
    """Commands and replies on one connection. Every step is waited for at most ``timeout_seconds``.

    What the wire or the other side does raises an ``aiosmtplib.SMTPException``.
    """

    def __init__(self, transport: asyncio.Transport, timeout_seconds: float) -> None:
        """Takes the connection over; nothing may be waiting to be said or read on it."""
        self._transport = transport
        self._timeout_seconds = timeout_seconds
        self._loop = asyncio.get_running_loop()
        self.is_lost = False
        self._awaited_count = 0
        self._lines: list[bytes] = []
        self._rest = b""
        self._replies: deque[SMTPResponse] = deque()
        self._failure: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        """Whether something can still be said, as far as our side knows."""
        return self._failure is None and not self._transport.is_closing()

    def command(self, *commands: bytes) -> None:
        """Say these, in one write; each has its ``reply``. Raises ValueError for a control character in one."""
        if any(_CONTROL.search(command) for command in commands):
            raise ValueError("a command has a control character in it")
        self._awaited_count += len(commands)
        self._write(b"\r\n".join((*commands, b"")))

    async def message(self, payload: bytes) -> None:
        """The message's bytes but for the dot that ends it; all of them have left our side when this returns."""
        self._write(payload)
        deadline = self._loop.time() + self._timeout_seconds
        while self._transport.get_write_buffer_size():
            if self._loop.time() > deadline:
                raise SMTPTimeoutError("Timed out sending the message")
            await asyncio.sleep(_DRAIN_STEP_SECONDS)

    def dot(self) -> None:
        """The end of the message, which has its ``reply``."""
        self._awaited_count += 1
        self._write(b".\r\n")

    async def reply(self) -> SMTPResponse:
        """The next reply, in the order of what was said."""
        if not self._replies:
            await self._more()
        reply = self._replies.popleft()
        if reply.code == _NOT_SMTP:
            raise SMTPResponseException(reply.code, "Malformed SMTP response line")
        return reply

    async def goodbye(self) -> None:
        """QUIT, its reply, and our side's end; a server that goes without a word is gone as well."""
        self.command(b"QUIT")
        await self.reply()
        self._transport.close()

    async def _more(self) -> None:
        """Wait until there is a reply."""
        if self._failure is not None:
            raise SMTPServerDisconnected(str(self._failure)) from self._failure
        waiter = self._waiter = self._loop.create_future()
        timer = self._loop.call_later(self._timeout_seconds, _give_up, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _write(self, data: bytes) -> None:
        if not self.is_open:
            raise SMTPServerDisconnected("Connection lost")
        self._transport.write(data)

    # --- what asyncio calls

    def data_received(self, data: bytes) -> None:
        """Part of a reply, or some. What nobody waits for is let go, so that it is not taken for another's answer."""
        if not self._awaited_count or self._failure is not None:
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if not self._awaited_count:
                self._rest = b""
                break
            self._take(line.strip(b" \t\r"))
        if len(self._rest) + sum(map(len, self._lines)) > REPLY_LENGTH_MAX:
            self._fail(SMTPServerDisconnected("Response too long"))
            self._transport.abort()
        elif self._replies:
            self._wake(None)

    def _take(self, line: bytes) -> None:
        found = _LINE.fullmatch(line)
        self._lines.append(found[3] or b"" if found else b"")
        if found and found[2] == b"-":
            return
        text = b"\n".join(one.strip(b" \t") for one in self._lines).decode("utf-8", "surrogateescape")
        self._replies.append(SMTPResponse(int(found[1]) if found else _NOT_SMTP, text))
        self._lines = []
        self._awaited_count -= 1

    def eof_received(self) -> bool:
        """The other side says no more; the connection is closed."""
        self._fail(SMTPServerDisconnected("Unexpected EOF received"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """No more is said or read."""
        self.is_lost = True
        self._fail(exc or SMTPServerDisconnected("Connection lost"))

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = error
            self._wake(error)

    def _wake(self, error: Exception | None) -> None:
        if self._waiter is None or self._waiter.done():
            return
        if error is None:
            self._waiter.set_result(None)
        else:
            self._waiter.set_exception(SMTPServerDisconnected(str(error)))


def _give_up(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(SMTPReadTimeoutError("Timed out waiting for server response"))
