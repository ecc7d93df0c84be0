"""Text messages over SMPP 3.4: each part written at most once, each message answered for, receipts and replies taken in."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from dunwell.outreach.channel import Message, Outcome, Receipt, Reply
from dunwell.outreach.sms.outcomes import LOST_RETRY_SECONDS, failed
from dunwell.outreach.sms.pacing import Pace
from dunwell.outreach.sms.pdu import (
    BIND_RECEIVER,
    BIND_TRANSCEIVER,
    OK,
    PERMANENT_RECEIVER_ERROR,
    QUEUE_FULL,
    TEMPORARY_RECEIVER_ERROR,
    THROTTLED,
    Delivery,
)
from dunwell.outreach.sms.preparing import OnBegin, Prepared, is_begun, prepare
from dunwell.outreach.sms.receipts import is_receipt, parse_receipt, reference_of_answer
from dunwell.outreach.sms.replies import PartialReplies
from dunwell.outreach.sms.session import Answer, NotBound, Session, open_session
from dunwell.outreach.sms.settings import SmppSettings

_log = logging.getLogger(__name__)

OnInbound = Callable[[Receipt | Reply], Awaitable[None]]
"""Stores a receipt or reply for good; whatever it raises, the SMSC is asked to deliver again."""

_RECONNECT_SECONDS_MAX = 60.0


class SmppSender:
    """A Sender for one SMPP account, bound as transceiver (as receiver where it ``only_receives``; then it sends nothing).

    The connection is made by ``start`` or the first ``send``, kept (and made anew) until ``close``, and serves both
    ways. A connection that breaks ends the messages of that ``send`` only: what was written without an answer is
    unknown, what was not written is deferred.
    """

    is_idempotent: ClassVar[bool] = False

    def __init__(
        self,
        settings: SmppSettings,
        *,
        clock: Callable[[], datetime],
        on_begin: OnBegin | None = None,
        on_inbound: OnInbound | None = None,
        only_receives: bool = False,
    ) -> None:
        """``only_receives``: bound as receiver, for a process that takes in what comes back while others send."""
        self._bind = BIND_RECEIVER if only_receives else BIND_TRANSCEIVER
        self._settings = settings
        self._clock = clock
        self._on_begin = on_begin
        self._on_inbound = on_inbound
        self._replies = PartialReplies(settings.parts_file)
        self._pace = Pace(settings.throughput_per_second)
        self._session: Session | None = None
        self._binding = asyncio.Lock()
        self._sending = asyncio.Lock()  # one send at a time, so that the window holds
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closed = False

    async def start(self) -> str | None:
        """Bind now and stay bound, to receive before anything is sent. Returns why not, or None when bound."""
        try:
            await self._bound()
        except NotBound as error:
            return str(error)
        return None

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Hand over all of them and answer for each, in their order."""
        outcomes: list[Outcome | None] = [None] * len(messages)
        ready: list[tuple[int, Prepared]] = []
        for position, message in enumerate(messages):
            result = prepare(message, self._settings)
            if isinstance(result, Outcome):
                outcomes[position] = result
            else:
                ready.append((position, result))
        if ready:
            try:
                session = await self._bound()
            except NotBound as error:
                for position, prepared in ready:
                    outcomes[position] = Outcome(
                        prepared.message_id,
                        "deferred",
                        str(error),
                        retry_after_seconds=error.retry_after_seconds,
                    )
            else:
                async with self._sending:
                    await self._submit_all(session, ready, outcomes)
        return [outcome for outcome in outcomes if outcome is not None]

    async def close(self) -> None:
        """Unbind and let go of the connection."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        async with self._binding:
            if self._session is not None:
                await self._session.close()
                self._session = None
        self._replies.close()

    async def _submit_all(
        self, session: Session, ready: list[tuple[int, Prepared]], outcomes: list[Outcome | None]
    ) -> None:
        # Each worker has one submit_sm outstanding at most: as many workers as the window allows.
        waiting = iter(ready)

        async def work() -> None:
            for position, prepared in waiting:
                outcomes[position] = await self._submit_message(session, prepared)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self._settings.window, len(ready))):
                workers.create_task(work())

    async def _submit_message(self, session: Session, prepared: Prepared) -> Outcome:
        references: list[str] = []
        for number, encode in enumerate(prepared.encoders):
            is_first = number == 0
            answer = await self._submit_part(session, prepared.message_id, encode, is_first)
            if answer.fate != "answered" or answer.status != OK:
                return failed(prepared, answer, references, self._settings)
            references.append(reference_of_answer(answer.reference, self._settings.receipt_ids))
        return Outcome(prepared.message_id, "accepted", provider_references=tuple(filter(None, references)))

    async def _submit_part(
        self, session: Session, message_id: str, encode: Callable[[int], bytes], is_first: bool
    ) -> Answer:
        """Submit one part. A later part that the SMSC wants slower is tried again, since the first ones are gone."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._settings.timeout_seconds
        while True:
            await self._pace.turn()
            if not session.is_open:
                return Answer("unwritten", detail=session.end_reason)
            if is_first and not await is_begun(message_id, self._on_begin):
                return Answer("unwritten", detail="our own record of it could not be kept")
            answer = await session.submit(encode)
            is_asked_to_wait = answer.fate == "answered" and answer.status in (THROTTLED, QUEUE_FULL)
            if is_asked_to_wait:
                self._pace.hold(self._settings.throttle_seconds)
            if is_first or not is_asked_to_wait or loop.time() >= give_up_at:
                return answer

    async def _bound(self) -> Session:
        """A session that answers, made if need be. Raises NotBound."""
        async with self._binding:
            if self._is_closed:
                raise NotBound("the sender is closed", LOST_RETRY_SECONDS)
            if not self._tasks:
                self._tasks = [
                    asyncio.create_task(self._keep_bound()),
                    asyncio.create_task(self._hand_over_overdue()),
                ]
            if self._session is not None and await self._session.answers():
                return self._session
            if self._session is not None:
                await self._session.drop(self._session.end_reason)
                self._session = None
            self._session = await open_session(self._settings, self._take, self._bind)
            return self._session

    async def _keep_bound(self) -> None:
        wait_seconds = self._settings.reconnect_seconds
        while True:
            await asyncio.sleep(wait_seconds)
            try:
                session = await self._bound()
            except NotBound as error:
                _log.warning("SMS: %s; trying again", error)
                wait_seconds = min(wait_seconds * 2, _RECONNECT_SECONDS_MAX)
                continue
            await session.ended.wait()
            _log.warning("SMS: the connection ended (%s); binding anew", session.end_reason)
            wait_seconds = self._settings.reconnect_seconds

    async def _take(self, delivery: Delivery) -> int:
        """Store what the SMSC delivered; the status to answer it with."""
        if self._on_inbound is None:
            return TEMPORARY_RECEIVER_ERROR  # nobody is there to store it, so the SMSC keeps it
        at = self._clock()
        if is_receipt(delivery):
            receipt = parse_receipt(delivery, at, self._settings)
            if receipt is None:
                _log.warning(
                    "SMS: a delivery receipt names no message or state; answered as a permanent error"
                )
                return PERMANENT_RECEIVER_ERROR
            await self._on_inbound(receipt)
            return OK
        reply = self._replies.take(delivery, at)
        if reply is not None:
            await self._on_inbound(reply)
            self._replies.settle(reply.reply_id)
        return OK

    async def _hand_over_overdue(self) -> None:
        """A reply of which a part never came is handed over as far as it came: a STOP in it counts."""
        wait_seconds = self._settings.part_wait_seconds
        while self._on_inbound is not None:
            for reply in self._replies.overdue(self._clock() - timedelta(seconds=wait_seconds)):
                try:
                    await self._on_inbound(reply)
                    self._replies.settle(reply.reply_id)
                except Exception:
                    _log.exception("SMS: an incomplete reply could not be stored; it is tried again")
            await asyncio.sleep(wait_seconds / 4)
