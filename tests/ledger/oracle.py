"""The oracle: what is owed, read off the contract page (docs/formats.md, "What is owed") day by day and as plainly as it goes.

It is slow on purpose and shares no code with dunwell: exact fractions, one account, one day after another. Money is in integer
minor units; a component of a debt is "principal", "interest", "fees" or "costs", and "penalty" beside them. `position` is what
one comes for; `history` is the same walk told for every day. What it is told is in `oracle_records`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Protocol, TypeVar

from tests.ledger.oracle_records import (
    ONE_DAY,
    WHEN_LEFT_OUT,
    Account,
    Charge,
    Hold,
    Instalment,
    Payment,
    Penalty,
    Situation,
    Terms,
    day_fraction,
    terms_from,
    whole_waterfall,
)

__all__ = [
    "WHEN_LEFT_OUT",
    "Account",
    "Books",
    "Charge",
    "EndOfDay",
    "Hold",
    "Instalment",
    "Payment",
    "Penalty",
    "Position",
    "Situation",
    "Terms",
    "books_at",
    "day_fraction",
    "history",
    "position",
    "terms_from",
    "whole_waterfall",
]

INSTALMENT, CHARGE, CHARGEBACK = 0, 1, 2
FEES_OR_COSTS = {"late_fee": "fees", "other": "fees", "legal_cost": "costs"}

Exact = int | Fraction  # minor units, or shares of one
Position = dict[str, int | str | date | None]


# The state of an account while the days pass --------------------------------------------------------------------------


@dataclass
class Item:
    """One place in the queue: an instalment, a charge or a chargeback, with what was paid on it."""

    due_on: date
    place: tuple[int, int, str]  # on one day: instalments by number, charges by id, chargebacks by id
    owed: dict[str, int]
    paid: dict[str, int] = field(default_factory=dict)
    penalty_paid: int = 0
    penalty_carried: int = 0  # whole minor units left when money was last allocated to it
    penalty_accrued: Exact = 0  # exact, since then
    waived: dict[str, Exact] = field(default_factory=dict)  # by the cap, as it stands now

    def unpaid(self, component: str) -> Exact:
        """What was not paid of a component, waived or not."""
        if component == "penalty":
            return self.penalty_carried + self.penalty_accrued
        return self.owed.get(component, 0) - self.paid.get(component, 0)

    def unpaid_and_not_waived(self, component: str) -> Exact:
        return self.unpaid(component) - self.waived.get(component, 0)

    def payable(self, component: str) -> int:
        """What is shown as owed and can be paid: rounded half-even (as Python's `round` does for fractions)."""
        return round(self.unpaid_and_not_waived(component))

    def remainder(self) -> Exact:
        """What keeps it from being fully paid. Penalty alone does not."""
        return sum(self.unpaid_and_not_waived(c) for c in ("principal", "interest", "fees", "costs"))

    def pay(self, component: str, amount: int) -> None:
        if component == "penalty":
            self.penalty_carried = round(self.penalty_carried + self.penalty_accrued) - amount
            self.penalty_accrued = 0
            self.penalty_paid += amount
        else:
            self.paid[component] = self.paid.get(component, 0) + amount


@dataclass
class Books:
    """An account at one moment: the items fallen due so far in the order of the queue, and money that waits."""

    account: Account
    terms: Terms
    holds: Sequence[Hold]
    items: list[Item] = field(default_factory=list)
    credit: int = 0
    ceiling: Exact = 0  # of the cap, so far

    def outstanding_principal(self) -> int:
        """Lent, and charged back since, less what was paid of principal."""
        charged_back = sum(item.owed["principal"] for item in self.items if item.place[0] == CHARGEBACK)
        paid = sum(item.paid.get("principal", 0) for item in self.items)
        return self.account.principal + charged_back - paid

    def oldest_not_fully_paid(self) -> date | None:
        days = [item.due_on for item in self.items if item.remainder() > self.terms.materiality]
        return min(days, default=None)

    def past_due_days(self, today: date) -> int:
        oldest = self.oldest_not_fully_paid()
        return 0 if oldest is None else (today - oldest).days

    # The day's order: accrue, fall due, then the money.

    def raise_ceiling(self, today: date) -> None:
        """The cap lets the cost grow by a day's share of the principal outstanding when the day began."""
        if self.terms.annual_total_cost is not None and today > self.account.opened_on:
            share = day_fraction(self.terms.day_count, today)
            self.ceiling += self.terms.annual_total_cost * self.outstanding_principal() * share

    def accrue_penalty(self, today: date) -> None:
        """On what was overdue when the day began, less what was then waived."""
        penalty = self.terms.penalty
        if penalty is None or any(
            h.kind in penalty.stop_accrual and h.is_in_force(today) for h in self.holds
        ):
            return
        if penalty.annual is not None:
            rate = penalty.annual
        else:
            assert penalty.multiple is not None, "penalty terms need `annual` or `multiple`"
            assert self.account.annual_rate is not None, (
                "a multiple of the contract rate needs a contract rate"
            )
            rate = penalty.multiple * self.account.annual_rate
        for item in self.items:
            if item.due_on < today:
                basis = sum(item.unpaid_and_not_waived(c) for c in penalty.basis)
                item.penalty_accrued += basis * rate * day_fraction(self.terms.day_count, today)

    def fall_due(self, items: Sequence[Item]) -> None:
        self.items = sorted([*self.items, *items], key=lambda item: (item.due_on, item.place))

    def waive(self) -> None:
        """Share out what exceeds the cap: penalty first, then fees, then interest, newest first, never more than is unpaid."""
        if self.terms.annual_total_cost is None:
            return
        cost: Exact = 0
        for item in self.items:
            item.waived = {}
            cost += (
                item.owed.get("interest", 0)
                + item.owed.get("fees", 0)
                + item.penalty_paid
                + item.unpaid("penalty")
            )
        excess = max(0, cost - self.ceiling)
        for component in ("penalty", "fees", "interest"):
            for item in reversed(self.items):
                item.waived[component] = min(excess, item.unpaid(component))
                excess -= item.waived[component]

    def waterfall(self, today: date) -> tuple[str, ...]:
        """The order that holds for money of today, by how late the account is before it."""
        if self.terms.waterfall_legal is not None and any(
            h.kind == "litigation" and h.is_in_force(today) for h in self.holds
        ):
            return self.terms.waterfall_legal
        late = self.past_due_days(today)
        reached = [(days, order) for days, order in self.terms.waterfall_after if late >= days]
        return max(reached)[1] if reached else self.terms.waterfall

    def allocate(self, money: int, today: date) -> None:
        """Today's money and what waits, as one sum, under one waterfall; what nothing is payable for waits on."""
        left = self.credit + money
        if left == 0:
            return
        waterfall = self.waterfall(today)
        if self.terms.allocation == "instalment_first":
            turns = [(item, component) for item in self.items for component in waterfall]
        else:
            assert self.terms.allocation == "component_first", f"unknown allocation {self.terms.allocation!r}"
            turns = [(item, component) for component in waterfall for item in self.items]
        for item, component in turns:
            amount = min(left, item.payable(component))
            if amount > 0:
                item.pay(component, amount)
                left -= amount
        self.credit = left


# The walk ----------------------------------------------------------------------------------------------------------


class Recorded(Protocol):
    @property
    def recorded_at(self) -> datetime | None: ...


Row = TypeVar("Row", bound=Recorded)


@dataclass(frozen=True)
class Tape:
    """What is known of one account, with reversed payments gone as if they had never been."""

    account: Account
    instalments: Sequence[Instalment]
    money: Sequence[Payment]  # kind payment
    chargebacks: Sequence[Payment]
    charges: Sequence[Charge]
    holds: Sequence[Hold]


def is_known(row: Recorded, known_at: datetime | None, imported_at: datetime | None) -> bool:
    """Recorded at or before `known_at`; a row without a record is known from its import on. No `known_at`: everything is."""
    if known_at is None:
        return True
    recorded_at = row.recorded_at or imported_at
    assert recorded_at is not None, "a row without recorded_at needs the instant of its import"
    return recorded_at <= known_at


def _known(rows: Sequence[Row], known_at: datetime | None, imported_at: datetime | None) -> list[Row]:
    return [row for row in rows if is_known(row, known_at, imported_at)]


def _tape(
    account: Account,
    instalments: Sequence[Instalment],
    payments: Sequence[Payment],
    charges: Sequence[Charge],
    holds: Sequence[Hold],
    known_at: datetime | None,
    imported_at: datetime | None,
) -> Tape | None:
    if not is_known(account, known_at, imported_at):
        return None
    known = _known(payments, known_at, imported_at)
    undone = {row.reverses for row in known if row.kind == "reversal"}
    return Tape(
        account=account,
        instalments=_known(instalments, known_at, imported_at),
        money=[row for row in known if row.kind == "payment" and row.payment_id not in undone],
        chargebacks=[row for row in known if row.kind == "chargeback" and row.payment_id not in undone],
        charges=_known(charges, known_at, imported_at),
        holds=_known(holds, known_at, imported_at),
    )


def _items(tape: Tape) -> list[Item]:
    """Everything that stands in the queue, on whichever day."""
    items = [
        Item(
            row.due_on,
            (INSTALMENT, row.number, ""),
            {"principal": row.principal, "interest": row.interest, "fees": row.fees},
        )
        for row in tape.instalments
    ]
    items += [
        Item(row.charged_on, (CHARGE, 0, row.charge_id), {FEES_OR_COSTS[row.kind]: row.amount})
        for row in tape.charges
    ]
    items += [
        Item(row.paid_on, (CHARGEBACK, 0, row.payment_id), {"principal": row.amount})
        for row in tape.chargebacks
    ]
    return items


def _walk(tape: Tape, terms: Terms, as_of: date) -> Iterator[tuple[date, Books]]:
    """The books at the end of every day from the first on which anything happens to `as_of`."""
    books = Books(tape.account, terms, tape.holds)
    items = _items(tape)
    today = min(
        [tape.account.opened_on, *(item.due_on for item in items), *(row.paid_on for row in tape.money)]
    )
    while today <= as_of:
        books.raise_ceiling(today)
        books.accrue_penalty(today)
        books.fall_due([item for item in items if item.due_on == today])
        books.waive()
        books.allocate(sum(row.amount for row in tape.money if row.paid_on == today), today)
        books.waive()
        yield today, books
        today += ONE_DAY


def paused_days(holds: Sequence[Hold], began_on: date, as_of: date) -> int:
    """How many days of the delinquency the pauses stopped its clock: those after a pause's first day, up to its last."""
    days: set[date] = set()
    for hold in holds:
        if hold.kind == "pause":
            day = max(hold.from_on, began_on) + ONE_DAY
            while day <= as_of and (hold.to_on is None or day <= hold.to_on):
                days.add(day)
                day += ONE_DAY
    return len(days)


def bucket(terms: Terms, past_due_days: int) -> str:
    reached = [
        name
        for name, days in zip(terms.bucket_names, terms.bucket_from_days, strict=True)
        if days <= past_due_days
    ]
    return reached[-1]


# What one comes for ------------------------------------------------------------------------------------------------


def position(
    account: Account,
    instalments: Sequence[Instalment],
    payments: Sequence[Payment],
    charges: Sequence[Charge],
    holds: Sequence[Hold],
    terms: Terms,
    as_of: date,
    known_at: datetime | None = None,
    imported_at: datetime | None = None,
) -> Position | None:
    """The money and day columns of `positions` at the end of `as_of`, in minor units; None when there is no position yet.

    `known_at` leaves out what was recorded later; `imported_at` stands in for a row's missing `recorded_at`.
    """
    tape = _tape(account, instalments, payments, charges, holds, known_at, imported_at)
    if tape is None or as_of < account.opened_on:
        return None
    *_, (_, books) = _walk(tape, terms, as_of)
    past_due_days = books.past_due_days(as_of)
    oldest = books.oldest_not_fully_paid() if past_due_days > 0 else None
    paused = 0 if oldest is None else paused_days(tape.holds, oldest + terms.grace_days * ONE_DAY, as_of)
    due = _due(books.items)
    fallen_due_before = _due([item for item in books.items if item.due_on < as_of])
    waived = sum(share for item in books.items for share in item.waived.values())
    paid = [row for row in tape.money if row.paid_on <= as_of]
    return {
        "past_due_days": past_due_days,
        "delinquent_days": max(0, past_due_days - terms.grace_days - paused),
        "oldest_due_on": oldest,
        "due_principal": due["principal"],
        "due_interest": due["interest"],
        "due_fees": due["fees"],
        "due_costs": due["costs"],
        "penalty": due["penalty"],
        "past_due_total": sum(fallen_due_before.values()),
        "outstanding_principal": books.outstanding_principal(),
        "payoff_total": books.outstanding_principal()
        + due["interest"]
        + due["fees"]
        + due["costs"]
        + due["penalty"]
        - books.credit,
        "unallocated_credit": books.credit,
        "waived_by_cap": round(waived),
        "bucket": bucket(terms, past_due_days),
        "last_paid_on": max((row.paid_on for row in paid), default=None),
        "paid_30d": sum(row.amount for row in paid if row.paid_on >= as_of - timedelta(days=29)),
    }


def books_at(
    account: Account,
    instalments: Sequence[Instalment],
    payments: Sequence[Payment],
    charges: Sequence[Charge],
    holds: Sequence[Hold],
    terms: Terms,
    as_of: date,
    known_at: datetime | None = None,
    imported_at: datetime | None = None,
) -> Books | None:
    """The whole queue at the end of `as_of`, item by item; None when there is no position yet."""
    tape = _tape(account, instalments, payments, charges, holds, known_at, imported_at)
    if tape is None or as_of < account.opened_on:
        return None
    *_, (_, books) = _walk(tape, terms, as_of)
    return books


def _due(items: Sequence[Item]) -> dict[str, int]:
    """What is payable of each component."""
    return {component: sum(item.payable(component) for item in items) for component in WHEN_LEFT_OUT}


@dataclass(frozen=True)
class EndOfDay:
    """What the classification looks at. `overdue`: all that is fallen due and unpaid, the day's own included, no penalty."""

    on: date
    past_due_days: int
    oldest_due_on: date | None  # of what is fallen due and not fully paid, the day's own included
    overdue: int
    exposure: int  # outstanding principal and the unpaid interest, fees and costs


def history(
    account: Account,
    instalments: Sequence[Instalment],
    payments: Sequence[Payment],
    charges: Sequence[Charge],
    holds: Sequence[Hold],
    terms: Terms,
    as_of: date,
    known_at: datetime | None = None,
    imported_at: datetime | None = None,
) -> list[EndOfDay]:
    """The end of every day from the first on which anything happens to `as_of`."""
    tape = _tape(account, instalments, payments, charges, holds, known_at, imported_at)
    if tape is None:
        return []
    days = []
    for today, books in _walk(tape, terms, as_of):
        due = _due(books.items)
        but_principal = due["interest"] + due["fees"] + due["costs"]
        days.append(
            EndOfDay(
                on=today,
                past_due_days=books.past_due_days(today),
                oldest_due_on=books.oldest_not_fully_paid(),
                overdue=due["principal"] + but_principal,
                exposure=books.outstanding_principal() + but_principal,
            )
        )
    return days
