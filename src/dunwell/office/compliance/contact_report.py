"""The contacts of a span of days, counted as a regulator asks for them: volumes, hours, frequencies, what was held back, and
complaints.

The events are read a part at a time, and of each only some numbers are kept (about 25 bytes), so there is no bound on how many
there may be.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from dunwell.journal.models import Event
from dunwell.law.people import zones_of
from dunwell.law.zones import is_zone
from dunwell.office.access.models import Staff
from dunwell.office.cases.scope import visible
from dunwell.office.compliance.complaints import received_between
from dunwell.office.tallies.models import ComplaintClock
from dunwell.office.workplace import Workplace
from dunwell.outreach.knowing import NOT_MADE

if TYPE_CHECKING:
    from django.db.models import QuerySet

Days = tuple[date, date]
Known = Mapping[str, tuple[str, str | None]]
"""Jurisdiction and time zone (None: no record tells it) of people, by the vault's reference."""
ReportRow = tuple[str, str, str, str, int]
"""Section, jurisdiction, what, of what, count."""

_WEEK = timedelta(days=7)
_UTC = ZoneInfo("UTC")
UNKNOWN = "unknown"
_FARTHEST = timedelta(hours=14)
"""No zone is farther from UTC."""
_ASKED = ("contact.permitted", "contact.refused")
_READ = 20_000
"""Events a part."""
_PEOPLE = 20_000
"""People whose contacts are counted at once."""
_TOLD = pl.Struct(
    {
        "channel": pl.String,
        "message_id": pl.String,
        "in_doubt": pl.Boolean,
        "reasons": pl.List(pl.Struct({"rule": pl.String})),
    }
)
_EVENTS: Mapping[str, Any] = {
    "subject": pl.String,
    "kind": pl.String,
    "at": pl.Datetime("us", "UTC"),
    "body": pl.String,
}


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


def build(place: Workplace, first: date, last: date, staff: Staff | None = None) -> Report:
    """The report from the journal, of the customers whom ``staff`` may see (None: of all), both days included: contacts by the
    day on the customer's own clock, as the law counts them; complaints, and contacts of people whose zone no record tells, by the
    day in UTC.
    """
    midnight, after = (datetime.combine(day, time(), _UTC) for day in (first, last + timedelta(days=1)))
    begins, ends = midnight - _FARTHEST, after + _FARTHEST
    # What was permitted may come to nothing on a later day, and be permitted again.
    given_up = Event.objects.filter(kind__in=NOT_MADE, happened_at__gte=begins, happened_at__lt=ends + _WEEK)
    # And what was permitted before may have come to nothing before: both are held against each other.
    earlier = Event.objects.filter(
        kind__in=("contact.permitted", *NOT_MADE),
        happened_at__gte=begins - _WEEK,
        happened_at__lt=begins,
        subject_id__in=given_up.values("subject_id"),
    )
    asked = (contacts_between(first, last), given_up, earlier)
    parts = (part for rows in asked for part in _parts(rows))
    told = count(parts, partial(_people, place, staff), (first, last))
    count_complaints(told, received_between(place, midnight, after, staff), place.clock().date())
    return told


def contacts_between(first: date, last: date) -> "QuerySet[Event]":
    """The permissions and refusals that may be of these days on somebody's clock."""
    begins = datetime.combine(first, time(), _UTC) - _FARTHEST
    ends = datetime.combine(last + timedelta(days=1), time(), _UTC) + _FARTHEST
    return Event.objects.filter(kind__in=_ASKED, happened_at__gte=begins, happened_at__lt=ends)


def events_frame(events: Sequence[tuple[str, str, datetime, str]]) -> pl.DataFrame:
    """Events (person, kind, instant, body as JSON) as ``count`` reads them."""
    return pl.DataFrame(events, schema=_EVENTS, orient="row")


def count(
    parts: Iterable[pl.DataFrame], people: Callable[[Collection[str]], Known], days: Days | None = None
) -> Report:
    """The report of events (frames of ``events_frame``), complaints left out.

    A contact is what the gate counts as one: a permission that came to nothing is none; one that was put off and given again is
    one, at the latest instant. ``people`` tells of some people where they live; of whom it tells nothing is not counted.
    ``days``: the days asked for on each person's clock, both included; None: all.
    """
    kept = _Kept()
    for part in parts:
        kept.add(part)
    told = Report()
    for lowest in range(0, len(kept.people), _PEOPLE):
        theirs = pl.col("person").is_between(lowest, lowest + _PEOPLE - 1)
        names = kept.people.texts[lowest : lowest + _PEOPLE]
        _count_part(told, kept, theirs, _people_frame(names, people(names), lowest), days)
    return told


