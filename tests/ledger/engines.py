"""The three readings of what is owed behind one door: the oracle, the compiled kernel and the exact statement engine.

An engine takes a `Situation` and returns its `Reading`, or None when the account has no position. `frames` makes the typed frames
of one partition out of situations, as the book would hand them out.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from dunwell.book.plans import Detail, empty_rows
from dunwell.ledger.arrays import Kind, Kinds
from dunwell.ledger.positions import Timeline, bucket_names, positions_frame, settle_partition
from dunwell.ledger.statement import AccountNotOpen, account_events, settle
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
    "bucket",
    "last_paid_on",
    "paid_30d",
)
"""The money and day columns of `positions`."""


class Arrears(NamedTuple):
    """A row of the arrears timeline, in minor units."""

    on: date
    oldest_due_on: date | None
    overdue: int
    exposure: int


class Reading(NamedTuple):
    """What an engine makes of a situation: figures by the names of `positions` in minor units, and the arrears through time."""

    figures: Mapping[str, object]
    timeline: list[Arrears]


Engine = Callable[[Situation], Reading | None]


# Typed frames ------------------------------------------------------------------------------------------------------


def frames(*situations: Situation) -> dict[str, pl.DataFrame]:
    """One partition with an account a situation: accounts `a0`, `a1`, ... of products `p0`, `p1`, ...

    Rows keep the order of arrival wherever the contract of typed frames does not name an order.
    """
    accounts: list[dict[str, Any]] = []
    rows: dict[str, list[dict[str, Any]]] = {"instalments": [], "payments": [], "charges": [], "holds": []}
    for k, told in enumerate(situations):
        accounts.append(
            {
                "account_id": f"a{k}",
                "customer_id": f"c{k}",
                "product": f"p{k}",
                "currency": told.terms["currency"],
                "principal_minor": told.account.principal,
                "annual_rate_ppb": _parts_per_billion(told.account.annual_rate),
                "opened_on": told.account.opened_on,
                "status": "active",
                "recorded_at": told.account.recorded_at or told.imported_at,
            }
        )
        rows["instalments"] += [
            {
                "account_row": k,
                "number": row.number,
                "due_on": row.due_on,
                "principal_minor": row.principal,
                "interest_minor": row.interest,
                "fees_minor": row.fees,
                "recorded_at": row.recorded_at or told.imported_at,
            }
            for row in told.instalments
        ]
        rows["payments"] += [
            {
                "account_row": k,
                "payment_id": row.payment_id,
                "paid_on": row.paid_on,
                "amount_minor": row.amount,
                "kind": row.kind,
                "reverses": row.reverses,
                "recorded_at": row.recorded_at or told.imported_at,
            }
            for row in told.payments
        ]
        rows["charges"] += [
            {
                "account_row": k,
                "charge_id": row.charge_id,
                "charged_on": row.charged_on,
                "kind": row.kind,
                "amount_minor": row.amount,
                "recorded_at": row.recorded_at or told.imported_at,
            }
            for row in told.charges
        ]
        rows["holds"] += [
            {
                "account_row": k,
                "hold_id": row.hold_id,
                "customer_id": f"c{k}",
                "kind": row.kind,
                "from_on": row.from_on,
                "to_on": row.to_on,
                "recorded_at": row.recorded_at or told.imported_at,
            }
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


def by_oracle(told: Situation) -> Reading | None:
    rows = (told.account, told.instalments, told.payments, told.charges, told.holds)
    asked = (oracle.terms_from(told.terms, told.exponent), told.as_of, told.known_at, told.imported_at)
    figures = oracle.position(*rows, *asked)
    return None if figures is None else Reading(figures, _changes(oracle.history(*rows, *asked)))


def _changes(days: Sequence[oracle.EndOfDay]) -> list[Arrears]:
    """The days on which the arrears changed, from the first that ends with something due and unpaid."""
    timeline: list[Arrears] = []
    for day in days:
        was_unpaid = bool(timeline) and timeline[-1].oldest_due_on is not None
        now = Arrears(day.on, day.oldest_due_on, day.overdue, day.exposure)
        if (now.oldest_due_on or was_unpaid) and (not timeline or timeline[-1][1:] != now[1:]):
            timeline.append(now)
    return timeline


# The kernel --------------------------------------------------------------------------------------------------------


def settle_by_kernel(*situations: Situation) -> tuple[pl.DataFrame, list[Timeline]]:
    """Positions and arrears of one partition of all the situations; day and knowledge are those of the first."""
    tables, terms = frames(*situations), parsed_terms(*situations)
    as_of, known_at = situations[0].as_of, situations[0].known_at
    settled = settle_partition(
        tables, terms, as_of, known_at, read_timeline=lambda timeline, *_: timeline, threads=1
    )
    return positions_frame(settled, tables, terms, as_of), settled.from_timelines


def by_kernel(told: Situation) -> Reading | None:
    positions, timelines = settle_by_kernel(told)
    if positions.is_empty():
        return None
    row = positions.select(*FIGURES).row(0, named=True)
    figures = {name: _minor(value, told.exponent) for name, value in row.items()}
    rows = (row for timeline in timelines for row in timeline.frame().iter_rows())
    return Reading(figures, [Arrears(*row[1:]) for row in rows])


def _minor(value: object, exponent: int) -> object:
    """Money of `positions` in minor units; anything else as it is."""
    if not isinstance(value, Decimal):
        return value
    minor = value.scaleb(exponent)
    assert minor == int(minor), f"{value} has more decimals than the currency"
    return int(minor)


# The statement engine ----------------------------------------------------------------------------------------------


def by_statement(told: Situation) -> Reading | None:
    terms = parsed_terms(told)
    try:
        settlement = settle(account_events(frames(told), 0, told.known_at), terms["p0"], told.as_of)
    except AccountNotOpen:
        return None
    days = np.array([settlement.past_due_days])
    kinds = Kinds([Kind(None, None, "p0", terms["p0"].currency)], np.zeros(1, np.int8))
    bucket = bucket_names(kinds, days, terms).item()
    figures = {name: bucket if name == "bucket" else getattr(settlement, name) for name in FIGURES}
    timeline = [
        Arrears(row.on, row.oldest_due_on, row.overdue_minor, row.exposure_minor)
        for row in settlement.timeline
    ]
    return Reading(figures, timeline)


ENGINES: dict[str, Engine] = {"oracle": by_oracle, "kernel": by_kernel, "statement": by_statement}
