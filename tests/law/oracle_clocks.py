"""Civil days and wall clocks for the oracle, by ``zoneinfo`` alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise, product
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dunwell.law import State

DAY_MICROSECONDS = 86_400_000_000
DAY = timedelta(days=1)


def is_a_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def local(at: datetime, zone: ZoneInfo) -> tuple[date, int]:
    """The civil day and the wall clock (microseconds after midnight) of an instant."""
    local = at.astimezone(zone)
    return local.date(), clock_of(local.time())


def clock_of(wall: time) -> int:
    return ((wall.hour * 60 + wall.minute) * 60 + wall.second) * 1_000_000 + wall.microsecond


def written(clock: str) -> int:
    return DAY_MICROSECONDS if clock == "24:00" else clock_of(time.fromisoformat(clock))


def day_begins(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a civil day. Where clocks skip midnight, the offset before the gap gives the gap's instant."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def begins_at(moment: date | datetime, zones: Iterable[ZoneInfo]) -> datetime:
    """An instant, or where a day begins first."""
    if isinstance(moment, datetime):
        return moment
    return min(day_begins(moment, zone) for zone in zones)


def is_on(state: State, at: datetime, zones: Sequence[ZoneInfo]) -> bool:
    """Whether a state has begun and not ended: a last day ends where it ends last."""
    if begins_at(state.since, zones) > at:
        return False
    if state.until is None:
        return True
    if isinstance(state.until, datetime):
        return at < state.until
    return any(at < day_begins(state.until + DAY, zone) for zone in zones)


@cache
def _clock_changes(name: str, year: int) -> tuple[datetime, ...]:
    """The instants of a year at which a zone's offset changes."""
    zone, found = ZoneInfo(name), []
    at = datetime(year, 1, 1, tzinfo=UTC)
    while at.year == year:
        after = at + timedelta(hours=6)
        if at.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset():
            minutes = [at + timedelta(minutes=n) for n in range(361)]
            found += [
                late
                for early, late in pairwise(minutes)
                if early.astimezone(zone).utcoffset() != late.astimezone(zone).utcoffset()
            ]
        at = after
    return tuple(found)


def edges(zone: ZoneInfo, since: datetime, until: datetime, clocks: Iterable[int]) -> Iterator[datetime]:
    """Every instant between two at which a wall clock shows midnight or one of some times, or jumps."""
    for year in range(since.year, until.year + 1):
        yield from _clock_changes(zone.key, year)
    day, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    walls = [
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=clock)).time()
        for clock in {0, *clocks}
        if clock < DAY_MICROSECONDS
    ]
    while day <= last:
        for wall, fold in product(walls, (0, 1)):
            yield datetime.combine(day, wall.replace(fold=fold), zone).astimezone(UTC)
        day += DAY


def stayed(
    is_shut: Callable[[datetime], bool], since: datetime, at: datetime, edges: Iterable[datetime]
) -> bool:
    """Whether something that changes only at edges was shut from one instant up to another."""
    return all(is_shut(edge) for edge in [since, *edges] if since <= edge < at)
