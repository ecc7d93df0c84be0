"""Lots within a capacity: exactly as many as there are, each drawn with a known chance, wider where less is known.

Where a capacity binds, a share of all decisions drawn evenly would break it, and a choice without lots teaches nothing. Here
the chance of each is the share of the posterior's draws in which it would be among the best that the capacity allows (Thompson
1933, for sets), beside a small even share for all: so the lots fall among those who are nearly equal, and what is logged is the
chance with which they fell.
"""

import numpy as np
from numpy.typing import NDArray

from dunwell.strategy.problems import StrategyError

Floats = NDArray[np.float64]


def chances_within(draws: Floats, is_open: NDArray[np.bool_], capacity: int, even_share: float) -> Floats:
    """The chance of each to be treated, in all at most ``capacity``; 0 where it is not open.

    ``draws``: what the treatment is worth over its price, a row a draw, a column a customer. ``even_share`` of the capacity is
    drawn evenly among all that are open, the rest by the draws: who is worth 0 or less is not treated by those.
    """
    if not 0 <= even_share <= 1:
        raise StrategyError(f"the even share, {even_share}, is no share. Write one from 0 to 1")
    count, size = int(is_open.sum()), min(capacity, int(is_open.sum()))
    if size == 0:
        return np.zeros(len(is_open))
    worth = np.where(is_open, draws, -np.inf)
    best = np.argpartition(-worth, size - 1, axis=1)[:, :size]
    is_best = np.zeros(worth.shape, dtype=np.bool_)
    np.put_along_axis(is_best, best, np.take_along_axis(worth, best, axis=1) > 0, axis=1)
    return np.asarray(
        (1 - even_share) * is_best.mean(axis=0) + even_share * is_open * size / count, dtype=np.float64
    )


def drawn_within(chances: Floats, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Who is treated: each with exactly its chance, and in all as many as the chances add up to, rounded down or up.

    Systematic sampling (Madow 1949) in a random order: the chances are laid end to end, and whoever a comb with teeth one apart
    falls on is drawn.
    """
    order = generator.permutation(len(chances))
    ends = np.cumsum(chances[order]) + generator.random()
    drawn = np.zeros(len(chances), dtype=np.bool_)
    drawn[order] = np.diff(np.floor(ends), prepend=np.floor(ends[:1] - chances[order][:1])) > 0
    return drawn
