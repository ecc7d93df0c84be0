"""What a contact tomorrow truly brings, as the world knows it and no lender can: for comparisons alone.

To judge a choice by what it brings in the mean, and not by the luck of its days, needs far fewer debtors (D. Blackwell,
Conditional expectation and unbiased sequential estimation, 1947). So each late person is let live on in many copies, alike in
nature and standing and each with a luck of its own, once with the contact and once without; what the copies pay more is the
mean. The world's own kernels do it, so it is the truth of that world and no approximation of it. No policy sees it.
"""

from typing import Any, NamedTuple

import numpy as np

from dunwell.calendars import day_number
from dunwell.rehearsal.collecting import CHANNELS, OUTCOME_SHARES
from dunwell.rehearsal.contact_kernel import BOUNCED, CALL, NOT_IN_SERVICE, WRONG_PARTY, take_contacts
from dunwell.rehearsal.debtor_kernel import fall_due, live_persons, pay, state_cards
from dunwell.rehearsal.debtor_world import Contacts, DebtorWorld
from dunwell.rehearsal.debtors import Debts, Keys, Persons, Schedule, habits, seeded
from dunwell.rehearsal.draws import Floats, Ints
from dunwell.rehearsal.happenings import Reactions

COPIES, DAYS = 24, 60
_HABITS = habits()
_UNNOTICED = [NOT_IN_SERVICE, BOUNCED, WRONG_PARTY]
_FIRST_HOUR, _LAST_HOUR = 9, 19


class TrueEffects(NamedTuple):
    """Of each channel asked for, by person: what a contact tomorrow adds to the money of the days looked at where no other
    contact follows (minor units), and the complaints and wishes to be left alone that it brings. Means over the copies.
    """

    persons: Ints
    money_minor: dict[str, Floats]
    complaints: dict[str, Floats]
    stops: dict[str, Floats]


def true_effects(
    world: DebtorWorld,
    persons: Ints,
    channels: tuple[str, ...],
    copies: int = COPIES,
    days: int = DAYS,
    seed: int = 0,
) -> TrueEffects:
    """The true effects of contacts tomorrow on these people (rows of the world's), under the effects that hold now. The world
    itself does not change.
    """
    without = _lived(world, persons, None, copies, days, seed)
    money, complaints, stops = {}, {}, {}
    for channel in channels:
        money[channel] = _lived(world, persons, channel, copies, days, seed) - without
        complaints[channel], stops[channel] = _harm(world, persons, channel)
    return TrueEffects(persons, money, complaints, stops)


def _harm(world: DebtorWorld, persons: Ints, channel: str) -> tuple[Floats, Floats]:
    """The complaints and the wishes to be left alone to be expected of a contact tomorrow, in the day."""
    effects, shares = world.effects, OUTCOME_SHARES[CHANNELS.index(channel)]
    fatigue = world.persons.fatigue[persons] * (1 - effects.fatigue_fade)
    upset = (1.0 - shares[_UNNOTICED].sum()) * np.exp(effects.complaint_fatigue * fatigue)
    stops = np.where(world.persons.is_stopped[persons], 0.0, effects.stop_share * upset)
    return np.asarray(effects.complaint_share * upset), np.asarray(stops)


def _lived(
    world: DebtorWorld, chosen: Ints, channel: str | None, copies: int, days: int, seed: int
) -> Floats:
    """What each person pays within so many days on average, contacted on the first by the channel or not at all."""
    persons, debts, schedule = _copied(world, chosen, copies, seed)
    count, first = len(persons.keys), day_number(world.today) + 1
    brought = np.zeros(len(debts.keys))
    calls_in, is_stated = np.zeros(count, dtype=np.bool_), np.zeros(len(debts.keys), dtype=np.bool_)
    fees, paid = (np.zeros(len(debts.keys), dtype=np.int64) for _ in range(2))
    changed = np.zeros(len(debts.keys), dtype=np.int8)
    for day in range(first, first + days):
        live_persons(day, persons, debts, world.effects, calls_in)
        state_cards(day, debts, schedule, is_stated)
        fall_due(day, debts, schedule, world.effects, fees)
        if day == first and channel is not None:
            _contacted(day, np.arange(count), channel, persons, debts, schedule, world)
        elif day > first and calls_in.any():
            _contacted(day, np.flatnonzero(calls_in), "", persons, debts, schedule, world)
        pay(day, persons, debts, schedule, world.effects, _HABITS, paid, changed)
        brought += paid
    by_person = np.bincount(debts.owners, weights=brought, minlength=count)
    return np.asarray(by_person.reshape(copies, -1).mean(axis=0), dtype=np.float64)


