"""Texts of many people one after another in one file, mapped into memory: where one holds what somebody looks for is found in
some milliseconds among a million names, without reading them as rows.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

_BETWEEN = b"\0"
"""Stands before and after each text, and in none."""


def write_texts(texts: pl.Series, place: Path) -> None:
    """Write texts (null: an empty one) beside each other, and where each begins."""
    plain = texts.fill_null("").str.replace_all("\0", "", literal=True)
    lengths = plain.str.len_bytes().cast(pl.Int64).to_numpy() + len(_BETWEEN)
    np.save(place.with_suffix(".npy"), np.concatenate([[1], 1 + np.cumsum(lengths)]).astype(np.int64))
    with place.with_suffix(".txt").open("wb") as file:
        file.write(_BETWEEN)
        for text in plain.to_list():
            file.write(text.encode() + _BETWEEN)


class Texts:
    """Texts that were written, to look in."""

    def __init__(self, place: Path) -> None:
        """``place``: as it was given to ``write_texts``."""
        self._starts: NDArray[np.int64] = np.load(place.with_suffix(".npy"), mmap_mode="r")
        with place.with_suffix(".txt").open("rb") as file:
            self._written = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def holding(self, text: str, *, from_start: bool = False, to_end: bool = False) -> Iterator[int]:
        """Where the texts are that hold a text; begin with it (``from_start``), end with it (``to_end``), or are it (both)."""
        if not text or "\0" in text:
            return
        wanted = _BETWEEN * from_start + text.encode() + _BETWEEN * to_end
        found = self._written.find(wanted)
        while found >= 0:
            place = int(np.searchsorted(self._starts, found + from_start, side="right")) - 1
            yield place
            found = self._written.find(wanted, int(self._starts[place + 1]) - from_start)
