"""A team lead's day: the board's figures, cases shared out by language and load, four eyes, occasions to help."""

import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.access.models import Staff, Team
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Approval, Case
from dunwell.office.supervision.coaching import occasions
from dunwell.office.supervision.day import day_of
from dunwell.office.supervision.sharing import STAGES_SKILLED, Wanting, Worker, share_out
from dunwell.office.supervision.vulnerable import vulnerable
from tests.office.conftest import Office


def told(kind: str, **body: object) -> tuple[str, str]:
    return kind, json.dumps(body)


def test_the_day_counts_contacts_that_were_made_and_conversations_with_the_customer() -> None:
    day = day_of(
        [
            told("contact.permitted", channel="call", worker="desk:ann"),
            told("contact.made", outcome="conversation", party="self", by="ann"),
            told("contact.permitted", channel="call", worker="desk:ann"),
            told("contact.made", outcome="conversation", party="other", by="ann"),
            told("contact.permitted", channel="email"),
            told("contact.failed", channel="email"),
            told("contact.permitted", channel="letter"),
            told("contact.deferred", channel="letter"),
            told("contact.permitted", channel="letter"),  # one letter, put off once
            told(
                "contact.refused",
                channel="sms",
                reasons=[{"rule": "cn.hours"}, {"rule": "house.contact-budget-week"}],
            ),
            told("promise.made", by="ann", parts=[]),
            told("payment.seen", amount="10.50", currency="CNY"),
            told("payment.seen", amount="0.25", currency="CNY"),
        ]
    )
    assert (day.contacts["call"], day.contacts["email"], day.contacts["letter"]) == (2, 0, 1)
    assert (day.conversations, day.right_party) == (2, 1)
    assert day.refused == {"cn.hours": 1, "house.contact-budget-week": 1}
    assert {name: str(amount) for name, amount in day.cash.items()} == {"CNY": "10.75"}
    assert (day.people["ann"].contacts, day.people["ann"].promises) == (2, 1)


workers = st.lists(
    st.builds(
        Worker,
        st.sampled_from(["ann", "bo", "cy", "di"]),
        st.frozensets(st.sampled_from(["en", "zh"])),
        st.frozensets(st.sampled_from(["cn", "gb"])),
        st.frozensets(st.sampled_from(["legal"])),
        st.integers(0, 5),
    ),
    unique_by=lambda one: one.name,
)
cases = st.lists(
    st.builds(
        Wanting,
        st.uuids().map(str),
        st.sampled_from(["en", "zh", "hi"]),
        st.sampled_from(["cn", "gb", "in"]),
        st.sampled_from(["reminder", "legal"]),
    ),
    max_size=30,
)


@given(cases, workers)
def test_cases_go_to_people_who_can_take_them_and_evenly(
    wanting: list[Wanting], people: list[Worker]
) -> None:
    before = {one.name: one.load for one in people}
    given_out = share_out(wanting, people)
    by_name = {one.name: one for one in people}
    for case in wanting:
        if case.customer_id in given_out:
            one = by_name[given_out[case.customer_id]]
            assert not one.languages or case.language in one.languages
            assert not one.jurisdictions or case.jurisdiction in one.jurisdictions
    assert sum(one.load for one in people) == sum(before.values()) + len(given_out)
    anybody = [one for one in people if not (one.languages or one.jurisdictions)]
    if len(anybody) == len(people) > 0 and not any(one.skills for one in people):
        assert len(given_out) == len(wanting)
        if len(wanting) >= 5 * len(people):
            assert max(one.load for one in people) - min(one.load for one in people) <= 5


def test_the_cases_of_vulnerable_people_go_to_those_trained_for_it(office: Office) -> None:
    team = Team.objects.create(name="one")
    Staff.objects.filter(username__in=["team_lead", "collector"]).update(team=team)
    trained = Staff.objects.create_user("ida", role="collector", team=team, skills=["vulnerability"])
    first, lifted, *_others = Case.objects.exclude(stage__in=["closed", *STAGES_SKILLED]).order_by("rank")[
        :30
    ]
    told = {"hold": "hardship", "by": "collector"}
    for case in (first, lifted):
        office.place.journal.record([NewEvent("hold.placed", office.clock(), case.pk, body=told)])
    office.clock.move(minutes=1)
    office.place.journal.record([NewEvent("hold.lifted", office.clock(), lifted.pk, body=told)])
    ids = list(Case.objects.exclude(stage="closed").order_by("rank").values_list("pk", flat=True)[:30])
    frail = vulnerable(office.place, ids, office.clock().date())
    assert first.pk in frail
    office.client("team_lead").post("/load/share", {"count": "30"})
    with_others = set(
        Case.objects.filter(assigned_to__isnull=False)
        .exclude(assigned_to=trained)
        .values_list("pk", flat=True)
    )
    assert Case.objects.get(pk=first.pk).assigned_to == trained
    assert not with_others & frail
    assert with_others, "who is not vulnerable goes to anybody"
    assert lifted.pk not in frail


