"""The figures of a day: right by eye on six accounts, and the same however the customers are spread over partitions."""

from collections.abc import Sequence
from dataclasses import fields, replace
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dunwell.ledger.terms import Allocation, Buckets, Terms
from dunwell.nightly.figures import (
    AGE_BANDS_FROM,
    Figures,
    bucket_order,
    in_order,
    merge_figures,
    movements,
    partition_figures,
)
from tests.nightly.made import (
    ARREARS,
    AS_OF,
    TODAY,
    YESTERDAY,
    Account,
    account_rows,
    customer_rows,
    positions,
    timeline,
)


def figures_of(
    today: Sequence[Account], before: Sequence[Account] | None, arrears: pl.DataFrame | None = None
) -> Figures:
    was = None if before is None else positions(before)
    return partition_figures(positions(today), was, account_rows(today), customer_rows(today), arrears, AS_OF)


@pytest.fixture(scope="module")
def day() -> Figures:
    return figures_of(TODAY, YESTERDAY, timeline(ARREARS))


def rows(frame: pl.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return frame.select(columns).rows()


def test_a_closed_account_is_not_on_the_book(day: Figures) -> None:
    assert day.portfolio.row(0, named=True) == {
        "all_accounts": 6,
        "all_customers": 5,
        "accounts": 5,
        "customers": 4,
        "past_due_accounts": 2,
        "past_due_customers": 1,
        "incomplete_accounts": 1,
    }
    assert ("CNY", "closed", 1) in rows(day.statuses, "currency", "status", "accounts")


def test_currencies_stand_apart(day: Figures) -> None:
    columns = (
        "currency",
        "accounts",
        "customers",
        "past_due_accounts",
        "past_due_total",
        "outstanding_principal",
    )
    assert rows(day.currencies, *columns) == [
        ("CNY", 3, 2, 2, Decimal("210.50"), Decimal("3800.00")),
        ("USD", 2, 2, 0, Decimal("3.20"), Decimal("760.00")),
    ]
    assert day.currencies["past_due_principal"].to_list() == [Decimal("1800.00"), Decimal(0)]


def test_buckets(day: Figures) -> None:
    assert rows(day.buckets, "currency", "bucket", "accounts", "past_due_total") == [
        ("CNY", "C", 1, Decimal(0)),
        ("CNY", "M1", 1, Decimal("90.00")),
        ("CNY", "M2", 1, Decimal("120.50")),
        ("USD", "C", 2, Decimal("3.20")),
    ]


def test_segments_know_jurisdiction_and_product(day: Figures) -> None:
    assert ("USD", "us", "us-loan", "C", 2) in rows(
        day.segments, "currency", "jurisdiction", "product", "bucket", "accounts"
    )


def test_a_remainder_below_materiality_has_a_band_of_its_own(day: Figures) -> None:
    assert rows(day.ageing, "currency", "from_days", "accounts", "past_due_total") == [
        ("CNY", 1, 1, Decimal("90.00")),
        ("CNY", 31, 1, Decimal("120.50")),
        ("USD", 0, 1, Decimal("3.20")),
    ]


@pytest.mark.parametrize(
    ("days", "band"),
    [(1, 1), (30, 1), (31, 31), (60, 31), (61, 61), (90, 61), (91, 91), (180, 91), (360, 181), (361, 361)],
)
def test_edges_of_the_age_bands(days: int, band: int) -> None:
    late = Account("A1", "Li", "CNY", days, "1.00", "10.00")
    assert figures_of([late], None).ageing["from_days"].to_list() == [band]


def test_roll_from_the_run_before(day: Figures) -> None:
    columns = ("currency", "bucket_before", "bucket_today", "accounts", "outstanding_principal_before")
    assert sorted(rows(day.roll, *columns), key=str) == sorted(
        [
            ("CNY", "C", "M1", 1, Decimal("1000.00")),
            ("CNY", "M1", "M2", 1, Decimal("800.00")),
            ("CNY", None, "C", 1, Decimal(0)),
            ("USD", "M1", "C", 1, Decimal("500.00")),
            ("USD", "C", "C", 1, Decimal("300.00")),
        ],
        key=str,
    )


def test_inflow_and_cures(day: Figures) -> None:
    cny, usd = movements(day.roll).iter_rows(named=True)
    assert (cny["past_due_before"], cny["fell_past_due"], cny["cured"], cny["past_due_today"]) == (1, 1, 0, 2)
    assert (cny["arrived"], cny["fell_past_due_total"]) == (1, Decimal("90.00"))
    assert (usd["past_due_before"], usd["fell_past_due"], usd["cured"], usd["past_due_today"]) == (1, 0, 1, 0)
    assert usd["cured_total"] == Decimal("50.00")


def test_an_account_that_was_closed_while_late_left_and_did_not_cure() -> None:
    before = Account("A1", "Li", "CNY", 40, "10.00", "100.00")
    moved = movements(figures_of([replace(before, status="sold")], [before]).roll).row(0, named=True)
    assert (moved["cured"], moved["left_past_due"], moved["past_due_today"]) == (0, 1, 0)


def test_without_a_run_before_there_is_no_roll() -> None:
    assert figures_of(TODAY, None).roll.is_empty()


def test_classes(day: Figures) -> None:
    columns = ("jurisdiction", "asset_class", "ifrs_stage", "in_default", "accounts")
    assert ("cn", "special_mention", 2, False, 1) in rows(day.classes, *columns)
    assert day.classes["accounts"].sum() == 5


def test_no_parts_make_an_empty_portfolio() -> None:
    nothing = merge_figures([])
    assert nothing.portfolio.sum_horizontal().to_list() == [0]
    assert all(getattr(nothing, f.name).is_empty() for f in fields(Figures) if f.name != "portfolio")


def test_an_empty_partition_adds_nothing(day: Figures) -> None:
    empty = figures_of([], [], timeline([]))
    for field in fields(Figures):
        assert_frame_equal(getattr(merge_figures([day, empty]), field.name), getattr(day, field.name))


def test_sums_beyond_64_bits_stay_exact() -> None:
    huge = [Account(f"A{n}", "Li", "CNY", 5, "99999999999999.9999", "99999999999999.9999") for n in range(20)]
    assert figures_of(huge, None).currencies["past_due_total"].item() == 20 * Decimal("99999999999999.9999")


def test_bucket_names_of_several_products_stand_by_their_first_day() -> None:
    def terms(product: str, names: tuple[str, ...], from_days: tuple[int, ...]) -> Terms:
        return Terms(
            product, "CNY", Allocation.INSTALMENT_FIRST, ("principal",), buckets=Buckets(names, from_days)
        )

    both = {"a": terms("a", ("C", "M1", "M2"), (0, 1, 31)), "b": terms("b", ("C", "early", "M2"), (0, 8, 15))}
    assert bucket_order(both) == ("C", "M1", "early", "M2")
    assert in_order(pl.DataFrame({"b": ["old name", "M2", "C", None]}), "b", bucket_order(both)) == [
        "C",
        "M2",
        "old name",
    ]


CUSTOMERS = [f"P{n}" for n in range(6)]
amounts = st.integers(0, 10**6).map(lambda minor: f"{Decimal(minor).scaleb(-2)}")


@st.composite
def portfolios(draw: st.DrawFn) -> list[Account]:
    """Up to a dozen accounts of six customers, each customer in one currency."""
    made = []
    for number in range(draw(st.integers(0, 12))):
        customer = draw(st.sampled_from(CUSTOMERS))
        currency = ("CNY", "USD", "KWD")[CUSTOMERS.index(customer) % 3]
        days = draw(st.sampled_from((0, 0, 1, 30, 31, 95, 400)))
        status = draw(st.sampled_from(("active", "active", "incomplete", "closed", "sold")))
        made.append(Account(f"A{number:02}", customer, currency, days, draw(amounts), draw(amounts), status))
    return made


@settings(max_examples=25)
@given(portfolios(), portfolios(), st.lists(st.integers(0, 2), min_size=6, max_size=6))
def test_partitions_added_together_are_the_whole(
    today: list[Account], before: list[Account], partition_of: list[int]
) -> None:
    # An account keeps its customer from one run to the next.
    holder = {account.account_id: account for account in today}
    before = [
        replace(was, customer_id=holder[was.account_id].customer_id, currency=holder[was.account_id].currency)
        if was.account_id in holder
        else was
        for was in before
    ]

    def part(number: int) -> Figures:
        mine = {customer for customer, k in zip(CUSTOMERS, partition_of, strict=True) if k == number}
        return figures_of(
            [a for a in today if a.customer_id in mine],
            [a for a in before if a.customer_id in mine],
            timeline([]),
        )

    whole = figures_of(today, before, timeline([]))
    merged = merge_figures(part(number) for number in range(3))
    for field in fields(Figures):
        assert_frame_equal(getattr(merged, field.name), getattr(whole, field.name))


@given(portfolios(), portfolios())
def test_nothing_is_lost_between_the_frames(today: list[Account], before: list[Account]) -> None:
    day = figures_of(today, before)
    portfolio = day.portfolio.row(0, named=True)
    assert day.statuses["accounts"].sum() == portfolio["all_accounts"] == len(today)
    assert day.buckets["accounts"].sum() == day.segments["accounts"].sum() == portfolio["accounts"]
    for frame in (day.buckets, day.segments, day.ageing):
        summed = (
            frame.group_by("currency")
            .agg(pl.col("past_due_total").sum())
            .filter(pl.col("past_due_total") > 0)
        )
        known = day.currencies.select("currency", "past_due_total").filter(pl.col("past_due_total") > 0)
        assert_frame_equal(summed.sort("currency"), known.sort("currency"))
    for moved in movements(day.roll).iter_rows(named=True):
        came = moved["fell_past_due"] + moved["arrived_past_due"]
        went = moved["cured"] + moved["left_past_due"]
        assert moved["past_due_before"] + came - went == moved["past_due_today"]
    assert movements(day.roll)["past_due_today"].sum() == portfolio["past_due_accounts"]
    assert set(day.ageing["from_days"]) <= set(AGE_BANDS_FROM)
