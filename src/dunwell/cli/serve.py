"""``dunwell serve``: the office and its worker, until Ctrl-C."""

import multiprocessing
import os
import signal
import socket
import sys
import threading
from multiprocessing.synchronize import Event
from pathlib import Path

from dunwell.cli.errors import CommandError, explained
from dunwell.settings import read_settings

_ROUND_SECONDS = 2.0
_READY_SECONDS = 600.0
_END_SECONDS = 30.0


def serve(root: Path, host: str, port: int, *, with_worker: bool, worker_count: int | None = None) -> None:
    """Serve the workspace at ``root`` until a signal comes. Raises CommandError, SettingsError, KeysUnusable."""
    settings = read_settings(root)
    _check(root, host, port)
    context = multiprocessing.get_context("spawn")
    ready, stop = context.Event(), context.Event()
    keeper = context.Process(target=keep_office, args=(root, ready, stop, with_worker), name="dunwell-keeper")
    keeper.start()
    try:
        while not ready.wait(0.2):
            if not keeper.is_alive():
                raise CommandError("the office could not be made ready; what is wrong stands above")
        from dunwell.office.serving import Server

        name = f"[{host}]" if ":" in host else host
        print(f"the office: http://{name}:{port}   (Ctrl-C ends it)", flush=True)
        Server(settings, f"{name}:{port}", worker_count).run()
    finally:
        stop.set()
        keeper.join(_END_SECONDS)
        if keeper.is_alive():
            keeper.terminate()


def _check(root: Path, host: str, port: int) -> None:
    from dunwell.journal.keys import read_master_keys

    read_master_keys(read_settings(root).keys_folder, os.environ, os.urandom)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CommandError(
                f"{host}:{port} cannot be listened on ({error}). Choose another --port"
            ) from error


def keep_office(root: Path, ready: Event, stop: Event, with_worker: bool) -> None:
    """The process beside the pages: makes the office ready, then keeps the queue, seals the journal and sends what is due."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with explained():
        from dunwell.cli.progress import prepare_kernels
        from dunwell.office.project import set_up_office

        settings = read_settings(root)
        set_up_office(settings)
        from dunwell.office.keeping import bring_up_to_date, keep, warm_up
        from dunwell.office.workplace import workplace

        place = workplace()
        bring_up_to_date(place)
        keep(place)
        prepare_kernels("ledger", "gate", "promises")
        warm_up(place)
        ready.set()
        worker = _start_worker(root, stop) if with_worker and settings.outreach else None
        from dunwell.cli.journal import signer_of
        from dunwell.journal.sealing import seal

        signer = signer_of(settings)
        while not stop.wait(_ROUND_SECONDS):
            keep(place)
            if worker is None:
                seal(signer, place.clock())
        if worker is not None:
            worker.join(_END_SECONDS)
        seal(signer, place.clock())


def _start_worker(root: Path, stop: Event) -> threading.Thread:
    """The dispatcher's worker for every channel that is set up, in a thread of its own."""
    from dunwell.cli.outreach import Workshop, work_channels

    shop = Workshop(root)
    inner = threading.Event()

    def work() -> None:
        try:
            work_channels(shop, list(shop.channels.values()), until_idle=False, worker=None, stop=inner)
        except Exception as error:
            print(f"error: the worker stopped: {error}", file=sys.stderr)

    def watch() -> None:
        stop.wait()
        inner.set()

    thread = threading.Thread(target=work, name="outreach")
    thread.start()
    threading.Thread(target=watch, name="stop", daemon=True).start()
    return thread
