"""Random situations around the days on which clocks, calendars and the law change: a person, an attempt, packs and an actor.

Wider than ``people``: every outcome, party and source, answers to the person's own messages, windows over midnight, two
zones with half-hour clocks. Instants keep to quarters of an hour, so that edges are met and missed.
"""

from dataclasses import dataclass
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
from dunwell.law.pack import shipped_packs

_HOUR = 3_600_000_000

MOMENTS = tuple(
    datetime.fromisoformat(text).astimezone(UTC)
    for text in (
        "2026-03-07T16:00:00-05:00",  # the night before summer time in America
        "2026-10-31T16:00:00-04:00",  # the night before it ends there
        "2026-04-04T16:00:00+11:00",  # the night before Lord Howe's clock goes back half an hour
        "2026-10-24T18:00:00+01:00",  # the night before it ends in Europe
        "2026-02-14T12:00:00+08:00",  # a make-up workday before the Spring Festival
        "2026-09-29T12:00:00+08:00",  # before the National Day week
        "2026-01-29T20:00:00+08:00",  # the eve of the Banking Association's guideline
        "2021-11-29T20:00:00-05:00",  # the eve of Regulation F
        "2026-12-30T12:00:00+08:00",  # the end of the published years
    )
)
ZONES = (
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "Asia/Shanghai",
    "Asia/Kolkata",
    "Asia/Jakarta",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Europe/London",
)
PACKS = (
    *((key,) for key in shipped_packs()),
    ("us-reg-f", "us-ma"),
    ("us-reg-f", "us-ma", "house-floor"),
    ("cn", "cn-house"),
    ("cn", "cn-house", "house-floor"),
    ("gb", "eu-npl"),
    ("id", "in", "ph", "hk"),
)
DEBTS = ("d1", "d2", "d3")
POINTS = ("mobile", "home", "work", "mailbox", "office mailbox", "postal", "referee", "boss", "never seen")
HOURS_AGREED = (None, None, (21 * _HOUR, 23 * _HOUR), (22 * _HOUR, 2 * _HOUR), (6 * _HOUR, 8 * _HOUR))
MESSAGES = ("message 1", "message 2")


@dataclass(frozen=True, slots=True)
class Scene:
    """What the records of a situation have in common, so that they touch each other: a moment, a few channels, contact
    points and parties.
    """

    around: datetime
    channels: tuple[str, ...]
    points: tuple[str, ...]
    parties: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Situation:
    """What the gate and the oracle are asked about."""

    person: Person
    attempt: Attempt
    packs: tuple[str, ...]
    actor: str


def _some(words: tuple[str, ...], usual: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(words), max_size=2).map(lambda found: (usual, *found))


scenes = st.builds(
    Scene,
    st.sampled_from(MOMENTS),
    _some(codes.CHANNELS, "call"),
    _some(POINTS, "mobile"),
    _some(codes.PARTIES, "self"),
)


def _instants(scene: Scene, days_before: int, days_after: int) -> st.SearchStrategy[datetime]:
    quarters = st.integers(-days_before * 96, days_after * 96)
    return quarters.map(lambda number: scene.around + timedelta(minutes=15 * number))


def _days(scene: Scene, before: int, after: int) -> st.SearchStrategy[date]:
    return st.integers(-before, after).map(lambda number: scene.around.date() + timedelta(days=number))


