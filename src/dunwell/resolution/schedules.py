"""Exact schedules: what is paid when, in minor units, so that the parts add up to the debt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from dunwell.calendars import add_months
from dunwell.money import round_half_even


@dataclass(frozen=True, slots=True)
class PlanPart:
    """One part of a plan: what it takes off the debt, the interest on top, and how it is shared among the accounts."""

    number: int
    due_on: date
    debt_minor: int
    interest_minor: int
    by_account: tuple[tuple[str, int], ...] = ()

    @property
    def amount_minor(self) -> int:
        """What is to be paid."""
        return self.debt_minor + self.interest_minor


def level_parts(
    debt_minor: int,
    principal_minor: int,
    annual_rate: Fraction,
    monthly_minor: int,
    first_due_on: date,
    months_max: int,
) -> tuple[PlanPart, ...] | None:
    """Parts of ``monthly_minor`` a month until the debt is paid, the last one with what remains; None when it takes longer than
    ``months_max``, or when the part does not cover the interest.

    Interest runs on what is left of the principal, a twelfth of the rate a month, rounded half-even; a part pays its interest
    first, then principal, so that interest falls soonest. There is none on interest, fees and penalty.
    """
    parts: list[PlanPart] = []
    debt, principal = debt_minor, min(principal_minor, debt_minor)
    while debt > 0:
        if len(parts) == months_max:
            return None
        interest = round_half_even(principal * annual_rate.numerator, 12 * annual_rate.denominator)
        paid = min(monthly_minor, debt + interest) - interest
        if paid <= 0:
            return None
        parts.append(PlanPart(len(parts) + 1, add_months(first_due_on, len(parts)), paid, interest))
        debt, principal = debt - paid, max(principal - paid, 0)
    return tuple(parts)


def even_parts(
    debt_minor: int,
    principal_minor: int,
    annual_rate: Fraction,
    most_minor: int,
    first_due_on: date,
    months_max: int,
) -> tuple[PlanPart, ...] | None:
    """The parts as even as they can be, in as few months as ``most_minor`` a month allows; None when that is too many."""

    def with_monthly(monthly: int, months: int) -> tuple[PlanPart, ...] | None:
        return level_parts(debt_minor, principal_minor, annual_rate, monthly, first_due_on, months)

    parts = with_monthly(most_minor, months_max)
    if parts is None:
        return None
    low, high = 1, most_minor
    while low < high:
        middle = (low + high) // 2
        if with_monthly(middle, len(parts)) is None:
            low = middle + 1
        else:
            high = middle
    return with_monthly(high, len(parts))


def interest_on(parts: Sequence[PlanPart], principal_minor: int, annual_rate: Fraction) -> int:
    """The interest that these parts would carry at another rate."""
    total, principal = 0, principal_minor
    for part in parts:
        total += round_half_even(principal * annual_rate.numerator, 12 * annual_rate.denominator)
        principal = max(principal - part.debt_minor, 0)
    return total


def shared(parts: Sequence[PlanPart], debts: Sequence[tuple[str, int]]) -> tuple[PlanPart, ...]:
    """The parts with each account's share, by the size of the debts: never negative, the shares of a part add up to it, and an
    account's shares to its debt (and its part of the interest), to the minor unit.
    """
    sizes, given = [minor for _, minor in debts], [0] * len(debts)
    found, paid = [], 0
    for part in parts:
        paid += part.amount_minor
        shares = _shares(part.amount_minor, paid, sizes, given)
        given = [before + share for before, share in zip(given, shares, strict=True)]
        by_account = tuple((debts[k][0], share) for k, share in enumerate(shares))
        found.append(PlanPart(part.number, part.due_on, part.debt_minor, part.interest_minor, by_account))
    return tuple(found)


def _shares(amount: int, paid: int, sizes: Sequence[int], given: Sequence[int]) -> list[int]:
    """An amount shared so that each account comes as near as whole units allow to its part of what is paid so far."""
    whole = sum(sizes)
    shares = [max(paid * size // whole - before, 0) for size, before in zip(sizes, given, strict=True)]

    def behind(k: int) -> int:
        """By how much an account would still be behind its part, in units of one over the whole."""
        return paid * sizes[k] - whole * (given[k] + shares[k])

    while (rest := amount - sum(shares)) != 0:
        if rest > 0:
            shares[max(range(len(sizes)), key=behind)] += 1
        else:
            shares[min((k for k in range(len(sizes)) if shares[k]), key=behind)] -= 1
    return shares
