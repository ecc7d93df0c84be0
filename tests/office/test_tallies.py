"""Running figures are the figures: whenever they are kept, in whatever steps, they are those of all events counted at once."""

import random
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dunwell.journal.models import Event
from dunwell.journal.recording import NewEvent
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Case, values_of
from dunwell.office.compliance.reviewing import draw, waiting
from dunwell.office.compliance.sampling import is_drawn
from dunwell.office.keeping import keep
from dunwell.office.paging import LongPaginator
from dunwell.office.supervision import day as days
from dunwell.office.supervision.board import start_of_day
from dunwell.office.supervision.coaching import (
    Occasion,
    note_signs,
    occasions,
    sign_of,
    tallied,
    with_evidence,
)
from dunwell.office.supervision.day import KINDS, Day, day_of, day_so_far
from dunwell.office.tallies import following
from dunwell.office.tallies.following import Read, follow, settled_up_to
from dunwell.office.tallies.models import DayTally, Drawn, Mark
from tests.office.conftest import Office


def some_events(office: Office, count: int, chance: random.Random) -> None:
    """Events of the day, as the desk and the dispatcher record them."""
    customer = Case.objects.values_list("pk", flat=True)[0]
    said: list[tuple[str, dict[str, Any]]] = [
        ("contact.permitted", {"channel": "call", "message_id": "m", "worker": "desk:ann"}),
        ("contact.failed", {"channel": "call", "message_id": "m"}),
        ("contact.deferred", {"channel": "call", "message_id": "m"}),
        ("contact.made", {"channel": "call", "outcome": "conversation", "direction": "out", "by": "ann"}),
        ("contact.refused", {"channel": "sms", "reasons": [{"rule": "gb.hours"}]}),
        ("payment.seen", {"payment": "p", "amount": "0.10", "currency": "GBP"}),
        ("hold.placed", {"hold": "dispute"}),
        ("case.note", {"by": "bo", "findings": ["threat"]}),
        ("promise.made", {"parts": [], "by": "bo"}),
        ("contact.replied", {"channel": "sms"}),
    ]
    picked = chance.choices(said, k=count)
    office.place.journal.record(
        [NewEvent(kind, office.clock(), customer, body=body) for kind, body in picked]
    )


def test_the_day_so_far_is_the_day_counted_whole_however_often_it_was_kept(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days, "_KEPT_FROM", 5)
    chance, begins = random.Random(3), start_of_day(office.clock(), "UTC")
    for _ in range(12):
        some_events(office, chance.randrange(9), chance)
        office.clock.move(seconds=chance.choice((1, 45, 200)))
        every = Event.objects.filter(kind__in=KINDS, happened_at__gte=begins).order_by("id")
        whole = day_of(every.values_list("kind", "body"))
        assert day_so_far(begins, office.clock()) == whole
        assert Day.from_plain(whole.plain()) == whole
    tally = DayTally.objects.get(day=begins.date())
    with CaptureQueriesContext(connection) as queries:
        day_so_far(begins, office.clock())
    assert f'"id" > {tally.event_number}' in " ".join(query["sql"] for query in queries)


def test_an_event_that_becomes_visible_late_is_read_all_the_same(office: Office) -> None:
    chance = random.Random(4)
    read: set[str] = set()

    def take(events: Any) -> None:
        read.update(one.event_id for one in events)

    some_events(office, 30, chance)
    hidden = Event.objects.order_by("id")[10]  # its transaction is still open when the others are read
    others = [one for one in Event.objects.values_list("event_id", flat=True) if one != hidden.event_id]
    follow("test", KINDS, office.clock(), take)
    read.discard(hidden.event_id)
    assert read == set(others)
    assert Mark.objects.get(name="test").event_number < hidden.pk
    office.clock.move(seconds=30)
    follow("test", KINDS, office.clock(), take)
    assert hidden.event_id in read


