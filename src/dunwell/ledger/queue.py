"""The compiled arithmetic of one account's queue of debts: accrual, allocation, the cap, what is owed to the
minor unit.

The queue lies in ``items``, a row an instalment, charge or chargeback in the order of formats.md; its columns
are named below. All is integers. An item's penalty is ``carried + units * rate_num / rate_den``, where
``units`` (balance times day-count units) are turned into money only when money is allocated to it or when it
is reported; a capped share is a pair (whole, numerator over ``unit_den``). The bounds that keep every product
inside 64 bits are checked in ``kernel.settle_accounts`` before an account starts.

Numba keeps compiled code by the file of the function that was called: after a change here,
remove ``__pycache__/*.nb?`` beside it, or what was compiled before goes on being used.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from dunwell.compiling import compiled

# Columns of ``items``. The five components double as the codes of a waterfall.
DUE, PRINCIPAL, INTEREST, FEES, COSTS, PENALTY, UNITS, ACCRUED_TO, IS_CHARGEBACK, WAIVED = range(10)
ITEM_COLUMNS = WAIVED + 2 * (PENALTY + 1)
"""From WAIVED + 2 * component on: the waived share of interest, fees and penalty as (whole, numerator)."""

COMPONENT_CODES = {
    "principal": PRINCIPAL,
    "interest": INTEREST,
    "fees": FEES,
    "costs": COSTS,
    "penalty": PENALTY,
}


class Rates(NamedTuple):
    """One account's rates; ``scale`` turns a numerator over rate_den into one over unit_den."""

    rate_num: int
    rate_den: int
    unit_den: int
    scale: int
    is_capped: bool


_F = TypeVar("_F", bound=Callable[..., Any])


def jit(function: _F) -> _F:
    """The function, compiled; counting the references to arrays that are handed to inlined functions would take a third
    of the pass, and more in threads, which count in the same places.
    """
    return compiled(error_model="numpy")(function)


def jit_inline(function: _F) -> _F:
    """The function, inlined before typing: a call that hands over many arrays costs more than what it does."""
    return compiled(error_model="numpy", inline="always")(function)


@jit_inline
def round_half_even(whole: int, numerator: int, denominator: int) -> int:
    """Whole plus numerator/denominator (below 1) to the nearest integer, ties to the even one."""
    twice = 2 * numerator
    if twice > denominator or (twice == denominator and whole & 1):
        return whole + 1
    return whole


@jit_inline
def units_to_money(units: int, rate_num: int, rate_den: int) -> tuple[int, int]:
    """Units * rate_num / rate_den as (whole, numerator over rate_den), without a product that leaves 64 bits."""
    if units == 0:
        return 0, 0
    quotient = units // rate_den
    part = (units - quotient * rate_den) * rate_num
    whole = part // rate_den
    return quotient * rate_num + whole, part - whole * rate_den


@jit_inline
def accrue(items: Any, j: int, now: int, basis: int) -> None:
    """Bring item j's penalty units up to ``now``, on the balance it has had since it was last touched."""
    span = now - items[j, ACCRUED_TO]
    if span != 0:
        balance = 0
        for component in range(PRINCIPAL, PENALTY):
            if basis & (1 << component):
                balance += items[j, component]
        items[j, UNITS] += balance * span
        items[j, ACCRUED_TO] = now


@jit_inline
def owed_of(items: Any, j: int, component: int, rates: Rates) -> int:
    """What can be paid of a component of item j: unpaid less its waived share, to the minor unit, half-even."""
    if component == PENALTY:
        whole, part = units_to_money(items[j, UNITS], rates.rate_num, rates.rate_den)
        whole += items[j, PENALTY]
        if not rates.is_capped:
            return round_half_even(whole, part, rates.rate_den)
        numerator = part * rates.scale
    elif rates.is_capped and component in (FEES, INTEREST):
        whole, numerator = items[j, component], 0
    else:
        return int(items[j, component])
    whole -= items[j, WAIVED + 2 * component]
    numerator -= items[j, WAIVED + 2 * component + 1]
    if numerator < 0:
        numerator += rates.unit_den
        whole -= 1
    return round_half_even(whole, numerator, rates.unit_den)


@jit_inline
def pay(items: Any, j: int, component: int, pool: int, now: int, basis: int, rates: Rates) -> int:
    """Allocate up to ``pool`` to a component of item j; returns what it took.

    Penalty that takes money is rounded, and what is left of it is carried in whole minor units.
    """
    if component == PENALTY:
        accrue(items, j, now, basis)
        if items[j, PENALTY] == 0 and items[j, UNITS] == 0:
            return 0
    elif items[j, component] == 0:
        return 0
    paid = min(pool, owed_of(items, j, component, rates))
    if paid <= 0:
        return 0
    if component == PENALTY:
        whole, part = units_to_money(items[j, UNITS], rates.rate_num, rates.rate_den)
        items[j, PENALTY] = round_half_even(items[j, PENALTY] + whole, part, rates.rate_den) - paid
        items[j, UNITS] = 0
    else:
        if basis & (1 << component):
            accrue(items, j, now, basis)
        items[j, component] -= paid
    return paid


