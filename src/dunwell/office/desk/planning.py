"""Plans at the desk: income and spending in a standard form, then what the customer could afford, side by side; choose one.

Everything is worked out by ``resolution``; what is above somebody's authority waits for a second person as an Approval.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dunwell.insight.problems import InsightError
from dunwell.insight.settlement.chances import PlanChances, plan_chances
from dunwell.journal.recording import NewEvent
from dunwell.money import format_minor, parse_minor
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.casefile import CaseFile
from dunwell.office.cases.models import Approval, Received
from dunwell.office.desk import working
from dunwell.office.desk.granting import decision_on, granted_before, plan_name
from dunwell.office.desk.opening import once_of, open_case
from dunwell.office.desk.screen import is_hidden
from dunwell.office.desk.templatetags.shown import word
from dunwell.outreach.offering import offer_event
from dunwell.resolution.authority import Decision, may_grant, read_authority
from dunwell.resolution.budget import (
    Affordability,
    Budget,
    BudgetError,
    Form,
    assess,
    form_of_place,
    read_form,
)
from dunwell.resolution.debts import debts_of
from dunwell.resolution.plan_policy import read_plan_policy
from dunwell.resolution.plans import Debt, Plan, PlanError, propose_plans

_log = logging.getLogger(__name__)
OFFERED_DAYS = 14
"""How long an offer in writing may be taken."""
_SHOWN = ("income", "fixed", "flexible", "priority_arrears")


@dataclass(frozen=True, slots=True)
class Offered:
    """A plan as it is shown: whether it may be granted, by whom, and how it compares."""

    number: int
    plan: Plan
    decision: Decision | None

    @property
    def can_be_chosen(self) -> bool:
        """Whether it may be agreed now, alone or with a second person."""
        return self.plan.parts != () and (self.decision is None or self.decision.allowed)

    @property
    def can_be_offered(self) -> bool:
        """Whether it may be offered in writing: nobody else must agree first."""
        return self.can_be_chosen and not (self.decision is not None and self.decision.needs_second)


@needs("case.work")
@require_http_methods(["GET", "POST"])
def plans(request: HttpRequest, customer_id: str) -> HttpResponse:
    """The form, and under it the plans that follow from it; ``choose`` agrees on one of them."""
    file = open_case(request, customer_id)
    if is_hidden(request, file):
        return redirect("case", customer_id)
    context: dict[str, Any] = {"file": file, "customer_id": customer_id, "once": once_of(request)}
    try:
        debts, currency = debts_in_one_currency(file, request.POST.get("currency", ""))
        form = form_for(file, currency)
    except PlanError as error:
        messages.error(request, str(error))
        return redirect("case", customer_id)
    context |= {
        "debts": debts,
        "currency": currency,
        "form": form,
        "fields": fields_of(form, request.POST),
        "typed": request.POST,
    }
    if request.method == "GET":
        return render(request, "office/plans.html", context)
    return _answer(request, file, context, debts, form)


def _answer(
    request: HttpRequest, file: CaseFile, context: dict[str, Any], debts: Sequence[Debt], form: Form | None
) -> HttpResponse:
    try:
        affordability = affordability_of(
            form, request.POST, str(context["currency"]), file.customer["region"]
        )
        offered = offers(file, staff_of(request), debts, affordability, once_of(request))
    except (BudgetError, PlanError) as error:
        return render(request, "office/plans.html", context | {"error": str(error)}, status=422)
    offer = request.POST.get("offer", "")
    in_writing = next((one for one in offered if str(one.number) == offer and one.can_be_offered), None)
    if in_writing is not None:
        offer_in_writing(file, staff_of(request), in_writing.plan)
        messages.success(request, _("Recorded. Now choose the text that offers it."))
        return redirect("text", file.customer_id)
    choice = request.POST.get("choose", "")
    chosen = next((one for one in offered if str(one.number) == choice and one.can_be_chosen), None)
    if chosen is None:
        return render(request, "office/plans.html", context | {"offers": offered, "left": affordability})
    try:
        waits = agree(file, staff_of(request), chosen, once_of(request))
    except PlanError as error:
        return render(request, "office/plans.html", context | {"error": str(error)}, status=409)
    if waits:
        messages.warning(request, _("Recorded. A second person must agree before the plan holds."))
    else:
        messages.success(request, _("The plan is agreed and stands with the promises."))
    return redirect("case", file.customer_id)


def debts_in_one_currency(file: CaseFile, wanted: str) -> tuple[list[Debt], str]:
    """What the customer owes in one currency: the one asked for, else that of the longest overdue debt. Raises PlanError."""
    every = debts_of(file.tables, file.place.terms, file.customer_id, file.day)
    if not every:
        raise PlanError(_("Nothing is owed, so there is nothing to plan."))
    worst = max(every, key=lambda debt: (debt.past_due_days, debt.owed_minor))
    currencies = {debt.currency for debt in every}
    currency = wanted if wanted in currencies else worst.currency
    return [debt for debt in every if debt.currency == currency], currency


def form_for(file: CaseFile, currency: str) -> Form | None:
    """The budget form of the customer's place in this currency, the lender's own first, else the general one."""
    day, folder = file.day, file.place.settings.root / "policy" / "budgets"
    own = [read_form(path, day) for path in sorted(folder.glob("*.toml"))] if folder.is_dir() else []
    place = file.customer["jurisdiction"]
    fits = (form for form in own if form.currency == currency and place in (form.jurisdictions or (place,)))
    return next(fits, None) or form_of_place(place, currency, day)


def fields_of(form: Form | None, typed: Mapping[str, str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """The form's entries by kind, each with what was typed."""
    if form is None:
        return []
    return [
        (
            kind,
            [(key, typed.get(f"b_{key}", "")) for key, found in form.categories.items() if found == kind],
        )
        for kind in _SHOWN
    ]


