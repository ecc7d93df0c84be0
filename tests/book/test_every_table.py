"""The optional tables, each with every way its rows can be bad."""

from pathlib import Path

import pytest

from tests.book.tapes import Read, Rows, good_tables, write_tape

AT = "2026-02-01T09:00:00+08:00"

GOOD: dict[str, dict[str, str | None]] = {
    "contact_points": {
        "contact_point_id": "Q1",
        "customer_id": "C1",
        "kind": "mobile",
        "value": "+8613800000000",
        "party": None,
        "timezone": "Asia/Shanghai",
        "place": None,
        "not_theirs_from": None,
    },
    "promises": {
        "promise_id": "R1",
        "account_id": "A1",
        "made_at": AT,
        "due_on": "2026-02-09",
        "amount": "10.00",
        "account_ids": None,
    },
    "consents": {
        "customer_id": "C1",
        "channel": "call",
        "given_at": AT,
        "withdrawn_at": None,
        "days": "3",
        "account_ids": "A1",
        "hours_from": "21:00",
    },
    "preferences": {"customer_id": "C1", "kind": "not_time", "detail": "tue"},
    "notices": {
        "notice_id": "N1",
        "customer_id": "C1",
        "account_ids": "A1",
        "kind": "validation",
        "sent_at": AT,
        "received_at": None,
    },
    "modifications": {
        "modification_id": "M1",
        "account_id": "A1",
        "kind": "restructuring",
        "agreed_on": "2026-02-01",
        "first_due_on": "2026-02-10",
        "financial_difficulty": None,
        "class_before": None,
        "value_lost": None,
    },
}

BAD: list[tuple[str, dict[str, str | None], str]] = [
    ("modifications", {"account_id": "A9"}, "account_id is not in accounts"),
    (
        "modifications",
        {"kind": "gift"},
        "kind is not one of restructuring, refinancing, forbearance, re_ageing",
    ),
    ("modifications", {"agreed_on": None}, "agreed_on is missing"),
    ("modifications", {"agreed_on": "2026-02-30"}, "agreed_on is not a day"),
    ("modifications", {"agreed_on": "1826-02-01"}, "agreed_on is outside 1900 to 2199"),
    ("modifications", {"first_due_on": "2026-01-31"}, "first_due_on is before agreed_on"),
    ("modifications", {"financial_difficulty": "perhaps"}, "financial_difficulty is not true or false"),
    (
        "modifications",
        {"class_before": "fine"},
        "class_before is not one of normal, special_mention, substandard, doubtful, loss, pass, performing, non_performing",
    ),
    ("modifications", {"value_lost": "a lot"}, "value_lost is not a number"),
    ("modifications", {"value_lost": "-0.01"}, "value_lost is negative"),
    ("contact_points", {"kind": "fax"}, "kind is not one of mobile, landline, email, postal, app"),
    ("contact_points", {"value": None}, "value is missing"),
    ("contact_points", {"customer_id": "C9"}, "customer_id is not in customers"),
    ("contact_points", {"timezone": "Mars/Base"}, "timezone is not an IANA time zone"),
    ("contact_points", {"timezone": "localtime"}, "timezone is not an IANA time zone"),
    ("contact_points", {"place": "sea"}, "place is not one of home, work, other"),
    (
        "contact_points",
        {"not_theirs_from": "2026-01-01"},
        "not_theirs_from is not an instant with its offset",
    ),
    ("promises", {"account_id": "A9"}, "account_id is not in accounts"),
    ("promises", {"amount": "0"}, "amount must be above 0"),
    ("promises", {"amount": "1.001"}, "amount has more decimals than its currency has"),
    ("promises", {"due_on": "2026-02-31"}, "due_on is not a day"),
    ("promises", {"made_at": "2026-02-01T09:00:00"}, "made_at is not an instant with its offset"),
    ("promises", {"made_at": "0026-02-01T09:00:00Z"}, "made_at is outside 1900 to 2199"),
    ("promises", {"account_ids": "A1;A9"}, "account_ids names an account that is not in accounts"),
    ("promises", {"account_ids": "A1;A2"}, "account_ids names another customer's account"),
    (
        "promises",
        {"account_id": "A2", "account_ids": "A2;A3"},
        "account_ids names an account in another currency",
    ),
    ("consents", {"days": "-1"}, "days is negative"),
    ("consents", {"days": "few"}, "days is not a whole number"),
    ("consents", {"account_ids": "A1;A9"}, "account_ids names an account that is not in accounts"),
    ("consents", {"channel": "pigeon"}, "channel is not one of call, sms, email, letter, visit, app"),
    ("consents", {"given_at": None}, "given_at is missing"),
    ("preferences", {"kind": "never"}, "kind is not one of not_time, not_place, not_channel, only_time"),
    ("preferences", {"detail": " "}, "detail is missing"),
    ("preferences", {"customer_id": None}, "customer_id is missing"),
    ("notices", {"kind": "bill"}, "kind is not one of validation, placement, transfer, assignment, rights"),
    ("notices", {"received_at": "soon"}, "received_at is not an instant with its offset"),
]


