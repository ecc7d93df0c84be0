"""The contact that somebody at the desk is in the middle of: permitted by the gate, not told yet how it ended.

It lives in the session, so that a page may be loaded again; what happened lives in the journal.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal, get_args

from django.http import HttpRequest

CONTACT = "contact"
Outcome = Literal[
    "no_answer",
    "busy",
    "not_in_service",
    "voicemail",
    "dropped",
    "conversation",
    "wrong_party",
    "refused",
]
OUTCOMES_OF_CONTACTS: tuple[str, ...] = get_args(Outcome)
"""How a contact by a person may end, in the order of the desk's keys."""
SILENT = frozenset({"no_answer", "busy", "not_in_service", "voicemail", "dropped"})
"""Outcomes in which nobody said anything."""
_OF_A_LINE = frozenset({"busy", "not_in_service", "voicemail"})
_OF_WHO_IS_SOUGHT = frozenset({"no_answer"}) | _OF_A_LINE


def outcomes_of(channel: str, direction: str) -> Sequence[str]:
    """How such a contact can end: who contacts us has been reached, and only a telephone line is busy.

    >>> outcomes_of("call", "in")
    ('dropped', 'conversation', 'wrong_party', 'refused')
    """
    senseless = _OF_WHO_IS_SOUGHT if direction == "in" else frozenset() if channel == "call" else _OF_A_LINE
    return tuple(name for name in OUTCOMES_OF_CONTACTS if name not in senseless)


@dataclass(frozen=True, slots=True)
class Current:
    """A contact in progress. ``facts``: by which facts the person showed who they are; ``passed``: whether that is enough.

    ``direction``: out when we call, in when they do. ``began_at`` in ISO 8601.
    """

    customer_id: str
    message_id: str
    channel: str
    point_id: str | None
    began_at: str
    direction: str = "out"
    passed: bool = False
    facts: tuple[str, ...] = ()
    tries: int = 0

    @property
    def at(self) -> datetime:
        """When it began."""
        return datetime.fromisoformat(self.began_at)


def current(request: HttpRequest) -> Current | None:
    """The contact that who asks is in the middle of."""
    told: dict[str, Any] | None = request.session.get(CONTACT)
    return None if told is None else Current(**{**told, "facts": tuple(told["facts"])})


def begin(request: HttpRequest, contact: Current) -> None:
    """They are in the middle of this contact now."""
    request.session[CONTACT] = asdict(contact)


def note_identity(request: HttpRequest, contact: Current, facts: tuple[str, ...], *, passed: bool) -> Current:
    """What the identity check found so far."""
    checked = replace(contact, facts=facts, passed=passed, tries=contact.tries + 1)
    begin(request, checked)
    return checked


def end(request: HttpRequest) -> None:
    """They are in no contact any more."""
    request.session.pop(CONTACT, None)
