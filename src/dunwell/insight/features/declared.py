"""What a feature is: one declaration each, with its meaning in words and one expression."""

from dataclasses import dataclass
from enum import StrEnum

import polars as pl

WINDOW_DAYS_MAX = 365
"""No feature looks further back than this, but for those that say ``life``."""


class Source(StrEnum):
    """The frame that a feature's expression reads; each is made in the file of the same name."""

    POSITION = "position"
    ARREARS = "arrears"
    PAYMENTS = "payments"
    CONTACTS = "contacts"
    PROMISES = "promises"
    COMBINED = "combined"


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of a score.

    ``meaning`` and ``meaning_zh`` finish the sentence "this account's ...". ``window``: which days it looks at.
    ``risk``: +1 when a higher value never lowers the risk of not paying in a model here, -1 when it never
    raises it, 0 when a model may learn any shape. ``expression`` reads the frame of ``source``: an aggregation
    over an account's rows, or, for positions and combinations, an expression over a row an account.
    """

    name: str
    meaning: str
    meaning_zh: str
    window: str
    unit: str
    source: Source
    risk: int
    expression: pl.Expr

    @property
    def column(self) -> pl.Expr:
        """The expression under the feature's name."""
        return self.expression.alias(self.name)
