"""Django's SQLite back end, but for how a transaction waits for the write lock.

SQLite's own busy handler sleeps longer and longer, up to 0.1 s between two looks, while workers hold the lock for a few
hundredths of a second: two workers slept through most of what they could have done. Here one looks every few milliseconds, and
a look costs some 10 microseconds.
"""

import sqlite3
import time

from django.db.backends.sqlite3.base import DatabaseWrapper as DjangoWrapper

_LOOK_SECONDS, _LOOK_SECONDS_MAX, _SLOWER = 0.001, 0.004, 1.1


class DatabaseWrapper(DjangoWrapper):
    """A connection to SQLite."""

    def _start_transaction_under_autocommit(self) -> None:
        """Begin, once the write lock is free. Raises OperationalError after the connection's time-out."""
        patience = float(self.settings_dict["OPTIONS"].get("timeout", 5.0))
        until = time.monotonic() + patience
        begin = f"BEGIN {getattr(self, 'transaction_mode', None) or ''}"  # the stubs leave it out
        look = _LOOK_SECONDS
        self._busy_handler(0.0)
        try:
            while True:
                try:
                    self.connection.execute(begin)
                    return
                except sqlite3.OperationalError as error:
                    is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                    if not is_busy or time.monotonic() >= until:
                        with self.wrap_database_errors:
                            raise
                time.sleep(look)
                look = min(look * _SLOWER, _LOOK_SECONDS_MAX)
        finally:
            self._busy_handler(patience)

    def _busy_handler(self, seconds: float) -> None:
        """How long any other statement waits, by SQLite's own busy handler."""
        self.connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
