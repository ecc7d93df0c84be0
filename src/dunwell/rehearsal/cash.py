"""Money: the payments, reversals, chargebacks and charges that carry out what people do.

Whoever settles late pays what the lender's statement asks: the instalments, the penalty interest accrued on them by the
product's terms, and the fees and costs charged so far. So a ledger that reads the tape finds the states that were drawn.
"""

from dataclasses import dataclass

import numpy as np

from dunwell.calendars import FIRST_DAY_NUMBER, day_units_table, units_per_year
from dunwell.ledger.terms import Allocation
from dunwell.rehearsal.behaviour import Behaviour, Episodes, Settlements
from dunwell.rehearsal.draws import Flags, Floats, Ints, happens
from dunwell.rehearsal.lending import NEVER, Days, Loans
from dunwell.rehearsal.schedule import RATE_UNIT
from dunwell.rehearsal.world import Product, World

PAYMENT, REVERSAL, CHARGEBACK = 0, 1, 2
LATE_FEE, LEGAL_COST, OTHER = 0, 1, 2

SPLIT_SHARE, BOUNCED_SHARE, CHARGEBACK_SHARE = 0.12, 0.004, 0.0004
LEGAL_AFTER_DAYS, LEGAL_SHARE = 120, 0.3


@dataclass(frozen=True, slots=True)
class Payments:
    """Rows of the table ``payments``, in order of account and day; ``reverses`` is the row of the payment reversed, or -1.

    ``toward_minor``: how much of the row goes toward instalments (0 for money that a reversal takes back, and for penalty and
    charges). ``is_piece``: one of two pieces of a settlement.
    """

    accounts: Ints
    on: Days
    amounts_minor: Ints
    toward_minor: Ints
    kinds: Ints
    reverses: Ints
    is_piece: Flags


@dataclass(frozen=True, slots=True)
class Charges:
    """Rows of the table ``charges``, in order of account and day."""

    accounts: Ints
    on: Days
    amounts_minor: Ints
    kinds: Ints


def payments_and_charges(
    world: World, loans: Loans, behaviour: Behaviour, generator: np.random.Generator, as_of: int
) -> tuple[Payments, Charges]:
    """All money and all charges up to ``as_of`` (a day number)."""
    settlements = behaviour.settlements
    bounced = _bounced(loans, settlements, generator)
    charges = _charges(world, loans, behaviour, bounced, generator)
    toward = _instalments_settled(loans, settlements)
    beyond = _penalties(world, loans, settlements) + _charges_settled(world, loans, settlements, charges)
    amounts = toward + beyond + _interest_ahead(world, loans, settlements)
    rows = [
        *_in_pieces(loans, settlements, amounts, toward, generator),
        _Rows.of_payments(behaviour.parts.accounts, behaviour.parts.on, behaviour.parts.amounts_minor),
        *_bounced_rows(bounced, settlements, toward, generator),
        *_chargebacks(world, loans, settlements, toward, generator),
    ]
    is_known = charges.on <= as_of
    known = Charges(
        charges.accounts[is_known],
        charges.on[is_known],
        charges.amounts_minor[is_known],
        charges.kinds[is_known],
    )
    return _in_order(rows, as_of), known


@dataclass(frozen=True, slots=True)
class _Rows:
    """Payments before they are put in order. ``links`` tie a reversal to its payment: the same number above 0 on both."""

    accounts: Ints
    on: Days
    amounts: Ints
    toward: Ints
    kind: int
    links: Ints
    is_piece: bool

    @classmethod
    def of_payments(cls, accounts: Ints, on: Days, amounts: Ints) -> "_Rows":
        return cls(accounts, on, amounts, amounts, PAYMENT, np.zeros(len(accounts), dtype=np.int64), False)


