"""Which due work a worker has in hand, so that no two workers make the same message at the same time.

On PostgreSQL rows are locked and others pass over them. SQLite locks no rows and has one writer at a time: a message must be
made before the write lock is taken, or all workers together do no more than one. So there a worker locks a byte of a file
beside the database for each message, which the system takes back when the worker is killed.

These locks only save work. That a message is claimed once is the doing of the transaction that claims it.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from django.db import connection, transaction
from django.db.models import QuerySet

from dunwell.outreach.models import Work

_SETLK = getattr(fcntl, "F_OFD_SETLK", None)
"""Locks that belong to an open file, not to a process: threads of one process may hold them side by side (Linux, fcntl(2))."""
_FLOCK = struct.Struct("@hhqqi4x")
_LOOKS_MAX = 20
"""So many batches of others are passed over before a worker finds nothing to do."""


def locks_rows() -> bool:
    """Whether what is in hand cannot be changed by anybody else meanwhile."""
    return bool(connection.vendor == "postgresql")


@contextmanager
def in_hand(due: QuerySet[Work], count: int) -> Iterator[list[Work]]:
    """So many rows at most, in their order, that no other worker has in hand; until the end of the block they are this one's.

    On PostgreSQL the block is a transaction.
    """
    if locks_rows():
        with transaction.atomic():
            yield list(due.select_for_update(skip_locked=True, of=("self",))[:count])
        return
    name = str(connection.settings_dict["NAME"])
    if _SETLK is None or "memory" in name:
        yield list(due[:count])
        return
    descriptor = os.open(Path(f"{name}-hands"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        mine = _locked(descriptor, due, count)
        # Read only now: another may have claimed and let go what was read as due before.
        yield list(due.filter(pk__in=mine)) if mine else []
    finally:
        os.close(descriptor)


def _locked(descriptor: int, due: QuerySet[Work], count: int) -> list[str]:
    """The first so many that nobody has in hand; they are now locked by the open file."""
    mine: list[str] = []
    names = due.values_list("pk", flat=True)
    for start in range(0, count * _LOOKS_MAX, max(count, 1)):
        part = list(names[start : start + count])
        for message_id in part:
            if len(mine) < count and _lock(descriptor, message_id):
                mine.append(message_id)
        if len(mine) == count or len(part) < count:
            break
    return mine


def _lock(descriptor: int, message_id: str) -> bool:
    place = int.from_bytes(sha256(message_id.encode()).digest()[:8]) >> 2  # a file's offset has 63 bits
    assert _SETLK is not None
    try:
        fcntl.fcntl(descriptor, _SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0))
    except (BlockingIOError, PermissionError):
        return False
    return True
