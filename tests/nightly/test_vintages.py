"""Vintage curves: worked by hand on a few accounts, and held against a slow count that looks at every day of every account."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dunwell.calendars import add_months, day_number
from dunwell.nightly.vintages import MONTHS_MAX, full_months, vintage_curves, vintage_figures
from tests.nightly.made import timeline

Arrears = list[tuple[int, date, date | None]]


def accounts_opened(*days: date, product: str = "loan") -> pl.DataFrame:
    return pl.DataFrame(
        {"product": product, "opened_on": days}, schema={"product": pl.String, "opened_on": pl.Date}
    )


def by_month(vintages: pl.DataFrame) -> dict[int, tuple[int, int, int]]:
    return {
        month: (accounts, ever, late)
        for month, accounts, ever, late in vintages.drop("product", "opened_in").rows()
    }


def test_late_once_then_cured() -> None:
    # Opened 10 January; the instalment of 10 February is paid on 20 March, when it is 38 days late.
    arrears: Arrears = [(0, date(2026, 2, 10), date(2026, 2, 10)), (0, date(2026, 3, 20), None)]
    counted = by_month(
        vintage_figures(accounts_opened(date(2026, 1, 10)), timeline(arrears), date(2026, 5, 9))
    )
    # On 10 March it is 28 days late; from the 12th 30; on 10 April it is current again. Month 4 (10 May) is not reached.
    assert counted == {0: (1, 0, 0), 1: (1, 0, 0), 2: (1, 0, 0), 3: (1, 1, 0)}


def test_late_on_the_very_day_and_since() -> None:
    arrears: Arrears = [(0, date(2026, 2, 8), date(2026, 2, 8))]
    counted = by_month(
        vintage_figures(accounts_opened(date(2026, 1, 10)), timeline(arrears), date(2026, 4, 10))
    )
    assert counted == {0: (1, 0, 0), 1: (1, 0, 0), 2: (1, 1, 1), 3: (1, 1, 1)}


def test_thirty_days_not_twenty_nine() -> None:
    def ever_late(due_on: date) -> list[int]:
        arrears = timeline([(0, due_on, due_on)])
        counted = vintage_figures(accounts_opened(date(2026, 1, 10)), arrears, date(2026, 3, 10))
        return counted["ever_late"].to_list()

    assert ever_late(date(2026, 3, 10) - timedelta(29)) == [0, 0, 0]
    assert ever_late(date(2026, 3, 10) - timedelta(30)) == [0, 0, 1]


def test_shares_and_where_a_curve_ends() -> None:
    opened = accounts_opened(date(2026, 1, 1), date(2026, 3, 31))
    arrears: Arrears = [(0, date(2026, 1, 20), date(2026, 1, 20))]
    curves = vintage_curves(vintage_figures(opened, timeline(arrears), date(2026, 4, 30)))
    assert curves.select("month", "cohort", "accounts", "ever_late_share", "is_whole").rows() == [
        (0, 2, 2, 0.0, True),
        (1, 2, 2, 0.0, True),  # 31 March becomes 30 April
        (2, 2, 1, 1.0, False),
        (3, 2, 1, 1.0, False),
    ]


def test_an_account_not_yet_opened_is_no_part_of_it() -> None:
    assert vintage_figures(accounts_opened(date(2026, 6, 1)), timeline([]), date(2026, 5, 31)).is_empty()


def test_years_on_book_are_cut_at_the_last_month_counted() -> None:
    counted = vintage_figures(accounts_opened(date(1990, 5, 5)), timeline([]), date(2026, 5, 31))
    assert counted["month"].to_list() == list(range(MONTHS_MAX + 1))


def test_day_numbers_with_minus_one_mean_the_same_as_days_with_null() -> None:
    arrears: Arrears = [(0, date(2026, 2, 10), date(2026, 2, 10)), (0, date(2026, 3, 20), None)]
    days = timeline(arrears)
    numbers = days.with_columns(
        pl.col("on").to_physical(), pl.col("oldest_due_on").to_physical().fill_null(-1)
    )
    opened, as_of = accounts_opened(date(2026, 1, 10)), date(2026, 5, 9)
    assert_frame_equal(vintage_figures(opened, days, as_of), vintage_figures(opened, numbers, as_of))


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        (date(2026, 1, 31), date(2026, 2, 27), 0),
        (date(2026, 1, 31), date(2026, 2, 28), 1),
        (date(2024, 2, 29), date(2025, 2, 28), 12),
        (date(2026, 1, 15), date(2026, 1, 14), -1),
    ],
)
def test_full_months(start: date, end: date, months: int) -> None:
    assert full_months(np.array([day_number(start)]), np.array([day_number(end)])).tolist() == [months]


days = st.dates(date(2023, 11, 1), date(2025, 6, 30))


@given(days, days)
def test_full_months_is_the_last_month_reached(start: date, end: date) -> None:
    months = int(full_months(np.array([day_number(start)]), np.array([day_number(end)]))[0])
    assert add_months(start, months) <= end < add_months(start, months + 1)


@st.composite
def books(draw: st.DrawFn) -> tuple[list[date], Arrears]:
    opened = draw(st.lists(days, min_size=1, max_size=5))
    arrears: Arrears = []
    for account in range(len(opened)):
        changes = sorted(draw(st.sets(days, max_size=5)))
        for on in changes:
            late_by = draw(st.sampled_from((None, 1, 10, 29, 30, 31, 45, 100)))
            arrears.append((account, on, None if late_by is None else on - timedelta(late_by)))
    return opened, arrears


@given(books())
def test_the_slow_count_agrees(book: tuple[list[date], Arrears]) -> None:
    opened, arrears = book
    as_of = date(2025, 6, 30)

    def days_late(account: int, day: date) -> int:
        held = [oldest for of, on, oldest in arrears if of == account and on <= day]
        return (day - held[-1]).days if held and held[-1] else 0

    expected: dict[tuple[date, int], list[int]] = {}
    for account, start in enumerate(opened):
        quarter = date(start.year, start.month - (start.month - 1) % 3, 1)
        first = min((on for of, on, _ in arrears if of == account), default=start)
        for month in range(MONTHS_MAX + 1):
            day = add_months(start, month)
            if day > as_of:
                break
            span = (day - first).days + 1
            ever = any(days_late(account, first + timedelta(k)) >= 30 for k in range(max(span, 0)))
            cell = expected.setdefault((quarter, month), [0, 0, 0])
            cell[0] += 1
            cell[1] += ever
            cell[2] += days_late(account, day) >= 30

    counted = vintage_figures(accounts_opened(*opened), timeline(arrears), as_of)
    found = {
        (opened_in, month): [n, ever, late]
        for opened_in, month, n, ever, late in counted.drop("product").rows()
    }
    assert found == expected
