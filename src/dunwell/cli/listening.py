"""``dunwell outreach listen``: the doors for what comes back over HTTP, open, and the receiver of text messages, bound."""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from dunwell.cli.errors import CommandError
from dunwell.cli.journal import now
from dunwell.cli.outreach import Workshop, seal_now
from dunwell.settings import Settings, SettingsError

if TYPE_CHECKING:
    from dunwell.outreach.channel import Receipt, Receiver, Reply
    from dunwell.outreach.channels import Opened
    from dunwell.outreach.working import Wires

_SEAL_SECONDS = 30.0


def keep_listening(host: str, port: int) -> None:
    """Serve until a signal comes; what was begun is answered first."""
    shop = Workshop(Path.cwd())
    from dunwell.outreach.listening import door_server

    if not {"email", "sms"} & set(shop.set_up):
        raise CommandError(
            "no channel is set up that anything comes back to. Write [outreach.email] or [outreach.sms]"
        )
    _open(shop.settings, lambda: shop)
    try:
        server = door_server(host, port)
    except (OSError, OverflowError) as error:
        raise CommandError(f"{host}:{port} cannot be listened on ({error}). Choose another --port") from error
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    thread = threading.Thread(target=server.serve_forever, name="doors")
    thread.start()
    name = f"[{host}]" if ":" in host else host
    print(f"listening on http://{name}:{server.server_address[1]}; Ctrl-C ends it", flush=True)
    try:
        with receiving(shop):
            while not stop.wait(_SEAL_SECONDS):
                seal_now(shop)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        seal_now(shop)


def open_doors(settings: Settings) -> None:
    """Let this process answer at the public doors, where a channel is set up that something comes back to.

    The records are read when the first thing comes in. A channel that is set up wrongly is said; its door stays closed.
    """
    lock = threading.Lock()
    opened: list[Workshop] = []

    def shop() -> Workshop:
        with lock:
            if not opened:
                opened.append(Workshop(settings.root))
            return opened[0]

    try:
        _open(settings, shop)
    except SettingsError as error:
        print(f"the public doors stay closed: {error}", file=sys.stderr, flush=True)


def _open(settings: Settings, shop: Callable[[], Workshop]) -> None:
    from django.apps import apps

    from dunwell.outreach.channels import channels_set_up, open_channel
    from dunwell.outreach.views import Doors

    set_up = channels_set_up(settings)
    email, sms = (
        open_channel(name, settings, settings.environment, now) if name in set_up else None
        for name in ("email", "sms")
    )
    if email is None and sms is None:
        return

    def take(channel: str, item: "Receipt | Reply") -> None:
        shop().take(shop().opened(channel), item)

    doors = Doors(
        unsubscribe=None if email is None else email.unsubscribe,
        webhook=None if sms is None else sms.webhook,
        take=take,
        clock=now,
    )
    setattr(apps.get_app_config("outreach"), "doors", doors)  # noqa: B010  (mypy: an app's own attribute)


@contextmanager
def receiving(shop: Workshop) -> Iterator[None]:
    """What comes over a provider's own connection is taken in meanwhile (an SMPP receiver, bound again when it breaks)."""
    from dunwell.outreach.working import Wires

    opened = [shop.opened(name) for name in shop.set_up if name in ("email", "sms")]
    with ExitStack() as stack:
        wires = stack.enter_context(Wires())
        for one in opened:
            if one.open_receiver is None:
                continue
            receiver = one.open_receiver(partial(_take_in, shop, one))
            stack.callback(partial(_close, wires, receiver))
            problem = wires.start(receiver.start()).result()
            print(f"{one.name}: {problem or 'bound as receiver'}", flush=True)
        yield


def _close(wires: "Wires", receiver: "Receiver") -> None:
    wires.start(receiver.close()).result()


async def _take_in(shop: Workshop, opened: "Opened", item: "Receipt | Reply") -> None:
    await asyncio.to_thread(shop.take, opened, item)
