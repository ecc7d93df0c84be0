"""Days: month arithmetic and the four day counts, against hand counts and against counting day by day."""

import calendar
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.calendars import (
    DAY_MAX,
    DAY_MIN,
    FIRST_DAY_NUMBER,
    DayCount,
    add_months,
    add_years,
    day_number,
    day_of,
    day_units,
    day_units_table,
    units_per_year,
)

days = st.dates(DAY_MIN, DAY_MAX)


def fraction(day_count: DayCount, after: date, up_to: date) -> Fraction:
    return Fraction(day_units(day_count, up_to) - day_units(day_count, after), units_per_year(day_count))


@pytest.mark.parametrize(
    ("day_count", "after", "up_to", "year_fraction"),
    [
        (DayCount.ACT_360, date(2026, 1, 10), date(2026, 2, 9), Fraction(30, 360)),
        (DayCount.ACT_365F, date(2024, 1, 1), date(2025, 1, 1), Fraction(366, 365)),
        (DayCount.ACT_ACT, date(2023, 12, 31), date(2024, 12, 31), Fraction(1)),
        (DayCount.ACT_ACT, date(2023, 12, 30), date(2024, 1, 2), Fraction(1, 365) + Fraction(2, 366)),
        (DayCount.THIRTY_E_360, date(2026, 1, 31), date(2026, 2, 28), Fraction(28, 360)),
        (DayCount.THIRTY_E_360, date(2026, 2, 28), date(2026, 3, 1), Fraction(3, 360)),
        (DayCount.THIRTY_E_360, date(2026, 3, 30), date(2026, 3, 31), Fraction(0)),
        (DayCount.THIRTY_E_360, date(2025, 5, 15), date(2026, 5, 15), Fraction(1)),
    ],
)
def test_worked_year_fractions(
    day_count: DayCount, after: date, up_to: date, year_fraction: Fraction
) -> None:
    assert fraction(day_count, after, up_to) == year_fraction


@given(days, st.integers(0, 900))
def test_actual_actual_counts_each_day_by_the_year_it_lies_in(after: date, span: int) -> None:
    up_to = min(after + timedelta(days=span), DAY_MAX)
    each = (after + timedelta(days=i) for i in range(1, (up_to - after).days + 1))
    assert fraction(DayCount.ACT_ACT, after, up_to) == sum(
        (Fraction(1, 366 if calendar.isleap(day.year) else 365) for day in each), Fraction(0)
    )


@given(st.sampled_from(list(DayCount)), days, days, days)
def test_a_span_adds_up_however_it_is_cut(day_count: DayCount, one: date, two: date, three: date) -> None:
    first, middle, last = sorted((one, two, three))
    whole = fraction(day_count, first, last)
    assert fraction(day_count, first, middle) + fraction(day_count, middle, last) == whole >= 0


@given(st.sampled_from(list(DayCount)), days)
def test_the_kernels_table_is_the_function(day_count: DayCount, day: date) -> None:
    assert day_units_table(day_count)[day_number(day) - FIRST_DAY_NUMBER] == day_units(day_count, day)


def test_months_later_is_the_same_day_or_the_months_last() -> None:
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert add_months(date(2026, 1, 31), 2) == date(2026, 3, 31)
    assert add_months(date(2026, 3, 31), -1) == date(2026, 2, 28)
    assert add_years(date(2024, 2, 29), 1) == date(2025, 2, 28)
    assert add_years(date(2024, 2, 29), 4) == date(2028, 2, 29)


@given(days)
def test_day_numbers_are_days_since_1970(day: date) -> None:
    assert day_of(day_number(day)) == day
