"""A promise that was made can be neither changed nor made away with: not by the ORM, not in the database."""

import pytest
from django.db import DatabaseError, connection, transaction

from dunwell.office.cases.models import Received
from tests.office.conftest import Office
from tests.office.test_calls import Desk


@pytest.fixture
def desk(office: Office) -> Desk:
    """A customer has promised in a call."""
    found = Desk(office)
    found.start()
    found.identify()
    found.promise()
    assert Received.objects.filter(table="promises").exists()
    return found


def promised(desk: Desk) -> list[tuple[object, ...]]:
    return desk.file.promises.filter(made_by="collector").select("amount", "parts", "state").rows()


def test_the_database_refuses_to_change_it(desk: Desk) -> None:
    before, one = promised(desk), Received.objects.get(table="promises")
    one.row = {**one.row, "amount": "0.01"}
    with pytest.raises(DatabaseError, match="withdraw a promise"), transaction.atomic():
        one.save()
    with pytest.raises(DatabaseError, match="withdraw a promise"), transaction.atomic():
        Received.objects.update(row=one.row)
    with (
        pytest.raises(DatabaseError, match="withdraw a promise"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE cases_received SET customer_id = 'somebody else'")
    assert promised(desk) == before


def test_one_whose_row_was_taken_away_stands_by_the_journal(desk: Desk) -> None:
    before = promised(desk)
    Received.objects.filter(table="promises").delete()
    assert promised(desk) == before
