"""What a customer can afford: income and spending in a standard form, the protected minimum, and what is left.

A form is text (``texts/budgets/``): its categories, what a household is to keep for savings, and the protected minimum by
region. What is stated is believed; the protected minimum is a floor under it, so that nobody pays with what they live on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path

from dunwell.money import format_minor, parse_minor
from dunwell.policy import Entry, PolicyError, PolicyText, read_policies, read_policy

BUDGETS_FOLDER = Path(__file__).parent / "texts" / "budgets"
EVERYWHERE = "*"
CATEGORY_KINDS = ("income", "fixed", "flexible", "priority_arrears")


class BudgetError(ValueError):
    """A budget cannot be used; says which entry, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Protected:
    """What a household keeps in some regions (``*``: everywhere): minor units a month, and who says so."""

    regions: tuple[str, ...]
    household_minor: int
    adult_minor: int
    dependent_minor: int
    source: str


@dataclass(frozen=True, slots=True)
class Form:
    """A standard form as of a day. ``categories``: each category's kind by its key. Amounts are minor units a month.
    ``jurisdictions``: the places whose form it is.
    """

    key: str
    title: str
    currency: str
    source: str
    categories: Mapping[str, str]
    savings_share: Fraction
    savings_most_minor: int
    protected: tuple[Protected, ...]
    jurisdictions: tuple[str, ...] = ()

    @property
    def is_general(self) -> bool:
        """Whether it is for every place that has none of its own, and so knows no protected minimum."""
        return EVERYWHERE in self.jurisdictions

    def protected_minor(self, region: str | None, adults: int, dependents: int) -> tuple[int, str]:
        """What a household of this size keeps whatever it states, and who says so; the region's own figure first."""
        places = [one for one in self.protected if region is not None and region in one.regions]
        chosen = (places or [one for one in self.protected if "*" in one.regions])[-1]
        minor = chosen.household_minor + adults * chosen.adult_minor + dependents * chosen.dependent_minor
        return minor, chosen.source


@dataclass(frozen=True, slots=True)
class Budget:
    """A household's month as the customer states it: minor units by category of the form.

    ``other_debts_minor``: what is owed to others in all; they share what is left by size. ``lump_sum_minor``: money at
    hand for a settlement, that nobody lives on. ``improves_on`` and ``income_then_minor``: from when the income will be another,
    and how much it is a month in all, where the customer expects it; what is left then follows by the same form.
    """

    income: Mapping[str, int]
    spending: Mapping[str, int]
    adults: int = 1
    dependents: int = 0
    region: str | None = None
    other_debts_minor: int = 0
    lump_sum_minor: int = 0
    improves_on: date | None = None
    income_then_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Affordability:
    """What can be paid a month without going below the protected minimum, and how that was worked out.

    ``left_minor`` is for all creditors, ``left_then_minor`` likewise from ``improves_on`` on (None: no other is known);
    ``shared_with_minor`` is what is owed to the others among them.
    """

    currency: str
    income_minor: int
    spending_minor: int
    protected_minor: int
    savings_minor: int
    left_minor: int
    shared_with_minor: int = 0
    lump_sum_minor: int = 0
    improves_on: date | None = None
    left_then_minor: int | None = None
    why: tuple[str, ...] = field(default=())

    def share_for(self, debt_minor: int) -> int:
        """What of it a debt may have each month: its part by size among all debts, rounded down."""
        return self._share(self.left_minor, debt_minor)

    def share_then_for(self, debt_minor: int) -> int:
        """The same from ``improves_on`` on."""
        return self._share(
            self.left_minor if self.left_then_minor is None else self.left_then_minor, debt_minor
        )

    def _share(self, left: int, debt_minor: int) -> int:
        whole = debt_minor + self.shared_with_minor
        return left * debt_minor // whole if whole > 0 else 0


