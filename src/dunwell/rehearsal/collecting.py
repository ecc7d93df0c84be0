"""What the lender did about lateness: contacts and what came of them, promises, holds and notices."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dunwell.book.tables import HOLD_KINDS
from dunwell.rehearsal.behaviour import Episodes
from dunwell.rehearsal.clocks import recorded_after, recorded_soon, utc_instants
from dunwell.rehearsal.columns import Money, codes, days, instants, numbered_ids, one_item_lists, rows_of
from dunwell.rehearsal.draws import Flags, Floats, Ints, days_between, happens, pick_by_row
from dunwell.rehearsal.lending import NEVER, Days, Loans
from dunwell.rehearsal.people import APP, EMAIL, MOBILE, POSTAL, People, point_ids
from dunwell.rehearsal.tables import Columns
from dunwell.rehearsal.world import World

CHANNELS = ("call", "sms", "email", "letter", "visit", "app")
POINTS = np.array([MOBILE, MOBILE, EMAIL, POSTAL, POSTAL, APP])
OUTCOMES = (
    "no_answer", "busy", "not_in_service", "voicemail", "dropped", "conversation", "delivered", "bounced", "opened", "replied",
    "wrong_party", "refused",
)  # fmt: skip
CONVERSATION, WRONG_PARTY = OUTCOMES.index("conversation"), OUTCOMES.index("wrong_party")
OUTCOME_SHARES = np.array(
    [
        [0.42, 0.08, 0.05, 0.12, 0.05, 0.22, 0, 0, 0, 0, 0.03, 0.03],
        [0, 0, 0, 0, 0, 0, 0.90, 0.06, 0, 0.04, 0, 0],
        [0, 0, 0, 0, 0, 0, 0.56, 0.08, 0.32, 0.04, 0, 0],
        [0, 0, 0, 0, 0, 0, 0.93, 0.07, 0, 0, 0, 0],
        [0.45, 0, 0, 0, 0, 0.40, 0, 0, 0, 0, 0.05, 0.10],
        [0, 0, 0, 0, 0, 0, 0.50, 0, 0.40, 0.10, 0, 0],
    ]
)
"""By channel: what comes of a contact. House figures; published answer rates are of sales calls."""

TOUCHES = (
    (1, "sms", 0.7), (3, "call", 0.5), (5, "app", 0.2), (7, "call", 0.5), (10, "email", 0.5), (14, "call", 0.5), (20, "sms", 0.5),
    (28, "letter", 0.5), (35, "call", 0.6), (45, "email", 0.5), (50, "call", 0.5), (62, "letter", 0.5), (75, "call", 0.5),
    (95, "letter", 0.6), (110, "visit", 1.0), (125, "call", 0.5), (150, "letter", 0.4), (190, "call", 0.3), (240, "letter", 0.3),
    (300, "call", 0.3),
)  # fmt: skip
"""Days late, channel, and the share of those still late who are contacted so."""

FIRST_SECOND, LAST_SECOND = 9 * 3600, 19 * 3600
"""Contacts lie between nine and seven on the customer's clock, and not on Sundays: inside every pack's hours."""

INBOUND_SHARE, PROMISE_SHARE, PART_PROMISE_SHARE, KEPT_SHARE = 0.05, 0.55, 0.25, 0.85

HOLD_SHARE, HOLD_AFTER_DAYS, LITIGATION_AFTER_DAYS = 0.10, 20, 120
CUSTOMER_HOLDS = ("bankruptcy", "attorney", "cease", "incapacity", "breathing_space", "unreachable")
OPEN_ENDED_HOLDS = ("bankruptcy", "attorney", "cease", "incapacity", "litigation", "unreachable")
SILENCING_HOLDS = ("bankruptcy", "attorney", "cease", "incapacity", "breathing_space", "dispute")
"""Under these nobody is dunned: no contact out of ours follows them."""

_PAUSE, _LITIGATION = HOLD_KINDS.index("pause"), HOLD_KINDS.index("litigation")


@dataclass(frozen=True, slots=True)
class Desk:
    """All that the lender's people look at while they collect. ``account_ids`` by row of ``loans``."""

    world: World
    loans: Loans
    people: People
    account_ids: pa.Array
    exponents: Ints
    episodes: Episodes
    settled_on: Days
    as_of: int

    def countries(self, accounts: Ints) -> Ints:
        """The country of each account's customer."""
        return self.people.countries[self.loans.customers[accounts]]


