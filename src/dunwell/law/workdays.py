"""Workdays and holidays of a country, as published: which days are worked, and which years nobody knows yet.

A calendar is a dated text, ``calendars/KEY.toml``: one ``[[years]]`` entry for each year whose official notice is
out, with its days off and, where a country works some weekend days instead (China), its make-up workdays. A year
without an entry is not known, and nothing is guessed for it. A workspace may add years as they are published, in
``policy/calendars/KEY.toml``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dunwell.calendars import DAY_MAX, DAY_MIN, FIRST_DAY_NUMBER, LAST_DAY_NUMBER, day_number
from dunwell.policy import PolicyError, PolicyText, read_policies

CALENDARS_FOLDER = Path(__file__).parent / "calendars"

UNKNOWN, WORKDAY, SATURDAY, SUNDAY, DAY_OFF = range(5)
"""What a day is in ``calendar_table``: its year is not published, it is worked, a weekend day, a holiday."""

_SATURDAY = 5
_KEYS_OF_YEAR = {"year", "from", "citation", "source_quality", "days_off", "make_up_workdays"}


class YearNotPublished(LookupError):
    """A day lies in a year whose official notice the calendar does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarYear:
    """One published year. ``published_on`` None: not known, or the year follows from a statute."""

    year: int
    days_off: frozenset[date]
    make_up_workdays: frozenset[date]
    published_on: date | None
    citation: str
    source_quality: str

    def agrees_with(self, other: "CalendarYear") -> bool:
        """Whether two texts of a year name the same days, whoever they cite."""
        return self.days_off == other.days_off and self.make_up_workdays == other.make_up_workdays


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The published years of one calendar."""

    key: str
    title: str
    published: tuple[CalendarYear, ...]

    @property
    def years(self) -> frozenset[int]:
        """The years that are published."""
        return frozenset(one.year for one in self.published)

    def is_known(self, day: date) -> bool:
        """Whether the day's year is published."""
        return day.year in self.years

    def is_workday(self, day: date) -> bool:
        """Whether people work that day: a weekday that is not off, or a make-up day. Raises YearNotPublished."""
        return self._class_of(day) == WORKDAY

    def is_holiday(self, day: date) -> bool:
        """Whether the year's notice names it as a day off, on whatever weekday. Raises YearNotPublished."""
        return self._class_of(day) == DAY_OFF

    def _class_of(self, day: date) -> int:
        for one in self.published:
            if one.year == day.year:
                return _class_in(one, day)
        raise YearNotPublished(f"{self.key}: the calendar of {day.year} is not published")


def calendar_table(calendar: Calendar) -> NDArray[np.uint8]:
    """What each day from DAY_MIN to DAY_MAX is, for kernels: index with ``day_number(day) - FIRST_DAY_NUMBER``.

    0 the year is not published, 1 a workday (a make-up day too), 2 a Saturday, 3 a Sunday, 4 a day off (also when
    it falls on a weekend).
    """
    classes = np.full(LAST_DAY_NUMBER - FIRST_DAY_NUMBER + 1, UNKNOWN, dtype=np.uint8)
    for one in calendar.published:
        first = day_number(date(one.year, 1, 1)) - FIRST_DAY_NUMBER
        last = day_number(date(one.year, 12, 31)) - FIRST_DAY_NUMBER
        # 1970-01-01 was a Thursday, weekday 3 when Monday is 0.
        weekdays = (np.arange(first, last + 1) + FIRST_DAY_NUMBER + 3) % 7
        classes[first : last + 1] = np.maximum(weekdays - _SATURDAY + SATURDAY, WORKDAY)
        for day in one.days_off:
            classes[day_number(day) - FIRST_DAY_NUMBER] = DAY_OFF
        for day in one.make_up_workdays:
            classes[day_number(day) - FIRST_DAY_NUMBER] = WORKDAY
    classes.setflags(write=False)
    return classes


def read_calendars(folder: Path | None = None) -> Mapping[str, Calendar]:
    """The shipped calendars by key, with the years that a workspace's ``policy/calendars`` folder adds.

    A workspace's file may bring a calendar of its own, add years, and repeat a year in the same words; a year whose
    days differ from the shipped ones is refused. Raises PolicyError naming file, key and mend.
    """
    shipped = _shipped_calendars()
    if folder is None:
        return shipped
    calendars = dict(shipped)
    for text in read_policies(folder):
        added = _calendar(text)
        calendars[added.key] = _joined(text.file, calendars.get(added.key), added)
    return MappingProxyType(calendars)