def tape_with(table: str, rows: Rows) -> dict[str, Rows]:
    """A tape in order with these rows of one table."""
    return {**good_tables(), table: rows}


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("table", GOOD)
def test_a_row_in_order_is_used(tmp_path: Path, table: str, kind: str) -> None:
    read = Read(write_tape(tmp_path, tape_with(table, [GOOD[table]]), kind))
    assert (read.exit_code, read.tables[table].height) == (0, 1)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(("table", "change", "rule"), BAD, ids=[f"{t}: {r}" for t, _, r in BAD])
def test_a_bad_row_is_named_and_the_good_one_used(
    tmp_path: Path, table: str, change: dict[str, str | None], rule: str, kind: str
) -> None:
    keys = ("point_id", "promise_id", "notice_id", "modification_id")
    other = {name: f"{value}b" if name.endswith(keys) else value
             for name, value in GOOD[table].items()}  # fmt: skip
    read = Read(write_tape(tmp_path, tape_with(table, [GOOD[table], other | change]), kind))
    assert read.rules == {table: {2: [rule]}}
    assert read.tables[table].height == 1
    assert read.quarantine[table]["file"].to_list() == [f"{table}.{kind}"]
    assert read.incomplete() == []


@pytest.mark.parametrize("table", ["contact_points", "promises", "notices", "modifications"])
def test_a_key_stands_once(tmp_path: Path, table: str) -> None:
    changed: dict[str, dict[str, str | None]] = {
        "contact_points": {"value": "1"},
        "promises": {"amount": "11.00"},
        "notices": {"account_ids": None},
        "modifications": {"class_before": "substandard"},
    }
    read = Read(write_tape(tmp_path, tape_with(table, [GOOD[table], GOOD[table] | changed[table]])))
    differs = ["duplicate key with different content"]
    assert read.rules == {table: {1: differs, 2: differs}}


@pytest.mark.parametrize("table", GOOD)
def test_of_exact_repeats_the_first_is_kept(tmp_path: Path, table: str) -> None:
    read = Read(write_tape(tmp_path, tape_with(table, [GOOD[table]] * 3)))
    assert read.rules == {table: {2: ["exact repeat of row 1"], 3: ["exact repeat of row 1"]}}
    assert read.tables[table].height == 1


@pytest.mark.parametrize("table", ["consents", "preferences"])
def test_tables_without_a_key_may_say_several_things_of_one_customer(tmp_path: Path, table: str) -> None:
    changed: dict[str, dict[str, str | None]] = {"consents": {"days": "4"}, "preferences": {"detail": "wed"}}
    read = Read(write_tape(tmp_path, tape_with(table, [GOOD[table], GOOD[table] | changed[table]])))
    assert (read.exit_code, read.tables[table].height) == (0, 2)


@pytest.mark.parametrize("table", GOOD)
def test_rows_go_with_their_quarantined_parents(tmp_path: Path, table: str) -> None:
    tables = tape_with(table, [GOOD[table]])
    tables["customers"][0]["jurisdiction"] = None
    read = Read(write_tape(tmp_path, tables))
    assert read.rules[table] == {1: ["parent in quarantine"]}
