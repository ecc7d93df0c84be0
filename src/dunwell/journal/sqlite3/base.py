"""Django's SQLite back end, but for how a transaction waits for the write lock.

SQLite's own busy handler sleeps longer and longer, up to 0.1 s between two looks, while workers hold the lock for a few
hundredths of a second: two workers slept through most of what they could have done. Here one looks every millisecond.
"""

import time

from django.db.backends.sqlite3.base import DatabaseWrapper as DjangoWrapper
from django.db.utils import OperationalError

_LOOK_SECONDS = 0.001


class DatabaseWrapper(DjangoWrapper):
    """A connection to SQLite."""

    def _start_transaction_under_autocommit(self) -> None:
        """Begin, once the write lock is free. Raises OperationalError after the connection's time-out."""
        patience = float(self.settings_dict["OPTIONS"].get("timeout", 5.0))
        until = time.monotonic() + patience
        self._busy_handler(0.0)
        try:
            while True:
                try:
                    super()._start_transaction_under_autocommit()  # type: ignore[misc]  # the stubs leave it out
                    return
                except OperationalError as error:
                    if "locked" not in str(error) or time.monotonic() >= until:
                        raise
                time.sleep(_LOOK_SECONDS)
        finally:
            self._busy_handler(patience)

    def _busy_handler(self, seconds: float) -> None:
        """How long any other statement waits, by SQLite's own busy handler."""
        self.connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
