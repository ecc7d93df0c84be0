"""The regulator's report: the figures of a plain count, as the gate counts, of any number of contacts, as page and command."""

import csv
import io
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event as Stop
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.journal.recording import NewEvent
from dunwell.law import Person
from dunwell.office.access.models import Staff
from dunwell.office.cases.models import Case
from dunwell.office.cases.shelf import Shelf
from dunwell.office.compliance import contact_report, counting
from dunwell.office.compliance.contact_report import Report, build, count, events_frame, rows_of
from dunwell.office.compliance.models import CountedReport
from dunwell.outreach.knowing import Seen, came_to_nothing, with_journal
from tests.office.conftest import Office

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
PEOPLE: dict[str, tuple[str, str | None]] = {
    "s1": ("cn", "Asia/Shanghai"),
    "s2": ("gb", "Europe/London"),
    "s3": ("gb", None),
}
Told = tuple[str, str, datetime, dict[str, Any]]


def counted(events: Sequence[Told], days: tuple[date, date] | None = None, size: int = 1000) -> Report:
    """The report of some events, read in parts of ``size``."""
    rows = [(subject, kind, at, json.dumps(body)) for subject, kind, at, body in events]
    parts = (events_frame(rows[start : start + size]) for start in range(0, len(rows), size))
    return count(parts, lambda names: {name: PEOPLE[name] for name in names if name in PEOPLE}, days)


def most_within_a_week(times: Sequence[datetime]) -> int:
    return max(sum(at <= other < at + timedelta(days=7) for other in times) for at in times)


def oracle(events: Sequence[Told], days: tuple[date, date] | None) -> Report:
    """The same figures, one event after the other in plain Python."""
    told, permitted = Report(), defaultdict(list)
    given_up: Counter[tuple[str, str]] = Counter()
    of_person = defaultdict(list)

    def is_asked_for(at: datetime, zone: str | None) -> bool:
        return days is None or days[0] <= at.astimezone(ZoneInfo(zone or "UTC")).date() <= days[1]

    for subject, kind, at, body in events:
        where, zone = PEOPLE[subject]
        if kind == "contact.permitted":
            permitted[subject, body["message_id"]].append((at, body["channel"]))
        elif came_to_nothing(kind, body):
            given_up[subject, body["message_id"]] += 1
        elif kind == "contact.refused" and is_asked_for(at, zone):
            told.refused.update((where, reason["rule"]) for reason in body["reasons"])
    for (subject, message), times in permitted.items():
        where, zone = PEOPLE[subject]
        at, channel = max(times)
        if len(times) > given_up[subject, message] and is_asked_for(at, zone):
            told.volumes[where, channel] += 1
            told.hours[where, zone or "unknown", at.astimezone(ZoneInfo(zone or "UTC")).hour] += 1
            of_person[subject].append(at)
    for subject, instants in of_person.items():
        told.most_in_seven_days[PEOPLE[subject][0], most_within_a_week(instants)] += 1
    return told


_KINDS = ("contact.permitted", "contact.failed", "contact.deferred", "in doubt", "contact.refused")
_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(PEOPLE)),
        st.sampled_from(_KINDS),
        st.sampled_from(["m1", "m2", "m3", "m4"]),
        st.integers(0, 24 * 20),
        st.sets(st.sampled_from(["r.1", "r.2"])),
    ),
    max_size=30,
)


@given(_EVENTS, st.booleans(), st.integers(1, 7))
def test_the_figures_are_those_of_a_plain_count(
    drawn: list[tuple[str, str, str, int, set[str]]], has_days: bool, size: int
) -> None:
    events: list[Told] = []
    for subject, kind, message, hour, rules in drawn:
        body: dict[str, Any] = {"message_id": message}
        if kind == "contact.permitted":
            body["channel"] = "sms" if message in ("m1", "m2") else "email"
        elif kind == "contact.refused":
            body = {"reasons": [{"rule": rule, "citation": "x"} for rule in sorted(rules)]}
        elif kind == "in doubt":
            kind, body = "contact.deferred", body | {"in_doubt": True}
        events.append((subject, kind, AT + timedelta(hours=hour), body))
    days = (date(2026, 11, 22), date(2026, 12, 3)) if has_days else None
    found = counted(events, days, size)
    assert found == oracle(events, days)


def test_more_people_than_are_counted_at_once_are_all_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_report, "_PEOPLE", 2)
    body = {"channel": "sms", "message_id": "m"}
    events: list[Told] = [(one, "contact.permitted", AT, body) for one in PEOPLE]
    assert counted(events, size=1).volumes == {("cn", "sms"): 1, ("gb", "sms"): 2}


_ENDS = st.sampled_from(["stays", "nothing", "in doubt"])
_STEPS = st.lists(
    st.tuples(st.sampled_from(["s1", "s2"]), st.sampled_from(["m1", "m2", "m3"]), _ENDS), max_size=14
)


