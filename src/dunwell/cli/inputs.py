"""Days and instants as people type them."""

from datetime import UTC, date, datetime, time

from dunwell.calendars import DAY_MAX, DAY_MIN
from dunwell.cli.errors import CommandError


def parse_day(text: str | None, option: str) -> date | None:
    """A day like 2026-11-23; None stays None. Raises CommandError naming the option."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or len(text) != 10 or not DAY_MIN <= day <= DAY_MAX:
        raise CommandError(f"{option} {text!r} is not a day. Write it like 2026-11-23")
    return day


def parse_instant(text: str | None, option: str) -> datetime | None:
    """An instant with an offset, or a day, which means its end in UTC; None stays None. Raises CommandError."""
    if text is None:
        return None
    if len(text) == 10:
        day = parse_day(text, option)
        return None if day is None else end_of(day)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise CommandError(
            f"{option} {text!r} is not an instant. Write a day, or an instant with its offset like 2026-11-23T18:00:00+08:00"
        )
    return instant.astimezone(UTC)


def end_of(day: date) -> datetime:
    """The last microsecond of a day, UTC."""
    return datetime.combine(day, time.max, UTC)
