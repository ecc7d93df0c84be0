"""Files that a lender's system really writes: bytes that are not UTF-8, odd headers, numbers with many digits."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.book import Detail, TapeUnusable
from tests.book.tapes import Read, good_tables, payment, write_tape

HEADER = "payment_id,account_id,paid_on,amount\n"


def with_payments(folder: Path, content: str | bytes) -> Path:
    """A tape in order whose payments file has this content."""
    write_tape(folder, good_tables())
    content = content.encode() if isinstance(content, str) else content
    (folder / "payments.csv").write_bytes(content)
    return folder


def instead(folder: Path, table: str, columns: dict[str, object]) -> Path:
    """A tape in order whose table is a Parquet file with these columns."""
    write_tape(folder, good_tables())
    (folder / f"{table}.csv").unlink(missing_ok=True)
    pq.write_table(pa.table(columns), folder / f"{table}.parquet")
    return folder


def undecodable(*values: bytes) -> object:
    """A Parquet text column that holds these bytes, as careless writers make them."""
    ends = [0]
    for value in values:
        ends.append(ends[-1] + len(value))
    offsets = pa.array(ends, pa.int32()).buffers()[1]
    return pa.Array.from_buffers(pa.string(), len(values), [None, offsets, pa.py_buffer(b"".join(values))])


@pytest.mark.parametrize("partition_count", [1, 3])
def test_text_of_parquet_that_is_not_utf8_spoils_its_own_row_only(
    tmp_path: Path, partition_count: int
) -> None:
    columns = {
        "customer_id": ["C1", "C2", "C3"],
        "name": undecodable(b"Ada", b"Bo", b"Jos\xe9"),
        "jurisdiction": ["cn"] * 3,
    }
    read = Read(instead(tmp_path, "customers", columns), partition_count=partition_count)
    assert read.rules == {"customers": {3: ["not UTF-8: name"]}}
    assert read.quarantine["customers"]["name"].to_list() == ["Jos\ufffd<e9>"]
    assert read.ids("customers", "name") == ["Ada", "Bo"]
    assert read.tables["payments"].height == 3


def test_lists_of_parquet_that_are_not_utf8_spoil_their_own_row_only(tmp_path: Path) -> None:
    columns = {
        "contact_id": ["K1", "K2"],
        "customer_id": ["C2", "C2"],
        "account_ids": pa.ListArray.from_arrays([0, 1, 2], undecodable(b"A2", b"A\xff")),
        "at": ["2026-02-20T10:00:00Z"] * 2,
        "channel": ["call"] * 2,
        "outcome": ["no_answer"] * 2,
    }
    read = Read(instead(tmp_path, "contacts", columns))
    assert read.ids("contacts", "contact_id") == ["K1"]
    assert "not UTF-8: account_ids" in read.rules["contacts"][2]


def test_repeats_are_found_beside_text_that_is_not_utf8(tmp_path: Path) -> None:
    columns = {
        "customer_id": ["C1", "C2", "C2"],
        "kind": ["not_time"] * 3,
        "detail": undecodable(b"a\xff", b"b", b"b"),
    }
    read = Read(instead(tmp_path, "preferences", columns))
    assert read.rules == {"preferences": {1: ["not UTF-8: detail"], 3: ["exact repeat of row 2"]}}


def test_ids_declared_as_bytes_are_read_as_text(tmp_path: Path) -> None:
    columns = {
        "payment_id": pa.array([b"P1", b"P2", b"P\xff"]),
        "account_id": ["A1", "A2", "A3"],
        "paid_on": ["2026-02-10"] * 3,
        "amount": ["1", "2", "3"],
        "scan": pa.array([b"\x00\x01", b"\xff", None]),
    }
    read = Read(instead(tmp_path, "payments", columns))
    assert read.ids("payments", "payment_id") == ["P1", "P2"]
    assert read.rules == {"payments": {3: ["not UTF-8: payment_id"]}}
    assert read.tables["payments"]["scan"].dtype == pl.Binary, "the lender's own column keeps its type"


def test_what_figures_do_not_need_spoils_no_figure_and_is_still_kept_in_quarantine(tmp_path: Path) -> None:
    columns = {
        "customer_id": ["C1", "C2"],
        "jurisdiction": ["cn", None],
        "note": undecodable(b"a", b"\xe9"),
    }
    read = Read(instead(tmp_path, "customers", columns), detail=Detail.FIGURES)
    assert read.rules["customers"] == {2: ["jurisdiction is missing"]}
    assert read.quarantine["customers"]["note"].to_list() == ["\ufffd<e9>"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (HEADER.replace(",", ";") + "P1;A1;2026-02-10;5\n", "separates its fields with ';'.*commas"),
        (HEADER.replace(",", "\t"), r"separates its fields with '\\t'"),
        (HEADER.replace("account_id", "amount"), "names the column 'amount' twice"),
        (HEADER.replace("\n", "\r") + "P1,A1,2026-02-10,5\r", "carriage return alone"),
        ((HEADER + "P1,A1,2026-02-10,5\n").encode("utf-16"), "looks like UTF-16"),
        (HEADER.upper(), "lacks the required column payment_id"),
    ],
)
def test_a_header_that_cannot_be_trusted_stops_the_run_with_its_mend(
    tmp_path: Path, content: str | bytes, problem: str
) -> None:
    with pytest.raises(TapeUnusable, match=rf"payments\.csv: .*{problem}"):
        Read(with_payments(tmp_path, content))


def test_an_optional_file_with_such_a_header_is_left_out(tmp_path: Path) -> None:
    write_tape(tmp_path, good_tables())
    (tmp_path / "promises.csv").write_text("promise_id;account_id\n", encoding="utf-8")
    read = Read(tmp_path)
    assert (read.exit_code, read.tables["promises"].height) == (2, 0)
    assert "promises.csv: separates its fields with ';'" in read.unreadable[0]


@pytest.mark.parametrize(
    ("lines", "good", "bad"),
    [
        (["P1,A1,2026-02-10,5\rx", "P2,A1"], [], {1: "5\rx", 2: None}),
        (["", "P1,A1,2026-02-10,x", "", "P2,A1,2026-02-10,5"], ["P2"], {1: "x"}),
        (['P1,"A1",2026-02-10,"5', "P2,A1,2026-02-10,6"], ["P2"], {1: '"5'}),
        (["P1,A1,2026-02-10,5,", "P2,A1,2026-02-10,6"], ["P2"], {1: "5,"}),
        (["P1,A1,2026-02-10,\x00", "P2,A1,2026-02-10,6"], ["P2"], {1: "\x00"}),
    ],
)
def test_a_broken_line_spoils_no_other_and_keeps_its_text(
    tmp_path: Path, lines: list[str], good: list[str], bad: dict[int, str | None]
) -> None:
    read = Read(with_payments(tmp_path, HEADER + "\n".join(lines) + "\n"))
    assert read.ids("payments", "payment_id") == good
    held = read.quarantine["payments"]
    assert dict(zip(held["row"], held["amount"], strict=True)) == bad


@pytest.mark.parametrize(
    ("amount", "minor"),
    [
        ("1." + "0" * 40, 100),
        ("0" * 40 + "7", 700),
        ("+5.", 500),
        (".5", 50),
        (" 12.34\t", 1234),
        ("9999999999999.99", 999_999_999_999_999),
    ],
)
def test_numbers_however_written_are_exact(tmp_path: Path, amount: str, minor: int) -> None:
    read = Read(with_payments(tmp_path, f"{HEADER}P1,A1,2026-02-10,{amount}\n"))
    assert (read.exit_code, read.tables["payments"]["amount_minor"].to_list()) == (0, [minor])


@pytest.mark.parametrize(
    ("amount", "rule"),
    [
        ("9" * 40, "amount is too large"),
        ("10000000000000", "amount is too large"),
        ("1." + "0" * 40 + "1", "amount has more decimals than its currency has"),
        ("٥", "amount is not a number"),
        ("--5", "amount is not a number"),
        ("NaN", "amount is not a number"),
        (".", "amount is not a number"),
    ],
)
def test_what_is_no_amount_says_why(tmp_path: Path, amount: str, rule: str) -> None:
    read = Read(with_payments(tmp_path, f"{HEADER}P1,A1,2026-02-10,{amount}\n"))
    assert read.rules == {"payments": {1: [rule]}}


def test_a_decimal_too_large_for_minor_units_says_so(tmp_path: Path) -> None:
    tables = good_tables()
    frame = pl.DataFrame(tables["payments"]).with_columns(
        amount=pl.Series(["9" * 30, "1", "50"]).cast(pl.Decimal(38, 2))
    )
    write_tape(tmp_path, {name: rows for name, rows in tables.items() if name != "payments"})
    frame.write_parquet(tmp_path / "payments.parquet")
    assert Read(tmp_path).rules == {"payments": {1: ["amount is too large"]}}


@pytest.mark.parametrize(
    ("rates", "bad"),
    [
        (pl.Series([0.18, 0.07, 0.175], dtype=pl.Float32), {}),
        (pl.Series([0.18, float("nan"), float("inf")]), {2: "is not a number", 3: "is not a number"}),
        (pl.Series([0.123456789, 0.1234567891, 1e-9]), {2: "has more than 9 decimals"}),
        (pl.Series([-0.1, 0.0, 1000.0]), {1: "is negative", 3: "is too large"}),
    ],
)
def test_rates_may_be_floats_and_mean_what_they_print(
    tmp_path: Path, rates: pl.Series, bad: dict[int, str]
) -> None:
    tables = good_tables()
    write_tape(tmp_path, {name: rows for name, rows in tables.items() if name != "accounts"})
    pl.DataFrame(tables["accounts"]).with_columns(annual_rate=rates).write_parquet(
        tmp_path / "accounts.parquet"
    )
    read = Read(tmp_path)
    assert read.rules.get("accounts", {}) == {row: [f"annual_rate {why}"] for row, why in bad.items()}
    if not bad:
        assert read.tables["accounts"]["annual_rate_ppb"].sort().to_list() == [
            70_000_000,
            175_000_000,
            180_000_000,
        ]


def test_codes_may_be_padded_and_ids_may_not(tmp_path: Path) -> None:
    tables = good_tables()
    tables["accounts"][0] |= {"currency": "CNY  ", "product": " loan "}
    tables["payments"][1] |= {"account_id": "A2 "}
    read = Read(write_tape(tmp_path, tables))
    assert read.rules == {"payments": {2: ["account_id is not in accounts"]}}
    assert read.tables["accounts"].filter(account_id="A1").select("currency", "product").row(0) == (
        "CNY",
        "loan",
    )


@pytest.mark.parametrize("value", ["", "  ", "\t"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_missing_id_is_missing_and_no_orphan(tmp_path: Path, value: str, kind: str) -> None:
    tables = good_tables()
    tables["payments"][1]["account_id"] = value
    assert Read(write_tape(tmp_path, tables, kind)).rules == {"payments": {2: ["account_id is missing"]}}


def test_an_orphans_decimals_are_not_held_against_some_other_accounts_currency(tmp_path: Path) -> None:
    tables = good_tables()
    tables["payments"][1] |= {"account_id": "A9", "amount": "1.001"}
    assert Read(write_tape(tmp_path, tables)).rules == {"payments": {2: ["account_id is not in accounts"]}}


def test_columns_called_as_quarantine_calls_its_own_are_put_apart(tmp_path: Path) -> None:
    tables = good_tables()
    tables["payments"][0] |= {"amount": "x", "file": "f", "row": "7", "rules": "r"}
    held = Read(write_tape(tmp_path, tables)).quarantine["payments"].row(0, named=True)
    assert (held["attribute:file"], held["attribute:row"], held["attribute:rules"]) == ("f", "7", "r")
    assert (held["file"], held["row"], held["rules"]) == ("payments.csv", 1, ["amount is not a number"])


@pytest.mark.parametrize("partition_count", [1, 4])
def test_a_file_sent_twice_over_counts_once(tmp_path: Path, partition_count: int) -> None:
    tables = good_tables()
    tables["payments"] = [payment(f"P{n}", f"A{n % 3 + 1}", "2026-02-10", "7") for n in range(500)] * 2
    tables["instalments"] *= 2
    read = Read(write_tape(tmp_path, tables), partition_count=partition_count)
    assert read.rules["payments"] == {n + 501: [f"exact repeat of row {n + 1}"] for n in range(500)}
    assert read.rules["instalments"] == {n + 7: [f"exact repeat of row {n + 1}"] for n in range(6)}
    assert read.tables["payments"].height == 500


def test_a_file_that_is_bad_throughout_is_kept_whole(tmp_path: Path) -> None:
    count = 450_000  # more than is written in one piece
    columns = {
        "payment_id": pa.array([f"P{n}" for n in range(count)]),
        "account_id": pa.array(["A1"] * count),
        "paid_on": pa.array(["2026-02-10"] * count),
        "amount": pa.array([1.5] * count),
    }
    held = Read(instead(tmp_path, "payments", columns), detail=Detail.FIGURES).quarantine["payments"]
    assert held["row"].to_list() == list(range(1, count + 1))
    assert held["payment_id"].to_list() == [f"P{n}" for n in range(count)]
    assert held["rules"].explode().unique().to_list() == ["amount is a float, not exact money"]


LINES = [f"P{n},A{n % 3 + 1},2026-02-10,7,note {n}" for n in range(100, 112)]


@given(
    position=st.integers(0, 300),
    byte=st.sampled_from([*b'",\n\r;x7 \t', 0, 0xE9, 0xFF]),
    closes=st.booleans(),
)
def test_one_byte_of_damage_never_costs_more_than_its_own_row(
    tmp_path_factory: pytest.TempPathFactory, position: int, byte: int, closes: bool
) -> None:
    body = "\n".join(LINES).encode() + (b"\n" if closes else b"")
    position = min(position, len(body))
    damaged = body[:position].count(b"\n")
    content = HEADER.replace("\n", ",note\n").encode() + body[:position] + bytes([byte]) + body[position:]
    read = Read(with_payments(tmp_path_factory.mktemp("tape"), content))
    whole = {line.split(",", 1)[0] for n, line in enumerate(LINES) if n != damaged}
    assert whole <= set(read.ids("payments", "payment_id"))
    bad = read.rules.get("payments", {})
    assert read.read_counts["payments"] == read.tables["payments"].height + len(bad)
    assert bad.keys() <= {damaged + 1, damaged + 2}, "a line end makes two rows of one"


@pytest.mark.parametrize(
    ("lines", "good"),
    [
        (
            ['P1,A1,2026-02-10,"5', "P2,A1,2026-02-10,6", 'P3,A1,2026-02-10,"7', "P4,A1,2026-02-10,8"],
            ["P2", "P4"],
        ),
        (['P1,A1,2026-02-10,"5', "P2,A1,2026-02-10,6", 'P3,"A1",2026-02-10,7'], ["P2", "P3"]),
        (["P1,A1,2026-02-10,5", 'P2,A1,2026-02-10,"6'], ["P1"]),
    ],
)
def test_a_quote_that_is_never_closed_swallows_no_other_row(
    tmp_path: Path, lines: list[str], good: list[str]
) -> None:
    assert (
        Read(with_payments(tmp_path, HEADER + "\n".join(lines) + "\n")).ids("payments", "payment_id") == good
    )
