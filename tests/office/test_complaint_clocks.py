"""Complaints of the lender's records, told with the tape or during the day, have their clock; the lender may set it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from dunwell.cli.told import telling
from dunwell.journal.recording import NewEvent
from dunwell.nightly.run import run_day
from dunwell.office import workplace
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.intake import take_in
from dunwell.office.cases.models import Case
from dunwell.office.cases.publishing import publish
from dunwell.office.compliance.complaints import complaints, note_complaints, record_answer, still_open
from dunwell.office.tallies.models import ComplaintClock
from dunwell.office.workplace import Workplace
from tests.office.conftest import AS_OF, Office

RAN_AT = datetime(2026, 11, 24, 8, tzinfo=UTC)


def people(office: Office, jurisdiction: str) -> tuple[str, str]:
    """A customer of a place who owes, and an account of theirs."""
    case = Case.objects.filter(jurisdiction=jurisdiction, past_due_days__gt=0).order_by("pk").first()
    assert case is not None
    return case.pk, CaseFile(office.place, case.pk).tables["accounts"]["account_id"][0]


@pytest.fixture
def told(own: Office) -> Iterator[Office]:
    """The office after a run whose tape tells of three complaints and no others."""
    gb, us = people(own, "gb"), people(own, "us")
    file = own.place.settings.tape_folder / "holds.parquet"
    holds = pl.read_parquet(file).filter(pl.col("kind") != "complaint")
    row = dict.fromkeys(holds.columns) | {"kind": "complaint"}
    more = [
        row | {"hold_id": "C1", "account_id": gb[1], "from_on": date(2026, 11, 2)},
        row | {"hold_id": "C2", "customer_id": us[0], "from_on": date(2026, 9, 1)},
        row
        | {
            "hold_id": "C3",
            "account_id": us[1],
            "from_on": date(2026, 8, 1),
            "to_on": date(2026, 10, 20),
        },
    ]
    pl.concat([holds, pl.DataFrame(more, schema=holds.schema)]).write_parquet(file)
    again(own)
    yield own


def again(office: Office, now: datetime = RAN_AT) -> None:
    """The nightly run once more, and the office on its book."""
    settings = office.place.settings
    told_since = telling(office.place.journal, now)
    run_day(settings, settings.tape_folder, AS_OF, known_at=None, now=now, told_since=told_since)
    place = Workplace(settings, office.clock)
    workplace.use(place)
    office.place = place
    publish(place)


def clocks() -> list[tuple[str, date, date, date | None]]:
    return [
        (one.jurisdiction, one.received_at.date(), one.due_on, one.answered_at and one.answered_at.date())
        for one in ComplaintClock.objects.order_by("received_at")
    ]


def test_a_complaint_of_the_lender_s_records_has_its_clock(told: Office) -> None:
    page = told.client("compliance").get("/complaints").content.decode()
    assert clocks() == [
        ("us", date(2026, 8, 1), date(2026, 9, 30), date(2026, 10, 20)),
        ("us", date(2026, 9, 1), date(2026, 10, 31), None),
        ("gb", date(2026, 11, 2), date(2026, 12, 28), None),
    ]
    assert page.index("late since 31 Oct 2026") < page.index("34 days left")
    span = {"from": "2026-08-01", "to": "2026-11-24", "as": "csv"}
    report = told.client("compliance").get("/reports", span).content.decode().splitlines()
    assert [line for line in report if line.startswith("complaint,")] == [
        "complaint,gb,open,,1",
        "complaint,us,answered late,,1",
        "complaint,us,open late,,1",
    ]


def test_it_is_answered_and_the_stop_stays_until_the_lender_s_records_end_it(told: Office) -> None:
    customer, _account = people(told, "us")
    officer = told.client("compliance")
    officer.get("/complaints")
    one = ComplaintClock.objects.get(received_at=datetime(2026, 9, 1, tzinfo=UTC))
    assert (
        "it ends when they say so"
        in officer.post(
            f"/complaints/{one.pk}/answer", {"note": "we were wrong", "lift": "1"}, follow=True
        ).content.decode()
    )
    one.refresh_from_db()
    assert one.answered_at is None
    officer.post(f"/complaints/{one.pk}/answer", {"note": "we were wrong"})
    one.refresh_from_db()
    assert one.answered_at == told.clock()
    states = CaseFile(told.place, customer).person.states
    assert None in [state.until for state in states if state.kind == "complaint"]


def test_a_complaint_made_to_us_gets_no_second_clock_from_the_book(own: Office) -> None:
    note_complaints(own.place)
    there = ComplaintClock.objects.count()
    customer, _account = people(own, "gb")
    own.place.journal.record([NewEvent("hold.placed", own.clock(), customer, body={"hold": "complaint"})])
    own.clock.move(hours=1)
    again(own, own.clock())
    note_complaints(own.place)
    assert ComplaintClock.objects.count() == there + 1


def test_the_same_run_or_another_starts_no_second_clock_and_ends_what_ended(told: Office) -> None:
    note_complaints(told.place)
    before = clocks()
    file = told.place.settings.tape_folder / "holds.parquet"
    ended = pl.when(pl.col("hold_id") == "C1").then(date(2026, 11, 20)).otherwise("to_on")
    pl.read_parquet(file).with_columns(to_on=ended).write_parquet(file)
    again(told)
    note_complaints(told.place)
    note_complaints(told.place)
    assert clocks() == [*before[:2], (*before[2][:3], date(2026, 11, 20))]


def test_a_complaint_told_during_the_day_counts_from_when_it_was_received_and_once(own: Office) -> None:
    note_complaints(own.place)
    there = ComplaintClock.objects.count()
    customer, _account = people(own, "cn")
    row = {"hold_id": "C9", "customer_id": customer, "kind": "complaint", "from_on": "2026-11-20"}
    take_in(own.place, "holds", [row], "a test")
    note_complaints(own.place)
    found = ComplaintClock.objects.order_by("-received_at")[0]
    assert (found.received_at.date(), found.due_on) == (date(2026, 11, 20), date(2026, 12, 5))
    file = own.place.settings.tape_folder / "holds.parquet"
    holds = pl.read_parquet(file)
    told = dict.fromkeys(holds.columns) | row | {"from_on": date(2026, 11, 20)}
    pl.concat([holds, pl.DataFrame([told], schema=holds.schema)]).write_parquet(file)
    again(own)
    note_complaints(own.place)
    assert ComplaintClock.objects.count() == there + 1
    ended = pl.when(pl.col("hold_id") == "C9").then(date(2026, 11, 23)).otherwise("to_on")
    pl.read_parquet(file).with_columns(to_on=ended).write_parquet(file)
    again(own, RAN_AT + timedelta(hours=1))
    note_complaints(own.place)
    found.refresh_from_db()
    assert (ComplaintClock.objects.count(), found.answered_at) == (
        there + 1,
        datetime(2026, 11, 23, tzinfo=UTC),
    )


def test_the_lender_s_own_clocks_take_the_place_of_those_it_names(told: Office, tmp_path: Path) -> None:
    note_complaints(told.place)
    own = '[gb]\ndays = 10\ncitation = "our counsel, 2026-11-01"\nsource_quality = "text"\n'
    (told.place.policy / "complaints.toml").write_text(own, encoding="utf-8")
    page = told.client("compliance").get("/complaints").content.decode()
    assert "late since 12 Nov 2026" in page
    assert "our counsel, 2026-11-01" in page
    assert {one[2] for one in clocks() if one[0] == "us"} == {date(2026, 9, 30), date(2026, 10, 31)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[gb]\ndays = 0\ncitation = 'x'\nsource_quality = 'text'", "gb.days"),
        ("[gb]\ndays = 8", "is no clock"),
        ("[gb]\ndays = 8\ncitation = ' '\nsource_quality = 'text'", "gb.citation"),
        ("[gb]\ndays = 8\ncitation = 'x'\nsource_quality = 'hearsay'", "gb.source_quality"),
        ("no toml", "cannot be read"),
    ],
)
def test_clocks_that_cannot_be_read_are_told_with_their_mend(own: Office, text: str, says: str) -> None:
    (own.place.policy / "complaints.toml").write_text(text, encoding="utf-8")
    answer = own.client("compliance").get("/complaints")
    assert answer.status_code == 503
    assert says in answer.content.decode()


# --- known twice: told to us, and by the lender's records under another id


def told_to_us(office: Office, customer: str, *accounts: str) -> None:
    event = NewEvent("hold.placed", office.clock(), customer, accounts=accounts, body={"hold": "complaint"})
    office.place.journal.record([event])


def told_by_the_lender(office: Office, name: str, day: str, **whose: str) -> None:
    row = {"hold_id": name, "kind": "complaint", "from_on": day, **whose}
    assert not take_in(office.place, "holds", [row], "a test").refused


def shown(office: Office) -> int:
    note_complaints(office.place)
    return ComplaintClock.objects.filter(same_as=None).count()


@pytest.fixture
def in_china(office: Office) -> tuple[Office, str, str]:
    """Late in the evening of the 24th in UTC: in China it is the 25th."""
    office.clock.now = datetime(2026, 11, 24, 22, tzinfo=UTC)
    return office, *people(office, "cn")


@pytest.mark.parametrize("is_ours_first", [True, False])
def test_one_complaint_under_two_ids_has_one_clock(
    in_china: tuple[Office, str, str], is_ours_first: bool
) -> None:
    office, customer, account = in_china
    there = shown(office)
    for is_ours in (is_ours_first, not is_ours_first):
        if is_ours:
            told_to_us(office, customer, account)
        else:
            told_by_the_lender(office, "T1", "2026-11-25", account_id=account)
        assert shown(office) == there + 1
    newest = ComplaintClock.objects.filter(same_as=None).order_by("-received_at")[:1]
    (one,) = complaints(office.place, newest)
    assert (one.customer_id, one.is_told_twice, one.is_recorded) == (customer, True, False)
    theirs = ComplaintClock.objects.get(same_as=one.event_id)
    officer = Staff.objects.get(username="compliance")
    assert record_answer(office.place, officer, theirs.pk, "we were wrong", lift=True)
    assert not record_answer(office.place, officer, one.event_id, "again", lift=False), "it is answered once"
    assert not [clock for clock in still_open() if clock.subject == theirs.subject]


@pytest.mark.parametrize(
    ("day", "is_of_another_debt"), [("2026-11-23", False), ("2026-11-01", False), ("2026-11-25", True)]
)
def test_another_day_or_another_debt_is_another_complaint(
    in_china: tuple[Office, str, str], day: str, is_of_another_debt: bool
) -> None:
    office, customer, account = in_china
    if is_of_another_debt:
        customer, account = somebody_with_two_debts(office)
    there = shown(office)
    told_to_us(office, customer, account)
    other = [name for name in CaseFile(office.place, customer).account_ids if name != account]
    told_by_the_lender(office, "T1", day, account_id=other[0] if is_of_another_debt else account)
    assert shown(office) == there + 2


def somebody_with_two_debts(office: Office) -> tuple[str, str]:
    for case in Case.objects.filter(jurisdiction="cn").order_by("pk"):
        accounts = CaseFile(office.place, case.pk).account_ids
        if len(accounts) > 1:
            return case.pk, accounts[0]
    raise LookupError("nobody has two debts")


def test_one_of_ours_is_joined_with_one_of_theirs(in_china: tuple[Office, str, str]) -> None:
    office, customer, account = in_china
    there = shown(office)
    told_to_us(office, customer)
    told_by_the_lender(office, "T1", "2026-11-25", account_id=account)
    told_by_the_lender(office, "T2", "2026-11-25", customer_id=customer)
    assert shown(office) == there + 2


def test_what_is_told_after_theirs_was_answered_is_another(in_china: tuple[Office, str, str]) -> None:
    office, customer, account = in_china
    there = shown(office)
    told_by_the_lender(office, "T1", "2026-11-25", account_id=account)
    shown(office)
    theirs = ComplaintClock.objects.order_by("-received_at")[0]
    record_answer(office.place, Staff.objects.get(username="compliance"), theirs.pk, "mended", lift=False)
    office.clock.move(minutes=30)
    told_to_us(office, customer, account)
    assert shown(office) == there + 2


def test_a_complaint_that_a_later_tape_brings_is_the_one_told_to_us(own: Office) -> None:
    customer, account = people(own, "gb")
    there = shown(own)
    told_to_us(own, customer)
    shown(own)
    file = own.place.settings.tape_folder / "holds.parquet"
    holds = pl.read_parquet(file)
    row = {"hold_id": "T7", "account_id": account, "kind": "complaint", "from_on": own.clock().date()}
    pl.concat([holds, pl.DataFrame([dict.fromkeys(holds.columns) | row], schema=holds.schema)]).write_parquet(
        file
    )
    own.clock.move(hours=1)
    again(own, own.clock())
    assert shown(own) == there + 1
    assert ComplaintClock.objects.exclude(same_as=None).count() == 1
