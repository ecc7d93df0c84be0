"""Reading whole tapes: files that are broken as files, the lender's own columns, types and partitions."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from dunwell.book import Detail, TapeUnusable
from tests.book.tapes import IMPORTED_AT, Read, good_tables, payment, write_csv, write_tape

KINDS = ("csv", "parquet")


@pytest.mark.parametrize("kind", KINDS)
def test_a_tape_in_order_is_used_whole(tmp_path: Path, kind: str) -> None:
    read = Read(write_tape(tmp_path, good_tables(), kind))
    assert (read.exit_code, read.rules, read.unreadable) == (0, {}, [])
    payments = read.tables["payments"].sort("payment_id")
    assert payments["amount_minor"].to_list() == [50700, 10010, 50]
    assert payments["kind"].to_list() == ["payment"] * 3
    assert payments["paid_on"].to_list() == [date(2026, 2, 10), date(2026, 2, 11), date(2026, 2, 12)]
    assert read.tables["accounts"]["annual_rate_ppb"].to_list() == [180_000_000] * 3
    assert read.tables["instalments"]["fees_minor"].to_list() == [0] * 6
    assert read.tables["contacts"]["account_ids"].to_list() == [["A2", "A3"]]
    assert read.tables["contacts"]["at"].to_list() == [datetime(2026, 2, 20, 2, tzinfo=UTC)]
    assert read.tables["contacts"]["direction"].to_list() == ["out"]
    assert read.tables["payments"]["recorded_at"].unique().to_list() == [IMPORTED_AT]


def test_csv_and_parquet_of_one_tape_give_the_same_rows(tmp_path: Path) -> None:
    in_text = Read(write_tape(tmp_path / "csv", good_tables(), "csv"))
    in_types = Read(write_tape(tmp_path / "parquet", good_tables(), "parquet"))
    for name, rows in in_text.tables.items():
        assert_frame_equal(rows, in_types.tables[name])


def cut(file: Path, share: float) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize("share", [0.3, 0.95])
def test_a_truncated_required_parquet_file_stops_the_run(tmp_path: Path, share: float) -> None:
    cut(write_tape(tmp_path, good_tables(), "parquet") / "payments.parquet", share)
    with pytest.raises(TapeUnusable, match=r"payments\.parquet: cannot be read as Parquet.*copy it again"):
        Read(tmp_path)


def test_a_truncated_optional_file_is_told_and_the_rest_is_used(tmp_path: Path) -> None:
    cut(write_tape(tmp_path, good_tables(), "parquet") / "contacts.parquet", 0.5)
    read = Read(tmp_path)
    assert read.exit_code == 2
    assert "contacts.parquet: cannot be read as Parquet" in read.unreadable[0]
    assert read.tables["payments"].height == 3
    assert read.tables["contacts"].height == 0


def test_a_missing_required_table_names_the_file(tmp_path: Path) -> None:
    (write_tape(tmp_path, good_tables()) / "instalments.csv").unlink()
    with pytest.raises(TapeUnusable, match=r"instalments\.csv: is missing.*Put the instalments there"):
        Read(tmp_path)


def test_an_empty_required_file_is_unreadable_and_a_header_alone_is_an_empty_table(tmp_path: Path) -> None:
    write_tape(tmp_path, good_tables())
    (tmp_path / "payments.csv").write_text("payment_id,account_id,paid_on,amount\n", encoding="utf-8")
    assert Read(tmp_path).tables["payments"].height == 0
    (tmp_path / "payments.csv").write_bytes(b"")
    with pytest.raises(TapeUnusable, match=r"payments\.csv: is empty"):
        Read(tmp_path)


def test_a_missing_required_column_names_it(tmp_path: Path) -> None:
    tables = good_tables()
    for row in tables["payments"]:
        del row["paid_on"]
    with pytest.raises(
        TapeUnusable, match=r"payments\.csv: lacks the required column paid_on.*tape\.columns\.payments"
    ):
        Read(write_tape(tmp_path, tables))


def test_two_files_for_one_table_are_ambiguous(tmp_path: Path) -> None:
    write_tape(tmp_path, good_tables())
    write_tape(tmp_path, {"payments": good_tables()["payments"]}, "parquet")
    with pytest.raises(TapeUnusable, match="both hold payments"):
        Read(tmp_path)


def test_bytes_that_are_not_utf8_spoil_their_own_row_only(tmp_path: Path) -> None:
    tables = good_tables()
    tables["customers"].append({"customer_id": "C3", "name": "Jos@", "jurisdiction": "cn", "timezone": None})
    file = write_tape(tmp_path, tables) / "customers.csv"
    file.write_bytes(file.read_bytes().replace(b"Jos@", b"Jos\xe9"))
    read = Read(tmp_path)
    assert read.rules == {"customers": {3: ["not UTF-8: name"]}}
    assert "<e9>" in read.quarantine["customers"]["name"][0]
    assert read.ids("customers", "customer_id") == ["C1", "C2"]


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("P4,A1", ["wrong number of fields", "paid_on is missing", "amount is missing"]),
        ("P4,A1,2026-02-12,5.00,,,surplus", ["wrong number of fields"]),
        ('P4,A1,2026-02-12,"5.00', ["wrong number of fields", "amount is not a number"]),
    ],
)
def test_a_line_with_the_wrong_number_of_fields_spoils_itself_only(
    tmp_path: Path, line: str, rules: list[str]
) -> None:
    file = write_tape(tmp_path, good_tables()) / "payments.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*lines[:2], line, *lines[2:]]) + "\n", encoding="utf-8")
    read = Read(tmp_path)
    assert set(rules) <= set(read.rules["payments"][2])
    assert read.ids("payments", "payment_id") == ["P1", "P2", "P3"]


def test_quotes_line_ends_marks_and_blank_lines_of_csv(tmp_path: Path) -> None:
    write_tape(tmp_path, good_tables())
    (tmp_path / "customers.csv").write_bytes(
        b'\xef\xbb\xbfcustomer_id,name,jurisdiction\r\nC1,"Ada\nLovelace",cn\r\n\r\nC2,"Bo ""B"", Li",cn\r\n'
    )
    read = Read(tmp_path)
    assert read.exit_code == 0
    assert read.tables["customers"].sort("customer_id")["name"].to_list() == ["Ada\nLovelace", 'Bo "B", Li']


def test_the_lenders_own_names_and_columns(tmp_path: Path) -> None:
    tables = good_tables()
    tables["accounts"] = [
        {"LOAN_NO": row.pop("account_id"), "score": "7", "status": "active", "principal_minor": "x", **row}
        for row in tables["accounts"]
    ]
    read = Read(write_tape(tmp_path, tables), columns={"accounts": {"account_id": "LOAN_NO"}})
    assert read.ids("accounts", "account_id") == ["A1", "A2", "A3"]
    assert read.tables["accounts"]["score"].to_list() == ["7"] * 3
    assert read.tables["accounts"]["attribute:principal_minor"].to_list() == ["x"] * 3
    with pytest.raises(TapeUnusable, match=r"no column 'NO_SUCH'.*Mend the mapping"):
        Read(tmp_path, columns={"accounts": {"account_id": "NO_SUCH"}})
    with pytest.raises(TapeUnusable, match="names no table"):
        Read(tmp_path, columns={"account": {"account_id": "LOAN_NO"}})


def test_money_in_floats_is_never_read(tmp_path: Path) -> None:
    write_tape(tmp_path, good_tables())
    (tmp_path / "payments.csv").unlink()
    rows = pl.DataFrame(good_tables()["payments"]).with_columns(pl.col("amount").cast(pl.Float64))
    rows.write_parquet(tmp_path / "payments.parquet")
    read = Read(tmp_path)
    assert read.rules["payments"] == {n: ["amount is a float, not exact money"] for n in (1, 2, 3)}
    assert read.incomplete() == ["A1", "A2", "A3"]


def test_types_of_parquet(tmp_path: Path) -> None:
    tables = good_tables()
    write_tape(
        tmp_path,
        {name: rows for name, rows in tables.items() if name not in ("accounts", "payments", "contacts")},
    )
    accounts = pl.DataFrame(tables["accounts"]).with_columns(
        pl.col("annual_rate").cast(pl.Float64),
        pl.col("principal").cast(pl.Int64),
        pl.col("opened_on").str.to_datetime("%Y-%m-%d"),
    )
    accounts.write_parquet(tmp_path / "accounts.parquet")
    payments = pl.DataFrame(tables["payments"]).with_columns(pl.col("amount").cast(pl.Decimal(38, 10)))
    payments.write_parquet(tmp_path / "payments.parquet")
    contacts = pl.DataFrame(tables["contacts"]).with_columns(
        at=pl.lit(datetime(2026, 2, 20, 2, 0, tzinfo=UTC)).dt.replace_time_zone(None),
        account_ids=pl.lit(["A2", "A3"]),
    )
    contacts.write_parquet(tmp_path / "contacts.parquet")
    read = Read(tmp_path)
    assert read.exit_code == 0
    assert read.tables["accounts"]["annual_rate_ppb"].to_list() == [180_000_000] * 3
    assert read.tables["accounts"].sort("account_id")["principal_minor"].to_list() == [100_000, 100_000, 1000]
    assert sorted(read.tables["payments"]["amount_minor"]) == [50, 10010, 50700]
    assert read.tables["contacts"]["at"].to_list() == [datetime(2026, 2, 20, 2, tzinfo=UTC)]


def test_ids_may_be_numbers(tmp_path: Path) -> None:
    tables = good_tables()
    for rows in tables.values():
        for row in rows:
            for name, value in row.items():
                if (
                    name in ("account_id", "customer_id", "payment_id", "charge_id", "hold_id", "contact_id")
                    and value
                ):
                    row[name] = value[1:]
    del tables["contacts"]
    write_tape(tmp_path, tables)
    for file in tmp_path.glob("*.csv"):
        frame = pl.read_csv(file, infer_schema=False)
        ids = [name for name in frame.columns if name.endswith("_id")]
        frame.with_columns(pl.col(ids).cast(pl.Int64)).write_parquet(file.with_suffix(".parquet"))
        file.unlink()
    read = Read(tmp_path)
    assert (read.exit_code, read.ids("payments", "payment_id")) == (0, ["1", "2", "3"])


def test_unknown_files_are_named_and_ignored(tmp_path: Path) -> None:
    write_tape(tmp_path, good_tables())
    write_csv(tmp_path / "ledger_export.csv", [{"a": "1"}])
    assert Read(tmp_path).ignored == ["ledger_export.csv"]


breakage = st.lists(
    st.tuples(
        st.integers(0, 19),
        st.sampled_from(
            [("amount", "x"), ("amount", "-1"), ("paid_on", "never"), ("account_id", "A9"), ("kind", "?")]
        ),
    ),
    max_size=8,
    unique_by=lambda b: b[0],
)


@given(breakage=breakage, partition_count=st.integers(1, 4), kind=st.sampled_from(KINDS))
def test_bad_rows_planted_anywhere_never_lose_a_good_one(
    tmp_path_factory: pytest.TempPathFactory,
    breakage: list[tuple[int, tuple[str, str]]],
    partition_count: int,
    kind: str,
) -> None:
    tables = good_tables()
    tables["payments"] = [payment(f"P{n}", f"A{n % 3 + 1}", "2026-02-10", "7") for n in range(20)]
    for row, (column, value) in breakage:
        tables["payments"][row][column] = value
    read = Read(write_tape(tmp_path_factory.mktemp("tape"), tables, kind), partition_count=partition_count)
    bad = {row + 1 for row, _ in breakage}
    assert set(read.rules.get("payments", {})) == bad
    assert read.ids("payments", "payment_id") == sorted(f"P{n}" for n in range(20) if n + 1 not in bad)
    assert read.quarantine["payments"].height == len(bad) if bad else "payments" not in read.quarantine


@pytest.mark.parametrize("detail", list(Detail))
def test_how_a_tape_is_cut_changes_no_row(tmp_path: Path, detail: Detail) -> None:
    tables = good_tables()
    tables["payments"][1]["amount"] = "bad"
    folder = write_tape(tmp_path, tables)
    whole, cut_up = Read(folder, detail=detail), Read(folder, detail=detail, partition_count=3)
    assert whole.rules == cut_up.rules
    for name, rows in whole.tables.items():
        order = [
            column
            for column in rows.columns
            if rows[column].dtype in (pl.String, pl.Date, pl.Int64, pl.UInt64)
        ]
        assert_frame_equal(rows.sort(order), cut_up.tables[name].sort(order))
