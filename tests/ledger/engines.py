"""The three readings of what is owed behind one door: the oracle, the compiled kernel and the exact statement engine.

Each engine takes a `Situation` and returns the money and day columns of `positions` in minor units, or None when the account has
no position; each timeline returns the arrears at the end of every day on which they changed. `frames` makes the typed frames of
one partition out of situations, as the book would hand them out.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import polars as pl

from dunwell.book.reading import Detail, empty_rows
from dunwell.ledger.positions import Settled, Timeline, positions_frame, settle_partition
from dunwell.ledger.statement import AccountNotOpen, Settlement, account_events, settle
from dunwell.ledger.terms import Terms, parse_terms
from tests.ledger import oracle
from tests.ledger.oracle import Situation

FIGURES = (
    "past_due_days",
    "delinquent_days",
    "oldest_due_on",
    "due_principal",
    "due_interest",
    "due_fees",
    "due_costs",
    "penalty",
    "past_due_total",
    "outstanding_principal",
    "payoff_total",
    "unallocated_credit",
    "waived_by_cap",
    "last_paid_on",
    "paid_30d",
)
"""What every engine tells; the oracle and the kernel tell the bucket as well."""


class Arrears(NamedTuple):
    """A row of the arrears timeline, in minor units."""

    on: date
    oldest_due_on: date | None
    overdue: int
    exposure: int


Figures = Mapping[str, object]
Engine = Callable[[Situation], Figures | None]


# Typed frames ------------------------------------------------------------------------------------------------------


def frames(*situations: Situation) -> dict[str, pl.DataFrame]:
    """One partition with an account a situation: accounts `a0`, `a1`, ... of products `p0`, `p1`, ...

    Rows keep the order of arrival wherever the contract of typed frames does not name an order.
    """
    accounts: list[dict[str, Any]] = []
    rows: dict[str, list[dict[str, Any]]] = {"instalments": [], "payments": [], "charges": [], "holds": []}
    for k, told in enumerate(situations):
        accounts.append(
            dict(
                account_id=f"a{k}",
                customer_id=f"c{k}",
                product=f"p{k}",
                currency=told.terms["currency"],
                principal_minor=told.account.principal,
                annual_rate_ppb=_parts_per_billion(told.account.annual_rate),
                opened_on=told.account.opened_on,
                status="active",
                recorded_at=told.account.recorded_at or told.imported_at,
            )
        )
        rows["instalments"] += [
            dict(
                account_row=k,
                number=row.number,
                due_on=row.due_on,
                principal_minor=row.principal,
                interest_minor=row.interest,
                fees_minor=row.fees,
                recorded_at=row.recorded_at or told.imported_at,
            )
            for row in told.instalments
        ]
        rows["payments"] += [
            dict(
                account_row=k,
                payment_id=row.payment_id,
                paid_on=row.paid_on,
                amount_minor=row.amount,
                kind=row.kind,
                reverses=row.reverses,
                recorded_at=row.recorded_at or told.imported_at,
            )
            for row in told.payments
        ]
        rows["charges"] += [
            dict(
                account_row=k,
                charge_id=row.charge_id,
                charged_on=row.charged_on,
                kind=row.kind,
                amount_minor=row.amount,
                recorded_at=row.recorded_at or told.imported_at,
            )
            for row in told.charges
        ]
        rows["holds"] += [
            dict(
                account_row=k,
                hold_id=row.hold_id,
                customer_id=f"c{k}",
                kind=row.kind,
                from_on=row.from_on,
                to_on=row.to_on,
                recorded_at=row.recorded_at or told.imported_at,
            )
            for row in told.holds
        ]
    return {
        "accounts": _typed("accounts", accounts).with_columns(is_incomplete=pl.lit(False)),
        "instalments": _typed("instalments", rows["instalments"], "account_row", "due_on", "number"),
        "payments": _typed("payments", rows["payments"], "account_row", "paid_on", "payment_id"),
        "charges": _typed("charges", rows["charges"], "account_row", "charged_on", "charge_id"),
        "holds": _typed("holds", rows["holds"], "account_row", "from_on"),
    }


def _typed(name: str, rows: list[dict[str, Any]], *sort_by: str) -> pl.DataFrame:
    """Rows with the columns that the book gives the table, in the book's order."""
    schema = dict(empty_rows(name, Detail.EVERYTHING).drop("§row").schema)
    if "account_row" in schema:
        schema["account_row"] = pl.UInt32()
    frame = pl.DataFrame(rows, schema=schema)
    return frame.sort(*sort_by, maintain_order=True) if sort_by else frame


