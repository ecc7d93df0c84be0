"""Random people and attempts for the gate's tests: several zones, debts, contact points, states, wishes and agreements."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from dunwell.law import (
    Account,
    Attempt,
    Consent,
    Contact,
    ContactPoint,
    Notice,
    Person,
    Preference,
    State,
    codes,
)

NOON = datetime(2026, 3, 6, 17, 0, tzinfo=UTC)
"""Two days before clocks change in America."""

ZONES = (
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Shanghai",
    "Asia/Jakarta",
    "Australia/Lord_Howe",
    "Europe/London",
)
DEBTS = ("d1", "d2", "d3")
POINTS = ("m1", "m2", "h1", "w1", "e1")

_HOUR = 3_600_000_000


def instants(days_before: int, days_after: int) -> st.SearchStrategy[datetime]:
    """Instants around NOON, to the quarter of an hour, so that edges are met."""
    return st.integers(-days_before * 96, days_after * 96).map(lambda n: NOON + timedelta(minutes=15 * n))


def days(before: int, after: int) -> st.SearchStrategy[date]:
    """Days around NOON."""
    return st.integers(-before, after).map(lambda n: NOON.date() + timedelta(days=n))


_debts = st.lists(st.sampled_from(DEBTS), max_size=2, unique=True).map(tuple)
_points = st.sampled_from([*POINTS, None])

contacts = st.builds(
    Contact,
    at=instants(12, 1),
    channel=st.sampled_from(("call", "call", "call", "sms", "email")),
    outcome=st.sampled_from(codes.OUTCOMES),
    debts=_debts,
    direction=st.sampled_from(("out", "out", "in")),
    party=st.sampled_from(("self", "self", "self", "reference")),
    contact_point_id=_points,
)
states = st.builds(
    State,
    kind=st.sampled_from(codes.STATES),
    since=st.one_of(days(20, 3), instants(20, 3)),
    until=st.one_of(st.none(), days(2, 20), instants(2, 20)),
    debts=_debts,
)
preferences = st.one_of(
    st.builds(
        Preference,
        kind=st.sampled_from(("not_time", "only_time")),
        weekdays=st.integers(1, 127),
        opens=st.integers(0, 23).map(lambda hour: hour * _HOUR),
        closes=st.integers(1, 24).map(lambda hour: hour * _HOUR),
        since=st.one_of(st.none(), days(5, 5)),
        until=st.one_of(st.none(), days(0, 9)),
    ),
    st.builds(Preference, kind=st.just("not_place"), place=st.sampled_from(("home", "work"))),
    st.builds(
        Preference,
        kind=st.just("not_channel"),
        channel=st.sampled_from(codes.CHANNELS),
        contact_point_id=_points,
        since=st.one_of(st.none(), days(3, 3)),
    ),
)
consents = st.builds(
    Consent,
    given_at=instants(9, 2),
    channel=st.sampled_from((None, "call", "email")),
    contact_point_id=_points,
    withdrawn_at=st.one_of(st.none(), instants(1, 5)),
    days=st.one_of(st.none(), st.integers(0, 9)),
    hours=st.one_of(st.none(), st.just((21 * _HOUR, 23 * _HOUR)), st.just((22 * _HOUR, 2 * _HOUR))),
    source=st.sampled_from(codes.SOURCES),
    debts=_debts,
)
notices = st.builds(Notice, kind=st.sampled_from(codes.NOTICES), sent_at=instants(20, 4), debts=_debts)
_points_known = {
    "m1": ContactPoint("mobile"),
    "m2": ContactPoint("mobile", not_theirs_from=NOON - timedelta(days=2)),
    "h1": ContactPoint("landline", place="home"),
    "w1": ContactPoint("landline", place="work"),
    "e1": ContactPoint("email", place="work"),
}
people = st.builds(
    Person,
    customer_id=st.just("C1"),
    timezones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True).map(tuple),
    accounts=st.just({"d1": Account(20, None), "d2": Account(3, "g"), "d3": Account(40, "g")}),
    contact_points=st.just(_points_known),
    states=st.lists(states, max_size=2).map(tuple),
    preferences=st.lists(preferences, max_size=2).map(tuple),
    consents=st.lists(consents, max_size=2).map(tuple),
    contacts=st.lists(contacts, max_size=14),
    notices=st.one_of(st.none(), st.lists(notices, max_size=2).map(tuple)),
)
attempts = st.builds(
    Attempt,
    customer_id=st.just("C1"),
    at=instants(1, 3),
    channel=st.sampled_from(codes.CHANNELS),
    account_ids=_debts,
    contact_point_id=_points,
    party=st.sampled_from((None, "self", "reference", "spouse", "attorney")),
    purpose=st.sampled_from(codes.PURPOSES),
    visitors=st.sampled_from((None, 1, 2)),
)
pack_lists = st.sampled_from(
    (
        ("us-reg-f",),
        ("us-reg-f", "us-ma"),
        ("cn",),
        ("cn", "cn-house"),
        ("gb",),
        ("id",),
        ("ph",),
        ("in", "hk", "eu-npl"),
    )
)
actors = st.sampled_from(codes.ACTORS)
