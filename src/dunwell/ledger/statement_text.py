"""A statement for a terminal and for machines: plain text in fixed columns, and the JSON shape of formats.md."""

from collections.abc import Iterator
from datetime import date
from typing import Any
from unicodedata import category, east_asian_width

from dunwell.ledger.statement import Line, PenaltyStretch, Settlement, Statement
from dunwell.ledger.statement_words import decimal_text, exact_text, money_text
from dunwell.money import format_minor

MONEY_COLUMNS = (
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
    "paid_30d",
)
"""The money columns of positions, in their order."""

COMPONENT_NAMES = {
    "outstanding_principal": "principal outstanding",
    "due_principal": "principal due",
    "due_interest": "interest due",
    "due_fees": "fees due",
    "due_costs": "costs due",
    "penalty": "penalty interest",
    "unallocated_credit": "credit waiting",
    "waived_by_cap": "waived by the cap",
    "past_due_total": "past due in all",
    "payoff_total": "to settle it all",
    "paid_30d": "paid in 30 days",
}
"""What the money columns are called where people read them."""

_DATE, _GAP = 10, 2


def statement_json(statement: Statement) -> dict[str, Any]:
    """The statement as one JSON object: money and rates as decimal text, days in ISO 8601, null for a day there is none of.

    ``closing`` holds the money columns of positions by their names; ``changes`` of a line the eight components they rest on.
    """
    currency, closing = statement.currency, statement.closing
    return {
        "account_id": statement.account_id,
        "as_of": statement.as_of.isoformat(),
        "currency": currency,
        "product": statement.product,
        "opened_on": statement.opened_on.isoformat(),
        "past_due_days": closing.past_due_days,
        "delinquent_days": closing.delinquent_days,
        "oldest_due_on": _day(closing.oldest_due_on),
        "last_paid_on": _day(closing.last_paid_on),
        "lines": [_line_json(line, currency) for line in statement.lines],
        "closing": closing_amounts(closing, currency),
        "worked_out": list(statement.worked_out),
    }


def closing_amounts(closing: Settlement, currency: str) -> dict[str, str]:
    """The closing money columns as decimal text."""
    return {name: format_minor(getattr(closing, name), currency) for name in MONEY_COLUMNS}


def changed_components(line: Line, currency: str) -> list[tuple[str, str]]:
    """What a line did, for reading: the component's name and its signed change, unchanged ones left out."""
    return [
        (COMPONENT_NAMES[name], f"{'+' if change > 0 else ''}{money_text(change, currency)}")
        for name, change in line.changes._asdict().items()
        if change
    ]


def statement_text(statement: Statement, width: int = 88) -> str:
    """The statement as plain text, ``width`` characters wide (60 at least), numbers aligned; control characters are left out."""
    width = max(width, 60)
    return "\n".join(_printable(row).rstrip() for row in _rows(statement, width)) + "\n"


def _rows(statement: Statement, width: int) -> Iterator[str]:
    """All rows: heading, lines, closing figures, how it was worked out."""
    currency, closing = statement.currency, statement.closing
    yield f"Account {statement.account_id} ({statement.product}), {currency}"
    yield f"Statement from {statement.opened_on} to {statement.as_of}"
    yield ""
    amounts = [amount for line in statement.lines for _, amount in changed_components(line, currency)]
    balances = [money_text(line.balance, currency) for line in statement.lines]
    amount_width = max(map(len, [*amounts, "change"]))
    balance_width = max(map(len, [*balances, "balance"]))
    tail = (amount_width, balance_width, len("late by"))
    room = width - _DATE - sum(tail) - 4 * _GAP
    yield _row("on", "event", ("change", "balance", "late by"), tail, room)
    yield "-" * width
    for line in statement.lines:
        yield from _line_rows(line, currency, tail, room, width)
    yield "-" * width
    yield ""
    yield f"Closing figures on {statement.as_of}"
    names = [(COMPONENT_NAMES[name], getattr(closing, name)) for name in MONEY_COLUMNS]
    figures = [(name, money_text(minor, currency)) for name, minor in names]
    figures += [
        ("days past due", str(closing.past_due_days)),
        ("delinquent days", str(closing.delinquent_days)),
    ]
    figures += [
        ("oldest due on", _day(closing.oldest_due_on) or "-"),
        ("last paid on", _day(closing.last_paid_on) or "-"),
    ]
    figure_width = max(len(figure) for _, figure in figures)
    yield from (f"  {name:<24}{figure:>{figure_width}}" for name, figure in figures)
    yield ""
    yield "How this was worked out"
    for sentence in statement.worked_out:
        yield from (f"  {row}" for row in _wrapped(sentence, width - 2))


