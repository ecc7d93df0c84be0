"""The money tables of a batch as rows of the tape: accounts, instalments, payments, charges."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from dunwell.rehearsal.cash import CHARGEBACK, PAYMENT, Charges, Payments
from dunwell.rehearsal.clocks import DAY_SECONDS, MICROSECONDS, cut_at, recorded_after
from dunwell.rehearsal.collecting import Desk
from dunwell.rehearsal.columns import Money, codes, days, instants, numbered_ids, rates, rows_of
from dunwell.rehearsal.draws import Flags, Ints, pick
from dunwell.rehearsal.lending import NEVER
from dunwell.rehearsal.tables import Columns

STATUSES = ("active", "closed", "charged_off", "sold")
PAYMENT_KINDS = ("payment", "reversal", "chargeback")
CHARGE_KINDS = ("late_fee", "legal_cost", "other")
METHODS = {"direct_debit": 0.46, "bank_transfer": 0.24, "wallet": 0.20, "card": 0.08, "cash": 0.02}
CHANNELS = {"app": 0.62, "partner": 0.20, "web": 0.12, "branch": 0.06}
SOLD_ONE_IN = 7
STATEMENT_DAYS = 22
"""A card's statement is known so many days before it falls due; a loan's schedule from its opening."""


def status_codes(desk: Desk, payments: Payments) -> Ints:
    """Index into STATUSES of each account on the tape's day.

    Closed: nothing is left. Charged off: later than the country's charge-off day for that kind of credit; some of those sold.
    """
    loans, products = desk.loans, desk.world.products
    settled = (desk.settled_on <= desk.as_of).sum(axis=1)
    is_closed = (settled >= loans.instalment_counts) & ~_owes_chargeback(loans.count, payments)
    oldest = loans.due_on[np.arange(loans.count), np.minimum(settled, loans.due_on.shape[1] - 1)]
    limits = np.array([desk.world.countries[p.country].charge_off_days[p.terms.credit] for p in products])
    is_charged_off = ~is_closed & (oldest < NEVER) & (desk.as_of - oldest > limits[loans.products])
    is_sold = is_charged_off & (loans.numbers % SOLD_ONE_IN == 0)
    return np.select([is_closed, is_sold, is_charged_off], [1, 3, 2], default=0)


def _owes_chargeback(count: int, payments: Payments) -> Flags:
    """Accounts whose chargebacks have not been paid again."""
    is_reversed = np.zeros(len(payments.on), dtype=np.bool_)
    is_reversed[payments.reverses[payments.reverses >= 0]] = True
    is_again = (payments.kinds == PAYMENT) & (payments.toward_minor == 0) & ~is_reversed
    sign = np.where(payments.kinds == CHARGEBACK, 1, 0) - np.where(is_again, 1, 0)
    return np.asarray(
        np.bincount(payments.accounts, weights=sign * payments.amounts_minor, minlength=count) > 0
    )


def money_tables(
    desk: Desk,
    payments: Payments,
    charges: Charges,
    statuses: Ints,
    before: Mapping[str, int],
    generator: np.random.Generator,
) -> dict[str, Columns]:
    """Rows of accounts, instalments, payments and charges. ``before``: rows already numbered, by table."""
    opened_at = desk.loans.opened_on.astype(np.int64) * DAY_SECONDS + generator.integers(
        2 * 3600, 14 * 3600, desk.loans.count
    )
    opened_at = np.minimum(opened_at * MICROSECONDS, cut_at(desk.as_of))
    return {
        "accounts": _accounts(desk, statuses, opened_at, generator),
        "instalments": _instalments(desk, opened_at),
        "payments": _payments(desk, payments, before["payments"], generator),
        "charges": {
            "charge_id": numbered_ids("CH", np.arange(len(charges.on)) + before["charges"], 10),
            "account_id": rows_of(desk.account_ids, charges.accounts),
            "charged_on": days(charges.on),
            "kind": codes(CHARGE_KINDS, charges.kinds),
            "amount": Money(charges.amounts_minor, desk.exponents[charges.accounts]),
            "recorded_at": instants(recorded_after(generator, charges.on, desk.as_of)),
        },
    }


def _accounts(desk: Desk, statuses: Ints, opened_at: Ints, generator: np.random.Generator) -> Columns:
    loans, products = desk.loans, desk.world.products
    return {
        "account_id": desk.account_ids,
        "customer_id": rows_of(desk.people.ids, loans.customers),
        "product": codes([product.terms.product for product in products], loans.products),
        "currency": codes([product.terms.currency for product in products], loans.products),
        "principal": Money(loans.principals_minor.sum(axis=1), desk.exponents),
        "annual_rate": rates(loans.annual_rates_ppm),
        "opened_on": days(loans.opened_on),
        "status": codes(STATUSES, statuses),
        "channel": codes(tuple(CHANNELS), pick(generator, list(CHANNELS.values()), loans.count)),
        "recorded_at": instants(opened_at),
    }


def _instalments(desk: Desk, opened_at: Ints) -> Columns:
    loans = desk.loans
    accounts, columns = np.nonzero(loans.due_on < NEVER)
    due_on = loans.due_on[accounts, columns]
    is_card = np.array([product.kind == "card" for product in desk.world.products])[loans.products[accounts]]
    stated_at = (due_on.astype(np.int64) - STATEMENT_DAYS) * DAY_SECONDS * MICROSECONDS
    known_at = np.where(is_card, np.maximum(stated_at, opened_at[accounts]), opened_at[accounts])
    exponents = desk.exponents[accounts]
    return {
        "account_id": rows_of(desk.account_ids, accounts),
        "number": pa.array(columns + 1),
        "due_on": days(due_on),
        "principal": Money(loans.principals_minor[accounts, columns], exponents),
        "interest": Money(loans.interests_minor[accounts, columns], exponents),
        "fees": Money(loans.fees_minor[accounts, columns], exponents),
        "recorded_at": instants(np.minimum(known_at, cut_at(desk.as_of))),
    }


def _payments(desk: Desk, payments: Payments, before: int, generator: np.random.Generator) -> Columns:
    count = len(payments.on)
    ids = payment_ids(np.arange(count) + before)
    recorded_at = recorded_after(generator, payments.on, desk.as_of)
    is_reversal = payments.reverses >= 0
    reversed_at = recorded_at[np.maximum(payments.reverses, 0)]
    recorded_at = np.where(is_reversal, np.maximum(recorded_at, reversed_at), recorded_at)
    return {
        "payment_id": ids,
        "account_id": rows_of(desk.account_ids, payments.accounts),
        "paid_on": days(payments.on),
        "amount": Money(payments.amounts_minor, desk.exponents[payments.accounts]),
        "kind": codes(PAYMENT_KINDS, payments.kinds),
        "reverses": rows_of(ids, np.maximum(payments.reverses, 0), ~is_reversal),
        "method": codes(tuple(METHODS), pick(generator, list(METHODS.values()), count)),
        "recorded_at": instants(recorded_at),
    }


def payment_ids(numbers: Ints) -> pa.StringArray:
    """Ids in no order, as a payment system hands them out: a fixed one-to-one scattering of the running number."""
    return numbered_ids("TX", numbers * 61_803_398_877 % 100_000_000_000, 12)
