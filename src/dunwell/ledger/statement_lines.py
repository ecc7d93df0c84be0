"""The lines of a statement, written along the exact walk: each takes the account from the figures before it to those after it."""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from dunwell.calendars import day_units, units_per_year
from dunwell.ledger import statement_words as words
from dunwell.ledger.statement_walk import Accrual, Applied, Debt, Figures, Moment, Stage, Waivers, Walk

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PenaltyStretch:
    """Penalty of one item at one basis: basis x annual_rate x year_fraction = accrued, parts of a minor unit kept.

    ``unpaid_minor``: all penalty of the item that is then unpaid, before the cap; rounded it is what the item adds to the figure.
    """

    debt: str
    basis_minor: Fraction
    annual_rate: Fraction
    from_on: date
    to_on: date
    days: int
    year_fraction: str
    accrued_minor: Fraction
    unpaid_minor: Fraction


@dataclass(frozen=True, slots=True)
class Line:
    """One event: what it did to each component (minor units), the balance (payoff_total) after it, the clause it rests on.

    ``working`` says how it was worked out. ``past_due_days`` are those at the end of the line's day.
    """

    on: date
    event: str
    changes: Figures
    balance: int
    clause: str
    working: str
    past_due_days: int
    penalty: tuple[PenaltyStretch, ...] = ()


@dataclass(slots=True)
class _Draft:
    """A line before its day is over: the figures after it."""

    event: str
    after: Figures
    clause: str
    working: str = ""
    is_event: bool = True


