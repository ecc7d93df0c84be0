"""What the oracle is told: an account's rows, the product's terms, and the day counts. Plain records, no code of dunwell's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

ONE_DAY = timedelta(days=1)
WHEN_LEFT_OUT = ("costs", "fees", "penalty", "interest", "principal")
BUCKET_NAMES = ("C", "M1", "M2", "M3", "M4", "M5", "M6", "M7+")
BUCKET_FROM_DAYS = (0, 1, 31, 61, 91, 121, 151, 181)


@dataclass(frozen=True)
class Account:
    """One debt: the amount lent and the yearly contract rate as a fraction (None: not told)."""

    principal: int
    opened_on: date
    annual_rate: Fraction | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class Instalment:
    number: int
    due_on: date
    principal: int
    interest: int = 0
    fees: int = 0
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class Payment:
    payment_id: str
    paid_on: date
    amount: int
    kind: str = "payment"  # or reversal, chargeback
    reverses: str | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class Charge:
    charge_id: str
    charged_on: date
    kind: str  # late_fee, legal_cost, other
    amount: int
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class Hold:
    hold_id: str
    kind: str
    from_on: date
    to_on: date | None = None  # None: it goes on
    recorded_at: datetime | None = None

    def is_in_force(self, day: date) -> bool:
        """From its first to its last day, both included."""
        return self.from_on <= day and (self.to_on is None or day <= self.to_on)


@dataclass(frozen=True)
class Penalty:
    """Penalty interest: a rate of its own (`annual`), or a `multiple` of the contract rate."""

    basis: frozenset[str]
    annual: Fraction | None
    multiple: Fraction | None
    stop_accrual: frozenset[str]


@dataclass(frozen=True)
class Terms:
    """What the product's terms say, with defaults where the page lets a key be missing."""

    grace_days: int
    materiality: int
    day_count: str
    allocation: str
    waterfall: tuple[str, ...]
    waterfall_after: tuple[tuple[int, tuple[str, ...]], ...]  # (past due days, order)
    waterfall_legal: tuple[str, ...] | None
    penalty: Penalty | None
    annual_total_cost: Fraction | None
    bucket_names: tuple[str, ...]
    bucket_from_days: tuple[int, ...]


def terms_from(table: dict[str, Any], exponent: int) -> Terms:
    """Terms out of what tomllib gives for a terms file; `exponent` is the currency's number of decimals."""
    after: list[tuple[int, tuple[str, ...]]] = []
    legal = None
    for entry in table.get("waterfall_after", []):
        if entry.get("stage") == "legal":
            legal = whole_waterfall(entry["waterfall"])
        else:
            after.append((entry["past_due_days"], whole_waterfall(entry["waterfall"])))
    buckets = table.get("buckets", {"names": BUCKET_NAMES, "from_days": BUCKET_FROM_DAYS})
    cap = table.get("caps", {}).get("annual_total_cost")
    materiality = Fraction(table.get("materiality", "0")) * 10**exponent
    assert materiality.denominator == 1, "materiality has more decimals than the currency"
    return Terms(
        grace_days=table.get("grace_days", 0),
        materiality=int(materiality),
        day_count=table.get("day_count", "ACT/360"),
        allocation=table["allocation"],
        waterfall=whole_waterfall(table["waterfall"]),
        waterfall_after=tuple(after),
        waterfall_legal=legal,
        penalty=_penalty_from(table["penalty"]) if "penalty" in table else None,
        annual_total_cost=None if cap is None else Fraction(cap),
        bucket_names=tuple(buckets["names"]),
        bucket_from_days=tuple(buckets["from_days"]),
    )


def _penalty_from(table: dict[str, Any]) -> Penalty:
    basis = set(table.get("basis", ["principal"]))
    if table.get("compound", False):
        basis.add("interest")
    return Penalty(
        basis=frozenset(basis),
        annual=Fraction(table["annual"]) if "annual" in table else None,
        multiple=Fraction(table["multiple"]) if "multiple" in table else None,
        stop_accrual=frozenset(table.get("stop_accrual", [])),
    )


def whole_waterfall(components: Sequence[str]) -> tuple[str, ...]:
    """A waterfall that leaves components out gets them at its end."""
    return (*components, *(component for component in WHEN_LEFT_OUT if component not in components))


# Day counts --------------------------------------------------------------------------------------------------------


def day_fraction(day_count: str, day: date) -> Fraction:
    """The share of a year that one day is."""
    if day_count == "ACT/360":
        return Fraction(1, 360)
    if day_count == "ACT/365F":
        return Fraction(1, 365)
    if day_count == "ACT/ACT":
        is_leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
        return Fraction(1, 366 if is_leap else 365)
    if day_count == "30E/360":
        return Fraction(_days_of_30e(day) - _days_of_30e(day - ONE_DAY), 360)
    raise ValueError(f"unknown day count {day_count!r}")


def _days_of_30e(day: date) -> int:
    return 360 * day.year + 30 * day.month + min(day.day, 30)


# One situation, as any engine takes it ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Situation:
    """An account with its product's terms (what tomllib gives for the terms file) and the day we look at it."""

    terms: dict[str, Any]
    exponent: int  # the currency's number of decimals
    account: Account
    instalments: Sequence[Instalment]
    payments: Sequence[Payment]
    charges: Sequence[Charge]
    holds: Sequence[Hold]
    as_of: date
    known_at: datetime | None
    imported_at: datetime  # stands in for a row's missing recorded_at
