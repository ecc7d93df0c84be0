"""The report's words and ways of writing numbers and days, in one language; read from a small text file each."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from dunwell.nightly.numbers import amount_text, share_text, short_amount

LANGUAGES: Mapping[str, str] = {"en": "en", "zh": "zh-Hans"}
"""The languages a report can be written in, and the tag the page declares (BCP 47)."""

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class Language:
    """One language of the report. ``texts`` is its catalogue, by section and key."""

    code: str
    texts: Mapping[str, Mapping[str, Any]]

    @property
    def tag(self) -> str:
        """The language as the page declares it."""
        return LANGUAGES[self.code]

    def say(self, place: str, **values: object) -> str:
        """The text at ``section.key`` with its values filled in. Raises KeyError when the catalogue has none."""
        section, key = place.split(".")
        return str(self.texts[section][key]).format(**values)

    def name(self, section: str, key: str | None) -> str:
        """The name of a value that the lender's data or policy holds; as it is where the catalogue does not know it."""
        return "–" if key is None else str(self.texts[section].get(key, key))

    def terms(self) -> list[tuple[str, str]]:
        """The words the page explains, each with its meaning."""
        return [(term, meaning) for term, meaning in self.texts["reading"]["terms"]]

    def day(self, day: date) -> str:
        """A day as it is written in running text."""
        if self.code == "zh":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"

    def short(self, amount: Decimal) -> str:
        """An amount in a short form."""
        return short_amount(amount, self.code)

    def money(self, amount: Decimal, currency: str) -> str:
        """An amount in full, with its currency."""
        return f"{currency} {amount_text(amount, currency)}"

    @staticmethod
    def share(part: Decimal | float, whole: Decimal | float, decimals: int = 1) -> str:
        """A share in per cent."""
        return share_text(part, whole, decimals)


@cache
def read_language(code: str, report: str = "") -> Language:
    """The language with that code; ``report`` adds the words of another report (``REPORT.CODE.toml``). Raises
    ValueError for one that the report is not written in.
    """
    if code not in LANGUAGES:
        raise ValueError(f"the report is not written in {code!r}; use one of {', '.join(LANGUAGES)}")
    names = [f"{code}.toml", *([f"{report}.{code}.toml"] if report else [])]
    texts: dict[str, dict[str, Any]] = {}
    for name in names:
        read = tomllib.loads(files("dunwell.nightly.report").joinpath(name).read_text(encoding="utf-8"))
        for section, entries in read.items():
            texts[section] = texts.get(section, {}) | entries
    return Language(code, texts)
