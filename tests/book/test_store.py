"""The workspace's book: whole or not at all, and rows keep the instant of their first import."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from dunwell.book import Book, NoBook, StagedBook, Tape
from dunwell.book.schemas import check
from tests.book.tapes import PRODUCTS, good_tables, payment, write_tape

FIRST, SECOND = datetime(2026, 11, 22, 6, tzinfo=UTC), datetime(2026, 11, 23, 6, tzinfo=UTC)


def import_tape(
    tape: Path, book: Path, at: datetime, partition_count: int = 1, *, commits: bool = True
) -> None:
    with (
        Tape(tape, products=PRODUCTS, imported_at=at, partition_count=partition_count) as read,
        StagedBook(book, read.partition_count, at) as staged,
    ):
        for partition in read.partitions():
            staged.write(partition)
        if commits:
            staged.commit("2026-11-23")


def recorded(book: Path, table: str, key: str) -> dict[str, datetime]:
    opened = Book(book)
    rows = pl.concat([opened.partition(n).tables[table] for n in range(opened.partition_count)])
    return dict(zip(rows[key].to_list(), rows["recorded_at"].to_list(), strict=True))


@pytest.mark.parametrize(("before", "after"), [(1, 1), (3, 3), (1, 3), (3, 1)])
def test_a_row_keeps_the_instant_of_its_first_import(tmp_path: Path, before: int, after: int) -> None:
    tables = good_tables()
    import_tape(write_tape(tmp_path / "tape", tables), tmp_path / "book", FIRST, before)
    tables["payments"][1]["amount"] = "100.20"
    tables["payments"].append(payment("P4", "A1", "2026-02-14", "1.00"))
    import_tape(write_tape(tmp_path / "tape", tables), tmp_path / "book", SECOND, after)
    assert recorded(tmp_path / "book", "payments", "payment_id") == {
        "P1": FIRST,
        "P2": SECOND,
        "P3": FIRST,
        "P4": SECOND,
    }
    assert set(recorded(tmp_path / "book", "accounts", "account_id").values()) == {FIRST}


def test_a_row_that_says_when_it_was_recorded_is_believed(tmp_path: Path) -> None:
    tables = good_tables()
    for row in tables["payments"]:
        row["recorded_at"] = "2026-02-14T09:00:00Z"
    import_tape(write_tape(tmp_path / "tape", tables), tmp_path / "book", FIRST)
    assert set(recorded(tmp_path / "book", "payments", "payment_id").values()) == {
        datetime(2026, 2, 14, 9, tzinfo=UTC)
    }


def test_what_is_written_is_what_was_read(tmp_path: Path) -> None:
    tape = write_tape(tmp_path / "tape", good_tables())
    import_tape(tape, tmp_path / "book", FIRST, 3)
    with Tape(tape, products=PRODUCTS, imported_at=FIRST, partition_count=3) as read:
        for partition in read.partitions():
            for name, rows in Book(tmp_path / "book").partition(partition.number).tables.items():
                assert_frame_equal(rows, partition.tables[name])


def test_a_book_of_before_a_table_was_added_has_it_without_rows(tmp_path: Path) -> None:
    import_tape(write_tape(tmp_path / "tape", good_tables()), tmp_path / "book", FIRST)
    (tmp_path / "book" / "partition=00" / "modifications.parquet").unlink()
    book = Book(tmp_path / "book")
    tables = book.partition(0).tables
    check(tables)
    assert tables["modifications"].is_empty()
    assert book.account(0, 0)["modifications"].is_empty()


def test_an_account_is_found_in_its_partition(tmp_path: Path) -> None:
    import_tape(write_tape(tmp_path / "tape", good_tables()), tmp_path / "book", FIRST, 3)
    book = Book(tmp_path / "book")
    number = book.partition_of("A2")
    assert number is not None
    assert "A2" in book.partition(number).tables["accounts"]["account_id"]
    assert book.partition_of("A9") is None


def test_a_run_that_does_not_commit_changes_nothing(tmp_path: Path) -> None:
    tape = write_tape(tmp_path / "tape", good_tables())
    import_tape(tape, tmp_path / "book", FIRST)
    before = {file: file.read_bytes() for file in (tmp_path / "book").rglob("*") if file.is_file()}
    import_tape(tape, tmp_path / "book", SECOND, commits=False)
    assert {file: file.read_bytes() for file in (tmp_path / "book").rglob("*") if file.is_file()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["book", "tape"]


@pytest.mark.parametrize("crash_at", [1, 2])
def test_a_crash_between_the_steps_of_the_swap_leaves_a_whole_book(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crash_at: int
) -> None:
    tape = write_tape(tmp_path / "tape", good_tables())
    import_tape(tape, tmp_path / "book", FIRST)
    renames = 0
    rename: Callable[[Path, Path], Path] = Path.rename

    def dying(self: Path, target: Path) -> Path:
        nonlocal renames
        renames += 1
        if renames == crash_at:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", dying)
    with pytest.raises(KeyboardInterrupt):
        import_tape(tape, tmp_path / "book", SECOND)
    monkeypatch.undo()
    assert recorded(tmp_path / "book", "payments", "payment_id")["P1"] == FIRST
    import_tape(tape, tmp_path / "book", SECOND)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["book", "tape"]


def test_no_book_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(NoBook, match="dunwell run"):
        Book(tmp_path / "book")
