"""The loop of a worker: claim a batch while the last one is on the wire, record what became of it, and so on.

The database is spoken to from one thread, the provider from another, so that neither waits for the other. When the database
goes away, the outcomes of what was sent are kept and recorded as soon as it is back.
"""

import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

from dunwell.outreach.channel import Outcome, Sender
from dunwell.outreach.dispatching import UNREADABLE, Claimed, Dispatcher
from dunwell.outreach.models import State, Work
from dunwell.outreach.wire import NameTaken, WireRecord, named, record_file

_log = logging.getLogger(__name__)
_UNREADABLE_SECONDS = 5.0
_T = TypeVar("_T")
Wait = Callable[[float], bool]
"""Waits so many seconds; True when it is time to stop."""


class Wires:
    """An event loop in a thread of its own, for the senders. Use as a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)

    def __enter__(self) -> "Wires":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, work: Coroutine[Any, Any, _T]) -> "Future[_T]":
        """Begin it; the answer comes in the future."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)


@dataclass
class Tally:
    """What a worker did since it began."""

    claimed: int = 0
    not_now: int = 0
    in_doubt: int = 0
    by_certainty: dict[str, int] = field(default_factory=dict)

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Add what became of a batch."""
        for outcome in outcomes:
            self.by_certainty[outcome.certainty] = self.by_certainty.get(outcome.certainty, 0) + 1


def work(
    dispatcher: Dispatcher,
    sender: Sender,
    wires: Wires,
    wait: Wait,
    *,
    until_idle: bool,
    idle_seconds: float = 1.0,
) -> Tally:
    """Work until it is time to stop, or until nothing is due (``until_idle``). What is on the wire is always awaited."""
    gc.collect()
    gc.freeze()  # what is loaded by now stays; a full collection took 0.07 s
    tally = Tally()
    tally.in_doubt = _insist(dispatcher.recover, wait) or 0
    sending: Future[list[Outcome]] | None = None
    is_over = False
    while not is_over:
        try:
            claimed = dispatcher.claim()
        except (OperationalError, InterfaceError):
            # Whether the claim came about is not known: settle what is on the wire, then look what is claimed.
            _finish(dispatcher, sending, tally, wait)
            sending, claimed = None, Claimed()
            close_old_connections()
            is_over = wait(idle_seconds)
            tally.in_doubt += _insist(dispatcher.recover, wait) or 0
        except UNREADABLE as error:
            # Somebody is writing a law or a text: nothing goes out until it can be read again.
            _finish(dispatcher, sending, tally, wait)
            sending, claimed = None, Claimed()
            if until_idle:
                raise
            _log.error("%s: nothing is sent until this is mended: %s", dispatcher.channel, error)
            tally.in_doubt += _insist(dispatcher.recover, wait) or 0  # what was claimed one by one before it
            is_over = wait(_UNREADABLE_SECONDS)
        except BaseException:
            _finish(dispatcher, sending, tally, wait)  # what went out is recorded, whatever ends this worker
            raise
        tally.claimed += len(claimed.messages)
        tally.not_now += claimed.not_now_count
        _finish(dispatcher, sending, tally, wait)
        sending = wires.start(sender.send(claimed.messages)) if claimed.messages else None
        is_idle = sending is None and not claimed.not_now_count
        is_over = is_over or (wait(idle_seconds) if is_idle and not until_idle else is_idle or wait(0.0))
    _finish(dispatcher, sending, tally, wait)
    return tally


def take_over(
    channel: str, folder: Path, boot: str | None, dispatcher_of: Callable[[str, WireRecord], Dispatcher]
) -> int:
    """What workers of this channel left that are no more, recovered by their own records in ``folder``; how many are in doubt.

    A worker whose record is not here ran on another machine and finds it there.
    """
    claimed = Work.objects.filter(channel=channel, state=State.CLAIMED)
    names = claimed.order_by().values_list("worker", flat=True).distinct()
    doubtful_count = 0
    for name in [one for one in names if one is not None]:
        file = record_file(folder, name)
        if not file.is_file():
            continue
        try:
            with named(folder, name), WireRecord(file, boot) as record:
                doubtful_count += dispatcher_of(name, record).recover()
        except NameTaken:
            continue  # it is alive
    return doubtful_count


def _finish(
    dispatcher: Dispatcher, sending: "Future[list[Outcome]] | None", tally: Tally, wait: Wait
) -> None:
    """Wait for what is on the wire and record it."""
    if sending is not None:
        outcomes = sending.result()
        _insist(lambda: dispatcher.settle(outcomes), wait)
        tally.count(outcomes)


def _insist(do: Callable[[], _T], wait: Wait, tries: int = 60) -> _T:
    """Do it, and again while the database is away, up to a minute or so."""
    for number in range(tries):
        try:
            return do()
        except (OperationalError, InterfaceError):
            if number == tries - 1:
                raise
            close_old_connections()
            wait(1.0)
    raise AssertionError
