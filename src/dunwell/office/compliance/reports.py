"""Reports for a regulator: volumes, hours, frequencies and complaints of a span of days, as a page, CSV and PDF."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from dunwell.journal.models import Event
from dunwell.law.people import zones_of
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.scope import visible
from dunwell.office.compliance.complaints import received_between
from dunwell.office.desk import words
from dunwell.office.sheets import csv_of
from dunwell.office.tallies.models import ComplaintClock
from dunwell.office.workplace import Workplace, workplace
from dunwell.outreach.knowing import NOT_MADE, came_to_nothing

_WEEK = timedelta(days=7)
_DAYS_MAX = 366
_EVENTS_MAX = 100_000
_UTC = ZoneInfo("UTC")
_UNKNOWN = "unknown"
_FARTHEST = timedelta(hours=14)
"""No zone is farther from UTC."""


@dataclass
class Report:
    """The figures, each by jurisdiction first. ``hours``: contacts by time zone and hour of the customer's own clock;
    ``most_in_seven_days``: how many people had at most so many contacts in any seven days; ``refused``: contacts held back, by
    rule.
    """

    volumes: Counter[tuple[str, str]] = field(default_factory=Counter)
    hours: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    most_in_seven_days: Counter[tuple[str, int]] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    complaints: Counter[tuple[str, str]] = field(default_factory=Counter)


def report(
    events: Sequence[tuple[str, str, datetime, Mapping[str, Any]]],
    people: Mapping[str, tuple[str, str | None]],
    complaints: Sequence[ComplaintClock],
    today: date,
    within: Callable[[datetime, str | None], bool] | None = None,
) -> Report:
    """The report of events (subject, kind, instant, body). ``people``: jurisdiction and time zone (None: no record
    tells it) by subject. ``within``: whether an instant on the clock of a zone is of the days asked for (None: all are).
    """
    told, within = Report(), within or (lambda at, zone: True)
    contacts: dict[str, list[datetime]] = defaultdict(list)
    for subject, channel, at in contacts_of(events):
        jurisdiction, zone = people.get(subject, (_UNKNOWN, None))
        if not within(at, zone):
            continue
        told.volumes[(jurisdiction, channel)] += 1
        told.hours[(jurisdiction, zone or _UNKNOWN, at.astimezone(_clock(zone)).hour)] += 1
        contacts[subject].append(at)
    for subject, kind, at, body in events:
        jurisdiction, zone = people.get(subject, (_UNKNOWN, None))
        if kind == "contact.refused" and within(at, zone):
            told.refused.update((jurisdiction, reason["rule"]) for reason in body.get("reasons", ()))
    for subject, times in contacts.items():
        jurisdiction, _zone = people.get(subject, (_UNKNOWN, None))
        told.most_in_seven_days[(jurisdiction, most_within(sorted(times), _WEEK))] += 1
    for one in complaints:
        late = (one.answered_at.date() if one.answered_at else today) > one.due_on
        state = ("answered" if one.answered_at else "open") + (" late" if late else "")
        told.complaints[(one.jurisdiction, state)] += 1
    return told


def contacts_of(
    events: Sequence[tuple[str, str, datetime, Mapping[str, Any]]],
) -> Iterator[tuple[str, str, datetime]]:
    """The contacts that were made, as the gate counts them: subject, channel and the instant of the permission.

    A permission that came to nothing is none; one that was put off and given again is one contact.
    """
    permitted: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
    given_up: Counter[tuple[str, str]] = Counter()
    for subject, kind, at, body in events:
        message = (subject, str(body.get("message_id")))
        if kind == "contact.permitted":
            permitted[message].append((at, body["channel"]))
        elif came_to_nothing(kind, body):
            given_up[message] += 1
    for message, times in permitted.items():
        if len(times) > given_up[message]:
            at, channel = max(times)
            yield message[0], channel, at


def _clock(zone: str | None) -> ZoneInfo:
    return _UTC if zone is None else ZoneInfo(zone)


def most_within(times: Sequence[datetime], span: timedelta) -> int:
    """The most of the instants (in order) that lie within any span of time."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= span:
            first += 1
        most = max(most, last - first + 1)
    return most


