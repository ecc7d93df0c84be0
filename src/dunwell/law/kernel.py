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
    hours_next,
    is_same_refusal,
    is_same_stretch,
    local_day,
    times_next,
)
from dunwell.law.codes import CHANNELS, POINT_KINDS, PREFERENCES, PURPOSES
from dunwell.law.compiling import inlined, jit
from dunwell.law.count_kernel import (
    IN,
    REFUSED,
    agreed_hours_next,
    agreement_next,
    answers_once,
    count_next,
    may_be_same_point,
    names_debt,
)
from dunwell.law.kinds import (
    ACTOR_MASK,
    ADDRESS,
    ADDRESS_PLACES,
    AGREEMENT_SOURCES,
    ALWAYS_LOCATE,
    ANSWER_LIFTS,
    AT_LEAST,
    CHANNEL_MASK,
    COUNTED_OUTCOMES,
    FOREVER,
    FREQUENCY,
    FROM_DAY,
    HOURS,
    INBOUND_LIFTS,
    KIND,
    LOCATE,
    LOCATE_IN_STATE,
    LOCATE_STATES,
    NOT_THEIRS,
    NOTICE,
    NOTICE_MASK,
    OWES,
    PARTY,
    PARTY_MASK,
    PAST_DUE_ABOVE,
    PLACE_MASK,
    PREFERENCE_MASK,
    PURPOSE_MASK,
    REFUSAL_ENDS,
    STATE,
    STATE_MASK,
    STATE_PER_DEBT,
    UNTIL_DAY,
    VISITORS,
)
from dunwell.law.kinds import PREFERENCES as PREFERENCES_KIND

UNKNOWN_PERSON, UNKNOWN_ACCOUNT, UNKNOWN_ZONE, UNKNOWN_CALENDAR, UNREADABLE = 1, 2, 4, 8, 16
"""Flags of an attempt that cannot be judged: it is refused."""

STEPS_MAX = 4_000
"""How often the walk to the earliest lawful instant may move; some eleven years of days."""

_LOCATE_PURPOSE = PURPOSES.index("locate")
_NOT_PLACE, _NOT_CHANNEL = PREFERENCES.index("not_place"), PREFERENCES.index("not_channel")
_LANDLINE, _POSTAL = POINT_KINDS.index("landline"), POINT_KINDS.index("postal")
_VISIT, _LETTER = CHANNELS.index("visit"), CHANNELS.index("letter")


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
    following = _kind_next(rule, law, records, attempts, a, at)
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


@inlined
def _kind_next(rule: Any, law: Any, records: Any, attempts: Any, a: int, at: int) -> int:
    """The rule's kind decides; what looks at clocks or days must hold in every zone that the records point to."""
    kind = rule[KIND]
    if kind == HOURS or kind == PREFERENCES_KIND or kind == FREQUENCY:
        if kind == FREQUENCY and _is_elsewhere(rule, records, attempts.point[a]):
            return at
        if kind == FREQUENCY and rule[ANSWER_LIFTS] != 0 and answers_once(records, attempts, a, at):
            return at
        people = records.people
        person = attempts.person[a]
        latest = at
        for place in range(people.zone_first[person], people.zone_first[person + 1]):
            zone = people.zones[place]
            if kind == HOURS:
                following = _hours(rule, law, records, attempts, a, zone, at)
            elif kind == PREFERENCES_KIND:
                following = _preferences(rule, law, records, attempts, a, zone, at)
            else:
                following = _frequency(rule, law, records, attempts, a, zone, at)
            if following == UNKNOWN_DAY:
                return UNKNOWN_DAY
            latest = max(latest, following)
        return latest
    if kind == STATE:
        return _state(rule, law, records, attempts, a, at)
    if kind == PARTY:
        return _party(rule, law, records, attempts, a, at)
    if kind == NOT_THEIRS:
        point = attempts.point[a]
        return NEVER if point != NONE and records.points.not_theirs_at[point] <= at else at
    if kind == ADDRESS:
        return _address(rule, law, records, attempts, a, at)
    if kind == NOTICE:
        return _notice(rule, records, attempts, a, at)
    if kind == VISITORS:
        return NEVER if attempts.visitors[a] != NONE and attempts.visitors[a] < rule[AT_LEAST] else at
    return at


@inlined
def _debt_count(attempts: Any, a: int) -> int:
    """How many debts to look at one by one; an attempt without any is looked at once."""
    return max(1, attempts.debt_first[a + 1] - attempts.debt_first[a])


@inlined
def _debt(attempts: Any, a: int, number: int) -> int:
    low = attempts.debt_first[a]
    return attempts.debts[low + number] if low < attempts.debt_first[a + 1] else NONE


