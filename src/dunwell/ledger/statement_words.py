"""The words of a statement: how an amount, a rate, an event and the clause it rests on are written for its reader."""

from collections.abc import Sequence
from datetime import date
from fractions import Fraction

from dunwell.calendars import DayCount, day_units, units_per_year
from dunwell.ledger.statement_debts import Debt
from dunwell.ledger.statement_events import AccountEvents, Hold
from dunwell.ledger.statement_walk import Applied
from dunwell.ledger.terms import BASIS_COMPONENTS, Allocation, Terms
from dunwell.money import format_minor, minor_exponent, round_half_even

_DEBT_NAMES = {
    "instalment": "instalment",
    "late_fee": "late fee",
    "legal_cost": "legal cost",
    "other": "other charge",
    "chargeback": "chargeback",
}
_DECIMALS_MORE = 6
"""Decimals shown beyond the minor unit where a sum is worked out."""


def money_text(minor: int, currency: str) -> str:
    """An amount for reading, digits in groups: "1,234.50"."""
    whole, point, decimals = format_minor(abs(minor), currency).partition(".")
    return f"{'-' if minor < 0 else ''}{int(whole):,}{point}{decimals}"


def exact_text(minor: Fraction, currency: str, *, is_grouped: bool = False) -> str:
    """An amount with parts of its minor unit, up to six decimals more, where there are any: "22.4375"."""
    exponent, shown = minor_exponent(currency), minor_exponent(currency) + _DECIMALS_MORE
    scaled = minor * 10**_DECIMALS_MORE
    rounded = round_half_even(scaled.numerator, scaled.denominator)
    digits = str(abs(rounded)).rjust(shown + 1, "0")
    whole, decimals = digits[:-shown], digits[-shown:].rstrip("0").ljust(exponent, "0")
    whole = f"{int(whole):,}" if is_grouped else whole
    return f"{'-' if rounded < 0 else ''}{whole}{'.' if decimals else ''}{decimals}"


def decimal_text(value: Fraction) -> str:
    """A rate as the shortest exact decimal: "0.27"; as a fraction "1/3" where there is none."""
    for places in range(19):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
            sign = "-" if value < 0 else ""
            return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
    return f"{value.numerator}/{value.denominator}"


def percent_text(rate: Fraction) -> str:
    """A yearly rate in per cent: "27 %"."""
    return f"{decimal_text(100 * rate)} %"


def year_fraction_text(day_count: DayCount, after: date, to: date) -> str:
    """The part of a year that the days after ``after`` up to ``to`` make, as a sum to redo: "30/360", "2/365 + 2/366"."""
    if day_count is not DayCount.ACT_ACT:
        return f"{day_units(day_count, to) - day_units(day_count, after)}/{units_per_year(day_count)}"
    days_by_year_length: dict[int, int] = {}
    for year in range(after.year, to.year + 1):
        year_begins, year_ends = date(year - 1, 12, 31), date(year, 12, 31)
        days = (min(to, year_ends) - max(after, year_begins)).days
        length = (year_ends - year_begins).days
        days_by_year_length[length] = days_by_year_length.get(length, 0) + days
    return " + ".join(f"{days}/{length}" for length, days in days_by_year_length.items() if days)


def debt_name(debt: Debt) -> str:
    """What an item of the queue is called: "instalment 3", "late fee C7"."""
    return f"{_DEBT_NAMES[debt.kind]} {debt.name}"


def due_event(debt: Debt) -> str:
    """What is said when it falls due."""
    return f"{debt_name(debt)} falls due" if debt.kind == "instalment" else debt_name(debt)


def due_clause(debt: Debt, terms: Terms) -> str:
    """What it rests on: the terms' clause for its kind, else the record."""
    if debt.kind == "instalment":
        return _clause(terms, ("instalments",), f"record: instalments, number {debt.name}")
    if debt.kind == "chargeback":
        return _clause(terms, ("chargeback",), f"record: payments, {debt.name}: a new debt from its own date")
    return _clause(terms, (debt.kind, "charges"), f"record: charges, {debt.name}")


def opening_clause(terms: Terms) -> str:
    """What the loan itself rests on."""
    return _clause(terms, ("principal",), "record: accounts, principal")


def penalty_clause(terms: Terms) -> str:
    """What penalty interest rests on."""
    penalty = terms.penalty
    if penalty is None:
        return ""
    is_annual = penalty.annual is not None
    rate = decimal_text((penalty.annual if is_annual else penalty.multiple) or Fraction(0))
    rate = f"{'annual' if is_annual else 'multiple'} = {rate}"
    compound = ", compound" if penalty.compound else ""
    return _clause(
        terms,
        ("penalty",),
        f"terms {terms.product}: [penalty] {rate}, on {', '.join(penalty.basis)}{compound}, {terms.day_count.value}",
    )


def cap_clause(terms: Terms) -> str:
    """What the cap rests on."""
    rate = decimal_text(terms.annual_cap or Fraction(0))
    return _clause(terms, ("caps",), f"terms {terms.product}: [caps] annual_total_cost = {rate}")