def affordability_of(
    form: Form | None, typed: Mapping[str, str], currency: str, region: str | None
) -> Affordability:
    """What is left each month: by the form, with what is protected in the region, or as told where the place has none of its own.
    Raises BudgetError.
    """
    if form is None or (form.is_general and typed.get("left", "").strip()):
        left = amount(typed.get("left", ""), currency, _("What is left each month"))
        lump = amount(typed.get("lump_sum", ""), currency, _("Money at hand"))
        why = (_("%(amount)s a month, as told") % {"amount": f"{format_minor(left, currency)} {currency}"},)
        return Affordability(currency, left, 0, 0, 0, left, lump_sum_minor=lump, why=why)
    values = {
        key: amount(typed.get(f"b_{key}", ""), currency, word(key, "BUDGET"))
        for key in form.categories
        if typed.get(f"b_{key}", "").strip()
    }
    income = {key: value for key, value in values.items() if form.categories[key] == "income"}
    spending = {key: value for key, value in values.items() if key not in income}
    budget = Budget(
        income,
        spending,
        count(typed.get("adults", "1"), _("Adults"), 1),
        count(typed.get("dependents", "0"), _("Children and dependents"), 0),
        region,
        amount(typed.get("other_debts", ""), currency, _("Owed to others")),
        amount(typed.get("lump_sum", ""), currency, _("Money at hand")),
        day_of(typed.get("improves_on", "")),
        amount(then, currency, _("Income each month then, in all"))
        if (then := typed.get("income_then", "").strip())
        else None,
    )
    return assess(budget, form)


def amount(text: str, currency: str, name: str) -> int:
    """An amount as it is typed, 0 when nothing is. Raises BudgetError."""
    plain = text.replace(",", "").replace(" ", "")
    if not plain:
        return 0
    try:
        minor = parse_minor(plain, currency)
    except ValueError:
        minor = -1
    if minor < 0:
        message = _("%(name)s: write an amount of %(currency)s like 1250.50, or nothing.")
        raise BudgetError(message % {"name": name, "currency": currency})
    return minor


def count(text: str, name: str, usual: int) -> int:
    """A whole number of people. Raises BudgetError."""
    if not text.strip():
        return usual
    if not text.strip().isdecimal() or int(text) > 20:
        raise BudgetError(_("%(name)s: write a whole number up to 20.") % {"name": name})
    return int(text)


