"""Any decision with its receipt: what was decided for whom, what was ruled out and by which clause; made again on request."""

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
from dunwell.office.workplace import Workplace, workplace

_SHOWN = 100


def search(place: Workplace, wanted: str) -> pl.DataFrame:
    """The kept decisions of every run for a customer, an account, or of that id; the latest first."""
    files = [decisions_of(place.settings, one["run_id"]) for one in reversed(kept_runs(place.settings))]
    fits = (
        (pl.col("customer_id") == wanted)
        | (pl.col("account_id") == wanted)
        | (pl.col("decision_id") == wanted)
    )
    found: list[pl.DataFrame] = []
    for file in files:
        if sum(frame.height for frame in found) >= _SHOWN:
            break
        found.append(pl.scan_parquet(file).filter(fits).head(_SHOWN).collect())
    found = [frame for frame in found if frame.height]
    return pl.concat(found, how="diagonal_relaxed").head(_SHOWN) if found else pl.DataFrame()


def seen(place: Workplace, staff: Staff, found: pl.DataFrame) -> list[dict[str, Any]]:
    """Those of some decisions that are about customers whom somebody may see."""
    if not found.height:
        return []
    theirs = visible(place, staff, set(found["customer_id"]))
    return [row for row in found.to_dicts() if row["customer_id"] in theirs]


@needs("compliance.read")
def decisions(request: HttpRequest) -> HttpResponse:
    """Search by customer, account or decision; the address keeps the search."""
    place, wanted = workplace(), request.GET.get("q", "").strip()
    rows = seen(place, staff_of(request), search(place, wanted)) if wanted else []
    context = {"q": wanted, "rows": [{**row, "blocked": blocked(place, row)} for row in rows]}
    return render(request, "office/decisions.html", context)


def blocked(place: Workplace, row: dict[str, Any]) -> list[dict[str, Any]]:
    """What was ruled out, each rule with its clause and sentence."""
    rules = {rule.id: rule for pack in place.law.packs.values() for rule in pack.rules}
    return [
        {
            "treatment": one["treatment"],
            "rules": [(name, rules[name].citation if name in rules else "") for name in one["rules"]],
        }
        for one in row["blocked"] or ()
    ]


@needs("compliance.read")
@require_POST
def again(request: HttpRequest, decision_id: str) -> HttpResponse:
    """Decide again from what was known at the time, and compare."""
    place = workplace()
    if not seen(place, staff_of(request), search(place, decision_id)):
        raise Http404(decision_id)
    try:
        told, why = replay(place.settings, decision_id), ""
    except CannotReplay as error:
        told, why = None, str(error)
    return render(request, "office/replayed.html", {"decision_id": decision_id, "told": told, "why": why})
