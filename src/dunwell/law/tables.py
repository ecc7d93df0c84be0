"""The book's frames as the arrays of the gate's pass: millions of people at once, grouped by person.

The twin of ``person.PersonArrays``: the same layout, the same meaning. ``TableRecords`` groups the history once; any
number of attempts can then be held against it.
"""

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
import polars as pl

from dunwell.law import arrays, codes, standing
from dunwell.law.arrays import NEVER, NONE
from dunwell.law.columns import Ints, code_numbers, instants, ints
from dunwell.law.compiling import jit
from dunwell.law.grouping import grouped
from dunwell.law.history import SELF, History, with_known_owner
from dunwell.law.ids import Ids, Numbers
from dunwell.law.numbering import UNSEEN_DEBT, Numbering
from dunwell.law.spans import each_span
from dunwell.law.zones import is_zone

_MOBILE, _WORK = codes.PLACES.index("mobile"), codes.PLACES.index("work")


class TableRecords:
    """Everything the tables say about the people, as arrays.

    ``tables``: typed frames by name, as the book hands them out (customers; and of accounts, contact_points, contacts, holds,
    consents, preferences, notices those there are). ``past_due``: account_id and past_due_days, where they are known.
    """

    def __init__(self, tables: Mapping[str, pl.DataFrame], past_due: pl.DataFrame | None = None) -> None:
        self._numbering = Numbering(tables, past_due)
        self._late = self._days_past_due(past_due)
        people = len(self._numbering.people)
        owners = self._numbering.owner_of[:-2]
        self._owned = grouped(owners, np.zeros(owners.size, np.int64), people)
        self.zone_names, zone_first, zones, has_unknown = self._zones(tables)
        preferences, unreadable = standing.preferences(tables.get("preferences"), self._numbering)
        has_notices = np.full(people, int(tables.get("notices") is not None), np.int64)
        points = self._points(tables.get("contact_points"))
        self._history = History(tables.get("contacts"), self._numbering, points)
        self.records = arrays.Records(
            arrays.People(zone_first, zones, has_unknown, unreadable, has_notices),
            points,
            self._history.contacts,
            standing.states(tables, self._numbering),
            preferences,
            standing.consents(tables.get("consents"), self._numbering),
            standing.notices(tables.get("notices"), self._numbering),
        )

    def renewed(
        self, tables: Mapping[str, pl.DataFrame], past_due: pl.DataFrame | None = None
    ) -> "TableRecords":
        """The records after rows were added below those of contacts, holds or preferences, with the other tables as they were: as
        ``TableRecords(tables, past_due)``, for a fraction of its time. Days that pass one after another ask for it.
        """
        if self._numbering.is_changed_by(tables, self._history.contact_count):
            return TableRecords(tables, past_due)
        new = copy(self)
        new._late = self._days_past_due(past_due)
        new._history = History(
            tables.get("contacts"), self._numbering, self.records.points, known=self._history
        )
        preferences, unreadable = standing.preferences(tables.get("preferences"), self._numbering)
        new.records = self.records._replace(
            people=self.records.people._replace(is_unreadable=unreadable),
            contacts=new._history.contacts,
            states=standing.states(tables, self._numbering),
            preferences=preferences,
        )
        return new

    def people(self, customer_ids: pl.Series) -> Ints:
        """The numbers of people, NONE for whom the records do not know."""
        return np.maximum(self._numbering.people.numbers(customer_ids), NONE).astype(np.int64)

    def points_of(self, contact_point_ids: pl.Series) -> Ints:
        """The numbers of contact points, NONE where none is said."""
        return self._numbering.point(contact_point_ids.to_frame("contact_point_id")).astype(np.int64)

    def attempts_to(self, person: Ints, at: Ints, channel: str, purpose: str, point: Ints) -> arrays.Attempts:
        """Attempts by one channel for one purpose to people (``people``) at contact points (``points_of``), about all of their
        debts: what ``attempts`` makes of a frame that says so. ``at``: microseconds UTC.
        """
        count, none = person.size, np.full(person.size, NONE, np.int64)
        first, debts, past_due, is_strange = self._debts_of(
            person, np.zeros(count + 1, np.int64), np.zeros(0, np.int32)
        )
        return arrays.Attempts(
            person,
            at,
            np.full(count, codes.code(codes.CHANNELS, channel), np.int64),
            with_known_owner(np.full(count, SELF, np.int64), point, self.records.points),
            np.full(count, codes.code(codes.PURPOSES, purpose), np.int64),
            point,
            none,
            none,
            is_strange,
            first,
            debts,
            past_due,
        )

    def _days_past_due(self, past_due: pl.DataFrame | None) -> Ints:
        """By account; NONE where they are not known."""
        late = np.full(len(self._numbering.accounts), NONE, np.int64)
        if past_due is not None:
            account = self._numbering.accounts.numbers(past_due["account_id"])
            days = ints(past_due["past_due_days"].cast(pl.Int64).fill_null(NONE))
            late[account[account >= 0]] = days[account >= 0]
        return late

    def _zones(self, tables: Mapping[str, pl.DataFrame]) -> tuple[tuple[str, ...], Ints, Ints, Ints]:
        """Every zone that the records of a person point to, their own and those of their own contact points: the names of the
        zones, where each person's begin and which they are, and who has one that does not exist, or none.
        """
        people = self._numbering.people
        said = [(np.arange(len(people), dtype=np.int64), tables["customers"]["timezone"].cast(pl.String))]
        if "contact_points" in tables:
            is_own = (pl.col("party") == "self") & pl.col("not_theirs_from").is_null()
            own = tables["contact_points"].filter(is_own)
            owner = people.numbers(own["customer_id"]).astype(np.int64)
            said.append((owner, own["timezone"].cast(pl.String)))
        named = Ids(pl.concat([zones.unique() for _, zones in said]).drop_nulls().unique().sort())
        parts = [(person, named.numbers(zones)) for person, zones in said]
        pairs = [
            person[is_told] * len(named) + zones[is_told]
            for person, zones in parts
            for is_told in [(person >= 0) & (zones >= 0)]
        ]
        told = np.sort(np.concatenate(pairs))
        person, zone = np.divmod(told[np.diff(told, prepend=-1) != 0], max(1, len(named)))
        is_known = np.array([is_zone(name) for name in named.ids], bool)
        has_unknown = np.zeros(len(people), np.int64)
        has_unknown[person[~is_known[zone]]] = 1
        person, zone = person[is_known[zone]], zone[is_known[zone]]
        counts = np.bincount(person, minlength=len(people))
        has_unknown[counts == 0] = 1
        first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        numbers = np.cumsum(is_known, dtype=np.int64) - 1
        names = tuple(name for name, known in zip(named.ids, is_known, strict=True) if known)
        return names, first, numbers[zone], has_unknown

    def _points(self, points: pl.DataFrame | None) -> arrays.Points:
        # The last stands for a contact point that the records have never seen.
        count = len(self._numbering.points) + 1
        kind, party = np.full(count, NONE, np.int64), np.full(count, NONE, np.int64)
        place, not_theirs = np.zeros(count, np.int64), np.full(count, NEVER, np.int64)
        if points is not None and points.height:
            known = slice(0, points.height)
            kind[known] = code_numbers(points["kind"], codes.POINT_KINDS)
            party[known] = code_numbers(points["party"], codes.PARTIES)
            said = code_numbers(points["place"], codes.PLACES)
            is_employers = party[known] == codes.PARTIES.index("employer")
            place[known] = np.where(said == NONE, np.where(is_employers, _WORK, 0), said)
            place[known][kind[known] == codes.POINT_KINDS.index("mobile")] = _MOBILE
            not_theirs[known] = instants(points["not_theirs_from"], NEVER)
        return arrays.Points(kind, party, place, not_theirs)

    def attempts(self, frame: pl.DataFrame) -> arrays.Attempts:
        """Attempts as arrays, in their order.

        Columns: customer_id, at, channel; and where they are given account_ids, contact_point_id, party, purpose,
        in_reply_to, visitors.
        """
        person = self._numbering.person(frame).astype(np.int64)
        point = self._numbering.point(frame).astype(np.int64)
        said = self._said(frame, "party", codes.PARTIES, SELF)
        party = with_known_owner(np.where(said == NONE, SELF, said), point, self.records.points)
        visitors = np.full(frame.height, NONE, np.int64)
        if "visitors" in frame.columns:
            visitors = ints(frame["visitors"].cast(pl.Int64).fill_null(NONE))
        debt_first, debts, past_due, is_strange = self._attempt_debts(frame, person)
        return arrays.Attempts(
            person,
            instants(frame["at"], NEVER),
            code_numbers(frame["channel"], codes.CHANNELS),
            party,
            self._said(frame, "purpose", codes.PURPOSES, 0),
            point,
            self._history.reply(frame),
            visitors,
            is_strange,
            debt_first,
            debts,
            past_due,
        )

    @staticmethod
    def _said(frame: pl.DataFrame, name: str, words: tuple[str, ...], default: int) -> Ints:
        """A column of words that may be missing, whole or in places."""
        if name not in frame.columns:
            return np.full(frame.height, default, np.int64)
        return np.where(frame[name].is_null().to_numpy(), default, code_numbers(frame[name], words))

    def _attempt_debts(self, frame: pl.DataFrame, person: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """The debts of attempts and their days past due; one that names none is about all of the person's. And which name a
        debt that the records do not know to be the person's.
        """
        return self._debts_of(person, *self._numbering.account_lists(frame))

    def _debts_of(self, person: Ints, named_first: Ints, accounts: Numbers) -> tuple[Ints, Ints, Ints, Ints]:
        count = person.size
        is_strange, first = np.zeros(count, np.int64), np.zeros(count + 1, np.int64)
        owned_first, owned = self._owned.first, self._owned.order
        _count_debts(person, named_first, owned_first, first)
        debts, past_due = np.empty(int(first[-1]), np.int64), np.empty(int(first[-1]), np.int64)
        debt_of, owner_of, has_accounts = (
            self._numbering.debt_of,
            self._numbering.owner_of,
            self._numbering.has_accounts,
        )

        def fill(low: int, high: int) -> None:
            _fill_debts(
                person,
                named_first,
                accounts,
                owned_first,
                owned,
                debt_of,
                owner_of,
                self._late,
                has_accounts,
                low,
                high,
                first,
                debts,
                past_due,
                is_strange,
            )

        each_span(fill, count)
        return first, debts, past_due, is_strange


@jit
def _count_debts(person: Any, named_first: Any, owned_first: Any, first: Any) -> None:
    for attempt in range(person.size):
        count = named_first[attempt + 1] - named_first[attempt]
        if count == 0 and person[attempt] >= 0:
            count = owned_first[person[attempt] + 1] - owned_first[person[attempt]]
        first[attempt + 1] = first[attempt] + count


@jit
def _fill_debts(
    person: Any,
    named_first: Any,
    accounts: Any,
    owned_first: Any,
    owned: Any,
    debt_of: Any,
    owner_of: Any,
    late: Any,
    has_accounts: bool,
    low: int,
    high: int,
    first: Any,
    debts: Any,
    past_due: Any,
    is_strange: Any,
) -> None:
    for attempt in range(low, high):
        is_named = named_first[attempt] < named_first[attempt + 1]
        for number in range(first[attempt + 1] - first[attempt]):
            first_owned = owned_first[person[attempt]]
            account = accounts[named_first[attempt] + number] if is_named else owned[first_owned + number]
            place = first[attempt] + number
            if account < 0:
                debts[place], past_due[place] = UNSEEN_DEBT, NONE
                is_strange[attempt] = int(has_accounts)
                continue
            debts[place], past_due[place] = debt_of[account], late[account]
            if has_accounts and owner_of[account] != person[attempt]:
                is_strange[attempt] = 1
