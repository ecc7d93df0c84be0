"""The statement as a PDF for a customer, a court or a file: A4, set by Typst, the same bytes for the same statement."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst

from dunwell.ledger.statement import Line, Statement
from dunwell.ledger.statement_text import COMPONENT_NAMES, MONEY_COLUMNS, changed_components
from dunwell.ledger.statement_words import money_text

_TEMPLATE = Path(__file__).with_name("statement.typ")


def statement_pdf(statement: Statement, lender: str = "") -> bytes:
    """The statement as a PDF. ``lender``: who it is from, as customers know them."""
    told = json.dumps(_told(statement, lender), ensure_ascii=False)
    midnight = datetime(statement.as_of.year, statement.as_of.month, statement.as_of.day, tzinfo=UTC)
    pdf = typst.compile(
        str(_TEMPLATE), format="pdf", sys_inputs={"statement": told}, timestamp=int(midnight.timestamp())
    )
    if not isinstance(pdf, bytes):
        raise TypeError("Typst gave no single document")
    return pdf


def _told(statement: Statement, lender: str) -> dict[str, Any]:
    """What the template shows, all of it text."""
    currency, closing = statement.currency, statement.closing
    figures = [
        (COMPONENT_NAMES[name], money_text(getattr(closing, name), currency)) for name in MONEY_COLUMNS
    ]
    days = [("days past due", str(closing.past_due_days)), ("delinquent days", str(closing.delinquent_days))]
    heading = [
        ("From", lender),
        ("Account", statement.account_id),
        ("Product", statement.product),
        ("Currency", currency),
        ("Period", f"{statement.opened_on} to {statement.as_of}"),
    ]
    return {
        "account_id": statement.account_id,
        "as_of": statement.as_of.isoformat(),
        "lender": lender,
        "heading": [pair for pair in heading if pair[1]],
        "lines": [_line(line, currency) for line in statement.lines],
        "closing": [*figures, *days],
        "worked_out": list(statement.worked_out),
    }


def _line(line: Line, currency: str) -> dict[str, Any]:
    return {
        "on": line.on.isoformat(),
        "event": line.event,
        "working": line.working,
        "clause": line.clause,
        "changes": [{"name": name, "amount": amount} for name, amount in changed_components(line, currency)],
        "balance": money_text(line.balance, currency),
    }
