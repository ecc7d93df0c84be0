"""An approved text is queued from the desk as the customer would read it, through the gate, once."""

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from django.utils.translation import override

from dunwell.journal.recording import NewEvent
from dunwell.office import workplace
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from dunwell.office.desk.screen import reasons_of
from dunwell.office.workplace import Workplace
from dunwell.outreach.models import Work
from tests.office.conftest import Office
from tests.office.test_case_page import bodies

OUTREACH = {
    "phone": "+44 20 7946 0123",
    "url": "https://pay.example-lender.test",
    "mail_to": "Example Lender Ltd, 1 Example Street, London",
    "advice": {"any": "your local free debt advice service"},
    "letter": {"folder": "letters", "letterhead": ["Example Lender Ltd", "1 Example Street", "London"]},
}


@pytest.fixture
def posting(office: Office) -> Iterator[Office]:
    """The office with letters set up."""
    settings = replace(office.place.settings, outreach=OUTREACH)
    place = Workplace(settings, office.clock)
    workplace.use(place)
    yield Office(place, office.clock)
    workplace.use(None)


def writable(office: Office) -> tuple[str, str]:
    """A customer in Britain to whom a letter may go now, and the letter's name."""
    for customer in Case.objects.filter(jurisdiction="gb", past_due_days__gt=1).values_list("pk", flat=True):
        file = CaseFile(office.place, customer)
        for row in file.tables["contact_points"].to_dicts():
            own = row["kind"] == "postal" and row["party"] == "self"
            if own and file.ask("letter", row["contact_point_id"]).allowed:
                return str(customer), f"letter:reminder:{row['contact_point_id']}"
    raise AssertionError("nobody may be written to")


def test_a_text_is_previewed_masked_and_queued_once(posting: Office) -> None:
    customer, way = writable(posting)
    client = posting.client("collector")
    file = CaseFile(posting.place, customer)
    page = client.get(f"/case/{customer}/text", {"way": way}).content.decode()
    assert "As they would read it" in page
    assert file.customer["name"] not in page
    told = {"way": way, "once": str(uuid4())}
    for _ in range(2):
        client.post(f"/case/{customer}/text", told)
    work = Work.objects.get()
    assert work.channel == "letter"
    assert work.due_at == posting.clock()
    assert [body["source"] for body in bodies("contact.planned")] == ["desk:collector"]


def test_a_text_that_the_gate_refuses_is_not_queued(posting: Office) -> None:
    customer, way = writable(posting)
    held = NewEvent("hold.placed", posting.clock(), customer, body={"hold": "hardship"})
    posting.place.journal.record([held])
    client = posting.client("collector")
    answer = client.post(f"/case/{customer}/text", {"way": way, "once": str(uuid4())})
    assert answer.status_code == 409
    assert "house-floor.hardship" in answer.content.decode()
    assert not Work.objects.exists()


def test_somebody_with_an_open_promise_is_not_said_to_be_reminded_by_text(posting: Office) -> None:
    customer, way = writable(posting)
    point = way.rpartition(":")[2]
    promise = {
        "parts": [{"due_on": "2026-11-27", "amount_minor": 1000, "currency": "GBP"}],
        "promise": "desk-1",
        "by": "anna",
    }
    posting.place.journal.record([NewEvent("promise.made", posting.clock(), customer, body=promise)])
    client = posting.client("collector")
    answer = client.post(f"/case/{customer}/text", {"way": way, "once": str(uuid4())})
    assert answer.status_code == 409, "the dispatcher would hold it back"
    assert "house-floor.open-promise" in answer.content.decode()
    assert not Work.objects.exists()

    def letter(file: CaseFile) -> set[str]:
        (verdict,) = file.ask_each([("letter", point)])
        assert verdict.allowed == (not verdict.reasons)
        return {reason.rule for reason in verdict.reasons}

    assert letter(CaseFile(posting.place, customer)) == {"house-floor.open-promise"}
    with override("zh-hans"):
        file = CaseFile(posting.place, customer)
        (refused,) = file.ask_each([("letter", point)])
        assert reasons_of(file, refused)[0]["words"].startswith("债务人承诺的还款日尚未过去")
    body = {"promise": "desk-1", "reason": "customer_withdrew", "by": "anna"}
    posting.place.journal.record([NewEvent("promise.withdrawn", posting.clock(), customer, body=body)])
    assert letter(CaseFile(posting.place, customer)) == set()
    paid = {"payment": "P1", "amount": "5.00", "currency": "GBP", "source": "api bank"}
    posting.place.journal.record([NewEvent("payment.seen", posting.clock(), customer, body=paid)])
    assert letter(CaseFile(posting.place, customer)) == {"house-floor.paid-since"}, (
        "the run's figures are old"
    )


def test_without_a_channel_the_desk_says_so(office: Office) -> None:
    customer = Case.objects.order_by("rank").values_list("pk", flat=True)[0]
    page = office.client("collector").get(f"/case/{customer}/text").content.decode()
    assert "No approved text fits this customer" in page


def test_the_ways_of_the_office_stand_above_the_texts(posting: Office) -> None:
    customer, _letter = writable(posting)
    page = posting.client("collector").get(f"/case/{customer}/text")
    assert '<a href="/queue"' in page.content.decode()
