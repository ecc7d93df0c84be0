"""The one way into the journal: ``Journal.record``.

It checks what an event may say, puts personal data into the vault, and writes the events with their hashes, all in the
caller's transaction: a permission and the claim that uses it stand or fall together.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from django.db import IntegrityError, transaction

from dunwell.journal.canonical import EVENT_COLUMNS, Unsayable, canonical, event_bytes
from dunwell.journal.keys import MasterKeys, Random
from dunwell.journal.kinds import KINDS
from dunwell.journal.models import Event
from dunwell.journal.rows import insert
from dunwell.journal.tree import leaf_hash
from dunwell.journal.vault import Erased, Kept, NewItem, Vault

PERSONAL = "personal"
_KEY_MAX = 120
_COLUMNS = tuple("subject_id" if name == "subject" else name for name in (*EVENT_COLUMNS, "leaf_hash"))
_PSEUDONYMS = {"accounts", "contact_point", "address"}


class EventRefused(ValueError):
    """An event says what its kind may not, or leaves out what it must; says which and the mend."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """Something that happened. ``accounts`` and ``contact_point`` are the lender's ids, ``address`` the number or address that a
    contact point had then (as it is compared); events hold pseudonyms of them.

    ``body``: plain facts; ``personal``: texts that go into the vault. ``key``: the same for the same happening, however often
    it is told. ``corrects``: the event_id that this one corrects.
    """

    kind: str
    happened_at: datetime
    customer_id: str | None = None
    accounts: tuple[str, ...] = ()
    contact_point: str | None = None
    address: str | None = None
    body: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    personal: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    key: str | None = None
    corrects: str | None = None
    subject: str | None = None
    pseudonyms: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_of_somebody(self) -> bool:
        """Whether it says whom it is about."""
        return self.customer_id is not None or self.subject is not None

    @property
    def hides_something(self) -> bool:
        """Whether it needs the person's key: it names debts, a contact point or keeps personal data."""
        return bool(self.personal or self.accounts or self.contact_point or self.address)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event's id, and whether it was recorded now (False: it had been already)."""

    event_id: str
    is_new: bool


class Journal:
    """Writes events and lets personal data be read, which is an event too. One object a process."""

    def __init__(self, master: MasterKeys, *, clock: Callable[[], datetime], random: Random) -> None:
        """``clock``: when something is recorded; ``random``: so many random bytes."""
        self.clock = clock
        self._random = random
        self.vault = Vault(master, random)

    def record(self, events: Sequence[NewEvent]) -> list[Recorded]:
        """Record events in their order, within the caller's transaction or one of its own; an answer for each.

        Raises EventRefused, ``vault.Erased``, ``keys.KeysUnusable``; then nothing is recorded.
        """
        for event in events:
            check(event)
        try:
            return self._record(events)
        except IntegrityError:  # somebody recorded one of the keys at the same time: theirs stands
            return self._record(events)

    def _record(self, events: Sequence[NewEvent]) -> list[Recorded]:
        with transaction.atomic():
            known = self._known({event.key for event in events if event.key is not None})
            answers: list[Recorded] = []
            fresh: list[tuple[NewEvent, str]] = []
            for event in events:
                found = known.get(event.key or "")
                if found is not None:
                    answers.append(Recorded(found, False))
                    continue
                event_id = self._event_id()
                fresh.append((event, event_id))
                answers.append(Recorded(event_id, True))
                if event.key is not None:
                    known[event.key] = event_id
            self._write(fresh)
        return answers

    def _known(self, keys: Iterable[str]) -> dict[str, str]:
        wanted = sorted(keys)
        return {
            str(key): event_id
            for start in range(0, len(wanted), 500)
            for key, event_id in Event.objects.filter(key__in=wanted[start : start + 500]).values_list(
                "key", "event_id"
            )
        }

    def _event_id(self) -> str:
        """Sortable by time and unique: milliseconds, then random bits (UUID version 7, RFC 9562)."""
        stamp = int(self.clock().timestamp() * 1000).to_bytes(6, "big")
        rest = bytearray(self._random(10))
        rest[0] = 0x70 | rest[0] & 0x0F
        rest[2] = 0x80 | rest[2] & 0x3F
        text = (stamp + bytes(rest)).hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def _write(self, events: Sequence[tuple[NewEvent, str]]) -> None:
        if not events:
            return
        now = self.clock()
        customers = {event.customer_id for event, _ in events if event.customer_id is not None}
        admitted = self.vault.admit(customers, now) if customers else {}
        subjects = [
            admitted[event.customer_id] if event.customer_id is not None else event.subject
            for event, _ in events
        ]
        paired = list(zip(events, subjects, strict=True))
        # ``keep`` opens the keys of those of whom something is kept.
        named = {s for (event, _), s in paired if s and event.hides_something and not event.personal}
        if named:
            self.vault.open_keys(named)
        items = [
            NewItem(subject, f"{event.kind}:{name}", text)
            for (event, _), subject in paired
            if subject is not None
            for name, text in event.personal.items()
        ]
        kept = iter(self.vault.keep(items, now) if items else [])
        rows = []
        for (event, event_id), subject in paired:
            said = {
                "event_id": event_id,
                "kind": event.kind,
                "subject": subject,
                "happened_at": event.happened_at.astimezone(UTC),
                "recorded_at": now,
                "body": _said(event.kind, self._body(event, subject, kept)),
                "corrects": event.corrects,
                "key": event.key,
            }
            rows.append((*said.values(), leaf_hash(event_bytes(said))))
        insert(Event, _COLUMNS, rows)

    def _body(self, event: NewEvent, subject: str | None, kept: Iterator[Kept]) -> dict[str, Any]:
        """What the event says, with pseudonyms for what is the person's own and digests for what lies in the vault."""
        body = {**event.body, **event.pseudonyms}
        if subject is None:
            return body
        if event.accounts:
            names = (self.vault.pseudonym(subject, "account", name) for name in event.accounts)
            body["accounts"] = sorted(names)
        if event.contact_point is not None:
            body["contact_point"] = self.vault.pseudonym(subject, "point", event.contact_point)
        if event.address is not None:
            body["address"] = self.vault.pseudonym(subject, "address", event.address)
        if event.personal:
            body[PERSONAL] = {
                name: {"item": item.reference, "digest": item.digest}
                for name, item in ((name, next(kept)) for name in event.personal)
            }
        return body

    def reveal(
        self, references: Iterable[str], *, by: str, why: str, customer_id: str, key: str | None = None
    ) -> dict[str, str]:
        """Personal data by reference, in the clear; who looked and why is recorded first. Erased items are left out.

        ``key``: the same for one look, however often its page is shown.
        """
        wanted = sorted(set(references))
        body = {"by": by, "why": why, "items": wanted}
        look = NewEvent("data.read", self.clock(), customer_id, body=body, key=key)
        try:
            with transaction.atomic():
                self.record([look])
                return {reference: text for reference, (text, _) in self.vault.read(wanted).items()}
        except Erased:
            return {}  # nothing is left to look at

    def erase(self, customer_id: str, *, by: str, why: str, may_return: bool = False) -> int:
        """Erase a person: the event that says so, then the key and everything kept; how many items went.

        ``may_return``: somebody who is no customer and may be met again tomorrow. Raises LookupError when the vault does not know
        them.
        """
        with transaction.atomic():
            subject = self.vault.references([customer_id]).get(customer_id)
            if subject is None:
                raise LookupError(f"no customer {customer_id!r} is in the vault")
            body = {"by": by, "why": why}
            self.record([NewEvent("data.erased", self.clock(), customer_id, body=body)])
            if not may_return:
                self.vault.forget(customer_id)
            return self.vault.erase(subject, self.clock())


