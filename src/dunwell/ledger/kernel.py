"""The ledger's compiled pass: every account's queue of debts walked once, day of event by day of event, in
exact integers.

The bulk twin of ``statement.settle``: sorted integer arrays in, closing figures and the arrears timeline out.
A day goes as formats.md says: penalty of the day on what was overdue when the day began; then what falls due;
then the day's money together with waiting credit. Between events nothing is touched: an item's penalty is
owed as ``units`` (balance times day-count units) that are turned into money only when money is allocated to
it or when it is reported.

Exactness. An amount of penalty is ``carried + units * rate_num / rate_den`` in integers; a capped share is a
pair (whole, numerator over ``unit_den``). Every product is bounded before an account starts; one that could
leave 64 bits is not computed but marked NEEDS_EXACT, and the caller settles it with Python's own integers. So
is an account whose penalty would accrue on a balance that the cap waives in part.
"""

from typing import Any, NamedTuple

from dunwell.ledger.clocks import OPEN_END as OPEN_END
from dunwell.ledger.clocks import order_of_the_day, paused_days, stopped_units
from dunwell.ledger.queue import (
    ACCRUED_TO,
    COSTS,
    DUE,
    FEES,
    INTEREST,
    IS_CHARGEBACK,
    ITEM_COLUMNS,
    PENALTY,
    PRINCIPAL,
    WAIVED,
    Rates,
    accrue,
    allocate,
    apply_cap,
    jit,
    jit_inline,
    new_head,
    oldest_unpaid,
    owed_of,
    round_half_even,
)

NOTHING_DUE = -1
"""The oldest due day of an account that has nothing past due."""

# Columns of the result, one row an account.
(
    OUT_DUE_PRINCIPAL,
    OUT_DUE_INTEREST,
    OUT_DUE_FEES,
    OUT_DUE_COSTS,
    OUT_PENALTY,
    OUT_PAST_DUE_TOTAL,
    OUT_OUTSTANDING_PRINCIPAL,
    OUT_CREDIT,
    OUT_WAIVED,
    OUT_OLDEST_DUE_ON,
    OUT_PAST_DUE_DAYS,
    OUT_DELINQUENT_DAYS,
    OUT_LAST_PAID_ON,
    OUT_PAID_30D,
    OUT_PENALTY_PAID,
    OUT_STATE,
) = range(16)
OUT_COUNT = 16

SETTLED, NOT_OPENED, NEEDS_EXACT = 0, 1, 2
"""The states in OUT_STATE: figures are final; the account opens after as_of; the caller must settle it
exactly.
"""

_SUM_BOUND = 2**61


class Products(NamedTuple):
    """The terms of all products, an entry (or row) a product; see ``arrays.product_arrays``."""

    day_count: Any
    is_component_first: Any
    grace: Any
    materiality: Any
    basis: Any
    stops: Any
    has_stops: Any
    switch_days: Any
    switch_is_legal: Any
    switch_count: Any
    waterfalls: Any


class Accounts(NamedTuple):
    """The accounts of a partition: product index, opening day, amount lent, and reduced rates.

    ``rate_*``: the penalty per unit of balance and day-count unit; ``cap_*`` likewise for the cap (numerator
    -1: none); ``unit_den``: their common denominator, 0 where 64 bits would not do.
    """

    product: Any
    opened: Any
    principal: Any
    rate_num: Any
    rate_den: Any
    cap_num: Any
    cap_den: Any
    unit_den: Any


class Events(NamedTuple):
    """Rows of all accounts, those of account a from offsets[a] to offsets[a + 1].

    Instalments by due day and number, charges by day and id, payments by day and id (reversed ones left out),
    holds by first day.
    """

    instalment_offsets: Any
    instalment_due: Any
    instalment_principal: Any
    instalment_interest: Any
    instalment_fees: Any
    charge_offsets: Any
    charge_on: Any
    charge_component: Any
    charge_amount: Any
    payment_offsets: Any
    payment_on: Any
    payment_amount: Any
    payment_is_chargeback: Any
    hold_offsets: Any
    hold_kind: Any
    hold_from: Any
    hold_to: Any


