"""A message centre on loopback that takes, counts and misbehaves on command: smpp34's server behind a relay of ours.

smpp34's engine speaks the protocol. The relay before it sees every PDU pass, checks the password (the engine takes
anybody), counts what is outstanding, and cuts the connection where a test asks for it.
"""

import asyncio
import concurrent.futures
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

import smpp34

BIND_RECEIVER, BIND_TRANSCEIVER, SUBMIT_SM, UNBIND, ENQUIRE_LINK, RESPONSE = 1, 9, 4, 6, 0x15, 0x80000000
INVALID_PASSWORD, NOT_BOUND_FOR_IT = 0x0E, 0x04
_HEADER = struct.Struct(">IIII")


@dataclass(frozen=True)
class Taken:
    """One submit_sm that the centre took: it is on its way to a handset."""

    reference: str
    source: str
    destination: str
    esm_class: int
    data_coding: int
    body: bytes
    tlvs: dict[int, bytes]

    @property
    def place(self) -> tuple[int, int, int] | None:
        """(reference, total, number) of a part, as a handset reads its header."""
        if not self.esm_class & 0x40:
            return None
        if self.body[0] == 5:
            return self.body[3], self.body[4], self.body[5]
        return int.from_bytes(self.body[3:5], "big"), self.body[5], self.body[6]

    @property
    def payload(self) -> bytes:
        return self.body[self.body[0] + 1 :] if self.esm_class & 0x40 else self.body


@dataclass
class Faults:
    """What the centre does wrong; each may be set while it runs.

    ``decide`` gives the command_status for the n-th submit_sm (from 1); ``drop_at`` cuts the connection when that many
    were taken, their last answer unsaid; ``cut_at`` cuts before that many would be passed on at all.
    """

    decide: Callable[[int, smpp34.SubmitSmEvent], int] = lambda number, submit: 0
    bind_status: int = 0
    is_silent_on_bind: bool = False
    is_deaf: bool = False  # passes nothing on and answers nothing
    drop_at: int = 0
    cut_at: int = 0
    answer_seconds: float = 0.0
    receipts: Literal["none", "once", "twice"] = "none"
    receipt_seconds: float = 0.0