def test_a_lead_gives_out_cases_and_those_of_who_is_away(office: Office) -> None:
    team = Team.objects.create(name="one")
    Staff.objects.filter(username__in=["team_lead", "collector"]).update(team=team)
    bo = Staff.objects.create_user("bo", role="collector", team=team)
    client = office.client("team_lead")
    client.post("/load/share", {"count": "30"})
    counts = [
        Case.objects.filter(assigned_to__username=name).count() for name in ("team_lead", "collector", "bo")
    ]
    assert sum(counts) == 30
    assert max(counts) - min(counts) <= 1
    bo.on_leave_until = office.clock().date() + timedelta(days=3)
    bo.save()
    client.post("/load/cover/bo")
    assert Case.objects.filter(assigned_to=bo).count() == 0
    assert Event.objects.filter(kind="case.assigned").count() == 30 + counts[2]


@pytest.fixture
def asked(office: Office) -> Approval:
    """A plan that a collector asked for and another must agree to."""
    case = Case.objects.filter(past_due_days__gt=30, account_count=1, currency="USD").order_by("pk").first()
    assert case is not None
    account = CaseFile(office.place, case.pk).account_ids[0]
    due = (office.clock().date() + timedelta(days=20)).isoformat()
    part = {"due_on": due, "amount_minor": 500, "currency": "USD", "by_account": {account: 500}}
    return Approval.objects.create(
        kind="plan",
        subject=case.pk,
        payload={"currency": "USD", "parts": [part], "grant_kind": "waiver", "grant_minor": 100},
        seconds=["team_lead", "compliance"],
        why="above a collector's authority",
        asked_by=Staff.objects.get(username="collector"),
        asked_at=office.clock(),
        key="plan:once",
    )


def test_what_a_second_person_agrees_to_takes_effect_once(office: Office, asked: Approval) -> None:
    lead = office.client("team_lead")
    assert asked.subject in lead.get("/approvals").content.decode()
    lead.post(f"/approvals/{asked.pk}", {"decision": "approved", "reason": "affordable"})
    lead.post(f"/approvals/{asked.pk}", {"decision": "refused", "reason": "changed my mind"})
    asked.refresh_from_db()
    assert (asked.decision, asked.decided_by and asked.decided_by.username) == ("approved", "team_lead")
    promises = CaseFile(office.place, asked.subject).promises.to_dicts()
    assert [str(one["amount"].normalize()) for one in promises if one["state"] == "open"] == ["5"]


def test_nobody_agrees_to_what_they_asked_for(office: Office, asked: Approval) -> None:
    lead = Staff.objects.get(username="team_lead")
    Approval.objects.filter(pk=asked.pk).update(asked_by=lead)
    office.client("team_lead").post(f"/approvals/{asked.pk}", {"decision": "approved", "reason": "mine"})
    asked.refresh_from_db()
    assert asked.decision == ""


def test_what_needs_no_reason_is_not_decided(office: Office, asked: Approval) -> None:
    office.client("team_lead").post(f"/approvals/{asked.pk}", {"decision": "approved", "reason": " "})
    asked.refresh_from_db()
    assert asked.decision == ""


def test_occasions_name_what_shows_them(office: Office) -> None:
    at = office.clock()
    refused = ("contact.refused", at, json.dumps({"by": "ann", "reasons": [{"rule": "gb.hours"}]}), "c1")
    found = occasions(
        [*[refused] * 5, ("case.note", at, json.dumps({"by": "bo", "findings": ["threat"]}), "c2")]
    )
    assert [(one.name, one.kind, len(one.evidence)) for one in found] == [
        ("ann", "refused", 5),
        ("bo", "findings", 1),
    ]


def test_the_board_shows_today_and_not_yesterday(office: Office) -> None:
    case = Case.objects.order_by("pk").first()
    assert case is not None
    body = {"payment": "p1", "amount": "12.00", "currency": "GBP", "source": "test"}
    office.place.journal.record([NewEvent("payment.seen", office.clock(), case.pk, body=body)])
    assert "12.00" in office.client("team_lead").get("/board").content.decode()
    office.clock.move(days=1)
    assert "12.00" not in office.client("team_lead").get("/board").content.decode()
