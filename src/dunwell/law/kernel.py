"""The gate's pass: every attempt against every rule that binds it.

Each kind of rule is one function from an instant to *the earliest instant, not before it, to which the rule does not
object*. A rule refuses an attempt when that instant lies later than the attempt; the earliest lawful instant is found
by going from each answer to the latest of the next, until none objects. Nothing is searched minute by minute, and
one attempt runs through the same code as ten million.
"""

from typing import Any

from dunwell.law.arrays import NEVER, NONE
from dunwell.law.clock_kernel import (
    UNKNOWN_DAY,
    day_start,
    local_day,
)
from dunwell.law.compiling import inlined, jit
from dunwell.law.kind_kernel import kind_next
from dunwell.law.kinds import (
    ACTOR_MASK,
    ANSWER_LIFTS,
    CHANNEL_MASK,
    FOREVER,
    FROM_DAY,
    KIND,
    OWES,
    PARTY_MASK,
    PURPOSE_MASK,
    UNTIL_DAY,
)
from dunwell.law.notice_kernel import owed_from

UNKNOWN_PERSON, UNKNOWN_ACCOUNT, UNKNOWN_ZONE, UNKNOWN_CALENDAR, UNREADABLE = 1, 2, 4, 8, 16
"""Flags of an attempt that cannot be judged: it is refused."""

STEPS_MAX = 4_000
"""How often the walk to the earliest lawful instant may move; some eleven years of days."""


@inlined
def binds(rule: Any, law: Any, attempts: Any, a: int) -> bool:
    """Whether a rule is about an attempt, whatever its instant."""
    return (
        rule[ACTOR_MASK] >> law.actor & 1 != 0
        and rule[CHANNEL_MASK] >> attempts.channel[a] & 1 != 0
        and rule[PARTY_MASK] >> attempts.party[a] & 1 != 0
        and rule[PURPOSE_MASK] >> attempts.purpose[a] & 1 != 0
    )


@inlined
def rule_next(
    rule: Any, law: Any, records: Any, attempts: Any, a: int, at: int, day_low: int, day_high: int
) -> int:
    """When a rule does not object, its own dates of force included: earliest instant from ``at`` on, NEVER, UNKNOWN_DAY.

    ``day_low`` and ``day_high``: the civil days of ``at`` in the zones that the records point to. A rule holds where it
    is in force in any of them.
    """
    if rule[FROM_DAY] > day_high or rule[UNTIL_DAY] <= day_low:
        return at
    following = kind_next(rule, law, records, attempts, a, at)
    asked = attempts.reply[a]
    if following > at and rule[ANSWER_LIFTS] != 0 and asked != NONE and records.contacts.at[asked] >= at:
        # The message that it answers is yet to come: the rule may be lifted from then on.
        following = min(following, records.contacts.at[asked] + 1)
    if rule[UNTIL_DAY] == FOREVER or following <= at:
        return following
    zones, people, person = law.zones, records.people, attempts.person[a]
    ends = at
    for place in range(people.zone_first[person], people.zone_first[person + 1]):
        ends = max(ends, day_start(zones, people.zones[place], rule[UNTIL_DAY]))
    return min(following, ends)


@jit
def judge(
    law: Any,
    records: Any,
    attempts: Any,
    low: int,
    high: int,
    refused: Any,
    flags: Any,
    not_before: Any,
    owed: Any,
) -> None:
    """Judge the attempts from ``low`` to ``high``; each depends on nothing but its own person's records.

    Fills, an attempt a row: ``refused`` (a bit a rule, in words of 64), ``flags``, ``not_before`` (NEVER: none is known,
    the attempt's own instant when it is allowed) and ``owed`` (an instant a rule of the kind OWES, NEVER: nothing).
    """
    for a in range(low, high):
        person, at = attempts.person[a], attempts.at[a]
        not_before[a] = NEVER
        if attempts.has_unknown_account[a] != 0:
            flags[a] |= UNKNOWN_ACCOUNT
        if person == NONE:
            flags[a] = UNKNOWN_PERSON
            continue
        if records.people.has_unknown_zone[person] != 0:
            flags[a] |= UNKNOWN_ZONE
            continue
        if records.people.is_unreadable[person] != 0:
            flags[a] |= UNREADABLE
        for step in range(STEPS_MAX):
            latest = at
            day_low, day_high = _days(law, records, person, at)
            for r in range(law.rules.shape[0]):
                rule = law.rules[r]
                if not binds(rule, law, attempts, a):
                    continue
                following = rule_next(rule, law, records, attempts, a, at, day_low, day_high)
                if following == at:
                    continue
                if following != UNKNOWN_DAY:
                    latest = max(latest, following)
                    if step == 0:
                        refused[a, r >> 6] |= 1 << (r & 63)
                elif step == 0:
                    flags[a] |= UNKNOWN_CALENDAR
                else:
                    latest = NEVER
            if step == 0:
                if flags[a] != 0:
                    break
                if latest == at:
                    _owe(law, records, attempts, a, at, day_low, day_high, owed)
            if latest == at:
                not_before[a] = at
            if latest == at or latest >= NEVER:
                break
            at = latest


@inlined
def _days(law: Any, records: Any, person: int, at: int) -> tuple[int, int]:
    """The first and last civil day of an instant in the zones that a person's records point to."""
    people = records.people
    low, high = NEVER, -NEVER
    for place in range(people.zone_first[person], people.zone_first[person + 1]):
        day = local_day(law.zones, people.zones[place], at)
        low, high = min(low, day), max(high, day)
    return low, high


@inlined
def _owe(
    law: Any, records: Any, attempts: Any, a: int, at: int, day_low: int, day_high: int, owed: Any
) -> None:
    column = 0
    for r in range(law.rules.shape[0]):
        rule = law.rules[r]
        if rule[KIND] != OWES:
            continue
        is_in_force = rule[FROM_DAY] <= day_high and day_low < rule[UNTIL_DAY]
        if is_in_force and binds(rule, law, attempts, a):
            owed[a, column] = owed_from(rule, records, attempts, a, at)
        column += 1
