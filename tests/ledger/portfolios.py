"""Random accounts for the ledger's tests, small enough to read when one fails and biased to where mistakes live.

Days clash on purpose: payments, charges, holds and the day we look are drawn from the due dates and the days around them.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from tests.ledger.oracle_records import Account, Charge, Hold, Instalment, Payment, Situation

COMPONENTS = ("costs", "fees", "penalty", "interest", "principal")
CURRENCIES = {"CNY": 2, "USD": 2, "JPY": 0, "KWD": 3}
DAY_COUNTS = ("ACT/360", "ACT/365F", "ACT/ACT", "30E/360")
STOPPING = ("breathing_space", "bankruptcy", "hardship")
HOLD_KINDS = ("pause", "litigation", "breathing_space", "bankruptcy", "dispute")
FIRST_OPENED_ON = date(2023, 6, 1)  # so that three years hold a leap day and three year ends
LONGEST_LIFE_DAYS = 1000

Drawn = st.DrawFn


def days(days_count: int) -> timedelta:
    return timedelta(days=days_count)


def decimal_text(minor: int, exponent: int) -> str:
    """Minor units as the decimal text of a terms file."""
    return str(minor) if exponent == 0 else f"{minor // 10**exponent}.{minor % 10**exponent:0{exponent}d}"


def amounts() -> st.SearchStrategy[int]:
    """Minor units above 0: a few, some, or many."""
    return st.one_of(
        st.integers(1, 9), st.integers(10, 5_000), st.integers(10_000, 300_000), st.integers(10**6, 10**9)
    )


# Terms -------------------------------------------------------------------------------------------------------------


def waterfalls() -> st.SearchStrategy[list[str]]:
    """Any order; sometimes with components left out."""
    whole = st.permutations(COMPONENTS).map(list)
    return st.one_of(whole, st.tuples(whole, st.integers(1, 5)).map(lambda drawn: drawn[0][: drawn[1]]))


@st.composite
def penalties(draw: Drawn) -> dict[str, Any]:
    table: dict[str, Any] = {
        "basis": draw(
            st.lists(st.sampled_from(("principal", "interest", "fees", "costs")), min_size=1, unique=True)
        ),
        "compound": draw(st.booleans()),
        "stop_accrual": draw(st.lists(st.sampled_from(STOPPING), unique=True)),
    }
    if draw(st.booleans()):
        table["multiple"] = draw(st.sampled_from(("1.5", "1.3", "1", "2.25")))
    else:
        table["annual"] = draw(st.sampled_from(("0.24", "0.36", "0.365", "0.0525", "0", "3.65")))
    return table


@st.composite
def product_terms(draw: Drawn) -> dict[str, Any]:
    """A product's terms, as tomllib gives them."""
    currency = draw(st.sampled_from(sorted(CURRENCIES)))
    table: dict[str, Any] = {
        "product": "drawn",
        "currency": currency,
        "day_count": draw(st.sampled_from(DAY_COUNTS)),
        "allocation": draw(st.sampled_from(("instalment_first", "component_first"))),
        "waterfall": draw(waterfalls()),
    }
    if draw(st.booleans()):
        table["grace_days"] = draw(st.integers(0, 5))
    if draw(st.booleans()):
        table["materiality"] = decimal_text(draw(st.sampled_from((0, 1, 5, 100))), CURRENCIES[currency])
    after: list[dict[str, Any]] = [
        {"past_due_days": from_days, "waterfall": draw(waterfalls())}
        for from_days in draw(st.lists(st.sampled_from((1, 2, 10, 31, 91)), max_size=2, unique=True))
    ]
    if draw(st.booleans()):
        after.append({"stage": "legal", "waterfall": draw(waterfalls())})
    if after:
        table["waterfall_after"] = draw(st.permutations(after))
    if draw(st.integers(0, 4)):
        table["penalty"] = draw(penalties())
    if draw(st.booleans()):
        table["caps"] = {
            "annual_total_cost": draw(st.sampled_from(("0", "0.01", "0.05", "0.24", "0.365", "2")))
        }
    if draw(st.booleans()):
        table["buckets"] = {"names": ["current", "early", "late"], "from_days": [0, 1, 30]}
    return table


