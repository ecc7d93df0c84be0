"""Columns by the million: ids, exact money and days as Arrow arrays made straight from NumPy, without a Python object a row."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MONEY_PRECISION = 18
"""Digits of a money column; up to 18 a reader may keep it in 64 bits."""

MULTI_CURRENCY_SCALE = 3


def numbered_ids(prefix: str, numbers: NDArray[np.int64], digits: int) -> pa.StringArray:
    """Ids of one length, such as ``P000000000042``: sorting them as text sorts them by number.

    Raises ValueError when a number does not fit in that many digits.
    """
    if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < 10**digits:
        raise ValueError(f"an id number does not fit in {digits} digits; use more digits")
    start = np.frombuffer(prefix.encode("ascii"), dtype=np.uint8)
    width = len(start) + digits
    letters = np.empty((len(numbers), width), dtype=np.uint8)
    letters[:, : len(start)] = start
    # 32-bit division is several times faster than 64-bit: work on halves of up to nine digits.
    low, high = (numbers % 10**9).astype(np.uint32), (numbers // 10**9).astype(np.uint32)
    for place in range(digits):
        half = low if place < 9 else high
        quotients = half // np.uint32(10)
        letters[:, width - 1 - place] = half - quotients * np.uint32(10) + np.uint32(ord("0"))
        half[:] = quotients
    return fixed_width_texts(letters)


def fixed_width_texts(letters: NDArray[np.uint8]) -> pa.StringArray:
    """Texts from a matrix of ASCII codes, a row a text."""
    count, width = letters.shape
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(
        count, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(letters))
    )


def money(units: NDArray[np.int64], scale: int) -> pa.Array:
    """Decimal(18, scale) from integers that count the last decimal: 1230 with scale 2 is 12.30."""
    words = np.empty((len(units), 2), dtype=np.int64)
    words[:, 0] = units
    words[:, 1] = units >> 63
    return pa.Array.from_buffers(
        pa.decimal128(MONEY_PRECISION, scale), len(units), [None, pa.py_buffer(words)]
    )


def rates(rate_ppm: NDArray[np.int64]) -> pa.Array:
    """Yearly rates as fractions, Decimal(18, 6), from parts per million: 180000 is 0.18."""
    return money(rate_ppm, 6)


def days(day_numbers: NDArray[np.int32]) -> pa.Array:
    """Days from numbers since 1970-01-01."""
    return pa.Array.from_buffers(
        pa.date32(), len(day_numbers), [None, pa.py_buffer(np.ascontiguousarray(day_numbers, dtype=np.int32))]
    )


def same_text(text: str, count: int) -> pa.StringArray:
    """One text, so many times."""
    return fixed_width_texts(np.tile(np.frombuffer(text.encode("ascii"), dtype=np.uint8), (count, 1)))


@dataclass(frozen=True, slots=True)
class Money:
    """Amounts in minor units beside the decimals of each one's currency: a column of a table in several currencies."""

    minor: NDArray[np.int64]
    exponents: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.minor)

    def decimals(self) -> pa.Array:
        """Decimal(18, 3), wide enough for every currency's decimals up to three."""
        return money(self.minor * 10 ** (MULTI_CURRENCY_SCALE - self.exponents), MULTI_CURRENCY_SCALE)

    def texts(self) -> pa.Array:
        """Decimal text with the currency's own decimals: 12.30, or 1230 in yen."""
        texts = np.empty(len(self.minor), dtype=object)
        for exponent in np.unique(self.exponents).tolist():
            rows = np.flatnonzero(self.exponents == exponent)
            whole, rest = np.divmod(np.abs(self.minor[rows]), 10**exponent)
            parts = [pc.cast(pa.array(whole), pa.string())]
            if exponent:
                parts.append(pc.utf8_lpad(pc.cast(pa.array(rest), pa.string()), exponent, padding="0"))
            texts[rows] = pc.binary_join_element_wise(*parts, ".").to_numpy(zero_copy_only=False)
        return pa.array(texts, type=pa.string())


def codes(
    names: Sequence[str], indices: NDArray[np.int64], is_null: NDArray[np.bool_] | None = None
) -> pa.Array:
    """Texts from a list of names by index."""
    return pa.array(list(names), type=pa.string()).take(pa.array(indices, mask=is_null))


def instants(at: NDArray[np.int64], is_null: NDArray[np.bool_] | None = None) -> pa.Array:
    """Instants in UTC from microseconds since 1970."""
    return pa.array(at, mask=is_null).cast(pa.timestamp("us", tz="UTC"))


def rows_of(column: pa.Array, rows: NDArray[np.int64], is_null: NDArray[np.bool_] | None = None) -> pa.Array:
    """The column's values at those rows, null where told."""
    return column.take(pa.array(rows, mask=is_null))


def one_item_lists(items: pa.Array, is_null: NDArray[np.bool_]) -> pa.Array:
    """A list of one text a row, null where told."""
    lengths = np.where(is_null, 0, 1)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), items.filter(pa.array(~is_null)), mask=pa.array(is_null)
    )


def patterned(pattern: str, generator: np.random.Generator, count: int) -> pa.StringArray:
    """Texts by a pattern in which # stands for a random digit and N for one of 2 to 9: telephone numbers."""
    letters = np.tile(np.frombuffer(pattern.encode("ascii"), dtype=np.uint8), (count, 1))
    for sign, least in (("#", 0), ("N", 2)):
        places = np.flatnonzero(letters[0] == ord(sign)) if count else np.zeros(0, dtype=np.int64)
        letters[:, places] = generator.integers(least, 10, (count, len(places))) + ord("0")
    return fixed_width_texts(letters)
