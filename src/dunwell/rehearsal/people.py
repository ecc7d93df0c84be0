"""Who the customers are, how they can be reached, and what they agreed to or asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dunwell.rehearsal.clocks import DAY_SECONDS, MICROSECONDS, cut_at, recorded_soon
from dunwell.rehearsal.columns import codes, days, instants, numbered_ids, patterned, rows_of
from dunwell.rehearsal.draws import Flags, Ints, happens, pick
from dunwell.rehearsal.lending import Customers, Days
from dunwell.rehearsal.tables import Columns
from dunwell.rehearsal.world import World

EMPLOYMENTS = {"employed": 0.66, "self_employed": 0.16, "student": 0.06, "retired": 0.06, "unemployed": 0.06}
DECEASED_SHARE, NO_TIMEZONE_SHARE = 0.001, 0.01

POINT_KINDS = ("mobile", "landline", "email", "postal", "app", "landline", "mobile", "mobile")
POINT_PARTIES = ("self", "self", "self", "self", "self", "employer", "reference", "spouse")
POINT_SHARES = (0.98, 0.08, 0.65, 0.80, 0.35, 0.08, 0.06, 0.04)
MOBILE, LANDLINE, EMAIL, POSTAL, APP, EMPLOYER, REFERENCE, SPOUSE = range(8)
NOT_THEIRS_SHARE = 0.008

CONSENTS = {"sms": (MOBILE, 0.55), "email": (EMAIL, 0.45), "call": (MOBILE, 0.30)}
CONSENT_SOURCES = ("creditor", "collector")
WITHDRAWN_SHARE = 0.05

PREFERENCE_SHARE = 0.03
PREFERENCES = (
    ("not_time", '{"weekdays": ["tue", "thu"]}'),
    ("not_time", '{"from": "12:00", "to": "14:00"}'),
    ("only_time", '{"from": "17:00", "to": "20:00"}'),
    ("not_place", '{"place": "work"}'),
    ("not_channel", '{"channel": "sms"}'),
    ("not_channel", '{"channel": "call"}'),
)
"""What people ask for; the detail is a JSON object with the keys that a law case uses."""


@dataclass(frozen=True, slots=True)
class People:
    """A batch's customers as columns that other tables refer to. ``zones`` index into ``zone_names``.

    ``points`` has, for a customer and a kind of contact point (MOBILE, ...), the number of the point's id, or -1.
    """

    ids: pa.Array
    countries: Ints
    since: Days
    zones: Ints
    zone_names: tuple[str, ...]
    opened_at: Ints
    points: Ints


def meet(
    world: World,
    customers: Customers,
    since: Days,
    points_before: int,
    generator: np.random.Generator,
    as_of: int,
) -> tuple[People, dict[str, Columns]]:
    """The customers of a batch, known since the day each opened a first account, and the tables that tell of them."""
    regions = [(country, region) for country, c in enumerate(world.countries) for region in c.regions]
    zone_names = tuple(sorted({region.timezone for _, region in regions}))
    lives_in = _regions(world, customers.countries, generator)
    zones = np.array([zone_names.index(region.timezone) for _, region in regions])[lives_in]
    has_point = np.stack([happens(generator, share, len(since)) for share in POINT_SHARES], axis=1)
    numbers = np.cumsum(has_point.ravel()).reshape(has_point.shape) - 1 + points_before
    seconds = generator.integers(2 * 3600, 14 * 3600, len(since))
    people = People(
        ids=numbered_ids("CU", customer_numbers(customers.numbers), 10),
        countries=customers.countries,
        since=since,
        zones=zones,
        zone_names=zone_names,
        opened_at=np.minimum((since.astype(np.int64) * DAY_SECONDS + seconds) * MICROSECONDS, cut_at(as_of)),
        points=np.where(has_point, numbers, -1),
    )
    codes_of_regions = [region.code for _, region in regions]
    return people, {
        "customers": _customers(world, people, customers, codes_of_regions, lives_in, generator, as_of),
        "contact_points": _contact_points(world, people, has_point, points_before, generator, as_of),
        "consents": _consents(people, generator, as_of),
        "preferences": _preferences(people, generator, as_of),
    }


def customer_numbers(numbers: Ints) -> Ints:
    """Numbers as a lender's system hands them out: growing, with gaps."""
    return spread_numbers(numbers, 41, 20_000_000)


