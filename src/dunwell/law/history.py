"""Past contacts as the gate's pass reads them: by person and instant, from rows in any order."""

from typing import Any

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


class History:
    """The contacts as arrays, and the person's own among them by their id: only those can be answered."""

    def __init__(self, contacts: pl.DataFrame | None, numbering: Numbering, points: arrays.Points) -> None:
        self._own: Ids | None = None
        self._own_rows = np.zeros(0, np.int64)
        if contacts is None:
            none, nobody = np.zeros(0, np.int64), np.zeros(len(numbering.people) + 1, np.int64)
            self.contacts = arrays.Contacts(
                nobody, none, none, none, none, none, none, none, np.zeros(1, np.int64), none
            )
            return
        rows = grouped(numbering.person(contacts), instants(contacts["at"], NEVER), len(numbering.people))
        channel, direction, party, outcome, point = _gathered(contacts, rows.order, numbering, points)
        if "contact_id" in contacts.columns:
            self._own_rows = np.flatnonzero(direction == IN)
            self._own = Ids(contacts["contact_id"].gather(rows.order[self._own_rows]))
        reply = self.reply(contacts)
        has_replies = bool((reply != NONE).any())
        debt_first, debts = _debts(contacts, rows.order, numbering)
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

    def reply(self, rows: pl.DataFrame) -> Ints:
        """Which of the person's own contacts each row answers; NONE for none, or one that is not there."""
        if self._own is None or not len(self._own) or "in_reply_to" not in rows.columns:
            return np.full(rows.height, NONE, np.int64)
        places = np.concatenate([self._own_rows, [NONE, NONE]])
        return places[self._own.numbers(rows["in_reply_to"])]


def _gathered(
    contacts: pl.DataFrame, order: Numbers, numbering: Numbering, points: arrays.Points
) -> list[Ints]:
    """Channel, direction, party, outcome and contact point, in order."""
    said = np.empty((contacts.height, 4), np.int8)
    for column, (name, words) in enumerate(
        (
            ("channel", codes.CHANNELS),
            ("direction", codes.DIRECTIONS),
            ("party", codes.PARTIES),
            ("outcome", codes.OUTCOMES),
        )
    ):
        said[:, column] = coded(contacts[name], words).to_numpy()
    has_points = "contact_point_id" in contacts.columns
    point_of = numbering.point(contacts) if has_points else np.zeros(0, np.int32)
    channel, direction, party, outcome, point = (np.empty(order.size, np.int64) for _ in range(5))

    def gather(low: int, high: int) -> None:
        _gather(order, said, point_of, points.party, low, high, channel, direction, party, outcome, point)

    each_span(gather, order.size)
    return [channel, direction, party, outcome, point]


def _debts(contacts: pl.DataFrame, order: Numbers, numbering: Numbering) -> tuple[Ints, Ints]:
    """The debts that each contact names, in order."""
    named_first, accounts = numbering.account_lists(contacts)
    first = np.zeros(order.size + 1, np.int64)
    if not accounts.size:
        return first, np.zeros(0, np.int64)
    np.cumsum(np.diff(named_first)[order], out=first[1:])
    debts, named = np.empty(int(first[-1]), np.int64), numbering.debt_of[accounts]
    each_span(lambda low, high: _copy(order, named_first, named, low, high, first, debts), order.size)
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