@given(_STEPS)
def test_a_report_agrees_with_what_the_gate_counts(steps: list[tuple[str, str, str]]) -> None:
    """Each message is permitted again and again until one permission is not given up; the gate and the report see the same."""
    events: list[Told] = []
    seen: dict[str, list[Seen]] = {"s1": [], "s2": []}
    is_on: set[str] = set()
    for number, (subject, message, ends) in enumerate(steps):
        name = f"{subject}-{message}"
        if name in is_on:
            continue
        at = AT + timedelta(hours=number)
        rows: list[tuple[str, datetime, dict[str, Any]]] = [
            ("contact.permitted", at, {"channel": "sms", "message_id": name})
        ]
        if ends == "stays":
            is_on.add(name)
        else:
            kind = "contact.deferred" if ends == "in doubt" or number % 2 else "contact.failed"
            doubt = {"in_doubt": True} if ends == "in doubt" else {}
            rows.append((kind, at + timedelta(minutes=1), {"message_id": name, **doubt}))
        events += [(subject, *row) for row in rows]
        seen[subject] += [
            Seen(f"{number}-{kind}", kind, when, body, (), None, False) for kind, when, body in rows
        ]
    told = counted(events)
    for subject in ("s1", "s2"):
        jurisdiction = PEOPLE[subject][0]
        times = [one.at for one in with_journal(Person(customer_id=subject), seen[subject]).contacts]
        assert told.volumes[jurisdiction, "sms"] == len(times)
        if times:
            assert told.most_in_seven_days[jurisdiction, most_within_a_week(times)] == 1
        assert sum(n for (where, *_), n in told.hours.items() if where == jurisdiction) == len(times)


def test_contacts_are_counted_on_each_customer_s_own_clock() -> None:
    permitted: list[Told] = [
        ("s1", "contact.permitted", AT + timedelta(days=n), {"channel": "sms", "message_id": f"m{n}"})
        for n in range(9)
    ]
    failed: Told = ("s1", "contact.failed", AT, {"message_id": "m8"})
    refused: Told = ("s1", "contact.refused", AT, {"reasons": [{"rule": "cn.hours"}]})
    told = counted([*permitted, failed, refused])
    assert told.volumes == {("cn", "sms"): 8}
    assert told.hours == {("cn", "Asia/Shanghai", 17): 8}
    assert told.most_in_seven_days == {("cn", 7): 1}
    assert told.refused == {("cn", "cn.hours"): 1}


def a_case(jurisdiction: str = "gb") -> Case:
    found = Case.objects.filter(jurisdiction=jurisdiction).order_by("pk").first()
    assert found is not None
    return found


def permit(office: Office, customer: str, count: int = 1, at: datetime | None = None) -> None:
    """Some e-mails to a customer."""
    office.place.journal.record(
        [
            NewEvent(
                "contact.permitted",
                at or office.clock(),
                customer,
                body={"channel": "email", "message_id": f"{customer}-{n}"},
            )
            for n in range(count)
        ]
    )


def test_who_has_no_zone_of_their_own_is_told_by_that_of_a_number_of_theirs(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, whole = a_case(), Shelf.whole

    def zones(shelf: Shelf, table: str, columns: Any = None) -> Iterator[pl.DataFrame]:
        for frame in whole(shelf, table, columns):
            zone = {"customers": None, "contact_points": "Europe/London"}.get(table, "")
            yield frame if zone == "" else frame.with_columns(timezone=pl.lit(zone, pl.String))

    monkeypatch.setattr(Shelf, "whole", zones)
    permit(office, case.pk)
    told = office.client("compliance").get("/reports", {"as": "csv"}).content.decode()
    (hour,) = [row for row in csv.reader(io.StringIO(told)) if row[0].startswith("hour")]
    assert hour[3:] == ["Europe/London", "1"]


def test_the_report_is_a_page_a_csv_and_a_pdf(office: Office) -> None:
    permit(office, a_case().pk)
    officer = office.client("compliance")
    assert '<th scope="row">e-mail</th>' in officer.get("/reports").content.decode()
    rows = list(csv.reader(io.StringIO(officer.get("/reports", {"as": "csv"}).content.decode())))
    assert ["volume", "gb", "email", "", "1"] in rows
    assert officer.get("/reports", {"as": "pdf"}).content.startswith(b"%PDF-")


def test_a_contact_is_reported_on_the_day_and_hour_of_the_customers_own_clock(office: Office) -> None:
    at = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)  # half past one on the 23rd in Shanghai
    permit(office, a_case("cn").pk, at=at)
    rows = rows_of(build(office.place, date(2026, 11, 23), date(2026, 11, 23)))
    assert ("hour on the customer's clock", "cn", "01:00", "Asia/Shanghai", 1) in rows
    assert rows_of(build(office.place, date(2026, 11, 22), date(2026, 11, 22))) == []
    days = {"from": "2026-11-23", "to": "2026-11-23"}
    assert "Asia/Shanghai" in office.client("compliance").get("/reports", days).content.decode()


