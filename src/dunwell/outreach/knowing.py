"""What is known of a person at the moment of a contact: the lender's records, and all that the journal has seen since.

One truth a person: whatever was learned, by whatever channel, is a state, a wish or a past contact here, and the gate
reads all of it. Nothing lapses by itself.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from dunwell.journal.finding import events_of
from dunwell.journal.models import Event
from dunwell.law import Contact, ContactPoint, Notice, Person, Preference, State
from dunwell.law.addresses import same_points
from dunwell.law.civil_days import UTC_ZONE, civil_day

KINDS = (
    *("contact.permitted", "contact.sent", "contact.failed", "contact.deferred", "contact.unknown"),
    *("contact.delivered", "contact.bounced", "contact.opened", "contact.replied", "contact.made"),
    *("consent.withdrawn", "hold.placed", "hold.lifted", "point.not_theirs", "notice.sent"),
    *("promise.made", "promise.withdrawn", "payment.seen"),
)
"""The events that change what may be done."""

NOT_MADE = ("contact.failed", "contact.deferred")
"""Of a permission that came to nothing, unless it is in doubt (``came_to_nothing``)."""
_STAMP = len("01234567-89ab")
"""So many characters of an event's id are the millisecond in which it was recorded (UUID version 7)."""
_OUTCOMES = {"contact.bounced": "bounced", "contact.opened": "opened"}


@dataclass(frozen=True, slots=True)
class Seen:
    """An event as the gate needs it: accounts and contact point by the lender's ids (what is no longer known is left out).

    ``also_at``: other contact points that are now the number or address that the event was about.
    """

    event_id: str
    kind: str
    at: datetime
    body: Mapping[str, Any]
    accounts: tuple[str, ...]
    contact_point: str | None
    is_about_an_unknown_account: bool
    also_at: tuple[str, ...] = ()


TAKING_IN = timedelta(hours=1)
"""So long a file of the lender's may have been under way when a run began: it names the instant at which it was begun."""

Pseudonym = Callable[[str, str], str]
"""``pseudonym(kind, id)`` of one person, as the vault makes them."""


def seen_by_subject(subjects: Sequence[str]) -> dict[str, list[tuple[str, str, datetime, str]]]:
    """event_id, kind, happened_at and body of these persons' events that matter here, in their order."""
    rows = events_of(subjects, KINDS).order_by("happened_at", "id")
    found: dict[str, list[tuple[str, str, datetime, str]]] = {subject: [] for subject in subjects}
    columns = rows.values_list("subject_id", "event_id", "kind", "happened_at", "body")
    for subject, event_id, kind, at, body in columns:
        found[str(subject)].append((event_id, kind, at, body))
    return found


def last_event() -> int:
    """The number of the last event in the journal. On SQLite, which has one writer at a time, all later ones have higher ones."""
    return Event.objects.order_by("-id").values_list("id", flat=True).first() or 0


def subjects_since(last: int) -> set[str]:
    """The persons of whom anything was recorded after that event."""
    return {str(one) for one in Event.objects.filter(id__gt=last).values_list("subject_id", flat=True)}


def decoded(
    rows: Iterable[tuple[str, str, datetime, str]],
    person: Person,
    pseudonym: Pseudonym,
    known_until: datetime | None = None,
) -> list[Seen]:
    """Events with the pseudonyms turned back into what the lender's records name.

    ``known_until``: the instant of the run from which the records are. A hold that the lender told of during the day before it
    stands in them by now, and ends when they say so: it is left out here.
    """
    rows = list(rows)
    if not rows:
        return []
    accounts = {pseudonym("account", name): name for name in person.accounts or ()}
    points = {pseudonym("point", name): name for name in person.contact_points}
    addresses: dict[str, list[str]] = {}
    if any('"address"' in text for _, _, _, text in rows):
        for name, known_point in person.contact_points.items():
            if known_point.address is not None:
                addresses.setdefault(pseudonym("address", known_point.address), []).append(name)
    events = []
    for event_id, kind, at, text in rows:
        body = json.loads(text)
        if "row" in body and known_until is not None and at <= known_until - TAKING_IN:
            continue
        named = body.get("accounts", [])
        known = tuple(accounts[name] for name in named if name in accounts)
        point = points.get(body.get("contact_point", ""))
        also_at = tuple(name for name in addresses.get(body.get("address", ""), ()) if name != point)
        events.append(Seen(event_id, kind, at, body, known, point, len(known) < len(named), also_at))
    return events


def undeliverable(rows: Iterable[tuple[str, str, datetime, str]]) -> set[str]:
    """The pseudonyms of contact points from which messages came back for good."""
    bodies = [json.loads(body) for _, kind, _, body in rows if kind == "contact.bounced"]
    return {body["contact_point"] for body in bodies if body.get("is_permanent") and "contact_point" in body}


def with_journal(person: Person, events: Sequence[Seen]) -> Person:
    """The person with all that the journal has seen. The journal says which notices were given, so the gate may demand them."""
    points = dict(person.contact_points)
    for event in events:
        for name in _points_of(event, points) if event.kind == "point.not_theirs" else ():
            since = min(points[name].not_theirs_from or event.at, event.at)
            points[name] = replace(points[name], not_theirs_from=since)
    told = {contact.contact_id for contact in person.contacts}
    contacts = [contact for contact in _contacts(events) if contact.contact_id not in told]
    return replace(
        person,
        contact_points=points,
        contacts=(*person.contacts, *contacts),
        states=(*person.states, *_states(events)),
        preferences=(*person.preferences, *_opt_outs(events)),
        notices=(*(person.notices or ()), *_notices(events)),
    )


