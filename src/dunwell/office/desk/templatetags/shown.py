"""How figures, days and rules are shown: in the reader's language and the currency's own way."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency
from django import template
from django.utils.translation import get_language

from dunwell.office.cases.queue import reasons

register = template.Library()


def _locale() -> str:
    return "zh_Hans_CN" if (get_language() or "en").startswith("zh") else "en_GB"


def _is_chinese() -> bool:
    return _locale().startswith("zh")


@register.filter
def money(amount: Decimal | None, currency: str) -> str:
    """An amount with its currency; an empty text where there is none.

    >>> money(Decimal("1900.07"), "USD")
    'US$1,900.07'
    """
    if amount is None or not currency:
        return ""
    return str(format_currency(amount, currency, locale=_locale()))


@register.filter
def day(value: date | None) -> str:
    """A day in words short enough for a table."""
    return "" if value is None else str(format_date(value, "medium", locale=_locale()))


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
