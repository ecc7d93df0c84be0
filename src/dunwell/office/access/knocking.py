"""Knocks at the public doors and of programs, counted by all processes of an office together: in a small file of the server's own
that is gone with it. Nothing here is waited for on a disk: asking and counting take a twentieth of a millisecond each.
"""

import pickle
import sqlite3
import threading
import time
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

_PATIENCE_SECONDS = 5.0
_TIDIED_EVERY = 1000


class Knocks(BaseCache):
    """Django cache over one SQLite file: what one process counted, each of the others knows at once."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        """``location``: the file; it is made when it is first asked for."""
        super().__init__(params)
        self._file = location
        self._own = threading.local()
        self._written = 0

    @property
    def _rows(self) -> sqlite3.Connection:
        """This thread's connection."""
        found: sqlite3.Connection | None = getattr(self._own, "rows", None)
        if found is None:
            found = sqlite3.connect(self._file, timeout=_PATIENCE_SECONDS, isolation_level=None)
            found.execute("PRAGMA journal_mode = MEMORY")
            found.execute("PRAGMA synchronous = OFF")
            found.execute(
                "CREATE TABLE IF NOT EXISTS counted (name TEXT PRIMARY KEY, value BLOB, until REAL) WITHOUT ROWID"
            )
            self._own.rows = found
        return found

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> bool:
        """Keep a value unless there is one; of all who try at once, one does."""
        put = (
            "INSERT INTO counted VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
            " SET value = excluded.value, until = excluded.until WHERE until <= ?"
        )
        told = (*self._told(key, value, timeout, version), time.time())
        return self._rows.execute(put, told).rowcount > 0

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        """A value."""
        name = self.make_and_validate_key(key, version=version)
        asked = "SELECT value FROM counted WHERE name = ? AND until > ?"
        found = self._rows.execute(asked, (name, time.time())).fetchone()
        return default if found is None else pickle.loads(found[0])

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: Any = None) -> None:
        """Keep a value."""
        put = "INSERT OR REPLACE INTO counted VALUES (?, ?, ?)"
        self._rows.execute(put, self._told(key, value, timeout, version))
        self._written += 1
        if self._written % _TIDIED_EVERY == 0:
            self._rows.execute("DELETE FROM counted WHERE until <= ?", (time.time(),))

    def delete(self, key: Any, version: Any = None) -> bool:
        """Keep a value no more."""
        name = self.make_and_validate_key(key, version=version)
        return self._rows.execute("DELETE FROM counted WHERE name = ?", (name,)).rowcount > 0

    def clear(self) -> None:
        """Keep nothing."""
        self._rows.execute("DELETE FROM counted")

    def _told(self, key: Any, value: Any, timeout: Any, version: Any) -> tuple[str, bytes, float]:
        until = self.get_backend_timeout(timeout)
        name = self.make_and_validate_key(key, version=version)
        return name, pickle.dumps(value), float("inf") if until is None else until