class Arrears(NamedTuple):
    """Room for the arrears timeline, an entry a change at the end of a day: the account, the day, the oldest due day, what is
    overdue and with it the principal not yet due. Without room none is written.
    """

    account: Any
    on: Any
    oldest_due_on: Any
    overdue: Any
    exposure: Any


@jit_inline
def _fill_queue(items: Any, a: int, as_of: int, events: Events, is_capped: bool) -> tuple[int, int]:
    """Merge what falls due by ``as_of`` into ``items``: instalments, charges and chargebacks by day, in that
    order on one day. The waived shares are blank only where there is a cap: nobody looks at them without one.

    Returns how many there are and the sum of their money.
    """
    columns = ITEM_COLUMNS if is_capped else WAIVED
    i, i_end = events.instalment_offsets[a], events.instalment_offsets[a + 1]
    c, c_end = events.charge_offsets[a], events.charge_offsets[a + 1]
    b, b_end = events.payment_offsets[a], events.payment_offsets[a + 1]
    count, money = 0, 0
    while True:
        while b < b_end and not events.payment_is_chargeback[b]:
            b += 1
        day_i = events.instalment_due[i] if i < i_end else OPEN_END
        day_c = events.charge_on[c] if c < c_end else OPEN_END
        day_b = events.payment_on[b] if b < b_end else OPEN_END
        day = min(day_i, day_c, day_b)
        if day > as_of:
            return count, money
        for column in range(columns):
            items[count, column] = 0
        items[count, DUE] = day
        if day_i == day:
            items[count, PRINCIPAL] = events.instalment_principal[i]
            items[count, INTEREST] = events.instalment_interest[i]
            items[count, FEES] = events.instalment_fees[i]
            money += items[count, PRINCIPAL] + items[count, INTEREST] + items[count, FEES]
            i += 1
        elif day_c == day:
            items[count, events.charge_component[c]] = events.charge_amount[c]
            money += events.charge_amount[c]
            c += 1
        else:
            items[count, PRINCIPAL] = events.payment_amount[b]
            items[count, IS_CHARGEBACK] = 1
            money += events.payment_amount[b]
            b += 1
        count += 1


@jit_inline
def _report(
    items: Any,
    a: int,
    head: int,
    entered: int,
    as_of: int,
    outstanding: int,
    credit: int,
    waived: int,
    penalty_paid: int,
    rates: Rates,
    products: Products,
    product: int,
    pause: int,
    events: Events,
    out: Any,
) -> None:
    """Write the closing figures of one account; items before ``head`` are paid."""
    for column in range(OUT_COUNT):
        out[a, column] = 0
    for j in range(head, entered):
        item_total = 0
        for component in range(PRINCIPAL, PENALTY + 1):
            owed = owed_of(items, j, component, rates)
            item_total += owed
            out[a, OUT_DUE_PRINCIPAL + component - PRINCIPAL] += owed
        if items[j, DUE] < as_of:
            out[a, OUT_PAST_DUE_TOTAL] += item_total
    out[a, OUT_OUTSTANDING_PRINCIPAL] = outstanding
    out[a, OUT_CREDIT] = credit
    out[a, OUT_WAIVED] = waived
    out[a, OUT_PENALTY_PAID] = penalty_paid
    out[a, OUT_OLDEST_DUE_ON] = NOTHING_DUE
    oldest = oldest_unpaid(items, head, entered, products.materiality[product], rates.is_capped)
    if oldest >= 0 and items[oldest, DUE] < as_of:
        due = items[oldest, DUE]
        grace = products.grace[product]
        paused = paused_days(
            due + grace, as_of, events.hold_offsets[a], events.hold_offsets[a + 1], pause, events
        )
        out[a, OUT_OLDEST_DUE_ON] = due
        out[a, OUT_PAST_DUE_DAYS] = as_of - due
        out[a, OUT_DELINQUENT_DAYS] = max(0, as_of - due - grace - paused)
    out[a, OUT_LAST_PAID_ON] = NOTHING_DUE
    for y in range(events.payment_offsets[a], events.payment_offsets[a + 1]):
        if events.payment_on[y] <= as_of and not events.payment_is_chargeback[y]:
            out[a, OUT_LAST_PAID_ON] = events.payment_on[y]
            if events.payment_on[y] > as_of - 30:
                out[a, OUT_PAID_30D] += events.payment_amount[y]
    out[a, OUT_STATE] = SETTLED


