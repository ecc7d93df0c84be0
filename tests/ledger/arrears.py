"""One account's arrears, written as the ends of the days on which they changed, and the classes they come to."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from dunwell.calendars import day_number, day_of
from dunwell.ledger import kernel
from dunwell.ledger.classification import Classifier
from dunwell.ledger.positions import Timeline
from dunwell.ledger.terms import Terms, parse_terms
from dunwell.policy import PolicyText

START = date(2024, 1, 10)


@dataclass(frozen=True)
class State:
    """The end of a day on which an account's arrears changed; ``oldest`` None: nothing past due."""

    on: date
    oldest: date | None
    overdue: int = 50_000
    exposure: int = 100_000


def late_from(due: date) -> State:
    return State(due, due)


def cleared(on: date) -> State:
    return State(on, None, 0, 50_000)


@dataclass(frozen=True)
class Change:
    """A contract changed on a day, as a row of the table modifications."""

    agreed_on: date
    first_due_on: date | None = None
    kind: str = "restructuring"
    class_before: str | None = None
    value_lost_ppb: int | None = None
    financial_difficulty: bool = True


def modifications(changes: Sequence[Change]) -> pl.DataFrame:
    """The changes of one account, as the book hands them out."""
    rows = [
        {"account_row": 0, "modification_id": f"M{number}"}
        | {field.name: getattr(change, field.name) for field in fields(change)}
        for number, change in enumerate(sorted(changes, key=lambda one: one.agreed_on), 1)
    ]
    schema = {
        "account_row": pl.UInt32,
        "modification_id": pl.String,
        "agreed_on": pl.Date,
        "first_due_on": pl.Date,
        "kind": pl.String,
        "class_before": pl.String,
        "value_lost_ppb": pl.Int64,
        "financial_difficulty": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema)


def terms(credit: str = "closed_end", currency: str = "CNY") -> dict[str, Terms]:
    text = {
        "product": "p",
        "currency": currency,
        "waterfall": ["principal"],
        "allocation": "instalment_first",
        "credit": credit,
    }
    return {"p": parse_terms(text, "p.toml")}


def classes(
    states: Sequence[State],
    as_of: date,
    jurisdiction: str = "cn",
    *,
    dues: Sequence[date] = (),
    credit: str = "closed_end",
    currency: str = "CNY",
    texts: Sequence[PolicyText] | None = None,
    changes: Sequence[Change] = (),
) -> dict[str, Any]:
    """The class columns of one account with these arrears."""
    tables = {
        "accounts": pl.DataFrame(
            {"account_id": ["A"], "customer_id": ["C"], "product": ["p"], "currency": [currency]}
        ),
        "customers": pl.DataFrame({"customer_id": ["C"], "jurisdiction": [jurisdiction]}),
        "modifications": modifications(changes),
    }
    classifier = Classifier(tables, terms(credit, currency), as_of, texts)
    timeline = Timeline(
        np.zeros(len(states), np.int64),
        np.array([day_number(s.on) for s in states], np.int32),
        np.array([-1 if s.oldest is None else day_number(s.oldest) for s in states], np.int32),
        np.array([s.overdue for s in states], np.int64),
        np.array([s.exposure for s in states], np.int64),
    )
    none = np.empty(0, np.int64)
    due_days = np.array([day_number(d) for d in sorted(dues)], np.int32)
    offsets = np.array([0, len(due_days)], np.int64)
    events = kernel.Events(offsets, due_days, *([none] * 15))
    columns = classifier.classify(timeline, events, 0, 1, in_full=True)
    last = max((s for s in states if s.on <= as_of), key=lambda s: s.on, default=None)
    days = max(0, (as_of - last.oldest).days) if last and last.oldest else 0
    told = {name: column[0] for name, column in classifier.columns([columns]).items()}
    in_bulk = classifier.columns([classifier.classify(timeline, events, 0, 1)])
    assert told == {name: column[0] for name, column in in_bulk.items()}
    return told | {
        "class_since": _day(columns.class_since[0]),
        "default_since": _day(columns.default_since[0]),
        "why": classifier.reasons(columns, 0, 0, days),
        "days": days,
    }


def _day(number: int) -> date | None:
    return day_of(int(number)) if number >= 0 else None
