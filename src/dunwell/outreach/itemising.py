"""A debt itemised for a validation notice: what was owed on one day, and what came and went since (12 CFR 1006.34(b)(3), (c)(2)).

The day is that of the last payment, or that on which the account was opened where none was ever made: two of the five days
that the rule allows, and the two that every book holds. The sums are the ledger's own walk on both days.
"""

from dataclasses import dataclass
from datetime import date

from dunwell.ledger import Terms
from dunwell.ledger.statement import AccountEvents, AccountNotOpen, Settlement, settle


class NotItemised(ValueError):
    """The debt cannot be told in the notice's five lines; says why."""


@dataclass(frozen=True, slots=True)
class Itemised:
    """In minor units: ``then_minor + interest_minor + fees_minor - paid_minor == total_minor``. Penalty interest counts as
    interest, charges as fees.
    """

    itemised_on: date
    then_minor: int
    interest_minor: int
    fees_minor: int
    paid_minor: int
    total_minor: int


def itemise(events: AccountEvents, terms: Terms, as_of: date) -> Itemised:
    """The debt as of a day. Raises NotItemised where the lines would not add up to what the ledger says is owed."""
    paid_days = [paid.paid_on for paid in events.standing("payment") if paid.paid_on <= as_of]
    first = max(paid_days, default=events.opened_on)
    try:
        then, now = settle(events, terms, first), settle(events, terms, as_of)
    except AccountNotOpen as error:
        raise NotItemised("the account was not open on the day") from error
    if any(first < one.paid_on <= as_of for one in events.standing("chargeback")):
        raise NotItemised("a payment was charged back since the day from which the debt is itemised")
    scheduled = [one for one in events.instalments if first < one.due_on <= as_of]
    charged = [one for one in events.charges if first < one.charged_on <= as_of]
    interest = sum(one.interest_minor for one in scheduled) + _penalty(now) - _penalty(then)
    fees = sum(one.fees_minor for one in scheduled) + sum(one.amount_minor for one in charged)
    paid = sum(one.amount_minor for one in events.standing("payment") if first < one.paid_on <= as_of)
    if then.payoff_total + interest + fees - paid != now.payoff_total:
        raise NotItemised(
            "what was added and paid since the day from which the debt is itemised does not make up what is owed"
            " (a cap or a waiver came between)"
        )
    if min(then.payoff_total, interest, now.payoff_total) < 0:
        raise NotItemised("an amount would be below zero")
    return Itemised(first, then.payoff_total, interest, fees, paid, now.payoff_total)


def _penalty(figures: Settlement) -> int:
    """All penalty interest so far, paid or not."""
    return figures.penalty + figures.penalty_paid
