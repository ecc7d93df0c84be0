"""The kinds of rules in the gate's pass: each one function from an instant to the earliest instant, not before it, to which the
rule does not object. What looks at clocks or days must hold in every zone that the records point to; what looks at debts, for
every debt of the attempt.
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
from dunwell.law.compiling import inlined
from dunwell.law.count_kernel import (
    IN,
    REFUSED,
    agreed_hours_next,
    agreement_next,
    answers_once,
    count_next,
    debt_at,
    debt_count,
    may_be_same_point,
)
from dunwell.law.kinds import (
    ADDRESS,
    ADDRESS_PLACES,
    AGREEMENT_SOURCES,
    ALWAYS_LOCATE,
    ANSWER_LIFTS,
    AT_LEAST,
    FREQUENCY,
    HOURS,
    INBOUND_LIFTS,
    KIND,
    LOCATE,
    LOCATE_IN_STATE,
    LOCATE_STATES,
    NOT_THEIRS,
    NOTICE,
    PARTY,
    PAST_DUE_ABOVE,
    PLACE_MASK,
    PREFERENCE_MASK,
    REFUSAL_ENDS,
    STATE,
    STATE_MASK,
    STATE_PER_DEBT,
    VISITORS,
)
from dunwell.law.kinds import PREFERENCES as PREFERENCES_KIND
from dunwell.law.notice_kernel import notice_next

_LOCATE_PURPOSE = PURPOSES.index("locate")
_NOT_PLACE, _NOT_CHANNEL = PREFERENCES.index("not_place"), PREFERENCES.index("not_channel")
_LANDLINE, _POSTAL = POINT_KINDS.index("landline"), POINT_KINDS.index("postal")
_VISIT, _LETTER = CHANNELS.index("visit"), CHANNELS.index("letter")


@inlined
def kind_next(rule: Any, law: Any, records: Any, attempts: Any, a: int, at: int) -> int:
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
        return notice_next(rule, records, attempts, a, at)
    if kind == VISITORS:
        return NEVER if attempts.visitors[a] != NONE and attempts.visitors[a] < rule[AT_LEAST] else at
    return at


@inlined
def _hours(rule: Any, law: Any, records: Any, attempts: Any, a: int, zone: int, at: int) -> int:
    following = hours_next(rule, law, zone, at)
    if following == at or following == UNKNOWN_DAY:
        return following
    if rule[ANSWER_LIFTS] != 0 and answers_once(records, attempts, a, at):
        asked_at = records.contacts.at[attempts.reply[a]]
        if is_same_stretch(rule, law, zone, asked_at, at):
            return at
    lifted = at
    for number in range(debt_count(attempts, a)):
        if not _is_late_enough(rule, attempts, a, number):
            if rule[AGREEMENT_SOURCES] == 0:
                return following
            debt = debt_at(attempts, a, number)
            lifted = max(lifted, agreed_hours_next(rule, records, law.zones, zone, attempts, a, debt, at))
    return min(following, lifted)


@inlined
def _is_late_enough(rule: Any, attempts: Any, a: int, number: int) -> bool:
    """Whether a debt is known to be more days past due than the figure above which the rule's hours do not bind it."""
    place = attempts.debt_first[a] + number
    return (
        rule[PAST_DUE_ABOVE] >= 0
        and place < attempts.debt_first[a + 1]
        and attempts.past_due[place] > rule[PAST_DUE_ABOVE]
    )


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
    for number in range(debt_count(attempts, a)):
        debt = debt_at(attempts, a, number)
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
    for number in range(debt_count(attempts, a)):
        debt = debt_at(attempts, a, number)
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
    for number in range(debt_count(attempts, a)):
        debt = debt_at(attempts, a, number)
        agreed = max(agreed, _agreement(rule, law, records, attempts, a, debt, at, False))
    return min(used, agreed)
