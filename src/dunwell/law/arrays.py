"""What the gate's pass reads: everything about the people in arrays, grouped by person and sorted by time.

One layout for one person and for millions. Words are the numbers of ``codes``; instants are microseconds UTC,
days are days since 1970-01-01; ``NEVER`` is the instant that does not come, ``NONE`` stands for nothing said.
``first`` arrays have one entry more than there are owners: owner i has the rows ``first[i]`` to ``first[i + 1]``.
Debts are numbers given by the builder; accounts of one group share a number.
"""

from typing import Any, NamedTuple

NEVER = 2**62
NONE = -1


class People(NamedTuple):
    """The persons. ``zone_first``/``zones``: the zones that the records point to. ``has_unknown_zone``: one of them is
    no zone, or there is none. ``is_unreadable``: something they asked for cannot be read. ``has_notices``: 1 when the
    records say which notices were given.
    """

    zone_first: Any
    zones: Any
    has_unknown_zone: Any
    is_unreadable: Any
    has_notices: Any


class Points(NamedTuple):
    """Contact points by number: kind, party, place and from when it is known to be somebody else's (NEVER)."""

    kind: Any
    party: Any
    place: Any
    not_theirs_at: Any


class Contacts(NamedTuple):
    """Past contacts by person and instant. ``debt_first``/``debts``: the debts each names (none: all of the person's).

    ``reply``: the row of the contact that it answers, or NONE.
    """

    first: Any
    at: Any
    channel: Any
    direction: Any
    party: Any
    outcome: Any
    point: Any
    reply: Any
    debt_first: Any
    debts: Any


class States(NamedTuple):
    """Holds and death by person, a row a state and debt (NONE: all debts). ``since`` and ``until`` are instants, or days where
    the flag says so; a last day is inclusive, an instant is not.
    """

    first: Any
    kind: Any
    since: Any
    since_is_day: Any
    until: Any
    until_is_day: Any
    debt: Any


class Preferences(NamedTuple):
    """What people asked for. Clock times are microseconds after local midnight; ``from_day`` and ``to_day`` inclusive civil days.
    A place or a channel is barred from ``from_day`` on the local clock and from the instant ``since``, whichever is later.
    """

    first: Any
    kind: Any
    weekdays: Any
    opens: Any
    closes: Any
    from_day: Any
    to_day: Any
    place: Any
    channel: Any
    point: Any
    since: Any


class Consents(NamedTuple):
    """What people agreed to, a row a consent and debt (NONE: all debts). ``opens`` NONE: no hours were agreed."""

    first: Any
    channel: Any
    point: Any
    given: Any
    withdrawn: Any
    days: Any
    opens: Any
    closes: Any
    source: Any
    debt: Any


class Notices(NamedTuple):
    """Notices given, a row a notice and debt (NONE: all debts)."""

    first: Any
    kind: Any
    sent: Any
    debt: Any


class Records(NamedTuple):
    """All that is known, for the pass."""

    people: People
    points: Points
    contacts: Contacts
    states: States
    preferences: Preferences
    consents: Consents
    notices: Notices


class Attempts(NamedTuple):
    """The contacts that somebody would like to make.

    ``person`` NONE: unknown. ``has_unknown_account``: it names a debt that the records do not know. ``reply``: the row of
    the contact it answers; NONE when it answers none, or one that is not there. ``visitors`` NONE: not said.
    ``past_due`` stands beside ``debts``: days past due, NONE when not known.
    """

    person: Any
    at: Any
    channel: Any
    party: Any
    purpose: Any
    point: Any
    reply: Any
    visitors: Any
    has_unknown_account: Any
    debt_first: Any
    debts: Any
    past_due: Any


class Law(NamedTuple):
    """The rules in rows (``kinds``), for one actor; ``calendars``: a row a calendar, a class a day from ``calendar_start``."""

    rules: Any
    actor: int
    calendars: Any
    calendar_start: int
    zones: Any
