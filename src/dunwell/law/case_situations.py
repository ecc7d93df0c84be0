"""The situation of a law case as its YAML holds it: the person, what is known of them, the attempt, days and instants."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from dunwell.law import codes
from dunwell.law.person import (
    Account,
    Attempt,
    Consent,
    Contact,
    ContactPoint,
    Notice,
    Person,
    State,
    read_clock,
    read_preference,
)

_SELF = "c1"
_CUSTOMER_KEYS = {
    "customer_id",
    "jurisdiction",
    "region",
    "language",
    "timezones",
    "states",
    "preferences",
    "consents",
    "accounts",
    "contact_points",
    "name",
}
_CONTACT_KEYS = {
    "account_ids",
    "at",
    "attempt_id",
    "automated",
    "channel",
    "contact_id",
    "contact_point_id",
    "customer",
    "customer_id",
    "debts",
    "direction",
    "in_reply_to",
    "outcome",
    "party",
    "purpose",
    "text_id",
    "times",
    "visitors",
}
_POINT_KEYS = {"contact_point_id", "kind", "not_theirs_from", "party", "place", "timezone", "value"}
_STATE_KEYS = {"debts", "kind", "received_at", "since", "until", "via"}
_CONSENT_KEYS = {
    "channel",
    "contact_point_id",
    "days",
    "debts",
    "given_at",
    "hours",
    "source",
    "withdrawn_at",
}
_NOTICE_KEYS = {"debts", "kind", "received_at", "sent_at"}
_ACCOUNT_KEYS = {"group", "past_due_days"}


class CaseError(ValueError):
    """A case cannot be read; says which key, what is wrong and the mend."""


def read_attempt(values: Mapping[str, Any]) -> Attempt:
    """A case's attempt. Raises CaseError or ValueError."""
    given = values.get("attempt")
    if not isinstance(given, Mapping):
        raise CaseError('attempt is missing. Write attempt: {at: "...", channel: call}')
    refuse_misspelt(given, _CONTACT_KEYS, "attempt")
    return Attempt(
        customer_id=_SELF,
        at=read_instant(given["at"]),
        channel=str(given.get("channel", "call")),
        account_ids=_debts(given),
        contact_point_id=_text(given.get("contact_point_id")),
        party=_text(given.get("party")),
        purpose=str(given.get("purpose", "remind")),
        automated=bool(given.get("automated", False)),
        text_id=_text(given.get("text_id")),
        in_reply_to=_text(given.get("in_reply_to")),
        visitors=given.get("visitors"),
    )


def read_person(values: Mapping[str, Any]) -> Person | None:
    """A case's customer; None when it has none. Raises CaseError or ValueError."""
    customer = values.get("customer")
    if customer is None:
        return None
    refuse_unknown(customer, _CUSTOMER_KEYS, "customer")

    def said(key: str) -> Any:
        return customer.get(key) if key in customer else values.get(key)

    accounts, notices = said("accounts"), values.get("notices")
    zones = [str(zone) for zone in customer.get("timezones") or ()]
    zones += [str(one["timezone"]) for one in said("contact_points") or () if _tells_zone(one)]
    points = {str(one["contact_point_id"]): _point(one, zones) for one in said("contact_points") or ()}
    return Person(
        customer_id=_SELF,
        timezones=tuple(dict.fromkeys(zones)),
        accounts=None if accounts is None else {str(key): _account(one) for key, one in accounts.items()},
        contact_points=points,
        states=tuple(_state(one) for one in said("states") or ()),
        preferences=tuple(
            read_preference(kind, {} if detail is None else detail)
            for one in said("preferences") or ()
            for kind, detail in one.items()
        ),
        consents=tuple(_consent(one, zones) for one in said("consents") or ()),
        contacts=[contact for one in values.get("history") or () for contact in _contacts(one)],
        notices=None if notices is None else tuple(_notice(one, zones) for one in notices),
    )


def _tells_zone(point: Mapping[str, Any]) -> bool:
    """Whether a contact point tells where the person may be: their own, as in a tape, and not known to be somebody else's."""
    is_own = point.get("party", "self") == "self" and point.get("not_theirs_from") is None
    return is_own and bool(point.get("timezone"))


def _contacts(given: Mapping[str, Any]) -> list[Contact]:
    """A line of history; contacts of other people are none of this person's."""
    refuse_misspelt(given, _CONTACT_KEYS, "history")
    if str(given.get("customer", _SELF)) not in (_SELF, "self"):
        return []
    contact = Contact(
        at=read_instant(given["at"]),
        channel=_known(codes.CHANNELS, given.get("channel", "call")),
        outcome=_known(codes.OUTCOMES, given.get("outcome", "no_answer")),
        debts=_debts(given),
        direction=_known(codes.DIRECTIONS, given.get("direction", "out")),
        party=_known(codes.PARTIES, given.get("party", "self")),
        contact_point_id=_text(given.get("contact_point_id")),
        contact_id=_text(given.get("contact_id")),
        in_reply_to=_text(given.get("in_reply_to")),
    )
    return [contact] * int(given.get("times", 1))