@dataclass
class Smsc:
    """``async with Smsc() as smsc``: listens on 127.0.0.1, ``smsc.port``."""

    password: str = "secret"
    tls: ssl.SSLContext | None = None
    name_message: Callable[[int], str] = lambda number: f"m{number}"
    faults: Faults = field(default_factory=Faults)
    taken: list[Taken] = field(default_factory=list)
    binds: int = 0
    bound_as: list[int] = field(default_factory=list)
    unbinds: int = 0
    enquiries: int = 0
    submits: int = 0
    outstanding: int = 0
    outstanding_max: int = 0
    receipt_statuses: list[int] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> Self:
        self._esmes: list[smpp34.Esme] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._links: set[asyncio.StreamWriter] = set()
        self._inner_port = _free_port()
        self._engine = smpp34.Server("127.0.0.1", self._inner_port, system_id="centre")
        await self._engine.start()
        self._start(self._serve())
        self._front = await asyncio.start_server(self._relay, "127.0.0.1", self.port, ssl=self.tls)
        self.port = self._front.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._front.close()
        self.drop_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._engine.stop()

    def drop_all(self) -> None:
        """Cut every connection."""
        for writer in self._links:
            writer.transport.abort()

    @property
    def bound(self) -> list[str]:
        """The sessions that are bound."""
        return [str(esme.session_id) for esme in self._esmes]

    async def is_bound(self) -> None:
        """Waits until somebody is bound."""
        async with asyncio.timeout(5):
            while not self._esmes:
                await asyncio.sleep(0.005)

    async def deliver(self, source: str, body: bytes, **fields: object) -> int:
        """Push one deliver_sm to whoever is bound; its command_status."""
        await self.is_bound()
        response = await self._esmes[-1].deliver_sm("12345", body, source_addr=source, **fields)  # type: ignore[arg-type]
        return response.command_status

    async def say(self, source: str, text: str) -> int:
        """A person writes to us (GSM alphabet where it is ASCII letters, UCS-2 otherwise)."""
        if text.replace(" ", "").isalnum() and text.isascii():
            return await self.deliver(source, text.encode("ascii"))
        return await self.deliver(source, text.encode("utf-16-be"), data_coding=8)

    async def receipt(
        self, reference: str, state: str = "DELIVRD", error: str = "000", **fields: object
    ) -> int:
        """Push a delivery receipt in the text of appendix B."""
        text = (
            f"id:{reference} sub:001 dlvrd:001 submit date:2611240800 done date:2611240801 "
            f"stat:{state} err:{error} text:Hello stat:NONE"
        )
        return await self.deliver("85251234567", text.encode("ascii"), esm_class=0x04, **fields)

    def messages(self) -> dict[str, list[Taken]]:
        """What was taken, by recipient."""
        by_recipient: dict[str, list[Taken]] = {}
        for part in self.taken:
            by_recipient.setdefault(part.destination, []).append(part)
        return by_recipient

    def _start(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        while True:
            event = await self._engine.next()
            if isinstance(event, smpp34.Esme):
                self._esmes.append(event)
            elif isinstance(event, smpp34.Unbound):
                self._esmes = [esme for esme in self._esmes if esme.session_id != event.session_id]
            else:
                self._start(self._answer(event))

    async def _answer(self, submit: smpp34.SubmitSmEvent) -> None:
        self.submits += 1
        number = self.submits
        status = self.faults.decide(number, submit)
        if not status:
            reference = self.name_message(number)
            self.taken.append(
                Taken(
                    reference,
                    submit.source_addr,
                    submit.destination_addr,
                    submit.esm_class,
                    submit.data_coding,
                    submit.short_message,
                    {tlv.tag: tlv.value for tlv in submit.tlvs},
                )
            )
        if self.faults.answer_seconds:
            await asyncio.sleep(self.faults.answer_seconds)
        if status:
            submit.reject(status)
            return
        submit.accept(reference)
        times = {"none": 0, "once": 1, "twice": 2}[self.faults.receipts]
        for _ in range(times):
            await asyncio.sleep(self.faults.receipt_seconds)
            with suppress(smpp34.SmppError, RuntimeError, ConnectionError):
                self.receipt_statuses.append(await self.receipt(reference))

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._inner_port)
        self._links |= {writer, inner_writer}
        mine: list[int] = []  # sequence numbers outstanding on this connection
        receivers: set[int] = set()  # that of the bind, where it was bound as receiver
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._inward(reader, writer, inner_writer, mine, receivers))
                both.create_task(self._outward(inner_reader, writer, mine, receivers))
        except* (_Cut, EOFError, OSError):
            pass
        finally:
            self.outstanding -= len(mine)
            for link in (writer, inner_writer):
                link.close()
                self._links.discard(link)

    async def _inward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        inner: asyncio.StreamWriter,
        mine: list[int],
        receivers: set[int],
    ) -> None:
        while True:
            raw = await _read(reader)
            _, command, _, sequence = _HEADER.unpack(raw[:16])
            if self.faults.is_deaf:
                continue
            if command in (BIND_RECEIVER, BIND_TRANSCEIVER):
                if self.faults.is_silent_on_bind:
                    continue
                status = self.faults.bind_status or self._password_status(raw)
                if status:
                    writer.write(_HEADER.pack(16, command | RESPONSE, status, sequence))
                    continue
                self.binds += 1
                self.bound_as.append(command)
                if (
                    command == BIND_RECEIVER
                ):  # smpp34's engine takes a receiver's answers for invalid: it sees a transceiver
                    receivers.add(sequence)
                    raw = raw[:4] + struct.pack(">I", BIND_TRANSCEIVER) + raw[8:]
            elif command == SUBMIT_SM and receivers:
                writer.write(_HEADER.pack(16, command | RESPONSE, NOT_BOUND_FOR_IT, sequence))
                continue
            elif command == SUBMIT_SM:
                if self.faults.cut_at and self.submits + 1 >= self.faults.cut_at:
                    self.faults.cut_at = 0
                    raise _Cut
                mine.append(sequence)
                self.outstanding += 1
                self.outstanding_max = max(self.outstanding_max, self.outstanding)
            self.unbinds += command == UNBIND
            self.enquiries += command == ENQUIRE_LINK
            inner.write(raw)

    async def _outward(
        self,
        inner: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        mine: list[int],
        receivers: set[int],
    ) -> None:
        while True:
            raw = await _read(inner)
            _, command, _, sequence = _HEADER.unpack(raw[:16])
            if self.faults.is_deaf:
                continue
            if command == SUBMIT_SM | RESPONSE:
                if self.faults.drop_at and len(self.taken) >= self.faults.drop_at:
                    self.faults.drop_at = 0
                    raise _Cut
                mine.remove(sequence)
                self.outstanding -= 1
            if command == BIND_TRANSCEIVER | RESPONSE and sequence in receivers:
                raw = raw[:4] + struct.pack(">I", BIND_RECEIVER | RESPONSE) + raw[8:]
            writer.write(raw)

    def _password_status(self, bind: bytes) -> int:
        _, password, *_ = bind[16:].split(b"\0")
        return 0 if password.decode() == self.password else INVALID_PASSWORD


@contextmanager
def smsc_running(smsc: Smsc) -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """The centre in a thread of its own, for tests that run in no loop or in many.

    Gives a function that runs the centre's coroutines there and waits: ``status = run(smsc.say("852...", "STOP"))``.
    """
    ready: concurrent.futures.Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = (
        concurrent.futures.Future()
    )

    async def live() -> None:
        async with smsc:
            done = asyncio.Event()
            ready.set_result((asyncio.get_running_loop(), done))
            await done.wait()

    thread = threading.Thread(target=asyncio.run, args=(live(),))
    thread.start()
    loop, done = ready.result(timeout=10)
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(timeout=60)
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()


class _Cut(Exception):
    """The connection is to be cut here."""


async def _read(reader: asyncio.StreamReader) -> bytes:
    header = await reader.readexactly(16)
    (length,) = struct.unpack(">I", header[:4])
    return header + await reader.readexactly(length - 16)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