class _Numbers:
    """Texts by number, in the order in which they were met."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.texts)

    def of(self, texts: pl.Series) -> pl.Series:
        """The numbers of some texts."""
        if not len(texts):
            return pl.Series(texts.name, [], dtype=pl.UInt32)
        unique = texts.unique(maintain_order=True).to_list()
        for text in unique:
            if text not in self._numbers:
                self._numbers[text] = len(self.texts)
                self.texts.append(text)
        numbers = [self._numbers[text] for text in unique]
        return texts.replace_strict(unique, numbers, return_dtype=pl.UInt32)


class _Kept:
    """What is kept of the events: who, which message, when."""

    def __init__(self) -> None:
        self.people, self.channels, self.rules = _Numbers(), _Numbers(), _Numbers()
        self._frames: dict[str, list[pl.DataFrame]] = {"permitted": [], "given_up": [], "refused": []}
        self._whole: dict[str, pl.DataFrame] = {}

    def add(self, part: pl.DataFrame) -> None:
        """Take in a part of the events."""
        if not part.height:
            return
        told = part.select("kind", "at", person=self.people.of(part["subject"]), told=_decoded(part["body"]))
        told = told.unnest("told").with_columns(message=pl.col("message_id").fill_null("").hash())
        permitted = told.filter(pl.col("kind") == "contact.permitted")
        channels = self.channels.of(permitted["channel"].fill_null(UNKNOWN))
        self._frames["permitted"].append(permitted.select("person", "message", "at", channel=channels))
        is_over = pl.col("kind").is_in(NOT_MADE) & ~pl.col("in_doubt").fill_null(value=False)
        self._frames["given_up"].append(told.filter(is_over).select("person", "message"))
        refused = told.filter(pl.col("kind") == "contact.refused").select("person", "at", "reasons")
        reasons = refused.explode("reasons").drop_nulls("reasons")
        rules = self.rules.of(reasons["reasons"].struct.field("rule"))
        self._frames["refused"].append(reasons.select("person", "at", rule=rules))

    def of(self, name: str, theirs: pl.Expr) -> pl.DataFrame:
        """What was kept under a name of some people."""
        if name not in self._whole:
            self._whole[name] = pl.concat(self._frames.pop(name))
        return self._whole[name].filter(theirs)


def _decoded(bodies: pl.Series) -> pl.Series:
    return bodies.str.json_decode(_TOLD)


def _people_frame(names: Sequence[str], known: Known, lowest: int) -> pl.DataFrame:
    rows = [(lowest + place, *known[name]) for place, name in enumerate(names) if name in known]
    schema = {"person": pl.UInt32, "jurisdiction": pl.String, "zone": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _count_part(told: Report, kept: _Kept, theirs: pl.Expr, people: pl.DataFrame, days: Days | None) -> None:
    """Add the figures of some people."""
    given_up = kept.of("given_up", theirs).group_by("person", "message").agg(gone=pl.len())
    permitted = kept.of("permitted", theirs).sort("at").group_by("person", "message")
    contacts = permitted.agg(pl.col("at", "channel").last(), times=pl.len())
    contacts = contacts.join(given_up, on=["person", "message"], how="left")
    contacts = contacts.filter(pl.col("times") > pl.col("gone").fill_null(0)).select(
        "person", "at", "channel"
    )
    made = _on_their_clock(contacts.join(people, on="person"), days)
    zone = pl.col("zone").fill_null(UNKNOWN)
    for where, channel, n in _counted(made, "jurisdiction", "channel"):
        told.volumes[where, kept.channels.texts[channel]] += n
    for where, clock, hour, n in _counted(made, "jurisdiction", zone, "hour"):
        told.hours[where, clock, hour] += n
    for where, most, n in _counted(_most_in_a_week(made), "jurisdiction", "most"):
        told.most_in_seven_days[where, most] += n
    refused = _on_their_clock(kept.of("refused", theirs).join(people, on="person"), days)
    for where, rule, n in _counted(refused, "jurisdiction", "rule"):
        told.refused[where, kept.rules.texts[rule]] += n


def _counted(rows: pl.DataFrame, *by: Any) -> Iterator[tuple[Any, ...]]:
    return rows.group_by(*by).agg(pl.len()).iter_rows()


def _on_their_clock(rows: pl.DataFrame, days: Days | None) -> pl.DataFrame:
    """With the hour on each person's own clock (UTC where no record tells their zone); of the days asked for there."""
    found = []
    for (zone,), part in rows.partition_by("zone", as_dict=True).items():
        name = None if zone is None else str(zone)
        local = pl.col("at").dt.convert_time_zone(name if name is not None and is_zone(name) else "UTC")
        part = part.with_columns(hour=local.dt.hour())
        found.append(part if days is None else part.filter(local.dt.date().is_between(*days)))
    return pl.concat(found) if found else rows.with_columns(hour=pl.lit(0, pl.Int8))


