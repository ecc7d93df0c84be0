"""Many small grants to one customer are judged as the large one that they are, also when two are made at the same moment."""

from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest

from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Approval
from dunwell.office.desk import planning, working
from dunwell.office.desk.granting import decision_on, granted_before
from dunwell.resolution.authority import read_authority
from dunwell.resolution.budget import Affordability
from dunwell.resolution.debts import debts_of
from dunwell.resolution.plan_policy import read_plan_policy
from dunwell.resolution.plans import Plan, PlanError, propose_plans
from tests.office.conftest import Office
from tests.office.test_at_once import just_before
from tests.office.test_plans import owing

WAIVED = 2_000
"""US$20 of interest: a collector may give up 30 alone, 150 with a second person."""


class Given:
    """A collector gives up some of the interest of one customer."""

    def __init__(self, office: Office) -> None:
        self.office, self.customer = office, owing(office, "us", 200, 2500)
        self.staff = Staff.objects.get(username="collector")

    @property
    def file(self) -> CaseFile:
        return CaseFile(self.office.place, self.customer)

    def plan(self, waived_minor: int = WAIVED) -> Plan:
        file = self.file
        debts = debts_of(file.tables, file.place.terms, self.customer, file.day)
        left = Affordability("USD", 15000, 0, 0, 0, 15000)
        plan = propose_plans(debts, left, read_plan_policy(file.day), file.day)[0]
        return replace(
            plan, kind="interest_reduction", grant_kind="interest_reduction", grant_minor=waived_minor
        )

    def offered(self, plan: Plan, once: str) -> planning.Offered:
        authority = read_authority(self.office.place.policy / "authority.toml", self.file.day)
        return planning.Offered(1, plan, decision_on(self.file, plan, authority, self.staff, once))

    def agree(self, waived_minor: int = WAIVED, once: str | None = None) -> bool:
        once = once or str(uuid4())
        return planning.agree(self.file, self.staff, self.offered(self.plan(waived_minor), once), once)

    @property
    def before(self) -> int:
        authority = read_authority(self.office.place.policy / "authority.toml", self.file.day)
        return granted_before(self.file, "waiver", "USD", authority)


@pytest.fixture
def given(office: Office) -> Given:
    return Given(office)


def test_a_second_small_grant_waits_for_a_second_person(given: Given) -> None:
    assert not given.agree()
    given.office.clock.move(days=1)
    assert given.agree(), "20 and 20 are more than the 30 that a collector may give up alone"
    assert "20.00 USD was given up before and counts" in Approval.objects.get().why
    assert given.before == WAIVED, "what waits is not granted yet"


def test_two_grants_at_the_same_moment_are_judged_one_after_the_other(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = str(uuid4())
    alone = given.offered(given.plan(), once)
    assert alone.decision is not None and not alone.decision.needs_second

    def meanwhile() -> None:
        assert not given.agree()

    just_before(monkeypatch, working, "lock", meanwhile)
    with pytest.raises(PlanError, match="Something was granted meanwhile"):
        planning.agree(given.file, given.staff, alone, once)


def test_the_same_form_again_changes_nothing_and_does_not_count_beside_itself(given: Given) -> None:
    once = str(uuid4())
    assert not given.agree(once=once)
    assert not given.agree(once=once)
    assert given.before == WAIVED


def test_of_two_that_wait_the_second_is_agreed_to_only_beside_the_first(given: Given) -> None:
    for _ in range(2):
        assert given.agree(9_000)
    lead = given.office.client("team_lead")
    for approval in Approval.objects.order_by("asked_at", "pk"):
        lead.post(f"/approvals/{approval.pk}", {"decision": "approved", "reason": "affordable"})
    assert sorted(Approval.objects.values_list("decision", flat=True)) == ["", "approved"]
    assert given.before == 9_000


def test_after_the_window_it_no_longer_counts(given: Given) -> None:
    given.agree()
    given.office.clock.move(days=366)
    assert given.before == 0


def test_what_was_recorded_wrongly_was_not_given_up(given: Given) -> None:
    given.agree()
    client = given.office.client("collector")
    for row in given.file.promises.filter(state="open").to_dicts():
        where = f"/case/{given.customer}/promise/{row['promise_id']}/withdraw"
        client.post(where, {"reason": "recorded_wrongly"})
    assert given.before == 0


def test_another_customer_is_another_matter(given: Given) -> None:
    given.agree()
    authority = read_authority(given.office.place.policy / "authority.toml", date(2026, 11, 24))
    other = CaseFile(given.office.place, owing(given.office, "gb", 200, 2500))
    assert granted_before(other, "waiver", "USD", authority) == 0
