"""What all processes of the office must know at once: failed sign-ins and codes that were used stand in the database, so that a
lock or a used code holds in each of them and after a restart. Knocks at the public doors and of programs are too many for that:
the processes of a server count them together in a file (``knocking``).
"""

from typing import Any

from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache

from dunwell.office.project import KNOCKS

_KNOCKS = ("door_", "throttle_")


class Remembering(DatabaseCache):
    """The office's cache: in the database, but for what knocks too often to be counted there."""

    def add(self, key: Any, *args: Any, **kwargs: Any) -> bool:
        """Keep a value unless there is one."""
        return bool(self._of(key).add(key, *args, **kwargs))

    def get(self, key: Any, *args: Any, **kwargs: Any) -> Any:
        """A value."""
        return self._of(key).get(key, *args, **kwargs)

    def set(self, key: Any, *args: Any, **kwargs: Any) -> None:
        """Keep a value."""
        self._of(key).set(key, *args, **kwargs)

    def delete(self, key: Any, *args: Any, **kwargs: Any) -> bool:
        """Keep a value no more."""
        return bool(self._of(key).delete(key, *args, **kwargs))

    def clear(self) -> None:
        """Keep nothing."""
        super().clear()
        caches[KNOCKS].clear()

    def _of(self, key: Any) -> Any:
        return caches[KNOCKS] if any(one in str(key) for one in _KNOCKS) else super()
