"""The figures of a day, counted as its events come in: what was counted is kept, so that nobody reads the day again."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from dunwell.journal.models import Event
from dunwell.office.tallies.following import recorded_after, settled_up_to
from dunwell.office.tallies.models import DayTally

_KEPT_FROM = 200
"""Fewer new events than this are counted each time anew."""

KINDS = (
    *("contact.permitted", "contact.refused", "contact.failed", "contact.deferred"),
    *("contact.made", "contact.replied", "promise.made", "payment.seen", "hold.placed", "case.note"),
    "case.assigned",
)


@dataclass
class Person:
    """What one person did today. Shown in the order of names; sums of money are not counted by person."""

    name: str
    contacts: int = 0
    conversations: int = 0
    promises: int = 0
    notes: int = 0
    findings: int = 0


@dataclass
class Day:
    """What happened since the day began. ``refusals``: contacts that were held back, ``refused`` by which rules;
    ``in_doubt``: messages (message_id) that were put off though they may have been taken.
    """

    contacts: Counter[str] = field(default_factory=Counter)
    conversations: int = 0
    right_party: int = 0
    replies: int = 0
    promises: int = 0
    holds: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    cash: dict[str, Decimal] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    refusals: int = 0
    in_doubt: set[str] = field(default_factory=set)
    people: dict[str, Person] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The same as plain values, to keep."""
        return {
            "contacts": dict(self.contacts),
            "conversations": self.conversations,
            "right_party": self.right_party,
            "replies": self.replies,
            "promises": self.promises,
            "holds": dict(self.holds),
            "moved": dict(self.moved),
            "cash": {currency: str(amount) for currency, amount in self.cash.items()},
            "refused": dict(self.refused),
            "refusals": self.refusals,
            "in_doubt": sorted(self.in_doubt),
            "people": [asdict(person) for person in self.people.values()],
        }

    @classmethod
    def from_plain(cls, told: Mapping[str, Any]) -> "Day":
        """What ``plain`` gave."""
        counted = {name: Counter(told.get(name, {})) for name in ("contacts", "holds", "moved", "refused")}
        cash = {currency: Decimal(amount) for currency, amount in told["cash"].items()}
        people = {one["name"]: Person(**one) for one in told["people"]}
        in_doubt = set(told.get("in_doubt", ()))
        return cls(**{**told, **counted, "cash": cash, "people": people, "in_doubt": in_doubt})

    @property
    def contact_count(self) -> int:
        """Contacts of all channels."""
        return self.contacts.total()


def day_of(events: Iterable[tuple[str, str]], day: Day | None = None) -> Day:
    """The day's figures from its events (kind, body as JSON), in their order; added to ``day`` where it is given.

    A contact is one the gate permitted and that was neither given up nor put off (it is permitted anew then); one that was put
    off in doubt may have arrived and is one contact, however often it is handed over again, as the gate and the report count it.
    A conversation is with the right party when it was the customer who took part.
    """
    day = day or Day()
    for kind, text in events:
        body = json.loads(text)
        _COUNT[kind](day, body)
    return day


def day_so_far(begins: datetime, now: datetime) -> Day:
    """The figures since midnight (``begins``): those that were kept, and what came in after them."""
    kept = DayTally.objects.filter(day=begins.date()).first()
    after = kept.event_number if kept else 0
    day = Day.from_plain(kept.figures) if kept else Day()
    if kept:
        rows = recorded_after(after, KINDS).filter(happened_at__gte=begins)
    else:
        rows = Event.objects.filter(kind__in=KINDS, happened_at__gte=begins).order_by("id")
    settled = settled_up_to(now)
    old = rows.filter(id__lte=settled).values_list("id", "kind", "body")
    last = count = 0
    for number, kind, body in old.iterator(chunk_size=5000):
        day_of([(kind, body)], day)
        last, count = number, count + 1
    if count >= _KEPT_FROM:
        _keep(begins, after, last, day)
    return day_of(rows.filter(id__gt=settled).values_list("kind", "body"), day)


def _keep(begins: datetime, after: int, upto: int, day: Day) -> None:
    """Keep what was counted, unless somebody else kept more meanwhile."""
    found = {"event_number": upto, "figures": day.plain()}
    if not after:
        DayTally.objects.get_or_create(day=begins.date(), defaults=found)
    else:
        DayTally.objects.filter(day=begins.date(), event_number=after).update(**found)


def _permitted(day: Day, body: Mapping[str, Any]) -> None:
    if body.get("message_id") in day.in_doubt:
        return
    day.contacts[body["channel"]] += 1
    worker = str(body.get("worker", ""))
    if worker.startswith("desk:"):
        _person(day, worker.removeprefix("desk:")).contacts += 1


def _refused(day: Day, body: Mapping[str, Any]) -> None:
    day.refusals += 1
    day.refused.update(reason["rule"] for reason in body.get("reasons", ()))


def _failed(day: Day, body: Mapping[str, Any]) -> None:
    if body.get("in_doubt"):
        day.in_doubt.add(str(body["message_id"]))
    elif body.get("message_id") not in day.in_doubt:
        day.contacts[body["channel"]] -= 1
        if body.get("by"):
            _person(day, body["by"]).contacts -= 1


def _made(day: Day, body: Mapping[str, Any]) -> None:
    if body["outcome"] != "conversation":
        return
    day.conversations += 1
    day.right_party += body.get("party", "self") == "self"
    if body.get("by"):
        _person(day, body["by"]).conversations += 1


def _replied(day: Day, body: Mapping[str, Any]) -> None:
    day.replies += 1


def _promised(day: Day, body: Mapping[str, Any]) -> None:
    day.promises += 1
    if body.get("by"):
        _person(day, body["by"]).promises += 1


def _paid(day: Day, body: Mapping[str, Any]) -> None:
    currency, amount = body.get("currency") or "?", Decimal(body.get("amount") or 0)
    taken_back = body.get("sort") in ("reversal", "chargeback")
    day.cash[currency] = day.cash.get(currency, Decimal(0)) + (-amount if taken_back else amount)


def _held(day: Day, body: Mapping[str, Any]) -> None:
    day.holds[body["hold"]] += 1


def _assigned(day: Day, body: Mapping[str, Any]) -> None:
    if body.get("why"):
        day.moved[body["why"]] += 1


def _noted(day: Day, body: Mapping[str, Any]) -> None:
    person = _person(day, body["by"])
    person.notes += 1
    person.findings += bool(body.get("findings"))


_COUNT = {
    "contact.permitted": _permitted,
    "contact.refused": _refused,
    "contact.failed": _failed,
    "contact.deferred": _failed,
    "contact.made": _made,
    "contact.replied": _replied,
    "promise.made": _promised,
    "payment.seen": _paid,
    "hold.placed": _held,
    "case.assigned": _assigned,
    "case.note": _noted,
}


def _person(day: Day, name: str) -> Person:
    return day.people.setdefault(name, Person(name))
