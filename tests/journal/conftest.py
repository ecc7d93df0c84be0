"""A journal on the tests' database, with a clock that stands still until it is moved and keys of its own."""

import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from dunwell.journal.keys import LocalMasterKeys, Signer
from dunwell.journal.recording import Journal, NewEvent

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Clock:
    """Each look is a millisecond after the one before."""

    def __init__(self) -> None:
        self._ticks: Iterator[int] = itertools.count()

    def __call__(self) -> datetime:
        return NOON + timedelta(milliseconds=next(self._ticks))


@pytest.fixture
def master() -> LocalMasterKeys:
    return LocalMasterKeys({"k1": bytes(range(32))}, os.urandom)


@pytest.fixture
def journal(db: None, master: LocalMasterKeys) -> Journal:
    return Journal(master, clock=Clock(), random=os.urandom)


@pytest.fixture
def signer() -> Signer:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))


def reply(customer: str, text: str, key: str | None = None) -> NewEvent:
    """A person writes to us."""
    return NewEvent(
        "contact.replied",
        NOON,
        customer,
        accounts=("A1",),
        body={"channel": "sms", "language": "en"},
        personal={"text": text, "address": "+447700900123"},
        key=key,
    )


def some(count: int, start: int = 0) -> list[NewEvent]:
    return [reply(f"C{number % 7}", f"message {number}") for number in range(start, start + count)]
