"""The exact walk over one account: every day on which something can happen, in the order that formats.md section 2 gives.

A day goes: the penalty accrues on what was overdue when the day began; then what falls due joins the queue; then the cap; then
the day's money, as one sum with waiting credit, under one waterfall. Days on which nothing can happen are stepped over, which
changes no figure: between events every balance stands still and penalty and ceiling grow evenly.

Exactness. An account's amounts are whole minor units, or whole *grains*: the part of a minor unit of which both the penalty and
the ceiling of any day are whole multiples. So every sum is one of Python's unbounded integers, and money is rounded only where
the contract says so.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from enum import Enum, auto
from fractions import Fraction
from typing import NamedTuple

from dunwell.calendars import day_units, units_per_year
from dunwell.ledger.statement_debts import UNPAID, WAIVABLE, Debt, queue_of
from dunwell.ledger.statement_events import AccountEvents, Payment
from dunwell.ledger.terms import Allocation, Terms
from dunwell.money import round_half_even

_DAY = timedelta(days=1)

Waivers = dict[Debt, dict[str, int]]
"""What the cap waives of each item by component, in grains."""


class Figures(NamedTuple):
    """The eight amounts that a statement's lines add up to, in minor units, as positions would report them at that moment."""

    outstanding_principal: int = 0
    due_principal: int = 0
    due_interest: int = 0
    due_fees: int = 0
    due_costs: int = 0
    penalty: int = 0
    unallocated_credit: int = 0
    waived_by_cap: int = 0

    @property
    def payoff_total(self) -> int:
        """What would settle the account; negative where more was paid than is owed."""
        due = self.due_interest + self.due_fees + self.due_costs + self.penalty
        return self.outstanding_principal + due - self.unallocated_credit


class Accrual(NamedTuple):
    """Penalty of an item at one basis (in grains) over the days after ``after`` up to ``to``, without those of stopping holds."""

    debt: Debt
    basis: int
    after: date
    to: date


class Applied(NamedTuple):
    """A day's money: what came in, what waited, under which waterfall it was applied."""

    received: tuple[Payment, ...]
    credit_before: int
    credit_after: int
    waterfall: tuple[str, ...]
    past_due_before: int
    is_in_legal_stage: bool


class Stage(Enum):
    """The moments of a day at which a reader may look at the walk."""

    ACCRUED = auto()
    OPENED = auto()
    FELL_DUE = auto()
    CAPPED = auto()
    APPLIED = auto()
    ENDED = auto()


class Moment(NamedTuple):
    """One stage of one day; ``debt`` at FELL_DUE, ``applied`` at APPLIED."""

    stage: Stage
    on: date
    debt: Debt | None = None
    applied: Applied | None = None