def check(event: NewEvent) -> None:
    """Refuse an event that says what its kind may not. Raises EventRefused."""
    kind = KINDS.get(event.kind)
    if kind is None:
        raise EventRefused(f"there is no kind of event {event.kind!r}. Known: {', '.join(KINDS)}")
    if event.happened_at.tzinfo is None:
        raise EventRefused(f"{event.kind}: {event.happened_at} has no offset")
    said = set(event.body) | set(event.pseudonyms)
    if event.accounts:
        said.add("accounts")
    if event.contact_point is not None:
        said.add("contact_point")
    if event.address is not None:
        said.add("address")
    missing = sorted(set(kind.needs) - said)
    if missing:
        raise EventRefused(f"{event.kind} needs {missing[0]}")
    strange = sorted(said - {*kind.needs, *kind.may})
    if strange:
        raise EventRefused(
            f"{event.kind} may not say {strange[0]}. Known: {', '.join((*kind.needs, *kind.may))}"
        )
    if event.body.keys() & _PSEUDONYMS or not event.pseudonyms.keys() <= _PSEUDONYMS:
        raise EventRefused(
            f"{event.kind}: name accounts, contact_point and address as such, so that they become pseudonyms"
        )
    hidden = sorted(set(event.personal) - set(kind.personal))
    if hidden:
        raise EventRefused(
            f"{event.kind} keeps no personal {hidden[0]}. Known: {', '.join(kind.personal) or 'none'}"
        )
    if event.hides_something and not event.is_of_somebody:
        raise EventRefused(f"{event.kind} names accounts or personal data of nobody: give customer_id")
    if event.key is not None and not 0 < len(event.key) <= _KEY_MAX:
        raise EventRefused(f"{event.kind}: the key has {len(event.key)} characters. 1 to {_KEY_MAX}")


def _said(kind: str, body: Mapping[str, Any]) -> str:
    try:
        return canonical(body)
    except Unsayable as error:
        raise EventRefused(f"{kind}: {error}") from error


def columns(event: Event) -> dict[str, Any]:
    """What an event says, as its leaf is made of it."""
    return {
        "event_id": event.event_id,
        "kind": event.kind,
        "subject": event.subject_id,
        "happened_at": event.happened_at,
        "recorded_at": event.recorded_at,
        "body": event.body,
        "corrects": event.corrects,
        "key": event.key,
    }
