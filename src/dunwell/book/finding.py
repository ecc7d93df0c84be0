"""Finding the account or customer of ten million rows: a hash table of the parents' ids, walked along the
file's own order.

Ids are compared by a 64-bit hash with a fixed seed. That all parents' hashes differ is checked when the table
is built (ids are compared as text where two agree), so a wrong match would need an unknown id to collide with
a known one: less than one in 10**12 for a tape of millions.
"""

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dunwell.compiling import compiled

HASH_SEED = 20_260_101


def hashes(ids: pl.Series) -> NDArray[np.uint64]:
    """A 64-bit hash of each id, the same in every file and run."""
    return ids.hash(HASH_SEED).to_numpy()


def hash_of(column: str, *, skips_null: bool = False) -> pl.Expr:
    """The same hash as an expression; with ``skips_null`` null for null."""
    hashed = pl.col(column).hash(HASH_SEED)
    return pl.when(pl.col(column).is_not_null()).then(hashed) if skips_null else hashed


class Index:
    """Parents by the hash of their id: ``find`` gives each row's parent as its position among the parents, -1
    for none.
    """

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        self.keys = keys
        self.slots = np.full(1 << max(4, (2 * len(keys) - 1).bit_length()), -1, np.int32)
        self._are_distinct = _fill(keys, self.slots)

    def find(self, wanted: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Positions of the parents with these hashes; neighbours that agree are looked up once, and where the next parent is
        the one that follows the last it is found without a search.
        """
        found = np.empty(len(wanted), np.int32)
        _find(wanted, self.keys, self.slots, self._are_distinct, found)
        return found


@compiled()
def _fill(keys: Any, slots: Any) -> bool:
    """Put the keys into the slots; whether no two are alike."""
    mask = np.uint64(len(slots) - 1)
    one = np.uint64(1)
    are_distinct = True
    for i in range(len(keys)):
        slot = keys[i] & mask
        while slots[slot] >= 0:
            if keys[slots[slot]] == keys[i]:
                are_distinct = False
            slot = (slot + one) & mask
        slots[slot] = i
    return are_distinct


@compiled()
def _find(wanted: Any, keys: Any, slots: Any, are_distinct: bool, found: Any) -> None:
    mask = np.uint64(len(slots) - 1)
    one = np.uint64(1)
    position = np.int32(-1)
    for i in range(len(wanted)):
        if i > 0 and wanted[i] == wanted[i - 1]:
            found[i] = position
            continue
        if are_distinct and 0 <= position < len(keys) - 1 and keys[position + 1] == wanted[i]:
            position += np.int32(1)
        else:
            slot = wanted[i] & mask
            position = np.int32(-1)
            # The first parent with the key wins; a second one with the same key is in quarantine.
            while slots[slot] >= 0:
                if keys[slots[slot]] == wanted[i]:
                    position = slots[slot]
                    break
                slot = (slot + one) & mask
        found[i] = position


@compiled()
def number_within(partition: Any, is_good: Any, places: Any, counts: Any) -> None:
    """The place of each good row among the good rows of its partition, which is left alone where it is not good; ``counts``
    is raised by how many each partition has.
    """
    for i in range(len(partition)):
        if is_good[i]:
            places[i] = counts[partition[i]]
            counts[partition[i]] += 1


@compiled()
def is_sorted(first: Any, second: Any, third: Any, is_strict: bool) -> bool:
    """Whether rows are in the order of three integer columns (strictly: no two rows alike in all three)."""
    for i in range(1, len(first)):
        if first[i] != first[i - 1]:
            if first[i] < first[i - 1]:
                return False
        elif second[i] != second[i - 1]:
            if second[i] < second[i - 1]:
                return False
        elif third[i] < third[i - 1] or (is_strict and third[i] == third[i - 1]):
            return False
    return True


def may_repeat(keys: NDArray[np.uint64]) -> bool:
    """Whether two of the keys are the same; leaves them sorted."""
    keys.sort()
    return bool((keys[1:] == keys[:-1]).any())
