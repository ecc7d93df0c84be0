"""The calls of the day decided again as outcomes arrive: whose call is worth its minutes with what is left of the agents' day.

The run's own values and prices, and the same assignment (``strategy.assignment_pacing``). Only calls that a person makes are
decided again: what is sent by itself was planned for the day. A case that a lot decided keeps its call, and nobody is called here
whom the run left in peace for another reason than that the day was full; the law's gate is asked at every call as ever.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from django.db import transaction
from django.db.models import Q

from dunwell.office.cases.models import Case
from dunwell.office.cases.publishing import place_in_queue
from dunwell.office.cases.queue import FULL
from dunwell.office.cases.valued import Valued, valued
from dunwell.office.tallies.models import Mark
from dunwell.office.workplace import Workplace
from dunwell.strategy.assignment import assign
from dunwell.strategy.assignment_pacing import left_of, queue_for
from dunwell.strategy.candidates import capacities_frame, uses_frame
from dunwell.strategy.floors import floor_costs

_SECONDS = 60
_STAYS = 0.01
"""By how much, in the strategy's currency, another call must be worth more to take a planned one's place."""
_PLAN = ("treatment", "channel", "net", "left_because")
_NO_CALL: tuple[str, Decimal | None] = ("", None)
_BATCH = 500
_AGAIN = timedelta(seconds=20)
"""The calls are decided again no oftener: it reads every case that may be called."""
_HARDLY = Decimal("0.05")
"""A change of a minute's worth over its price that moves nobody."""


def redecide(place: Workplace) -> int:
    """Decide the calls of the rest of the day again; how many cases move. Does nothing where nothing is known of values."""
    found = valued(place)
    if found is None or not found.calls:
        return 0
    now = place.clock()
    is_fresh = Q(worked_at__isnull=True) | Q(worked_at__lt=found.ran_at)
    waiting = Case.objects.filter(is_fresh, is_held_back=False, past_due_days__gt=0)
    planned = list(waiting.filter(channel="call", treatment__in=list(found.calls)))
    full = list(waiting.filter(channel="", left_because=FULL))
    by_lot = [case for case in planned if case.net is not None and case.net < 0 and not case.is_extra]
    kept = {case.pk for case in by_lot}
    open_cases = [case for case in [*planned, *full] if case.pk not in kept]
    worked = _worked(found)
    if not open_cases:
        return 0
    taken = [*worked, *(case.treatment for case in by_lot)]
    decided = _decide(found, [case.pk for case in open_cases], [case.pk for case in planned], taken)
    moves = {
        case.pk: case for case in open_cases if not _is_so_already(case, *decided.get(case.pk, _NO_CALL))
    }
    names, count = list(moves), 0
    for first in range(0, len(names), _BATCH):
        count += _move(moves, decided, is_fresh, names[first : first + _BATCH], now)
    return count


def _move(
    moves: Mapping[str, Case],
    decided: Mapping[str, tuple[str, Decimal]],
    is_fresh: Q,
    names: Sequence[str],
    now: datetime,
) -> int:
    """Move some cases, but for those that somebody has worked on since they were read; how many moved."""
    changed = []
    with transaction.atomic():
        for case in Case.objects.select_for_update().filter(is_fresh, pk__in=names):
            if _plan_of(case) == _plan_of(moves[case.pk]):
                _set(case, *decided.get(case.pk, _NO_CALL), now)
                place_in_queue(case, now)
                changed.append(case)
        Case.objects.bulk_update(changed, [*_PLAN, "planned_at", "is_extra", "rank", "why"])
    return len(changed)


def redecide_when_due(place: Workplace, last: int) -> None:
    """Decide the calls again where something happened since, but not for every event. ``last``: the latest event's number."""
    now = place.clock()
    mark, _ = Mark.objects.get_or_create(name="calls")
    if last <= mark.event_number or (mark.said and now - datetime.fromisoformat(mark.said) < _AGAIN):
        return
    redecide(place)
    Mark.objects.filter(name="calls").update(event_number=last, said=now.isoformat())


