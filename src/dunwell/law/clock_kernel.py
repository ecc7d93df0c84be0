"""Local clocks in the gate's pass: hours, agreed hours and times a person asked for, each as *the earliest instant,
not before a given one, to which it does not object*.

Every function answers for one zone and looks no further than the stretch of constant offset it stands in: what it
returns is never later than the true answer and always later than the instant asked about, unless that one is
lawful. The caller asks again from there, so the walk is exact across summer time, weekends and holidays alike.
"""

from typing import Any

from dunwell.law.arrays import NEVER
from dunwell.law.codes import PREFERENCES
from dunwell.law.compiling import inlined
from dunwell.law.kinds import (
    CALENDAR,
    CLOSES,
    DAYS_MODE,
    NO_HOLIDAYS,
    OPENS,
    WEEKDAY_MASK,
    WORKDAYS,
)
from dunwell.law.workdays import DAY_OFF, UNKNOWN, WORKDAY

DAY_US = 86_400_000_000
UNKNOWN_DAY = -(2**62)
"""The answer when a day's calendar is not published: nothing can be said."""

NOT_TIME, ONLY_TIME = PREFERENCES.index("not_time"), PREFERENCES.index("only_time")
_CLOSED, _OPEN, _UNPUBLISHED = 0, 1, 2


@inlined
def stretch_of(zones: Any, zone: int, at: int) -> int:
    """The row of the zone's stretch that holds an instant."""
    low, high = zones.first[zone], zones.first[zone + 1]
    while high - low > 1:
        middle = (low + high) // 2
        if zones.starts[middle] <= at:
            low = middle
        else:
            high = middle
    return low


@inlined
def stretch_end(zones: Any, zone: int, stretch: int) -> int:
    """The first instant after a stretch."""
    return zones.starts[stretch + 1] if stretch + 1 < zones.first[zone + 1] else NEVER


@inlined
def local_day(zones: Any, zone: int, at: int) -> int:
    """The civil day of an instant."""
    return (at + zones.offsets[stretch_of(zones, zone, at)]) // DAY_US


@inlined
def day_start(zones: Any, zone: int, day: int) -> int:
    """The first instant whose civil day is that day or later."""
    stretch = stretch_of(zones, zone, day * DAY_US - 2 * DAY_US)
    while True:
        end = stretch_end(zones, zone, stretch)
        start = max(zones.starts[stretch], day * DAY_US - zones.offsets[stretch])
        if start < end:
            return start
        stretch += 1


@inlined
def weekday_bit(day: int) -> int:
    """The mask of a day's weekday; 1970-01-01 was a Thursday."""
    return 1 << ((day + 3) % 7)


@inlined
def _day_of_rule(rule: Any, law: Any, day: int) -> int:
    """Whether a rule's hours are open at all on a day."""
    if rule[WEEKDAY_MASK] & weekday_bit(day) == 0:
        return _CLOSED
    if rule[DAYS_MODE] == WORKDAYS or rule[DAYS_MODE] == NO_HOLIDAYS:
        number = day - law.calendar_start
        if number < 0 or number >= law.calendars.shape[1]:
            return _UNPUBLISHED
        kind = law.calendars[rule[CALENDAR], number]
        if kind == UNKNOWN:
            return _UNPUBLISHED
        if rule[DAYS_MODE] == WORKDAYS:
            return _OPEN if kind == WORKDAY else _CLOSED
        return _CLOSED if kind == DAY_OFF else _OPEN
    return _OPEN


@inlined
def hours_next(rule: Any, law: Any, zone: int, at: int) -> int:
    """When a rule's hours are open, by the clock alone. UNKNOWN_DAY when the calendar is not published."""
    zones = law.zones
    stretch = stretch_of(zones, zone, at)
    offset = zones.offsets[stretch]
    day = (at + offset) // DAY_US
    clock = at + offset - day * DAY_US
    state = _day_of_rule(rule, law, day)
    if state == _UNPUBLISHED:
        return UNKNOWN_DAY
    if state == _OPEN and rule[OPENS] <= clock < rule[CLOSES]:
        return at
    opens = (day if clock < rule[OPENS] else day + 1) * DAY_US + rule[OPENS] - offset
    return (
        min(opens, stretch_end(zones, zone, stretch))
        if state == _OPEN
        else _after_day(zones, zone, day, rule)
    )


