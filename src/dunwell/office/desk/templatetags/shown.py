"""How figures, days and rules are shown: in the reader's language and the currency's own way."""

import re
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime, get_day_names
from babel.numbers import format_currency, format_percent
from django import template
from django.utils.translation import get_language

from dunwell.ledger.statement import Line
from dunwell.ledger.statement_text import changed_components
from dunwell.money import CURRENCIES, format_minor
from dunwell.office.access.masks import masked_name
from dunwell.office.cases.queue import reasons
from dunwell.office.desk import words
from dunwell.office.desk.sentences import sentence as core_sentence

register = template.Library()


def _locale() -> Locale:
    return _locale_of("zh_Hans_CN" if _is_chinese() else "en_GB")


def _is_chinese() -> bool:
    return (get_language() or "en").startswith("zh")


@cache
def _locale_of(code: str) -> Locale:
    """A locale, made once: from its code it is made anew for each amount and day that a page shows."""
    return Locale.parse(code)


@register.filter
def money(amount: Decimal | None, currency: str) -> str:
    """An amount with its currency; an empty text where there is none.

    >>> money(Decimal("1900.07"), "USD")
    'US$1,900.07'
    """
    if amount is None or not currency:
        return ""
    return _money(amount + 0, currency, _locale())  # no minus before nothing


@lru_cache(maxsize=4096)
def _money(amount: Decimal, currency: str, locale: Locale) -> str:
    """The same amounts stand on a page again and again."""
    return str(format_currency(amount, currency, locale=locale))


@register.filter
def worth(amount: Decimal, currency: str) -> str:
    """An amount that is a reckoning, to two places: with its currency where that is known.

    >>> worth(Decimal("12.3456"), "")
    '12.35'
    """
    cents = amount.quantize(Decimal("0.01"))
    return money(cents, currency) if currency else f"{cents:,}"


@register.filter
def day(value: date | None) -> str:
    """A day in words short enough for a table."""
    return "" if value is None else _day(value, _locale())


@lru_cache(maxsize=4096)
def _day(value: date, locale: Locale) -> str:
    return str(format_date(value, "medium", locale=locale))


@register.filter
def instant(value: datetime | None, zone: str = "UTC") -> str:
    """An instant on the clock of a zone."""
    if value is None:
        return ""
    return str(
        format_datetime(
            value,
            "d MMM HH:mm" if not _is_chinese() else "M月d日 HH:mm",
            tzinfo=ZoneInfo(zone),
            locale=_locale(),
        )
    )


@register.filter
def queue_reason(name: str) -> str:
    """Why a case stands where it stands, in words."""
    return reasons()[name]["zh" if _is_chinese() else "en"]


@register.filter
def at(mapping: Any, key: Any) -> Any:
    """The value of a mapping at a key; empty where there is none."""
    return mapping.get(key, "") if mapping else ""


@register.filter
def minor(amount: int | None, currency: str) -> str:
    """An amount in minor units with its currency.

    >>> minor(190007, "USD")
    'US$1,900.07'
    """
    return "" if amount is None else money(Decimal(format_minor(amount, currency)), currency)


@register.filter
def percent(share: Any) -> str:
    """A share as a percentage with one decimal; empty where there is none."""
    return "" if share is None else str(format_percent(float(share), "0.0%", locale=_locale()))


@register.filter
def word(name: str, of: str) -> str:
    """What the desk calls something: ``of`` names the list of words (``CHANNELS``, ``STAGES``...)."""
    return str(getattr(words, of).get(name, str(name).replace("_", " ")))


@register.filter
def own_name(name: str) -> str:
    """What the lender calls a segment or a treatment, in the reader's language where it is made of words of ours: a stage
    (``reminder``), or a stage and a channel (``reminder by sms``).

    >>> own_name("reminder by sms"), own_name("a soft start")
    ('reminder by sms', 'a soft start')
    """
    stage, _by, channel = str(name).partition(" by ")
    if stage not in words.STAGES or (channel and channel not in words.CHANNELS) or not _is_chinese():
        return str(name)
    told = str(words.STAGES[stage])
    return f"{told}（{words.CHANNELS[channel]}）" if channel else told


@register.filter
def clock(value: datetime | None, zone: str = "UTC") -> str:
    """The time of day of an instant on the clock of a zone."""
    if value is None:
        return ""
    return str(format_datetime(value, "HH:mm", tzinfo=ZoneInfo(zone), locale=_locale()))


@register.filter
def moment(value: datetime | None, zone: str = "UTC") -> str:
    """An instant with its year, on the clock of a zone."""
    if value is None:
        return ""
    pattern = "y年M月d日 HH:mm" if _is_chinese() else "d MMM y, HH:mm"
    return str(format_datetime(value, pattern, tzinfo=ZoneInfo(zone), locale=_locale()))


@register.filter
def changes(line: Line, currency: str) -> list[tuple[str, str]]:
    """What a line of a statement changed, component by component."""
    return [(core_sentence(name), change) for name, change in changed_components(line, currency)]


@register.filter
def sentence(text: str) -> str:
    """A sentence of the core's in the reader's language, its days and amounts as the reader writes them.

    >>> sentence("nothing had been paid by 2026-11-28")
    'nothing had been paid by 28 Nov 2026'
    >>> sentence("1360.5 GBP is left for all creditors")
    '£1,360.50 is left for all creditors'
    """
    told = _ISO_DAY.sub(lambda found: _day_of(found[0]), core_sentence(str(text)))
    return _AMOUNT.sub(lambda found: _amount_of(found["amount"], found["currency"]), told)


_AMOUNT = re.compile(r"(?<![\w.,-])(?P<amount>-?\d+(?:\.\d+)?) (?P<currency>[A-Z]{3})(?!\w)")


def _amount_of(amount: str, currency: str) -> str:
    """As the reader writes it; as it stands where that would round it, or where the letters are no currency."""
    decimals = len(amount.partition(".")[2])
    is_money = decimals <= CURRENCIES.get(currency, -1)
    return money(Decimal(amount), currency) if is_money else f"{amount} {currency}"


_ISO_DAY = re.compile(r"(?<![\w-])\d{4}-\d{2}-\d{2}(?![\w-])")


def _day_of(text: str) -> str:
    try:
        return day(date.fromisoformat(text))
    except ValueError:
        return text


@register.filter
def tongue(tag: str | None) -> str:
    """A language by its name; its tag where it has none here.

    >>> tongue("bn-IN"), tongue("zh-CN"), tongue("xx")
    ('Bangla (India)', 'Chinese (Simplified, China)', 'xx')
    """
    if not tag:
        return "–"
    try:
        return str(Locale.parse(tag.replace("-", "_")).get_display_name(_locale()) or tag)
    except (UnknownLocaleError, ValueError):
        return tag


@register.filter
def country(key: str) -> str:
    """A jurisdiction by the name of its country, where its key is one's.

    >>> country("in"), country("eu-npl")
    ('India', 'eu-npl')
    """
    return str(_locale().territories.get(key.upper(), key)) if len(key) == 2 else key


@register.filter
def masked(text: str, name: str | None) -> str:
    """A text with a person's name masked wherever it stands."""
    return text.replace(name, masked_name(name)) if name else text


def weekday(name: str) -> str:
    """A weekday (``mon`` to ``sun``) in short; as it stands where it is none.

    >>> weekday("sat")
    'Sat'
    """
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    if name not in names:
        return name
    return str(get_day_names("abbreviated", locale=_locale())[names.index(name)])


@register.filter
def may(user: Any, permission: str) -> bool:
    """Whether who reads the page has a permission."""
    return bool(getattr(user, "may", lambda _: False)(permission))
