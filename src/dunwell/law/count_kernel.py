"""Past contacts in the gate's pass: who they were with, what they count to, and agreements that lift a rule.

Contacts are read newest first and only as far back as a window reaches, so a person with a long history costs
no more than what a rule looks at.
"""

from typing import Any

from dunwell.law.arrays import NEVER, NONE
from dunwell.law.clock_kernel import DAY_US, day_start, local_day, window_next
from dunwell.law.codes import CHANNELS, DIRECTIONS, OUTCOMES, PARTIES
from dunwell.law.compiling import inlined
from dunwell.law.kinds import (
    AGREEMENT_SOURCES,
    AT_MOST,
    CONSENT_DAYS,
    CONSENT_ENDS,
    COUNTED_CHANNELS,
    COUNTED_DIRECTIONS,
    COUNTED_OUTCOMES,
    FOREVER,
    PER_DEBT,
    PLACE_MASK,
    SAME_POINT,
    SKIPS_NOT_THEIRS,
    WINDOW_DAYS,
)

SELF = PARTIES.index("self")
CALL = CHANNELS.index("call")
IN, OUT = DIRECTIONS.index("in"), DIRECTIONS.index("out")
CONVERSATION, REFUSED = OUTCOMES.index("conversation"), OUTCOMES.index("refused")


@inlined
def may_be_same_point(first: int, second: int) -> bool:
    """Whether two contacts may have gone to one contact point: one that is not said may be any."""
    return first == second or first == NONE or second == NONE


@inlined
def is_same_person(contacts: Any, row: int, party: int, point: int) -> bool:
    """Whether a contact was with the party of an attempt. Of third parties, a contact point is a person."""
    if contacts.party[row] != party:
        return False
    return party == SELF or may_be_same_point(contacts.point[row], point)


@inlined
def names_debt(contacts: Any, row: int, debt: int) -> bool:
    """Whether a contact counts to a debt; one that names none counts to every debt, and NONE asks for any."""
    low, high = contacts.debt_first[row], contacts.debt_first[row + 1]
    if low == high or debt == NONE:
        return True
    for place in range(low, high):
        if contacts.debts[place] == debt:
            return True
    return False


@inlined
def debt_count(attempts: Any, a: int) -> int:
    """How many debts to look at one by one; an attempt without any is looked at once."""
    return max(1, attempts.debt_first[a + 1] - attempts.debt_first[a])


@inlined
def debt_at(attempts: Any, a: int, number: int) -> int:
    """That debt of an attempt; NONE where it names none."""
    low = attempts.debt_first[a]
    return attempts.debts[low + number] if low < attempts.debt_first[a + 1] else NONE


@inlined
def answers_once(records: Any, attempts: Any, a: int, at: int) -> bool:
    """Whether an attempt is the one answer to the person's own contact: through the same channel, and the first."""
    contacts = records.contacts
    asked = attempts.reply[a]
    if asked == NONE or contacts.at[asked] >= at or contacts.direction[asked] != IN:
        return False
    if contacts.channel[asked] != attempts.channel[a] or contacts.party[asked] != attempts.party[a]:
        return False
    person = attempts.person[a]
    for row in range(contacts.first[person], contacts.first[person + 1]):
        if contacts.reply[row] == asked and contacts.direction[row] == OUT and contacts.at[row] < at:
            return False
    return True


@inlined
def _had_conversation(contacts: Any, person: int, debt: int, after: int, before: int) -> bool:
    for row in range(contacts.first[person + 1] - 1, contacts.first[person] - 1, -1):
        if contacts.at[row] <= after:
            return False
        if (
            contacts.at[row] < before
            and contacts.channel[row] == CALL
            and contacts.outcome[row] == CONVERSATION
            and contacts.party[row] == SELF
            and names_debt(contacts, row, debt)
        ):
            return True
    return False


@inlined
def agreement_next(
    rule: Any,
    records: Any,
    zones: Any,
    zone: int,
    person: int,
    channel: int,
    point: int,
    debt: int,
    at: int,
    needs_point: bool,
) -> int:
    """When an agreement of the person lifts a rule for a debt, or NEVER. Agreements with hours lift hours alone."""
    consents = records.consents
    earliest = NEVER
    for row in range(consents.first[person], consents.first[person + 1]):
        if rule[AGREEMENT_SOURCES] >> consents.source[row] & 1 == 0 or consents.opens[row] != NONE:
            continue
        if consents.channel[row] != NONE and consents.channel[row] != channel:
            continue
        if not _is_about(consents, row, point, debt, needs_point):
            continue
        start = max(at, consents.given[row])
        if start >= min(earliest, consents.withdrawn[row]):
            continue
        days = consents.days[row]
        if rule[CONSENT_DAYS] > 0:
            days = min(days, rule[CONSENT_DAYS])
        if days < FOREVER and (
            local_day(zones, zone, start) - local_day(zones, zone, consents.given[row]) >= days
        ):
            continue
        if rule[CONSENT_ENDS] != 0 and _had_conversation(
            records.contacts, person, debt, consents.given[row], start
        ):
            continue
        earliest = start
    return earliest


