"""Each kind of rule for the oracle: whether it objects to a contact, in the words of its text."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from zoneinfo import ZoneInfo

from dunwell.law import Contact, Preference, codes
from dunwell.law.workdays import read_calendars
from tests.law.oracle_clocks import DAY, begins_at, edges, is_on, local, stayed, written
from tests.law.oracle_question import (
    Question,
    consents_in_place,
    is_about,
    is_agreed,
    may_be_same,
    may_count_to,
    message_answered,
    party_of_contact,
    place_of,
    wrong_since,
)

_REACHED = ("conversation", "delivered", "opened", "replied")


def _hours(asked: Question) -> bool:
    """Hours, half-open on every clock; lifted by many days past due, agreed hours, or an answer in the same closed time."""
    shut = [zone for zone in asked.zones if not _is_open(asked, zone, asked.at)]
    if not shut:
        return False
    above = asked.values.get("past_due_days_above")
    account = (asked.person.accounts or {}).get(asked.account_id or "")
    if above is not None and account is not None and (account.past_due_days or 0) > above:
        return False
    answered = message_answered(asked)
    for zone in shut:
        _, clock = local(asked.at, zone)
        consents = consents_in_place(asked, zone, asked.at, asked.point, with_hours=True, needs_point=False)
        if any(consent.hours is not None and _within(clock, *consent.hours) for consent in consents):
            continue
        clocks = [written(asked.values[key]) for key in ("opens", "closes")]
        if answered is not None and stayed(
            partial(_is_shut, asked, zone),
            answered.at,
            asked.at,
            edges(zone, answered.at, asked.at, clocks),
        ):
            continue
        return True
    return False


def _is_open(asked: Question, zone: ZoneInfo, at: datetime) -> bool:
    """Whether the hours are open. Raises YearNotPublished where the day's calendar is needed and not known."""
    day, clock = local(at, zone)
    if codes.WEEKDAYS[day.weekday()] not in asked.words("weekdays", codes.WEEKDAYS):
        return False
    days = asked.values.get("days", "any")
    if days != "any":
        calendar = read_calendars()[asked.rule.calendar or ""]
        if days == "workdays" and not calendar.is_workday(day):
            return False
        if days == "no_holidays" and calendar.is_holiday(day):
            return False
    return written(asked.values["opens"]) <= clock < written(asked.values["closes"])


def _is_shut(asked: Question, zone: ZoneInfo, at: datetime) -> bool:
    return not _is_open(asked, zone, at)


def _within(clock: int, opens: int, closes: int) -> bool:
    return opens <= clock < closes if opens <= closes else clock >= opens or clock < closes


def _preferences(asked: Question) -> bool:
    """Times, places and channels that the person asked for. One answer to their own message is lifted: at a time they closed
    only where they wrote within it.
    """
    wishes = [wish for wish in asked.person.preferences if wish.kind in asked.values["preferences"]]
    answered = message_answered(asked)
    for zone in asked.zones:
        if not _is_unwelcome(wishes, zone, asked.at):
            continue
        clocks = [clock for wish in wishes for clock in (wish.opens, wish.closes)]
        if answered is None or not stayed(
            partial(_is_unwelcome, wishes, zone),
            answered.at,
            asked.at,
            edges(zone, answered.at, asked.at, clocks),
        ):
            return True
    return answered is None and any(_is_barred(asked, wish) for wish in wishes)


def _is_unwelcome(wishes: Sequence[Preference], zone: ZoneInfo, at: datetime) -> bool:
    """Whether a time asked for shuts out an instant: any not_time does; of several only_time, one that is open is enough."""
    if any(wish.kind == "not_time" and _is_in_window(wish, zone, at) for wish in wishes):
        return True
    day, _ = local(at, zone)
    limits = [wish for wish in wishes if wish.kind == "only_time" and _is_dated(wish, day)]
    is_in_one = any(wish.kind == "only_time" and _is_in_window(wish, zone, at) for wish in wishes)
    return bool(limits) and not is_in_one


