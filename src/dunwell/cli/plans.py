"""``dunwell plans``: what a customer could afford for all their debts together, and who may grant it."""

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from dunwell.book import Book
from dunwell.cli.errors import CommandError
from dunwell.cli.granting import Asks, given_up_before
from dunwell.cli.inputs import parse_day
from dunwell.cli.offering import OfferAsked, offer_plan
from dunwell.insight.settlement.chances import plan_chances
from dunwell.ledger import read_terms
from dunwell.money import format_minor, parse_minor
from dunwell.resolution.authority import GIVES_UP, read_authority
from dunwell.resolution.budget import (
    Affordability,
    Budget,
    BudgetError,
    Form,
    assess,
    form_of_place,
    forms_on,
    general_form,
    read_form,
)
from dunwell.resolution.debts import debts_of
from dunwell.resolution.plan_policy import read_plan_policy
from dunwell.resolution.plans import Debt, Plan, PlanError, propose_plans
from dunwell.settings import read_settings

_KEYS = (
    "form",
    "adults",
    "dependents",
    "region",
    "income",
    "spending",
    "other_debts",
    "lump_sum",
    "improves_on",
    "income_then",
)


def show_plans(
    root: Path,
    account: str,
    budget: Path | None,
    left: str | None,
    role: str,
    as_of: str | None,
    as_json: bool,
    offered: OfferAsked | None = None,
) -> int:
    """Print the plans for the customer who owes an account, and offer one of them in writing; returns the exit code."""
    settings = read_settings(root)
    book = Book(settings.book_folder)
    day = parse_day(as_of, "--as-of") or date.fromisoformat(book.as_of)
    number = book.partition_of(account)
    if number is None:
        raise CommandError(
            f"the book has no account {account!r}. Look for it in the tape, and in book/quarantine"
        )
    tables = book.partition(number).tables
    asked = tables["accounts"].filter(pl.col("account_id") == account).row(0, named=True)
    customer_id, currency = asked["customer_id"], asked["currency"]
    try:
        every = debts_of(tables, read_terms(settings.terms_folder), customer_id, day)
        debts = [debt for debt in every if debt.currency == currency]
        if not debts:
            raise CommandError(f"{customer_id} owes no {currency} on {day}, so there is nothing to plan")
        region = tables["customers"].filter(pl.col("customer_id") == customer_id)["region"][0]
        affordability = _affordability(settings.root, debts, budget, left, day, region)
        if left is not None and offered is not None:
            _check_may_be_told(debts[0].jurisdiction, currency, day)
        policy = read_plan_policy(day, settings.root / "policy" / "plans.toml")
        chance = plan_chances(settings.root / "models")
        plans = propose_plans(debts, affordability, policy, day, chance)
    except (PlanError, BudgetError) as error:
        raise CommandError(str(error)) from error
    authority = read_authority(settings.root / "policy" / "authority.toml", day)
    giving = [plan.grant_kind for plan in plans if plan.grant_kind in GIVES_UP]
    already = given_up_before(root, customer_id, giving[0], currency, authority) if giving else 0
    asks = Asks(authority, role, already)
    sent = None if offered is None else offer_plan(root, customer_id, plans, debts, asks, offered)
    if as_json:
        told = {
            "customer_id": customer_id,
            "as_of": str(day),
            "affordability": _affordability_record(affordability),
            "debts": [_debt_record(debt) for debt in debts],
            "left_out": [debt.account_id for debt in every if debt.currency != currency],
            "plans": [_plan_record(plan, asks) for plan in plans],
            **({} if sent is None else {"offered": sent.record()}),
        }
        print(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _print(customer_id, day, debts, affordability, plans, asks)
        others = [debt.account_id for debt in every if debt.currency != currency]
        if others:
            print(f"\nnot part of these plans, as they are in other currencies: {', '.join(others)}")
        if sent is not None:
            print(sent.in_words())
    return 0


def _affordability(
    root: Path, debts: list[Debt], budget: Path | None, left: str | None, day: date, region: str | None
) -> Affordability:
    currency = debts[0].currency
    if (budget is None) == (left is None):
        raise CommandError(
            "give either --budget FILE or --left AMOUNT, what is left each month for all creditors"
        )
    if left is not None:
        minor = _amount(left, currency, "--left")
        return Affordability(currency, minor, 0, 0, 0, minor, why=(f"{left} {currency} a month, as told",))
    assert budget is not None
    try:
        values = tomllib.loads(budget.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CommandError(f"{budget}: cannot be read ({error}). Mend the TOML, saved as UTF-8") from error
    unknown = [key for key in values if key not in _KEYS]
    if unknown:
        raise CommandError(f"{budget}: {unknown[0]} is not known. Known: {', '.join(_KEYS)}")
    form = None if values.get("form") else form_of_place(debts[0].jurisdiction, currency, day)
    form = form or _form(root, values.get("form"), currency, budget, day)
    return assess(_budget({"region": region} | values, form, budget), form)


def _check_may_be_told(jurisdiction: str, currency: str, day: date) -> None:
    """Refuse an offer on what is told to be left where a form protects what a household lives on. Raises CommandError."""
    form = form_of_place(jurisdiction, currency, day)
    if form is not None and not form.is_general:
        raise CommandError(
            f"--left tells nothing of what a household lives on, which the form {form.key} protects. Offer with --budget FILE"
        )


def _form(root: Path, key: str | None, currency: str, budget: Path, day: date) -> Form:
    """The lender's own form of that name (policy/budgets), else dunwell's."""
    own = root / "policy" / "budgets" / f"{key}.toml"
    if own.is_file():
        return read_form(own, day)
    forms = dict(forms_on(day))
    general = general_form(currency, day)
    forms |= {} if general is None else {general.key: general}
    if key is None or key not in forms:
        raise CommandError(
            f"{budget}: form {key!r} is not known. Write form = one of: {', '.join(sorted(forms))}"
        )
    return forms[key]


def _budget(values: Mapping[str, Any], form: Form, file: Path) -> Budget:
    def amount(value: Any, name: str) -> int:
        return _amount(value, form.currency, f"{file}: {name}")

    def amounts(name: str) -> dict[str, int]:
        return {key: amount(value, f"{name}.{key}") for key, value in values.get(name, {}).items()}

    improves_on = values.get("improves_on")
    if improves_on is not None and type(improves_on) is not date:
        raise CommandError(f"{file}: improves_on is no day. Write improves_on = 2027-01-15")
    counts = {}
    for name, usual in (("adults", 1), ("dependents", 0)):
        counts[name] = values.get(name, usual)
        if type(counts[name]) is not int:
            raise CommandError(f"{file}: {name} is {counts[name]!r}. Write a whole number")
    return Budget(
        amounts("income"),
        amounts("spending"),
        counts["adults"],
        counts["dependents"],
        values.get("region"),
        amount(values.get("other_debts", "0"), "other_debts"),
        amount(values.get("lump_sum", "0"), "lump_sum"),
        improves_on,
        amount(values["income_then"], "income_then") if "income_then" in values else None,
    )


def _amount(value: Any, currency: str, name: str) -> int:
    try:
        minor = parse_minor(value if isinstance(value, str) else str(Decimal(str(value))), currency)
    except (ValueError, ArithmeticError):
        minor = -1
    if minor < 0:
        raise CommandError(f'{name} {value!r} is no amount of {currency}. Write it like "1234.50"')
    return minor


def _affordability_record(affordability: Affordability) -> dict[str, Any]:
    names = ("income", "spending", "protected", "savings", "left")
    money = {
        name: format_minor(getattr(affordability, f"{name}_minor"), affordability.currency) for name in names
    }
    return {"currency": affordability.currency, **money, "why": list(affordability.why)}


def _debt_record(debt: Debt) -> dict[str, Any]:
    return {
        "account_id": debt.account_id,
        "currency": debt.currency,
        "owed": format_minor(debt.owed_minor, debt.currency),
        "past_due": format_minor(debt.past_due_minor, debt.currency),
        "past_due_days": debt.past_due_days,
    }


def _plan_record(plan: Plan, asks: Asks) -> dict[str, Any]:
    def money(minor: int) -> str:
        return format_minor(minor, plan.currency)

    record: dict[str, Any] = {
        "kind": plan.kind,
        "currency": plan.currency,
        "months": plan.months,
        **{
            name: money(getattr(plan, f"{name}_minor"))
            for name in ("most", "total", "cost", "waived", "saving")
        },
        "chance": None if plan.chance is None else float(plan.chance),
        "chance_source": plan.chance_source,
        "why": plan.why,
        "source": plan.source,
        "changes_contract": plan.changes_contract,
        "class_effect": plan.class_effect,
        "review_on": None if plan.review_on is None else str(plan.review_on),
        "conditions": list(plan.conditions),
        "parts": [
            {
                "number": part.number,
                "due_on": str(part.due_on),
                "amount": money(part.amount_minor),
                "interest": money(part.interest_minor),
                "by_account": {account: money(minor) for account, minor in part.by_account},
            }
            for part in plan.parts
        ],
    }
    if plan.grant_kind:
        decision = asks.may(plan)
        record["grant"] = {
            "kind": plan.grant_kind,
            "amount": money(plan.grant_minor),
            "role": asks.role,
            "allowed": decision.allowed,
            "needs_second": decision.needs_second,
            "why": decision.why,
        }
    return record


def _print(
    customer_id: str,
    day: date,
    debts: list[Debt],
    affordability: Affordability,
    plans: list[Plan],
    asks: Asks,
) -> None:
    currency = affordability.currency
    owed = sum(debt.owed_minor for debt in debts)
    print(
        f"{customer_id} owes {format_minor(owed, currency)} {currency} on {len(debts)} accounts as of {day}"
    )
    for line in affordability.why:
        print(f"  {line}")
    shared = [line for line in plans[0].conditions if all(line in plan.conditions for plan in plans)]
    shared = shared if len(plans) > 1 else []
    for number, plan in enumerate(plans, start=1):
        print(f"\n{number}. {plan.kind.replace('_', ' ')}: {plan.why}")
        if plan.parts:
            chance = "not known" if plan.chance is None else f"{float(plan.chance):.1%}"
            saving = f", saves {format_minor(plan.saving_minor, currency)}" if plan.saving_minor else ""
            print(
                f"   {plan.months} x {format_minor(plan.most_minor, currency)} {currency}, from {plan.parts[0].due_on} to"
                f" {plan.parts[-1].due_on}, in all {format_minor(plan.total_minor, currency)}{saving}"
            )
            print(f"   agreements of this length that held: {chance}")
        if plan.review_on:
            print(f"   to be looked at again on {plan.review_on}")
        if plan.grant_kind:
            decision = asks.may(plan)
            print(f"   {asks.role}: {'yes' if decision.allowed else 'no'}, {decision.why}")
        if plan.class_effect:
            print(f"   for the class: {plan.class_effect}")
        for condition in plan.conditions:
            if condition not in shared:
                print(f"   - {condition}")
    if shared:
        print("\nFor every plan:")
    for condition in shared:
        print(f"   - {condition}")
    for source in sorted({plan.chance_source for plan in plans if plan.chance is not None}):
        print(f"\nHow often agreements held: {source}")
