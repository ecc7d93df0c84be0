"""The itemised account: what every event did to each component, what it rests on, and a sum the reader can redo.

``statement`` gives the lines, for a customer, a court or an auditor; ``settle`` the closing figures alone, also for the accounts
whose numbers the compiled pass declines. Both follow the same exact walk (``statement_walk``) to the meaning of formats.md
section 2.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from dunwell.ledger import statement_words as words
from dunwell.ledger.statement_debts import UNPAID
from dunwell.ledger.statement_events import (
    AccountEvents,
    AccountNotOpen,
    Charge,
    Hold,
    Instalment,
    Payment,
    account_events,
)
from dunwell.ledger.statement_lines import Line, PenaltyStretch, Scribe
from dunwell.ledger.statement_walk import Figures, Stage, Walk
from dunwell.ledger.terms import Terms

__all__ = [
    "AccountEvents",
    "AccountNotOpen",
    "Arrears",
    "Charge",
    "Figures",
    "Hold",
    "Instalment",
    "Line",
    "Payment",
    "PenaltyStretch",
    "Settlement",
    "Statement",
    "account_events",
    "settle",
    "statement",
]

_THIRTY_DAYS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Arrears:
    """The arrears from the end of a day on, until the next: the oldest item unpaid (None: none is), in minor units what is fallen
    due and unpaid without penalty, and that with the principal not yet due.
    """

    on: date
    oldest_due_on: date | None
    overdue_minor: int
    exposure_minor: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """One account's figures as of a day, by the names of ``positions``; all money in minor units.

    ``penalty_paid``: money allocated to penalty so far. ``timeline``: its arrears at the end of each day on which they changed.
    """

    due_principal: int
    due_interest: int
    due_fees: int
    due_costs: int
    penalty: int
    past_due_total: int
    outstanding_principal: int
    payoff_total: int
    unallocated_credit: int
    waived_by_cap: int
    paid_30d: int
    past_due_days: int
    delinquent_days: int
    oldest_due_on: date | None
    last_paid_on: date | None
    penalty_paid: int
    timeline: tuple[Arrears, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's lines from its opening to ``as_of``, its closing figures, and how they were worked out, in sentences."""

    account_id: str
    currency: str
    product: str
    opened_on: date
    as_of: date
    lines: tuple[Line, ...]
    closing: Settlement
    worked_out: tuple[str, ...]


def settle(events: AccountEvents, terms: Terms, as_of: date) -> Settlement:
    """The account's figures as of a day, exactly, and its arrears until then. Raises AccountNotOpen before its opening."""
    walk = _walk(events, terms, as_of, is_itemised=False)
    timeline: list[Arrears] = []
    for moment in walk.moments():
        if moment.stage is Stage.ENDED:
            _note_arrears(timeline, walk)
    return _closing(walk, timeline)


def statement(events: AccountEvents, terms: Terms, as_of: date) -> Statement:
    """The account itemised up to a day. Raises AccountNotOpen before its opening."""
    walk = _walk(events, terms, as_of, is_itemised=True)
    scribe = Scribe(walk)
    timeline: list[Arrears] = []
    for moment in walk.moments():
        scribe.note(moment)
        if moment.stage is Stage.ENDED:
            _note_arrears(timeline, walk)
    return Statement(
        events.account_id,
        events.currency,
        terms.product,
        events.opened_on,
        as_of,
        tuple(scribe.lines),
        _closing(walk, timeline),
        words.worked_out(events, terms, walk.penalty_rate),
    )


def _walk(events: AccountEvents, terms: Terms, as_of: date, *, is_itemised: bool) -> Walk:
    if events.opened_on > as_of:
        raise AccountNotOpen(
            f"account {events.account_id} opens on {events.opened_on} and has no position on {as_of}; "
            f"ask for {events.opened_on} or later"
        )
    if not is_itemised:
        return Walk(events, terms, as_of)
    undone = events.reversals()
    noted = {p.paid_on for p in events.payments if p.payment_id in undone} | {h.from_on for h in events.holds}
    return Walk(events, terms, as_of, noted, keeps_accruals=True)


def _note_arrears(timeline: list[Arrears], walk: Walk) -> None:
    """Add the end of the walk's day to the timeline if the arrears changed; what was never past due has none."""
    oldest = walk.oldest_unpaid_on()
    if oldest is None and (not timeline or timeline[-1].oldest_due_on is None):
        return
    overdue = {
        c: sum(walk.rounded(debt, c) for debt in walk.open)
        for c in ("principal", "interest", "fees", "costs")
    }
    total = sum(overdue.values())
    not_yet_lent = walk.events.principal_minor if walk.today < walk.events.opened_on else 0
    exposure = walk.outstanding + not_yet_lent + total - overdue["principal"]
    now = Arrears(walk.today, oldest, total, exposure)
    last = timeline[-1] if timeline else None
    if last is None or (last.oldest_due_on, last.overdue_minor, last.exposure_minor) != (
        oldest,
        total,
        exposure,
    ):
        timeline.append(now)


def _closing(walk: Walk, timeline: list[Arrears]) -> Settlement:
    """The figures at the end of the walk."""
    figures, as_of = walk.figures(), walk.as_of
    past_due_total = sum(
        walk.rounded(debt, component)
        for debt in walk.open
        if debt.due_on < as_of
        for component in (*UNPAID, "penalty")
    )
    days = walk.past_due_days()
    oldest = walk.oldest_unpaid_on() if days else None
    payments = [p for p in walk.events.standing("payment") if p.paid_on <= as_of]
    return Settlement(
        due_principal=figures.due_principal,
        due_interest=figures.due_interest,
        due_fees=figures.due_fees,
        due_costs=figures.due_costs,
        penalty=figures.penalty,
        past_due_total=past_due_total,
        outstanding_principal=figures.outstanding_principal,
        payoff_total=figures.payoff_total,
        unallocated_credit=figures.unallocated_credit,
        waived_by_cap=figures.waived_by_cap,
        paid_30d=sum(p.amount_minor for p in payments if p.paid_on > as_of - _THIRTY_DAYS),
        past_due_days=days,
        delinquent_days=_delinquent_days(walk, oldest),
        oldest_due_on=oldest,
        last_paid_on=payments[-1].paid_on if payments else None,
        penalty_paid=walk.penalty_paid,
        timeline=tuple(timeline),
    )


def _delinquent_days(walk: Walk, oldest_due_on: date | None) -> int:
    """Days past due less the grace and the days that pauses stopped since the delinquency began."""
    if oldest_due_on is None:
        return 0
    grace, as_of = walk.terms.grace_days, walk.as_of
    counted_to = oldest_due_on + timedelta(days=grace)
    paused_days = 0
    for pause in sorted((h for h in walk.events.holds if h.kind == "pause"), key=lambda h: h.from_on):
        start, end = max(pause.from_on, counted_to), min(pause.to_on or as_of, as_of)
        if end > start:
            paused_days += (end - start).days
            counted_to = end
    return max(0, (as_of - oldest_due_on).days - grace - paused_days)
