"""A gate that is slow and obvious: the meaning of every kind of rule in plain Python, to hold the real one against.

Written from the meanings of attempts, records and packs, with calendar days and wall clocks of ``zoneinfo`` and nothing of
the gate's pass. A contact is judged debt by debt and zone by zone: it is refused when any one of them is. The earliest
lawful instant is found by trying, in order, every instant at which anything could change.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from dunwell.law import Attempt, Person, codes
from dunwell.law.pack import PACKS_FOLDER, Rule, shipped_packs
from dunwell.law.workdays import YearNotPublished
from tests.law.oracle_clocks import DAY, edges, is_a_zone, written
from tests.law.oracle_kinds import OBJECTS, owed_since
from tests.law.oracle_question import Question, party_of

_MICROSECOND = timedelta(microseconds=1)


def oracle_reasons(
    packs: Sequence[str], actor: str, attempt: Attempt, person: Person | None, at: datetime | None = None
) -> set[str]:
    """The ids of the rules that refuse an attempt (at another instant, when one is given); none: it is allowed."""
    found = {"gate.unknown-pack" for key in packs if key not in shipped_packs()}
    if person is None:
        return found | {"gate.unknown-customer"}
    if person.accounts is not None and any(name not in person.accounts for name in attempt.account_ids):
        found.add("gate.unknown-account")
    if not person.timezones or not all(is_a_zone(name) for name in person.timezones):
        return found | {"gate.unknown-timezone"}
    if person.has_unreadable_preference:
        found.add("gate.unreadable-preference")
    for asked in _questions(packs, actor, attempt, person, at or attempt.at):
        try:
            if asked.rule.id not in found and OBJECTS[asked.rule.kind](asked):
                found.add(asked.rule.id)
        except YearNotPublished:
            found.add("gate.unknown-calendar")
    return found


def oracle_not_before(
    packs: Sequence[str], actor: str, attempt: Attempt, person: Person | None, horizon: timedelta
) -> datetime | None:
    """The first instant after the attempt's, up to a horizon, at which nothing objects. None: none there, it is allowed, or
    the gate fails closed.
    """
    reasons = oracle_reasons(packs, actor, attempt, person)
    if person is None or not reasons or any(name.startswith("gate.") for name in reasons):
        return None
    for at in _instants(packs, actor, attempt, person, attempt.at + horizon):
        if not oracle_reasons(packs, actor, attempt, person, at):
            return at.astimezone(UTC)
    return None


def oracle_owes(packs: Sequence[str], actor: str, attempt: Attempt, person: Person) -> dict[str, date]:
    """The notices that an allowed contact makes due, and the last day of each: the earliest of its debts and zones."""
    found: dict[str, date] = {}
    for asked in _questions(packs, actor, attempt, person, attempt.at, kinds=("owes",)):
        since = owed_since(asked)
        if since is not None:
            first = min(since.astimezone(zone).date() for zone in asked.zones)
            due_by = first + timedelta(days=asked.values["due_days"])
            found[asked.rule.id] = min(due_by, found.get(asked.rule.id, due_by))
    return found


@cache
def said_for_all(pack: str) -> Mapping[str, Any]:
    """What a pack's text says for all of its rules."""
    text = tomllib.loads((PACKS_FOLDER / f"{pack}.toml").read_text(encoding="utf-8"))
    names = ("actors", "channels", "parties", "purposes", "answer_once", "agreement_with")
    return {key: text[key] for key in names if key in text}


def _binding(
    packs: Sequence[str], actor: str, attempt: Attempt, person: Person
) -> Iterator[tuple[Rule, Mapping[str, Any]]]:
    """The versions of rules that are about an attempt, whatever the day, and what they say."""
    party = party_of(person, attempt.party, attempt.contact_point_id)
    for key in packs:
        for rule in shipped_packs()[key].rules if key in shipped_packs() else ():
            values = {**said_for_all(key), **rule.values}
            if (
                (rule.kind in OBJECTS or rule.kind == "owes")
                and actor in values.get("actors", codes.ACTORS)
                and attempt.channel in values.get("channels", codes.CHANNELS)
                and party in values.get("parties", codes.PARTIES)
                and attempt.purpose in values.get("purposes", codes.PURPOSES)
            ):
                yield rule, values


def _questions(
    packs: Sequence[str],
    actor: str,
    attempt: Attempt,
    person: Person,
    at: datetime,
    kinds: Iterable[str] | None = None,
) -> Iterator[Question]:
    """Each rule in force in any zone, for each debt: those named, else all that are known."""
    days = [at.astimezone(ZoneInfo(name)).date() for name in person.timezones]
    accounts: tuple[str | None, ...] = attempt.account_ids or tuple(person.accounts or ()) or (None,)
    for rule, values in _binding(packs, actor, attempt, person):
        if rule.kind in (OBJECTS if kinds is None else kinds) and any(rule.holds_on(day) for day in days):
            for account_id in accounts:
                yield Question(rule, values, person, attempt, account_id, at)


def _instants(
    packs: Sequence[str], actor: str, attempt: Attempt, person: Person, until: datetime
) -> list[datetime]:
    """Every instant after the attempt's at which an objection could end, in order: edges of clocks and days in every zone,
    changes of clocks, and whatever the records date.
    """
    clocks = {
        written(values[key])
        for rule, values in _binding(packs, actor, attempt, person)
        if rule.kind == "hours"
        for key in ("opens", "closes")
    }
    clocks |= {clock for wish in person.preferences for clock in (wish.opens, wish.closes)}
    clocks |= {clock for consent in person.consents for clock in consent.hours or ()}
    found = {
        edge for name in person.timezones for edge in edges(ZoneInfo(name), attempt.at, until + DAY, clocks)
    }
    dated: list[date | datetime | None] = [
        *(moment for state in person.states for moment in (state.since, state.until)),
        *(moment for consent in person.consents for moment in (consent.given_at, consent.withdrawn_at)),
        *(notice.sent_at for notice in person.notices or ()),
        *(wish.since for wish in person.preferences),
        *(point.not_theirs_from for point in person.contact_points.values()),
        *(contact.at + _MICROSECOND for contact in person.contacts),
    ]
    found |= {moment.astimezone(UTC) for moment in dated if isinstance(moment, datetime)}
    return sorted(at for at in found if attempt.at < at <= until)
