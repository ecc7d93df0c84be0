"""One cheap look at a batch: whether any of its rows may be bad. Only then are the rules asked one by one.

On typed columns a row is suspected by a range or a null alone; a suspicion that the rules do not confirm costs a second look and
nothing else. It must never miss: whatever breaks a rule is suspected.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from dunwell.book.tables import Column, Kind
from dunwell.book.values import MONEY_BOUND, RATE_SCALE, TYPED, rules
from dunwell.calendars import DAY_MAX, DAY_MIN

_RATE_BOUND = 1000 * 10**RATE_SCALE


def may_be_bad(columns: Sequence[Column], dtypes: Mapping[str, pl.DataType], money_scale: int) -> pl.Expr:
    """True for every row that breaks a rule of its columns, and for some that do not."""
    return pl.any_horizontal(_suspects(column, dtypes[column.name], money_scale) for column in columns)


def _suspects(column: Column, dtype: pl.DataType, money_scale: int) -> pl.Expr:
    raw, value = pl.col(column.name), pl.col(TYPED + column.name)
    if column.kind is Kind.ID and dtype == pl.String:
        # An id of spaces alone begins with one; so do some that are none.
        return raw.is_null() | (raw < "!")
    if column.kind is Kind.MONEY and (isinstance(dtype, pl.Decimal) or dtype.is_integer()):
        return _outside(column, value, column.least, MONEY_BOUND * 10**money_scale - 1)
    if column.kind is Kind.RATE and isinstance(dtype, pl.Decimal):
        return _outside(column, value, 0, _RATE_BOUND - 1)
    if column.kind is Kind.COUNT and dtype.is_integer():
        return _outside(column, value, 0, 2**62)
    if column.kind is Kind.DAY and dtype == pl.Date:
        return _outside(column, value, DAY_MIN, DAY_MAX)
    masks = [mask.fill_null(False) for _, mask in rules(column, dtype, money_scale)]
    return pl.any_horizontal(masks) if masks else pl.lit(False)


def _outside(column: Column, value: pl.Expr, least: int | date, most: int | date) -> pl.Expr:
    """Outside the range, or not there though it must be (an optional value that is there but unreadable counts too)."""
    is_outside = ~value.is_between(least, most)
    if column.is_required:
        return is_outside.fill_null(True)
    return is_outside.fill_null(False) | (value.is_null() & pl.col(column.name).is_not_null())
