"""Board, coaching list, kept share and the regulator's report tell what a plain count of the same events and book tells."""

import csv
import io
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Case
from tests.office.conftest import Office
from tests.office.test_calls import Desk

BEGINS = datetime(2026, 11, 24, tzinfo=UTC)
PEOPLE = ("collector", "team_lead", "nobody here")
SPAN = {"from": "2026-11-09", "to": "2026-11-24"}


@dataclass(frozen=True)
class Told:
    """An event as the journal has it."""

    kind: str
    customer: str
    at: datetime
    body: dict[str, Any]


def journal_of(office: Office) -> list[Told]:
    """Every event about a customer, in its order, read without anything of the office's."""
    owners = office.place.journal.vault.customer_ids(
        {str(one) for one in Event.objects.values_list("subject_id", flat=True) if one}
    )
    return [
        Told(one.kind, owners[str(one.subject_id)], one.happened_at, json.loads(one.body))
        for one in Event.objects.order_by("id")
        if one.subject_id and str(one.subject_id) in owners
    ]


@pytest.fixture(params=[1, 2])
def busy(office: Office, request: pytest.FixtureRequest) -> Office:
    """Two weeks of made events: messages that failed, were put off or are in doubt, calls that were taken back, and more."""
    chance = random.Random(request.param)
    cases = list(Case.objects.order_by("pk").values_list("pk", flat=True)[:40])
    events = [one for number in range(400) for one in made(chance, chance.choice(cases), f"m{number}")]
    office.place.journal.record(sorted(events, key=lambda one: one.happened_at))
    return office


def made(chance: random.Random, customer: str, name: str) -> Iterator[NewEvent]:
    """One thing that happened to a customer, and what followed from it within the hour."""
    today = chance.random() < 0.5
    days_ago = 0 if today else chance.randint(1, 13)
    at = BEGINS - timedelta(days=days_ago) + timedelta(minutes=chance.randint(0, 650))
    by = chance.choice(PEOPLE)

    def event(kind: str, minutes: int = 0, **body: Any) -> NewEvent:
        return NewEvent(kind, at + timedelta(minutes=minutes), customer, body=body)

    sort = chance.choice(["message", "message", "call", "refusal", "note", "promise", "hold", "payment"])
    if sort == "message":
        about: dict[str, Any] = {"channel": chance.choice(["sms", "email", "letter"]), "message_id": name}
        for attempt in range(chance.randint(1, 3)):
            yield event("contact.permitted", 3 * attempt, **about)
            end = chance.choice(["sent", "contact.failed", "contact.deferred", "in doubt"])
            if end == "sent":
                return
            doubt = {"in_doubt": True} if end == "in doubt" else {}
            yield event("contact.deferred" if doubt else end, 3 * attempt + 1, **about, **doubt)
    elif sort == "call":
        about = dict[str, Any](channel="call", message_id=name)
        yield event("contact.permitted", **about, worker=f"desk:{by}")
        if chance.random() < 0.3:
            yield event("contact.failed", 2, **about, by=by)
        else:
            outcome, party = chance.choice(["no_answer", "conversation"]), chance.choice(["self", "other"])
            yield event("contact.made", 5, **about, outcome=outcome, party=party, direction="out", by=by)
    elif sort == "refusal":
        rules = chance.sample(["gb.hours", "house.contact-budget-day", "house-floor.stopped"], 2)
        person: dict[str, Any] = {"by": by} if chance.random() < 0.7 else {}
        yield event("contact.refused", channel="call", reasons=[{"rule": one} for one in rules], **person)
    elif sort == "note":
        yield event("case.note", by=by, findings=chance.choice([[], ["threat"]]))
    elif sort == "promise":
        yield event("promise.made", by=by, parts=[])
    elif sort == "hold":
        yield event("hold.placed", hold=chance.choice(["complaint", "dispute", "hardship"]))
    else:
        yield event("payment.seen", payment=name, amount="10.50", currency=chance.choice(["GBP", "CNY"]))