def spread_numbers(numbers: Ints, gap: int, first: int) -> Ints:
    """Growing numbers with gaps between 1 and twice ``gap``, a fixed function of the running number."""
    scattered = (numbers * 2_654_435_761) % (2**32) % gap
    return np.asarray(first + numbers * gap + scattered, dtype=np.int64)


def point_ids(numbers: Ints) -> pa.Array:
    """Ids of contact points by their running numbers; null where the number is below 0."""
    ids = numbered_ids("CP", np.maximum(numbers, 0), 11)
    return (
        ids if not len(numbers) or numbers.min() >= 0 else rows_of(ids, np.arange(len(numbers)), numbers < 0)
    )


def _regions(world: World, countries: Ints, generator: np.random.Generator) -> Ints:
    """For each customer an index into all regions of all countries."""
    lives_in = np.zeros(len(countries), dtype=np.int64)
    before = 0
    for index, country in enumerate(world.countries):
        rows = np.flatnonzero(countries == index)
        lives_in[rows] = before + pick(generator, [region.weight for region in country.regions], len(rows))
        before += len(country.regions)
    return lives_in


def _customers(
    world: World,
    people: People,
    customers: Customers,
    regions: list[str],
    lives_in: Ints,
    generator: np.random.Generator,
    as_of: int,
) -> Columns:
    count = len(people.since)
    names = _by_country(people.countries, generator, [dict.fromkeys(c.names, 1.0) for c in world.countries])
    languages = _by_country(people.countries, generator, [c.languages for c in world.countries])
    age_days = generator.integers(19 * 365, 72 * 365, count).astype(np.int32)
    is_deceased = happens(generator, DECEASED_SHARE, count)
    deceased_on = people.since + np.maximum((generator.random(count) * (as_of - people.since)), 1).astype(
        np.int32
    )
    return {
        "customer_id": people.ids,
        "name": names,
        "language": languages,
        "jurisdiction": codes([country.jurisdiction for country in world.countries], people.countries),
        "region": codes(regions, lives_in),
        "timezone": codes(people.zone_names, people.zones, happens(generator, NO_TIMEZONE_SHARE, count)),
        "born_on": days((people.since - age_days).astype(np.int32)),
        "deceased_on": pa.array(deceased_on, mask=~is_deceased).cast(pa.date32()),
        "employment": codes(tuple(EMPLOYMENTS), pick(generator, list(EMPLOYMENTS.values()), count)),
        "credit_score": pa.array(customers.credit_scores),
        "recorded_at": instants(people.opened_at),
    }


def _by_country(
    countries: Ints, generator: np.random.Generator, shares: Sequence[Mapping[str, float]]
) -> pa.Array:
    """A text a customer, out of the country's texts by their shares."""
    chosen = np.zeros(len(countries), dtype=np.int64)
    before = 0
    for index, of_country in enumerate(shares):
        rows = np.flatnonzero(countries == index)
        chosen[rows] = before + pick(generator, list(of_country.values()), len(rows))
        before += len(of_country)
    return codes([text for of_country in shares for text in of_country], chosen)