# One account's rows ------------------------------------------------------------------------------------------------


@st.composite
def schedules(draw: Drawn, opened_on: date) -> list[Instalment]:
    """One to six instalments: monthly, or on any days, now and then two on one day or numbered against their days."""
    count = draw(st.integers(1, 6))
    if draw(st.booleans()):
        step = draw(st.sampled_from((7, 30, 31)))
        due = [opened_on + days(step * (place + 1)) for place in range(count)]
    else:
        due = [opened_on + days(draw(st.integers(0, 400))) for _ in range(count)]
    numbers = draw(st.permutations(range(1, count + 1))) if draw(st.booleans()) else range(1, count + 1)
    part = st.one_of(st.just(0), amounts())
    principal = draw(amounts())
    return [
        Instalment(
            number=number,
            due_on=due_on,
            principal=draw(st.one_of(st.just(principal), part)),
            interest=draw(part),
            fees=draw(part),
        )
        for number, due_on in zip(numbers, due, strict=True)
    ]


def days_near(interesting: Sequence[date], opened_on: date) -> st.SearchStrategy[date]:
    """A day of interest, one beside it, or any day of the account's life."""
    clashing = st.tuples(
        st.sampled_from(sorted(set(interesting))), st.sampled_from((0, 0, 0, 1, -1, 30, 91))
    ).map(lambda drawn: drawn[0] + days(drawn[1]))
    anywhere = st.integers(0, LONGEST_LIFE_DAYS).map(lambda count: opened_on + days(count))
    return st.one_of(clashing, clashing, clashing, anywhere)


def days_after(last: date) -> st.SearchStrategy[date]:
    """A day by which everything has happened, up to half a year later."""
    return st.integers(0, 183).map(lambda count: last + days(count))


@st.composite
def payment_rows(
    draw: Drawn, instalments: Sequence[Instalment], when: st.SearchStrategy[date]
) -> list[Payment]:
    """Up to eight rows: payments (some of exactly what an instalment asks for), chargebacks, and reversals of both."""
    asked = [total for row in instalments if (total := row.principal + row.interest + row.fees) > 0]
    amount = st.one_of(amounts(), st.sampled_from(asked)) if asked else amounts()
    rows = [
        Payment(
            payment_id=f"p{number}",
            paid_on=draw(when),
            amount=draw(amount),
            kind=draw(st.sampled_from(("payment", "payment", "payment", "payment", "chargeback"))),
        )
        for number in draw(st.lists(st.integers(1, 12), max_size=6, unique=True))  # p10 stands before p2
    ]
    if rows:
        for undone in draw(st.lists(st.sampled_from(rows), max_size=2, unique=True)):
            rows.append(
                Payment(
                    payment_id=f"r-{undone.payment_id}",
                    paid_on=undone.paid_on + days(draw(st.sampled_from((0, 1, 9, 60)))),
                    amount=undone.amount,
                    kind="reversal",
                    reverses=undone.payment_id,
                )
            )
    return rows


@st.composite
def charge_rows(draw: Drawn, when: st.SearchStrategy[date]) -> list[Charge]:
    return [
        Charge(
            charge_id=f"c{number}",
            charged_on=draw(when),
            kind=draw(st.sampled_from(("late_fee", "legal_cost", "other"))),
            amount=draw(amounts()),
        )
        for number in draw(st.lists(st.integers(1, 12), max_size=4, unique=True))
    ]


