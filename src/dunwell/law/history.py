"""Past contacts as the gate's pass reads them: by person and instant, from rows in any order."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.law import arrays, codes
from dunwell.law.arrays import NEVER, NONE
from dunwell.law.columns import Ints, coded, instants
from dunwell.law.compiling import jit
from dunwell.law.grouping import grouped
from dunwell.law.ids import Ids, Numbers
from dunwell.law.numbering import Numbering
from dunwell.law.spans import each_span

SELF, IN = codes.PARTIES.index("self"), codes.DIRECTIONS.index("in")

_SAID = {
    "channel": codes.CHANNELS,
    "direction": codes.DIRECTIONS,
    "party": codes.PARTIES,
    "outcome": codes.OUTCOMES,
}
"""The columns of words of a contact."""


class _Numbered(NamedTuple):
    """The contacts' rows in the table's order, as numbers: person, instant, what was said (channel, direction, party, outcome),
    contact point (empty where no row could have one), where each row's debts begin (one entry more than rows), and the debts.
    """

    person: Numbers
    at: Ints
    said: NDArray[np.int8]
    point: Numbers
    debt_first: Ints
    debts: Ints

    @classmethod
    def of(cls, contacts: pl.DataFrame, numbering: Numbering) -> "_Numbered":
        said = np.empty((contacts.height, len(_SAID)), np.int8)
        for column, (name, words) in enumerate(_SAID.items()):
            said[:, column] = coded(contacts[name], words).to_numpy()
        has_points = "contact_point_id" in contacts.columns
        debt_first, accounts = numbering.account_lists(contacts)
        return cls(
            numbering.person(contacts),
            instants(contacts["at"], NEVER),
            said,
            numbering.point(contacts) if has_points else np.zeros(0, np.int32),
            debt_first,
            numbering.debt_of[accounts],
        )

    def continued(self, contacts: pl.DataFrame, numbering: Numbering) -> "_Numbered":
        """The numbers of ``contacts``, whose first rows these are; all anew where they are others."""
        known = self.at.size
        if known > contacts.height or not np.array_equal(instants(contacts["at"][:known], NEVER), self.at):
            return _Numbered.of(contacts, numbering)
        more = _Numbered.of(contacts[known:], numbering)
        if (self.point.size == known) != (more.point.size == more.at.size):
            return _Numbered.of(contacts, numbering)
        return _Numbered(
            np.concatenate([self.person, more.person]),
            np.concatenate([self.at, more.at]),
            np.concatenate([self.said, more.said]),
            np.concatenate([self.point, more.point]),
            np.concatenate([self.debt_first, more.debt_first[1:] + self.debt_first[-1]]),
            np.concatenate([self.debts, more.debts]),
        )


class History:
    """The contacts as arrays, and the person's own among them by their id: only those can be answered."""

    def __init__(
        self,
        contacts: pl.DataFrame | None,
        numbering: Numbering,
        points: arrays.Points,
        known: "History | None" = None,
    ) -> None:
        """``known``: the history of the first rows of these contacts, by the same numbers, where there is one."""
        self._own: Ids | None = None
        self._own_ids = pl.Series("contact_id", [], pl.String)
        self._own_rows = np.zeros(0, np.int64)
        self._numbered: _Numbered | None = None
        if contacts is None:
            none, nobody = np.zeros(0, np.int64), np.zeros(len(numbering.people) + 1, np.int64)
            self.contacts = arrays.Contacts(
                nobody, none, none, none, none, none, none, none, np.zeros(1, np.int64), none
            )
            return
        if known is None or known._numbered is None:
            numbered = _Numbered.of(contacts, numbering)
        else:
            numbered = known._numbered.continued(contacts, numbering)
        self._numbered = numbered
        rows = grouped(numbered.person, numbered.at, len(numbering.people))
        channel, direction, party, outcome, point = _gathered(numbered, rows.order, points)
        if "contact_id" in contacts.columns:
            self._own_rows = np.flatnonzero(direction == IN)
            self._own_ids = contacts["contact_id"].gather(rows.order[self._own_rows])
        reply = self.reply(contacts)
        has_replies = bool((reply != NONE).any())
        debt_first, debts = _debts(numbered, rows.order)
        self.contacts = arrays.Contacts(
            rows.first,
            rows.at,
            channel,
            direction,
            party,
            outcome,
            point,
            reply[rows.order] if has_replies else np.full(rows.order.size, NONE, np.int64),
            debt_first,
            debts,
        )

    @property
    def contact_count(self) -> int:
        """How many contacts there are, those of unknown people too."""
        return 0 if self._numbered is None else self._numbered.at.size

    def reply(self, rows: pl.DataFrame) -> Ints:
        """Which of the person's own contacts each row answers; NONE for none, or one that is not there."""
        asked = rows["in_reply_to"] if "in_reply_to" in rows.columns else None
        if not len(self._own_ids) or asked is None or asked.null_count() == len(asked):
            return np.full(rows.height, NONE, np.int64)
        self._own = self._own or Ids(self._own_ids)
        places = np.concatenate([self._own_rows, [NONE, NONE]])
        return places[self._own.numbers(asked)]


def _gathered(numbered: _Numbered, order: Numbers, points: arrays.Points) -> list[Ints]:
    """Channel, direction, party, outcome and contact point, in order."""
    channel, direction, party, outcome, point = (np.empty(order.size, np.int64) for _ in range(5))
    said, point_of = numbered.said, numbered.point

    def gather(low: int, high: int) -> None:
        _gather(order, said, point_of, points.party, low, high, channel, direction, party, outcome, point)

    each_span(gather, order.size)
    return [channel, direction, party, outcome, point]


def _debts(numbered: _Numbered, order: Numbers) -> tuple[Ints, Ints]:
    """The debts that each contact names, in order."""
    first, named = np.zeros(order.size + 1, np.int64), numbered.debts
    if not named.size:
        return first, np.zeros(0, np.int64)
    np.cumsum(np.diff(numbered.debt_first)[order], out=first[1:])
    debts = np.empty(int(first[-1]), np.int64)
    each_span(lambda low, high: _copy(order, numbered.debt_first, named, low, high, first, debts), order.size)
    return first, debts


def with_known_owner(party: Ints, point: NDArray[Any], points: arrays.Points) -> Ints:
    """The party a contact is with: the contact point's owner, where the records know better."""
    owner = np.where(point == NONE, NONE, points.party[point])
    return np.where((party == SELF) & (owner != NONE), owner, party)


@jit
def _gather(
    order: Any,
    said: Any,
    point_of: Any,
    point_party: Any,
    low: int,
    high: int,
    channel: Any,
    direction: Any,
    party: Any,
    outcome: Any,
    point: Any,
) -> None:
    """All of a row at once, since rows lie apart; with no contact points at all ``point_of`` is empty."""
    for place in range(low, high):
        row = order[place]
        channel[place], direction[place] = said[row, 0], said[row, 1]
        party[place], outcome[place] = said[row, 2], said[row, 3]
        point[place] = point_of[row] if point_of.size > 0 else NONE
        if party[place] == SELF and point[place] != NONE and point_party[point[place]] != NONE:
            party[place] = point_party[point[place]]


@jit
def _copy(order: Any, from_first: Any, named: Any, low: int, high: int, first: Any, debts: Any) -> None:
    for place in range(low, high):
        start = from_first[order[place]]
        for number in range(first[place + 1] - first[place]):
            debts[first[place] + number] = named[start + number]