def _contacted(
    day: int, who: Ints, channel: str, persons: Persons, debts: Debts, schedule: Schedule, world: DebtorWorld
) -> None:
    """Contacts of a day: by a channel, or people's own calls where none is named."""
    count, is_inbound = len(who), not channel
    hours = (
        _FIRST_HOUR + (persons.keys[who] % np.uint64(60 * (_LAST_HOUR - _FIRST_HOUR))).astype(np.float64) / 60
    )
    code = CALL if is_inbound else CHANNELS.index(channel)
    contacts = Contacts(
        persons=who.astype(np.int64),
        places=np.zeros(count, dtype=np.int64),
        channels=np.full(count, code, dtype=np.int8),
        hours=hours,
        point_keys=np.zeros(count, dtype=np.uint64),
        is_automated=np.zeros(count, dtype=np.bool_),
        is_third_party=np.zeros(count, dtype=np.bool_),
        is_inbound=np.full(count, is_inbound, dtype=np.bool_),
    )
    take_contacts(day, contacts, persons, debts, schedule, world.effects, _HABITS, Reactions.empty(count))


def _copied(world: DebtorWorld, chosen: Ints, copies: int, seed: int) -> tuple[Persons, Debts, Schedule]:
    """These people so many times, one copy after another, each with a luck of its own."""
    starts, counts = world.persons.first_debts[chosen], np.diff(world.persons.first_debts)[chosen]
    rows = _ranges(starts, counts)
    lines_from, lines = world.debts.first_rows[rows], np.diff(world.debts.first_rows)[rows]
    places = _ranges(lines_from, lines)
    moved = np.cumsum(lines) - lines - lines_from

    def keys_of(keys: Keys) -> Keys:
        return np.concatenate([seeded(keys, 1 + seed * 10_007 + number) for number in range(copies)])

    def first_of(each: Ints) -> Ints:
        return np.concatenate([[0], np.cumsum(np.tile(each, copies))]).astype(np.int64)

    of_persons: dict[str, Any] = {
        name: np.tile(getattr(world.persons, name)[chosen], copies) for name in Persons._fields[2:]
    }
    persons = Persons(keys_of(world.persons.keys[chosen]), first_of(counts), **of_persons)
    shift = np.repeat(np.arange(copies) * len(places), len(rows))
    of_debts: dict[str, Any] = {
        name: np.tile(getattr(world.debts, name)[rows], copies) for name in Debts._fields
    }
    for name in ("known_rows", "due_rows", "oldest_rows"):
        of_debts[name] = np.tile(getattr(world.debts, name)[rows] + moved, copies) + shift
    of_debts |= {
        "keys": keys_of(world.debts.keys[rows]),
        "owners": np.repeat(np.arange(len(chosen) * copies), np.tile(counts, copies)),
        "first_rows": first_of(lines),
    }
    lines_of: list[Any] = [np.tile(column[places], copies) for column in world.schedule]
    return persons, Debts(**of_debts), Schedule(*lines_of)


def _ranges(starts: Ints, counts: Ints) -> Ints:
    """The numbers from each start on, so many of each."""
    ends = np.cumsum(counts)
    return np.repeat(starts - (ends - counts), counts) + np.arange(int(counts.sum()))
