"""Rows of a tape that are lost hold back whom they are about, and everybody where a whole file is."""

from datetime import UTC, datetime
from pathlib import Path

from dunwell.book import Tape
from dunwell.nightly.lost import CONTACTS, RECORDS, lost_rows

LATER = datetime(2026, 11, 25, tzinfo=UTC)


def test_which_rows_of_a_tape_are_lost(tmp_path: Path) -> None:
    """A contact without its instant is lost; the repeat of a good one is not; nor does a pause hide anything."""
    rows = {
        "customers.csv": ["customer_id,jurisdiction,timezone", "C1,cn,Asia/Shanghai", "C2,cn,Asia/Shanghai"],
        "accounts.csv": [
            "account_id,customer_id,product,currency,principal,opened_on",
            "A1,C1,loan,CNY,100.00,2026-01-01",
            "A2,C2,loan,CNY,100.00,2026-01-01",
        ],
        "instalments.csv": [
            "account_id,number,due_on,principal",
            "A1,1,2026-02-01,100.00",
            "A2,1,2026-02-01,100.00",
        ],
        "payments.csv": ["payment_id,account_id,paid_on,amount"],
        "contacts.csv": [
            "contact_id,customer_id,at,channel,outcome",
            "K1,C1,yesterday,call,no_answer",
            "K2,C2,2026-03-01T10:00:00+08:00,call,no_answer",
            "K2,C2,2026-03-01T10:00:00+08:00,call,no_answer",
        ],
        "holds.csv": [
            "hold_id,account_id,customer_id,kind,from_on,to_on",
            "H1,A1,,pause,2026-03-01,soon",
            "H2,A2,,dispute,2026-03-01,soon",
        ],
    }
    for name, lines in rows.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with Tape(tmp_path, products={"loan": "CNY"}, imported_at=LATER) as tape:
        lost = lost_rows(tape)
        (partition,) = tape.partitions()
        accounts = partition.tables["accounts"].select("account_id", "customer_id")
    assert lost.customers(CONTACTS, accounts).to_list() == ["C1"]
    assert lost.customers(RECORDS, accounts).to_list() == ["C2"]
    assert lost.for_all == ()
    (tmp_path / "promises.parquet").write_bytes(b"no parquet")
    with Tape(tmp_path, products={"loan": "CNY"}, imported_at=LATER) as tape:
        assert lost_rows(tape).for_all == (RECORDS,)