def _is_dated(wish: Preference, day: date) -> bool:
    """Whether a wish holds on a day; both its days are inclusive."""
    since = wish.since.date() if isinstance(wish.since, datetime) else wish.since
    return (since is None or since <= day) and (wish.until is None or day <= wish.until)


def _is_in_window(wish: Preference, zone: ZoneInfo, at: datetime) -> bool:
    """Whether an instant lies in a window that began on its own day, or the day before and ran over midnight."""
    day, clock = local(at, zone)

    def begins(on: date) -> bool:
        return _is_dated(wish, on) and wish.weekdays >> on.weekday() & 1 == 1

    if wish.opens <= wish.closes:
        return begins(day) and wish.opens <= clock < wish.closes
    return (begins(day) and clock >= wish.opens) or (begins(day - DAY) and clock < wish.closes)


def _is_barred(asked: Question, wish: Preference) -> bool:
    """Whether a wish about a place or a channel shuts out the attempt."""
    if wish.since is not None and begins_at(wish.since, asked.zones) > asked.at:
        return False
    if wish.kind == "not_place":
        known = asked.person.contact_points.get(asked.point or "")
        is_tied = asked.attempt.channel in ("visit", "letter") or (
            known is not None and known.kind in ("landline", "postal")
        )
        return is_tied and asked.point is not None and wish.place == place_of(asked.person, asked.point)
    return (
        wish.kind == "not_channel"
        and wish.channel in (None, asked.attempt.channel)
        and (wish.contact_point_id in (None, asked.point) or _is_one_address(asked, wish.contact_point_id))
    )


def _is_one_address(asked: Question, name: str) -> bool:
    """Whether the attempt goes to the number or address that the records hold under this id too."""
    points = asked.person.contact_points
    ours, theirs = points.get(asked.point or ""), points.get(name)
    return (
        ours is not None
        and theirs is not None
        and ours.address is not None
        and ours.address == theirs.address
    )


def _frequency(asked: Question) -> bool:
    """As many contacts as are allowed lie within the days that end with the attempt's, on some clock, and nothing lifts it."""
    if place_of(asked.person, asked.point) not in asked.words("places", codes.PLACES):
        return False
    if message_answered(asked) is not None:
        return False
    default = 1 if asked.rule.kind == "cooling_off" else None
    at_most: int = asked.values.get("at_most", default)
    for zone in asked.zones:
        if any(consents_in_place(asked, zone, asked.at, asked.point, with_hours=False, needs_point=False)):
            continue
        if sum(_is_counted(asked, zone, contact) for contact in asked.person.contacts) >= at_most:
            return True
    return False


def _is_counted(asked: Question, zone: ZoneInfo, contact: Contact) -> bool:
    """Whether a past contact counts to a frequency on a zone's clock."""
    values, person, point = asked.values, asked.person, contact.contact_point_id
    within = values.get("within_days")
    age = (asked.at.astimezone(zone).date() - contact.at.astimezone(zone).date()).days
    party = party_of_contact(person, contact)
    not_theirs_from = wrong_since(person, point)
    return (
        contact.at < asked.at
        and (within is None or age < within)
        and contact.channel in asked.words("counted_channels", codes.CHANNELS)
        and contact.outcome in asked.words("counted_outcomes", codes.OUTCOMES)
        and contact.direction in values.get("counted_directions", ("out",))
        and party == asked.party
        and (party == "self" or may_be_same(point, asked.point))
        and (not values.get("per_debt", False) or may_count_to(asked, contact.debts))
        and (not values.get("per_contact_point", False) or may_be_same(point, asked.point))
        and place_of(person, point) in asked.words("places", codes.PLACES)
        and not (
            values.get("leaves_out_wrong_numbers", False)
            and not_theirs_from is not None
            and not_theirs_from <= asked.at
        )
        and not _was_agreed(asked, zone, contact)
    )