def _parts_per_billion(rate: Fraction | None) -> int | None:
    if rate is None:
        return None
    parts = rate * 10**9
    assert parts.denominator == 1, f"the rate {rate} is finer than a tape can say"
    return int(parts)


def parsed_terms(*situations: Situation) -> dict[str, Terms]:
    """The products of `frames`, read as from terms files."""
    return {
        f"p{k}": parse_terms({**told.terms, "product": f"p{k}"}, f"p{k}.toml")
        for k, told in enumerate(situations)
    }


# The oracle --------------------------------------------------------------------------------------------------------


def _oracle_terms(told: Situation) -> oracle.Terms:
    return oracle.terms_from(told.terms, told.exponent)


def by_oracle(told: Situation) -> Figures | None:
    return oracle.position(
        told.account,
        told.instalments,
        told.payments,
        told.charges,
        told.holds,
        _oracle_terms(told),
        told.as_of,
        told.known_at,
        told.imported_at,
    )


def timeline_by_oracle(told: Situation) -> list[Arrears]:
    """The days of the oracle's history on which the arrears changed, from the first on which something was overdue."""
    timeline: list[Arrears] = []
    for day in oracle.history(
        told.account,
        told.instalments,
        told.payments,
        told.charges,
        told.holds,
        _oracle_terms(told),
        told.as_of,
        told.known_at,
        told.imported_at,
    ):
        was_late = bool(timeline) and timeline[-1].oldest_due_on is not None
        if day.oldest_due_on is None and not was_late:
            continue
        state = (day.oldest_due_on, day.overdue, day.exposure)
        if not timeline or timeline[-1][1:] != state:
            timeline.append(Arrears(day.on, *state))
    return timeline


# The kernel --------------------------------------------------------------------------------------------------------


def settle_by_kernel(*situations: Situation) -> tuple[Settled[Timeline], pl.DataFrame]:
    """The compiled pass over one partition of all the situations (day and knowledge as in the first), and its positions."""
    tables, terms = frames(*situations), parsed_terms(*situations)
    as_of, known_at = situations[0].as_of, situations[0].known_at
    settled = settle_partition(
        tables, terms, as_of, known_at, read_timeline=lambda timeline, *_: timeline, threads=1
    )
    return settled, positions_frame(settled, tables, terms, as_of)


def by_kernel(told: Situation) -> Figures | None:
    _, positions = settle_by_kernel(told)
    if positions.is_empty():
        return None
    minor = Decimal(10) ** told.exponent
    return {
        name: int(value * minor) if isinstance(value, Decimal) else value
        for name, value in positions.select(*FIGURES, "bucket").row(0, named=True).items()
    }


def timeline_by_kernel(told: Situation) -> list[Arrears]:
    settled, _ = settle_by_kernel(told)
    return [
        Arrears(*row[1:]) for timeline in settled.from_timelines for row in timeline.frame().iter_rows()
    ]


# The statement engine ----------------------------------------------------------------------------------------------


def _settlement(told: Situation) -> Settlement | None:
    try:
        events = account_events(frames(told), 0, told.known_at)
        return settle(events, parsed_terms(told)["p0"], told.as_of)
    except AccountNotOpen:
        return None


def by_statement(told: Situation) -> Figures | None:
    settlement = _settlement(told)
    return None if settlement is None else {name: getattr(settlement, name) for name in FIGURES}


def timeline_by_statement(told: Situation) -> list[Arrears]:
    settlement = _settlement(told)
    if settlement is None:
        return []
    return [Arrears(a.on, a.oldest_due_on, a.overdue_minor, a.exposure_minor) for a in settlement.timeline]


ENGINES: dict[str, Engine] = {"oracle": by_oracle, "kernel": by_kernel, "statement": by_statement}