@cache
def _shipped_calendars() -> Mapping[str, Calendar]:
    return MappingProxyType({text.key: _calendar(text) for text in read_policies(CALENDARS_FOLDER)})


def _joined(file: str, shipped: Calendar | None, added: Calendar) -> Calendar:
    """The shipped years with the added ones."""
    if shipped is None:
        return added
    by_year = {one.year: one for one in shipped.published}
    for one in added.published:
        known = by_year.setdefault(one.year, one)
        if not known.agrees_with(one):
            raise PolicyError(
                file,
                f"years: {one.year}",
                f"its days differ from those of {known.citation}: {_differences(known, one)}",
                "Remove the year: a workspace adds years, it does not change published ones",
            )
    published = tuple(by_year[year] for year in sorted(by_year))
    return Calendar(key=shipped.key, title=shipped.title, published=published)


def _differences(known: CalendarYear, other: CalendarYear) -> str:
    differing = (known.days_off ^ other.days_off) | (known.make_up_workdays ^ other.make_up_workdays)
    return ", ".join(day.isoformat() for day in sorted(differing))


def _calendar(text: PolicyText) -> Calendar:
    """A calendar from its text. Raises PolicyError."""
    if f"{text.key}.toml" != text.file:
        raise PolicyError(
            text.file, "key", f"{text.key!r} is not the file's name", f"Name the file {text.key}.toml"
        )
    entries = text.values.get("years")
    if not isinstance(entries, list) or not entries:
        raise PolicyError(text.file, "years", "is missing", "Write one [[years]] entry a published year")
    published: dict[int, CalendarYear] = {}
    for number, entry in enumerate(entries, start=1):
        one = _calendar_year(text, f"years[{number}]", entry)
        if one.year in published:
            raise PolicyError(
                text.file, f"years[{number}].year", f"{one.year} stands twice", "Join the entries"
            )
        published[one.year] = one
    return Calendar(
        key=text.key, title=text.title, published=tuple(published[year] for year in sorted(published))
    )


def _calendar_year(text: PolicyText, key: str, entry: Mapping[str, Any]) -> CalendarYear:
    for name in sorted(set(entry) - _KEYS_OF_YEAR):
        raise PolicyError(text.file, f"{key}.{name}", "is not known", "Remove it, or mend the key's name")
    year = entry.get("year")
    if type(year) is not int or not DAY_MIN.year <= year <= DAY_MAX.year:
        raise PolicyError(
            text.file, f"{key}.year", f"{year!r} is not a year here", f"From {DAY_MIN.year} to {DAY_MAX.year}"
        )
    days_off = _days(text, key, "days_off", year, entry.get("days_off"))
    make_up_workdays = _days(text, key, "make_up_workdays", year, entry.get("make_up_workdays", []))
    for day in sorted(make_up_workdays):
        if day.weekday() < _SATURDAY or day in days_off:
            raise PolicyError(
                text.file,
                f"{key}.make_up_workdays",
                f"{day} is no weekend day that is worked",
                "A make-up workday is a Saturday or Sunday and not itself a day off",
            )
    return CalendarYear(
        year=year,
        days_off=days_off,
        make_up_workdays=make_up_workdays,
        published_on=entry.get("from"),
        citation=entry.get("citation", text.citation),
        source_quality=entry.get("source_quality", text.source_quality),
    )


def _days(text: PolicyText, key: str, name: str, year: int, days: Any) -> frozenset[date]:
    if not isinstance(days, list):
        raise PolicyError(
            text.file, f"{key}.{name}", "is missing or no list", f"Write {name} = [{year}-01-01]"
        )
    for day in days:
        if type(day) is not date or day.year != year:
            raise PolicyError(
                text.file,
                f"{key}.{name}",
                f"{day} is not a day of {year}",
                "Move it to the entry of its year",
            )
        if days.count(day) > 1:
            raise PolicyError(text.file, f"{key}.{name}", f"{day} stands twice", "Write each day once")
    return frozenset(days)


def _class_in(one: CalendarYear, day: date) -> int:
    if day in one.make_up_workdays:
        return WORKDAY
    if day in one.days_off:
        return DAY_OFF
    return max(day.weekday() - _SATURDAY + SATURDAY, WORKDAY)