def rows_of(told: Report) -> list[tuple[str, str, str, str, int]]:
    """The report as rows: section, jurisdiction, what, of what, count."""
    rows = [("volume", where, channel, "", count) for (where, channel), count in sorted(told.volumes.items())]
    rows += [
        ("hour on the customer's clock", where, f"{hour:02d}:00", zone, count)
        for (where, zone, hour), count in sorted(told.hours.items())
    ]
    rows += [
        ("most contacts in seven days", where, str(most), "people", count)
        for (where, most), count in sorted(told.most_in_seven_days.items())
    ]
    rows += [
        ("held back", where, rule, "", count)
        for (where, rule), count in sorted(
            told.refused.items(), key=lambda one: (one[0][0], -one[1], one[0][1])
        )
    ]
    rows += [
        ("complaint", where, state, "", count) for (where, state), count in sorted(told.complaints.items())
    ]
    return rows


class TooMuch(ValueError):
    """More happened in the days asked for than a page can count."""


def build(place: Workplace, first: date, last: date, staff: Staff | None = None) -> Report:
    """The report from the journal, of the customers whom ``staff`` may see (None: of all), both days included: contacts by the
    day on the customer's own clock, as the law counts them; complaints, and contacts of people whose zone no record tells, by the
    day in UTC. Raises TooMuch.
    """
    midnight, after = (datetime.combine(day, time(), _UTC) for day in (first, last + timedelta(days=1)))
    begins, ends = midnight - _FARTHEST, after + _FARTHEST
    asked = Event.objects.order_by("id")
    rows = asked.filter(
        kind__in=("contact.permitted", "contact.refused"), happened_at__gte=begins, happened_at__lt=ends
    )
    if rows.order_by()[: _EVENTS_MAX + 1].count() > _EVENTS_MAX:
        raise TooMuch
    # What was permitted may come to nothing on a later day, and be permitted again.
    given_up = asked.filter(kind__in=NOT_MADE, happened_at__gte=begins, happened_at__lt=ends + _WEEK)
    earlier = asked.filter(
        kind="contact.permitted",
        happened_at__gte=begins - _WEEK,
        happened_at__lt=begins,
        subject_id__in=given_up.order_by().values("subject_id"),
    )
    events = [
        (str(subject), kind, at, json.loads(body))
        for found in (rows, given_up, earlier)
        for subject, kind, at, body in found.values_list("subject_id", "kind", "happened_at", "body")
    ]
    owners = place.journal.vault.customer_ids({row[0] for row in events})
    people = _people(place, owners)
    if staff is not None and staff.is_bound:
        theirs = visible(place, staff, set(owners.values()))
        people = {one: told for one, told in people.items() if owners[one] in theirs}
        events = [one for one in events if one[0] in people]

    def within(at: datetime, zone: str | None) -> bool:
        return first <= at.astimezone(_clock(zone)).date() <= last

    received = list(received_between(place, midnight, after, staff))
    return report(events, people, received, place.clock().date(), within)


def _people(place: Workplace, owners: Mapping[str, str]) -> dict[str, tuple[str, str | None]]:
    """Jurisdiction and time zone of people by subject: their own zone, else that of a contact point of theirs."""
    subjects = {customer: subject for subject, customer in owners.items()}
    wanted = pl.DataFrame({"customer_id": list(subjects)}, schema={"customer_id": pl.String})
    people: dict[str, tuple[str, str | None]] = {}
    points_shown = ["customer_id", "party", "not_theirs_from", "timezone"]
    for customers, points in zip(
        place.shelf.whole("customers", ["customer_id", "jurisdiction", "timezone"]),
        place.shelf.whole("contact_points", points_shown),
        strict=True,
    ):
        own = points.join(wanted, on="customer_id", how="semi").partition_by("customer_id", as_dict=True)
        for row in customers.join(wanted, on="customer_id", how="semi").to_dicts():
            zones = zones_of(row, own[row["customer_id"],].to_dicts() if (row["customer_id"],) in own else ())
            people[subjects[row["customer_id"]]] = (
                row["jurisdiction"],
                row["timezone"] or next(iter(zones), None),
            )
    return people


