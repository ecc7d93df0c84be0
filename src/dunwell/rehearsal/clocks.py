"""Instants: when something happened on a local clock, and when the lender's books learned of it."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from dunwell.calendars import EPOCH
from dunwell.rehearsal.draws import Ints, happens
from dunwell.rehearsal.lending import Days

MICROSECONDS = 1_000_000
DAY_SECONDS = 86_400
CUT_AFTER_SECONDS = DAY_SECONDS + 6 * 3600
"""A tape is cut at six in the morning UTC of the day after it: nothing on it was recorded later."""

BACK_DATED_SHARE, BACK_DATED_DAYS_MAX = 0.03, 9


def utc_instants(on: Days, local_seconds: Ints, zones: Ints, zone_names: tuple[str, ...]) -> Ints:
    """Microseconds since 1970 UTC of local clock times; ``zones`` index into ``zone_names``.

    The offset is that of the day's noon, so local times before 04:00 on a day the clocks change may be an hour off.
    """
    if not len(on):
        return np.zeros(0, dtype=np.int64)
    first, last = int(on.min()), int(on.max())
    table = np.stack([_noon_offsets(name, first // 366, last // 366 + 1) for name in zone_names])
    offsets = table[zones, on - (first // 366) * 366]
    return np.asarray(
        (on.astype(np.int64) * DAY_SECONDS + local_seconds - offsets) * MICROSECONDS, dtype=np.int64
    )


@cache
def _noon_offsets(zone_name: str, first_block: int, after_block: int) -> NDArray[np.int64]:
    """Seconds that a zone is ahead of UTC at each day's noon, for blocks of 366 days since 1970."""
    zone = ZoneInfo(zone_name)
    noon = datetime(EPOCH.year, EPOCH.month, EPOCH.day, 12, tzinfo=UTC)
    days = range(first_block * 366, after_block * 366)
    offsets = [zone.utcoffset((noon + timedelta(days=d)).replace(tzinfo=None)) or timedelta() for d in days]
    return np.array([offset.total_seconds() for offset in offsets], dtype=np.int64)


def recorded_after(generator: np.random.Generator, on: Days, as_of: int) -> Ints:
    """When the books learned of something that happened on a day: mostly that day, 3 % up to nine days later."""
    seconds = generator.integers(8 * 3600, 22 * 3600, len(on))
    is_late = happens(generator, BACK_DATED_SHARE, len(on))
    days_later = np.where(is_late, generator.integers(1, BACK_DATED_DAYS_MAX + 1, len(on)), 0)
    at = ((on.astype(np.int64) + days_later) * DAY_SECONDS + seconds) * MICROSECONDS
    return np.asarray(np.minimum(at, cut_at(as_of)), dtype=np.int64)


def recorded_soon(generator: np.random.Generator, at: Ints, as_of: int) -> Ints:
    """When the books learned of something that happened at an instant: within the hour, 1 % a day later."""
    seconds = generator.integers(1, 3600, len(at)) + np.where(
        happens(generator, 0.01, len(at)), DAY_SECONDS, 0
    )
    return np.asarray(np.minimum(at + seconds * MICROSECONDS, cut_at(as_of)), dtype=np.int64)


def cut_at(as_of: int) -> int:
    """The instant at which the tape was cut, in microseconds since 1970 UTC."""
    return (as_of * DAY_SECONDS + CUT_AFTER_SECONDS) * MICROSECONDS