def money_clause(applied: Applied, terms: Terms) -> str:
    """What the order of payments rests on: the waterfall, or the switch to another one that was reached."""
    order = ", ".join(applied.waterfall)
    if applied.waterfall == terms.waterfall:
        return _clause(
            terms, ("waterfall",), f"terms {terms.product}: {terms.allocation.value}, waterfall = {order}"
        )
    is_legal = any(
        s.in_legal_stage and applied.is_in_legal_stage and s.waterfall == applied.waterfall
        for s in terms.waterfall_after
    )
    days = max(
        (
            s.past_due_days
            for s in terms.waterfall_after
            if s.past_due_days is not None and s.past_due_days <= applied.past_due_before
        ),
        default=0,
    )
    reached = 'stage = "legal"' if is_legal else f"past_due_days = {days}"
    return _clause(
        terms,
        ("waterfall_after",),
        f"terms {terms.product}: {terms.allocation.value}, [[waterfall_after]] {reached}, waterfall = {order}",
    )


def money_working(applied: Applied, currency: str, terms: Terms) -> str:
    """How the day's money was applied."""
    received = sum(p.amount_minor for p in applied.received)
    total = received + applied.credit_before
    if applied.credit_after == total:
        return "nothing was due: it waits as credit"
    said = []
    if len(applied.received) > 1 or (applied.received and applied.credit_before):
        waiting = (
            f" with {money_text(applied.credit_before, currency)} waiting" if applied.credit_before else ""
        )
        said.append(f"{money_text(received, currency)} of the day{waiting}, as one sum")
    said.append(f"{allocation_words(terms)}, in the order {', '.join(applied.waterfall)}")
    if terms.waterfall_after:
        stage = ", in the legal stage" if applied.is_in_legal_stage else ""
        said.append(f"{applied.past_due_before} days past due before it{stage}")
    if applied.credit_after:
        said.append(f"{money_text(applied.credit_after, currency)} waits as credit")
    return "; ".join(said)


def allocation_words(terms: Terms) -> str:
    """The mode of allocation in words."""
    if terms.allocation is Allocation.INSTALMENT_FIRST:
        return "instalment by instalment, the oldest first"
    return "component by component, of each the oldest instalment first"


def hold_event(hold: Hold) -> str:
    """A hold and its days."""
    until = "with no end yet" if hold.to_on is None else f"to {hold.to_on}"
    name = hold.kind.replace("_", " ")
    return f"{name if hold.kind == 'pause' else f'hold ({name})'} from {hold.from_on} {until}"


def hold_working(hold: Hold, terms: Terms) -> str:
    """What the hold does to the figures."""
    effects = []
    if hold.kind == "pause":
        effects.append("delinquent days stand still after its first day; days past due go on")
    if terms.penalty is not None and hold.kind in terms.penalty.stop_accrual:
        effects.append("no penalty interest from its first to its last day")
    if hold.kind == "litigation" and any(s.in_legal_stage for s in terms.waterfall_after):
        effects.append("payments are applied in the order of the legal stage")
    return "; ".join(effects) or "it changes no figure"


def hold_clause(hold: Hold, terms: Terms) -> str:
    """What the hold rests on."""
    return _clause(terms, (hold.kind, "holds"), f"record: holds, {hold.kind}")


def reversal_clause(payment_id: str, reversal_id: str, terms: Terms) -> str:
    """What leaving a reversed payment out rests on."""
    return _clause(terms, ("reversal",), f"record: payments, {reversal_id} reverses {payment_id}")


def worked_out(events: AccountEvents, terms: Terms, penalty_rate: Fraction) -> tuple[str, ...]:
    """How the account was worked out, in sentences for its reader."""
    said = [
        _LINES_ADD_UP,
        f"Money is applied {allocation_words(terms)}, in the order {', '.join(terms.waterfall)}; {_ONE_SUM}",
    ]
    for switch in terms.waterfall_after:
        days = f"from {switch.past_due_days} days past due on"
        said.append(
            f"The order is {', '.join(switch.waterfall)} {'in the legal stage' if switch.in_legal_stage else days}."
        )
    if terms.penalty is not None:
        basis = ", ".join(c for c in BASIS_COMPONENTS if c in terms.penalty.accruing_components)
        said.append(
            f"Penalty interest accrues each day on the overdue {basis}, from the day after the due date, at "
            f"{percent_text(penalty_rate)} a year by {terms.day_count.value}. {_KEPT_EXACTLY}"
        )
    if terms.annual_cap is not None:
        said.append(
            f"Interest, fees and penalty together may not exceed {percent_text(terms.annual_cap)} a year on the principal "
            f"outstanding over the life of the debt. {_WAIVED}"
        )
    if terms.materiality_minor:
        remainder = money_text(terms.materiality_minor, events.currency)
        said.append(f"A remainder of {remainder} or less does not make an account past due.")
    return tuple(said)


_LINES_ADD_UP = (
    "Each line shows what one event did to each part of the debt; the lines add up to the closing figures. The balance is what "
    "would settle the account that day: principal outstanding, interest, fees and costs fallen due, and penalty interest, less "
    "money received that waits as credit."
)
_ONE_SUM = "all money of one day counts as one sum, after what falls due that day. A payment on the due date is on time."
_KEPT_EXACTLY = (
    "It is kept exactly, item by item, and rounded to the minor unit (a half to the even one) only when money is applied to it "
    "and when it is shown; the sums below each line are written to six places beyond that."
)
_WAIVED = (
    "What exceeds it is waived and never owed: penalty first, then fees, then interest, the newest first."
)


def _clause(terms: Terms, keys: Sequence[str], otherwise: str) -> str:
    """The text of the terms' clause for the first of the keys that has one."""
    return next((terms.clauses[key] for key in keys if key in terms.clauses), otherwise)
