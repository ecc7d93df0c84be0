"""``dunwell outreach send``, ``work`` and ``preview``: the work list becomes messages."""

import asyncio
import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date, datetime
from functools import cached_property, partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dunwell.book import Book
from dunwell.cli.errors import CommandError
from dunwell.cli.journal import now, open_journal
from dunwell.cli.progress import prepare_kernels
from dunwell.journal.signing import signer_of
from dunwell.law.overlay import KeptLaw
from dunwell.ledger import read_terms
from dunwell.settings import Settings, SettingsError, read_settings

if TYPE_CHECKING:
    from dunwell.outreach.answering import Answering
    from dunwell.outreach.channel import Receipt, Reply
    from dunwell.outreach.channels import Opened
    from dunwell.outreach.composing import Composer
    from dunwell.outreach.incoming import Understand
    from dunwell.outreach.working import Tally

_SEAL_SECONDS = 30.0


class Workshop:
    """Everything a worker of this workspace needs, opened once."""

    def __init__(self, root: Path, clock: Callable[[], datetime] = now) -> None:
        """Raises SettingsError, KeysUnusable, NoBook, PolicyError."""
        self.settings, self.journal = open_journal(root, clock)
        from dunwell.outreach.channels import channels_set_up
        from dunwell.outreach.records import BookRecords

        law = KeptLaw(root / "policy" / "law.toml").current
        terms = read_terms(self.settings.terms_folder)
        self.records = BookRecords(
            self.settings.book_folder,
            law,
            self.settings.actor,
            terms,
            self.journal.vault,
        )
        from dunwell.outreach.texts.keeping import ApprovedTexts

        self.clock = clock
        self.texts = ApprovedTexts(root / "policy" / "texts", lambda: clock().date())
        self.set_up = channels_set_up(self.settings)
        self._opened: dict[str, Opened] = {}
        if not self.set_up:
            raise CommandError(
                "no channel is set up. Write [outreach.email], [outreach.sms] or [outreach.letter] in dunwell.toml"
            )

    @cached_property
    def _understand(self) -> "Understand":
        """What reads people's answers: the rules, and the encoder's signals where the extra is installed."""
        from dunwell.outreach.answers import load_signals, understand

        return partial(understand, signals=load_signals())

    def opened(self, channel: str) -> "Opened":
        """That channel, opened when it is first asked for. Raises CommandError for one that is not set up, and SettingsError."""
        if channel not in self.set_up:
            raise CommandError(f"channel {channel!r} is not set up. Set up: {', '.join(self.set_up)}")
        if channel not in self._opened:
            from dunwell.outreach.channels import open_channel

            self._opened[channel] = open_channel(
                channel, self.settings, self.settings.environment, self.clock
            )
        return self._opened[channel]

    def chosen(self, channel: str | None) -> "list[Opened]":
        """The channel that is named, or all that are set up."""
        return [self.opened(name) for name in (self.set_up if channel is None else (channel,))]

    def with_work(self, channel: str | None) -> "list[Opened]":
        """The channel that is named, or those on which a message is due or was left on the wire."""
        from dunwell.outreach.models import State, Work

        if channel is not None:
            return [self.opened(channel)]
        waiting = Work.objects.filter(state__in=(State.DUE, State.CLAIMED)).order_by().values("channel")
        busy = set(waiting.distinct().values_list("channel", flat=True))
        return [self.opened(name) for name in self.set_up if name in busy]

    def composer(self, opened: "Opened") -> "Composer":
        """What makes the channel's messages."""
        from dunwell.outreach.answering import proposed
        from dunwell.outreach.composing import Composer
        from dunwell.outreach.offering import last_offer
        from dunwell.outreach.writing_as import sender_of

        sender = sender_of(self.settings)
        settings = self.settings
        return Composer(
            opened.name,
            self.texts,
            self.records,
            sender,
            opened.render,
            actor=settings.actor,
            locale=settings.locale,
            offers=last_offer,
            proposals=proposed,
        )

    def take(self, opened: "Opened", item: "Receipt | Reply") -> bool:
        """Record what came in by a channel; False for an answer that was recorded before."""
        from dunwell.outreach.channel import Receipt
        from dunwell.outreach.incoming import take_reply
        from dunwell.outreach.receipts import take_receipts

        if isinstance(item, Receipt):
            take_receipts(self.journal, opened.provider, [item], self.records)
            return True
        answering = answering_of(self.settings)
        return take_reply(self.journal, self.records, opened.name, item, self._understand, answering).is_new


