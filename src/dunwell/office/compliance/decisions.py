"""Any decision with its receipt: what a run chose for whom, what was ruled out and by which clause, made again on request; and
what the gate answered.
"""

from datetime import date
from typing import Any

import polars as pl
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from dunwell.nightly.keeping import decisions_of, kept_runs
from dunwell.nightly.replay import CannotReplay, replay
from dunwell.office.access.guard import needs, staff_of
from dunwell.office.access.models import Staff
from dunwell.office.cases.scope import visible
from dunwell.office.compliance.sought import KINDS, RUN, Sought, customer_of, sought_in
from dunwell.office.compliance.verdicts import RuleSaid, rules_said, verdicts
from dunwell.office.workplace import Workplace, workplace

SHOWN = 100


def search(place: Workplace, staff: Staff, sought: Sought, limit: int = SHOWN) -> list[dict[str, Any]]:
    """The kept decisions of runs that fit, of customers whom somebody may see: the latest run's first, at most ``limit``."""
    if not sought.wants(RUN):
        return []
    found: list[dict[str, Any]] = []
    fits = _fits(place, sought)
    for about in reversed(kept_runs(place.settings)):
        day = date.fromisoformat(about["as_of"])
        if (sought.first and day < sought.first) or (sought.last and day > sought.last):
            continue
        fitting = pl.scan_parquet(decisions_of(place.settings, about["run_id"])).filter(fits)
        # Whose customers are not seen is only known of each: all that fit are read where rows may be left out.
        rows = (fitting if staff.is_bound else fitting.head(limit - len(found))).collect()
        found += _seen(place, staff, rows)
        if len(found) >= limit:
            break
    return found[:limit]


def _fits(place: Workplace, sought: Sought) -> pl.Expr:
    fits = pl.lit(True)
    if sought.name:
        ids = ["account_id", "contact_point_id", "decision_id", "customer_id"]
        customer = customer_of(place, sought.name)
        fits = pl.any_horizontal(pl.col(name) == sought.name for name in ids).fill_null(False)
        if (
            customer is not None
        ):  # of other customers one id is compared, not four: a fifth of a second for a million
            fits = (pl.col("customer_id") == customer) & fits
    if sought.rule:
        rules = pl.element().struct.field("rules").list.contains(sought.rule)
        fits = fits & pl.col("blocked").list.eval(rules).list.any().fill_null(False)
    return fits


def one(place: Workplace, staff: Staff, decision_id: str) -> dict[str, Any] | None:
    """The kept decision of that id; None where there is none, or none of a customer whom somebody may see."""
    found = search(place, staff, Sought(decision_id, kind=RUN))
    return next((row for row in found if row["decision_id"] == decision_id), None)


def _seen(place: Workplace, staff: Staff, found: pl.DataFrame) -> list[dict[str, Any]]:
    theirs = visible(place, staff, set(found["customer_id"]))
    return [row for row in found.iter_rows(named=True) if row["customer_id"] in theirs]


@needs("compliance.read")
def decisions(request: HttpRequest) -> HttpResponse:
    """Search by customer, account, contact point, message, day, rule and kind; the address keeps the search."""
    place, staff, sought = workplace(), staff_of(request), sought_in(request.GET)
    rows = search(place, staff, sought) if sought.is_anything else []
    answers = [told for _number, told in verdicts(place, staff, sought)] if sought.is_anything else []
    context = {
        "sought": sought,
        "kinds": KINDS,
        "rules": sorted(rules_said(place)),
        "rows": [{**row, "blocked": blocked(place, row)} for row in rows],
        "answers": answers,
        "is_cut": max(len(rows), len(answers)) >= SHOWN,
        "shown": SHOWN,
    }
    return render(request, "office/decisions.html", context)


def blocked(place: Workplace, row: dict[str, Any]) -> list[dict[str, Any]]:
    """What was ruled out, each rule with its clause and sentence; treatments ruled out by the same rules stand together."""
    rules = {rule.id: rule for pack in place.law.packs.values() for rule in pack.rules}
    said = rules_said(place)
    together: dict[tuple[str, ...], list[str]] = {}
    for one in row["blocked"] or ():
        together.setdefault(tuple(one["rules"]), []).append(one["treatment"])
    return [
        {"treatments": treatments, "rules": [_said(name, rules, said) for name in names]}
        for names, treatments in together.items()
    ]


def _said(name: str, rules: dict[str, Any], said: Any) -> RuleSaid:
    return RuleSaid(name, rules[name].citation if name in rules else "", said.get(name, ""))


@needs("compliance.read")
@require_POST
def again(request: HttpRequest, decision_id: str) -> HttpResponse:
    """Decide again from what was known at the time, and compare."""
    place = workplace()
    if one(place, staff_of(request), decision_id) is None:
        raise Http404(decision_id)
    try:
        told, why = replay(place.settings, decision_id), ""
    except CannotReplay as error:
        told, why = None, str(error)
    return render(request, "office/replayed.html", {"decision_id": decision_id, "told": told, "why": why})
