"""Exact money: integer minor units inside, decimal text at the edges, never a float.

A currency's minor unit is ISO 4217's (list one as published 2026-01-01): the yen has none, the dinar of Kuwait a thousandth.
"""

from collections.abc import Mapping
from types import MappingProxyType

_CODES_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
    COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
    JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
    NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}

CURRENCIES: Mapping[str, int] = MappingProxyType(
    {code: exponent for exponent, codes in _CODES_BY_EXPONENT.items() for code in codes.split()}
)
"""ISO 4217 code to the number of decimals of its minor unit (funds and metals without one are left out)."""

EXPONENT_MAX = max(CURRENCIES.values())
MINOR_MAX = 10**17
"""A bound on every amount in minor units, so that sums of a whole account stay far inside 64 bits."""


class UnknownCurrency(KeyError):
    """The code is not one of ISO 4217's currencies with a minor unit."""

    def __str__(self) -> str:
        return f"{self.args[0]!r} is not an ISO 4217 currency code; use one like CNY, USD or EUR"


def minor_exponent(currency: str) -> int:
    """How many decimals the currency's minor unit has (2 for cents). Raises UnknownCurrency."""
    try:
        return CURRENCIES[currency]
    except KeyError:
        raise UnknownCurrency(currency) from None


def parse_minor(text: str, currency: str) -> int:
    """Minor units of an exact decimal text: ``parse_minor("12.30", "USD")`` is 1230.

    Raises ValueError when the text is not a plain decimal, or has more decimals than the currency
    (trailing zeros do not count), and UnknownCurrency.
    """
    exponent = minor_exponent(currency)
    cleaned = text.strip()
    unsigned = cleaned[1:] if cleaned[:1] in ("-", "+") else cleaned
    whole, _, decimals = unsigned.partition(".")
    digits = whole + decimals
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{text!r} is not a decimal amount; write it like 1234.50")
    decimals = decimals.rstrip("0")
    if len(decimals) > exponent:
        raise ValueError(f"{text!r} has more decimals than {currency} has ({exponent})")
    minor = int((whole or "0") + decimals.ljust(exponent, "0"))
    return -minor if cleaned.startswith("-") else minor


def format_minor(minor: int, currency: str) -> str:
    """Decimal text of minor units: ``format_minor(-1230, "USD")`` is "-12.30"."""
    exponent = minor_exponent(currency)
    sign = "-" if minor < 0 else ""
    digits = str(abs(minor)).rjust(exponent + 1, "0")
    return sign + (f"{digits[:-exponent]}.{digits[-exponent:]}" if exponent else digits)


def round_half_even(numerator: int, denominator: int) -> int:
    """The fraction numerator/denominator to the nearest integer, ties to the even one. The denominator is above 0."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient
