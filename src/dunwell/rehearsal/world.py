"""The world the rehearsal lives in: countries and their products, read from ``countries/*.toml`` and ``terms/*.toml``."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from dunwell.ledger.terms import Terms, read_terms
from dunwell.money import minor_exponent
from dunwell.rehearsal.schedule import RATE_UNIT

COUNTRIES_FOLDER = Path(__file__).parent / "countries"
TERMS_FOLDER = Path(__file__).parent / "terms"
"""Terms of every product made here, in the workspace's own format: copy them to ``policy/terms``."""


@dataclass(frozen=True, slots=True)
class Product:
    """What a lender lends: ``kind`` is annuity (level instalments), card (a statement a month) or pay_later (equal parts).

    ``principal_*_minor`` describe what is lent, for a card a month's statement balance. ``late_fee_after_days`` is 0 where
    there is no late fee. ``risk`` multiplies the chance of going bad.
    """

    terms: Terms
    kind: str
    country: int
    weight: float
    principal_median_minor: int
    principal_sigma: float
    principal_step_minor: int
    principal_least_minor: int
    principal_most_minor: int
    annual_rates_ppm: tuple[int, ...]
    instalments: Mapping[int, float]
    instalment_fee_minor: int
    late_fee_minor: int
    late_fee_after_days: int
    legal_cost_minor: int
    risk: float

    @property
    def exponent(self) -> int:
        """Decimals of the product's currency."""
        return minor_exponent(self.terms.currency)


@dataclass(frozen=True, slots=True)
class Region:
    """A region by its ISO 3166-2 code, the clock kept there, and its share of the country's people."""

    code: str
    timezone: str
    weight: float


@dataclass(frozen=True, slots=True)
class Country:
    """A jurisdiction's people. In telephone patterns # stands for any digit, N for 2 to 9."""

    jurisdiction: str
    share: float
    languages: Mapping[str, float]
    names: tuple[str, ...]
    addresses: tuple[str, ...]
    mobile: str
    landline: str
    regions: tuple[Region, ...]
    holds: Mapping[str, float]
    notices: Mapping[str, int]
    charge_off_days: Mapping[str, int]
    visit_share: float


@dataclass(frozen=True, slots=True)
class World:
    """All countries, and all products with the index of their country."""

    countries: tuple[Country, ...]
    products: tuple[Product, ...]

    def only(self, jurisdictions: Collection[str]) -> "World":
        """The countries of those jurisdictions and their products; all when none is named.

        Raises ValueError for a jurisdiction that is not in the world.
        """
        if not jurisdictions:
            return self
        known = [country.jurisdiction for country in self.countries]
        for jurisdiction in jurisdictions:
            if jurisdiction not in known:
                raise ValueError(
                    f"{jurisdiction!r} is not a country of the rehearsal; choose from {', '.join(known)}"
                )
        kept = [index for index, name in enumerate(known) if name in jurisdictions]
        products = [
            replace(product, country=kept.index(product.country))
            for product in self.products
            if product.country in kept
        ]
        return World(tuple(self.countries[index] for index in kept), tuple(products))


@cache
def read_world() -> World:
    """The world as its text files tell it, countries by file name, products in the order they are written."""
    terms = read_terms(TERMS_FOLDER)
    texts = [
        tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
        for file in sorted(COUNTRIES_FOLDER.glob("*.toml"))
    ]
    return World(
        countries=tuple(_country(text) for text in texts),
        products=tuple(
            _product(product, terms[product["key"]], country)
            for country, text in enumerate(texts)
            for product in text["products"]
        ),
    )


def _country(text: Mapping[str, Any]) -> Country:
    house_numbers = range(1, 200, 2)
    return Country(
        jurisdiction=text["jurisdiction"],
        share=float(text["share"]),
        languages={language: float(share) for language, share in text["languages"].items()},
        names=tuple(
            text["name_order"].format(family=family, given=given)
            for family in text["family"]
            for given in text["given"]
        ),
        addresses=tuple(
            text["address"].format(street=street, number=number)
            for street in text["streets"]
            for number in house_numbers
        ),
        mobile=text["mobile"],
        landline=text["landline"],
        regions=tuple(Region(r["code"], r["timezone"], float(r["weight"])) for r in text["regions"]),
        holds={kind: float(share) for kind, share in text["holds"].items()},
        notices={kind: int(days) for kind, days in text["notices"].items()},
        charge_off_days={
            credit: int(days) for credit, days in text.get("charge_off_days", _CHARGE_OFF_DAYS).items()
        },
        visit_share=float(text.get("visit_share", 0)),
    )


_CHARGE_OFF_DAYS = {"closed_end": 360, "open_end": 360}
"""Where a country's text is silent: a house figure."""


def _product(text: Mapping[str, Any], terms: Terms, country: int) -> Product:
    unit = 10 ** minor_exponent(terms.currency)
    principal, late_fee = text["principal"], text.get("late_fee", {"amount": 0, "after_days": 0})
    return Product(
        terms=terms,
        kind=text["kind"],
        country=country,
        weight=float(text["weight"]),
        principal_median_minor=int(principal["median"] * unit),
        principal_sigma=float(principal["sigma"]),
        principal_step_minor=max(int(principal["step"] * unit), 1),
        principal_least_minor=int(principal["least"] * unit),
        principal_most_minor=int(principal["most"] * unit),
        annual_rates_ppm=tuple(int(rate * RATE_UNIT) for rate in text["annual_rates"]),
        instalments={int(count): float(share) for count, share in text.get("instalments", {}).items()},
        instalment_fee_minor=int(text.get("instalment_fee", 0) * unit),
        late_fee_minor=int(late_fee["amount"] * unit),
        late_fee_after_days=int(late_fee["after_days"]),
        legal_cost_minor=int(text.get("legal_cost", 0) * unit),
        risk=float(text["risk"]),
    )
