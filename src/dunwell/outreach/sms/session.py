"""One bound SMPP connection: requests and their answers, the link kept alive, and what the SMSC delivers to us.

The session knows for every submit_sm whether it was written. That is what tells ``deferred`` (surely not sent) from
``unknown`` (written, and the connection ended before the answer).
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from dunwell.outreach.sms.pdu import (
    BIND_TRANSCEIVER,
    DELIVER_SM,
    ENQUIRE_LINK,
    GENERIC_NACK,
    INVALID_COMMAND,
    OK,
    PERMANENT_RECEIVER_ERROR,
    QUEUE_FULL,
    RESPONSE,
    SUBMIT_SM,
    SYSTEM_ERROR,
    TEMPORARY_RECEIVER_ERROR,
    UNBIND,
    Delivery,
    NotSmpp,
    Pdu,
    bind_body,
    encode_pdu,
    read_delivery,
    read_pdu,
    status_in_words,
)
from dunwell.outreach.sms.settings import SmppSettings

_log = logging.getLogger(__name__)

TakeDelivery = Callable[[Delivery], Awaitable[int]]
"""Stores what was delivered and gives the command_status to answer with."""

_DELIVERIES_WAITING_MAX = 1000
_SEQUENCE_MAX = 0x7FFFFFFF


class NotBound(Exception):
    """No session could be had; ``retry_after_seconds`` is how long it makes sense to wait."""

    def __init__(self, detail: str, retry_after_seconds: float) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: answered with a status, lost (written, never answered), or not written at all."""

    fate: Literal["answered", "lost", "unwritten"]
    status: int = OK
    reference: str = ""
    detail: str = ""


async def open_session(
    settings: SmppSettings, take_delivery: TakeDelivery, bind: int = BIND_TRANSCEIVER
) -> "Session":
    """A session bound as transceiver, or as receiver (``bind``: the command). Raises NotBound with what to mend; never waits
    longer than timeout_seconds.
    """
    place = f"{settings.host}:{settings.port}"
    try:
        async with asyncio.timeout(settings.timeout_seconds):
            reader, writer = await asyncio.open_connection(
                settings.host, settings.port, ssl=_tls_context(settings)
            )
    except TimeoutError as error:
        raise NotBound(f"{place} did not answer within {settings.timeout_seconds:g} s", 30.0) from error
    except (OSError, ValueError) as error:  # ValueError: a host name that can be none
        # Its words could name addresses inside the lender's network; its kind is enough to act on.
        raise NotBound(f"no connection to {place} ({type(error).__name__})", 30.0) from error
    session = Session(reader, writer, settings, take_delivery)
    try:
        await session.bind(bind)
    except BaseException:
        await session.drop("the bind failed")
        raise
    return session


