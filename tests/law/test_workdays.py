"""Calendars: published years with their days off and make-up workdays, and years that nobody knows yet."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from dunwell.calendars import DAY_MAX, DAY_MIN, FIRST_DAY_NUMBER, day_number
from dunwell.law.workdays import (
    DAY_OFF,
    SATURDAY,
    SUNDAY,
    UNKNOWN,
    WORKDAY,
    Calendar,
    YearNotPublished,
    calendar_table,
    read_calendars,
)
from dunwell.policy import PolicyError

KEYS = ("cn", "id", "us-federal")

# Typed by hand from the notices: (calendar, day, what it is).
WELL_KNOWN = [
    ("cn", "2021-02-07", WORKDAY),  # a Sunday worked before Spring Festival
    ("cn", "2021-02-12", DAY_OFF),  # Spring Festival
    ("cn", "2021-10-08", WORKDAY),  # the Friday after National Day week
    ("cn", "2022-01-31", DAY_OFF),  # New Year's Eve, a Monday
    ("cn", "2022-12-31", DAY_OFF),  # the 2023 notice begins New Year's days here
    ("cn", "2023-06-25", WORKDAY),  # Sunday after Dragon Boat
    ("cn", "2024-02-09", WORKDAY),  # New Year's Eve: leave was encouraged, not given
    ("cn", "2024-02-18", WORKDAY),  # Sunday after Spring Festival
    ("cn", "2024-10-12", WORKDAY),  # Saturday
    ("cn", "2025-01-26", WORKDAY),  # Sunday
    ("cn", "2025-10-06", DAY_OFF),  # Mid-autumn within National Day week
    ("cn", "2025-10-08", DAY_OFF),
    ("cn", "2026-01-04", WORKDAY),  # Sunday
    ("cn", "2026-02-13", WORKDAY),
    ("cn", "2026-02-14", WORKDAY),  # Saturday before Spring Festival
    ("cn", "2026-02-15", DAY_OFF),
    ("cn", "2026-02-23", DAY_OFF),
    ("cn", "2026-02-24", WORKDAY),
    ("cn", "2026-02-28", WORKDAY),  # Saturday after it
    ("cn", "2026-03-01", SUNDAY),
    ("cn", "2026-05-09", WORKDAY),
    ("cn", "2026-09-20", WORKDAY),
    ("cn", "2026-10-01", DAY_OFF),
    ("cn", "2026-10-08", WORKDAY),
    ("cn", "2026-10-10", WORKDAY),
    ("cn", "2026-10-11", SUNDAY),
    ("cn", "2026-11-21", SATURDAY),
    ("cn", "2027-01-01", UNKNOWN),
    ("cn", "2020-12-31", UNKNOWN),
    ("id", "2021-10-20", DAY_OFF),  # the Prophet's birthday, moved from the 19th
    ("id", "2021-10-19", WORKDAY),
    ("id", "2024-02-14", DAY_OFF),  # election day
    ("id", "2024-04-10", DAY_OFF),  # Idul Fitri
    ("id", "2025-03-31", DAY_OFF),
    ("id", "2025-08-17", DAY_OFF),  # Independence Day, a Sunday
    ("id", "2025-08-18", WORKDAY),  # collective leave is no national holiday
    ("id", "2026-02-16", WORKDAY),  # collective leave
    ("id", "2026-02-17", DAY_OFF),  # Imlek
    ("id", "2026-03-21", DAY_OFF),  # Idul Fitri
    ("id", "2026-03-23", WORKDAY),  # collective leave
    ("id", "2026-05-27", DAY_OFF),  # Idul Adha
    ("id", "2026-08-15", SATURDAY),
    ("id", "2026-12-25", DAY_OFF),
    ("id", "2027-01-01", UNKNOWN),
    ("us-federal", "2021-06-18", DAY_OFF),  # Juneteenth observed
    ("us-federal", "2021-12-31", DAY_OFF),  # New Year's Day of 2022 observed
    ("us-federal", "2023-11-10", DAY_OFF),  # Veterans Day observed
    ("us-federal", "2026-07-03", DAY_OFF),  # Independence Day observed
    ("us-federal", "2026-07-04", DAY_OFF),
    ("us-federal", "2026-11-26", DAY_OFF),  # Thanksgiving
    ("us-federal", "2026-11-27", WORKDAY),
    ("us-federal", "2027-07-05", DAY_OFF),
    ("us-federal", "2028-01-03", UNKNOWN),
]

EXTRA = """key = "cn"
title = "Workdays"
from = 2026-11-01
citation = "notice"
source_quality = "press"
"""


def days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(days=n) for n in range((date(year + 1, 1, 1) - first).days)]


@pytest.mark.parametrize(("key", "day", "kind"), WELL_KNOWN)
def test_well_known_days_are_what_people_know_them_to_be(key: str, day: str, kind: int) -> None:
    calendar, when = read_calendars()[key], date.fromisoformat(day)
    assert calendar_table(calendar)[day_number(when) - FIRST_DAY_NUMBER] == kind
    assert calendar.is_known(when) == (kind != UNKNOWN)
    if kind != UNKNOWN:
        assert calendar.is_workday(when) == (kind == WORKDAY)
        assert calendar.is_holiday(when) == (kind == DAY_OFF)


def test_the_published_years_are_these_and_no_others() -> None:
    years = {key: sorted(calendar.years) for key, calendar in read_calendars().items()}
    assert years == {
        "cn": [2021, 2022, 2023, 2024, 2025, 2026],
        "id": [2021, 2022, 2023, 2024, 2025, 2026],
        "us-federal": [2021, 2022, 2023, 2024, 2025, 2026, 2027],
    }


@pytest.mark.parametrize("key", KEYS)
def test_a_published_year_classes_each_of_its_days_and_an_unpublished_one_none(key: str) -> None:
    calendar = read_calendars()[key]
    table = calendar_table(calendar)
    assert len(table) == (DAY_MAX - DAY_MIN).days + 1
    for year in range(2015, 2035):
        kinds = [int(table[day_number(day) - FIRST_DAY_NUMBER]) for day in days_of(year)]
        if year in calendar.years:
            assert UNKNOWN not in kinds
            assert {SATURDAY, SUNDAY, WORKDAY, DAY_OFF} == set(kinds)
        else:
            assert set(kinds) == {UNKNOWN}


@pytest.mark.parametrize("key", KEYS)
def test_the_table_agrees_with_the_calendar_day_by_day(key: str) -> None:
    calendar = read_calendars()[key]
    table = calendar_table(calendar)
    for year in calendar.years:
        for day in days_of(year):
            kind = table[day_number(day) - FIRST_DAY_NUMBER]
            assert calendar.is_workday(day) == (kind == WORKDAY)
            assert calendar.is_holiday(day) == (kind == DAY_OFF)
            if kind == SATURDAY:
                assert day.isoweekday() == 6
            if kind == SUNDAY:
                assert day.isoweekday() == 7


@pytest.mark.parametrize("key", KEYS)
def test_days_lie_in_their_year_and_make_up_days_on_weekends(key: str) -> None:
    for one in read_calendars()[key].published:
        assert {day.year for day in one.days_off | one.make_up_workdays} == {one.year}
        assert all(day.isoweekday() >= 6 for day in one.make_up_workdays)
        assert not one.days_off & one.make_up_workdays
        assert one.citation
        assert one.published_on is None or one.published_on < date(one.year, 1, 1)


def test_china_works_a_weekend_day_for_each_weekday_off_beyond_the_statutory_ones() -> None:
    # The statute gives 11 days a year, 13 from 2025; one on a weekend is made good on a weekday, and each further
    # weekday off is worked on a weekend.
    calendar = read_calendars()["cn"]
    net = {
        one.year: sum(day.isoweekday() < 6 for day in one.days_off) - len(one.make_up_workdays)
        for one in calendar.published
    }
    assert net == {2021: 11, 2022: 11, 2023: 11, 2024: 11, 2025: 13, 2026: 13}


def test_the_united_states_has_eleven_holidays_a_year_each_with_a_weekday_off() -> None:
    off = {day for one in read_calendars()["us-federal"].published for day in one.days_off}
    for year in range(2021, 2028):
        weekdays_off = [
            day for day in off if day.year == year and day.isoweekday() < 6 and day != date(year, 12, 31)
        ]
        new_year_observed_before = date(year, 1, 1).isoweekday() == 6
        assert len(weekdays_off) + new_year_observed_before == 11


@pytest.mark.parametrize("ask", [Calendar.is_workday, Calendar.is_holiday])
def test_a_day_of_an_unpublished_year_is_not_guessed(ask: Callable[[Calendar, date], bool]) -> None:
    with pytest.raises(YearNotPublished, match="cn: the calendar of 2027 is not published"):
        ask(read_calendars()["cn"], date(2027, 1, 4))


def workspace(folder: Path, text: str, name: str = "cn.toml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_workspace_adds_a_year(tmp_path: Path) -> None:
    year = "[[years]]\nyear = 2027\ndays_off = [2027-01-01]\nmake_up_workdays = [2027-01-09]\n"
    calendar = read_calendars(workspace(tmp_path, EXTRA + year))["cn"]
    assert sorted(calendar.years)[-2:] == [2026, 2027]
    assert calendar.is_holiday(date(2027, 1, 1))
    assert calendar.is_workday(date(2027, 1, 9))
    assert calendar.is_workday(date(2026, 2, 14))
    assert 2027 not in read_calendars()["cn"].years


def test_a_workspace_may_bring_a_calendar_of_its_own(tmp_path: Path) -> None:
    text = EXTRA.replace('"cn"', '"gb"') + "[[years]]\nyear = 2027\ndays_off = [2027-12-27]\n"
    calendars = read_calendars(workspace(tmp_path, text, "gb.toml"))
    assert calendars["gb"].is_holiday(date(2027, 12, 27))
    assert set(KEYS) < set(calendars)


def test_a_workspace_without_calendars_has_the_shipped_ones(tmp_path: Path) -> None:
    assert read_calendars(tmp_path) == read_calendars(None)
    assert read_calendars(tmp_path / "absent") == read_calendars(None)


def test_a_workspace_may_repeat_a_year_but_not_change_it(tmp_path: Path) -> None:
    published = next(one for one in read_calendars()["cn"].published if one.year == 2026)
    off = ", ".join(day.isoformat() for day in sorted(published.days_off))
    worked = ", ".join(day.isoformat() for day in sorted(published.make_up_workdays))
    same = f"[[years]]\nyear = 2026\ndays_off = [{off}]\nmake_up_workdays = [{worked}]\n"
    assert read_calendars(workspace(tmp_path, EXTRA + same)) == read_calendars()
    with pytest.raises(PolicyError, match=r"years: 2026.*differ.*2026-10-10"):
        read_calendars(workspace(tmp_path, EXTRA + same.replace(", 2026-10-10", "")))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (EXTRA, "years"),
        (EXTRA.replace('"cn"', '"china"') + "[[years]]\nyear = 2027\ndays_off = []\n", "key"),
        (EXTRA + "[[years]]\nyear = 2300\ndays_off = []\n", "years[1].year"),
        (EXTRA + '[[years]]\nyear = "2027"\ndays_off = []\n', "years[1].year"),
        (EXTRA + "[[years]]\nyear = 2027\n", "years[1].days_off"),
        (EXTRA + "[[years]]\nyear = 2027\ndays_off = [2028-01-01]\n", "years[1].days_off"),
        (EXTRA + "[[years]]\nyear = 2027\ndays_off = [2027-01-01, 2027-01-01]\n", "years[1].days_off"),
        (EXTRA + '[[years]]\nyear = 2027\ndays_off = ["2027-01-01"]\n', "years[1].days_off"),
        (EXTRA + "[[years]]\nyear = 2027\ndays_off = [2027-01-01T00:00:00Z]\n", "years[1].days_off"),
        (
            EXTRA + "[[years]]\nyear = 2027\ndays_off = []\nmake_up_workdays = [2027-01-04]\n",
            "years[1].make_up_workdays",
        ),
        (
            EXTRA + "[[years]]\nyear = 2027\ndays_off = [2027-01-02]\nmake_up_workdays = [2027-01-02]\n",
            "years[1].make_up_workdays",
        ),
        (EXTRA + 2 * "[[years]]\nyear = 2027\ndays_off = []\n", "years[2].year"),
        (EXTRA + "[[years]]\nyear = 2027\ndays_off = []\nholidays = []\n", "years[1].holidays"),
    ],
)
def test_a_calendar_that_cannot_be_right_is_refused_with_its_key(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_calendars(workspace(tmp_path, text))
    assert (caught.value.file, caught.value.key) == ("cn.toml", key)
    assert caught.value.mend