def _points_of(event: Seen, points: Mapping[str, ContactPoint]) -> set[str]:
    """Every id of the number or address that an event is about: as it was then, and as it is now."""
    own = () if event.contact_point is None else same_points(points, event.contact_point)
    return {name for name in (*own, *event.also_at) if name in points}


def held_debts(person: Person, now: datetime) -> set[str]:
    """The debts that are held on their own (a dispute of one, say): a promise for the others is not held up by them, and does not
    acknowledge them.
    """
    return {
        debt
        for state in person.states
        if not _is_over(state.until, now, person.timezones)
        for debt in state.debts
    }


def _is_over(until: date | datetime | None, now: datetime, zones: Sequence[str]) -> bool:
    """An instant is the end, a day the last: it is over when it is on every clock that may be the person's."""
    if until is None or isinstance(until, datetime):
        return until is not None and until <= now
    return all(until < civil_day(now, [zone]) for zone in zones or (UTC_ZONE,))


def came_to_nothing(kind: str, body: Mapping[str, Any]) -> bool:
    """Whether an event says that what was permitted was surely not sent. One put off in doubt may have been: it counts."""
    return kind in NOT_MADE and not body.get("in_doubt")


def _contacts(events: Sequence[Seen]) -> Iterable[Contact]:
    """Contacts made: a message counts from its permission on, unless it is known that it was never taken. One that was put off in
    doubt counts.

    Each permission that came to nothing has one event that says so. They are counted, not read in the order of their instants:
    a worker that waits for the database has looked at the clock before another's event that was recorded first.
    """
    permitted: dict[str, Seen] = {}
    standing: Counter[str] = Counter()
    outcomes: dict[str, str] = {}
    for event in events:
        message = str(event.body.get("message_id"))
        if event.kind == "contact.permitted":
            permitted[message] = event
            standing[message] += 1
        elif came_to_nothing(event.kind, event.body):
            standing[message] -= 1
        elif event.kind in _OUTCOMES:
            outcomes[message] = _OUTCOMES[event.kind]
        elif event.kind in ("contact.replied", "contact.made"):
            yield _told_contact(event)
        if event.kind == "contact.made":
            permitted.pop(str(message), None)  # a call that was permitted and then made is one contact
    for message, event in permitted.items():
        if standing[message] > 0:
            yield Contact(
                at=event.at,
                channel=event.body["channel"],
                outcome=outcomes.get(message, "delivered"),
                debts=_debts(event),
                party=event.body.get("party", "self"),
                contact_point_id=event.contact_point,
                contact_id=message,
                in_reply_to=event.body.get("in_reply_to"),
            )


def _told_contact(event: Seen) -> Contact:
    is_reply = event.kind == "contact.replied"
    return Contact(
        at=event.at,
        channel=event.body["channel"],
        outcome="replied" if is_reply else event.body["outcome"],
        debts=_debts(event),
        direction="in" if is_reply else event.body["direction"],
        party=event.body.get("party", "self"),
        contact_point_id=event.contact_point,
        contact_id=event.event_id,
        in_reply_to=event.body.get("in_reply_to"),
    )


def _debts(event: Seen) -> tuple[str, ...]:
    """The debts an event is about; one that the records no longer know makes it count to all of them."""
    return () if event.is_about_an_unknown_account else event.accounts


def _states(events: Sequence[Seen]) -> Iterable[State]:
    """States from when they were placed until a person lifted them."""
    for number, event in enumerate(events):
        if event.kind == "hold.placed":
            until = event.body.get("until")
            ends = [date.fromisoformat(until)] if until else []
            lifted = [later.at for later in events[number + 1 :] if _lifts(later, event)]
            yield State(
                event.body["hold"],
                event.at,
                lifted[0] if lifted else ends[0] if ends else None,
                _debts(event),
            )


def _lifts(later: Seen, placed: Seen) -> bool:
    """Whether an event ended a state that had begun before it: the one that it names; else all of that kind, of the debts that
    it names, of which we knew by then (who lifts what was told has not heard what comes in after).
    """
    if later.kind != "hold.lifted" or later.body["hold"] != placed.body["hold"]:
        return False
    named = later.body.get("lifts")
    if named is not None:
        return bool(named == placed.event_id)
    # The pseudonyms are compared: a debt that the records no longer know is still not every debt.
    debts = later.body.get("accounts", [])
    was_known = placed.event_id[:_STAMP] <= later.event_id[:_STAMP]
    return was_known and (not debts or debts == placed.body.get("accounts", []))


def _opt_outs(events: Sequence[Seen]) -> Iterable[Preference]:
    """Who no longer agrees to a channel, or an address of it, is not contacted by it."""
    for event in events:
        if event.kind == "consent.withdrawn":
            # The gate extends a wish to every id of a number as it is now: what is left is where the number went since.
            for point in (event.contact_point, *event.also_at):
                yield Preference(
                    kind="not_channel", channel=event.body["channel"], contact_point_id=point, since=event.at
                )


def _notices(events: Sequence[Seen]) -> Iterable[Notice]:
    for event in events:
        if event.kind == "notice.sent":
            yield Notice(event.body["notice"], event.at, _debts(event))
