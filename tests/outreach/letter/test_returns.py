"""Letters that came back: receipts for the good rows, a line and a mend for the bad."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.outreach.letter import parse_receipts


def rows(*lines: str) -> bytes:
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("reason", "detail", "is_permanent"),
    [
        ("moved", "moved", True),
        ("Moved - Left No Address", "moved", True),
        ("查无此人", "unknown", True),
        ("DECEASED", "deceased", True),
        ("Attempted – Not Known", "unknown", True),
        ("拒收", "refused", False),
        ("unclaimed", "unclaimed", False),
        ("insufficient address", "bad_address", False),
        ("bad_address", "bad_address", False),
    ],
)
def test_a_letter_that_came_back(reason: str, detail: str, is_permanent: bool) -> None:
    mail = parse_receipts(rows("message_id,reason,returned_on", f"m-1,{reason},2026-11-20"))
    assert mail.bad_rows == ()
    (receipt,) = mail.receipts
    assert (receipt.kind, receipt.message_id, receipt.at) == (
        "returned",
        "m-1",
        datetime(2026, 11, 20, tzinfo=UTC),
    )
    assert (receipt.detail, receipt.permanent) == (detail, is_permanent)


def test_by_the_code_on_the_letter_and_as_spreadsheets_write_it() -> None:
    mail = parse_receipts("﻿barcode,desk,returned_on,reason\r\n m-1 ,7,2026-11-20,moved\r\n".encode())
    assert [receipt.message_id for receipt in mail.receipts] == ["m-1"]


def test_the_same_row_twice_is_one_receipt() -> None:
    line = "m-1,moved,2026-11-20"
    mail = parse_receipts(rows("message_id,reason,returned_on", line, line))
    assert len(mail.receipts) == 1


def test_bad_rows_are_told_with_their_line_and_lose_no_good_one() -> None:
    mail = parse_receipts(
        rows(
            "message_id,reason,returned_on",
            ",moved,2026-11-20",
            "m-2,eaten by the dog,2026-11-20",
            "m-3,moved,20.11.2026",
            "m-4,moved",
            "m-5,moved,2026-11-20",
        )
    )
    assert [receipt.message_id for receipt in mail.receipts] == ["m-5"]
    assert [row.line for row in mail.bad_rows] == [2, 3, 4, 5]
    for row, word in zip(mail.bad_rows, ("message_id", "reason", "returned_on", "returned_on"), strict=True):
        assert word in row.problem


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe", b"a,b\n1,2\n", b"message_id,reason\nm-1,moved\n"])
def test_a_file_that_is_no_return_list(raw: bytes) -> None:
    mail = parse_receipts(raw)
    assert mail.receipts == ()
    assert [row.line for row in mail.bad_rows] == [1]


@given(st.binary(max_size=300))
def test_no_bytes_break_it(raw: bytes) -> None:
    parse_receipts(raw)
    parse_receipts(b"message_id,reason,returned_on\n" + raw)
