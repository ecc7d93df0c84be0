"""The way to the relay: many messages at once over a few connections, an answer for each, in their order."""

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from dunwell.outreach.channel import Message, Outcome
from dunwell.outreach.email.addresses import ensure_address, return_path
from dunwell.outreach.email.connection import Connection, Envelope, tls_context
from dunwell.outreach.email.rendering import UnfitMessage, compose
from dunwell.outreach.email.settings import EmailSettings
from dunwell.outreach.email.signing import read_keys, sign

OnBegin = Callable[[Sequence[str]], Awaitable[None] | None]
"""Told the message_ids whose bytes go next; when it raises, they do not go."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Round:
    """One call of ``send``: what waits, what was answered, and why the rest is not tried, if so."""

    messages: Sequence[Message]
    outcomes: list[Outcome | None] = field(init=False)
    next_index: int = 0
    wire_failures_in_a_row: int = 0
    halt_reason: str = ""

    def __post_init__(self) -> None:
        self.outcomes = [None] * len(self.messages)


class EmailSender:
    """Carries messages to the relay named in the settings (``dunwell.outreach.channel.Sender``).

    ``now`` gives the instant that becomes a message's Date. ``on_begin`` is called for each message just before its bytes
    go, so that a record stands before anything can have been sent. Raises SettingsError for a DKIM key or a ``ca_file``
    that cannot be used.
    """

    def __init__(
        self, settings: EmailSettings, now: Callable[[], datetime], on_begin: OnBegin | None = None
    ) -> None:
        self._settings = settings
        self._now = now
        self._on_begin = on_begin
        self._keys = read_keys(settings.dkim)
        self._connections: asyncio.Queue[Connection] = asyncio.Queue()
        tls = tls_context(settings)
        for _ in range(settings.connection_count):
            self._connections.put_nowait(Connection(settings, tls))
        # As many failures as there are connections may have one cause (a relay that restarts); more are a relay that is down.
        self._wire_failures_max = settings.connection_count + 2

    async def send(self, messages: Sequence[Message]) -> list[Outcome]:
        """Hand over all of them and answer for each, in their order (see ``Sender.send``).

        When the wire fails again and again, the rest is answered ``deferred`` without being tried. Raises ValueError when
        one message_id is there twice: one of the two would be sent for nothing.
        """
        if len({message.message_id for message in messages}) < len(messages):
            raise ValueError("a message_id is there twice")
        the_round = _Round(messages)
        worker_count = min(len(messages), self._settings.connection_count)
        async with asyncio.TaskGroup() as workers:
            for _ in range(worker_count):
                workers.create_task(self._work(the_round))
        return [outcome for outcome in the_round.outcomes if outcome is not None]

    async def close(self) -> None:
        """Say goodbye on every connection and close it; the sender can still be used, and then opens new ones."""
        idle = [self._connections.get_nowait() for _ in range(self._connections.qsize())]
        await asyncio.gather(*(connection.quit() for connection in idle))
        await asyncio.sleep(0)  # what was cut is let go of in the loop's next turn
        for connection in idle:
            self._connections.put_nowait(connection)

    def envelope(self, message: Message) -> Envelope:
        """The message as it goes over the wire now: composed, signed, with its return path. Raises UnfitMessage."""
        now = self._now()
        payload = sign(compose(message, self._settings, now), self._keys, now)
        return Envelope(
            message_id=message.message_id,
            sender=return_path(message.message_id, self._settings.return_path_domain, self._settings.secrets),
            recipient=ensure_address(message.to),
            payload=payload,
        )

    async def _work(self, the_round: _Round) -> None:
        connection = await self._connections.get()
        try:
            while the_round.next_index < len(the_round.messages):
                index = the_round.next_index
                the_round.next_index += 1
                the_round.outcomes[index] = await self._carry(
                    connection, the_round, the_round.messages[index]
                )
        finally:
            self._connections.put_nowait(connection)

    async def _carry(self, connection: Connection, the_round: _Round, message: Message) -> Outcome:
        if the_round.halt_reason:
            return Outcome(message.message_id, "deferred", f"not tried: {the_round.halt_reason}")
        try:
            envelope = self.envelope(message)
        except UnfitMessage as error:
            return Outcome(message.message_id, "refused", f"cannot be an e-mail: {error}")
        try:
            carried = await connection.carry(envelope, lambda: self._begin(message.message_id))
        except _RecordFailed:
            # Without its record the message must not go, and neither may the next ones.
            _log.exception("the hand-over of message %s could not be recorded", message.message_id)
            the_round.halt_reason = "the hand-over could not be recorded"
            return Outcome(message.message_id, "deferred", f"not sent: {the_round.halt_reason}")
        the_round.wire_failures_in_a_row = (
            the_round.wire_failures_in_a_row + 1 if carried.has_wire_failed else 0
        )
        if the_round.wire_failures_in_a_row >= self._wire_failures_max:
            the_round.halt_reason = f"the relay cannot be reached ({carried.outcome.detail})"
        return carried.outcome

    async def _begin(self, message_id: str) -> None:
        if self._on_begin is None:
            return
        try:
            recorded = self._on_begin((message_id,))
            if inspect.isawaitable(recorded):
                await recorded
        except Exception as error:
            raise _RecordFailed from error


class _RecordFailed(Exception):
    """The caller's record could not be written (never an OSError, which would pass for a failure of the wire)."""