@inlined
def _hours(rule: Any, law: Any, records: Any, attempts: Any, a: int, zone: int, at: int) -> int:
    following = hours_next(rule, law, zone, at)
    if following == at or following == UNKNOWN_DAY:
        return following
    if rule[PAST_DUE_ABOVE] >= 0 and _are_all_later(rule, attempts, a):
        return at
    if rule[ANSWER_LIFTS] != 0 and answers_once(records, attempts, a, at):
        asked_at = records.contacts.at[attempts.reply[a]]
        if is_same_stretch(rule, law, zone, asked_at, at):
            return at
    if rule[AGREEMENT_SOURCES] == 0:
        return following
    agreed = at
    for number in range(_debt_count(attempts, a)):
        place = attempts.debt_first[a] + number
        if (
            rule[PAST_DUE_ABOVE] >= 0
            and place < attempts.debt_first[a + 1]
            and attempts.past_due[place] > rule[PAST_DUE_ABOVE]
        ):
            continue  # so late that this debt needs no agreement
        debt = _debt(attempts, a, number)
        agreed = max(agreed, agreed_hours_next(rule, records, law.zones, zone, attempts, a, debt, at))
    return min(following, agreed)


@inlined
def _are_all_later(rule: Any, attempts: Any, a: int) -> bool:
    """Whether every debt is known to be more days past due than the rule's figure."""
    low, high = attempts.debt_first[a], attempts.debt_first[a + 1]
    for place in range(low, high):
        if attempts.past_due[place] <= rule[PAST_DUE_ABOVE]:
            return False
    return high > low


@inlined
def _preferences(rule: Any, law: Any, records: Any, attempts: Any, a: int, zone: int, at: int) -> int:
    asked = records.preferences
    person = attempts.person[a]
    low, high = asked.first[person], asked.first[person + 1]
    if low == high:
        return at
    wanted = rule[PREFERENCE_MASK]
    following = times_next(asked, low, high, wanted, law.zones, zone, at)
    answers = rule[ANSWER_LIFTS] != 0 and answers_once(records, attempts, a, at)
    if following > at and answers:
        asked_at = records.contacts.at[attempts.reply[a]]
        if is_same_refusal(asked, low, high, wanted, law.zones, zone, asked_at, at):
            following = at
    if answers:
        return following
    for row in range(low, high):
        kind = asked.kind[row]
        if wanted >> kind & 1 == 0 or asked.since[row] > at:
            continue
        is_barred = (kind == _NOT_PLACE and asked.place[row] == _tied_place(records, attempts, a)) or (
            kind == _NOT_CHANNEL
            and (asked.channel[row] == NONE or asked.channel[row] == attempts.channel[a])
            and (asked.point[row] == NONE or asked.point[row] == attempts.point[a])
        )
        if is_barred and asked.from_day[row] <= local_day(law.zones, zone, at):
            return NEVER
    return following


@inlined
def _tied_place(records: Any, attempts: Any, a: int) -> int:
    """The place where a contact reaches the person, when its medium is tied to one; NONE for a mobile or a mailbox."""
    point = attempts.point[a]
    if point == NONE:
        return NONE
    kind, channel = records.points.kind[point], attempts.channel[a]
    if kind == _LANDLINE or kind == _POSTAL or channel == _VISIT or channel == _LETTER:
        return records.points.place[point]
    return NONE


@inlined
def _is_elsewhere(rule: Any, records: Any, point: int) -> bool:
    """Whether a frequency is about other places than the attempt's."""
    place = 0 if point == NONE else records.points.place[point]
    return rule[PLACE_MASK] >> place & 1 == 0


@inlined
def _frequency(rule: Any, law: Any, records: Any, attempts: Any, a: int, zone: int, at: int) -> int:
    latest = at
    for number in range(_debt_count(attempts, a)):
        debt = _debt(attempts, a, number)
        latest = max(latest, count_next(rule, records, law.zones, zone, attempts, a, debt, at))
    return latest


@inlined
def _state_start(law: Any, records: Any, person: int, row: int) -> int:
    """When a state begins: a day begins where it begins first."""
    states, people = records.states, records.people
    if states.since_is_day[row] == 0:
        return states.since[row]
    earliest = NEVER
    for place in range(people.zone_first[person], people.zone_first[person + 1]):
        earliest = min(earliest, day_start(law.zones, people.zones[place], states.since[row]))
    return earliest


@inlined
def _state_end(law: Any, records: Any, person: int, row: int) -> int:
    """When a state has ended: its last day ends where it ends last."""
    states, people = records.states, records.people
    if states.until[row] == NEVER or states.until_is_day[row] == 0:
        return states.until[row]
    latest = -NEVER
    for place in range(people.zone_first[person], people.zone_first[person + 1]):
        latest = max(latest, day_start(law.zones, people.zones[place], states.until[row] + 1))
    return latest


@inlined
def _touches(states: Any, row: int, attempts: Any, a: int) -> bool:
    """Whether a state is about a debt of the attempt; an attempt that names none is about all."""
    debt = states.debt[row]
    low, high = attempts.debt_first[a], attempts.debt_first[a + 1]
    if debt == NONE or low == high:
        return True
    for place in range(low, high):
        if attempts.debts[place] == debt:
            return True
    return False


