"""A promise that a lender's system took over from the journal and numbered anew is the same promise."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from dunwell.book.additions import Addition, with_additions
from dunwell.book.single import typed_rows

MADE = datetime(2026, 11, 24, 10, 31, 7, 123456, UTC)
ACCOUNTS = pl.DataFrame({"account_id": ["A1", "A2"], "customer_id": ["C1", "C1"], "currency": ["GBP"] * 2})
CUSTOMERS = pl.DataFrame({"customer_id": ["C1"]})


def row(name: str, made: datetime = MADE, **more: str) -> dict[str, str | None]:
    usual = {"account_id": "A1", "due_on": "2026-11-27", "amount": "20.00", "made_at": made.isoformat()}
    return {"promise_id": name, **usual, **more}


def together(
    tape: list[dict[str, str | None]], journal: list[dict[str, str | None]]
) -> dict[str, str | None]:
    """The promises that stand when a tape has some and the journal tells of others: their ids, and the wholes'."""
    held = typed_rows("promises", tape, MADE, 2)
    places = ACCOUNTS.select("account_id").with_row_index("account_row")
    held = held.join(places, on="account_id").drop("account_id")
    tables = {"promises": held, "accounts": ACCOUNTS, "customers": CUSTOMERS}
    found = with_additions(tables, [Addition("promises", one, MADE) for one in journal])["promises"]
    return dict(found.select("promise_id", "part_of").iter_rows())


@pytest.mark.parametrize(
    "made", [MADE, MADE.replace(microsecond=0), MADE.replace(microsecond=0, second=0)], ids=str
)
def test_it_stands_once_under_the_journal_s_id(made: datetime) -> None:
    assert together([row("L-9", made)], [row("desk-1")]) == {"desk-1": None}


def test_its_parts_and_debts_go_with_it() -> None:
    def parts(name: str, first: str, debts: str) -> list[dict[str, str | None]]:
        return [
            row(f"{name}-x", account_id=first, part_of=name, account_ids=debts),
            row(f"{name}-y", account_id=first, part_of=name, due_on="2026-12-27", account_ids=debts),
        ]

    tape = parts("L-9", "A2", "A1;A2")
    journal = parts("desk-1", "A1", "A2;A1")
    assert together(tape, journal) == {"desk-1-x": "desk-1", "desk-1-y": "desk-1"}
    assert len(together(tape[:1], journal)) == 3, "a part of it is another promise"


@pytest.mark.parametrize(
    "other",
    [
        row("L-9", MADE + timedelta(seconds=1)),
        row("L-9", amount="20.01"),
        row("L-9", due_on="2026-11-28"),
        row("L-9", account_id="A2"),
        row("L-9", account_ids="A1;A2"),
    ],
    ids=["moment", "amount", "day", "debt", "debts"],
)
def test_what_differs_in_anything_is_another_promise(other: dict[str, str | None]) -> None:
    assert set(together([other], [row("desk-1")])) == {"L-9", "desk-1"}


def test_one_of_a_tape_is_taken_for_one_of_the_journal_only() -> None:
    assert set(together([row("L-9")], [row("desk-1"), row("desk-2")])) == {"desk-1", "desk-2"}
    assert set(together([row("L-8"), row("L-9")], [row("desk-1")])) == {"desk-1", "L-9"}
    assert set(together([row("desk-1"), row("L-9")], [row("desk-1")])) == {"desk-1", "L-9"}
