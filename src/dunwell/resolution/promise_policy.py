"""When a promise counts as kept: what may be missing and how late it may be, as dated text (``texts/promises.toml``).

The lender's own text is asked first, then the house's. A promise is judged by the rule in force on the day it was made:
a policy that changes later changes no promise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

from dunwell.money import CURRENCIES, parse_minor
from dunwell.policy import Entry, PolicyError, PolicyText, read_policy

HOUSE_FILE = Path(__file__).parent / "texts" / "promises.toml"
TOLERANCE_MAX = Fraction(1, 5)
"""No text may forgive more of a promise: beyond it an amount of any size would keep one."""
GRACE_MAX = 31
DUE_WITHIN_DAYS, DUE_WITHIN_MAX = 92, 366
SHARE_UNITS = 1_000_000
"""Shares are whole parts per million, so that frames reckon with them exactly."""


@dataclass(frozen=True, slots=True)
class PromiseRule:
    """What keeps a promise: ``tolerance_ppm`` of its amount, or the currency's ``tolerances_minor``, may be missing.

    ``due_within_days``: how far away its last day may be when it is made at the desk; what takes longer is a plan.
    """

    tolerance_ppm: int
    tolerances_minor: Mapping[str, int]
    grace_days: int
    source: str
    due_within_days: int = DUE_WITHIN_DAYS

    def required_minor(self, amount_minor: int, currency: str) -> int:
        """The least money that keeps a promise of this amount; never less than four fifths of it, nor than a minor unit."""
        by_share = amount_minor * self.tolerance_ppm // SHARE_UNITS
        missing = min(max(by_share, self.tolerances_minor.get(currency, 0)), amount_minor // 5)
        return max(amount_minor - missing, 1)


@dataclass(frozen=True, slots=True)
class PromisePolicy:
    """The texts that say when promises are kept, the one to ask first in front; ``files`` are theirs, for content hashes."""

    texts: tuple[PolicyText, ...]
    files: tuple[Path, ...]

    def on(self, day: date) -> PromiseRule:
        """The rule in force on a day. Raises PolicyError when no text holds then."""
        for text in self.texts:
            entries = text.entries("rule", day) if text.holds_on(day) else []
            if entries:
                return _rule(text, entries[-1])
        raise PolicyError(
            self.texts[0].file, "rule", f"none is in force on {day}", "Write an earlier from, or remove until"
        )


def read_promise_policy(file: Path | None = None) -> PromisePolicy:
    """The lender's text, where there is one, before the house's. Raises PolicyError, for every rule that cannot be used."""
    files = [own for own in (file,) if own is not None and own.is_file()] + [HOUSE_FILE]
    texts = tuple(read_policy(one) for one in files)
    for text in texts:
        for number, values in enumerate(text.values.get("rule", ()), start=1):
            _check(text, f"rule[{number}]", values)
    return PromisePolicy(texts, tuple(files))


def _rule(text: PolicyText, entry: Entry) -> PromiseRule:
    values = entry.values
    return PromiseRule(
        tolerance_ppm=int(Fraction(str(values.get("tolerance_share", "0"))) * SHARE_UNITS),
        tolerances_minor={
            currency: parse_minor(amount, currency)
            for currency, amount in values.get("tolerance", {}).items()
        },
        grace_days=values.get("grace_days", 0),
        source=entry.source,
        due_within_days=values.get("due_within_days", DUE_WITHIN_DAYS),
    )


def _check(text: PolicyText, key: str, values: Mapping[str, Any]) -> None:
    share = values.get("tolerance_share", "0")
    try:
        ppm = Fraction(str(share)) * SHARE_UNITS
    except ValueError:
        ppm = Fraction(-1)
    if not 0 <= ppm <= TOLERANCE_MAX * SHARE_UNITS or ppm.denominator != 1:
        raise PolicyError(
            text.file,
            f"{key}.tolerance_share",
            f"{share!r} is no share from 0 to 0.2 with at most six decimals",
            'Write tolerance_share = "0.05"',
        )
    grace = values.get("grace_days", 0)
    if type(grace) is not int or not 0 <= grace <= GRACE_MAX:
        raise PolicyError(
            text.file, f"{key}.grace_days", f"{grace!r} is not 0 to {GRACE_MAX}", "Write grace_days = 3"
        )
    within = values.get("due_within_days", DUE_WITHIN_DAYS)
    if type(within) is not int or not 1 <= within <= DUE_WITHIN_MAX:
        raise PolicyError(
            text.file,
            f"{key}.due_within_days",
            f"{within!r} is not 1 to {DUE_WITHIN_MAX}",
            "Write due_within_days = 92",
        )
    for currency, amount in values.get("tolerance", {}).items():
        try:
            is_good = currency in CURRENCIES and parse_minor(amount, currency) >= 0
        except (ValueError, AttributeError):
            is_good = False
        if not is_good:
            raise PolicyError(
                text.file,
                f"{key}.tolerance.{currency}",
                f"{amount!r} is no amount of it",
                'Write tolerance = { CNY = "1.00" }',
            )