def _in_order(parts: list[_Rows], as_of: int) -> Payments:
    """All rows up to as_of by account, day and kind; a reversal whose payment is not there cannot be."""
    accounts, amounts, toward, links = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("accounts", "amounts", "toward", "links")
    )
    on = np.concatenate([part.on for part in parts])
    kinds = np.concatenate([np.full(len(part.on), part.kind, dtype=np.int64) for part in parts])
    is_piece = np.concatenate([np.full(len(part.on), part.is_piece, dtype=np.bool_) for part in parts])
    order = np.lexsort((kinds, on, accounts))
    order = order[(on[order] <= as_of) & (amounts[order] > 0)]
    kinds, links = kinds[order], links[order]

    row_of_link = np.full(int(links.max(initial=0)) + 1, -1, dtype=np.int64)
    is_linked_payment = (links > 0) & (kinds == PAYMENT)
    row_of_link[links[is_linked_payment]] = np.flatnonzero(is_linked_payment)
    reverses = np.where(kinds == REVERSAL, row_of_link[links], -1)
    return Payments(
        accounts[order], on[order], amounts[order], toward[order], kinds, reverses, is_piece[order]
    )


def _instalments_settled(loans: Loans, settlements: Settlements) -> Ints:
    sums, accounts = loans.due_sums_minor, settlements.accounts
    due = sums[accounts, settlements.after] - sums[accounts, settlements.first]
    return np.asarray(due - settlements.paid_before_minor, dtype=np.int64)


def _penalties(world: World, loans: Loans, settlements: Settlements) -> Ints:
    """Penalty interest asked for with each settlement: of every instalment it settles, from its due day to the day paid."""
    late_rows = np.flatnonzero(settlements.on > loans.due_on[settlements.accounts, settlements.first])
    widths = (settlements.after - settlements.first)[late_rows]
    rows = np.repeat(late_rows, widths)
    columns = np.arange(len(rows)) - np.repeat(np.cumsum(widths) - widths, widths) + settlements.first[rows]
    accounts = settlements.accounts[rows]
    since = np.minimum(loans.due_on[accounts, columns], settlements.on[rows])
    asked = np.zeros(len(rows), dtype=np.float64)
    for index, product in enumerate(world.products):
        penalty = product.terms.penalty
        if penalty is None:
            continue
        of_product = np.flatnonzero(loans.products[accounts] == index)
        basis = loans.principals_minor[accounts[of_product], columns[of_product]].astype(np.float64)
        if "interest" in penalty.accruing_components:
            basis += loans.interests_minor[accounts[of_product], columns[of_product]]
        units = day_units_table(product.terms.day_count)
        first, last = (
            since[of_product] - FIRST_DAY_NUMBER,
            settlements.on[rows[of_product]] - FIRST_DAY_NUMBER,
        )
        years = (units[last] - units[first]) / units_per_year(product.terms.day_count)
        asked[of_product] = np.rint(
            basis * _penalty_rates(product, loans.annual_rates_ppm[accounts[of_product]]) * years
        )
    return np.bincount(rows, weights=asked, minlength=len(settlements.on)).astype(np.int64)


def _penalty_rates(product: Product, annual_rates_ppm: Ints) -> Floats:
    """Yearly penalty rates by the product's terms.

    The cap is left aside: where it waives some, people have paid a little too much, and it waits as credit.
    """
    penalty = product.terms.penalty
    if penalty is None or penalty.annual is not None:
        return np.full(len(annual_rates_ppm), float(penalty.annual or 0) if penalty is not None else 0.0)
    return np.asarray(annual_rates_ppm / RATE_UNIT * float(penalty.multiple or 0), dtype=np.float64)


def _charges(
    world: World, loans: Loans, behaviour: Behaviour, bounced: Ints, generator: np.random.Generator
) -> Charges:
    """Late fees for instalments missed, costs of legal steps in long spells, and a fee where a debit bounced."""
    settlements = behaviour.settlements
    settled_on = settled_days(loans, settlements)
    fees = np.array([product.late_fee_minor for product in world.products])
    after_days = np.array([product.late_fee_after_days for product in world.products])
    has_fee = (fees > 0)[loans.products]
    fee_on = loans.due_on + after_days[loans.products].astype(np.int32)[:, None]
    is_charged = has_fee[:, None] & (loans.due_on < NEVER) & (settled_on > fee_on)
    accounts, columns = np.nonzero(is_charged)
    late_fees = (accounts, fee_on[accounts, columns], fees[loans.products[accounts]], LATE_FEE)

    legal = _legal_steps(world, loans, behaviour.episodes, generator)
    of_bounced = settlements.accounts[bounced]
    bounce_fees = (
        of_bounced,
        settlements.on[bounced] - np.int32(1),
        fees[loans.products[of_bounced]] // 2,
        OTHER,
    )

    parts = (late_fees, legal, bounce_fees)
    accounts, on, amounts = (np.concatenate([part[i] for part in parts]) for i in range(3))
    kinds = np.concatenate([np.full(len(part[0]), part[3], dtype=np.int64) for part in parts])
    order = np.lexsort((kinds, on, accounts))
    order = order[amounts[order] > 0]
    return Charges(accounts[order], on[order].astype(np.int32), amounts[order], kinds[order])


