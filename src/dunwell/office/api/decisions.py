"""Any decision for programs: a run's and the gate's, found with its receipt, and made again."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Router

from dunwell.nightly.replay import CannotReplay, Replayed, replay
from dunwell.office.api.paging import Cursor, Limit, decoded, encoded, page_of
from dunwell.office.api.shapes import text_of
from dunwell.office.api.shapes_compliance import (
    DecisionOut,
    DecisionPage,
    ReplayedOut,
    RuledOut,
    RuleNamed,
    Sought,
    VerdictOut,
    VerdictPage,
)
from dunwell.office.api.tokens import Scoped, staff_of
from dunwell.office.compliance import decisions as kept_decisions
from dunwell.office.compliance import sought
from dunwell.office.compliance import verdicts as gate_answers
from dunwell.office.workplace import workplace

router = Router(tags=["compliance"])
_DECISIONS_MAX = 2000


@router.get("/decisions", response=DecisionPage, auth=Scoped("compliance.read"))
def decisions(
    request: HttpRequest,
    q: Sought = "",
    first: date | None = None,
    last: date | None = None,
    rule: Sought = "",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> DecisionPage:
    """The kept decisions of runs about a customer, an account or a contact point, or the one of that id; of some days; in which a
    rule ruled something out. The latest run's first, the latest 2,000 at most; something must be asked for.
    """
    wanted = sought.Sought(q.strip(), first, last, rule.strip())
    rows: list[dict[str, Any]] = []
    if wanted.is_anything:
        rows = kept_decisions.search(workplace(), staff_of(request), wanted, _DECISIONS_MAX)
    shown, following = page_of(rows, lambda row: str(row["decision_id"]), cursor, limit)
    return DecisionPage(decisions=[_decision(row) for row in shown], next_cursor=following)


@router.get("/verdicts", response=VerdictPage, auth=Scoped("compliance.read"))
def verdicts(
    request: HttpRequest,
    q: Sought = "",
    first: date | None = None,
    last: date | None = None,
    rule: Sought = "",
    kind: Literal["", "permitted", "refused"] = "",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> VerdictPage:
    """What the gate answered about a customer, an account, a contact point, a message or in an event; on some days (UTC); where a
    rule was a reason. With its receipt, the latest recorded first.
    """
    wanted = sought.Sought(q.strip(), first, last, rule.strip(), kind)
    before = None if cursor is None else decoded(cursor)[0]
    found = gate_answers.verdicts(workplace(), staff_of(request), wanted, limit + 1, before)
    shown = found[:limit]
    following = encoded(shown[-1][0], "verdict") if len(found) > limit else None
    told = [VerdictOut(**{**asdict(one), "reasons": _named(one.reasons)}) for _number, one in shown]
    return VerdictPage(verdicts=told, next_cursor=following)


def _named(rules: Sequence[gate_answers.RuleSaid]) -> list[RuleNamed]:
    return [RuleNamed(**asdict(one)) for one in rules]


def _decision(row: dict[str, Any]) -> DecisionOut:
    told: dict[str, Any] = {
        name: row.get(name) for name in DecisionOut.model_fields if name not in ("ruled_out", "models")
    }
    for name in ("value", "price"):
        told[name] = None if told[name] is None else text_of(told[name])
    ruled_out = [
        RuledOut(treatment=treatment, rules=_named(one["rules"]))
        for one in kept_decisions.blocked(workplace(), row)
        for treatment in one["treatments"]
    ]
    return DecisionOut(**told, models=list(row.get("models") or ()), ruled_out=ruled_out)


@router.post("/decisions/{decision_id}/again", response=ReplayedOut, auth=Scoped("compliance.read"))
def again(request: HttpRequest, decision_id: str) -> ReplayedOut:
    """Make a decision again from what was known at the time, and compare. Nothing is recorded."""
    place = workplace()
    if kept_decisions.one(place, staff_of(request), decision_id) is None:
        raise Http404(decision_id)
    try:
        told = replay(place.settings, decision_id)
    except CannotReplay as error:
        return _replayed(None, str(error))
    return _replayed(told, None)


def _replayed(told: Replayed | None, why_not: str | None) -> ReplayedOut:
    differing = () if told is None else (*told.differences, *told.beside_erased)
    return ReplayedOut(
        is_same=told is not None and told.is_same,
        kept={} if told is None else {name: plain(told.kept.get(name)) for name in differing},
        again={} if told is None else {name: plain(told.again.get(name)) for name in differing},
        erased_count=0 if told is None else told.erased_count,
        beside_erased=[] if told is None else list(told.beside_erased),
        why_not=why_not,
    )


def plain(value: Any) -> Any:
    """A value of a decision as JSON can hold it."""
    return text_of(value) if isinstance(value, Decimal) else json.loads(json.dumps(value, default=str))
