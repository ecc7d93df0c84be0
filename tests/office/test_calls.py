"""A call from the desk: asked before, identity first, recorded once with all that follows, and binding at once."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case, Received
from dunwell.office.cases.publishing import place_in_queue
from dunwell.office.keeping import keep
from dunwell.office.workplace import Workplace
from tests.office.conftest import Office
from tests.office.test_case_page import bodies


class Desk:
    """A collector before a customer who may be called now."""

    def __init__(self, office: Office) -> None:
        self.office, self.client = office, office.client("collector")
        office.clock.move(hours=6)  # 18:00 UTC: daytime in all of the United States
        self.customer, self.point = callable_customer(office.place)

    @property
    def file(self) -> CaseFile:
        return CaseFile(self.office.place, self.customer)

    def start(self, once: str | None = None) -> Any:
        told = {"point": self.point, "once": once or str(uuid4())}
        return self.client.post(f"/case/{self.customer}/call", told)

    def identify(self) -> None:
        born = self.file.customer["born_on"].isoformat()
        facts = {"fact_born": born, "fact_account": self.file.account_ids[0][-4:]}
        self.client.post(f"/case/{self.customer}/identity", facts)

    def log(self, outcome: str, *came: str, **more: Any) -> Any:
        told: Mapping[str, Any] = {"outcome": outcome, "came": list(came), **more}
        return self.client.post(f"/case/{self.customer}/log", told)

    def promise(self, **more: Any) -> Any:
        due = (self.office.clock() + timedelta(days=5)).date().isoformat()
        return self.log("conversation", "promise", **{"amount_1": "20", "due_1": due, **more})


def callable_customer(place: Workplace) -> tuple[str, str]:
    for customer in Case.objects.filter(jurisdiction="us", past_due_days__gt=5).values_list("pk", flat=True):
        file = CaseFile(place, customer)
        if file.customer["born_on"] is None or not (file.positions["payoff_total"] > 60).any():
            continue
        for row in file.tables["contact_points"].to_dicts():
            is_phone = row["kind"] == "mobile" and row["party"] == "self"
            if is_phone and file.ask("call", row["contact_point_id"]).allowed:
                return customer, row["contact_point_id"]
    raise AssertionError("nobody may be called")


@pytest.fixture
def desk(office: Office) -> Desk:
    return Desk(office)


def test_a_call_is_permitted_by_the_gate_and_recorded_before_it_is_made(desk: Desk) -> None:
    once = str(uuid4())
    desk.start(once)
    desk.start(once)
    (permitted,) = bodies("contact.permitted")
    assert permitted["message_id"] == once
    assert permitted["automated"] is False
    page = desk.client.get(f"/case/{desk.customer}").content.decode()
    point = pl.col("contact_point_id") == desk.point
    assert desk.file.tables["contact_points"].filter(point)["value"][0] in page  # the number to dial


def test_a_refused_call_shows_why_and_is_recorded(desk: Desk) -> None:
    held = NewEvent("hold.placed", desk.office.clock(), desk.customer, body={"hold": "hardship"})
    desk.office.place.journal.record([held])
    verdict = desk.file.ask("call", desk.point)
    answer = desk.start()
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "The gate refuses this call." in page
    assert "Nothing that is known ends this." in page
    (refused,) = bodies("contact.refused")
    assert [one["rule"] for one in refused["reasons"]] == [reason.rule for reason in verdict.reasons]
    assert verdict.reasons[0].citation in page
    assert not bodies("contact.permitted")
    assert desk.log("no_answer").status_code == 302
    assert not bodies("contact.made")


def test_debts_are_hidden_until_two_facts_agree(desk: Desk) -> None:
    account = desk.file.overdue_ids[0]
    owed = f"US${desk.file.positions.filter(pl.col('account_id') == account)['past_due_total'][0]:,.2f}"
    assert owed in desk.client.get(f"/case/{desk.customer}").content.decode()
    desk.start()
    assert owed not in desk.client.get(f"/case/{desk.customer}").content.decode()
    assert desk.client.get(f"/case/{desk.customer}/statement/{account}").status_code == 302
    one_fact = {"fact_account": account[-4:], "fact_born": "1900-01-01"}
    desk.client.post(f"/case/{desk.customer}/identity", one_fact)
    assert owed not in desk.client.get(f"/case/{desk.customer}").content.decode()
    desk.identify()
    assert owed in desk.client.get(f"/case/{desk.customer}").content.decode()
    (checked,) = bodies("identity.checked")
    assert checked["passed"]
    assert checked["facts"] == ["account", "born"]


def test_guessing_ends_the_identity_check(desk: Desk) -> None:
    desk.start()
    for day in range(1, 4):
        desk.client.post(f"/case/{desk.customer}/identity", {"fact_born": f"1990-01-0{day}"})
    desk.identify()
    (checked,) = bodies("identity.checked")
    assert not checked["passed"]
    assert desk.promise().status_code == 422


def test_a_promise_counts_at_once_and_a_form_sent_twice_records_once(desk: Desk) -> None:
    desk.start()
    desk.identify()
    desk.office.clock.move(minutes=4)
    session = desk.client.session
    told = dict(session["contact"])
    assert desk.promise().status_code == 302
    session = desk.client.session
    session["contact"] = told  # the same form once more, before the first answer came
    session.save()
    assert desk.promise().status_code == 302
    assert len(bodies("contact.made")) == len(bodies("promise.made")) == Received.objects.count() == 1
    promise = desk.file.promises.filter(pl.col("made_by") == "collector").row(0, named=True)
    assert promise["state"] == "open"
    assert promise["amount"] == 20
    case = Case.objects.get(pk=desk.customer)
    assert case.worked_at == desk.office.clock()
    page = desk.client.get(f"/case/{desk.customer}").content.decode()
    assert "Promise to pay" in page


def test_a_permitted_call_that_was_made_is_one_contact_to_the_gate(desk: Desk) -> None:
    before = len(desk.file.person.contacts)
    desk.start()
    assert len(desk.file.person.contacts) == before + 1
    desk.log("no_answer")
    assert len(desk.file.person.contacts) == before + 1
    assert desk.file.person.contacts[-1].outcome == "no_answer"
    desk.start()
    desk.client.post(f"/case/{desk.customer}/not-made")
    assert len(desk.file.person.contacts) == before + 1


def test_who_asked_somebody_for_their_name_has_made_the_call(desk: Desk) -> None:
    desk.start()
    desk.identify()
    desk.client.post(f"/case/{desk.customer}/not-made")
    assert not bodies("contact.failed")
    assert "contact" in desk.client.session


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"amount_1": "0"}, "above 0"),
        ({"amount_1": "ten"}, "above 0"),
        ({"amount_1": "10.001"}, "above 0"),
        ({"amount_1": "99999999"}, "more than is owed"),
        ({"due_1": ""}, "by which day"),
        ({"due_1": "2026-11-01"}, "That day is over"),
        ({"due_1": "2027-11-01"}, "at most 92 days ahead"),
        ({"amount_2": "5", "due_2": "2026-11-26"}, "the earliest first"),
    ],
)
def test_a_promise_that_cannot_stand_is_sent_back_with_the_reason(
    desk: Desk, typed: dict[str, str], wrong: str
) -> None:
    desk.start()
    desk.identify()
    answer = desk.promise(**typed)
    assert answer.status_code == 422
    assert wrong in answer.content.decode()
    assert not bodies("contact.made")
    assert not Received.objects.exists()


def test_two_promises_may_not_ask_for_more_than_is_owed_unless_one_replaces_the_other(desk: Desk) -> None:
    account = desk.file.overdue_ids[0]
    owed = desk.file.positions.filter(pl.col("account_id") == account)["payoff_total"][0]
    desk.start()
    desk.identify()
    desk.promise(amount_1=f"{owed:.2f}", account=account)
    first = desk.file.promises.filter(pl.col("made_by") == "collector")["promise_id"][0]
    desk.client.post(f"/case/{desk.customer}/called", {"once": str(uuid4())})
    desk.identify()
    answer = desk.promise(account=account)
    assert answer.status_code == 422
    assert "An open promise stands for the rest" in answer.content.decode()
    assert desk.promise(account=account, replaces="on").status_code == 302
    states = dict(desk.file.promises.select("promise_id", "state").iter_rows())
    assert states[first] == "cancelled"
    assert sorted(states.values()).count("open") == 1
    assert [body["reason"] for body in bodies("promise.withdrawn")] == ["replaced"]


def test_a_promise_is_withdrawn_for_a_reason_and_stays_on_record(desk: Desk) -> None:
    desk.start()
    desk.identify()
    desk.promise()
    promise = desk.file.promises.filter(pl.col("made_by") == "collector")["promise_id"][0]
    where = f"/case/{desk.customer}/promise/{promise}/withdraw"
    desk.client.post(where, {"reason": "no idea"})
    assert not bodies("promise.withdrawn")
    for _ in range(2):
        desk.client.post(where, {"reason": "circumstances_changed"})
    assert len(bodies("promise.withdrawn")) == 1
    row = desk.file.promises.filter(pl.col("promise_id") == promise).row(0, named=True)
    assert row["state"] == "cancelled"
    assert "circumstances_changed" in row["reason"]


@pytest.mark.parametrize(
    ("came", "rule"),
    [
        ("hardship", "house-floor.hardship"),
        ("dispute", "house-floor.dispute"),
        ("complaint", "house-floor.complaint"),
        ("stop", "house-floor.stopped"),
        ("attorney", "house-floor.represented"),
        ("stop_channel", "house-floor.preferences"),
        ("wrong_number", "house-floor.wrong-number"),
    ],
)
def test_what_the_customer_says_binds_the_next_contact_at_once(desk: Desk, came: str, rule: str) -> None:
    desk.start()
    outcome = "wrong_party" if came == "wrong_number" else "conversation"
    assert desk.log(outcome, came).status_code == 302
    desk.office.clock.move(days=14)  # beyond every frequency rule
    reasons = [reason.rule for reason in desk.file.ask("call", desk.point).reasons]
    assert rule in reasons
    assert desk.start().status_code == 409


def test_who_asks_not_to_be_called_is_called_at_no_number(desk: Desk) -> None:
    desk.start()
    desk.log("conversation", "stop_channel")
    (wish,) = [one for one in desk.file.person.preferences if isinstance(one.since, datetime)]
    assert (wish.kind, wish.channel, wish.contact_point_id) == ("not_channel", "call", None)


def test_nobody_who_was_not_reached_can_have_said_anything(desk: Desk) -> None:
    desk.start()
    assert desk.log("no_answer", "dispute").status_code == 422
    assert desk.log("wrong_party", "hardship").status_code == 422
    assert not bodies("contact.made")


def test_call_me_later_brings_the_case_back_at_that_time(desk: Desk) -> None:
    desk.start()
    zone = desk.file.customer["timezone"]
    assert desk.log("conversation", "later").status_code == 422
    assert desk.log("conversation", "later", back_at="2026-11-26T15:00").status_code == 302
    case = Case.objects.get(pk=desk.customer)
    assert case.come_back_at is not None
    assert case.come_back_at == datetime(2026, 11, 26, 15, tzinfo=ZoneInfo(zone))
    assert case.why[0] != "called_back"
    desk.office.clock.now = case.come_back_at
    place_in_queue(case, desk.office.clock())
    assert case.why[0] == "called_back"


def test_who_may_only_read_cannot_call(desk: Desk) -> None:
    client = desk.office.client("auditor")
    for way in ("call", "called", "identity", "log", "not-made", "note", "check"):
        assert client.post(f"/case/{desk.customer}/{way}").status_code == 403, way
    assert not Event.objects.exclude(kind__in=("data.read", "office.refused")).exists()


def test_a_note_with_findings_is_kept_only_when_its_writer_says_so(desk: Desk) -> None:
    where = f"/case/{desk.customer}"
    bad = "Told him: if you do not pay, we will tell your boss."
    shown = desk.client.post(f"{where}/check", {"note": bad}).content.decode()
    assert "<mark>" in shown
    assert "tell your boss" in shown
    assert desk.client.post(f"{where}/note", {"note": bad, "once": str(uuid4())}).status_code == 422
    assert not bodies("case.note")
    once = str(uuid4())
    for _ in range(2):
        told = {"note": bad, "once": once, "acknowledged": "on"}
        assert desk.client.post(f"{where}/note", told).status_code == 302
    (note,) = bodies("case.note")
    assert "threat" in note["findings"]
    assert bad not in json.dumps(note)
    assert bad not in desk.client.get(where).content.decode()
    opened = {"reason": "contacting", "once": str(uuid4())}
    assert "tell your boss" in desk.client.post(f"{where}/open", opened, follow=True).content.decode()


def test_a_line_that_is_lawful_is_said_to_be(desk: Desk) -> None:
    shown = desk.client.post(
        f"/case/{desk.customer}/check", {"line": "Shall we look for a plan that fits you?"}
    )
    assert "The review finds nothing" in shown.content.decode()


def test_who_was_not_reached_still_waits_for_a_person(desk: Desk) -> None:
    told = {"channel": "sms", "needs_person": True, "is_urgent": True}
    written = NewEvent("contact.replied", desk.office.clock(), desk.customer, body=told)
    desk.office.place.journal.record([written])
    Case.objects.filter(pk=desk.customer).update(needs_person=True, is_urgent=True)
    desk.office.clock.move(minutes=1)
    page = desk.client.get(f"/case/{desk.customer}").content.decode()
    assert "Answer their contact" in page
    desk.start()
    desk.log("no_answer")
    assert Case.objects.get(pk=desk.customer).is_urgent
    keep(desk.office.place)
    assert Case.objects.get(pk=desk.customer).needs_person
    desk.client.post(f"/case/{desk.customer}/called", {"once": str(uuid4())})
    desk.log("conversation")
    assert not Case.objects.get(pk=desk.customer).is_urgent
    keep(desk.office.place)
    assert not Case.objects.get(pk=desk.customer).needs_person