def _account(given: Any) -> Account:
    given = given or {}
    refuse_misspelt(given, _ACCOUNT_KEYS, "accounts")
    return Account(given.get("past_due_days"), _text(given.get("group")))


def _point(given: Mapping[str, Any], zones: Sequence[str]) -> ContactPoint:
    refuse_misspelt(given, _POINT_KEYS, "contact_points")
    since = given.get("not_theirs_from")
    kind, place = given.get("kind"), given.get("place")
    return ContactPoint(
        kind=None if kind is None else _known(codes.POINT_KINDS, kind),
        party=_known(codes.PARTIES, given.get("party", "self")),
        place=None if place is None else _known(codes.PLACES, place),
        not_theirs_from=None if since is None else min(_starts_of(since, zones)),
    )


def _state(given: Mapping[str, Any]) -> State:
    refuse_misspelt(given, _STATE_KEYS, "states")
    since = given.get("since", given.get("received_at"))
    return State(
        kind=_known(codes.STATES, given["kind"]),
        since=date.min if since is None else read_moment(since),
        until=None if given.get("until") is None else read_moment(given["until"]),
        debts=_debts(given),
    )


def _consent(given: Mapping[str, Any], zones: Sequence[str]) -> Consent:
    refuse_misspelt(given, _CONSENT_KEYS, "consents")
    hours, withdrawn = given.get("hours"), given.get("withdrawn_at")
    return Consent(
        given_at=max(_starts_of(given["given_at"], zones)),
        channel=_text(given.get("channel")),
        contact_point_id=_text(given.get("contact_point_id")),
        withdrawn_at=None if withdrawn is None else min(_starts_of(withdrawn, zones)),
        days=given.get("days"),
        hours=None if hours is None else (read_clock(hours[0]), read_clock(hours[1])),
        source=_known(codes.SOURCES, given.get("source", "collector")),
        debts=_debts(given),
    )


def _notice(given: Mapping[str, Any], zones: Sequence[str]) -> Notice:
    refuse_misspelt(given, _NOTICE_KEYS, "notices")
    sent_at = max(_starts_of(given["sent_at"], zones))
    return Notice(_known(codes.NOTICES, given["kind"]), sent_at, _debts(given))


def read_moment(value: Any) -> date | datetime:
    """A day or an instant as YAML or text holds it. Raises ValueError."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return value
    text = str(value).strip()
    if len(text) == 10:
        return date.fromisoformat(text)
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def read_instant(value: Any) -> datetime:
    """An instant with an offset. Raises CaseError for a bare day or an instant without one."""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if not isinstance(value, datetime) and len(str(value).strip()) == 10:
        raise CaseError(f"{value!r} is a day. Write an instant like 2026-04-02T10:00:00-04:00")
    if at.tzinfo is None:
        raise CaseError(f"{value!r} has no offset. Write it like 2026-04-02T10:00:00-04:00, in quotes")
    return at


def read_day(value: Any) -> date:
    """A day. Raises ValueError."""
    found = read_moment(value)
    return found.date() if isinstance(found, datetime) else found


def _starts_of(value: Any, zones: Sequence[str]) -> list[datetime]:
    """An instant; of a bare day its beginning in each of the person's zones, UTC where none is known.

    What gives leave is read from the last of them on, what takes it away from the first.
    """
    found = read_moment(value)
    if isinstance(found, datetime):
        return [found]
    known = [ZoneInfo(zone) for zone in zones if zone in available_timezones()]
    return [datetime.combine(found, time.min, zone).astimezone(UTC) for zone in known or (UTC,)]


def day_of_law(values: Mapping[str, Any]) -> date:
    """The day of law for a language case: the one it names, else the newest law."""
    attempt = values.get("attempt")
    if isinstance(attempt, Mapping) and "at" in attempt:
        return read_day(attempt["at"])
    return date.max


def _known(words: Sequence[str], word: Any) -> str:
    codes.code(words, str(word))
    return str(word)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def texts(value: Any, key: str) -> tuple[str, ...]:
    """One text or a list of them. Raises CaseError for anything else."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list):
        raise CaseError(f"{key} is {value!r}. Write a list")
    return tuple(str(one) for one in value)


def _debts(given: Mapping[str, Any]) -> tuple[str, ...]:
    debts = given.get("debts", given.get("account_ids"))
    if debts is None:
        return ()
    return (debts,) if isinstance(debts, str) else tuple(str(debt) for debt in debts)


def refuse_unknown(values: Mapping[str, Any], known: set[str], what: str) -> None:
    """Raises CaseError for a key that is not known."""
    unknown = sorted(set(values) - known)
    if unknown:
        raise CaseError(f"{what}: {unknown[0]!r} is not known. Known: {', '.join(sorted(known))}")


def refuse_misspelt(values: Mapping[str, Any], known: set[str], what: str) -> None:
    """Raises CaseError for a key that is all but one of the known ones; any other that is not known is a note."""
    for key in sorted(str(key) for key in set(values) - known):
        meant = get_close_matches(key, known, n=1, cutoff=0.8)
        if meant:
            raise CaseError(f"{what}: {key!r} is not known. Write {meant[0]}")