def standing(events: list[Told]) -> dict[tuple[str, str], tuple[datetime, str]]:
    """When each message was last permitted and by which channel, of those that did not come to nothing each time."""
    permitted, came_to_nothing = defaultdict(list), Counter[tuple[str, str]]()
    for one in events:
        name = (one.customer, str(one.body.get("message_id")))
        if one.kind == "contact.permitted":
            permitted[name].append((one.at, one.body["channel"]))
        elif one.kind in ("contact.failed", "contact.deferred") and not one.body.get("in_doubt"):
            came_to_nothing[name] += 1
    return {name: max(times) for name, times in permitted.items() if len(times) > came_to_nothing[name]}


def test_the_board_tells_what_a_plain_count_of_the_day_tells(busy: Office) -> None:
    lead = busy.client("team_lead")
    context = lead.get("/board").context
    day, today = context["day"], [one for one in journal_of(busy) if one.at >= BEGINS]
    of_kind = defaultdict(list)
    for one in today:
        of_kind[one.kind].append(one.body)
    channels = Counter(channel for _at, channel in standing(today).values())
    assert {name: n for name, n in day.contacts.items() if n} == dict(channels)
    assert day.contact_count == channels.total() > 20
    talks = [one for one in of_kind["contact.made"] if one["outcome"] == "conversation"]
    assert (day.conversations, day.right_party) == (
        len(talks),
        sum(one["party"] == "self" for one in talks),
    )
    assert day.promises == len(of_kind["promise.made"])
    assert day.refusals == len(of_kind["contact.refused"]) > 0
    assert day.refused == Counter(
        reason["rule"] for one in of_kind["contact.refused"] for reason in one["reasons"]
    )
    assert day.holds == Counter(one["hold"] for one in of_kind["hold.placed"])
    cash = Counter(one["currency"] for one in of_kind["payment.seen"])
    assert {name: float(amount) for name, amount in day.cash.items()} == {
        name: 10.5 * count for name, count in cash.items()
    }
    taken_back = Counter(one["by"] for one in of_kind["contact.failed"] if "by" in one)
    started = Counter(one["worker"][5:] for one in of_kind["contact.permitted"] if "worker" in one)
    assert {one.name: one.contacts for one in context["people"]} == {
        name: started[name] - taken_back[name] for name in PEOPLE[:2]
    }
    bodies = [one for bodies in of_kind.values() for one in bodies]
    assert bodies
    assert f"<b>{day.contact_count}</b>" in lead.get("/board").content.decode()


def test_the_board_is_the_same_read_in_one_go_and_bit_by_bit(busy: Office) -> None:
    """What was counted an hour ago is kept, and what came since is added."""
    client = busy.client("team_lead")
    client.get("/board")
    busy.clock.move(hours=1)
    customer = Case.objects.order_by("pk").first()
    assert customer is not None
    body = {"channel": "sms", "message_id": "late"}
    doubt = body | {"in_doubt": True}
    for kind, told in (("contact.permitted", body), ("contact.deferred", doubt), ("contact.permitted", body)):
        busy.place.journal.record([NewEvent(kind, busy.clock(), customer.pk, body=told)])
        busy.clock.move(minutes=5)
        counted = client.get("/board").context["day"].contact_count
        assert counted == len(standing([one for one in journal_of(busy) if one.at >= BEGINS])), kind


def test_the_kept_share_is_the_book_s(busy: Office) -> None:
    context, today = busy.client("team_lead").get("/board").context, busy.place.today()
    states: Counter[str] = Counter()
    for frame in busy.place.shelf.results("promises"):
        for row in frame.iter_rows(named=True):
            if today - timedelta(days=30) <= row["due_on"] < today:
                states[row["state"]] += 1
    due = states["kept"] + states["partly_kept"] + states["broken"]
    assert due > 0
    assert (context["kept"], context["due"]) == (states["kept"], due)