def _legal_steps(
    world: World, loans: Loans, episodes: Episodes, generator: np.random.Generator
) -> tuple[Ints, Days, Ints, int]:
    costs = np.array([product.legal_cost_minor for product in world.products])[
        loans.products[episodes.accounts]
    ]
    on = episodes.since + (LEGAL_AFTER_DAYS + generator.integers(0, 40, len(costs))).astype(np.int32)
    is_taken = (costs > 0) & (on < episodes.until) & happens(generator, LEGAL_SHARE, len(costs))
    return episodes.accounts[is_taken], on[is_taken], costs[is_taken], LEGAL_COST


def settled_days(loans: Loans, settlements: Settlements) -> Days:
    """The day on which each instalment is settled, NEVER where it is not; a matrix like the schedule's."""
    settled_on = np.full(loans.due_on.shape, NEVER, dtype=np.int32)
    widths = settlements.after - settlements.first
    rows = np.repeat(np.arange(len(widths)), widths)
    columns = np.arange(len(rows)) - np.repeat(np.cumsum(widths) - widths, widths) + settlements.first[rows]
    settled_on[settlements.accounts[rows], columns] = settlements.on[rows]
    return settled_on


def _charges_settled(world: World, loans: Loans, settlements: Settlements, charges: Charges) -> Ints:
    """The charges paid with each settlement: all up to its day, or up to the oldest instalment that it leaves unpaid.

    Each charge goes to the account's first settlement that reaches it; so the keys (account, day reached) only grow.
    """
    next_due_on = loans.due_on[settlements.accounts, np.minimum(settlements.after, loans.due_on.shape[1] - 1)]
    reaches_all = settlements.is_cure | _is_component_first(world, loans, settlements)
    reaches = np.where(reaches_all, settlements.on, np.minimum(next_due_on - 1, settlements.on)).astype(
        np.int64
    )
    keys = settlements.accounts * 10**6 + reaches
    rows = np.searchsorted(keys, charges.accounts * 10**6 + charges.on, side="left")
    within = rows < len(keys)
    is_paid = within & (settlements.accounts[np.where(within, rows, 0)] == charges.accounts)
    paid = np.bincount(rows[is_paid], weights=charges.amounts_minor[is_paid], minlength=len(keys))
    return paid.astype(np.int64)


def _interest_ahead(world: World, loans: Loans, settlements: Settlements) -> Ints:
    """What money must bring beyond its instalments where a component is settled over all due instalments before the next.

    Then the interest of everything due comes first; who settles only part of what is due pays it ahead, and less later on.
    """
    rows = np.flatnonzero(_is_component_first(world, loans, settlements))
    accounts, after = settlements.accounts[rows], settlements.after[rows]
    due = (loans.due_on[accounts] <= settlements.on[rows][:, None]).sum(axis=1)
    through = np.maximum(after, due)
    since = np.where(_is_first(accounts), 0, np.concatenate([[0], through])[: len(rows)])
    sums = np.zeros((loans.count, loans.due_on.shape[1] + 1), dtype=np.int64)
    np.cumsum(loans.interests_minor, axis=1, out=sums[:, 1:])
    of_these = sums[accounts, after] - sums[accounts, settlements.first[rows]]
    ahead = np.zeros(len(settlements.on), dtype=np.int64)
    ahead[rows] = sums[accounts, through] - sums[accounts, since] - of_these
    return ahead


def _is_first(accounts: Ints) -> Flags:
    """Whether a row is the first of its account; rows in order of account."""
    is_first = np.ones(len(accounts), dtype=np.bool_)
    is_first[1:] = accounts[1:] != accounts[:-1]
    return is_first


def _is_component_first(world: World, loans: Loans, settlements: Settlements) -> Flags:
    of_products = np.array(
        [product.terms.allocation is Allocation.COMPONENT_FIRST for product in world.products]
    )
    return np.asarray(of_products[loans.products[settlements.accounts]])


