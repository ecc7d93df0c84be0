"""Payments and stops of the day: seen at once, checked as a tape's rows are, counted once."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from dunwell.cli.told import telling
from dunwell.nightly.run import run_day
from dunwell.office import workplace
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.intake import refresh, take_in, take_in_files
from dunwell.office.cases.models import Case, Received
from dunwell.office.workplace import Workplace
from dunwell.settings import read_settings
from tests.office.conftest import Office


@pytest.fixture
def case(office: Office) -> Case:
    """Somebody with one loan in dollars, late."""
    found = Case.objects.filter(past_due_days__gt=30, account_count=1, currency="USD").order_by("pk").first()
    assert found is not None
    return found


def payment(office: Office, case: Case, amount: str, payment_id: str = "in-1") -> dict[str, str]:
    account = CaseFile(office.place, case.pk).account_ids[0]
    day = office.clock().date().isoformat()
    return {"payment_id": payment_id, "account_id": account, "paid_on": day, "amount": amount}


def test_money_that_comes_in_ends_the_arrears_on_the_spot(office: Office, case: Case) -> None:
    refresh(office.place, case.pk)  # the day since the run has its own penalty
    case.refresh_from_db()
    owed = f"{case.past_due_total:.2f}"
    taken = take_in(office.place, "payments", [payment(office, case, owed)], "test")
    assert (taken.new_count, taken.refused) == (1, ())
    case.refresh_from_db()
    assert (case.past_due_days, case.past_due_total, case.stage) == (0, Decimal(0), "closed")


def test_the_same_payment_told_twice_counts_once(office: Office, case: Case) -> None:
    row = payment(office, case, "1.00")
    assert take_in(office.place, "payments", [row], "test").new_count == 1
    again = take_in(office.place, "payments", [row], "test")
    assert (again.new_count, again.known_count) == (0, 1)
    assert CaseFile(office.place, case.pk).positions["paid_30d"][0] >= Decimal("1.00")
    assert Received.objects.count() == 1


@pytest.mark.parametrize("change", [{"amount": "2.00"}, {"paid_on": "2026-11-20"}, {"kind": "chargeback"}])
def test_another_payment_under_an_id_that_stands_is_refused_and_changes_nothing(
    office: Office, case: Case, change: dict[str, str]
) -> None:
    row = payment(office, case, "1.00")
    take_in(office.place, "payments", [row], "test")
    before = CaseFile(office.place, case.pk).positions.row(0)
    taken = take_in(office.place, "payments", [row | change, row | {"amount": "1.0"}], "test")
    assert [one.row for one in taken.refused] == [1]
    assert "stands already and says something else" in taken.refused[0].why
    assert (taken.new_count, taken.known_count) == (0, 1), "the same money in other words is the same row"
    assert CaseFile(office.place, case.pk).positions.row(0) == before


def test_somebody_else_s_payment_under_an_id_that_stands_is_not_lost_in_silence(
    office: Office, case: Case
) -> None:
    take_in(office.place, "payments", [payment(office, case, "1.00")], "test")
    other = Case.objects.filter(currency="USD").exclude(pk=case.pk).first()
    assert other is not None
    taken = take_in(office.place, "payments", [payment(office, other, "1.00")], "test")
    assert (taken.known_count, len(taken.refused)) == (0, 1)


@pytest.mark.parametrize("table", ["payments", "holds"])
def test_a_row_under_the_id_of_another_customer_s_row_of_the_book_is_refused(
    office: Office, case: Case, table: str
) -> None:
    """Elsewhere it was taken in, and the tape of the night, which has the other's row, swallowed it."""
    key = {"payments": "payment_id", "holds": "hold_id"}[table]
    own = set(CaseFile(office.place, case.pk).tables[table][key])
    theirs = next(
        name for rows in office.place.shelf.whole(table, [key]) for name in rows[key] if name not in own
    )
    row = {
        "payments": payment(office, case, "1.00", theirs),
        "holds": {"hold_id": theirs, "customer_id": case.pk, "kind": "dispute", "from_on": "2026-11-24"},
    }[table]
    taken = take_in(office.place, table, [row, row | {key: "of-its-own"}], "test")
    assert [one.row for one in taken.refused] == [1]
    assert "is of another customer" in taken.refused[0].why
    assert (taken.new_count, taken.known_count) == (1, 0)
    assert list(Received.objects.values_list("key", flat=True)) == ["of-its-own"]


def test_a_payment_of_the_book_sent_again_is_known_and_another_under_its_id_is_refused(
    office: Office,
) -> None:
    customer, held = next(
        (one.pk, file.tables["payments"])
        for one in Case.objects.filter(currency="USD", account_count=1).order_by("pk")
        for file in (CaseFile(office.place, one.pk),)
        if file.tables["payments"].height
    )
    paid = held.row(0, named=True)
    row = {
        "payment_id": paid["payment_id"],
        "account_id": CaseFile(office.place, customer).account_ids[0],
        "paid_on": paid["paid_on"].isoformat(),
        "amount": str(Decimal(paid["amount_minor"]) / 100),
        "kind": paid["kind"],
    }
    taken = take_in(office.place, "payments", [row, row | {"amount": "0.01"}], "test")
    assert (taken.new_count, taken.known_count, len(taken.refused)) == (0, 1, 1)


