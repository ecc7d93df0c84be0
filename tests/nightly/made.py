"""Small portfolios written out by hand, and the run facts around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import polars as pl

from dunwell.nightly.about import BrokenRule, Quarantine, RunFacts, TapeFile, UnreadableFile

AS_OF = date(2026, 6, 30)
BUCKETS = ("C", "M1", "M2", "M3")
_FROM_DAYS = (0, 1, 31, 61)
JURISDICTIONS = {"CNY": "cn", "USD": "us", "GBP": "gb", "JPY": "jp", "KWD": "kw"}
MONEY = pl.Decimal(18, 4)


@dataclass(frozen=True)
class Account:
    """One account on one day: who owes it, how late it is, what is overdue of what is outstanding."""

    account_id: str
    customer_id: str
    currency: str
    past_due_days: int
    past_due_total: str
    outstanding_principal: str
    status: str = "active"
    opened_on: date = date(2025, 1, 15)

    @property
    def bucket(self) -> str:
        return BUCKETS[sum(self.past_due_days >= first for first in _FROM_DAYS) - 1]

    @property
    def asset_class(self) -> str:
        if self.currency == "CNY":
            return ("normal", "special_mention", "substandard", "doubtful", "loss")[
                sum(self.past_due_days > last for last in (0, 90, 270, 360))
            ]
        return "non_performing" if self.past_due_days > 90 else "performing"


def positions(accounts: Sequence[Account], as_of: date = AS_OF) -> pl.DataFrame:
    """The columns of ``positions`` that figures are made of, classified by days alone."""
    rows = [
        {
            "account_id": a.account_id,
            "customer_id": a.customer_id,
            "as_of": as_of,
            "currency": a.currency,
            "status": a.status,
            "past_due_days": a.past_due_days,
            "past_due_total": Decimal(a.past_due_total),
            "outstanding_principal": Decimal(a.outstanding_principal),
            "bucket": a.bucket,
            "asset_class": a.asset_class,
            "ifrs_stage": 3 if a.past_due_days >= 90 else 2 if a.past_due_days > 30 else 1,
            "in_default": a.past_due_days > 90,
            "paid_30d": Decimal(0),
        }
        for a in accounts
    ]
    schema = {
        "account_id": pl.String(),
        "customer_id": pl.String(),
        "as_of": pl.Date(),
        "currency": pl.String(),
        "status": pl.String(),
        "past_due_days": pl.Int32(),
        "past_due_total": MONEY,
        "outstanding_principal": MONEY,
        "bucket": pl.String(),
        "asset_class": pl.String(),
        "ifrs_stage": pl.Int8(),
        "in_default": pl.Boolean(),
        "paid_30d": MONEY,
    }
    return pl.DataFrame(rows, schema=schema)


def account_rows(accounts: Sequence[Account]) -> pl.DataFrame:
    """The book's accounts frame, as far as figures need it."""
    rows = [(a.account_id, a.customer_id, f"{JURISDICTIONS[a.currency]}-loan", a.opened_on) for a in accounts]
    schema = {"account_id": pl.String, "customer_id": pl.String, "product": pl.String, "opened_on": pl.Date}
    return pl.DataFrame(rows, schema=schema, orient="row")


def customer_rows(accounts: Sequence[Account]) -> pl.DataFrame:
    """The book's customers frame: each customer lives where the first of their accounts was lent."""
    lives = {a.customer_id: JURISDICTIONS[a.currency] for a in reversed(accounts)}
    schema = {"customer_id": pl.String, "jurisdiction": pl.String}
    return pl.DataFrame(list(lives.items()), schema=schema, orient="row")


def timeline(rows: Sequence[tuple[int, date, date | None]]) -> pl.DataFrame:
    """An arrears timeline of (account row, on, oldest unpaid due day)."""
    schema = {"account": pl.Int64, "on": pl.Date, "oldest_due_on": pl.Date}
    return pl.DataFrame(list(rows), schema=schema, orient="row").with_columns(
        overdue_minor=pl.lit(100, pl.Int64)
    )


# Six accounts of five customers. Li has two; Wu's is closed; Kim's 3.20 is a remainder below materiality.
YESTERDAY = (
    Account("A1", "Li", "CNY", 0, "0", "1000.00"),
    Account("A2", "Li", "CNY", 30, "120.00", "800.00"),
    Account("A3", "Ann", "USD", 5, "50.00", "500.00"),
    Account("A4", "Wu", "CNY", 0, "0", "0", status="closed"),
    Account("A5", "Kim", "USD", 0, "0", "300.00"),
)
TODAY = (
    Account("A1", "Li", "CNY", 1, "90.00", "1000.00"),
    Account("A2", "Li", "CNY", 31, "120.50", "800.00"),
    Account("A3", "Ann", "USD", 0, "0", "460.00"),
    Account("A4", "Wu", "CNY", 0, "0", "0", status="closed"),
    Account("A5", "Kim", "USD", 0, "3.20", "300.00", status="incomplete"),
    Account("A6", "Bo", "CNY", 0, "0", "2000.00", opened_on=AS_OF),
)
ARREARS = (
    (0, AS_OF, AS_OF - timedelta(1)),
    (1, date(2026, 5, 31), date(2026, 5, 30)),
    (2, date(2026, 6, 25), date(2026, 6, 24)),
    (2, AS_OF, None),
)

FACTS = RunFacts(
    run_id="2026-06-30-1",
    as_of=AS_OF,
    previous_as_of=AS_OF - timedelta(1),
    policy_hash="sha256:5e1f",
    lender="Harbour & Sons <Lending>",
    versions={"dunwell": "0.1.0"},
    files={"positions": "book/positions.parquet", "report": "book/report.html"},
)
CLEAN = Quarantine(
    files=(TapeFile("accounts", "accounts.csv", 6, 0), TapeFile("payments", "payments.csv", 40, 0))
)
DIRTY = Quarantine(
    files=(TapeFile("accounts", "accounts.csv", 6, 0), TapeFile("payments", "payments.csv", 40, 3)),
    rules=(
        BrokenRule("payments", "exact repeat of row 3", 1, "payments.csv", 9, "Send each row once."),
        BrokenRule(
            "payments", "amount must be above 0", 2, "payments.csv", 17, "Send received money as positive."
        ),
    ),
    unreadable=(UnreadableFile("contacts.parquet", "the file ends too early.", "Send it again whole."),),
    ignored=("notes.txt",),
)