@inlined
def _state(rule: Any, law: Any, records: Any, attempts: Any, a: int, at: int) -> int:
    states = records.states
    person = attempts.person[a]
    latest = at
    for row in range(states.first[person], states.first[person + 1]):
        if rule[STATE_MASK] >> states.kind[row] & 1 == 0:
            continue
        if rule[STATE_PER_DEBT] != 0 and not _touches(states, row, attempts, a):
            continue
        if _state_start(law, records, person, row) <= at:
            latest = max(latest, _state_end(law, records, person, row))
    if latest > at and rule[ANSWER_LIFTS] != 0 and answers_once(records, attempts, a, at):
        return at
    return latest


@inlined
def _party(rule: Any, law: Any, records: Any, attempts: Any, a: int, at: int) -> int:
    may_locate = False
    if attempts.purpose[a] == _LOCATE_PURPOSE:
        if rule[LOCATE] == ALWAYS_LOCATE:
            return at
        may_locate = rule[LOCATE] == LOCATE_IN_STATE and not (
            rule[REFUSAL_ENDS] != 0 and _has_refused(records, attempts, a, at)
        )
    latest = at
    for number in range(_debt_count(attempts, a)):
        debt = _debt(attempts, a, number)
        earliest = NEVER
        if may_locate:
            earliest = _locate_next(rule, law, records, attempts.person[a], debt, at)
        if rule[AGREEMENT_SOURCES] != 0 and attempts.point[a] != NONE:
            earliest = min(earliest, _agreement(rule, law, records, attempts, a, debt, at, True))
        latest = max(latest, earliest)
    return latest


@inlined
def _locate_next(rule: Any, law: Any, records: Any, person: int, debt: int, at: int) -> int:
    """When a state lets others be asked where the person can be reached about a debt (NONE: any), or NEVER."""
    states = records.states
    earliest = NEVER
    for row in range(states.first[person], states.first[person + 1]):
        is_about = debt == NONE or states.debt[row] == NONE or states.debt[row] == debt
        if is_about and rule[LOCATE_STATES] >> states.kind[row] & 1 != 0:
            start = max(at, _state_start(law, records, person, row))
            if start < _state_end(law, records, person, row):
                earliest = min(earliest, start)
    return earliest


@inlined
def _agreement(
    rule: Any, law: Any, records: Any, attempts: Any, a: int, debt: int, at: int, needs_point: bool
) -> int:
    """When agreements lift a rule for a debt on every clock, or NEVER."""
    people, person = records.people, attempts.person[a]
    channel, point = attempts.channel[a], attempts.point[a]
    latest = at
    for place in range(people.zone_first[person], people.zone_first[person + 1]):
        zone = people.zones[place]
        following = agreement_next(
            rule, records, law.zones, zone, person, channel, point, debt, at, needs_point
        )
        latest = max(latest, following)
    return latest


@inlined
def _has_refused(records: Any, attempts: Any, a: int, at: int) -> bool:
    """Whether this third party has refused before."""
    contacts = records.contacts
    person = attempts.person[a]
    for row in range(contacts.first[person], contacts.first[person + 1]):
        if (
            contacts.at[row] < at
            and contacts.outcome[row] == REFUSED
            and contacts.party[row] == attempts.party[a]
            and may_be_same_point(contacts.point[row], attempts.point[a])
        ):
            return True
    return False


@inlined
def _address(rule: Any, law: Any, records: Any, attempts: Any, a: int, at: int) -> int:
    person, point = attempts.person[a], attempts.point[a]
    if point == NONE or rule[ADDRESS_PLACES] >> records.points.place[point] & 1 == 0:
        return at
    contacts = records.contacts
    used = NEVER
    if rule[INBOUND_LIFTS] != 0:
        for row in range(contacts.first[person], contacts.first[person + 1]):
            if (
                contacts.direction[row] == IN
                and contacts.channel[row] == attempts.channel[a]
                and contacts.point[row] == point
            ):
                used = max(at, contacts.at[row] + 1)  # only what came before an instant counts at it
                break
    agreed = at
    for number in range(_debt_count(attempts, a)):
        debt = _debt(attempts, a, number)
        agreed = max(agreed, _agreement(rule, law, records, attempts, a, debt, at, False))
    return min(used, agreed)


@inlined
def _notice(rule: Any, records: Any, attempts: Any, a: int, at: int) -> int:
    person = attempts.person[a]
    if records.people.has_notices[person] == 0:
        return at
    notices = records.notices
    latest = at
    for number in range(_debt_count(attempts, a)):
        debt = _debt(attempts, a, number)
        earliest = NEVER
        for row in range(notices.first[person], notices.first[person + 1]):
            if rule[NOTICE_MASK] >> notices.kind[row] & 1 != 0 and (
                notices.debt[row] == NONE or notices.debt[row] == debt
            ):
                earliest = min(earliest, notices.sent[row])
        latest = max(latest, earliest)
    return latest


@inlined
def _owed_from(rule: Any, records: Any, attempts: Any, a: int, at: int) -> int:
    """The instant of the contact that made a notice due and not yet given: an earlier one's or this one's. NEVER: none is."""
    person = attempts.person[a]
    notices, contacts = records.notices, records.contacts
    earliest = NEVER
    for number in range(_debt_count(attempts, a)):
        debt = _debt(attempts, a, number)
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
            owed[a, column] = _owed_from(rule, records, attempts, a, at)
        column += 1
