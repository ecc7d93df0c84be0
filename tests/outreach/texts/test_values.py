"""Amounts and days as the customer reads them, by language and region; amounts to the minor unit in every currency."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dunwell.money import CURRENCIES, MINOR_MAX, parse_minor
from dunwell.outreach.texts import Money, locale_of
from dunwell.outreach.texts.length import is_gsm
from dunwell.outreach.texts.values import ValueRefused, written


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "said"),
    [
        (123450, "USD", "en-US", "$1,234.50"),
        (123450, "USD", "en-GB", "US$1,234.50"),
        (123450, "USD", "zh-CN", "US$1,234.50"),
        (123450, "CNY", "zh-CN", "¥1,234.50"),
        (123450, "CNY", "en-US", "CN¥1,234.50"),
        (123450, "GBP", "en-GB", "£1,234.50"),
        (12345000, "INR", "en-IN", "₹1,23,450.00"),
        (1234, "JPY", "en-US", "¥1,234"),
        (1234, "JPY", "zh-CN", "JP¥1,234"),
        (1234567, "KWD", "en-US", "KWD 1,234.567"),
        (5, "BHD", "zh-CN", "BHD 0.005"),
        (5, "IQD", "en-GB", "IQD 0.005"),
        (0, "EUR", "en-IE", "€0.00"),
        (5, "EUR", "en-XX", "€0.05"),
    ],
)
def test_amounts(minor: int, currency: str, locale: str, said: str) -> None:
    assert written(Money(minor, currency), "money", locale, "email") == said


@given(
    minor=st.integers(0, MINOR_MAX),
    currency=st.sampled_from(sorted(CURRENCIES)),
    locale=st.sampled_from(["en", "en-US", "en-GB", "en-IN", "en-HK", "zh", "zh-CN", "zh-HK"]),
)
def test_no_minor_unit_is_lost_in_any_currency(minor: int, currency: str, locale: str) -> None:
    said = written(Money(minor, currency), "money", locale, "letter")
    digits = re.search(r"\d[\d,.]*$", said)
    assert digits is not None
    assert parse_minor(digits.group().replace(",", ""), currency) == minor
    _, _, decimals = digits.group().partition(".")
    assert len(decimals) == CURRENCIES[currency]


@given(currency=st.sampled_from(sorted(CURRENCIES)), locale=st.sampled_from(["en", "en-US", "en-IN"]))
def test_an_english_sms_is_not_made_longer_by_a_currency_sign(currency: str, locale: str) -> None:
    assert is_gsm(written(Money(100, currency), "money", locale, "sms"))


@pytest.mark.parametrize(
    "money", [Money(-1, "USD"), Money(1, "XXX"), Money(MINOR_MAX + 1, "USD"), 12.5, "12.50"]
)
def test_what_is_no_amount(money: object) -> None:
    with pytest.raises(ValueRefused):
        written(money, "money", "en-US", "email")


@pytest.mark.parametrize(
    ("locale", "said"),
    [
        ("zh", "2026年11月4日"),
        ("zh-Hans-CN", "2026年11月4日"),
        ("en-US", "November 4, 2026"),
        ("en-GB", "4 November 2026"),
        ("en-HK", "4 November 2026"),
        ("en", "4 November 2026"),
        ("en-CN", "4 November 2026"),
    ],
)
def test_days(locale: str, said: str) -> None:
    assert written(date(2026, 11, 4), "date", locale, "sms") == said


def test_the_region_is_the_languages_own_else_the_jurisdictions() -> None:
    assert locale_of("en", "us") == "en-US"
    assert locale_of("en-GB", "us") == "en-GB"
    assert locale_of("zh-Hans", "cn") == "zh-CN"
    assert locale_of("en", "eu-npl") == "en-EU"
    assert written(date(2026, 11, 4), "date", locale_of("en", "eu-npl"), "sms") == "4 November 2026"