def assess(budget: Budget, form: Form) -> Affordability:
    """What a budget leaves each month: income less the larger of stated spending and protected minimum, less savings.

    Raises BudgetError for categories that the form does not have, and for negative amounts.
    """
    _check(budget, form)
    income, spending = sum(budget.income.values()), sum(budget.spending.values())
    protected, source = form.protected_minor(budget.region, budget.adults, budget.dependents)
    arrears = sum(v for k, v in budget.spending.items() if form.categories[k] == "priority_arrears")
    # Priority arrears come on top: they are no living cost that the protected minimum could stand for.
    kept = max(spending - arrears, protected) + arrears
    left, savings = _left_of(income, kept, form)

    def money(minor: int) -> str:
        return f"{format_minor(minor, form.currency)} {form.currency}"

    why = [f"income {money(income)} a month, spending {money(spending)} [{form.source}]"]
    if protected > spending - arrears:
        why.append(f"{money(protected)} is protected, more than the spending stated [{source}]")
    if savings:
        why.append(f"{money(savings)} of what is left stays for savings")
    why.append(f"{money(left)} is left for all creditors" if left else "nothing is left")
    left_then = None
    if budget.improves_on is not None and budget.income_then_minor is not None:
        # The same household lives on the same then: what it keeps is protected from the later income as well.
        left_then, _ = _left_of(budget.income_then_minor, kept, form)
        income_then = f"of an income of {money(budget.income_then_minor)} a month"
        why.append(f"{money(left_then)} is left from {budget.improves_on} {income_then}")
    return Affordability(
        form.currency,
        income,
        spending,
        protected,
        savings,
        left,
        budget.other_debts_minor,
        budget.lump_sum_minor,
        budget.improves_on,
        left_then,
        tuple(why),
    )


def _left_of(income: int, kept: int, form: Form) -> tuple[int, int]:
    """What an income leaves for creditors after what a household keeps, and what of it stays for savings."""
    over = max(income - kept, 0)
    savings = min(int(over * form.savings_share), form.savings_most_minor)
    return over - savings, savings


def _check(budget: Budget, form: Form) -> None:
    for name, entries, is_income in (("income", budget.income, True), ("spending", budget.spending, False)):
        for key, amount in entries.items():
            kind = form.categories.get(key)
            if kind is None or (kind == "income") != is_income:
                known = [k for k, v in form.categories.items() if (v == "income") == is_income]
                raise BudgetError(f"{name}.{key} is not in the form {form.key}. One of: {', '.join(known)}")
            if amount < 0:
                raise BudgetError(f"{name}.{key} is negative. Write what it is a month, 0 or more")
    if budget.adults < 1:
        raise BudgetError("adults is below 1. Count the customer")
    for name, value in (
        ("dependents", budget.dependents),
        ("other_debts", budget.other_debts_minor),
        ("lump_sum", budget.lump_sum_minor),
        ("income_then", budget.income_then_minor or 0),
    ):
        if value < 0:
            raise BudgetError(f"{name} is negative. Write 0 or more")


@cache
def forms_on(day: date, folder: Path = BUDGETS_FOLDER) -> Mapping[str, Form]:
    """The forms in force on a day that are of one place, by key. Raises PolicyError."""
    return {
        text.key: _form(text, day)
        for text in read_policies(folder)
        if text.holds_on(day) and text.values["currency"] != EVERYWHERE
    }


@cache
def general_form(currency: str, day: date, folder: Path = BUDGETS_FOLDER) -> Form | None:
    """The form for places that have none of their own, in a currency; None before it holds. Raises PolicyError."""
    for text in read_policies(folder):
        if text.holds_on(day) and text.values["currency"] == EVERYWHERE:
            return _form(text, day, currency)
    return None


def form_of_place(jurisdiction: str, currency: str, day: date) -> Form | None:
    """The form of a place in a currency, else the general one. Raises PolicyError."""
    for form in forms_on(day).values():
        if jurisdiction in form.jurisdictions and form.currency == currency:
            return form
    return general_form(currency, day)


def read_form(file: Path, day: date) -> Form:
    """A lender's own form as of a day. Raises PolicyError."""
    return _form(read_policy(file), day)


def _form(text: PolicyText, day: date, currency: str = "") -> Form:
    currency, savings = currency or text.values["currency"], text.values.get("savings", {})
    categories: dict[str, str] = {}
    for entry in text.entries("category", day):
        if entry.values.get("kind") not in CATEGORY_KINDS:
            raise PolicyError(
                text.file, f"{entry.key}.kind", "is not known", f"One of: {', '.join(CATEGORY_KINDS)}"
            )
        categories |= dict.fromkeys(entry.values["keys"], entry.values["kind"])
    protected = tuple(_protected(entry, currency) for entry in text.entries("protected", day))
    if not any("*" in one.regions for one in protected):
        raise PolicyError(
            text.file, "protected", f"none holds everywhere on {day}", 'Write one with regions = ["*"]'
        )
    return Form(
        text.key,
        text.title,
        currency,
        text.source,
        categories,
        Fraction(savings.get("share", "0")),
        parse_minor(savings.get("at_most", "0"), currency),
        protected,
        tuple(text.values.get("jurisdictions", ())),
    )


def _protected(entry: Entry, currency: str) -> Protected:
    household, adult, dependent = (
        parse_minor(entry.values.get(f"per_{part}", "0"), currency)
        for part in ("household", "adult", "dependent")
    )
    return Protected(tuple(entry.values["regions"]), household, adult, dependent, entry.source)
