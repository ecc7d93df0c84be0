"""The gate: may this contact be made, by whom, to whom, now; and if not, why and from when.

``Gate.check`` answers for one person, ``Gate.check_records`` for arrays of millions; both run the same pass. It fails
closed: what the records do not know is a refusal with that reason. There is no switch that turns it off.
"""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property
from hashlib import sha256
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from dunwell.calendars import FIRST_DAY_NUMBER
from dunwell.law import codes, kernel, kinds
from dunwell.law.arrays import NEVER, Attempts, Law, Records
from dunwell.law.pack import Pack, Rule, shipped_packs
from dunwell.law.person import Attempt, Person, instant_of
from dunwell.law.person_arrays import PersonArrays, ZoneNumbers
from dunwell.law.workdays import Calendar, calendar_table, read_calendars
from dunwell.law.zones import Zones, zone_tables

GATE_CITATION = "dunwell: the gate fails closed"

_SPAN = 1 << 15


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a contact is refused: the rule's id, where it stands, what breaking it means, and a plain sentence."""

    rule: str
    citation: str
    effect: str
    detail: str


@dataclass(frozen=True, slots=True)
class Obligation:
    """A notice that a contact makes due, and the last day to send it."""

    notice: str
    due_by: date


@dataclass(frozen=True, slots=True)
class Verdict:
    """The gate's answer. ``not_before``: the earliest instant at which the same attempt would be allowed; None when it is
    allowed, when nothing known will end the refusal, and when the gate fails closed.
    """

    attempt_id: str
    allowed: bool
    reasons: tuple[Reason, ...]
    not_before: datetime | None
    owes: tuple[Obligation, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """The pass's answers for many attempts: ``refused`` a bit a rule, ``flags`` of ``kernel``, ``not_before`` in
    microseconds UTC (NEVER: none), ``owed`` an instant a rule that makes a notice due (NEVER: nothing).
    """

    refused: NDArray[np.uint64]
    flags: NDArray[np.int64]
    not_before: NDArray[np.int64]
    owed: NDArray[np.int64]


_GATE_REASONS = {
    kernel.UNKNOWN_PERSON: Reason(
        "gate.unknown-customer", GATE_CITATION, "missing", "The records do not know this person."
    ),
    kernel.UNKNOWN_ACCOUNT: Reason(
        "gate.unknown-account", GATE_CITATION, "missing", "The records do not know a debt that is named."
    ),
    kernel.UNKNOWN_ZONE: Reason(
        "gate.unknown-timezone",
        GATE_CITATION,
        "missing",
        "The records do not say in which time zone the person is, or name one that does not exist.",
    ),
    kernel.UNKNOWN_CALENDAR: Reason(
        "gate.unknown-calendar",
        GATE_CITATION,
        "missing",
        "The workdays and holidays of that year are not published, or not on record here.",
    ),
    kernel.UNREADABLE: Reason(
        "gate.unreadable-preference",
        GATE_CITATION,
        "missing",
        "The person asked for something that cannot be read; mend the preference's detail.",
    ),
}
"""What the gate says when it cannot judge."""


def unknown_pack(key: str) -> Reason:
    """The refusal when a pack is not there."""
    return Reason("gate.unknown-pack", GATE_CITATION, "missing", f"There is no pack {key!r}.")


class Gate:
    """The rules of some packs for one actor.

    >>> from datetime import datetime
    >>> from dunwell.law import Attempt, Gate, Person
    >>> person = Person("C1", timezones=("America/New_York",))
    >>> late = Attempt(customer_id="C1", at=datetime.fromisoformat("2026-04-02T21:30:00-04:00"), channel="call")
    >>> verdict = Gate(["us-reg-f"], actor="agency").check(late, person)
    >>> verdict.allowed, verdict.reasons[0].rule, verdict.not_before.isoformat()
    (False, 'us-reg-f.hours', '2026-04-03T12:00:00+00:00')
    """

    def __init__(
        self,
        packs: Sequence[str],
        actor: str = "first_party",
        *,
        known: Mapping[str, Pack] | None = None,
        calendars: Mapping[str, Calendar] | None = None,
    ) -> None:
        """``known``: the packs there are, as tightened by a lender (None: as shipped). An unknown pack refuses everything.

        Raises ValueError for an unknown actor.
        """
        available = shipped_packs() if known is None else known
        self.actor = actor
        self._actor_code = codes.code(codes.ACTORS, actor)
        self.missing = tuple(unknown_pack(key) for key in packs if key not in available)
        self.packs = tuple(available[key] for key in dict.fromkeys(packs) if key in available)
        self.rules: tuple[Rule, ...] = tuple(
            rule for pack in self.packs for rule in pack.rules if rule.row is not None
        )
        self._owing = tuple(rule for rule in self.rules if rule.kind == "owes")
        self._calendars = read_calendars() if calendars is None else calendars
        self._tables, self._rows = self._compile()
        self._laws: dict[tuple[str, ...], Law] = {}

    def _compile(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The calendars in use side by side, and the rules' rows with their calendar's number."""
        keys = sorted({rule.calendar for rule in self.rules if rule.calendar is not None})
        tables = [calendar_table(self._calendars[key]) for key in keys if key in self._calendars]
        rows = [list(rule.row or ()) for rule in self.rules]
        for rule, row in zip(self.rules, rows, strict=True):
            if rule.kind == "hours" and rule.calendar is not None:
                row[kinds.CALENDAR] = keys.index(rule.calendar)
        days = np.stack(tables) if tables else np.zeros((1, 1), np.uint8)
        return days, np.array(rows, np.int64).reshape(len(rows), kinds.COLUMN_COUNT)

    def law(self, zones: Sequence[str]) -> Law:
        """The rules as the pass reads them, with the clocks of some zones (numbered in their order)."""
        names = tuple(zones)
        found = self._laws.get(names)
        if found is None:
            found = Law(self._rows, self._actor_code, self._tables, FIRST_DAY_NUMBER, _zones_of(names))
            if len(self._laws) < 4096:
                self._laws[names] = found
        return found

    @cached_property
    def content_hash(self) -> str:
        """The hash of the packs' texts, by which a receipt says under which law it was decided."""
        told = "".join(f"{pack.key}\0{pack.content_hash}\0" for pack in self.packs)
        return sha256(told.encode()).hexdigest()

    def check(self, attempt: Attempt, person: Person | None) -> Verdict:
        """May this contact be made? ``person`` None: the records do not know them."""
        return self.check_several([attempt], person)[0]

    def check_several(self, attempts: Sequence[Attempt], person: Person | None) -> list[Verdict]:
        """The same for several attempts to one person, none of which counts against another."""
        if person is None:
            reasons = (*self.missing, _GATE_REASONS[kernel.UNKNOWN_PERSON])
            return [Verdict(attempt.attempt_id, False, reasons, None) for attempt in attempts]
        numbers = ZoneNumbers()
        known = PersonArrays(person, numbers)
        encoded = known.attempts(attempts)
        judged = self.judge(self.law(tuple(numbers.names)), known.records, encoded)
        zones = tuple(numbers.names)
        return [self.verdict(judged, row, attempt.attempt_id, zones) for row, attempt in enumerate(attempts)]

    def judge(self, law: Law, records: Records, attempts: Attempts, threads: int | None = None) -> Judged:
        """Every attempt through the pass, in threads when there are many."""
        count = attempts.at.size
        words = max(1, (len(self.rules) + 63) // 64)
        refused = np.zeros((count, words), np.uint64)
        flags = np.zeros(count, np.int64)
        not_before = np.empty(count, np.int64)
        owed = np.full((count, max(1, len(self._owing))), NEVER, np.int64)
        if count <= _SPAN:
            kernel.judge(law, records, attempts, 0, count, refused, flags, not_before, owed)
            return Judged(refused, flags, not_before, owed)
        with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
            spans = [
                pool.submit(
                    kernel.judge,
                    law,
                    records,
                    attempts,
                    low,
                    min(low + _SPAN, count),
                    refused,
                    flags,
                    not_before,
                    owed,
                )
                for low in range(0, count, _SPAN)
            ]
            for span in spans:
                span.result()
        return Judged(refused, flags, not_before, owed)

    def reasons(self, refused: Sequence[int], flags: int) -> tuple[Reason, ...]:
        """The reasons behind a row of the pass's answer."""
        found = [*self.missing, *(reason for flag, reason in _GATE_REASONS.items() if flags & flag)]
        for number, rule in enumerate(self.rules):
            if int(refused[number >> 6]) >> (number & 63) & 1:
                found.append(Reason(rule.id, rule.citation, rule.effect, rule.detail))
        return tuple(found)

    def verdict(self, judged: Judged, row: int, attempt_id: str, zones: Sequence[str]) -> Verdict:
        """One attempt's answer in words. ``zones``: where the days are counted for what it makes due; the earliest binds."""
        reasons = self.reasons([int(word) for word in judged.refused[row]], int(judged.flags[row]))
        until = int(judged.not_before[row])
        not_before = None if not reasons or until >= NEVER or self.missing else instant_of(until)
        owes = () if reasons else self._obligations(judged.owed[row], zones)
        return Verdict(attempt_id, not reasons, reasons, not_before, owes)

    def _obligations(self, owed: NDArray[np.int64], zones: Sequence[str]) -> tuple[Obligation, ...]:
        found = []
        for rule, number in zip(self._owing, owed.tolist(), strict=False):
            if number < NEVER:
                day = min(instant_of(number).astimezone(ZoneInfo(zone)).date() for zone in zones)
                found.append(Obligation(rule.id, day + timedelta(days=rule.values["due_days"])))
        return tuple(found)


@cache
def _zones_of(names: tuple[str, ...]) -> Zones:
    return zone_tables(names)
