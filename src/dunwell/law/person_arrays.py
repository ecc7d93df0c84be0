"""How one person and the attempts to contact them become the arrays that the gate's pass reads."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from dunwell.calendars import DAY_MAX, DAY_MIN, day_number
from dunwell.law import arrays, codes
from dunwell.law.addresses import same_points
from dunwell.law.arrays import NEVER, NONE
from dunwell.law.kinds import FOREVER
from dunwell.law.person import Attempt, ContactPoint, Person, Preference, instant_number
from dunwell.law.zones import is_zone

_FIRST, _LAST = day_number(DAY_MIN), day_number(DAY_MAX)

_PLACE_WORK = codes.PLACES.index("work")


class _Numbers:
    """Numbers for ids as they come."""

    def __init__(self) -> None:
        self.of: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        return self.of.setdefault(name, len(self.of))


def _ints(values: Iterable[int]) -> NDArray[np.int64]:
    return np.array(values if type(values) is tuple else list(values), np.int64)


def _columns(rows: Sequence[Sequence[int]], count: int) -> list[NDArray[np.int64]]:
    if not rows:
        return [np.zeros(0, np.int64)] * count
    table = np.array(rows, np.int64)
    return [np.ascontiguousarray(table[:, column]) for column in range(count)]


def _day(value: date | datetime | None, default: int) -> int:
    if value is None:
        return default
    return day_number(value.date() if isinstance(value, datetime) else value)


def _party(party: str | None, point: ContactPoint | None) -> int:
    """The party that a contact is with: the contact point's owner, where the records know better."""
    if party is None or party == "self":
        return codes.PARTIES.index(point.party if point is not None else party or "self")
    return codes.PARTIES.index(party)


def _place(point: ContactPoint) -> int:
    if point.kind == "mobile":
        return codes.PLACES.index("mobile")
    if point.place is not None:
        return codes.PLACES.index(point.place)
    return _PLACE_WORK if point.party == "employer" else 0