def _was_agreed(asked: Question, zone: ZoneInfo, contact: Contact) -> bool:
    """Whether a call was made under an agreement of the kind that ends with a conversation: it does not count, but a
    conversation in it still begins the days of rest.
    """
    if not asked.values.get("agreement_ends_at_conversation", False) or contact.direction != "out":
        return False
    if asked.rule.kind == "cooling_off" and contact.outcome == "conversation":
        return False
    point = contact.contact_point_id
    return any(consents_in_place(asked, zone, contact.at, point, with_hours=False, needs_point=False))


def _state(asked: Question) -> bool:
    """A state of the person or of the debt is on."""
    if message_answered(asked) is not None:
        return False
    is_per_debt = asked.values.get("per_debt", True)
    return any(
        state.kind in asked.values["states"]
        and is_on(state, asked.at, asked.zones)
        and (not is_per_debt or may_count_to(asked, state.debts))
        for state in asked.person.states
    )


def _parties(asked: Question) -> bool:
    """A party that may not be contacted, but to locate the person where that is allowed, or where the person agreed to it."""
    locate = asked.values.get("locate", "never")
    if asked.attempt.purpose == "locate":
        if locate == "always":
            return False
        is_in_state = any(
            state.kind in asked.values.get("locate_in_states", ())
            and is_on(state, asked.at, asked.zones)
            and may_count_to(asked, state.debts)
            for state in asked.person.states
        )
        if locate == "in_states" and is_in_state:
            has_refused = any(
                contact.at < asked.at
                and contact.outcome == "refused"
                and party_of_contact(asked.person, contact) == asked.party
                and may_be_same(contact.contact_point_id, asked.point)
                for contact in asked.person.contacts
            )
            if not (asked.values.get("refusal_ends", False) and has_refused):
                return False
    return asked.point is None or not is_agreed(asked, needs_point=True)


def _wrong_number(asked: Question) -> bool:
    since = wrong_since(asked.person, asked.point)
    return since is not None and since <= asked.at


def _address(asked: Question) -> bool:
    """An address in a place that may not be used, unless the person wrote from it or agreed to it."""
    if asked.point is None or place_of(asked.person, asked.point) not in asked.values["places"]:
        return False
    has_used_it = any(
        contact.at < asked.at
        and contact.direction == "in"
        and contact.channel == asked.attempt.channel
        and contact.contact_point_id == asked.point
        for contact in asked.person.contacts
    )
    if asked.values.get("own_use_lifts", False) and has_used_it:
        return False
    return not is_agreed(asked, needs_point=False)


def _notice(asked: Question) -> bool:
    """A notice that must have gone out and, as far as the records say which did, has not."""
    if asked.person.notices is None:
        return False
    return not any(
        notice.kind in asked.values["notices"]
        and notice.sent_at <= asked.at
        and is_about(asked, notice.debts)
        for notice in asked.person.notices
    )


def _visitors(asked: Question) -> bool:
    return asked.attempt.visitors is not None and asked.attempt.visitors < asked.values["at_least"]


def owed_since(asked: Question) -> datetime | None:
    """When the notice became due and was not given: with the first contact that reached them, or this one. None: it is not."""
    person = asked.person
    if any(
        notice.kind in asked.values["notices"] and is_about(asked, notice.debts)
        for notice in person.notices or ()
    ):
        return None
    reached = [
        contact.at
        for contact in person.contacts
        if contact.at < asked.at
        and party_of_contact(person, contact) in asked.words("parties", codes.PARTIES)
        and may_count_to(asked, contact.debts)
        and (contact.direction == "in" or contact.outcome in asked.values.get("counted_outcomes", _REACHED))
    ]
    if not reached:
        return asked.at
    return None if person.notices is None else min(reached)


OBJECTS: Mapping[str, Callable[[Question], bool]] = {
    "hours": _hours,
    "preferences": _preferences,
    "frequency": _frequency,
    "cooling_off": _frequency,
    "state": _state,
    "parties": _parties,
    "wrong_number": _wrong_number,
    "address": _address,
    "notice": _notice,
    "visitors": _visitors,
}
"""Each kind of rule that can refuse a contact."""
