"""Civil clocks as numbers: the stretches of constant offset of each time zone, for the gate's pass.

Within a stretch the local clock is UTC plus one offset, so hours and days are plain arithmetic; where a stretch
ends (summer time begins or ends) the pass looks again. So there is no gap or repeated hour to mind.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

FIRST_YEAR, LAST_YEAR = 1970, 2100
_US = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Zones(NamedTuple):
    """Zones side by side: zone z has the stretches ``first[z]`` to ``first[z + 1]``; a stretch begins at ``starts``
    (microseconds UTC) and has one ``offsets`` (microseconds to add for the local clock).
    """

    first: Ints
    starts: Ints
    offsets: Ints


def is_zone(name: str | None) -> bool:
    """Whether it names a time zone of the IANA database (``localtime`` is the machine's, ``Factory`` nobody's)."""
    return name is not None and name not in ("Factory", "localtime") and _zone(name) is not None


def zone_tables(names: Iterable[str]) -> Zones:
    """The tables of some zones, in their order; each must be a zone."""
    parts = [_stretches(name) for name in names]
    first = np.cumsum([0, *(len(starts) for starts, _ in parts)], dtype=np.int64)
    empty = np.zeros(0, np.int64)
    return Zones(
        first,
        np.concatenate([empty, *(starts for starts, _ in parts)]),
        np.concatenate([empty, *(offsets for _, offsets in parts)]),
    )


@cache
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


@cache
def _stretches(name: str) -> tuple[Ints, Ints]:
    """Where the offset of a zone changes: found week by week, then by halving."""
    zone = ZoneInfo(name)
    starts, offsets = [np.iinfo(np.int64).min // 4], [_offset(zone, datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))]
    day, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
    step, before = timedelta(days=7), offsets[0]
    while day < end:
        after = _offset(zone, day + step)
        if after != before:
            _changes(zone, day, day + step, starts, offsets)
        day, before = day + step, after
    return np.array(starts, np.int64), np.array(offsets, np.int64)


def _changes(zone: ZoneInfo, low: datetime, high: datetime, starts: list[int], offsets: list[int]) -> None:
    """The change of offset between two instants that differ in it, to the second."""
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if _offset(zone, middle) == _offset(zone, low):
            low = middle
        else:
            high = middle
    starts.append((high - _EPOCH) // _US)
    offsets.append(_offset(zone, high))


def _offset(zone: ZoneInfo, at: datetime) -> int:
    return (at.astimezone(zone).utcoffset() or timedelta(0)) // _US
