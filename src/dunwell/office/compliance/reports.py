"""Reports for a regulator: volumes, hours, frequencies and complaints of a span of days, as a page, CSV and PDF."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
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

_WEEK = timedelta(days=7)
_DAYS_MAX = 366
_EVENTS_MAX = 100_000
_UTC = ZoneInfo("UTC")
_UNKNOWN = "unknown"
_FARTHEST = timedelta(hours=14)
"""No zone is farther from UTC."""


@dataclass
class Report:
    """The figures. ``hours``: contacts by time zone and hour of the customer's own clock; ``most_in_seven_days``: how many people
    had at most so many contacts in any seven days; ``refused``: contacts held back, by rule.
    """

    volumes: Counter[tuple[str, str]] = field(default_factory=Counter)
    hours: Counter[tuple[str, int]] = field(default_factory=Counter)
    most_in_seven_days: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    complaints: Counter[tuple[str, str]] = field(default_factory=Counter)


def report(
    events: Iterable[tuple[str, str, datetime, Mapping[str, Any]]],
    people: Mapping[str, tuple[str, str | None]],
    complaints: Sequence[ComplaintClock],
    today: date,
) -> Report:
    """The report of events (subject, kind, instant, body). ``people``: jurisdiction and time zone (None: no record
    tells it) by subject.
    """
    told = Report()
    contacts: dict[str, list[datetime]] = defaultdict(list)
    given_up = {body["message_id"] for _, kind, _, body in events if kind == "contact.failed"}
    for subject, kind, at, body in events:
        jurisdiction, zone = people.get(subject, (_UNKNOWN, None))
        if kind == "contact.permitted" and body["message_id"] not in given_up:
            told.volumes[(jurisdiction, body["channel"])] += 1
            told.hours[(zone or _UNKNOWN, at.astimezone(_clock(zone)).hour)] += 1
            contacts[subject].append(at)
        elif kind == "contact.refused":
            told.refused.update(reason["rule"] for reason in body.get("reasons", ()))
    told.most_in_seven_days.update(most_within(sorted(times), _WEEK) for times in contacts.values())
    for one in complaints:
        late = (one.answered_at.date() if one.answered_at else today) > one.due_on
        state = ("answered" if one.answered_at else "open") + (" late" if late else "")
        told.complaints[(one.jurisdiction, state)] += 1
    return told


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


def rows_of(told: Report) -> list[tuple[str, str, str, int]]:
    """The report as rows: section, what, of what, count."""
    rows = [("volume", *key, count) for key, count in sorted(told.volumes.items())]
    rows += [
        ("hour on the customer's clock", f"{hour:02d}:00", zone, count)
        for (zone, hour), count in sorted(told.hours.items())
    ]
    rows += [
        ("most contacts in seven days", str(most), "people", count)
        for most, count in sorted(told.most_in_seven_days.items())
    ]
    rows += [("held back", rule, "", count) for rule, count in told.refused.most_common()]
    rows += [("complaint", *key, count) for key, count in sorted(told.complaints.items())]
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
    kinds = ("contact.permitted", "contact.failed", "contact.refused")
    rows = Event.objects.filter(kind__in=kinds, happened_at__gte=begins, happened_at__lt=ends).order_by("id")
    if rows.order_by()[: _EVENTS_MAX + 1].count() > _EVENTS_MAX:
        raise TooMuch
    events = [
        (str(subject), kind, at, json.loads(body))
        for subject, kind, at, body in rows.values_list("subject_id", "kind", "happened_at", "body")
    ]
    owners = place.journal.vault.customer_ids({row[0] for row in events})
    people = _people(place, owners)
    is_bound = staff is not None and staff.is_bound
    if staff is not None and is_bound:
        theirs = visible(place, staff, set(owners.values()))
        people = {one: told for one, told in people.items() if owners[one] in theirs}
    events = [
        one
        for one in events
        if (one[0] in people or not is_bound)
        and first <= one[2].astimezone(_clock(people.get(one[0], ("", None))[1])).date() <= last
    ]
    within = list(received_between(place, midnight, after, staff))
    return report(events, people, within, place.clock().date())


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


def _in_words(row: tuple[str, str, str, int]) -> tuple[str, str, str, int]:
    """A row in the reader's language; rules and jurisdictions keep their ids."""
    section, what, of, count = row
    return str(words.SECTIONS[section]), what, str({**words.CHANNELS, **words.COUNTED}.get(of, of)), count


def _csv(rows: Sequence[tuple[str, str, str, int]]) -> str:
    return csv_of(["section", "what", "of", "count"], rows)


_PAGE = """#set page(paper: "a4", margin: 2cm, numbering: "1 / 1")
#set text(font: ("WenQuanYi Micro Hei", "New Computer Modern"), size: 10pt)
#let data = json(bytes(sys.inputs.data))
= #data.title
#data.span
#table(columns: (auto, 1fr, auto, auto), align: (left, left, left, right), stroke: 0.4pt,
  ..data.heads.map(strong), ..data.rows.flatten())
"""


def _pdf(place: Workplace, rows: Sequence[tuple[str, str, str, int]], first: date, last: date) -> bytes:
    import typst

    data = {
        "title": _("Contacts and complaints, %(lender)s")
        % {"lender": place.settings.acts_for or _("the lender")},
        "span": _(
            "%(first)s to %(last)s on each customer's own clock (complaints: UTC), from the journal as of %(now)s UTC"
        )
        % {"first": first, "last": last, "now": f"{place.clock():%Y-%m-%d %H:%M}"},
        "heads": [_("Section"), _("What"), _("Of"), _("Count")],
        "rows": [[*row[:3], str(row[3])] for row in map(_in_words, rows)],
    }
    pdf: bytes = typst.compile(_PAGE.encode(), sys_inputs={"data": json.dumps(data, ensure_ascii=False)})
    return pdf
