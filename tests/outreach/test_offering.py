"""A plan offered in writing: the offer and its message are recorded together or not at all, and the dispatcher sends it."""

from datetime import date

import pytest

from dunwell.journal.models import Event
from dunwell.law import Reason
from dunwell.outreach.models import Work
from dunwell.outreach.offering import STAGE, Way, last_offer, offer, offer_event
from dunwell.outreach.permitting import Asked, Composed
from dunwell.resolution.plans import Plan
from dunwell.resolution.schedules import PlanPart
from tests.outreach.conftest import Lender, compose

pytestmark = pytest.mark.django_db

PARTS = (PlanPart(1, date(2026, 12, 1), 5000, 0, (("ANN-A", 5000),)),)
PLAN = Plan("in_instalments", "USD", (("ANN-A", 5000),), PARTS, "what is left each month pays it", "told")


def asked_of(lender: Lender) -> Asked:
    lender.records.add("ANN")
    return Asked(Work(), "ANN", lender.records.persons["ANN"], "ANN-e", ("ANN-A",), lender.clock())


def offered(lender: Lender, message_id: str, composer: object = compose) -> Composed | Reason:
    asked = asked_of(lender)
    event = offer_event("ANN", asked.account_ids, PLAN, date(2026, 12, 7), asked.at, "the desk")
    return offer(lender.journal, asked, event, Way("email", "ANN-e", message_id), composer)  # type: ignore[arg-type]


def test_an_offer_becomes_a_message_that_the_gate_lets_out(lender: Lender) -> None:
    assert isinstance(offered(lender, "m-1"), Composed)
    kinds = list(Event.objects.order_by("id").values_list("kind", flat=True))
    assert kinds == ["plan.offered", "contact.planned"]
    (message,) = lender.worker().claim().messages
    assert message.message_id == "m-1"
    work = Work.objects.get(pk="m-1")
    assert (work.stage, work.purpose) == (STAGE, "service")
    told = last_offer(Asked(work, "ANN", lender.records.persons["ANN"], "ANN-e", ("ANN-A",), lender.clock()))
    assert told is not None
    assert told.payments == ((date(2026, 12, 1), 5000),)
    assert told.until == date(2026, 12, 7)


def test_where_no_text_tells_the_plan_nothing_is_recorded(lender: Lender) -> None:
    def silent(asked: Asked) -> Reason:
        return Reason("outreach.no-fact", "house policy", "missing", "no text lists several amounts")

    answer = offered(lender, "m-2", silent)
    assert isinstance(answer, Reason)
    assert not Event.objects.filter(kind__in=("plan.offered", "contact.planned")).exists()
    assert not Work.objects.filter(pk="m-2").exists()