class Session:
    """Requests go out in order and are answered in any; deliveries are taken one after another, in order."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        settings: SmppSettings,
        take_delivery: TakeDelivery,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._settings = settings
        self._take_delivery = take_delivery
        self._sequence = 0
        self._answers: dict[int, tuple[int, asyncio.Future[Pdu | None]]] = {}  # by sequence, with the command
        self._deliveries: asyncio.Queue[Pdu] = asyncio.Queue(_DELIVERIES_WAITING_MAX)
        self._heard_at = asyncio.get_running_loop().time()
        self.ended = asyncio.Event()
        self.end_reason = ""
        self._tasks = [
            asyncio.create_task(work) for work in (self._read(), self._deliver(), self._keep_alive())
        ]

    @property
    def is_open(self) -> bool:
        """Whether a message may be written now."""
        return not self.ended.is_set()

    async def bind(self, command: int = BIND_TRANSCEIVER) -> None:
        """bind_transceiver, or bind_receiver. Raises NotBound."""
        settings = self._settings
        place = f"{settings.host}:{settings.port}"
        body = bind_body(settings.system_id, settings.password, settings.system_type)
        answer = await self._request(command, lambda sequence: encode_pdu(command, sequence, body=body))
        if answer.fate != "answered":
            raise NotBound(
                f"{place} did not answer the bind of system_id {settings.system_id} ({answer.detail}). "
                "Some SMSCs stay silent when the password is wrong: check it, and whether this machine's "
                "address is allowed",
                60.0,
            )
        if answer.status != OK:
            raise NotBound(
                f"{place} refuses the bind of system_id {settings.system_id} "
                f"({status_in_words(answer.status)}). Check system_id, password and system_type",
                60.0,
            )

    async def submit(self, encode: Callable[[int], bytes]) -> Answer:
        """Write one submit_sm (``encode`` is given its sequence number) and wait for its answer.

        Without an answer in time the connection is given up: an SMSC that stays silent gets no more messages.
        """
        if not self.is_open:
            return Answer("unwritten", detail=self.end_reason)
        return await self._request(SUBMIT_SM, encode)

    async def answers(self) -> bool:
        """Whether the SMSC is still there: asked before a batch, since a connection may have died unnoticed and what
        is written into a dead one is unknown.
        """
        await self._enquire()
        return self.is_open

    async def close(self) -> None:
        """Take what was delivered, unbind, and let go of the connection."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.timeout_seconds):
                await self._deliveries.join()
                if self.is_open:
                    await self._request(UNBIND, lambda sequence: encode_pdu(UNBIND, sequence))
        await self.drop("closed by us")

    async def drop(self, reason: str) -> None:
        """Let go of the connection without a word, and of everything that ran for it."""
        self._end(reason)
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._writer.transport.abort()  # what a deaf peer has not read is not waited for
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _request(self, command: int, encode: Callable[[int], bytes]) -> Answer:
        sequence = self._sequence = self._sequence % _SEQUENCE_MAX + 1
        pdu = encode(sequence)
        if self.ended.is_set():
            return Answer("unwritten", detail=self.end_reason)
        answer: asyncio.Future[Pdu | None] = asyncio.get_running_loop().create_future()
        self._answers[sequence] = command, answer
        try:
            self._writer.write(pdu)
            async with asyncio.timeout(self._settings.timeout_seconds):
                response = await answer
        except TimeoutError:
            self._end(f"no answer within {self._settings.timeout_seconds:g} s")
            return Answer("lost", detail=self.end_reason)
        finally:
            self._answers.pop(sequence, None)
        if response is None:
            return Answer("lost", detail=self.end_reason)
        if response.command_id == GENERIC_NACK:  # the SMSC could make nothing of it, whatever status it adds
            return Answer("answered", response.status or SYSTEM_ERROR)
        return Answer("answered", response.status, response.first_string())

    async def _read(self) -> None:
        reason = "the SMSC closed the connection"
        try:
            while True:
                pdu = await read_pdu(self._reader)
                self._heard_at = asyncio.get_running_loop().time()
                self._handle(pdu)
        except NotSmpp as error:
            reason = f"the SMSC sent {error}"
        except (EOFError, OSError):
            pass
        finally:
            self._end(reason)

    def _handle(self, pdu: Pdu) -> None:
        if pdu.command_id & RESPONSE:
            self._settle(pdu)
        elif pdu.command_id == DELIVER_SM:
            try:
                self._deliveries.put_nowait(pdu)
            except asyncio.QueueFull:
                self._respond(pdu, QUEUE_FULL)
        elif pdu.command_id in (ENQUIRE_LINK, UNBIND):
            self._respond(pdu, OK)
            if pdu.command_id == UNBIND:
                self._end("the SMSC unbound us")
        else:
            self._write(encode_pdu(GENERIC_NACK, pdu.sequence, INVALID_COMMAND))

    def _settle(self, response: Pdu) -> None:
        command, answer = self._answers.get(response.sequence, (0, None))
        is_the_answer = response.command_id in (command | RESPONSE, GENERIC_NACK)
        if answer is not None and is_the_answer and not answer.done():
            answer.set_result(response)

    def _respond(self, pdu: Pdu, status: int) -> None:
        # deliver_sm_resp carries an empty message_id (section 4.6.2); the others have no body.
        body = b"\0" if pdu.command_id == DELIVER_SM else b""
        self._write(encode_pdu(pdu.command_id | RESPONSE, pdu.sequence, status, body))

    def _write(self, data: bytes) -> None:
        if not self.ended.is_set():
            self._writer.write(data)

    async def _deliver(self) -> None:
        try:
            while True:
                pdu = await self._deliveries.get()
                status = await self._store(pdu)
                self._respond(pdu, status)
                self._deliveries.task_done()
        finally:
            self._end("deliveries are taken no more")

    async def _store(self, pdu: Pdu) -> int:
        try:
            return await self._take_delivery(read_delivery(pdu))
        except NotSmpp as error:
            _log.warning("The SMSC sent %s; answered as a permanent error", error)
            return PERMANENT_RECEIVER_ERROR
        except Exception:
            _log.exception("A delivery could not be stored; the SMSC is asked to send it again")
            return TEMPORARY_RECEIVER_ERROR

    async def _keep_alive(self) -> None:
        loop = asyncio.get_running_loop()
        every_seconds = self._settings.enquire_link_seconds
        while not self.ended.is_set():
            idle_seconds = loop.time() - self._heard_at
            if idle_seconds < every_seconds:
                await asyncio.sleep(every_seconds - idle_seconds)
                continue
            await self._enquire()
            self._heard_at = loop.time()

    async def _enquire(self) -> None:
        await self._request(ENQUIRE_LINK, lambda sequence: encode_pdu(ENQUIRE_LINK, sequence))

    def _end(self, reason: str) -> None:
        if self.ended.is_set():
            return
        self.end_reason = reason
        self.ended.set()
        for _, answer in self._answers.values():
            if not answer.done():
                answer.set_result(None)
        self._writer.close()


def _tls_context(settings: SmppSettings) -> ssl.SSLContext | None:
    if not settings.tls:
        return None
    return ssl.create_default_context(cafile=settings.tls_ca_file)
