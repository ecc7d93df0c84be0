"""A tape taken in slices of neighbouring accounts says what the same tape says when it is read whole, or that it cannot be
taken so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dunwell.book import Detail, NotInOrder, matching, register
from dunwell.book.parents import SliceAccounts
from tests.book.tapes import Read, Rows, good_tables, payment, write_tape

ACCOUNTS = 12


def tables_of(numbers_of_payments: list[int], owners: list[int]) -> dict[str, Rows]:
    """Twelve accounts in order, each with two instalments and some payments; customers own accounts far apart."""
    tables = good_tables()
    account = tables["accounts"][0]
    names = [f"A{n:02d}" for n in range(ACCOUNTS)]
    tables["customers"] = [tables["customers"][0] | {"customer_id": f"C{n}"} for n in range(3)]
    tables["accounts"] = [
        account | {"account_id": name, "customer_id": f"C{owner}"}
        for name, owner in zip(names, owners, strict=True)
    ]
    instalment = tables["instalments"][0]
    tables["instalments"] = [
        instalment | {"account_id": name, "number": str(n), "due_on": f"2026-0{n + 1}-10"}
        for name in names
        for n in (1, 2)
    ]
    payments: Rows = []
    for name, count in zip(names, numbers_of_payments, strict=True):
        rows = range(max(count, int(name == "A00")))  # a file without rows would have no header
        payments += [payment(f"P{len(payments) + k:03d}", name, f"2026-02-1{k}", "7") for k in rows]
    tables["payments"] = payments
    tables["charges"] = [
        tables["charges"][0] | {"charge_id": f"X{n}", "account_id": names[n]} for n in (7, 3)
    ]
    hold = tables["holds"][0]
    tables["holds"] = [
        hold | {"hold_id": "H1", "account_id": "A05"},
        hold | {"hold_id": "H2", "account_id": None, "customer_id": "C1"},
    ]
    tables["contacts"] = [
        contact | {"customer_id": "C1", "account_ids": None} for contact in tables["contacts"]
    ]
    promise: dict[str, str | None] = {
        "promise_id": "Q1",
        "account_id": "A11",
        "due_on": "2026-03-01",
        "amount": "5",
    }
    tables["promises"] = [promise | {"made_at": "2026-02-20T10:00:00+08:00"}]
    return tables


counts = st.lists(st.integers(0, 3), min_size=ACCOUNTS, max_size=ACCOUNTS)
owners = st.lists(st.integers(0, 2), min_size=ACCOUNTS, max_size=ACCOUNTS)
breakages = st.lists(
    st.tuples(
        st.sampled_from(("instalments", "payments", "accounts", "customers", "charges")),
        st.integers(0, 30),
        st.sampled_from(
            [
                {"amount": "x"},
                {"principal": "-1"},
                {"due_on": "never"},
                {"account_id": "A99"},
                {"account_id": "A00"},
                {"account_id": "A11"},
                {"number": "1"},
                {"currency": "???"},
                {"jurisdiction": None},
                {"kind": "reversal", "reverses": "P000"},
                {"kind": "reversal", "reverses": "P001"},
                {"kind": "reversal", "reverses": "nobody"},
                {"payment_id": "P000"},
                {"payment_id": None},
            ]
        ),
    ),
    max_size=4,
)


def broken(
    tables: dict[str, Rows], breakages: list[tuple[str, int, dict[str, str | None]]]
) -> dict[str, Rows]:
    """The tables with some fields replaced, where the table has them."""
    for name, row, change in breakages:
        rows = tables[name]
        if rows and set(change) <= set(rows[0]):
            rows[row % len(rows)].update(change)
    return tables


@contextmanager
def few_at_once() -> Iterator[None]:
    """What is put aside is looked at three customers or accounts at a time, as is done of millions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(register, "PART", 3)
        patch.setattr(register, "WINDOW", 2)
        yield


def rows_of(table: pl.DataFrame) -> pl.DataFrame:
    """Rows that stand once an account or customer, whatever partition they came from, in one order."""
    lists = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.List)]
    plain = table.with_columns(pl.col(name).list.join(";") for name in lists)
    return plain.unique().sort(pl.all().cast(pl.String))


def assert_alike(whole: Read, sliced: Read) -> None:
    """Both readings gave the same rows, and found the same rows bad for the same reasons."""
    assert {
        name: {row: set(rules) for row, rules in found.items()} for name, found in whole.rules.items()
    } == {name: {row: set(rules) for row, rules in found.items()} for name, found in sliced.rules.items()}
    assert whole.incomplete() == sliced.incomplete()
    assert whole.exit_code == sliced.exit_code
    owners = whole.tables["accounts"]["customer_id"].implode()
    for name, rows in whole.tables.items():
        # A customer without an account is in no slice, and of the others there is what figures rest on.
        owned = (
            rows.filter(pl.col("customer_id").is_in(owners)) if name in ("customers", "contacts") else rows
        )
        assert_frame_equal(rows_of(owned.select(sliced.tables[name].columns)), rows_of(sliced.tables[name]))
    for name in ("accounts", "instalments", "payments", "charges", "promises"):  # nothing twice, and in order
        assert_frame_equal(whole.tables[name], sliced.tables[name])
    for name, rows in whole.quarantine.items():
        assert_frame_equal(rows, sliced.quarantine[name])


