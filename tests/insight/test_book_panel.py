"""The panel of a book is what the ledger says at each month's end, and rows to learn from look back only."""

from datetime import date, timedelta

import polars as pl

from dunwell.insight.rolls import BOOK_STATES, book_panel, with_history
from dunwell.insight.rolls.book import month_end, month_number
from dunwell.insight.training import OUTCOMES, origins_before, outcome_rows
from dunwell.ledger import positions
from tests.insight.books import LAST_DAY, THEN, THEN_END, partition, terms


def test_states_are_the_ledgers_days_past_due() -> None:
    tables = partition().tables
    panel = book_panel(tables, terms(), LAST_DAY, 7)
    assert panel["month"].max() == month_number(date(2026, 10, 31))
    for end in (date(2026, 5, 31), date(2026, 10, 31)):
        owed = positions(tables, terms(), end).frame.select("account_id", "past_due_days")
        both = panel.filter(pl.col("month") == month_number(end)).join(owed, on="account_id", how="full")
        assert both.height == owed.height
        assert both["state"].null_count() == 0
        late = both.filter(pl.col("past_due_days") > 0)
        assert late.height > 5
        for days, state in late.select("past_due_days", "state").iter_rows():
            first, _, last = state.partition("-")
            assert int(first.rstrip("+")) <= days
            assert not last or days <= int(last)
        assert set(both.filter(pl.col("past_due_days") == 0)["state"]) <= {"settled", "current"}
    assert with_history(panel, BOOK_STATES).height == panel.height


def test_a_short_look_back_does_not_make_old_accounts_young() -> None:
    long, short = (
        with_history(book_panel(partition().tables, terms(), LAST_DAY, n), BOOK_STATES) for n in (14, 4)
    )
    key = ["account_id", "month"]
    both = short.select(*key, "months_on_book").join(long.select(*key, before="months_on_book"), on=key)
    assert both.height == short.height
    assert (both["months_on_book"] == both["before"]).all()
    assert both.filter(pl.col("months_on_book") > 6).height > 50


def test_months_are_numbered_and_end() -> None:
    for day in (date(2026, 1, 31), date(2026, 2, 28), date(2024, 2, 29), date(2025, 12, 31)):
        assert month_end(month_number(day)) == day


def test_nothing_learned_from_came_after_the_day_measured_on() -> None:
    for horizon in (7, 30, 90):
        *learned, measured = origins_before(LAST_DAY, horizon, 5)
        assert len(learned) == 4 and learned == sorted(learned)
        assert max(learned) + timedelta(days=horizon) <= measured
        assert measured + timedelta(days=horizon) == LAST_DAY


def test_outcomes_are_what_the_ledger_says_later() -> None:
    tables = partition().tables
    rows = outcome_rows(tables, terms(), [THEN], 30, OUTCOMES["stays-late"])
    then = positions(tables, terms(), THEN, THEN_END).frame
    later = positions(tables, terms(), THEN + timedelta(days=30)).frame
    past_due = then.filter(pl.col("past_due_days") > 0)
    assert rows.height == past_due.height > 5
    stayed = past_due.join(later.filter(pl.col("past_due_days") > 0), on="account_id", how="semi")
    assert set(rows.filter("has_come")["account_id"]) == set(stayed["account_id"])