def test_a_hold_that_came_in_is_not_changed_in_silence(office: Office, case: Case) -> None:
    row = {
        "hold_id": "H-2",
        "customer_id": case.pk,
        "kind": "pause",
        "from_on": "2026-11-24",
        "to_on": "2026-12-24",
    }
    assert take_in(office.place, "holds", [row], "test").new_count == 1
    taken = take_in(office.place, "holds", [row, row | {"to_on": "2026-11-25"}], "test")
    assert (taken.known_count, len(taken.refused)) == (1, 1)


def test_money_of_the_customer_s_own_day_is_taken_where_it_is_tomorrow_already(office: Office) -> None:
    case = Case.objects.filter(jurisdiction="cn", account_count=1).order_by("pk").first()
    assert case is not None
    office.clock.now = office.clock.now.replace(hour=17)  # 01:00 of the next day in China
    row = payment(office, case, "1.00") | {"paid_on": "2026-11-25"}
    assert take_in(office.place, "payments", [row], "test").refused == ()
    (far,) = take_in(
        office.place, "payments", [row | {"payment_id": "x", "paid_on": "2026-11-26"}], "test"
    ).refused
    assert "has not come yet" in far.why


def test_a_stop_binds_the_next_contact(office: Office, case: Case) -> None:
    before = CaseFile(office.place, case.pk)
    row = {
        "hold_id": "H-1",
        "customer_id": case.pk,
        "kind": "cease",
        "from_on": office.clock().date().isoformat(),
    }
    take_in(office.place, "holds", [row], "test")
    after = CaseFile(office.place, case.pk)
    verdict = after.ask("call", before.point_ids[0])
    assert not verdict.allowed
    assert "house-floor.stopped" in {reason.rule for reason in verdict.reasons}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount": "-5"}, "amount must be above 0"),
        ({"amount": "1.005"}, "more decimals"),
        ({"paid_on": "2027-01-01"}, "has not come yet"),
        ({"paid_on": "yesterday"}, "paid_on is not a day"),
        ({"account_id": "nobody"}, "is not in the book"),
        ({"kind": "reversal"}, "reverses an unknown payment"),
        ({"colour": "red"}, "there is no column 'colour'"),
    ],
)
def test_a_bad_row_is_told_with_its_mend_and_the_others_count(
    office: Office, case: Case, change: dict[str, str], why: str
) -> None:
    good = payment(office, case, "2.00", "good")
    taken = take_in(office.place, "payments", [payment(office, case, "1.00") | change, good], "test")
    assert taken.new_count == 1
    assert taken.refused[0].row == 1
    assert why in taken.refused[0].why


@pytest.fixture
def shop(ran: Path, tmp_path: Path, office: Office) -> Iterator[Workplace]:
    """The same workspace with a folder of its own for what comes in."""
    shutil.copytree(ran, tmp_path / "shop")
    place = Workplace(read_settings(tmp_path / "shop"), office.clock)
    workplace.use(place)
    yield place


def test_a_file_in_the_folder_is_taken_in_and_set_aside(office: Office, shop: Workplace, case: Case) -> None:
    folder = shop.settings.root / "intake"
    folder.mkdir()
    row = payment(office, case, "3.00")
    text = (
        ",".join(row)
        + "\n"
        + ",".join(row.values())
        + "\n"
        + ",".join((row | {"amount": "0"}).values())
        + "\n"
    )
    (folder / "payments-noon.csv").write_text(text, encoding="utf-8")
    assert take_in_files(shop) == 1
    assert not list(folder.glob("*.csv"))
    refused = next((folder / "done").glob("*.refused.csv")).read_text(encoding="utf-8")
    assert refused.splitlines()[1].startswith("2,")
    assert take_in_files(shop) == 0


def test_a_pause_that_came_in_stands_once_in_the_next_book(
    office: Office, shop: Workplace, case: Case
) -> None:
    day = office.clock().date()
    row = {
        "hold_id": "P-1",
        "customer_id": case.pk,
        "kind": "pause",
        "from_on": f"{day}",
        "to_on": f"{day + timedelta(days=9)}",
    }
    take_in(shop, "holds", [row], "test")
    now, settings = office.clock(), shop.settings
    run_day(
        settings, settings.tape_folder, day, known_at=None, now=now, told_since=telling(shop.journal, now)
    )
    file = CaseFile(shop, case.pk)
    assert file.tables["holds"].filter(kind="pause")["hold_id"].to_list() == ["P-1"] * len(file.account_ids)
    assert sum(state.kind == "pause" for state in file.person.states) == 2, (
        "the gate reads both, and they say the same"
    )