@jit_inline
def allocate(
    items: Any,
    head: int,
    entered: int,
    pool: int,
    now: int,
    basis: int,
    rates: Rates,
    waterfalls: Any,
    product: int,
    order: int,
    is_component_first: bool,
    paid: Any,
) -> int:
    """Apply money to the queue; adds what each component took to ``paid`` and returns what is left over."""
    for outer in range(5 if is_component_first else entered - head):
        for inner in range(entered - head if is_component_first else 5):
            rank, j = (outer, head + inner) if is_component_first else (inner, head + outer)
            component = waterfalls[product, order, rank]
            took = pay(items, j, component, pool, now, basis, rates)
            if took:
                paid[component] += took
                pool -= took
                if pool == 0:
                    return 0
    return pool


@jit
def waive(items: Any, entered: int, whole: int, numerator: int, rates: Rates) -> tuple[int, int, bool]:
    """Share out what exceeds the cap: unpaid penalty, then fees, then interest, the newest item first, never
    more than is unpaid.

    Returns the total as a pair and whether fees or interest are touched.
    """
    total_whole, total_num, reaches = 0, 0, False
    for turn in range(3):
        component = PENALTY if turn == 0 else (FEES if turn == 1 else INTEREST)
        for j in range(entered - 1, -1, -1):
            have, part = items[j, component], 0
            if turn == 0:
                more, part = units_to_money(items[j, UNITS], rates.rate_num, rates.rate_den)
                have += more
                part *= rates.scale
            if whole < have or (whole == have and numerator < part):
                have, part = whole, numerator
            items[j, WAIVED + 2 * component], items[j, WAIVED + 2 * component + 1] = have, part
            if turn > 0 and (have > 0 or part > 0):
                reaches = True
            whole -= have
            numerator -= part
            if numerator < 0:
                numerator += rates.unit_den
                whole -= 1
            total_whole += have
            total_num += part
            if total_num >= rates.unit_den:
                total_num -= rates.unit_den
                total_whole += 1
    return total_whole, total_num, reaches


@jit
def apply_cap(
    items: Any,
    entered: int,
    fallen: int,
    cap_units: int,
    cap_num: int,
    cap_den: int,
    rates: Rates,
    is_waiving: bool,
) -> tuple[int, int, bool]:
    """Waive what interest and fees fallen due, penalty paid (both in ``fallen``) and unpaid penalty exceed
    the cap's ceiling by.
    """
    whole, units = fallen, 0
    for j in range(entered):
        whole += items[j, PENALTY]
        units += items[j, UNITS]
    accrued, part = units_to_money(units, rates.rate_num, rates.rate_den)
    whole += accrued
    numerator = part * rates.scale
    ceiling, part = units_to_money(cap_units, cap_num, cap_den)
    whole -= ceiling
    numerator -= part * (rates.unit_den // cap_den)
    if numerator < 0:
        numerator += rates.unit_den
        whole -= 1
    if whole < 0 or (whole == 0 and numerator == 0):
        if is_waiving:
            waive(items, entered, 0, 0, rates)
        return 0, 0, False
    return waive(items, entered, whole, numerator, rates)


@jit_inline
def oldest_unpaid(items: Any, head: int, entered: int, materiality: int, is_capped: bool) -> int:
    """The first item whose own remainder (penalty aside, waived shares aside) is above materiality; -1 when
    there is none.
    """
    for j in range(head, entered):
        remainder = items[j, PRINCIPAL] + items[j, INTEREST] + items[j, FEES] + items[j, COSTS]
        if is_capped:
            # Comparing whole units is enough: a fraction waived on top cannot decide against a whole materiality.
            remainder -= items[j, WAIVED + 2 * FEES] + items[j, WAIVED + 2 * INTEREST]
        if remainder > materiality:
            return j
    return -1


@jit_inline
def new_head(items: Any, head: int, entered: int, rates: Rates) -> int:
    """Skip the items at the front of the queue on which nothing is left to pay, and never will be."""
    while head < entered:
        if items[head, PRINCIPAL] + items[head, INTEREST] + items[head, FEES] + items[head, COSTS] > 0:
            return head
        if items[head, PENALTY] > 0 or items[head, UNITS] > 0:
            whole, part = units_to_money(items[head, UNITS], rates.rate_num, rates.rate_den)
            if round_half_even(items[head, PENALTY] + whole, part, rates.rate_den) > 0:
                return head
        head += 1
    return head
