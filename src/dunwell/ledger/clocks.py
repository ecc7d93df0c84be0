"""The compiled arithmetic of holds: days on which nothing accrues, days that a pause takes off the clock, and the waterfall that
holds on a day.

As in ``queue``, what Numba has compiled before goes on being used after a change here until ``__pycache__/*.nb?`` is removed.
"""

from typing import TYPE_CHECKING, Any

from dunwell.ledger.queue import jit

if TYPE_CHECKING:
    from dunwell.ledger.kernel import Events

OPEN_END = 2**30
"""The day number that stands for the end of an open-ended hold, or for never."""


@jit
def stopped_units(
    day: int,
    first: int,
    last: int,
    events: "Events",
    stops: Any,
    product: int,
    unit_tables: Any,
    day_count: int,
    base: int,
) -> int:
    """Day-count units up to and including ``day`` of the days on which a hold stops accrual (holds sorted by
    their first day).
    """
    total = 0
    covered_to = -OPEN_END
    for h in range(first, last):
        if not stops[product, events.hold_kind[h]] or events.hold_from[h] > day:
            continue
        start = max(events.hold_from[h], covered_to + 1)
        end = min(events.hold_to[h], day)
        if end >= start:
            total += unit_tables[day_count, end - base] - unit_tables[day_count, start - 1 - base]
            covered_to = end
    return total


@jit
def paused_days(begins: int, as_of: int, first: int, last: int, pause: int, events: "Events") -> int:
    """Days after a pause's first day up to its last, from ``begins`` on, counted once where pauses meet."""
    total = 0
    covered_to = begins
    for h in range(first, last):
        if events.hold_kind[h] != pause:
            continue
        start = max(events.hold_from[h], covered_to)
        end = min(events.hold_to[h], as_of)
        if end > start:
            total += end - start
            covered_to = end
    return total


@jit
def order_of_the_day(
    switch_count: Any,
    switch_is_legal: Any,
    switch_days: Any,
    product: int,
    past_due_days: int,
    is_legal: bool,
) -> int:
    """Which of the product's waterfalls holds: 0, or 1 + the switch. A legal switch wins over one by days, of
    those the largest.
    """
    order, reached = 0, -1
    for s in range(switch_count[product]):
        if switch_is_legal[product, s]:
            if is_legal:
                order, reached = s + 1, OPEN_END
        elif reached < switch_days[product, s] <= past_due_days:
            order, reached = s + 1, switch_days[product, s]
    return order