def answering_of(settings: Settings) -> "Answering":
    """What is answered without a person, from ``[outreach.answers]`` of dunwell.toml; all that can be where it says nothing.

    Raises SettingsError.
    """
    from dunwell.outreach.answering import CONFIRMABLE, Answering

    table = settings.outreach.get("answers", {})
    confirm = table.get("confirm", list(CONFIRMABLE)) if isinstance(table, dict) else None
    if not isinstance(confirm, list) or not set(confirm) <= set(CONFIRMABLE) or set(table) - {"confirm"}:
        raise SettingsError(
            f"outreach.answers: write confirm = [...] with any of {', '.join(CONFIRMABLE)}; [] answers nothing"
        )
    return Answering(frozenset(confirm), new_id)


def new_id() -> str:
    """A message id that was never used."""
    return str(UUID(bytes=os.urandom(16), version=4))


def plan_last_run(shop: Workshop) -> Any:
    """Make due work of the last run's work list."""
    import polars as pl

    from dunwell.nightly.decisions import receipts
    from dunwell.outreach.planning import plan

    folder = shop.settings.book_folder
    book = Book(folder)
    decided = receipts(pl.read_parquet(folder / "decisions.parquet"))
    work = pl.read_parquet(folder / "worklist.parquet").join(
        decided, on="customer_id", how="left", maintain_order="left"
    )
    return plan(work, date.fromisoformat(book.as_of), shop.set_up, shop.journal, new_id)


def send_due(channel: str | None, as_json: bool) -> None:
    """Plan, send what is due, seal, and print what was done."""
    told = sent_now(channel)
    if as_json:
        print(json.dumps(told, indent=2))
    else:
        tell(told)


def sent_now(channel: str | None) -> dict[str, Any]:
    """Plan the last run's work list, send what is due and seal; what was planned and how each channel did."""
    shop = Workshop(Path.cwd())
    if channel is not None:
        shop.opened(channel)
    prepare_kernels("gate")
    planned = plan_last_run(shop)
    opened = shop.with_work(channel)
    tallies = work_channels(shop, opened, until_idle=True, worker=None, stop=threading.Event())
    seal_now(shop)
    return {"planned": asdict(planned), "channels": {name: asdict(tally) for name, tally in tallies.items()}}


def keep_working(channel: str | None, worker: str | None) -> None:
    """Work until a signal comes; what is on the wire is finished and recorded first."""
    shop = Workshop(Path.cwd())
    opened = shop.chosen(channel)
    prepare_kernels("gate")
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    print(
        f"working on {', '.join(one.name for one in opened)}; Ctrl-C ends it when what is on the wire is recorded"
    )
    tallies = work_channels(shop, opened, until_idle=False, worker=worker, stop=stop)
    tell({"channels": {name: asdict(tally) for name, tally in tallies.items()}})


def work_channels(
    shop: Workshop,
    opened: "Sequence[Opened]",
    *,
    until_idle: bool,
    worker: str | None,
    stop: threading.Event,
    wait: Callable[[float], bool] | None = None,
) -> "dict[str, Tally]":
    """A worker for each of the channels, in threads of one process, and the sealing beside them.

    ``wait``: how a worker passes idle time; the stop event's own wait when None.
    """
    tallies: dict[str, Tally] = {}
    failures: list[BaseException] = []

    def run(one: "Opened") -> None:
        try:
            own = worker if worker is None or len(opened) == 1 else f"{worker}-{one.name}"
            tallies[one.name] = _work_channel(shop, one, own, until_idle, wait or stop.wait)
        except BaseException as error:
            failures.append(error)
            stop.set()

    threads = [threading.Thread(target=run, args=(one,), name=one.name) for one in opened]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(_SEAL_SECONDS / len(threads) if not until_idle else 0.5)
        if not until_idle:
            seal_now(shop)
    if failures:
        raise failures[0]
    return tallies


