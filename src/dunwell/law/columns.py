"""Columns of the book's frames as the numbers of the gate's pass."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.law.arrays import NONE
from dunwell.law.kinds import clock

Ints = NDArray[np.int64]


def ints(values: pl.Series) -> Ints:
    """Numbers in an array of its own. Always writable, whatever Polars holds: the pass is compiled anew for arrays that may not
    be written, and which of them those are would depend on the data.
    """
    return np.ascontiguousarray(values.to_numpy(writable=True), np.int64)


def coded(values: pl.Series, words: tuple[str, ...]) -> pl.Series:
    """Words as small numbers, NONE where there is none or it is not known."""
    if isinstance(values.dtype, pl.Enum) and values.dtype.categories.to_list() == list(words):
        return values.to_physical().cast(pl.Int8).fill_null(NONE)
    return values.cast(pl.String).replace_strict(
        list(words), list(range(len(words))), default=NONE, return_dtype=pl.Int8
    )


def code_numbers(values: pl.Series, words: tuple[str, ...]) -> Ints:
    """The same as an array of the pass."""
    return ints(coded(values, words))


def instants(values: pl.Series, missing: int) -> Ints:
    """Microseconds UTC."""
    return ints(values.dt.timestamp("us").cast(pl.Int64).fill_null(missing))


def clocks(values: pl.Series) -> Ints:
    """Times of day as text to microseconds; NONE where none is said."""
    known = values.drop_nulls().unique().to_list()
    return ints(
        values.cast(pl.String).replace_strict(
            known, [clock(text) for text in known], default=NONE, return_dtype=pl.Int64
        )
    )