@jit
def settle_accounts(
    first: int,
    last: int,
    as_of: int,
    base: int,
    unit_tables: Any,
    products: Products,
    accounts: Accounts,
    events: Events,
    pause: int,
    litigation: int,
    out: Any,
    items: Any,
    paid: Any,
    timeline: Arrears,
    rows: int,
) -> tuple[int, int]:
    """Settle the accounts [first, last) as of a day (all days are day numbers, all money minor units).

    ``base``: the day number of the unit tables' first column. ``pause``, ``litigation``: codes of these kinds
    of hold. Fills a row of ``out`` an account (OUT_*). ``items`` and ``paid`` are room to work in: a row for
    each debt of the account with the most of them (``debts_most``), an entry a component. ``timeline`` is
    room of which ``rows`` are taken. Returns the account it came to, which is ``last`` unless that room was too
    small for it, and how many rows are taken.
    """
    wants_timeline = len(timeline.account) > 0
    for a in range(first, last):
        if accounts.opened[a] > as_of:
            out[a, OUT_STATE] = NOT_OPENED
            continue
        product = accounts.product[a]
        day_count = products.day_count[product]
        basis = products.basis[product]
        materiality = products.materiality[product]
        cap_num, cap_den = accounts.cap_num[a], accounts.cap_den[a]
        rates = Rates(
            accounts.rate_num[a],
            accounts.rate_den[a],
            accounts.unit_den[a],
            accounts.unit_den[a] // accounts.rate_den[a],
            cap_num >= 0,
        )
        h, h_end = events.hold_offsets[a], events.hold_offsets[a + 1]
        has_stops = products.has_stops[product] and h_end > h

        item_count, money = _fill_queue(items, a, as_of, events, rates.is_capped)
        money += accounts.principal[a]
        earliest = accounts.opened[a]
        if item_count > 0:
            earliest = min(earliest, items[0, DUE])
        span = unit_tables[day_count, as_of - base] - unit_tables[day_count, earliest - base] + 1
        if (
            rates.unit_den == 0
            or money >= _SUM_BOUND // span
            or float(money) * span * rates.rate_num / rates.rate_den > 1e18
        ):
            out[a, OUT_STATE] = NEEDS_EXACT
            continue

        y, y_end = events.payment_offsets[a], events.payment_offsets[a + 1]
        entered, head, credit = 0, 0, 0
        outstanding = accounts.principal[a]
        fallen, penalty_paid = 0, 0
        due_principal, due_rest = 0, 0
        cap_units = 0
        cap_to = unit_tables[day_count, accounts.opened[a] - base]
        waived_whole, waived_num = 0, 0
        is_waiving, reaches, is_daily, needs_exact = False, False, False, False
        last_oldest, last_overdue, last_exposure = NOTHING_DUE, 0, 0
        rows_before = rows
        day = accounts.opened[a] - 1
        while True:
            # The next day on which something happens; the last turn is as_of, with or without events of its own.
            next_day = as_of
            if entered < item_count:
                next_day = min(next_day, items[entered, DUE])
            while y < y_end and events.payment_is_chargeback[y]:
                y += 1
            if y < y_end and events.payment_on[y] < next_day:
                next_day = events.payment_on[y]
            if is_daily:
                next_day = min(next_day, day + 1)
            day = next_day
            is_last = day == as_of
            now = unit_tables[day_count, day - base]
            if rates.is_capped and now > cap_to:
                cap_units += outstanding * (now - cap_to)
                cap_to = now
            if has_stops:
                now -= stopped_units(
                    day, h, h_end, events, products.stops, product, unit_tables, day_count, base
                )

            while entered < item_count and items[entered, DUE] == day:
                items[entered, ACCRUED_TO] = now
                fallen += items[entered, INTEREST] + items[entered, FEES]
                due_principal += items[entered, PRINCIPAL]
                due_rest += items[entered, INTEREST] + items[entered, FEES] + items[entered, COSTS]
                if items[entered, IS_CHARGEBACK]:
                    outstanding += items[entered, PRINCIPAL]
                entered += 1
            pool = credit
            while y < y_end and events.payment_on[y] == day:
                if not events.payment_is_chargeback[y]:
                    pool += events.payment_amount[y]
                y += 1

            if rates.is_capped:
                for j in range(head, entered):
                    accrue(items, j, now, basis)
                waived_whole, waived_num, reaches = apply_cap(
                    items, entered, fallen + penalty_paid, cap_units, cap_num, cap_den, rates, is_waiving
                )
                is_waiving = waived_whole > 0 or waived_num > 0
            if pool > 0 and head < entered:
                order = 0
                if products.switch_count[product] > 0:
                    oldest = oldest_unpaid(items, head, entered, materiality, rates.is_capped)
                    is_legal = False
                    for k in range(h, h_end):
                        is_on = events.hold_from[k] <= day <= events.hold_to[k]
                        if is_on and events.hold_kind[k] == litigation:
                            is_legal = True
                    order = order_of_the_day(
                        products.switch_count,
                        products.switch_is_legal,
                        products.switch_days,
                        product,
                        day - items[oldest, DUE] if oldest >= 0 else 0,
                        is_legal,
                    )
                for component in range(PENALTY + 1):
                    paid[component] = 0
                pool = allocate(
                    items,
                    head,
                    entered,
                    pool,
                    now,
                    basis,
                    rates,
                    products.waterfalls,
                    product,
                    order,
                    products.is_component_first[product],
                    paid,
                )
                outstanding -= paid[PRINCIPAL]
                due_principal -= paid[PRINCIPAL]
                due_rest -= paid[INTEREST] + paid[FEES] + paid[COSTS]
                penalty_paid += paid[PENALTY]
                if rates.is_capped:
                    waived_whole, waived_num, reaches = apply_cap(
                        items, entered, fallen + penalty_paid, cap_units, cap_num, cap_den, rates, is_waiving
                    )
                    is_waiving = waived_whole > 0 or waived_num > 0
                head = new_head(items, head, entered, rates)
            credit = pool
            if reaches:
                if basis & (1 << INTEREST | 1 << FEES):
                    needs_exact = True
                    break
                is_daily = True
            else:
                is_daily = credit > 0 and is_waiving

            if wants_timeline and (head < entered or last_oldest != NOTHING_DUE):
                oldest = oldest_unpaid(items, head, entered, materiality, rates.is_capped)
                if oldest >= 0 or last_oldest != NOTHING_DUE:
                    rest = due_rest
                    if reaches:
                        rest = 0
                        for j in range(entered):
                            rest += (
                                owed_of(items, j, INTEREST, rates)
                                + owed_of(items, j, FEES, rates)
                                + items[j, COSTS]
                            )
                    new_oldest = items[oldest, DUE] if oldest >= 0 else NOTHING_DUE
                    overdue, exposure = due_principal + rest, outstanding + rest
                    if new_oldest != last_oldest or overdue != last_overdue or exposure != last_exposure:
                        last_oldest, last_overdue, last_exposure = new_oldest, overdue, exposure
                        if rows == len(timeline.account):
                            return a, rows_before
                        timeline.account[rows] = a
                        timeline.on[rows] = day
                        timeline.oldest_due_on[rows] = new_oldest
                        timeline.overdue[rows] = overdue
                        timeline.exposure[rows] = exposure
                        rows += 1
            if is_last:
                break

        if needs_exact:
            rows = rows_before
            out[a, OUT_STATE] = NEEDS_EXACT
            continue
        if not rates.is_capped:
            for j in range(head, entered):
                accrue(items, j, now, basis)
        waived = round_half_even(waived_whole, waived_num, rates.unit_den) if rates.is_capped else 0
        _report(
            items,
            a,
            head,
            entered,
            as_of,
            outstanding,
            credit,
            waived,
            penalty_paid,
            rates,
            products,
            product,
            pause,
            events,
            out,
        )
    return last, rows
