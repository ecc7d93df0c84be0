"""Notices in the gate's pass: whether one was given before a contact, and whether a contact leaves one owed."""

from typing import Any

from dunwell.law.arrays import NEVER, NONE
from dunwell.law.compiling import inlined
from dunwell.law.count_kernel import IN, debt_at, debt_count, names_debt
from dunwell.law.kinds import COUNTED_OUTCOMES, NOTICE_MASK, PARTY_MASK


@inlined
def notice_next(rule: Any, records: Any, attempts: Any, a: int, at: int) -> int:
    """When a notice has been given for every debt of an attempt, or NEVER."""
    person = attempts.person[a]
    if records.people.has_notices[person] == 0:
        return at
    notices = records.notices
    latest = at
    for number in range(debt_count(attempts, a)):
        debt = debt_at(attempts, a, number)
        earliest = NEVER
        for row in range(notices.first[person], notices.first[person + 1]):
            if rule[NOTICE_MASK] >> notices.kind[row] & 1 != 0 and (
                notices.debt[row] == NONE or notices.debt[row] == debt
            ):
                earliest = min(earliest, notices.sent[row])
        latest = max(latest, earliest)
    return latest


@inlined
def owed_from(rule: Any, records: Any, attempts: Any, a: int, at: int) -> int:
    """The instant of the contact that made a notice due and not yet given: an earlier one's or this one's. NEVER: none is."""
    person = attempts.person[a]
    notices, contacts = records.notices, records.contacts
    earliest = NEVER
    for number in range(debt_count(attempts, a)):
        debt = debt_at(attempts, a, number)
        is_given = False
        for row in range(notices.first[person], notices.first[person + 1]):
            if rule[NOTICE_MASK] >> notices.kind[row] & 1 != 0 and (
                notices.debt[row] == NONE or notices.debt[row] == debt
            ):
                is_given = True
        if is_given:
            continue
        first = at
        for row in range(contacts.first[person], contacts.first[person + 1]):
            if (
                contacts.at[row] < at
                and rule[PARTY_MASK] >> contacts.party[row] & 1 != 0
                and names_debt(contacts, row, debt)
                and (
                    contacts.direction[row] == IN or rule[COUNTED_OUTCOMES] >> contacts.outcome[row] & 1 != 0
                )
            ):
                first = contacts.at[row]
                break
        # Where nothing is said of notices, those that earlier contacts made due were given.
        if first == at or records.people.has_notices[person] != 0:
            earliest = min(earliest, first)
    return earliest