def span_of(request: HttpRequest, today: date) -> tuple[date, date]:
    """The days asked for; the last 30 when none are, or when they make no sense."""
    try:
        first = date.fromisoformat(request.GET.get("from", ""))
        last = date.fromisoformat(request.GET.get("to", ""))
    except ValueError:
        return today - timedelta(days=29), today
    if not timedelta(0) <= last - first < timedelta(days=_DAYS_MAX):
        return today - timedelta(days=29), today
    return first, last


@needs("compliance.read")
def reports(request: HttpRequest) -> HttpResponse:
    """The report as a page, or with ``as=csv`` or ``as=pdf`` as a file."""
    place = workplace()
    first, last = span_of(request, place.clock().date())
    try:
        rows = rows_of(build(place, first, last, staff_of(request)))
    except TooMuch:
        text = _("More than %(count)s contacts were made or refused in these days. Choose fewer days.")
        messages.error(request, text % {"count": f"{_EVENTS_MAX:,}"})
        return render(
            request,
            "office/reports.html",
            {"rows": [], "first": first, "last": last, "is_too_much": True},
            status=422,
        )
    name = f"contacts-{first}-{last}"
    if request.GET.get("as") == "csv":
        response = HttpResponse(_csv(rows), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return response
    if request.GET.get("as") == "pdf":
        response = HttpResponse(_pdf(place, rows, first, last), content_type="application/pdf")
        response["Content-Disposition"] = f'attachment; filename="{name}.pdf"'
        return response
    return render(
        request,
        "office/reports.html",
        {"rows": [_in_words(row) for row in rows], "first": first, "last": last},
    )


def _in_words(row: tuple[str, str, str, str, int]) -> tuple[str, str, str, str, int]:
    """A row in the reader's language; rules and jurisdictions keep their ids."""
    section, where, what, of, count = row
    known = {**words.CHANNELS, **words.COUNTED}
    return str(words.SECTIONS[section]), where, str(known.get(what, what)), str(known.get(of, of)), count


def _csv(rows: Sequence[tuple[str, str, str, str, int]]) -> str:
    return csv_of(["section", "jurisdiction", "what", "of", "count"], rows)


_PAGE = """#set page(paper: "a4", margin: 2cm, numbering: "1 / 1")
#set text(font: ("WenQuanYi Micro Hei", "New Computer Modern"), size: 10pt)
#let data = json(bytes(sys.inputs.data))
= #data.title
#data.span
#table(columns: (auto, auto, 1fr, auto, auto), align: (left, left, left, left, right), stroke: 0.4pt,
  ..data.heads.map(strong), ..data.rows.flatten())
"""


def _pdf(place: Workplace, rows: Sequence[tuple[str, str, str, str, int]], first: date, last: date) -> bytes:
    import typst

    data = {
        "title": _("Contacts and complaints, %(lender)s")
        % {"lender": place.settings.acts_for or _("the lender")},
        "span": _(
            "%(first)s to %(last)s on each customer's own clock (complaints: UTC), from the journal as of %(now)s UTC"
        )
        % {"first": first, "last": last, "now": f"{place.clock():%Y-%m-%d %H:%M}"},
        "heads": [_("Section"), _("Jurisdiction"), _("What"), _("Of"), _("Count")],
        "rows": [[*row[:4], str(row[4])] for row in map(_in_words, rows)],
    }
    pdf: bytes = typst.compile(_PAGE.encode(), sys_inputs={"data": json.dumps(data, ensure_ascii=False)})
    return pdf