@inlined
def _is_about(consents: Any, row: int, point: int, debt: int, needs_point: bool) -> bool:
    """Whether an agreement is about a contact point and a debt; what it does not name it does not narrow."""
    if consents.debt[row] != NONE and consents.debt[row] != debt:
        return False
    if consents.point[row] == NONE:
        return not needs_point
    return consents.point[row] == point


@inlined
def agreed_hours_next(
    rule: Any, records: Any, zones: Any, zone: int, attempts: Any, a: int, debt: int, at: int
) -> int:
    """When hours that the person agreed to are open for a debt, or NEVER."""
    consents = records.consents
    person = attempts.person[a]
    earliest = NEVER
    for row in range(consents.first[person], consents.first[person + 1]):
        if rule[AGREEMENT_SOURCES] >> consents.source[row] & 1 == 0 or consents.opens[row] == NONE:
            continue
        if consents.channel[row] != NONE and consents.channel[row] != attempts.channel[a]:
            continue
        if not _is_about(consents, row, attempts.point[a], debt, False):
            continue
        start = max(at, consents.given[row])
        if start >= consents.withdrawn[row]:
            continue
        day = local_day(zones, zone, consents.given[row])
        if consents.days[row] < FOREVER and local_day(zones, zone, start) - day >= consents.days[row]:
            continue
        if start == at:
            start = window_next(zones, zone, at, consents.opens[row], consents.closes[row])
        earliest = min(earliest, start)
    return earliest


@inlined
def _counts(rule: Any, records: Any, row: int, party: int, point: int, debt: int, at: int) -> bool:
    """Whether a past contact counts to a rule's frequency."""
    contacts, points = records.contacts, records.points
    if (
        rule[COUNTED_CHANNELS] >> contacts.channel[row] & 1 == 0
        or rule[COUNTED_OUTCOMES] >> contacts.outcome[row] & 1 == 0
        or rule[COUNTED_DIRECTIONS] >> contacts.direction[row] & 1 == 0
        or not is_same_person(contacts, row, party, point)
        or (rule[PER_DEBT] != 0 and not names_debt(contacts, row, debt))
    ):
        return False
    there = contacts.point[row]
    if rule[SAME_POINT] != 0 and not may_be_same_point(there, point):
        return False
    place = 0 if there == NONE else points.place[there]
    if rule[PLACE_MASK] >> place & 1 == 0:
        return False
    return not (rule[SKIPS_NOT_THEIRS] != 0 and there != NONE and points.not_theirs_at[there] <= at)


@inlined
def count_next(
    rule: Any, records: Any, zones: Any, zone: int, attempts: Any, a: int, debt: int, at: int
) -> int:
    """When a contact about a debt would no longer be one too many in the window of days, or NEVER."""
    person, party, point = attempts.person[a], attempts.party[a], attempts.point[a]
    channel = attempts.channel[a]
    lifted = NEVER
    if rule[AGREEMENT_SOURCES] != 0:
        lifted = agreement_next(rule, records, zones, zone, person, channel, point, debt, at, False)
        if lifted == at:
            return at
    contacts = records.contacts
    window = rule[WINDOW_DAYS]
    oldest = -NEVER if window >= FOREVER else at - (window + 2) * DAY_US
    today = local_day(zones, zone, at)
    count, corrected = 0, NEVER
    for row in range(contacts.first[person + 1] - 1, contacts.first[person] - 1, -1):
        was_at = contacts.at[row]
        if was_at >= at:
            continue
        if was_at < oldest:
            break
        if not _counts(rule, records, row, party, point, debt, at):
            continue
        day = local_day(zones, zone, was_at)
        if window < FOREVER and day <= today - window:
            continue
        if rule[AGREEMENT_SOURCES] != 0 and rule[CONSENT_ENDS] != 0 and contacts.direction[row] == OUT:
            # A call made under an agreement does not count; a conversation in it still starts the days of rest.
            is_conversation = rule[AT_MOST] == 1 and contacts.outcome[row] == CONVERSATION
            if not is_conversation and was_at == agreement_next(
                rule, records, zones, zone, person, channel, contacts.point[row], debt, was_at, False
            ):
                continue
        count += 1
        there = contacts.point[row]
        if rule[SKIPS_NOT_THEIRS] != 0 and there != NONE:
            corrected = min(corrected, records.points.not_theirs_at[there])
        if count >= rule[AT_MOST]:
            ends = NEVER if window >= FOREVER else day_start(zones, zone, day + window)
            return min(lifted, ends, corrected)
    return lifted if rule[AT_MOST] == 0 else at
