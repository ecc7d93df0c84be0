"""Conditions as a strategy's text writes them: a column, an operator, a value. Nothing else, so nothing in a text can run.

``past_due_days >= 31``, ``bucket in M1, M2``, ``jurisdiction != us``, ``days_since_payment is unknown``. The conditions
of a list must all hold. What is unknown meets no condition but ``is unknown``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches

import polars as pl

from dunwell.strategy.columns import COLUMNS, Kind

_GRAMMAR = re.compile(
    r"\s*(?P<column>\w+)\s*(?:(?P<known>is (?:not )?(?:known|unknown))|(?P<op><=|>=|!=|<|>|=|not in\b|in\b)\s*(?P<value>.+?))\s*"
)
_EXAMPLE = (
    "Write a column, an operator (=, !=, <, <=, >, >=, in, not in) and a value, like past_due_days >= 31"
)
_IN_WORDS = {
    "=": "is",
    "!=": "is not",
    "<": "is below",
    "<=": "is at most",
    ">": "is above",
    ">=": "is at least",
    "in": "is one of",
    "not in": "is none of",
}


class BadCondition(ValueError):
    """A condition that cannot be read: ``problem`` and ``mend``."""

    def __init__(self, problem: str, mend: str) -> None:
        super().__init__(f"{problem}. {mend}")
        self.problem, self.mend = problem, mend


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. ``op``: an operator, ``known`` or ``unknown``; ``values``: one, or several for in and not in."""

    column: str
    op: str
    values: tuple[Decimal | str | bool, ...]

    def expr(self) -> pl.Expr:
        """Whether each row meets it; never null."""
        column = pl.col(self.column)
        if self.op in ("known", "unknown"):
            return column.is_not_null() if self.op == "known" else column.is_null()
        if COLUMNS[self.column].kind is Kind.NUMBER:
            column = column.cast(pl.Float64)
            values: list[float | str | bool] = [float(value) for value in self.values]
        else:
            values = [value if isinstance(value, bool) else str(value) for value in self.values]
            column = column if COLUMNS[self.column].kind is Kind.TRUTH else column.cast(pl.String)
        first = values[0]
        met = {
            "=": lambda: column == first,
            "!=": lambda: column != first,
            "<": lambda: column < first,
            "<=": lambda: column <= first,
            ">": lambda: column > first,
            ">=": lambda: column >= first,
            "in": lambda: column.is_in(values),
            "not in": lambda: ~column.is_in(values),
        }[self.op]()
        return met.fill_null(False)

    def __str__(self) -> str:
        """The condition in words."""
        meaning = COLUMNS[self.column].meaning
        if self.op in ("known", "unknown"):
            return f"{meaning} is {self.op}"
        told = ", ".join(
            {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
            for value in self.values
        )
        return f"{meaning} {_IN_WORDS[self.op]} {told}"


def parse_condition(text: str) -> Condition:
    """A condition from its text. Raises BadCondition.

    >>> str(parse_condition("past_due_days >= 31"))
    'days past due is at least 31'
    """
    found = _GRAMMAR.fullmatch(text)
    if found is None:
        raise BadCondition(f"{text!r} is no condition", _EXAMPLE)
    name, op = found["column"], found["op"]
    column = COLUMNS.get(name)
    if column is None:
        near = get_close_matches(name, COLUMNS, 3)
        mend = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(COLUMNS)}"
        raise BadCondition(f"{name!r} is no column", mend)
    if found["known"]:
        is_known = found["known"] in ("is known", "is not unknown")
        return Condition(name, "known" if is_known else "unknown", ())
    if column.kind is not Kind.NUMBER and op in ("<", "<=", ">", ">="):
        raise BadCondition(f"{name!r} has no order, so {op!r} says nothing", "Write =, !=, in or not in")
    words = [word.strip() for word in found["value"].split(",")] if op.endswith("in") else [found["value"]]
    return Condition(name, op, tuple(_value(name, column.kind, word) for word in words))


def all_of(conditions: Iterable[Condition]) -> pl.Expr:
    """Whether each row meets all of them; an empty list is met by everybody."""
    return pl.all_horizontal(pl.lit(True), *(condition.expr() for condition in conditions))


def in_words(conditions: Iterable[Condition]) -> str:
    """A list of conditions as a phrase."""
    return " and ".join(str(condition) for condition in conditions) or "always"


def _value(name: str, kind: Kind, word: str) -> Decimal | str | bool:
    if kind is Kind.TEXT:
        if not word:
            raise BadCondition(f"{name!r} is held against nothing", _EXAMPLE)
        return word
    if kind is Kind.TRUTH:
        if word not in ("true", "false"):
            raise BadCondition(f"{name!r} is yes or no, not {word!r}", f"Write {name} = true")
        return word == "true"
    try:
        number = Decimal(word)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BadCondition(f"{name!r} is a number, and {word!r} is none", f"Write {name} >= 31")
    return number