def _most_in_a_week(made: pl.DataFrame) -> pl.DataFrame:
    """Of each person the most contacts within any seven days: jurisdiction, most."""
    ended = made.sort("person", "at").rolling("at", period="7d", group_by="person")
    most = ended.agg(pl.len().alias("most"), pl.col("jurisdiction").last())
    return most.group_by("person").agg(pl.col("most").max(), pl.col("jurisdiction").first())


def count_complaints(told: Report, complaints: Iterable[ComplaintClock], today: date) -> None:
    """Add complaints: open or answered, and whether that is late (days in UTC)."""
    for one in complaints:
        late = (one.answered_at.date() if one.answered_at else today) > one.due_on
        state = ("answered" if one.answered_at else "open") + (" late" if late else "")
        told.complaints[one.jurisdiction, state] += 1


def rows_of(told: Report) -> list[ReportRow]:
    """The report as rows."""
    rows = [("volume", where, channel, "", n) for (where, channel), n in sorted(told.volumes.items())]
    rows += [
        ("hour on the customer's clock", where, f"{hour:02d}:00", zone, n)
        for (where, zone, hour), n in sorted(told.hours.items())
    ]
    rows += [
        ("most contacts in seven days", where, str(most), "people", n)
        for (where, most), n in sorted(told.most_in_seven_days.items())
    ]
    held_back = sorted(told.refused.items(), key=lambda one: (one[0][0], -one[1], one[0][1]))
    rows += [("held back", where, rule, "", n) for (where, rule), n in held_back]
    rows += [("complaint", where, state, "", n) for (where, state), n in sorted(told.complaints.items())]
    return rows


def _parts(rows: "QuerySet[Event]") -> Iterator[pl.DataFrame]:
    found = rows.order_by().values_list("subject_id", "kind", "happened_at", "body")
    events = found.iterator(chunk_size=_READ)
    while part := list(islice(events, _READ)):
        yield events_frame([(str(one), kind, at, body) for one, kind, at, body in part])


def _people(place: Workplace, staff: Staff | None, subjects: Collection[str]) -> Known:
    """Where people live and by which clock; who is in no record (any more) is told as unknown, and not at all to somebody who may
    see a part of the customers alone.
    """
    owners = place.journal.vault.customer_ids(set(subjects))
    people: dict[str, tuple[str, str | None]] = dict(_recorded(place, owners))
    if staff is not None and staff.is_bound:
        theirs = visible(place, staff, set(owners.values()))
        return {one: told for one, told in people.items() if owners[one] in theirs}
    return {one: people.get(one, (UNKNOWN, None)) for one in subjects}


def _recorded(place: Workplace, owners: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Jurisdiction and time zone of people by subject: their own zone, else that of a contact point of theirs."""
    subjects = {customer: subject for subject, customer in owners.items()}
    wanted = pl.DataFrame({"customer_id": list(subjects)}, schema={"customer_id": pl.String})
    points_shown = ["customer_id", "contact_point_id", "party", "not_theirs_from", "timezone"]
    for customers, points in zip(
        place.shelf.whole("customers", ["customer_id", "jurisdiction", "timezone"]),
        place.shelf.whole("contact_points", points_shown),
        strict=True,
    ):
        found = customers.join(wanted, on="customer_id", how="semi")
        unsaid = found.filter(pl.col("timezone").is_null()).select("customer_id")
        own = points.join(unsaid, on="customer_id", how="semi").partition_by("customer_id", as_dict=True)
        for row in found.to_dicts():
            customer, zone = row["customer_id"], row["timezone"]
            if zone is None and (customer,) in own:
                zone = next(iter(zones_of(row, own[customer,].to_dicts())), None)
            yield subjects[customer], (row["jurisdiction"], zone)