def seal_now(shop: Workshop) -> None:
    """Seal what was recorded since the last seal."""
    from dunwell.journal.sealing import seal

    seal(signer_of(shop.settings), shop.journal.clock())


def _work_channel(
    shop: Workshop, opened: "Opened", worker: str | None, until_idle: bool, wait: Callable[[float], bool]
) -> "Tally":
    from django.db import connection

    from dunwell.outreach.dispatching import Dispatcher
    from dunwell.outreach.wire import WireRecord, any_name, named, record_file, this_boot
    from dunwell.outreach.working import Wires, take_over, work

    folder = shop.settings.evidence_folder / "wire"
    with ExitStack() as stack:
        stack.callback(connection.close)
        # `run --send` while `work` runs: each has a name of its own, or it would take the other's for left behind.
        held = (
            any_name(folder, f"{socket.gethostname()}-{opened.name}")
            if worker is None
            else named(folder, worker)
        )
        name = stack.enter_context(held)
        wire = stack.enter_context(WireRecord(record_file(folder, name), this_boot()))
        wires = stack.enter_context(Wires())

        async def begin(message_ids: Sequence[str]) -> None:
            wire.begin(message_ids)

        async def inbound(item: "Receipt | Reply") -> None:
            await asyncio.to_thread(shop.take, opened, item)

        sender = opened.open_sender(begin, inbound)
        stack.callback(lambda: wires.start(sender.close()).result())
        start = getattr(sender, "start", None)
        if start is not None:
            problem = wires.start(start()).result()
            if problem:
                print(f"{opened.name}: {problem}; trying again as long as there is work")
        compose = shop.composer(opened)

        def dispatcher_of(name: str, record: WireRecord) -> Dispatcher:
            return Dispatcher(
                opened.name,
                name,
                journal=shop.journal,
                known=shop.records,
                compose=compose,
                wire=record,
                limits=opened.limits,
                provider=opened.provider,
                is_idempotent=opened.is_idempotent,
            )

        doubtful_count = take_over(opened.name, folder, this_boot(), dispatcher_of)
        tally = work(dispatcher_of(name, wire), sender, wires, wait, until_idle=until_idle)
        tally.in_doubt += doubtful_count
        return tally


def tell(told: dict[str, Any]) -> None:
    """Print what ``sent_now`` did."""
    planned = told.get("planned")
    if planned is not None:
        print(
            f"planned {planned['new_count']:,} new contacts; {planned['known_count']:,} were planned before;"
            f" {planned['elsewhere_count']:,} are for people or channels that are not set up"
        )
        for customer, error in planned["failed"]:
            print(f"NOT planned: {customer} ({error}). Mend the record, or tell us of a fault")
    if not told["channels"]:
        print("nothing is due now")
    for name, tally in sorted(told["channels"].items()):
        ends = ", ".join(f"{count:,} {end}" for end, count in sorted(tally["by_certainty"].items()))
        print(
            f"{name:<8} {ends or 'nothing sent'}; {tally['not_now']:,} held back, put off or expired;"
            f" {tally['in_doubt']:,} in doubt from before"
        )


def add_texts() -> None:
    """Copy into the workspace the shipped texts of every kind that it has none of."""
    settings = read_settings(Path.cwd())
    from dunwell.outreach.channels import channels_set_up
    from dunwell.outreach.texts.keeping import add, look

    folder = settings.root / "policy" / "texts"
    added, left = add(folder, look(folder, channels_set_up(settings), settings.actor).missing)
    for name in added:
        print(f"added policy/texts/{name}: read it, and write who approves it and when")
    for name in left:
        print(
            f"left   policy/texts/{name}: a file of yours lies there. Look into it, or give it another name"
        )
    if not added and not left:
        print("there is a text of every kind for the channels that are set up")


def preview_message(customer: str, channel: str, stage: str, out: Path | None) -> int:
    """Print the message as this customer would read it and the gate's verdict; 1 when it would not go out now."""
    shop = Workshop(Path.cwd())
    (opened,) = shop.chosen(channel)
    prepare_kernels("gate")
    from dunwell.cli.preview import preview

    return preview(shop.journal, shop.records, shop.composer(opened), opened, customer, stage, now(), out)