@dataclass(frozen=True, slots=True)
class _Contacts:
    """Contacts before they are put in order."""

    accounts: Ints
    on: Days
    at: Ints
    channels: Ints
    outcomes: Ints
    is_inbound: Flags


def collect(desk: Desk, before: dict[str, int], generator: np.random.Generator) -> dict[str, Columns]:
    """Holds, contacts, promises and notices up to the tape's day. ``before``: rows already numbered, by table."""
    hold_rows, silent_since = _holds(desk, before["holds"], generator)
    contacts = _contacts(desk, silent_since, generator)
    return {
        "holds": hold_rows,
        "contacts": _contact_rows(desk, contacts, before["contacts"], generator),
        "promises": _promises(desk, contacts, before["promises"], generator),
        "notices": _notices(desk, before["notices"], generator),
    }


def _holds(desk: Desk, before: int, generator: np.random.Generator) -> tuple[Columns, Days]:
    """Holds in some of the longer spells, and for each account the day from which nobody writes or calls any more."""
    episodes = desk.episodes
    ends_on = np.minimum(episodes.until, desk.as_of)
    is_held = (ends_on - episodes.since >= HOLD_AFTER_DAYS) & happens(generator, HOLD_SHARE, len(ends_on))
    rows = np.flatnonzero(is_held)
    kinds_all = sorted({kind for country in desk.world.countries for kind in country.holds})
    shares = np.array(
        [[country.holds.get(kind, 0.0) for kind in kinds_all] for country in desk.world.countries]
    )
    accounts = episodes.accounts[rows]
    kinds = pick_by_row(generator, shares[desk.countries(accounts)])
    is_short = ends_on[rows] - episodes.since[rows] < LITIGATION_AFTER_DAYS
    kinds = np.where(is_short & (kinds == _LITIGATION), _PAUSE, kinds)
    from_on = days_between(generator, episodes.since[rows] + np.int32(5), ends_on[rows])
    to_on = from_on + generator.integers(7, 61, len(rows)).astype(np.int32)

    order = np.lexsort((from_on, accounts))
    accounts, kinds, from_on, to_on = accounts[order], kinds[order], from_on[order], to_on[order]
    keep = ~_overlaps(accounts, kinds == _PAUSE, from_on, to_on)
    accounts, kinds, from_on, to_on = accounts[keep], kinds[keep], from_on[keep], to_on[keep]
    is_of_customer = _is_any(CUSTOMER_HOLDS)[kinds]
    is_open = _is_any(OPEN_ENDED_HOLDS)[kinds]

    silent_since = np.full(len(desk.people.since), NEVER, dtype=np.int32)
    silencing = _is_any(SILENCING_HOLDS)[kinds]
    np.minimum.at(silent_since, desk.loans.customers[accounts[silencing]], from_on[silencing])
    return {
        "hold_id": numbered_ids("HD", np.arange(len(accounts)) + before, 10),
        "account_id": rows_of(desk.account_ids, accounts, is_of_customer),
        "customer_id": rows_of(desk.people.ids, desk.loans.customers[accounts], ~is_of_customer),
        "kind": codes(HOLD_KINDS, kinds),
        "from_on": days(from_on),
        "to_on": pa.array(to_on, mask=is_open).cast(pa.date32()),
        "recorded_at": instants(recorded_after(generator, from_on, desk.as_of)),
    }, silent_since


def _is_any(wanted: tuple[str, ...]) -> Flags:
    """By kind of hold, whether it is among those wanted."""
    return np.array([kind in wanted for kind in HOLD_KINDS])


def _overlaps(accounts: Ints, is_pause: Flags, from_on: Days, to_on: Days) -> Flags:
    """Pauses that begin before an earlier pause of the same account is over; rows in order of account and day."""
    rows = np.flatnonzero(is_pause)
    clashes = np.zeros(len(accounts), dtype=np.bool_)
    if len(rows):
        # Latest end so far within the account: one running maximum over keys that grow with the account.
        keys = accounts[rows] * 10**6
        ends_before = np.maximum.accumulate(keys + to_on[rows])[:-1]
        clashes[rows[1:]] = ends_before >= keys[1:] + from_on[rows][1:]
    return clashes


