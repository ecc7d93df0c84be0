"""A small lender: people known to the records, a journal with its vault, and a dispatcher whose clock is set by hand."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dunwell.journal.keys import LocalMasterKeys
from dunwell.journal.recording import Journal
from dunwell.law import Account, ContactPoint, Gate, Person, Reason
from dunwell.law.addresses import compared_address, plain_address
from dunwell.outreach.channel import Message
from dunwell.outreach.dispatching import Dispatcher, Limits
from dunwell.outreach.models import Work
from dunwell.outreach.permitting import Asked, Composed
from dunwell.outreach.records import Customer
from dunwell.outreach.wire import WireRecord

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)
"""Noon in New York, a Monday."""


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass
class Records:
    """The lender's records of some people, all under Reg F and the house's floor."""

    persons: dict[str, Person] = field(default_factory=dict)
    packs: tuple[str, ...] = ("us-reg-f", "house-floor")
    addresses: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    promises: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    _gate: Gate | None = None

    def people(self, customer_ids: Sequence[str]) -> Mapping[str, Person]:
        return {name: self.persons[name] for name in customer_ids if name in self.persons}

    def gate(self, customer_id: str) -> Gate:
        self._gate = self._gate or Gate(self.packs, "agency")
        return self._gate

    def known_until(self) -> datetime:
        return NOON - timedelta(hours=12)

    def customer(self, customer_id: str) -> Customer:
        person = self.persons[customer_id]
        owed = {"past_due_days": 20, "past_due_total": Decimal("84.20"), "currency": "USD"}
        return Customer(
            {"customer_id": person.customer_id, "language": "en"},
            {
                point: address
                for address, owners in self.addresses.items()
                for name, point in owners
                if name == customer_id
            },
            tuple({"account_id": name, **owed} for name in person.accounts or ()),
            tuple(self.promises.get(customer_id, ())),
        )

    def owners(self, channel: str, address: str) -> Sequence[tuple[str, str]]:
        return self.addresses.get(plain_address(address), [])

    def reached_at(self, address: str, *names: str) -> None:
        """These people are known, and share this address."""
        for name in names:
            self.add(name)
        kind = "e" if "@" in address else "m"
        self.addresses[plain_address(address)] = [(name, f"{name}-{kind}") for name in names]

    def holds(self, name: str, **numbers: str) -> None:
        """The records hold these mobile numbers of a person, by their ids, and no others."""
        points = {
            point: ContactPoint("mobile", address=compared_address("mobile", number))
            for point, number in numbers.items()
        }
        self.persons[name] = replace(self.persons[name], contact_points=points)
        self.addresses = {}
        for point, number in numbers.items():
            self.addresses.setdefault(plain_address(number), []).append((name, point))

    def add(self, name: str) -> None:
        self.persons[name] = Person(
            name,
            timezones=("America/New_York",),
            accounts={f"{name}-A": Account(20)},
            contact_points={f"{name}-e": ContactPoint("email"), f"{name}-m": ContactPoint("mobile")},
        )


def compose(asked: Asked) -> Composed | Reason:
    """A message that says whom it is for."""
    message = Message(
        message_id=asked.work.message_id,
        to=f"{asked.customer_id}@customers.example",
        subject="About your account",
        text=f"Dear {asked.customer_id}, please write to us about your account.",
    )
    return Composed(message, "test-text", "0" * 64)


@dataclass
class Lender:
    """Everything a worker needs, and how to make due work."""

    journal: Journal
    records: Records
    clock: Clock
    folder: Path

    def due(
        self,
        customer: str,
        channel: str = "email",
        *,
        at: datetime | None = None,
        stage: str = "reminder",
        point: str | None = None,
    ) -> Work:
        """A contact that is due now (or then), planned for this person; ``point``: not their usual contact point."""
        self.records.add(customer)
        at = at or self.clock()
        vault = self.journal.vault
        subject = vault.admit([customer], self.clock())[customer]
        vault.open_keys([subject])
        point = point or f"{customer}-{'e' if channel == 'email' else 'm'}"
        return Work.objects.create(
            message_id=str(UUID(bytes=os.urandom(16))),
            key=f"{channel}:{stage}:{subject}:{at}",
            subject_id=subject,
            channel=channel,
            stage=stage,
            purpose="remind",
            contact_point=vault.pseudonym(subject, "point", point),
            accounts=vault.pseudonym(subject, "account", f"{customer}-A"),
            due_at=at,
            expires_at=at + timedelta(hours=12),
            changed_at=at,
        )

    def worker(self, channel: str = "email", name: str = "w1", **limits: object) -> Dispatcher:
        wire = WireRecord(self.folder / f"{name}.wire", "this boot")
        wire.__enter__()
        return Dispatcher(
            channel,
            name,
            journal=self.journal,
            known=self.records,
            compose=compose,
            wire=wire,
            limits=Limits(**limits),  # type: ignore[arg-type]
            provider="loopback",
        )


@pytest.fixture
def lender(db: None, tmp_path: Path) -> Iterator[Lender]:
    clock = Clock()
    master = LocalMasterKeys({"k1": bytes(range(32))}, os.urandom)
    yield Lender(Journal(master, clock=clock, random=os.urandom), Records(), clock, tmp_path)
