"""A team lead's day: the board's figures, cases shared out by language and load, four eyes, occasions to help."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.access.models import Staff, Team
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Approval, Case
from dunwell.office.cases.routing import (
    CARE,
    SKILL_OF_STAGE,
    Wanting,
    Worker,
    reroute_waiting,
    share_out,
    states_of,
)
from dunwell.office.keeping import keep
from dunwell.office.supervision.coaching import SHOWN_MAX, occasions, sign_of
from dunwell.office.supervision.day import day_of
from dunwell.office.tallies.following import Read
from dunwell.office.tallies.models import Sign
from tests.office.conftest import Office
from tests.office.test_calls import Desk


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
    first, lifted, *_others = Case.objects.exclude(stage__in=["closed", *SKILL_OF_STAGE]).order_by("rank")[
        :30
    ]
    told = {"hold": "hardship", "by": "collector"}
    for case in (first, lifted):
        office.place.journal.record([NewEvent("hold.placed", office.clock(), case.pk, body=told)])
    office.clock.move(minutes=1)
    office.place.journal.record([NewEvent("hold.lifted", office.clock(), lifted.pk, body=told)])
    ids = list(Case.objects.exclude(stage="closed").order_by("rank").values_list("pk", flat=True)[:30])
    states = states_of(office.place, ids, office.clock().date())
    frail = {
        name for name, found in states.items() if CARE in Wanting(name, "", "", "", frozenset(found)).skills
    }
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


def test_a_dispute_of_one_debt_lasts_while_that_of_another_is_lifted(office: Office) -> None:
    case = Case.objects.filter(account_count__gt=1).order_by("pk")[0]
    debts = CaseFile(office.place, case.pk).account_ids[:2]
    for kind, names in (("hold.placed", debts[:1]), ("hold.placed", debts[1:]), ("hold.lifted", debts[:1])):
        told = NewEvent(kind, office.clock(), case.pk, tuple(names), body={"hold": "dispute", "by": "x"})
        office.place.journal.record([told])
        office.clock.move(minutes=1)
    assert "dispute" in states_of(office.place, [case.pk], office.clock().date()).get(case.pk, set())
    office.place.journal.record(
        [NewEvent("hold.lifted", office.clock(), case.pk, body={"hold": "dispute", "by": "x"})]
    )
    assert "dispute" not in states_of(office.place, [case.pk], office.clock().date()).get(case.pk, set())


def told_at_the_desk(office: Office, desk: Desk, *came: str) -> object:
    desk.client.post(f"/case/{desk.customer}/called", {"once": str(uuid4())})
    desk.identify()
    return desk.client.post(
        f"/case/{desk.customer}/log", {"outcome": "conversation", "came": list(came)}, follow=True
    )


@pytest.fixture
def team(office: Office) -> Team:
    """A lead, a collector and somebody trained, in one team; the collector has a case."""
    team = Team.objects.create(name="one")
    Staff.objects.filter(username__in=["team_lead", "collector"]).update(team=team)
    Staff.objects.create_user("ida", role="collector", team=team, skills=["vulnerability"])
    return team


def with_collector(desk: Desk) -> None:
    Case.objects.filter(pk=desk.customer).update(assigned_to=Staff.objects.get(username="collector"))


@pytest.mark.parametrize("is_with_nobody", [False, True])
def test_a_hardship_told_in_a_call_takes_the_case_to_somebody_trained_at_once(
    office: Office, team: Team, is_with_nobody: bool
) -> None:
    desk = Desk(office)
    if not is_with_nobody:
        with_collector(desk)
    answer = told_at_the_desk(office, desk, "hardship")
    case = Case.objects.get(pk=desk.customer)
    assert case.assigned_to == Staff.objects.get(username="ida")
    assert "The case is now with ida" in answer.content.decode()  # type: ignore[attr-defined]
    assert desk.customer not in desk.client.get("/queue?whose=mine").content.decode()
    assert not Case.objects.open_to(Staff.objects.get(username="collector")).filter(pk=case.pk).exists()
    assert "1 case moved to somebody trained" in office.client("team_lead").get("/board").content.decode()
    (moved,) = [json.loads(e.body) for e in Event.objects.filter(kind="case.assigned")]
    assert moved == {**moved, "by": "collector", "to": "ida", "why": "vulnerability"}


def test_while_nobody_trained_is_here_the_case_waits_for_them_and_for_nobody_else(
    office: Office, team: Team
) -> None:
    Staff.objects.filter(username="ida").update(on_leave_until=office.clock().date() + timedelta(days=3))
    desk = Desk(office)
    with_collector(desk)
    answer = told_at_the_desk(office, desk, "hardship")
    case = Case.objects.get(pk=desk.customer)
    assert (case.assigned_to, case.wants) == (None, "vulnerability")
    assert "None of them is here today" in answer.content.decode()  # type: ignore[attr-defined]
    office.clock.move(hours=13)
    assert not Case.objects.open_to(Staff.objects.get(username="collector")).filter(pk=case.pk).exists()
    assert Case.objects.open_to(Staff.objects.get(username="ida")).filter(pk=case.pk).exists()
    board = office.client("team_lead").get("/board").content.decode()
    assert "1 case waits for somebody trained" in board
    office.clock.move(days=4)
    reroute_waiting(office.place)
    assert Case.objects.get(pk=desk.customer).assigned_to == Staff.objects.get(username="ida")


def test_who_is_trained_keeps_the_case_and_where_nobody_is_it_stays(office: Office, team: Team) -> None:
    desk = Desk(office)
    with_collector(desk)
    told_at_the_desk(office, desk, "dispute")  # nobody has a skill for disputes
    collector = Staff.objects.get(username="collector")
    assert Case.objects.get(pk=desk.customer).assigned_to == collector
    Staff.objects.filter(username="collector").update(skills=["vulnerability"])
    told_at_the_desk(office, desk, "hardship")
    assert Case.objects.get(pk=desk.customer).assigned_to == collector
    assert not Event.objects.filter(kind="case.assigned").exists()


def test_a_hardship_that_an_answer_told_moves_the_case_within_the_keepers_round_and_a_lifted_one_lets_it_go(
    office: Office, team: Team
) -> None:
    desk = Desk(office)
    with_collector(desk)
    told = {"hold": "hardship", "by": "x"}
    office.place.journal.record([NewEvent("hold.placed", office.clock(), desk.customer, body=told)])
    keep(office.place)
    case = Case.objects.get(pk=desk.customer)
    assert (case.assigned_to, case.wants) == (Staff.objects.get(username="ida"), "vulnerability")
    office.clock.move(minutes=2)
    office.place.journal.record([NewEvent("hold.lifted", office.clock(), desk.customer, body=told)])
    keep(office.place)
    assert Case.objects.get(pk=desk.customer).wants == ""


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


def test_occasions_name_what_shows_them_and_the_latest_are_shown(office: Office) -> None:
    at = office.clock()

    def sign(number: int, kind: str, body: dict[str, object]) -> Sign:
        found = sign_of(Read(number, f"e{number}", kind, f"s{number}", at, json.dumps(body)))
        assert found is not None
        return found

    refused = [
        sign(n, "contact.refused", {"by": "ann", "reasons": [{"rule": "gb.hours"}]}) for n in range(30)
    ]
    found = occasions([*refused, sign(50, "case.note", {"by": "bo", "findings": ["threat"]})])
    assert [(one.name, one.kind, one.count, len(one.evidence)) for one in found] == [
        ("ann", "refused", 30, SHOWN_MAX),
        ("bo", "findings", 1, 1),
    ]
    assert found[0].evidence[0] == (at, "s0", ["gb.hours"])
    assert occasions(refused[:4]) == []
    for body in ({"by": "bo", "findings": []}, {"findings": ["threat"]}):
        assert sign_of(Read(1, "e", "case.note", "s", at, json.dumps(body))) is None


def test_the_board_shows_today_and_not_yesterday(office: Office) -> None:
    case = Case.objects.order_by("pk").first()
    assert case is not None
    body = {"payment": "p1", "amount": "12.00", "currency": "GBP", "source": "test"}
    office.place.journal.record([NewEvent("payment.seen", office.clock(), case.pk, body=body)])
    assert "12.00" in office.client("team_lead").get("/board").content.decode()
    office.clock.move(days=1)
    assert "12.00" not in office.client("team_lead").get("/board").content.decode()


def test_a_lead_puts_somebody_on_leave_and_their_cases_find_others(office: Office) -> None:
    lead = office.client("team_lead")
    Staff.objects.create_user("ann", password="a long enough secret", role="collector", languages=[])
    case = Case.objects.exclude(stage="closed").order_by("pk").first()
    assert case is not None
    lead.post(f"/case/{case.pk}/give", {"to": "ann"})
    for wrong in ("2026-11-01", "soon"):
        lead.post("/load/leave/ann", {"until": wrong})
        assert Staff.objects.get(username="ann").on_leave_until is None
    lead.post("/load/leave/ann", {"until": "2026-11-30"})
    page = lead.get("/load").content.decode()
    assert "away until 30 Nov 2026" in page
    lead.post("/load/cover/ann")
    assert Case.objects.get(pk=case.pk).assigned_to != Staff.objects.get(username="ann")
    lead.post("/load/leave/ann", {"until": ""})
    assert Staff.objects.get(username="ann").on_leave_until is None
    told = [json.loads(one.body) for one in Event.objects.filter(kind="office.changed").order_by("id")]
    assert [(one["by"], one["what"], one["change"]) for one in told] == [
        ("team_lead", "leave", "2026-11-30"),
        ("team_lead", "leave", ""),
    ]


def test_a_lead_puts_nobody_of_another_team_on_leave(office: Office) -> None:
    ours, theirs = Team.objects.create(name="ours"), Team.objects.create(name="theirs")
    Staff.objects.filter(username="team_lead").update(team=ours)
    Staff.objects.filter(username="collector").update(team=theirs)
    office.client("team_lead").post("/load/leave/collector", {"until": "2026-11-30"})
    assert Staff.objects.get(username="collector").on_leave_until is None
