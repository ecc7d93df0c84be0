"""Money: exact text in, exact text out, and half-even rounding."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.money import (
    CURRENCIES,
    UnknownCurrency,
    format_minor,
    minor_exponent,
    parse_minor,
    round_half_even,
)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("12.30", "USD", 1230),
        ("12.3", "USD", 1230),
        ("12", "USD", 1200),
        ("12.3400", "USD", 1234),
        ("-0.01", "EUR", -1),
        ("100", "JPY", 100),
        ("100.00", "JPY", 100),
        ("1.234", "KWD", 1234),
        (".5", "USD", 50),
        (" 7.00 ", "CNY", 700),
    ],
)
def test_decimal_text_becomes_minor_units(text: str, currency: str, minor: int) -> None:
    assert parse_minor(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("12.345", "USD"),
        ("0.5", "JPY"),
        ("1,000", "USD"),
        ("", "USD"),
        ("1e3", "USD"),
        ("٣", "USD"),
        ("--1", "USD"),
    ],
)
def test_a_text_that_is_no_amount_of_the_currency_is_refused(text: str, currency: str) -> None:
    with pytest.raises(ValueError):
        parse_minor(text, currency)


def test_an_unknown_currency_says_what_to_write() -> None:
    with pytest.raises(UnknownCurrency, match="ISO 4217"):
        minor_exponent("XXX")


@given(st.integers(-(10**17), 10**17), st.sampled_from(sorted(CURRENCIES)))
def test_text_and_minor_units_are_two_spellings_of_one_amount(minor: int, currency: str) -> None:
    assert parse_minor(format_minor(minor, currency), currency) == minor


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_rounding_is_half_even_as_fractions_round(numerator: int, denominator: int) -> None:
    assert round_half_even(numerator, denominator) == round(Fraction(numerator, denominator))
