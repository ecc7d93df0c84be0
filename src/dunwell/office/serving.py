"""The office as a web server: gunicorn with threads, one process on SQLite and several on PostgreSQL."""

import gc
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication

from dunwell.office.project import KNOCKS_FILE
from dunwell.settings import Settings

_THREADS = 8
_GRACE_SECONDS = 20
_KEPT_SECONDS = 65
"""So long a connection on which nothing is asked is kept: longer than a proxy or a program keeps it (60 s is usual), for who asks
on one that is closed just then is answered by nothing at all.
"""
_COLLECT_AFTER_OBJECTS = 10_000
"""New objects between two looks for garbage: a look at so many takes some milliseconds, which a page does not notice."""


class Server(BaseApplication):  # type: ignore[misc]  # it has no types
    """Serves a workspace's office until a signal comes; requests under way are answered first."""

    def __init__(
        self,
        settings: Settings,
        address: str,
        worker_count: int | None = None,
        *,
        made_ready: Callable[[], None] = lambda: None,
        listening: Callable[[], None] = lambda: None,
    ) -> None:
        """``address``: HOST:PORT. ``worker_count`` None: one on SQLite, as many as there are cores on PostgreSQL. ``made_ready``:
        what else each process does before it answers. ``listening``: called once, when whoever asks is no longer turned away.
        """
        self._settings, self._address = settings, address
        self._made_ready, self._listening = made_ready, listening
        on_sqlite = settings.database.startswith("sqlite")
        self._worker_count = worker_count or (1 if on_sqlite else max(2, os.cpu_count() or 2))
        super().__init__()

    def load_config(self) -> None:
        """Gunicorn's settings."""
        os.environ.setdefault("POLARS_MAX_THREADS", "1")  # one person's frames are small: threads cost more
        if self._worker_count > 1:  # their figures are added up, and knocks counted together
            os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="dunwell-metrics-"))
            counted = Path(tempfile.mkdtemp(prefix="dunwell-knocks-")) / "knocks.sqlite3"
            os.environ.setdefault(KNOCKS_FILE, str(counted))
        for name, value in {
            "bind": [self._address],
            "workers": self._worker_count,
            "threads": _THREADS,
            "worker_class": "gthread",
            "graceful_timeout": _GRACE_SECONDS,
            "keepalive": _KEPT_SECONDS,
            "timeout": 60,
            "loglevel": "warning",
            "proc_name": "dunwell-office",
            "control_socket_disable": True,
            "when_ready": lambda _arbiter: self._listening(),
        }.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, made in the worker's own process."""
        from dunwell.office.project import set_up_office

        set_up_office(self._settings)
        from dunwell.office.running.logs import set_up_logs

        set_up_logs()
        self._made_ready()
        from django.core.wsgi import get_wsgi_application

        application = get_wsgi_application()
        threading.Thread(target=_read_on, name="warm-up", daemon=True).start()
        return application


def _read_on() -> None:
    """Load what the first case and the first note would wait for: every process has its own patterns, models and templates. What
    is loaded by then stays, and is looked through for garbage no more: pages waited a sixth of a second for that.
    """
    from django.db import DatabaseError, connection

    from dunwell.book import NoBook
    from dunwell.office.keeping import warm_up
    from dunwell.office.workplace import workplace

    try:
        _read_templates()
        warm_up(workplace())
    except (NoBook, DatabaseError):
        return  # the first page will say so
    finally:
        connection.close()
        gc.collect()
        gc.freeze()
        gc.set_threshold(_COLLECT_AFTER_OBJECTS, 20, 20)


def _read_templates() -> None:
    """Compile the pages, and read the words of each language."""
    from django.conf import settings
    from django.template.loader import get_template
    from django.utils.translation import gettext, override

    for page in sorted((Path(__file__).parent / "templates" / "office").glob("*.html")):
        get_template(f"office/{page.name}")
    for language, _name in settings.LANGUAGES:
        with override(language):
            gettext("Queue")
