"""Plans for programs: the budget's form, the plans that a customer could afford, one of them agreed or offered in writing."""

import uuid
from collections.abc import Mapping

from django.http import HttpRequest
from ninja import Router

from dunwell.money import format_minor
from dunwell.office.api.cases import file_of
from dunwell.office.api.problems import Problem
from dunwell.office.api.shapes import Recorded
from dunwell.office.api.shapes_desk import (
    Agreed,
    BudgetForm,
    BudgetIn,
    PlanChoice,
    PlanOut,
    PlanPartOut,
    Plans,
)
from dunwell.office.api.tokens import Scoped, staff_of
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.desk import planning
from dunwell.resolution.budget import Affordability, BudgetError
from dunwell.resolution.plans import PlanError

router = Router(tags=["plans"])


@router.get("/cases/{customer_id}/budget-form", response=BudgetForm, auth=Scoped("case.work"))
def form(request: HttpRequest, customer_id: str, currency: str = "") -> BudgetForm:
    """The form in which income and spending are told where the customer lives."""
    file = file_of(request, customer_id)
    try:
        _debts, chosen = planning.debts_in_one_currency(file, currency)
    except PlanError as error:
        raise Problem(422, str(error)) from error
    found = planning.form_for(file, chosen)
    if found is None:
        return BudgetForm(key=None, currency=chosen, categories={})
    return BudgetForm(key=found.key, currency=chosen, categories=dict(found.categories))


@router.post("/cases/{customer_id}/plans", response=Plans, auth=Scoped("case.work"))
def propose(request: HttpRequest, customer_id: str, budget: BudgetIn) -> Plans:
    """What the customer could afford, side by side. Nothing is recorded."""
    file = file_of(request, customer_id)
    offered, left = _offers(request, file, budget)
    return Plans(
        currency=left.currency,
        left=format_minor(left.left_minor, left.currency),
        why=list(left.why),
        plans=[_shown(one) for one in offered],
    )


@router.post("/cases/{customer_id}/plans/agree", response=Agreed, auth=Scoped("case.work"))
def agree(request: HttpRequest, customer_id: str, choice: PlanChoice) -> Agreed:
    """Agree on one of the plans: it holds at once, or waits for a second person where it is above the authority."""
    file = file_of(request, customer_id)
    chosen = _chosen(request, file, choice)
    if not chosen.can_be_chosen:
        raise Problem(422, f"plan {choice.number} may not be agreed. Choose one whose may_be_agreed is true")
    try:
        return Agreed(waits=planning.agree(file, staff_of(request), chosen, str(uuid.uuid4())))
    except PlanError as error:  # what is owed changed meanwhile
        raise Problem(409, str(error)) from error


@router.post("/cases/{customer_id}/plans/offer", response=Recorded, auth=Scoped("case.work"))
def offer(request: HttpRequest, customer_id: str, choice: PlanChoice) -> Recorded:
    """Offer one of the plans in writing; then send the text that tells it."""
    file = file_of(request, customer_id)
    chosen = _chosen(request, file, choice)
    if not chosen.can_be_offered:
        raise Problem(422, f"plan {choice.number} may not be offered: a second person would have to agree")
    planning.offer_in_writing(file, staff_of(request), chosen.plan)
    return Recorded(recorded=True)


def _chosen(request: HttpRequest, file: CaseFile, choice: PlanChoice) -> planning.Offered:
    offered, _left = _offers(request, file, choice.budget)
    for one in offered:
        if one.number == choice.number:
            return one
    raise Problem(422, f"there is no plan {choice.number}. There are {len(offered)}")


def _offers(
    request: HttpRequest, file: CaseFile, budget: BudgetIn
) -> tuple[list[planning.Offered], Affordability]:
    """The plans for a budget, and what it leaves. Raises Problem."""
    try:
        debts, currency = planning.debts_in_one_currency(file, budget.currency or "")
        found = planning.form_for(file, currency)
        if budget.left is not None and found is not None and not found.is_general:
            raise Problem(
                422,
                f"left cannot stand alone: the form {found.key} protects what a household lives on. Send entries",
            )
        if found is not None:
            unknown = sorted(set(budget.entries) - set(found.categories))
            if unknown:
                raise Problem(422, f"entries.{unknown[0]} is not in the form {found.key}")
        left = planning.affordability_of(found, _typed(budget), currency, file.customer["region"])
        return planning.offers(file, staff_of(request), debts, left), left
    except (BudgetError, PlanError) as error:
        raise Problem(422, str(error)) from error


def _typed(budget: BudgetIn) -> Mapping[str, str]:
    """The budget as the desk's form sends it."""
    return {f"b_{key}": value for key, value in budget.entries.items()} | {
        "left": budget.left or "",
        "lump_sum": budget.lump_sum,
        "adults": str(budget.adults),
        "dependents": str(budget.dependents),
        "other_debts": budget.other_debts,
        "improves_on": "" if budget.improves_on is None else budget.improves_on.isoformat(),
        "income_then": budget.income_then or "",
    }


def _shown(one: planning.Offered) -> PlanOut:
    plan, decision = one.plan, one.decision
    return PlanOut(
        number=one.number,
        kind=plan.kind,
        total=format_minor(plan.total_minor, plan.currency),
        waived=format_minor(plan.waived_minor, plan.currency),
        chance=None if plan.chance is None else float(plan.chance),
        why=plan.why,
        parts=[
            PlanPartOut(
                due_on=part.due_on,
                amount=format_minor(part.amount_minor, plan.currency),
                by_account={
                    name: format_minor(minor, plan.currency) for name, minor in dict(part.by_account).items()
                },
            )
            for part in plan.parts
        ],
        may_be_agreed=one.can_be_chosen,
        needs_second=decision is not None and decision.needs_second,
        authority="" if decision is None else decision.why,
    )
