"""One account's own events, as the exact walk takes them: what was lent, what falls due, what was paid, charged or put on hold.

``account_events`` reads them out of a partition's typed frames, as known at an instant.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

import polars as pl

RATE_PARTS = 10**9
"""Rates in the frames are whole parts per billion."""


class AccountNotOpen(ValueError):
    """The account has no position on that day, or was not known at that instant; says which and what to ask instead."""


@dataclass(frozen=True, slots=True)
class Instalment:
    """What falls due on one day by the schedule, in minor units."""

    number: int
    due_on: date
    principal_minor: int
    interest_minor: int = 0
    fees_minor: int = 0


@dataclass(frozen=True, slots=True)
class Payment:
    """Money received (kind payment), a payment that never happened (reversal, of ``reverses``), or a new debt (chargeback)."""

    payment_id: str
    paid_on: date
    amount_minor: int
    kind: str = "payment"
    reverses: str | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """A fee or cost put on the account: late_fee and other are fees, legal_cost is costs."""

    charge_id: str
    charged_on: date
    kind: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold from its first to its last day; ``to_on`` None: it goes on."""

    kind: str
    from_on: date
    to_on: date | None = None

    def covers(self, day: date) -> bool:
        """Whether the hold is in force on that day, its ends included."""
        return self.from_on <= day and (self.to_on is None or day <= self.to_on)


@dataclass(frozen=True, slots=True)
class AccountEvents:
    """Everything known about one account, in any order. ``annual_rate`` is the contract rate as a fraction (0.18)."""

    account_id: str
    currency: str
    principal_minor: int
    annual_rate: Fraction | None
    opened_on: date
    instalments: tuple[Instalment, ...] = ()
    payments: tuple[Payment, ...] = ()
    charges: tuple[Charge, ...] = ()
    holds: tuple[Hold, ...] = ()

    def reversals(self) -> dict[str, str]:
        """The payment ids that a reversal undoes, each with the id of its reversal."""
        reversals = sorted((p for p in self.payments if p.kind == "reversal"), key=lambda p: p.payment_id)
        return {r.reverses: r.payment_id for r in reversed(reversals) if r.reverses is not None}

    def standing(self, kind: str) -> tuple[Payment, ...]:
        """The payments (or chargebacks) that stand, by day and id: those reversed never happened."""
        undone = self.reversals()
        mine = (p for p in self.payments if p.kind == kind and p.payment_id not in undone)
        return tuple(sorted(mine, key=lambda p: (p.paid_on, p.payment_id)))


def account_events(
    tables: Mapping[str, pl.DataFrame], account_row: int, known_at: datetime | None = None
) -> AccountEvents:
    """One account of a partition, by its row in ``accounts``, from the rows recorded at or before ``known_at`` (all, when None).

    ``tables``: accounts, instalments, payments, charges and holds, typed as the book hands them out. Raises AccountNotOpen
    when the account itself had not been recorded by then.
    """
    account = tables["accounts"].row(account_row, named=True)
    if known_at is not None and not (account["recorded_at"] and account["recorded_at"] <= known_at):
        raise AccountNotOpen(
            f"account {account['account_id']} was not known at {known_at.isoformat()}; ask for a later --known-at"
        )

    def rows(table: str) -> list[dict[str, Any]]:
        mine = tables[table].filter(pl.col("account_row") == account_row)
        return (mine if known_at is None else mine.filter(pl.col("recorded_at") <= known_at)).to_dicts()

    rate = account["annual_rate_ppb"]
    return AccountEvents(
        account["account_id"],
        account["currency"],
        account["principal_minor"],
        None if rate is None else Fraction(rate, RATE_PARTS),
        account["opened_on"],
        tuple(
            Instalment(r["number"], r["due_on"], r["principal_minor"], r["interest_minor"], r["fees_minor"])
            for r in rows("instalments")
        ),
        tuple(
            Payment(_id(r, "payment_id", "payment_key"), r["paid_on"], r["amount_minor"], r["kind"], reverses)
            for r in rows("payments")
            for reverses in (_id(r, "reverses", "reverses_key") or None,)
        ),
        tuple(Charge(r["charge_id"], r["charged_on"], r["kind"], r["amount_minor"]) for r in rows("charges")),
        tuple(Hold(r["kind"], r["from_on"], r["to_on"]) for r in rows("holds")),
    )


def _id(row: Mapping[str, Any], name: str, key: str) -> str:
    """A payment's id; where only figures were asked for the book keeps a hash of it instead, which serves as well, and none where
    no payment is reversed.
    """
    value = row[name] if name in row else row.get(key)
    return "" if value is None else str(value)