class PersonArrays:
    """One person's records as arrays, made once; ``attempts`` encodes attempts to contact them."""

    def __init__(self, person: Person, zones: "ZoneNumbers") -> None:
        self.person = person
        self._points, self._debts = _Numbers(), _Numbers()
        self._contact_rows: dict[str, int] = {}
        valid = [name for name in person.timezones if is_zone(name)]
        contacts = self._contacts()
        states = self._states()
        preferences = self._preferences()
        consents = self._consents()
        notices = self._notices()
        people = arrays.People(
            zone_first=_ints((0, len(valid))),
            zones=_ints(zones(name) for name in valid),
            has_unknown_zone=_ints((int(len(valid) < len(person.timezones) or not valid),)),
            is_unreadable=_ints((int(person.has_unreadable_preference),)),
            has_notices=_ints((int(person.notices is not None),)),
        )
        for name in person.contact_points:
            self._points(name)
        self.records = arrays.Records(
            people, self._point_arrays(), contacts, states, preferences, consents, notices
        )

    def debt(self, account_id: str) -> int:
        """The number of a debt; accounts of one group share it."""
        account = (self.person.accounts or {}).get(account_id)
        grouped = account is not None and account.group is not None
        return self._debts(f"group {account.group}" if account and grouped else f"account {account_id}")

    def _debt_rows(self, debts: tuple[str, ...]) -> list[int]:
        return [self.debt(name) for name in debts] or [NONE]

    def _point(self, name: str | None) -> int:
        return NONE if name is None else self._points(name)

    def _point_arrays(self) -> arrays.Points:
        known = [self.person.contact_points.get(name) for name in self._points.of]
        known.append(None)  # the last stands for a contact point that the records have never seen
        kinds = codes.POINT_KINDS
        return arrays.Points(
            kind=_ints(NONE if p is None or p.kind is None else kinds.index(p.kind) for p in known),
            party=_ints(NONE if p is None else codes.PARTIES.index(p.party) for p in known),
            place=_ints(0 if p is None else _place(p) for p in known),
            not_theirs_at=_ints(
                NEVER if p is None or p.not_theirs_from is None else instant_number(p.not_theirs_from)
                for p in known
            ),
        )

    def _contacts(self) -> arrays.Contacts:
        past = sorted(self.person.contacts, key=lambda contact: contact.at)
        for row, contact in enumerate(past):
            if contact.contact_id is not None:
                self._contact_rows[contact.contact_id] = row
        rows = [
            (
                instant_number(c.at),
                codes.CHANNELS.index(c.channel),
                codes.DIRECTIONS.index(c.direction),
                _party(c.party, self.person.contact_points.get(c.contact_point_id or "")),
                codes.OUTCOMES.index(c.outcome),
                self._point(c.contact_point_id),
                self._contact_rows.get(c.in_reply_to or "", NONE),
            )
            for c in past
        ]
        at, channel, direction, party, outcome, point, reply = _columns(rows, 7)
        first, debts = [0], []
        for contact in past:
            debts += [self.debt(name) for name in contact.debts]
            first.append(len(debts))
        return arrays.Contacts(
            _ints((0, len(rows))),
            at,
            channel,
            direction,
            party,
            outcome,
            point,
            reply,
            _ints(first),
            _ints(debts),
        )

    def _states(self) -> arrays.States:
        rows = [
            (
                codes.STATES.index(state.kind),
                *_instant_or_day(state.since),
                *((NEVER, 0) if state.until is None else _instant_or_day(state.until)),
                debt,
            )
            for state in self.person.states
            for debt in self._debt_rows(state.debts)
        ]
        return arrays.States(_ints((0, len(rows))), *_columns(rows, 6))

    def _points_meant(self, name: str | None) -> list[int]:
        """The numbers of the contact points that a wish is about: of every id of the number that it names."""
        if name is None:
            return [NONE]
        return [self._points(one) for one in same_points(self.person.contact_points, name)]

    def _preferences(self) -> arrays.Preferences:
        rows = [
            preference_row(asked, point)
            for asked in self.person.preferences
            for point in self._points_meant(asked.contact_point_id)
        ]
        return arrays.Preferences(_ints((0, len(rows))), *_columns(rows, 10))

    def _consents(self) -> arrays.Consents:
        rows = [
            (
                NONE if consent.channel is None else codes.CHANNELS.index(consent.channel),
                self._point(consent.contact_point_id),
                instant_number(consent.given_at),
                NEVER if consent.withdrawn_at is None else instant_number(consent.withdrawn_at),
                FOREVER if consent.days is None else consent.days,
                *(consent.hours or (NONE, NONE)),
                codes.SOURCES.index(consent.source)
                if consent.source in codes.SOURCES
                else len(codes.SOURCES),
                debt,
            )
            for consent in self.person.consents
            for debt in self._debt_rows(consent.debts)
        ]
        return arrays.Consents(_ints((0, len(rows))), *_columns(rows, 9))

    def _notices(self) -> arrays.Notices:
        rows = [
            (codes.NOTICES.index(notice.kind), instant_number(notice.sent_at), debt)
            for notice in self.person.notices or ()
            for debt in self._debt_rows(notice.debts)
        ]
        return arrays.Notices(_ints((0, len(rows))), *_columns(rows, 3))

    def attempts(self, attempts: Sequence[Attempt]) -> arrays.Attempts:
        """Attempts to contact this person as arrays."""
        accounts = self.person.accounts
        rows, first, debts, past_due = [], [0], [], []
        for attempt in attempts:
            named = attempt.account_ids or tuple(accounts or ())
            known = [accounts.get(name) if accounts is not None else None for name in named]
            is_strange = accounts is not None and any(account is None for account in known)
            debts += [self.debt(name) for name in named]
            past_due += [NONE if a is None or a.past_due_days is None else a.past_due_days for a in known]
            first.append(len(debts))
            point = attempt.contact_point_id
            unseen = self.records.points.kind.size - 1
            number = NONE if point is None else min(self._points.of.get(point, unseen), unseen)
            rows.append(
                (
                    0,
                    instant_number(attempt.at),
                    codes.code(codes.CHANNELS, attempt.channel),
                    _party(attempt.party, self.person.contact_points.get(point or "")),
                    codes.code(codes.PURPOSES, attempt.purpose),
                    number,
                    self._contact_rows.get(attempt.in_reply_to or "", NONE),
                    NONE if attempt.visitors is None else attempt.visitors,
                    int(is_strange),
                )
            )
        return arrays.Attempts(*[*_columns(rows, 9), _ints(first), _ints(debts), _ints(past_due)])


POINT = 8
"""The column of a preference's row that holds the number of its contact point."""


def preference_row(asked: Preference, point: int) -> tuple[int, ...]:
    """A preference as a row of ``arrays.Preferences`` after ``first``. Times begin with a day; a place or a channel is barred
    from a day or from an instant.
    """
    since, is_instant = asked.since, isinstance(asked.since, datetime)
    is_barred_at_once = is_instant and asked.kind in ("not_place", "not_channel")
    return (
        codes.PREFERENCES.index(asked.kind),
        asked.weekdays,
        asked.opens,
        asked.closes,
        _FIRST if is_barred_at_once else _day(since, _FIRST),
        _day(asked.until, _LAST),
        NONE if asked.place is None else codes.PLACES.index(asked.place),
        NONE if asked.channel is None else codes.CHANNELS.index(asked.channel),
        point,
        instant_number(since) if isinstance(since, datetime) else -NEVER,
    )


def _instant_or_day(value: date | datetime) -> tuple[int, int]:
    if isinstance(value, datetime):
        return instant_number(value), 0
    return day_number(value), 1


class ZoneNumbers:
    """Numbers for the zones in use, and their tables."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """The number of a zone."""
        return self.names.setdefault(name, len(self.names))
