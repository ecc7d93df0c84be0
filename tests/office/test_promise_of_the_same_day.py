"""Money and a promise of one day: what was seen before the promise never counts to it, on the spot and after the night."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import polars as pl
import pytest

from dunwell.office.cases.casefile import CaseFile
from dunwell.office.workplace import Workplace
from tests.office.conftest import Office
from tests.office.test_calls import Desk
from tests.office.test_promise_for_several import made, pay
from tests.office.test_told import run_again, shop

__all__ = ["shop"]


@pytest.fixture
def desk(office: Office, shop: Workplace) -> Desk:
    """A customer who is going to call."""
    return Desk(office)


def calls_and_promises(desk: Desk) -> None:
    desk.client.post(f"/case/{desk.customer}/called", {"once": str(uuid4())})
    desk.identify()
    desk.promise()


def bring_with_the_tape(place: Workplace, customer: str) -> None:
    """Let the lender's next tape hold what came in during the day, without saying when it was recorded."""
    file = CaseFile(place, customer)
    told = pl.DataFrame([row.row for row in file.received if row.table == "payments"])
    tape = place.settings.tape_folder / "payments.parquet"
    rows = pl.read_parquet(tape).cast(pl.String)
    pl.concat([rows, told], how="diagonal").write_csv(tape.with_suffix(".csv"))
    tape.unlink()


def state_of(file: CaseFile) -> tuple[str, Any]:
    row = made(file)
    return row["state"], row["credited"]


def test_money_seen_before_the_promise_does_not_count_when_the_tape_brings_it(
    office: Office, shop: Workplace, desk: Desk
) -> None:
    pay(desk, desk.file.overdue_ids[0], "20")
    office.clock.move(minutes=5)
    calls_and_promises(desk)
    before = state_of(CaseFile(shop, desk.customer))
    assert before[0] == "open"
    assert before[1] == 0
    bring_with_the_tape(shop, desk.customer)
    office.clock.move(hours=5)
    run_again(shop, office.clock().date())
    night = pl.read_parquet(shop.settings.book_folder / "promises.parquet").filter(customer_id=desk.customer)
    assert night.filter(made_by="collector")["state"].to_list() == ["open"]
    assert state_of(CaseFile(shop, desk.customer)) == before
    run_again(shop, office.clock().date())
    assert state_of(CaseFile(shop, desk.customer)) == before


def test_a_row_is_known_from_when_the_first_told_of_it(office: Office, shop: Workplace, desk: Desk) -> None:
    pay(desk, desk.file.overdue_ids[0], "20")
    seen = office.clock()
    bring_with_the_tape(shop, desk.customer)
    office.clock.move(hours=5)
    run_again(shop, office.clock().date())
    payments = (
        CaseFile(shop, desk.customer).tables["payments"].filter(pl.col("payment_id").str.starts_with("M-"))
    )
    assert payments["recorded_at"].to_list() == [seen.astimezone(UTC)]
    assert isinstance(seen, datetime)
