"""Ids as numbers: each id of a column gets the number it has in a list, by one open table of hashes.

The table reads the ids where Polars keeps them. An id of up to twelve bytes stands whole in its sixteen-byte view, so most
comparisons are of two words; of a longer one the bytes are compared. Nothing is taken as equal because its hash is.
"""

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.law.arrays import NONE
from dunwell.law.compiling import inlined, jit
from dunwell.law.spans import each_span

Numbers = NDArray[np.int32]

UNKNOWN = -2
"""The number of an id that is not in the list; a missing one has ``NONE``."""

_INLINE_MAX = 12
_BLOCK = 128
_LOW_HALF, _HIGH_HALF = 0xFFFF_FFFF, ~0xFFFF_FFFF
_FIRST_FACTOR, _SECOND_FACTOR = 0x1E37_79B9_7F4A_7C15, 0x3F58_476D_1CE4_E5B9


class Ids:
    """Numbers for ids: where each stands in a column, the first place of those that repeat.

    >>> import polars as pl
    >>> Ids(pl.Series(["a", "b"])).numbers(pl.Series(["b", None, "c", "a"])).tolist()
    [1, -1, -2, 0]
    """

    def __init__(self, ids: pl.Series) -> None:
        self.ids = ids.rechunk()
        self._keys = _views(self.ids)
        size = 8
        while size < 2 * len(ids):
            size *= 2
        self._slots = np.zeros(size, np.int64)
        _fill(self._slots, *self._keys)

    def __len__(self) -> int:
        return len(self.ids)

    def numbers(self, ids: pl.Series) -> Numbers:
        """The number of each id; UNKNOWN where it is not in the list, NONE where it is missing."""
        found = np.full(len(ids), UNKNOWN, np.int32)
        if not len(self):
            found[ids.is_null().to_numpy()] = NONE
            return found
        start = 0
        for chunk in ids.get_chunks():
            asked, part = _views(chunk), found[start : start + len(chunk)]

            def look(low: int, high: int, asked: _Views = asked, part: Numbers = part) -> None:
                block = np.empty((2, _BLOCK), np.int64)
                _find(self._slots, *self._keys, *asked, low, high, part, block)

            each_span(look, len(chunk))
            start += len(chunk)
        return found

    def with_more(self, ids: pl.Series) -> "Ids":
        """The list with those of some ids added that are not in it yet."""
        more = ids.filter(pl.Series(self.numbers(ids) == UNKNOWN)).unique()
        return Ids(pl.concat([self.ids, more.alias(self.ids.name)])) if len(more) else self


class _Views(NamedTuple):
    """A column of text as Arrow lays it out: two words an id (its length and first bytes; the rest, or which buffer and
    where in it), the buffers one after the other, where each of them begins, and whether an id is there.
    """

    views: Any
    data: Any
    base: Any
    is_there: Any


def _views(ids: pl.Series) -> _Views:
    if not len(ids):
        is_none = np.zeros(0, np.bool_)
        data, base = np.zeros(0, np.uint8), np.zeros(1, np.int64)
        return _Views(_frozen(np.zeros((0, 2), np.int64)), _frozen(data), _frozen(base), _frozen(is_none))
    is_there = ids.is_not_null().to_numpy()
    text = ids.cast(pl.String).fill_null("").rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    _, views, *rest = text.buffers()
    words = np.frombuffer(views, np.int64)[2 * text.offset : 2 * (text.offset + len(text))]
    parts = [np.frombuffer(buffer, np.uint8) for buffer in rest]
    base = np.cumsum([0, *(part.size for part in parts)], dtype=np.int64)
    data = parts[0] if len(parts) == 1 else np.concatenate([np.zeros(0, np.uint8), *parts])
    return _Views(_frozen(words.reshape(-1, 2)), _frozen(data), _frozen(base), _frozen(is_there))


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """The array made read-only, as all from Polars are: the kernels are compiled for one kind."""
    array.flags.writeable = False
    return array


@inlined
def _place(views: Any, base: Any, row: int) -> int:
    """Where the bytes of an id that is too long for its view begin."""
    word = views[row, 1]
    place: int = base[word & _LOW_HALF] + (word >> 32 & _LOW_HALF)
    return place


@inlined
def _hash(views: Any, data: Any, base: Any, row: int) -> int:
    first, mixed = views[row, 0], views[row, 1]
    length = first & _LOW_HALF
    if length > _INLINE_MAX:
        mixed = 0
        place = _place(views, base, row)
        for byte in range(place + 4, place + length):  # the first four stand in the view
            mixed = (mixed ^ data[byte]) * _FIRST_FACTOR
    mixed = (first ^ mixed * _FIRST_FACTOR) * _SECOND_FACTOR
    mixed = (mixed ^ mixed >> 32) * _FIRST_FACTOR
    mixed = mixed ^ mixed >> 29
    whole: int = mixed
    return whole


@inlined
def _is_same(
    keys: Any, key_data: Any, key_base: Any, key: int, views: Any, data: Any, base: Any, row: int
) -> bool:
    if keys[key, 0] != views[row, 0]:
        return False
    length = views[row, 0] & _LOW_HALF
    if length <= _INLINE_MAX:
        return bool(keys[key, 1] == views[row, 1])
    known, asked = _place(keys, key_base, key), _place(views, base, row)
    for byte in range(length):  # noqa: SIM110  (a loop is what compiles)
        if key_data[known + byte] != data[asked + byte]:
            return False
    return True


@jit
def _fill(slots: Any, keys: Any, data: Any, base: Any, is_there: Any) -> None:
    """Each slot holds the upper half of a hash, and a number and one; 0 is empty."""
    mask = slots.size - 1
    for row in range(keys.shape[0]):
        if not is_there[row]:
            continue
        mixed = _hash(keys, data, base, row)
        slot = mixed & mask
        while slots[slot] != 0:
            entry = slots[slot]
            if (entry ^ mixed) & _HIGH_HALF == 0 and _is_same(
                keys, data, base, (entry & _LOW_HALF) - 1, keys, data, base, row
            ):
                break
            slot = (slot + 1) & mask
        if slots[slot] == 0:
            slots[slot] = (mixed & _HIGH_HALF) | (row + 1)


@jit
def _find(
    slots: Any,
    keys: Any,
    key_data: Any,
    key_base: Any,
    key_is_there: Any,
    views: Any,
    data: Any,
    base: Any,
    is_there: Any,
    low: int,
    high: int,
    found: Any,
    block: Any,
) -> None:
    """A block of rows at a time, and step by step within it: so that the memory is asked for all of a block's slots, then for
    all its keys, and not waited for row by row.
    """
    mask = slots.size - 1
    for start in range(low, high, block.shape[1]):
        count = min(block.shape[1], high - start)
        for place in range(count):
            block[0, place] = _hash(views, data, base, start + place)
        for place in range(count):
            block[1, place] = slots[block[0, place] & mask]
        for place in range(count):
            block[1, place] = keys[max(0, (block[1, place] & _LOW_HALF) - 1), 0]
        for place in range(count):
            row, mixed = start + place, block[0, place]
            number = UNKNOWN if is_there[row] else NONE
            slot = mixed & mask
            while number == UNKNOWN and slots[slot] != 0:
                entry = slots[slot]
                key = (entry & _LOW_HALF) - 1
                if (entry ^ mixed) & _HIGH_HALF == 0 and _is_same(
                    keys, key_data, key_base, key, views, data, base, row
                ):
                    number = key
                slot = (slot + 1) & mask
            found[row] = number
