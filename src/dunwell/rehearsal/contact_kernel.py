"""What comes of a day's contacts: who is reached, what it does to them, what they promise, and when it does harm."""

import math
from typing import Any

from numba import njit

from dunwell.rehearsal.chance_kernel import chance, mix
from dunwell.rehearsal.collecting import CHANNELS, OUTCOMES
from dunwell.rehearsal.debtor_kernel import MONTH_DAYS, NEVER
from dunwell.rehearsal.debtors import ACTIVE, CHARGED_OFF

CALL, SMS, EMAIL, LETTER, VISIT, APP = range(len(CHANNELS))
(
    NO_ANSWER,
    BUSY,
    NOT_IN_SERVICE,
    VOICEMAIL,
    DROPPED,
    CONVERSATION,
    DELIVERED,
    BOUNCED,
    OPENED,
    REPLIED,
    WRONG_PARTY,
    REFUSED,
) = range(len(OUTCOMES))

_OUTCOME, _REFUSES, _OTHERWISE, _WRONG = 50, 51, 52, 53
_HASTENS, _PROMISES, _PLANS, _PARTS, _WHEN, _HOW_MUCH, _KEEPS = 54, 55, 56, 57, 58, 59, 60
_COMPLAINS, _STOPS, _TELLS, _BREAKS = 61, 62, 63, 64

HOURS = (
    0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.6, 0.8, 0.9, 0.95, 0.95, 0.95, 1.0, 0.95, 0.9, 0.9, 0.95, 1.1, 1.25, 1.35, 1.3, 1.0, 0.7, 0.5,
)  # fmt: skip
"""How often people answer a call by the hour of their clock, 1 on average over a working day: a house figure."""


@njit(cache=True, nogil=True)
def take_contacts(
    day: int, contacts: Any, persons: Any, debts: Any, schedule: Any, effects: Any, habits: Any, out: Any
) -> None:
    """Take the day's contacts one after another, those of a person together and in the order of time.

    ``contacts``: persons, places (of the contact among those of its person today), channels, hours, point_keys, and the flags
    is_automated, is_third_party, is_inbound. ``out``, by contact: outcomes; promise_debts (-1: none), promise_minor,
    promise_days, promise_parts; complains, stops, tells_hardship.
    """
    for c in range(len(contacts.persons)):
        p = contacts.persons[c]
        time = day * 64 + contacts.places[c]
        key, channel = persons.keys[p], contacts.channels[c]
        out.promise_debts[c] = -1
        out.complains[c] = out.stops[c] = out.tells_hardship[c] = False
        outcome = _reach(c, time, contacts, persons, effects, habits)
        out.outcomes[c] = outcome
        is_message = channel != CALL and channel != VISIT
        is_noticed = outcome != NOT_IN_SERVICE and outcome != BOUNCED and outcome != WRONG_PARTY
        if not is_noticed and not contacts.is_third_party[c]:
            continue
        tired = persons.fatigue[p]
        in_hardship = persons.hardship_until[p] > day
        hour = contacts.hours[c]
        is_night = channel != LETTER and (hour < effects.night_ends or hour >= effects.night_begins)
        is_harm = (is_night or contacts.is_third_party[c]) and not contacts.is_inbound[c]
        if not contacts.is_inbound[c]:
            added = effects.fatigue_message if is_message else effects.fatigue_call
            persons.fatigue[p] += added * (2.0 if in_hardship else 1.0)
        gain = (
            _gain(c, outcome, contacts, effects)
            * persons.response[p]
            * math.exp(-effects.fatigue_effect * tired)
        )
        if in_hardship:
            gain *= effects.hardship_deafness
        _move(p, time, day, gain, is_harm, tired > effects.fatigue_limit, persons, debts, effects)
        is_talk = outcome == CONVERSATION and not contacts.is_third_party[c]
        may_tell = is_talk and in_hardship and not persons.has_told_hardship[p]
        if may_tell and chance(key, time, _TELLS) < effects.tell_hardship_share:
            out.tells_hardship[c] = True
            persons.has_told_hardship[p] = True
            continue
        share = (
            effects.promise_share if is_talk else effects.reply_promise_share if outcome == REPLIED else 0.0
        )
        if chance(key, time, _PROMISES) < share:
            _promise(c, p, time, day, contacts, persons, debts, schedule, effects, in_hardship, out)
        if not contacts.is_inbound[c]:
            upset = math.exp(effects.complaint_fatigue * tired) * (effects.complaint_harm if is_harm else 1.0)
            out.complains[c] = chance(key, time, _COMPLAINS) < effects.complaint_share * upset
            if not persons.is_stopped[p] and chance(key, time, _STOPS) < effects.stop_share * upset:
                out.stops[c] = True
                persons.is_stopped[p] = True