class Scribe:
    """Writes the lines as the walk goes.

    A day on which something happened begins with the penalty accrued up to it and ends with its money; other days have no line.
    """

    def __init__(self, walk: Walk) -> None:
        self.walk, self.terms, self.currency = walk, walk.terms, walk.events.currency
        self.lines: list[Line] = []
        self.shown = Figures()
        self.waivers: Waivers = {}
        self.drafts: list[_Draft] = []
        self.penalty_unpaid: dict[Debt, Fraction] = {}
        self.undone = walk.events.reversals()

    def note(self, moment: Moment) -> None:
        """Draft what the moment brought; at a day's end write its lines."""
        walk, terms = self.walk, self.terms
        match moment.stage:
            case Stage.ACCRUED:
                after = walk.figures(self.waivers)
                self.penalty_unpaid = {debt: walk.penalty_unpaid(debt) for debt in walk.open}
                self.drafts = [_Draft("penalty interest", after, words.penalty_clause(terms), is_event=False)]
                self._draft_notes(moment.on, after)
            case Stage.OPENED:
                self._draft("loan opened", words.opening_clause(terms), walk.figures(self.waivers))
            case Stage.FELL_DUE if moment.debt is not None:
                event, clause = words.due_event(moment.debt), words.due_clause(moment.debt, terms)
                self._draft(event, clause, walk.figures(self.waivers))
            case Stage.CAPPED if terms.annual_cap is not None:
                self._draft_cap()
            case Stage.APPLIED if moment.applied is not None:
                self._draft_money(moment.applied)
            case Stage.ENDED:
                if moment.on == walk.as_of or any(draft.is_event for draft in self.drafts):
                    self._write_day(moment.on)
            case _:
                pass

    def _draft(self, event: str, clause: str, after: Figures, working: str = "") -> None:
        self.drafts.append(_Draft(event, after, clause, working))

    def _draft_notes(self, day: date, after: Figures) -> None:
        """What changes no figure by itself: holds that begin, payments that never happened."""
        for hold in self.walk.events.holds:
            if hold.from_on == day:
                working = words.hold_working(hold, self.terms)
                self._draft(words.hold_event(hold), words.hold_clause(hold, self.terms), after, working)
        for payment in sorted(self.walk.events.payments, key=lambda p: p.payment_id):
            reversal = self.undone.get(payment.payment_id)
            if reversal is not None and payment.paid_on == day and payment.kind != "reversal":
                amount = words.money_text(payment.amount_minor, self.currency)
                self._draft(
                    f"reversed {payment.kind} {payment.payment_id} (reversal {reversal}): never happened",
                    words.reversal_clause(payment.payment_id, reversal, self.terms),
                    after,
                    f"{amount} is left out, whatever the reversal's own date",
                )

    def _draft_cap(self) -> None:
        walk, after = self.walk, self.walk.figures()
        before = self.drafts[-1].after
        cost, ceiling = walk.cost(), walk.ceiling()
        waived = after.waived_by_cap - before.waived_by_cap
        amount = words.money_text(abs(waived), self.currency)
        event = (
            f"waived by the cap: {amount} {'more' if waived > 0 else 'less'}"
            if waived
            else "waived by the cap: shares move"
        )
        rate = words.percent_text(self.terms.annual_cap or Fraction(0))
        amounts = [
            words.exact_text(minor, self.currency, is_grouped=True)
            for minor in (cost, ceiling, max(cost - ceiling, Fraction(0)))
        ]
        working = (
            f"interest, fees and penalty so far {amounts[0]}; {rate} a year on the principal outstanding so far {amounts[1]}; "
            f"over it {amounts[2]}"
        )
        self.drafts.append(_Draft(event, after, words.cap_clause(self.terms), working, is_event=False))

    def _draft_money(self, applied: Applied) -> None:
        """One line a payment; where the day's money is more than one payment, one more for what the sum did."""
        clause = words.money_clause(applied, self.terms)
        working = words.money_working(applied, self.currency, self.terms)
        after = self.walk.figures()
        if len(applied.received) == 1:
            self._draft(f"payment {applied.received[0].payment_id}", clause, after, working)
            return
        so_far = self.drafts[-1].after
        for payment in applied.received:
            so_far = so_far._replace(unallocated_credit=so_far.unallocated_credit + payment.amount_minor)
            self._draft(f"payment {payment.payment_id}", f"record: payments, {payment.payment_id}", so_far)
        if after != so_far:
            self._draft("credit applied", clause, after, working)

    def _write_day(self, day: date) -> None:
        """Turn the day's drafts into lines; penalty and cap only where they changed something."""
        past_due_days = self.walk.past_due_days()
        for position, draft in enumerate(self.drafts):
            stretches = self._stretches() if position == 0 else ()
            changes = Figures(*(new - old for new, old in zip(draft.after, self.shown, strict=True)))
            if not (draft.is_event or stretches or any(changes)):
                continue
            working = draft.working or "; ".join(self._sum_text(stretch) for stretch in stretches)
            self.lines.append(
                Line(
                    day,
                    draft.event,
                    changes,
                    draft.after.payoff_total,
                    draft.clause,
                    working,
                    past_due_days,
                    stretches,
                )
            )
            self.shown = draft.after
        self.waivers = self.walk.waivers()

    def _stretches(self) -> tuple[PenaltyStretch, ...]:
        """The penalty accrued since the last line, an entry an item and unbroken span of days at one basis."""
        joined: dict[Debt, list[Accrual]] = {}
        for accrual in self.walk.accruals or ():
            mine = joined.setdefault(accrual.debt, [])
            if mine and (mine[-1].to, mine[-1].basis) == (accrual.after, accrual.basis):
                mine[-1] = mine[-1]._replace(to=accrual.to)
            else:
                mine.append(accrual)
        if self.walk.accruals:
            self.walk.accruals.clear()
        return tuple(stretch for mine in joined.values() for stretch in self._of_one_item(mine))

    def _of_one_item(self, accruals: list[Accrual]) -> list[PenaltyStretch]:
        """An item's accruals, holds that stop them cut out, each with the penalty unpaid after it."""
        day_count, rate = self.terms.day_count, self.walk.penalty_rate
        unpaid, stretches = self.penalty_unpaid[accruals[0].debt], []
        for accrual in reversed(accruals):
            for after, to in reversed(_apart_from(self.walk.stopping_spans, accrual.after, accrual.to)):
                units = day_units(day_count, to) - day_units(day_count, after)
                accrued = accrual.basis * rate * units / units_per_year(day_count)
                stretch = PenaltyStretch(
                    debt=words.debt_name(accrual.debt),
                    basis_minor=accrual.basis,
                    annual_rate=rate,
                    from_on=after + _DAY,
                    to_on=to,
                    days=(to - after).days,
                    year_fraction=words.year_fraction_text(day_count, after, to),
                    accrued_minor=accrued,
                    unpaid_minor=unpaid,
                )
                stretches.append(stretch)
                unpaid -= accrued
        return stretches[::-1]

    def _sum_text(self, stretch: PenaltyStretch) -> str:
        basis, accrued, unpaid = (
            words.exact_text(minor, self.currency, is_grouped=True)
            for minor in (stretch.basis_minor, stretch.accrued_minor, stretch.unpaid_minor)
        )
        in_all = "" if stretch.unpaid_minor == stretch.accrued_minor else f", unpaid of it in all {unpaid}"
        return (
            f"{stretch.debt}: {basis} x {words.percent_text(stretch.annual_rate)} x {stretch.year_fraction} = {accrued} "
            f"({stretch.days} {'day' if stretch.days == 1 else 'days'} from {stretch.from_on} to {stretch.to_on}){in_all}"
        )


def _apart_from(spans: tuple[tuple[date, date], ...], after: date, to: date) -> list[tuple[date, date]]:
    """The days after ``after`` up to ``to`` without those of the spans, as pairs of the same meaning."""
    left = []
    for first, last in spans:
        if first > to:
            break
        if first - _DAY > after:
            left.append((after, first - _DAY))
        after = max(after, last)
    return [*left, (after, to)] if to > after else left
