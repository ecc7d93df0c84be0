"""A person's rights: their records corrected with the old value kept, and the person erased by two people, gone everywhere."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from django.test import Client

from dunwell.book import Book
from dunwell.book.additions import without_customers
from dunwell.cli.told import telling
from dunwell.journal.attachments import NewFile, keep_file
from dunwell.journal.models import Event, VaultItem
from dunwell.journal.recording import NewEvent
from dunwell.journal.sealing import seal
from dunwell.journal.signing import kept_folder, public_keys, signer_of
from dunwell.journal.verifying import verify
from dunwell.law.overlay import KeptLaw
from dunwell.ledger import positions
from dunwell.office import workplace
from dunwell.office.access.models import Staff
from dunwell.office.api.tokens import make_token, scopes_of
from dunwell.office.cases.casefile import CaseFile, UnknownCustomer
from dunwell.office.cases.models import Approval, Case
from dunwell.office.cases.publishing import publish
from dunwell.office.compliance.person import CannotCorrect, correction
from dunwell.office.workplace import Workplace
from dunwell.outreach.corrections import all_corrections, with_corrections
from dunwell.outreach.records import BookRecords
from dunwell.settings import read_settings
from tests.office.conftest import Office


def somebody(office: Office, jurisdiction: str) -> str:
    found = Case.objects.filter(jurisdiction=jurisdiction, past_due_days__gt=0).order_by("pk").first()
    assert found is not None
    return str(found.pk)


def correct(client: Client, customer: str, **form: str) -> Any:
    told = {"why": "they told us in a call", "once": str(uuid4())} | form
    return client.post(f"/case/{customer}/data/correct", told)


def records_of(office: Office) -> BookRecords:
    settings = office.place.settings
    law = KeptLaw(settings.root / "policy" / "law.toml").current
    return BookRecords(
        settings.book_folder, law, "first_party", office.place.terms, office.place.journal.vault
    )


def point_of(office: Office, customer: str, kind: str) -> dict[str, Any]:
    points = CaseFile(office.place, customer).tables["contact_points"]
    return points.filter((pl.col("kind") == kind) & (pl.col("party").fill_null("self") == "self")).row(
        0, named=True
    )


def test_a_corrected_name_counts_at_once_on_the_desk_in_search_and_in_the_next_run(office: Office) -> None:
    customer = somebody(office, "gb")
    before = CaseFile(office.place, customer).customer["name"]
    officer = office.client("compliance")
    assert correct(officer, customer, what="name", new="Zebedee Quillfeather").status_code == 302
    assert CaseFile(office.place, customer).customer["name"] == "Zebedee Quillfeather"
    assert officer.post("/search", {"q": "quillfeather"})["Location"] == f"/case/{customer}"
    event = json.loads(Event.objects.get(kind="data.corrected").body)
    assert "Quillfeather" not in json.dumps(event)
    kept = office.place.journal.vault.read([one["item"] for one in event["personal"].values()])
    assert {text for text, _ in kept.values()} == {before, "Zebedee Quillfeather"}
    assert "Records corrected: name" in officer.get(f"/case/{customer}").content.decode()
    book = Book(office.place.settings.book_folder)
    told = telling(office.place.journal, office.clock())
    names: dict[str, str] = {}
    for number in range(book.partition_count):
        names |= dict(
            told(book.partition(number).tables)["customers"].select("customer_id", "name").iter_rows()
        )
    assert names[customer] == "Zebedee Quillfeather"
    assert len(names) > 500


def test_a_corrected_address_is_the_one_that_is_written_to_and_found_by(office: Office) -> None:
    customer = somebody(office, "us")
    point = point_of(office, customer, "email")
    records = records_of(office)
    assert records.customer(customer).addresses[point["contact_point_id"]] == point["value"]
    officer = office.client("compliance")
    correct(officer, customer, what=point["contact_point_id"], new="right.one@example.org")
    assert (customer, point["contact_point_id"]) in records.owners("email", "Right.One@example.org")
    assert records.customer(customer).addresses[point["contact_point_id"]] == "right.one@example.org"
    others = [account for account in CaseFile(office.place, customer).account_ids if records.account(account)]
    assert others, "an account is found where it stands in the book"
    correct(officer, customer, what=point["contact_point_id"], new="better@example.org")
    assert point_of(office, customer, "email")["value"] == "better@example.org"


def test_a_correction_gives_way_to_what_the_lender_sends_later(office: Office) -> None:
    customer = somebody(office, "gb")
    correct(office.client("compliance"), customer, what="name", new="Right Name")
    found = all_corrections(office.place.journal.vault)
    newer = pl.DataFrame(
        {"customer_id": [customer, "other"], "name": ["Married Name", None], "language": ["en", "en"]}
    )
    told = with_corrections({"customers": newer}, found, office.place.journal.vault)["customers"]
    assert told.equals(newer)


@pytest.mark.parametrize(
    ("what", "new", "why"),
    [
        ("name", " ", "x"),
        ("name", "Somebody", ""),
        ("language", "English, please", "x"),
        ("email", "not an address", "x"),
        ("mobile", "12345", "x"),
        ("nothing", "x", "x"),
    ],
)
def test_a_correction_that_cannot_be_is_told_with_its_mend(
    office: Office, what: str, new: str, why: str
) -> None:
    customer = somebody(office, "us")
    name = point_of(office, customer, what)["contact_point_id"] if what in ("email", "mobile") else what
    staff = Staff.objects.get(username="compliance")
    with pytest.raises(CannotCorrect):
        correction(CaseFile(office.place, customer), staff, name, new, why, str(uuid4()))
    answer = correct(office.client("compliance"), customer, what=name, new=new, why=why)
    assert answer.status_code == 422
    assert not Event.objects.filter(kind="data.corrected").exists()


def test_what_must_stay_is_told_with_its_clause_and_stops_an_erasure_without_a_ground(office: Office) -> None:
    customer = somebody(office, "us")
    body = {"channel": "call", "message_id": "m1"}
    office.place.journal.record([NewEvent("contact.permitted", office.clock(), customer, body=body)])
    officer = office.client("compliance")
    page = officer.get(f"/case/{customer}/data").content.decode()
    assert "12 CFR 1006.100" in page
    assert "must stay" in page
    assert "still owes" in page
    officer.post(f"/case/{customer}/data/erase", {"why": "request of 20 November", "once": str(uuid4())})
    assert not Approval.objects.exists()


def paid_up(office: Office) -> str:
    """Somebody of a place without a period to keep who owes nothing more."""
    for part in office.place.shelf.results("positions"):
        rows = (
            part.group_by("customer_id").agg(pl.col("payoff_total").sum()).filter(pl.col("payoff_total") == 0)
        )
        for customer in rows["customer_id"].sort().to_list():
            file = CaseFile(office.place, customer)
            if file.customer["jurisdiction"] == "gb":
                return str(customer)
    raise AssertionError("everybody owes")


def decided_for(office: Office) -> set[str]:
    files = (office.place.settings.evidence_folder / "decisions").glob("*.parquet")
    return {one for file in files for one in pl.read_parquet(file)["customer_id"].to_list()}


@pytest.fixture
def own_office(office: Office, ran: Path, tmp_path: Path) -> Iterator[Office]:
    """The office on a copy of its workspace, of which files may go."""
    shutil.copytree(ran, tmp_path / "shop")
    place = Workplace(read_settings(tmp_path / "shop"), office.clock)
    workplace.use(place)
    yield Office(place, office.clock)
    workplace.use(office.place)


def erase(office: Office, customer: str, **form: str) -> Approval:
    told = {"why": "request of 20 November", "once": str(uuid4())} | form
    office.client("compliance").post(f"/case/{customer}/data/erase", told)
    return Approval.objects.get(kind="erasure")


def test_two_people_erase_somebody_who_is_then_gone_everywhere_while_the_journal_verifies(
    own_office: Office, django_capture_on_commit_callbacks: Any
) -> None:
    office = own_office
    customer, journal, settings = somebody(office, "gb"), office.place.journal, office.place.settings
    file = CaseFile(office.place, customer)
    name, account = file.customer["name"], file.account_ids[0]
    journal.record(
        [NewEvent("case.note", office.clock(), customer, body={"by": "ann"}, personal={"note": "private"})]
    )
    keep_file(
        journal,
        kept_folder(settings),
        customer,
        NewFile("recording", "a.wav", b"sound", office.clock(), "ann"),
    )
    seal(signer_of(settings), office.clock())
    officer, lead = office.client("compliance"), office.client("team_lead")
    approval = erase(office, customer, despite="Art. 17(1)(d): the data were processed unlawfully")
    officer.post(f"/approvals/{approval.pk}", {"decision": "approved", "reason": "alone"})
    assert CaseFile(office.place, customer).customer["name"] == name, "nobody erases alone"
    decided = decided_for(office)
    assert customer in decided
    with django_capture_on_commit_callbacks(execute=True):
        lead.post(f"/approvals/{approval.pk}", {"decision": "approved", "reason": "checked"})
    with pytest.raises(UnknownCustomer):
        CaseFile(office.place, customer)
    assert office.client("collector").get(f"/case/{customer}").status_code == 404
    for text in (customer, account, name):
        assert f"/case/{customer}" not in officer.post("/search", {"q": text}, follow=True).content.decode()
    assert officer.post(f"/case/{customer}/evidence", {"why": "x"}).status_code == 404
    who = Staff.objects.get(username="team_lead")
    _, secret = make_token("t", who, scopes_of(who), office.clock())
    api = Client(headers={"authorization": f"Bearer {secret}"})
    assert api.get(f"/api/v1/cases/{customer}").status_code == 404
    assert api.get(f"/api/v1/accounts/{account}/statement").status_code == 404
    assert customer not in records_of(office).people([customer])
    assert not Case.objects.filter(pk=customer).exists()
    Case.objects.update(run_id="another")
    publish(office.place)
    assert not Case.objects.filter(pk=customer).exists()
    assert not list(kept_folder(settings).glob("*"))
    assert decided_for(office) == decided - {customer}
    assert not Approval.objects.filter(subject=customer).exists()
    assert customer not in lead.get("/approvals").content.decode()
    events = Event.objects.exclude(subject_id=None).filter(subject__erased_at__isnull=False)
    assert {"case.note", "data.erased", "approval.decided"} <= set(events.values_list("kind", flat=True))
    assert not VaultItem.objects.filter(subject__erased_at__isnull=False).exists()
    seal(signer_of(settings), office.clock())
    found = verify(public_keys(settings), (), journal.vault)
    assert found.is_whole, found.faults


def test_the_next_run_leaves_out_who_was_erased_and_settles_the_others_as_before(office: Office) -> None:
    book = Book(office.place.settings.book_folder)
    customer = paid_up(office)
    office.place.journal.record([NewEvent("hold.placed", office.clock(), customer, body={"hold": "dispute"})])
    office.place.journal.erase(customer, by="ann", why="asked")
    told = telling(office.place.journal, office.clock())
    for number in range(book.partition_count):
        before = book.partition(number).tables
        after = told(before)
        assert customer not in after["customers"]["customer_id"].to_list()
        whole = positions(before, office.place.terms, office.place.today()).frame
        left = positions(after, office.place.terms, office.place.today()).frame
        assert left.equals(whole.filter(pl.col("customer_id") != customer))
    assert office.place.journal.vault.remember(customer)
    assert CaseFile(office.place, customer).customer_id == customer


def test_taking_out_nobody_changes_nothing(office: Office) -> None:
    tables = Book(office.place.settings.book_folder).partition(0).tables
    assert all(rows.equals(tables[name]) for name, rows in without_customers(tables, ["nobody"]).items())
