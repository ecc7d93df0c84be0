"""One person and one attempt as plain values (``person_arrays`` makes of them what the gate's pass reads).

The names are those of the tape and of a law case. Everything that is known of a person stands in one ``Person``:
so whatever they told us, however it was learnt, binds every channel.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any

from dunwell.law import codes
from dunwell.law.kinds import clock

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Account:
    """A debt of the person: days past due (None: not known) and the group whose debts count as one."""

    past_due_days: int | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """Where the person, or somebody beside them, can be reached. ``address``: the number or address as it is compared
    (``addresses.compared_address``); None where it is not known.
    """

    kind: str | None = None
    party: str = "self"
    place: str | None = None
    not_theirs_from: datetime | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """A hold, or death: from a day or instant, until another (a day is its last; None: it goes on), on some debts or all."""

    kind: str
    since: date | datetime
    until: date | datetime | None = None
    debts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preference:
    """What the person asked for. Times are microseconds after local midnight; days are inclusive."""

    kind: str
    weekdays: int = codes.ALL
    opens: int = 0
    closes: int = _DAY_US
    since: date | datetime | None = None
    until: date | None = None
    place: str | None = None
    channel: str | None = None
    contact_point_id: str | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """What the person agreed to. ``channel`` None: any; ``days`` None: as long as the law lets it last."""

    given_at: datetime
    channel: str | None = None
    contact_point_id: str | None = None
    withdrawn_at: datetime | None = None
    days: int | None = None
    hours: tuple[int, int] | None = None
    source: str = "collector"
    debts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact that was made or tried, either way."""

    at: datetime
    channel: str
    outcome: str
    debts: tuple[str, ...] = ()
    direction: str = "out"
    party: str = "self"
    contact_point_id: str | None = None
    contact_id: str | None = None
    in_reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice that was given."""

    kind: str
    sent_at: datetime
    debts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """All that is known of one person. ``accounts`` None: the records do not say which debts there are; ``notices`` None:
    they do not say which were given, and those that were due are taken as given.
    """

    customer_id: str
    timezones: tuple[str, ...] = ()
    accounts: Mapping[str, Account] | None = None
    contact_points: Mapping[str, ContactPoint] = field(default_factory=lambda: MappingProxyType({}))
    states: tuple[State, ...] = ()
    preferences: tuple[Preference, ...] = ()
    consents: tuple[Consent, ...] = ()
    contacts: Sequence[Contact] = ()
    notices: tuple[Notice, ...] | None = None
    has_unreadable_preference: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A contact that somebody would like to make. ``party`` None: the contact point's; ``visitors``: people on a visit."""

    customer_id: str
    at: datetime
    channel: str
    account_ids: tuple[str, ...] = ()
    contact_point_id: str | None = None
    party: str | None = None
    purpose: str = "remind"
    automated: bool = False
    text_id: str | None = None
    in_reply_to: str | None = None
    visitors: int | None = None
    attempt_id: str = ""


def instant_number(at: datetime) -> int:
    """An instant as microseconds UTC. Raises ValueError when it says no offset."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no offset. Write it like 2026-04-02T10:00:00-04:00")
    return (at - _EPOCH) // _US


def instant_of(number: int) -> datetime:
    """The instant (UTC) of a number of microseconds."""
    return _EPOCH + timedelta(microseconds=number)


_BARE = {"not_place": "place", "not_channel": "channel"}
"""The preferences that may be written as one word, and the key that it stands for."""


def read_preference(kind: str, detail: Mapping[str, Any] | str) -> Preference:
    """A preference from its keys, or a place's or channel's bare name, as in a case. Raises ValueError saying what is wrong."""
    codes.code(codes.PREFERENCES, kind)
    if isinstance(detail, str):
        if kind not in _BARE:
            raise ValueError(f'{kind}: {detail!r} is no set of keys like {{weekdays: [tue], from: "12:00"}}')
        detail = {_BARE[kind]: detail}
    known = {"weekdays", "from", "to", "since", "until", "place", "channel", "contact_point_id"}
    unknown = set(detail) - known
    if unknown:
        raise ValueError(f"{sorted(unknown)[0]!r} is not known. Known: {', '.join(sorted(known))}")
    needed = _BARE.get(kind)
    if needed and detail.get(needed) is None:
        raise ValueError(f"{kind} needs {needed}")
    weekdays = detail.get("weekdays")
    if weekdays is not None:
        weekdays = [weekdays] if isinstance(weekdays, str) else weekdays
        weekdays = codes.mask(codes.WEEKDAYS, [str(day).strip().lower()[:3] for day in weekdays])
    since, until = _moment(detail.get("since")), _moment(detail.get("until"))
    if isinstance(until, datetime):
        until = until.date()
    if detail.get("place") is not None:
        codes.code(codes.PLACES, detail["place"])
    if detail.get("channel") is not None:
        codes.code(codes.CHANNELS, detail["channel"])
    return Preference(
        kind=kind,
        weekdays=codes.ALL if weekdays is None else weekdays,
        opens=read_clock(_said(detail, "from", "00:00")),
        closes=read_clock(_said(detail, "to", "24:00")),
        since=since,
        until=until,
        place=detail.get("place"),
        channel=detail.get("channel"),
        contact_point_id=detail.get("contact_point_id"),
    )


def preference_of_tape(kind: str, detail: str) -> Preference:
    """A preference from a tape's ``detail``: a JSON object with a law case's keys, or for a place or channel its bare name.

    Raises ValueError saying what is wrong.
    """
    text = detail.strip()
    if not text.startswith("{"):
        if kind in codes.PREFERENCES and kind not in _BARE:
            raise ValueError(f'{detail!r} is no JSON object like {{"weekdays": ["tue"], "from": "12:00"}}')
        return read_preference(kind, text)
    values = json.loads(text)
    return read_preference(kind, values)


def _said(detail: Mapping[str, Any], key: str, default: str) -> Any:
    return default if detail.get(key) is None else detail[key]


def read_clock(value: Any) -> int:
    """A local clock time as microseconds after midnight. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):  # YAML 1.1 reads an unquoted 12:00 as base 60
        return value * 60_000_000
    return clock(value)


def _moment(value: Any) -> date | datetime | None:
    if value is None or isinstance(value, date):
        return value
    text = str(value)
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
