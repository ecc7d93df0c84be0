"""What is known of millions of ids in a fixed amount of memory: a number for each, found by the hash of the id.

While there are few they lie in a hash table. Of more, the hashes are sorted part by part into scratch files, and a batch of
ids that is looked up is sorted as well and walked along them: whatever the tape's size, only one part is in memory at a time.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dunwell.book.finding import Index
from dunwell.compiling import compiled

PART = 1 << 20
WINDOW = 1 << 16
_KEY, _VALUE = np.dtype(np.uint64), np.dtype(np.int32)


class Register:
    """A number at or above 0 for each key (a 64-bit hash); of keys that stand twice the first one's counts."""

    def __init__(self, folder: Path, name: str, expected: int, most_held: int) -> None:
        """``expected`` keys will come; up to ``most_held`` stay in memory, more go to files in ``folder``."""
        self._files = [folder / f"{name}-{part}.register" for part in range(-(-expected // PART))]
        self._is_held = expected <= most_held
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.count = 0
        self._keys: list[NDArray[np.uint64]] = []
        self._values: list[NDArray[np.int32]] = []
        self._index: Index | None = None
        for file in self._files:
            for path in (file, file.with_suffix(".keys"), file.with_suffix(".values")):
                path.unlink(missing_ok=True)

    def add(self, keys: NDArray[np.uint64], values: NDArray[np.int32]) -> None:
        """Note the next keys with their numbers."""
        self.count += len(keys)
        if self._is_held:
            self._keys.append(keys)
            self._values.append(values)
            return
        part = self._part_of(keys)
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(len(self._files)), side="right")
        rows = np.empty(len(keys), [("key", _KEY), ("value", _VALUE)])
        rows["key"], rows["value"] = keys[order], values[order]
        for file, first, last in zip(self._files, [0, *ends[:-1]], ends, strict=True):
            with file.open("ab") as stream:
                rows[first:last].tofile(stream)

    def close(self) -> None:
        """All keys have come."""
        if self._is_held:
            self._index = Index(np.concatenate([np.empty(0, np.uint64), *self._keys]))
            self._values = [np.concatenate([np.empty(0, np.int32), *self._values])]
            self._keys = []
            return
        for file in self._files:
            if not file.exists():
                continue
            rows = np.fromfile(file, [("key", _KEY), ("value", _VALUE)])
            file.unlink()
            order = np.argsort(rows["key"], kind="stable")
            rows["key"][order].tofile(file.with_suffix(".keys"))
            rows["value"][order].tofile(file.with_suffix(".values"))

    def find(self, wanted: NDArray[np.uint64]) -> NDArray[np.int32]:
        """The number of each key, -1 where it is not known."""
        if self._index is not None:
            place = self._index.find(wanted)
            if not self.count:
                return place
            return np.where(place >= 0, self._values[0][place], np.int32(-1))
        found = np.full(len(wanted), -1, np.int32)
        order = np.argsort(wanted)
        in_order, answers = wanted[order], found[order]
        ends = np.searchsorted(self._part_of(in_order), np.arange(len(self._files)), side="right")
        for file, first, last in zip(self._files, [0, *ends[:-1]], ends, strict=True):
            if first < last and file.with_suffix(".keys").exists():
                keys = np.fromfile(file.with_suffix(".keys"), _KEY)
                _meet(
                    in_order[first:last],
                    keys,
                    np.fromfile(file.with_suffix(".values"), _VALUE),
                    answers[first:last],
                )
        found[order] = answers
        return found

    def _part_of(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The part of each key, by its upper bits: keys of a later part are larger."""
        return ((keys >> np.uint64(32)) * np.uint64(len(self._files)) >> np.uint64(32)).astype(np.int64)


@compiled()
def _meet(wanted: Any, keys: Any, values: Any, found: Any) -> None:
    """Walk sorted ``wanted`` along sorted ``keys``; where they meet, the first such key's value."""
    k = 0
    for i in range(len(wanted)):
        while k < len(keys) and keys[k] < wanted[i]:
            k += 1
        if k == len(keys):
            return
        if keys[k] == wanted[i]:
            found[i] = values[k]


class Following:
    """The positions of keys that come about in the order in which they were noted, as rows of instalments follow their
    accounts. Only a window of keys is in memory; what is not in it is asked of the register.
    """

    def __init__(self, file: Path, register: Register) -> None:
        """``file``: all keys in their order; ``register``: the position of each."""
        self._file, self._register = file, register
        self._begins, self._window = 0, self._read(0)

    def find(self, wanted: NDArray[np.uint64]) -> NDArray[np.int32]:
        """The position of each key, -1 where it is not known."""
        found = self._window.find(wanted)
        if self._begins:
            found = np.where(found >= 0, found + np.int32(self._begins), found)
        is_elsewhere = found < 0
        if is_elsewhere.any():
            found[is_elsewhere] = self._register.find(wanted[is_elsewhere])
        reached = int(found.max(initial=-1))
        if reached >= self._begins + WINDOW:
            self._begins = reached // WINDOW * WINDOW
            self._window = self._read(self._begins)
        return found

    def _read(self, first: int) -> Index:
        return Index(np.fromfile(self._file, _KEY, 2 * WINDOW, offset=first * _KEY.itemsize))
