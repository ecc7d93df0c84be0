"""Chance without order: a number between 0 and 1 for a key, a time and a purpose, the same whoever asks and when.

A debtor's luck must not depend on who else is in the batch or in which order they are taken; so nothing is drawn from a
running generator: each draw is a hash (SplitMix64's finaliser, Steele, Lea and Flood 2014) of what it is for.
"""

import math
from typing import Any

from numba import njit, uint64

_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


@njit(cache=True, nogil=True)
def mix(key: Any) -> Any:
    """A 64-bit number scattered one to one."""
    key = uint64(key) + uint64(_GOLDEN)
    key = (key ^ (key >> uint64(30))) * uint64(_FIRST)
    key = (key ^ (key >> uint64(27))) * uint64(_SECOND)
    return key ^ (key >> uint64(31))


@njit(cache=True, nogil=True)
def chance(key: Any, time: Any, purpose: Any) -> Any:
    """A number from 0 up to but not including 1, by key, time and purpose."""
    return float(mix(uint64(key) ^ mix((uint64(time) << uint64(8)) ^ uint64(purpose))) >> uint64(11)) * (
        1.0 / 9007199254740992.0
    )


@njit(cache=True, nogil=True)
def normal(key: Any, time: Any, purpose: Any) -> Any:
    """A standard normal number by key, time and purpose (Box and Muller); uses this purpose and the next."""
    radius = math.sqrt(-2.0 * math.log(1.0 - chance(key, time, purpose)))
    return radius * math.cos(2.0 * math.pi * chance(key, time, purpose + 1))
