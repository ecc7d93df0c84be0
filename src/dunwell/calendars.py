"""Days: civil arithmetic and the four day counts by which interest accrues.

A day count is given as a running total: ``day_units(convention, day)`` grows with the day, and the year fraction of the days
after a up to and including b is exactly ``(day_units(b) - day_units(a)) / units_per_year``. So any span, however it is cut,
adds up to the same fraction, with integers alone.
"""

import calendar
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

EPOCH = date(1970, 1, 1)
DAY_MIN = date(1900, 1, 1)
DAY_MAX = date(2199, 12, 31)


class DayCount(StrEnum):
    """How days become fractions of a year.

    ACT/360 and ACT/365F divide the actual days; ACT/ACT counts each day by the length of the calendar year it lies in (ISDA);
    30E/360 takes every month as 30 days, the 31st as the 30th (ISDA 2006, 4.16(g)).
    """

    ACT_360 = "ACT/360"
    ACT_365F = "ACT/365F"
    ACT_ACT = "ACT/ACT"
    THIRTY_E_360 = "30E/360"


_UNITS_PER_YEAR = {
    DayCount.ACT_360: 360,
    DayCount.ACT_365F: 365,
    DayCount.ACT_ACT: 365 * 366,
    DayCount.THIRTY_E_360: 360,
}


def units_per_year(day_count: DayCount) -> int:
    """How many units of ``day_units`` make one year."""
    return _UNITS_PER_YEAR[day_count]


def day_units(day_count: DayCount, day: date) -> int:
    """The running total of accrual units up to and including ``day``, from a fixed start."""
    if day_count is DayCount.THIRTY_E_360:
        return 360 * day.year + 30 * day.month + min(day.day, 30)
    if day_count is DayCount.ACT_ACT:
        years_before = day.year - 1
        leap_years = years_before // 4 - years_before // 100 + years_before // 400
        in_year = day.toordinal() - date(day.year, 1, 1).toordinal() + 1
        # Every whole year is worth 365 * 366; a day is worth 366 in a common year and 365 in a leap year.
        whole_years = 366 * 365 * (years_before - leap_years) + 365 * 366 * leap_years
        return whole_years + in_year * (365 if calendar.isleap(day.year) else 366)
    return day.toordinal()


def day_units_table(day_count: DayCount) -> NDArray[np.int64]:
    """``day_units`` for every day from DAY_MIN to DAY_MAX, for kernels: index with ``day_number(day) - FIRST_DAY_NUMBER``."""
    days = np.arange(FIRST_DAY_NUMBER, LAST_DAY_NUMBER + 1, dtype=np.int64)
    if day_count in (DayCount.ACT_360, DayCount.ACT_365F):
        return days + EPOCH.toordinal()
    stamps = days.astype("datetime64[D]")
    years = stamps.astype("datetime64[Y]").astype(np.int64) + 1970
    if day_count is DayCount.ACT_ACT:
        days_in_year = np.array([365 + calendar.isleap(year) for year in range(years[0], years[-1] + 1)])[
            years - years[0]
        ]
        in_units = 365 * 366 // days_in_year
        running: NDArray[np.int64] = np.cumsum(in_units) + day_units(day_count, DAY_MIN) - in_units[0]
        return running
    months = stamps.astype("datetime64[M]").astype(np.int64) % 12 + 1
    days_of_month = (stamps - stamps.astype("datetime64[M]")).astype(np.int64) + 1
    thirties: NDArray[np.int64] = 360 * years + 30 * months + np.minimum(days_of_month, 30)
    return thirties


def day_number(day: date) -> int:
    """Days since 1970-01-01, the integer that Arrow and Polars keep for a day."""
    return (day - EPOCH).days


def day_of(number: int) -> date:
    """The day with that number of days since 1970-01-01."""
    return EPOCH + timedelta(days=number)


FIRST_DAY_NUMBER = day_number(DAY_MIN)
LAST_DAY_NUMBER = day_number(DAY_MAX)


def add_months(day: date, months: int) -> date:
    """The same day of the month so many months later (or earlier); the month's last day where it has no such day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def add_years(day: date, years: int) -> date:
    """The same day so many years later; 29 February becomes the 28th where the year has none."""
    return add_months(day, 12 * years)
