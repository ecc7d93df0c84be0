"""Work on many rows in spans, by threads: the compiled parts let go of the interpreter's lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

SPAN = 1 << 15
"""Rows worth a thread's turn."""


def each_span(work: Callable[[int, int], object], count: int) -> None:
    """``work(low, high)`` for spans that cover ``count`` rows; in threads when there is more than one."""
    if count <= SPAN:
        work(0, count)
        return
    threads = os.cpu_count() or 1
    span = max(SPAN, count // (8 * threads))
    with ThreadPoolExecutor(threads) as pool:
        spans = [pool.submit(work, low, min(low + span, count)) for low in range(0, count, span)]
        for one in spans:
            one.result()