@njit(cache=True, nogil=True)
def _reach(c: int, time: int, contacts: Any, persons: Any, effects: Any, habits: Any) -> Any:
    """The contact's outcome."""
    channel, p = contacts.channels[c], contacts.persons[c]
    if contacts.is_inbound[c]:
        return CONVERSATION if channel == CALL else DELIVERED
    key, luck = persons.keys[p], chance(persons.keys[p], time, _OUTCOME)
    shares = habits.outcome_shares[channel]
    point = contacts.point_keys[c]
    is_wrong = point != 0 and chance(mix(point), 0, _WRONG) < effects.wrong_number_share
    if channel != CALL and channel != VISIT:
        if is_wrong:
            return BOUNCED if luck < 0.5 else DELIVERED
        return _drawn(shares, luck, -1)
    factor = HOURS[min(max(int(contacts.hours[c]), 0), 23)] if channel == CALL else 1.0
    talk = min((shares[CONVERSATION] + shares[REFUSED]) * persons.reach[p] * factor, 0.9)
    if luck >= talk:
        return _drawn(shares, chance(key, time, _OTHERWISE), CONVERSATION)
    if is_wrong or contacts.is_third_party[c]:
        return WRONG_PARTY
    refuses = effects.automated_refuse_share if contacts.is_automated[c] else effects.refuse_share
    return REFUSED if chance(key, time, _REFUSES) < refuses else CONVERSATION


@njit(cache=True, nogil=True)
def _drawn(shares: Any, luck: float, without: int) -> Any:
    """An outcome by its share; with ``without``, those of a talk left out."""
    total = 0.0
    for k in range(len(shares)):
        if without < 0 or (k != CONVERSATION and k != REFUSED and k != WRONG_PARTY):
            total += shares[k]
    running, last = 0.0, NO_ANSWER
    for k in range(len(shares)):
        if shares[k] > 0 and (without < 0 or (k != CONVERSATION and k != REFUSED and k != WRONG_PARTY)):
            running += shares[k] / total
            last = k
            if luck < running:
                return k
    return last


@njit(cache=True, nogil=True)
def _gain(c: int, outcome: int, contacts: Any, effects: Any) -> Any:
    """What a contact of that outcome adds to the intensity of an average person, rested."""
    if contacts.is_third_party[c]:
        return 0.0
    channel = contacts.channels[c]
    if outcome == CONVERSATION:
        gain = effects.visit_gain if channel == VISIT else effects.talk_gain
        return gain * (effects.automated_factor if contacts.is_automated[c] else 1.0)
    if outcome == VOICEMAIL:
        return effects.voicemail_gain
    if outcome == DELIVERED or outcome == OPENED or outcome == REPLIED:
        return effects.letter_gain if channel == LETTER else effects.message_gain
    return 0.0


