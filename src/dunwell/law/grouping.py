"""Rows put together by their owner, and by time within one owner: a counting sort, since owners are small numbers."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dunwell.law.compiling import jit
from dunwell.law.spans import SPAN, each_span

Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]

_THREADS_MAX = 4
"""Each thread counts into an array as long as there are owners."""


class Grouped(NamedTuple):
    """Where each owner's rows begin (one entry more than owners), which rows these are, and their instants."""

    first: Ints
    order: Numbers
    at: Ints


def grouped(owner: Numbers, at: Ints, owner_count: int) -> Grouped:
    """Rows by owner and instant; equal instants keep the order they came in. Rows of a negative owner are left out."""
    threads = 1 if owner.size <= SPAN else min(os.cpu_count() or 1, _THREADS_MAX)
    edges = [owner.size * thread // threads for thread in range(threads + 1)]
    parts = [(thread, edges[thread], edges[thread + 1]) for thread in range(threads)]
    free = np.zeros((threads, owner_count), np.int32)
    first = np.zeros(owner_count + 1, np.int64)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: _count(owner, part[1], part[2], free[part[0]]), parts))
        _begin(free, first)
        order, sorted_at = np.empty(int(first[-1]), np.int32), np.empty(int(first[-1]), np.int64)
        list(pool.map(lambda part: _place(owner, part[1], part[2], free[part[0]], order), parts))
    each_span(lambda low, high: _sort_each(at, first, low, high, order, sorted_at), owner_count)
    return Grouped(first, order, sorted_at)


@jit
def _count(owner: Any, low: int, high: int, counts: Any) -> None:
    """Rows an owner."""
    for row in range(low, high):
        if owner[row] >= 0:
            counts[owner[row]] += 1


@jit
def _begin(free: Any, first: Any) -> None:
    """From each part's counts: where its rows of an owner begin, those of earlier parts before them."""
    place = 0
    for owner in range(first.size - 1):
        first[owner] = place
        for part in range(free.shape[0]):
            count = free[part, owner]
            free[part, owner] = place
            place += count
    first[first.size - 1] = place


@jit
def _place(owner: Any, low: int, high: int, free: Any, order: Any) -> None:
    for row in range(low, high):
        if owner[row] >= 0:
            order[free[owner[row]]] = row
            free[owner[row]] += 1


@jit
def _sort_each(at: Any, first: Any, low_owner: int, high_owner: int, order: Any, sorted_at: Any) -> None:
    """Each owner's rows by time: by insertion, or by a heap where an owner has very many."""
    for place in range(first[low_owner], first[high_owner]):
        sorted_at[place] = at[order[place]]
    for owner in range(low_owner, high_owner):
        low, high = first[owner], first[owner + 1]
        if high - low > 256:
            _heap_sort(sorted_at, order, low, high)
            continue
        for row in range(low + 1, high):
            instant, moved = sorted_at[row], order[row]
            place = row
            while place > low and sorted_at[place - 1] > instant:
                sorted_at[place], order[place] = sorted_at[place - 1], order[place - 1]
                place -= 1
            sorted_at[place], order[place] = instant, moved


@jit
def _is_before(at: Any, order: Any, first: int, second: int) -> bool:
    """By time, then by the row's own number."""
    if at[first] != at[second]:
        return bool(at[first] < at[second])
    return bool(order[first] < order[second])


@jit
def _swap(at: Any, order: Any, first: int, second: int) -> None:
    at[first], at[second] = at[second], at[first]
    order[first], order[second] = order[second], order[first]


@jit
def _sift(at: Any, order: Any, low: int, start: int, count: int) -> None:
    root = start
    while 2 * root + 1 < count:
        child = 2 * root + 1
        if child + 1 < count and _is_before(at, order, low + child, low + child + 1):
            child += 1
        if not _is_before(at, order, low + root, low + child):
            return
        _swap(at, order, low + root, low + child)
        root = child


@jit
def _heap_sort(at: Any, order: Any, low: int, high: int) -> None:
    count = high - low
    for start in range(count // 2 - 1, -1, -1):
        _sift(at, order, low, start, count)
    for last in range(count - 1, 0, -1):
        _swap(at, order, low, low + last)
        _sift(at, order, low, 0, last)