@st.composite
def hold_rows(draw: Drawn, when: st.SearchStrategy[date]) -> list[Hold]:
    """Up to three holds; pauses never overlap (of those that do the book keeps one)."""
    rows: list[Hold] = []
    for number in range(draw(st.integers(0, 3))):
        from_on = draw(when)
        length = draw(st.sampled_from((None, 0, 1, 5, 30, 120)))
        to_on = None if length is None else from_on + days(length)
        row = Hold(f"h{number}", draw(st.sampled_from(HOLD_KINDS)), from_on, to_on)
        if row.kind == "pause" and any(_overlap(row, other) for other in rows if other.kind == "pause"):
            continue
        rows.append(row)
    return rows


def _overlap(one: Hold, other: Hold) -> bool:
    """Whether the days they stop (those after the first, up to the last) meet."""
    last = min(one.to_on or date.max, other.to_on or date.max)
    return max(one.from_on, other.from_on) < last


# The whole ---------------------------------------------------------------------------------------------------------


@st.composite
def situations(draw: Drawn, with_records: bool = False) -> Situation:
    """A random account under random terms on a day worth looking at.

    `with_records` also draws when we learned of the rows, and `known_at` (now and then none).
    """
    terms = draw(product_terms())
    opened_on = FIRST_OPENED_ON + days(draw(st.integers(0, 300)))
    instalments = draw(schedules(opened_on))
    due = [row.due_on for row in instalments]
    when = days_near([opened_on, *due], opened_on)
    payments = draw(payment_rows(instalments, when))
    charges = draw(charge_rows(days_near([*due, *(row.paid_on for row in payments)], opened_on)))
    moved = [*due, *(row.paid_on for row in payments), *(row.charged_on for row in charges)]
    holds = draw(hold_rows(days_near(moved, opened_on)))
    needs_rate = "multiple" in terms.get("penalty", {})
    rate = draw(st.sampled_from(("0.18", "0.073", "0.1299", "0") if needs_rate else ("0.18", None)))
    situation = Situation(
        terms=terms,
        exponent=CURRENCIES[terms["currency"]],
        account=Account(
            principal=sum(row.principal for row in instalments) + draw(st.sampled_from((0, 0, 0, 1, 50_000))),
            opened_on=opened_on,
            annual_rate=None if rate is None else Fraction(rate),
        ),
        instalments=instalments,
        payments=payments,
        charges=charges,
        holds=holds,
        as_of=draw(st.one_of(days_near(moved, opened_on), days_after(max(moved)))),
        known_at=None,
        imported_at=_at(opened_on + days(draw(st.integers(0, 60))), 6),
    )
    return draw(recorded(situation)) if with_records else situation


@st.composite
def recorded(draw: Drawn, situation: Situation) -> Situation:
    """The same with instants at which we learned of the rows, and one to look from."""

    def learned(day: date) -> datetime | None:
        """Some time on the day itself or later; None: with the import."""
        later = draw(st.sampled_from((None, 0, 0, 1, 20)))
        return None if later is None else _at(day + days(later), draw(st.sampled_from((0, 9, 23))))

    opened_on = situation.account.opened_on
    told = replace(
        situation,
        account=replace(situation.account, recorded_at=draw(st.sampled_from((None, _at(opened_on, 0))))),
        instalments=[replace(row, recorded_at=learned(opened_on)) for row in situation.instalments],
        payments=[replace(row, recorded_at=learned(row.paid_on)) for row in situation.payments],
        charges=[replace(row, recorded_at=learned(row.charged_on)) for row in situation.charges],
        holds=[replace(row, recorded_at=learned(row.from_on)) for row in situation.holds],
    )
    learned_at = [row.recorded_at for row in told.instalments]
    learned_at += [row.recorded_at for row in told.payments]
    learned_at += [row.recorded_at for row in told.charges]
    learned_at += [row.recorded_at for row in told.holds]
    instants = sorted({told.imported_at, *(at for at in learned_at if at is not None)})
    known_at = draw(st.one_of(st.none(), st.sampled_from(instants), st.just(_at(situation.as_of, 12))))
    return replace(told, known_at=known_at)


def _at(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), tzinfo=UTC)