class Walk:
    """One account on its way through the days up to ``as_of``. ``moments`` drives it; between two of them its state may be read.

    ``also_on``: days to stop at besides those of the events. ``keeps_accruals``: note each stretch of penalty in ``accruals``.
    """

    def __init__(
        self,
        events: AccountEvents,
        terms: Terms,
        as_of: date,
        also_on: Iterable[date] = (),
        keeps_accruals: bool = False,
    ) -> None:
        self.events, self.terms, self.as_of = events, terms, as_of
        per_year = units_per_year(terms.day_count)
        self.penalty_rate = terms.penalty.annual_rate(events.annual_rate) if terms.penalty else Fraction(0)
        self._rate = self.penalty_rate / per_year
        self._cap = None if terms.annual_cap is None else terms.annual_cap / per_year
        self._cap_denominator = 1 if self._cap is None else self._cap.denominator
        self.grains = self._rate.denominator * self._cap_denominator
        self._basis_components = terms.penalty.accruing_components if terms.penalty else frozenset[str]()
        self.stopping_spans = self._stopping_spans()
        """First and last days of the spans in which a hold stops accrual, in order and apart from each other."""

        self._coming = queue_of(events)
        self._payments = events.standing("payment")
        self._next_coming = self._next_payment = self._next_stop = 0
        days = {d.due_on for d in self._coming} | {p.paid_on for p in self._payments}
        days |= {events.opened_on, as_of, *also_on}
        self.stops_on = sorted(day for day in days if day <= as_of)

        self.today = self.stops_on[0] - _DAY
        self.open: list[Debt] = []
        self.outstanding = self.credit = self.penalty_paid = 0
        self.fallen_due = 0
        self.ceiling_units = 0
        self.accruals: list[Accrual] | None = [] if keeps_accruals else None

    def moments(self) -> Iterator[Moment]:
        """Walk to the end of ``as_of``, stage by stage."""
        while self.today < self.as_of:
            day = self._next_day()
            self._accrue_to(day)
            self.today = day
            yield Moment(Stage.ACCRUED, day)
            if day == self.events.opened_on:
                self.outstanding += self.events.principal_minor
                yield Moment(Stage.OPENED, day)
            while self._next_coming < len(self._coming) and self._coming[self._next_coming].due_on == day:
                yield Moment(Stage.FELL_DUE, day, debt=self._enter())
            self._apply_cap()
            yield Moment(Stage.CAPPED, day)
            if applied := self._apply_money():
                yield Moment(Stage.APPLIED, day, applied=applied)
            yield Moment(Stage.ENDED, day)

    # What may be read between two moments.

    def rounded(self, debt: Debt, component: str) -> int:
        """What is owed of a component of an item, waived shares left out, to the minor unit."""
        waived = debt.waived.get(component, 0)
        if component == "penalty":
            return round_half_even(self._grains_of(debt, component) - waived, self.grains)
        return self._less(debt.unpaid[component], waived)

    def figures(self, waivers: Waivers | None = None) -> Figures:
        """The amounts at this moment; with ``waivers`` as they would be if the cap waived only those."""
        due = dict.fromkeys((*UNPAID, "penalty"), 0)
        waived_grains = 0
        for debt in self.open:
            waived = debt.waived if waivers is None else waivers.get(debt, {})
            waived_grains += sum(waived.values())
            for component, unpaid in debt.unpaid.items():
                due[component] += self._less(unpaid, waived.get(component, 0)) if unpaid else 0
            penalty = self._grains_of(debt, "penalty") - waived.get("penalty", 0)
            due["penalty"] += round_half_even(penalty, self.grains) if penalty else 0
        return Figures(
            outstanding_principal=self.outstanding,
            due_principal=due["principal"],
            due_interest=due["interest"],
            due_fees=due["fees"],
            due_costs=due["costs"],
            penalty=due["penalty"],
            unallocated_credit=self.credit,
            waived_by_cap=round_half_even(waived_grains, self.grains),
        )

    def waivers(self) -> Waivers:
        """A copy of what the cap waives now."""
        return {debt: dict(debt.waived) for debt in self.open}

    def penalty_unpaid(self, debt: Debt) -> Fraction:
        """The penalty of an item that is unpaid, in minor units and parts of one, before the cap."""
        return Fraction(self._grains_of(debt, "penalty"), self.grains)

    def oldest_unpaid_on(self) -> date | None:
        """The due day of the oldest item whose own remainder exceeds the materiality, today's included."""
        material = self.terms.materiality_minor * self.grains
        for debt in self.open:
            remainder = sum(debt.unpaid.values()) * self.grains
            if remainder - debt.waived["fees"] - debt.waived["interest"] > material:
                return debt.due_on
        return None

    def past_due_days(self) -> int:
        """Days since the oldest such item fell due."""
        oldest = self.oldest_unpaid_on()
        return 0 if oldest is None else (self.today - oldest).days

    def cost(self) -> Fraction:
        """Interest and fees fallen due and penalty accrued so far, paid or not, in minor units."""
        return Fraction(self._cost_grains() + self._penalty_grains(), self.grains)

    def ceiling(self) -> Fraction:
        """What the cap allows of that so far, in minor units."""
        return Fraction(self._ceiling_grains(self.ceiling_units), self.grains)

    def accruing_units(self, day: date) -> int:
        """The day count's running total up to ``day``, days on which a hold stops accrual left out."""
        total = day_units(self.terms.day_count, day)
        for first, last in self.stopping_spans:
            if first > day:
                break
            stopped = day_units(self.terms.day_count, min(last, day))
            total -= stopped - day_units(self.terms.day_count, first - _DAY)
        return total

    # The steps of a day.

    def _stopping_spans(self) -> tuple[tuple[date, date], ...]:
        kinds = self.terms.penalty.stop_accrual if self.terms.penalty else ()
        spans: list[tuple[date, date]] = []
        for hold in sorted(self.events.holds, key=lambda h: h.from_on):
            last = min(hold.to_on or self.as_of, self.as_of)
            if hold.kind not in kinds or last < hold.from_on:
                continue
            if spans and hold.from_on <= spans[-1][1] + _DAY:
                spans[-1] = (spans[-1][0], max(spans[-1][1], last))
            else:
                spans.append((hold.from_on, last))
        return tuple(spans)

    def _next_day(self) -> date:
        """The next day on which something can happen: that of an event, or tomorrow while the cap's shares move."""
        while self.stops_on[self._next_stop] <= self.today:
            self._next_stop += 1
        event_on = self.stops_on[self._next_stop]
        return self.today + _DAY if self._cap is not None and self._is_moving(event_on) else event_on

    def _is_moving(self, event_on: date) -> bool:
        """Whether on a day before ``event_on`` the cap may change what is overdue, or make way for waiting credit."""
        if self.credit and self.outstanding > 0 and any(sum(d.waived.values()) for d in self.open):
            return True
        # Beyond all penalty the excess reaches fees and interest. It changes evenly, so its two ends tell.
        cost = self._cost_grains()
        beyond = max(
            cost - self._ceiling_grains(self.ceiling_units),
            cost - self._ceiling_grains(self._ceiling_units_on(event_on)),
        )
        return beyond > 0 and any(d.unpaid["fees"] or d.unpaid["interest"] for d in self.open)

    def _accrue_to(self, day: date) -> None:
        """The penalty of the days after today up to ``day`` on what was overdue when each began, and the cap's ceiling."""
        self.ceiling_units = self._ceiling_units_on(day)
        if not self._rate or not self.open:
            return
        units = self.accruing_units(day) - self.accruing_units(self.today)
        for debt in self.open:
            basis = sum(debt.unpaid[c] * self.grains - debt.waived.get(c, 0) for c in self._basis_components)
            if not basis:
                continue
            accrued, rest = divmod(basis * units * self._rate.numerator, self._rate.denominator)
            assert rest == 0, "a day's penalty is a whole number of grains"
            debt.accrued += accrued
            if self.accruals is not None:
                self.accruals.append(Accrual(debt, basis, self.today, day))

    def _enter(self) -> Debt:
        """The next item of the queue falls due."""
        debt = self._coming[self._next_coming]
        self._next_coming += 1
        self.open.append(debt)
        self.fallen_due += debt.unpaid["interest"] + debt.unpaid["fees"]
        if debt.kind == "chargeback":
            self.outstanding += debt.unpaid["principal"]
        return debt

    def _apply_cap(self) -> None:
        """Waive what the cost exceeds the ceiling by: penalty first, then fees, then interest, the newest item first."""
        if self._cap is None:
            return
        excess = self._cost_grains() + self._penalty_grains() - self._ceiling_grains(self.ceiling_units)
        excess = max(excess, 0)
        for component in WAIVABLE:
            for debt in reversed(self.open):
                share = min(excess, self._grains_of(debt, component))
                debt.waived[component] = share
                excess -= share

    def _apply_money(self) -> Applied | None:
        """Apply the day's money together with waiting credit; None when none came and none could be applied."""
        first, credit_before = self._next_payment, self.credit
        while (
            self._next_payment < len(self._payments)
            and self._payments[self._next_payment].paid_on == self.today
        ):
            self._next_payment += 1
        received = self._payments[first : self._next_payment]
        self.credit += sum(p.amount_minor for p in received)
        if not self.credit:
            return None
        past_due_before = self.past_due_days()
        is_legal = any(h.kind == "litigation" and h.covers(self.today) for h in self.events.holds)
        waterfall = self.terms.waterfall_on(past_due_before, is_legal)
        if self.terms.allocation is Allocation.INSTALMENT_FIRST:
            claims = [(debt, component) for debt in self.open for component in waterfall]
        else:
            claims = [(debt, component) for component in waterfall for debt in self.open]
        available = self.credit
        for debt, component in claims:
            if not self.credit:
                break
            self._pay(debt, component, min(self.credit, self.rounded(debt, component)))
        if not received and self.credit == available:
            return None
        self._apply_cap()
        self.open = [debt for debt in self.open if not debt.is_settled]
        return Applied(received, credit_before, self.credit, waterfall, past_due_before, is_legal)

    def _pay(self, debt: Debt, component: str, amount: int) -> None:
        if amount <= 0:
            return
        self.credit -= amount
        if component == "penalty":
            accrued = round_half_even(self._grains_of(debt, "penalty"), self.grains)
            debt.carried, debt.accrued = accrued - amount, 0
            self.penalty_paid += amount
            return
        debt.unpaid[component] -= amount
        if component == "principal":
            self.outstanding -= amount

    # Sums in grains.

    def _less(self, unpaid: int, waived: int) -> int:
        """Minor units less grains, to the minor unit."""
        return round_half_even(unpaid * self.grains - waived, self.grains) if waived else unpaid

    def _grains_of(self, debt: Debt, component: str) -> int:
        if component == "penalty":
            return debt.carried * self.grains + debt.accrued
        return debt.unpaid[component] * self.grains

    def _penalty_grains(self) -> int:
        return sum(debt.carried * self.grains + debt.accrued for debt in self.open)

    def _cost_grains(self) -> int:
        """All cost but the penalty that is still unpaid."""
        return (self.fallen_due + self.penalty_paid) * self.grains

    def _ceiling_units_on(self, day: date) -> int:
        """Principal times the day count's units up to ``day``, from the day after opening, today's principal standing."""
        since = max(self.today, self.events.opened_on)
        if self._cap is None or day <= since:
            return self.ceiling_units
        units = day_units(self.terms.day_count, day) - day_units(self.terms.day_count, since)
        return self.ceiling_units + self.outstanding * units

    def _ceiling_grains(self, ceiling_units: int) -> int:
        if self._cap is None:
            return 0
        return ceiling_units * self._cap.numerator * self._rate.denominator