def day_of(text: str) -> date | None:
    """A day as the browser sends it. Raises BudgetError."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BudgetError(_("Write a day like 2027-01-31.")) from error


def offers(
    file: CaseFile, staff: Staff, debts: Sequence[Debt], affordability: Affordability, once: str = ""
) -> list[Offered]:
    """The plans the customer could afford, each with who may grant it beside what was granted before. Raises PlanError."""
    root = file.place.settings.root
    policy = read_plan_policy(file.day, root / "policy" / "plans.toml")
    authority = read_authority(root / "policy" / "authority.toml", file.day)
    found = propose_plans(debts, affordability, policy, file.day, _chances(root / "models"))
    return [
        Offered(number, plan, decision_on(file, plan, authority, staff, once))
        for number, plan in enumerate(found, start=1)
    ]


def _chances(models: Path) -> PlanChances | None:
    """By the lender's model of how plans end, where one is in use; a model that cannot be used leaves it to the table."""
    try:
        return plan_chances(models)
    except InsightError as error:
        _log.warning("the model of plans cannot be used: %s", error)
        return None


def agree(file: CaseFile, staff: Staff, chosen: Offered, once: str) -> bool:
    """Record what was agreed; whether it waits for a second person. The same form again changes nothing.

    Raises PlanError where what is owed, or who may grant it beside what was granted before, changed since the plan was
    worked out.
    """
    plan, now = chosen.plan, file.place.clock()
    payload = payload_of(plan)
    with transaction.atomic():
        working.lock(file)
        file = CaseFile(file.place, file.customer_id)  # what others recorded until now counts
        owed = {
            debt.account_id: debt.owed_minor
            for debt in debts_of(file.tables, file.place.terms, file.customer_id, file.day)
        }
        if any(owed.get(account) != amount for account, amount in plan.debts):
            raise PlanError(_("What is owed has changed. Look at the plans again."))
        authority = read_authority(file.place.settings.root / "policy" / "authority.toml", file.day)
        decision = decision_on(file, plan, authority, staff, once)
        if _powers(decision) != _powers(chosen.decision):
            raise PlanError(_("Something was granted meanwhile. Look at the plans again."))
        waits = decision is not None and decision.needs_second
        approval = None
        if waits and decision is not None:
            approval, _made = Approval.objects.get_or_create(
                key=f"plan:{once}",
                defaults={
                    "kind": "plan",
                    "subject": file.customer_id,
                    "payload": payload,
                    "seconds": list(decision.seconds),
                    "why": decision.why[:300],
                    "asked_by": staff,
                    "asked_at": now,
                },
            )
        body = {
            "plan": plan.kind,
            "parts": payload["parts"],
            "by": staff.username,
            "grant": {"kind": plan.grant_kind, "amount_minor": plan.grant_minor, "currency": plan.currency},
            "changes_contract": plan.changes_contract,
            "why": decision.why if decision else "",
            "promise": plan_name(once),
        }
        if approval is not None:
            body["approval"] = str(approval.pk)
        accounts = tuple(account for account, _owed in plan.debts)
        agreed = NewEvent("plan.agreed", now, file.customer_id, accounts, body=body, key=f"desk:plan:{once}")
        (recorded,) = file.place.journal.record([agreed])
        if not recorded.is_new and not _was_agreed(file, recorded.event_id, payload):
            raise PlanError(_("Another plan was agreed with this form. Look at the plans again."))
        if recorded.is_new and not waits:
            promise_plan(file, staff, payload, once)
    return waits


def _powers(decision: Decision | None) -> tuple[bool, bool]:
    """Whether something may be granted, and whether a second person must agree."""
    return (True, False) if decision is None else (decision.allowed, decision.needs_second)


def _was_agreed(file: CaseFile, event_id: str, payload: Mapping[str, Any]) -> bool:
    """Whether an event tells of the same plan."""
    found = next((event for event in file.events if event.event_id == event_id), None)
    return found is not None and (found.body["plan"], found.body["parts"]) == (
        payload["kind"],
        payload["parts"],
    )


