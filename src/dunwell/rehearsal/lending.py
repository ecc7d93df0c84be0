"""What was lent: a batch of accounts with their customers, products, schedules and the risk nobody sees."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from dunwell.rehearsal.draws import Flags, Floats, Ints, pick, pick_key
from dunwell.rehearsal.schedule import annuity, months_after
from dunwell.rehearsal.world import Product, World

Days = NDArray[np.int32]

INSTALMENTS_MAX = 24
NEVER = np.int32(2**30)
"""A day that does not come; pads schedules shorter than INSTALMENTS_MAX."""

ACCOUNTS_PER_CUSTOMER = 1.25
RISK_SPREAD_SEEN, RISK_SPREAD_UNSEEN = 0.6, 0.35
"""Standard deviations of the log of an account's risk: the part its credit score shows, and the part nothing shows."""
RISK_MAX = 4.0
VINTAGE_DRIFT = 0.012
"""Each month's new loans are so much riskier than those of the month before."""


@dataclass(frozen=True, slots=True)
class Customers:
    """People of one batch, by row: their country, their number (ids grow with it) and their credit score."""

    numbers: Ints
    countries: Ints
    credit_scores: Ints


@dataclass(frozen=True, slots=True)
class Loans:
    """Accounts of one batch, by row. Matrices have a column an instalment, 0 (due: NEVER) after the last one.

    ``customers`` is a row of Customers, ``products`` an index into the world's. Money in minor units, rates in parts per
    million, days as numbers since 1970-01-01; ``opened_in`` counts months since then. ``due_sums_minor`` has one column
    more: what falls due in all before an instalment. ``risks`` multiply the chance of paying late, 1 on average.
    """

    numbers: Ints
    customers: Ints
    products: Ints
    opened_on: Days
    opened_in: Ints
    annual_rates_ppm: Ints
    instalment_counts: Ints
    due_on: Days
    principals_minor: Ints
    interests_minor: Ints
    fees_minor: Ints
    due_sums_minor: Ints
    can_prepay: Flags
    risks: Floats

    @property
    def count(self) -> int:
        """How many accounts."""
        return len(self.numbers)


def lend(
    world: World, generator: np.random.Generator, numbers: range, as_of: date, vintage_months: int
) -> tuple[Customers, Loans]:
    """Accounts with those running numbers, and their customers.

    Accounts were opened over the ``vintage_months`` months before ``as_of``; due days lie on the 3rd to the 28th of a month.
    """
    count = len(numbers)
    customers, of_customer = _customers(world, generator, numbers)
    products = _products_for(world, generator, customers.countries[of_customer])
    opened_in, opened_on, counts = _openings(world, generator, products, as_of, vintage_months)
    rates, principals, interests = _schedules(world, generator, products, counts)
    is_scheduled = np.arange(INSTALMENTS_MAX) < counts[:, None]
    due_on = months_after(opened_on[:, None], np.arange(1, INSTALMENTS_MAX + 1))
    fees = (
        np.array([product.instalment_fee_minor for product in world.products])[products, None] * is_scheduled
    )
    sums = np.zeros((count, INSTALMENTS_MAX + 1), dtype=np.int64)
    np.cumsum(principals + interests + fees, axis=1, out=sums[:, 1:])
    this_month = as_of.year * 12 + as_of.month - 1 - 1970 * 12
    exposures = np.minimum(counts, this_month - opened_in)
    loans = Loans(
        numbers=np.arange(numbers.start, numbers.stop, dtype=np.int64),
        customers=of_customer,
        products=products,
        opened_on=opened_on,
        opened_in=opened_in,
        annual_rates_ppm=rates,
        instalment_counts=counts,
        due_on=np.where(is_scheduled, due_on, NEVER),
        principals_minor=principals,
        interests_minor=interests,
        fees_minor=fees,
        due_sums_minor=sums,
        can_prepay=np.array([product.kind != "card" for product in world.products])[products],
        risks=_risks(world, generator, customers.credit_scores[of_customer], products, opened_in, exposures),
    )
    return customers, loans


