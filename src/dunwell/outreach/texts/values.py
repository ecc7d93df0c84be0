"""What is put into a slot, written as the customer reads it: amounts, days, names, numbers, links.

Amounts and days follow the Unicode locale data (CLDR, by Babel), with ISO 4217's decimals. A value is one plain line:
it brings no template syntax, no line ends, no invisible characters, and no link where none is expected.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from urllib.parse import urlsplit

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import NumberPattern, format_currency, get_currency_symbol, parse_pattern

from dunwell.law.language.lexicon import language_of
from dunwell.money import MINOR_MAX, UnknownCurrency, format_minor, minor_exponent
from dunwell.outreach.texts.length import is_gsm

Value = object
NAME_MAX, TEXT_MAX, URL_MAX = 80, 200, 200

_FORBIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
_TEMPLATE = re.compile(r"[{}]|<%|%>|\$\(|<<|>>|\[\[|\]\]|`")
_LINK = re.compile(r"(?i)://|\bwww\.")
_PHONE = re.compile(r"\+?[0-9(][0-9 ().\-/]{1,24}[0-9]")
_SENTENCE_ENDS = re.compile(r"[!?;。！？；…]|\d{4}")


class ValueRefused(ValueError):
    """A value may not be put into a slot of its kind; the message says why and how to mend it."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units of an ISO 4217 currency."""

    minor: int
    currency: str


def locale_of(language: str, jurisdiction: str | None = None) -> str:
    """The tag by which amounts and days are written: the language's own region, else the jurisdiction's.

    >>> locale_of("en", "us"), locale_of("en-GB", "us"), locale_of("zh-Hans", "cn"), locale_of("en")
    ('en-US', 'en-GB', 'zh-CN', 'en')
    """
    primary = language_of(language)
    regions = [part for part in re.split("[-_]", language)[1:] if re.fullmatch("[A-Za-z]{2}", part)]
    region = regions[0] if regions else (jurisdiction or "").split("-")[0]
    return f"{primary}-{region.upper()}" if re.fullmatch("[A-Za-z]{2}", region) else primary


def written(value: Value, kind: str, locale: str, channel: str) -> str:
    """A value as it stands in the text. Raises ValueRefused.

    >>> written(Money(123450, "USD"), "money", "en-US", "email"), written(date(2026, 11, 24), "date", "en-US", "email")
    ('$1,234.50', 'November 24, 2026')
    >>> written(Money(1234500, "KWD"), "money", "en-GB", "email"), written(date(2026, 11, 24), "date", "zh", "sms")
    ('KWD 1,234.500', '2026年11月24日')
    """
    if kind == "money":
        return _money(value, locale, channel)
    if kind == "date":
        if type(value) is not date:
            raise ValueRefused("a day is a date. Give datetime.date")
        return _day(value, locale)
    if not isinstance(value, str):
        raise ValueRefused(f"a {kind} is text, not {type(value).__name__}. Give it as text")
    return _line(value, kind)


@lru_cache(maxsize=4096)  # who writes, how to reach them: the same in every message
def _line(value: str, kind: str) -> str:
    text = value.strip()
    _check_line(
        text, URL_MAX if kind == "url" else NAME_MAX if kind in ("name", "organisation") else TEXT_MAX
    )
    if kind == "url":
        _check_url(text)
    elif kind == "phone":
        if not _PHONE.fullmatch(text) or sum(map(str.isdigit, text)) > 15:
            raise ValueRefused("it is no telephone number. Write digits, like +44 20 7946 0000")
    elif _LINK.search(text):
        raise ValueRefused("it brings a link. Links stand in slots of the kind url only")
    elif kind == "name" and _SENTENCE_ENDS.search(text):
        raise ValueRefused("it is no name: it holds the end of a sentence or a long number. Mend the record")
    return text


def _money(value: Value, locale: str, channel: str) -> str:
    if not isinstance(value, Money) or not isinstance(value.minor, int):
        raise ValueRefused('an amount is Money(minor, currency), like Money(1234, "USD")')
    if not 0 <= value.minor <= MINOR_MAX:
        raise ValueRefused("an amount in a message is never negative. Say in words who owes whom")
    try:
        decimals = minor_exponent(value.currency)
    except UnknownCurrency as error:
        raise ValueRefused(str(error)) from error
    known, pattern = _money_pattern(value.currency, decimals, locale, channel)
    amount = format_currency(
        Decimal(format_minor(value.minor, value.currency)),
        value.currency,
        format=pattern,
        locale=known,
        currency_digits=False,
    )
    return amount.replace("\u00a0", " ").replace("\u202f", " ")


@cache
def _money_pattern(currency: str, decimals: int, locale: str, channel: str) -> tuple[Locale, NumberPattern]:
    """How a currency is written there: the locale, and CLDR's pattern with ISO 4217's decimals."""
    known = _locale(locale)
    pattern = re.sub(
        r"0(?:\.0+)?(?!\d)",
        "0" + ("." + "0" * decimals if decimals else ""),
        known.currency_formats["standard"].pattern,
        count=1,
    )
    symbol = get_currency_symbol(currency, known)
    if channel == "sms" and known.language == "en" and not is_gsm(symbol):
        pattern = pattern.replace("¤", "¤¤ ")  # one letter outside GSM 7-bit would double the message's parts
    elif symbol[-1:].isalpha():
        pattern = pattern.replace("¤", "¤ ")
    return known, parse_pattern(pattern)


@lru_cache(maxsize=4096)
def _day(value: date, locale: str) -> str:
    known = _locale(locale)
    if known.language == "zh":
        return format_date(value, "y年M月d日", locale=known)
    return format_date(value, "MMMM d, y" if known.territory == "US" else "d MMMM y", locale=known)


@lru_cache(maxsize=1024)
def _locale(tag: str) -> Locale:
    """The locale data of a tag; of the language at large where CLDR has none for its region."""
    language = language_of(tag)
    fallback = "zh_Hans_CN" if language == "zh" else "en_001"
    region = tag.split("-")[-1] if "-" in tag else ""
    try:
        return Locale.parse(f"en_{region}" if language == "en" and region else fallback)
    except (UnknownLocaleError, ValueError):
        return Locale.parse(fallback)


def _check_line(text: str, length_max: int) -> None:
    if not text:
        raise ValueRefused("it is empty. Give a value")
    if len(text) > length_max:
        raise ValueRefused(f"it has {len(text)} characters, {length_max} at most. Shorten it")
    for letter in text:
        is_unseen = unicodedata.category(letter) in _FORBIDDEN_CATEGORIES and letter not in _JOINERS
        if is_unseen or letter == "\ufffd":
            raise ValueRefused(
                f"it holds U+{ord(letter):04X}, a line end, an unseen or a broken character. Take it out"
            )
    if _TEMPLATE.search(text):
        raise ValueRefused("it holds template syntax. Take braces and the like out")


def _check_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        host, user = parts.hostname, parts.username
    except ValueError as error:
        raise ValueRefused("it is no address of a page. Write https://...") from error
    if parts.scheme != "https" or not host or "." not in host or user or re.search(r"\s", text):
        raise ValueRefused("a link is https, with a host and no user name. Write https://...")