def _mostly(usual: str, words: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from((*[usual] * len(words), *words))


def _points(scene: Scene) -> st.SearchStrategy[str | None]:
    return st.sampled_from((None, *scene.points))


_debts = st.lists(st.sampled_from(DEBTS), max_size=2, unique=True).map(tuple)
_clocks = st.integers(0, 95).map(lambda quarter: quarter * _HOUR // 4)


def _contacts(scene: Scene) -> st.SearchStrategy[Contact]:
    return st.builds(
        Contact,
        at=_instants(scene, 9, 2),
        channel=st.sampled_from(scene.channels),
        outcome=_mostly("conversation", codes.OUTCOMES),
        debts=_debts,
        direction=st.sampled_from(("out", "out", "in")),
        party=st.sampled_from(scene.parties),
        contact_point_id=_points(scene),
        in_reply_to=st.sampled_from((None, None, None, *MESSAGES)),
    )


def _messages(scene: Scene) -> st.SearchStrategy[list[Contact]]:
    """Messages of the person's own, each with an id of its own."""
    one = st.builds(
        Contact,
        at=_instants(scene, 1, 0),
        channel=st.sampled_from(scene.channels),
        outcome=st.just("replied"),
        direction=_mostly("in", ("out",)),
        contact_point_id=_points(scene),
    )
    return st.lists(one, max_size=2).map(
        lambda found: [
            Contact(
                c.at,
                c.channel,
                c.outcome,
                c.debts,
                c.direction,
                c.party,
                c.contact_point_id,
                contact_id=name,
            )
            for c, name in zip(found, MESSAGES, strict=False)
        ]
    )


def _states(scene: Scene) -> st.SearchStrategy[State]:
    return st.builds(
        State,
        kind=st.sampled_from(codes.STATES),
        since=st.one_of(_days(scene, 20, 3), _instants(scene, 20, 3)),
        until=st.one_of(st.none(), _days(scene, 2, 20), _instants(scene, 2, 20)),
        debts=_debts,
    )


def _preferences(scene: Scene) -> st.SearchStrategy[Preference]:
    times = st.builds(
        lambda kind, weekdays, opens, length, since, until: Preference(
            kind, weekdays, opens, (opens + length) % (24 * _HOUR) or 24 * _HOUR, since, until
        ),
        st.sampled_from(("not_time", "not_time", "only_time")),
        st.one_of(st.just(127), st.integers(1, 127)),
        _clocks,
        st.integers(1, 95).map(lambda quarter: quarter * _HOUR // 4),
        st.one_of(st.none(), _days(scene, 5, 5)),
        st.one_of(st.none(), _days(scene, 2, 9)),
    )
    moments = st.one_of(st.none(), _days(scene, 3, 3), _instants(scene, 3, 3))
    return st.one_of(
        times,
        times,
        st.builds(
            Preference, kind=st.just("not_place"), place=st.sampled_from(("home", "work")), since=moments
        ),
        st.builds(
            Preference,
            kind=st.just("not_channel"),
            channel=st.sampled_from(scene.channels),
            contact_point_id=_points(scene),
            since=moments,
        ),
    )


def _consents(scene: Scene) -> st.SearchStrategy[Consent]:
    return st.builds(
        Consent,
        given_at=_instants(scene, 9, 2),
        channel=st.sampled_from((None, *scene.channels)),
        contact_point_id=_points(scene),
        withdrawn_at=st.one_of(st.none(), st.none(), _instants(scene, 1, 5)),
        days=st.one_of(st.none(), st.integers(0, 12)),
        hours=st.sampled_from(HOURS_AGREED),
        source=_mostly("collector", codes.SOURCES),
        debts=_debts,
    )


NUMBER, MAILBOX = "12025550140", "ann@example.com"
"""What the records may hold under two ids."""


def _contact_points(scene: Scene) -> st.SearchStrategy[dict[str, ContactPoint]]:
    not_theirs = st.one_of(st.none(), st.none(), _instants(scene, 3, 3))
    return st.fixed_dictionaries(
        {
            "mobile": st.builds(
                ContactPoint, st.just("mobile"), not_theirs_from=not_theirs, address=st.just(NUMBER)
            ),
            "home": st.builds(
                ContactPoint,
                st.just("landline"),
                place=st.just("home"),
                address=st.sampled_from((None, NUMBER)),
            ),
            "work": st.builds(
                ContactPoint, st.just("landline"), place=st.just("work"), not_theirs_from=not_theirs
            ),
            "mailbox": st.just(ContactPoint("email", address=MAILBOX)),
            "office mailbox": st.builds(
                ContactPoint,
                st.just("email"),
                place=st.just("work"),
                address=st.sampled_from((None, MAILBOX)),
            ),
            "postal": st.just(ContactPoint("postal", place="home")),
            "referee": st.just(ContactPoint("mobile", "reference")),
            "boss": st.just(ContactPoint("landline", "employer")),
        }
    )


def _people(scene: Scene) -> st.SearchStrategy[Person]:
    accounts = st.sampled_from(
        (
            None,
            {"d1": Account(20), "d2": Account(3, "g"), "d3": Account(40, "g")},
            {"d1": Account(16), "d2": Account(None), "d3": Account(15)},
        )
    )
    return st.builds(
        lambda contacts, messages, **known: Person("C1", contacts=[*contacts, *messages], **known),
        st.lists(_contacts(scene), max_size=10),
        _messages(scene),
        timezones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True).map(tuple),
        accounts=accounts,
        contact_points=_contact_points(scene),
        states=st.lists(_states(scene), max_size=2).map(tuple),
        preferences=st.lists(_preferences(scene), max_size=3).map(tuple),
        consents=st.lists(_consents(scene), max_size=2).map(tuple),
        notices=st.one_of(
            st.none(),
            st.lists(
                st.builds(
                    Notice,
                    kind=st.sampled_from(codes.NOTICES),
                    sent_at=_instants(scene, 20, 4),
                    debts=_debts,
                ),
                max_size=3,
            ).map(tuple),
        ),
    )


def _attempts(scene: Scene) -> st.SearchStrategy[Attempt]:
    return st.builds(
        Attempt,
        customer_id=st.just("C1"),
        at=_instants(scene, 0, 2),
        channel=st.sampled_from(scene.channels),
        account_ids=_debts,
        contact_point_id=_points(scene),
        party=st.sampled_from((None, *scene.parties)),
        purpose=_mostly("remind", codes.PURPOSES),
        in_reply_to=st.sampled_from((None, None, "no such message", *MESSAGES)),
        visitors=st.sampled_from((None, 1, 2)),
    )


def situations(packs: tuple[str, ...]) -> st.SearchStrategy[Situation]:
    """Situations under some packs. Contacts lie before and after the attempt, the messages that it may answer before it."""
    return scenes.flatmap(
        lambda scene: st.builds(
            Situation, _people(scene), _attempts(scene), st.just(packs), _mostly("agency", codes.ACTORS)
        )
    )