def offer_in_writing(file: CaseFile, staff: Staff, plan: Plan) -> None:
    """Record that a plan is offered, so that an approved text can tell it; it may be taken for OFFERED_DAYS."""
    worst_first = [name for name in file.overdue_ids if name in dict(plan.debts)]
    accounts = list(dict.fromkeys([*worst_first, *(name for name, _owed in plan.debts)]))
    until = file.day + timedelta(days=OFFERED_DAYS)
    event = offer_event(file.customer_id, accounts, plan, until, file.place.clock(), staff.username)
    file.place.journal.record([event])


def payload_of(plan: Plan) -> dict[str, Any]:
    """A plan as it is kept and recorded: plain values, money in minor units."""
    return {
        "kind": plan.kind,
        "currency": plan.currency,
        "total_minor": plan.total_minor,
        "waived_minor": plan.waived_minor,
        "grant_kind": plan.grant_kind,
        "grant_minor": plan.grant_minor,
        "changes_contract": plan.changes_contract,
        "debts": dict(plan.debts),
        "parts": [
            {
                "due_on": part.due_on.isoformat(),
                "amount_minor": part.amount_minor,
                "currency": plan.currency,
                "by_account": dict(part.by_account),
            }
            for part in plan.parts
        ],
    }


def why_no_more(
    file: CaseFile, payload: Mapping[str, Any], asked_by: Staff, asked_at: datetime, second: Staff, once: str
) -> str | None:
    """Why a plan that somebody asked for cannot be agreed to any more; None when it still stands: no older than an offer
    in writing may be, for no more than is owed now, its days ahead, and within who may grant what today, beside what was
    granted since. ``once``: its own token.
    """
    if file.place.clock() - asked_at > timedelta(days=OFFERED_DAYS):
        return _("It was asked for more than %(days)s days ago. Let it be asked anew.") % {
            "days": OFFERED_DAYS
        }
    owed = {
        debt.account_id: debt.owed_minor
        for debt in debts_of(file.tables, file.place.terms, file.customer_id, file.day)
    }
    if any(owed.get(account, 0) < amount for account, amount in payload.get("debts", {}).items()):
        return _("Something was paid or taken back since it was asked for. Let it be asked anew.")
    if any(date.fromisoformat(part["due_on"]) < file.day for part in payload["parts"]):
        return _("A part of it would be overdue already. Let it be asked anew.")
    if not payload["grant_kind"]:
        return None
    authority = read_authority(file.place.settings.root / "policy" / "authority.toml", file.day)
    kind, currency = payload["grant_kind"], payload["currency"]
    already = granted_before(file, kind, currency, authority, once)
    decision = may_grant(authority, asked_by.role, kind, payload["grant_minor"], currency, already)
    if not decision.allowed or (decision.needs_second and second.role not in decision.seconds):
        return _("Who may grant what has changed since. Let it be asked anew.")
    return None


def promise_plan(file: CaseFile, staff: Staff, payload: Mapping[str, Any], once: str) -> None:
    """A plan that holds stands as promises of many parts, one an account, and takes the place of open promises.

    Call it within a transaction; whoever approves a plan calls it too, with the approval's payload and its key's token.
    """
    now = file.place.clock()
    accounts = sorted({name for part in payload["parts"] for name in part["by_account"]})
    gone: set[str] = set()
    for number, account in enumerate(accounts, start=1):
        parts = tuple(
            working.PromisePart(part["by_account"][account], date.fromisoformat(part["due_on"]))
            for part in payload["parts"]
            if part["by_account"].get(account, 0) > 0
        )
        if not parts:
            continue
        before = working.open_promises(file, [account])
        replaced = tuple(one["promise_id"] for one in before if one["promise_id"] not in gone)
        gone.update(replaced)
        promised = working.Promised((account,), payload["currency"], parts, replaced)
        name = f"{once}-{number}"
        file.place.journal.record(working.promise_events(file, staff, name, promised, now))
        Received.objects.bulk_create(working.promise_rows(file, staff, name, promised, now))
    working.reorder(file.customer_id, now, None, was_spoken_to=False)
