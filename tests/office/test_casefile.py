"""A customer's file at the desk says what the nightly run says, and more as soon as something comes in."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from dunwell.book import TABLES, Book
from dunwell.ledger import positions
from dunwell.office.cases.casefile import CaseFile, UnknownCustomer
from dunwell.office.cases.models import Case, Received
from dunwell.office.cases.shelf import Shelf
from tests.office.conftest import AS_OF, Office


def test_the_shelf_holds_every_row_of_the_book_once(ran: Path) -> None:
    shelf, book = Shelf(ran / "book"), Book(ran / "book")
    for name in TABLES:
        rows = sum(part.height for part in shelf.whole(name))
        assert rows == sum(book.partition(n).tables[name].height for n in range(book.partition_count)), name


def test_figures_worked_out_for_one_are_the_run_s_own(office: Office) -> None:
    for name in Case.objects.order_by("rank").values_list("pk", flat=True)[:40]:
        found = office.place.shelf.file(name)
        assert found is not None
        alone = positions(found.tables, office.place.terms, AS_OF).frame.sort("account_id")
        assert alone.equals(found.results["positions"].sort("account_id")), name


def test_a_payment_counts_as_soon_as_it_comes_in(office: Office) -> None:
    case = Case.objects.filter(past_due_days__gt=30, account_count=1, currency="USD").order_by("pk").first()
    assert case is not None
    before = CaseFile(office.place, case.pk)
    owed = before.positions["past_due_total"][0]
    today = office.clock().date()
    Received.objects.create(
        table="payments",
        key="in-1",
        customer_id=case.pk,
        received_at=office.clock(),
        source="test",
        row={
            "payment_id": "in-1",
            "account_id": before.account_ids[0],
            "paid_on": today.isoformat(),
            "amount": f"{owed:.2f}",
        },
    )
    after = CaseFile(office.place, case.pk)
    assert after.positions["past_due_total"][0] < Decimal("0.02") * owed
    assert after.positions["past_due_days"][0] == 0
    assert after.positions["paid_30d"][0] - before.positions["paid_30d"][0] == owed
    later = after.statement(before.account_ids[0], today + timedelta(days=0))
    assert later.lines


def test_a_stranger_has_no_file(office: Office) -> None:
    with pytest.raises(UnknownCustomer):
        CaseFile(office.place, "nobody")


def test_the_queue_holds_every_case_of_the_run_in_one_order(office: Office) -> None:
    run = pl.read_parquet(office.place.settings.book_folder / "cases.parquet")
    assert set(Case.objects.values_list("pk", flat=True)) == set(run["customer_id"])
    ranked = list(Case.objects.order_by("rank").values_list("rank", "why"))
    assert ranked == sorted(ranked, key=lambda pair: pair[0])
    assert all(why for _, why in ranked)


def test_who_promised_nothing_has_an_empty_list_of_the_same_form(office: Office) -> None:
    told = [
        CaseFile(office.place, name) for name in Case.objects.order_by("pk").values_list("pk", flat=True)[:60]
    ]
    empty = next(file for file in told if not file.tables["promises"].height)
    full = next(file for file in told if file.tables["promises"].height)
    assert empty.promises.schema == full.promises.schema