def test_the_coaching_list_tells_what_a_plain_count_of_two_weeks_tells(busy: Office) -> None:
    found: Counter[tuple[str, str]] = Counter()
    for one in journal_of(busy):
        if one.at < BEGINS - timedelta(days=14) or one.body.get("by") not in PEOPLE[:2]:
            continue
        if one.kind == "case.note" and one.body["findings"]:
            found[one.body["by"], "findings"] += 1
        elif one.kind == "contact.refused":
            found[one.body["by"], "refused"] += 1
    expected = {name: n for name, n in found.items() if name[1] == "findings" or n >= 5}
    shown = busy.client("team_lead").get("/coaching").context["occasions"]
    assert {(one.name, one.kind): one.count for one in shown} == expected
    assert len(expected) > 1


def test_the_regulator_s_report_tells_what_a_plain_count_tells(busy: Office) -> None:
    events, zones = journal_of(busy), {}
    for customer in {one.customer for one in events}:
        file = CaseFile(busy.place, customer)
        own = [
            row["timezone"]
            for row in file.tables["contact_points"].sort("contact_point_id").iter_rows(named=True)
            if row["timezone"] and row["party"] == "self" and row["not_theirs_from"] is None
        ]
        zones[customer] = (file.customer["jurisdiction"], file.customer["timezone"] or next(iter(own), None))
    volumes: Counter[tuple[str, str]] = Counter()
    hours: Counter[tuple[str, str, str]] = Counter()
    first, last = (datetime.fromisoformat(day).date() for day in SPAN.values())
    for (customer, _message), (at, channel) in standing(events).items():
        where, zone = zones[customer]
        local = at.astimezone(ZoneInfo(zone or "UTC"))
        if first <= local.date() <= last:
            volumes[where, channel] += 1
            hours[where, f"{local.hour:02d}:00", zone or "unknown"] += 1
    held_back = Counter(
        (zones[one.customer][0], reason["rule"])
        for one in events
        if one.kind == "contact.refused"
        for reason in one.body["reasons"]
    )
    complaints = Counter(
        zones[one.customer][0]
        for one in events
        if one.kind == "hold.placed" and one.body["hold"] == "complaint"
    )
    answer = busy.client("compliance").get("/reports", SPAN | {"as": "csv"}).content.decode()
    rows = list(csv.reader(io.StringIO(answer)))[1:]
    told = {name: [row[1:] for row in rows if row[0] == name] for name in {row[0] for row in rows}}
    assert {(where, channel): int(n) for where, channel, _, n in told["volume"]} == volumes
    assert {
        (where, hour, zone): int(n) for where, hour, zone, n in told["hour on the customer's clock"]
    } == hours
    assert {(where, rule): int(n) for where, rule, _, n in told["held back"]} == held_back
    of_complaints: Counter[str] = Counter()
    for where, _state, _, n in told["complaint"]:
        of_complaints[where] += int(n)
    assert all(of_complaints[where] >= n for where, n in complaints.items())
    assert of_complaints.total() == complaints.total() + recorded_complaints(busy)


def recorded_complaints(office: Office) -> int:
    """Complaints of the lender's own records that were received in the span."""
    count = 0
    for frame in office.place.shelf.whole("holds"):
        for row in frame.iter_rows(named=True):
            on = str(row["from_on"])
            count += row["kind"] == "complaint" and SPAN["from"] <= on <= SPAN["to"]
    return count


def test_a_call_worked_at_the_desk_stands_alike_on_board_report_and_journal(office: Office) -> None:
    desk = Desk(office)
    lead, officer = office.client("team_lead"), office.client("compliance")
    desk.start()
    desk.client.post(f"/case/{desk.customer}/not-made")
    assert [(one.name, one.contacts) for one in lead.get("/board").context["people"]] == [("collector", 0)]
    desk.start()
    desk.log("no_answer")
    context = lead.get("/board").context
    assert (context["day"].contact_count, [one.contacts for one in context["people"]]) == (1, [1])
    assert len(standing(journal_of(office))) == 1
    answer = officer.get("/reports", SPAN | {"as": "csv"}).content.decode()
    (volume,) = [row for row in csv.reader(io.StringIO(answer)) if row[0] == "volume"]
    assert volume[2:] == ["call", "", "1"]