def _plan_of(case: Case) -> tuple[Any, ...]:
    return tuple(getattr(case, name) for name in _PLAN)


def _is_so_already(case: Case, treatment: str, net: Decimal | None) -> bool:
    """Whether the plan stands, and its worth but for what hardly matters."""
    if (case.channel == "call") != bool(treatment) or (treatment and treatment != case.treatment):
        return False
    return case.net is not None and net is not None and abs(case.net - net) < _HARDLY if treatment else True


def _set(case: Case, treatment: str, net: Decimal | None, now: datetime) -> None:
    """A call that is worth its minutes is planned, another waits until there is time."""
    is_new = bool(treatment) and case.channel != "call"
    case.treatment = treatment or case.treatment
    case.channel = "call" if treatment else ""
    case.left_because = "" if treatment else FULL
    case.net = net
    if is_new:
        case.planned_at, case.is_extra = now, True
    if not treatment:
        case.planned_at = None


def _worked(found: Valued) -> list[str]:
    """The treatments of the cases that were worked on since the run: as they were planned, else the longest call."""
    longest = max(found.calls, key=lambda name: (found.calls[name], name))
    worked = Case.objects.filter(worked_at__gte=found.ran_at).values_list("treatment", flat=True)
    return [name if name in found.calls else longest for name in worked]


def _decide(
    found: Valued, customers: Sequence[str], planned: Sequence[str], taken: Sequence[str]
) -> Mapping[str, tuple[str, Decimal]]:
    """The call of each customer who gets one with what is left, and its worth over the price for each minute.

    What the objective's floors cost at the run's prices is taken off. Between equals the one that is ``planned`` stays.
    ``taken``: the treatments that have used their minutes.
    """
    strategy, calls = found.strategy, found.calls
    uses = uses_frame(strategy).filter(pl.col("treatment").is_in(list(calls)))
    spent = (
        pl.DataFrame({"treatment": list(taken)}, schema={"treatment": pl.String})
        .join(uses, on="treatment")
        .select("capacity", pl.col("amount").alias("used"))
    )
    left = left_of(capacities_frame(strategy), spent)
    floors = floor_costs(strategy, found.prices)
    options = (
        pl.scan_parquet(found.options)
        .filter(
            pl.col("customer_id").is_in(list(customers)),
            pl.col("treatment").is_in(list(calls)),
            pl.col("blocked_by").list.len() == 0,
        )
        .select(
            "customer_id",
            "treatment",
            worth=(pl.col("value") - pl.col("cost")).cast(pl.Float64)
            - pl.col("treatment").replace_strict(floors, return_dtype=pl.Float64)
            + _STAYS * pl.col("customer_id").is_in(list(planned)),
        )
        .collect()
    )
    candidates = options.group_by("customer_id").agg(
        pl.col("worth").filter(pl.col("treatment") == name).first().alias(name) for name in calls
    )
    candidates = candidates.sort("customer_id")
    if not candidates.height:
        return {}
    today = assign(candidates, uses, left, _earlier(found))
    given: dict[str, tuple[str, Decimal]] = {}
    for capacity in strategy.capacities:
        if capacity.kind != "agent_minutes":
            continue
        queue = queue_for(capacity.name, today.assigned, candidates, uses, today.capacities)
        for row in queue.iter_rows(named=True):
            worth = Decimal(str(round(row["over_price"] * _SECONDS, 4)))
            given[row["customer_id"]] = (str(row["treatment"]), worth)
    return given


def _earlier(found: Valued) -> pl.DataFrame:
    """The morning's prices, for each unit of the assignment."""
    scales = {one.name: _SECONDS if one.kind == "agent_minutes" else 1 for one in found.strategy.capacities}
    rows: list[dict[str, Any]] = [
        {"capacity": name, "price": price / scales[name]}
        for name, price in found.prices.items()
        if name in scales
    ]
    return pl.DataFrame(rows, schema={"capacity": pl.String, "price": pl.Float64})
