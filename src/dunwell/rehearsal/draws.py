"""Drawing at random, many at once: from named shares, from tables of days, by row of a matrix."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def pick(generator: np.random.Generator, shares: Sequence[float] | Floats, count: int) -> Ints:
    """``count`` indices into ``shares``, each with the probability of its share (shares need not add up to 1)."""
    bounds = np.cumsum(np.asarray(shares, dtype=np.float64))
    indices = np.searchsorted(bounds / bounds[-1], generator.random(count), side="right")
    return np.asarray(np.minimum(indices, len(bounds) - 1), dtype=np.int64)


def pick_key(generator: np.random.Generator, shares: Mapping[int, float], count: int) -> Ints:
    """``count`` of the mapping's whole-number keys, each with the probability of its share."""
    return np.array(list(shares), dtype=np.int64)[pick(generator, list(shares.values()), count)]


def pick_by_row(generator: np.random.Generator, shares: Floats) -> Ints:
    """One column index a row of a matrix of shares; each row's shares are above 0 in sum."""
    bounds = np.cumsum(shares, axis=1)
    thresholds = generator.random(len(shares)) * bounds[:, -1]
    indices = (bounds <= thresholds[:, None]).sum(axis=1)
    return np.asarray(np.minimum(indices, shares.shape[1] - 1), dtype=np.int64)


def happens(generator: np.random.Generator, probability: float | Floats, count: int) -> Flags:
    """``count`` independent yes or no, each yes with its probability."""
    return generator.random(count) < probability


def days_between(
    generator: np.random.Generator, first: NDArray[np.int32], last: NDArray[np.int32]
) -> NDArray[np.int32]:
    """A day between first and last, both included, a row; ``first`` where last comes before it."""
    span = np.maximum(last - first, 0) + 1
    return np.asarray(first + np.floor(generator.random(len(first)) * span), dtype=np.int32)
