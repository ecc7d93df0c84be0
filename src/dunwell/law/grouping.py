"""Rows put together by their owner, and by time within one owner: a counting sort, since owners are small numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dunwell.law.compiling import jit

Ints = NDArray[np.int64]


def grouped(owner: Ints, at: Ints, owner_count: int) -> tuple[Ints, NDArray[np.int64] | None]:
    """Where each owner's rows begin (one entry more than owners), and the rows' order: None when they stand in it already.

    Rows of owner -1 are left out. Equal instants keep the order they came in.
    """
    first = np.zeros(owner_count + 1, np.int64)
    if owner.size == 0:
        return first, None
    if _is_grouped(owner, at):
        _count(owner, first)
        return np.cumsum(first), None
    _count(owner, first)
    first = np.cumsum(first)
    order = np.empty(int(first[-1]), np.int64)
    _place(owner, at, first.copy(), order)
    _sort_each(at, first, order)
    return first, order


@jit
def _is_grouped(owner: Any, at: Any) -> bool:
    if owner[0] < 0:
        return False
    for row in range(1, owner.size):
        if owner[row] < owner[row - 1] or (owner[row] == owner[row - 1] and at[row] < at[row - 1]):
            return False
    return True


@jit
def _count(owner: Any, first: Any) -> None:
    """Rows an owner, one entry up."""
    for row in range(owner.size):
        if owner[row] >= 0:
            first[owner[row] + 1] += 1


@jit
def _place(owner: Any, at: Any, free: Any, order: Any) -> None:
    for row in range(owner.size):
        if owner[row] >= 0:
            order[free[owner[row]]] = row
            free[owner[row]] += 1


@jit
def _sort_each(at: Any, first: Any, order: Any) -> None:
    """Each owner's rows by time: by insertion, or by a heap where an owner has very many."""
    for owner in range(first.size - 1):
        low, high = first[owner], first[owner + 1]
        if high - low > 256:
            _heap_sort(at, order, low, high)
            continue
        for row in range(low + 1, high):
            moved = order[row]
            place = row
            while place > low and at[order[place - 1]] > at[moved]:
                order[place] = order[place - 1]
                place -= 1
            order[place] = moved


@jit
def _is_before(at: Any, first: int, second: int) -> bool:
    """By time, then by the row's own number."""
    return at[first] < at[second] or (at[first] == at[second] and first < second)


@jit
def _sift(at: Any, order: Any, low: int, start: int, count: int) -> None:
    root = start
    while 2 * root + 1 < count:
        child = 2 * root + 1
        if child + 1 < count and _is_before(at, order[low + child], order[low + child + 1]):
            child += 1
        if not _is_before(at, order[low + root], order[low + child]):
            return
        order[low + root], order[low + child] = order[low + child], order[low + root]
        root = child


@jit
def _heap_sort(at: Any, order: Any, low: int, high: int) -> None:
    count = high - low
    for start in range(count // 2 - 1, -1, -1):
        _sift(at, order, low, start, count)
    for last in range(count - 1, 0, -1):
        order[low], order[low + last] = order[low + last], order[low]
        _sift(at, order, low, 0, last)