@settings(max_examples=25)
@given(
    numbers=counts,
    owners=owners,
    breakages=breakages,
    kind=st.sampled_from(("csv", "parquet")),
    detail=st.sampled_from(list(Detail)),
    rows_a_slice=st.integers(1, 40),
    parents_held=st.sampled_from((0, 5, 1000)),
)
def test_slices_say_what_the_whole_says_or_that_they_cannot(
    tmp_path_factory: pytest.TempPathFactory,
    detail: Detail,
    numbers: list[int],
    owners: list[int],
    breakages: list[tuple[str, int, dict[str, str | None]]],
    kind: str,
    rows_a_slice: int,
    parents_held: int,
) -> None:
    tables = broken(tables_of(numbers, owners), breakages)
    folder = write_tape(tmp_path_factory.mktemp("tape"), tables, kind)
    whole = Read(folder, detail=detail)
    try:
        with few_at_once():
            sliced = Read(folder, detail=detail, rows_a_slice=rows_a_slice, parents_held=parents_held)
    except NotInOrder:
        assert breakages, "a tape in order was refused"
        return
    assert_alike(whole, sliced)


@pytest.mark.parametrize("table", ["instalments", "payments"])
def test_a_row_that_comes_too_late_is_noticed(tmp_path: Path, table: str) -> None:
    tables = tables_of([2] * ACCOUNTS, [0] * ACCOUNTS)
    tables[table].append(tables[table].pop(0))
    with pytest.raises(NotInOrder):
        Read(write_tape(tmp_path, tables), rows_a_slice=20)


def test_a_bad_row_that_comes_too_late_is_noticed_too(tmp_path: Path) -> None:
    # Its account would have been handed out as complete before the row was seen.
    tables = tables_of([2] * ACCOUNTS, [0] * ACCOUNTS)
    tables["payments"].append(tables["payments"].pop(0) | {"payment_id": "P999", "amount": "x"})
    with pytest.raises(NotInOrder):
        Read(write_tape(tmp_path, tables), rows_a_slice=20)


def test_ids_need_not_rise_as_long_as_none_stands_twice(tmp_path: Path) -> None:
    tables = tables_of([2] * ACCOUNTS, [0] * ACCOUNTS)
    for row, number in zip(tables["payments"], cycle((5, 1, 4)), strict=False):
        row["payment_id"] = f"{number}-{row['payment_id']}"
    folder = write_tape(tmp_path, tables)
    assert_alike(Read(folder), Read(folder, rows_a_slice=20))
    tables["payments"][-1]["payment_id"] = tables["payments"][0]["payment_id"]
    with pytest.raises(NotInOrder):
        Read(write_tape(tmp_path / "twice", tables), rows_a_slice=20)


def test_of_many_accounts_none_may_stand_twice(tmp_path: Path) -> None:
    tables = tables_of([2] * ACCOUNTS, [0] * ACCOUNTS)
    tables["accounts"].append(dict(tables["accounts"][3]))
    folder = write_tape(tmp_path, tables)
    assert_alike(Read(folder), Read(folder, rows_a_slice=20))
    with pytest.raises(NotInOrder):
        Read(folder, rows_a_slice=20, parents_held=5)


def test_customers_of_very_many_places_are_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = tables_of([1] * ACCOUNTS, [0] * ACCOUNTS)
    for number, customer in enumerate(tables["customers"]):
        customer["region"] = f"{number} Long Lane"
    folder = write_tape(tmp_path, tables)
    assert_alike(Read(folder), Read(folder, rows_a_slice=20))
    monkeypatch.setattr(matching, "PLACES_MOST", 2)
    with pytest.raises(NotInOrder):
        Read(folder, rows_a_slice=20)


def test_a_promise_for_debts_of_several_slices_is_read_whole(tmp_path: Path) -> None:
    tables = tables_of([1] * ACCOUNTS, [0] * ACCOUNTS)
    tables["promises"][0]["account_ids"] = "A11"
    assert Read(write_tape(tmp_path / "one", tables), rows_a_slice=10).exit_code == 0
    tables["promises"][0]["account_ids"] = "A00;A11"
    with pytest.raises(NotInOrder):
        Read(write_tape(tmp_path / "two", tables), rows_a_slice=10)


def test_a_slice_knows_all_of_a_customers_holds_and_contacts(tmp_path: Path) -> None:
    tables: dict[str, Any] = tables_of([1] * ACCOUNTS, [0, 1, 2] * 4)
    read = Read(write_tape(tmp_path, tables), rows_a_slice=10)
    held = read.tables["holds"].filter(pl.col("hold_id") == "H2")["account_id"].to_list()
    assert sorted(held) == ["A01", "A04", "A07", "A10"]
    assert read.tables["contacts"].height > len(
        tables["contacts"]
    )  # once in each slice that has an account of C1


def test_an_account_has_its_row_in_its_slice_whatever_stands_beside_it(tmp_path: Path) -> None:
    """Bad accounts are in no slice; a row whose account is not there changes nothing for its neighbours."""
    accounts = SliceAccounts(tmp_path, expected=40, most_held=100, slice_size=10)
    is_good = np.ones(40, np.bool_)
    is_good[[3, 31, 32]] = False
    accounts.add(np.arange(1, 41, dtype=np.uint64), is_good, np.zeros(40, np.int16))
    accounts.close(4)
    found = np.array([30, 33, 39], np.int32)
    assert accounts.rows_of(found).tolist() == [0, 1, 7]
    assert accounts.rows_of(np.insert(found, 1, -1))[[0, 2, 3]].tolist() == [0, 1, 7]
    assert len(accounts.rows_of(np.array([-1, -1], np.int32))) == 2