def test_a_contact_that_was_put_off_over_midnight_is_one_of_the_day_on_which_it_was_made(
    office: Office,
) -> None:
    body = {"channel": "email", "message_id": "m1"}
    for kind, at in (
        ("contact.permitted", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("contact.deferred", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("contact.permitted", datetime(2026, 11, 21, 13, tzinfo=UTC)),
    ):
        office.place.journal.record([NewEvent(kind, at, a_case().pk, body=body)])
    on = {
        day: sum(build(office.place, date(2026, 11, day), date(2026, 11, day)).volumes.values())
        for day in (20, 21)
    }
    assert on == {20: 0, 21: 1}


def test_what_was_put_off_before_the_days_and_failed_in_them_is_no_contact_of_theirs(office: Office) -> None:
    body = {"channel": "email", "message_id": "m1"}
    for kind, at in (
        ("contact.permitted", datetime(2026, 11, 20, 8, tzinfo=UTC)),
        ("contact.deferred", datetime(2026, 11, 20, 8, 1, tzinfo=UTC)),
        ("contact.permitted", datetime(2026, 11, 21, 9, tzinfo=UTC)),
        ("contact.failed", datetime(2026, 11, 21, 9, 1, tzinfo=UTC)),
    ):
        office.place.journal.record([NewEvent(kind, at, a_case().pk, body=body)])
    assert build(office.place, date(2026, 11, 21), date(2026, 11, 21)).volumes == {}


def test_many_contacts_are_counted_beside_the_pages_and_told_the_same(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    permit(office, a_case().pk, 5)
    officer, days = office.client("compliance"), {"from": "2026-11-24", "to": "2026-11-24"}
    at_once = officer.get("/reports", {**days, "as": "csv"}).content
    monkeypatch.setattr(counting, "AT_ONCE_MAX", 4)
    page = officer.get("/reports", days).content.decode()
    assert "counted beside the pages" in page and "<table" not in page
    for _ in range(2):  # sent twice, it is counted once
        assert officer.post("/reports/count", days)["Location"] == "/reports?from=2026-11-24&to=2026-11-24"
    assert "It begins within seconds" in officer.get("/reports", days).content.decode()
    place = office.place

    def run(place: Any, words: list[str], answer: Path, stop: Stop, minutes: int) -> str:
        assert words == [
            "report",
            "--from",
            "2026-11-24",
            "--to",
            "2026-11-24",
            "--as",
            "compliance",
            "--json",
        ]
        rows = rows_of(build(place, date(2026, 11, 24), date(2026, 11, 24)))
        answer.write_text(json.dumps({"rows": rows}))
        return ""

    monkeypatch.setattr(
        counting, "run_beside", run
    )  # the command itself is run below, on a database of its own
    assert counting.count_next(place, Stop())
    assert not counting.count_next(place, Stop())
    assert officer.get("/reports", {**days, "as": "csv"}).content == at_once
    page = officer.get("/reports", days).content.decode()
    assert "Counted as of" in page and "<table" in page
    assert officer.get("/reports", {**days, "as": "pdf"}).content.startswith(b"%PDF-")
    # who sees other customers is told nothing of it
    Staff.objects.create_user("other", role="compliance", jurisdictions=["us"], is_sample=True)
    assert "<table" not in office.client("other").get("/reports", days).content.decode()


def test_a_count_that_failed_says_why_and_is_asked_anew(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    permit(office, a_case().pk, 5)
    monkeypatch.setattr(counting, "AT_ONCE_MAX", 4)
    monkeypatch.setattr(counting, "run_beside", lambda *_: "no space left")
    officer, days = office.client("compliance"), {"from": "2026-11-24", "to": "2026-11-24"}
    officer.post("/reports/count", days)
    assert counting.count_next(office.place, Stop())
    assert "no space left" in officer.get("/reports", days).content.decode()
    officer.post("/reports/count", days)
    stop = Stop()
    stop.set()
    assert counting.count_next(office.place, stop)
    assert CountedReport.objects.get().state == "waiting", (
        "the office ended: it is counted after the next start"
    )


@pytest.mark.slow
def test_the_command_prints_and_writes_what_the_page_tells(tmp_path: Path) -> None:
    def dunwell(*words: str) -> subprocess.CompletedProcess[str]:
        at = tmp_path / "shop" if (tmp_path / "shop").exists() else tmp_path
        return subprocess.run(
            [sys.executable, "-m", "dunwell", *words], cwd=at, capture_output=True, text=True
        )

    assert dunwell("init", "shop").returncode == 0
    days = ("report", "--from", "2026-11-01", "--to", "2026-11-30")
    assert dunwell("run", "--tape", "tape/", "--as-of", "2026-11-23").returncode == 0
    told = json.loads(dunwell(*days, "--json").stdout)
    assert (told["from"], told["to"], told["rows"]) == ("2026-11-01", "2026-11-30", [])
    files = dunwell(*days, "--csv", "a.csv", "--pdf", "a.pdf")
    assert files.returncode == 0, files.stderr
    assert (tmp_path / "shop/a.csv").read_text().startswith("section,jurisdiction")
    assert (tmp_path / "shop/a.pdf").read_bytes().startswith(b"%PDF-")
    for wrong in (("--to", "2026-10-01"), ("--as", "nobody"), ("--from", "soon")):
        refused = dunwell(*days, *wrong)
        assert refused.returncode == 1 and wrong[0] in refused.stderr, wrong