def _in_pieces(
    loans: Loans, settlements: Settlements, amounts: Ints, toward: Ints, generator: np.random.Generator
) -> list[_Rows]:
    """Settlements as payments: some in two pieces, the first a few days ahead but after the account's money before it."""
    count = len(amounts)
    is_first_of_account = _is_first(settlements.accounts)
    before = np.concatenate([[0], settlements.on])[:count]
    free_since = np.where(is_first_of_account, loans.opened_on[settlements.accounts], before)
    piece_on = settlements.on - generator.integers(1, 6, count).astype(np.int32)
    is_split = happens(generator, SPLIT_SHARE, count) & (piece_on > free_since) & (toward >= 2)
    pieces = np.where(is_split, toward * generator.integers(20, 81, count) // 100, 0)
    links = np.zeros(count, dtype=np.int64)
    split = np.flatnonzero(is_split & (pieces > 0))
    whole = np.flatnonzero(~(is_split & (pieces > 0)))
    accounts, on = settlements.accounts, settlements.on

    def rows(of: Ints, days: Days, money: Ints, counted: Ints, is_piece: bool) -> _Rows:
        return _Rows(accounts[of], days[of], money, counted, PAYMENT, links[of], is_piece)

    return [
        rows(whole, on, amounts[whole], toward[whole], False),
        rows(split, piece_on, pieces[split], pieces[split], True),
        rows(split, on, (amounts - pieces)[split], (toward - pieces)[split], True),
    ]


def _bounced(loans: Loans, settlements: Settlements, generator: np.random.Generator) -> Ints:
    """Settlements that came only at the second try: a few days before, a debit bounced."""
    is_bounced = happens(generator, BOUNCED_SHARE, len(settlements.on))
    return np.flatnonzero(is_bounced & (settlements.on - 6 > loans.opened_on[settlements.accounts]))


def _bounced_rows(
    bounced: Ints, settlements: Settlements, toward: Ints, generator: np.random.Generator
) -> list[_Rows]:
    accounts, amounts = settlements.accounts[bounced], toward[bounced]
    nothing, links = np.zeros(len(bounced), dtype=np.int64), np.arange(1, len(bounced) + 1, dtype=np.int64)
    tried_on = settlements.on[bounced] - generator.integers(3, 6, len(bounced)).astype(np.int32)
    returned_on = settlements.on[bounced] - np.int32(1)
    return [
        _Rows(accounts, tried_on, amounts, nothing, PAYMENT, links, False),
        _Rows(accounts, returned_on, amounts, nothing, REVERSAL, links, False),
    ]


def _chargebacks(
    world: World, loans: Loans, settlements: Settlements, toward: Ints, generator: np.random.Generator
) -> list[_Rows]:
    """A payment disputed at the payer's bank becomes a new debt, most often paid again within days, penalty and all."""
    rows = np.flatnonzero(happens(generator, CHARGEBACK_SHARE, len(toward)))
    accounts, amounts = settlements.accounts[rows], toward[rows]
    nothing = np.zeros(len(rows), dtype=np.int64)
    on = settlements.on[rows] + generator.integers(10, 60, len(rows)).astype(np.int32)
    days_after = generator.integers(0, 12, len(rows))
    of_products = np.array([_penalty_rates(product, np.full(1, RATE_UNIT))[0] for product in world.products])
    contract = loans.annual_rates_ppm[accounts] / RATE_UNIT
    is_multiple = np.array(
        [p.terms.penalty is not None and p.terms.penalty.multiple is not None for p in world.products]
    )
    products = loans.products[accounts]
    rates = of_products[products] * np.where(is_multiple[products], contract, 1.0)
    again = amounts + np.ceil(amounts * rates * days_after / 360).astype(np.int64)
    is_paid = happens(generator, 0.9, len(rows))
    again_on = (on + days_after).astype(np.int32)
    return [
        _Rows(accounts, on, amounts, nothing, CHARGEBACK, nothing, False),
        _Rows(
            accounts[is_paid],
            again_on[is_paid],
            again[is_paid],
            nothing[is_paid],
            PAYMENT,
            nothing[is_paid],
            False,
        ),
    ]
