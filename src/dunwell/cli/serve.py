"""``dunwell serve``: the office and its worker, until Ctrl-C."""

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import IO

from dunwell.cli.errors import CommandError, explained
from dunwell.settings import read_settings

_ROUND_SECONDS = 2.0
_END_SECONDS = 60.0
_OVER = b"over\n"
"""What the process beside the pages says last when it ends in order."""
_KEEPER = "from dunwell.cli.serve import keep_office; keep_office()"


def serve(root: Path, host: str, port: int, *, with_worker: bool, worker_count: int | None = None) -> None:
    """Serve the workspace at ``root`` until a signal comes, or the process beside the pages ends. Raises CommandError,
    SettingsError, KeysUnusable.
    """
    settings = read_settings(root)
    _check(root, host, port)
    _may_open_all_files()
    keeper = subprocess.Popen(
        [sys.executable, "-c", _KEEPER, str(root), "worker" if with_worker else "no worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert keeper.stdin is not None and keeper.stdout is not None
    own, is_alone = os.getpid(), threading.Event()
    try:
        if not keeper.stdout.readline():
            raise CommandError("the office could not be made ready; what is wrong stands above")
        from dunwell.cli.listening import open_doors
        from dunwell.office.serving import Server

        name = f"[{host}]" if ":" in host else host
        where = f"the office: http://{name}:{port}   (Ctrl-C ends it)"
        server = Server(
            settings,
            f"{name}:{port}",
            worker_count,
            made_ready=partial(open_doors, settings),
            listening=partial(print, where, flush=True),
        )
        threading.Thread(target=_end_with, args=(keeper.stdout, is_alone), daemon=True).start()
        server.run()
    finally:
        if os.getpid() == own:  # the server's own processes come by here as well when they end
            keeper.stdin.close()
            keeper.wait(_END_SECONDS)
            if is_alone.is_set():
                raise CommandError(
                    "the process beside the pages was killed, so nothing would be taken in, sealed or sent any more. "
                    "Start the office again; the system's log may say who killed it (memory?)"
                )


def _end_with(keeper: IO[bytes], is_alone: threading.Event) -> None:
    """End the server when the process beside the pages has ended; ``is_alone`` says that it did not end in order."""
    if keeper.read() != _OVER:
        is_alone.set()
    os.kill(os.getpid(), signal.SIGTERM)


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


def _may_open_all_files() -> None:
    """As many open files as the system lets us have: the book of a million customers is nine hundred, a usual limit 1,024."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def keep_office() -> None:
    """The process beside the pages: makes the office ready, then keeps the queue, seals the journal and sends what is due.

    Its arguments are the workspace and whether to send. It says a line when it is ready, and ends when its standard input is
    closed, also when the process that held it was killed.
    """
    root, with_worker = Path(sys.argv[1]), sys.argv[2] == "worker"
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with explained():
        from dunwell.cli.progress import prepare_kernels
        from dunwell.office.project import set_up_office

        settings = read_settings(root)
        set_up_office(settings)
        from dunwell.office.running.logs import set_up_logs

        set_up_logs()
        from dunwell.office.compliance.counting import count_next
        from dunwell.office.keeping import bring_up_to_date, keep, tell_others, warm_up
        from dunwell.office.strategies.comparing import compare_next
        from dunwell.office.workplace import workplace

        place = workplace()
        bring_up_to_date(place)
        seen = keep(place)
        prepare_kernels("ledger", "gate", "promises")
        warm_up(place)
        print("ready", flush=True)
        sys.stdout = sys.stderr  # what the worker has to say is for the person who started the office
        threading.Thread(target=_wait_for_the_end, args=(stop,), name="end", daemon=True).start()
        worker = _start_worker(root, stop) if with_worker and settings.outreach else None
        from dunwell.journal.sealing import seal
        from dunwell.journal.signing import signer_of

        signer = signer_of(settings)

        def round_of_pages() -> None:
            nonlocal seen
            seen = keep(place, seen)
            if worker is None or not worker.is_alive():
                seal(signer, place.clock())

        telling = threading.Thread(
            target=_again_and_again, args=(stop, "webhooks", partial(tell_others, place)), name="webhooks"
        )
        comparing = threading.Thread(
            target=_again_and_again, args=(stop, "comparisons", partial(compare_next, place, stop))
        )
        counting = threading.Thread(
            target=_again_and_again, args=(stop, "reports", partial(count_next, place, stop))
        )
        for thread in (telling, comparing, counting):
            thread.start()
        _again_and_again(stop, "queue", round_of_pages)
        for thread in (telling, comparing, counting):
            thread.join(_END_SECONDS)
        if worker is not None:
            worker.join(_END_SECONDS)
        seal(signer, place.clock())
        os.write(1, _OVER)


def _again_and_again(stop: threading.Event, what: str, once: Callable[[], object]) -> None:
    """Do something every few seconds until the end. A round that fails (a database that restarts) is logged, and tried again."""
    from django.db import connection

    while not stop.wait(_ROUND_SECONDS):
        try:
            once()
        except Exception as error:
            _tell(what, error)
            connection.close()
    connection.close()


def _tell(what: str, error: Exception) -> None:
    """Log that something beside the pages failed, without the error's message: a person may stand in it."""
    import structlog

    from dunwell.office.running.logs import about

    structlog.get_logger("dunwell.office").error("failed", beside=what, **about(error))


def _wait_for_the_end(stop: threading.Event) -> None:
    while os.read(
        0, 1024
    ):  # not sys.stdin: its lock, held by this thread, would break the end of the process
        pass
    stop.set()


def _start_worker(root: Path, stop: threading.Event) -> threading.Thread:
    """The dispatcher's worker for every channel that is set up, in a thread of its own."""
    from dunwell.cli.listening import receiving
    from dunwell.cli.outreach import Workshop, work_channels

    shop = Workshop(root)

    def work() -> None:
        try:
            with receiving(shop):
                work_channels(shop, shop.chosen(None), until_idle=False, worker=None, stop=stop)
        except Exception as error:
            _tell("the worker, which stopped", error)

    thread = threading.Thread(target=work, name="outreach")
    thread.start()
    return thread