@inlined
def _after_day(zones: Any, zone: int, day: int, rule: Any) -> int:
    """The opening of the day after a closed day, or the end of the stretch before it."""
    start = day_start(zones, zone, day + 1)
    stretch = stretch_of(zones, zone, start)
    opens = (day + 1) * DAY_US + rule[OPENS] - zones.offsets[stretch]
    return min(max(opens, start), stretch_end(zones, zone, stretch))


@inlined
def is_within(clock: int, opens: int, closes: int) -> bool:
    """Whether a clock time lies in a window, which may run over midnight; half-open."""
    if opens <= closes:
        return opens <= clock < closes
    return clock >= opens or clock < closes


@inlined
def window_next(zones: Any, zone: int, at: int, opens: int, closes: int) -> int:
    """When a daily window is open."""
    stretch = stretch_of(zones, zone, at)
    offset = zones.offsets[stretch]
    day = (at + offset) // DAY_US
    clock = at + offset - day * DAY_US
    if is_within(clock, opens, closes):
        return at
    start = (day if clock < opens else day + 1) * DAY_US + opens - offset
    return min(start, stretch_end(zones, zone, stretch))


@inlined
def times_next(asked: Any, low: int, high: int, wanted: int, zones: Any, zone: int, at: int) -> int:
    """When the times a person asked for (rows ``low`` to ``high`` of their preferences) allow a contact.

    Every not_time binds; of several only_time, one that allows is enough. ``wanted``: the mask of kinds that the
    rule reads.
    """
    stretch = stretch_of(zones, zone, at)
    offset, end = zones.offsets[stretch], stretch_end(zones, zone, stretch)
    day = (at + offset) // DAY_US
    clock = at + offset - day * DAY_US
    midnight = (day + 1) * DAY_US - offset
    latest = at
    is_limited, is_allowed, earliest = False, False, midnight
    for row in range(low, high):
        kind = asked.kind[row]
        if wanted >> kind & 1 == 0 or (kind != NOT_TIME and kind != ONLY_TIME):
            continue
        opens, closes = asked.opens[row], asked.closes[row]
        today = _is_on(asked, row, day)
        from_yesterday = opens > closes and clock < closes and _is_on(asked, row, day - 1)
        from_today = today and (clock >= opens and (clock < closes or opens > closes))
        if kind == NOT_TIME:
            if from_yesterday:
                latest = max(latest, day * DAY_US + closes - offset)
            elif from_today:
                close_day = day + 1 if opens > closes else day
                latest = max(latest, close_day * DAY_US + closes - offset)
        elif asked.from_day[row] <= day <= asked.to_day[row] or from_yesterday:
            is_limited = True
            if from_today or from_yesterday:
                is_allowed = True
            elif today and clock < opens:
                earliest = min(earliest, day * DAY_US + opens - offset)
    if is_limited and not is_allowed:
        latest = max(latest, earliest)
    return latest if latest == at else min(latest, end)


@inlined
def _is_on(asked: Any, row: int, day: int) -> bool:
    """Whether a time asked for has a window that begins on a day."""
    return asked.weekdays[row] & weekday_bit(day) != 0 and asked.from_day[row] <= day <= asked.to_day[row]


@inlined
def is_same_stretch(rule: Any, law: Any, zone: int, since: int, at: int) -> bool:
    """Whether a rule's hours stayed shut from one instant to another."""
    walked = since
    while walked < at:
        following = hours_next(rule, law, zone, walked)
        if following == walked or following == UNKNOWN_DAY:
            return False
        walked = following
    return True


@inlined
def is_same_refusal(
    asked: Any, low: int, high: int, wanted: int, zones: Any, zone: int, since: int, at: int
) -> bool:
    """Whether the times a person asked for shut out contacts from one instant to another without a break."""
    walked = since
    while walked < at:
        following = times_next(asked, low, high, wanted, zones, zone, walked)
        if following == walked:
            return False
        walked = following
    return True