def test_what_is_settled_is_not_read_again_and_steps_bound_the_rest(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_STEP", 10)
    some_events(office, 35, random.Random(5))
    office.clock.move(minutes=2)
    last = Event.objects.order_by("-id").values_list("id", flat=True)[0]
    assert settled_up_to(office.clock()) == last
    seen: list[Read] = []
    assert not follow("test", KINDS, office.clock(), seen.extend, steps_max=1)
    assert follow("test", KINDS, office.clock(), seen.extend)
    assert follow("test", KINDS, office.clock(), seen.extend)
    assert [one.number for one in seen] == list(
        Event.objects.filter(kind__in=KINDS).order_by("id").values_list("id", flat=True)
    )


def test_the_draw_that_is_kept_is_the_draw_of_all(office: Office) -> None:
    customer = Case.objects.values_list("pk", flat=True)[0]
    for _ in range(3):
        notes = [
            NewEvent("case.note", office.clock(), customer, body={"by": "ann"}, personal={"note": f"{n}"})
            for n in range(40)
        ]
        office.place.journal.record(
            [*notes, NewEvent("case.note", office.clock(), customer, body={"by": "bo"})]
        )
        keep(office.place)
        office.clock.move(minutes=5)
    draw(office.place)
    ids = Event.objects.filter(kind="case.note", body__contains="personal").values_list("event_id", flat=True)
    assert (
        set(Drawn.objects.values_list("pk", flat=True))
        == {one for one in ids if is_drawn(one, 0.05)}
        != set()
    )
    office.clock.move(days=31)
    assert not waiting(office.place).exists()


def test_a_long_list_is_counted_so_far_and_no_further(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dunwell.office.paging.COUNTED_MAX", 30)
    pages = LongPaginator(Case.objects.order_by("rank"), 25)
    assert (pages.count, pages.is_cut, pages.num_pages) == (30, True, 2)
    assert "more than 30 cases" in office.client("collector").get("/queue").content.decode()
    monkeypatch.setattr("dunwell.office.paging.COUNTED_AT_ONCE", 10)
    further = LongPaginator(Case.objects.order_by("rank"), 5)
    assert [one.pk for one in further.get_page("3")] == [
        one.pk for one in Case.objects.order_by("rank")[10:15]
    ]
    assert (further.count, further.is_cut) == (20, True), "the next ten after the page that is shown"
    assert LongPaginator(Case.objects.order_by("rank"), 5).get_page("no number").number == 1
    few = LongPaginator(Case.objects.filter(stage="no such stage").order_by("rank"), 25)
    assert (few.count, few.is_cut) == (0, False)


def test_the_values_of_a_column_are_those_that_are_there(office: Office) -> None:
    stages = sorted(set(Case.objects.values_list("stage", flat=True)))
    assert values_of(Case.objects.all(), "stage") == stages
    Staff.objects.filter(username="collector").update(jurisdictions=["cn"])
    seen = Case.objects.visible_to(Staff.objects.get(username="collector"))
    assert values_of(seen, "jurisdiction") == ["cn"]


def slowly(office: Office, names: set[str]) -> list[Occasion]:
    """The occasions by reading every event of the last two weeks anew."""
    since = start_of_day(office.clock(), "UTC") - timedelta(days=14)
    events = Event.objects.filter(kind__in=("case.note", "contact.refused"), happened_at__gte=since)
    columns = ("id", "event_id", "kind", "subject_id", "happened_at", "body")
    read = [Read(*row) for row in events.order_by("-happened_at", "-event_id").values_list(*columns)]
    return occasions(sign for one in read if (sign := sign_of(one)) is not None and sign.name in names)


@pytest.mark.parametrize("seed", range(4))
def test_the_tallies_of_coaching_are_the_signs_counted_whole_and_at_once(office: Office, seed: int) -> None:
    """Random notes and refusals of some weeks, noted in steps, some days late: each look tells what a slow count does."""
    chance = random.Random(seed)
    customers = list(Case.objects.values_list("pk", flat=True)[:6])
    people = ["collector", "team_lead", "nobody-here"]
    seen = {"collector", "team_lead"}
    for _ in range(12):
        for _ in range(chance.randrange(30)):
            by = chance.choice(people)
            at = office.clock() - timedelta(days=chance.choice((0, 0, 0, 1, 5, 13, 14, 20)))
            said: list[tuple[str, dict[str, Any]]] = [
                ("case.note", {"by": by, "findings": ["threat"]}),
                ("case.note", {"by": by}),
                ("contact.refused", {"by": by, "channel": "call", "reasons": [{"rule": "gb.hours"}]}),
                ("contact.refused", {"channel": "call", "reasons": [{"rule": "gb.hours"}]}),
            ]
            kind, body = chance.choice(said)
            office.place.journal.record([NewEvent(kind, at, chance.choice(customers), body=body)])
        office.clock.move(hours=chance.choice((0, 1, 9, 30)))
        begins = start_of_day(office.clock(), "UTC") - timedelta(days=14)
        note_signs(office.place)
        lead = Staff.objects.get(username="team_lead")
        told = with_evidence(office.place, lead, tallied(seen, begins))
        assert [(one.name, one.kind, one.count) for one in told] == [
            (one.name, one.kind, one.count) for one in slowly(office, seen)
        ]
        for mine, theirs in zip(told, with_evidence(office.place, lead, slowly(office, seen)), strict=True):
            assert mine.evidence == theirs.evidence


def test_a_refusal_is_an_occasion_on_the_next_look(office: Office) -> None:
    customer, client = Case.objects.values_list("pk", flat=True)[0], office.client("team_lead")
    body = {"by": "collector", "channel": "call", "reasons": [{"rule": "gb.hours"}]}
    for number in range(1, 7):
        office.place.journal.record(
            [NewEvent("contact.refused", office.clock(), customer, body=body | {"message_id": str(number)})]
        )
        page = client.get("/coaching").content.decode()
        assert ("again and again" in page) == (number >= 5)
    assert f"<small>{number}</small>" in page
