"""What the oracle is asked, one rule about one debt at one instant, and what every kind of rule needs to know: who, which debt,
which place, what was answered and agreed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dunwell.law import Attempt, Consent, Contact, Person
from dunwell.law.pack import Rule


@dataclass(frozen=True, slots=True)
class Question:
    """One version of a rule asked about one debt of an attempt at one instant.

    ``values``: the rule's text with what its pack says for all rules. ``account_id`` None: no debt is named or known.
    """

    rule: Rule
    values: Mapping[str, Any]
    person: Person
    attempt: Attempt
    account_id: str | None
    at: datetime

    def words(self, key: str, words: Sequence[str]) -> Sequence[str]:
        """What the rule lists; every word where it lists none."""
        found: Sequence[str] = self.values.get(key, words)
        return found

    @property
    def zones(self) -> list[ZoneInfo]:
        return [ZoneInfo(name) for name in self.person.timezones]

    @property
    def point(self) -> str | None:
        return self.attempt.contact_point_id

    @property
    def party(self) -> str:
        return party_of(self.person, self.attempt.party, self.point)


def party_of(person: Person, party: str | None, point: str | None) -> str:
    """The party of a contact: the contact point's owner where nobody else is named."""
    known = person.contact_points.get(point or "")
    if party in (None, "self") and known is not None:
        return known.party
    return party or "self"


def place_of(person: Person, point: str | None) -> str:
    """Where a contact point is; a mobile is where its owner is, an employer's is at work."""
    known = person.contact_points.get(point or "")
    if known is None:
        return "unknown"
    if known.kind == "mobile":
        return "mobile"
    return known.place or ("work" if known.party == "employer" else "unknown")


def _debt(person: Person, account_id: str) -> str:
    """A debt's name: accounts of one group are one debt."""
    account = (person.accounts or {}).get(account_id)
    return f"group {account.group}" if account is not None and account.group is not None else account_id


def is_about(asked: Question, debts: Sequence[str]) -> bool:
    """Whether what names some debts (none: all of them) is about the debt asked about."""
    if not debts:
        return True
    if asked.account_id is None:
        return False
    return _debt(asked.person, asked.account_id) in [_debt(asked.person, name) for name in debts]


def may_count_to(asked: Question, debts: Sequence[str]) -> bool:
    """The same, but where the attempt's debt is not known it may be any."""
    return asked.account_id is None or is_about(asked, debts)


def may_be_same(first: str | None, second: str | None) -> bool:
    return first is None or second is None or first == second


def wrong_since(person: Person, point: str | None) -> datetime | None:
    known = person.contact_points.get(point or "")
    return None if known is None else known.not_theirs_from


def message_answered(asked: Question) -> Contact | None:
    """The person's own contact that the attempt answers: through the same channel, to the same party, for the first time."""
    if not asked.values.get("answer_once", False) or asked.attempt.in_reply_to is None:
        return None
    theirs = [c for c in asked.person.contacts if c.contact_id == asked.attempt.in_reply_to]
    for contact in theirs:
        used = [
            other
            for other in asked.person.contacts
            if other.in_reply_to == contact.contact_id and other.direction == "out" and other.at < asked.at
        ]
        if (
            contact.direction == "in"
            and contact.at < asked.at
            and contact.channel == asked.attempt.channel
            and party_of_contact(asked.person, contact) == asked.party
            and not used
        ):
            return contact
    return None


def party_of_contact(person: Person, contact: Contact) -> str:
    return party_of(person, contact.party, contact.contact_point_id)


def consents_in_place(
    asked: Question, zone: ZoneInfo, at: datetime, point: str | None, *, with_hours: bool, needs_point: bool
) -> Iterator[Consent]:
    """The agreements that are in place at an instant on a zone's clock, about the debt, channel and contact point."""
    for consent in asked.person.consents:
        longest = [n for n in (consent.days, asked.values.get("agreement_days")) if n is not None]
        days = (at.astimezone(zone).date() - consent.given_at.astimezone(zone).date()).days
        if (
            consent.source in asked.values.get("agreement_with", ())
            and (consent.hours is not None) is with_hours
            and consent.channel in (None, asked.attempt.channel)
            and (consent.contact_point_id == point or (consent.contact_point_id is None and not needs_point))
            and is_about(asked, consent.debts)
            and consent.given_at <= at
            and (consent.withdrawn_at is None or at < consent.withdrawn_at)
            and (not longest or days < min(longest))
            and not (
                asked.values.get("agreement_ends_at_conversation", False)
                and _has_talked(asked, consent.given_at, at)
            )
        ):
            yield consent


def _has_talked(asked: Question, after: datetime, before: datetime) -> bool:
    """Whether there was a telephone conversation with the person about the debt between two instants."""
    return any(
        after < c.at < before
        and c.channel == "call"
        and c.outcome == "conversation"
        and party_of_contact(asked.person, c) == "self"
        and may_count_to(asked, c.debts)
        for c in asked.person.contacts
    )


def is_agreed(asked: Question, *, needs_point: bool) -> bool:
    """Whether an agreement lifts the rule on every clock."""
    return all(
        any(consents_in_place(asked, zone, asked.at, asked.point, with_hours=False, needs_point=needs_point))
        for zone in asked.zones
    )