@njit(cache=True, nogil=True)
def _move(
    p: int,
    time: int,
    day: int,
    gain: float,
    is_harm: bool,
    is_annoyed: bool,
    persons: Any,
    debts: Any,
    effects: Any,
) -> None:
    """The contact's effect on each debt that is late: sooner, or, where it does harm, more slowly for good."""
    for i in range(persons.first_debts[p], persons.first_debts[p + 1]):
        if is_harm or is_annoyed:
            factor = effects.harm_factor if is_harm else effects.annoyed_factor
            debts.ease[i] *= factor
            debts.intensity[i] *= factor
            continue
        if debts.statuses[i] != CHARGED_OFF and (debts.statuses[i] != ACTIVE or debts.late_since[i] == 0):
            continue
        if debts.statuses[i] == ACTIVE and day + 1 < debts.planned_on[i] < NEVER:
            if chance(debts.keys[i], time, _HASTENS) < effects.hasten_share * min(gain * 3.0, 1.0):
                debts.planned_on[i] = day + (debts.planned_on[i] - day) // 2
            continue
        # After charge-off all intensities are a small part of what they were, and so is what a contact adds.
        scale = (
            effects.charged_off_intensity / max(effects.entry_intensity, 1e-9)
            if debts.statuses[i] == CHARGED_OFF
            else 1.0
        )
        debts.intensity[i] += gain * scale


@njit(cache=True, nogil=True)
def _promise(
    c: int,
    p: int,
    time: int,
    day: int,
    contacts: Any,
    persons: Any,
    debts: Any,
    schedule: Any,
    effects: Any,
    in_hardship: bool,
    out: Any,
) -> None:
    """A promise or a plan for the debt that is late the longest, and in secret whether it will be kept."""
    chosen, since = -1, NEVER
    for i in range(persons.first_debts[p], persons.first_debts[p + 1]):
        if debts.statuses[i] == ACTIVE and debts.late_since[i] > 0:
            if debts.promise_on[i] > 0:
                return
            if debts.late_since[i] < since:
                chosen, since = i, debts.late_since[i]
    if chosen < 0:
        return
    i, key = chosen, debts.keys[chosen]
    due = debts.due_rows[i]
    owed = schedule.sums_minor[due - 1] - debts.paid_minor[i] + math.ceil(debts.extra_minor[i])
    if owed < 2:
        return
    parts, keeps = 1, effects.promise_kept_automated if contacts.is_automated[c] else effects.promise_kept
    wait = 2 + int(chance(key, time, _WHEN) * 13)
    amount = owed
    if due - debts.oldest_rows[i] >= 2 and owed >= 100 and chance(key, time, _PLANS) < effects.plan_share:
        parts = 2 + int(chance(key, time, _PARTS) * 11)
        amount = (owed + parts - 1) // parts
    elif chance(key, time, _HOW_MUCH) < effects.part_promise_share:
        amount = owed // 2
    luck = chance(key, time, _KEEPS)
    if parts == 1:
        hard = effects.hardship_factor if in_hardship else 1.0
        # Who would have paid by that day anyway keeps the promise: a promise is never worse than none.
        level = debts.intensity[i] + (
            effects.resting_intensity * debts.ease[i] if debts.planned_on[i] > NEVER else 0.0
        )
        keeps = 1.0 - (1.0 - keeps * hard) * math.exp(-level * hard * wait / MONTH_DAYS)
        kept = 1 if luck < keeps else 0
    else:
        breaks = plan_break(parts, effects)
        kept = parts if luck >= breaks else int(chance(key, time, _BREAKS) * parts)
    is_by_itself = day < debts.planned_on[i] < NEVER
    if is_by_itself and parts == 1:
        kept, amount, wait = 1, owed, max(min(debts.planned_on[i] - day, 14), 1)
    debts.promise_on[i], debts.promise_minor[i] = day + wait, amount
    debts.parts_left[i], debts.parts_kept[i] = parts, kept
    out.promise_debts[c], out.promise_minor[c] = i, amount
    out.promise_days[c], out.promise_parts[c] = wait, parts


@njit(cache=True, nogil=True)
def plan_break(months: int, effects: Any) -> Any:
    """The share of plans of so many monthly parts that break before their end."""
    if months <= 1:
        return effects.plan_break_1
    if months <= 6:
        return effects.plan_break_6
    if months <= 12:
        return effects.plan_break_12
    if months <= 18:
        return effects.plan_break_18
    return effects.plan_break_24
