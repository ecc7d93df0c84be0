"""What goes on behind the pages: who writes is in the queue at once, and no address that does not answer holds up the others."""

import httpx

from dunwell.journal.recording import NewEvent
from dunwell.office.access.models import Staff
from dunwell.office.api.hooks import make_hook
from dunwell.office.api.models import Delivery
from dunwell.office.api.telling import deliver, plan_deliveries
from dunwell.office.cases.models import Case
from dunwell.office.keeping import keep
from dunwell.office.tallies.models import Mark
from tests.office.conftest import Office


def wrote(office: Office, customer: str, **more: object) -> None:
    body = {"channel": "email", "intents": ["hardship"], "needs_person": True, **more}
    office.place.journal.record([NewEvent("contact.replied", office.clock(), customer, body=body)])


def test_who_writes_to_us_is_in_front_of_the_queue_at_once(office: Office) -> None:
    seen = keep(office.place)
    last = Case.objects.order_by("-rank").first()
    assert last is not None
    wrote(office, last.pk, is_urgent=True)
    keep(office.place, seen)
    first = Case.objects.order_by("rank").first()
    assert first is not None
    assert (first.pk, first.why[0]) == (last.pk, "urgent")


def test_somebody_without_arrears_who_asks_for_a_person_has_a_case_and_keeps_it_over_the_next_run(
    office: Office,
) -> None:
    paid_up = next(
        name
        for frame in office.place.shelf.whole("customers")
        for name in frame["customer_id"]
        if not Case.objects.filter(pk=name).exists()
    )
    wrote(office, paid_up)
    keep(office.place)
    case = Case.objects.get(pk=paid_up)
    assert (case.stage, case.needs_person, case.why[0]) == ("closed", True, "asked_for_person")
    Case.objects.update(run_id="the run before", past_due_days=5)
    Mark.objects.filter(name="run").update(said="the run before")
    keep(office.place)
    case.refresh_from_db()
    assert (case.needs_person, case.past_due_days) == (True, 0)


def test_an_address_that_does_not_answer_does_not_hold_up_another(office: Office) -> None:
    lead = Staff.objects.get(username="team_lead")
    for host in ("silent", "awake"):
        make_hook(office.place, f"https://{host}.example/", ["payment.seen"], lead)
    body = {"payment": "p", "amount": "1.00", "currency": "GBP", "source": "test"}
    customer = Case.objects.values_list("pk", flat=True)[0]
    office.place.journal.record(
        [NewEvent("payment.seen", office.clock(), customer, body=body) for _ in range(5)]
    )
    plan_deliveries(office.place)
    asked: list[str] = []

    def send(url: str, content: bytes, headers: dict[str, str]) -> int:
        asked.append(url)
        if "silent" in url:
            raise httpx.ConnectTimeout("nobody")
        return 204

    assert deliver(office.place, send) == 5
    assert sum("silent" in url for url in asked) == 1
    assert Delivery.objects.filter(state="due").count() == 5