def _contact_points(
    world: World,
    people: People,
    has_point: Flags,
    points_before: int,
    generator: np.random.Generator,
    as_of: int,
) -> Columns:
    of_customer, kinds = np.nonzero(has_point)
    values, order = [], []
    for kind in range(len(POINT_KINDS)):
        for index, country in enumerate(world.countries):
            rows = np.flatnonzero((kinds == kind) & (people.countries[of_customer] == index))
            order.append(rows)
            if kind in (EMAIL, APP):
                handles = pc.utf8_lower(rows_of(people.ids, of_customer[rows]))
                values.append(
                    pc.binary_join_element_wise(handles, "example.org" if kind == EMAIL else "app", "@")
                )
            elif kind == POSTAL:
                values.append(
                    codes(country.addresses, generator.integers(0, len(country.addresses), len(rows)))
                )
            else:
                values.append(
                    patterned(
                        country.landline if kind in (LANDLINE, EMPLOYER) else country.mobile,
                        generator,
                        len(rows),
                    )
                )
    position = np.empty(len(kinds), dtype=np.int64)
    position[np.concatenate(order)] = np.arange(len(kinds))
    is_theirs = ~(np.isin(kinds, (MOBILE, EMAIL)) & happens(generator, NOT_THEIRS_SHARE, len(kinds)))
    learned = people.since[of_customer] + (
        generator.random(len(kinds)) * (as_of - people.since[of_customer])
    ).astype(np.int32)
    places = np.array(["home", "work"])
    return {
        "contact_point_id": point_ids(np.arange(len(kinds)) + points_before),
        "customer_id": rows_of(people.ids, of_customer),
        "kind": codes(POINT_KINDS, kinds),
        "value": rows_of(pa.concat_arrays(values), position),
        "party": codes(POINT_PARTIES, kinds),
        "timezone": codes(people.zone_names, people.zones[of_customer], ~np.isin(kinds, (LANDLINE, POSTAL))),
        "place": codes(
            places.tolist(),
            (kinds == EMPLOYER).astype(np.int64),
            ~np.isin(kinds, (LANDLINE, POSTAL, EMPLOYER)),
        ),
        "not_theirs_from": instants(
            (learned.astype(np.int64) * DAY_SECONDS + 36_000) * MICROSECONDS, is_theirs
        ),
        "recorded_at": instants(people.opened_at[of_customer]),
    }


def _consents(people: People, generator: np.random.Generator, as_of: int) -> Columns:
    rows, channels = [], []
    for index, (kind, share) in enumerate(CONSENTS.values()):
        given = np.flatnonzero(happens(generator, share, len(people.since)) & (people.points[:, kind] >= 0))
        rows.append(given)
        channels.append(np.full(len(given), index, dtype=np.int64))
    of_customer, channel = np.concatenate(rows), np.concatenate(channels)
    order = np.lexsort((channel, of_customer))
    of_customer, channel = of_customer[order], channel[order]
    points = people.points[of_customer, np.array([kind for kind, _ in CONSENTS.values()])[channel]]
    given_at = people.opened_at[of_customer]
    withdrawn_at = given_at + (generator.random(len(given_at)) * (cut_at(as_of) - given_at)).astype(np.int64)
    withdrawn_at -= withdrawn_at % MICROSECONDS
    return {
        "customer_id": rows_of(people.ids, of_customer),
        "channel": codes(tuple(CONSENTS), channel),
        "contact_point_id": point_ids(points),
        "given_at": instants(given_at),
        "withdrawn_at": instants(withdrawn_at, ~happens(generator, WITHDRAWN_SHARE, len(given_at))),
        "source": codes(CONSENT_SOURCES, pick(generator, (0.8, 0.2), len(given_at))),
        "recorded_at": instants(recorded_soon(generator, given_at, as_of)),
    }


def _preferences(people: People, generator: np.random.Generator, as_of: int) -> Columns:
    rows = np.flatnonzero(happens(generator, PREFERENCE_SHARE, len(people.since)))
    chosen = generator.integers(0, len(PREFERENCES), len(rows))
    opened = people.opened_at[rows]
    told_at = opened + (generator.random(len(rows)) * (cut_at(as_of) - opened)).astype(np.int64)
    told_at -= told_at % MICROSECONDS
    return {
        "customer_id": rows_of(people.ids, rows),
        "kind": codes([kind for kind, _ in PREFERENCES], chosen),
        "detail": codes([detail for _, detail in PREFERENCES], chosen),
        "recorded_at": instants(told_at),
    }