def _contacts(desk: Desk, silent_since: Days, generator: np.random.Generator) -> _Contacts:
    """Contacts out by the plan of TOUCHES while a spell lasts, and some from the customer."""
    episodes, count = desk.episodes, len(desk.episodes.accounts)
    made = []
    visit_shares = np.array([country.visit_share for country in desk.world.countries])
    of_countries = desk.countries(episodes.accounts)
    for days_late, channel, share in TOUCHES:
        shares = visit_shares[of_countries] if channel == "visit" else np.full(count, share)
        made.append(
            _touch(
                desk,
                silent_since,
                _weekday(episodes.since + np.int32(days_late)),
                CHANNELS.index(channel),
                shares,
                generator,
            )
        )
    inbound_on = _weekday(episodes.since + generator.integers(1, 21, count).astype(np.int32))
    channels = generator.choice(np.array([CHANNELS.index(c) for c in ("call", "email", "app")]), count)
    is_in = (inbound_on <= np.minimum(episodes.until, desk.as_of)) & happens(generator, INBOUND_SHARE, count)
    inbound = np.flatnonzero(is_in & _has_point(desk, episodes.accounts, channels))
    made.append((episodes.accounts[inbound], inbound_on[inbound], channels[inbound]))

    accounts, on, channels = (np.concatenate([part[i] for part in made]) for i in range(3))
    is_inbound = np.arange(len(accounts)) >= len(accounts) - len(inbound)
    outcomes = pick_by_row(generator, OUTCOME_SHARES[channels])
    came = np.where(channels == CHANNELS.index("call"), CONVERSATION, OUTCOMES.index("delivered"))
    outcomes = np.where(is_inbound, came, outcomes)
    seconds = generator.integers(FIRST_SECOND, LAST_SECOND, len(on))
    customers = desk.loans.customers[accounts]
    at = utc_instants(on, seconds, desk.people.zones[customers], desk.people.zone_names)
    order = np.lexsort((accounts, at, customers))
    return _Contacts(
        accounts[order], on[order], at[order], channels[order], outcomes[order], is_inbound[order]
    )


def _touch(
    desk: Desk, silent_since: Days, on: Days, channel: int, shares: Floats, generator: np.random.Generator
) -> tuple[Ints, Days, Ints]:
    episodes = desk.episodes
    is_late = (
        (on < episodes.until)
        & (on <= desk.as_of)
        & (on < silent_since[desk.loans.customers[episodes.accounts]])
    )
    rows = np.flatnonzero(is_late & (generator.random(len(on)) < shares))
    channels = np.full(len(rows), channel, dtype=np.int64)
    reachable = _has_point(desk, episodes.accounts[rows], channels)
    return episodes.accounts[rows[reachable]], on[rows[reachable]], channels[reachable]


def _has_point(desk: Desk, accounts: Ints, channels: Ints) -> Flags:
    return np.asarray(desk.people.points[desk.loans.customers[accounts], POINTS[channels]] >= 0)


def _weekday(on: Days) -> Days:
    """Sundays become Mondays."""
    return np.where(on % 7 == 3, on + np.int32(1), on).astype(np.int32)  # 1970-01-04 was a Sunday


def _contact_rows(desk: Desk, contacts: _Contacts, before: int, generator: np.random.Generator) -> Columns:
    customers = desk.loans.customers[contacts.accounts]
    count = len(contacts.accounts)
    names_none = happens(generator, 0.15, count)
    is_wrong = contacts.outcomes == WRONG_PARTY
    return {
        "contact_id": numbered_ids("CT", np.arange(count) + before, 11),
        "customer_id": rows_of(desk.people.ids, customers),
        "account_ids": one_item_lists(rows_of(desk.account_ids, contacts.accounts), names_none),
        "at": instants(contacts.at),
        "channel": codes(CHANNELS, contacts.channels),
        "direction": codes(("out", "in"), contacts.is_inbound.astype(np.int64)),
        "contact_point_id": point_ids(desk.people.points[customers, POINTS[contacts.channels]]),
        "party": codes(("self", "other"), is_wrong.astype(np.int64)),
        "outcome": codes(OUTCOMES, contacts.outcomes),
        "recorded_at": instants(recorded_soon(generator, contacts.at, desk.as_of)),
    }


