"""The lines of a statement, written along the exact walk: each takes the account from the figures before it to those after it."""

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from dunwell.calendars import day_units, units_per_year
from dunwell.ledger import statement_words as words
from dunwell.ledger.statement_debts import Debt
from dunwell.ledger.statement_walk import Accrual, Applied, Figures, Moment, Stage, Waivers, Walk

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class PenaltyStretch:
    """Penalty of one item over unbroken days: basis x annual_rate x year_fraction = accrued, parts of a minor unit kept.

    Where the cap moves the basis from day to day, ``basis_minor`` is its average, each day by its share of the year, which gives
    the same sum; it goes from ``basis_first_minor`` to ``basis_last_minor``. ``unpaid_minor``: all penalty of the item that is
    then unpaid, before the cap; rounded it is what the item adds to the figure.
    """

    debt: str
    basis_minor: Fraction
    basis_first_minor: Fraction
    basis_last_minor: Fraction
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
        self.event_days = frozenset(walk.stops_on)
        self.penalty_clause = words.penalty_clause(walk.terms)
        self.penalty_rate = words.percent_text(walk.penalty_rate)

    def note(self, moment: Moment) -> None:
        """Draft what the moment brought; at a day's end write its lines."""
        walk, terms = self.walk, self.terms
        if not (moment.on in self.event_days or walk.credit or moment.applied):
            return  # a day without a line: only the cap's shares move
        match moment.stage:
            case Stage.ACCRUED:
                after = walk.figures(self.waivers)
                self.penalty_unpaid = {debt: walk.penalty_unpaid(debt) for debt in walk.open}
                self.drafts = [_Draft("penalty interest", after, self.penalty_clause, is_event=False)]
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
        if after == before:
            return
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
        """The penalty accrued since the last line, an entry an item and unbroken span of days."""
        spans: dict[Debt, list[list[Accrual]]] = {}
        for accrual in self.walk.accruals or ():
            for after, to in _apart_from(self.walk.stopping_spans, accrual.after, accrual.to):
                mine = spans.setdefault(accrual.debt, [[]])
                if mine[-1] and mine[-1][-1].to != after:
                    mine.append([])
                mine[-1].append(accrual._replace(after=after, to=to))
        if self.walk.accruals:
            self.walk.accruals.clear()
        stretches: list[PenaltyStretch] = []
        for debt, mine in spans.items():
            unpaid, backwards = self.penalty_unpaid[debt], []
            for span in reversed(mine):
                backwards.append(self._stretch(debt, span, unpaid))
                unpaid -= backwards[-1].accrued_minor
            stretches += reversed(backwards)
        return tuple(stretches)

    def _stretch(self, debt: Debt, span: list[Accrual], unpaid: Fraction) -> PenaltyStretch:
        """One stretch out of an item's accruals on days that follow each other."""
        day_count, rate, grains = self.terms.day_count, self.walk.penalty_rate, self.walk.grains
        after, to = span[0].after, span[-1].to
        weighted = sum(a.basis * (day_units(day_count, a.to) - day_units(day_count, a.after)) for a in span)
        units = day_units(day_count, to) - day_units(day_count, after)
        first, last = Fraction(span[0].basis, grains), Fraction(span[-1].basis, grains)
        return PenaltyStretch(
            debt=words.debt_name(debt),
            basis_minor=Fraction(weighted, units * grains) if units else last,
            basis_first_minor=first,
            basis_last_minor=last,
            annual_rate=rate,
            from_on=after + _DAY,
            to_on=to,
            days=(to - after).days,
            year_fraction=words.year_fraction_text(day_count, after, to),
            accrued_minor=Fraction(weighted, units_per_year(day_count) * grains) * rate,
            unpaid_minor=unpaid,
        )

    def _sum_text(self, stretch: PenaltyStretch) -> str:
        def text(minor: Fraction) -> str:
            return words.exact_text(minor, self.currency, is_grouped=True)

        basis, moves = text(stretch.basis_minor), ""
        if stretch.basis_first_minor != stretch.basis_last_minor:
            moves = f", the basis on average, as the cap moves it from {text(stretch.basis_first_minor)}"
            moves += f" to {text(stretch.basis_last_minor)}"
        in_all = ""
        if stretch.unpaid_minor != stretch.accrued_minor:
            in_all = f", unpaid of it in all {text(stretch.unpaid_minor)}"
        days = f"{stretch.days} {'day' if stretch.days == 1 else 'days'}"
        return (
            f"{stretch.debt}: {basis} x {self.penalty_rate} x {stretch.year_fraction} = "
            f"{text(stretch.accrued_minor)} ({days} from {stretch.from_on} to {stretch.to_on}){moves}{in_all}"
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