def _line_rows(line: Line, currency: str, tail: tuple[int, int, int], room: int, width: int) -> Iterator[str]:
    """One line's rows: the event with its balance, each change under it, then the sum and the clause."""
    event = _wrapped(line.event, room)
    late = f"{line.past_due_days} d" if line.past_due_days else ""
    yield _row(line.on.isoformat(), event[0], ("", money_text(line.balance, currency), late), tail, room)
    yield from (_row("", rest, ("", "", ""), tail, room) for rest in event[1:])
    for name, amount in changed_components(line, currency):
        yield _row("", f"  {name}", (amount, "", ""), tail, room)
    indent = " " * (_DATE + _GAP + 2)
    parts = line.working.split("; ") if line.penalty else [line.working] if line.working else []
    for part in [*parts, f"[{line.clause}]"]:
        first, *rest = _wrapped(part, width - len(indent) - 2)
        yield indent + first
        yield from (f"{indent}  {row}" for row in rest)


def _row(on: str, event: str, tail: tuple[str, str, str], widths: tuple[int, int, int], room: int) -> str:
    """A row of the five columns; ``room`` is the event's width."""
    event = event + " " * max(0, room - _width(event))
    figures = (f"{text:>{size}}" for text, size in zip(tail, widths, strict=True))
    return (" " * _GAP).join([f"{on:<{_DATE}}", event, *figures])


def _wrapped(text: str, room: int) -> list[str]:
    """The text in rows of that many columns, wide characters counted as two; a word that is longer than a row is cut."""
    rows = [""]
    for word in text.split():
        if rows[-1] and _width(rows[-1]) + 1 + _width(word) <= room:
            rows[-1] += " " + word
            continue
        if rows[-1]:
            rows.append("")
        for char in word:
            if _width(rows[-1] + char) > room:
                rows.append("")
            rows[-1] += char
    return rows


def _width(text: str) -> int:
    return len(text) + sum(east_asian_width(char) in "WF" for char in text)


def _printable(text: str) -> str:
    """Without control characters, which an id could bring along to a terminal."""
    return "".join(char for char in text if category(char)[0] != "C")


def _line_json(line: Line, currency: str) -> dict[str, Any]:
    return {
        "on": line.on.isoformat(),
        "event": line.event,
        "changes": {name: format_minor(change, currency) for name, change in line.changes._asdict().items()},
        "balance": format_minor(line.balance, currency),
        "clause": line.clause,
        "working": line.working,
        "past_due_days": line.past_due_days,
        "penalty": [_stretch_json(stretch, currency) for stretch in line.penalty],
    }


def _stretch_json(stretch: PenaltyStretch, currency: str) -> dict[str, Any]:
    return {
        "debt": stretch.debt,
        "basis": exact_text(stretch.basis_minor, currency),
        "basis_first": exact_text(stretch.basis_first_minor, currency),
        "basis_last": exact_text(stretch.basis_last_minor, currency),
        "annual_rate": decimal_text(stretch.annual_rate),
        "from_on": stretch.from_on.isoformat(),
        "to_on": stretch.to_on.isoformat(),
        "days": stretch.days,
        "year_fraction": stretch.year_fraction,
        "accrued": exact_text(stretch.accrued_minor, currency),
        "unpaid": exact_text(stretch.unpaid_minor, currency),
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