def _promises(desk: Desk, contacts: _Contacts, before: int, generator: np.random.Generator) -> Columns:
    """What some people promise in a conversation: all or half of what is due that day; who pays soon mostly keeps it."""
    is_talk = (contacts.outcomes == CONVERSATION) & happens(generator, PROMISE_SHARE, len(contacts.on))
    accounts, on, at = contacts.accounts[is_talk], contacts.on[is_talk], contacts.at[is_talk]
    due = (desk.loans.due_on[accounts] <= on[:, None]).sum(axis=1)
    settled = (desk.settled_on[accounts] <= on[:, None]).sum(axis=1)
    sums = desk.loans.due_sums_minor
    amounts = sums[accounts, due] - sums[accounts, np.minimum(settled, due)]
    amounts = np.where(happens(generator, PART_PROMISE_SHARE, len(on)), amounts // 2, amounts)

    oldest = np.minimum(settled, desk.settled_on.shape[1] - 1)
    pays_in = desk.settled_on[accounts, oldest] - on
    soon = np.maximum(pays_in + generator.integers(0, 3, len(on)), 1)
    hoped = generator.integers(2, 11, len(on))
    keeps = (pays_in <= 14) & happens(generator, KEPT_SHARE, len(on))
    due_on = (on + np.where(keeps, soon, hoped)).astype(np.int32)
    made = np.flatnonzero(amounts > 0)
    order = made[np.lexsort((at[made], accounts[made]))]
    accounts = accounts[order]
    return {
        "promise_id": numbered_ids("PR", np.arange(len(order)) + before, 10),
        "account_id": rows_of(desk.account_ids, accounts),
        "made_at": instants(at[order]),
        "due_on": days(due_on[order]),
        "amount": Money(amounts[order], desk.exponents[accounts]),
        "recorded_at": instants(recorded_soon(generator, at[order], desk.as_of)),
    }


def _notices(desk: Desk, before: int, generator: np.random.Generator) -> Columns:
    """Notices of each country's kinds, to those who are still late when they go out."""
    episodes = desk.episodes
    kinds_all = sorted({kind for country in desk.world.countries for kind in country.notices})
    of_countries = desk.countries(episodes.accounts)
    parts = []
    for kind, name in enumerate(kinds_all):
        after = np.array([country.notices.get(name, NEVER) for country in desk.world.countries])[of_countries]
        on = _weekday((episodes.since + np.minimum(after, 10_000)).astype(np.int32))
        rows = np.flatnonzero((after < NEVER) & (on < episodes.until) & (on <= desk.as_of))
        parts.append((episodes.accounts[rows], on[rows], np.full(len(rows), kind, dtype=np.int64)))
    accounts, on, kinds = (np.concatenate([part[i] for part in parts]) for i in range(3))
    customers = desk.loans.customers[accounts]
    sent_at = utc_instants(
        on, np.full(len(on), 10 * 3600), desk.people.zones[customers], desk.people.zone_names
    )
    order = np.lexsort((kinds, sent_at, customers))
    accounts, on, kinds, customers, sent_at = (
        accounts[order],
        on[order],
        kinds[order],
        customers[order],
        sent_at[order],
    )
    days_under_way = generator.integers(2, 7, len(on))
    is_unknown = (on + days_under_way > desk.as_of) | happens(generator, 0.1, len(on))
    return {
        "notice_id": numbered_ids("NT", np.arange(len(on)) + before, 10),
        "customer_id": rows_of(desk.people.ids, customers),
        "account_ids": one_item_lists(rows_of(desk.account_ids, accounts), np.zeros(len(on), dtype=np.bool_)),
        "kind": codes(kinds_all, kinds),
        "sent_at": instants(sent_at),
        "received_at": instants(sent_at + days_under_way * 86_400_000_000, is_unknown),
        "recorded_at": instants(recorded_soon(generator, sent_at, desk.as_of)),
    }