def _customers(world: World, generator: np.random.Generator, numbers: range) -> tuple[Customers, Ints]:
    """The batch's people, and for each account the row of its customer; everybody has at least one account."""
    count = len(numbers)
    first, after = round(numbers.start / ACCOUNTS_PER_CUSTOMER), round(numbers.stop / ACCOUNTS_PER_CUSTOMER)
    people = max(after - first, 1)
    customers = Customers(
        numbers=np.arange(first, first + people, dtype=np.int64),
        countries=pick(generator, [country.share for country in world.countries], people),
        credit_scores=np.rint(generator.normal(650, 85, people)).astype(np.int64).clip(300, 850),
    )
    more = generator.integers(0, people, max(count - people, 0))
    return customers, generator.permutation(np.concatenate([np.arange(people), more])[:count])


def _products_for(world: World, generator: np.random.Generator, countries: Ints) -> Ints:
    products = np.empty(len(countries), dtype=np.int64)
    for country in range(len(world.countries)):
        rows = np.flatnonzero(countries == country)
        offered = [i for i, product in enumerate(world.products) if product.country == country]
        weights = [world.products[i].weight for i in offered]
        products[rows] = np.array(offered)[pick(generator, weights, len(rows))]
    return products


def _openings(
    world: World, generator: np.random.Generator, products: Ints, as_of: date, vintage_months: int
) -> tuple[Ints, Days, Ints]:
    """The month and day each account was opened, and how many instalments it has; a card's statements go up to next month."""
    this_month = as_of.year * 12 + as_of.month - 1 - 1970 * 12
    months_ago = generator.integers(1, vintage_months + 1, len(products))
    counts = np.empty(len(products), dtype=np.int64)
    for index, product in enumerate(world.products):
        rows = np.flatnonzero(products == index)
        if product.kind == "card":
            months_ago[rows] = np.minimum(months_ago[rows], generator.integers(1, INSTALMENTS_MAX, len(rows)))
            counts[rows] = months_ago[rows] + 1
        else:
            counts[rows] = pick_key(generator, product.instalments, len(rows))
    opened_in = this_month - months_ago
    first_days = opened_in.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return opened_in, (first_days + generator.integers(2, 28, len(products))).astype(np.int32), counts


def _schedules(
    world: World, generator: np.random.Generator, products: Ints, counts: Ints
) -> tuple[Ints, Ints, Ints]:
    """Rates, and principal and interest of every instalment."""
    shape = (len(products), INSTALMENTS_MAX)
    principals, interests = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    rates = np.empty(len(products), dtype=np.int64)
    for index, product in enumerate(world.products):
        of_product = np.flatnonzero(products == index)
        rates[of_product] = generator.choice(np.array(product.annual_rates_ppm), len(of_product))
        lent = _amounts(product, generator, len(of_product))
        for count in np.unique(counts[of_product]).tolist():
            is_so_long = counts[of_product] == count
            rows = of_product[is_so_long]
            if product.kind == "card":
                wobble = np.exp(generator.normal(0, 0.35, (len(rows), count)))
                principals[rows, :count] = np.maximum(np.rint(lent[is_so_long, None] * wobble), 1).astype(
                    np.int64
                )
            elif product.kind == "pay_later":
                principals[rows, :count] = lent[is_so_long, None] // count
                principals[rows, 0] += lent[is_so_long] % count
            else:
                principals[rows, :count], interests[rows, :count] = annuity(
                    lent[is_so_long], rates[rows], count
                )
    return rates, principals, interests


def _amounts(product: Product, generator: np.random.Generator, count: int) -> Ints:
    """Log-normal amounts in whole steps, between the product's least and most."""
    drawn = product.principal_median_minor * np.exp(generator.normal(0, product.principal_sigma, count))
    bounded = drawn.clip(product.principal_least_minor, product.principal_most_minor)
    return np.rint(bounded / product.principal_step_minor).astype(np.int64) * product.principal_step_minor


def _risks(
    world: World,
    generator: np.random.Generator,
    scores: Ints,
    products: Ints,
    opened_in: Ints,
    exposures: Ints,
) -> Floats:
    """Risks that average 1 over the instalments fallen due, not over accounts, so that the calibrated shares come out."""
    of_product = np.array([product.risk for product in world.products])[products]
    seen = RISK_SPREAD_SEEN * (650 - scores) / 85
    unseen = RISK_SPREAD_UNSEEN * generator.normal(size=len(products))
    risks = of_product * np.exp(seen + unseen) * (1 + VINTAGE_DRIFT) ** (opened_in - opened_in.min())
    risks = np.minimum(risks / np.average(risks, weights=exposures), RISK_MAX)
    return np.asarray(risks / np.average(risks, weights=exposures), dtype=np.float64)
