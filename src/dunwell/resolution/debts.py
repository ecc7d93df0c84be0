"""A customer's debts together, as plans need them: from the book's records by way of the ledger."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl

from dunwell.ledger import Terms, one_account, positions
from dunwell.ledger.arrays import known
from dunwell.money import minor_exponent
from dunwell.resolution.plans import Debt, PlanError

_RATE_UNITS = 10**9


def debts_of(
    tables: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    customer_id: str,
    as_of: date,
    known_at: datetime | None = None,
) -> list[Debt]:
    """Everything a customer owes as of a day, by account_id; sold accounts and those on which nothing is owed are left out.

    ``tables``: the partition that holds the customer. Raises PlanError where money rows of an account are in quarantine: what is
    owed is then not known.
    """
    wanted = (
        "account_id",
        "customer_id",
        "status",
        "is_incomplete",
        "currency",
        "annual_rate_ppb",
        "product",
    )
    accounts = tables["accounts"].select(wanted).with_row_index("row")
    own = accounts.filter((pl.col("customer_id") == customer_id) & (pl.col("status") != "sold"))
    place = tables["customers"].filter(pl.col("customer_id") == customer_id)["jurisdiction"].item()
    debts = []
    for account in own.sort("account_id").iter_rows(named=True):
        if account["is_incomplete"]:
            raise PlanError(
                f"rows of {account['account_id']} are in quarantine, so what is owed is not known. Mend them first"
            )
        alone = one_account(tables, account["row"])
        found = positions(alone, terms, as_of, known_at).frame
        if not found.height:
            continue
        debt = _debt(account, found.row(0, named=True), alone, terms, place, as_of, known_at)
        if debt.owed_minor > 0:
            debts.append(debt)
    return debts


def _debt(
    account: Mapping[str, Any],
    position: Mapping[str, Any],
    alone: Mapping[str, pl.DataFrame],
    terms: Mapping[str, Terms],
    place: str,
    as_of: date,
    known_at: datetime | None,
) -> Debt:
    currency = account["currency"]
    return Debt(
        account["account_id"],
        currency,
        owed_minor=_minor(position["payoff_total"], currency),
        principal_minor=_minor(position["outstanding_principal"], currency),
        annual_rate=Fraction(account["annual_rate_ppb"] or 0, _RATE_UNITS),
        past_due_minor=_minor(position["past_due_total"], currency),
        past_due_days=position["past_due_days"],
        monthly_minor=_next_instalment(known(alone["instalments"], known_at), as_of),
        credit=terms[account["product"]].credit,
        jurisdiction=place,
    )


def _minor(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(minor_exponent(currency)))


def _next_instalment(instalments: pl.DataFrame, as_of: date) -> int:
    """What the contract asks for next, 0 when nothing more falls due."""
    coming = instalments.filter(pl.col("due_on") > as_of)
    if not coming.height:
        return 0
    first = coming.filter(pl.col("due_on") == coming["due_on"].min())
    return int(
        first.select(pl.sum_horizontal("principal_minor", "interest_minor", "fees_minor").sum()).item()
    )
