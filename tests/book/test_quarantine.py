"""Every kind of bad row: it is found, named with file and row, kept as text, and no good row is lost with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.book.tapes import Read, Rows, good_tables, hold, payment, write_tape

Tables = dict[str, Rows]
KINDS = ("csv", "parquet")


def set_value(table: str, row: int, column: str, value: str | None) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        tables[table][row - 1][column] = value

    return change


def add(table: str, row: dict[str, str | None]) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        tables[table].append(row)

    return change


BAD_ROWS: list[tuple[Callable[[Tables], None], str, int, str]] = [
    (set_value("payments", 2, "amount", "a hundred"), "payments", 2, "amount is not a number"),
    (set_value("payments", 2, "amount", "1,000.00"), "payments", 2, "amount is not a number"),
    (set_value("payments", 2, "amount", "1e3"), "payments", 2, "amount is not a number"),
    (set_value("payments", 2, "amount", "-5.00"), "payments", 2, "amount must be above 0"),
    (set_value("payments", 2, "amount", "0"), "payments", 2, "amount must be above 0"),
    (set_value("payments", 2, "amount", None), "payments", 2, "amount is missing"),
    (
        set_value("payments", 2, "amount", "100.105"),
        "payments",
        2,
        "amount has more decimals than its currency has",
    ),
    (
        set_value("payments", 3, "amount", "50.5"),
        "payments",
        3,
        "amount has more decimals than its currency has",
    ),
    (set_value("payments", 2, "amount", "99999999999999"), "payments", 2, "amount is too large"),
    (set_value("payments", 2, "paid_on", "2026-02-30"), "payments", 2, "paid_on is not a day"),
    (set_value("payments", 2, "paid_on", "10/02/2026"), "payments", 2, "paid_on is not a day"),
    (set_value("payments", 2, "paid_on", "0026-02-10"), "payments", 2, "paid_on is outside 1900 to 2199"),
    (set_value("payments", 2, "account_id", "A9"), "payments", 2, "account_id is not in accounts"),
    (
        set_value("payments", 2, "kind", "gift"),
        "payments",
        2,
        "kind is not one of payment, reversal, chargeback",
    ),
    (set_value("payments", 2, "kind", "reversal"), "payments", 2, "reverses is missing for a reversal"),
    (
        add("payments", payment("P4", "A2", "2026-02-13", "1.00") | {"kind": "reversal", "reverses": "P9"}),
        "payments",
        4,
        "reverses an unknown payment",
    ),
    (
        add("payments", payment("P4", "A2", "2026-02-13", "1.00") | {"kind": "reversal", "reverses": "P1"}),
        "payments",
        4,
        "reverses an unknown payment",
    ),
    (add("payments", payment("P1", "A1", "2026-02-10", "507.00")), "payments", 4, "exact repeat of row 1"),
    (set_value("instalments", 3, "principal", "-1"), "instalments", 3, "principal is negative"),
    (set_value("instalments", 3, "number", "first"), "instalments", 3, "number is not a whole number"),
    (set_value("instalments", 3, "due_on", None), "instalments", 3, "due_on is missing"),
    (set_value("charges", 1, "kind", "gift"), "charges", 1, "kind is not one of late_fee, legal_cost, other"),
    (set_value("charges", 1, "amount", "-2"), "charges", 1, "amount is negative"),
    (set_value("customers", 1, "timezone", "Mars/Base"), "customers", 1, "timezone is not an IANA time zone"),
    (set_value("accounts", 1, "currency", "CNX"), "accounts", 1, "currency is not ISO 4217"),
    (set_value("accounts", 1, "currency", "USD"), "accounts", 1, "currency differs from the product's"),
    (set_value("accounts", 1, "product", "lease"), "accounts", 1, "product has no terms"),
    (
        set_value("accounts", 1, "annual_rate", None),
        "accounts",
        1,
        "annual_rate is missing, and the product's penalty is a multiple of it",
    ),
    (set_value("accounts", 1, "annual_rate", "-0.1"), "accounts", 1, "annual_rate is negative"),
    (set_value("accounts", 1, "customer_id", "C9"), "accounts", 1, "customer_id is not in customers"),
    (
        set_value("accounts", 1, "status", "lost"),
        "accounts",
        1,
        "status is not one of active, closed, charged_off, sold",
    ),
    (add("holds", hold("H2", "2026-02-20", None, account_id="A2")), "holds", 2, "pause overlaps hold H1"),
    (
        add("holds", hold("H2", "2026-03-20", "2026-03-19", account_id="A2")),
        "holds",
        2,
        "to_on is before from_on",
    ),
    (add("holds", hold("H2", "2026-03-20", None)), "holds", 2, "account_id or customer_id is missing"),
    (
        set_value("contacts", 1, "at", "2026-02-20T10:00:00"),
        "contacts",
        1,
        "at is not an instant with its offset",
    ),
    (
        set_value("contacts", 1, "account_ids", "A2;A9"),
        "contacts",
        1,
        "account_ids names an account that is not in accounts",
    ),
    (set_value("contacts", 1, "customer_id", "C9"), "contacts", 1, "customer_id is not in customers"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "table", "row", "rule"), BAD_ROWS, ids=[f"{t}-{r}-{x}" for _, t, r, x in BAD_ROWS]
)
def test_a_bad_row_is_named_and_nothing_else_is_lost(
    tmp_path: Path, kind: str, change: Callable[[Tables], None], table: str, row: int, rule: str
) -> None:
    tables = good_tables()
    if table == "accounts":
        tables["accounts"][0].setdefault("status", "active")
    change(tables)
    read = Read(write_tape(tmp_path, tables, kind))
    assert read.exit_code == 2
    assert rule in read.rules[table][row]
    held = read.quarantine[table].filter(row=row)
    assert held["file"].to_list() == [f"{table}.{kind}"]
    assert rule in held["rules"][0].to_list()
    for name, rows in tables.items():
        bad = read.rules.get(name, {})
        assert read.read_counts[name] == len(rows)
        assert read.tables[name].height == len(rows) - len(bad), "every good row is used, nothing is lost"
    others = {t: r for t, r in read.rules.items() if t != table}
    assert all("parent in quarantine" in rules for rows in others.values() for rules in rows.values())


def test_a_row_is_kept_with_its_own_text(tmp_path: Path) -> None:
    tables = good_tables()
    tables["payments"][1] |= {"amount": " 12.3x ", "note": "from branch 7"}
    held = Read(write_tape(tmp_path, tables)).quarantine["payments"]
    row = held.row(0, named=True)
    assert (row["amount"], row["note"], row["payment_id"]) == (" 12.3x ", "from branch 7", "P2")
    assert (row["file"], row["row"], row["rules"]) == ("payments.csv", 2, ["amount is not a number"])


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_share_a_key_but_differ_are_all_quarantined(tmp_path: Path, kind: str) -> None:
    tables = good_tables()
    tables["payments"].append(payment("P1", "A1", "2026-02-10", "508.00"))
    read = Read(write_tape(tmp_path, tables, kind))
    differs = ["duplicate key with different content"]
    assert read.rules == {"payments": {1: differs, 4: differs}}
    assert read.ids("payments", "payment_id") == ["P2", "P3"]
    assert read.incomplete() == ["A1"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_payment_id_on_two_accounts_differs_whatever_the_partition(tmp_path: Path, kind: str) -> None:
    tables = good_tables()
    tables["payments"].append(payment("P1", "A3", "2026-02-10", "507"))
    folder = write_tape(tmp_path, tables, kind)
    for partition_count in (1, 3):
        read = Read(folder, partition_count=partition_count)
        assert set(read.rules["payments"]) == {1, 4}
        assert read.incomplete() == ["A1", "A3"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_instalment_number_stands_once_an_account(tmp_path: Path, kind: str) -> None:
    tables = good_tables()
    tables["instalments"].append(tables["instalments"][0] | {"principal": "400"})
    tables["instalments"].append(dict(tables["instalments"][2]))
    read = Read(write_tape(tmp_path, tables, kind))
    differs = ["duplicate key with different content"]
    assert read.rules == {"instalments": {1: differs, 7: differs, 8: ["exact repeat of row 3"]}}
    assert read.tables["instalments"].height == 5


def test_a_bad_row_spoils_the_key_it_shares_with_a_good_one(tmp_path: Path) -> None:
    tables = good_tables()
    tables["instalments"].append(tables["instalments"][0] | {"due_on": "soon"})
    read = Read(write_tape(tmp_path, tables))
    assert "duplicate key with different content" in read.rules["instalments"][1]
    assert set(read.rules["instalments"]) == {1, 7}


@pytest.mark.parametrize("kind", KINDS)
def test_what_belongs_to_a_quarantined_account_or_customer_goes_with_it(tmp_path: Path, kind: str) -> None:
    tables = good_tables()
    tables["customers"][1]["timezone"] = "Nowhere"
    read = Read(write_tape(tmp_path, tables, kind))
    parent = ["parent in quarantine"]
    assert read.rules["accounts"] == {2: parent, 3: parent}
    assert read.rules["instalments"] == {3: parent, 4: parent, 5: parent, 6: parent}
    assert read.rules["payments"] == {2: parent, 3: parent}
    assert read.rules["charges"] == read.rules["holds"] == read.rules["contacts"] == {1: parent}
    assert read.ids("accounts", "account_id") == ["A1"]


def test_of_two_accounts_with_one_id_neither_is_used_nor_what_belongs_to_them(tmp_path: Path) -> None:
    tables = good_tables()
    tables["accounts"].append(tables["accounts"][0] | {"principal": "2000"})
    read = Read(write_tape(tmp_path, tables))
    assert set(read.rules["accounts"]) == {1, 4}
    assert read.rules["payments"] == {1: ["parent in quarantine"]}


@pytest.mark.parametrize("table", ["instalments", "payments", "charges"])
def test_an_account_whose_money_rows_are_in_quarantine_is_incomplete(tmp_path: Path, table: str) -> None:
    tables = good_tables()
    column = {"instalments": "principal", "payments": "amount", "charges": "amount"}[table]
    mine = next(row for row in tables[table] if row["account_id"] == "A2")
    mine[column] = "?"
    assert Read(write_tape(tmp_path, tables)).incomplete() == ["A2"]


def test_pauses_that_touch_do_not_overlap(tmp_path: Path) -> None:
    tables = good_tables()
    tables["holds"] += [
        hold("H2", "2026-02-25", "2026-02-28", account_id="A2"),
        hold("H3", "2026-02-15", "2026-02-28", customer_id="C2"),
        hold("H4", "2026-02-20", None, account_id="A3"),
        hold("H5", "2026-02-20", None, account_id="A2") | {"kind": "dispute"},
    ]
    read = Read(write_tape(tmp_path, tables))
    assert read.exit_code == 0
    assert read.tables["holds"].group_by("hold_id").len().sort("hold_id")["len"].to_list() == [1, 1, 2, 1, 1]


def test_a_reversal_of_a_quarantined_payment_is_bad_too(tmp_path: Path) -> None:
    tables = good_tables()
    tables["payments"][0]["amount"] = "-1"
    tables["payments"].append(
        payment("P4", "A1", "2026-02-13", "1.00") | {"kind": "reversal", "reverses": "P1"}
    )
    read = Read(write_tape(tmp_path, tables))
    assert read.rules["payments"][4] == ["reverses a payment in quarantine"]
